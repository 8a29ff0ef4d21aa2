#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events of an order over HTTP (D17 to D20, D25)."""
import _path
import tap
from refusals import fields, refused


def created(g, order, lines, **more):
    payload = {"orderId": order, "requiresPreAllocation": True, "items": lines}
    payload.update(more)
    return g.publish("OrderCreated", payload)


def line(item, quantity=2, order_item="item_1", **more):
    return dict({"orderItemId": order_item, "inventoryItemId": item,
                 "quantity": quantity}, **more)


def outcome(got, expected):
    assert got.status == 200, got
    assert list(got.json) == ["success", "data"], got
    assert list(got.data) == ["eventId", "outcome"], got
    assert got.data["outcome"] == expected, got


def statuses(g, order):
    got = g.orders.get("/allocations/by-order/" + order)
    assert got.status == 200, got
    return sorted(a["status"] for a in got.data)


def state(g, order):
    rows = g.rows("select state from orders where id = ?", order)
    return rows[0]["state"] if rows else None


def whole(g, type, order, **more):
    return g.publish(type, dict({"orderId": order}, **more))


def test_created_allocates(g):
    item, order = g.item(10), g.fresh("ord")
    got = created(g, order, [line(item)])
    outcome(got, "applied")
    assert statuses(g, order) == ["PENDING"] and g.quantities(item) == (10, 2)
    id = g.orders.get("/allocations/by-order/" + order).data[0]["id"]
    metadata = g.outbox(id)[0]["body"]["metadata"]
    assert metadata["correlationId"] == "cor-1", metadata
    assert metadata["causationId"] == got.data["eventId"], metadata


def test_created_without_allocation(g):
    item = g.item(10)
    for more in ({"requiresPreAllocation": False}, {"requiresPreAllocation": None},
                 {"items": []}, {"items": None}):
        order = g.fresh("ord")
        outcome(created(g, order, [line(item)], **more), "applied")
        assert statuses(g, order) == [] and state(g, order) == "OPEN", more
    assert g.quantities(item) == (10, 0)


def test_one_item_short_does_not_touch_the_others(g):
    plenty, scarce, order = g.item(10), g.item(1), g.fresh("ord")
    got = created(g, order, [line(scarce, 5, "i1"), line(plenty, 3, "i2"),
                             line("inv_none", 1, "i3")])
    outcome(got, "refused")
    assert statuses(g, order) == ["PENDING"]
    assert (g.quantities(plenty), g.quantities(scarce)) == ((10, 3), (1, 0))
    assert [r["type"] for r in g.outbox(scarce)] == ["InsufficientStock"]


def test_the_same_event_again(g):
    item, order = g.item(10), g.fresh("ord")
    payload = {"orderId": order, "requiresPreAllocation": True,
               "items": [line(item)]}
    first = g.publish("OrderCreated", payload, eventId="evt-same")
    again = g.publish("OrderCreated", payload, eventId="evt-same")
    outcome(first, "applied")
    outcome(again, "duplicate")
    assert again.data["eventId"] == "evt-same"
    assert g.quantities(item) == (10, 2)
    g.restart()
    outcome(g.publish("OrderCreated", payload, eventId="evt-same"), "duplicate")
    assert g.quantities(item) == (10, 2)


def test_by_event_and_by_api_allocate_once(g):
    item, order = g.item(10), g.fresh("ord")
    outcome(created(g, order, [line(item)]), "applied")
    got = g.orders.post("/allocations", g.request(item, 2, orderId=order))
    assert got.status == 200, got
    other = g.fresh("ord")
    assert g.orders.post("/allocations",
                         g.request(item, 2, orderId=other)).status == 201
    outcome(created(g, other, [line(item)]), "applied")
    assert g.quantities(item) == (10, 4)


def test_confirmed(g):
    item, order = g.item(10), g.fresh("ord")
    created(g, order, [line(item, 1, "i1"), line(item, 1, "i2")])
    outcome(whole(g, "OrderConfirmed", order), "applied")
    assert statuses(g, order) == ["CONFIRMED", "CONFIRMED"]
    assert state(g, order) == "CONFIRMED"
    # decided by the row, not by arrival: what comes late is confirmed as well
    outcome(created(g, order, [line(item, 1, "i3")]), "applied")
    assert statuses(g, order) == ["CONFIRMED"] * 3


def test_confirmed_of_an_unknown_order_may_be_tried_again(g):
    got = whole(g, "OrderConfirmed", "ord_unknown")
    assert got.status == 503 and got.json["error"]["retryable"] is True, got
    assert got.json["error"]["code"] == "ORDER_UNKNOWN", got
    assert state(g, "ord_unknown") is None


def test_a_keyed_event_gets_its_first_answer(g):
    """D6 holds for events that enter by POST, too."""
    item, order = g.item(10), g.fresh("ord")
    event = {"eventId": g.fresh("evt"), "eventType": "OrderCreated",
             "eventVersion": "1.0.0", "payload": {
                 "orderId": order, "requiresPreAllocation": True,
                 "items": [line(item)]}}
    path = "/events/order.events/order.ordercreated.order"
    key = {"Idempotency-Key": g.fresh("key")}
    first = g.events.post(path, event, headers=key)
    outcome(first, "applied")
    again = g.events.post(path, event, headers=key)
    outcome(again, "applied")
    assert again.header("Idempotent-Replayed") == "true", again.headers
    outcome(g.events.post(path, event), "duplicate")
    other = dict(event, eventId=g.fresh("evt"))
    refused(g.events.post(path, other, headers=key), 422,
            "IDEMPOTENCY_KEY_REUSED", "another event")
    assert g.quantities(item) == (10, 2)


