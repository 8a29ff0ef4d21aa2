#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry plugins test-storage as one sees it: the report, what it refuses, and
that it leaves a gateway's store alone."""
import json
import os
import re
import subprocess

import _path
import tap
from gantry import PROGRAM

SECONDS = 60


def run(g, *words):
    folder = os.environ.get("GANTRY_PLUGINS")
    return subprocess.run([PROGRAM, "plugins", "test-storage"] + list(words) +
                          (["--plugins", folder] if folder else []),
                          capture_output=True, text=True, timeout=2 * SECONDS,
                          cwd=g.path(""))


def says(done, code, out="", err=""):
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err), done


def test_usage(g):
    for words in ((), ("memory", "sqlite"), ("memory", "--what")):
        done = run(g, *words)
        assert done.returncode == 2 and done.stdout == "", done
        assert "usage: gantry plugins list " in done.stderr, done
    says(run(g, "memory", "--set", "path"), 2, "",
         "gantry: --set: must be NAME=VALUE: \"path\"\n")
    says(run(g, "memory", "--set", "path=a"), 2, "",
         "--set:2:1: storage.path: unknown key\n")
    says(run(g, "sqlite"), 2, "", "--set:1:1: storage.path: missing\n")
    says(run(g, "sqlite", "--set", "path=a.db", "--set", "readers=0"), 2, "",
         "--set:3:10: storage.readers: must be 1 to 64: \"0\"\n")
    says(run(g, "jwt"), 2, "", "gantry: jwt: is no storage\n")
    says(run(g, "memory", "--only", "raw:"), 2, "",
         "gantry: --only: no check begins with \"raw:\"\n")
    for words in (("--effort", "0"), ("--effort", "101"), ("--effort", "x")):
        says(run(g, "memory", *words), 2, "",
             "gantry: --effort: must be 1 to 100: \"%s\"\n" % words[1])
    done = run(g, "memori")
    assert done.returncode == 1 and "there is no plugin memori.so" in done.stderr, done


def test_the_usual_plugins_know_no_set(g):
    done = subprocess.run([PROGRAM, "plugins", "list", "--set", "a=b"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("usage: "), done


def test_memory_keeps_it(g):
    done = run(g, "memory")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == "", done
    assert "ok unit: rollback" in lines
    assert "skipped reopen: minor: the storage forgets all when it is closed" in lines
    assert re.fullmatch(r"memory \S+: keeps the contract: \d+ ok, 0 failed, \d+ skipped "
                        r"in \d+\.\d s", lines[-1]), lines[-1]


def test_sqlite_keeps_it(g):
    done = run(g, "sqlite", "--set", "path=kit.db", "--json")
    assert done.returncode == 0 and done.stderr == "", done
    tree = json.loads(done.stdout)
    assert tree["plugin"] == "sqlite" and tree["holds"] is True and tree["failed"] == 0
    assert tree["ms"] < SECONDS * 1000, tree["ms"]
    results = [c["result"] for c in tree["checks"]]
    assert (results.count("ok"), results.count("skipped")) == (tree["ok"], tree["skipped"])
    assert {"check": "open", "result": "ok"}.items() <= tree["checks"][1].items()
    assert os.path.exists(g.path("kit.db"))


def test_one_check_alone(g):
    done = run(g, "memory", "--only", "scan: m", "--seed", "7", "--effort", "1")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[:-1] == ["ok open", "ok scan: many pages"], done
    says(run(g, "memory", "--seed", "x"), 2, "",
         "gantry: --seed: must be 1 to 9223372036854775807: \"x\"\n")


def test_disturbed(g):
    """The check that is only there with a command, which it runs."""
    g.write("count", b"")
    done = run(g, "sqlite", "--set", "path=kit.db", "--only", "disturbed",
               "--disturb", "echo >>%s" % g.path("count"))
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[:-1] == ["ok open", "ok disturbed"], done
    with open(g.path("count")) as f:
        assert len(f.read()) >= 9
    done = run(g, "sqlite", "--set", "path=kit.db", "--only", "disturbed",
               "--disturb", "exit 3")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[1] == (
        "FAILED disturbed: the command that disturbs ended with status 3"), done


def test_what_cannot_be_opened(g):
    g.write("text", b"# not a database, and longer than the header of one would be\n" * 9)
    done = run(g, "sqlite", "--set", "path=text")
    assert done.returncode == 1 and done.stderr == "", done
    lines = done.stdout.splitlines()
    assert lines[0] == "skipped open: several at once: not even one can open it", lines
    assert lines[1] == ("FAILED open: prepare: BROKEN instead of STORED: %s: not an SQLite "
                        "database" % g.path("text")), lines
    assert re.fullmatch(r"sqlite \S+: does not keep the contract: 0 ok, 1 failed, 1 skipped "
                        r"in \d+\.\d s", lines[2]), lines


def test_a_gateways_store_is_left_alone(g):
    with open(g.path("gantry.yaml")) as f:
        entry = re.search(r"^storage: *\{(.*)\}", f.read(), re.M).group(1)
    pairs = dict(re.findall(r'(\w+): *("[^"]*"|[^,]*)', entry))
    plugin = pairs.pop("plugin").strip()
    sets = [w for k, v in pairs.items() for w in ("--set", "%s=%s" % (k, v.strip()))]
    item = g.item(5)
    says(run(g, plugin, *sets), 2, "", "gantry: %s: this store is a gateway's: give the "
         "test an empty one of its own\n" % plugin)
    assert g.stop() == 0
    says(run(g, plugin, *sets), 2, "", "gantry: %s: this store is a gateway's: give the "
         "test an empty one of its own\n" % plugin)
    g.start()
    assert g.quantities(item) == (5, 0)


if __name__ == "__main__":
    tap.main()
