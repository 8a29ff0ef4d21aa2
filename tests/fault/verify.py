#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry storage verify sees what is broken by hand, names the invariant and
the row, and finds nothing in a store that is in use."""
import json
import sqlite3
import time

import fault
from fault import Crowd, TORTURE

RUNS = 20 * TORTURE


class Damaged:
    """A store with an item and an allocation in every status, to be broken."""

    def __init__(self, g):
        g.configure()
        g.start()
        self.g = g
        self.item = g.item(100)
        self.pending = g.allocate(self.item, 3)["id"]
        self.other = g.allocate(self.item, 2)["id"]
        self.confirmed = self.moved("confirm")
        self.cancelled = self.moved("cancel")
        self.fulfilled = self.moved("confirm", "fulfill")
        self.ref = g.rows("select ref from items where id = ?", self.item)[0]["ref"]
        assert g.stop() == 0
        g.check_in_order()

    def moved(self, *moves):
        id = self.g.allocate(self.item, 5)["id"]
        for move in moves:
            got = self.g.orders.put("/allocations/%s/%s" % (id, move))
            assert got.status == 200, got
        return id

    def event(self, id, type):
        return self.g.rows("select event_id from outbox where aggregate_id = ? "
                           "and type = ?", id, type)[0]["event_id"]

    def run(self, *statements):
        store = sqlite3.connect(self.g.path("gantry.db"))
        try:
            store.execute("pragma ignore_check_constraints = on")
            store.execute("pragma foreign_keys = off")
            for sql, *values in statements:
                assert store.execute(sql, values).rowcount != 0, sql
            store.commit()
        finally:
            store.close()

    def expect(self, *findings):
        """These findings and no other, as text and as JSON."""
        done = self.g.verify()
        assert done.returncode == 1, done
        lines = done.stdout.splitlines()
        assert sorted(lines) == sorted(
            list(findings) + ["%d findings" % len(findings)]), done
        done = self.g.program("storage", "verify", "--json")
        assert done.returncode == 1, done
        found = json.loads(done.stdout)
        assert found["ok"] is False
        assert sorted("%(invariant)s %(row)s: %(what)s" % f
                      for f in found["findings"]) == sorted(findings), found


def test_i1_reserved_is_off(g):
    d = Damaged(g)
    d.run(("update stock set reserved = reserved + 1 where ref = ?", d.ref))
    d.expect("I1 item with ref %d: 11 reserved, its open allocations sum up to 10"
             % d.ref)


def test_i1_a_quantity_is_off(g):
    d = Damaged(g)
    d.run(("update allocations set quantity = 1 where id = ?", d.pending))
    d.expect("I1 item with ref %d: 10 reserved, its open allocations sum up to 8"
             % d.ref)


def test_i2_more_reserved_than_there_is(g):
    d = Damaged(g)
    d.run(("update stock set available = 9 where ref = ?", d.ref))
    d.expect("I2 item with ref %d: reserved 10 of 9 available" % d.ref)


def test_i2_negative(g):
    d = Damaged(g)
    d.run(("update stock set reserved = -1 where ref = ?", d.ref))
    d.expect("I2 item with ref %d: reserved -1 of 95 available" % d.ref,
             "I1 item with ref %d: -1 reserved, its open allocations sum up to 10"
             % d.ref)


def make_plain(d, table, *columns):
    """The unique index of these columns is one that takes what is there twice."""
    for index in d.g.rows("select name from pragma_index_list(?) where "
                          "\"unique\" and origin = 'c'", table):
        found = d.g.rows("select name from pragma_index_info(?)", index["name"])
        if {c["name"] for c in found} == set(columns):
            d.run(('drop index "%s"' % index["name"],),
                  ('create index "%s" on "%s" (%s)' % (
                      index["name"], table, ", ".join(c["name"] for c in found)),))
            return
    raise AssertionError("no unique index on %s" % (columns,))


def copy_row(d, table, ref, **changes):
    """As a new row with the next ref."""
    columns = [c["name"] for c in d.g.rows("select name from pragma_table_info(?)",
                                           table)]
    values = {c: '"%s"' % c for c in columns}
    values["ref"] = "(select max(ref) + 1 from %s)" % table
    values.update({c: "'%s'" % v for c, v in changes.items()})
    d.run(("insert into %s select %s from %s where ref = ?" % (
        table, ", ".join(values[c] for c in columns), table), ref))


def test_i3_two_with_one_live_key(g):
    d = Damaged(g)
    row = g.rows("select ref, ord from allocations where id = ?", d.pending)[0]
    make_plain(d, "allocations", "ord", "order_item_id", "item", "live")
    copy_row(d, "allocations", row["ref"], id="alloc_twin")
    order = g.rows("select id from orders where ref = ?", row["ord"])[0]["id"]
    d.expect(
        "I3 allocation %s: has the live key of alloc_twin too" % d.pending,
        "I3 order %s: counts 1 live allocations, has 2" % order,
        "I1 item with ref %d: 10 reserved, its open allocations sum up to 13" % d.ref,
        "I4 allocations alloc_twin: a change of its status has no event")


def test_i3_a_key_twice(g):
    d = Damaged(g)
    g.start()
    got = g.orders.post("/allocations", g.request(d.item),
                        headers={"Idempotency-Key": "key-1"})
    assert got.status == 201, got
    assert g.stop() == 0
    row, = g.rows("select ref, key from idempotency")
    assert row["key"].endswith("key-1"), row
    make_plain(d, "idempotency", "key")
    copy_row(d, "idempotency", row["ref"])
    d.expect("I3 idempotency %s: this key has two answers" % row["key"])


def test_index_gone(g):
    """Not to be verified at all, and it says why."""
    d = Damaged(g)
    d.run(("drop index allocations_live",))
    done = g.verify()
    assert done.returncode == 1, done
    assert done.stderr == ("gantry: storage: %s: no such index: allocations_live\n"
                           % g.path("gantry.db")), done


def test_i3_not_live_and_not_cancelled(g):
    d = Damaged(g)
    d.run(("update allocations set live = null where id = ?", d.pending))
    d.expect("I3 allocation %s: has no live key and is not CANCELLED" % d.pending)


def test_i4_event_deleted(g):
    d = Damaged(g)
    for id, type in ((d.pending, "AllocationCreated"),
                     (d.confirmed, "AllocationConfirmed"),
                     (d.cancelled, "AllocationCancelled"),
                     (d.fulfilled, "AllocationFulfilled")):
        d.run(("create temp table kept as select * from outbox where "
               "event_id = ?", d.event(id, type)),
              ("delete from outbox where event_id in (select event_id from kept)",))
        d.expect(*["I4 allocations %s: a change of its status has no event" % i
                   for i in missing(d)])


def missing(d):
    """The allocations whose events are not all there, by our own count."""
    wanted = {"PENDING": 1, "CONFIRMED": 2, "CANCELLED": 2, "FULFILLED": 3}
    return [r["id"] for r in d.g.rows(
        "select a.id, a.status, count(o.ref) as n from allocations a left join "
        "outbox o on o.aggregate_id = a.id group by a.id")
        if r["n"] < wanted[r["status"]]]


def test_i4_event_doubled(g):
    d = Damaged(g)
    event = d.event(d.pending, "AllocationCreated")
    ref = g.rows("select ref from outbox where event_id = ?", event)[0]["ref"]
    copy_row(d, "outbox", ref, event_id="evt-twin")
    d.expect("I4 outbox evt-twin: a second event of this type for its allocation")


def test_i4_event_id_twice(g):
    d = Damaged(g)
    event = d.event(d.pending, "AllocationCreated")
    ref = g.rows("select ref from outbox where event_id = ?", event)[0]["ref"]
    try:
        make_plain(d, "outbox", "event_id")
    except AssertionError:
        pass    # the outbox may do without
    copy_row(d, "outbox", ref, aggregate_id=d.other, type="AllocationConfirmed")
    d.expect("I4 outbox %s: two events have this eventId" % event,
             "I4 allocations %s: an event says what its status does not" % d.other)


def test_i4_status_changed(g):
    d = Damaged(g)
    d.run(("update allocations set status = 'FULFILLED', due_at = null "
           "where id = ?", d.confirmed))
    d.expect("I4 allocations %s: a change of its status has no event" % d.confirmed,
             "I1 item with ref %d: 10 reserved, its open allocations sum up to 5"
             % d.ref)


def test_i4_status_taken_back(g):
    d = Damaged(g)
    d.run(("update allocations set status = 'PENDING', due_at = expires_at "
           "where id = ?", d.confirmed))
    d.expect("I4 allocations %s: an event says what its status does not"
             % d.confirmed)


def test_i4_event_for_no_allocation(g):
    d = Damaged(g)
    event = d.event(d.pending, "AllocationCreated")
    ref = g.rows("select ref from outbox where event_id = ?", event)[0]["ref"]
    copy_row(d, "outbox", ref, event_id="evt-orphan", aggregate_id="alloc_none")
    d.expect("I4 outbox evt-orphan: its allocation is not there")


def test_i4_allocation_deleted(g):
    d = Damaged(g)
    row = g.rows("select o.id from orders o join allocations a on a.ord = o.ref "
                 "where a.id = ?", d.pending)[0]
    event = d.event(d.pending, "AllocationCreated")
    d.run(("delete from allocations where id = ?", d.pending))
    d.expect("I4 outbox %s: its allocation is not there" % event,
             "I3 order %s: counts 1 live allocations, has 0" % row["id"],
             "I1 item with ref %d: 10 reserved, its open allocations sum up to 7"
             % d.ref)


def test_healthy_under_traffic(g):
    g.configure()
    g.start()
    items = [g.item(10**7) for _ in range(3)]
    slowest = 0
    with Crowd(g, 6, items[0]) as one, Crowd(g, 6, items[1]) as two:
        two.wait_for(201, 6)
        for n in range(RUNS):
            # others move what is there, too
            made = g.allocate(items[2], 1)["id"]
            move = ("cancel", "confirm")[n % 2]
            assert g.orders.put("/allocations/%s/%s" % (made, move)).status == 200
            before = one.sum_of(201)
            begin = time.monotonic()
            done = g.verify()
            slowest = max(slowest, time.monotonic() - begin)
            assert done.returncode == 0, done
            assert done.stdout == "ok: I1 to I6 hold\n", done
            assert one.sum_of(201) > before, "there was no traffic"
    print("# %d runs beside %d allocations, the slowest %.0f ms" % (
        RUNS, one.sum_of(201) + two.sum_of(201), 1000 * slowest))
    g.check_in_order()


def test_damage_seen_under_traffic(g):
    """One row of many, in a store that is in use."""
    d = Damaged(g)
    d.run(("update allocations set live = null where id = ?", d.pending))
    g.start()
    item = g.item(10**7)
    with Crowd(g, 8, item) as crowd:
        crowd.wait_for(201, 500)
        for _ in range(5):
            d.expect("I3 allocation %s: has no live key and is not CANCELLED"
                     % d.pending)


if __name__ == "__main__":
    fault.main()
