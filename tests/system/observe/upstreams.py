#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The metrics page of a gateway with an Order Service: its numbers of calls, tries
and the breaker are those that the service and the callers saw."""
import time

import _path  # noqa: F401
import tap
from gantry import NOBODY_ELSE_ASKS, free_port
from metrics import NO_BACKLOG, NO_BROKER
from order_service import OrderService
from scrape import check_documented, scrape

PORT = free_port()
SERVICE = OrderService(b"", PORT)
CONFIGURATION = """
upstreams:
  order-service: {url: "http://127.0.0.1:%d", auth: services,
    breaker: calls-to-orders, timeout: 500ms, deadline: 2s, retries: 2, backoff: 20ms}
breakers:
  calls-to-orders: {plugin: breaker, failure_threshold: 6, reset_timeout: 1s}
handlers:
  allocate: {plugin: allocations, order_check: strict}
routes:
%s""" % (PORT, NOBODY_ELSE_ASKS)
UP = {"upstream": "order-service"}


def create(g, order, item):
    return g.orders.post("/allocations", g.request(item, 1, orderId=order))


def ready(g):
    SERVICE.key = g.key
    if SERVICE.server is None:
        SERVICE.start()
    SERVICE.fault = None
    SERVICE.asked()


def test_the_manual_page_names_all(g):
    check_documented(scrape(g), NO_BROKER + NO_BACKLOG)


def test_calls_are_those_that_came(g):
    ready(g)
    item, before = g.item(100), scrape(g)
    orders = [SERVICE.order(g.fresh("ord")) for _ in range(7)]
    assert [create(g, o, item).status for o in orders] == [201] * 7
    assert create(g, "ord_nobody", item).status == 404
    after, asked = scrape(g), len(SERVICE.asked())

    def grew(name, **labels):
        return after.of(name, **labels) - before.of(name, **labels)

    assert asked >= 8
    assert grew("gantry_upstream_calls_total", outcome="answered", **UP) == asked
    assert grew("gantry_upstream_calls_total") == asked
    assert grew("gantry_upstream_tries_total", **UP) == asked
    assert grew("gantry_upstream_call_duration_seconds_count", **UP) == asked
    assert grew("gantry_asks_total", kind="upstream", result="answered") == asked
    assert grew("gantry_asks_total", kind="upstream", result="failed") == 0
    assert after.of("gantry_upstream_under_way", **UP) == 0
    assert after.of("gantry_breaker_state", breaker="calls-to-orders") == 2


def test_faults_and_the_breaker(g):
    ready(g)
    item, before = g.item(100), scrape(g)
    order = SERVICE.order(g.fresh("ord"))
    SERVICE.fault = 503
    codes = [create(g, order, item).code for _ in range(4)]
    assert codes == ["ORDER_SERVICE_UNAVAILABLE"] * 2 + ["CIRCUIT_OPEN"] * 2, codes
    after = scrape(g)

    def grew(name, **labels):
        return after.of(name, **labels) - before.of(name, **labels)

    assert len(SERVICE.asked()) == 6
    assert grew("gantry_upstream_tries_total", **UP) == 6
    assert grew("gantry_upstream_calls_total", outcome="failed", **UP) == 2
    assert grew("gantry_upstream_calls_total", outcome="refused", **UP) == 2
    assert grew("gantry_upstream_call_duration_seconds_count", **UP) == 4
    assert grew("gantry_asks_total", kind="upstream", result="failed") == 4
    assert grew("gantry_http_requests_total", route="POST /allocations",
                status="503") == 4
    name = {"breaker": "calls-to-orders"}
    assert after.of("gantry_breaker_state", **name) == 0
    assert after.of("gantry_breaker_held", **name) == 0
    assert grew("gantry_breaker_opened_total", **name) == 1
    assert grew("gantry_breaker_refused_total", **name) == 2
    SERVICE.fault = None
    time.sleep(1.1)
    assert create(g, order, item).status == 201
    assert scrape(g).of("gantry_breaker_state", **name) == 2


if __name__ == "__main__":
    try:
        tap.main(CONFIGURATION)
    finally:
        SERVICE.stop()
