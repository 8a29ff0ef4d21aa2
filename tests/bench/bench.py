#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Durable POST /allocations on SQLite, measured beside what it is compared with,
in one run, by turns: medians of the repeats, ratios, and the goals.

    GANTRY, GANTRY_PLUGINS, GANTRY_PRESETS   as for the system tests
    PEER    folder of another implementation in Node.js, built ("node dist/main.js")

Two cores are shared by wrk and server, and single runs move by 15 to 30 %: read
the ratios, not the rates. Exit 0: measured (goals reached or not); 1: errors.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]

import fill                 # noqa: E402
import servers              # noqa: E402

ONE_BY_ONE = "commit: {max_batch: 1}\n"
MIB = 1 << 20


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="one short repeat at 1 and 64 connections: does it work at all")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--seconds", type=float, default=2, metavar="S",
                        help="of each measurement (default: 2)")
    parser.add_argument("--rows", type=int, default=0, metavar="N",
                        help="measure on a store of N allocations too (goal: 5000000)")
    given = parser.parse_args()
    given.connections = [1, 64] if given.quick else [1, 64, 256, 512]
    if given.quick:
        given.repeats, given.seconds = 1, 1
    return given


def say(text):
    print("# " + text, file=sys.stderr, flush=True)


class Row:
    """The measurements of one server at one number of connections."""

    def __init__(self, name, connections):
        self.name, self.connections = name, connections
        self.runs = []

    def median(self, what):
        return statistics.median(run[what] for run in self.runs)

    @property
    def rate(self):
        return self.median("rate")


