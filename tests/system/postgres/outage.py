#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL goes and comes back in every way: meanwhile 503 with Retry-After
within 2 s, work again within 3 s of its return, nothing acknowledged lost.

    GANTRY_TORTURE  how many times as long (default: 1)
"""
import json
import os
import random
import re
import subprocess
import sys
import threading
import time

import _path    # noqa: F401
import postgres
import tap
from gantry import PROGRAM
from load import BACK_SECONDS, REFUSE_SECONDS, Crowd, check_kept, gateway, sit_out
from rabbit import wait_for

TORTURE = int(os.environ.get("GANTRY_TORTURE", "1"))
AWAY_SECONDS = 2.5
SEED = int(os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30))))


def outage(g, go, come, seconds=AWAY_SECONDS):
    check_kept(g, sit_out(Crowd(g), go, come, seconds))


def test_stopped_fast(g):
    p = g.store.server
    outage(g, lambda: p.stop("fast"), p.start)


def test_stopped_at_once(g):
    p = g.store.server
    outage(g, lambda: p.stop("immediate"), p.start)


def test_killed(g):
    p = g.store.server
    outage(g, p.kill, p.start)


def test_frozen(g):
    """All connections stay, and no answer comes."""
    p = g.store.server
    outage(g, p.freeze, p.thaw, 6)


def test_reads_of_a_frozen_server(g):
    """More of them at once than there are connections to wait on."""
    id = g.orders.post("/allocations", {
        "orderId": g.fresh("ord"), "orderItemId": "i", "quantity": 1,
        "inventoryItemId": g.item(10)}).data["id"]
    p, answers = g.store.server, []

    def read():
        client = g.client("order-service")
        began = time.monotonic()
        got = client.get("/allocations/" + id)
        answers.append((time.monotonic() - began, got.status))
        client.close()

    p.freeze()
    try:
        readers = [threading.Thread(target=read) for _ in range(24)]
        for r in readers:
            r.start()
        for r in readers:
            r.join()
    finally:
        p.thaw()
    assert len(answers) == 24 and {status for _, status in answers} == {503}, answers
    assert max(took for took, _ in answers) < REFUSE_SECONDS, max(answers)
    wait_for("it reads again", 20,
             lambda: g.orders.get("/allocations/" + id).status == 200)


def test_in_the_middle_of_a_commit(g):
    """Nobody waits for the server's return to hear that it went."""
    p = g.store.server
    with Crowd(g, n=16) as crowd:
        crowd.wait_for_sales()
        p.freeze()
        frozen = time.monotonic()
        time.sleep(0.1)
        p.kill()
        time.sleep(4)
        waiting = [w for w in crowd.workers
                   if not w.asked or w.asked[-1].end < frozen]
        p.start()
        crowd.wait_until_back(time.monotonic())
        crowd.wait_for_sales()
    assert not waiting, "%d had no answer" % len(waiting)
    late = [a for a in crowd.asked if a.begin < frozen < a.end and
            a.end - frozen > 1.5 + REFUSE_SECONDS]
    assert not late, late
    cut = [a for a in crowd.asked if a.begin < frozen < a.end and a.status == 503 and
           a.seconds > 1]
    print("# %d were in a unit: %s" % (len(cut), cut[:3]))
    check_kept(g, crowd.bought)


def test_takes_no_connections(g):
    p, name = g.store.server, g.store.name

    def allow(what):
        with p.client() as c:
            c.run('alter database "%s" allow_connections %s' % (name, what))

    def go():
        allow("false")
        p.terminate_backends(1, name)

    outage(g, go, lambda: allow("true"))


def test_backends_are_terminated(g):
    """At random, all the time: it goes on."""
    p, chance, ended = g.store.server, random.Random(SEED), 0
    print("# seed %d" % SEED)
    with Crowd(g) as crowd:
        crowd.wait_for_sales()
        end = time.monotonic() + 4 * TORTURE
        while time.monotonic() < end:
            ended += p.terminate_backends(chance.choice((0.2, 0.5, 1)),
                                          g.store.name)
            time.sleep(chance.uniform(0, 0.3))
        crowd.wait_for_sales()
    print("# %d backends ended, %d sold meanwhile" % (ended, len(crowd.bought)))
    assert ended > 10
    check_kept(g, crowd.bought)


