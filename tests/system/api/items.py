#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inventory items and returns (D12, D18)."""
import _path
import tap

MEMBERS = ["id", "sku", "productId", "warehouseId", "availableQuantity",
           "reservedQuantity", "version", "createdAt", "updatedAt"]


def body(**more):
    return dict({"sku": "S-1", "productId": "prod_1", "warehouseId": "wh_1",
                 "availableQuantity": 5}, **more)


def adjust(g, item, delta, reason="counted"):
    return g.stock.post("/inventory-items/%s/adjust" % item,
                        {"delta": delta, "reason": reason})


def test_id_is_made(g):
    got = g.stock.post("/inventory-items", body())
    assert got.status == 201 and list(got.data) == MEMBERS, got
    id = got.data["id"]
    assert id.startswith("inv_") and len(id) == 4 + 26, id
    assert got.header("Location") == "/inventory-items/" + id
    shown = g.stock.get(got.header("Location"))
    assert shown.status == 200 and shown.data == got.data, shown


def test_id_is_given_once(g):
    assert g.stock.post("/inventory-items", body(id="inv_once")).status == 201
    got = g.stock.post("/inventory-items", body(id="inv_once", sku="other"))
    assert got.status == 409 and got.code == "ITEM_EXISTS", got
    assert g.stock.get("/inventory-items/inv_once").data["sku"] == "S-1"


def test_location_is_encoded(g):
    got = g.stock.post("/inventory-items", body(id="a b%c?d"))
    assert got.header("Location") == "/inventory-items/a%20b%25c%3Fd", got.headers
    assert g.stock.get(got.header("Location")).data["id"] == "a b%c?d"


def test_empty_item(g):
    item = g.item(0)
    got = g.orders.post("/allocations", g.request(item, 1))
    assert got.status == 409 and got.details["available"] == 0, got


def test_unknown_item(g):
    got = g.stock.get("/inventory-items/inv_none")
    assert got.status == 404 and got.code == "INVENTORY_ITEM_NOT_FOUND", got
    got = adjust(g, "inv_none", 1)
    assert got.status == 404 and got.code == "INVENTORY_ITEM_NOT_FOUND", got


def test_adjust(g):
    item = g.item(5)
    got = adjust(g, item, 7)
    assert got.status == 200 and list(got.data) == MEMBERS, got
    assert (got.data["availableQuantity"], got.data["version"]) == (12, 2)
    assert adjust(g, item, -12).data["availableQuantity"] == 0
    g.check_invariants()


def test_adjust_below_reserved(g):
    item = g.item(5)
    g.allocate(item, 3)
    got = adjust(g, item, -3)
    assert got.status == 409 and got.code == "ADJUSTMENT_BELOW_RESERVED", got
    assert g.quantities(item) == (5, 3)
    assert adjust(g, item, -2).status == 200
    assert g.quantities(item) == (3, 3)


def test_list_in_pages(g):
    made = {g.item(i) for i in range(25)}
    seen, after, pages = [], "", 0
    while after is not None:
        got = g.stock.get("/inventory-items?limit=10" + after)
        assert got.status == 200 and len(got.data) <= 10, got
        assert all(list(row) == MEMBERS for row in got.data)
        seen += [row["id"] for row in got.data]
        after = "&after=" + got.json["next"] if "next" in got.json else None
        pages += 1
        assert pages < 100
    assert len(seen) == len(set(seen)) and made <= set(seen)
    assert pages >= 3


def test_list_is_a_hundred_by_default(g):
    for i in range(110):
        g.item(i)
    got = g.stock.get("/inventory-items")
    assert got.status == 200 and len(got.data) == 100 and "next" in got.json
    assert len(g.stock.get("/inventory-items?limit=1000").data) > 110


def fulfilled(g, item, quantity, **more):
    allocation = g.allocate(item, quantity, **more)
    for move in ("confirm", "fulfill"):
        got = g.orders.put("/allocations/%s/%s" % (allocation["id"], move))
        assert got.status == 200, got
    return allocation


def initiate(g, order, **more):
    got = g.publish("OrderReturnInitiated", dict({"orderId": order}, **more))
    assert got.status == 200 and got.data["outcome"] == "applied", got


def test_return_of_everything(g):
    item = g.item(10)
    sent = fulfilled(g, item, 4)
    assert g.quantities(item) == (6, 0)
    initiate(g, sent["orderId"], returnId="ret_all")
    assert g.quantities(item) == (6, 0), "no stock moves until it is received"
    got = g.stock.get("/returns?orderId=" + sent["orderId"])
    assert got.status == 200 and len(got.data) == 1, got
    row = got.data[0]
    assert (row["id"], row["orderId"], row["orderItemId"], row["inventoryItemId"],
            row["allocationId"], row["status"]) == (
        "ret_all", sent["orderId"], "item_1", item, sent["id"], "EXPECTED"), row
    received = g.stock.post("/returns/ret_all/receive")
    assert received.status == 200, received
    assert received.data[0]["status"] == "RECEIVED"
    assert list(received.data[0]) == list(row)
    assert g.quantities(item) == (10, 0)
    listed = g.stock.get("/returns?orderId=" + sent["orderId"]).data
    assert listed == received.data


def test_received_once(g):
    item = g.item(10)
    sent = fulfilled(g, item, 4)
    initiate(g, sent["orderId"], returnId="ret_once")
    assert g.stock.post("/returns/ret_once/receive").status == 200
    g.stock.post("/returns/ret_once/receive")
    assert g.quantities(item) == (10, 0)


def test_part_of_a_return(g):
    item, order = g.item(20), g.fresh("ord")
    fulfilled(g, item, 4, orderId=order)
    fulfilled(g, item, 6, orderId=order, orderItemId="item_2")
    initiate(g, order, returnId="ret_part", items=[
        {"orderItemId": "item_2", "quantity": 5}])
    rows = g.stock.get("/returns?orderId=" + order).data
    assert [(r["orderItemId"], r["expectedQuantity"]) for r in rows] == [("item_2", 5)]
    got = g.stock.post("/returns/ret_part/receive", {"items": [
        {"orderItemId": "item_2", "quantity": 2}]})
    assert got.status == 200 and got.data[0]["receivedQuantity"] == 2, got
    assert g.quantities(item) == (12, 0)


def test_unknown_return(g):
    got = g.stock.post("/returns/ret_none/receive")
    assert got.status == 404 and got.code == "RETURN_NOT_FOUND", got
    assert g.stock.get("/returns?orderId=ord_none").data == []


def test_id_of_a_return_is_made(g):
    item = g.item(10)
    sent = fulfilled(g, item, 4)
    initiate(g, sent["orderId"])
    rows = g.stock.get("/returns?orderId=" + sent["orderId"]).data
    assert rows[0]["id"].startswith("ret_"), rows


if __name__ == "__main__":
    tap.main()
