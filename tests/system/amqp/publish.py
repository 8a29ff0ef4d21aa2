#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is committed goes to a real RabbitMQ: each event as the document says,
in the order of its allocation's states (I5), at least once, whatever happens to
broker, connection or gateway; and what the broker does not take stays and is
shown. GANTRY_ROUNDS sets how often the rough ones are done (default 3)."""
import glob
import json
import os
import random
import subprocess
import sys
import threading
import time

import _path
import tap
from gantry import Client, Gantry, HISTORIES, INVARIANTS, PROGRAM
from rabbit import Rabbit, Proxy, Consumer, missing, wait_for

ROUNDS = int(os.environ.get("GANTRY_ROUNDS", "3"))
SEED = int(os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30))))
EVENTS, NOTES = "inventory.events", "inventory.notifications"
ORDER = ["AllocationCreated", "AllocationConfirmed", "AllocationFulfilled"]


class World:
    """A broker, a way to it that can be cut, and a gateway behind."""

    def __init__(self, rabbit, proxy, gantry):
        self.r, self.p, self.g = rabbit, proxy, gantry
        self.consumer = None

    def listen(self):
        """From here on all events are kept."""
        with self.r.client() as c:
            c.exchange(EVENTS)
            c.exchange(NOTES)
            c.queue("all", (EVENTS, "#"), (NOTES, "#"))
        if self.consumer is None:
            self.consumer = Consumer(self.r, "all")
            self.consumer.start()

    def seen(self, aggregate):
        return [(m, p, json.loads(b)) for m, p, b in list(self.consumer.messages)
                if json.loads(b)["aggregateId"] == aggregate]

    def types(self, aggregate):
        """Of the first deliveries, in their order."""
        first = []
        for _, _, body in self.seen(aggregate):
            if body["eventType"] not in first:
                first.append(body["eventType"])
        return first

    def ready(self):
        client = Client(self.g.admin_port)
        got = client.get("/readyz")
        client.close()
        return got.status, got.json

    def waiting(self):
        return self.g.rows("select count(*) as n from outbox")[0]["n"]

    def empty(self, seconds=30):
        wait_for("the outbox is empty", seconds, lambda: self.waiting() == 0)

    def connected(self, seconds=30):
        wait_for("the publisher is connected", seconds,
                 lambda: self.g.metrics()["gantry_publisher_connected"] == 1)

    def command(self, *arguments):
        done = subprocess.run(
            [PROGRAM, *arguments, "--config", self.g.path("gantry.yaml")] +
            self.g.folders(), capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def listed(self):
        code, out, err = self.command("outbox", "list", "--json")
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]


def test_without_a_broker_events_wait(w):
    """It was not there when the gateway started, and work goes on."""
    item = w.g.item(100)
    made = w.g.allocate(item, orderId="ord_early")
    assert w.waiting() == 1
    status, ready = w.ready()
    assert (status, ready) == (200, {"status": "warn", "reason": "broker"}), ready
    assert w.g.metrics()["gantry_publisher_connected"] == 0
    (row,) = w.listed()
    assert row["state"] == "waits" and row["aggregateId"] == made["id"], row
    w.listen()
    w.p.refusing = False
    w.empty()
    wait_for("it came", 60, lambda: w.types(made["id"]) == ORDER[:1])
    assert w.ready() == (200, {"status": "pass"})


def expect(w, aggregate, type, exchange, key, order):
    wait_for(type, 60, lambda: type in w.types(aggregate))
    for method, properties, body in w.seen(aggregate):
        if body["eventType"] != type:
            continue
        assert (method.exchange, method.routing_key) == (exchange, key), method
        assert set(body) == {"eventId", "eventType", "eventVersion", "aggregateId",
                             "aggregateType", "timestamp", "metadata", "payload"}
        assert properties.message_id == body["eventId"]
        assert properties.type == type
        assert properties.correlation_id == body["metadata"]["correlationId"]
        assert properties.app_id == body["metadata"]["source"] == "inventory-service"
        assert properties.content_type == "application/json"
        assert properties.delivery_mode == 2
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(properties.timestamp))
        assert stamp == body["timestamp"], (stamp, body)
        assert body["payload"]["orderId"] == order
        return properties, body


def test_each_event_as_the_document_says(w):
    item = w.g.item(10)
    made = w.g.allocate(item, 2, orderId="ord_a")
    w.g.orders.put("/allocations/%s/confirm" % made["id"])
    w.g.orders.put("/allocations/%s/fulfill" % made["id"])
    other = w.g.allocate(item, 2, orderId="ord_b")
    w.g.orders.put("/allocations/%s/cancel" % other["id"])
    for type, aggregate, order in (
            ("AllocationCreated", made, "ord_a"), ("AllocationConfirmed", made, "ord_a"),
            ("AllocationFulfilled", made, "ord_a"), ("AllocationCancelled", other, "ord_b")):
        key = "inventory.%s.allocation" % type.lower()
        _, body = expect(w, aggregate["id"], type, EVENTS, key, order)
        assert body["aggregateType"] == "Allocation"
        assert body["payload"]["allocationId"] == aggregate["id"]
    got = w.g.orders.post("/allocations", w.g.request(item, 100, orderId="ord_c"))
    assert got.code == "INSUFFICIENT_STOCK", got
    _, body = expect(w, item, "InsufficientStock", NOTES,
                     "inventory.insufficientstock.inventoryitem", "ord_c")
    assert body["payload"]["requested"] == 100
    w.empty()


def test_trace_and_correlation_travel(w):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    item = w.g.item(10)
    got = w.g.orders.post("/allocations", w.g.request(item), headers={
        "traceparent": trace, "X-Correlation-ID": "cor-77"})
    assert got.status == 201, got
    wait_for("it came", 60, lambda: w.types(got.data["id"]))
    _, properties, _ = w.seen(got.data["id"])[0]
    assert properties.correlation_id == "cor-77"
    assert properties.headers["traceparent"][:36] == trace[:36], properties.headers


def test_unroutable_waits_until_it_is_bound(w):
    """mandatory: what no queue wants comes back, holds back only its own, and
    goes when there is a queue."""
    item = w.g.item(10)
    with w.r.client() as c:
        c.channel.queue_unbind("all", EVENTS, "#")
    made = w.g.allocate(item, orderId="ord_u")
    w.g.orders.put("/allocations/%s/confirm" % made["id"])
    wait_for("it is held", 60, lambda: any(
        row["state"] == "held" for row in w.listed()))
    rows = w.listed()
    assert [(r["type"], r["state"]) for r in rows] == \
        [("AllocationCreated", "held"), ("AllocationConfirmed", "behind")], rows
    assert rows[0]["cause"] == "unroutable: NO_ROUTE", rows
    assert rows[1]["after"] == rows[0]["eventId"], rows
    assert w.g.metrics()["gantry_publisher_held"] == 1
    assert w.g.metrics()['gantry_publish_refused_total{cause="returned"}'] >= 1
    code, out, _ = w.command("outbox", "list")
    assert code == 0 and "unroutable: NO_ROUTE" in out and "behind" in out, out
    # another aggregate, to another exchange, does not wait
    w.g.orders.post("/allocations", w.g.request(item, 100, orderId="ord_v"))
    wait_for("the note", 60, lambda: "InsufficientStock" in w.types(item))
    assert w.types(made["id"]) == []
    with w.r.client() as c:
        c.channel.queue_bind("all", EVENTS, "#")
    w.empty(60)
    wait_for("both", 60, lambda: w.types(made["id"]) == ORDER[:2])


def test_an_exchange_that_is_gone(w):
    """The broker closes the channel for it; the gateway makes it again, and the
    others go on meanwhile."""
    item = w.g.item(10)
    with w.r.client() as c:
        c.channel.exchange_delete(NOTES)
    w.g.orders.post("/allocations", w.g.request(item, 100, orderId="ord_x"))
    for _ in range(20):
        w.g.allocate(w.g.item(5))
    wait_for("only the note is left", 60, lambda: w.waiting() == 1)
    wait_for("it is held", 60, lambda: w.listed()[0]["state"] == "held")
    (row,) = w.listed()
    assert row["type"] == "InsufficientStock", row
    assert row["cause"] == "unroutable: NO_ROUTE" or \
        "no exchange '%s'" % NOTES in row["cause"], row
    with w.r.client() as c:
        c.queue("all", (NOTES, "#"))
    w.empty(60)
    assert w.types(item) == ["InsufficientStock"]


def test_a_full_queue_refuses(w):
    """reject-publish: the broker answers with a nack; when there is room again
    the event goes."""
    with w.r.client() as c:
        c.channel.queue_unbind("all", NOTES, "#")
        c.queue("small", (NOTES, "#"), quorum=False, **{
            "x-max-length": 1, "x-overflow": "reject-publish"})
    items = [w.g.item(1) for _ in range(3)]
    for item in items:
        w.g.orders.post("/allocations", w.g.request(item, 100))
    wait_for("some are held", 60, lambda: len(
        [r for r in w.listed() if r["state"] == "held"]) >= 1)
    assert {r["cause"] for r in w.listed() if r["cause"]} == \
        {"refused: the broker answered with a nack"}
    assert w.g.metrics()['gantry_publish_refused_total{cause="nacked"}'] >= 1
    with w.r.client() as c:
        got = c.take("small", 3, 60)
        assert len(got) == 3, got
        assert {json.loads(b)["aggregateId"] for _, _, b in got} == set(items)
        c.channel.queue_delete("small")
        c.queue("all", (NOTES, "#"))
    w.empty()


def test_bounds_of_the_outbox(w):
    """The broker is away and the outbox full: 503 for what makes events; and
    all is well when it is back."""
    with Proxy(w.r.port) as p:
        p.refusing = True
        with Gantry("commit: {outbox_max_rows: 20}\n" + amqp_of(w.r, p), "bounds") as g:
            here = World(w.r, p, g)
            item = g.item(1000)
            got = None
            for _ in range(30):
                got = g.orders.post("/allocations", g.request(item, 1))
                if got.status != 201:
                    break
            assert got.status == 503 and got.code == "OVERLOADED", got
            assert got.json["error"]["message"] == "Too many events wait for the broker"
            assert got.json["error"]["retryable"] is True
            assert got.header("Retry-After") == "1"
            assert here.waiting() == 21
            assert here.ready() == (200, {"status": "warn", "reason": "outbox"})
            assert g.metrics()["gantry_outbox_full"] == 1
            assert g.metrics()["gantry_outbox_events"] == 21
            g.item(1)       # makes no event
            p.refusing = False
            here.empty()
            wait_for("taken again", 60, lambda: g.orders.post(
                "/allocations", g.request(item, 1)).status == 201)
            here.empty()
            assert g.stop() == 0


class Load(threading.Thread):
    """Allocations through their states, asked again until there is an answer;
    notes what was acknowledged."""

    def __init__(self, w, number, item, pause):
        super().__init__(daemon=True)
        self.w, self.item, self.number, self.pause = w, item, number, pause
        self.client = Client(w.g.port, w.g.token("order-service"))
        self.random = random.Random(SEED + number)
        self.states = {}
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        try:
            n = 0
            while not self.stopping.is_set():
                time.sleep(self.pause)
                self.one("L%d_%d_%s" % (self.number, n, id(self)))
                n += 1
        except Exception as error:
            self.error = error

    def ask(self, method, path, body=None):
        end = time.monotonic() + 60
        while True:
            try:
                got = self.client.ask(method, path, body)
                if got.status < 500:
                    return got
            except Exception:
                pass
            assert time.monotonic() < end, "no answer for 60 s"
            time.sleep(0.02)

    def one(self, order):
        got = self.ask("POST", "/allocations", {
            "orderId": order, "orderItemId": "i", "quantity": 1,
            "inventoryItemId": self.item})
        assert got.status in (200, 201), got
        made = got.data["id"]
        self.states[made] = "PENDING"
        for verb, state in self.random.choice((
                (), (("confirm", "CONFIRMED"),), (("cancel", "CANCELLED"),),
                (("confirm", "CONFIRMED"), ("fulfill", "FULFILLED")),
                (("confirm", "CONFIRMED"), ("cancel", "CANCELLED")))):
            got = self.ask("PUT", "/allocations/%s/%s" % (made, verb))
            # asked again after it was done: its state says so
            assert got.status in (200, 409), got
            self.states[made] = state


def under_load(w, disturb, pause=0.01):
    """pause: of each of four clients behind each order, in seconds. A blow falls
    among events at that, and more would but keep the machine busy."""
    item = w.g.item(1000000)
    loads = [Load(w, i, item, pause) for i in range(4)]
    for load in loads:
        load.start()
    try:
        disturb()
    finally:
        for load in loads:
            load.stopping.set()
        for load in loads:
            load.join(70)
    for load in loads:
        assert load.error is None, repr(load.error)
    states = {}
    for load in loads:
        states.update(load.states)
    check_delivered(w, item)
    return states


class Came:
    """What a consumer got of each aggregate. Where an event stands in the order shows
    only if none of its deliveries is a repeated one: a queue whose broker was away
    gives what it had given out, and nobody had settled, after what it had not."""

    def __init__(self, messages):
        self.messages, self.known = messages, 0
        self.first, self.again = {}, set()

    def look(self):
        come = self.messages[self.known:]
        self.known += len(come)
        for method, _, body in come:
            event = json.loads(body)
            one = event["aggregateId"], event["eventType"]
            types = self.first.setdefault(one[0], [])
            if one[1] not in types:
                types.append(one[1])
            if method.redelivered:
                self.again.add(one)

    def all_of(self, row):
        """Each event that an allocation in its status made."""
        types = set(self.first.get(row["id"], ()))
        return any(types == set(h) for h in HISTORIES[row["status"]])

    def in_order(self, row):
        here = [t for t in self.first[row["id"]] if (row["id"], t) not in self.again]
        return any([t for t in h if t in here] == here for h in HISTORIES[row["status"]])

    def complete(self, rows):
        self.look()
        return all(self.all_of(row) for row in rows)


def check_delivered(w, item):
    """All events of all changes are there, first ones in order, none waits."""
    w.empty(60)
    rows = w.g.rows("select a.id, a.status from allocations a join items i "
                    "on i.ref = a.item where i.id = ?", item)
    came = Came(w.consumer.messages)
    try:
        wait_for("all events came", 30, lambda: came.complete(rows), 0.1)
    except AssertionError:
        short = [(r, came.first.get(r["id"])) for r in rows if not came.all_of(r)]
        print("# %d of %d have not all: %s; the consumer: %r" % (
            len(short), len(rows), short[:3], w.consumer.error))
        w.r.show_log()
        raise
    for row in rows:
        assert came.in_order(row), (row, came.first[row["id"]])
    print("# %d allocations, %d deliveries; %d events came again" % (
        len(rows), came.known, len(came.again)), flush=True)


def connects(w):
    return w.g.metrics()["gantry_publisher_connects_total"]


def cut(w):
    """And it is connected again, which was not to be had before."""
    w.connected(60)
    before = connects(w)
    assert w.p.cut() > 0
    w.p.release()
    wait_for("it is connected again", 60, lambda: connects(w) > before)


def test_connections_cut_in_the_middle_of_confirms(w):
    def disturb():
        for n in range(4):
            time.sleep(random.random() / 3)
            if n % 2:
                # events go out, and their confirms do not come back
                w.p.hold(there=False)
                wait_for("confirms are under way", 60,
                         lambda: w.g.metrics()["gantry_publisher_in_flight"] > 0)
            cut(w)

    for _ in range(ROUNDS):
        under_load(w, disturb)
        # each pause before another attempt is longer; now they begin small again
        assert w.g.stop() == 0
        w.g.start()
        w.connected()


def publisher_seconds(g):
    """What its thread had of the CPU."""
    for task in glob.glob("/proc/%d/task/*" % g.process.pid):
        with open(task + "/comm") as f:
            if f.read() == "publisher\n":
                with open(task + "/schedstat") as f:
                    return int(f.read().split()[0]) / 1e9
    raise AssertionError("no publisher")


def test_nobody_works_until_the_next_attempt(w):
    before, waited = publisher_seconds(w.g), 0
    while waited < 3:
        began = time.monotonic()
        cut(w)
        waited += time.monotonic() - began
    used = publisher_seconds(w.g) - before
    print("# %.2f s of the CPU in %.1f s" % (used, waited))
    assert used < waited / 4, (used, waited)


def test_a_broker_that_says_nothing(w):
    """No byte passes for a while; nothing is lost and nobody waits for it."""
    def disturb():
        for _ in range(ROUNDS):
            time.sleep(0.3)
            w.p.hold()
            w.g.allocate(w.g.item(5))
            # it was answered before the broker was given up
            assert w.g.metrics()["gantry_publisher_connected"] == 1
            time.sleep(1)
            w.p.release()
    under_load(w, disturb)


def test_the_gateway_is_killed(w):
    def disturb():
        for _ in range(2 * ROUNDS):
            time.sleep(0.7)
            w.g.restart()
    under_load(w, disturb)


def test_the_broker_stops_and_starts(w):
    def disturb():
        for kill in [True, False] * ((ROUNDS + 1) // 2):
            time.sleep(1)
            w.r.kill() if kill else w.r.stop()
            time.sleep(1)
            w.r.start()
            w.connected(60)
    # it is away for seconds each time: a fast load would be but a long backlog
    under_load(w, disturb, 0.02)


def test_memory_alarm(w):
    """Publishing stops, the rest goes on; and back."""
    for client in (w.g.stock, w.g.orders):
        client.close()      # it was idle for too long
    item = w.g.item(100000)
    w.r.alarm(True)
    try:
        loads = 0
        wait_for("blocked", 60, lambda: w.g.allocate(item) and
                 w.g.metrics()["gantry_publisher_blocked"] == 1)
        for _ in range(50):
            w.g.allocate(item)
            loads += 1
        assert w.waiting() >= 50
        assert w.g.metrics()["gantry_outbox_events"] >= 50
    finally:
        w.r.alarm(False)
    w.empty()
    assert w.g.metrics()["gantry_publisher_blocked"] == 0


def test_stop_leaves_nothing_half_done(w):
    """What is confirmed is deleted before the end."""
    for _ in range(200):
        w.g.allocate(w.g.item(5))
    assert w.g.stop() == 0
    assert w.waiting() == 0
    w.g.start()


def test_invariants_hold(w):
    w.empty()
    assert w.g.stop() == 0
    for name, sql in INVARIANTS.items():
        broken = w.g.rows(sql)
        assert not broken, "%s: %s" % (name, broken[:5])
    code, out, err = w.command("storage", "verify")
    assert code == 0, (out, err)


def amqp_of(rabbit, proxy):
    return "amqp: {url: \"%s\", user: gantry, password_file: %s}\n" % (
        proxy.url, rabbit.password_file(rabbit.folder))


def main():
    tap.skip_all(missing())
    tests = tap.tests_of(sys.modules["__main__"])
    print("1..%d" % len(tests), flush=True)
    print("# seed %d" % SEED)
    failed = 0
    with Rabbit() as r, Proxy(r.port) as p:
        p.refusing = True
        with Gantry(amqp_of(r, p), "publish") as g:
            w = World(r, p, g)
            if tests[0] is not test_without_a_broker_events_wait:
                p.refusing = False
                w.listen()
            for number, test in enumerate(tests, 1):
                before = failed
                failed += tap.run_one(number, test, w)
                if failed > before:
                    g.show_log()
            w.consumer.stop()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
