#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The inventory side is gone under load, then frozen, and the edge is killed
(kill -9) in the middle of both. Every request is answered 201 or 202; afterwards
each is done there exactly once, those of an order item in their order, and each
shortage is one InsufficientStock event of the inventory side.

    GANTRY_OUTAGE   seconds that it is gone; frozen half as long (default 2)
"""
import collections
import http.client
import itertools
import json
import os
import random
import sys
import threading
import time

import _path    # noqa: F401
import tap
from gantry import Client, Gantry
from side import BREAKER, Edge, freeze, thaw, verify

SECONDS = float(os.environ.get("GANTRY_OUTAGE", "2"))
BUYERS = 8
PAUSE = 0.03
SCARCE, ROW = 15, 3
DRAIN_SECONDS = 60 + 5 * SECONDS

Asked = collections.namedtuple("Asked", "order line item status id")


class Buyer(threading.Thread):
    """Buys under a key, and asks again with it when the edge is gone."""

    def __init__(self, crowd, number):
        super().__init__(daemon=True)
        self.crowd, self.number = crowd, number
        self.client = Client(crowd.edge.port, crowd.edge.token("order-service"))
        self.chance = random.Random(number)
        self.asked, self.gone, self.error = [], 0, None

    def run(self):
        try:
            for n in itertools.count():
                if self.crowd.over.is_set():
                    return
                self.go(n)
                time.sleep(PAUSE)
        except Exception as error:
            self.error = error
        finally:
            self.client.close()

    def go(self, n):
        order = "ord_%d_%d" % (self.number, n)
        kind = self.chance.random()
        if kind < 0.1:
            self.buy(order, "l1", self.crowd.scarce)
        elif kind < 0.2:
            # one after the other: so they are to be done
            for item in self.chance.sample(self.crowd.items, ROW):
                self.buy(order, "l1", item)
        else:
            self.buy(order, "l%d" % (n % 3), self.crowd.items[n % len(self.crowd.items)])

    def buy(self, order, line, item):
        body = {"orderId": order, "orderItemId": line, "inventoryItemId": item,
                "quantity": 1}
        key = {"Idempotency-Key": "%s_%s_%s" % (order, line, item)}
        while True:
            try:
                got = self.client.post("/allocations", body, headers=key)
                break
            except (OSError, http.client.HTTPException):
                self.gone += 1
                time.sleep(0.02)
        assert got.status in (200, 201, 202) or (
            item == self.crowd.scarce and got.code == "INSUFFICIENT_STOCK"), got
        self.asked.append(Asked(order, line, item, got.status,
                                got.data["id"] if got.status != 409 else None))


class Crowd:
    def __init__(self, inventory, edge):
        self.edge, self.over = edge, threading.Event()
        self.items = [inventory.item(10**6) for _ in range(5)]
        self.scarce = inventory.item(SCARCE)
        self.buyers = [Buyer(self, n) for n in range(BUYERS)]

    def __enter__(self):
        for b in self.buyers:
            b.start()
        return self

    def __exit__(self, kind, value, trace):
        self.over.set()
        for b in self.buyers:
            b.join(30)
        if kind is None:
            assert not [b for b in self.buyers if b.is_alive()], "a client hangs"
            errors = [b.error for b in self.buyers if b.error is not None]
            assert not errors, errors[:3]

    @property
    def asked(self):
        return [a for b in self.buyers for a in b.asked]

    def wait_for(self, status, n, seconds=30):
        """So many more with that status."""
        begin = self.count(status)
        end = time.monotonic() + seconds
        while self.count(status) < begin + n:
            assert time.monotonic() < end, "too few are answered %d" % status
            assert not any(b.error for b in self.buyers), [b.error for b in self.buyers]
            time.sleep(0.02)

    def count(self, status):
        return sum(a.status == status for a in self.asked)


def sent(edge):
    (row,) = edge.rows("select count(*) as n from records where key like ?",
                       "edge\x1fended\x1f%")
    return row["n"]


def wait_for_sent(edge, n):
    begin, end = sent(edge), time.monotonic() + DRAIN_SECONDS
    while sent(edge) < begin + n:
        assert time.monotonic() < end, "nothing is sent"
        time.sleep(0.02)


def test_outage(fixture):
    g, edge = fixture
    with Crowd(g, edge) as crowd:
        crowd.wait_for(201, 40)
        g.kill()
        crowd.wait_for(202, 10)
        time.sleep(SECONDS / 2)
        edge.restart()
        time.sleep(SECONDS / 2)
        crowd.wait_for(202, 10)
        g.start()
        wait_for_sent(edge, 20)
        freeze(g)           # while it is sent what had waited
        try:
            crowd.wait_for(202, 10)
            time.sleep(SECONDS / 4)
            edge.restart()
            time.sleep(SECONDS / 4)
            crowd.wait_for(202, 10)
        finally:
            thaw(g)
        wait_for_sent(edge, 20)
        edge.restart()      # while it sends that
        crowd.wait_for(201, 20, DRAIN_SECONDS)
    began, left, before = time.monotonic(), len(edge.waiting()), sent(edge)
    edge.wait_until_through(DRAIN_SECONDS)
    print("# %d requests, %d of them 202, %d asked without an answer; the last %d took "
          "%.1f s to be sent" % (
              len(crowd.asked), crowd.count(202), sum(b.gone for b in crowd.buyers), left,
              time.monotonic() - began), flush=True)
    print("# %d were sent in between" % before, flush=True)
    assert sum(b.gone for b in crowd.buyers) > 0
    check(g, edge, crowd)


def check(g, edge, crowd):
    made = collections.defaultdict(list)    # (order, line): items, oldest first
    for row in g.rows("select o.id as ord, a.order_item_id as line, i.id as item, "
                      "a.id as id from allocations a join orders o on o.ref = a.ord "
                      "join items i on i.ref = a.item order by a.ref"):
        made[row["ord"], row["line"]].append((row["item"], row["id"]))
    wanted, refused, ids = check_outcomes(edge, crowd)
    assert {k: [item for item, _ in v] for k, v in made.items()} == wanted
    assert {id for v in made.values() for _, id in v} == ids
    assert g.quantities(crowd.scarce) == (SCARCE, SCARCE)
    assert len(refused) > 0
    check_shortages(g, crowd, refused)
    assert edge.outbox() == []
    check_nothing_is_left(edge)


def check_outcomes(edge, crowd):
    """What each request has become: items by order item in the order in which they
    were asked for, who was refused, and the ids."""
    wanted, refused, ids = collections.defaultdict(list), [], set()
    for a in crowd.asked:
        id = a.id
        if a.status == 202:
            got = edge.orders.get("/allocations/" + id)
            assert got.status == 200 or got.code == "INSUFFICIENT_STOCK", got
            id = got.data["id"] if got.status == 200 else None
        if id is None:
            assert a.item == crowd.scarce, a
            refused.append((a.order, a.line))
        else:
            assert id not in ids, a
            ids.add(id)
            wanted[a.order, a.line].append(a.item)
    return dict(wanted), refused, ids


def check_shortages(g, crowd, refused):
    said = [(e["body"]["payload"]["orderId"], e["body"]["payload"]["orderItemId"])
            for e in g.outbox(crowd.scarce) if e["type"] == "InsufficientStock"]
    assert sorted(said) == sorted(refused), (len(said), len(refused))


def check_nothing_is_left(edge):
    left = [s for s in ("waiting", "line", "turn", "share") if edge.records(s)]
    assert left == [], left
    kept = [json.loads(r["value"]) for r in edge.records("ended")]
    assert all("allocation" in k or "answer" in k for k in kept)


def test_both_are_in_order(fixture):
    g, edge = fixture
    g.check_invariants()
    assert edge.stop() == 0 and g.stop() == 0
    verify(edge)
    verify(g)


if __name__ == "__main__":
    with Gantry(name="outage") as inventory, Edge(inventory, BREAKER) as other:
        code = tap.run_all((inventory, other))
        if code != 0:
            inventory.show_log()
            other.show_log()
    sys.exit(code)
