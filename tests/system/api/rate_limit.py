#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often a sender may ask (gantry-rate-limit(7)), over HTTP."""
import threading
import time

import _path
import tap
from gantry import Client
from refusals import refused

EXTRA = """\
handlers:
  slow: {plugin: rate-limit, rate: 5, per: 1h, burst: 8}
  quick: {plugin: rate-limit, rate: 40, burst: 20, by: all}
  one: {plugin: rate-limit, rate: 3, per: 1h, by: role, roles: [order-service]}
routes:
  - {http: "POST /allocations", auth: services, roles: [order-service, inventory-admin], pipeline: [slow.admit, allocate.create]}
  - {http: "GET /allocations/{id}", auth: services, roles: [order-service], pipeline: [slow.admit, allocate.get]}
  - {http: "GET /inventory-items", auth: services, roles: [inventory-admin], pipeline: [quick.admit, allocate.item_list]}
  - {http: "GET /returns", auth: services, roles: [inventory-admin, order-service], pipeline: [one.admit, allocate.returns_of_order]}
"""


def left(got):
    return tuple(int(got.header("RateLimit-" + n)) for n in ("Limit", "Remaining", "Reset"))


def test_until_it_is_empty(g):
    """Routes share the bucket, answers say what is left, errors too."""
    client = g.client("order-service", sub="one")
    item = g.item(100)
    made = client.post("/allocations", g.request(item))
    assert made.status == 201 and made.header("Location"), made
    assert left(made)[:2] == (8, 7) and 715 <= left(made)[2] <= 720, left(made)
    got = client.get("/allocations/" + made.data["id"])
    assert got.status == 200 and left(got)[1] == 6
    got = client.get("/allocations/none")
    assert got.status == 404 and left(got)[1] == 5
    got = client.post("/allocations", {"orderId": 1})
    assert got.status == 400 and left(got)[1] == 4
    got = client.post("/allocations", g.request(item, 1000))
    assert got.status == 409 and left(got)[1] == 3, got
    for n in (2, 1, 0):
        got = client.get("/allocations/none")
        assert got.status == 404 and left(got)[1] == n and got.header("Retry-After") is None
    before = g.quantities(item)
    got = client.post("/allocations", g.request(item))
    refused(got, 429, "RATE_LIMITED", "empty")
    wait = int(got.header("Retry-After"))
    assert 600 <= wait <= 720 and left(got)[1] == 0, (wait, left(got))
    assert got.json["error"]["message"] == \
        "Too many requests, the next may come in %d s" % wait
    assert got.json["error"]["retryable"] is True
    assert [v for k, v in got.headers if k.lower() == "retry-after"] == [str(wait)]
    assert g.quantities(item) == before


def test_others_go_on(g):
    other = g.client("order-service", sub="two")
    got = other.get("/allocations/none")
    assert got.status == 404 and left(got)[1] == 7
    got = g.client("order-service", sub="one").get("/allocations/none")
    assert got.status == 429


def test_without_a_role_nothing_is_taken(g):
    for _ in range(10):
        assert g.client("nobody", sub="three").get("/allocations/x").status == 403
        assert Client(g.port).get("/allocations/x").status == 401
    got = g.client("order-service", sub="three").get("/allocations/none")
    assert left(got)[1] == 7, got


def test_a_kept_answer_is_given_all_the_same(g):
    client = g.client("order-service", sub="keyed")
    body, keyed = g.request(g.item(5)), {"Idempotency-Key": "k"}
    first = client.post("/allocations", body, headers=keyed)
    assert first.status == 201 and left(first)[1] == 7
    again = client.post("/allocations", body, headers=keyed)
    assert again.header("Idempotent-Replayed") == "true" and again.data == first.data
    # what is left is said of now, not of then
    assert left(again)[1] == 6, again.headers
    for _ in range(6):
        client.get("/allocations/none")
    again = client.post("/allocations", body, headers=keyed)
    assert again.status == 201 and again.header("Idempotent-Replayed") == "true", again
    body = g.request(g.item(5))
    got = client.post("/allocations", body, headers={"Idempotency-Key": "new"})
    refused(got, 429, "RATE_LIMITED", "a new key")
    # and the refusal is not kept
    assert not g.rows("select * from idempotency where status = 429")


def test_a_role_is_one_sender(g):
    for n in range(3):
        got = g.client("order-service", sub="r%d" % n).get("/returns?orderId=x")
        assert got.status != 429 and left(got)[1] == 2 - n, got
    got = g.client("order-service", sub="r9").get("/returns?orderId=x")
    refused(got, 429, "RATE_LIMITED", "role")
    got = g.stock.get("/returns?orderId=x")
    assert got.status != 429 and got.header("RateLimit-Limit") is None, got


def test_the_rate_under_load(g):
    """Four clients for two seconds: burst + rate * time, and no more."""
    told = []
    begin = time.monotonic()

    def run():
        client = g.client("inventory-admin")
        while time.monotonic() < begin + 2:
            told.append(client.get("/inventory-items?limit=1").status)
        client.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.monotonic() - begin
    through = told.count(200)
    assert set(told) == {200, 429}, set(told)
    assert 20 + 40 * 2 - 5 <= through <= 20 + 40 * took + 1, (through, took)


if __name__ == "__main__":
    tap.main(EXTRA)
