#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What gateways on one database have each for itself: breakers, and health."""
import json
import sys

import _path    # noqa: F401
import postgres
import tap
from gantry import Client, Gantry, NOBODY_ELSE_ASKS, free_port
from order_service import OrderService
from several import Shared

FAILURES = 3
PORT = free_port()
CONFIG = (
    "replica: r%%d\n"
    "upstreams:\n"
    "  order-service: {url: \"http://127.0.0.1:%d\", auth: services,\n"
    "    breaker: calls-to-orders, retries: 0}\n"
    "breakers:\n"
    "  calls-to-orders: {plugin: breaker, failure_threshold: %d, reset_timeout: 1h}\n"
    "handlers:\n"
    "  allocate: {plugin: allocations, order_check: strict}\n"
    "routes:\n%s" % (PORT, FAILURES, NOBODY_ELSE_ASKS))


class Two:
    """Gateways, with one database and one Order Service."""

    def __init__(self, server):
        self.store = Shared(server)
        self.all = [Gantry(CONFIG % i, "apart%d" % i, lambda folder: self.store)
                    for i in range(2)]
        key = self.all[0].key
        self.all[1].key = key
        self.all[1].write("jwt.key", key, 0o600)
        self.orders = OrderService(key, PORT)

    def __enter__(self):
        self.orders.start()
        for g in self.all:
            g.start()
        return self

    def __exit__(self, kind, *_):
        for g in self.all:
            g.__exit__(kind, None, None)
        self.orders.stop()
        self.store.drop()


def admin(g, path, role=None):
    client = Client(g.admin_port, g.token(role) if role else None)
    try:
        return client.get(path)
    finally:
        client.close()


def breaker(g):
    (one,) = admin(g, "/admin/api/breakers", "gantry-admin").data
    return one["state"], one["failures"]


def health(g):
    got = admin(g, "/readyz")
    return got.status, json.loads(got.body)


def create(g, order, item):
    return g.orders.post("/allocations", g.request(item, 1, orderId=order))


def test_breaker(two):
    """One that has seen failures stops its calls, the other one goes on."""
    ill, well = two.all
    item, order = well.item(10), two.orders.order("ord_1")
    two.orders.fault = 503
    for _ in range(FAILURES):
        assert create(ill, order, item).code == "ORDER_SERVICE_UNAVAILABLE"
    assert breaker(ill)[0] == "open" and breaker(well) == ("closed", 0)
    assert create(well, order, item).code == "ORDER_SERVICE_UNAVAILABLE"
    assert breaker(well) == ("closed", 1)
    two.orders.fault = None
    assert create(ill, order, item).code == "CIRCUIT_OPEN"
    assert create(well, order, item).status == 201
    assert breaker(ill)[0] == "open" and breaker(well) == ("closed", 0)


def test_health(two):
    """Each says how it is itself: a breaker that is open; that it stops."""
    ill, well = two.all
    assert health(ill) == (200, {"status": "warn", "reason": "breaker",
                                 "breakers": {"calls-to-orders": "open"}})
    assert health(well) == (200, {"status": "pass"})
    assert ill.stop() == 0
    assert health(well) == (200, {"status": "pass"})
    ill.start()
    # a breaker does not outlive its gateway
    assert breaker(ill) == ("closed", 0)
    assert health(ill) == (200, {"status": "pass"})


def main():
    tap.skip_all(postgres.missing())
    with postgres.Postgres() as p, Two(p) as two:
        status = tap.run_all(two)
        if status:
            for g in two.all:
                g.show_log()
    sys.exit(status)


if __name__ == "__main__":
    main()
