#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""booted.py RELEASE...: the packages that "make check-packages" has built last, on a
systemd that runs as process 1 of a tree: those of debian/tests that are about units.

Needs root, mmdebstrap and cgroup2, and a machine that lets a container have a systemd;
as not all do, it is called by hand ("make check-booted").
"""
import glob
import os
import shutil
import sys
import time

import trees

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TESTS = ["booted", "smoke"]
NEEDS = "systemd systemd-sysv bash curl libseccomp2 python3"


def install(tree, release):
    """The service is not started yet: systemd does not run."""
    debs = glob.glob(os.path.join(trees.STATE, release, "debs", "gantry_*.deb"))
    if not debs:
        raise trees.Failed("no packages of %s: make check-packages first" % release)
    os.makedirs(tree.path("debs"))
    shutil.copy(debs[0], tree.path("debs"))
    os.makedirs(tree.path("src"))
    for name in ("debian", "README.md"):
        copy = shutil.copytree if name == "debian" else shutil.copy
        copy(os.path.join(TOP, name), tree.path("src/" + name))
    tree.run("chmod -R go+rX /debs /src && apt-get install -y -q %s /debs/%s" % (
        NEEDS, os.path.basename(debs[0])))


def main():
    releases = sys.argv[1:]
    trees.private_mounts()
    print("1..%d" % (len(TESTS) * len(releases)))
    number, failed = 0, 0
    for release in releases:
        tree = trees.Tree(release, "booted")
        try:
            install(tree, release)
            with tree.boot() as booted:
                for test in TESTS:
                    number += 1
                    failed += run(booted, "%d - %s: %s" % (number, release, test), test)
        except trees.Failed as why:
            failed += 1
            print("Bail out! %s" % why)
            break
        finally:
            tree.close()
    sys.exit(1 if failed else 0)


def run(booted, label, test):
    began = time.monotonic()
    try:
        booted.run("cd /src && debian/tests/%s 2>&1" % test, GANTRY_DEBS="/debs")
        word = "ok"
    except trees.Failed as why:
        word = "not ok"
        journal = booted.run("journalctl -q --no-pager -o cat -n 30 || true")
        for line in (str(why) + "\n" + journal).splitlines():
            print("# " + line)
    print("%s %s (%d s)" % (word, label, time.monotonic() - began), flush=True)
    return word != "ok"


if __name__ == "__main__":
    main()
