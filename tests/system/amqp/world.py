# SPDX-License-Identifier: Apache-2.0
"""A gateway between the queues of a broker: feed order events, keep what comes
out, and compare both with the store. Reads the store by other means and uses
none of Gantry's own code, so that a mistake on one side does not hide another.
"""
import contextlib
import json
import subprocess
import sys
import threading
import time
import traceback

import tap
from gantry import Gantry, HISTORIES, INVARIANTS, PROGRAM, rfc3339
from rabbit import Consumer, wait_for

QUEUE = "inventory.order-events"
EVENTS, NOTES = "inventory.events", "inventory.notifications"


def order_event(type, id, payload, **more):
    """(routing key, envelope) as the Order Service makes it."""
    event = {"eventId": id, "eventType": type, "eventVersion": "1.0.0",
             "aggregateId": payload["orderId"], "aggregateType": "Order",
             "timestamp": rfc3339(),
             "metadata": {"correlationId": payload["orderId"],
                          "source": "order-service"},
             "payload": payload}
    event.update(more)
    return "order.%s.order" % type.lower(), event


def created(order, lines, id=None, **more):
    """lines: (order item, inventory item, quantity)."""
    payload = {"orderId": order, "requiresPreAllocation": True, "items": [
        {"orderItemId": a, "inventoryItemId": b, "quantity": n} for a, b, n in lines]}
    payload.update(more)
    return order_event("OrderCreated", id or "created-" + order, payload)


def confirmed(order, id=None):
    return order_event("OrderConfirmed", id or "confirmed-" + order,
                       {"orderId": order})


def cancelled(order, id=None, **more):
    return order_event("OrderCancelled", id or "cancelled-" + order,
                       dict({"orderId": order}, **more))


def returned(order, return_id, id=None, **more):
    return order_event("OrderReturnInitiated", id or "returned-" + return_id,
                       dict({"orderId": order, "returnId": return_id}, **more))


class Seen(Consumer):
    """What was published, each event once, in the order of first deliveries."""

    def __init__(self, rabbit, queue="seen", **client):
        super().__init__(rabbit, queue, self.note, **client)
        self.known = {}         # event id: (exchange, key, envelope)
        self.copies = 0

    def note(self, method, properties, body):
        event = json.loads(body)
        if event["eventId"] in self.known:
            self.copies += 1
            return
        self.known[event["eventId"]] = (method.exchange, method.routing_key, event)

    def by_aggregate(self, type):
        """{aggregate: [event types]} of one aggregate type."""
        chains = {}
        for _, _, event in list(self.known.values()):
            if event["aggregateType"] == type:
                chains.setdefault(event["aggregateId"], []).append(event["eventType"])
        return chains


class Feeder(threading.Thread):
    """Publishes events at a rate until each is confirmed, over whatever happens
    to the broker; what was not confirmed is sent again. limit() says how many
    may be sent for now."""

    def __init__(self, rabbit, events, rate=500, limit=None):
        super().__init__(daemon=True)
        self.rabbit, self.events, self.rate = rabbit, events, rate
        self.limit = limit or (lambda: len(events))
        self.unconfirmed = {}       # index: True
        self.sent = self.again = 0
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.rabbit.client() as client:
                    self.feed(client)
                return
            except Exception as error:
                self.error = traceback.format_exc(limit=4)
                self.stopping.wait(0.2)

    def feed(self, client):
        for index in list(self.unconfirmed):
            self.again += 1
            self.send(client, index)
        begin, first = time.monotonic(), self.sent
        while self.sent < len(self.events) and not self.stopping.is_set():
            due = first + int((time.monotonic() - begin) * self.rate)
            if self.sent >= min(due, self.limit()):
                client.connection.process_data_events(0.005)
                if self.sent >= self.limit():
                    begin, first = time.monotonic(), self.sent
                continue
            self.unconfirmed[self.sent] = True
            self.sent += 1
            self.send(client, self.sent - 1)
        client.settle()

    def send(self, client, index):
        key, event = self.events[index]
        client.publish("order.events", key, event, window=200,
                       on_confirm=lambda: self.unconfirmed.pop(index, None))

    @property
    def is_done(self):
        return self.sent == len(self.events) and not self.unconfirmed

    def stop(self):
        self.stopping.set()
        self.join(30)


