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


def test_a_file_that_is_not_there(g):
    for command in ("check", "serve", "routes"):
        done = run(g, command, more=["--with", "/nowhere/8.yaml"])
        assert done.returncode == 2, done
        assert ("/nowhere/8.yaml: cannot read /nowhere/8.yaml: No such file or "
                "directory\n") in done.stdout + done.stderr, done


def test_its_number_is_given_back(g):
    assert g.stop() == 0
    (row,) = g.rows("select * from leases where name = 'replica:0'")
    assert row["until"] <= time.time() * 1000 + 1000, row
    g.start()
    rows = g.rows("select * from leases where name like 'replica:%'")
    assert [(r["name"], r["epoch"]) for r in rows] == [("replica:0", 2)], rows


def test_after_a_kill_there_is_another(g):
    """Who knows whether the first one is dead."""
    g.process.send_signal(signal.SIGKILL)
    g.process.wait()
    g.process = None
    g.start()
    rows = g.rows("select name, epoch from leases where name like 'replica:%' "
                  "order by name")
    assert [(r["name"], r["epoch"]) for r in rows] == [
        ("replica:0", 2), ("replica:1", 1)], rows
    with open(g.path("log")) as f:
        assert 'replica: another gateway is named \\"%s\\", or one was and ended less ' \
            'than 30 s ago without saying so' % NAME in f.read()


if __name__ == "__main__":
    tap.main(prepare=own)
