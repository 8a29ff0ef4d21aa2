#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The promise to plugins: what was built for a level of the interface runs on
every later one of its major.

level-N.abi is what the headers of level N say, written by libabigail, and
level-N-KIND.c a plugin of that day of each kind, with level-N-KIND.MACHINE.so built
from it. "abi.py record" writes them anew for the level of the headers; do that when
a level is released, and before only with NEWS telling what changed."""
import glob
import json
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
from gantry import PROGRAM, Client, Gantry, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
SDK = os.path.join(installed.SOURCE, "sdk")
CC = os.environ.get("CC", "cc").split()
KINDS = ("handler", "auth", "breaker", "storage")
KEEP = ["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs",
        "--type-id-style", "hash"]

# What may grow, at its end. Either we make it, and a plugin reads it or, as a permit,
# fills it in: one of an older level sees the part that it knows. Or a plugin or its
# test makes it, and what we take over ends where its size says (base/sized.h). Not
# what stands in arrays (value), in the file (note) or has no size (sink); nor
# testhost_answer and testhost_sender, which the test host writes whole into memory
# of a test that may be older.
MAY_GROW = ["gantry_" + name for name in (
    "allocation answer auth backlog breaker breaker_status change column command "
    "document enrolment event handler index item key key_set option outcome page "
    "permit plugin query range request return schema storage table token_key "
    "token_rules").split()] + ["testhost_message", "testhost_setup", "testhost_upstream"]


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


def built(folder, sdk=SDK):
    """A library in which the type of each function of the headers stands."""
    source, out = "all.c", os.path.join(folder, "all.so")
    with open(os.path.join(folder, source), "w") as f:
        f.write('#include <gantry/plugin.h>\n#include "testhost/testhost.h"\n')
        for name in offered():
            f.write("__typeof__(%s) *const of_%s = %s;\n" % (name, name, name))
        for name in ("plugin", "document", "note", "storage", "handler", "auth", "breaker"):
            f.write("const struct gantry_%s *of_struct_%s;\n" % (name, name))
    # its name stands in what is recorded; its folder need not
    subprocess.run(CC + ["-g", "-shared", "-fPIC", "-I", os.path.abspath(sdk), "-o", out,
                         source], check=True, cwd=folder)
    return out


def compared(then, now):
    """What stands against it: every change but the growth that is allowed. abidiff's
    own suppressions would let go what else has changed inside such a struct."""
    done = subprocess.run(["abidiff", "--leaf-changes-only", "--no-added-syms",
                           "--no-show-locs", then, now], text=True, capture_output=True)
    assert done.returncode & 3 == 0, done.stdout + done.stderr
    if done.returncode == 0:
        return []
    _, *changes = done.stdout.strip().split("\n\n")
    return [c for c in changes if not is_growth(c)] if changes else [done.stdout]


def is_growth(change):
    """Nothing but new members, and all of them behind the old end: in the padding
    before it, an older plugin has whatever was there."""
    whole = re.fullmatch(r"'struct (\w+)' changed:\n"
                         r"  type size changed from (\d+) to \d+ \(in bits\)\n"
                         r"  \d+ data member insertions?:\n"
                         r"((?:    '.*', at offset \d+ \(in bits\)\n?)+)", change.rstrip())
    return whole is not None and whole.group(1) in MAY_GROW and all(
        int(at) >= int(whole.group(2))
        for at in re.findall(r"at offset (\d+) \(in bits\)$", whole.group(3), re.M))


def levels(ending):
    return sorted(glob.glob(os.path.join(HERE, "level-*" + ending)))


def test_nothing_that_was_promised_has_changed(folder):
    assert levels(".abi")
    for then in levels(".abi"):
        found = compared(then, built(folder))
        assert not found, "%s\n%s" % (then, "\n".join(found))


def changed(folder, change):
    """What stands against headers whose texts went through change."""
    sdk = tempfile.mkdtemp(dir=folder)
    for header in headers():
        copy = os.path.join(sdk, os.path.relpath(header, SDK))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(copy, "w") as f:
            f.write(change(text_of(header)))
    return compared(levels(".abi")[-1], built(sdk, sdk))


def test_a_change_would_be_seen(folder):
    """A member in the middle, another type of an argument, another number."""
    for old, new in (("\tsize_t body_len;", "\tint64_t odd;\n\tsize_t body_len;"),
                     ("unsigned lane, void **unit_out", "long lane, void **unit_out"),
                     ("int64_t now_ms, enum gantry_breaker_order order",
                      "int32_t now_ms, enum gantry_breaker_order order"),
                     ("bool gantry_is_text(const char *text, size_t len",
                      "bool gantry_is_text(const char *text, int len"),
                     ("GANTRY_CALL_DROPPED = 2", "GANTRY_CALL_DROPPED = 3")):
        assert any(old in text_of(header) for header in headers()), old
        assert changed(folder, lambda text: text.replace(old, new)), new
        assert changed(folder, lambda text: grown(*MAY_GROW)(text.replace(old, new))), new


def headers():
    return sorted(glob.glob(os.path.join(SDK, "gantry", "*.h"))) + [
        os.path.join(SDK, "testhost", "testhost.h")]


STRUCT = r"^struct (%s) \{(\n(?:.*\n)*?)\};"


def structs():
    """Name and members of each struct that a plugin or its test can see into."""
    return [found for header in headers()
            for found in re.findall(STRUCT % r"\w+", text_of(header), re.M)]


def grown(*names, by="int64_t grown;"):
    return lambda text: re.sub(STRUCT % "|".join(names),
                               r"struct \1 {\2\t%s\n};" % by, text, flags=re.M)


def test_what_a_later_level_may_do(folder):
    """Grow what is listed, and that says its size first; add a word to an enum."""
    firsts = {name: members.split(";")[0].strip() for name, members in structs()}
    assert {firsts[name] for name in MAY_GROW} == {"size_t size"}, firsts
    assert not changed(folder, lambda text: grown(*MAY_GROW)(text.replace(
        "GANTRY_CALL_DROPPED = 2,", "GANTRY_CALL_DROPPED = 2,\n\tGANTRY_CALL_ODD,")))


def test_nothing_else_may_grow(folder):
    names = [name for name, _ in structs() if name not in MAY_GROW]
    assert "testhost_answer" in names and "gantry_value" in names, names
    for name in names:
        assert name in "".join(changed(folder, grown(name))), name
    for by in ("bool odd;", "bool odd; int64_t grown;"):    # odd fits into padding
        assert changed(folder, grown("gantry_event", by=by)), by


EVENT = {"eventId": "evt_1", "eventType": "A", "eventVersion": "1.0.0",
         "aggregateId": "a_1", "aggregateType": "T", "metadata": {},
         "timestamp": "2026-01-01T00:00:00Z", "payload": {"n": 7}}


def said(*command):
    done = subprocess.run([PROGRAM, *command], text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class World(Gantry):
    """A gateway on one plugin of each kind; what it calls is not there."""

    def __init__(self, level, folder):
        self.at = {kind: os.path.join(folder, "%s-%s.so" % (level, kind)) for kind in KINDS}
        super().__init__(name="levels")

    def configuration(self, extra, store=None):
        return """
