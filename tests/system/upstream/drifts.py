# SPDX-License-Identifier: Apache-2.0
"""What the tests of gantry reconcile share: an Order Service, orders on both sides,
and drifts between them that are made on purpose, with what must be said of them.
GANTRY_ORDERS says how many orders there are, GANTRY_OUTAGE how many seconds the
Order Service is away."""
import json
import os
import random
import subprocess

import _path  # noqa: F401
from gantry import PROGRAM, free_port, rfc3339
from order_service import OrderService

ORDERS = int(os.environ.get("GANTRY_ORDERS", "600"))
OUTAGE = float(os.environ.get("GANTRY_OUTAGE", "8"))
EACH = max(6, ORDERS // 200)    # drifts of a kind
PORT = free_port()
SERVICE = OrderService(b"", PORT)
STOCK = 40                  # items that the orders are of


def configuration(check="off", more=""):
    return (
        "upstreams:\n"
        "  order-service: {url: \"http://127.0.0.1:%d\", auth: services,\n"
        "    breaker: calls-to-orders, timeout: 2s, deadline: 8s, retries: 1,\n"
        "    backoff: 20ms, pool: 8, queue: 1000}\n"
        "breakers:\n"
        "  calls-to-orders: {plugin: breaker, failure_threshold: 3, reset_timeout: 500ms}\n"
        "handlers:\n"
        "  allocate: {plugin: allocations, order_check: %s}\n"
        "  reconcile: {plugin: reconcile, grace: 3s, unsent_after: 30m%s}\n"
        "routes:\n"
        "  - {every: 1h, pipeline: [allocate.expire]}\n" % (PORT, check, more))


def ready(g):
    SERVICE.key = g.key
    SERVICE.fault, SERVICE.faults = None, []
    if SERVICE.server is None:
        SERVICE.start()
    SERVICE.orders.clear()


def run(g, *words, input=None):
    return subprocess.run(
        [PROGRAM, "reconcile"] + [str(w) for w in words] +
        ["--config", g.path("gantry.yaml")] +
        [w for w in g.folders() if "plugins" not in w.lower()],
        capture_output=True, text=True, timeout=600, input=input)


def planned(g, *words):
    done = run(g, "plan", "--output", g.path("plan.json"), *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    with open(g.path("plan.json"), encoding="utf-8") as f:
        return json.load(f)


def applied(g, code=0):
    done = run(g, "apply", g.path("plan.json"), "--json")
    assert done.returncode == code and done.stderr == "", done
    return json.loads(done.stdout)


def change(g, *statements):
    g.stop()
    g.store.change(*statements)
    g.start()


SWEEP = "schedule:every 1h: allocate.expire"


def age(g, *statements):
    """Everything was an hour ago, and the sweep is somebody else's for a long time:
    it would come by in the first seconds."""
    change(g, ("delete from leases where name = ?", SWEEP),
           ("insert into leases (ref, version, name, owner, until, epoch) "
            "values (1, 1, ?, 'nobody', 9000000000000, 1)", SWEEP),
           ("update orders set updated_at = updated_at - 3600000",),
           ("update allocations set updated_at = updated_at - 3600000",), *statements)


def brief(drift):
    """What a drift says, without versions and words."""
    return (drift["class"], drift.get("orderId"), drift.get("orderItemId"),
            drift.get("allocationId"), drift.get("inventoryItemId"), drift["said"],
            drift["held"], drift.get("command", {}).get("do"))


class Shop:
    """Orders on both sides, in step until somebody makes a drift."""

    def __init__(self, g, name, random_seed=1):
        self.g = g
        self.name = name
        self.random = random.Random(random_seed)
        self.items = [g.item(1000000, id="%s_inv_%d" % (name, i)) for i in range(STOCK)]
        self.n = self.made = 0
        self.client = g.client("order-service")
        self.publisher = g.client("event-publisher")

    def event(self, kind, id):
        self.n += 1
        got = self.publisher.post("/events/order.events/order.%s.order" % kind.lower(), {
            "eventId": "%s_e%d" % (self.name, self.n), "eventType": kind,
            "eventVersion": "1.0.0", "aggregateType": "Order", "aggregateId": id,
            "timestamp": rfc3339(), "metadata": {"source": "order-service"},
            "payload": {"orderId": id}})
        assert got.status == 200, got

    def make(self, status, lines=None, said=True, ago=3600):
        """An order: what the Order Service has of it is what is held. Its lines as
        allocations."""
        self.made += 1
        id = "%s_%d" % (self.name, self.made)
        lines = lines or [
            {"orderItemId": "l%d" % i, "quantity": self.random.randint(1, 5),
             "inventoryItemId": self.random.choice(self.items)}
            for i in range(self.random.randint(1, 2))]
        if said:
            SERVICE.order(id, [dict(line) for line in lines], "CREATED",
                          updatedAt=rfc3339(-ago))
        got = self.client.post("/allocations/bulk", {"orderId": id, "items": lines})
        assert got.status == 201, got
        if status in ("CONFIRMED", "FULFILLED"):
            self.event("OrderConfirmed", id)
        elif status == "CANCELLED":
            self.event("OrderCancelled", id)
        if status == "FULFILLED":
            for a in got.data["allocations"]:
                assert self.client.put("/allocations/%s/fulfill" % a["id"]).status == 200
        if said:
            SERVICE.order(id, [dict(line) for line in lines],
                          "CONFIRMED" if status == "FULFILLED" else status,
                          updatedAt=rfc3339(-ago))
        return id, got.data["allocations"]

    def status(self, id, status):
        SERVICE.orders[id]["status"] = status

    def line(self, id, n=0):
        return SERVICE.orders[id]["items"][n]


def expected_of(shop, statements):
    """Drifts of every class, and what must be said of them."""
    expected = []
    one = [{"orderItemId": "l0", "quantity": 2, "inventoryItemId": shop.items[0]}]

    def say(kind, id, line, a, item, said, held, do):
        expected.append((kind, id, line, a, item, said, held, do))

    for i in range(EACH):
        item = shop.items[i % STOCK]
        one[0]["inventoryItemId"] = item
        status = "CONFIRMED" if i % 2 else "CREATED"
        state = "CONFIRMED" if i % 2 else "PENDING"
        # the Order Service has one item more, and never heard of it
        id, _ = shop.make("CONFIRMED", one)
        SERVICE.orders[id]["items"].append(
            {"orderItemId": "new", "quantity": 3, "inventoryItemId": item})
        say("missing", id, "new", None, item, 3, 0, "allocate")
        # nobody knows it; one of them is open, the other one was shipped
        id, _ = shop.make(status, one, said=False)
        say("orphan", id, None, None, None, "unknown",
            "CONFIRMED" if i % 2 else "OPEN", "cancel-order")
        id, _ = shop.make("FULFILLED", one, said=False)
        say("orphan", id, None, None, None, "unknown", "CONFIRMED", None)
        # an item that the order has not
        id, (first, second) = shop.make(status, [
            one[0], {"orderItemId": "l1", "quantity": 1, "inventoryItemId": item}])
        SERVICE.orders[id]["items"].pop()
        say("orphan", id, "l1", second["id"], item, "unknown", state, "cancel")
        # confirmed there, cancelled there, confirmed here, cancelled here
        id, _ = shop.make("CREATED")
        shop.status(id, "CONFIRMED")
        say("status", id, None, None, None, "CONFIRMED", "OPEN", "confirm-order")
        id, _ = shop.make(status)
        shop.status(id, "CANCELLED")
        say("status", id, None, None, None, "CANCELLED",
            "CONFIRMED" if i % 2 else "OPEN", "cancel-order")
        id, _ = shop.make("CONFIRMED")
        shop.status(id, "CREATED")
        say("status", id, None, None, None, "CREATED", "CONFIRMED", None)
        id, _ = shop.make("CANCELLED")
        shop.status(id, "CONFIRMED")
        say("status", id, None, None, None, "CONFIRMED", "CANCELLED", None)
        # more, or less; and what is shipped stays
        id, (a,) = shop.make(status, one)
        shop.line(id)["quantity"] = 1 + i % 2 * 4
        say("quantity", id, "l0", a["id"], item, 1 + i % 2 * 4, 2, "replace")
        id, (a,) = shop.make("FULFILLED", one)
        shop.line(id)["quantity"] = 3
        say("quantity", id, "l0", a["id"], item, 3, 2, None)
        # over, and of an order that is confirmed: it is wanted again
        id, (a,) = shop.make("CREATED", one)
        statements.append(("update allocations set expires_at = 1000, due_at = 1000 "
                           "where id = ?", a["id"]))
        say("expired", id, "l0", a["id"], item, "expired", "PENDING", "expire")
        # counters of an item that nothing else is of
        counted = shop.g.item(100, id="%s_counted_%d" % (shop.name, i))
        id, _ = shop.make(status, [dict(one[0], inventoryItemId=counted)])
        statements.append(("update stock set reserved = ? where ref = "
                           "(select ref from items where id = ?)", 3 if i % 2 else 1,
                           counted))
        say("counters", None, None, None, counted, 2, 3 if i % 2 else 1, "recount")
        # the Order Service was away when it was made
        id, (a,) = shop.make(status, one)
        statements.append(("update allocations set unverified = 1 where id = ?", a["id"]))
        say("unverified", id, "l0", a["id"], item, status, state, "verify")
    return expected


def verified(g):
    """What gantry storage verify says of the store."""
    done = subprocess.run([PROGRAM, "storage", "verify", "--config", g.path("gantry.yaml")] +
                          g.folders(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done


def check_mended(g, expected):
    """Both sides say the same, order by order, by other means."""
    held = {}
    for row in g.rows("select o.id, o.state, a.id as allocation, a.order_item_id as line, "
                      "a.quantity, a.status, a.unverified from orders o left join "
                      "allocations a on a.ord = o.ref and a.status <> 'CANCELLED'"):
        held.setdefault(row["id"], []).append(row)
    for kind, id, line, a, item, said, was, do in expected:
        rows = {r["line"]: r for r in held.get(id, []) if r["line"] is not None}
        if do in ("cancel-order",):
            assert held[id][0]["state"] == "CANCELLED" and not rows, held[id]
        elif do == "confirm-order":
            assert held[id][0]["state"] == "CONFIRMED", held[id]
            assert {r["status"] for r in rows.values()} == {"CONFIRMED"}
        elif do in ("allocate", "replace"):
            assert rows[line]["quantity"] == said, rows
            state = held[id][0]["state"]
            assert rows[line]["status"] == ("CONFIRMED" if state == "CONFIRMED"
                                            else "PENDING"), rows
        elif do in ("cancel", "expire"):
            assert line not in rows, rows
        elif do == "verify":
            assert rows[line]["unverified"] is None, rows
        elif do == "recount":
            assert g.quantities(item)[1] == said
