#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The form of the sources: first lines, lengths, white space, and nothing in
them that is true on one machine only."""
import os
import re

import tree

FILE_LINES = 600
TEST_LINES = 1000       # of a test, which is a list of cases
FUNCTION_LINES = 80
COLUMNS = 100
TAB = 8
SPDX = "SPDX-License-Identifier: Apache-2.0"
BINARY = (".csv", ".db", ".gz", ".xz", ".png")
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
# What a machine of one of us calls its folders.
MACHINE = re.compile(r"(?:^|[^\w.$)}/])/(?:home|root|work|Users|mnt|media)/\w")


def lines(path):
    return tree.text(path).split("\n")


def width(line):
    return len(line.expandtabs(TAB))


def all_text():
    for path in tree.files(*tree.OURS):
        if not path.endswith(BINARY) and not os.path.islink(os.path.join(tree.TOP, path)):
            yield path
    for name in ("README.md", "HACKING.md", "NEWS", "demo", "check", "configure.ac",
                 "Makefile.am"):
        if os.path.exists(os.path.join(tree.TOP, name)):
            yield name


def functions(path):
    """(line of the opening brace, lines inside), by braces in column 0."""
    start = None
    for number, line in enumerate(lines(path), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start - 1
            start = None


def test_sources_begin_with_licence_and_purpose(found):
    for path in tree.c_files():
        first = lines(path)[:4]
        if first[0] != "/* %s */" % SPDX:
            found.append("%s: the first line is not /* %s */" % (path, SPDX))
        elif not first[1].startswith("/*"):
            found.append("%s: no comment says what the file is for" % path)


def test_scripts_begin_with_licence(found):
    for path in all_text():
        if path.endswith((".py", ".sh", ".mk", ".lua")) or path in ("demo", "check"):
            if not any(SPDX in line for line in lines(path)[:3]):
                found.append("%s: no SPDX line" % path)


def test_files_are_short(found):
    for path in tree.c_files():
        n = len(lines(path)) - 1
        most = TEST_LINES if path.startswith("tests/") else FILE_LINES
        if n > most:
            found.append("%s: %d lines, %d at most" % (path, n, most))


def test_functions_are_short(found):
    for path in tree.c_files():
        for start, n in functions(path):
            if n > FUNCTION_LINES and not path.startswith("tests/"):
                found.append("%s:%d: a function of %d lines, %d at most" %
                             (path, start, n, FUNCTION_LINES))


def test_lines_are_short(found):
    for path in tree.c_files():
        for number, line in enumerate(lines(path), 1):
            # a message stays in one piece, so that grep finds it
            if width(TEXT.sub('""', line)) > COLUMNS:
                found.append("%s:%d: %d columns, %d at most" %
                             (path, number, width(line), COLUMNS))


def test_no_space_at_the_end(found):
    for path in all_text():
        content = tree.text(path)
        if content and not content.endswith("\n"):
            found.append("%s: no newline at the end" % path)
        for number, line in enumerate(content.split("\n"), 1):
            if line != line.rstrip():
                found.append("%s:%d: white space at the end" % (path, number))


def test_no_path_of_one_machine(found):
    for path in all_text():
        for number, line in enumerate(lines(path), 1):
            if MACHINE.search(line):
                found.append("%s:%d: %s" % (path, number, line.strip()))


if __name__ == "__main__":
    tree.main(dict(globals()))
