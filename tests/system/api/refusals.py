#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What every endpoint answers to what it cannot use: status, code and fields
(D9), always in the envelope, never a 500, and nothing happens."""
import json
import socket
import subprocess

import _path
import tap
from gantry import PROGRAM, rfc3339

ITEM, ORDER_ID = "inv_refusals", "ord_refusals"
LONG = "x" * 129
GOOD = {"orderId": ORDER_ID, "orderItemId": "i1", "inventoryItemId": ITEM,
        "quantity": 1}
GOOD_ITEM = {"sku": "S", "productId": "p", "warehouseId": "w",
             "availableQuantity": 1}
# texts that no id may be
BAD_IDS = ["", LONG, "\u00fc" * 65, "a\u0001", "a\n", "a\u007f", "a\u0085", 7, 7.5,
           True, [], {}, ["x"]]
BAD_QUANTITIES = [0, -1, 10**9 + 1, 2**63 - 1, 1.0, 1.5, "1", True, [], {}]

ENDPOINTS = [  # method, path, role, a body is needed
    ("POST", "/allocations", "order-service", True),
    ("POST", "/allocations/bulk", "order-service", True),
    ("GET", "/allocations/by-order/o1", "order-service", False),
    ("GET", "/allocations/a1", "order-service", False),
    ("PUT", "/allocations/a1/confirm", "order-service", False),
    ("PUT", "/allocations/a1/cancel", "order-service", False),
    ("PUT", "/allocations/a1/fulfill", "order-service", False),
    ("POST", "/inventory-items", "inventory-admin", True),
    ("GET", "/inventory-items", "inventory-admin", False),
    ("GET", "/inventory-items/i1", "inventory-admin", False),
    ("POST", "/inventory-items/i1/adjust", "inventory-admin", True),
    ("GET", "/returns?orderId=o1", "inventory-admin", False),
    ("POST", "/returns/r1/receive", "inventory-admin", False),
    ("POST", "/events/order.events/order.ordercreated.order",
     "event-publisher", True),
]
READS_BODY = [e for e in ENDPOINTS if e[0] == "POST" or "/cancel" in e[1]]


def check_envelope(got, context):
    assert got.header("Content-Type").startswith("application/json"), context
    body = got.json
    assert list(body) == ["success", "error"] and body["success"] is False, (context, got)
    error = body["error"]
    assert isinstance(error["code"], str) and isinstance(error["message"], str)
    assert error["message"], (context, got)
    assert isinstance(error["retryable"], bool), (context, got)
    assert error["correlationId"] == got.header("X-Correlation-ID"), (context, got)
    assert error["retryable"] == (got.status in (429, 502, 503, 504)), (context, got)


def refused(got, status, code, context):
    assert got.status == status, (context, got)
    check_envelope(got, context)
    assert got.code == code, (context, got)


def fields(got):
    assert isinstance(got.details, list), got
    for problem in got.details:
        assert list(problem) == ["field", "problem"] and problem["problem"], got
    return [p["field"] for p in got.details]


def invalid(got, field, context):
    refused(got, 400, "VALIDATION_ERROR", context)
    assert field in fields(got), (context, got)


def nothing_happened(g):
    assert g.quantities(ITEM) == (100, 0)
    assert g.orders.get("/allocations/by-order/" + ORDER_ID).data == []
    assert not [r for r in g.outbox() if r["aggregate_type"] == "Allocation"]


def test_item_for_all(g):
    g.item(100, id=ITEM)


def test_create_each_member(g):
    table = [(name, bad) for name in ("orderId", "orderItemId", "inventoryItemId")
             for bad in BAD_IDS + [None]]
    table += [("warehouseId", bad) for bad in BAD_IDS]
    table += [("quantity", bad) for bad in BAD_QUANTITIES + [None]]
    table += [("expiresAt", bad) for bad in [
        "", "tomorrow", "2030-01-01", "2030-01-01T00:00:00", 1900000000, True,
        [], {}, "2030-02-30T00:00:00Z", "2030-01-01T25:00:00Z",
        rfc3339(-1), rfc3339(-86400), "1971-01-01T00:00:00Z",
        rfc3339(31 * 86400), "9999-12-31T23:59:59Z"]]
    for name, bad in table:
        got = g.orders.post("/allocations", dict(GOOD, **{name: bad}))
        invalid(got, name, (name, bad))
        assert fields(got) == [name], (name, bad, got)
    for name in GOOD:
        body = {k: v for k, v in GOOD.items() if k != name}
        got = g.orders.post("/allocations", body)
        invalid(got, name, name)
        assert got.details == [{"field": name, "problem": "is required"}], got
    nothing_happened(g)


def test_all_problems_at_once(g):
    got = g.orders.post("/allocations", {"quantity": 0, "warehouseId": 3,
                                         "expiresAt": "x"})
    refused(got, 400, "VALIDATION_ERROR", "all")
    assert sorted(fields(got)) == ["expiresAt", "inventoryItemId", "orderId",
                                   "orderItemId", "quantity", "warehouseId"], got
    got = g.orders.post("/allocations/bulk", {"mode": "some", "items": [
        {}, 7, dict(GOOD, quantity="x")]})
    assert fields(got) == ["orderId", "mode", "items[0].orderItemId",
                           "items[0].inventoryItemId", "items[0].quantity",
                           "items[1]", "items[2].quantity"], got
    nothing_happened(g)


def test_problems_word_for_word(g):
    got = g.orders.post("/allocations", {"orderItemId": "", "quantity": 1.5,
                                         "expiresAt": rfc3339(-5)})
    assert got.json["error"]["message"] == "The request is not valid", got
    assert got.details == [
        {"field": "orderId", "problem": "is required"},
        {"field": "orderItemId", "problem":
            "must be text of 1 to 128 bytes without control characters"},
        {"field": "inventoryItemId", "problem": "is required"},
        {"field": "quantity", "problem":
            "must be a whole number from 1 to 1000000000"},
        {"field": "expiresAt", "problem": "must lie in the future"}], got
    got = g.orders.post("/allocations", dict(GOOD, expiresAt=rfc3339(31 * 86400)))
    assert got.details == [{"field": "expiresAt", "problem":
                            "must lie at most 2592000 seconds ahead"}], got


def test_bulk_members(g):
    items = [dict(GOOD)]
    table = [("orderId", b) for b in BAD_IDS + [None]]
    table += [("mode", b) for b in ["", "ALL_OR_NOTHING", 1, True, [], {}]]
    table += [("items", b) for b in [None, [], {}, "x", 1, [dict(GOOD)] * 1001]]
    for name, bad in table:
        body = {"orderId": ORDER_ID, "items": items}
        body[name] = bad
        got = g.orders.post("/allocations/bulk", body)
        invalid(got, name, (name, str(bad)[:80]))
    for name, bad in [("orderItemId", 7), ("inventoryItemId", LONG),
                      ("quantity", 0), ("warehouseId", []), ("expiresAt", "x")]:
        got = g.orders.post("/allocations/bulk", {
            "orderId": ORDER_ID, "items": items + [dict(GOOD, **{name: bad})]})
        invalid(got, "items[1]." + name, name)
    nothing_happened(g)


def test_cancel_reason(g):
    for bad in ["", "x" * 257, "a\u0000b", 7, True, [], {}]:
        got = g.orders.put("/allocations/a1/cancel", {"reason": bad})
        invalid(got, "reason" if bad != "a\u0000b" else "", bad)


def test_item_members(g):
    table = [(name, bad) for name in ("sku", "productId", "warehouseId")
             for bad in BAD_IDS + [None]]
    table += [("id", bad) for bad in BAD_IDS]
    table += [("availableQuantity", bad) for bad in
              [-1, 10**9 + 1, 1.0, "1", True, [], None]]
    for name, bad in table:
        got = g.stock.post("/inventory-items", dict(GOOD_ITEM, **{name: bad}))
        invalid(got, name, (name, bad))
        assert fields(got) == [name], got
    got = g.stock.post("/inventory-items", {})
    assert fields(got) == ["sku", "productId", "warehouseId", "availableQuantity"]


def test_adjust_members(g):
    for name, bad in [("delta", 0), ("delta", 1.0), ("delta", "1"), ("delta", None),
                      ("delta", 10**9 + 1), ("delta", -10**9 - 1),
                      ("reason", None), ("reason", ""), ("reason", "x" * 257),
                      ("reason", 1)]:
        body = {"delta": 1, "reason": "counted"}
        body[name] = bad
        got = g.stock.post("/inventory-items/%s/adjust" % ITEM, body)
        invalid(got, name, (name, bad))
    nothing_happened(g)


def test_list_arguments(g):
    for path in ("/inventory-items?", "/allocations/by-order/o1?",
                 "/returns?orderId=o1&"):
        client = g.orders if "alloc" in path else g.stock
        for bad in ("0", "-1", "1001", "x", "", "1x", "1.0", "+1", "%201",
                    "99999999999999999999"):
            invalid(client.get(path + "limit=" + bad), "limit", (path, bad))
        for bad in ("", "x" * 129, "%01"):
            invalid(client.get(path + "after=" + bad), "after", (path, bad))
        if "inventory-items" not in path:
            refused(client.get(path + "after=hello"), 400, "VALIDATION_ERROR", path)
    invalid(g.stock.get("/returns"), "orderId", "returns")
    invalid(g.stock.get("/returns?orderId="), "orderId", "returns")


def test_ids_in_paths(g):
    for path, name, client in (
            ("/allocations/%s", "id", g.orders),
            ("/allocations/by-order/%s", "orderId", g.orders),
            ("/inventory-items/%s", "id", g.stock)):
        for bad in (LONG, "a%01", "a%7F", "%ff", "%c2%85"):
            invalid(client.get(path % bad), name, (path, bad))
    for move in ("confirm", "cancel", "fulfill"):
        invalid(g.orders.put("/allocations/%s/%s" % (LONG, move)), "id", move)
    invalid(g.stock.post("/inventory-items/%s/adjust" % LONG,
                         {"delta": 1, "reason": "r"}), "id", "adjust")
    invalid(g.stock.post("/returns/%s/receive" % LONG), "id", "receive")


def test_receive_members(g):
    for bad in [[], {}, "x", 7, [{}], [7], [{"orderItemId": "i", "quantity": 0}],
                [{"orderItemId": LONG, "quantity": 1}],
                [{"orderItemId": "i", "quantity": 1}] * 1001]:
        got = g.stock.post("/returns/r1/receive", {"items": bad})
        refused(got, 400, "VALIDATION_ERROR", bad)


def nest(depth, opener, closer):
    return (opener * depth + closer * depth).encode()


def test_bodies_that_are_no_json_object(g):
    bodies = {
        "cut": b'{"orderId": "o"', "words": b"hello", "two": b"{} {}",
        "duplicate": b'{"orderId": "a", "orderId": "b"}',
        "duplicate escaped": b'{"orderId": "a", "\\u006frderId": "b"}',
        "duplicate deep": b'{"items": [{"quantity": 1, "quantity": 2}]}',
        "not UTF-8": b'{"orderId": "\xff\xfe"}',
        "overlong UTF-8": b'{"orderId": "\xc0\xaf"}',
        "surrogate": b'{"orderId": "\\ud800"}',
        "UTF-16": '{"orderId": "x"}'.encode("utf-16"),
        "BOM": b"\xef\xbb\xbf{}",
        "NUL byte": b'{"orderId": "a\x00b"}', "NUL after": b"{}\x00",
        "NUL escaped": b'{"orderId": "a\\u0000b"}',
        "raw newline": b'{"orderId": "a\nb"}',
        "deep array": nest(33, "[", "]"), "very deep": nest(100000, "[", "]"),
        "deep object": b'{"a":' * 33 + b"1" + b"}" * 33,
        "very deep open": b'{"a":' * 100000,
        "comma": b'{"a": 1,}', "single quotes": b"{'a': 1}",
        "huge number": b'{"quantity": 1e400}',
        "integer beyond": b'{"quantity": 9223372036854775808}',
        "NaN": b'{"quantity": NaN}', "comment": b'{"a": 1} // x',
        "list": b"[]", "text": b'"x"', "number": b"7", "null": b"null",
        "true": b"true", "spaces": b"   ",
    }
    for method, path, role, needed in READS_BODY:
        client = g.as_role(role)
        for name, body in bodies.items():
            got = client.ask(method, path, body)
            refused(got, 400, "VALIDATION_ERROR", (path, name))
            assert fields(got), (path, name, got)
        if needed:
            got = client.ask(method, path, b"")
            refused(got, 400, "VALIDATION_ERROR", (path, "empty"))
    nothing_happened(g)


def test_depth_that_is_allowed(g):
    body = json.dumps(dict(GOOD, orderId="ord_depth"))[:-1].encode()
    body += b', "metadata": ' + nest(31, "[", "]") + b"}"
    got = g.orders.post("/allocations", body)
    assert got.status == 201, got
    g.orders.put("/allocations/%s/cancel" % got.data["id"])
    assert g.quantities(ITEM) == (100, 0)


def test_unknown_members_are_ignored(g):
    got = g.orders.post("/allocations", dict(
        GOOD, orderId="ord_more", color="blue", quantityX=0, metadata={"a": [1]}))
    assert got.status == 201, got
    got = g.orders.put("/allocations/%s/cancel" % got.data["id"], {"why": 7})
    assert got.status == 200, got
    assert g.quantities(ITEM) == (100, 0)


def head(g, endpoint, *lines):
    method, path, role, _ = endpoint
    return "\r\n".join(["%s %s HTTP/1.1" % (method, path), "Host: x",
                        "Authorization: Bearer " + g.token(role),
                        "Content-Type: application/json", *lines,
                        "", ""]).encode()


def too_large(got, context):
    assert got.startswith(b"HTTP/1.1 413"), (context, got[:300])
    assert b"PAYLOAD_TOO_LARGE" in got and b'"success":false' in got, context


def test_body_too_large(g):
    """By what it says; nothing of the body was sent yet."""
    for endpoint in READS_BODY:
        for length in ((1 << 20) + 1, 1 << 40, 2**63 - 1):
            got = raw(g, head(g, endpoint, "Content-Length: %d" % length))
            too_large(got, (endpoint, length))


def test_body_too_large_in_pieces(g):
    """By what comes, where nothing was said before."""
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    for endpoint in READS_BODY:
        got = raw(g, head(g, endpoint, "Transfer-Encoding: chunked",
                          "Connection: close") + chunk * 257 + b"0\r\n\r\n")
        too_large(got, endpoint)


def test_body_as_large_as_may_be(g):
    body = json.dumps(dict(GOOD, orderId="ord_large")).encode()
    got = g.orders.post("/allocations", body.ljust(1 << 20))
    assert got.status == 201, got
    g.orders.put("/allocations/%s/cancel" % got.data["id"])


def test_body_too_large_is_told_to_who_sends_it_all(g):
    """Who looks for an answer only behind its last byte finds one."""
    body = b'{"pad": "' + b"x" * ((1 << 20) + 5000) + b'"}'
    for endpoint in READS_BODY:
        got = raw(g, head(g, endpoint, "Content-Length: %d" % len(body)) + body)
        too_large(got, endpoint)


def test_content_type(g):
    for method, path, role, needed in READS_BODY:
        for kind in ("text/plain", "application/xml", "application/jsonx",
                     "multipart/form-data; boundary=x", "json"):
            got = g.as_role(role).ask(method, path, b"{}",
                                      headers={"Content-Type": kind})
            refused(got, 415, "UNSUPPORTED_MEDIA_TYPE", (path, kind))
        if needed:
            got = g.as_role(role).ask(method, path, b"{}",
                                      headers={"Content-Type": None})
            refused(got, 415, "UNSUPPORTED_MEDIA_TYPE", (path, "none"))
    for kind in ("application/json; charset=utf-8", "Application/JSON",
                 "application/json;charset=UTF-8"):
        got = g.orders.post("/allocations", b"{}", headers={"Content-Type": kind})
        refused(got, 400, "VALIDATION_ERROR", kind)


def test_wrong_method(g):
    # GET there asks for the allocation that is called "bulk"
    allowed = {"/allocations/bulk": ({"GET"}, "order-service")}
    for method, path, role, _ in ENDPOINTS:
        allowed.setdefault(path.split("?")[0], (set(), role))[0].add(method)
    for path, (methods, role) in allowed.items():
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            if method in methods:
                continue
            got = g.as_role(role).ask(method, path, b"{}" if method != "GET" else None)
            refused(got, 405, "METHOD_NOT_ALLOWED", (method, path))
            said = {m.strip() for m in got.header("Allow").split(",")}
            assert methods <= said and method not in said, (path, said)


def test_wrong_path(g):
    for path in ("/", "/allocation", "/allocations/", "/allocations/a/b/c",
                 "/allocations/a1/confirm/", "/Allocations", "/inventory-items/a/b",
                 "/allocations//confirm", "/%61llocationsx", "/allocations%2Fbulk",
                 "/events", "/events/order.events", "/x" * 500):
        for method in ("GET", "POST", "PUT"):
            got = g.orders.ask(method, path, b"{}" if method != "GET" else None)
            refused(got, 404, "ROUTE_NOT_FOUND", (method, path))


def test_event_without_a_route(g):
    event = {"eventId": "evt_route", "eventType": "X", "eventVersion": "1.0.0",
             "payload": {}}
    for path in ("/events/order.events/nothing.like.it",
                 "/events/no.events/order.ordercreated.order"):
        refused(g.events.post(path, event), 404, "ROUTE_NOT_FOUND", path)


def raw(g, data):
    """Bytes as they are on a connection of their own; what comes back."""
    with socket.create_connection(("127.0.0.1", g.port), 15) as s:
        s.settimeout(15)
        got = b""
        try:
            s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        while True:
            try:
                part = s.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            got += part
    return got


# What the library refuses before anybody else sees it, in HTML. From 1.0 on it
# looks at more.
BY_THE_LIBRARY = {"signed length", "length of words"}
BY_THE_STRICT_ONE = BY_THE_LIBRARY | {
    "length and chunked", "unknown coding", "space before colon", "folded line"}


def by_the_library(g):
    done = subprocess.run(
        [PROGRAM, "check", "--json", "--config", g.path("gantry.yaml")] +
        g.folders(), capture_output=True, timeout=60)
    assert done.returncode == 0, done
    version = json.loads(done.stdout)["libraries"]["libmicrohttpd"]
    return BY_THE_LIBRARY if version.startswith("0.") else BY_THE_STRICT_ONE


def test_framing_that_is_refused(g):
    head = b"POST /allocations HTTP/1.1\r\nHost: x\r\n"
    kind = b"Content-Type: application/json\r\n"
    not_ours = by_the_library(g)
    for name, lines in {
            "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n",
            "length and chunked":
                b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "signed length": b"Content-Length: +2\r\n",
            "length of words": b"Content-Length: two\r\n",
            "unknown coding": b"Transfer-Encoding: gzip\r\n",
            "space before colon": b"Content-Length : 2\r\n",
            "folded line": b"X-A: 1\r\n 2\r\n",
    }.items():
        got = raw(g, head + kind + lines + b"\r\n{}")
        assert got.startswith(b"HTTP/1.1 4"), (name, got[:200])
        assert (b'"success":false' in got) != (name in not_ours), (name, got)
        assert b"\r\nconnection: close" in got.lower(), (name, got)


def test_head_too_large(g):
    got = raw(g, b"GET /allocations/a1 HTTP/1.1\r\nHost: x\r\n" +
              b"X-Pad: " + b"y" * 20000 + b"\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 431"), got[:200]
    assert b"HEADERS_TOO_LARGE" in got


def test_nothing_happened_at_all(g):
    assert g.quantities(ITEM) == (100, 0)
    assert g.orders.get("/allocations/by-order/" + ORDER_ID).data == []
    with open(g.path("log"), "rb") as f:
        assert b"INTERNAL_ERROR" not in f.read()


if __name__ == "__main__":
    tap.main()
