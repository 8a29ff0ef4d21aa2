#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Another configuration while events flow: queues come and go, each event is
applied once, and neither connection to the broker notices.

    GANTRY_RELOADS  how many under load (default 100)
"""
import os
import signal
import sys
import time

import _path
import tap
from gantry import Gantry
from rabbit import Lodging, missing, wait_for
from world import QUEUE, Feeder, World, created, run_all

RELOADS = int(os.environ.get("GANTRY_RELOADS", "100"))
EVENTS = 12 * RELOADS
AUDIT = "audit.orders"
JOURNALS = ["audit.events", "audit.events-0", "audit.events-1"]
JOURNAL = """
handlers:
  journal: {plugin: journal, exchange: %s}
"""
ROUTE = """
routes:
  - {amqp: {queue: audit.orders, bind: {order.events: ["order.#"]}},
     pipeline: [journal.keep]}
"""


class Changing(World):
    def __init__(self, rabbit):
        super().__init__(rabbit, name="reload")
        with open(self.g.path("gantry.yaml"), encoding="utf-8") as f:
            self.text = f.read()

    def listen(self):
        with self.client() as c:
            for exchange in JOURNALS:
                c.exchange(exchange)
            c.queue("seen", *[(exchange, "#") for exchange in JOURNALS])
        super().listen()

    def reload(self, more):
        before = self.said("reload: done")
        self.g.write("gantry.yaml", (self.text + more).encode())
        self.g.process.send_signal(signal.SIGHUP)
        wait_for("it is reloaded", 20, lambda: self.said("reload: done") > before, 0.01)

    def said(self, what):
        with open(self.g.path("log"), encoding="utf-8") as f:
            return f.read().count(what)

    def marks(self, queue):
        return self.one("select count(*) from inbox where key like ?", queue + ":%")

    def wait_for_marks(self, queue, n):
        wait_for("%d events of %s are through" % (n, queue), 60,
                 lambda: self.marks(queue) >= n)

    def left(self, queue):
        with self.client() as c:
            return c.count(queue)


def orders(w, prefix, n):
    item = w.g.item(10**6)
    return [created("%s_%d" % (prefix, i), [("l1", item, 1)]) for i in range(n)]


def test_a_queue_comes_and_goes(w):
    w.reload(JOURNAL % "audit.events" + ROUTE)
    w.wait_until_bound(AUDIT)
    w.feed(orders(w, "first", 50))
    w.wait_for_marks(QUEUE, 50)
    w.wait_for_marks(AUDIT, 50)
    w.reload("")
    wait_for("it is left", 20,
             lambda: w.said("amqp: queue audit.orders: no route takes its events") == 1)
    w.feed(orders(w, "second", 20))
    w.wait_for_marks(QUEUE, 70)
    wait_for("they wait in the queue", 20, lambda: w.left(AUDIT) == 20)
    w.reload(JOURNAL % "audit.events" + ROUTE)
    w.wait_for_marks(AUDIT, 70)
    assert w.left(AUDIT) == 0


def test_many_under_load(w):
    events = orders(w, "load", EVENTS)
    feeder = Feeder(w, events, EVENTS / 5)
    feeder.start()
    for n in range(RELOADS):
        # the pipeline is another each time, the queue is there two times of three
        w.reload("" if n % 3 == 1 else
                 JOURNAL % ("audit.events-%d" % (n % 2)) + ROUTE)
        time.sleep(0.03)
    w.reload(JOURNAL % "audit.events" + ROUTE)
    feeder.join(60)
    assert feeder.is_done, feeder.error
    w.wait_for_marks(QUEUE, 70 + EVENTS)
    w.wait_for_marks(AUDIT, 70 + EVENTS)
    assert w.one("select count(*) from dead_letters") == 0
    # the connections are those of the start
    assert w.said("amqp: consuming from") == 1
    assert w.said("publisher: connected to") == 1
    w.wait_until_published()
    kept = [e["eventId"] for where, key, e in w.seen.known.values()
            if key == "journal.kept"]
    assert len(kept) == len(set(kept)), "an event twice"


def test_all_of_it_once(w):
    w.wait_until_quiet()
    w.wait_until_published()
    assert w.g.stop() == 0
    w.check_store()
    w.check_published()
    assert w.marks(QUEUE) == w.marks(AUDIT) == 70 + EVENTS
    assert w.one("select count(*) from allocations") == 70 + EVENTS
    with w.client() as c:
        assert c.count(AUDIT) == 0
    w.check_queues()
    w.verify()


def test_the_first_queue_of_all(w):
    """A gateway without queues gets one."""
    with Gantry("", "reload-first") as g:
        text = ('service: inventory-service\nhttp: {listen: 127.0.0.1:%d}\n'
                'admin: {listen: 127.0.0.1:%d, socket: %s/admin.sock}\nstorage: %s\n'
                'amqp: {url: "%s", user: %s, password_file: %s}\n'
                % (g.port, g.admin_port, g.folder, g.store.options, w.r.url,
                   w.r.user, w.r.password_file(g.folder)))
        g.stop()
        g.write("gantry.yaml", text.encode())
        g.start()
        g.write("gantry.yaml", (text + JOURNAL % "audit.events" +
                                ROUTE.replace(AUDIT, "late.orders")).encode())
        g.process.send_signal(signal.SIGHUP)
        w.wait_until_bound("late.orders")
        with w.client() as c:
            key, event = created("late", [("l1", "inv_1", 1)])
            c.publish("order.events", key, event)
            c.settle()
        wait_for("it is through", 20, lambda: g.rows(
            "select key from inbox where key like 'late.orders:%'"))
        assert g.stop() == 0


def main():
    tap.skip_all(missing())
    with Lodging("reload") as r, Changing(r) as w:
        status = run_all(w)
    sys.exit(status)


if __name__ == "__main__":
    main()
