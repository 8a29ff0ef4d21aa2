#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What being watched costs: durable POST /allocations while the metrics page is
read each second and while nobody reads it, by turns, on one gateway; and on a
second one that traces every request as well, with the page read each second.

    GANTRY, GANTRY_PLUGINS, GANTRY_PRESETS   as for the system tests
    BEFORE    another program to compare with, with its plugins in BEFORE_PLUGINS

The rates of a shared machine move more than what is measured: read the ratio of
neighbours (its median), and the processor time for each request beside it.
Exit 0: measured (goal reached or not); 1: errors.
"""
import argparse
import os
import statistics
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]

import bench                # noqa: E402
import gantry               # noqa: E402
import servers              # noqa: E402
import sink                 # noqa: E402

GOAL = 0.9
TRACES = 'traces: {endpoint: "http://127.0.0.1:%d", ratio: 1}\n'


class Reader(threading.Thread):
    """Reads the page each second, as Prometheus does."""

    def __init__(self, port, pause=1.0):
        super().__init__(daemon=True)
        self.client, self.pause = gantry.Client(port), pause
        self.stopping, self.pages, self.bytes = threading.Event(), 0, 0

    def run(self):
        while True:
            got = self.client.get("/metrics")
            assert got.status == 200, got
            self.pages, self.bytes = self.pages + 1, len(got.body)
            if self.stopping.wait(self.pause):
                self.client.close()
                return

    def stop(self):
        self.stopping.set()
        self.join()


class Other(servers.Gateway):
    """The program that BEFORE names, with its own plugins."""

    def start(self):
        mine = gantry.PROGRAM, os.environ.get("GANTRY_PLUGINS")
        gantry.PROGRAM = os.environ["BEFORE"]
        os.environ["GANTRY_PLUGINS"] = os.environ["BEFORE_PLUGINS"]
        try:
            return super().start()
        finally:
            gantry.PROGRAM, os.environ["GANTRY_PLUGINS"] = mine


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="two short turns")
    parser.add_argument("--repeats", type=int, default=12, metavar="N")
    parser.add_argument("--seconds", type=float, default=3, metavar="S")
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        given.repeats, given.seconds = 2, 1
    return given


class Turns:
    def __init__(self, given):
        self.given, self.b = given, bench.Bench(given)
        self.pages = self.bytes = 0
        self.spans = {}

    def run(self, name, server):
        self.b.measure(name, server, self.given.connections)

    def run_watched(self, server, name="watched"):
        reader = Reader(server.made.admin_port)
        reader.start()
        self.run(name, server)
        reader.stop()
        self.pages, self.bytes = self.pages + reader.pages, reader.bytes

    def all(self):
        with sink.Sink() as receiver:
            self.all_with(receiver)

    def all_with(self, receiver):
        up, traced = servers.Gateway(), servers.Gateway(TRACES % receiver.port)
        other = Other() if os.environ.get("BEFORE") else None
        turns = [lambda: self.run("not watched", up), lambda: self.run_watched(up),
                 lambda: self.run_watched(traced, "traced")]
        try:
            for server in filter(None, (up, traced, other)):
                server.start().fill()
                self.b.wrk(server, 8, False, 1)
            for turn in range(self.given.repeats):
                # who is first takes turns, too
                for n in range(len(turns)):
                    turns[(turn + n) % len(turns)]()
                if other:
                    self.run("before", other)
            self.count(traced)
            self.posts, self.posted = receiver.posts.value, receiver.bytes.value
        finally:
            for server in filter(None, (up, traced, other)):
                server.remove()

    def count(self, server):
        """What became of the spans."""
        client = gantry.Client(server.made.admin_port)
        for line in client.get("/metrics").body.decode().splitlines():
            if line.startswith(("gantry_spans_exported", "gantry_spans_dropped")):
                name, _, n = line.rpartition(" ")
                self.spans[name] = int(float(n))
        client.close()

    def ratio(self, a, b, what):
        """The median over the turns, of neighbours."""
        c = self.given.connections
        return statistics.median(x[what] / y[what] for x, y in zip(
            self.b.rows[a, c].runs, self.b.rows[b, c].runs))

    def show(self):
        for (name, connections), row in self.b.rows.items():
            print("%-12s at %d: %.0f/s, p99 %.2f ms, %.1f us of processor" % (
                name, connections, row.rate, row.median("p99"), row.median("cpu")))
        print("%d pages of %d bytes were read" % (self.pages, self.bytes))
        if ("before", self.given.connections) in self.b.rows:
            print("not watched, before = 1: rate %.3f, processor time %.3f" % (
                self.ratio("not watched", "before", "rate"),
                self.ratio("not watched", "before", "cpu")))
        print("spans: %s; %d posts of %d bytes" % (
            ", ".join("%d %s" % (n, name) for name, n in self.spans.items()),
            self.posts, self.posted // max(self.posts, 1)))
        self.judge("watched")
        self.judge("traced")
        if self.b.broken:
            print("%d requests were refused or broke off." % self.b.broken)


    def judge(self, name):
        rate = self.ratio(name, "not watched", "rate")
        print("%s, not watched = 1: rate %.3f, processor time %.3f; wanted: "
              "rate >= %g: %s" % (name, rate, self.ratio(name, "not watched", "cpu"),
                                  GOAL, "reached" if rate >= GOAL else "NOT reached"))


def main():
    turns = Turns(arguments())
    turns.all()
    turns.show()
    return 1 if turns.b.broken else 0


if __name__ == "__main__":
    sys.exit(main())