def test_a_backend_crashes(g):
    """Again and again: each time the server starts over by itself."""
    p = g.store.server
    with Crowd(g) as crowd:
        for _ in range(4 * TORTURE):
            crowd.wait_for_sales()
            p.crash_backend()
            assert crowd.wait_until_back(time.monotonic()) < BACK_SECONDS
    check_kept(g, crowd.bought)


def test_storm(g):
    """Stopped and started again and again."""
    p, chance = g.store.server, random.Random(SEED + 1)
    with Crowd(g) as crowd:
        for _ in range(4 * TORTURE):
            crowd.wait_for_sales()
            time.sleep(chance.uniform(0, 0.3))
            chance.choice((lambda: p.stop("fast"), lambda: p.stop("immediate"),
                           p.kill))()
            time.sleep(chance.uniform(0, 0.5))
            p.start()
            assert crowd.wait_until_back(time.monotonic()) < BACK_SECONDS
    check_kept(g, crowd.bought)


def test_away_at_the_start(g):
    """Then it does not start, says so, and soon."""
    p = g.store.server
    assert g.stop() == 0
    p.stop("fast")
    begin = time.monotonic()
    try:
        g.start()
        raise AssertionError("it started")
    except AssertionError as error:
        assert str(error) == "gantry serve ended with 1", error
    assert time.monotonic() - begin < 5
    g.process = None
    p.start()
    g.start()
    g.check_invariants()


def test_the_kit_while_it_is_away(g):
    """It does not say of a storage that is not there that it breaks the contract."""
    p = g.store.server
    assert g.stop() == 0
    p.stop("fast")
    folder = os.environ.get("GANTRY_PLUGINS")
    words = [PROGRAM, "plugins", "test-storage", "postgres", "--set",
             'conninfo="%s"' % g.store.conninfo] + \
        (["--plugins", folder] if folder else [])
    refused = ('%s: connection to server at "127.0.0.1", port %d failed: Connection '
               'refused' % (g.store.place, p.port))
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, len(lines)) == (1, "", 2), done
    assert lines[0] == "AWAY open: several at once: " + refused, lines
    assert re.fullmatch(r"postgres \S+: cannot be reached, so whether it keeps the "
                        r"contract is not known: 0 ok, 0 failed, 0 skipped in "
                        r"\d+\.\d s", lines[1]), lines
    done = subprocess.run(words + ["--json", "--only", "unit"], capture_output=True,
                          text=True, timeout=60)
    tree = json.loads(done.stdout)
    assert done.returncode == 1 and tree["holds"] is None, done
    assert [(c["check"], c["result"], c["why"]) for c in tree["checks"]] == [
        ("open", "away", refused)], done
    p.start()
    g.start()


def test_commits_are_durable(g):
    """On the connections themselves: a trigger notes how they are set."""
    with g.store.server.client(g.store.name) as c:
        c.run("create table public.noted as select name, setting from pg_settings "
              "limit 0")
        c.run("grant all on public.noted to " + postgres.ROLE)
        c.run("create function public.note() returns trigger language plpgsql as "
              "$$begin insert into public.noted select name, setting from "
              "pg_settings; return null; end$$")
        c.run("create trigger note after insert on gantry.allocations for each "
              "statement execute function public.note()")
        g.allocate(g.item(10))
        for name in ("synchronous_commit", "fsync", "full_page_writes"):
            assert c.rows("select distinct setting from public.noted where "
                          "name = %s", name) == [{"setting": "on"}], name
        c.run("drop trigger note on gantry.allocations")


def main():
    if postgres.missing():
        print("1..0 # SKIP " + postgres.missing())
        sys.exit(77)
    with postgres.Postgres() as p, gateway(p, "outage") as g:
        failed = tap.run_all(g)
        if failed:
            g.show_log()
    sys.exit(failed)


if __name__ == "__main__":
    main()
