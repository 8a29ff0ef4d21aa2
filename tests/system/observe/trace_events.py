#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole way of an event in its traces: a request, the outbox, a RabbitMQ, two
retries, the dead letter, and its replay; and of events that others publish. With it
goes the tracestate of who sent them, also where nobody leaves spans."""
import json
import sys

import _path  # noqa: F401
import tap
from gantry import Client
from rabbit import Lodging, missing, wait_for
from receiver import CONSUMER, INTERNAL, PRODUCER, SERVER, Receiver
from scrape import scrape
from world import QUEUE, Seen, World, confirmed, created

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
STATE = "rojo=00f067aa0ba902b7,congo@shop=t61rcWkgMzE"
DEAD, TIERS = QUEUE + ".dead", [QUEUE + ".retry.200ms", QUEUE + ".retry.400ms"]


class Traced(Seen):
    """With the trace that each event came with, and its state."""

    def __init__(self, *given, **more):
        self.traces, self.states = {}, {}
        super().__init__(*given, **more)

    def note(self, method, properties, body):
        headers = properties.headers or {}
        self.traces[properties.message_id] = headers.get("traceparent")
        self.states[properties.message_id] = headers.get("tracestate")
        super().note(method, properties, body)


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
        "traceparent": parent(TRACE), "tracestate": STATE, "X-Correlation-ID": "cor-9"})
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
    # what came out of the outbox went through all of them
    headers = json.loads(row["headers"])
    assert headers["tracestate"] == STATE, headers
    assert headers["traceparent"] == "00-%s-%s-01" % (TRACE, publish.id), headers


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
                      headers={"traceparent": parent(OTHER), "tracestate": "desk=1"})
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
    # of that trace, not of the one in which the event died
    assert w.seen.states[event["eventId"]] == "desk=1"


def out(w, correlation, n=1):
    """(traceparent, tracestate) of what was published for it."""
    def published():
        ids = [id for id, (_, _, event) in list(w.seen.known.items())
               if event["metadata"]["correlationId"] == correlation]
        return ids if len(ids) == n else None
    return [(w.seen.traces[id], w.seen.states[id])
            for id in wait_for("%d are out" % n, 30, published)]


def test_events_of_others(w):
    """With a trace that is looked at, with one that is not, and without any."""
    item = w.g.item(10)
    orders = [w.g.fresh("ord") for _ in range(3)]
    RECEIVER.forget()
    with w.client() as c:
        for order, sent in zip(orders, (parent(THIRD), parent(THIRD[::-1], "00"), None)):
            c.publish("order.events", *created(order, [("l1", item, 1)]), window=1,
                      headers={"traceparent": sent, "tracestate": STATE} if sent else
                      {"tracestate": STATE})
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
    sent = out(w, orders[1])
    assert sent == [(parent(THIRD[::-1], "00"), STATE)], sent
    # beside the trace that it belongs to, and else not at all
    assert [state for _, state in out(w, orders[0])] == [STATE]
    assert [state for _, state in out(w, orders[2])] == [None]


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


def state_in(w, item, send, state):
    """The state that comes out for one that came in, by HTTP or AMQP."""
    order = w.g.fresh("ord")
    send(order, item, {"traceparent": parent(THIRD, "00"), "tracestate": state})
    (found,) = out(w, order)
    assert found[0] == parent(THIRD, "00"), found
    return found[1]


def test_what_is_handed_on(w):
    item = w.g.item(1000)

    def by_http(order, item, headers):
        got = w.g.orders.post("/allocations", w.g.request(item, 1, orderId=order),
                              headers=headers)
        assert got.status == 201, got

    def by_events(order, item, headers):
        key, event = created(order, [("l1", item, 1)])
        got = w.g.events.post("/events/order.events/" + key, event, headers=headers)
        assert got.status == 200 and got.data["outcome"] == "applied", got

    def by_amqp(order, item, headers):
        with w.client() as c:
            c.publish("order.events", *created(order, [("l1", item, 1)]), headers=headers)
            c.settle()

    member = "m%d=" + "7" * 100
    many = ",".join(member % n for n in range(6))
    for send in (by_http, by_events, by_amqp):
        assert state_in(w, item, send, STATE) == STATE
        assert state_in(w, item, send, "a=1 , b=2,") == "a=1 , b=2,"
        for odd in ("a=1,b", "A=1", "a=b=c", "a=" + "7" * 257,
                    ",".join("a%d=1" % n for n in range(33))):
            assert state_in(w, item, send, odd) is None, odd
        # 512 bytes, from the front; what is long itself goes before
        assert state_in(w, item, send, many) == ",".join(
            member % n for n in range(4)), send
        assert state_in(w, item, send, "a=%s,b=1,%s" % ("7" * 200, many)) == "b=1," + \
            ",".join(member % n for n in range(4)), send


def test_nothing_was_lost(w):
    page = scrape(w.g)
    assert page.of("gantry_spans_dropped_total") == 0
    assert page.of("gantry_spans_exported_total") > 30
    assert RECEIVER.again == 0


# --- of a gateway that leaves no spans, and whose retries take long ---

SLOW = QUEUE + ".retry.60s"


def there(c, queue):
    """The next message of a queue, taken out of it."""
    def get():
        method, properties, body = c.channel.basic_get(queue, auto_ack=True)
        return (properties, body) if method is not None else None
    return wait_for("there is one in " + queue, 30, get)


def plain_retry(w):
    """As a tier gives it back, without its minute."""
    item, order = w.g.item(10), w.g.fresh("ord")
    with w.client() as c:
        c.publish("order.events", *confirmed(order), headers={
            "traceparent": parent(TRACE), "tracestate": STATE})
        c.settle()
        properties, body = there(c, SLOW)
        assert properties.headers["tracestate"] == STATE, properties
        assert properties.headers["x-gantry-attempts"] == 1, properties
        c.publish("order.events", *created(order, [("l1", item, 1)]))
        c.settle()
        assert out(w, order) == [(None, None)]
        c.publish("", QUEUE, body, headers=properties.headers,
                  message_id=properties.message_id)
        c.settle()
    assert out(w, order, 2)[1] == (parent(TRACE), STATE)


def plain_letter(w):
    """It goes on in the trace in which it died, as nobody has begun another one."""
    item, order = w.g.item(10), w.g.fresh("ord")
    key, event = created(order, [("l1", item, 1)])
    with w.client() as c:
        c.publish("order.events", key, dict(event, payload={}), headers={
            "x-large": "7" * 4000, "traceparent": parent(TRACE), "tracestate": STATE})
        c.settle()
    wait_for("the letter is stored", 30, lambda: letter(w, event["eventId"]))
    ref = letter(w, event["eventId"])["ref"]
    client = Client(w.g.admin_port, w.g.token("gantry-admin"))
    got = client.post("/admin/api/dead-letters/%d/edit" % ref, event)
    assert got.status == 200 and got.data["outcome"] == "applied", got
    client.close()
    assert out(w, order) == [(parent(TRACE), STATE)]


def plain_upgrade(w):
    """What waits from before the column has none, and new ones have theirs."""
    item = w.g.item(10)
    old, new = w.g.fresh("ord"), w.g.fresh("ord")
    headers = {"traceparent": parent(TRACE), "tracestate": STATE}
    with w.client() as c:
        c.channel.queue_unbind("seen", "inventory.events", "#")
    got = w.g.orders.post("/allocations", w.g.request(item, 1, orderId=old),
                          headers=headers)
    assert got.status == 201, got
    assert w.g.rows("select tracestate from outbox where correlation_id = ?", old) == [
        {"tracestate": STATE}]
    assert w.g.stop() == 0
    w.g.store.change(("alter table outbox drop column tracestate",),
                     ("update gantry_schema set minor = 2",))
    w.g.start()
    got = w.g.orders.post("/allocations", w.g.request(item, 1, orderId=new),
                          headers=headers)
    assert got.status == 201, got
    with w.client() as c:
        c.channel.queue_bind("seen", "inventory.events", "#")
    assert out(w, old) == [(parent(TRACE), None)]
    assert out(w, new) == [(parent(TRACE), STATE)]
    (minor,) = w.g.rows("select minor from gantry_schema")
    assert minor["minor"] >= 3, minor


def main():
    tap.skip_all(missing())
    tests = tap.tests_of(sys.modules["__main__"])
    plain = [plain_retry, plain_letter, plain_upgrade]
    print("1..%d" % (len(tests) + len(plain)), flush=True)
    RECEIVER.start()
    more = ", retry: [%s], exchanges: [order.events, inventory.events, " \
        "inventory.notifications]"
    with Lodging("traces") as r, TracedWorld(r, amqp=more % "200ms, 400ms", name="traces",
                                             extra=TRACES % (RECEIVER.port, "1")) as w:
        failed = run(tests, w, 1)
    with Lodging("plain") as r, TracedWorld(r, amqp=more % "60s", name="plain") as w:
        failed += run(plain, w, len(tests) + 1)
    RECEIVER.stop()
    sys.exit(1 if failed else 0)


def run(tests, w, first):
    failed = sum([tap.run_one(n, t, w) for n, t in enumerate(tests, first)])
    if failed:
        w.g.show_log()
    return failed


if __name__ == "__main__":
    main()