service: levels
http: {listen: 127.0.0.1:%d}
admin: {listen: 127.0.0.1:%d, socket: %s/admin.sock}
storage: {plugin: %s}
auth:
  first: {plugin: %s, word: sesame, role: keeper}
breakers:
  calls: {plugin: %s, failures: 2}
upstreams:
  away: {url: "http://127.0.0.1:%d", breaker: calls, retries: 0}
handlers:
  kept: {plugin: %s, exchange: there}
  away: {plugin: proxy, upstream: away}
routes:
  - {http: "POST /kept", auth: first, roles: [keeper], pipeline: [kept.keep]}
  - {http: "GET /away", auth: first, roles: [keeper], pipeline: [away.pass]}
""" % (self.port, self.admin_port, self.folder, self.at["storage"], self.at["auth"],
            self.at["breaker"], free_port(), self.at["handler"])

    def metric(self, name):
        page = Client(self.admin_port).get("/metrics").body.decode()
        return re.findall(r"^%s (\S+)$" % re.escape(name), page, re.M)


def serves(level, folder):
    """Each of them does its part of what is asked."""
    with World(level, folder) as g:
        client = Client(g.port)
        word = {"X-Word": "sesame"}
        for headers in ({}, {"X-Word": "sesam"}):
            assert client.post("/kept", EVENT, headers=headers).status == 401
        assert client.post("/kept", EVENT, headers=word).status == 200
        codes = [client.get("/away", headers=word).code for _ in range(4)]
        assert codes == ["UPSTREAM_UNREACHABLE"] * 2 + ["CIRCUIT_OPEN"] * 2, codes
        found = g.metric("gantry_outbox_events")
        assert found == ["1"], found


def works(level, folder):
    """Those in the folder, in the program of today."""
    at = {kind: os.path.join(folder, "%s-%s.so" % (level, kind)) for kind in KINDS}
    event = os.path.join(folder, "event.json")
    with open(event, "w") as f:
        json.dump(EVENT, f)
    for kind, plugin in at.items():
        got = json.loads(said("plugins", "describe", plugin, "--json"))
        assert got["name"] == "%s-%s" % (level, kind) and got["kind"].startswith(kind), got
    assert "there" in said("run-handler", at["handler"], "keep", "--event", event,
                           "--set", "exchange=there", "--json")
    said("plugins", "test-storage", at["storage"], "--effort", "1")
    serves(level, folder)


def names():
    return [os.path.basename(then)[:-len(".abi")] for then in levels(".abi")]


def test_plugins_of_each_level_run(folder):
    """From source, with the headers of today and the level they asked for."""
    for level in names():
        place = tempfile.mkdtemp(dir=folder)
        for kind in KINDS:
            build("%s-%s" % (level, kind), os.path.join(place, "%s-%s.so" % (level, kind)))
        works(level, place)


def test_plugins_of_each_level_run_as_they_were_built(folder):
    """On the machine that they were built for."""
    machine = platform.machine()
    if machine != "x86_64" and not levels(".%s.so" % machine):
        raise tap.Skip("none was recorded on a %s" % machine)
    for level in names():
        place = tempfile.mkdtemp(dir=folder)
        for kind in KINDS:
            name = "%s-%s" % (level, kind)
            at = shutil.copy(os.path.join(HERE, "%s.%s.so" % (name, machine)),
                             os.path.join(place, name + ".so"))
            os.chmod(at, 0o644)
        works(level, place)


def build(name, out):
    """Of name.c and what belongs to it, name-*.c."""
    source = os.path.join(HERE, name)
    wanted = re.search(r"level-(\d+)", name).group(1)
    subprocess.run(CC + ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-pthread", "-shared", "-fPIC",
                         "-fvisibility=hidden", "-DGANTRY_LEVEL_WANTED=" + wanted, "-I", SDK,
                         "-o", out, source + ".c", *sorted(glob.glob(source + "-*.c")),
                         "-Wl,--as-needed", "-ljansson"], check=True)


def record():
    name = "level-%d" % level()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["abidw"] + KEEP + [built(folder)], check=True, text=True,
                              capture_output=True)
    with open(os.path.join(HERE, name + ".abi"), "w") as f:
        f.write(done.stdout)
    for kind in KINDS:
        binary = os.path.join(HERE, "%s-%s.%s.so" % (name, kind, platform.machine()))
        build("%s-%s" % (name, kind), binary)
        subprocess.run(["strip", binary], check=True)
    print("%s.abi, a plugin of each kind: written" % name)


if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        record()
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix="abi-") as place:
        sys.exit(tap.run_all(place))
