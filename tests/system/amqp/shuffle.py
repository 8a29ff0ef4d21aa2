#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every event three times, and all of them shuffled over orders and within them:
the same states, open and fulfilled allocations, counters and returns as once and
in order (D20). Other plugins' routes on queues of their own get each event once.

    GANTRY_SEED    to have the same shuffle again
    GANTRY_ORDERS  how many orders, default 150
"""
import os
import random
import sys

import _path
import tap
from rabbit import Lodging, missing, wait_for
from world import World, cancelled, confirmed, created, returned

ORDERS = int(os.environ.get("GANTRY_ORDERS", "150"))
SEED = int(os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30))))
# what comes too early finds its way on one of these
RETRY = ", retry: [200ms, 500ms, 1s, 2s, 4s, 8s, 30s, 1m]"
OTHERS = """
handlers:
  journal: {plugin: journal, exchange: audit.events}
  forward: {plugin: publish, exchange: partner.events, key: "shop.{key}",
            type: "{eventType}", aggregate: "{aggregateId}"}
routes:
  - {amqp: {queue: audit.orders, bind: {order.events: ["order.#"]}},
     pipeline: [journal.keep]}
  - {amqp: {queue: partner.orders, bind: {order.events: ["order.#"]}},
     pipeline: [forward.send]}
"""
ITEMS = ["inv_%d" % n for n in range(20)]

# The lives that orders have; D20 says what must come of each in any order of
# arrival. "Cancelled" before "Created" is what a shuffle makes of them.
LIVES = [("created",), ("created", "confirmed"), ("created", "cancelled"),
         ("created", "confirmed", "cancelled"), ("cancelled",),
         ("created", "confirmed", "shipped"),
         ("created", "confirmed", "shipped", "returned"),
         ("created", "confirmed", "shipped", "cancelled")]


class Order:
    def __init__(self, n, chance):
        self.id = "ord_%d" % n
        self.life = LIVES[n % len(LIVES)]
        self.lines = [("l%d" % k, chance.choice(ITEMS), chance.randint(1, 4))
                      for k in range(chance.randint(1, 4))]

    def events(self, late):
        """Those before it is shipped, or those after."""
        at = self.life.index("shipped") if "shipped" in self.life else len(self.life)
        part = self.life[at + 1:] if late else self.life[:at]
        made = {"created": lambda: created(self.id, self.lines),
                "confirmed": lambda: confirmed(self.id),
                "cancelled": lambda: cancelled(self.id),
                "returned": lambda: returned(self.id, "ret_" + self.id)}
        return [made[name]() for name in part]


def orders():
    chance = random.Random(SEED)
    return [Order(n, chance) for n in range(ORDERS)]


def ship(w, order):
    """All that is confirmed of it, over the API."""
    for a in w.g.orders.get("/allocations/by-order/" + order.id).data:
        got = w.g.orders.put("/allocations/%s/fulfill" % a["id"])
        assert got.status == 200, got


def live(w, all, shuffled):
    """The lives of all orders."""
    for item in ITEMS:
        w.g.item(10**6, id=item)
    through = 0
    for late in (False, True):
        events = [e for order in all for e in order.events(late)]
        through += len(events)
        if shuffled:
            events = events * 3
            random.Random(SEED + late).shuffle(events)
        w.feed(events)
        wait_for("all events are through", 60, lambda: marks(w) >= through)
        if not late:
            for order in all:
                if "shipped" in order.life:
                    ship(w, order)
    wait_for("the others are through", 60,
             lambda: w.taken() >= 3 * through)
    w.wait_until_published()
    return through


def marks(w, queue="inventory.order-events"):
    return w.one("select count(*) from inbox where key like ?", queue + ":%")


def picture(w):
    """What must be the same, under names that do not change."""
    rows = w.g.rows
    return {
        "orders": {r["id"]: r["state"] for r in rows("select id, state from orders")},
        "held": sorted(tuple(r.values()) for r in rows(
            "select o.id as ord, a.order_item_id, i.id as item, a.quantity, a.status "
            "from allocations a join orders o on o.ref = a.ord "
            "join items i on i.ref = a.item where a.status <> 'CANCELLED'")),
        "stock": {r["id"]: (r["available"], r["reserved"]) for r in rows(
            "select i.id, s.available, s.reserved from items i "
            "join stock s on s.ref = i.ref")},
        "returns": sorted(tuple(r.values()) for r in rows(
            "select r.return_id, o.id as ord, r.order_item_id, r.expected, r.received, "
            "r.status from returns r join orders o on o.ref = r.ord")),
    }


def finish(w, ids):
    w.wait_until_quiet()
    assert w.g.stop() == 0
    w.check_store()
    w.check_published()
    w.check_taken(ids)
    w.check_queues()
    w.verify()
    return picture(w)


def check_others(w, ids):
    """The routes on queues of their own: each event once, and published once."""
    for queue in ("audit.orders", "partner.orders"):
        assert marks(w, queue) == len(ids), (queue, marks(w, queue), len(ids))
    kept = [r["key"] for r in w.g.rows("select key from records")]
    assert len(kept) == len(ids), (len(kept), len(ids))
    for exchange in ("audit.events", "partner.events"):
        causes = {}
        for where, key, event in w.seen.known.values():
            if where == exchange:
                causes.setdefault(event["metadata"]["causationId"], []).append(key)
        assert set(causes) == set(ids), (exchange, len(causes), len(ids))
        twice = {k: v for k, v in causes.items() if len(v) != 1}
        assert not twice, (exchange, list(twice.items())[:3])


def test_shuffled_is_as_once_in_order(_):
    print("# seed %d, %d orders" % (SEED, ORDERS), flush=True)
    all = orders()
    ids = [e["eventId"] for o in all for late in (False, True)
           for _, e in o.events(late)]
    with Lodging("once") as r, World(r, extra=OTHERS, amqp=RETRY, name="once") as w:
        hear_others(w)
        live(w, all, False)
        expected = finish(w, ids)
        check_others(w, ids)
    never = [o.id for o in all if o.life == ("cancelled",)]
    assert never and not [h for h in expected["held"] if h[0] in never]
    assert expected["returns"] and expected["held"]
    with Lodging("shuffled") as r, \
            World(r, extra=OTHERS, amqp=RETRY, name="shuffled") as w:
        hear_others(w)
        live(w, all, True)
        got = finish(w, ids)
        check_others(w, ids)
        print("# %d events three times; %d allocations held, %d returns" % (
            len(ids), len(got["held"]), len(got["returns"])))
    for name in expected:
        assert got[name] == expected[name], (name, difference(got[name], expected[name]))


def difference(got, expected):
    if isinstance(got, dict):
        got, expected = set(got.items()), set(expected.items())
    return sorted(set(got) ^ set(expected))[:6]


def hear_others(w):
    for queue in ("audit.orders", "partner.orders"):
        w.wait_until_bound(queue)
    with w.client() as c:
        c.queue("seen", ("audit.events", "#"), ("partner.events", "#"))


def main():
    tap.skip_all(missing())
    print("1..1")
    sys.exit(tap.run_one(1, test_shuffled_is_as_once_in_order, None))


if __name__ == "__main__":
    main()
