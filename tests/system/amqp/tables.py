#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The two event tables of the integration document, row by row, over a real
RabbitMQ: exchange, routing key, envelope down to the order of its members,
properties (D15), and what each event that comes in does (D17 to D20)."""
import json
import re
import sys
import time

import _path
import tap
from gantry import rfc3339
from rabbit import Lodging, missing, wait_for
from world import (EVENTS, NOTES, QUEUE, World, cancelled, confirmed, created,
                   order_event, returned, run_all)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                   "[0-9a-f]{12}")
ITEM, ORDER, LINE = "inv_01GXYZ234DEF", "ord_01OXYZ012HIJ", "item_01PXYZ123KLM"


def same(got, expected, place=""):
    """Equal, the order of members included; a pattern where it is compiled."""
    if isinstance(expected, dict):
        assert list(got) == list(expected), (place, list(got), list(expected))
        for name, value in expected.items():
            same(got[name], value, place + "." + name)
    elif isinstance(expected, re.Pattern):
        assert isinstance(got, str) and expected.fullmatch(got), (place, got)
    else:
        assert got == expected and type(got) is type(expected), (place, got, expected)


def raw(w, aggregate, type):
    """(method, properties, body) of that event, from a queue of its own."""
    def look():
        while True:
            got = w.tap_client.get("tables")
            if got is None:
                break
            w.kept.append(got)
        for method, properties, body in w.kept:
            event = json.loads(body)
            if event["aggregateId"] == aggregate and event["eventType"] == type:
                return method, properties, event
        return None
    return wait_for("%s of %s" % (type, aggregate), 60, look)


def envelope(type, aggregate, aggregate_type, correlation, payload, cause=None):
    metadata = {"correlationId": correlation, "source": "inventory-service"}
    if cause:
        metadata["causationId"] = cause
    return {"eventId": UUID7, "eventType": type, "eventVersion": "1.0.0",
            "aggregateId": aggregate, "aggregateType": aggregate_type,
            "timestamp": TIME, "metadata": metadata, "payload": payload}


def came(w, exchange, key, expected):
    method, properties, event = raw(w, expected["aggregateId"], expected["eventType"])
    assert (method.exchange, method.routing_key) == (exchange, key), method
    same(event, expected)
    assert properties.message_id == event["eventId"], properties
    assert properties.type == event["eventType"]
    assert properties.correlation_id == event["metadata"]["correlationId"]
    assert properties.app_id == "inventory-service"
    assert properties.content_type == "application/json"
    assert properties.delivery_mode == 2
    assert abs(properties.timestamp - time.time()) < 120, properties
    return event


def example_item(w):
    if w.g.stock.get("/inventory-items/" + ITEM).status == 404:
        w.g.item(70, id=ITEM, productId="prod_01FXYZ789ABC",
                 warehouseId="wh_01HXYZ789GHI")


def payload(allocation, status, before, after, **more):
    """As in the example; before and after: (available, reserved)."""
    return dict({
        "allocationId": allocation["id"], "orderId": allocation["orderId"],
        "orderItemId": allocation["orderItemId"],
        "inventoryItemId": allocation["inventoryItemId"], "sku": "WIDGET-2",
        "productId": "prod_01FXYZ789ABC", "warehouseId": "wh_01HXYZ789GHI",
        "quantity": 2, "status": status, "expiresAt": allocation["expiresAt"],
    }, **more, inventoryItemDetails={
        "previousAvailableQuantity": before[0], "newAvailableQuantity": after[0],
        "previousReservedQuantity": before[1], "newReservedQuantity": after[1]})


def test_published_by_requests(w):
    """AllocationCreated as the document's example has it, Confirmed, Fulfilled."""
    example_item(w)
    made = w.g.allocate(ITEM, 2, orderId=ORDER, orderItemId=LINE,
                        warehouseId="wh_01HXYZ789GHI", expiresAt=rfc3339(86400))
    came(w, EVENTS, "inventory.allocationcreated.allocation",
         envelope("AllocationCreated", made["id"], "Allocation", ORDER,
                  payload(made, "PENDING", (70, 0), (70, 2))))
    for verb, type, status, before, after in (
            ("confirm", "AllocationConfirmed", "CONFIRMED", (70, 2), (70, 2)),
            ("fulfill", "AllocationFulfilled", "FULFILLED", (70, 2), (68, 0))):
        assert w.g.orders.put("/allocations/%s/%s" % (made["id"], verb)).status == 200
        came(w, EVENTS, "inventory.%s.allocation" % type.lower(),
             envelope(type, made["id"], "Allocation", ORDER,
                      payload(made, status, before, after)))


