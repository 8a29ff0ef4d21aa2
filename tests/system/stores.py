# SPDX-License-Identifier: Apache-2.0
"""Where the daemon of a test keeps its tables, and how the test looks into them
by other means than Gantry's. GANTRY_STORAGE says which: sqlite (the default) or
postgres; nothing else about a test may depend on it.

    options         what follows "storage:" in gantry.yaml
    key             the one of them that says where the tables are
    place           how messages name it
    rows(sql, ...)  ? stands for a value, as in both; SQL that both understand
    change((sql, *values), ...)     in one transaction; the daemon is stopped
    tables()        their names
    outage(over, seconds, begun)    nobody can write until over is set, an Event,
                            or for so long; begun, another one, says from when on
    content()       all that is kept, as bytes
    another()       an empty one beside it
"""
import json
import os
import re
import sqlite3

KIND = os.environ.get("GANTRY_STORAGE", "sqlite")
# The server that the tests share (around.py) gives cause for it.
WARNING = re.compile(r'(\{"time"|\d{4}-[-\dT:.]+Z warning )[^\r\n]*the server has fsync off'
                     r"[^\r\n]*\r?\n")


def without_warning(log):
    return WARNING.sub("", log)


class Sqlite:
    # for a test that would not wait for an outage
    impatient = "busy_timeout: 200ms"
    key = "path"

    def __init__(self, folder, name="gantry.db"):
        self.folder = folder
        self.place = os.path.join(folder, name)

    @property
    def options(self):
        return "{plugin: sqlite, path: %s}" % self.place

    def close(self):
        pass    # it goes with the folder

    def another(self):
        return Sqlite(self.folder, "another.db")

    def rows(self, sql, *values):
        store = sqlite3.connect("file:%s?mode=ro" % self.place, uri=True,
                                timeout=10)
        try:
            store.row_factory = sqlite3.Row
            return [dict(row) for row in store.execute(sql, values)]
        finally:
            store.close()

    def change(self, *statements):
        store = sqlite3.connect(self.place)
        try:
            for sql, *values in statements:
                store.execute(sql, values)
            store.commit()
        finally:
            store.close()

    def tables(self):
        return [r["name"] for r in self.rows(
            "select name from sqlite_master where type = 'table' order by 1")]

    def content(self):
        found = b""
        for name in (self.place, self.place + "-wal"):
            if os.path.exists(name):
                with open(name, "rb") as f:
                    found += f.read()
        return found

    def outage(self, over, seconds, begun=None):
        """Somebody else writes, and does not end."""
        store = sqlite3.connect(self.place, timeout=20, isolation_level=None)
        store.execute("begin immediate")
        try:
            if begun:
                begun.set()
            over.wait(seconds)
        finally:
            store.execute("rollback")
            store.close()


class Postgres:
    """A database of its own on the server of this process, or on one that the
    test has. Looked at as the role that Gantry connects as, from another
    connection."""
    impatient = "connect_timeout: 2s"
    key = "conninfo"
    SCHEMA = "gantry"

    def __init__(self, server=None):
        import postgres
        self.server = server or postgres.shared()
        self.conninfo = self.server.create_database()
        self.name = re.search(r"dbname=(\S+)", self.conninfo).group(1)
        self.place = "postgres 127.0.0.1:%s/%s" % (
            re.search(r"port=(\S+)", self.conninfo).group(1), self.name)

    @property
    def options(self):
        return "{plugin: postgres, conninfo: %s}" % json.dumps(self.conninfo)

    def close(self):
        self.server.drop_database(self.name)

    def another(self):
        return Postgres(self.server)

    def client(self):
        import postgres
        return self.server.client(self.name, postgres.ROLE, schema=self.SCHEMA)

    @staticmethod
    def of_libpq(sql, values):
        return sql.replace("%", "%%").replace("?", "%s") if values else sql

    def rows(self, sql, *values):
        with self.client() as c:
            return c.rows(self.of_libpq(sql, values), *values)

    def change(self, *statements):
        with self.client() as c:
            c.run("begin")
            for sql, *values in statements:
                c.run(self.of_libpq(sql, values), *values)
            c.run("commit")

    def tables(self):
        return [r["name"] for r in self.rows(
            "select table_name as name from information_schema.tables "
            "where table_schema = ? order by 1", self.SCHEMA)]

    def content(self):
        return "\n".join(repr(row) for t in self.tables() for row in self.rows(
            'select * from "%s"' % t)).encode()

    def outage(self, over, seconds, begun=None):
        """It ends all connections and takes no new ones."""
        with self.server.client() as c:
            c.run('alter database "%s" allow_connections false' % self.name)
            try:
                self.server.terminate_backends(1, self.name)
                if begun:
                    begun.set()
                over.wait(seconds)
            finally:
                c.run('alter database "%s" allow_connections true' % self.name)


def make(folder):
    if KIND == "postgres":
        return Postgres()
    assert KIND == "sqlite", "GANTRY_STORAGE is sqlite or postgres, not " + KIND
    return Sqlite(folder)
