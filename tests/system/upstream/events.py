#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Order events over a real RabbitMQ that need the Order Service: an outage of it
makes no dead letters and holds nobody else up; what it does not know is one."""
import os
import sys
import time

import _path
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../amqp"))
import tap
from gantry import NOBODY_ELSE_ASKS
from order_service import OrderService
from rabbit import Rabbit, missing, wait_for
from world import World, confirmed, created, run_all

MANY = 40


class Asking(World):
    def __init__(self, rabbit):
        self.orders = OrderService(b"")
        self.orders.start()
        # the second pause is what test_overtaken has for all of its orders
        super().__init__(rabbit, amqp=", retry: [150ms, 6s]", name="asking", extra=(
            "upstreams:\n"
            "  order-service: {url: \"http://127.0.0.1:%d\", auth: services,\n"
            "    breaker: calls-to-orders, timeout: 5s, deadline: 10s, retries: 1,\n"
            "    backoff: 20ms}\n"
            "breakers:\n"
            "  calls-to-orders: {plugin: breaker, reset_timeout: 400ms}\n"
            "routes:\n%s" % (self.orders.port, NOBODY_ELSE_ASKS)))
        self.orders.key = self.g.key
        self.expected = []

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        self.orders.stop()

    def letters(self):
        return self.g.rows("select event_id, cause, attempts from dead_letters")

    def send(self, events):
        self.feed(events)
        self.expected += [event["eventId"] for _, event in events]


def test_overtaken(w):
    """It is there when it is tried again: nobody is asked."""
    item = w.g.item(1000)
    orders = [w.g.fresh("ord") for _ in range(10)]
    w.send([confirmed(o) for o in orders])
    w.send([created(o, [("l1", item, 1)]) for o in orders])
    wait_for("all are confirmed", 30, lambda: w.one(
        "select count(*) from allocations where status = 'CONFIRMED'") == len(orders))
    assert w.orders.asked() == []
    assert w.letters() == []


def test_never_told(w):
    item = w.g.item(1000)
    orders = [w.g.fresh("ord") for _ in range(10)]
    for o in orders:
        w.orders.order(o, [{"orderItemId": "l1", "inventoryItemId": item,
                            "quantity": 2}], "CONFIRMED", requiresPreAllocation=True)
    w.send([confirmed(o) for o in orders])
    wait_for("all are through", 30, lambda: w.g.quantities(item)[1] == 20)
    assert sorted(w.orders.asked()) == sorted("/orders/" + o for o in orders)
    assert w.letters() == []


def test_outage(w):
    item, other = w.g.item(1000), w.g.item(1000)
    orders = [w.g.fresh("ord") for _ in range(MANY)]
    for o in orders:
        w.orders.order(o, [{"orderItemId": "l1", "inventoryItemId": item,
                            "quantity": 1}], "CONFIRMED", requiresPreAllocation=True)
    w.orders.stop()
    w.send([confirmed(o) for o in orders])
    # longer than all the pauses together; who is not through before it ends was held up
    end, n = time.monotonic() + 9, 0
    while time.monotonic() < end:
        w.send([created(w.g.fresh("ord"), [("l1", other, 1)])])
        n += 1
        wait_for("others go on", 30, lambda: w.g.quantities(other)[1] == n, 0.01)
        time.sleep(0.1)
    assert w.letters() == []
    assert w.g.quantities(item)[1] == 0
    # the other way to be away
    w.orders.fault = 503
    w.orders.start()
    time.sleep(1.5)
    assert w.letters() == []
    w.orders.fault = None
    wait_for("all are through", 60, lambda: w.g.quantities(item)[1] == MANY)
    assert w.letters() == []
    # the breaker has spared it most of that
    assert len(w.orders.asked()) < 10 * MANY


def test_nobody_knows_it(w):
    id = "evt-nobody"
    w.feed([confirmed("ord-nobody", id)])
    wait_for("its dead letter", 30, lambda: w.letters())
    assert w.letters() == [{"event_id": id, "cause": "ORDER_UNKNOWN", "attempts": 2}]
    assert w.orders.asked() == ["/orders/ord-nobody"]


def test_in_the_end_all_is_in_order(w):
    w.wait_until_taken(len(w.expected) + 1)
    w.wait_until_published()
    assert w.g.stop() == 0
    w.check_store()
    w.check_published()
    w.check_queues()
    w.verify()
    marks = {r["key"].split(":", 1)[1]: r["state"] for r in w.g.rows(
        "select key, state from inbox")}
    assert marks.pop("evt-nobody") == "dead"
    assert set(marks) == set(w.expected) and set(marks.values()) == {"applied"}


def main():
    tap.skip_all(missing())
    with Rabbit("asking") as r, Asking(r) as w:
        status = run_all(w)
    sys.exit(status)


if __name__ == "__main__":
    main()
