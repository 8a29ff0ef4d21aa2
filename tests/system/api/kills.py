#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment: what was acknowledged is there afterwards, and the
store is in order (I1 to I4). GANTRY_KILLS sets how often (default 20)."""
import http.client
import os
import random
import threading
import time

import _path
import tap
from gantry import Client
from hammer import Crowd, counts

KILLS = int(os.environ.get("GANTRY_KILLS", "20"))
CLIENTS = 32
UNITS = 1000
SEED = int(os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30))))


def stubborn(client, method, path, body=None, key=None):
    """Ask until there is an answer that counts; it, and the repeats it took."""
    headers = {"Idempotency-Key": key} if key else None
    end, repeats = time.monotonic() + 60, 0
    while True:
        try:
            got = client.ask(method, path, body, headers=headers)
            if got.status != 503 and not (
                    got.status == 409 and got.code == "IDEMPOTENCY_IN_PROGRESS"):
                return got, repeats
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < end, "no answer for 60 s"
        repeats += 1
        time.sleep(0.02)


class Buyer(threading.Thread):
    """Creates allocations under keys, and moves some of them; repeats what got
    no answer with the same key, and notes what was acknowledged."""

    def __init__(self, g, number, item, stop):
        super().__init__()
        self.g, self.item, self.stop_now = g, item, stop
        self.prefix = "k%d" % number
        self.random = random.Random(SEED + number)
        self.client = Client(g.port, g.token("order-service"))
        self.created, self.moved = {}, {}
        self.refused = self.repeats = 0
        self.error = None

    def run(self):
        try:
            n = 0
            while not self.stop_now.is_set():
                self.buy(n)
                n += 1
        except Exception as error:
            self.error = error
        finally:
            self.client.close()

    def ask(self, method, path, body=None, key=None):
        got, repeats = stubborn(self.client, method, path, body, key)
        self.repeats += repeats
        return got

    def buy(self, n):
        order = "ord_%s_%d" % (self.prefix, n)
        quantity = self.random.randint(1, 3)
        got = self.ask("POST", "/allocations", {
            "orderId": order, "orderItemId": "i", "inventoryItemId": self.item,
            "quantity": quantity}, key=order)
        if got.status == 409:
            assert got.code == "INSUFFICIENT_STOCK", got
            self.refused += 1
            return
        # never 200: the key was kept with the allocation, or neither was
        assert got.status == 201, got
        id = got.data["id"]
        assert id not in self.created, "one allocation acknowledged twice"
        self.created[id] = quantity
        if self.random.random() < 0.7:
            moved = self.ask("PUT", "/allocations/%s/cancel" % id)
            assert moved.status == 200, moved
            self.moved[id] = "CANCELLED"
        elif self.random.random() < 0.5:
            moved = self.ask("PUT", "/allocations/%s/confirm" % id)
            assert moved.status == 200, moved
            self.moved[id] = "CONFIRMED"


def check_acknowledged(g, buyers):
    stored = {r["id"]: r for r in g.rows("select id, quantity, status "
                                         "from allocations")}
    for buyer in buyers:
        # copies: the buyer goes on meanwhile
        for id, quantity in list(buyer.created.items()):
            assert id in stored, "acknowledged, but not there: " + id
            assert stored[id]["quantity"] == quantity
    return stored


def test_kills(g):
    print("# seed %d, %d kills" % (SEED, KILLS))
    chance, stop = random.Random(SEED), threading.Event()
    items = g.item(UNITS), g.item(10**6)
    buyers = [Buyer(g, n, items[n % 2], stop) for n in range(CLIENTS)]
    for b in buyers:
        b.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.01, 0.6))
            # what was acknowledged up to here must have survived
            before = [dict(b.created) for b in buyers]
            g.kill()
            g.start()
            stored = {r["id"] for r in g.rows("select id from allocations")}
            lost = [id for known in before for id in known if id not in stored]
            assert not lost, lost[:5]
            errors = [b.error for b in buyers if b.error is not None]
            assert not errors, errors[:3]
    finally:
        stop.set()
        for b in buyers:
            b.join(90)
    assert not [b.error for b in buyers if b.error is not None], \
        [b.error for b in buyers if b.error is not None][:3]
    stored = check_acknowledged(g, buyers)
    for b in buyers:
        for id, status in b.moved.items():
            assert stored[id]["status"] == status, (stored[id], status)
    total = sum(len(b.created) for b in buyers)
    assert len(stored) == total, "%d stored, %d acknowledged" % (len(stored), total)
    assert total > 0 and sum(b.repeats for b in buyers) > 0
    print("# %d created, %d moved, %d refused, %d repeats, %d starts" % (
        total, sum(len(b.moved) for b in buyers),
        sum(b.refused for b in buyers), sum(b.repeats for b in buyers), g.starts))
    g.check_invariants()


def test_exactly_what_is_there_between_kills(g):
    """64 clients, 5,000 requests, 1,000 units (D2), killed all the while."""
    item, done, kills, through = g.item(UNITS), threading.Event(), [], []

    def killer():
        # spread over the requests, however fast they are
        for n in range(KILLS):
            while len(through) < n * 5000 // KILLS and not done.is_set():
                time.sleep(0.001)
            g.kill()
            g.start()
            kills.append(1)

    def work(client, n):
        got = stubborn(client, "POST", "/allocations", {
            "orderId": "ord_x%d" % n, "orderItemId": "i", "inventoryItemId": item,
            "quantity": 1}, key="x%d" % n)[0]
        through.append(n)
        return got

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        answers = Crowd(g, 64).run(5000, work)
    finally:
        done.set()
        thread.join(60)
    assert len(kills) == KILLS, kills
    assert counts(answers) == {201: UNITS, 409: 5000 - UNITS}, counts(answers)
    ids = {a.data["id"] for a in answers if a.status == 201}
    stored = g.rows("select a.id from allocations a join items i on i.ref = a.item "
                    "where i.id = ?", item)
    assert ids == {r["id"] for r in stored}
    assert len(ids) == UNITS and g.quantities(item) == (UNITS, UNITS)
    g.check_invariants()


def test_events_between_kills(g):
    """An event is applied once, however often it is sent (D20)."""
    item, chance = g.item(1000), random.Random(SEED + 1)
    for n in range(max(5, KILLS // 4)):
        event = {"eventId": "evt-kill-%d" % n, "eventType": "OrderCreated",
                 "eventVersion": "1.0.0", "payload": {
                     "orderId": "ord_evt_%d" % n, "requiresPreAllocation": True,
                     "items": [{"orderItemId": "i", "inventoryItemId": item,
                                "quantity": 1}]}}
        sent = threading.Thread(target=send_quietly, args=(g, event))
        sent.start()
        time.sleep(chance.uniform(0, 0.02))
        g.kill()
        sent.join(30)
        g.start()
        got = send_quietly(g, event)
        assert got is not None and got.status == 200, got
        assert got.data["outcome"] in ("applied", "duplicate"), got
        assert g.quantities(item) == (1000, n + 1)
    g.check_invariants()


def send_quietly(g, event):
    client = Client(g.port, g.token("event-publisher"))
    try:
        return client.post("/events/order.events/order.ordercreated.order", event)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        client.close()


def test_orderly_stop_loses_nothing_either(g):
    item = g.item(1000)
    stop = threading.Event()
    buyers = [Buyer(g, 1000 + n, item, stop) for n in range(8)]
    for b in buyers:
        b.start()
    try:
        for _ in range(3):
            time.sleep(0.3)
            assert g.stop() == 0
            g.start()
    finally:
        stop.set()
        for b in buyers:
            b.join(90)
    assert not [b.error for b in buyers if b.error is not None], \
        [b.error for b in buyers if b.error is not None][:3]
    check_acknowledged(g, buyers)
    g.check_invariants()


if __name__ == "__main__":
    tap.main()
