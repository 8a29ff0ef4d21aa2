# SPDX-License-Identifier: Apache-2.0
"""Clients that buy and read without a pause, note how long each answer took and
what it was, and what was acknowledged; and the gateway they ask."""
import http.client
import itertools
import threading
import time

from gantry import Client, Gantry
from rabbit import wait_for
import stores

REFUSE_SECONDS = 2.0
BACK_SECONDS = 3.0


def gateway(server, name):
    """A gateway on a database of that server, not started."""
    return Gantry(name=name, store=lambda folder: stores.Postgres(server))


class Asked:
    """One request: when, how long, what came. status 0: no answer."""

    def __init__(self, what, begin, status, headers=None):
        self.what, self.begin, self.status = what, begin, status
        self.end = time.monotonic()
        self.retry_after = headers

    @property
    def seconds(self):
        return self.end - self.begin

    def __repr__(self):
        return "%s %d after %.2f s" % (self.what, self.status, self.seconds)


class Worker(threading.Thread):
    """Buys under a key, asks again with it until it is acknowledged, and reads
    what it bought."""

    def __init__(self, crowd, number):
        super().__init__(daemon=True)
        self.crowd, self.number = crowd, number
        self.client = Client(crowd.g.port, crowd.g.token("order-service"))
        self.asked, self.bought = [], []
        self.error = None

    def run(self):
        try:
            for n in itertools.count():
                if not self.buy("load_%d_%d_%d" % (self.crowd.number, self.number,
                                                   n), n):
                    return
        except Exception as error:
            self.error = error
        finally:
            self.client.close()

    def ask(self, what, method, path, body=None, key=None):
        headers = {"Idempotency-Key": key} if key else None
        begin = time.monotonic()
        try:
            got = self.client.ask(method, path, body, headers=headers)
        except (OSError, http.client.HTTPException):
            self.asked.append(Asked(what, begin, 0))
            return None
        self.asked.append(Asked(what, begin, got.status, got.header("Retry-After")))
        assert got.status in (200, 201, 409, 503), got
        if got.status == 503:
            assert got.code == "STORAGE_UNAVAILABLE", got
        return got

    def buy(self, order, n):
        """False: it is time to end."""
        items = self.crowd.items
        body = {"orderId": order, "orderItemId": "i", "quantity": 1,
                "inventoryItemId": items[(self.number + n) % len(items)]}
        while not self.crowd.stop_now.is_set():
            got = self.ask("buy", "POST", "/allocations", body, order)
            if got is not None and got.status == 201:
                self.bought.append(got.data["id"])
                self.ask("read", "GET", "/allocations/" + got.data["id"])
                return True
            # 409: the first try is in flight (D6)
            assert got is None or got.status == 503 or \
                got.code == "IDEMPOTENCY_IN_PROGRESS", got
            self.crowd.stop_now.wait(0.02)
        return False


class Crowd:
    made = itertools.count(1)

    def __init__(self, g, n=8, items=4):
        self.g, self.number = g, next(self.made)
        self.items = [g.item(10**6) for _ in range(items)]
        self.stop_now = threading.Event()
        self.workers = [Worker(self, n) for n in range(n)]

    def __enter__(self):
        for w in self.workers:
            w.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop_now.set()
        for w in self.workers:
            w.join(30)
        if kind is None:
            self.check()

    def check(self):
        assert not [w for w in self.workers if w.is_alive()], "a client hangs"
        errors = [w.error for w in self.workers if w.error is not None]
        assert not errors, errors[:3]

    @property
    def asked(self):
        return sorted((a for w in self.workers for a in list(w.asked)),
                      key=lambda a: a.begin)

    @property
    def bought(self):
        return [id for w in self.workers for id in list(w.bought)]

    def wait_for_sales(self, more=20, seconds=20):
        self.check_alive()
        wanted = len(self.bought) + more
        wait_for("%d more are sold" % more, seconds, lambda: len(
            self.bought) >= wanted, 0.01)

    def check_alive(self):
        errors = [w.error for w in self.workers if w.error is not None]
        assert not errors, errors[:3]

    # --- what is asked of an outage ---

    def check_refused(self, begin, end):
        """What was asked in between was refused in time and says when to come
        again."""
        found = [a for a in self.asked if begin <= a.begin and a.end <= end]
        late = [a for a in self.asked if begin <= a.begin < end and
                a.seconds > REFUSE_SECONDS and a.begin + REFUSE_SECONDS < end]
        assert not late, late[:5]
        refused = [a for a in found if a.status == 503]
        assert refused, "nothing was refused"
        assert all(int(a.retry_after) >= 1 for a in refused)
        assert not [a for a in found if a.status == 0], "no answer at all"
        return max(a.seconds for a in refused), len(refused)

    def wait_until_refused(self, since):
        """Until something that was asked since then was."""
        wait_for("it refuses", 20, lambda: any(
            a.begin >= since and a.status == 503 for a in self.asked), 0.01)

    def wait_until_back(self, since):
        """Seconds from then to the first that is sold again."""
        wait_for("it sells again", 20, lambda: any(
            a.begin >= since and a.status == 201 for a in self.asked), 0.01)
        first = min(a.end for a in self.asked
                    if a.begin >= since and a.status == 201)
        return first - since


def sit_out(crowd, go, come, seconds):
    """go() takes the server away, come() returns when it is back. What was bought."""
    with crowd:
        crowd.wait_for_sales()
        go()
        away = time.monotonic()
        time.sleep(seconds)
        crowd.wait_until_refused(away)
        end = time.monotonic()
        come()
        since = time.monotonic()
        took = crowd.wait_until_back(since)
        crowd.wait_for_sales()
    longest, n = crowd.check_refused(away, end)
    print("# %d refused within %.2f s; back after %.2f s; %d sold" % (
        n, longest, took, len(crowd.bought)), flush=True)
    assert took < BACK_SECONDS, took
    return crowd.bought


def check_kept(g, bought):
    """What was acknowledged is there, once, and all is in order."""
    stored = {r["id"] for r in g.rows("select id from allocations")}
    lost = [id for id in bought if id not in stored]
    assert not lost, "%d acknowledged, but not there: %s" % (len(lost), lost[:3])
    assert len(bought) == len(set(bought)), "one was acknowledged twice"
    g.check_invariants()
