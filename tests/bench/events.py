#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events over RabbitMQ, measured beside what they are compared with, in one run
on one broker, by turns: medians of the repeats, ratios, and the goals.

    GANTRY, GANTRY_PLUGINS, GANTRY_PRESETS   as for the system tests
    AMQP_LOAD   the program amqp_load
    PEER        folder of another implementation in Node.js, built

Two cores are shared by broker and server, and single runs move by 15 to 30 %:
read the ratios, not the rates. Exit 0: measured; 1: errors; 77: no RabbitMQ.
"""
import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]

import bench                # noqa: E402
import rabbit               # noqa: E402
import servers              # noqa: E402
from rabbit import Lodging, wait_for     # noqa: E402

QUEUE, OUT = "inventory.order-events", "bench.out"
ITEMS = 2                   # of each order
# the first part goes to starting and to filling the pipes
SKIP = 0.1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="one short repeat: does it work at all")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--orders", type=int, default=20000, metavar="N",
                        help="OrderCreated events of a measurement (default: 20000)")
    parser.add_argument("--seconds", type=float, default=2, metavar="S",
                        help="of each measurement over HTTP (default: 2)")
    given, _ = parser.parse_known_args()
    if given.quick:
        given.repeats, given.orders, given.seconds = 1, 3000, 1
    return given


class Side:
    """One that takes orders from a virtual host of its own. factor: how much of
    the orders it gets; those who are slow need not keep all others waiting."""

    def __init__(self, bench, name, factor=1.0):
        self.bench, self.name = bench, name
        # it goes with its node
        self.r = Lodging(name.replace(" ", "-"), bench.r).__enter__()
        self.orders = max(200, int(bench.given.orders * factor))
        self.turn = 0
        with self.client() as c:
            c.exchange("order.events")
            c.queue(OUT, ("inventory.events", "inventory.allocationcreated.#"))

    def client(self):
        return self.r.client()

    @property
    def url(self):
        return self.r.url

    def prepare(self):
        """Its queue is there, bound; it does not run."""

    def taken(self):
        """Orders that are through, of this turn, or None if nobody counts."""
        return None

    def feed(self):
        self.turn += 1
        with self.client() as c:
            c.channel.queue_purge(OUT)
            c.channel.queue_purge(QUEUE)
        self.bench.load("feed", self.r.vhost, self.orders, ITEMS,
                        "%s%d" % (self.r.vhost, self.turn))

    def measure(self):
        """Rates of orders through, and of orders whose events are all out."""
        self.feed()
        self.start()
        try:
            with self.client() as c:
                through, out = self.watch(c)
        finally:
            self.stop()
        bench.say("%s: %s, %.0f orders/s with all their events out" % (
            self.name, "%.0f orders/s taken" % through if through else "-", out))
        return {"taken": through, "out": out}

    def watch(self, client):
        clocks = {"taken": Clock(self.orders), "out": Clock(self.orders)}
        end = time.monotonic() + 120
        while not clocks["out"].is_over:
            taken = self.taken()
            if taken is not None:
                clocks["taken"].at(taken)
            clocks["out"].at(client.count(OUT) / ITEMS)
            if time.monotonic() > end:
                raise SystemExit("%s: %d of %d orders in 120 s" % (
                    self.name, clocks["out"].last, self.orders))
            time.sleep(0.01)
        while taken is not None and not clocks["taken"].is_over:
            clocks["taken"].at(self.taken())
        return clocks["taken"].rate, clocks["out"].rate


class Clock:
    """From SKIP of all to the last one."""

    def __init__(self, total):
        self.total, self.last = total, 0
        self.begin = self.end = None

    def at(self, n):
        now = time.monotonic()
        self.last = n
        if self.begin is None and n >= self.total * SKIP:
            self.begin = (now, n)
        if self.end is None and n >= self.total:
            self.end = (now, n)

    @property
    def is_over(self):
        return self.end is not None

    @property
    def rate(self):
        if self.end is None or self.begin is None:
            return None
        return (self.end[1] - self.begin[1]) / max(self.end[0] - self.begin[0], 1e-6)


class GantrySide(Side):
    def __init__(self, bench, name, amqp="", extra="", factor=1.0):
        super().__init__(bench, name, factor)
        self.server = servers.Gateway(
            'amqp: {url: "%s", user: %s, password_file: %s%s}\n%s' % (
                self.url, self.r.user, self.r.password_file(bench.r.folder), amqp, extra))
        self.before = 0

    def prepare(self):
        self.server.start()
        self.server.fill()
        wait_for("it is bound", 30, lambda: ("order.events", QUEUE) in [
            binding[:2] for binding in self.r.bindings()])
        self.server.stop()
        self.store = sqlite3.connect("file:%s?mode=ro" % self.server.made.path(
            "gantry.db"), uri=True, timeout=10)

    def one(self, sql):
        return self.store.execute(sql).fetchone()[0]

    def taken(self):
        return self.one("select count(*) from inbox") - self.before

    def start(self):
        self.before = self.one("select count(*) from inbox")
        self.server.start()

    def stop(self):
        self.server.stop()

    def remove(self):
        self.store.close()
        self.server.remove()

    def http(self, wrk):
        """Allocations over HTTP, until the last of their events is confirmed."""
        self.server.start()
        try:
            wrk(self.server, 64, False, 1)
            self.settle()
            began = time.monotonic()
            got = wrk(self.server, 64, False, self.bench.given.seconds)
            self.settle()
            rate = got["requests"] / (time.monotonic() - began)
        finally:
            self.server.stop()
        with self.client() as c:
            c.channel.queue_purge(OUT)
        return rate, got["refused"] + got["broken"]

    def settle(self):
        wait_for("all events are confirmed", 60,
                 lambda: self.one("select count(*) from outbox") == 0, 0.005)


class PlainSide(Side):
    """librabbitmq alone, with the gateway's own queue and an event of its."""

    def prepare(self):
        with self.client() as c:
            c.queue(QUEUE, ("order.events", "order.#"))

    def start(self):
        self.process = self.bench.begin("relay", self.r.vhost, QUEUE, ITEMS,
                                        self.bench.sample)

    def stop(self):
        self.process.terminate()
        if self.process.wait(20) != 0:
            raise SystemExit("amqp_load relay ended with %d" % self.process.returncode)

    def remove(self):
        pass


