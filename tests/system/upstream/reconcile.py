#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry reconcile against an Order Service, with drifts of every class made on
purpose among orders that are as they should be: all are found, nothing else is,
and what mends them does no more. GANTRY_ORDERS says how many orders there are."""
import json
import os
import random
import subprocess
import threading
import time

import _path  # noqa: F401
import tap
from gantry import PROGRAM, Client, Gantry, free_port, rfc3339
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


def age(g, *statements):
    """Everything was an hour ago."""
    change(g, ("update orders set updated_at = updated_at - 3600000",),
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


class Traffic:
    """Orders that come, are confirmed and go, while others look at them."""

    def __init__(self, g):
        self.shop = Shop(g, "busy", 7)
        self.over = threading.Event()
        self.failures = []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.over.is_set():
            try:
                self.shop.make(self.shop.random.choice(
                    ["CREATED", "CONFIRMED", "CANCELLED", "FULFILLED"]), ago=0)
            except Exception as e:      # pylint: disable=broad-except
                self.failures.append(repr(e))
                return
            time.sleep(0.004)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join(60)


def snapshot(g, but):
    """All rows of orders that are not of the busy shop, nor named."""
    rows = g.rows("select a.id, a.version, a.status, a.quantity, o.id as orderid, "
                  "o.version as o_version, o.state from orders o left join allocations a "
                  "on a.ord = o.ref order by a.ref")
    return [r for r in rows if r["orderid"] not in but and
            not r["orderid"].startswith("busy")]


def test_every_drift(g):
    ready(g)
    shop = Shop(g, "ord")
    statements = []
    expected = expected_of(shop, statements)
    for i in range(max(0, ORDERS - shop.made)):
        shop.make(("CREATED", "CONFIRMED", "CANCELLED", "FULFILLED")[i % 4])
    refs = g.rows("select ref from outbox order by ref limit 5")
    for row in refs:
        statements.append(("update outbox set created_at = created_at - 7200000 "
                           "where ref = ?", row["ref"]))
    age(g, *statements)
    expected.append(("unsent", None, None, None, None, "sent", 5, None))
    named = {e[1] for e in expected}
    before = snapshot(g, named)
    with Traffic(g) as traffic:
        began = time.monotonic()
        plan = planned(g)
        seconds = time.monotonic() - began
        made = traffic.shop.made
        check_found(plan, expected)
        began = time.monotonic()
        result = applied(g)
        print("# %d orders: planned in %.1f s, applied in %.1f s, %d orders of traffic "
              "meanwhile" % (plan["run"]["looked"], seconds, time.monotonic() - began, made))
    assert traffic.failures == [], traffic.failures
    assert made > 0
    assert [r["result"] for r in result["results"]] == ["applied"] * len(
        [e for e in expected if e[7]]), result["counts"]
    assert snapshot(g, named) == before
    check_mended(g, expected)
    age(g)
    again = planned(g)
    assert not [d for d in again["drifts"] if "command" in d], again["drifts"]
    assert sorted(map(repr, map(brief, again["drifts"]))) == sorted(
        repr(e) for e in expected if not e[7])
    g.check_invariants()
    verified(g)


def verified(g):
    """What gantry storage verify says of the store."""
    done = subprocess.run([PROGRAM, "storage", "verify", "--config", g.path("gantry.yaml")] +
                          g.folders(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done


def check_found(plan, expected):
    found = sorted(repr(brief(d)) for d in plan["drifts"])
    wanted = sorted(map(repr, expected))
    assert found == wanted, (sorted(set(found) - set(wanted))[:5],
                             sorted(set(wanted) - set(found))[:5])
    counts = {}
    for e in expected:
        counts[e[0]] = counts.get(e[0], 0) + 1
    assert plan["run"]["found"] == counts, plan["run"]
    assert plan["run"]["looked"] >= ORDERS and plan["run"]["skipped"] == 0, plan["run"]


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


def test_rows_that_moved(g):
    ready(g)
    shop = Shop(g, "moved", 3)
    orders = [shop.make("CREATED", [{"orderItemId": "l0", "quantity": 2,
                                     "inventoryItemId": shop.items[0]}]) for _ in range(12)]
    for n, (id, _) in enumerate(orders):
        if n % 3 == 0:
            shop.line(id)["quantity"] = 5
        elif n % 3 == 1:
            del SERVICE.orders[id]
        else:
            shop.status(id, "CONFIRMED")
    age(g)
    for id in g.rows("select id from orders"):      # those of the test before
        if not id["id"].startswith("moved"):
            SERVICE.orders.setdefault(id["id"], {"id": id["id"], "status": "SHIPPED",
                                                 "items": []})
    plan = planned(g)
    assert len(plan["drifts"]) - plan["run"]["found"].get("unsent", 0) == 12, plan
    # one of each has moved: what was held is confirmed, or cancelled
    for n, verb in ((0, "confirm"), (1, "confirm"), (2, "cancel")):
        got = g.orders.put("/allocations/%s/%s" % (orders[n][1][0]["id"], verb))
        assert got.status == 200, got
    done = run(g, "apply", g.path("plan.json"))
    assert done.returncode == 1 and done.stderr == "", done
    lines = done.stdout.splitlines()
    moved = [line for line in lines if line.startswith("moved ")]
    assert len(moved) == 3, done.stdout
    for n in range(3):
        assert any(orders[n][0] + " " in line + " " or orders[n][0] + ":" in line
                   for line in moved), (n, moved)
    assert lines[-1] == "9 applied, 0 stood, 3 moved, 0 refused", lines
    assert all(line.endswith("PRECONDITION_FAILED") for line in moved), moved
    states = {r["id"]: r["state"] for r in g.rows("select id, state from orders")}
    assert states[orders[1][0]] == "OPEN"
    # once more: everything stands, or has moved by ourselves
    again = applied(g, 1)
    assert again["counts"]["applied"] == 0 and again["counts"]["refused"] == 0, again
    g.check_invariants()


def test_stock_is_never_exceeded(g):
    ready(g)
    shop = Shop(g, "short", 5)
    item = g.item(4, id="short_item")
    id, (a,) = shop.make("CONFIRMED", [{"orderItemId": "l0", "quantity": 3,
                                        "inventoryItemId": item}])
    shop.line(id)["quantity"] = 5
    SERVICE.orders[id]["items"].append({"orderItemId": "l1", "quantity": 2,
                                        "inventoryItemId": item})
    age(g)
    plan = planned(g)
    mine = [d for d in plan["drifts"] if d.get("orderId") == id]
    assert sorted(d["class"] for d in mine) == ["missing", "quantity"], mine
    plan["drifts"] = mine
    g.write("plan.json", json.dumps(plan).encode())
    result = applied(g, 1)
    assert result["counts"] == {"applied": 0, "stood": 0, "moved": 0, "refused": 2}
    assert {r["error"]["code"] for r in result["results"]} == {"INSUFFICIENT_STOCK"}
    assert g.quantities(item) == (4, 3)
    got = g.orders.get("/allocations/" + a["id"])
    assert (got.data["status"], got.data["quantity"]) == ("CONFIRMED", 3), got
    g.check_invariants()


def test_orders_given(g):
    ready(g)
    shop = Shop(g, "given", 6)
    SERVICE.order("given_new", [{"orderItemId": "l0", "quantity": 2,
                                 "inventoryItemId": shop.items[0]}], "CONFIRMED")
    SERVICE.order("given_pre", [{"orderItemId": "l0", "quantity": 1,
                                 "inventoryItemId": shop.items[1]}], "CREATED",
                  requiresPreAllocation=True)
    SERVICE.order("given_none", [{"orderItemId": "l0", "quantity": 1,
                                  "inventoryItemId": shop.items[1]}], "CREATED")
    g.write("ids", b"given_new\n\ngiven_pre\ngiven_none\ngiven_unknown\n")
    plan = planned(g, "--orders", g.path("ids"))
    mine = [d for d in plan["drifts"] if d.get("orderId", "").startswith("given")]
    assert [(d["orderId"], d["command"]["do"]) for d in mine] == [
        ("given_new", "open-order"), ("given_new", "confirm-order"),
        ("given_new", "allocate"), ("given_pre", "open-order"),
        ("given_pre", "allocate")], mine
    plan["drifts"] = mine
    g.write("plan.json", json.dumps(plan).encode())
    assert applied(g)["counts"]["applied"] == 5
    got = {r["id"]: (r["state"], r["status"], r["quantity"]) for r in g.rows(
        "select o.id, o.state, a.status, a.quantity from orders o join allocations a "
        "on a.ord = o.ref where o.id like 'given%'")}
    assert got == {"given_new": ("CONFIRMED", "CONFIRMED", 2),
                   "given_pre": ("OPEN", "PENDING", 1)}, got
    g.write("ids", b"ok\nbad\x01id\n")
    done = run(g, "plan", "--orders", g.path("ids"))
    assert (done.returncode, done.stderr) == (
        1, "gantry: %s:2: not the id of an order\n" % g.path("ids")), done


def test_what_is_shown(g):
    ready(g)
    text = run(g, "plan", "--text")
    assert text.returncode == 0, text
    assert text.stdout.splitlines()[-1].endswith(" not judged"), text.stdout
    shown = run(g, "report", "--json")
    runs = json.loads(shown.stdout)["runs"]
    assert runs[0]["kind"] == "plan" and runs[0]["looked"] > 0, runs[0]
    assert {r["kind"] for r in runs} >= {"plan", "apply"}, runs
    done = run(g, "report", "--html", g.path("page.html"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    with open(g.path("page.html"), encoding="utf-8") as f:
        page = f.read()
    for word in ('<html lang="en">', "prefers-color-scheme: dark", "<caption>",
                 'scope="col"', "</html>", '<th scope="row">orphan</th>'):
        assert word in page, word
    for word in ("<script", "http://", "https://", "src=", "<link"):
        assert word not in page, word
    table = run(g, "report")
    assert table.returncode == 0 and " orders" in table.stdout, table
    client = Client(g.admin_port, g.token("gantry-admin:view"))
    try:
        got = client.get("/admin/api/reconcile/runs")
        assert got.status == 200 and got.data == json.loads(
            run(g, "report", "--json").stdout)["runs"], got
    finally:
        client.close()


def test_rights_and_audit(g):
    ready(g)

    def ask(method, path, body=None, role="gantry-admin"):
        client = Client(g.admin_port, g.token(role, sub="eve") if role else None)
        try:
            return client.ask(method, "/admin/api/" + path, body)
        finally:
            client.close()

    drift = {"class": "counters", "inventoryItemId": "short_item",
             "command": {"do": "recount", "quantity": 1, "ifVersion": 999}}
    apply, plan = "actions/reconcile.apply", "actions/reconcile.plan"
    assert ask("POST", plan, {}, None).code == "UNAUTHENTICATED"
    assert ask("POST", apply, {"drifts": [drift]}, "gantry-admin:view").code == "FORBIDDEN"
    assert ask("POST", plan, {}, "order-service").code == "FORBIDDEN"
    assert ask("POST", plan, {}, "gantry-admin:view").status == 200
    assert ask("GET", apply).code == "METHOD_NOT_ALLOWED"
    assert ask("GET", apply).header("Allow") == "POST"
    assert ask("GET", "reconcile/apply").code == "ROUTE_NOT_FOUND"
    assert ask("POST", "actions/reconcile.none", {}).code == "ROUTE_NOT_FOUND"
    before = len(g.rows("select ref from audit"))
    got = ask("POST", apply, {"drifts": [drift]}, "gantry-admin:edit")
    assert [r["result"] for r in got.data] == ["moved"], got
    rows = g.rows("select actor, action, result from audit order by ref")[before:]
    assert rows == [{"actor": "eve", "action": "reconcile.apply", "result": "refused"}], rows
    got = ask("POST", apply, {"drifts": [
        {}, {"command": {"do": "fulfill"}}, dict(drift, command={"do": "recount"}),
        {"orderId": "x", "command": {"do": "cancel-order"}}]})
    assert (got.status, got.code) == (400, "VALIDATION_ERROR"), got
    assert got.details == [
        {"field": "drifts[0].command", "problem": "is required"},
        {"field": "drifts[1].command.do", "problem": "there is no command \"fulfill\""},
        {"field": "drifts[2].command.quantity", "problem": "is required"},
        {"field": "drifts[2].command.ifVersion", "problem": "is required"},
        {"field": "drifts[3].command.ifVersion", "problem": "is required"}], got.details
    assert ask("POST", apply, {"drifts": []}).code == "VALIDATION_ERROR"
    assert ask("POST", apply, [1]).code == "VALIDATION_ERROR"
    assert ask("POST", plan, {"orders": [7]}).details == [
        {"field": "orders[0]", "problem": "must be the id of an order"}]


def test_usage(g):
    for words in ((), ("what",), ("plan", "x"), ("apply",), ("apply", "a", "b"),
                  ("report", "--orders", "x"), ("plan", "--html", "x"),
                  ("plan", "--json", "--text"), ("apply", "x", "--output", "y")):
        done = run(g, *words)
        assert done.returncode == 2 and done.stdout == "", done
        assert done.stderr.startswith("Usage: gantry reconcile plan "), done
    done = run(g, "--help")
    assert done.returncode == 0 and done.stdout.startswith("Usage: "), done
    g.write("half.json", b'{"gantryPlan":1,"drifts":[')
    done = run(g, "apply", g.path("half.json"))
    assert done.returncode == 1 and ": not a plan: " in done.stderr, done
    g.write("half.json", b'{"drifts":[]}')
    done = run(g, "apply", g.path("half.json"))
    assert (done.returncode, done.stderr) == (
        1, "gantry: %s: not a plan of \"gantry reconcile plan\"\n" % g.path("half.json")), done


def load(g, answers, over, n):
    """Orders one after the other; half of them the Order Service never hears of."""
    client = g.client("order-service")
    made = 0
    while not over.is_set():
        made += 1
        id = "load_%d_%d" % (n, made)
        line = {"orderItemId": "l0", "quantity": 1, "inventoryItemId": "load_inv"}
        if made % 2 or SERVICE.server is not None:
            SERVICE.order(id, [line], updatedAt=rfc3339(-3600))
        got = client.post("/allocations", dict(line, orderId=id))
        answers.append((id, SERVICE.server is None, got))
        time.sleep(0.002)
    client.close()


def outage(*gateways):
    """An Order Service that goes away under load and comes back; what each gateway
    answered, as (order, whether it was away, answer)."""
    answers, over = [[] for _ in gateways], threading.Event()
    threads = []
    for n, g in enumerate(gateways):
        g.item(10000000, id="load_inv")
        threads += [threading.Thread(target=load, args=(g, answers[n], over, n * 10 + i))
                    for i in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    SERVICE.stop()
    time.sleep(OUTAGE)
    SERVICE.start()
    time.sleep(1.5)
    over.set()
    for thread in threads:
        thread.join(60)
    return answers


class Aside:
    """gantry reconcile plan without any Order Service, meanwhile."""

    def __init__(self):
        self.done = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with Gantry(configuration().replace(":%d\"" % PORT, ":%d\"" % free_port())) as g:
            g.allocate(g.item(3))
            self.done = run(g, "plan", "--json")
            g.write("plan.json", self.done.stdout.encode())
            self.half = run(g, "apply", g.path("plan.json"))


def check_optimistic(g, answers):
    assert {got.status for _, _, got in answers} == {201}, [
        a for a in answers if a[2].status != 201][:3]
    assert sum(away for _, away, _ in answers) > 50
    kept = {r["id"] for r in g.rows("select id from allocations")}
    assert kept == {got.data["id"] for _, _, got in answers}
    unverified = {r["id"] for r in g.rows(
        "select o.id from orders o join allocations a on a.ord = o.ref "
        "where a.unverified = 1")}
    assert unverified >= {id for id, _, _ in answers if id not in SERVICE.orders}
    age(g)
    wanted = sorted((("unverified" if id in SERVICE.orders else "orphan"), id)
                    for id in unverified)
    assert {kind for kind, _ in wanted} == {"unverified", "orphan"}
    assert sorted((d["class"], d["orderId"]) for d in planned(g)["drifts"]) == wanted
    result = applied(g)
    assert result["counts"]["applied"] == len(unverified), result["counts"]
    assert g.rows("select id from allocations where unverified = 1 and "
                  "status <> 'CANCELLED'") == []
    live = {r["id"] for r in g.rows(
        "select o.id from orders o join allocations a on a.ord = o.ref "
        "where a.status = 'PENDING'")}
    assert live == {id for id, _, _ in answers if id in SERVICE.orders}
    age(g)
    assert planned(g)["drifts"] == []
    g.check_invariants()
    print("# %d allocations, %d while the Order Service was away for %g s: %d were "
          "verified, %d cancelled" % (
              len(answers), sum(away for _, away, _ in answers), OUTAGE,
              len([w for w in wanted if w[0] == "unverified"]),
              len([w for w in wanted if w[0] == "orphan"])))


def check_strict(g, answers):
    refused = [got for _, _, got in answers if got.status != 201]
    assert refused and {got.status for got in refused} <= {503, 404}, refused[:3]
    away = [got for got in refused if got.status == 503]
    assert away and {got.code for got in away} <= {
        "ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"}, away[:3]
    assert all(int(got.header("Retry-After")) >= 1 for got in away)
    kept = {r["id"] for r in g.rows("select id from allocations")}
    assert kept == {got.data["id"] for _, _, got in answers if got.status == 201}
    g.check_invariants()
    print("# strict: %d of %d answered 503 with Retry-After" % (len(away), len(answers)))


def test_outage(_):
    aside = Aside()
    strict = Gantry(configuration("strict"))
    with Gantry(configuration("optimistic")) as g:
        ready(g)
        strict.key = g.key
        strict.write("jwt.key", g.key, 0o600)
        with strict:
            answers = outage(g, strict)
            check_strict(strict, answers[1])
        check_optimistic(g, answers[0])
    aside.thread.join(60)
    assert aside.done.returncode == 1, aside.done
    assert aside.done.stderr == "gantry: order-service: cannot be connected to\n", aside.done
    assert aside.half.returncode == 1 and ": not a plan: " in aside.half.stderr, aside.half


def test_schedule(_):
    """What may be mended by itself is, without anybody who asks."""
    more = ", missing: auto, orphan: auto, status: auto, quantity: auto, expired: auto, " \
           "counters: auto, unverified: auto"
    routes = "  - {every: 300ms, pipeline: [reconcile.run]}\n"
    with Gantry(configuration("off", more)) as g:
        ready(g)
        shop = Shop(g, "auto", 9)
        statements = []
        expected = expected_of(shop, statements)
        for _ in range(60):
            shop.make("CONFIRMED")
        age(g, *statements)
        with open(g.path("gantry.yaml"), "a", encoding="utf-8") as f:
            f.write(routes)
        g.stop()
        g.start()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.3)
            runs = json.loads(run(g, "report", "--json").stdout)["runs"]
            if runs and runs[0]["kind"] == "schedule" and runs[0]["staged"] == 0 and \
                    any(r["staged"] > 0 for r in runs):
                break
        else:
            raise AssertionError(runs[:2])
        check_mended(g, expected)
        age(g)
        assert [d for d in planned(g)["drifts"] if "command" in d] == []
        g.check_invariants()


if __name__ == "__main__":
    SERVICE.start()
    tap.main(configuration())
