#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plugin that crashes, spins, leaks, writes where it may not, ends the process
or says what is nonsense (tests/crash/wild.c), over RabbitMQ: within the gateway it
takes it along, which a manager starts again; in a process of its own the gateway
goes on. Either way only the message itself is a dead letter, and every other one is
applied once.

    GANTRY_WILD   the plugin
    GANTRY_KINDS  which of its deeds (default: some; "all": make torture)
"""
import os
import resource
import select
import socket
import sys
import threading
import time

import _path  # noqa: F401
import tap
from rabbit import Lodging, missing, wait_for
from world import World

WILD = os.environ.get("GANTRY_WILD")
# A sanitizer maps terabytes: there memory has no bound that could be met.
BOUNDED = "ASAN_OPTIONS" not in os.environ
BY_MEMORY = ["leak"] if BOUNDED else []
ALL = ["crash", "abort", "exit", "scribble", "spin"] + BY_MEMORY
KINDS = os.environ.get("GANTRY_KINDS", " ".join(["crash", "spin", "scribble"] + BY_MEMORY)).split()
KINDS = ALL if KINDS == ["all"] else KINDS
# What the gateway survives in any case, and what it says of it.
SAID = {"nonsense": "wild.do gave verdict 77",
        "flood": "wild.do went on although what it staged does not fit"}
QUEUE = "wild.events"
GOOD = 40           # around each
WATCHDOG = 2.0


class Wild(World):
    def __init__(self, rabbit, isolated):
        self.sent = 0
        how = ", isolation: process, isolation_timeout: 2s, isolation_memory: 64M"
        super().__init__(rabbit, amqp=", retry: [100ms, 200ms]", name="wild", extra=(
            "handlers:\n  wild: {plugin: %s%s}\n"
            "routes:\n"
            "  - {amqp: {queue: %s, bind: {order.events: [\"wild.#\"]}}, pipeline: [wild.do]}\n"
            % (WILD, how if isolated else "", QUEUE)))

    def send(self, kinds):
        """Their ids, and the event of each that is not good."""
        bad = {}
        with self.client() as c:
            for kind in kinds:
                self.sent += 1
                id = "wild_%d" % self.sent
                c.publish("order.events", "wild.do", {
                    "eventId": id, "eventType": "Wild", "eventVersion": "1.0.0",
                    "aggregateId": "a", "aggregateType": "T", "metadata": {},
                    "timestamp": "2026-01-01T00:00:00Z", "do": kind}, window=200)
                if kind != "good":
                    bad[id] = kind
            c.settle()
        return bad

    def wait_until_bound(self, queue=QUEUE):
        super().wait_until_bound(queue)

    def letters(self):
        return {row["event_id"]: row for row in self.g.rows(
            "select event_id, cause, text, attempts from dead_letters")}

    def count(self):
        """What the handler has kept: one more for each good event."""
        rows = self.g.rows("select value from records where key like '%count'")
        return int(rows[0]["value"]) if rows else 0


class Manager(threading.Thread):
    """Starts the gateway again when it ends, and ends it when it says nothing for
    the time of its watchdog, as systemd does."""

    def __init__(self, w):
        super().__init__(daemon=True)
        self.g, self.stopping = w.g, threading.Event()
        self.ends = self.hangs = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(w.g.path("notify"))
        os.environ["NOTIFY_SOCKET"] = w.g.path("notify")
        os.environ["WATCHDOG_USEC"] = str(int(WATCHDOG * 1e6))

    def run(self):
        heard = time.monotonic()
        while not self.stopping.is_set():
            ready, _, _ = select.select([self.socket], [], [], 0.05)
            if ready:
                self.socket.recv(4096)
                heard = time.monotonic()
            if self.g.process is None or self.g.process.poll() is not None:
                self.ends += self.g.process is not None
                self.g.process = None
                try:
                    self.g.start()
                except AssertionError:
                    continue        # it ended at once: the event was there already
                heard = time.monotonic()
            elif time.monotonic() - heard > WATCHDOG + 1:
                self.hangs += 1
                self.g.process.kill()
                self.g.process.wait()

    def stop(self):
        self.stopping.set()
        self.join(30)
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
            del os.environ[name]


def limited():
    if BOUNDED:
        resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def deeds(some):
    kinds = ["good"] * GOOD
    for kind in some + list(SAID):
        kinds += [kind] + ["good"] * GOOD
    return kinds


def check(w, bad, good):
    letters = w.letters()
    assert set(letters) == set(bad), (letters, bad)
    wait_for("all that is good is applied", 60, lambda: w.count() >= good)
    assert w.count() == good, w.count()
    assert w.one("select count(*) from inbox") == good + len(bad)
    return letters


def test_within_the_gateway(_):
    with Lodging("within") as r, Wild(r, False) as w:
        w.g.stop()
        w.g.launch["preexec_fn"] = limited
        manager = Manager(w)
        manager.start()
        try:
            kinds = deeds(KINDS)
            bad = w.send(kinds)
            wait_for("each of the others is a dead letter", 240,
                     lambda: set(bad) <= set(w.letters()), 0.3)
            letters = check(w, bad, kinds.count("good"))
        finally:
            manager.stop()
        print("# ended %d times, hung %d times" % (manager.ends, manager.hangs))
        for id, kind in bad.items():
            if kind in SAID:
                assert letters[id]["text"].endswith(SAID[kind]), letters[id]
            else:
                assert letters[id]["cause"] == "CRASHED_CONSUMER", letters[id]
        assert manager.hangs >= ("spin" in KINDS)


def test_in_a_process_of_its_own(_):
    with Lodging("isolated") as r, Wild(r, True) as w:
        pid = w.g.process.pid
        # who dies five times in a minute is left dead for one: so one deed, or long
        kinds = deeds(KINDS if "GANTRY_KINDS" in os.environ else KINDS[:1])
        bad = w.send(kinds)
        wait_for("each of the others is a dead letter", 300,
                 lambda: set(bad) <= set(w.letters()), 0.3)
        letters = check(w, bad, kinds.count("good"))
        assert w.g.process.poll() is None and w.g.process.pid == pid
        for id, kind in bad.items():
            assert letters[id]["attempts"] == 3, letters[id]
            print("# %s: %s" % (kind, letters[id]["text"]))
            if kind in SAID:
                assert letters[id]["text"].endswith(SAID[kind]), letters[id]
            else:
                assert "wild.do: its process" in letters[id]["text"], letters[id]


if __name__ == "__main__":
    if not WILD:
        print("1..0 # SKIP GANTRY_WILD names no plugin")
        sys.exit(77)
    if missing():
        print("1..0 # SKIP %s" % missing())
        sys.exit(77)
    sys.exit(tap.run_all(None))
