#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files that are not as they should be: a start is refused, soon and in words
that help; a running daemon answers 503 and says so at /readyz."""
import os
import random
import shutil
import sqlite3

import fault
import gantry
from fault import Crowd, is_unavailable


def made(g, stop=True):
    """A store with something in it; the item."""
    g.configure()
    g.start()
    item = g.item(10**6)
    for _ in range(20):
        g.allocate(item, 1)
    if stop:
        assert g.stop() == 0
    return item


def change(g, *statements):
    store = sqlite3.connect(g.path("gantry.db"))
    for sql in statements:
        store.execute(sql)
    store.commit()
    store.close()


def overwrite(g, at, content):
    with open(g.path("gantry.db"), "r+b") as f:
        f.seek(at)
        f.write(content)


def expect(g, said, *parts):
    for part in parts:
        assert part in said, (part, said)
    assert g.path("gantry.db") in said, said


def test_another_file(g):
    g.configure()
    g.write("gantry.db", b"This is a letter, not a database.\n" * 200)
    expect(g, g.refused(), "storage: ", ": not an SQLite database")
    with open(g.path("gantry.db"), "rb") as f:
        assert f.read(16) == b"This is a letter"


def test_a_database_of_another(g):
    g.configure()
    change(g, "create table notes (text)", "pragma application_id = 7")
    expect(g, g.refused(), ": an SQLite database of another application "
           "(application_id 7, 1 tables and indexes)")


def test_head_overwritten(g):
    made(g)
    overwrite(g, 0, bytes(100))
    expect(g, g.refused(), ": not an SQLite database")


def test_schema_page_overwritten(g):
    made(g)
    overwrite(g, 100, bytes(random.Random(1).randbytes(3996)))
    expect(g, g.refused(), ": damaged (", "): put a backup in its place")


def test_cut_off(g):
    made(g)
    os.truncate(g.path("gantry.db"), 4096 * 3)
    expect(g, g.refused(), ": damaged (", "): put a backup in its place")


def test_damage_met_while_running(g):
    """Pages of the tables: no crash, no wrong answer, 503 for those."""
    made(g)
    size = os.path.getsize(g.path("gantry.db"))
    with open(g.path("gantry.db"), "rb") as f:
        head = f.read(4096 * 2)
    overwrite(g, len(head), random.Random(2).randbytes(size - len(head)))
    code = g.program("check").returncode
    assert code == 0, code
    try:
        g.start()
    except AssertionError:
        assert "damaged (" in open(g.path("log")).read()
        g.process = None
        return
    for got in (g.orders.post("/allocations", g.request("inv_1")),
                g.stock.get("/inventory-items/inv_1")):
        assert is_unavailable(got), got
    g.wait_until_ready(503)
    done = g.verify()
    assert done.returncode == 1 and "malformed" in done.stderr, done


def give_to_nobody(g):
    """Root may write to what is read-only."""
    if os.geteuid() != 0:
        return
    os.chmod(g.folder, 0o755)
    for name in os.listdir(g.folder):
        os.chown(g.path(name), 65534, 65534)
    os.chown(g.folder, 65534, 65534)


def test_read_only(g):
    made(g)
    give_to_nobody(g)
    os.chmod(g.path("gantry.db"), 0o440)
    expect(g, gantry.as_nobody(g.refused),
           ": must be readable and writable: Permission denied")


def test_folder_read_only(g):
    made(g)
    os.unlink(g.path("gantry.db.lock"))
    give_to_nobody(g)
    os.chmod(g.folder, 0o555)
    expect(g, gantry.as_nobody(g.refused),
           ".lock: cannot be created, and the folder must be writable: "
           "Permission denied")


def test_no_folder(g):
    g.configure()
    text = open(g.path("gantry.yaml")).read()
    g.write("gantry.yaml", text.replace("/gantry.db", "/no/gantry.db").encode())
    said = g.refused()
    assert "/no/gantry.db.lock: cannot be created" in said, said


def test_other_major(g):
    made(g)
    major = g.rows("select major from gantry_schema")[0]["major"]
    change(g, "update gantry_schema set major = major + 1")
    expect(g, g.refused(), ": holds schema %d." % (major + 1),
           ", this gantry works on %d.x: install the newer gantry" % major)
    change(g, "update gantry_schema set major = 0")
    expect(g, g.refused(), ": holds schema 0.",
           'run \\"gantry storage migrate\\" with every gantry stopped')
    change(g, "update gantry_schema set major = %d" % major)
    g.start()
    g.check_in_order()


def test_newer_minor_is_used_as_it_is(g):
    made(g)
    change(g, "update gantry_schema set minor = minor + 1",
           "alter table items add column colour text")
    g.start()
    g.allocate(g.item(10))
    assert g.rows("select minor from gantry_schema")[0]["minor"] > 0
    g.check_invariants()


def test_second_daemon(g):
    item = made(g, stop=False)
    expect(g, g.refused(), ": in use by another gantry (pid %d)" % g.process.pid)
    g.allocate(item)
    g.check_in_order()
    assert g.stop() == 0
    g.start()


def unavailable_while(g, item, crowd):
    crowd.wait_for(503, 10)
    assert is_unavailable(g.orders.post("/allocations", g.request(item)))
    assert g.ready().status == 503


def test_removed_while_running(g):
    """Nothing is acknowledged into a file that has no name any more."""
    item = made(g, stop=False)
    with Crowd(g, 8, item) as crowd:
        crowd.wait_for(201, 8)
        os.rename(g.path("gantry.db"), g.path("elsewhere"))
        unavailable_while(g, item, crowd)
        assert "gantry.db: No such file or directory" in open(g.path("log")).read()
        os.rename(g.path("elsewhere"), g.path("gantry.db"))
        g.wait_until_ready()
        crowd.wait_for(201, 8)
    g.restart()
    assert not fault.lost(g, crowd.acknowledged)
    g.check_in_order()


def test_replaced_while_running(g):
    item = made(g)
    shutil.copy(g.path("gantry.db"), g.path("backup"))
    g.start()
    with Crowd(g, 8, item) as crowd:
        crowd.wait_for(201, 8)
        # in one step: the daemon may look at any moment
        os.link(g.path("gantry.db"), g.path("right"))
        os.rename(g.path("backup"), g.path("gantry.db"))
        unavailable_while(g, item, crowd)
        assert ("gantry.db: another file stands in its place now: restart with "
                "the right one" in open(g.path("log")).read())
        os.rename(g.path("right"), g.path("gantry.db"))
        g.wait_until_ready()
        crowd.wait_for(201, 8)
    g.restart()
    assert not fault.lost(g, crowd.acknowledged)
    g.check_in_order()


def test_log_removed_while_running(g):
    """The log holds what was acknowledged last."""
    item = made(g, stop=False)
    with Crowd(g, 8, item) as crowd:
        crowd.wait_for(201, 8)
        os.rename(g.path("gantry.db-wal"), g.path("elsewhere"))
        unavailable_while(g, item, crowd)
        assert "gantry.db-wal: No such file" in open(g.path("log")).read()
        os.rename(g.path("elsewhere"), g.path("gantry.db-wal"))
        g.wait_until_ready()
        crowd.wait_for(201, 8)
    g.restart()
    assert not fault.lost(g, crowd.acknowledged)
    g.check_in_order()


def test_log_gone_for_good(g):
    """A stop in good order saves what the log held."""
    item = made(g, stop=False)
    with Crowd(g, 8, item) as crowd:
        crowd.wait_for(201, 8)
        os.unlink(g.path("gantry.db-wal"))
        unavailable_while(g, item, crowd)
    assert g.stop() == 0
    g.start()
    assert not fault.lost(g, crowd.acknowledged)
    g.check_in_order()


if __name__ == "__main__":
    fault.main()
