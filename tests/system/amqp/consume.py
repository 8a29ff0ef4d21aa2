#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What comes over a real RabbitMQ is applied once or is a dead letter with its
cause (I6), whatever is wrong with it, with the store or with the broker.

    GANTRY_OUTAGE   seconds that the store is away (default 5)
    GANTRY_CRASH    the plugin that ends the process when an event says so
"""
import datetime
import json
import os
import sys
import threading
import time

import _path
import tap
from rabbit import Rabbit, missing, wait_for
from world import (QUEUE, Feeder, World, cancelled, confirmed, created, order_event,
                   returned, run_all)

AMONG = int(os.environ.get("GANTRY_AMONG", "10000"))
PREFETCH = 512     # of a gateway that says nothing of it
OUTAGE = float(os.environ.get("GANTRY_OUTAGE", "5"))
CRASH = os.environ.get("GANTRY_CRASH")
KEY = "order.ordercreated.order"
DEAD = QUEUE + ".dead"


class Consumed(World):
    def __init__(self, rabbit, **more):
        extra = ""
        if CRASH:
            extra = ("handlers:\n  crash: {plugin: %s}\nroutes:\n"
                     "  - {amqp: {queue: %s, bind: {order.events: [%s]}}, "
                     "pipeline: [crash.check, orders.created]}\n"
                     % (CRASH, QUEUE, KEY))
        super().__init__(rabbit, extra=extra, amqp=", retry: [100ms, 200ms], "
                         "max_body: 64K", name="consume")
        options = self.g.store.options
        self.change(options, "%s, %s}" % (options[:-1], self.g.store.impatient))

    def change(self, old, new):
        with open(self.g.path("gantry.yaml"), encoding="utf-8") as f:
            text = f.read()
        assert old in text, text
        self.g.write("gantry.yaml", text.replace(old, new).encode())

    def send(self, key, body, **properties):
        with self.client() as c:
            c.publish("order.events", key, body, **properties)

    def send_all(self, events, **properties):
        with self.client() as c:
            for key, event in events:
                c.publish("order.events", key, event, window=500, **properties)
            c.settle()

    def letter(self, id):
        rows = self.g.rows("select * from dead_letters where event_id = ?", id)
        assert len(rows) <= 1, rows
        return rows[0] if rows else None

    def letters(self):
        return self.one("select count(*) from dead_letters")

    def wait_for_letter(self, id, seconds=60):
        return wait_for("dead letter " + id, seconds, lambda: self.letter(id))

    def mark(self, id):
        rows = self.g.rows("select state from inbox where key = ?", QUEUE + ":" + id)
        return rows[0]["state"] if rows else None

    def wait_for_mark(self, id, state="applied", seconds=60):
        wait_for("%s is %s" % (id, state), seconds, lambda: self.mark(id) == state)

    def wait_for_marks(self, events, seconds=60):
        ids = {"%s:%s" % (QUEUE, e["eventId"]) for _, e in events}

        def all_there():
            return ids <= {r["key"] for r in self.g.rows(
                "select key from inbox where state in ('applied', 'refused')")}
        wait_for("%d events are applied" % len(ids), seconds, all_there, 0.1)

    def statuses(self, order):
        return sorted(r["status"] for r in self.g.rows(
            "select a.status from allocations a join orders o on o.ref = a.ord "
            "where o.id = ?", order))


def some(w, prefix, n, item, **more):
    return [created("%s_%d" % (prefix, i), [("l1", item, 1)],
                    "%s_e%d" % (prefix, i)) for i in range(n)]


# --- what is right ---

def test_each_order_event_is_applied(w):
    item = w.g.item(100)
    order = w.g.fresh("ord")
    w.send(*created(order, [("l1", item, 2), ("l2", item, 1)]))
    w.wait_for_mark("created-" + order)
    # an order has one allocation for each of its items
    assert w.statuses(order) == ["PENDING", "PENDING"]
    w.send(*confirmed(order))
    w.wait_for_mark("confirmed-" + order)
    assert w.statuses(order) == ["CONFIRMED", "CONFIRMED"]
    for row in w.g.orders.get("/allocations/by-order/" + order).data:
        got = w.g.orders.put("/allocations/%s/fulfill" % row["id"])
        assert got.status == 200, got
    back = w.g.fresh("ret")
    w.send(*returned(order, back))
    w.wait_for_mark("returned-" + back)
    assert len(w.g.rows("select * from returns where return_id = ?", back)) >= 1
    other = w.g.fresh("ord")
    w.send(*created(other, [("l1", item, 5)]))
    w.wait_for_mark("created-" + other)
    w.send(*cancelled(other, reason="no money"))
    w.wait_for_mark("cancelled-" + other)
    assert w.statuses(other) == ["CANCELLED"]
    assert w.g.quantities(item) == (97, 0)


def test_the_same_event_again_has_no_effect(w):
    item, order = w.g.item(100), w.g.fresh("ord")
    before = w.metric('gantry_events_total{type="OrderCreated",outcome="duplicate"}')
    event = created(order, [("l1", item, 2)])
    for _ in range(3):
        w.send(*event)
    w.wait_for_mark("created-" + order)
    name = 'gantry_events_total{type="OrderCreated",outcome="duplicate"}'
    wait_for("the others are duplicates", 60, lambda: w.metric(name) == before + 2)
    assert w.g.quantities(item) == (100, 2)


def test_ids_correlation_and_trace_come_from_the_properties(w):
    item, order = w.g.item(100), w.g.fresh("ord")
    key, event = created(order, [("l1", item, 1)])
    del event["eventId"]
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    id = w.g.fresh("message")
    w.send(key, event, message_id=id, correlation_id="cor-of-property",
           headers={"traceparent": trace})
    w.wait_for_mark(id)

    def published():
        for _, _, out in list(w.seen.known.values()):
            if out["payload"].get("orderId") == order:
                return out
        return None
    out = wait_for("its event is published", 60, published)
    assert out["metadata"]["correlationId"] == "cor-of-property", out
    assert out["metadata"]["causationId"] == id, out


def test_lack_of_stock_is_no_dead_letter(w):
    item, order = w.g.item(1), w.g.fresh("ord")
    w.send(*created(order, [("l1", item, 5)]))
    w.wait_for_mark("created-" + order, "refused")
    assert w.letter("created-" + order) is None


# --- what is wrong with the event ---

def test_an_order_that_is_not_known_is_retried(w):
    """It is confirmed before it is there, and found by the second try."""
    item, order = w.g.item(100), w.g.fresh("ord")
    name = 'gantry_events_total{type="OrderConfirmed",outcome="retried"}'
    before = w.metric(name)
    with w.kept_from_retry("100ms") as wait_until_kept:
        w.send(*confirmed(order))
        wait_until_kept()
        wait_for("it was retried", 60, lambda: w.metric(name) == before + 1)
        w.send(*created(order, [("l1", item, 1)]))
        w.wait_for_mark("created-" + order)
    wait_for("it is confirmed", 60, lambda: w.statuses(order) == ["CONFIRMED"])
    assert w.metric(name) == before + 1
    assert w.letter("confirmed-" + order) is None


def test_an_order_that_stays_unknown_is_a_dead_letter(w):
    order = w.g.fresh("ord")
    w.send(*confirmed(order), correlation_id="cor-dead", headers={"color": "red"})
    row = w.wait_for_letter("confirmed-" + order)
    assert row["cause"] == "ORDER_UNKNOWN", row
    assert row["text"] == "the event came before what it rests on", row
    assert row["attempts"] == 3 and row["handler"] == "orders.confirmed", row
    assert (row["exchange"], row["routing_key"]) == (
        "order.events", "order.orderconfirmed.order"), row
    assert row["correlation_id"] == "cor-dead", row
    # nothing of the broker's way through the tiers is left
    assert json.loads(row["headers"]) == {"color": "red"}, row
    assert w.mark("confirmed-" + order) == "dead"


def test_what_is_malformed_is_a_dead_letter_that_names_it(w):
    base = created("ord_bad", [("l1", "inv_none", 1)])[1]
    line = base["payload"]["items"][0]

    def event(**more):
        made = dict(base, **more)
        return {k: v for k, v in made.items() if v is not None}

    def payload(**more):
        return event(payload=dict(base["payload"], **more))

    cases = [
        (b"{\"eventId\": ", "The body is not valid JSON (line 1, column 12: "),
        (b"", "The body must be JSON and is empty: the body is empty"),
        (b"\xff\xfe", "The body is not valid JSON (line 1, column "),
        (b"[" * 40, "The body is nested deeper than 32 levels: "),
        (b"[]", "must be an object"),
        (event(payload=7), "payload must be an object"),
        (event(eventType=None), "eventType is required"),
        (event(eventType="OrderShipped"),
         "eventType is OrderShipped, but OrderCreated belongs here"),
        (event(eventVersion="2.0.0"),
         "eventVersion is 2.0.0, but only major version 1 is understood"),
        (payload(orderId=7), "payload.orderId "),
        (payload(requiresPreAllocation="yes"), "payload.requiresPreAllocation "),
        (payload(items=[dict(line, quantity="2")]), "payload.items[0].quantity "),
        (payload(items=[dict(line, quantity=0)]), "payload.items[0].quantity "),
        (payload(items=[line, {}]), "payload.items[1].orderItemId "),
    ]
    for n, (body, text) in enumerate(cases):
        id = w.g.fresh("malformed")
        if isinstance(body, dict):
            body = dict(body, eventId=id)
        w.send(KEY, body, message_id=id)
        row = w.wait_for_letter(id)
        assert row["cause"] == "VALIDATION_ERROR", (n, row)
        assert row["text"].startswith(text), (n, text, row["text"])
        assert row["attempts"] == 1 and row["handler"] in (
            "orders.created", "crash.check"), (n, row)


def test_an_event_without_an_id_is_a_dead_letter(w):
    order = w.g.fresh("ord")
    key, event = created(order, [])
    del event["eventId"]
    before = w.letters()
    w.send(key, event)
    wait_for("a dead letter", 60, lambda: w.letters() == before + 1)
    (row,) = w.g.rows("select * from dead_letters where event_id is null "
                      "order by ref desc limit 1")
    assert row["text"] == "eventId is required", row["text"]
    assert w.g.rows("select * from orders where id = ?", order) == []


def test_a_body_that_is_too_large(w):
    order = w.g.fresh("ord")
    key, event = created(order, [], note="x" * 100000)
    size = len(json.dumps(event).encode())
    w.send(key, event, message_id="large-1")
    row = w.wait_for_letter("large-1")
    assert row["cause"] == "PAYLOAD_TOO_LARGE", row
    assert row["text"] == ("The body has %d bytes and may have 65536 "
                           "(amqp.max_body); its first 4096 are kept" % size), row
    assert len(row["body"]) == 4096, row


def test_what_fits_no_route_is_a_dead_letter(w):
    with w.client() as c:
        c.publish("", QUEUE, created("ord_lost", [])[1], message_id="lost-1")
        c.exchange("elsewhere")
        c.channel.queue_bind(QUEUE, "elsewhere", "#")
        c.publish("elsewhere", KEY, dict(created("ord_lost", [])[1],
                                         eventId="lost-2"))
    row = w.wait_for_letter("created-ord_lost")
    assert row["cause"] == "ROUTE_NOT_FOUND", row
    assert row["text"] == ('No route of queue %s is bound to exchange "" with '
                           'key "%s"' % (QUEUE, QUEUE)), row
    row = w.wait_for_letter("lost-2")
    assert row["cause"] == "ROUTE_NOT_FOUND" and row["exchange"] == "elsewhere", row


def test_what_the_broker_gave_up_is_a_dead_letter(w):
    """Its notes take the place of ours: the delivery limit, a TTL, a reject."""
    order, at = w.g.fresh("ord"), int(time.time())
    notes = {"reason": "delivery_limit", "queue": QUEUE, "count": 1, "time":
             datetime.datetime.fromtimestamp(at), "exchange": "order.events",
             "routing-keys": [KEY]}
    with w.client() as c:
        c.publish("", DEAD, created(order, [])[1], headers={"x-death": [notes]})
        c.publish("", DEAD, b"no event", message_id="odd-1")
    row = w.wait_for_letter("created-" + order)
    assert row["cause"] == "DELIVERY_LIMIT", row
    assert row["text"] == "The broker took it out of queue %s: delivery_limit" % QUEUE
    assert (row["exchange"], row["routing_key"]) == ("order.events", KEY), row
    assert row["died_at"] == at * 1000 and row["attempts"] == 0, row
    row = w.wait_for_letter("odd-1")
    assert row["cause"] == "DEAD_LETTERED" and row["body"] == "no event", row


def test_properties_that_would_be_in_the_way(w):
    """A user id, an expiration and CC are good for the first journey only."""
    order = w.g.fresh("ord")
    w.send(*confirmed(order), user_id="gantry", expiration="600000",
           headers={"CC": ["seen"]})
    row = w.wait_for_letter("confirmed-" + order)
    assert row["cause"] == "ORDER_UNKNOWN" and row["headers"] == "{}", row


def test_one_poison_event_among_many(w):
    """One that is refused at once, one that fails at each try: they alone, with
    their causes, and the others do not wait for them."""
    item = w.g.item(10**6)
    events = some(w, "among", AMONG, item)
    bad = order_event("OrderCreated", "among-bad", {"orderId": 7})
    poison = confirmed("among_unknown", "among-poison")
    middle = len(events) // 2
    begin = time.monotonic()
    feeder = Feeder(w, events[:middle] + [bad, poison] + events[middle:], 10**6)
    feeder.start()
    w.wait_for_marks(events, 120)
    feeder.join(10)
    print("# %d events in %.1f s" % (len(events), time.monotonic() - begin))
    assert w.wait_for_letter("among-bad")["cause"] == "VALIDATION_ERROR"
    row = w.wait_for_letter("among-poison")
    assert row["cause"] == "ORDER_UNKNOWN" and row["attempts"] == 3, row
    assert w.g.rows("select count(*) as n from dead_letters where event_id like "
                    "'among%'") == [{"n": 2}]
    assert w.g.quantities(item)[1] == len(events)


# --- what is wrong with the store or the broker ---

class Outage(threading.Thread):
    """Of the store, for as long as the block takes."""

    def __init__(self, w):
        super().__init__(daemon=True)
        self.store = w.g.store
        self.begun, self.over = threading.Event(), threading.Event()

    def run(self):
        self.store.outage(self.over, 600, self.begun)

    def __enter__(self):
        self.start()
        assert self.begun.wait(60), "the store cannot be taken away"

    def __exit__(self, *error):
        self.over.set()
        self.join()


def test_an_outage_of_the_store_makes_no_dead_letters(w):
    item = w.g.item(10**6)
    before, pauses = w.letters(), w.metric("gantry_consumer_pauses_total")
    rate = 400
    events = some(w, "outage", int(rate * (OUTAGE + 2)), item)
    feeder = Feeder(w, events, rate)
    feeder.start()
    wait_for("some are through", 60, lambda: w.mark("outage_e0"))
    began = time.monotonic()
    with Outage(w):
        wait_for("consuming pauses", 60, lambda: w.metric("gantry_consumer_paused") == 1)
        held = w.metric("gantry_consumer_held")
        time.sleep(max(0, began + OUTAGE - time.monotonic()))
    end = time.monotonic()
    feeder.join(60)
    assert feeder.is_done, feeder.error
    w.wait_for_marks(events)
    print("# caught up %.1f s after the outage, %d were held" % (
        time.monotonic() - end, held))
    assert w.letters() == before
    assert w.metric("gantry_consumer_pauses_total") > pauses
    assert w.metric("gantry_consumer_paused") == 0
    assert w.g.quantities(item)[1] == len(events)


def test_the_queue_is_deleted(w):
    """The broker ends the consumer; the queue is declared and consumed again."""
    with w.client() as c:
        c.channel.queue_delete(QUEUE)
        wait_for("the queue is back", 60, lambda: c.count(QUEUE) >= 0, 0.2)
    w.wait_until_bound()
    item, order = w.g.item(100), w.g.fresh("ord")
    w.send(*created(order, [("l1", item, 1)]))
    w.wait_for_mark("created-" + order)


def test_a_tier_is_deleted(w):
    """What is to be passed on waits until its queue is there again; others flow."""
    tiers = ["%s.retry.%s" % (QUEUE, t) for t in ("100ms", "200ms")]
    item, flowed = w.g.item(100), False
    for _ in range(5):
        order = w.g.fresh("ord")
        with w.client() as c:
            for tier in tiers:
                c.channel.queue_delete(tier)
            w.send(*confirmed(order))
            w.send(*created(order + "x", [("l1", item, 1)]))
            w.wait_for_mark("created-%sx" % order)
            flowed = c.count(tiers[0]) == -1
        row = w.wait_for_letter("confirmed-" + order)
        assert row["cause"] == "ORDER_UNKNOWN" and row["attempts"] == 3, row
        # else the machine was so slow that the tier was back before we looked
        if flowed:
            return
    raise AssertionError("others waited for the tier, too")


def test_the_broker_goes_and_comes(w):
    item = w.g.item(10**6)
    events = some(w, "broker", 1500, item)
    feeder = Feeder(w, events, 500, lambda: gate[0])
    gate = [1000]
    feeder.start()
    wait_for("some are through", 60, lambda: w.mark("broker_e300"))
    w.r.cut()
    wait_for("some more are through", 60, lambda: w.mark("broker_e600"))
    gate[0] = len(events)
    w.r.restart()
    feeder.join(60)
    assert feeder.is_done, feeder.error
    w.wait_for_marks(events)
    assert w.g.quantities(item)[1] == len(events)


def test_an_alarm_stops_no_consuming(w):
    """Under the memory alarm the broker reads from no connection that publishes:
    what is passed on waits, what is consumed does not."""
    item = w.g.item(10**6)
    late = order_event("OrderConfirmed", "alarm-late", {"orderId": "ord_alarm"})
    w.send(*late)
    w.wait_for_letter("alarm-late")     # the way to pass on is open now
    events = some(w, "alarm", 300, item)
    with Outage(w):
        w.send_all([order_event("OrderConfirmed", "alarm-%d" % i,
                                {"orderId": "ord_alarm"}) for i in range(5)])
        # those are here and held, the others are in the queue: of these, when it
        # goes on, not one waits for those
        wait_for("consuming pauses", 60, lambda: w.metric("gantry_consumer_paused") == 1)
        w.send_all(events)
        w.r.alarm(True)
    try:
        w.wait_for_marks(events)
        assert w.letter("alarm-0") is None
    finally:
        w.r.alarm(False)
    for i in range(5):
        w.wait_for_letter("alarm-%d" % i)


# --- what is wrong with the gateway ---

def test_an_event_that_ends_the_process(w):
    """D22: it alone is a dead letter, and its neighbours are applied."""
    if not CRASH:
        raise tap.Skip("there is no plugin to crash with (GANTRY_CRASH)")
    item = w.g.item(10**6)
    before = w.letters()
    events = some(w, "crash", 400, item)
    events[200][1]["crash"] = True
    assert w.g.stop() == 0
    w.send_all(events)
    crashes = 0
    end = time.monotonic() + 240
    while w.g.process is None or w.letter("crash_e200") is None:
        assert time.monotonic() < end, "%d crashes" % crashes
        if w.g.process is None or w.g.process.poll() is not None:
            crashes += w.g.process is not None
            w.g.process = None
            try:
                w.g.start()
            except AssertionError:
                crashes += 1
                w.g.process = None
        time.sleep(0.05)
    row = w.letter("crash_e200")
    print("# %d crashes" % crashes)
    assert row["cause"] == "CRASHED_CONSUMER", row
    assert row["text"] == ("It was alone 3 times when the process ended without "
                           "an answer"), row
    assert 4 <= crashes <= 8, crashes
    w.wait_for_marks(events[:200] + events[201:])
    assert w.letters() == before + 1
    assert w.g.quantities(item)[1] == len(events) - 1
    wait_for("nothing is remembered of suspects", 10, lambda: w.one(
        "select count(*) from records where key like 'suspects%'") == 0)


def test_killed_under_load(w):
    item = w.g.item(10**6)
    events = some(w, "killed", 2000, item)
    feeder = Feeder(w, events, 1000, lambda: gate[0])
    gate = [0]
    feeder.start()
    for n in (400, 1400):
        gate[0] = n + 600
        wait_for("%d are through" % n, 60, lambda: w.mark("killed_e%d" % n), 0.01)
        w.g.kill()
        w.g.start()
    feeder.join(60)
    assert feeder.is_done, feeder.error
    w.wait_for_marks(events)
    assert w.g.quantities(item)[1] == len(events)


def test_stopped_under_load(w):
    """What was taken is finished: little comes twice."""
    item = w.g.item(10**6)
    events = some(w, "stopped", 2000, item)
    feeder = Feeder(w, events, 1500)
    feeder.start()
    wait_for("some are through", 60, lambda: w.mark("stopped_e500"), 0.01)
    assert w.g.stop() == 0
    w.g.start()
    feeder.join(60)
    w.wait_for_marks(events)
    # the broker itself takes back what it is sending when a consumer ends
    again = w.metric('gantry_events_redelivered_total{queue="%s"}' % QUEUE)
    done = w.metric('gantry_events_total{type="OrderCreated",outcome="duplicate"}')
    print("# %d came twice, of them %d were done" % (again, done))
    assert done == 0, done
    assert again <= PREFETCH, again
    assert w.g.quantities(item)[1] == len(events)


def test_in_the_end_all_is_in_order(w):
    w.wait_until_published()
    assert w.g.stop() == 0
    w.check_store()
    w.check_published()
    w.check_queues()
    w.verify()


def main():
    tap.skip_all(missing())
    with Rabbit("consume") as r, Consumed(r) as w:
        status = run_all(w)
    sys.exit(status)


if __name__ == "__main__":
    main()
