#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry storage copy between two stores of one kind: all arrives, whatever dies
on the way, nothing else is overwritten, and nobody serves from half of it."""
import json
import os
import pty
import random
import re
import signal
import subprocess
import time

import _path
import stores
import tap
from both import HALF, MARK, PROGRESS, TABLES, Copy, another, check, content, records
from gantry import PROGRAM, Gantry


def storage(g, store, *words):
    path = g.path("look.yaml")
    with open(path, "w") as f:
        f.write("storage: %s\n" % store.options)
    return subprocess.run([PROGRAM, "storage", *words, "--config", path, *g.folders()],
                          capture_output=True, text=True, timeout=60)


def some_of_all(g):
    """Something in most tables; the daemon is stopped then."""
    if g.process is None:
        g.start()
    item = g.item(1000)
    for _ in range(20):
        g.allocate(item, 3)
    made = g.allocate(item, 5)
    for step in ("confirm", "fulfill"):
        assert g.orders.put("/allocations/%s/%s" % (made["id"], step)).status == 200
    keyed = g.request(item, 7)
    headers = {"Idempotency-Key": g.fresh("key")}
    first = g.orders.post("/allocations", keyed, headers=headers)
    assert first.status == 201, first
    order = g.fresh("ord")
    assert g.publish("OrderCreated", {"orderId": order, "items": [
        {"orderItemId": "1", "inventoryItemId": item, "quantity": 2}]}).status < 300
    assert g.stop() == 0
    return item, keyed, headers, first


def test_everything(g):
    item, keyed, headers, first = some_of_all(g)
    with another(g.store) as target:
        copy = Copy(g, g.store, target)
        said = copy.works()
        check(said, g.store, target)
        assert [t["table"] for t in said["tables"]] == list(TABLES)
        assert not said["resumed"]
        assert content(g.store) == content(target)
        assert storage(g, target, "verify").stdout == "ok: I1 to I6 hold\n"
        close, target.close = target.close, lambda: None
        with Gantry(name="copied", store=lambda folder: target) as other:
            assert other.quantities(item)[0] == 1000 - 5
            again = other.orders.post("/allocations", keyed, headers=headers)
            assert (again.status, again.json) == (201, first.json), again
            assert again.header("Idempotent-Replayed") == "true"
            other.allocate(item, 1)
            assert other.stop() == 0
        target.close = close
        # and now it holds more than the source
        copy.fails("to: holds rows already (%s), and a copy goes into an empty storage "
                   "only\n" % ", ".join("%s %d" % (t, len(r)) for t, r in
                                        content(target).items() if r))


def test_what_it_prints(g):
    some_of_all(g)
    with another(g.store) as target:
        done = Copy(g, g.store, target).run()
        assert done.returncode == 0 and PROGRESS.sub("", done.stderr) == "", done
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines[:-1]] == list(TABLES), lines
        assert all(re.fullmatch(r"\w+ +\d+ +[0-9a-f]{64}", line) for line in lines[:-1])
        rows = sum(map(len, content(target).values()))
        assert re.fullmatch(r"ok: %d rows, the same on both sides \(\d+\.\d s\)" % rows,
                            lines[-1]), lines


def test_usage(g):
    for words in ((), ("--from", "a"), ("--to", "b"), ("x", "--from", "a", "--to", "b"),
                  ("--from", "a", "--to", "b", "--config", "c")):
        done = subprocess.run([PROGRAM, "storage", "copy", *words], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 2 and done.stdout == "", done
        assert "Usage: gantry storage copy --from FILE --to FILE" in done.stderr, done
    done = subprocess.run([PROGRAM, "storage", "copy", "--help"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("Usage: gantry storage copy ")
    done = subprocess.run([PROGRAM, "storage", "copy", "--from", g.path("none.yaml"),
                           "--to", g.path("none.yaml")] + g.folders(),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "none.yaml" in done.stderr, done


class Memory:
    options = "{plugin: memory}"


def test_nothing_to_keep_it_in(g):
    some_of_all(g)
    with another(g.store) as target:
        Copy(g, Memory, target).fails("from: it keeps nothing from one process to the "
                                      "next, so there is nothing to copy\n")
        Copy(g, g.store, Memory).fails(
            "to: it keeps nothing from one process to the next\n"
            "The same command goes on where this one stopped.\n")
    done = storage(g, Memory, "backup", g.path("backup"))
    assert (done.returncode, done.stderr) == (1, "gantry: storage: memory writes no "
                                              "backups: gantry-memory(7) says what to "
                                              "use instead\n"), done


def test_a_newer_source(g):
    """It may have columns that would be left out without a word."""
    some_of_all(g)
    minor = g.store.rows("select minor from gantry_schema")[0]["minor"]
    with another(g.store) as target:
        copy = Copy(g, g.store, target)
        g.store.change(("update gantry_schema set minor = minor + 1",))
        copy.fails("from: its schema is newer than this gantry's, which would leave "
                   "columns out: copy with the newer one\n")
        g.store.change(("update gantry_schema set minor = ?", minor))
        check(copy.works(), target)


def refused_start(g, store):
    """What gantry serve says at last."""
    with open(g.path("half.yaml"), "w") as f:
        f.write(g.configuration("", store))
    done = subprocess.run([PROGRAM, "serve", "--config", g.path("half.yaml")] +
                          g.folders(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    last = done.stderr.splitlines()[-1]
    return json.loads(last)["message"] + "\n"


def test_kills(g):
    """kill -9 at any moment; the next one goes on, and nothing comes twice."""
    some_of_all(g)
    with records(g.store, 60000), another(g.store) as target:
        copy = Copy(g, g.store, target)
        kills, halves, code = 0, 0, None
        while code != 0:
            process = copy.start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                code = process.wait(random.uniform(0.1, 0.1 + kills / 10))
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            with process.stderr as stream:
                said = stream.read().decode()
            if "holds rows already" in said and not has_mark(target):
                break       # the last one was killed behind its end
            kills += code != 0
            assert code in (0, -signal.SIGKILL), said
            assert kills < 100
            if code != 0 and halves == 0 and has_mark(target):
                halves += 1
                assert refused_start(g, target) == "storage: " + HALF
                done = storage(g, target, "verify")
                assert (done.returncode, done.stderr) == (1, "gantry: storage: " + HALF)
                # nor is half of it copied on
                with another(target) as third:
                    Copy(g, target, third).fails("from: " + HALF)
        assert kills >= 1 and halves == 1, (kills, halves)
        assert content(g.store) == content(target)
        assert not has_mark(target)
        assert storage(g, target, "verify").returncode == 0


def has_mark(store):
    if isinstance(store, stores.Sqlite) and not os.path.exists(store.place):
        return False
    return "leases" in store.tables() and \
        store.rows("select 1 as n from leases where name = ?", MARK) != []


def half(copy):
    """Killed in the middle."""
    process = copy.start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not has_mark(copy.target) or \
            not copy.target.rows("select 1 as n from records limit 1"):
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    assert process.wait() != 0, "it came through"


def test_the_source_moves_on(g):
    """Somebody served from it in between: seen, and not taken for a copy."""
    some_of_all(g)
    with records(g.store, 100000), another(g.store) as target:
        copy = Copy(g, g.store, target)
        half(copy)
        g.store.change(("update records set value = '0' where ref = 1000",))
        done = copy.fails(
            "the two sides differ in records: the source was changed since the copy into "
            "this target began, or the target by others; take an empty storage and copy "
            "again\n")
        differ = [line for line in done.stdout.splitlines() if "but copied" in line]
        assert len(differ) == 1, done
        assert has_mark(target) and refused_start(g, target) == "storage: " + HALF


def test_progress(g):
    """On a terminal one line that moves; else a line each second."""
    some_of_all(g)
    with records(g.store, 200000), another(g.store) as target:
        copy = Copy(g, g.store, target)
        ours, theirs = pty.openpty()
        process = copy.start(stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:
                break
        os.close(ours)
        assert process.wait() == 0
        said = stores.without_warning(said.decode())
        shown = said.split("\r\033[K")
        steps = [s for s in shown if re.fullmatch(
            r"(copying|comparing) \w+: \d+ of \d+ rows \(\d+ %\)", s)]
        assert steps and shown[-1] == "" and "\n" not in said, shown


if __name__ == "__main__":
    tap.main()