def test_published_on_cancellation(w):
    example_item(w)
    on_hand = w.g.quantities(ITEM)[0]
    made = w.g.allocate(ITEM, 2, orderId="ord_cancelled")
    got = w.g.orders.put("/allocations/%s/cancel" % made["id"], {"reason": "no money"})
    assert got.status == 200, got
    event = raw(w, made["id"], "AllocationCancelled")[2]
    expected = payload(made, "CANCELLED", (on_hand, 2), (on_hand, 0))
    # reason is an addition; the members of the example keep their order
    assert event["payload"].pop("reason") == "no money"
    expected = envelope("AllocationCancelled", made["id"], "Allocation",
                        "ord_cancelled", expected)
    same(event, expected)
    method = raw(w, made["id"], "AllocationCancelled")[0]
    assert (method.exchange, method.routing_key) == (
        EVENTS, "inventory.allocationcancelled.allocation")


def test_published_on_lack_of_stock(w):
    item = w.g.item(2, warehouseId="wh_01HXYZ789GHI")
    got = w.g.orders.post("/allocations", w.g.request(item, 5, orderId="ord_short"))
    assert got.status == 409 and got.code == "INSUFFICIENT_STOCK", got
    came(w, NOTES, "inventory.insufficientstock.inventoryitem",
         envelope("InsufficientStock", item, "InventoryItem", "ord_short", {
             "orderId": "ord_short", "orderItemId": "item_1",
             "inventoryItemId": item, "warehouseId": "wh_01HXYZ789GHI",
             "sku": "WIDGET-2", "requested": 5, "available": 2}))


# --- what comes in ---

def send(w, key_and_event, **properties):
    key, event = key_and_event
    w.tap_client.publish("order.events", key, event, **properties)


def held(w, order):
    got = w.g.orders.get("/allocations/by-order/" + order)
    assert got.status == 200, got
    return {a["orderItemId"]: (a["status"], a["quantity"]) for a in got.data}


def becomes(w, order, expected):
    wait_for("%s: %s" % (order, expected), 60, lambda: held(w, order) == expected)


def state(w, order):
    rows = w.g.rows("select state from orders where id = ?", order)
    return rows[0]["state"] if rows else None


def test_order_created(w):
    item, order = w.g.item(10), w.g.fresh("ord")
    send(w, created(order, [("a", item, 2), ("b", item, 3)]))
    becomes(w, order, {"a": ("PENDING", 2), "b": ("PENDING", 3)})
    assert w.g.quantities(item) == (10, 5) and state(w, order) == "OPEN"
    (one,) = [a for a in w.g.orders.get("/allocations/by-order/" + order).data
              if a["orderItemId"] == "a"]
    event = raw(w, one["id"], "AllocationCreated")[2]
    assert event["metadata"] == {"correlationId": order,
                                 "source": "inventory-service",
                                 "causationId": "created-" + order}, event


def test_order_created_that_asks_for_nothing(w):
    item = w.g.item(10)
    for more in ({"requiresPreAllocation": False}, {"items": []}):
        order = w.g.fresh("ord")
        send(w, created(order, [("a", item, 1)], **more))
        wait_for("the order's row", 60, lambda: state(w, order) == "OPEN")
        assert held(w, order) == {}
    assert w.g.quantities(item) == (10, 0)


def test_order_created_that_is_short_of_one(w):
    plenty, scarce, order = w.g.item(10), w.g.item(1), w.g.fresh("ord")
    send(w, created(order, [("a", scarce, 4), ("b", plenty, 2)]))
    becomes(w, order, {"b": ("PENDING", 2)})
    event = raw(w, scarce, "InsufficientStock")[2]
    assert (event["payload"]["requested"], event["payload"]["available"]) == (4, 1)
    assert event["metadata"]["causationId"] == "created-" + order


def test_order_confirmed(w):
    item, order = w.g.item(10), w.g.fresh("ord")
    send(w, created(order, [("a", item, 2), ("b", item, 3)]))
    send(w, confirmed(order))
    becomes(w, order, {"a": ("CONFIRMED", 2), "b": ("CONFIRMED", 3)})
    assert state(w, order) == "CONFIRMED" and w.g.quantities(item) == (10, 5)
    for a in w.g.orders.get("/allocations/by-order/" + order).data:
        raw(w, a["id"], "AllocationConfirmed")


def test_order_cancelled(w):
    item, order = w.g.item(10), w.g.fresh("ord")
    send(w, created(order, [("a", item, 2)]))
    send(w, cancelled(order, reason="no money"))
    becomes(w, order, {"a": ("CANCELLED", 2)})
    assert state(w, order) == "CANCELLED" and w.g.quantities(item) == (10, 0)
    (a,) = w.g.orders.get("/allocations/by-order/" + order).data
    event = raw(w, a["id"], "AllocationCancelled")[2]
    assert event["payload"]["reason"] == "no money", event


