#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients on one item: exactly what is there is given out (D2)."""
import threading

import _path
import tap
from gantry import Client

CLIENTS = 64
UNITS = 1000
REQUESTS = 5000


class Crowd:
    """n threads, each with a connection; work(client, number) for each number."""

    def __init__(self, g, n, role="order-service"):
        self.port, self.token = g.port, g.token(role)
        self.n = n
        self.errors = []

    def run(self, count, work):
        numbers = iter(range(count))
        lock = threading.Lock()
        answers = [None] * count

        def one():
            client = Client(self.port, self.token)
            try:
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    answers[number] = work(client, number)
            except Exception as error:
                self.errors.append(error)
            finally:
                client.close()

        threads = [threading.Thread(target=one) for _ in range(self.n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(300)
        assert not self.errors, self.errors[:3]
        assert None not in answers
        return answers


def persistent(client, method, path, body, headers=None):
    """Back off on 503 as a client should (D9); the answer, and how often."""
    for _ in range(200):
        got = client.ask(method, path, body, headers=headers)
        if got.status != 503:
            return got
    raise AssertionError("always 503: %s" % got)


def counts(answers):
    found = {}
    for a in answers:
        found[a.status] = found.get(a.status, 0) + 1
    return found


def test_one_item(g):
    item = g.item(UNITS)
    crowd = Crowd(g, CLIENTS)
    answers = crowd.run(REQUESTS, lambda client, n: persistent(
        client, "POST", "/allocations",
        {"orderId": "ord_h%d" % n, "orderItemId": "i", "inventoryItemId": item,
         "quantity": 1}))
    assert counts(answers) == {201: UNITS, 409: REQUESTS - UNITS}, counts(answers)
    assert {a.code for a in answers if a.status == 409} == {"INSUFFICIENT_STOCK"}
    assert g.quantities(item) == (UNITS, UNITS)
    assert len({a.data["id"] for a in answers if a.status == 201}) == UNITS
    g.check_invariants()


def test_one_order_by_all(g):
    """The same request from all: one allocation, all see it."""
    item, order = g.item(UNITS), g.fresh("ord")
    answers = Crowd(g, CLIENTS).run(500, lambda client, n: persistent(
        client, "POST", "/allocations",
        {"orderId": order, "orderItemId": "i", "inventoryItemId": item,
         "quantity": 3}))
    assert counts(answers) == {201: 1, 200: 499}, counts(answers)
    assert len({a.data["id"] for a in answers}) == 1
    assert g.quantities(item) == (UNITS, 3)


def test_moves_by_all(g):
    """Confirm and cancel race: one wins, and stock follows it."""
    item = g.item(UNITS)
    ids = [g.allocate(item, 1)["id"] for _ in range(50)]
    moves = [(id, move) for id in ids for move in ("cancel", "confirm", "cancel",
                                                  "fulfill")]
    answers = Crowd(g, CLIENTS).run(len(moves), lambda client, n: persistent(
        client, "PUT", "/allocations/%s/%s" % moves[n], None))
    assert set(counts(answers)) <= {200, 409}, counts(answers)
    g.check_invariants()
    held = sum(g.orders.get("/allocations/" + id).data["status"] in
               ("PENDING", "CONFIRMED") for id in ids)
    assert g.quantities(item)[1] == held


def test_two_items_in_both_orders(g):
    """Bulk requests that lock two items in opposite orders all go through."""
    one, two = g.item(10000), g.item(10000)

    def work(client, n):
        pair = (one, two) if n % 2 else (two, one)
        return persistent(client, "POST", "/allocations/bulk", {
            "orderId": "ord_d%d" % n, "items": [
                {"orderItemId": "i%d" % i, "inventoryItemId": item, "quantity": 1}
                for i, item in enumerate(pair)]})

    answers = Crowd(g, CLIENTS).run(1000, work)
    assert counts(answers) == {201: 1000}, counts(answers)
    assert g.quantities(one) == g.quantities(two) == (10000, 1000)


def test_oversold_by_nobody_in_mixed_traffic(g):
    """Create, cancel, adjust and events at once; the sums hold all the while."""
    item = g.item(200)
    stop, broken = threading.Event(), []

    def watch():
        while not stop.wait(0.05):
            rows = g.rows("select * from stock where reserved > available "
                          "or reserved < 0")
            broken.extend(rows)

    watcher = threading.Thread(target=watch)
    watcher.start()

    def work(client, n):
        got = persistent(client, "POST", "/allocations", {
            "orderId": "ord_m%d" % n, "orderItemId": "i", "inventoryItemId": item,
            "quantity": n % 5 + 1})
        if got.status == 201 and n % 3:
            move = persistent(client, "PUT", "/allocations/%s/cancel"
                              % got.data["id"], None)
            assert move.status == 200, move
        return got

    try:
        answers = Crowd(g, CLIENTS).run(2000, work)
    finally:
        stop.set()
        watcher.join()
    assert not broken, broken[:3]
    assert set(counts(answers)) <= {201, 409}, counts(answers)
    g.check_invariants()


if __name__ == "__main__":
    tap.main()
