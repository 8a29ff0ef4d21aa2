#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL that tests start does what they take for granted: it keeps what
was committed over every way to end it, waits for its standby, stands still."""
import sys
import threading
import time

import _path    # noqa: F401
import postgres
from postgres import Postgres
from tap import run_all


def numbers(server, database):
    with server.client(database) as c:
        return [r["n"] for r in c.rows("select n from t order by n")]


def add(server, database, n):
    with server.client(database) as c:
        return c.run("insert into t values (%s)", n)


def database_of(server):
    conninfo = server.create_database()
    name = conninfo.partition("dbname=")[2].split()[0]
    with server.client(name, postgres.ROLE) as c:
        c.run("create schema mine")
        c.run("create table mine.t (n int)")
    with server.client(name) as c:
        c.run('alter database "%s" set search_path = mine' % name)
    return name


def test_commits_are_durable(p):
    with p.client() as c:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert c.rows("select current_setting(%s) as it", name) == \
                [{"it": "on"}], name


def test_keeps_what_was_committed(p):
    database = database_of(p)
    ends = [lambda: p.stop("smart"), lambda: p.stop("fast"),
            lambda: p.stop("immediate"), p.kill]
    for n, end in enumerate(ends):
        add(p, database, n)
        end()
        assert p.process is None
        p.start()
        assert numbers(p, database) == list(range(n + 1))
    p.drop_database(database)


def test_role_is_no_superuser(p):
    database = database_of(p)
    with p.client(database, postgres.ROLE) as c:
        assert c.rows("select usesuper as it from pg_user where usename = "
                      "current_user") == [{"it": False}]
    p.drop_database(database)


def test_frozen_answers_later(p):
    database = database_of(p)
    said = []
    p.freeze()
    try:
        thread = threading.Thread(target=lambda: said.append(add(p, database, 1)))
        thread.start()
        time.sleep(0.5)
        assert said == []
    finally:
        p.thaw()
    thread.join(10)
    assert said == [1]
    p.drop_database(database)


def test_backends_are_terminated(p):
    database = database_of(p)
    clients = [p.client(database) for _ in range(3)]
    assert p.terminate_backends(1, database) == 3
    for c in clients:
        try:
            c.rows("select 1 as it")
            raise AssertionError("it is still there")
        except postgres.psycopg2.OperationalError:
            pass
    assert p.terminate_backends(0, database) == 0
    p.drop_database(database)


def test_standby_has_what_was_committed(p):
    database = database_of(p)
    with p.standby() as s:
        add(p, database, 7)
        assert not s.writes()
        p.kill()
        s.promote()
        assert numbers(s, database) == [7]
        add(s, database, 8)
        assert numbers(s, database) == [7, 8]


if __name__ == "__main__":
    if postgres.missing():
        print("1..0 # SKIP " + postgres.missing())
        sys.exit(77)
    with Postgres() as server:
        sys.exit(run_all(server))