def test_an_event_that_failed_is_no_duplicate(g):
    item, order = g.item(10), g.fresh("ord")
    payload = {"orderId": order}
    assert g.publish("OrderConfirmed", payload, eventId="evt-early").status == 503
    created(g, order, [line(item)])
    outcome(g.publish("OrderConfirmed", payload, eventId="evt-early"), "applied")
    assert statuses(g, order) == ["CONFIRMED"]


def test_cancelled(g):
    item, order = g.item(10), g.fresh("ord")
    created(g, order, [line(item, 1, "i1"), line(item, 1, "i2")])
    one = g.orders.get("/allocations/by-order/" + order).data[0]["id"]
    g.orders.put("/allocations/%s/confirm" % one)
    outcome(whole(g, "OrderCancelled", order, reason="no money"), "applied")
    assert statuses(g, order) == ["CANCELLED", "CANCELLED"]
    assert g.quantities(item) == (10, 0)
    assert g.outbox(one)[-1]["body"]["payload"]["reason"] == "no money"
    assert state(g, order) == "CANCELLED"


def test_cancelled_first_stays_cancelled(g):
    item, order = g.item(10), g.fresh("ord")
    outcome(whole(g, "OrderCancelled", order), "applied")
    assert state(g, order) == "CANCELLED"
    got = created(g, order, [line(item)])
    assert got.status == 200, got
    got = whole(g, "OrderConfirmed", order)
    assert got.status == 200, got
    assert statuses(g, order) == [] and g.quantities(item) == (10, 0)
    got = g.orders.post("/allocations", g.request(item, 1, orderId=order))
    assert got.status == 409 and got.code == "ORDER_CANCELLED", got


def test_fulfilled_never_moves(g):
    item, order = g.item(10), g.fresh("ord")
    created(g, order, [line(item, 1, "i1"), line(item, 1, "i2")])
    one = g.orders.get("/allocations/by-order/" + order).data[0]["id"]
    for move in ("confirm", "fulfill"):
        g.orders.put("/allocations/%s/%s" % (one, move))
    outcome(whole(g, "OrderCancelled", order), "applied")
    assert statuses(g, order) == ["CANCELLED", "FULFILLED"]
    assert g.quantities(item) == (9, 0)


def test_return_of_nothing_may_be_tried_again(g):
    item, order = g.item(10), g.fresh("ord")
    created(g, order, [line(item)])
    got = whole(g, "OrderReturnInitiated", order)
    assert got.status == 503, got
    assert got.json["error"]["code"] == "ORDER_NOT_FULFILLED", got


def test_envelope_is_checked(g):
    order = {"orderId": "ord_env", "requiresPreAllocation": True, "items": []}
    table = [("eventType", b) for b in (None, "OrderConfirmed", "", 7)]
    table += [("eventVersion", b) for b in (None, "2.0.0", "10.0.0", "0.9", "x", 1)]
    table += [("payload", b) for b in (None, [], "x", 7)]
    table += [("eventId", b) for b in (None, "", "x" * 129, 7)]
    for name, bad in table:
        event = {"eventId": g.fresh("evt"), "eventType": "OrderCreated",
                 "eventVersion": "1.0.0", "payload": order}
        event[name] = bad
        got = g.events.post("/events/order.events/order.ordercreated.order", event)
        refused(got, 400, "VALIDATION_ERROR", (name, bad))
        assert name in fields(got), (name, bad, got)
    got = g.publish("OrderCreated", order, eventVersion="2.1.0")
    assert got.details == [{"field": "eventVersion", "problem":
                            "is 2.1.0, but only major version 1 is understood"}], got
    outcome(g.publish("OrderCreated", order, eventVersion="1.9.3"), "applied")


def test_payload_is_checked(g):
    good = line("inv_x", 1)
    for name, payload in {
            "payload.orderId": {},
            "payload.requiresPreAllocation": {"requiresPreAllocation": "yes"},
            "payload.items": {"items": {}},
            "payload.items[0]": {"items": [7]},
            "payload.items[1].quantity": {"items": [good, dict(good, quantity=0)]},
            "payload.items[1].orderItemId": {"items": [good, dict(good, orderItemId=7)]},
            "payload.items[0].inventoryItemId":
                {"items": [dict(good, inventoryItemId=None)]},
    }.items():
        body = dict({"orderId": "ord_pay", "requiresPreAllocation": True}, **payload)
        if name == "payload.orderId":
            del body["orderId"]
        got = g.publish("OrderCreated", body)
        refused(got, 400, "VALIDATION_ERROR", name)
        assert fields(got) == [name], (name, got)
    assert state(g, "ord_pay") is None
    for type in ("OrderConfirmed", "OrderCancelled", "OrderReturnInitiated"):
        got = g.publish(type, {"orderId": ""})
        assert got.status == 400 and fields(got) == ["payload.orderId"], got
    got = whole(g, "OrderReturnInitiated", "o", items=[{"orderItemId": "i",
                                                        "quantity": -1}])
    assert fields(got) == ["payload.items[0].quantity"], got


def test_a_rejected_event_may_come_again_mended(g):
    got = g.publish("OrderCreated", {"orderId": ""}, eventId="evt-mended")
    assert got.status == 400, got
    order = g.fresh("ord")
    outcome(g.publish("OrderCreated", {"orderId": order}, eventId="evt-mended"),
            "applied")


def test_unknown_members_are_ignored(g):
    order = g.fresh("ord")
    outcome(g.publish("OrderCreated", {"orderId": order, "color": "blue"},
                      extra={"a": 1}), "applied")


if __name__ == "__main__":
    tap.main()
