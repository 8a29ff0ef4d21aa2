#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Another configuration while the gateway runs: what takes effect, what stays, and
that nobody notices otherwise. What is refused: reload_refused.py.

    GANTRY_RELOADS  how many under load (default 100)
"""
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import _path  # noqa: F401
import contract
from gantry import PROGRAM, Client
from letters import local, tcp
from rabbit import make_tls
from reloading import Daemon, column, hup, main, reload, run, wait_for

RELOADS = int(os.environ.get("GANTRY_RELOADS", "100"))
GROWTH = 30 << 20       # bytes that RELOADS reloads may add, at most


# --- what it says ---

def test_nothing_new(g):
    got = run(g)
    assert (got.returncode, got.stderr) == (0, ""), got
    assert got.stdout == ("reloaded: 26 routes; 8 instances kept, 0 opened, "
                          "0 closed\n"), got
    assert reload(g) == {"routes": 26, "kept": 8, "opened": 0, "closed": 0,
                         "reloads": 2, "replacedPlugins": 0}
    got = run(g, "--json")
    assert got.returncode == 0 and '"reloads": 3' in got.stdout, got
    assert g.notes() == ["opened one 1 main"], g.notes()


def test_who_may(g):
    assert tcp(g, "POST", "/reload").status == 401
    for right in ("order-service", "gantry-admin:view", "gantry-admin:breakers"):
        got = tcp(g, "POST", "/reload", token=g.token(right))
        assert got.status == 403, got
    for right in ("gantry-admin", "gantry-admin:reload"):
        got = tcp(g, "POST", "/reload", token=g.token(right, sub="alice"))
        assert got.status == 200, got
    assert "reload: asked for by alice" in g.log()
    wait_for("it is in the audit", lambda: g.rows(
        "select 1 from audit where action = 'reload' and actor = 'alice' and "
        "result = 'done'") != [])
    assert tcp(g, "GET", "/reload", token=g.token("gantry-admin")).status == 405


# --- what takes effect, and what stays ---

def test_state_is_kept(g):
    calls = g.version()["calls"]
    reload(g)
    assert g.version() == {"version": 1, "text": "one", "calls": calls + 1}
    hup(g)
    assert g.version()["calls"] == calls + 2


def test_an_option_takes_effect(g):
    g.change(options="text: two")
    assert reload(g)["opened"] == 1
    assert g.version() == {"version": 1, "text": "two", "calls": 1}
    wait_for("the old one is closed", lambda: g.notes()[-1] == "closed one 1 main")
    assert g.notes()[-2:] == ["opened two 1 main", "closed one 1 main"], g.notes()


def test_a_message_ends_where_it_began(g):
    g.change(options="text: slow, nap: 1s")
    reload(g)
    said = []
    asking = [threading.Thread(target=lambda: said.append(g.version()))
              for _ in range(2)]
    for thread in asking:
        thread.start()
    wait_for("both are under way", lambda: b"gantry_messages_waiting 2"
             in Client(g.admin_port).get("/metrics").body)
    g.change(options="text: quick")
    begin = time.monotonic()
    reload(g)
    assert g.version()["text"] == "quick"
    assert not said and time.monotonic() - begin < 1, said
    assert "closed slow 1 main" not in g.notes()
    for thread in asking:
        thread.join()
    # one after the other still: a strand is a strand
    assert sorted(s["calls"] for s in said) == [1, 2], said
    assert {s["text"] for s in said} == {"slow"}, said
    wait_for("it is closed", lambda: "closed slow 1 main" in g.notes())


def test_routes_come_and_go(g):
    g.change(more="  - {http: \"GET /also\", auth: none, pipeline: [v.say]}\n")
    reload(g)
    client = Client(g.port)
    assert client.get("/also").status == 200
    g.change(more="")
    reload(g)
    got = client.get("/also")
    assert (got.status, got.code) == (404, "ROUTE_NOT_FOUND"), got
    client.close()


def test_breakers_keep_their_state(g):
    def breaker():
        return local(g, "GET", "/breakers").data[0]

    assert local(g, "POST", "/breakers/calls-to-orders/open").status == 200
    g.change(options="text: again")
    reload(g)
    assert (breaker()["state"], breaker()["held"]) == ("open", True), breaker()
    g.change(more="breakers: {calls-to-orders: {plugin: breaker, "
                  "failure_threshold: 4}}\n")
    assert reload(g)["opened"] == 1
    assert (breaker()["state"], breaker()["held"]) == ("closed", False), breaker()
    g.change(more="breakers: {calls-to-orders: {plugin: breaker, "
                  "failure_threshold: 4}, more: {plugin: breaker}}\n")
    reload(g)
    assert [b["name"] for b in local(g, "GET", "/breakers").data] == \
        ["calls-to-orders", "more"]
    assert b'breaker="more"' in Client(g.admin_port).get("/metrics").body
    g.change(more="")
    reload(g)
    assert b'breaker="more"' not in Client(g.admin_port).get("/metrics").body


def test_bounds(g):
    item = g.item(10)
    long = g.request(item, reference="x" * 3000)
    g.replace(("http: {listen: 127.0.0.1:%d}" % g.port,
               "http: {listen: 127.0.0.1:%d, max_body: 2K}" % g.port))
    reload(g)
    wait_for("the bound is there",
             lambda: g.orders.post("/allocations", long).status == 413)
    assert g.orders.post("/allocations", g.request(item)).status == 201
    g.change()
    reload(g)
    wait_for("it is gone", lambda: g.orders.post("/allocations", long).status != 413)


def test_schedules(g):
    g.change(options="text: ticks",
             more="  - {every: 200ms, pipeline: [v.say]}\n")
    reload(g)
    wait_for("it ticks", lambda: g.version()["calls"] > 4)
    g.change(more="")
    reload(g)
    time.sleep(0.3)
    calls = g.version()["calls"]
    time.sleep(0.7)
    assert g.version()["calls"] == calls + 1


def test_a_key_that_was_rotated(g):
    old, stock = g.token("inventory-admin"), g.path("jwt.key")
    with open(stock, "rb") as f:
        before = f.read()
    g.key = os.urandom(32).hex().encode()
    g.write("jwt.key", g.key, 0o600)
    assert reload(g)["opened"] == 1
    client = Client(g.port, old)
    assert client.get("/inventory-items").status == 401
    client.token = g.token("inventory-admin")
    assert client.get("/inventory-items").status == 200
    client.close()
    g.clients.__dict__.clear()
    assert g.key != before


def test_a_new_version_of_a_file(g):
    g.change(options="text: file")
    reload(g)
    assert g.version() == {"version": 1, "text": "file", "calls": 1}
    g.put_version(2)
    assert g.version()["version"] == 1
    assert reload(g)["replacedPlugins"] == 1
    assert g.version() == {"version": 2, "text": "file", "calls": 1}
    reload(g)
    assert g.version() == {"version": 2, "text": "file", "calls": 2}


def metric(g, name):
    return g.metrics()[name]


def children(g):
    with open("/proc/%d/task/%d/children" % (g.process.pid, g.process.pid),
              encoding="ascii") as f:
        return f.read().split()


def test_a_process_of_its_own(g):
    g.change(options="text: apart, isolation: process")
    reload(g)
    assert g.version() == {"version": 2, "text": "apart", "calls": 1}
    # what helpers are copies of comes first, and stays
    mould, *before = children(g)
    assert len(before) == 1, before
    assert reload(g)["kept"] == 8
    assert g.version()["calls"] == 2 and children(g) == [mould] + before
    g.change(options="text: apart, isolation: process, isolation_timeout: 3s")
    assert reload(g)["opened"] == 1
    assert g.version()["calls"] == 1
    wait_for("the old process is gone", lambda: len(children(g)) == 2)
    assert children(g)[0] == mould and children(g)[1:] != before
    g.change(options="text: file")
    reload(g)
    assert g.version() == {"version": 2, "text": "file", "calls": 1}
    wait_for("none is left", lambda: children(g) == [mould])


def test_what_the_metrics_say(g):
    def told():
        return [metric(g, name) for name in (
            'gantry_reloads_total{result="done"}',
            'gantry_reloads_total{result="refused"}', "gantry_reload_refused",
            "gantry_plugin_files_replaced")]
    done, refusals, _, _ = told()
    g.replace(("text: file", "text: 1, 2"))
    assert local(g, "POST", "/reload").status == 422
    assert told() == [done, refusals + 1, 1, 1], told()
    g.change()
    assert reload(g)["reloads"] == done + 1
    assert told() == [done + 1, refusals + 1, 0, 1], told()
    # who reloads by hand is told, too
    got = run(g)
    assert got.returncode == 0 and got.stdout.splitlines()[1:] == [
        "files of plugins that were replaced, and whose code stays until a restart: 1"], got


# --- under load ---

def memory(g):
    with open("/proc/%d/statm" % g.process.pid, encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def is_sanitized(g):
    """Then what was freed is kept for a while, and what leaks is told at the end."""
    with open("/proc/%d/maps" % g.process.pid, encoding="ascii") as f:
        return re.search(r"lib[at]san", f.read()) is not None


class Load:
    """Clients that allocate and look until they are stopped."""

    def __init__(self, g, n=8):
        self.g, self.item = g, g.item(1000000)
        # a document for each configuration would take the time of the load
        contract.watch(g.port, list)
        self.stopping = threading.Event()
        self.wrong, self.done = [], 0
        self.threads = [threading.Thread(target=self.run) for _ in range(n)]
        for thread in self.threads:
            thread.start()

    def run(self):
        client = self.g.client("order-service")
        while not self.stopping.is_set():
            try:
                made = client.post("/allocations", self.g.request(self.item))
                got = client.get("/allocations/" + made.data["id"]) \
                    if made.status == 201 else made
                said = client.get("/version", token=None)
            except Exception as error:
                self.wrong.append(repr(error))
                continue
            if (made.status, got.status, said.status) != (201, 200, 200):
                self.wrong.append((made, got, said))
            self.done += 1
        client.close()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def test_many_under_load(g):
    g.change(options="text: load-0")
    reload(g)
    load = Load(g)
    before = reload(g)["reloads"]
    sizes = []
    try:
        for n in range(RELOADS):
            g.change(options="text: load-%d" % n,
                     more="" if n % 2 else
                     "breakers: {calls-to-orders: {plugin: breaker, "
                     "failure_threshold: %d}}\n" % (n % 7 + 3))
            if n % 10 == 0:
                hup(g)
            else:
                got = reload(g)
                assert got["opened"] >= 1, got
            if n in (RELOADS // 5, RELOADS - 1):
                sizes.append(memory(g))
    finally:
        load.stop()
    assert not load.wrong, load.wrong[:3]
    assert load.done > RELOADS // 2, load.done
    assert reload(g)["reloads"] >= before + RELOADS
    print("# %d reloads took %.1f MB" % (RELOADS - RELOADS // 5,
                                        (sizes[1] - sizes[0]) / 2**20))
    assert is_sanitized(g) or sizes[1] - sizes[0] < GROWTH, sizes
    wait_for("all but the last are closed", lambda: sum(
        n.startswith("opened load-") for n in g.notes()) == 1 + sum(
        n.startswith("closed load-") for n in g.notes()))
    assert all(n.endswith(" main") for n in g.notes())
    g.change(more="")
    reload(g)


def test_many_at_once(g):
    """Those that come while one runs are one more; each gets its answer."""
    before = reload(g)["reloads"]
    said = []
    threads = [threading.Thread(target=lambda: said.append(reload(g)["reloads"]))
               for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 20 and min(said) > before and max(said) <= before + 20, said
    for _ in range(50):
        g.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert reload(g)["reloads"] <= before + 20 + 50 + 1


# --- signals at the wrong moment, and the service manager ---

def test_signals_at_the_start_and_the_end(g):
    for _ in range(3):
        assert g.stop() == 0
        begin = subprocess.Popen(
            [PROGRAM, "serve", "--config", g.path("gantry.yaml")] + g.folders(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(g.path("log"), "ab"))
        g.process = begin
        g.starts += 1
        # from the first moment that signals are blocked
        wait_for("signals are blocked", lambda: blocked(begin.pid), 20)
        while not g.answers():
            assert begin.poll() is None, begin.returncode
            begin.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        assert g.version()["version"] == 2
        begin.send_signal(signal.SIGTERM)
        while begin.poll() is None:
            begin.send_signal(signal.SIGHUP)
            time.sleep(0.002)
        assert begin.returncode == 0, begin.returncode
        g.process = None
        g.start()


def blocked(pid):
    """By serve itself: who makes a thread has all of them blocked for a moment,
    which is over before they are asked for."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        mask = re.search(r"^SigBlk:\s*(\w+)", f.read(), re.M).group(1)
    has = [int(mask, 16) >> (number - 1) & 1 for number in (signal.SIGHUP, signal.SIGUSR1)]
    return has == [1, 0]


