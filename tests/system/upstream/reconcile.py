#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry reconcile against an Order Service, with drifts of every class made on
purpose among orders that are as they should be: all are found, nothing else is,
and what mends them does no more."""
import json
import threading
import time

import _path  # noqa: F401
import tap
from drifts import (ORDERS, SERVICE, Shop, age, applied, brief, check_mended,
                    configuration, expected_of, planned, ready, run, verified)
from gantry import Client


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
    assert g.rows("select name from leases where name like '%allocate.expire' and "
                  "owner <> 'nobody'") == []
    verified(g)


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
    newest = next(r for r in runs if r["kind"] != "schedule")
    assert newest["kind"] == "plan" and newest["looked"] > 0, newest
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

    def reported():
        return json.loads(run(g, "report", "--json").stdout)["runs"]

    try:
        for _ in range(3):      # the schedule's own run may come in between, once
            before = reported()
            got = client.get("/admin/api/reconcile/runs")
            if reported() == before:
                break
        assert got.status == 200 and got.data == before, got
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


if __name__ == "__main__":
    SERVICE.start()
    tap.main(configuration())