class Bench:
    def __init__(self, given):
        self.given = given
        self.rows = {}
        self.items = servers.ITEMS
        self.seed = int(time.time())
        self.memory = self.start = None
        self.broken = 0

    def wrk(self, server, connections, ordered, seconds):
        self.seed += 1
        environment = dict(os.environ, TOKEN=server.token(), SEED=str(self.seed),
                           ITEMS=str(self.items), ORDERED="1" if ordered else "0")
        ran = subprocess.run(
            ["wrk", "-t1", "-c%d" % connections, "-d%ds" % max(1, round(seconds)),
             "--timeout", "5s", "-s", os.path.join(HERE, "allocate.lua"),
             "http://127.0.0.1:%d" % server.port],
            env=environment, capture_output=True, text=True,
            timeout=60 + seconds)
        if ran.returncode != 0:
            raise SystemExit("wrk: " + ran.stderr)
        return json.loads(ran.stdout.strip().split("\n")[-1])

    def measure(self, name, server, connections, ordered=False):
        cpu, written = server.cpu_seconds(), server.written_bytes()
        got = self.wrk(server, connections, ordered, self.given.seconds)
        done = max(got["requests"], 1)
        got["rate"] = got["requests"] / got["seconds"]
        got["cpu"] = (server.cpu_seconds() - cpu) / done * 1e6
        got["pages"] = (server.written_bytes() - written) / done / 4096
        self.broken += got["refused"] + got["broken"]
        if got["refused"] + got["broken"]:
            say("ERRORS: %s" % got)
        self.note(name, connections, got)

    def note(self, name, connections, got):
        row = self.rows.setdefault((name, connections), Row(name, connections))
        row.runs.append(got)
        say("%s at %d: %.0f/s, p99 %.2f ms" % (name, connections, got["rate"],
                                               got["p99"]))

    def run_small(self):
        """Stores that begin empty, with each repeat again: else who is fast measures a
        larger store each time. Within one all servers stay up and take turns."""
        for repeat in range(self.given.repeats):
            self.run_fresh()

    def run_fresh(self):
        up = {"gantry": servers.Gateway(), "one by one": servers.Gateway(ONE_BY_ONE),
              "nginx": servers.Nginx()}
        if os.environ.get("PEER"):
            up["peer"] = servers.Peer(os.environ["PEER"])
        try:
            for name, server in up.items():
                server.start()
                server.fill()
                self.wrk(server, 8, False, 1)       # warm
            for connections in self.given.connections:
                for name, server in up.items():
                    self.measure(name, server, connections)
            self.measure("gantry, ids in order", up["gantry"], 64, ordered=True)
            self.start = max(self.start or 0, up["gantry"].started_in)
            self.memory = max(self.memory or 0, up["gantry"].memory_bytes())
        finally:
            for server in up.values():
                server.remove()

    def run_large(self, rows):
        """One store of many rows, opened by one server after the other."""
        batched = servers.Gateway()
        single = servers.Gateway(ONE_BY_ONE, of=batched)
        try:
            batched.start().fill()
            batched.stop()
            say("a store of %d allocations" % rows)
            fill.fill(batched.made.path("gantry.db"), rows, say)
            for repeat in range(self.given.repeats):
                for name, server, ordered in (
                        ("many rows", batched, False),
                        ("many rows, one by one", single, False),
                        ("many rows, ids in order", batched, True)):
                    server.start()
                    self.wrk(server, 64, ordered, 1)
                    self.measure(name, server, 64, ordered)
                    if server is batched:
                        self.memory = max(self.memory or 0, server.memory_bytes())
                    server.stop()
                self.run_empty()
        finally:
            batched.remove()

    def run_empty(self):
        """The same on a store that was made a moment ago."""
        empty = servers.Gateway().start()
        try:
            empty.fill()
            self.wrk(empty, 64, True, 1)
            self.measure("empty, ids in order", empty, 64, ordered=True)
        finally:
            empty.remove()

    # --- what came of it ---

    def ratio(self, a, b, what="rate"):
        """Of medians; None if one of them was not measured."""
        if a not in self.rows or b not in self.rows:
            return None
        below = self.rows[b].median(what)
        return self.rows[a].median(what) / below if below else None

    def goals(self):
        """(what, value, comparison, wanted, unit)."""
        def against(other, connections):
            return self.ratio(("gantry", connections), (other, connections))

        no_stall = None
        if ("gantry", 512) in self.rows:
            row = self.rows["gantry", 512]
            no_stall = row.rate / self.rows["gantry", 256].rate
            if any(run["broken"] or run["max"] > 2000 for run in row.runs):
                no_stall = 0
        yield "at 1: rate, one by one = 1", against("one by one", 1), ">=", 0.95, ""
        yield "at 64: rate, one by one = 1", against("one by one", 64), ">=", 4.5, ""
        yield "at 256: rate, one by one = 1", against("one by one", 256), ">=", 6, ""
        yield "at 64: rate, nginx = 1", against("nginx", 64), ">=", 0.22, ""
        yield "at 256: rate, nginx = 1", against("nginx", 256), ">=", 0.30, ""
        yield "at 64: rate, peer = 1", against("peer", 64), ">=", 8, ""
        yield "at 64: p99, one by one = 1", self.ratio(
            ("gantry", 64), ("one by one", 64), "p99"), "<=", 0.35, ""
        yield "512 do not stall: rate, at 256 = 1", no_stall, ">=", 0.7, ""
        yield "many rows: rate, one by one = 1", self.ratio(
            ("many rows", 64), ("many rows, one by one", 64)), ">=", 2.5, ""
        yield "many rows, ids in order, empty = 1", self.ratio(
            ("many rows, ids in order", 64), ("empty, ids in order", 64)), ">=", 0.85, ""
        yield "resident at the end", self.memory / MIB, "<=", 32, " MiB"
        yield "start to first answer", self.start * 1000, "<=", 100, " ms"

    def show(self):
        print("%-26s %5s %9s %8s %8s %7s %8s" % (
            "server", "conns", "req/s", "p50 ms", "p99 ms", "CPU us", "pages"))
        for row in sorted(self.rows.values(), key=lambda r: (r.connections, r.name)):
            print("%-26s %5d %9.0f %8.2f %8.2f %7.1f %8.2f" % (
                row.name, row.connections, row.rate, row.median("p50"),
                row.median("p99"), row.median("cpu"), row.median("pages")))
        print("CPU: of the server, for each request. pages: of 4 KiB written to disk for\n"
              "each request, by the log and by carrying it over. Medians of %d.\n" %
              self.given.repeats)
        print("%-38s %10s %10s" % ("goal", "measured", "wanted"))
        for what, value, how, wanted, unit in self.goals():
            if value is None:
                print("%-38s %10s %10s  not measured" % (what, "-", "%s %g" % (how, wanted)))
                continue
            reached = value >= wanted if how == ">=" else value <= wanted
            print("%-38s %10s %10s  %s" % (
                what, "%.2f%s" % (value, unit), "%s %g" % (how, wanted),
                "reached" if reached else "NOT reached"))
        if self.broken:
            print("\n%d requests were refused or broke off." % self.broken)


def main():
    given = arguments()
    bench = Bench(given)
    bench.run_small()
    if given.rows:
        bench.run_large(given.rows)
    bench.show()
    return 1 if bench.broken else 0


if __name__ == "__main__":
    sys.exit(main())
