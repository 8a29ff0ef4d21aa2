#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The promise to plugins: what was built for a level of the interface runs on
every later one of its major.

level-N.abi is what the headers of level N say, written by libabigail, and
level-N.c a plugin of that day, with level-N.MACHINE.so built from it. "abi.py
record" writes them anew for the level of the headers; do that when a level is
released, and before only with NEWS telling what changed."""
import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import _path  # noqa: F401
import installed
import tap

HERE = os.path.dirname(os.path.abspath(__file__))
SDK = os.path.join(installed.SOURCE, "sdk")
CC = os.environ.get("CC", "cc").split()
KEEP = ["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs",
        "--type-id-style", "hash"]


def text_of(path):
    with open(path) as f:
        return f.read()


def level():
    return int(re.search(r"#define GANTRY_LEVEL (\d+)",
                         text_of(os.path.join(SDK, "gantry", "abi.h"))).group(1))


def offered():
    """All that a plugin and its test may call."""
    syms = text_of(os.path.join(installed.SOURCE, "gateway", "gantry.syms"))
    host = text_of(os.path.join(SDK, "testhost", "testhost.h"))
    return sorted(set(re.findall(r"\bgantry_\w+", syms)) |
                  set(re.findall(r"\b(testhost_\w+)\(", host)))


def built(folder):
    """A library in which the type of each function of the headers stands."""
    source = os.path.join(folder, "all.c")
    with open(source, "w") as f:
        f.write('#include <gantry/plugin.h>\n#include "sdk/testhost/testhost.h"\n')
        for name in offered():
            f.write("__typeof__(%s) *const of_%s = %s;\n" % (name, name, name))
        for name in ("plugin", "document", "note", "storage", "handler", "auth", "breaker"):
            f.write("const struct gantry_%s *of_struct_%s;\n" % (name, name))
    out = os.path.join(folder, "all.so")
    subprocess.run(CC + ["-g", "-shared", "-fPIC", "-I", SDK, "-I", installed.SOURCE,
                         "-o", out, source], check=True)
    return out


def compared(then, now):
    return subprocess.run(
        ["abidiff", "--suppressions", os.path.join(HERE, "allowed.abignore"),
         "--no-added-syms", then, now], text=True, capture_output=True)


def levels(ending):
    return sorted(glob.glob(os.path.join(HERE, "level-*" + ending)))


def test_nothing_that_was_promised_has_changed(folder):
    assert levels(".abi")
    for then in levels(".abi"):
        done = compared(then, built(folder))
        assert done.returncode == 0, "%s\n%s" % (then, done.stdout + done.stderr)


def test_a_change_would_be_seen(folder):
    """A member in the middle of a struct is none that is allowed."""
    header = os.path.join(SDK, "gantry", "ask.h")
    moved = os.path.join(folder, "sdk", "gantry")
    shutil.copytree(SDK, os.path.join(folder, "sdk"))
    with open(os.path.join(moved, "ask.h"), "w") as f:
        f.write(text_of(header).replace("\tsize_t body_len;",
                                        "\tint64_t odd;\n\tsize_t body_len;"))
    out = os.path.join(folder, "moved.so")
    built(folder)
    subprocess.run(CC + ["-g", "-shared", "-fPIC", "-I", os.path.join(folder, "sdk"),
                         "-I", folder, "-o", out, os.path.join(folder, "all.c")],
                   check=True)
    done = compared(levels(".abi")[-1], out)
    assert done.returncode != 0 and "body_len" in done.stdout, done.stdout


def carried(plugin, folder):
    """What a handler of a plugin makes of an event, in the program of today."""
    event = os.path.join(folder, "event.json")
    with open(event, "w") as f:
        f.write('{"eventId": "evt_1", "eventType": "A", "eventVersion": "1.0.0", '
                '"aggregateId": "a_1", "aggregateType": "T", "metadata": {}, '
                '"timestamp": "2026-01-01T00:00:00Z", "payload": {"n": 7}}')
    done = subprocess.run([os.environ["GANTRY"], "run-handler", plugin, "keep", "--event",
                           event, "--set", "exchange=there", "--json"],
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_plugins_of_each_level_run(folder):
    """From source, with the headers of today and the level they asked for; and
    as they were built then, on the machine that they were built for."""
    for source in levels(".c"):
        name = os.path.splitext(os.path.basename(source))[0]
        at = os.path.join(folder, name + ".so")
        build(source, at)
        assert "there" in carried(at, folder)
    recorded = levels(".%s.so" % platform.machine())
    if platform.machine() == "x86_64":
        assert len(recorded) == len(levels(".c")), recorded
    for then in recorded:
        # as it was loaded then: under its own name
        at = os.path.join(folder, os.path.basename(then).split(".")[0] + ".so")
        shutil.copy(then, at)
        os.chmod(at, 0o644)
        assert "there" in carried(at, folder)


def build(source, out):
    wanted = re.search(r"level-(\d+)", source).group(1)
    subprocess.run(CC + ["-std=gnu11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden",
                         "-DGANTRY_LEVEL_WANTED=" + wanted, "-I", SDK, "-o", out, source,
                         "-ljansson"], check=True)


def record():
    name = os.path.join(HERE, "level-%d" % level())
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["abidw"] + KEEP + [built(folder)], check=True, text=True,
                              capture_output=True)
    with open(name + ".abi", "w") as f:
        f.write(done.stdout)
    binary = "%s.%s.so" % (name, platform.machine())
    build(name + ".c", binary)
    subprocess.run(["strip", binary], check=True)
    print("%s.abi, %s: written" % (name, binary))


if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        record()
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix="abi-") as place:
        sys.exit(tap.run_all(place))
