#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of the integration document over HTTP, down to the order of
members; ids and times that the service makes are checked by their form."""
import re

import _path
import tap
from gantry import rfc3339

ULID = "[0-9A-HJKMNP-TV-Z]{26}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ITEM = "inv_01GXYZ234DEF"
ORDER = "ord_01OXYZ012HIJ"
EXPIRES = rfc3339(3600)


def matches(pattern, text):
    assert isinstance(text, str) and re.fullmatch(pattern, text), (pattern, text)


def same(got, expected):
    """Equal, the order of members included; a pattern where it is compiled."""
    if isinstance(expected, dict):
        assert list(got) == list(expected), (list(got), list(expected))
        for name, value in expected.items():
            same(got[name], value)
    elif isinstance(expected, re.Pattern):
        matches(expected, got)
    else:
        assert got == expected and type(got) is type(expected), (got, expected)


def request(**more):
    body = {"orderId": ORDER, "orderItemId": "item_01PXYZ123KLM",
            "inventoryItemId": ITEM, "quantity": 2,
            "warehouseId": "wh_01HXYZ789GHI", "expiresAt": EXPIRES}
    body.update(more)
    return body


def test_item_is_created(g):
    got = g.stock.post("/inventory-items", {
        "id": ITEM, "sku": "WIDGET-2", "productId": "prod_01FXYZ789ABC",
        "warehouseId": "wh_01HXYZ789GHI", "availableQuantity": 70})
    assert got.status == 201, got
    assert got.header("Location") == "/inventory-items/" + ITEM
    assert got.header("Content-Type").startswith("application/json")
    same(got.json, {"success": True, "data": {
        "id": ITEM, "sku": "WIDGET-2", "productId": "prod_01FXYZ789ABC",
        "warehouseId": "wh_01HXYZ789GHI", "availableQuantity": 70,
        "reservedQuantity": 0, "version": 1, "createdAt": re.compile(TIME),
        "updatedAt": re.compile(TIME)}})


def test_create_allocation(g):
    got = g.orders.post("/allocations", request())
    assert got.status == 201, got
    same(got.json, {"success": True, "data": {
        "id": re.compile("alloc_" + ULID), "orderId": ORDER,
        "orderItemId": "item_01PXYZ123KLM", "inventoryItemId": ITEM,
        "warehouseId": "wh_01HXYZ789GHI", "quantity": 2, "status": "PENDING",
        "expiresAt": EXPIRES, "createdAt": re.compile(TIME),
        "updatedAt": re.compile(TIME)}})
    assert got.header("Location") == "/allocations/" + got.data["id"]
    assert got.data["createdAt"] == got.data["updatedAt"]
    assert g.quantities(ITEM) == (70, 2)
    g.example = got.data


def test_allocation_created_event(g):
    rows = g.outbox(g.example["id"])
    assert len(rows) == 1, rows
    row = rows[0]
    assert row["exchange"] == "inventory.events"
    assert row["routing_key"] == "inventory.allocationcreated.allocation"
    assert row["type"] == "AllocationCreated"
    assert row["correlation_id"] == ORDER
    metadata = row["body"].pop("metadata")
    assert list(metadata)[:2] == ["correlationId", "source"], metadata
    assert metadata["correlationId"] == ORDER
    assert metadata["source"] == "inventory-service"
    same(row["body"], {
        "eventId": re.compile(UUID7), "eventType": "AllocationCreated",
        "eventVersion": "1.0.0", "aggregateId": g.example["id"],
        "aggregateType": "Allocation", "timestamp": re.compile(TIME),
        "payload": {
            "allocationId": g.example["id"], "orderId": ORDER,
            "orderItemId": "item_01PXYZ123KLM", "inventoryItemId": ITEM,
            "sku": "WIDGET-2", "productId": "prod_01FXYZ789ABC",
            "warehouseId": "wh_01HXYZ789GHI", "quantity": 2,
            "status": "PENDING", "expiresAt": EXPIRES,
            "inventoryItemDetails": {
                "previousAvailableQuantity": 70, "newAvailableQuantity": 70,
                "previousReservedQuantity": 0, "newReservedQuantity": 2}}})


def test_envelope_has_the_order_of_the_document(g):
    body = g.outbox(g.example["id"])[0]["body"]
    assert list(body) == ["eventId", "eventType", "eventVersion", "aggregateId",
                          "aggregateType", "timestamp", "metadata", "payload"]


def test_event_ids_are_one(g):
    row = g.outbox(g.example["id"])[0]
    assert row["event_id"] == row["body"]["eventId"]


def test_insufficient_stock(g):
    """5 requested, 2 to be had (D1): what is on hand less what is promised."""
    scarce = g.item(7, id="inv_scarce", warehouseId="wh_01HXYZ789GHI")
    g.allocate(scarce, 5)
    got = g.orders.post("/allocations", request(
        orderId="ord_short", inventoryItemId=scarce, quantity=5))
    assert got.status == 409, got
    error = got.json["error"]
    assert list(got.json) == ["success", "error"]
    assert got.json["success"] is False
    assert list(error)[:3] == ["code", "message", "details"], error
    assert error["code"] == "INSUFFICIENT_STOCK"
    assert error["message"] == "Not enough inventory available"
    same(error["details"], {"inventoryItemId": scarce,
                            "warehouseId": "wh_01HXYZ789GHI",
                            "requested": 5, "available": 2})
    assert error["retryable"] is False
    assert error["correlationId"] == "ord_short"
    assert g.quantities(scarce) == (7, 5)


def test_insufficient_stock_event(g):
    rows = [r for r in g.outbox("inv_scarce") if r["type"] == "InsufficientStock"]
    assert len(rows) == 1, rows
    row = rows[0]
    assert row["exchange"] == "inventory.notifications"
    assert row["routing_key"] == "inventory.insufficientstock.inventoryitem"
    assert row["aggregate_type"] == "InventoryItem"
    assert row["after"] is None
    same(row["body"]["payload"], {
        "orderId": "ord_short", "orderItemId": "item_01PXYZ123KLM",
        "inventoryItemId": "inv_scarce", "warehouseId": "wh_01HXYZ789GHI",
        "sku": "WIDGET-2", "requested": 5, "available": 2})


def test_confirm_fulfill_cancel(g):
    path = "/allocations/" + g.example["id"]
    confirmed = g.orders.put(path + "/confirm")
    assert confirmed.status == 200, confirmed
    same(confirmed.data, dict(g.example, status="CONFIRMED",
                              updatedAt=re.compile(TIME)))
    assert g.quantities(ITEM) == (70, 2)
    fulfilled = g.orders.put(path + "/fulfill")
    assert fulfilled.status == 200 and fulfilled.data["status"] == "FULFILLED"
    assert g.quantities(ITEM) == (68, 0)
    other = g.allocate(ITEM, 3)
    got = g.orders.put("/allocations/%s/cancel" % other["id"],
                       {"reason": "changed my mind"})
    assert got.status == 200 and got.data["status"] == "CANCELLED", got
    assert g.quantities(ITEM) == (68, 0)
    g.cancelled = other["id"]


def test_events_of_the_other_moves(g):
    rows = g.outbox(g.example["id"])
    assert [r["type"] for r in rows] == [
        "AllocationCreated", "AllocationConfirmed", "AllocationFulfilled"]
    for row, name in zip(rows[1:], ("confirmed", "fulfilled")):
        assert row["exchange"] == "inventory.events"
        assert row["routing_key"] == "inventory.allocation%s.allocation" % name
        assert list(row["body"]["payload"]) == list(rows[0]["body"]["payload"])
        assert row["body"]["payload"]["status"] == name.upper()
    assert rows[2]["body"]["payload"]["inventoryItemDetails"] == {
        "previousAvailableQuantity": 70, "newAvailableQuantity": 68,
        "previousReservedQuantity": 2, "newReservedQuantity": 0}
    cancelled = g.outbox(g.cancelled)[-1]
    assert cancelled["routing_key"] == "inventory.allocationcancelled.allocation"
    assert cancelled["body"]["payload"]["reason"] == "changed my mind"
    assert cancelled["body"]["payload"]["status"] == "CANCELLED"


def test_by_order(g):
    got = g.orders.get("/allocations/by-order/" + ORDER)
    assert got.status == 200, got
    assert [a["id"] for a in got.data] == [g.example["id"]]
    assert list(got.data[0]) == list(g.example)
    one = g.orders.get("/allocations/" + g.example["id"])
    assert one.status == 200 and one.data == got.data[0]


def test_bulk(g):
    got = g.orders.post("/allocations/bulk", {
        "orderId": "ord_bulk", "metadata": {"correlationId": "x"}, "items": [
            {"orderItemId": "i1", "inventoryItemId": ITEM, "quantity": 1},
            {"orderItemId": "i2", "inventoryItemId": ITEM, "quantity": 2}]})
    assert got.status == 201, got
    assert list(got.data) == ["orderId", "allocations"]
    assert got.data["orderId"] == "ord_bulk"
    assert [a["quantity"] for a in got.data["allocations"]] == [1, 2]
    assert all(list(a) == list(g.example) for a in got.data["allocations"])


if __name__ == "__main__":
    tap.main()