class PeerSide(Side):
    def __init__(self, bench, name, folder):
        super().__init__(bench, name)
        self.server = servers.Peer(folder, self.url.replace(
            "://", "://%s:%s@" % (self.r.user, rabbit.PASSWORD)))

    def prepare(self):
        self.server.start()
        self.server.fill()
        with self.client() as c:
            wait_for("the queue", 30, lambda: c.count(QUEUE) >= 0)
        time.sleep(1)
        self.server.stop()

    def start(self):
        self.server.start()

    def stop(self):
        self.server.stop()

    def remove(self):
        shutil.rmtree(self.server.folder, ignore_errors=True)


class Bench:
    def __init__(self, given, r):
        self.given, self.r = given, r
        self.runs = {}
        self.broken = 0
        self.sample = os.path.join(r.folder, "sample.json")

    def command(self, what, vhost, *rest):
        return [os.environ["AMQP_LOAD"], what, str(self.r.port), vhost] + \
            [str(x) for x in rest]

    def load(self, *arguments):
        subprocess.run(self.command(*arguments), check=True, timeout=120,
                       env=self.environment(arguments[1]))

    def begin(self, *arguments):
        return subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL,
                                env=self.environment(arguments[1]))

    @staticmethod
    def environment(vhost):
        """Its user has its name."""
        return dict(os.environ, AMQP_USER=vhost, AMQP_PASSWORD=rabbit.PASSWORD)

    def note(self, name, value):
        if value is not None:
            self.runs.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.runs[name]) if name in self.runs else None

    def keep_sample(self, side):
        """An event as the gateway publishes it, for the plain program."""
        side.feed()
        side.start()
        try:
            with side.client() as c:
                _, _, body = c.get(OUT, 20)
        finally:
            side.stop()
        with open(self.sample, "wb") as f:
            f.write(body)

    def run(self):
        self.gantry = GantrySide(self, "gantry")
        sides = [self.gantry,
                 GantrySide(self, "one by one", ", prefetch: 1", bench.ONE_BY_ONE, 0.1),
                 PlainSide(self, "plain")]
        if os.environ.get("PEER"):
            sides.append(PeerSide(self, "peer", os.environ["PEER"]))
        single = servers.Gateway(bench.ONE_BY_ONE)
        self.http_bench = bench.Bench(self.given)
        try:
            for side in sides:
                side.prepare()
            single.start().fill()
            single.stop()
            self.keep_sample(self.gantry)
            for repeat in range(self.given.repeats):
                for side in sides:
                    got = side.measure()
                    self.note((side.name, "taken"), got["taken"])
                    self.note((side.name, "out"), got["out"])
                self.run_http(single)
        finally:
            for side in sides:
                side.remove()
            single.remove()

    def run_http(self, single):
        rate, broken = self.gantry.http(self.http_bench.wrk)
        self.note(("gantry", "http"), rate)
        single.start()
        self.http_bench.wrk(single, 64, False, 1)
        got = self.http_bench.wrk(single, 64, False, self.given.seconds)
        single.stop()
        self.note(("one by one", "http"), got["requests"] / got["seconds"])
        self.broken += broken + got["refused"] + got["broken"]
        bench.say("HTTP at 64: %.0f/s published and confirmed, %.0f/s one by one "
                  "without a broker" % (rate, got["requests"] / got["seconds"]))

    def ratio(self, a, b):
        a, b = self.median(a), self.median(b)
        return a / b if a and b else None

    def goals(self):
        yield ("orders taken, one by one = 1", self.ratio(
            ("gantry", "taken"), ("one by one", "taken")), 10)
        yield ("orders in, events out, plain = 1", self.ratio(
            ("gantry", "out"), ("plain", "out")), 0.5)
        yield ("orders in, events out, peer = 1", self.ratio(
            ("gantry", "out"), ("peer", "out")), 3)
        yield ("HTTP, published; one by one without = 1", self.ratio(
            ("gantry", "http"), ("one by one", "http")), 2)

    def show(self):
        names = {"taken": "OrderCreated of %d items taken into SQLite" % ITEMS,
                 "out": "with all their events out and confirmed",
                 "http": "POST /allocations at 64 connections"}
        print("%-14s %-44s %9s" % ("server", "what", "a second"))
        for (name, what), _ in sorted(self.runs.items(), key=lambda one: one[0][::-1]):
            print("%-14s %-44s %9.0f" % (name, names[what], self.median((name, what))))
        print("Medians of %d. \"http\" of gantry: until the last event was confirmed.\n" %
              self.given.repeats)
        print("%-42s %10s %10s" % ("goal", "measured", "wanted"))
        for what, value, wanted in self.goals():
            if value is None:
                print("%-42s %10s %10s  not measured" % (what, "-", ">= %g" % wanted))
                continue
            print("%-42s %10.2f %10s  %s" % (what, value, ">= %g" % wanted, "reached"
                                             if value >= wanted else "NOT reached"))
        if self.broken:
            print("\n%d requests were refused or broke off." % self.broken)


def main():
    given = arguments()
    given.connections = [64]
    reason = rabbit.missing()
    if reason:
        bench.say("events are not measured: " + reason)
        return 77
    with rabbit.Rabbit("bench") as r:
        made = Bench(given, r)
        made.run()
        made.show()
    return 1 if made.broken else 0


if __name__ == "__main__":
    sys.exit(main())