class World:
    """A broker, cluster or lodging, and a gateway on it. url: the way there, such
    as a proxy's."""

    make_seen = Seen

    def __init__(self, rabbit, url=None, extra="", amqp="", name="world",
                 gantry=None):
        self.r = rabbit
        self.g = gantry or Gantry("", name)
        self.g.write("gantry.yaml", self.g.configuration(
            'amqp: {url: "%s", user: %s, password_file: %s%s}\n%s' % (
                url or rabbit.url, rabbit.user, rabbit.password_file(self.g.folder),
                amqp, extra)).encode())
        self.seen = None

    def __enter__(self):
        try:
            self.listen()
            self.g.start()
            self.wait_until_bound()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        if self.seen is not None:
            self.seen.stop()
        self.g.__exit__(None if kind is SystemExit else kind, value, trace)

    def client(self, **more):
        return self.r.client(**more)

    def listen(self):
        """All that the gateway publishes is kept from here on."""
        with self.client() as c:
            c.exchange("order.events")
            c.queue("seen", (EVENTS, "#"), (NOTES, "#"))
        self.seen = self.make_seen(self.r)
        self.seen.start()

    def wait_until_bound(self, queue=QUEUE):
        """What is published before the binding is there goes nowhere."""
        wait_for(queue + " is bound", 60, lambda: ("order.events", queue) in [
            binding[:2] for binding in self.r.bindings()])

    def feed(self, events, rate=2000):
        """All of them, confirmed."""
        feeder = Feeder(self, events, rate)
        feeder.start()
        feeder.join(120)
        assert feeder.is_done, feeder.error

    def one(self, sql, *values):
        (row,) = self.g.rows(sql, *values)
        return next(iter(row.values()))

    def metric(self, name):
        return self.g.metrics().get(name, 0)

    def taken(self):
        """How many events are through."""
        return self.one("select count(*) from inbox")

    def wait_until_taken(self, n, seconds=60):
        wait_for("%d events are through" % n, seconds, lambda: self.taken() >= n)

    def wait_until_published(self, seconds=60):
        try:
            wait_for("the outbox is empty", seconds,
                     lambda: self.one("select count(*) from outbox") == 0)
        except AssertionError:
            for row in self.g.rows("select cause, count(*) as n, min(ref), max(ref) "
                                   "from outbox group by cause"):
                print("# waits: %s" % row, flush=True)
            raise

    def names(self):
        """The gateway's queue and those behind it."""
        names = [q for q in self.r.queues() if q.startswith(QUEUE)]
        assert QUEUE in names and QUEUE + ".dead" in names, names
        return names

    def wait_until_quiet(self, seconds=60):
        """No copy of an event waits anywhere, or is on its way to a retry."""
        names, calm = self.names(), [0]

        def look():
            with self.client() as c:
                busy = any(c.count(q) for q in names)
            calm[0] = 0 if busy else calm[0] + 1
            return calm[0] >= 3
        wait_for("the queues are empty", seconds, look, 0.3)

    @contextlib.contextmanager
    def kept_from_retry(self, tier):
        """The one event that goes into that tier of retries stays there until the
        block ends, however short its pause is. Gives what waits until it is there."""
        came = []
        with self.client() as c:
            c.channel.basic_consume("%s.retry.%s" % (QUEUE, tier),
                                    lambda channel, *message: came.append(message))

            def wait():
                wait_for("it is to be tried again", 60, lambda: (
                    c.connection.process_data_events(0.05), came)[1])
            yield wait
            # it goes back with this connection, and its time is over

    # --- what must hold afterwards; the gateway may be stopped ---

    def check_store(self):
        """I1 to I3."""
        for name, sql in INVARIANTS.items():
            broken = self.g.rows(sql)
            assert not broken, "%s: %s" % (name, broken[:5])

    def check_published(self):
        """I4, I5: of each allocation the events of its history, each once, in
        its order; all are out, and none is of an allocation that is not there."""
        assert self.one("select count(*) from outbox") == 0
        wait_for("all that is published has come", 30, self.nothing_new)
        chains = self.seen.by_aggregate("Allocation")
        for row in self.g.rows("select id, status from allocations"):
            chain = tuple(chains.pop(row["id"], []))
            assert chain in HISTORIES[row["status"]], (row, chain)
        assert not chains, "events without their allocation: %s" % list(chains)[:5]

    def nothing_new(self):
        with self.client() as c:
            if c.count("seen") > 0:
                return False
        before = len(self.seen.known), self.seen.copies
        time.sleep(0.5)
        return before == (len(self.seen.known), self.seen.copies)

    def check_taken(self, ids, queue=QUEUE):
        """I6: each event once, none twice, none a dead letter."""
        letters = self.g.rows("select * from dead_letters")
        assert not letters, letters[:3]
        marks = {r["key"]: r["state"] for r in self.g.rows(
            "select key, state from inbox where key like ?", queue + ":%")}
        assert set(marks.values()) <= {"applied", "refused"}, set(marks.values())
        missing = [i for i in ids if "%s:%s" % (queue, i) not in marks]
        assert not missing, "not applied: %s" % missing[:5]
        assert len(marks) == len(set(ids)), (len(marks), len(set(ids)))

    def check_queues(self):
        """Nothing is left in any queue of the gateway; it must be stopped, so
        that what it holds would be back."""
        with self.client() as c:
            left = {q: c.count(q) for q in self.names()}
        assert not any(left.values()), left

    def verify(self):
        done = subprocess.run(
            [PROGRAM, "storage", "verify", "--config", self.g.path("gantry.yaml")] +
            self.g.folders(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done


def run_all(w):
    """The tests of the file, each with a world whose gateway serves; what it said
    where one failed. The exit status."""
    tests = tap.tests_of(sys.modules["__main__"])
    print("1..%d" % len(tests), flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        begin = time.monotonic()
        if w.g.process is None:
            w.g.start()
        if tap.run_one(number, test, w):
            failed += 1
            w.g.show_log()
        print("# %.1f s" % (time.monotonic() - begin), flush=True)
    return 1 if failed else 0
