#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traces of a gateway without a broker: what a request leaves, who is looked at,
calls with retries and the breaker, and a receiver that is slow, refuses or away."""
import json
import os
import subprocess
import time

import _path  # noqa: F401
import stores
import tap
from gantry import Client, Gantry, NOBODY_ELSE_ASKS, PROGRAM, free_port
from order_service import OrderService
from receiver import CLIENT, INTERNAL, SERVER, Receiver
from scrape import scrape

PORT = free_port()
SERVICE = OrderService(b"", PORT)
RECEIVER = Receiver()
SECRET = b"Authorization: Bearer very-secret\nX-Tenant: shop one\n"
UPSTREAM = """
upstreams:
  order-service: {url: "http://127.0.0.1:%d", auth: services,
    breaker: calls-to-orders, timeout: 500ms, deadline: 2s, retries: 2, backoff: 20ms}
breakers:
  calls-to-orders: {plugin: breaker, failure_threshold: 4, reset_timeout: 60s}
handlers:
  asks: {plugin: allocations, order_check: strict}
routes:
  - {http: "POST /asking", auth: services, roles: [order-service], pipeline: [asks.create]}
  - {every: 1s, pipeline: [asks.expire]}
%s""" % (PORT, NOBODY_ELSE_ASKS)
TRACES = ('traces: {endpoint: "http://127.0.0.1:%d/", ratio: %s, interval: 50ms, '
          'queue: 256, batch: 16, timeout: 1s%s}\n')
CONFIGURATION = TRACES % (RECEIVER.port, "1", ", headers_file: trace.headers") + UPSTREAM
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def prepare(g):
    g.write("trace.headers", SECRET, 0o600)
    RECEIVER.start()


def one(spans, name, **more):
    found = [s for s in spans if s.name == name and
             all(getattr(s, key) == value for key, value in more.items())]
    return found[0] if len(found) == 1 else None


def trace_of(number):
    return "%032x" % (number << 64 | number)


def parent(trace, sampled=True):
    return {"traceparent": "00-%s-%s-%s" % (trace, PARENT, "01" if sampled else "00")}


def grown(g, before, name, **labels):
    return scrape(g).of(name, **labels) - before.of(name, **labels)


def create(g, item, headers=None, path="/allocations", **more):
    return g.orders.post(path, g.request(item, 1, **more), headers=headers or {})


def test_a_request(g):
    item = g.item(10)
    got = create(g, item, dict(parent(TRACE), **{"X-Correlation-ID": "cor-7"}))
    assert got.status == 201, got
    RECEIVER.wait("its spans", lambda spans: one(spans, "POST /allocations", trace=TRACE))
    spans = RECEIVER.of(TRACE)
    assert sorted(s.name for s in spans) == \
        ["POST /allocations", "allocate.create", "unit"], spans
    request, unit = one(spans, "POST /allocations"), one(spans, "unit")
    handler = one(spans, "allocate.create")
    assert (request.kind, request.parent, request.failed) == (SERVER, PARENT, False)
    assert request.attributes == {
        "gantry.correlation_id": "cor-7", "http.request.method": "POST",
        "url.scheme": "http", "url.path": "/allocations", "http.route": "/allocations",
        "server.address": "127.0.0.1", "server.port": g.port,
        "http.response.status_code": 201}, request
    for below in (handler, unit):
        assert (below.kind, below.parent, below.failed) == (INTERNAL, request.id, False)
        assert request.began <= below.began <= below.ended <= request.ended, spans
    assert handler.attributes == {"gantry.runs": 1, "gantry.verdict": "done"}, handler
    # a storage may have two, and which one it is hangs on a hash
    assert unit.attributes.pop("gantry.unit.lane") in (0, 1), unit
    assert unit.attributes == {"gantry.unit.messages": 1}, unit
    assert request.resource["service.name"] == "inventory-service", request.resource
    assert set(request.resource) == {"service.name", "service.version",
                                     "service.instance.id"}
    # what it caused knows who caused it
    (row,) = g.outbox(got.data["id"])
    assert row["traceparent"] == "00-%s-%s-01" % (TRACE, unit.id), row


def test_the_beginning_of_a_trace(g):
    RECEIVER.forget()
    assert g.orders.get("/allocations/alloc_none").status == 404
    request = RECEIVER.wait("the request", lambda s: one(s, "GET /allocations/{id}"))
    assert request.parent is None and not request.failed, request
    assert request["http.route"] == "/allocations/{id}"
    assert request["url.path"] == "/allocations/alloc_none"
    assert request["http.response.status_code"] == 404
    assert request["gantry.code"] == "ALLOCATION_NOT_FOUND", request
    handler = one(RECEIVER.of(request.trace), "allocate.get")
    assert handler.parent == request.id and handler["gantry.runs"] == 2, handler
    assert handler["gantry.verdict"] == "rejected"
    # the same number in the log, with what a client may ask for
    assert g.orders.get("/nothing?token=secret").status == 404
    got = RECEIVER.wait("what has no route", lambda s: one(s, "GET"))
    assert got["url.path"] == "/nothing" and "secret" not in repr(got), got
    assert g.orders.ask("BREW", "/" + "x" * 2000).status == 404
    got = RECEIVER.wait("a method that nobody knows", lambda s: one(s, "HTTP"))
    assert got["http.request.method"] == "_OTHER", got
    assert got["http.request.method_original"] == "BREW" and got["server.port"] == g.port
    assert got["url.path"] == "/" + "x" * 159, got
    assert g.client("nobody").post("/allocations", {}).status == 403
    RECEIVER.wait("who may not", lambda s: [x for x in s if x["gantry.code"] == "FORBIDDEN"])


def test_headers_from_a_file(g):
    heads = RECEIVER.heads[-1]
    assert heads["Authorization"] == "Bearer very-secret", heads
    assert heads["X-Tenant"] == "shop one" and "Expect" not in heads, heads
    assert heads["User-Agent"].startswith("gantry/"), heads
    with open(g.path("log")) as log:
        assert "very-secret" not in log.read()


def test_who_is_not_looked_at(g):
    item = g.item(10)
    got = create(g, item, parent(trace_of(1), sampled=False))
    assert got.status == 201
    # it travels as it came
    (row,) = g.outbox(got.data["id"])
    assert row["traceparent"] == parent(trace_of(1), False)["traceparent"], row
    create(g, item, parent(trace_of(2)))
    RECEIVER.wait("the next one", lambda s: one(s, "POST /allocations", trace=trace_of(2)))
    assert RECEIVER.of(trace_of(1)) == []


def test_every_parent_is_there(g):
    assert RECEIVER.again == 0
    for span in RECEIVER.all():
        assert span.parent is None or span.parent == PARENT or \
            span.parent in {s.id for s in RECEIVER.of(span.trace)}, span


def test_calls_with_retries(g):
    SERVICE.key = g.key
    SERVICE.start()
    item, order = g.item(10), SERVICE.order(g.fresh("ord"))
    SERVICE.faults = [503, "short"]
    got = create(g, item, parent(trace_of(3)), "/asking", orderId=order)
    assert got.status == 201, got
    RECEIVER.wait("the request", lambda s: one(s, "POST /asking", trace=trace_of(3)))
    spans = RECEIVER.of(trace_of(3))
    request, handler = one(spans, "POST /asking"), one(spans, "asks.create")
    assert handler.parent == request.id and handler["gantry.runs"] >= 2
    call = next(s for s in spans if s.name == "call order-service" and s["gantry.tries"] == 3)
    assert (call.kind, call.parent, call.failed) == (INTERNAL, handler.id, False), call
    assert call["gantry.breaker"] == "calls-to-orders"
    assert call["gantry.breaker.state"] == "closed"
    assert handler.began <= call.began <= call.ended <= handler.ended
    tries = sorted((s for s in spans if s.parent == call.id), key=lambda s: s.began)
    assert [(t.name, t.kind, t.failed) for t in tries] == \
        [("GET", CLIENT, True), ("GET", CLIENT, True), ("GET", CLIENT, False)], tries
    assert [t["error.type"] for t in tries] == ["503", "broken", None], tries
    assert [t["http.response.status_code"] for t in tries] == [503, None, 200], tries
    assert [t["http.request.resend_count"] for t in tries] == [None, 1, 2], tries
    for t in tries:
        assert t["server.address"] == "127.0.0.1" and t["server.port"] == PORT, t
        assert t["url.full"] == "http://127.0.0.1:%d%s" % (PORT, call["url.path"]), t
        assert t["http.request.method"] == "GET", t
    # each try said who it was
    said = [headers["traceparent"] for path, headers in SERVICE.requests
            if path.partition("?")[0] == call["url.path"]]
    assert said == ["00-%s-%s-01" % (trace_of(3), t.id) for t in tries], (said, tries)


def test_calls_that_the_breaker_refuses(g):
    item, order = g.item(10), SERVICE.order(g.fresh("ord"))
    SERVICE.fault = 503
    for n in (4, 5, 6):
        got = create(g, item, parent(trace_of(n)), "/asking", orderId=order)
        assert got.status == 503, got
    assert got.code == "CIRCUIT_OPEN", got
    RECEIVER.wait("the last", lambda s: one(s, "POST /asking", trace=trace_of(6)))
    spans = RECEIVER.of(trace_of(6))
    (call,) = [s for s in spans if s.name == "call order-service"]
    assert call.failed and call["error.type"] == "CIRCUIT_OPEN", call
    assert call.why == "calls are stopped for now by the breaker calls-to-orders", call
    assert call["gantry.tries"] == 0 and call["gantry.breaker.state"] == "open", call
    assert not [s for s in spans if s.kind == CLIENT], spans
    request, handler = one(spans, "POST /asking"), one(spans, "asks.create")
    assert request.failed and request["error.type"] == "503", request
    assert request["gantry.code"] == "CIRCUIT_OPEN"
    assert handler.failed and handler["error.type"] == "CIRCUIT_OPEN", handler
    # the call in which it opened
    (call,) = [s for s in RECEIVER.of(trace_of(5)) if s.name == "call order-service"]
    assert call.failed and call["gantry.breaker.state"] == "open", call
    assert call["gantry.tries"] == 1 and call["error.type"] == "failed", call
    SERVICE.fault = None


def test_events_over_http(g):
    """What an event does is below the request that brought it."""
    RECEIVER.forget()
    item, order = g.item(10), g.fresh("ord")
    got = g.publish("OrderCreated", {"orderId": order, "requiresPreAllocation": True, "items": [
        {"orderItemId": "l1", "inventoryItemId": item, "quantity": 1}]})
    assert got.status == 200, got
    request = RECEIVER.wait("the request", lambda s: one(
        s, "POST /events/{exchange}/{routingKey}"))
    spans = RECEIVER.of(request.trace)
    below = {s.name: s.parent for s in spans if s is not request}
    assert below == {"orders.created": request.id, "unit": request.id}, spans


def test_ticks(g):
    tick = RECEIVER.wait("a tick", lambda s: [x for x in s if x.name == "every 1s"])[0]
    assert tick.kind == INTERNAL and tick.parent is None
    assert one(RECEIVER.of(tick.trace), "asks.expire").parent == tick.id


def test_the_admin_is_traced_and_its_pages_are_not(g):
    RECEIVER.forget()
    client = Client(g.admin_port, g.token("gantry-admin"))
    assert client.get("/admin/api/breakers").status == 200
    assert client.get("/livez").status == 200
    span = RECEIVER.wait("the admin's", lambda s: [
        x for x in s if x["url.path"] == "/admin/api/breakers"])[0]
    assert (span.name, span.kind) == ("GET", SERVER), span
    client.close()
    time.sleep(0.2)
    assert not [s for s in RECEIVER.all() if s["url.path"] in ("/livez", "/metrics")]


def shop(g, item, n=60):
    """n allocations, each answered at once."""
    began = time.monotonic()
    for _ in range(n):
        assert create(g, item).status == 201
    return time.monotonic() - began


def goes_on(g, item, trace):
    """Ask until the receiver has what comes of it."""
    def look(spans):
        if [s for s in spans if s.trace == trace]:
            return True
        create(g, item, parent(trace))
        return time.sleep(0.2)
    RECEIVER.wait("it goes on", look, 30)


def log_lines(g, since, text):
    with open(g.path("log")) as log:
        log.seek(since)
        return [json.loads(line) for line in log if text in line]


def test_a_receiver_that_is_away(g):
    item, before = g.item(1000), scrape(g)
    since = os.path.getsize(g.path("log"))
    RECEIVER.stop()
    assert shop(g, item, 150) < 60
    page = scrape(g)
    assert page.of("gantry_spans_waiting") <= 256, page.of("gantry_spans_waiting")
    full = page.of("gantry_spans_dropped_total", cause="full")
    RECEIVER.start()
    # a batch is kept beside the queue, and some may be given up
    assert full >= 450 - 256 - 3 * 16 - 1, full
    goes_on(g, item, trace_of(8))
    lines = [line["message"] for line in log_lines(g, since, '"traces: ')]
    url = "http://127.0.0.1:%d/v1/traces" % RECEIVER.port
    assert len(lines) == 2, lines
    assert lines[0].startswith("traces: %s: " % url) and lines[0].endswith(
        ": spans that have no room are dropped"), lines
    assert lines[1].startswith("traces: %s takes spans again; " % url), lines
    assert grown(g, before, "gantry_span_export_failures_total") >= 1


def test_a_receiver_that_refuses(g):
    item, before = g.item(1000), scrape(g)
    since = os.path.getsize(g.path("log"))
    RECEIVER.status = 500
    shop(g, item)
    RECEIVER.wait("a batch is given up", lambda s: grown(
        g, before, "gantry_spans_dropped_total", cause="lost") > 0)
    RECEIVER.well()
    goes_on(g, item, trace_of(9))
    lines = [line["message"] for line in log_lines(g, since, '"traces: ')]
    assert lines[0] == "traces: http://127.0.0.1:%d/v1/traces answers 500: spans that " \
        "have no room are dropped" % RECEIVER.port, lines
    assert len(lines) == 2, lines


def test_a_receiver_that_asks_for_time(g):
    item = g.item(1000)
    RECEIVER.status, RECEIVER.headers = 503, {"Retry-After": "3"}
    RECEIVER.forget()
    create(g, item, parent(trace_of(10)))
    RECEIVER.wait("it was asked", lambda s: RECEIVER.posts)
    RECEIVER.well()
    RECEIVER.wait("nothing is lost", lambda s: one(s, "POST /allocations",
                                                    trace=trace_of(10)))
    pauses = RECEIVER.posts[1] - RECEIVER.posts[0]
    assert pauses >= 2.9, RECEIVER.posts


def test_a_receiver_that_takes_a_part(g):
    item, before = g.item(10), scrape(g)
    RECEIVER.answer = b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}'
    create(g, item)
    RECEIVER.wait("they are counted", lambda s: grown(
        g, before, "gantry_spans_dropped_total", cause="rejected") >= 2)
    RECEIVER.well()


def test_a_receiver_that_is_slow(g):
    """Slower than it may be: traffic does not wait for it."""
    item, before = g.item(1000), scrape(g)
    RECEIVER.pause = 1.5
    create(g, item)
    RECEIVER.wait("it was waited for", lambda s: grown(
        g, before, "gantry_span_export_failures_total") >= 1)
    slowest = 0
    for _ in range(50):
        began = time.monotonic()
        assert create(g, item).status == 201
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1.5, slowest
    RECEIVER.well()
    goes_on(g, item, trace_of(15))
    # what was answered too late has come twice
    assert RECEIVER.again > 0


def test_the_end_is_not_held_up(g):
    """What waits is sent at the end; and who does not take it is not waited for."""
    item = g.item(1000)
    goes_on(g, item, trace_of(11))
    create(g, item, parent(trace_of(12)))
    assert g.stop() == 0
    assert one(RECEIVER.of(trace_of(12)), "POST /allocations")
    g.start()
    RECEIVER.pause = 30
    shop(g, item, 5)
    began = time.monotonic()
    assert g.stop() == 0
    assert time.monotonic() - began < 10, time.monotonic() - began
    RECEIVER.well()
    g.start()


def test_ratios(g):
    """Half of the traces that begin here, none of them, and who was looked at
    already; a client that asks does not change what is decided by the id."""
    for ratio, low, high in (("0.5", 20, 80), ("0", 0, 0)):
        with Gantry(TRACES % (RECEIVER.port, ratio, ""), "ratio") as other:
            item = other.item(1000)
            RECEIVER.forget()
            for _ in range(100):
                assert create(other, item).status == 201
            assert create(other, item, parent(trace_of(13))).status == 201
            RECEIVER.wait("the last", lambda s: one(s, "POST /allocations",
                                                    trace=trace_of(13)))
            began = [s for s in RECEIVER.all() if s.name == "POST /allocations"
                     and s.parent is None]
            assert low <= len(began) <= high, len(began)
            for span in began:
                assert int(span.trace[16:], 16) >> 1 < float(ratio) * 2**63, span
            rows = other.rows("select traceparent from outbox")
            assert {r["traceparent"][-2:] for r in rows} == \
                ({"00", "01"} if low else {"00", "01"}), rows[:3]
            assert scrape(other).of("gantry_trace_ratio") == float(ratio)


def test_the_log_has_the_trace(g):
    since = os.path.getsize(g.path("log"))
    assert g.client("order-service", aud="others").post(
        "/allocations", {}, headers=parent(trace_of(14))).status == 401
    (line,) = log_lines(g, since, "unauthenticated")
    assert line["traceId"] == trace_of(14) and line["correlationId"], line


def refused(g, options):
    g.write("bad.yaml", g.configuration("traces: {%s}\n" % options).encode())
    done = subprocess.run([PROGRAM, "check", "--config", g.path("bad.yaml")] + g.folders(),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done
    (line,) = done.stderr.splitlines()
    return line.partition(": ")[2]


def test_what_cannot_be_configured(g):
    good = 'endpoint: "http://127.0.0.1:4318"'
    assert refused(g, "ratio: 1") == "traces.endpoint: missing"
    for text in ("2", "1.1", "-1", ".5", "0.", "1e-3", "half"):
        assert refused(g, good + ', ratio: "%s"' % text) == \
            "traces.ratio: not a number from 0 to 1", text
    for text in ("127.0.0.1:4318", "ftp://a", "http://", "http:///v1"):
        assert refused(g, 'endpoint: "%s"' % text) == \
            "traces.endpoint: not a URL that begins with http:// or https://", text
    assert refused(g, 'endpoint: "http://me@host"') == \
        "traces.endpoint: a user does not stand in the URL; say headers_file"
    assert refused(g, 'endpoint: "http://me:pw@host"') == \
        "traces.endpoint: a password must not stand in a URL; put it into a file and " \
        "name that by an option that ends in _file"
    assert refused(g, 'endpoint: "http://host/?a"') == \
        "traces.endpoint: nothing comes after its path"
    assert refused(g, good + ", batch: 100, queue: 50") == \
        "traces.batch: is larger than queue"
    assert refused(g, good + ", ca_file: a.pem") == \
        "traces.ca_file: only with an https:// URL"
    g.write("open.headers", SECRET, 0o644)
    said = refused(g, good + ", headers_file: open.headers")
    assert "open.headers" in said and "0640" in said, said
    g.write("bad.headers", b"X-Good: 1\nno header\n", 0o600)
    g.write("bad.yaml", g.configuration(
        "traces: {%s, headers_file: bad.headers}\n" % good).encode())
    assert g.stop() == 0
    done = subprocess.run([PROGRAM, "serve", "--config", g.path("bad.yaml")] + g.folders(),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    said = stores.without_warning(done.stderr).splitlines()
    assert json.loads(said[0])["message"] == \
        'traces: %s:2: not a header "Name: value"' % g.path("bad.headers"), done.stderr


if __name__ == "__main__":
    try:
        tap.main(CONFIGURATION, prepare)
    finally:
        SERVICE.stop()
        RECEIVER.stop()
