#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole way of an event in its traces: a request, the outbox, a RabbitMQ, two
retries, the dead letter, and its replay; and of events that others publish."""
import sys

import _path  # noqa: F401
import tap
from gantry import Client
from rabbit import Lodging, missing, wait_for
from receiver import CONSUMER, INTERNAL, PRODUCER, SERVER, Receiver
from scrape import scrape
from world import QUEUE, Seen, World, created

RECEIVER = Receiver()
TRACES = """
traces: {endpoint: "http://127.0.0.1:%d", ratio: %s, interval: 50ms}
handlers:
  tell: {plugin: publish, exchange: order.events, key: order.orderconfirmed.order,
         type: OrderConfirmed, aggregate_type: Order, aggregate: "{orderId}"}
routes:
  - {http: "POST /tell", auth: services, roles: [order-service], pipeline: [tell.send]}
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER = "11111111111111112222222222222222"
THIRD = "11111111111111113333333333333333"
PARENT = "00f067aa0ba902b7"
DEAD, TIERS = QUEUE + ".dead", [QUEUE + ".retry.200ms", QUEUE + ".retry.400ms"]


class Traced(Seen):
    """With the trace that each event came with."""

    def __init__(self, *given, **more):
        self.traces = {}
        super().__init__(*given, **more)

    def note(self, method, properties, body):
        super().note(method, properties, body)
        self.traces[properties.message_id] = (properties.headers or {}).get("traceparent")


class TracedWorld(World):
    make_seen = Traced


def parent(trace, sampled="01"):
    return "00-%s-%s-%s" % (trace, PARENT, sampled)


def named(spans, name):
    return sorted((s for s in spans if s.name == name), key=lambda s: s.began)


def only(spans, name):
    found = named(spans, name)
    assert len(found) == 1, (name, spans)
    return found[0]


def is_below(span, above, kind):
    assert (span.trace, span.parent, span.kind) == (above.trace, above.id, kind), \
        (span, above)


def letter(w, event):
    rows = w.g.rows("select * from dead_letters where event_id = ?", event)
    return rows[0] if rows else None


def test_from_a_request_to_the_dead_letter(w):
    order = w.g.fresh("ord")
    got = w.g.orders.post("/tell", {"orderId": order}, headers={
        "traceparent": parent(TRACE), "X-Correlation-ID": "cor-9"})
    assert got.status == 202, got
    RECEIVER.wait("the letter is stored", lambda spans: named(spans, "process " + DEAD))
    w.order, spans = order, RECEIVER.of(TRACE)
    request, (asked, *tried, kept) = only(spans, "POST /tell"), named(spans, "unit")
    assert request.parent == PARENT and request.kind == SERVER
    is_below(only(spans, "tell.send"), request, INTERNAL)
    is_below(asked, request, INTERNAL)
    publish = only(spans, "send order.events")
    is_below(publish, asked, PRODUCER)
    w.event = publish["messaging.message.id"]
    assert {k: v for k, v in publish.attributes.items()
            if k != "messaging.message.body.size"} == {
        "messaging.system": "rabbitmq", "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": "order.events",
        "messaging.rabbitmq.destination.routing_key": "order.orderconfirmed.order",
        "messaging.message.id": w.event,
        "messaging.message.conversation_id": "cor-9"}, publish
    attempts = named(spans, "process " + QUEUE)
    hops = [only(spans, "send " + name) for name in TIERS + [DEAD]]
    assert len(attempts) == 3, attempts
    for n, (attempt, came, goes) in enumerate(zip(attempts, [publish] + hops, hops)):
        is_below(attempt, came, CONSUMER)
        assert attempt.links == [(TRACE, publish.id)], attempt
        assert attempt.failed and attempt["error.type"] == "ORDER_UNKNOWN", attempt
        assert attempt["gantry.attempts"] == n, attempt
        assert attempt["gantry.outcome"] == ("retried" if n < 2 else "dead"), attempt
        assert attempt["messaging.operation.type"] == "process"
        assert attempt["messaging.destination.name"] == QUEUE
        assert attempt["messaging.message.id"] == w.event
        is_below(goes, attempt, PRODUCER)
        assert goes["messaging.message.id"] == w.event
    for below in (named(spans, "orders.confirmed"), tried):
        assert [s.parent for s in below] == [a.id for a in attempts], below
    dead = only(spans, "process " + DEAD)
    is_below(dead, hops[-1], CONSUMER)
    assert dead.links == [(TRACE, publish.id)] and not dead.failed, dead
    is_below(kept, dead, INTERNAL)
    # nothing else, and all of it hangs together
    known = {s.id for s in spans} | {PARENT}
    assert all(s.parent in known for s in spans), spans
    assert all(s["gantry.correlation_id"] == "cor-9" for s in spans
               if s.kind in (SERVER, CONSUMER)), spans
    w.died = dead
    row = letter(w, w.event)
    assert row["traceparent"] == "00-%s-%s-01" % (TRACE, dead.id), row


