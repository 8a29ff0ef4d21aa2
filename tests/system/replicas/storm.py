#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three gateways, one database, one broker; requests and events for all of them,
while one of them is killed (kill -9) every second, PostgreSQL stops and starts
and its connections are ended by lot. Afterwards I1 to I6 hold, what was
acknowledged is there, nothing was published under two ids, and no schedule ran
twice in an interval. While PostgreSQL is away a gateway that lives refuses in time,
and works again within 3 s of its return.

    GANTRY_STORM_SECONDS    default 60
    GANTRY_SEED             to have the same order of blows again
"""
import os
import random
import sys
import time

import _path    # noqa: F401
import load
import postgres
import rabbit
import several
import tap
from several import Crowd, Replicas, TICK_LEASE, TICK_MS
from world import Feeder, cancelled, confirmed, created

SECONDS = int(os.environ.get("GANTRY_STORM_SECONDS", "60"))
SEED = int(os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30))))
RATE = 100
ITEMS = 20
# Of three ticks, the first is in an interval, and the last behind the one after it.
THREE_TICKS_MS = TICK_MS - 50


def fate(n):
    return {0: "CONFIRMED", 5: "CANCELLED"}.get(n % 10, "PENDING")


def day(items):
    """Orders that come as events; what follows one comes a while after it."""
    events, later = [], []
    for n in range(RATE * SECONDS):
        order = "evt_ord_%d" % n
        events.append(created(order, [("l%d" % k, items[(n + k) % ITEMS], 1 + k)
                                      for k in range(1 + n % 2)]))
        if fate(n) != "PENDING":
            later.append((n + 50, confirmed(order) if fate(n) == "CONFIRMED"
                          else cancelled(order)))
        while later and later[0][0] <= n:
            events.append(later.pop(0)[1])
    return events + [event for _, event in later]


class Storm:
    def __init__(self, p, all, items):
        self.p, self.all, self.items = p, all, items
        self.bought = []
        self.chance = random.Random(SEED)
        self.kills = self.ended = 0
        # when the server goes, in seconds from the start, and how
        self.stops = [(SECONDS * (k + 1) / (len(self.modes) + 1), mode)
                      for k, mode in enumerate(self.modes)]

    modes = ["fast", "immediate"] * max(1, SECONDS // 30)

    def run(self):
        """For so long, or until the blows have fallen that it is about: a gateway
        takes its time to come again."""
        begin, second = time.monotonic(), 0
        while second < SECONDS or not self.is_enough():
            assert second < 20 * SECONDS, "%d kills, %d ended" % (self.kills, self.ended)
            due = begin + second + self.chance.uniform(0, 0.5)
            while time.monotonic() < due:
                self.end_some()
                time.sleep(0.1)
            self.kill_one()
            if self.stops and second >= self.stops[0][0]:
                self.outage(self.stops.pop(0)[1])
            second += 1
            time.sleep(max(0, begin + second - time.monotonic()))

    def is_enough(self):
        return self.kills >= SECONDS * 2 // 3 and self.ended > 0

    def kill_one(self):
        order = list(range(len(self.all.gateways)))
        self.chance.shuffle(order)
        self.kills += any(self.all.kill(i) for i in order)

    def end_some(self):
        if self.chance.random() < 0.1:
            self.ended += self.p.terminate_backends(self.chance.choice((0.3, 1)),
                                                    self.all.store.name)

    def outage(self, mode):
        """As one gateway sees it that is not killed meanwhile."""
        with self.all.spared() as g:
            crowd = load.Crowd(g, 4, 0)
            crowd.items = self.items
            self.bought += load.sit_out(crowd, lambda: self.p.stop(mode), self.p.start,
                                        self.chance.uniform(0.5, 3.5))


def test_storm(fixture):
    p, all = fixture
    w = all.first
    print("# seed %d, %d s" % (SEED, SECONDS), flush=True)
    items = [w.g.item(10**6) for _ in range(ITEMS)]
    events = day(items)
    feeder, storm = Feeder(w.r, events, RATE), Storm(p, all, items)
    begin = time.monotonic()
    feeder.start()
    with Crowd(all.gateways) as crowd:
        crowd.wait_for_sales()
        storm.run()
        all.wait_until_all_are_back()
        crowd.wait_for_sales()
    feeder.join(120)
    assert feeder.is_done, feeder.error
    w.wait_until_taken(len(events), 120)
    w.wait_until_published(90)
    w.wait_until_quiet()
    elapsed = time.monotonic() - begin
    lost = sum(a.status == 0 for a in crowd.asked)
    print("# %d kills, %d backends ended, %d starts, %d of them in vain; %d events, "
          "%d sold, %d asked without an answer, %d refused; %d published, %d of them "
          "again" % (
              storm.kills, storm.ended, all.starts, all.failed_starts, len(events),
              len(crowd.bought), lost, sum(a.status == 503 for a in crowd.asked),
              len(w.seen.known), w.seen.copies), flush=True)
    assert storm.is_enough() and lost > 0
    check(w, all, crowd.bought + storm.bought, events, elapsed)


def check(w, all, bought, events, elapsed):
    check_numbers(all)
    for g in all.gateways:
        assert g.stop() == 0
    w.wait_until_published(1)
    stored = {r["id"] for r in w.g.rows("select id from allocations")}
    lost = [id for id in bought if id not in stored]
    assert not lost, "%d acknowledged, but not there: %s" % (len(lost), lost[:3])
    assert len(bought) == len(set(bought)), "one was acknowledged twice"
    w.check_store()
    w.check_published()
    w.check_taken([event["eventId"] for _, event in events])
    w.check_queues()
    w.verify()
    check_ticks(w, all, elapsed)


def check_numbers(all):
    """Each has one of its own."""
    rows = all.store.rows("select name, owner from leases where name like 'replica:%' "
                          "and until > (select max(until) from leases where name like "
                          "'replica:%') - 20000")
    owners = {r["owner"] for r in rows}
    assert owners == {"r0", "r1", "r2"}, rows


def ticked_ms(ulid):
    """When the tick of that id began."""
    ms = 0
    for c in ulid[:10]:
        ms = ms * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(c)
    return ms


def check_ticks(w, all, elapsed):
    """A turn is given once an interval, and ticks once at most."""
    turns = all.lease(TICK_LEASE)["epoch"]
    times = sorted(map(ticked_ms, w.seen.by_aggregate("Tick")))
    spans = sorted(c - a for a, c in zip(times, times[2:]))
    print("# %d turns, %d ticks in %.0f s; three of them take %d ms at least" % (
        turns, len(times), elapsed, spans[0]), flush=True)
    # before that the gateways have started, which took a while, too
    most = (elapsed + several.START_SECONDS) * 1000 / TICK_MS
    assert len(times) <= turns <= most, (len(times), turns, most)
    assert len(times) >= elapsed * 1000 / TICK_MS / 4, (len(times), elapsed)
    assert spans[0] >= THREE_TICKS_MS, spans[:5]


def main():
    tap.skip_all(postgres.missing() or rabbit.missing())
    print("1..1", flush=True)
    with postgres.Postgres() as p, rabbit.Lodging("replicas") as r, \
            Replicas(p, r) as all:
        failed = tap.run_one(1, test_storm, (p, all))
        if failed:
            for g in all.gateways:
                g.show_log()
    sys.exit(failed)


if __name__ == "__main__":
    main()
