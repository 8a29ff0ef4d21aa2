# SPDX-License-Identifier: Apache-2.0
"""What the tests of faults share: a daemon for each test, clients that note
what was acknowledged, and what must hold afterwards."""
import http.client
import os
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "system"))
sys.dont_write_bytecode = True

import tap
import gantry
import stores
from gantry import Client, Gantry, PROGRAM

TORTURE = int(os.environ.get("GANTRY_TORTURE", "1"))
FORGET = os.environ.get("GANTRY_FORGET")
REFUSE_SECONDS = 2.0


class Faulty(Gantry):
    """A daemon whose storage options and surroundings change between starts;
    not started before the test does so. Always SQLite: it is faults of its file
    that are tested."""

    def __init__(self, extra="", name="gantry"):
        super().__init__(extra, name, stores.Sqlite)

    def __enter__(self):
        return self

    def configure(self, storage="", forget=False, keep=0):
        """storage: more options of it, as YAML: "max_size: 1M"."""
        options = storage.split(", ") if storage else []
        self.launch = {}
        if forget:
            options.append("vfs: forget")
            self.launch["env"] = dict(
                os.environ, LD_PRELOAD=FORGET, FORGET_KEEP=str(keep),
                ASAN_OPTIONS="verify_asan_link_order=0")
        text = self.configuration("").replace(
            "/gantry.db}", ", ".join(["/gantry.db"] + options) + "}")
        self.write("gantry.yaml", text.encode())

    def program(self, *arguments):
        return subprocess.run(
            [gantry.PROGRAM, *arguments, "--config", self.path("gantry.yaml")] +
            self.folders(), capture_output=True, text=True, timeout=60)

    def verify(self):
        return self.program("storage", "verify")

    def refused(self):
        """What a start that must fail says, and that it fails soon."""
        begin = time.monotonic()
        done = self.program("serve")
        took = time.monotonic() - begin
        assert done.returncode == 1, done
        assert took < REFUSE_SECONDS, "it took %.1f s" % took
        return done.stderr

    def ready(self):
        client = Client(self.admin_port)
        try:
            return client.get("/readyz")
        finally:
            client.close()

    def wait_until_ready(self, status=200, seconds=10):
        end = time.monotonic() + seconds
        while self.ready().status != status:
            assert time.monotonic() < end, "/readyz: not %d" % status
            time.sleep(0.05)

    def check_in_order(self):
        """By our own means and by the program's."""
        self.check_invariants()
        done = self.verify()
        assert done.returncode == 0, done
        assert done.stdout == "ok: I1 to I6 hold\n", done

    def stored(self):
        return {r["id"]: r for r in self.rows(
            "select id, quantity, status from allocations")}


class Buyer(threading.Thread):
    """Makes allocations as fast as answers come. A request without an answer
    is left alone: made or not, both are right."""

    def __init__(self, g, name, item, quantity=1):
        super().__init__(daemon=True)
        self.client = g.client("order-service")
        self.name_of_orders, self.item, self.quantity = name, item, quantity
        self.stop_now = threading.Event()
        self.acknowledged, self.answers = [], {}
        self.unanswered = 0
        self.odd = []       # answers that no fault excuses
        self.error = None

    def run(self):
        n = 0
        try:
            while not self.stop_now.is_set():
                n += 1
                self.buy(n)
        except Exception as error:
            self.error = error
        finally:
            self.client.close()

    def buy(self, n):
        try:
            got = self.client.post("/allocations", {
                "orderId": "%s_%d" % (self.name_of_orders, n),
                "orderItemId": "i", "inventoryItemId": self.item,
                "quantity": self.quantity})
        except (OSError, http.client.HTTPException):
            self.unanswered += 1
            self.stop_now.wait(0.02)
            return
        self.answers[got.status] = self.answers.get(got.status, 0) + 1
        if got.status == 201:
            self.acknowledged.append(got.data["id"])
        elif not is_unavailable(got):
            self.odd.append(got)


def is_unavailable(got):
    return (got.status == 503 and got.code == "STORAGE_UNAVAILABLE" and
            int(got.header("Retry-After")) >= 1)


class Crowd:
    """n buyers at work inside a with."""

    made = 0

    def __init__(self, g, n, item, quantity=1):
        Crowd.made += 1
        self.buyers = [Buyer(g, "ord_%d_%d" % (Crowd.made, i), item, quantity)
                       for i in range(n)]

    def __enter__(self):
        for b in self.buyers:
            b.start()
        return self

    def __exit__(self, kind, value, trace):
        for b in self.buyers:
            b.stop_now.set()
        for b in self.buyers:
            b.join(30)
        if kind is None:
            assert not [b for b in self.buyers if b.is_alive()], "a client hangs"
            for b in self.buyers:
                assert b.error is None, b.error
                assert not b.odd, b.odd[:3]

    def sum_of(self, status):
        return sum(b.answers.get(status, 0) for b in self.buyers)

    @property
    def acknowledged(self):
        return [id for b in self.buyers for id in list(b.acknowledged)]

    @property
    def unanswered(self):
        return sum(b.unanswered for b in self.buyers)

    def wait_for(self, status, more=1, seconds=15, before=None):
        """Until so many more answers of this status came than now, or before."""
        end = time.monotonic() + seconds
        before = self.sum_of(status) if before is None else before
        while self.sum_of(status) < before + more:
            assert time.monotonic() < end, "no %d in %d s" % (status, seconds)
            time.sleep(0.01)


def lost(g, ids):
    stored = g.stored()
    return [id for id in ids if id not in stored]


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def memory(pid, what="VmRSS"):
    """KiB."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(what + ":"):
                return int(line.split()[1])
    raise AssertionError("no %s" % what)


def is_sanitized(pid):
    """Then its memory is not its own."""
    with open("/proc/%d/maps" % pid) as f:
        maps = f.read()
    return "/libasan." in maps or "/libtsan." in maps


def processor_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_one(number, test):
    g = Faulty(name="fault")
    try:
        try:
            test(g)
            if g.process is not None:
                assert g.stop() == 0, "it did not stop well"
        finally:
            if g.process is not None:
                g.kill()
    except tap.Skip as reason:
        print("ok %d - %s # SKIP %s" % (number, test.__name__, reason), flush=True)
        return 0
    except Exception as error:
        print("not ok %d - %s" % (number, test.__name__))
        tap.show(error)
        g.show_log()
        return 1
    finally:
        shutil.rmtree(g.folder, ignore_errors=True)
        sys.stdout.flush()
    print("ok %d - %s" % (number, test.__name__), flush=True)
    return 0


def main():
    tests = tap.tests_of(sys.modules["__main__"])
    if shutil.which(PROGRAM) is None:
        print("1..0 # SKIP there is no program %s (set GANTRY)" % PROGRAM)
        sys.exit(77)
    print("1..%d" % len(tests), flush=True)
    failed = sum(run_one(n, test) for n, test in enumerate(tests, 1))
    sys.exit(1 if failed else 0)