def test_its_replay(w):
    """A trace of its own, which goes back to where the event died."""
    item = w.g.item(10)
    with w.client() as c:
        c.publish("order.events", *created(w.order, [("l1", item, 1)]), window=1)
        c.settle()
    RECEIVER.wait("the order is there", lambda spans: w.g.rows(
        "select * from inbox where key = ?", "%s:created-%s" % (QUEUE, w.order)))
    ref = letter(w, w.event)["ref"]
    client = Client(w.g.admin_port, w.g.token("gantry-admin"))
    got = client.post("/admin/api/dead-letters/%d/retry" % ref,
                      headers={"traceparent": parent(OTHER)})
    assert got.status == 200 and got.data["outcome"] == "applied", got
    client.close()
    RECEIVER.wait("what follows from it", lambda spans: named(
        RECEIVER.of(OTHER), "send inventory.events"))
    spans = RECEIVER.of(OTHER)
    request, replay = only(spans, "POST"), only(spans, "retry dead letter")
    assert request.parent == PARENT and request.kind == SERVER, request
    assert request["url.path"] == "/admin/api/dead-letters/%d/retry" % ref
    is_below(replay, request, INTERNAL)
    assert replay.links == [(TRACE, w.died.id)], replay
    assert replay["gantry.dead_letter"] == ref and replay["gantry.outcome"] == "applied"
    assert replay["messaging.message.id"] == w.event and not replay.failed
    is_below(only(spans, "orders.confirmed"), replay, INTERNAL)
    unit = only(spans, "unit")
    is_below(unit, replay, INTERNAL)
    publish = only(spans, "send inventory.events")
    is_below(publish, unit, PRODUCER)
    # who consumes it goes on from there
    _, _, event = wait_for("it has come", 20, lambda: w.seen.known.get(
        publish["messaging.message.id"]))
    assert event["eventType"] == "AllocationConfirmed", event
    assert w.seen.traces[event["eventId"]] == "00-%s-%s-01" % (OTHER, publish.id)


def test_events_of_others(w):
    """With a trace that is looked at, with one that is not, and without any."""
    item = w.g.item(10)
    orders = [w.g.fresh("ord") for _ in range(3)]
    RECEIVER.forget()
    with w.client() as c:
        for order, sent in zip(orders, (parent(THIRD), parent(THIRD[::-1], "00"), None)):
            c.publish("order.events", *created(order, [("l1", item, 1)]), window=1,
                      headers={"traceparent": sent} if sent else None)
        c.settle()
    w.wait_until_published()
    RECEIVER.wait("both", lambda spans: len([
        s for s in named(spans, "send inventory.events")
        if s["messaging.message.conversation_id"] in orders]) == 2)
    spans = [s for s in RECEIVER.all() if s["gantry.correlation_id"] in orders]
    theirs, ours = sorted(named(spans, "process " + QUEUE), key=lambda s: s.trace != THIRD)
    assert (theirs.trace, theirs.parent) == (THIRD, PARENT), theirs
    assert theirs.links == [(THIRD, PARENT)] and theirs["gantry.outcome"] == "applied"
    assert ours.parent is None and ours.links == [], ours
    for began in (theirs, ours):
        all_of = RECEIVER.of(began.trace)
        is_below(only(all_of, "orders.created"), began, INTERNAL)
        is_below(only(all_of, "unit"), began, INTERNAL)
        is_below(only(all_of, "send inventory.events"), only(all_of, "unit"), PRODUCER)
    assert not RECEIVER.of(THIRD[::-1])
    # and that nobody looks is said on
    sent = wait_for("it is out", 20, lambda: [
        w.seen.traces[id] for id, (_, _, event) in list(w.seen.known.items())
        if event["metadata"]["correlationId"] == orders[1]])
    assert sent == [parent(THIRD[::-1], "00")], sent


def test_a_broker_that_returns_it(w):
    """Each try is a publish of its own; what the broker did not take has failed."""
    RECEIVER.forget()
    with w.client() as c:
        c.channel.queue_unbind(QUEUE, "order.events", "order.orderconfirmed.order")
    got = w.g.orders.post("/tell", {"orderId": w.g.fresh("ord")})
    assert got.status == 202, got
    first = RECEIVER.wait("it came back", lambda spans: named(
        spans, "send order.events"))[0]
    assert first.failed and first["error.type"] == "returned", first
    assert first.why == "unroutable: NO_ROUTE", first
    with w.client() as c:
        c.channel.queue_bind(QUEUE, "order.events", "order.orderconfirmed.order")
    last = RECEIVER.wait("it is out", lambda spans: [
        s for s in named(spans, "send order.events") if not s.failed])[0]
    assert (last.trace, last.parent) == (first.trace, first.parent)
    assert last.id != first.id


def test_nothing_was_lost(w):
    page = scrape(w.g)
    assert page.of("gantry_spans_dropped_total") == 0
    assert page.of("gantry_spans_exported_total") > 30
    assert RECEIVER.again == 0


def main():
    reason = missing()
    if reason:
        print("1..0 # SKIP " + reason)
        sys.exit(77)
    tests = tap.tests_of(sys.modules["__main__"])
    print("1..%d" % len(tests), flush=True)
    RECEIVER.start()
    more = ", retry: [200ms, 400ms], exchanges: [order.events, inventory.events, " \
        "inventory.notifications]"
    with Lodging("traces") as r, TracedWorld(r, amqp=more, name="traces",
                                             extra=TRACES % (RECEIVER.port, "1")) as w:
        failed = sum([tap.run_one(n, t, w) for n, t in enumerate(tests, 1)])
        if failed:
            w.g.show_log()
    RECEIVER.stop()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
