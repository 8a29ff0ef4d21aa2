#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A new database keeps its rate, although the server has never looked at what is
in its tables: the plans do not hang on that.

    GANTRY_ALLOCATIONS  how many (default 20000)
"""
import itertools
import os
import sys
import threading
import time

import _path    # noqa: F401
import postgres
import tap
from gantry import Client
from load import gateway

ALLOCATIONS = int(os.environ.get("GANTRY_ALLOCATIONS", "20000"))
PARTS, THREADS, BULK, ITEMS = 10, 4, 50, 500
WORST = 0.5


class Rates:
    """Allocations in bulks by some threads; the rate of each part of them."""

    def __init__(self, g, items):
        self.g, self.items = g, items
        self.numbers = itertools.count()
        self.done = []          # when each bulk was there
        self.errors = []

    def work(self):
        client = self.g.client("order-service")
        try:
            while True:
                n = next(self.numbers)
                if n >= ALLOCATIONS // BULK:
                    return
                self.buy(client, n)
        except Exception as error:
            self.errors.append(error)
        finally:
            client.close()

    def buy(self, client: Client, n):
        got = client.post("/allocations/bulk", {
            "orderId": "plan_%d" % n, "items": [
                {"orderItemId": "i%d" % i, "quantity": 1, "inventoryItemId":
                 self.items[(n * BULK + i * 7) % ITEMS]} for i in range(BULK)]})
        assert got.status == 201, got
        self.done.append(time.monotonic())

    def run(self):
        begin = time.monotonic()
        threads = [threading.Thread(target=self.work) for _ in range(THREADS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(300)
        assert not self.errors, self.errors[:3]
        size = len(self.done) // PARTS
        ends = [begin] + [self.done[(i + 1) * size - 1] for i in range(PARTS)]
        return [size * BULK / (b - a) for a, b in zip(ends, ends[1:])]


def test_rate_is_kept(p):
    with gateway(p, "planner") as g:
        items = [g.item(10**9) for _ in range(ITEMS)]
        rates = Rates(g, items).run()
        print("# allocations/s: " + " ".join("%d" % r for r in rates))
        rows = g.rows("select count(*) as n from allocations")[0]["n"]
        assert rows == ALLOCATIONS // BULK * BULK, rows
        with p.client(g.store.name) as c:
            assert not c.rows("select relname from pg_stat_user_tables where "
                              "last_analyze is not null or last_autoanalyze is "
                              "not null"), "somebody looked"
        # the first part warms everything up; a rate that falls with the rows has
        # fallen in all of the last parts, one that others disturb in one of them
        assert max(rates[-4:]) > WORST * max(rates[1:4]), rates


if __name__ == "__main__":
    if postgres.missing():
        print("1..0 # SKIP " + postgres.missing())
        sys.exit(77)
    with postgres.Postgres(settings={"autovacuum": "off"}) as server:
        sys.exit(tap.run_all(server))
