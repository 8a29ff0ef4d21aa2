#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GET /orders/{id} passed on to one and the same service, which answers at once:
by Gantry, by HAProxy with jwt_verify, by @fastify/http-proxy and by
express-gateway, by turns in one run. Medians of the repeats, ratios, goals.

    GANTRY, GANTRY_PLUGINS, GANTRY_PRESETS   as for the system tests
    PROXIES   folder into which npm installs what is compared with

wrk, the proxy and the service behind it share the cores: read the ratios, not
the rates. Where all connections ask again at once, p50 is their number by the rate
and says the same as the rate does. At half and at 3/4 load connections rest so long
in between that this part of Gantry's rate comes about, whoever is asked. "breaker
open" is compared with a route of the same gateway that says 429 by itself, after the
same check of the token, and with an unknown path that gets its 404 without one. One
token is used again and again, so that Gantry's cache of tokens has it. Exit 0:
measured (goals reached or not); 1: errors.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]

import proxies              # noqa: E402

LOADS = {", half load": 0.5, ", 3/4 load": 0.75}


def say(text):
    print("# " + text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="one short repeat: does it work at all")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--seconds", type=float, default=3, metavar="S",
                        help="of each measurement (default: 3)")
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--only", metavar="NAME,...", help="measure these alone")
    parser.add_argument("--rows", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        given.repeats, given.seconds = 1, 1
    return given


class Cpu:
    """User and system seconds of a process until now."""

    def __init__(self, pid):
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        self.user, self.system = (int(t) / os.sysconf("SC_CLK_TCK") for t in fields[11:13])


class Target:
    """What is asked, and what its answer must be."""

    def __init__(self, name, server, path=proxies.PATH, status=200):
        self.name, self.server, self.path, self.status = name, server, path, status
        self.think, self.load = 0, ""      # ms; its key in LOADS
        self.runs, self.where = [], {}

    def median(self, what):
        return statistics.median(run[what] for run in self.runs)


class Bench:
    def __init__(self, given):
        self.given, self.broken = given, 0
        self.targets = {}

    def wrk(self, target, seconds):
        ran = subprocess.run(
            ["wrk", "-t1", "-c%d" % self.given.connections,
             "-d%ds" % max(1, round(seconds)), "--timeout", "5s",
             "-H", "Authorization: Bearer " + proxies.TOKEN,
             "-s", os.path.join(HERE, "proxy.lua"),
             "http://127.0.0.1:%d%s" % (target.server.port, target.path)],
            capture_output=True, text=True, timeout=60 + seconds,
            env=dict(os.environ, THINK="%.3f" % target.think))
        if ran.returncode != 0:
            raise SystemExit("wrk: " + ran.stderr)
        return json.loads(ran.stdout.strip().split("\n")[-1])

    def measure(self, target):
        before = Cpu(target.server.pid)
        got = self.wrk(target, self.given.seconds)
        after = Cpu(target.server.pid)
        n = max(got["requests"], 1)
        got["rate"] = got["requests"] / got["seconds"]
        got["user"] = (after.user - before.user) / n * 1e6
        got["system"] = (after.system - before.system) / n * 1e6
        got["cpu"] = got["user"] + got["system"]
        wrong = got["broken"] + (got["refused"] if target.status < 400 else
                                 got["requests"] - got["refused"])
        if wrong:
            say("ERRORS: %s: %s" % (target.name, got))
        self.broken += wrong
        target.runs.append(got)
        say("%s: %.0f/s, p50 %.2f ms" % (target.name, got["rate"], got["p50"]))

    def look(self, target):
        """Where the time goes, by perf, if there is one that may look."""
        if shutil.which("perf") is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "data")
            perf = subprocess.Popen(
                ["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-o", path, "-p",
                 str(target.server.pid)], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            self.wrk(target, 2)
            perf.send_signal(2)
            perf.wait(20)
            ran = subprocess.run(["perf", "report", "-i", path, "--sort", "dso", "--stdio",
                                  "-q"], capture_output=True, text=True)
        for share, name in re.findall(r"^\s*([0-9.]+)%\s+(\S+)", ran.stdout, re.M):
            target.where[name] = float(share)

    def servers(self):
        node = proxies.install(os.environ["PROXIES"])
        say(proxies.versions(node))
        upstream = proxies.Upstream().start()
        pool = max(16, self.given.connections)
        up = {"direct": upstream, "gantry": proxies.Gantry(upstream, pool),
              "haproxy": proxies.HAProxy("haproxy", upstream),
              "fastify": proxies.Node("fastify", upstream, node),
              "express-gateway": proxies.Node("gateway", upstream, node)}
        if self.given.only:
            up = {name: server for name, server in up.items()
                  if name in self.given.only.split(",") + ["direct"]}
        return up

    def run(self):
        up = self.servers()
        try:
            for name, server in up.items():
                if name != "direct":
                    server.start()
                self.targets[name] = Target(name, server)
            if "gantry" in up:
                self.add_open(up["gantry"])
            for target in self.targets.values():
                got = self.wrk(target, 1)   # warm
                if target.name == "gantry":
                    rate = got["requests"] / got["seconds"]
            if "gantry" in up:
                self.add_loads(up, rate)
            for _ in range(self.given.repeats):
                for target in self.targets.values():
                    self.measure(target)
            for name in up:
                self.look(self.targets[name])
        finally:
            for server in up.values():
                server.remove()

    def think(self, server, rate):
        """How long each connection rests, in ms, that Gantry has that rate."""
        trial = Target("trial", server)
        trial.think = self.given.connections / rate * 1000
        return max(trial.think - self.wrk(trial, 1)["p50"], 0.001)

    def add_loads(self, up, rate):
        for how, part in LOADS.items():
            think = self.think(up["gantry"], part * rate)
            for name in ("direct", "gantry", "haproxy"):
                if name in up:
                    target = self.targets[name + how] = Target(name + how, up[name])
                    target.think, target.load = think, how

    def add_open(self, server):
        for name, path, status in (("breaker open", "/away/x", 503),
                                   ("fixed: 429", "/never/x", 429),
                                   ("fixed: 404", "/nothing", 404)):
            got = server.ask(path)
            if got != status:
                raise SystemExit("%s: %d and not %d" % (path, got, status))
            self.targets[name] = Target(name, server, path, status)

    # --- what came of it ---

    def ratio(self, a, b):
        if a not in self.targets or b not in self.targets:
            return None
        # of neighbours in time: what else runs on the machine slows both
        return statistics.median(
            x["rate"] / y["rate"]
            for x, y in zip(self.targets[a].runs, self.targets[b].runs))

    def added(self, how):
        if "gantry" not in self.targets:
            return None
        return (self.targets["gantry" + how].median("p50") -
                self.targets["direct" + how].median("p50"))

    def goals(self):
        """(what, value, comparison, wanted, unit)."""
        yield "rate, HAProxy = 1", self.ratio("gantry", "haproxy"), ">=", 0.5, ""
        yield "rate, fastify = 1", self.ratio("gantry", "fastify"), ">=", 1.8, ""
        yield "rate, express-gateway = 1", self.ratio("gantry", "express-gateway"), ">=", 4, ""
        for how in ("", *LOADS):
            yield "p50 added" + (how or ", saturated"), self.added(how), "<", 1, " ms"
        yield "breaker open, fixed 429 = 1", self.ratio("breaker open", "fixed: 429"), ">=", 0.8, ""
        yield "breaker open, fixed 404 = 1", self.ratio("breaker open", "fixed: 404"), ">=", 0.8, ""

    def show(self):
        print("%-18s %9s %8s %8s %8s %8s %8s %8s" % (
            "at %d" % self.given.connections, "req/s", "p50 ms", "added", "p99 ms", "CPU us",
            "user", "system"))
        for t in self.targets.values():
            direct = self.targets["direct" + t.load].median("p50")
            print("%-18s %9.0f %8.2f %8.2f %8.2f %8.1f %8.1f %8.1f" % (
                t.name, t.median("rate"), t.median("p50"), t.median("p50") - direct,
                t.median("p99"), t.median("cpu"), t.median("user"), t.median("system")))
        print("CPU: of that process, for each request. Medians of %d.\n" % self.given.repeats)
        for t in self.targets.values():
            if t.where:
                print("%-18s %s" % (t.name, ", ".join(
                    "%s %.0f %%" % pair for pair in list(t.where.items())[:7])))
        print("\n%-30s %10s %10s" % ("goal", "measured", "wanted"))
        for what, value, how, wanted, unit in self.goals():
            if value is None:
                print("%-30s %10s %10s  not measured" % (what, "-", "%s %g" % (how, wanted)))
                continue
            reached = value >= wanted if how == ">=" else value < wanted
            print("%-30s %10s %10s  %s" % (
                what, "%.2f%s" % (value, unit), "%s %g" % (how, wanted),
                "reached" if reached else "NOT reached"))
        if self.broken:
            print("\n%d answers were wrong, or did not come." % self.broken)


def main():
    bench = Bench(arguments())
    bench.run()
    bench.show()
    return 1 if bench.broken else 0


if __name__ == "__main__":
    sys.exit(main())
