#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What others notice of a handler that misbehaves in a process of its own: the
same GET at a fixed rate all the time, and by turns a second route is left alone or
sent what its handler dies of, again and again until it is left dead.

    GANTRY, GANTRY_PLUGINS, GANTRY_PRESETS, GANTRY_WILD   as for the system tests

Every other window is one of these, on an instance that has not died before, so that
none passes in quarantine. The first ratio is the median of p99 of each such window by p99
of the one before it, with the range in which 95 of 100 such medians lie: where the
machine's host takes a processor away for a while, that is in a few windows only. "all"
is the ratio of p99 of all samples. The goal is for both. "elsewhere" is a process that
the gateway knows nothing of and that takes as much memory as "leak" does, as often, and
"busy" one that computes as long as "spin" may: what is lost to them, the machine has
lost. Exit 0: measured (goal reached or not); 1: errors.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]

import servers              # noqa: E402

GOAL = 1.10
RATE = 500                  # of the one that is measured, a second
PAUSE = 0.05                # of the one that misbehaves, after one it survived
DEATHS = 5                  # of an instance, until it is left dead
# of what "excess" stages nothing fits; of "flood" 900 kB do
DEEDS = ["crash", "spin", "busy", "leak", "elsewhere", "scribble", "nonsense", "excess",
         "flood"]
ELSEWHERE = {
    "elsewhere": ["nice", "-n", "10", "dd", "if=/dev/zero", "of=/dev/null", "bs=64M",
                  "count=1", "status=none"],
    "busy": ["timeout", "0.4", "nice", "-n", "10", "sh", "-c", "while :; do :; done"]}
ENDS = (0, 124)             # 124: timeout(1) ended it, as it should
HANDLER = "  w%d: {plugin: %s, isolation: process, isolation_timeout: 400ms, " \
    "isolation_memory: 64M}\n"
ROUTE = '  - {http: "POST /w%d", auth: services, roles: [order-service], ' \
    'pipeline: [w%d.do]}\n'
PLAIN = '  - {http: "GET /plain", auth: services, roles: [order-service], ' \
    'pipeline: [plain.item_list]}\n'


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("deeds", nargs="*", metavar="DEED",
                        help="what is done (default: %s)" % " ".join(DEEDS))
    parser.add_argument("--windows", type=int, default=40, metavar="N",
                        help="of each kind (default: 40)")
    parser.add_argument("--seconds", type=float, default=1, metavar="S",
                        help="of each window (default: 1)")
    given = parser.parse_args()
    given.deeds = given.deeds or DEEDS
    return given


def configuration(windows):
    numbers = range(windows + 1)
    wild = os.environ["GANTRY_WILD"]
    return ("handlers:\n  plain: {plugin: allocations}\n" +
            "".join(HANDLER % (n, wild) for n in numbers) + "routes:\n" + PLAIN +
            "".join(ROUTE % (n, n) for n in numbers))


