# SPDX-License-Identifier: Apache-2.0
"""Goods, and millions of allocations, straight into the tables that a gateway has
made on PostgreSQL: random order ids, every other order with a kept answer. Seven
tenths go in before the indexes exist and the rest after, so that their pages are
filled as in a store that grew, not packed."""
import time

from postgres import Client

SCHEMA = "gantry"
# The gateway mints refs from the time: these lie before all of them.
FIRST_REF = 1_000_000_000
TABLES = ("orders", "allocations", "idempotency")

ROWS = {
    "orders":
        "insert into orders (ref, version, id, state, live, created_at, updated_at) "
        "select {first} + n, 1, 'ord_' || substr(md5(n::text) || md5(random()::text), "
        "1, 26), 'OPEN', 1, {now}, {now} from generate_series({a}, {b}) n",
    "allocations":
        "insert into allocations (ref, version, id, ord, order_item_id, live, item, "
        "quantity, status, expires_at, created_at, updated_at) "
        "select {first} + n, 1, 'alloc_' || lpad(n::text, 26, '0'), {first} + n, "
        "'item_1', 1, (select min(ref) from items) + n % {goods}, 1, 'CONFIRMED', "
        "{now}, {now}, {now} from generate_series({a}, {b}) n",
    "idempotency":
        "insert into idempotency (ref, version, key, fingerprint, status, answer, "
        "created_at) select {first} + n, 1, 'fill/' || md5(random()::text), "
        "md5(n::text) || md5(n::text), 201, repeat('x', 350), {now} "
        "from generate_series({a}, {b}, 2) n",
}


class Filler:
    def __init__(self, conninfo):
        self.store = Client(conninfo, SCHEMA)
        self.run = self.store.run
        self.run("set maintenance_work_mem = '512MB'")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.store.close()

    def items(self, n, pieces):
        self.run("insert into items (ref, version, id, sku, product_id, warehouse_id, "
                 "created_at) select n + 1, 1, 'inv_' || n, 'SKU-' || n, "
                 "'prod_' || n, 'wh_0', 1 from generate_series(0, %s) n", n - 1)
        self.run("insert into stock (ref, version, available, reserved, updated_at) "
                 "select ref, 1, %s, 0, 1 from items", pieces)

    def insert(self, first, last, goods):
        now = int(time.time() * 1000)
        for table in TABLES:
            self.run(ROWS[table].format(first=FIRST_REF, a=first, b=last, now=now,
                                        goods=goods))

    def fill(self, rows, goods, say):
        indexes = self.store.rows(
            "select i.indexname as name, i.indexdef as sql from pg_indexes i where i.schemaname = "
            "'%s' and i.tablename in ('%s') and not exists (select 1 from "
            "pg_constraint c where c.conname = i.indexname and c.connamespace = "
            "'%s'::regnamespace)" % (SCHEMA, "', '".join(TABLES), SCHEMA))
        for index in indexes:
            self.run("drop index " + index["name"])
        self.insert(0, rows * 7 // 10 - 1, goods)
        say("indexes")
        for index in indexes:
            self.run(index["sql"])
        self.insert(rows * 7 // 10, rows - 1, goods)
        self.run("update stock set reserved = held.n from (select item, sum(quantity) "
                 "as n from allocations group by item) held where held.item = stock.ref")
        self.run("vacuum analyze %s" % ", ".join(TABLES))


def items(conninfo, n, pieces):
    """n goods, inv_0 and so on, with that many pieces each."""
    with Filler(conninfo) as filler:
        filler.items(n, pieces)


def fill(conninfo, rows, goods, say):
    """As many allocations, spread over the goods."""
    with Filler(conninfo) as filler:
        filler.fill(rows, goods, say)
