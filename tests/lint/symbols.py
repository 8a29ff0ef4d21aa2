#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plugin contract is one list: what the SDK declares, what gantry.syms
offers, and what the program really exports. A plugin exports its entry alone.

"symbols.py --write" makes gantry.syms of the SDK's headers; what a level adds is
then seen as a change of that file."""
import glob
import os
import re
import subprocess
import sys

import tree

ENTRY = "gantry_plugin_entry"
SYMS = "gateway/gantry.syms"
DECLARED = re.compile(r"\b(gantry_\w+)\(")


def declared():
    """Functions that a header of the SDK declares."""
    names = set()
    for path in tree.files("sdk", ending=".h"):
        code = re.sub(r"/\*.*?\*/", "", tree.text(path), flags=re.S)
        code = re.sub(r"^[ \t]*#(?:\\\n|.)*", "", code, flags=re.M)
        code = code.replace('extern "C" {', "")
        bodies = 1
        while bodies:
            code, bodies = re.subn(r"\{[^{}]*\}", "", code)
        names.update(DECLARED.findall(code))
    return names - {ENTRY}


def offered():
    return set(re.findall(r"^\s*(gantry_\w+);", tree.text(SYMS), re.M))


def generated():
    """gantry.syms as it should be."""
    return ("/* What plugins may call; a change here is a new level (NEWS). */\n{\n%s};\n" %
            "".join("\t%s;\n" % name for name in sorted(declared())))


def exported(path):
    ran = subprocess.run(["nm", "-D", "--defined-only", path], text=True,
                         capture_output=True, check=True)
    return {line.split()[-1] for line in ran.stdout.splitlines()}


def compare(found, a, name_of_a, b, name_of_b):
    for symbol in sorted(a - b):
        found.append("%s: in %s, but not in %s" % (symbol, name_of_a, name_of_b))
    for symbol in sorted(b - a):
        found.append("%s: in %s, but not in %s" % (symbol, name_of_b, name_of_a))


def test_syms_are_the_sdk(found):
    compare(found, declared(), "sdk/gantry", offered(), SYMS)
    if tree.text(SYMS) != generated():
        found.append("%s: is not what the headers give; run tests/lint/symbols.py --write, "
                     "and read the difference" % SYMS)


def test_the_program_exports_them(found):
    if tree.program() is None:
        raise tree.Skip("the program is not built")
    ours = {name for name in exported(tree.program()) if name.startswith("gantry_")}
    compare(found, offered(), SYMS, ours, "the program")


def test_a_plugin_exports_its_entry(found):
    built = glob.glob(os.path.join(tree.BUILD, "plugins/*/.libs/*.so"))
    if not built:
        raise tree.Skip("no plugin is built")
    for path in sorted(built):
        symbols = exported(path)
        if symbols != {ENTRY}:
            found.append("%s exports %s" % (os.path.relpath(path, tree.BUILD),
                                            ", ".join(sorted(symbols))))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        with open(os.path.join(tree.TOP, SYMS), "w") as f:
            f.write(generated())
        sys.exit(0)
    tree.main(dict(globals()))
