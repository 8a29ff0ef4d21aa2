#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""POST /allocations/bulk (D10): all or nothing, or as much as goes."""
import _path
import tap

PATH = "/allocations/bulk"


def line(item, quantity=1, order_item="i1", **more):
    return dict({"orderItemId": order_item, "inventoryItemId": item,
                 "quantity": quantity}, **more)


def bulk(g, items, mode=None, order=None):
    body = {"orderId": order or g.fresh("ord"), "items": items}
    if mode is not None:
        body["mode"] = mode
    return g.orders.post(PATH, body)


def test_all(g):
    one, two, order = g.item(10), g.item(10), g.fresh("ord")
    got = bulk(g, [line(one, 3), line(two, 4, "i2")], order=order)
    assert got.status == 201, got
    assert list(got.data) == ["orderId", "allocations"]
    assert got.header("Location") == "/allocations/by-order/" + order
    assert [(a["inventoryItemId"], a["quantity"]) for a in got.data["allocations"]] \
        == [(one, 3), (two, 4)]
    assert (g.quantities(one), g.quantities(two)) == ((10, 3), (10, 4))


def test_mode_said_or_not(g):
    for mode in (None, "all_or_nothing"):
        got = bulk(g, [line(g.item(1))], mode)
        assert got.status == 201 and "failures" not in got.data, got


def test_nothing_if_one_fails(g):
    plenty, scarce, none = g.item(10), g.item(1), g.item(0)
    order = g.fresh("ord")
    got = bulk(g, [line(plenty, 3), line(scarce, 5, "i2"), line(none, 1, "i3")],
               order=order)
    assert got.status == 409 and got.code == "INSUFFICIENT_STOCK", got
    assert got.details == {"inventoryItemId": scarce, "warehouseId": "wh_1",
                           "requested": 5, "available": 1, "index": 1}, got
    assert [g.quantities(i) for i in (plenty, scarce, none)] == [
        (10, 0), (1, 0), (0, 0)]
    assert g.orders.get("/allocations/by-order/" + order).data == []
    # one shortage is told, that of the item that failed
    assert [r["type"] for r in g.outbox(scarce)] == ["InsufficientStock"]
    assert g.outbox(none) == [] and g.outbox(plenty) == []


def test_index_of_other_refusals(g):
    item = g.item(10, warehouseId="wh_a")
    for bad, status, code in (
            (line("inv_none", 1, "i2"), 404, "INVENTORY_ITEM_NOT_FOUND"),
            (line(item, 1, "i2", warehouseId="wh_b"), 422, "WAREHOUSE_MISMATCH")):
        got = bulk(g, [line(item), bad])
        assert got.status == status and got.code == code, got
        assert got.details["index"] == 1, got
    assert g.quantities(item) == (10, 0)


def test_items_of_one_request_share_stock(g):
    item = g.item(10)
    got = bulk(g, [line(item, 6, "i1"), line(item, 6, "i2")])
    assert got.status == 409 and got.details["index"] == 1, got
    assert got.details["available"] == 4
    assert g.quantities(item) == (10, 0)


def test_partial(g):
    plenty, scarce = g.item(10), g.item(1)
    got = bulk(g, [line(scarce, 5, "i0"), line(plenty, 3, "i1"),
                   line("inv_none", 1, "i2"), line(plenty, 4, "i3")], "partial")
    assert got.status == 207, got
    assert got.json["success"] is True
    assert list(got.data) == ["orderId", "allocations", "failures"]
    assert [a["orderItemId"] for a in got.data["allocations"]] == ["i1", "i3"]
    first, second = got.data["failures"]
    assert list(first) == ["index", "orderItemId", "inventoryItemId", "error"]
    assert list(first["error"])[:3] == ["code", "message", "details"]
    assert (first["index"], first["orderItemId"], first["inventoryItemId"]) == (
        0, "i0", scarce)
    assert first["error"]["code"] == "INSUFFICIENT_STOCK"
    assert first["error"]["details"]["available"] == 1
    assert (second["index"], second["error"]["code"]) == (
        2, "INVENTORY_ITEM_NOT_FOUND")
    assert g.quantities(plenty) == (10, 7)
    assert [r["type"] for r in g.outbox(scarce)] == ["InsufficientStock"]


def test_partial_without_failures(g):
    item, order = g.item(10), g.fresh("ord")
    got = bulk(g, [line(item)], "partial", order)
    assert got.status == 201 and got.data["failures"] == [], got
    again = bulk(g, [line(item)], "partial", order)
    assert again.status == 200 and again.data == got.data, again


def test_partial_where_all_fails(g):
    got = bulk(g, [line(g.item(0)), line("inv_none", 1, "i2")], "partial")
    assert got.status == 207 and got.data["allocations"] == [], got
    assert len(got.data["failures"]) == 2


def test_all_stood(g):
    one, two, order = g.item(10), g.item(10), g.fresh("ord")
    items = [line(one, 3), line(two, 4, "i2")]
    first, again = bulk(g, items, order=order), bulk(g, items, order=order)
    assert (first.status, again.status) == (201, 200)
    assert first.data == again.data
    more = bulk(g, items + [line(one, 1, "i3")], order=order)
    assert more.status == 201 and len(more.data["allocations"]) == 3, more
    assert g.quantities(one) == (10, 4)


def test_twice_in_a_request(g):
    """Judged as two requests would be (D5)."""
    item = g.item(10)
    got = bulk(g, [line(item, 2), line(item, 2)])
    assert got.status == 201, got
    assert len({a["id"] for a in got.data["allocations"]}) == 1
    assert g.quantities(item) == (10, 2)
    got = bulk(g, [line(item, 2), line(item, 3)])
    assert got.status == 409 and got.code == "ALLOCATION_EXISTS", got
    assert got.details["index"] == 1
    assert g.quantities(item) == (10, 2)
    got = bulk(g, [line(item, 2), line(item, 3)], "partial")
    assert got.status == 207 and got.data["failures"][0]["index"] == 1, got
    assert g.quantities(item) == (10, 4)


def test_a_thousand(g):
    item = g.item(1000)
    got = bulk(g, [line(item, 1, "i%d" % i) for i in range(1000)])
    assert got.status == 201, got
    assert [a["orderItemId"] for a in got.data["allocations"]] == [
        "i%d" % i for i in range(1000)]
    assert g.quantities(item) == (1000, 1000)


def test_a_thousand_with_the_longest_ids(g):
    item = g.item(1000, id="n" * 128, warehouseId="w" * 128)
    items = [line(item, 1, ("%04d" % i) * 32, warehouseId="w" * 128)
             for i in range(1000)]
    got = bulk(g, items, "partial", "o" * 128)
    assert got.status == 201, str(got)[:300]
    assert g.quantities(item) == (1000, 1000)


if __name__ == "__main__":
    tap.main()
