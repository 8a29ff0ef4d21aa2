#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what (D9, D12, D33), and the ids that travel along (D14)."""
import time
import uuid

import _path
import tap
from gantry import Client
from refusals import ENDPOINTS, check_envelope, refused

ROLES = ("order-service", "inventory-admin", "event-publisher", "gantry-admin",
         "nobody")


def send(g, endpoint, token, **more):
    method, path, _, needed = endpoint
    client = Client(g.port, token)
    try:
        return client.ask(method, path, b"{}" if needed else None, **more)
    finally:
        client.close()


def unauthenticated(got, context):
    refused(got, 401, "UNAUTHENTICATED", context)
    assert got.header("WWW-Authenticate").startswith("Bearer"), (context, got)


def test_no_token(g):
    for endpoint in ENDPOINTS:
        unauthenticated(send(g, endpoint, None), endpoint)


def test_tokens_that_do_not_count(g):
    now = int(time.time())
    role = "order-service"
    good = g.token(role)
    head, body, mac = good.split(".")
    claims = {"iss": "shop", "aud": "inventory-service", "iat": now,
              "exp": now + 600, "roles": [role]}
    tokens = {
        "expired": g.token(role, iat=now - 7200, exp=now - 3600),
        "without exp": g.token(role, exp=None),
        "not yet": g.token(role, nbf=now + 3600),
        "issuer": g.token(role, iss="else"),
        "no issuer": g.token(role, iss=None),
        "audience": g.token(role, aud="else"),
        "no audience": g.token(role, aud=None),
        "other key": g.sign({"alg": "HS256"}, claims, b"k" * 64),
        "none": g.sign({"alg": "none"}, claims, g.key),
        "none, unsigned": g.sign({"alg": "none"}, claims, g.key).rsplit(".", 1)[0] + ".",
        "other algorithm": g.sign({"alg": "HS512"}, claims, g.key),
        "crit": g.sign({"alg": "HS256", "crit": ["x"], "x": 1}, claims, g.key),
        "cut": good[:-2], "longer": good + "A", "padded": good + "=",
        "body of another": "%s.%s.%s" % (head, g.token("inventory-admin").split(".")[1], mac),
        "two parts": "%s.%s" % (head, body), "words": "hello", "empty": "",
        "huge": "a" * 9000 + "." + body + "." + mac,
    }
    for name, token in tokens.items():
        got = send(g, ENDPOINTS[0], token)
        unauthenticated(got, name)
    for value in ("Basic dXNlcjpwYXNz", "Bearer", good, "bearer" + good):
        got = send(g, ENDPOINTS[0], None, headers={"Authorization": value})
        unauthenticated(got, value[:20])


def test_tokens_that_count(g):
    for token in (g.token("order-service"), g.minted("order-service"),
                  g.token(["a", "order-service", "b"]),
                  g.token([], roles=None, role="order-service")):
        got = send(g, ENDPOINTS[2], token)
        assert got.status == 200, got


def test_every_endpoint_has_its_role(g):
    """Deny by default: no other role, not even one that may do more elsewhere."""
    for endpoint in ENDPOINTS:
        for role in ROLES:
            got = send(g, endpoint, g.token(role))
            if role == endpoint[2]:
                assert got.status not in (401, 403), (endpoint, got)
                if got.status >= 400:
                    check_envelope(got, endpoint)
            else:
                refused(got, 403, "FORBIDDEN", (endpoint, role))


def test_refused_before_it_is_read(g):
    """Neither 401 nor 403 tells whether a body or an id was good."""
    for token, status in ((None, 401), (g.token("nobody"), 403)):
        client = Client(g.port, token)
        assert client.post("/allocations", b"{").status == status
        assert client.get("/allocations/none").status == status


def correlation(got):
    return got.header("X-Correlation-ID")


def test_correlation_id_comes_back(g):
    item = g.item(50)
    given = "cor-" + str(uuid.uuid4())
    body = g.request(item)
    got = g.orders.post("/allocations", body, headers={"X-Correlation-ID": given})
    assert got.status == 201 and correlation(got) == given, got.headers
    row = g.outbox(got.data["id"])[0]
    assert row["correlation_id"] == given
    assert row["body"]["metadata"]["correlationId"] == given
    for path in ("/allocations/none", "/nowhere"):
        got = g.orders.get(path, headers={"X-Correlation-ID": given})
        assert correlation(got) == given and got.json["error"]["correlationId"] == given


def test_correlation_id_is_the_order_without_one(g):
    item = g.item(50)
    body = g.request(item)
    got = g.orders.post("/allocations", body)
    assert correlation(got) == body["orderId"], got.headers
    got = g.orders.get("/allocations/by-order/" + body["orderId"])
    assert correlation(got) == body["orderId"], got.headers


def test_correlation_id_is_made_otherwise(g):
    seen = {correlation(g.stock.get("/inventory-items?limit=1")) for _ in range(5)}
    assert len(seen) == 5 and None not in seen


def test_correlation_id_that_is_not_fit_is_replaced(g):
    for bad in ("x" * 129, "caf\u00e9", "a\tb", ""):
        got = g.orders.get("/allocations/none", headers={
            "X-Correlation-ID": bad.encode("utf-8")})
        assert got.status == 404, got
        assert correlation(got) and correlation(got).encode() != bad.encode(), bad
    good = "x" * 128
    got = g.orders.get("/allocations/none", headers={"X-Correlation-ID": good})
    assert correlation(got) == good


def test_traceparent_travels_to_the_event(g):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    got = g.orders.post("/allocations", g.request(g.item(5)), headers={
        "traceparent": "00-%s-00f067aa0ba902b7-01" % trace})
    assert got.status == 201, got
    row = g.outbox(got.data["id"])[0]
    assert row["traceparent"] is not None and trace in row["traceparent"], row
    got = g.orders.post("/allocations", g.request(g.item(5)), headers={
        "traceparent": "hello"})
    assert got.status == 201 and g.outbox(got.data["id"])[0]["traceparent"] != "hello"


def test_no_secret_in_the_log(g):
    with open(g.path("log"), "rb") as f:
        log = f.read()
    assert g.key not in log
    assert g.orders.token.encode() not in log
    assert g.orders.token.split(".")[2].encode() not in log


if __name__ == "__main__":
    tap.main()
