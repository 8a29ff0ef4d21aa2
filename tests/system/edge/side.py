# SPDX-License-Identifier: Apache-2.0
"""The order side's edge: a gateway of its own beside the inventory side's."""
import subprocess
import time

import frozen
from gantry import PROGRAM, Gantry

# The preset's pauses are long for a test.
BREAKER = ("breakers:\n"
           "  calls-to-inventory: {plugin: breaker, failure_threshold: 3,\n"
           "                       reset_timeout: 300ms}\n")
QUICK = BREAKER + (
    "handlers:\n"
    "  edge: {plugin: optimistic, backoff: 100ms, max_backoff: 1s}\n"
    "routes:\n"
    "  - {every: 100ms, pipeline: [edge.replay]}\n")
AUDIENCE = "order-edge"


class Edge(Gantry):
    """inventory: the gateway that it calls. With QUICK two schedules tick, each
    with a lease of its own, as two replicas might for a moment."""

    def __init__(self, inventory, extra=QUICK, patience="timeout: 600ms, deadline: 900ms"):
        self.inventory, self.patience = inventory, patience
        super().__init__(extra, "edge")
        self.key = inventory.key
        self.write("jwt.key", self.key, 0o600)

    def configuration(self, extra, store=None):
        return (
            "use: order-edge\n"
            "service: order-service\n"
            "http: {listen: 127.0.0.1:%d}\n"
            "admin: {listen: 127.0.0.1:%d, socket: %s/admin.sock}\n"
            "storage: %s\n"
            "auth:\n"
            "  services: {plugin: jwt, key_file: %s/jwt.key, algorithm: HS256,\n"
            "             issuer: shop, audience: %s}\n"
            "upstreams:\n"
            "  inventory-service: {url: \"http://127.0.0.1:%d\", auth: services,\n"
            "    roles: [order-service], breaker: calls-to-inventory,\n"
            "    %s, retries: 1, backoff: 20ms}\n%s"
            % (self.port, self.admin_port, self.folder,
               (store or self.store).options, self.folder, AUDIENCE,
               self.inventory.port, self.patience, extra))

    def token(self, roles, /, **claims):
        return super().token(roles, **{"aud": AUDIENCE, **claims})

    # --- what waits ---

    def waiting(self):
        """All that wait, oldest first."""
        found, after = [], ""
        while after is not None:
            got = self.orders.get("/optimistic-allocations?limit=1000" + after)
            assert got.status == 200, got
            found += got.data
            after = "&after=" + got.json["next"] if "next" in got.json else None
        return found

    def wait_until_through(self, seconds=30):
        end = time.monotonic() + seconds
        while True:
            left = len(self.waiting())
            if left == 0:
                return
            assert time.monotonic() < end, "%d requests still wait" % left
            time.sleep(0.05)

    def records(self, space):
        return [r for r in self.rows("select key, value from records order by ref")
                if r["key"].split("\x1f")[1] == space]


def freeze(g):
    frozen.freeze(g.process.pid)


def thaw(g):
    frozen.thaw(g.process.pid)


def run(g, *words):
    folders = [w for w in g.folders() if words[0] == "storage" or
               "plugins" not in w.lower()]
    return subprocess.run([PROGRAM] + list(words) + ["--config", g.path("gantry.yaml")] +
                          folders, capture_output=True, text=True, timeout=120)


def breaker(g, *words):
    """Of the way to the inventory side."""
    done = run(g, "breakers", words[0], "calls-to-inventory", *words[1:])
    assert done.returncode == 0, done


def verify(g):
    """Of one that is stopped."""
    done = run(g, "storage", "verify")
    assert done.returncode == 0, done