def at_once():
    """What a client waits for a processor of this machine is not the gateway's."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


class Steady:
    """A process of its own that asks at a fixed rate, and says when and how long."""

    def __init__(self, server):
        self.request = ("GET /plain HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s"
                        "\r\n\r\n" % server.token()).encode()
        self.port = server.port
        self.reader, writer = os.pipe()
        self.stopping, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(told)
            os.close(self.reader)
            status = 1
            try:
                with os.fdopen(writer, "w") as out:
                    json.dump(self.ask(), out)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        os.close(self.stopping)
        self.told = told

    def ask(self):
        at_once()
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        os.set_blocking(self.stopping, False)
        samples, due = [], time.monotonic()
        while not self.ended():
            due += 1 / RATE
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            began = time.monotonic()
            connection.sendall(self.request)
            got = connection.recv(65536)
            took = time.monotonic() - began
            if not got.startswith(b"HTTP/1.1 200 "):
                raise SystemExit("not 200: %r" % got)
            samples.append((began, took))
        return samples

    def ended(self):
        try:
            return os.read(self.stopping, 1) == b""
        except BlockingIOError:
            return False

    def stop(self):
        os.close(self.told)
        with os.fdopen(self.reader) as said:
            samples = json.loads(said.read() or "[]")
        if os.waitpid(self.pid, 0)[1] != 0:
            raise SystemExit("the one that asks did not come to its end")
        return samples


class Misbehaving(threading.Thread):
    """Sends the deed until the window ends; how often it was done. It asks with ready
    bytes: what a client computes is not the gateway's either, and may hold it up."""

    def __init__(self, server, number, deed):
        super().__init__(daemon=True)
        body = json.dumps({"do": deed})
        self.request = ("POST /w%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                        % (number, server.token(), len(body), body)).encode()
        self.connection = socket.create_connection(("127.0.0.1", server.port))
        self.stopping, self.done, self.refused = threading.Event(), 0, 0

    def ask(self):
        """The answer, whole: it is short, and its body is an object of one level."""
        self.connection.sendall(self.request)
        got = self.connection.recv(65536)
        while b"\r\n\r\n" not in got or not got.rstrip().endswith(b"}"):
            more = self.connection.recv(65536)
            if not more:
                raise SystemExit("cut off: %r" % got)
            got += more
        return got

    def run(self):
        while not self.stopping.is_set():
            got = self.ask()
            unavailable = got.startswith(b"HTTP/1.1 503 ")
            if unavailable and b"Retry-After" in got and b"died again" in got:
                self.refused += 1
                self.stopping.wait(10)
                continue
            self.done += 1
            if not unavailable:
                self.stopping.wait(PAUSE)

    def stop(self):
        self.stopping.set()
        self.join()
        self.connection.close()


class Elsewhere(threading.Thread):
    """Does what a handler does as often, in a process that is nobody's."""

    def __init__(self, deed):
        super().__init__(daemon=True)
        self.command, self.wrong = ELSEWHERE[deed], False
        self.stopping, self.done = threading.Event(), 0

    def run(self):
        while self.done < DEATHS and not self.stopping.is_set():
            self.wrong |= subprocess.run(self.command).returncode not in ENDS
            self.done += 1
            self.stopping.wait(PAUSE)

    def stop(self):
        self.stopping.set()
        self.join()
        if self.wrong:
            raise SystemExit("failed: %s" % " ".join(self.command))


def p99(took):
    return statistics.quantiles(took, n=100)[98]


def windows(server, deed, given):
    """(began, ended, misbehaving) of each: by turns, a quiet one first."""
    made, done = [], 0
    for n in range(2 * given.windows):
        bad = None if n % 2 == 0 else Elsewhere(deed) \
            if deed in ELSEWHERE else Misbehaving(server, n // 2, deed)
        began = time.monotonic()
        if bad:
            bad.start()
        time.sleep(given.seconds)
        made.append((began, time.monotonic(), bad is not None))
        if bad:
            bad.stop()
            done += bad.done
        time.sleep(0.1)
    return made, done


def measure(deed, given):
    server = servers.Gateway(configuration(given.windows))
    server.start()
    try:
        if server.made.stock.post("/inventory-items", {
                "id": "inv_1", "sku": "S", "productId": "p", "warehouseId": "w",
                "availableQuantity": 1}).status != 201:
            raise SystemExit("no item")
        steady = Steady(server)
        time.sleep(1)
        made, done = windows(server, deed, given)
        samples = steady.stop()
    finally:
        server.remove()
    return report(deed, made, samples, done)


def middle(ratios):
    """Their median, and the order statistics between which 95 % of medians are."""
    ratios, n = sorted(ratios), len(ratios)
    aside = round(0.98 * n ** 0.5)
    return (statistics.median(ratios), ratios[max(n // 2 - aside, 0)],
            ratios[min((n - 1) // 2 + aside, n - 1)])


def report(deed, made, samples, done):
    took = [[t for at, t in samples if a <= at < b] for a, b, _ in made]
    quiet, loud = took[::2], took[1::2]
    ratio, least, most = middle([p99(b) / p99(a) for a, b in zip(quiet, loud)])
    without, beside = sum(quiet, []), sum(loud, [])
    whole = p99(beside) / p99(without)
    verdict = "for comparison" if deed in ELSEWHERE else "goal < %.2f%s" % (
        GOAL, "" if max(ratio, whole) < GOAL else ": MISSED")
    print("%-9s p99 %.2f (%s), 95 %% of medians in %.2f to %.2f; all: %.3f ms without, "
          "%.3f ms beside %d of it: %.2f; medians %.2f, %d samples" %
          (deed, ratio, verdict, least, most, 1000 * p99(without), 1000 * p99(beside), done,
           whole,
           statistics.median(beside) / statistics.median(without), len(beside)), flush=True)


def main():
    given = arguments()
    for deed in given.deeds:
        measure(deed, given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
