# SPDX-License-Identifier: Apache-2.0
"""The source tree as the lint tests see it, and how they say what is wrong.

A test is a function test_*(found): it appends a line for each fault. Run from
the build folder; "make check" sets srcdir, else the tree is where this file is.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.environ.get("srcdir") or os.path.join(HERE, "../.."))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.getcwd())
OURS = ("sdk", "gateway", "plugins", "tests", "etc", "scripts", "debian", "data")


def files(*folders, ending=""):
    """Paths from the top of the tree, sorted."""
    for folder in folders:
        for at, below, names in os.walk(os.path.join(TOP, folder)):
            below[:] = sorted(b for b in below
                              if b not in ("__pycache__", ".libs", ".deps"))
            for name in sorted(names):
                if name.endswith(ending) and not built(name):
                    yield os.path.relpath(os.path.join(at, name), TOP)


def built(name):
    return name.endswith((".o", ".lo", ".la", ".so", ".pyc", ".log", ".trs",
                          ".a"))


def text(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def c_files(*folders):
    for path in files(*(folders or ("sdk", "gateway", "plugins", "tests"))):
        if path.endswith((".c", ".h")):
            yield path


def folders(path):
    """The folders straight below path."""
    top = os.path.join(TOP, path)
    return sorted(n for n in os.listdir(top) if os.path.isdir(os.path.join(top, n)))


def program():
    """The built gantry, or None."""
    for path in (os.environ.get("GANTRY"), "gantry", "gateway/gantry"):
        path = path and os.path.join(BUILD, path)
        if path and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


class Skip(Exception):
    pass


def main(names):
    """Runs the tests among names, in their order, and says how it went (TAP)."""
    tests = [(n, f) for n, f in names.items() if n.startswith("test_")]
    failed = skipped = 0
    print("1..%d" % len(tests))
    for number, (name, test) in enumerate(tests, 1):
        found = []
        try:
            test(found)
        except Skip as why:
            print("ok %d - %s # SKIP %s" % (number, name, why))
            skipped += 1
            continue
        failed += bool(found)
        print("%sok %d - %s" % ("not " if found else "", number, name))
        for line in found:
            print("# " + line)
    sys.exit(1 if failed else 77 if skipped == len(tests) else 0)
