#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of dead letters: how a store of 1.0 gets them, and what gantry
storage verify says when they and the inbox do not agree (I6)."""
import json
import subprocess

import _path
import tap
from gantry import PROGRAM
from letters import QUEUE, created, local, put


def change(g, *statements):
    assert g.process is None
    g.store.change(*statements)


def run(g, *words):
    return subprocess.run([PROGRAM] + list(words) + ["--config", g.path("gantry.yaml")] +
                          g.folders(), capture_output=True, text=True, timeout=60)


def test_a_store_of_1_0(g):
    item = g.item(10)
    g.allocate(item, 3)
    assert g.stop() == 0
    change(g, ("drop table dead_letters",), ("drop table audit",),
           ("update gantry_schema set minor = 0",))
    done = run(g, "dead-letters", "list")
    assert done.returncode == 1 and done.stderr == (
        "gantry: storage: %s: holds schema 1.0, this gantry has 1.3: start the gateway "
        "once, or run gantry storage migrate\n" % g.store.place), done
    g.start()
    assert local(g, "GET", "/dead-letters").json == {"success": True, "data": []}
    assert g.quantities(item) == (10, 3)
    assert g.rows("select major, minor from gantry_schema") == [{"major": 1, "minor": 3}]
    ref, = put(g, {"event": created(g, item=item)})
    got = local(g, "POST", "/dead-letters/%d/retry" % ref)
    assert got.data["outcome"] == "applied", got
    assert run(g, "storage", "verify").returncode == 0


def expect(g, *findings):
    done = run(g, "storage", "verify")
    assert done.returncode == 1, done
    assert sorted(done.stdout.splitlines()) == sorted(
        list(findings) + ["%d findings" % len(findings)]), done
    found = json.loads(run(g, "storage", "verify", "--json").stdout)
    assert {f["invariant"] for f in found["findings"]} == {"I6"}, found


def test_verify_sees_what_does_not_agree(g):
    events = [created(g) for _ in range(5)]
    refs = put(g, *[{"event": e} for e in events])
    assert g.stop() == 0
    done = run(g, "storage", "verify")
    assert (done.returncode, done.stdout) == (
        0, "ok: I1 to I6 hold\n"), done
    key = ["%s:%s" % (QUEUE, e["eventId"]) for e in events]
    change(g, ("update inbox set state = 'applied' where key = ?", key[0]),
           ("delete from inbox where key = ?", key[1]),
           ("delete from dead_letters where ref = ?", refs[2]),
           ("update dead_letters set state = 'discarded' where ref = ?", refs[3]))
    expect(g, "I6 dead_letters %s: open, but the inbox says applied" % key[0],
           "I6 dead_letters %s: open, but the inbox does not know it" % key[1],
           "I6 inbox %s: dead, but there is no dead letter of it" % key[2],
           "I6 inbox %s: dead, but its dead letter is discarded" % key[3])
    # a letter that was applied after all is closed by the next who tries
    g.start()
    got = local(g, "POST", "/dead-letters/%d/retry" % refs[0])
    assert got.data["outcome"] == "duplicate", got
    got = local(g, "POST", "/dead-letters/%d/discard" % refs[1], {"reason": "x"})
    assert got.data["outcome"] == "discarded", got
    expect(g, "I6 inbox %s: dead, but there is no dead letter of it" % key[2],
           "I6 inbox %s: dead, but its dead letter is discarded" % key[3])


if __name__ == "__main__":
    tap.main()
