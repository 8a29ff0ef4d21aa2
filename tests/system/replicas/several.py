# SPDX-License-Identifier: Apache-2.0
"""Several gateways on one database and one broker, and clients that ask all of
them. A gateway that is killed comes again, as a service manager would see to."""
import contextlib
import threading
import time

import load
import stores
from gantry import Client, Gantry
from world import World

# A tick publishes itself, so that it can be counted.
TICK_MS = 1000
TICKS = ("handlers:\n"
         "  ticks: {plugin: publish, exchange: inventory.notifications,\n"
         "          key: tick, type: Tick, aggregate_type: Tick}\n"
         "routes:\n"
         "  - {every: %dms, pipeline: [ticks.send]}\n" % TICK_MS)
TICK_LEASE = "schedule:every %dms: ticks.send" % TICK_MS
START_SECONDS = 60


class Shared(stores.Postgres):
    """The database of all; who made it drops it."""

    def close(self):
        pass

    def drop(self):
        super().close()


class Replicas:
    """worlds: each with its gateway; the first one listens to what comes out."""

    def __init__(self, server, rabbit, n=3):
        self.store = Shared(server)
        self.locks = [threading.Lock() for _ in range(n)]
        self.worlds = [self.world(rabbit, i) for i in range(n)]
        self.starts = self.failed_starts = 0

    def world(self, rabbit, i):
        g = Gantry(name="replica%d" % i, store=lambda folder: self.store)
        if i > 0:
            g.key = self.gateways[0].key
            g.write("jwt.key", g.key, 0o600)
        else:
            self.gateways = []
        self.gateways.append(g)
        return World(rabbit, extra="replica: r%d\n%s" % (i, TICKS), gantry=g)

    def __enter__(self):
        try:
            self.first = self.worlds[0].__enter__()
            for w in self.worlds[1:]:
                w.g.start()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            for w in self.worlds:
                w.__exit__(kind, value, trace)
        finally:
            self.store.drop()

    def lease(self, name):
        """Its row, or None."""
        rows = self.store.rows("select * from leases where name = ?", name)
        return rows[0] if rows else None

    def kill(self, i):
        """kill -9, and it comes again when it can. False: it is not there yet."""
        if not self.locks[i].acquire(blocking=False):
            return False
        self.gateways[i].kill()
        threading.Thread(target=self.revive, args=(i,), daemon=True).start()
        return True

    def revive(self, i):
        g, end = self.gateways[i], time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < end:
                try:
                    g.start()
                    self.starts += 1
                    return
                except AssertionError:
                    # its storage is away
                    self.failed_starts += 1
                    if g.process is not None and g.process.poll() is None:
                        g.kill()
                    g.process = None
                    time.sleep(0.1)
        finally:
            self.locks[i].release()

    @contextlib.contextmanager
    def spared(self):
        """A gateway that is there and is not killed until the block ends."""
        end = time.monotonic() + START_SECONDS
        while True:
            assert time.monotonic() < end, "none comes back"
            for lock, g in zip(self.locks, self.gateways):
                if lock.acquire(timeout=0.05):
                    try:
                        yield g
                    finally:
                        lock.release()
                    return

    def wait_until_all_are_back(self):
        for lock in self.locks:
            assert lock.acquire(timeout=START_SECONDS + 30), "one does not come back"
            lock.release()
        for g in self.gateways:
            assert g.process is not None and g.process.poll() is None, "one is down"


class Buyer(load.Worker):
    """Asks the next gateway when one does not answer, with the same key."""

    def __init__(self, crowd, number):
        super().__init__(crowd, number)
        first = crowd.g
        token = first.token("order-service")
        self.ways = [Client(g.port, token) for g in crowd.gateways]
        self.way = number

    def ask(self, *arguments):
        self.client = self.ways[self.way % len(self.ways)]
        got = super().ask(*arguments)
        if got is None or got.status == 503:
            self.way += 1
        return got


class Crowd(load.Crowd):
    def __init__(self, gateways, n=8, items=4):
        super().__init__(gateways[0], n, items)
        self.gateways = gateways
        self.workers = [Buyer(self, i) for i in range(n)]
