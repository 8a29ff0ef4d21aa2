#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests that are passed on (gantry-proxy(7)) to an Order Service which does
what it should, and what it should not: GET by the preset's routes, all else by
routes of this file."""
import json
import os
import re
import socket
import subprocess
import time

import _path
import tap
from gantry import Client, NOBODY_ELSE_ASKS, PROGRAM, free_port
from order_service import OrderService

PORT = free_port()
SERVICE = OrderService(b"", PORT)
ROLE = "inventory-service"
LIMIT = 300_000
ROUTES = "".join(
    "  - {http: \"%s %s\", auth: services, roles: [inventory-service],\n"
    "     pipeline: [to-orders.pass]}\n" % route for route in (
        ("POST", "/orders/{orderId}"), ("PUT", "/orders/{orderId}"),
        ("PATCH", "/orders/{orderId}"), ("DELETE", "/orders/{orderId}")))
APART = "/apart"
ROUTES += "".join(
    "  - {http: \"%s %s/orders/{orderId}\", auth: services, roles: [inventory-service],\n"
    "     pipeline: [apart.pass]}\n" % (method, APART) for method in ("GET", "POST"))
EXTRA = (
    "handlers:\n"
    "  apart: {plugin: proxy, strip_prefix: " + APART + ", isolation: process}\n"
    "upstreams:\n"
    "  order-service: {url: \"http://127.0.0.1:%d\", auth: services, roles: [inventory-service],\n"
    "    breaker: calls-to-orders, timeout: 500ms, deadline: 2s, retries: 2,\n"
    "    backoff: 20ms, pool: 4, max_response: %d}\n"
    "routes:\n%s" % (PORT, LIMIT, ROUTES + NOBODY_ELSE_ASKS))


def ready(g):
    SERVICE.key = g.key
    SERVICE.fault, SERVICE.faults = None, []
    if SERVICE.server is None:
        SERVICE.start()
    subprocess.run([PROGRAM, "breakers", "reset", "calls-to-orders", "--config",
                    g.path("gantry.yaml")] +
                   [w for w in g.folders() if "plugins" not in w.lower()],
                   check=True, capture_output=True, timeout=60)
    SERVICE.asked()
    return Client(g.port, g.token(ROLE))


def breaker(g):
    client = Client(g.admin_port, g.token("gantry-admin"))
    try:
        return client.ask("GET", "/admin/api/breakers").data[0]
    finally:
        client.close()


class Seen:
    """Answers once with these bytes, and keeps what was asked."""

    def __init__(self, status=200, headers=(), body=b""):
        self.status, self.headers, self.body = status, headers, body
        self.times = 0

    def __call__(self, handler):
        self.times += 1
        self.method, self.path = handler.command, handler.path
        self.asked, self.got = handler.headers.items(), handler.body
        self.claims = handler.claims()
        handler.send_response(self.status)
        for name, value in self.headers:
            handler.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in self.headers):
            handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(self.body)

    def names(self):
        return [name.lower() for name, _ in self.asked]

    def header(self, name):
        return [value for n, value in self.asked if n.lower() == name.lower()]


def is_whole(got, answers):
    """At least so many, the first with its body."""
    if len(re.findall(rb"HTTP/1.1 \d\d\d", got)) < answers:
        return False
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return length is not None and len(body) >= int(length.group(1))


def raw(g, text, answers=1):
    """What comes back for these bytes until the other side closes, or rests after
    so many answers."""
    with socket.create_connection(("127.0.0.1", g.port), timeout=60) as s:
        s.sendall(text)
        got = b""
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    break
                got += more
                if is_whole(got, answers):
                    s.settimeout(0.1)
        except TimeoutError:
            assert is_whole(got, answers), got
        return got


def head(g, method="GET", path="/orders/o", more=""):
    return ("%s %s HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer %s\r\n%s\r\n"
            % (method, path, g.token(ROLE), more)).encode()


def test_passes_both_ways(g):
    passes_both_ways(g, "")


def passes_both_ways(g, prefix):
    client = ready(g)
    sent, back = os.urandom(200_000), os.urandom(LIMIT)
    seen = Seen(201, [("Content-Type", "application/octet-stream"), ("X-Kind", "good"),
                      ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], back)
    SERVICE.faults = [seen]
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    got = client.post(prefix + "/orders/o%20%C3%A4?full=true&x=%26", sent, headers={
        "Content-Type": "image/png", "X-Correlation-ID": "cor-1", "traceparent": trace,
        "tracestate": "shop=1,b=t:\\2",
        "Accept": "text/*", "X-Forwarded-For": "10.0.0.1", "Proxy-Authorization": "Basic x"})
    assert got.status == 201 and got.body == back, got.status
    assert got.header("Content-Type") == "application/octet-stream"
    assert got.header("X-Kind") == "good"
    assert [v for n, v in got.headers if n == "Set-Cookie"] == ["a=1", "b=2"]
    assert [v for n, v in got.headers if n == "Content-Length"] == [str(LIMIT)]
    assert got.header("X-Correlation-ID") == "cor-1"
    assert (seen.method, seen.path) == ("POST", "/orders/o%20%C3%A4?full=true&x=%26")
    assert seen.got == sent
    assert seen.header("Content-Type") == ["image/png"]
    assert seen.header("Content-Length") == [str(len(sent))]
    assert seen.header("Host") == ["127.0.0.1:%d" % PORT]
    assert seen.header("X-Correlation-ID") == ["cor-1"]
    assert len(seen.header("traceparent")) == 1 and trace[3:35] in seen.header("traceparent")[0]
    assert seen.header("tracestate") == ["shop=1,b=t:\\2"]
    assert seen.header("Accept") == ["text/*"]
    assert seen.header("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.header("X-Forwarded-Proto") == ["http"]
    assert seen.header("X-Forwarded-Host") == ["127.0.0.1:%d" % g.port]
    assert seen.header("Via") == ["1.1 gantry"]
    assert "proxy-authorization" not in seen.names()
    # ours, and not the caller's
    assert len(seen.header("Authorization")) == 1
    assert seen.header("Authorization") != ["Bearer " + client.token]
    assert seen.claims["roles"] == [ROLE] and seen.claims["aud"] == "order-service"


def test_in_a_process_of_its_own(g):
    """The same, with what it answers when there is no answer."""
    passes_both_ways(g, APART)
    client = ready(g)
    SERVICE.faults = [Seen(404, [("Content-Type", "text/plain")], b"no")]
    got = client.get(APART + "/orders/o")
    assert (got.status, got.body) == (404, b"no"), got
    got = client.get(APART + "/orders/%2e%2E")
    assert got.code == "VALIDATION_ERROR", got
    SERVICE.faults = [Seen(503)] * 9
    assert client.get(APART + "/orders/o").status == 503


def test_state_of_a_trace(g):
    """As one line, beside the trace that it belongs to, and else not at all."""
    ready(g)
    trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-%s\r\n"
    for more, state in (
            (trace % "00" + "tracestate: a=1\r\nTraceState: b=2\r\n", ["a=1,b=2"]),
            (trace % "01" + "tracestate: \r\n", []),
            (trace % "01" + "tracestate: a=\tb\r\n", []),
            ("tracestate: a=1\r\n", []),
            (trace % "zz" + "tracestate: a=1\r\n", []),
            (trace % "01" + trace % "00" + "tracestate: a=1\r\n", [])):
        seen = Seen(200, [], b"?")
        SERVICE.faults = [seen]
        assert raw(g, head(g, more=more)).startswith(b"HTTP/1.1 200 "), more
        assert seen.header("tracestate") == state, (more, seen.asked)


def test_nothing_is_made_up(g):
    client = ready(g)
    seen = Seen(200, [], b"?")
    SERVICE.faults = [seen]
    got = raw(g, head(g))
    assert got.startswith(b"HTTP/1.1 200 ") and b"\r\n\r\n?" in got, got
    assert b"Content-Type" not in got
    assert sorted(seen.names()) == sorted([
        "host", "user-agent", "authorization", "x-correlation-id", "via", "x-forwarded-for",
        "x-forwarded-proto", "x-forwarded-host"] +
        ["traceparent"] * len(seen.header("traceparent"))), seen.asked
    SERVICE.faults = [seen]
    assert client.post("/orders/o", b"").status == 200
    # what Python says of a body of none
    assert seen.header("Content-Type") == ["application/json"]
    assert seen.header("Content-Length") == ["0"]


def test_what_is_of_a_connection_stays_there(g):
    ready(g)
    seen = Seen(200, [("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("X-Kept", "2"),
                      ("Keep-Alive", "timeout=9"), ("Upgrade", "h2c"),
                      ("Proxy-Authenticate", "Basic")], b"{}")
    SERVICE.faults = [seen]
    got = raw(g, head(g, more="Connection: X-Secret, close\r\nX-Secret: s\r\nx-secret: t\r\n"
                      "X-Kept: k\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
                      "HTTP2-Settings: AAMAAABk\r\nTrailer: X\r\nProxy-Connection: close\r\n"))
    assert got.startswith(b"HTTP/1.1 200 "), got
    for name in ("connection", "x-secret", "keep-alive", "te", "upgrade", "http2-settings",
                 "trailer", "proxy-connection"):
        assert name not in seen.names(), (name, seen.asked)
    assert seen.header("X-Kept") == ["k"]
    for name in (b"X-Hop", b"Keep-Alive", b"Upgrade", b"Proxy-Authenticate"):
        assert name not in got, got
    assert b"X-Kept: 2\r\n" in got and b"\r\nConnection: close\r\n" in got, got


def test_chunks_come_as_a_whole(g):
    ready(g)
    seen = Seen(200, [], b"ok")
    SERVICE.faults = [seen]
    chunked = head(g, "PUT", more="Transfer-Encoding: chunked\r\n")
    got = raw(g, chunked + b"3\r\nabc\r\n5\r\ndefgh\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 "), got
    assert seen.got == b"abcdefgh" and seen.header("Content-Length") == ["8"]
    assert "transfer-encoding" not in seen.names() and "x-sum" not in seen.names()
    # an extension means nothing to us; libmicrohttpd 1.0, strict, refuses it
    seen = Seen(200, [], b"ok")
    SERVICE.faults = [seen]
    got = raw(g, chunked + b"3;x=y\r\nabc\r\n0\r\n\r\n")
    if got.startswith(b"HTTP/1.1 400 "):
        assert SERVICE.faults == [seen], "it went on, too"
    else:
        assert got.startswith(b"HTTP/1.1 200 ") and seen.got == b"abc", got

    def chunks(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"2\r\n{}\r\n1\r\n!\r\n0\r\nX-Late: 1\r\n\r\n")
    SERVICE.faults = [chunks]
    got = raw(g, head(g))
    assert got.endswith(b"\r\n\r\n{}!") and b"Content-Length: 3\r\n" in got, got
    assert b"Transfer-Encoding" not in got and b"X-Late" not in got


def test_methods(g):
    client = ready(g)
    for method in ("PUT", "PATCH", "DELETE", "POST", "GET"):
        seen = Seen(200, [("Content-Type", "text/plain")], method.encode())
        SERVICE.faults = [seen]
        got = client.ask(method, "/orders/o?m=1", None if method == "GET" else b"{}")
        assert (got.status, got.body) == (200, method.encode()), got
        assert (seen.method, seen.path) == (method, "/orders/o?m=1")
    seen = Seen(200, [("Content-Length", "12345"), ("Content-Type", "text/csv")])
    SERVICE.faults = [seen]
    got = client.ask("HEAD", "/orders/o")
    assert seen.method == "HEAD" and got.body == b""
    assert got.header("Content-Length") == "12345" and got.header("Content-Type") == "text/csv"
    for status in (204, 304):
        SERVICE.faults = [Seen(status, [("ETag", "\"1\"")])]
        got = client.get("/orders/o")
        assert (got.status, got.header("ETag"), got.body) == (status, "\"1\"", b""), got
    SERVICE.order("o")
    assert client.get("/orders/o").data["id"] == "o"
    got = client.ask("OPTIONS", "/orders/o")
    assert (got.status, got.code) == (405, "METHOD_NOT_ALLOWED")


def test_who_may(g):
    ready(g)
    for token, status in ((None, 401), (g.token("order-service"), 403)):
        got = Client(g.port, token).get("/orders/o")
        assert got.status == status, got
    got = raw(g, head(g, "POST", more="Content-Length: %d\r\n" % ((1 << 20) + 1)))
    assert got.startswith(b"HTTP/1.1 413 ") and b"PAYLOAD_TOO_LARGE" in got, got
    assert SERVICE.asked() == []


def test_no_path_leads_away(g):
    client = ready(g)
    for path in ("/orders/..", "/orders/%2e%2E", "/orders/.", "/orders/..;x=1",
                 "/orders/%2e/items", "/orders/..%5Cadmin"):
        got = client.get(path)
        assert (got.status, got.code) == (400, "VALIDATION_ERROR"), (path, got)
    for path in ("/orders/a%2F..%2F..%2Fadmin", "/orders//x", "/orders/o/../../admin"):
        assert client.get(path).status == 404, path
    assert SERVICE.asked() == []


def test_not_found_is_an_answer(g):
    client = ready(g)
    for _ in range(10):
        got = client.get("/orders/none")
        assert (got.status, got.code) == (404, "ORDER_NOT_FOUND"), got
    is_now = breaker(g)
    assert (is_now["state"], is_now["failures"]) == ("closed", 0), is_now
    assert len(SERVICE.asked()) == 10


def test_three_failures_open_the_breaker(g):
    client = ready(g)
    SERVICE.fault = 500
    for _ in range(3):
        got = client.post("/orders/o", {})
        assert (got.status, got.code) == (500, "FAULT"), got
    SERVICE.fault = None
    assert len(SERVICE.asked()) == 3
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        got = client.get("/orders/o")
        times.append(time.perf_counter() - begun)
        assert (got.status, got.code) == (503, "CIRCUIT_OPEN"), got
        assert got.json["error"]["message"] == (
            "order-service: calls are stopped for now by the breaker calls-to-orders")
        assert got.json["error"]["retryable"] is True
        assert 25 <= int(got.header("Retry-After")) <= 30, got.headers
    print("# while open: an answer within %.2f ms (median of 20, as Python sees it)"
          % (sorted(times)[10] * 1000))
    assert SERVICE.asked() == []
    is_now = breaker(g)
    assert is_now["state"] == "open" and is_now["refused"] >= 20, is_now


def test_retries(g):
    client = ready(g)
    SERVICE.order("o")
    SERVICE.faults = [503, 500]
    assert client.get("/orders/o").status == 200
    assert len(SERVICE.asked()) == 3
    ready(g)
    # the last answer is the answer
    SERVICE.faults = [500, 500, (503, {"X_Try": "3"})]
    got = client.get("/orders/o")
    assert (got.status, got.header("X-Try")) == (503, "3"), got
    assert len(SERVICE.asked()) == 3
    ready(g)
    SERVICE.faults = [500, (502, {"X_Try": "2"})]
    got = client.post("/orders/o", b"{}", headers={"Idempotency-Key": "k"})
    assert len(SERVICE.asked()) == 3 and got.status == 200, got
    ready(g)
    SERVICE.faults = [503]
    got = client.post("/orders/o", b"{}")
    assert (got.status, got.code, len(SERVICE.asked())) == (503, "FAULT", 1), got
    ready(g)
    SERVICE.faults = [(429, {"Retry_After": "9"})]
    got = client.post("/orders/o", b"{}")
    assert (got.status, got.header("Retry-After")) == (429, "9"), got


def slow(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    try:
        for _ in range(20):
            handler.wfile.write(b"x")
            time.sleep(0.1)
    except OSError:
        pass
    handler.close_connection = True


def too_large(handler):
    Seen(200, [], b"x" * (LIMIT + 1))(handler)


def junk(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9\r\n")
    handler.close_connection = True


def test_faults(g):
    cases = (
        ("close", 502, "UPSTREAM_BAD_ANSWER", "the connection broke"),
        ("reset", 502, "UPSTREAM_BAD_ANSWER", "the connection broke"),
        ("short", 502, "UPSTREAM_BAD_ANSWER", "the connection broke"),
        (junk, 502, "UPSTREAM_BAD_ANSWER", "the answer is not HTTP"),
        (too_large, 502, "UPSTREAM_BAD_ANSWER",
         "the answer is larger than %d bytes" % LIMIT),
        (0.8, 504, "UPSTREAM_TIMEOUT", "no answer within 500 ms"),
        (slow, 504, "UPSTREAM_TIMEOUT", "no answer within 500 ms"),
    )
    for fault, status, code, text in cases:
        client = ready(g)
        SERVICE.faults = [fault]
        got = client.post("/orders/o", b"{}")
        assert (got.status, got.code) == (status, code), (fault, got)
        assert got.json["error"]["message"] == "order-service: " + text, got
        assert got.json["error"]["retryable"] is True
        assert len(SERVICE.asked()) == 1, fault
    client = ready(g)
    SERVICE.stop()
    got = client.post("/orders/o", b"{}")
    assert (got.status, got.code) == (502, "UPSTREAM_UNREACHABLE"), got
    assert got.json["error"]["message"] == "order-service: cannot be connected to"


def test_nothing_is_smuggled(g):
    ready(g)
    inner = b"GET /orders/inner HTTP/1.1\r\nHost: here\r\n\r\n"
    n = len(inner)
    cases = (
        ("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % n, b"0\r\n\r\n" + inner),
        ("Content-Length: %d\r\nContent-Length: 0\r\n" % n, inner),
        ("Content-Length: %d, 0\r\n" % n, inner),
        ("Content-Length: +%d\r\n" % n, inner),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n" + inner),
        ("Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + inner),
        ("Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n" + inner),
        ("Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + inner),
        ("Content-Length: 0\r\n : x\r\n", inner),
        ("X: y\r\n Content-Length: %d\r\n" % n, inner),
        ("Host: there\r\nContent-Length: 0\r\n", inner),
    )
    for more, body in cases:
        got = raw(g, head(g, "POST", more=more) + body)
        # libmicrohttpd before 1.0 says its own refusals twice
        assert set(re.findall(rb"HTTP/1.1 \d\d\d", got)) == {b"HTTP/1.1 400"}, (more, got)
        assert SERVICE.asked() == [], more
    # what follows a whole request is a request, which needs a token of its own
    seen = Seen(200, [], b"{}")
    SERVICE.faults = [seen]
    got = raw(g, head(g, "POST", more="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + inner,
              answers=2)
    assert seen.got == b"" and seen.times == 1
    assert [m[9:12] for m in re.findall(rb"HTTP/1.1 \d\d\d", got)] == [b"200", b"401"], got
    assert len(SERVICE.asked()) == 1
    # nor on the other side: what an answer has too much goes to nobody else
    def double(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    SERVICE.order("o")
    SERVICE.faults = [double]
    assert raw(g, head(g)).endswith(b"\r\n\r\n{}")
    for _ in range(5):
        got = Client(g.port, g.token(ROLE)).get("/orders/o")
        assert got.status == 200 and json.loads(got.body)["data"]["id"] == "o", got


if __name__ == "__main__":
    try:
        tap.main(EXTRA)
    finally:
        SERVICE.stop()
