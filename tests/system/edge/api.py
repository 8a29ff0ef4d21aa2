#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The order side's edge beside a real inventory side: what is passed on, what is
accepted while the other is away, frozen or will not have our token, and that all
of it is done there once and in its order."""
import json
import os
import re
import subprocess
import time

import _path    # noqa: F401
import tap
from gantry import PROGRAM
from metrics import NO_BROKER
from rabbit import wait_for
from scrape import check_documented, promtool, scrape
from side import QUICK, Edge, breaker, freeze, run, thaw, verify

EDGE = None
PAUSES = "backoff: 100ms, max_backoff: 1s"
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


def prepare(g):
    global EDGE
    # one that is there answers in that, on a busy machine, too
    EDGE = Edge(g, patience="timeout: 3s, deadline: 5s")
    EDGE.start()


def ready(g):
    """Both are there, and the breaker lets calls through."""
    if g.process is None:
        g.start()
    if EDGE.process is None:
        EDGE.start()
    breaker(EDGE, "reset")
    EDGE.wait_until_through()
    return EDGE.orders


def configure(old="", new=""):
    """The edge anew, with other options."""
    assert old in QUICK
    EDGE.stop()
    EDGE.write("gantry.yaml", EDGE.configuration(QUICK.replace(old, new)).encode())
    EDGE.start()


def kept(body, **more):
    got = EDGE.orders.post("/allocations", body, **more)
    assert got.status == 202, got
    assert got.data["status"] == "OPTIMISTIC", got
    assert re.fullmatch(r"opt_[0-9A-Z]{26}", got.data["id"]), got
    assert got.header("Location") == "/allocations/" + got.data["id"], got
    return got.data["id"]


def wait_until_tried(times):
    """What is the first in the only line."""
    wait_for("it was tried", 60, lambda: json.loads(
        EDGE.records("line")[0]["value"])[0]["tries"] >= times)


def allocations(g, order):
    """Of an order, as the inventory side has them, oldest first."""
    return g.rows("select a.id, a.order_item_id as line, a.quantity, a.status, "
                  "i.id as item from allocations a join orders o on o.ref = a.ord "
                  "join items i on i.ref = a.item where o.id = ? order by a.ref", order)


def events(g, type):
    return [r for r in g.outbox() if r["type"] == type]


def test_passed_on(g):
    e = ready(g)
    item = g.item(10)
    got = e.post("/allocations", g.request(item, 3, orderId="ord_pass"))
    assert (got.status, got.data["status"]) == (201, "PENDING"), got
    id = got.data["id"]
    assert got.header("Location") == "/allocations/" + id
    assert got.header("X-Correlation-ID") == "ord_pass"
    assert (e.get("/allocations/" + id).data, e.get(
        "/allocations/by-order/ord_pass").data) == (got.data, [got.data])
    again = e.post("/allocations", g.request(item, 3, orderId="ord_pass"))
    assert (again.status, again.data["id"]) == (200, id), again
    got = e.put("/allocations/%s/confirm" % id)
    assert (got.status, got.data["status"]) == (200, "CONFIRMED"), got
    got = e.put("/allocations/%s/cancel" % id, {"reason": "changed their mind"})
    assert (got.status, got.data["status"]) == (200, "CANCELLED"), got
    assert events(g, "AllocationCancelled")[-1]["body"]["payload"]["reason"] == \
        "changed their mind"
    got = e.put("/allocations/%s/confirm" % id)
    assert (got.status, got.code) == (409, "INVALID_STATE_TRANSITION"), got
    assert e.get("/allocations/alloc_nobody").code == "ALLOCATION_NOT_FOUND"
    got = e.post("/allocations/bulk", {"orderId": "ord_bulk", "items": [
        {"orderItemId": "l1", "inventoryItemId": item, "quantity": 1}]})
    assert (got.status, len(got.data["allocations"])) == (201, 1), got
    assert EDGE.rows("select key from records") == []


def test_rights(g):
    ready(g)
    assert EDGE.client("order-service", aud="inventory-service").get(
        "/optimistic-allocations").status == 401
    got = EDGE.client("inventory-admin").post("/allocations", {})
    assert (got.status, got.code) == (403, "FORBIDDEN"), got


def test_away_and_back(g):
    e = ready(g)
    item = g.item(10)
    g.kill()
    body = g.request(item, 2, orderId="ord_away")
    id = kept(body)
    shown = e.get("/allocations/" + id)
    assert shown.data["orderId"] == "ord_away" and shown.data["quantity"] == 2, shown
    got = e.put("/allocations/%s/confirm" % id)
    assert (got.status, got.code) == (409, "ALLOCATION_OPTIMISTIC"), got
    assert got.json["error"]["retryable"] is True
    assert got.header("Retry-After") == "1"
    assert got.header("X-Correlation-ID") == got.json["error"]["correlationId"]
    for path in ("/allocations/by-order/ord_away", "/allocations/alloc_1"):
        got = e.get(path)
        assert (got.status, got.code) == (503, "INVENTORY_SERVICE_UNAVAILABLE"), got
        assert int(got.header("Retry-After")) >= 1
    got = e.post("/allocations/bulk", {"orderId": "ord_x", "items": [
        {"orderItemId": "l1", "inventoryItemId": item, "quantity": 1}]})
    assert (got.status, got.code) == (503, "INVENTORY_SERVICE_UNAVAILABLE"), got
    assert [w["id"] for w in EDGE.waiting()] == [id]
    g.start()
    ready(g)
    (made,) = allocations(g, "ord_away")
    assert made["quantity"] == 2, made
    got = e.get("/allocations/" + id)
    assert (got.status, got.data["id"], got.data["status"]) == (
        200, made["id"], "PENDING"), got
    got = e.put("/allocations/%s/confirm" % id)
    assert (got.status, got.data["id"], got.data["status"]) == (
        200, made["id"], "CONFIRMED"), got
    (event,) = [r for r in events(g, "AllocationCreated")
                if r["aggregate_id"] == made["id"]]
    assert event["body"]["metadata"]["correlationId"] == "ord_away", event
    # of its own record nothing is left but what it has become
    assert [k for s in ("waiting", "line", "turn", "share")
            for k in EDGE.records(s)] == []
    (ended,) = EDGE.records("ended")
    assert json.loads(ended["value"])["allocation"] == made["id"], ended


def test_in_order_of_the_item(g):
    e = ready(g)
    items = [g.item(10) for _ in range(4)]
    breaker(EDGE, "open", "--for", "60s")
    first = kept(g.request(items[0], 1, orderId="ord_row", orderItemId="l1"))
    for item in items[1:]:
        kept(g.request(item, 1, orderId="ord_row", orderItemId="l1"))
    assert [w["orderId"] for w in EDGE.waiting()] == ["ord_row"] * 4
    assert len(EDGE.records("turn")) == 1
    ready(g)
    assert [a["item"] for a in allocations(g, "ord_row")] == items
    assert e.get("/allocations/" + first).data["inventoryItemId"] == items[0]


def test_a_shortage(g):
    e = ready(g)
    item = g.item(3)
    g.kill()
    one = kept(g.request(item, 2, orderId="ord_first"))
    two = kept(g.request(item, 2, orderId="ord_second"))
    g.start()
    ready(g)
    outcome = {}
    for id in (one, two):
        got = e.get("/allocations/" + id)
        outcome[got.status] = got
        assert e.put("/allocations/%s/confirm" % id).status == got.status
    assert set(outcome) == {200, 409}, outcome
    assert outcome[409].code == "INSUFFICIENT_STOCK", outcome
    assert outcome[409].details["available"] == 1, outcome
    (event,) = [r for r in events(g, "InsufficientStock") if r["aggregate_id"] == item]
    assert event["exchange"] == "inventory.notifications", event
    # it is the inventory side's to say
    assert EDGE.outbox() == []


def test_the_same_key(g):
    e = ready(g)
    item = g.item(10)
    g.kill()
    body = g.request(item, 2, orderId="ord_key")
    key = {"Idempotency-Key": "key-1"}
    id = kept(body, headers=key)
    assert kept(body, headers=key) == id
    got = e.post("/allocations", dict(body, quantity=3), headers=key)
    assert (got.status, got.code) == (422, "IDEMPOTENCY_KEY_REUSED"), got
    EDGE.restart()
    assert kept(body, headers=key) == id
    assert len(EDGE.waiting()) == 1
    g.start()
    ready(g)
    assert kept(body, headers=key) == id
    assert len(allocations(g, "ord_key")) == 1
    (kept_there,) = g.rows("select key from idempotency where key like '%key-1'")
    assert kept_there["key"].endswith("order-service\x1ftester:key-1"), kept_there


def test_an_unknown_outcome(g):
    """It was carried out, but we did not hear of it: not done twice."""
    e = ready(g)
    item = g.item(10)
    freeze(g)
    try:
        id = kept(g.request(item, 2, orderId="ord_frozen"))
    finally:
        thaw(g)
    ready(g)
    (made,) = allocations(g, "ord_frozen")
    assert e.get("/allocations/" + id).data["id"] == made["id"]
    assert g.quantities(item) == (10, 2)
    assert len(g.rows("select key from idempotency where key like ?", "%" + id)) == 1


def test_nothing_accepted_is_lost(g):
    ready(g)
    item = g.item(100)
    g.kill()
    ids = []
    for n in range(6):
        ids.append(kept(g.request(item, 1, orderId="ord_kill_%d" % n)))
        if n % 2:
            EDGE.restart()
    assert [w["id"] for w in EDGE.waiting()] == ids
    g.start()
    ready(g)
    for n, id in enumerate(ids):
        (made,) = allocations(g, "ord_kill_%d" % n)
        assert EDGE.orders.get("/allocations/" + id).data["id"] == made["id"]


def test_our_token_is_refused(g):
    """A mistake of configuration costs nobody an allocation."""
    e = ready(g)
    item = g.item(10)
    g.write("jwt.key", b"quite another key of theirs, long enough", 0o600)
    g.restart()
    id = kept(g.request(item, 2, orderId="ord_token"))
    got = e.get("/allocations/alloc_1")
    assert (got.status, got.code) == (503, "INVENTORY_SERVICE_UNAVAILABLE"), got
    assert got.json["error"]["message"] == "inventory-service answers 401"
    wait_until_tried(3)
    assert [w["id"] for w in EDGE.waiting()] == [id]
    g.write("jwt.key", g.key, 0o600)
    g.restart()
    ready(g)
    assert len(allocations(g, "ord_token")) == 1


def test_the_list_of_an_order(g):
    """Also while something of it waits and the other side is there."""
    e = ready(g)
    item = g.item(10)
    assert e.post("/allocations", g.request(item, 1, orderId="ord_list",
                                            orderItemId="l0")).status == 201
    g.kill()
    configure(PAUSES, "backoff: 60s, max_backoff: 60s")
    id = kept(g.request(item, 1, orderId="ord_list", orderItemId="l1"))
    assert EDGE.orders.get("/allocations/by-order/ord_list").status == 503
    wait_until_tried(1)
    # its turn is in a while: the way is free before
    g.start()
    breaker(EDGE, "reset")
    got = EDGE.orders.get("/allocations/by-order/ord_list")
    assert [(a["orderItemId"], a["status"]) for a in got.data] == [
        ("l0", "PENDING"), ("l1", "OPTIMISTIC")], got
    assert got.data[1]["id"] == id
    (turn,) = EDGE.records("turn")
    assert turn["key"].endswith(id)
    configure()     # a turn that is too far away is one of another clock
    ready(g)
    assert len(allocations(g, "ord_list")) == 2


def test_bounds(g):
    e = ready(g)
    configure(PAUSES, PAUSES + ", max_waiting: 2")
    item = g.item(10)
    g.kill()
    for n in range(2):
        kept(g.request(item, 1, orderId="ord_full_%d" % n))
    e = EDGE.orders
    got = e.post("/allocations", g.request(item, 1))
    assert (got.status, got.code) == (503, "OVERLOADED"), got
    assert got.header("Retry-After") == "1"
    g.start()
    ready(g)
    assert e.post("/allocations", g.request(item, 1)).status == 201


def measured(n):
    """The page that says that n wait; it is some seconds behind."""
    def page():
        got = scrape(EDGE)
        return got if "gantry_backlog_waiting" in got.families and \
            got.values("gantry_backlog_waiting", "backlog") == ["requests"] and \
            got.of("gantry_backlog_waiting", handlers="edge") == n else None
    return wait_for("%d wait" % n, 60, page, 0.2)


def test_what_waits_is_measured(g):
    configure()
    ready(g)
    page = measured(0)
    assert page.of("gantry_backlog_age_seconds") == 0
    check_documented(page, NO_BROKER)
    item = g.item(10)
    g.kill()
    began = time.time()
    for n in range(4):
        # all orders of one share, or each in its own: the sum is the same
        kept(g.request(item, 1, orderId="ord_measure_%d" % (n % 3), orderItemId="l%d" % n))
    seen = time.time()
    page = measured(4)
    age = page.of("gantry_backlog_age_seconds", handlers="edge", backlog="requests")
    assert seen - began - 1 <= age <= time.time() - began + 1, age
    said = run(EDGE, "admin", "status").stdout
    assert re.search(r"^edge +4 +requests, the oldest since 20\S+Z$", said, re.M), said
    time.sleep(1)
    # it goes on between two looks at the store
    later = scrape(EDGE).of("gantry_backlog_age_seconds")
    assert later >= age + 0.9, (age, later)
    said = promtool("check", "metrics", text=page.text)
    assert said is None or (said.returncode, said.stdout, said.stderr) == (0, "", ""), said
    # a process of its own for its handlers, and a reload, change nothing
    EDGE.write("gantry.yaml", EDGE.configuration(
        QUICK.replace(PAUSES, PAUSES + ", isolation: process")).encode())
    assert run(EDGE, "reload").returncode == 0
    kept(g.request(item, 1, orderId="ord_measure_2", orderItemId="apart"))
    assert measured(5).of("gantry_backlog_age_seconds") >= later
    configure()
    g.start()
    ready(g)
    assert measured(0).of("gantry_backlog_age_seconds") == 0
    said = run(EDGE, "admin", "status").stdout
    assert re.search(r"^edge +0 +requests$", said, re.M), said


def test_in_a_process_of_its_own(g):
    ready(g)
    configure(PAUSES, PAUSES + ", isolation: process")
    item = g.item(10)
    got = EDGE.orders.post("/allocations", g.request(item, 1, orderId="ord_apart"))
    assert (got.status, got.header("X-Correlation-ID")) == (201, "ord_apart"), got
    g.kill()
    id = kept(g.request(item, 1, orderId="ord_apart", orderItemId="l2"))
    g.start()
    ready(g)
    made = allocations(g, "ord_apart")[-1]
    assert EDGE.orders.get("/allocations/" + id).data["id"] == made["id"]
    (event,) = [r for r in events(g, "AllocationCreated")
                if r["aggregate_id"] == made["id"]]
    assert event["body"]["metadata"]["correlationId"] == "ord_apart", event


def test_check(g):
    def check(text):
        EDGE.write("bad.yaml", text.encode())
        done = subprocess.run([PROGRAM, "check", "--config", EDGE.path("bad.yaml")] +
                              EDGE.folders(), capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr.replace(EDGE.folder + "/", "")

    whole = EDGE.configuration("")
    assert check(whole) == (0, "")
    with open(os.path.join(TOP, "etc", "gantry-edge.yaml")) as f:
        assert check(f.read()) == (0, "")
    without = re.sub(r"upstreams:\n(  .*\n)+", "", whole)
    assert check(without) == (
        2, "order-edge.yaml:10:3: handlers.edge: inventory_service: there is no "
           "upstream \"inventory-service\"\n"), check(without)


def test_both_are_in_order(g):
    ready(g)
    assert EDGE.stop() == 0 and g.stop() == 0
    verify(EDGE)
    verify(g)
    EDGE.__exit__(None, None, None)


if __name__ == "__main__":
    try:
        tap.main(prepare=prepare)
    finally:
        if EDGE is not None and EDGE.process is not None:
            EDGE.__exit__(True, None, None)