def test_the_service_manager_is_told(g):
    assert g.stop() == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(g.path("notify"))
        manager.settimeout(20)
        g.launch = {"env": dict(os.environ, NOTIFY_SOCKET=g.path("notify"))}
        try:
            g.start()
            ready = manager.recv(4096).decode()
            assert re.fullmatch(r'STATUS=serves inventory-service on port %d, admin on port %d, '
                                r'as replica ".+" with number \d+\nREADY=1' % (
                                    g.port, g.admin_port), ready), ready
            before = time.monotonic_ns() // 1000
            g.process.send_signal(signal.SIGHUP)
            said = manager.recv(4096).decode()
            assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", said), said
            assert before <= int(said.split("=")[2]) <= time.monotonic_ns() // 1000
            assert manager.recv(4096).decode() == ready
            g.replace(("text: ", "txt: "))
            g.process.send_signal(signal.SIGHUP)
            assert manager.recv(4096).startswith(b"RELOADING=1\n")
            assert manager.recv(4096).decode() == (
                "STATUS=reload refused: gantry.yaml:10:%d: handlers.v.txt: unknown key "
                "(did you mean \"text\"?)\nREADY=1" % column(g, "txt:"))
            g.change()
            assert g.stop() == 0
            assert manager.recv(4096) == b"STOPPING=1"
        finally:
            g.launch = {}
            g.start()


