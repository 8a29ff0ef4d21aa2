#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry topology plan and apply against a real broker: what is made, what is
left alone, what is said; and a gateway that does it itself."""
import contextlib
import time

import _path  # noqa: F401
import commands
from commands import equal, log_of
from gantry import Gantry
from rabbit import Lodging, wait_for

QUEUE = "inventory.order-events"
TIERS = {"1s": 1000, "10s": 10000, "60s": 60000, "5m": 300000}
KEYS = ["order.order%s.order" % what
        for what in ("created", "confirmed", "cancelled", "returninitiated")]
HOP = {"x-queue-type": "quorum", "x-overflow": "reject-publish",
       "x-dead-letter-strategy": "at-least-once", "x-dead-letter-exchange": ""}
WANTED = {
    QUEUE: dict(HOP, **{"x-dead-letter-routing-key": QUEUE + ".dead",
                        "x-delivery-limit": 50}),
    QUEUE + ".dead": {"x-queue-type": "quorum", "x-delivery-limit": 1000000}}
WANTED.update({"%s.retry.%s" % (QUEUE, name): dict(
    HOP, **{"x-dead-letter-routing-key": QUEUE, "x-message-ttl": ms})
    for name, ms in TIERS.items()})


class House(commands.House):
    """With virtual hosts, which go with it."""

    def __enter__(self):
        super().__enter__()
        self.stack = contextlib.ExitStack()
        return self

    def __exit__(self, kind, value, trace):
        self.stack.__exit__(kind, value, trace)
        super().__exit__(kind, value, trace)

    def vhost(self, name):
        return self.stack.enter_context(Lodging(name))


def arguments(r):
    """{queue: its arguments}; all of them must be durable."""
    found = r.queues()
    assert all(q["durable"] for q in found.values()), found
    return {name: q["arguments"] for name, q in found.items()}


def everything(state, bindings):
    expected = {("queue", name): state for name in WANTED}
    expected.update({("exchange", name): state for name in (
        "inventory.events", "inventory.notifications", "order.events")})
    expected.update({("binding", "%s %s" % (QUEUE, key)): bindings for key in KEYS})
    return expected


def test_plan_makes_nothing(h):
    r = h.vhost("empty")
    ran = h.plan(r)
    assert ran.status == 1, ran
    equal(ran.states(), everything("missing", "missing"))
    equal(ran.items()["queue", QUEUE]["wanted"], WANTED[QUEUE])
    equal(ran.items()["queue", QUEUE]["mend"], "gantry topology apply")
    equal((arguments(r), r.exchanges()), ({}, {}))


def test_apply_makes_all_of_it(h):
    r = h.vhost("all")
    ran = h.apply(r)
    assert ran.status == 0, ran
    equal(ran.states(), everything("made", "made"))
    equal(arguments(r), WANTED)
    equal(r.exchanges(), {name: ("topic", True) for name in (
        "inventory.events", "inventory.notifications", "order.events")})
    equal(r.bindings(), {("order.events", QUEUE, key) for key in KEYS})
    ran = h.plan(r)
    equal((ran.status, ran.states()), (0, everything("there", "not seen")))
    ran = h.apply(r)
    equal((ran.status, ran.states()), (0, everything("there", "made")))


def test_what_waits_comes_back(h):
    r = h.vhost("waits")
    ran = h.apply(r)
    assert ran.status == 0, ran
    with r.client() as c:
        began = time.monotonic()
        c.publish("", QUEUE + ".retry.1s", b"again", message_id="1")
        _, properties, body = c.get(QUEUE, seconds=60)
        took = time.monotonic() - began
        assert took > 0.9, took
        equal((body, properties.message_id), (b"again", "1"))


def test_what_is_delivered_too_often_is_dead(h):
    r = h.vhost("limit")
    ran = h.apply(r, delivery_limit=2, retry="[1s, 2m]")
    assert ran.status == 0, ran
    equal(set(arguments(r)), {QUEUE, QUEUE + ".dead", QUEUE + ".retry.1s",
                              QUEUE + ".retry.2m"})
    with r.client() as c:
        c.publish("order.events", KEYS[0], b"poison")
        tags = (m.delivery_tag for m, _, _ in c.channel.consume(
            QUEUE, inactivity_timeout=60))
        for _ in range(3):
            c.channel.basic_nack(next(tags), requeue=True)
        c.channel.cancel()
        _, _, body = c.get(QUEUE + ".dead", seconds=60)
        equal(body, b"poison")
        equal(c.count(QUEUE), 0)


def test_what_differs_is_left_alone(h):
    r = h.vhost("other")
    with r.client() as c:
        c.exchange("inventory.events", "direct")
        c.channel.queue_declare(QUEUE, durable=True)
        c.queue(QUEUE + ".retry.1s", **dict(WANTED[QUEUE + ".retry.1s"],
                                            **{"x-message-ttl": 5}))
    before = arguments(r)
    ran = h.plan(r)
    assert ran.status == 1, ran
    items = ran.items()
    equal(items["queue", QUEUE + ".retry.1s"]["said"],
          "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue "
          "'%s.retry.1s' in vhost '%s': received '1000' but current is '5'" %
          (QUEUE, r.vhost))
    equal(items["queue", QUEUE + ".retry.1s"]["mend"],
          "stop what publishes to it, empty it, rabbitmqctl delete_queue "
          "%s.retry.1s, then gantry topology apply" % QUEUE)
    equal(items["queue", QUEUE]["state"], "differs")
    assert "inequivalent arg" in items["queue", QUEUE]["said"], items
    equal(items["exchange", "inventory.events"]["said"],
          "PRECONDITION_FAILED - inequivalent arg 'type' for exchange "
          "'inventory.events' in vhost '%s': received 'topic' but current is "
          "'direct'" % r.vhost)
    ran = h.apply(r)
    assert ran.status == 1, ran
    states = ran.states()
    for name in WANTED:
        equal(states["queue", name], "differs" if name in before else "made")
    # nothing may come into a queue that would lose it
    for key in KEYS:
        equal(states["binding", "%s %s" % (QUEUE, key)], "not seen")
    equal(arguments(r), dict(WANTED, **before))
    equal(r.exchanges()["inventory.events"], ("direct", True))
    text = h.gantry("topology", "plan", to=r)
    assert text.status == 1, text
    equal(text.out.splitlines()[-1],
          "6 there, 4 not seen, 0 made, 0 missing, 3 differ, 0 refused")
    assert "\nmend exchange inventory.events: wanted: topic, durable; let both " \
        "sides agree on a topic exchange; delete this one when nobody uses it, " \
        "then gantry topology apply\n" in text.out, text


def test_an_exchange_of_the_other_side_is_waited_for(h):
    r = h.vhost("foreign")
    ran = h.apply(r, declare_exchanges="false")
    assert ran.status == 1, ran
    items = ran.items()
    equal(items["exchange", "order.events"]["state"], "missing")
    equal(items["exchange", "order.events"]["mend"],
          "who publishes to it declares it, or amqp.declare_exchanges: true")
    equal(items["queue", QUEUE]["state"], "made")
    equal(items["binding", "%s %s" % (QUEUE, KEYS[0])]["state"], "not seen")
    with r.client() as c:
        c.exchange("order.events", "direct")
    ran = h.apply(r, declare_exchanges="false")
    # another type is told, and no hindrance
    equal(ran.states()["exchange", "order.events"], "differs")
    equal(ran.states()["binding", "%s %s" % (QUEUE, KEYS[0])], "made")
    with r.client() as c:
        c.publish("order.events", KEYS[0], b"bound")
        assert c.get(QUEUE, seconds=60)[2] == b"bound"


def test_handlers_and_options_name_exchanges(h):
    r = h.vhost("named")
    ran = h.apply(r, exchanges="[mine]", more=(
        "handlers:\n  kept: {plugin: journal, exchange: audit.events}\n"
        "routes:\n- {amqp: {queue: audit, bind: {mine: ['#']}}, "
        "pipeline: [kept.keep]}\n"))
    assert ran.status == 0, ran
    equal(r.exchanges(), {name: ("topic", True) for name in (
        "mine", "audit.events", "order.events")})
    assert {"audit", "audit.dead", "audit.retry.5m"} < set(arguments(r))


def test_rights(h):
    r = h.vhost("rights")
    assert h.apply(r).status == 0
    reader = r.add_user("-reader", "hush", ("^$", ".*", ".*"))
    h.secret("reader", "hush", 0o640)
    # who may not declare need not, when all is there
    ran = h.plan(r, user=reader, password_file="./reader")
    equal((ran.status, ran.states()), (0, everything("there", "not seen")))
    with r.client() as c:
        c.channel.queue_delete(QUEUE + ".dead")
    ran = h.apply(r, user=reader, password_file="./reader")
    assert ran.status == 1, ran
    item = ran.items()["queue", QUEUE + ".dead"]
    equal(item["state"], "refused")
    # RabbitMQ 4 names the right that is missing
    assert item["said"].replace("configure access", "access").startswith(
        "ACCESS_REFUSED - access to queue '%s.dead' in vhost '%s' refused for "
        "user '%s'" % (QUEUE, r.vhost, reader)), item
    equal(item["mend"], "give the user its rights: rabbitmqctl set_permissions")


def test_usage(h):
    ran = h.gantry("topology", "plan", amqp="")
    equal((ran.status, ran.err), (2, "gantry: %s names no broker (amqp)\n" %
                                  h.path("gantry.yaml")))
    for words in (["topology"], ["topology", "change"], ["topology", "plan", "x"]):
        ran = h.gantry(*words, url="amqp://127.0.0.1:1")
        equal(ran.status, 2)
        assert ran.err.startswith("Usage: gantry topology plan"), ran


def test_the_gateway_goes_on_with_the_others(h):
    """A queue that differs is told once, left alone, and taken when it was
    mended; the exchange of the other side is made when it does not appear."""
    r = h.vhost("daemon")
    with r.client() as c:
        c.channel.queue_declare(QUEUE, durable=True)
    extra = ("amqp: {url: \"%s\", user: %s, password_file: %s}\n"
             "handlers:\n  kept: {plugin: journal, exchange: audit.events}\n"
             "routes:\n- {amqp: {queue: audit, bind: {audit.in: ['#']}}, "
             "pipeline: [kept.keep]}\n" % (r.url, r.user, h.password))
    with r.client() as c:
        c.exchange("audit.in")
        began = time.monotonic()
        with Gantry(extra, "topology") as daemon:
            wait_for("the other queue is bound", 60, lambda: (
                "audit.in", "audit", "#") in r.bindings() and
                "is not consumed" in log_of(daemon))
            c.publish("audit.in", "a.b", {"eventId": "one"}, message_id="one")
            wait_for("the other queue is consumed", 60, lambda: daemon.rows(
                "select * from inbox where key = 'audit:one'") and
                c.looked_at("audit") == (0, 1))
            # it is missed since a moment after the start, and waited for from there
            assert "order.events" not in r.exchanges() or time.monotonic() - began > 5
            wait_for("the exchange is made", 60, lambda: "order.events" in r.exchanges())
            assert time.monotonic() - began > 5
            # as it was made by hand; RabbitMQ 4 says what kind that is
            assert arguments(r)[QUEUE] in ({}, {"x-queue-type": "classic"})
            c.channel.queue_delete(QUEUE)
            wait_for("the queue is consumed", 60, lambda: c.consumers(QUEUE) == 1)
            log = log_of(daemon)
    equal(arguments(r)[QUEUE], WANTED[QUEUE])
    said = [line for line in log.splitlines() if QUEUE + " is " in line]
    equal(len(said), 2)
    assert ("amqp: queue %s is not consumed: PRECONDITION_FAILED - inequivalent arg "
            % QUEUE) in said[0], said
    assert "see gantry topology plan" in said[0], said
    assert "amqp: queue %s is consumed now" % QUEUE in said[1], said
    for line in ("exchange order.events is not there; it is waited for",
                 "exchange order.events is there now"):
        equal(log.count(line), 1)


if __name__ == "__main__":
    commands.main(House())
