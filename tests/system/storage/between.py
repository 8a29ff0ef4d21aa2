#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry storage copy between SQLite and PostgreSQL, there and back again, and
what only a server can do to it: go away, have others at work, know roles."""
import os
import subprocess
import sys
import time

import _path
import postgres
import stores
import tap
from both import COUNT, HALF, PROGRESS, Copy, another, check, content, records
from gantry import PROGRAM, Gantry
from letters import created, put

# One of its own, as it is stopped.
os.environ.pop("GANTRY_POSTGRES", None)


def sqlite(g):
    return stores.Sqlite(g.folder, "beside-%d.db" % next(COUNT))


def storage(g, store, *words, **more):
    path = g.path("look-%d.yaml" % next(COUNT))
    options = store.options
    for name, value in more.items():
        options = options.replace("}", ", %s: %s}" % (name, value))
    with open(path, "w") as f:
        f.write("storage: %s\n" % options)
    return subprocess.run([PROGRAM, "storage", *words, "--config", path, *g.folders()],
                          capture_output=True, text=True, timeout=60)


def says(done, code, out, err):
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err), done


def some_of_all(g):
    """Rows in every table but the leases; the daemon is stopped then."""
    if g.process is None:
        g.start()
    item = g.item(1000, sku="\u00e4\u20ac\U0001f600 'x' \\ \" end")
    for _ in range(10):
        g.allocate(item, 3)
    made = g.allocate(item, 5)
    for step in ("confirm", "fulfill"):
        assert g.orders.put("/allocations/%s/%s" % (made["id"], step)).status == 200
    got = g.publish("OrderReturnInitiated", {"orderId": made["orderId"],
                                             "returnId": g.fresh("ret")})
    assert got.status < 300, got
    keyed, headers = g.request(item, 7), {"Idempotency-Key": g.fresh("key")}
    first = g.orders.post("/allocations", keyed, headers=headers)
    assert first.status == 201, first
    put(g, {"event": created(g)})
    assert g.stop() == 0
    return item, keyed, headers, first


def test_there_and_back(g):
    item, keyed, headers, first = some_of_all(g)
    with records(g.store, 3000):
        middle, end = stores.Postgres(), sqlite(g)
        there = Copy(g, g.store, middle).works()
        check(there, g.store, middle)
        back = Copy(g, middle, end).works()
        check(back, middle, end)
        assert there["tables"] == back["tables"]
        assert content(g.store) == content(end)
        filled = {t["table"] for t in there["tables"] if t["to"]["rows"] > 0}
        assert filled >= {"items", "orders", "stock", "allocations", "returns", "outbox",
                          "inbox", "idempotency", "records", "dead_letters"}, filled
    says(storage(g, middle, "verify"), 0, "ok: I1 to I6 hold\n", "")
    with Gantry(name="between", store=lambda folder: middle) as other:
        assert other.quantities(item) == (1000 - 5, 30 + 7)
        again = other.orders.post("/allocations", keyed, headers=headers)
        assert (again.status, again.json) == (201, first.json), again
        assert again.header("Idempotent-Replayed") == "true"
        other.allocate(item, 1)
        assert other.stop() == 0


def test_the_server_goes(g):
    """Away in the middle, and from a source as well as into a target."""
    some_of_all(g)
    with records(g.store, 50000):
        middle, end = stores.Postgres(), sqlite(g)
        for copy, side in ((Copy(g, g.store, middle), "to"),
                           (Copy(g, middle, end), "from")):
            if goes_away(copy, side):
                said = copy.works()
                assert said["resumed"]
                check(said, copy.source, copy.target)
            assert content(copy.source) == content(copy.target)
        middle.close()


def goes_away(copy, side):
    server = postgres.shared()
    process = copy.start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    count = "select count(*) as n from records"
    end = time.monotonic() + 30
    while not there(copy.target) or copy.target.rows(count)[0]["n"] < 1000:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.002)
    server.stop("immediate")
    time.sleep(1)
    server.start()
    said = PROGRESS.sub("", process.communicate(timeout=60)[1].decode())
    if side == "to" and process.returncode == 0:
        return False    # it waited for what became of a COMMIT, and went on
    assert process.returncode == 1, said
    lines = said.splitlines()
    assert lines[0].startswith("gantry: storage: %s: records: postgres " % side), said
    assert lines[1:] == ["The same command goes on where this one stopped."], said
    return True


def there(store):
    """Whether it has its tables."""
    if isinstance(store, stores.Sqlite) and not os.path.exists(store.place):
        return False
    return "records" in store.tables()


def test_somebody_changes_the_source(g):
    """What the server let happen meanwhile is seen in the end."""
    some_of_all(g)
    middle = stores.Postgres()
    Copy(g, g.store, middle).works()
    with records(middle, 50000):
        copy = Copy(g, middle, sqlite(g))
        process = copy.start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not there(copy.target):
            assert process.poll() is None
            time.sleep(0.002)
        middle.change(("update records set version = version + 1 where ref = 1000",))
        said = PROGRESS.sub("", process.communicate(timeout=60)[1].decode())
        assert (process.returncode, said) == (
            1, "gantry: storage: the two sides differ in records: the source was changed "
            "while it was copied, so a gateway is at work on it; take an empty storage "
            "and copy again\n"), said
        says(storage(g, copy.target, "verify"), 1, "", "gantry: storage: " + HALF)
    middle.close()


WAITING = "waiting whether gateway %s still is at work, at most 30 s\n"


def test_a_gateway_at_work(g):
    """It is refused when it renews its lease; one that has stopped is none."""
    some_of_all(g)
    middle = stores.Postgres()
    Copy(g, g.store, middle).works()
    with Gantry("replica: shop-2\n", "at-work", lambda folder: middle) as other:
        close, middle.close = middle.close, lambda: None
        copy = Copy(g, middle, sqlite(g))
        done = copy.run()
        assert (done.returncode, done.stdout, done.stderr) == (
            1, "", WAITING % "shop-2" + "gantry: storage: from: gateway shop-2 is at work "
            "on it: stop every gateway first\n"), done
        assert not os.path.exists(copy.target.place)
        assert other.stop() == 0
        done = copy.run()
        assert done.returncode == 0 and PROGRESS.sub("", done.stderr) == "", done
        assert content(middle) == content(copy.target)
    close()


def test_a_gateway_on_the_file(g):
    """SQLite has room for one: refused at once, on either side."""
    some_of_all(g)
    g.start()
    busy = "%s: in use by another gantry (pid %d): stop it first, or give this one a " \
        "file of its own\n" % (g.store.place, g.process.pid)
    Copy(g, g.store, sqlite(g)).fails("from: " + busy)
    with another(g.store) as source:
        assert storage(g, source, "migrate").returncode == 0
        Copy(g, source, g.store).fails("to: " + busy)
    assert g.stop() == 0
    Copy(g, g.store, g.store).fails("to: %s: is open in this process already: name "
                                    "another file\n" % g.store.place)


def test_a_gateway_that_died(g):
    """Its lease is waited for."""
    some_of_all(g)
    middle = stores.Postgres()
    Copy(g, g.store, middle).works()
    middle.change(("update leases set owner = 'shop-3', until = ? where name = 'replica:0'",
                   int(time.time() * 1000) + 8000))
    copy = Copy(g, middle, sqlite(g))
    began = time.monotonic()
    done = copy.run()
    assert done.returncode == 0 and PROGRESS.sub("", done.stderr) == WAITING % "shop-3", done
    assert time.monotonic() - began > 3
    assert content(middle) == content(copy.target)
    middle.close()


def test_text_that_is_no_utf8(g):
    """SQLite keeps it, PostgreSQL does not: refused with the table, nothing lost."""
    some_of_all(g)
    source, middle = sqlite(g), stores.Postgres()
    Copy(g, g.store, source).works()
    source.change(("update items set sku = cast(x'41ff42' as text)",))
    done = Copy(g, source, middle).run()
    lines = PROGRESS.sub("", done.stderr).splitlines()
    assert done.returncode == 1 and lines[0].startswith(
        "gantry: storage: to: items: "), done
    assert "UTF" in lines[0], lines
    says(storage(g, middle, "verify"), 1, "", "gantry: storage: " + HALF)
    middle.close()


def test_backup(g):
    some_of_all(g)
    middle = stores.Postgres()
    Copy(g, g.store, middle).works()
    says(storage(g, middle, "backup", g.path("backup")), 1, "",
         "gantry: storage: postgres writes no backups: gantry-postgres(7) says what to "
         "use instead\n")
    assert not os.path.exists(g.path("backup"))
    says(storage(g, g.store, "backup", g.path("backup")), 0,
         "backed up to %s\n" % g.path("backup"), "")
    # a backup is a store like any other
    copied = stores.Sqlite(g.folder, "backup")
    check(Copy(g, copied, sqlite(g)).works(), g.store)
    middle.close()


def test_migrate(g):
    """An older minor, and a role that may not bring it here; its owner may."""
    some_of_all(g)
    middle = stores.Postgres()
    Copy(g, g.store, middle).works()
    with middle.server.client(middle.name) as c:
        for sql in ("drop table gantry.dead_letters, gantry.audit",
                    "delete from gantry.inbox where state = 'dead'",
                    "alter table gantry.outbox drop column cause",
                    "update gantry.gantry_schema set minor = 0",
                    "drop role if exists shop_service", "create role shop_service login",
                    "grant usage on schema gantry to shop_service",
                    "grant select, insert, update, delete on all tables in schema gantry "
                    "to shop_service",
                    "alter default privileges for role gantry in schema gantry grant "
                    "select, insert, update, delete on tables to shop_service"):
            c.run(sql)
    service = Service(middle)
    minor = g.store.rows("select minor from gantry_schema")[0]["minor"]
    where = "postgres 127.0.0.1:%d/%s" % (middle.server.port, middle.name)
    says(storage(g, service, "verify"), 1, "",
         "gantry: storage: %s: holds schema 1.0, this gantry has 1.%d: start the gateway "
         "once, or run gantry storage migrate\n" % (where, minor))
    done = storage(g, service, "migrate")
    assert done.returncode == 1 and done.stderr.startswith(
        "gantry: storage: %s: " % where) and done.stderr.endswith(
        ": let the schema's owner run \"gantry storage migrate\", see "
        "gantry-postgres(7)\n"), done
    says(storage(g, middle, "migrate"), 0, "the storage has this version's schema\n", "")
    says(storage(g, service, "verify"), 0, "ok: I1 to I6 hold\n", "")
    # and what it made can be served from, and copied, by who owns nothing
    with Gantry(name="service", store=lambda folder: service) as other:
        other.allocate(other.item(5, id="inv_service"), orderId="ord_service")
        assert other.stop() == 0
    check(Copy(g, service, sqlite(g)).works(), middle)
    middle.close()
    with middle.server.client() as c:
        c.run("drop role shop_service")


class Service(stores.Postgres):
    """Another store's database, as another role."""

    def __init__(self, of):
        self.server, self.name, self.place = of.server, of.name, of.place
        self.conninfo = of.conninfo.replace("user=" + postgres.ROLE, "user=shop_service")

    def close(self):
        pass


def main():
    if postgres.missing():
        print("1..0 # SKIP " + postgres.missing())
        sys.exit(77)
    stores.KIND = "sqlite"
    tap.main()


if __name__ == "__main__":
    main()
