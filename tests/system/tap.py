# SPDX-License-Identifier: Apache-2.0
"""Runs the test_ functions of a file, in their order, and says how they went
(TAP). Each gets the daemon that the whole file shares."""
import inspect
import os
import shutil
import sys
import traceback

from gantry import Gantry, PROGRAM


def tests_of(module):
    found = [f for name, f in vars(module).items()
             if name.startswith("test_") and inspect.isfunction(f)]
    wanted = sys.argv[1:]
    return [f for f in found if not wanted or f.__name__ in wanted]


def show(error):
    lines = "".join(traceback.format_exception(error)).splitlines()
    for line in lines:
        print("# " + line)


def skip_all(reason):
    """Ends the file as skipped, if there is a reason."""
    if reason:
        print("1..0 # SKIP " + reason)
        sys.exit(77)


class Skip(Exception):
    """What a test raises when it cannot be done here, with the reason."""


def run_one(number, test, daemon):
    try:
        test(daemon)
    except Skip as reason:
        print("ok %d - %s # SKIP %s" % (number, test.__name__, reason), flush=True)
        return 0
    except Exception as error:
        print("not ok %d - %s" % (number, test.__name__))
        show(error)
        sys.stdout.flush()
        return 1
    print("ok %d - %s" % (number, test.__name__), flush=True)
    return 0


def run_all(fixture):
    """All of the file with that for each; the exit status."""
    tests = tests_of(sys.modules["__main__"])
    print("1..%d" % len(tests), flush=True)
    failed = [run_one(n, test, fixture) for n, test in enumerate(tests, 1)]
    return 1 if any(failed) else 0


def main(extra="", prepare=None):
    """extra: more configuration; prepare(daemon): before it starts."""
    module = sys.modules["__main__"]
    tests = tests_of(module)
    if shutil.which(PROGRAM) is None:
        print("1..0 # SKIP there is no program %s (set GANTRY)" % PROGRAM)
        sys.exit(77)
    print("1..%d" % (len(tests) + 1), flush=True)
    name = os.path.basename(module.__file__).replace(".py", "")
    failed = 0
    daemon = Gantry(extra, name)
    if prepare is not None:
        prepare(daemon)
    with daemon:
        for number, test in enumerate(tests, 1):
            failed += run_one(number, test, daemon)
        failed += run_one(len(tests) + 1, test_invariants_hold, daemon)
        if failed:
            daemon.show_log()
    sys.exit(1 if failed else 0)


def test_invariants_hold(daemon):
    """After all of a file's tests the store is in order, and stops well."""
    if daemon.process is None:
        daemon.start()
    daemon.check_invariants()
    assert daemon.stop() == 0
