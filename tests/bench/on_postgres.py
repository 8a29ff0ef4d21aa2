#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Durable POST /allocations on PostgreSQL, measured beside the same reservation by
pgbench without any HTTP, in one run, by turns, on one server: medians of the
repeats, ratios, and the goals.

    GANTRY, GANTRY_PLUGINS, GANTRY_PRESETS   as for the system tests

Two cores are shared by client, gateway and PostgreSQL, and single runs move by 15
to 30 %: read the ratios, not the rates. Exit 0: measured; 1: errors.
"""
import argparse
import os
import statistics
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]

import fill_postgres        # noqa: E402
import servers              # noqa: E402
import stores               # noqa: E402
from bench import Bench, say  # noqa: E402
from postgres import Postgres  # noqa: E402
from rival import Rival     # noqa: E402

SPREAD = 10000
TOGETHER = [256, 512]   # connections of both clients
FIRST = 100000      # allocations on a new database
# A server that somebody has looked after; the rest is as Debian gives it.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="one short repeat: does it work at all")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--seconds", type=float, default=4, metavar="S",
                        help="of each measurement (default: 4)")
    parser.add_argument("--rows", type=int, default=0, metavar="N",
                        help="measure on a store of N allocations too (goal: 5000000)")
    given = parser.parse_args()
    given.connections = [64, 256]
    given.clients = [8] if given.quick else [4, 8, 16, 32]
    if given.quick:
        given.repeats, given.seconds = 1, 1
    return given


class PostgresBench(Bench):
    def __init__(self, given, server):
        super().__init__(given)
        self.server = server
        self.replicas = 0
        self.kept = []      # rate at the end of FIRST, to that at its begin

    def gateway(self, items, beside=None):
        """A gateway with goods in a database of its own, or in that of another."""
        self.replicas += 1
        store = beside.made.store if beside else stores.Postgres(self.server)
        made = servers.Gateway("replica: bench-%d\n" % self.replicas,
                               store=lambda folder: store).start()
        if not beside:
            fill_postgres.items(store.conninfo, items, servers.PIECES)
        return made

    def rival(self, items):
        """Its tables are made by a gateway, which then only sleeps."""
        made = self.gateway(items)
        made.made.stop()
        rival = Rival(made.made.store.conninfo, fill_postgres.SCHEMA, made.made.folder)
        rival.remove = made.remove
        return rival

    # --- small stores, by turns ---

    def run_small(self):
        for name, items in (("spread", SPREAD), ("one item", 1)):
            self.items = items
            gateway, rival = self.gateway(items), self.rival(items)
            try:
                self.wrk(gateway, 64, False, 1)     # warm
                for repeat in range(self.given.repeats):
                    self.run_turn(name, gateway, rival)
            finally:
                gateway.remove()
                rival.remove()

    def run_turn(self, name, gateway, rival):
        for connections in self.given.connections:
            self.measure("gantry, " + name, gateway, connections)
        for clients in self.given.clients:
            for script in ("classic", "function"):
                self.measure_rival("%s, %s" % (script, name), rival, script, clients)

    def measure_rival(self, name, rival, script, clients):
        rate = rival.measure(script, self.items, clients, self.given.seconds)
        self.note(name, clients, {"rate": rate, "p50": 0, "p99": 0, "cpu": 0, "pages": 0})

    # --- two on one database ---

    def checkpoint(self):
        with self.server.client() as owner:
            owner.run("checkpoint")

    def run_two(self):
        """One of two that run does all, or both do; two clients ask at once. By turns, now
        one of them, now the other, as the tables grow all the time, and twice as often
        as the rest: they differ by little. Both have run for a while: what a gateway
        does when it starts is no part of this, nor what the parts before have left for
        the server to write."""
        self.items = SPREAD
        first = self.gateway(SPREAD)
        second = self.gateway(SPREAD, beside=first)
        try:
            self.checkpoint()
            for server in (first, second):
                self.wrk(server, 64, False, 2)
            for repeat in range(2 * self.given.repeats):
                alone = (first, second)[repeat // 2 % 2]
                turns = [("one replica", (alone, alone)), ("two replicas", (first, second))]
                for name, servers_of in turns if repeat % 2 == 0 else reversed(turns):
                    self.measure_together(name, servers_of)
        finally:
            second.remove()
            first.remove()

    def measure_together(self, name, servers_of):
        for connections in TOGETHER:
            got = self.at_once(servers_of, connections // 2)
            self.broken += sum(g["refused"] + g["broken"] for g in got)
            self.note(name, connections, {
                "rate": sum(g["requests"] / g["seconds"] for g in got),
                "p50": max(g["p50"] for g in got), "p99": max(g["p99"] for g in got),
                "cpu": 0, "pages": 0})

    def at_once(self, servers_of, connections):
        """What each client saw."""
        got = [None] * len(servers_of)

        def run(i):
            got[i] = self.wrk(servers_of[i], connections, False, self.given.seconds)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(got))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return got

    # --- a new database, and a large one ---

    def run_new(self):
        """Its first 100,000 allocations, second by second: does the rate hold?"""
        self.items = SPREAD
        for repeat in range(self.given.repeats):
            gateway = self.gateway(SPREAD)
            try:
                rates, made = [], 0
                while made < FIRST and len(rates) < 60:
                    got = self.wrk(gateway, 256, False, 1)
                    made += got["requests"]
                    rates.append(got["requests"] / got["seconds"])
                # the first second also opens connections and prepares
                quarter = max(1, len(rates) // 4)
                self.kept.append(statistics.mean(rates[-quarter:]) /
                                 statistics.mean(rates[1:1 + quarter]))
                say("first %d on a new database: %s/s" % (
                    made, ", ".join("%.0f" % r for r in rates)))
            finally:
                gateway.remove()

    def run_large(self, rows):
        self.items = SPREAD
        large, empty = self.gateway(SPREAD), self.gateway(SPREAD)
        try:
            say("a store of %d allocations" % rows)
            fill_postgres.fill(large.made.store.conninfo, rows, SPREAD, say)
            self.checkpoint()
            for repeat in range(self.given.repeats):
                for name, server in (("many rows", large), ("empty", empty)):
                    self.wrk(server, 64, False, 1)
                    self.measure(name, server, 256)
                    self.measure(name + ", ids in order", server, 256, ordered=True)
        finally:
            large.remove()
            empty.remove()

    # --- what came of it ---

    def best(self, prefix):
        """The row of the best rate among all numbers of connections or clients."""
        rows = [r for (name, _), r in self.rows.items() if name == prefix]
        return max(rows, key=lambda r: r.rate).rate if rows else None

    def against(self, a, b):
        a, b = self.best(a), self.best(b)
        return a / b if a and b else None

    def goals(self):
        """(what, value, comparison, wanted, unit)."""
        for what, a, b, wanted in (
                ("spread, six statements = 1", "gantry, spread", "classic, spread", 3),
                ("spread, one call = 1", "gantry, spread", "function, spread", 1),
                ("one item, six statements = 1", "gantry, one item",
                 "classic, one item", 12),
                ("one item, one call = 1", "gantry, one item", "function, one item", 1),
                ("two replicas, one = 1", "two replicas", "one replica", 1),
                ("many rows, empty = 1", "many rows", "empty", 0.6),
                ("many rows, ids in order, empty = 1", "many rows, ids in order",
                 "empty, ids in order", 0.85)):
            yield what, self.against(a, b), ">=", wanted, ""
        yield ("new database, last of %d to first" % FIRST,
               statistics.median(self.kept) if self.kept else None, ">=", 0.7, "")


def main():
    given = arguments()
    with Postgres(settings=SETTINGS) as server:
        bench = PostgresBench(given, server)
        bench.run_small()
        bench.run_two()
        bench.run_new()
        if given.rows:
            bench.run_large(given.rows)
        bench.show()
    return 1 if bench.broken else 0


if __name__ == "__main__":
    sys.exit(main())
