#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The states of an allocation (D3), blind retries (D5), expiry (D4), what is
checked against other rows (D7) and what is shown of them (D11)."""
import time

import _path
import tap
from gantry import rfc3339

PATHS = {"confirm": "CONFIRMED", "cancel": "CANCELLED", "fulfill": "FULFILLED"}
# from each status: the moves that are allowed; the same again always stands
MOVES = {
    "PENDING": {"confirm", "cancel"},
    "CONFIRMED": {"confirm", "cancel", "fulfill"},
    "FULFILLED": {"fulfill"},
    "CANCELLED": {"cancel"},
}
WAYS = {"PENDING": [], "CONFIRMED": ["confirm"],
        "FULFILLED": ["confirm", "fulfill"], "CANCELLED": ["cancel"]}


def put(g, id, move, **more):
    return g.orders.put("/allocations/%s/%s" % (id, move), **more)


def in_status(g, item, status):
    allocation = g.allocate(item, 1)
    for move in WAYS[status]:
        got = put(g, allocation["id"], move)
        assert got.status == 200, got
    return allocation["id"]


def test_every_move_from_every_status(g):
    item = g.item(1000)
    for status, allowed in MOVES.items():
        for move, target in PATHS.items():
            id = in_status(g, item, status)
            events = len(g.outbox(id))
            got = put(g, id, move)
            if move in allowed:
                assert got.status == 200 and got.data["status"] == target, \
                    (status, move, got)
                expected = events + (target != status)
            else:
                assert got.status == 409, (status, move, got)
                assert got.code == "INVALID_STATE_TRANSITION"
                assert status in str(got.details), got
                assert g.orders.get("/allocations/" + id).data["status"] == status
                expected = events
            assert len(g.outbox(id)) == expected, (status, move)


def test_same_put_again_is_the_same_answer(g):
    item = g.item(10)
    id = g.allocate(item)["id"]
    for move in ("confirm", "fulfill"):
        first, again = put(g, id, move), put(g, id, move)
        assert first.status == again.status == 200
        assert first.body == again.body
    assert len(g.outbox(id)) == 3
    assert g.quantities(item) == (8, 0)


def test_unknown_allocation(g):
    for move in PATHS:
        got = put(g, "alloc_none", move)
        assert got.status == 404 and got.code == "ALLOCATION_NOT_FOUND", got
    got = g.orders.get("/allocations/alloc_none")
    assert got.status == 404 and got.code == "ALLOCATION_NOT_FOUND", got


def test_unknown_item(g):
    got = g.orders.post("/allocations", g.request("inv_none"))
    assert got.status == 404 and got.code == "INVENTORY_ITEM_NOT_FOUND", got


def test_unknown_order_is_an_empty_list(g):
    got = g.orders.get("/allocations/by-order/ord_none")
    assert got.status == 200 and got.data == [], got


def test_blind_retry_allocates_once(g):
    item = g.item(10)
    body = g.request(item, 3)
    first = g.orders.post("/allocations", body)
    again = g.orders.post("/allocations", body)
    assert (first.status, again.status) == (201, 200)
    assert first.data == again.data
    assert g.quantities(item) == (10, 3)
    assert len(g.outbox(first.data["id"])) == 1


def test_another_quantity_is_refused(g):
    item = g.item(10)
    body = g.request(item, 3)
    assert g.orders.post("/allocations", body).status == 201
    got = g.orders.post("/allocations", dict(body, quantity=4))
    assert got.status == 409 and got.code == "ALLOCATION_EXISTS", got
    assert g.quantities(item) == (10, 3)


def test_retry_after_confirmation_shows_what_stands(g):
    item = g.item(10)
    body = g.request(item, 3)
    first = g.orders.post("/allocations", body)
    put(g, first.data["id"], "confirm")
    again = g.orders.post("/allocations", body)
    assert again.status == 200 and again.data["status"] == "CONFIRMED"
    assert again.data["id"] == first.data["id"]


def test_cancelled_makes_room(g):
    item = g.item(3)
    body = g.request(item, 3)
    first = g.orders.post("/allocations", body)
    put(g, first.data["id"], "cancel")
    again = g.orders.post("/allocations", body)
    assert again.status == 201 and again.data["id"] != first.data["id"]
    listed = g.orders.get("/allocations/by-order/" + body["orderId"]).data
    assert sorted(a["status"] for a in listed) == ["CANCELLED", "PENDING"]


def test_same_order_item_may_hold_two_items(g):
    one, two = g.item(5), g.item(5)
    body = g.request(one)
    assert g.orders.post("/allocations", body).status == 201
    assert g.orders.post("/allocations",
                         dict(body, inventoryItemId=two)).status == 201


def test_all_that_is_there_and_not_one_more(g):
    item = g.item(5)
    g.allocate(item, 5)
    got = g.orders.post("/allocations", g.request(item, 1))
    assert got.status == 409 and got.code == "INSUFFICIENT_STOCK"
    assert got.details["available"] == 0 and got.details["requested"] == 1


def test_warehouse_must_be_the_items(g):
    item = g.item(5, warehouseId="wh_a")
    got = g.orders.post("/allocations", g.request(item, warehouseId="wh_b"))
    assert got.status == 422 and got.code == "WAREHOUSE_MISMATCH", got
    assert g.allocate(item, warehouseId="wh_a")["warehouseId"] == "wh_a"
    assert g.allocate(item)["warehouseId"] == "wh_a"


def test_times_are_normalised(g):
    later = rfc3339(7200)
    shifted = rfc3339(7200 + 5400).replace("Z", ".75+01:30")
    assert g.allocate(g.item(5), expiresAt=shifted)["expiresAt"] == later
    assert g.allocate(g.item(5), expiresAt=None)["expiresAt"] >= rfc3339(86390)


def test_expired_cannot_be_confirmed(g):
    item = g.item(5)
    id = g.allocate(item, expiresAt=rfc3339(2))["id"]
    time.sleep(2.1)
    # whether or not the sweep has run
    for _ in range(15):
        got = put(g, id, "confirm")
        assert got.status == 409 and got.code == "ALLOCATION_EXPIRED", got
        time.sleep(0.1)


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "still not"
        time.sleep(0.1)


def test_sweep_gives_stock_back(g):
    item = g.item(300)
    expires = rfc3339(2)
    ids = [g.allocate(item, 1, expiresAt=expires)["id"] for _ in range(5)]
    kept = g.allocate(item, 7)["id"]
    confirmed = g.allocate(item, 1, expiresAt=rfc3339(2))["id"]
    assert put(g, confirmed, "confirm").status == 200
    wait_for(lambda: g.quantities(item) == (300, 8), 20)
    for id in ids:
        assert g.orders.get("/allocations/" + id).data["status"] == "CANCELLED"
        event = g.outbox(id)[-1]
        assert event["type"] == "AllocationCancelled"
        assert event["body"]["payload"]["reason"] == "EXPIRED"
    assert g.orders.get("/allocations/" + kept).data["status"] == "PENDING"
    got = g.orders.get("/allocations/" + confirmed)
    assert got.data["status"] == "CONFIRMED"


def test_sweep_goes_on_behind_a_full_page(g):
    """More than 256 that are due at once (D4)."""
    item, order = g.item(10000), g.fresh("ord")
    expires = rfc3339(3)
    got = g.orders.post("/allocations/bulk", {"orderId": order, "items": [
        {"orderItemId": "i%d" % i, "inventoryItemId": item, "quantity": 1,
         "expiresAt": expires} for i in range(600)]})
    assert got.status == 201, got
    wait_for(lambda: g.quantities(item) == (10000, 0), 20)


def test_expired_makes_room_without_the_sweep(g):
    """D5: what is due is cancelled in the unit that creates the next one."""
    item = g.item(3)
    body = g.request(item, 3, expiresAt=rfc3339(1))
    first = g.orders.post("/allocations", body)
    assert first.status == 201, first
    time.sleep(1.3)
    again = g.orders.post("/allocations", dict(body, expiresAt=rfc3339(60)))
    assert again.status == 201 and again.data["id"] != first.data["id"], again
    assert g.quantities(item) == (3, 3)


def test_by_order_gives_all(g):
    item, order = g.item(10000), g.fresh("ord")
    for part in range(2):
        got = g.orders.post("/allocations/bulk", {"orderId": order, "items": [
            {"orderItemId": "i%d" % (part * 1000 + i), "inventoryItemId": item,
             "quantity": 1} for i in range(1000)]})
        assert got.status == 201, got
    got = g.orders.get("/allocations/by-order/" + order)
    assert got.status == 200 and "next" not in got.json
    assert len({a["id"] for a in got.data}) == 2000
    over = g.orders.post("/allocations", g.request(item, 1, orderId=order))
    assert over.status == 409 and over.code == "ORDER_TOO_LARGE", over
    seen, after = [], ""
    while after is not None:
        page = g.orders.get("/allocations/by-order/%s?limit=700%s" % (order, after))
        assert page.status == 200 and len(page.data) <= 700, page
        seen += [a["id"] for a in page.data]
        after = "&after=" + page.json["next"] if "next" in page.json else None
    assert sorted(seen) == sorted(a["id"] for a in got.data)


def test_ids_are_opaque(g):
    item = g.item(10, id="inv é:%?#+ \U0001f4e6")
    body = g.request(item, orderId="o" * 128, orderItemId="ü" * 64)
    got = g.orders.post("/allocations", body)
    assert got.status == 201, got
    assert got.data["orderId"] == "o" * 128
    assert got.data["orderItemId"] == "ü" * 64
    assert got.data["inventoryItemId"] == item
    listed = g.orders.get("/allocations/by-order/" + "o" * 128)
    assert [a["id"] for a in listed.data] == [got.data["id"]]
    from urllib.parse import quote
    shown = g.stock.get("/inventory-items/" + quote(item, safe=""))
    assert shown.status == 200 and shown.data["id"] == item, shown


if __name__ == "__main__":
    tap.main("routes:\n  - {every: 1s, pipeline: [allocate.expire]}\n")
