#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints "passed failed skipped" of a build folder (its .trs and .log files) or
of one log. A test that says its cases (TAP or cmocka) counts by them, any other
as one. A program that failed without a case that failed counts as one failed.
"""
import os
import re
import sys

TAP = re.compile(r"^(not )?ok \d+\b(?:.*?(# SKIP))?", re.M)
CMOCKA = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] [^\s\d]", re.M)
RESULT = re.compile(r"^:test-result: (\w+)", re.M)
SUMMARY = re.compile(r"^# (PASS|FAIL|ERROR|SKIP|XPASS|XFAIL): +(\d+)", re.M)
KIND = {"PASS": 0, "XFAIL": 0, "FAIL": 1, "ERROR": 1, "XPASS": 1, "SKIP": 2}


def cases(text):
    """[passed, failed, skipped] among the cases that a log says."""
    counted = [0, 0, 0]
    for bad, skipped in TAP.findall(text):
        counted[1 if bad else 2 if skipped else 0] += 1
    # cmocka says failed ones again at the end, by number and without brackets
    seen = set()
    for match in CMOCKA.finditer(text):
        line = text[match.start():text.find("\n", match.start())]
        if line in seen:
            continue
        seen.add(line)
        counted[{"OK": 0, "FAILED": 1, "SKIPPED": 2}[match.group(1)]] += 1
    return counted


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def of_test(trs):
    """One test program."""
    result = RESULT.findall(read(trs))
    kind = max((KIND[r] for r in result), default=1) if result else 1
    if "FAIL" in result or "ERROR" in result:
        kind = 1
    log = trs[:-len(".trs")] + ".log"
    counted = cases(read(log)) if os.path.exists(log) else [0, 0, 0]
    if kind == 1 and counted[1] == 0:
        counted[1] += 1
    elif sum(counted) == 0:
        counted[kind] += 1
    return counted


def of_folder(folder):
    total = [0, 0, 0]
    for at, below, names in os.walk(folder):
        below[:] = [b for b in below if not b.startswith("gantry-")]
        for name in names:
            if name.endswith(".trs"):
                total = [a + b for a, b in zip(total, of_test(os.path.join(at, name)))]
    return total


def of_log(path):
    """What "make check" summed up in a log, and cases that stand in it as they are."""
    text = read(path)
    total = cases(text)
    for kind, n in SUMMARY.findall(text):
        total[KIND[kind]] += int(n)
    return total


def main():
    given = sys.argv[1]
    print(*(of_folder(given) if os.path.isdir(given) else of_log(given)))


if __name__ == "__main__":
    main()
