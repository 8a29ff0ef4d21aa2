#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key on every POST (D6)."""
import threading
import uuid

import _path
import tap


def keyed(client, path, body, key, **more):
    return client.post(path, body, headers=dict(more, **{"Idempotency-Key": key}))


def replayed(got):
    return got.header("Idempotent-Replayed")


def kept(g):
    return len(g.rows("select ref from idempotency"))


def test_replay_is_the_first_answer(g):
    item, key = g.item(10), str(uuid.uuid4())
    body = g.request(item)
    first = keyed(g.orders, "/allocations", body, key)
    assert first.status == 201 and replayed(first) is None, first
    # what stands now is another status: the first answer all the same
    g.orders.put("/allocations/%s/confirm" % first.data["id"])
    again = keyed(g.orders, "/allocations", body, key)
    assert again.status == 201 and again.body == first.body, again
    assert replayed(again) == "true", again.headers
    assert again.header("Location") == first.header("Location")
    assert again.header("Content-Type") == first.header("Content-Type")
    assert g.quantities(item) == (10, 2)
    assert len(g.outbox(first.data["id"])) == 2


def test_another_body_is_refused(g):
    item, key = g.item(10), str(uuid.uuid4())
    assert keyed(g.orders, "/allocations", g.request(item), key).status == 201
    for path, body in (("/allocations", g.request(item)),
                       ("/allocations/bulk", {"orderId": "o", "items": []})):
        got = keyed(g.orders, path, body, key)
        assert got.status == 422 and got.code == "IDEMPOTENCY_KEY_REUSED", got
    assert g.quantities(item) == (10, 2)


def test_same_body_in_other_bytes_is_another(g):
    item, key = g.item(10), str(uuid.uuid4())
    body = b'{"orderId":"oo","orderItemId":"i","inventoryItemId":"%s","quantity":1}' \
        % item.encode()
    assert keyed(g.orders, "/allocations", body, key).status == 201
    got = keyed(g.orders, "/allocations", body.replace(b":1", b": 1"), key)
    assert got.status == 422 and got.code == "IDEMPOTENCY_KEY_REUSED", got


def test_key_belongs_to_the_subject(g):
    item, key = g.item(10), str(uuid.uuid4())
    body = g.request(item)
    other = g.client("order-service", sub="another")
    first = keyed(g.orders, "/allocations", body, key)
    second = keyed(other, "/allocations", body, key)
    assert (first.status, second.status) == (201, 200)
    assert replayed(second) is None
    other.close()


def test_refusals_that_reached_the_unit_are_kept(g):
    item = g.item(1)
    for status, body in ((409, g.request(item, 5)), (404, g.request("inv_none")),
                         (422, g.request(item, 1, warehouseId="wh_else"))):
        key = str(uuid.uuid4())
        first = keyed(g.orders, "/allocations", body, key)
        assert first.status == status, first
        again = keyed(g.orders, "/allocations", body, key)
        assert again.status == status and replayed(again) == "true", again
        assert again.code == first.code and again.details == first.details
    shortages = [r for r in g.outbox(item) if r["type"] == "InsufficientStock"]
    assert len(shortages) == 1, shortages


def test_a_kept_refusal_wins_over_new_stock(g):
    item, key = g.item(1), str(uuid.uuid4())
    body = g.request(item, 5)
    assert keyed(g.orders, "/allocations", body, key).status == 409
    assert g.stock.post("/inventory-items/%s/adjust" % item,
                        {"delta": 10, "reason": "came in"}).status == 200
    assert keyed(g.orders, "/allocations", body, key).status == 409
    assert keyed(g.orders, "/allocations", body, str(uuid.uuid4())).status == 201


def test_a_400_is_not_kept(g):
    item, key = g.item(10), str(uuid.uuid4())
    before = kept(g)
    bad = g.request(item, 0)
    for _ in range(2):
        got = keyed(g.orders, "/allocations", bad, key)
        assert got.status == 400 and replayed(got) is None, got
    assert kept(g) == before
    got = keyed(g.orders, "/allocations", g.request(item), key)
    assert got.status == 201, got


def test_no_other_4xx_is_kept(g):
    before = kept(g)
    key = {"Idempotency-Key": "k-not-kept"}
    answers = [
        g.orders.post("/allocations", {}, headers=key, token=None),
        g.stock.post("/allocations", {}, headers=key),
        g.orders.post("/allocations", b"{}", headers=dict(
            key, **{"Content-Type": "text/plain"})),
        g.orders.post("/nowhere", {}, headers=key)]
    assert [a.status for a in answers] == [401, 403, 415, 404], answers
    assert kept(g) == before


def test_key_bounds(g):
    item = g.item(1000)
    for key in ("k", "k" * 255, "a key with spaces", "!~\"#", "0"):
        got = keyed(g.orders, "/allocations", g.request(item, 1), key)
        assert got.status == 201, (key, got)
    for key in ("", "k" * 256, "caf\u00e9".encode(), b"a\x01b", "a\tb"):
        before = g.quantities(item)
        got = keyed(g.orders, "/allocations", g.request(item, 1), key)
        assert got.status == 400 and got.code == "VALIDATION_ERROR", (key, got)
        assert g.quantities(item) == before


def test_every_post_has_keys(g):
    item = g.item(100)
    for client, path, body in (
            (g.orders, "/allocations/bulk", {"orderId": g.fresh("ord"), "items": [
                {"orderItemId": "i", "inventoryItemId": item, "quantity": 1}]}),
            (g.stock, "/inventory-items", {
                "sku": "s", "productId": "p", "warehouseId": "w",
                "availableQuantity": 3}),
            (g.stock, "/inventory-items/%s/adjust" % item,
             {"delta": 5, "reason": "found"})):
        key = str(uuid.uuid4())
        first, again = (keyed(client, path, body, key) for _ in range(2))
        assert first.status in (200, 201), first
        assert again.body == first.body and replayed(again) == "true", again
        assert again.status == first.status
    assert g.quantities(item) == (105, 1)


def at_once(n, work):
    """The answers of n threads that begin together."""
    gate, answers = threading.Barrier(n), []

    def run():
        gate.wait()
        answers.append(work())

    threads = [threading.Thread(target=run) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len(answers) == n, "a request got no answer"
    return answers


def test_many_at_once_execute_once(g):
    item = g.item(1000)
    for _ in range(10):
        key, delta = str(uuid.uuid4()), {"delta": 1, "reason": "counted"}
        before = g.quantities(item)[0]
        answers = at_once(8, lambda: keyed(
            g.stock, "/inventory-items/%s/adjust" % item, delta, key))
        done = [a for a in answers if a.status == 200]
        others = [a for a in answers if a.status != 200]
        assert len(done) >= 1, answers
        assert len({a.body for a in done}) == 1
        assert sum(replayed(a) is None for a in done) == 1, done
        assert all(a.status == 409 and a.code == "IDEMPOTENCY_IN_PROGRESS"
                   for a in others), others
        assert g.quantities(item)[0] == before + 1


def test_keys_outlive_a_crash(g):
    item, key = g.item(10), str(uuid.uuid4())
    body = g.request(item)
    first = keyed(g.orders, "/allocations", body, key)
    g.restart()
    again = keyed(g.orders, "/allocations", body, key)
    assert again.status == 201 and again.body == first.body, again
    assert replayed(again) == "true"


if __name__ == "__main__":
    tap.main()
