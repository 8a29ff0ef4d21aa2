# SPDX-License-Identifier: Apache-2.0
"""Millions of allocations, straight into a store that the gateway has made and
stopped: random order ids, every other order with a kept answer. Seven tenths go
in before the indexes exist and the rest after, so that their pages are filled
as in a store that grew, not packed."""
import os
import random
import sqlite3

TABLES = ("orders", "allocations", "idempotency")
STEP = 50_000
# The gateway mints refs from the time: these lie before all of them.
FIRST_REF = 1_000_000


def columns_of(store, table):
    return [row[1] for row in store.execute("pragma table_info(%s)" % table)]


def insert(store, table):
    names = columns_of(store, table)
    return names, "insert into %s (%s) values (%s)" % (
        table, ", ".join('"%s"' % n for n in names), ", ".join("?" * len(names)))


def hexes(chance, digits):
    return "%0*x" % (digits, chance.getrandbits(4 * digits))


class Filler:
    def __init__(self, path, rows):
        self.store = sqlite3.connect(path, isolation_level=None)
        self.rows = rows
        self.chance = random.Random(1)
        self.items = [r[0] for r in self.store.execute("select ref from items order by ref")]
        self.now = self.store.execute("select max(created_at) from items").fetchone()[0]

    def values(self, table, names, n):
        """One row, as its columns are called."""
        ref = FIRST_REF + n
        known = {"ref": ref, "version": 1, "created_at": self.now,
                 "updated_at": self.now}
        if table == "orders":
            known.update(id="ord_" + hexes(self.chance, 26), state="OPEN", live=1)
        elif table == "allocations":
            known.update(id="alloc_%026d" % n, ord=ref, order_item_id="item_1", live=1,
                         item=self.items[self.chance.randrange(len(self.items))],
                         quantity=1, status="CONFIRMED", expires_at=self.now)
        else:
            known.update(key="bench/%s" % hexes(self.chance, 26), status=201,
                         fingerprint=hexes(self.chance, 64), answer="{}")
        return [known.get(name) for name in names]

    def insert_range(self, begin, end):
        for table in TABLES:
            names, sql = insert(self.store, table)
            step = 2 if table == "idempotency" else 1
            for at in range(begin, end, STEP):
                self.store.executemany(sql, (
                    self.values(table, names, n)
                    for n in range(at, min(at + STEP, end), step)))

    def run(self, say):
        store = self.store
        for pragma in ("journal_mode=off", "synchronous=off", "cache_size=-4000000",
                       "locking_mode=exclusive"):
            store.execute("pragma " + pragma).fetchall()
        indexes = store.execute(
            "select name, sql from sqlite_master where type = 'index' and sql not null "
            "and tbl_name in (%s)" % ", ".join("?" * len(TABLES)), TABLES).fetchall()
        store.execute("begin")
        for name, _ in indexes:
            store.execute('drop index "%s"' % name)
        cut = self.rows * 7 // 10
        self.insert_range(0, cut)
        say("indexes")
        for _, sql in indexes:
            store.execute(sql)
        self.insert_range(cut, self.rows)
        store.execute("update stock set reserved = held.n from (select item, "
                      "sum(quantity) as n from allocations group by item) held "
                      "where held.item = stock.ref")
        store.execute("commit")
        store.execute("pragma journal_mode=wal").fetchall()
        store.close()


def fill(path, rows, say):
    Filler(path, rows).run(say)
    for leftover in ("-wal", "-shm"):
        if os.path.exists(path + leftover) and os.path.getsize(path + leftover) == 0:
            os.unlink(path + leftover)
