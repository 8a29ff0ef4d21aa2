#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gantry beside an Order Service: tokens, retries, the breaker, order_check and
events of unknown orders, with faults of every kind between them."""
import json
import math
import re
import subprocess
import threading
import time

import _path
import tap
from gantry import Client, Gantry, NOBODY_ELSE_ASKS, PROGRAM, free_port
from order_service import OrderService
from rabbit import wait_for

PORT = free_port()
SERVICE = OrderService(b"", PORT)
CHECK = "strict"
# What is looked at while the breaker is open is looked at within this, on a busy
# machine, too.
RESET_SECONDS = 3


def configuration(check):
    return (
        "upstreams:\n"
        "  order-service: {url: \"http://127.0.0.1:%d\", auth: services,\n"
        "    breaker: calls-to-orders, timeout: 500ms, deadline: 2s, retries: 2,\n"
        "    backoff: 20ms, pool: 4}\n"
        "breakers:\n"
        "  calls-to-orders: {plugin: breaker, failure_threshold: 6, reset_timeout: %ds}\n"
        "handlers:\n"
        "  allocate: {plugin: allocations, order_check: %s}\n"
        "routes:\n%s" % (PORT, RESET_SECONDS, check, NOBODY_ELSE_ASKS))


def ready(g):
    """The service as it should be, and the breaker, too."""
    SERVICE.key = g.key
    SERVICE.fault, SERVICE.faults = None, []
    if SERVICE.server is None:
        SERVICE.start()
    run(g, "reset", "calls-to-orders")
    SERVICE.asked()


def run(g, *words):
    return subprocess.run([PROGRAM, "breakers"] + list(words) +
                          ["--config", g.path("gantry.yaml")] +
                          [w for w in g.folders() if "plugins" not in w.lower()],
                          capture_output=True, text=True, timeout=60)


def admin(g, method, path, body=None, role="gantry-admin"):
    client = Client(g.admin_port, g.token(role) if role else None)
    try:
        return client.ask(method, path, body)
    finally:
        client.close()


def breaker(g):
    return admin(g, "GET", "/admin/api/breakers").data[0]


def half_open(g):
    wait_for("the breaker is half-open", RESET_SECONDS + 10,
             lambda: breaker(g)["state"] == "half-open")


def create(g, order, item, quantity=1, **more):
    return g.orders.post("/allocations", g.request(item, quantity, orderId=order, **more))


def log(g):
    with open(g.path("log"), encoding="utf-8") as f:
        return f.read()


def test_strict(g):
    ready(g)
    item, order = g.item(10), g.fresh("ord/ä")
    got = create(g, order, item)
    assert (got.status, got.code) == (404, "ORDER_NOT_FOUND"), got
    assert got.json["error"]["message"] == "The Order Service has no such order"
    assert got.details == {"orderId": order}
    SERVICE.order(order)
    got = create(g, order, item, headers=None)
    assert got.status == 201, got
    assert create(g, order, item).status == 200
    got = create(g, order, item, orderItemId="other")
    assert (got.status, got.details) == (400, [{
        "field": "orderItemId", "problem": "is no item of the order"}]), got
    SERVICE.order(order, status="CANCELLED")
    assert create(g, order, g.item(1)).code == "ORDER_CANCELLED"
    path, headers = SERVICE.requests[-1]
    assert re.fullmatch(r"/orders/ord%2F%C3%A4_\d+", path), path
    # an id of Gantry's own, since this order's is no header
    assert re.fullmatch(r"cor_[0-9A-Z]{26}", headers["X-Correlation-ID"]), headers
    assert SERVICE.refused == []
    claims = SERVICE.claims
    assert claims["sub"] == "inventory-service" and claims["roles"] == [
        "inventory-service"], claims
    assert claims["exp"] - claims["iat"] == 300, claims
    assert g.rows("select unverified from allocations where unverified = 1") == []


def test_correlation(g):
    ready(g)
    order = SERVICE.order(g.fresh("ord"))
    item = g.item(10)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = g.request(item, orderId=order)
    got = g.orders.post("/allocations", body, headers={
        "X-Correlation-ID": "cor-77", "traceparent": trace, "tracestate": "a=1"})
    assert got.status == 201, got
    headers = SERVICE.requests[-1][1]
    assert headers["X-Correlation-ID"] == "cor-77" and headers["traceparent"] == trace
    assert headers["tracestate"] == "a=1"
    got = g.orders.post("/allocations", body)
    headers = SERVICE.requests[-1][1]
    assert headers["X-Correlation-ID"] == order == got.header("X-Correlation-ID")


def test_items_by_themselves(g):
    ready(g)
    order = SERVICE.order(g.fresh("ord"))
    items = SERVICE.orders[order].pop("items")
    got = create(g, order, g.item(5))
    assert got.status == 400, got       # there are none
    assert SERVICE.asked() == ["/orders/" + order, "/orders/%s/items" % order]
    SERVICE.orders[order]["items"] = items
    many = [{"orderItemId": "item_1", "inventoryItemId": g.item(5), "quantity": 1}
            for _ in range(30)]
    got = g.orders.post("/allocations/bulk", {"orderId": order, "items": many})
    assert got.status == 201 and len(got.data["allocations"]) == 30, got
    assert SERVICE.asked() == ["/orders/" + order]


def test_what_is_mended_by_a_retry(g):
    ready(g)
    item = g.item(100)
    for fault in (503, 429, 408, "close", "reset", "short", 1.0,
                  (503, {"Retry_After": "1"})):
        order = SERVICE.order(g.fresh("ord"))
        SERVICE.faults = [fault]
        began = time.monotonic()
        got = create(g, order, item)
        assert got.status == 201, (fault, got)
        if isinstance(fault, tuple):
            assert time.monotonic() - began >= 1, fault
    assert breaker(g)["state"] == "closed"


def test_what_is_not(g):
    item = g.item(100)
    cases = [(500, "answered 500"), (503, "answered 503"),
             ("close", "the connection broke"), ("short", "the connection broke"),
             ("text", "the answer is not JSON"), (0.7, "no answer within 500 ms")]
    for fault, why in cases:
        ready(g)
        SERVICE.fault = fault
        got = create(g, SERVICE.order(g.fresh("ord")), item)
        assert got.status == 503, (fault, got)
        assert got.code == "ORDER_SERVICE_UNAVAILABLE", got
        assert got.json["error"]["message"] == "order-service: " + why, got
        assert got.json["error"]["retryable"] and got.header("Retry-After"), got
        assert str(PORT) not in got.body.decode()
    assert g.quantities(item) == (100, 0)


def test_breaker(g):
    ready(g)
    item = g.item(100)
    order = SERVICE.order(g.fresh("ord"))
    SERVICE.fault = 503
    began = time.monotonic()
    got = [create(g, order, item) for _ in range(2)]
    assert [each.code for each in got] == ["ORDER_SERVICE_UNAVAILABLE"] * 2, got
    asked = len(SERVICE.asked())
    assert asked == 6, asked
    got = create(g, order, item)
    assert (got.status, got.code) == (503, "CIRCUIT_OPEN"), got
    # what is left, in whole seconds
    least = math.ceil(RESET_SECONDS - (time.monotonic() - began))
    assert least <= int(got.header("Retry-After")) <= RESET_SECONDS, (least, got)
    assert got.json["error"]["message"] == \
        "order-service: calls are stopped for now by the breaker calls-to-orders"
    assert SERVICE.asked() == []
    ready_page = admin(g, "GET", "/readyz", role=None)
    assert (ready_page.status, ready_page.json) == (200, {
        "status": "warn", "reason": "breaker",
        "breakers": {"calls-to-orders": "open"}}), ready_page
    metrics = admin(g, "GET", "/metrics", role=None).body.decode()
    assert 'gantry_breaker_state{breaker="calls-to-orders"} 0\n' in metrics, metrics
    assert 'gantry_upstream_calls_total{upstream="order-service",outcome="refused"} 1\n' \
        in metrics, metrics
    half_open(g)
    assert create(g, order, item).status == 503
    assert len(SERVICE.asked()) == 1
    assert breaker(g)["state"] == "open"
    SERVICE.fault = None
    half_open(g)
    assert create(g, order, item).status == 201
    state = breaker(g)
    assert (state["state"], state["failures"]) == ("closed", 0), state
    assert admin(g, "GET", "/readyz", role=None).json == {"status": "pass"}
    assert "breaker calls-to-orders: open" in log(g)
    # a clear answer is no failure
    for _ in range(8):
        assert create(g, g.fresh("nobody"), item).status == 404
    assert breaker(g)["state"] == "closed"


def test_command(g):
    ready(g)
    item, order = g.item(10), SERVICE.order(g.fresh("ord"))
    done = run(g, "list")
    assert done.returncode == 0 and re.fullmatch(
        r"calls-to-orders  closed  +failures 0  opened \d+  refused \d+\n",
        done.stdout), done
    done = run(g, "open", "calls-to-orders", "--for", "1h")
    assert done.returncode == 0 and re.fullmatch(
        r"calls-to-orders  open  held  for 3600 s  failures 0  opened \d+  refused \d+\n",
        done.stdout), done
    got = create(g, order, item)
    assert got.code == "CIRCUIT_OPEN" and got.header("Retry-After") == "3600", got
    assert SERVICE.asked() == []
    done = run(g, "close", "calls-to-orders", "--json")
    assert json.loads(done.stdout)["breaker"]["held"] is True, done
    SERVICE.fault = 500
    for _ in range(4):
        assert create(g, order, item).code == "ORDER_SERVICE_UNAVAILABLE"
    SERVICE.fault = None
    assert create(g, order, item).status == 201
    done = run(g, "reset", "calls-to-orders")
    assert done.returncode == 0 and "held" not in done.stdout, done
    for words, code, text in (
            (("open", "none"), 1, "gantry: There is no breaker \"none\"\n"),
            (("open", "a/../b"), 1, "gantry: There is no breaker \"a%2F..%2Fb\"\n"),
            (("open", "calls-to-orders", "--for", "x"), 2,
             "gantry: --for: must be a duration of 1s to 30d: \"x\"\n")):
        done = run(g, *words)
        assert (done.returncode, done.stdout, done.stderr) == (code, "", text), done
    for words in ((), ("open",), ("list", "x"), ("reset", "a", "--for", "1s"), ("what",)):
        done = run(g, *words)
        assert done.returncode == 2 and done.stderr.startswith("Usage: "), done
    assert re.search(r"breaker calls-to-orders: held open by uid \d+", log(g))
    wait_for("the audit says so", 60, lambda: g.rows(
        "select 1 from audit where action = 'breaker' and object = 'calls-to-orders' "
        "and result = 'held open' and actor like 'uid %'"))


def test_rights(g):
    ready(g)
    path = "/admin/api/breakers"
    assert admin(g, "GET", path, role=None).status == 401
    assert admin(g, "GET", path, role="order-service").status == 403
    assert admin(g, "GET", path, role="gantry-admin:view").status == 200
    path += "/calls-to-orders/open"
    assert admin(g, "POST", path, role="gantry-admin:view").status == 403
    assert admin(g, "GET", path).status == 405
    got = admin(g, "POST", path, {"for": "0s"})
    assert (got.status, got.details) == (400, [{
        "field": "for", "problem": "must be a duration of 1ms to 30d"}]), got
    assert breaker(g)["state"] == "closed"
    got = admin(g, "POST", path, {"for": "300ms"}, role="gantry-admin:breakers")
    assert got.status == 200 and got.data["state"] == "open" and got.data["held"], got
    wait_for("its time is over", 60, lambda: breaker(g)["state"] == "closed")


def test_token_is_renewed_when_it_is_refused(g):
    ready(g)
    item, order = g.item(10), SERVICE.order(g.fresh("ord"))
    assert create(g, order, item).status == 201
    good, SERVICE.key = SERVICE.key, b"another key of theirs"
    SERVICE.refused.clear()
    got = create(g, order, g.item(1))
    assert (got.status, got.code) == (503, "ORDER_SERVICE_UNAVAILABLE"), got
    assert got.json["error"]["message"] == "The Order Service answers 401"
    assert SERVICE.refused == ["wrong signature"] * 2
    assert breaker(g)["state"] == "closed"
    SERVICE.key = good
    assert create(g, order, g.item(1)).status == 201


def test_events_of_unknown_orders(g):
    ready(g)
    item = g.item(10)
    order = g.fresh("ord")
    got = g.publish("OrderConfirmed", {"orderId": order})
    assert (got.status, got.code) == (409, "ORDER_UNKNOWN"), got
    SERVICE.order(order, [{"orderItemId": "l1", "inventoryItemId": item, "quantity": 3}],
                  "CONFIRMED", requiresPreAllocation=True)
    SERVICE.fault = 503
    got = g.publish("OrderConfirmed", {"orderId": order})
    assert (got.status, got.code) == (503, "ORDER_SERVICE_UNAVAILABLE"), got
    ready(g)
    got = g.publish("OrderConfirmed", {"orderId": order})
    assert (got.status, got.data["outcome"]) == (200, "applied"), got
    got = g.orders.get("/allocations/by-order/" + order)
    assert [a["status"] for a in got.data] == ["CONFIRMED"], got
    assert g.quantities(item) == (10, 3)
    SERVICE.asked()
    assert g.publish("OrderConfirmed", {"orderId": order}).status == 200
    assert SERVICE.asked() == []        # it is known now


def test_many_at_once(g):
    """A slow Order Service: everybody is answered, and nobody waits for long
    who does not need it."""
    ready(g)
    item = g.item(1000)
    SERVICE.fault = 0.05
    orders = [SERVICE.order(g.fresh("ord")) for _ in range(120)]
    statuses, quick, slow = [], [], []

    def timed(into, ask):
        began = time.monotonic()
        got = ask()
        into.append(time.monotonic() - began)
        return got.status

    def work(part):
        client = g.client("order-service")
        for order in part:
            statuses.append(timed(slow, lambda: client.post(
                "/allocations", g.request(item, 1, orderId=order))))
        client.close()

    threads = [threading.Thread(target=work, args=(orders[i::24],)) for i in range(24)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        assert timed(quick, lambda: g.stock.get("/inventory-items/" + item)) == 200
        time.sleep(0.02)
    assert sorted(set(statuses)) in ([201], [201, 503]), statuses
    assert g.quantities(item)[1] == statuses.count(201) > 60, statuses
    # nine of ten are answered sooner than half of those who need it
    quick, slow = sorted(quick), sorted(slow)
    assert quick[len(quick) * 9 // 10] < slow[len(slow) // 2], (quick, slow)


def test_check(g):
    """What is wrong with it is said before anything starts."""
    def check(text):
        g.write("bad.yaml", g.configuration(text).encode())
        done = subprocess.run([PROGRAM, "check", "--config", g.path("bad.yaml")] +
                              g.folders(), capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr.replace(g.folder + "/", "")

    assert check("handlers: {allocate: {plugin: allocations, order_check: strict}}\n") == (
        2, "bad.yaml:9:12: handlers.allocate: order_check: strict needs an upstream, "
           "and there is no \"order-service\"\n")
    assert check("upstreams: {orders: {url: \"http://h\"}}\n"
                 "handlers: {allocate: {plugin: allocations, order_service: order}}\n") == (
        2, "bad.yaml:10:59: handlers.allocate.order_service: there is no upstream "
           "\"order\" (did you mean \"orders\"?)\n")
    said = check("upstreams: {orders: {url: \"http://h\", auth: service, breaker: b}}\n")
    assert said == (
        2, "bad.yaml:9:45: upstreams.orders.auth: there is no auth \"service\" (did you "
           "mean \"services\"?)\n"
           "bad.yaml:9:63: upstreams.orders.breaker: there is no breaker \"b\"\n"), said


def test_optimistic(g):
    """With another configuration: goes on when the Order Service is away."""
    g.stop()
    g.write("gantry.yaml", g.configuration(configuration("optimistic")).encode())
    g.start()
    ready(g)
    item, order = g.item(10), g.fresh("ord")
    assert create(g, order, item).code == "ORDER_NOT_FOUND"
    SERVICE.stop()
    got = create(g, order, item)
    assert got.status == 201, got
    assert g.rows("select id from allocations where unverified = 1") == [
        {"id": got.data["id"]}]
    for _ in range(3):      # the breaker opens on the way
        assert create(g, g.fresh("ord"), item).status == 201
    assert breaker(g)["state"] == "open"
    assert "the order is not verified: the Order Service is away" in log(g)
    SERVICE.start()
    # what was verified says so by saying nothing
    ready(g)
    assert create(g, SERVICE.order(g.fresh("ord")), item).status == 201
    assert len(g.rows("select id from allocations where unverified = 1")) == 4


def test_stop_while_calls_are_under_way(g):
    ready(g)
    SERVICE.fault = 0.3
    item, order = g.item(10), SERVICE.order(g.fresh("ord"))
    answers = []
    client = g.client("order-service")
    thread = threading.Thread(target=lambda: answers.append(
        client.post("/allocations", g.request(item, orderId=order))))
    thread.start()
    wait_for("it is asked", 60, SERVICE.asked)
    assert g.stop() == 0
    thread.join(60)
    assert [a.status for a in answers] == [201], answers
    client.close()
    g.start()


if __name__ == "__main__":
    SERVICE.start()
    tap.main(configuration(CHECK))