# --- TLS ---

class Secured(Daemon):
    def text(self):
        make = self.path("cert.pem")
        if not os.path.exists(make):
            make_tls(self.folder)
            os.chmod(self.path("key.pem"), 0o600)
        return super().text().replace(
            "http: {listen: 127.0.0.1:%d" % self.port,
            "http: {listen: 127.0.0.1:%d, cert_file: cert.pem, key_file: key.pem"
            % self.port)


def shown(g):
    """The certificate of a new connection, and the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = context.wrap_socket(socket.create_connection(("127.0.0.1", g.port), 20))
    return made.getpeercert(True), made


def test_another_certificate(_):
    with Secured(name="reload-tls") as g:
        first, old = shown(g)
        for name in ("ca.pem", "cert.pem", "key.pem"):
            os.unlink(g.path(name))
        make_tls(g.folder)
        os.chmod(g.path("key.pem"), 0o600)
        assert shown(g)[0] == first
        reload(g)
        second, new = shown(g)
        assert second != first
        for connection in (old, new):
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 "), "no answer"
            connection.close()
        g.write("cert.pem", b"no certificate")
        got = local(g, "POST", "/reload")
        assert got.status == 422, got
        assert got.error["details"] == [
            {"field": "gantry.yaml:3:44", "problem":
             "http.cert_file: %s: there is no certificate in PEM" % g.path("cert.pem")}], got
        assert shown(g)[0] == second


if __name__ == "__main__":
    main()
