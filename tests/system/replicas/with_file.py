#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--with FILE: what one of several gateways on a host has for itself."""
import json
import os
import signal
import socket
import subprocess
import time

import _path    # noqa: F401
import tap
from gantry import Gantry, PROGRAM

NAME = socket.gethostname()[:126] + "-7"


def own(g):
    """The listeners, from gantry.yaml into a file of their own."""
    os.mkdir(g.path("replicas"))
    with open(g.path("gantry.yaml")) as f:
        lines = f.read().splitlines(True)
    mine = [n for n in lines if n.startswith(("http:", "admin:"))]
    assert len(mine) == 2, lines
    g.write("replicas/7.yaml", "".join(mine).encode())
    g.write("gantry.yaml", "".join(
        ["http: {listen: 127.0.0.1:1}\n" if n.startswith("http:") else
         "admin: {listen: 127.0.0.1:1, socket: /nowhere/admin.sock}\n"
         if n.startswith("admin:") else n for n in lines]).encode())
    folders = g.folders()
    g.folders = lambda: folders + ["--with", g.path("replicas/7.yaml")]


def run(g, *words, more=None):
    return subprocess.run(
        [PROGRAM] + list(words) + ["--config", g.path("gantry.yaml")] +
        (g.folders() if more is None else more), capture_output=True, text=True,
        timeout=60)


def test_it_serves_by_it(g):
    # it listens, or nobody would have come so far
    assert g.item(5)
    with open(g.path("log")) as f:
        log = f.read()
    assert 'as replica \\"%s\\" with number 0' % NAME in log, log
    (row,) = g.rows("select * from leases where name = 'replica:0'")
    assert row["owner"] == NAME, row
    assert abs(row["until"] - time.time() * 1000) < 35000, row


def test_check_says_what_it_replaced(g):
    done = run(g, "check", "--json")
    assert done.returncode == 0, done
    entries = {e["entry"]: e for e in json.loads(done.stdout)["entries"]}
    place = g.path("replicas/7.yaml")
    assert entries["http"]["place"] == place + ":1:1", entries["http"]
    assert entries["admin"]["place"] == place + ":2:1", entries["admin"]
    for name in ("http", "admin"):
        (before,) = entries[name]["replaced"]
        assert "gantry.yaml:" in str(before), before
    assert entries["storage"]["place"].startswith("gantry.yaml:"), entries["storage"]


def test_commands_reach_it(g):
    done = run(g, "dead-letters", "discard", "17", "--reason", "x")
    assert (done.returncode, done.stderr) == (
        1, "gantry: dead letter 17: There is no dead letter 17\n"), done
    done = run(g, "outbox", "list")
    assert done.returncode == 0, done


def test_who_asks_the_daemon_finds_its_socket(g):
    """Which is in that file; gantry.yaml names another gateway's."""
    presets = ["--presets", os.environ["GANTRY_PRESETS"]] \
        if "GANTRY_PRESETS" in os.environ else []
    for words in (("reload",), ("admin", "log-level"), ("breakers", "list"),
                  ("reconcile", "report")):
        done = run(g, *words, more=presets + ["--with", g.path("replicas/7.yaml")])
        assert (done.returncode, done.stderr) == (0, ""), done
        done = run(g, *words, more=presets)
        assert done.returncode == 1 and "/nowhere/admin.sock" in done.stderr, done


def test_a_file_that_is_not_there(g):
    for words in (("check",), ("serve",), ("routes",), ("breakers", "list"),
                  ("reconcile", "report")):
        done = run(g, *words, more=["--with", "/nowhere/8.yaml"])
        assert done.returncode == 2, done
        assert ("/nowhere/8.yaml: cannot read /nowhere/8.yaml: No such file or "
                "directory\n") in done.stdout + done.stderr, done


def test_copy_needs_none(g):
    """Who has a storage of its own has all of it in its file: entries are replaced
    whole, so that file says as much as both."""
    g.write("replicas/9.yaml", (
        "http: {listen: 127.0.0.1:1}\nadmin: {listen: 127.0.0.1:1, socket: 9.sock}\n"
        "storage: %s\n" % g.store.options).encode())
    g.write("to.yaml", ("storage: {plugin: sqlite, path: %s}\n" %
                        g.path("copied.db")).encode())
    assert g.stop() == 0
    folders = [w for w in g.folders() if w not in ("--with", g.path("replicas/7.yaml"))]
    done = subprocess.run([PROGRAM, "storage", "copy", "--from", g.path("replicas/9.yaml"),
                           "--to", g.path("to.yaml"), "--json"] + folders,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    said = json.loads(done.stdout)
    assert said["ok"] and said["rows"] > 0, said
    g.start()


def test_its_number_is_given_back(g):
    (before,) = g.rows("select epoch from leases where name = 'replica:0'")
    assert g.stop() == 0
    (row,) = g.rows("select * from leases where name = 'replica:0'")
    assert row["until"] <= time.time() * 1000 + 1000, row
    g.start()
    rows = g.rows("select * from leases where name like 'replica:%'")
    assert [(r["name"], r["epoch"]) for r in rows] == [
        ("replica:0", before["epoch"] + 1)], rows


def test_after_a_kill_there_is_another(g):
    """Who knows whether the first one is dead."""
    (before,) = g.rows("select epoch from leases where name = 'replica:0'")
    g.process.send_signal(signal.SIGKILL)
    g.process.wait()
    g.process = None
    g.start()
    rows = g.rows("select name, epoch from leases where name like 'replica:%' "
                  "order by name")
    assert [(r["name"], r["epoch"]) for r in rows] == [
        ("replica:0", before["epoch"]), ("replica:1", 1)], rows
    with open(g.path("log")) as f:
        assert 'replica: another gateway is named \\"%s\\", or one was and ended less ' \
            'than 30 s ago without saying so' % NAME in f.read()


if __name__ == "__main__":
    tap.main(prepare=own)