def test_order_return_initiated(w):
    item, order = w.g.item(10), w.g.fresh("ord")
    send(w, created(order, [("a", item, 4)]))
    send(w, confirmed(order))
    becomes(w, order, {"a": ("CONFIRMED", 4)})
    (a,) = w.g.orders.get("/allocations/by-order/" + order).data
    assert w.g.orders.put("/allocations/%s/fulfill" % a["id"]).status == 200
    send(w, returned(order, "ret_" + order,
                     items=[{"orderItemId": "a", "quantity": 3}]))

    def returns():
        got = w.g.stock.get("/returns?orderId=" + order)
        assert got.status == 200, got
        return got.data
    (back,) = wait_for("the return is expected", 60, returns)
    assert w.g.quantities(item) == (6, 0), "no stock moves until it is received"
    assert back["status"] == "EXPECTED", back
    got = w.g.stock.post("/returns/ret_%s/receive" % order)
    assert got.status == 200 and w.g.quantities(item) == (9, 0), got


def test_an_event_comes_twice(w):
    item, order = w.g.item(10), w.g.fresh("ord")
    for _ in range(3):
        send(w, created(order, [("a", item, 2)]))
    becomes(w, order, {"a": ("PENDING", 2)})
    assert w.g.quantities(item) == (10, 2)


def test_the_property_names_the_event(w):
    """D20: without an eventId the property message_id stands for it."""
    item, order = w.g.item(10), w.g.fresh("ord")
    key, event = created(order, [("a", item, 2)])
    del event["eventId"]
    for _ in range(2):
        send(w, (key, event), message_id="msg-" + order)
    becomes(w, order, {"a": ("PENDING", 2)})
    wait_for("its mark", 60, lambda: w.g.rows(
        "select * from inbox where key = ?", "%s:msg-%s" % (QUEUE, order)))
    assert w.g.quantities(item) == (10, 2)


def letter(w, event_id):
    return wait_for("a dead letter", 60, lambda: w.g.rows(
        "select * from dead_letters where event_id is not distinct from ?", event_id))


def test_neither_names_it(w):
    order = w.g.fresh("ord")
    key, event = created(order, [])
    del event["eventId"]
    send(w, (key, event))
    (row,) = letter(w, None)
    assert row["cause"] == "VALIDATION_ERROR" and "eventId" in row["text"], row
    assert state(w, order) is None


def test_confirmed_of_an_unknown_order(w):
    """Retried on every tier, then a dead letter with its cause (D20)."""
    send(w, confirmed("ord_nowhere"))
    (row,) = letter(w, "confirmed-ord_nowhere")
    assert row["cause"] == "ORDER_UNKNOWN", row
    assert row["attempts"] == 3, row


def test_return_of_what_was_not_shipped(w):
    item, order = w.g.item(10), w.g.fresh("ord")
    send(w, created(order, [("a", item, 2)]))
    send(w, returned(order, "ret_" + order))
    (row,) = letter(w, "returned-ret_" + order)
    assert row["cause"] == "ORDER_NOT_FULFILLED", row


def test_confirmed_that_came_too_early(w):
    item, order = w.g.item(10), w.g.fresh("ord")
    with w.kept_from_retry("300ms") as wait_until_kept:
        send(w, confirmed(order))
        wait_until_kept()
        send(w, created(order, [("a", item, 2)]))
        becomes(w, order, {"a": ("PENDING", 2)})
    becomes(w, order, {"a": ("CONFIRMED", 2)})


def test_other_major_version(w):
    key, event = order_event("OrderCancelled", "evt-v2", {"orderId": "ord_v2"},
                             eventVersion="2.0.0")
    send(w, (key, event))
    (row,) = letter(w, "evt-v2")
    assert row["cause"] == "VALIDATION_ERROR" and "eventVersion" in row["text"], row


def test_store_is_in_order(w):
    w.wait_until_quiet()
    assert w.g.stop() == 0
    w.check_store()
    w.check_published()
    w.check_queues()
    w.verify()


def main():
    tap.skip_all(missing())
    with Lodging("tables") as r, World(r, amqp=", retry: [300ms, 600ms]") as w, \
            r.client() as c:
        c.queue("tables", (EVENTS, "#"), (NOTES, "#"))
        w.tap_client, w.kept = c, []
        status = run_all(w)
    sys.exit(status)


if __name__ == "__main__":
    main()
