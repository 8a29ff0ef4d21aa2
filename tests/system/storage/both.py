# SPDX-License-Identifier: Apache-2.0
"""What the tests of gantry storage copy share: two stores, the command between
them, and both sides seen by other means than Gantry's."""
import contextlib
import hashlib
import itertools
import json
import re
import struct
import subprocess

import stores
from gantry import PROGRAM

# In the order in which they are copied.
TABLES = ("items", "orders", "stock", "allocations", "returns", "outbox", "inbox",
          "idempotency", "records", "leases", "dead_letters", "audit")
MARK = "storage-copy"
HALF = ("a copy into it has begun and not ended: run \"gantry storage copy\" again, "
        "which goes on where it stopped, or take another storage\n")
PROGRESS = re.compile(r"^[a-z ]+ \w+: \d+ (of \d+ )?rows( \(\d+ %\))?\n", re.M)
COUNT = itertools.count(1)


class Copy:
    """The command with its two configurations, in the folder of a daemon g."""

    def __init__(self, g, source, target):
        self.g, self.source, self.target = g, source, target
        self.words = []
        for side, store in (("from", source), ("to", target)):
            path = g.path("%s-%d.yaml" % (side, next(COUNT)))
            with open(path, "w") as f:
                f.write("storage: %s\n" % store.options)
            self.words += ["--" + side, path]

    def command(self, *more):
        return [PROGRAM, "storage", "copy", *self.words, *more, *self.g.folders()]

    def run(self, *more):
        done = subprocess.run(self.command(*more), capture_output=True, text=True,
                              timeout=120)
        done.stderr = stores.without_warning(done.stderr)
        return done

    def start(self, *more, **popen):
        return subprocess.Popen(self.command(*more), **popen)

    def works(self, *more):
        done = self.run("--json", *more)
        assert done.returncode == 0, done
        said = json.loads(done.stdout)
        assert said["ok"], said
        return said

    def fails(self, text, *more):
        done = self.run(*more)
        said = PROGRESS.sub("", done.stderr)
        assert (done.returncode, said) == (1, "gantry: storage: " + text), done
        return done


@contextlib.contextmanager
def another(store):
    """An empty store beside this one, for a while."""
    if isinstance(store, stores.Sqlite):
        made = stores.Sqlite(store.folder, "copy-%d.db" % next(COUNT))
    else:
        made = store.another()
    try:
        yield made
    finally:
        made.close()


def content(store):
    """Every row of every table but the mark, by ref."""
    rows = {t: store.rows("select * from %s order by ref" % t) for t in TABLES}
    rows["leases"] = [r for r in rows["leases"] if r["name"] != MARK]
    return rows


def digest(rows):
    """The same as Gantry says, made by other means."""
    made = hashlib.sha256()
    for row in rows:
        for value in row.values():
            if value is None:
                made.update(b"\0")
            elif isinstance(value, int):
                made.update(b"\1" + struct.pack("<q", value))
            else:
                text = value.encode()
                made.update(b"\2" + struct.pack("<Q", len(text)) + text)
    return made.hexdigest()


def check(said, *stores):
    """What the command said is what is there, on each side."""
    for store in stores:
        rows = content(store)
        for table in said["tables"]:
            of = rows[table["table"]]
            wanted = {"rows": len(of), "sha256": digest(of)}
            assert table["from"] == wanted and table["to"] == wanted, (table, wanted)
        assert said["rows"] == sum(map(len, rows.values()))
    assert not stores or said["rows"] > 0


@contextlib.contextmanager
def records(store, n):
    """So many records in a store for a while, behind Gantry's back."""
    store.change((
        "insert into records (ref, version, key, value, updated_at, last_event) "
        "with recursive n(i) as (select 1000 union all select i + 1 from n where i < ?) "
        "select i, 1, 'test' || i, '{\"n\": ' || i || ', \"text\": \"\u20ac\u20ac\"}', "
        "1700000000000, cast(null as bigint) from n", 999 + n))
    try:
        yield
    finally:
        store.change(("delete from records where key like 'test%'",))
