#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An Order Service that is away under load: what optimistic gateways allocate
meanwhile is settled by gantry reconcile, every one; strict ones say 503. And the
schedule, which mends by itself what it may."""
import json
import threading
import time

import _path  # noqa: F401
import tap
from drifts import (OUTAGE, PORT, SERVICE, Shop, age, applied, check_mended,
                    configuration, expected_of, planned, ready, run)
from gantry import Gantry, free_port, rfc3339
from rabbit import wait_for


def load(g, answers, over, n):
    """Orders one after the other; half of them the Order Service never hears of."""
    client = g.client("order-service")
    made = 0
    while not over.is_set():
        made += 1
        id = "load_%d_%d" % (n, made)
        line = {"orderItemId": "l0", "quantity": 1, "inventoryItemId": "load_inv"}
        if made % 2 or SERVICE.server is not None:
            SERVICE.order(id, [line], updatedAt=rfc3339(-3600))
        got = client.post("/allocations", dict(line, orderId=id))
        answers.append((id, SERVICE.server is None, got))
        time.sleep(0.002)
    client.close()


def until(n, answers, counts):
    """Each gateway has given so many more answers of that kind."""
    def given():
        return [sum(map(counts, list(each))) for each in answers]

    before = given()
    wait_for("%d answers of each" % n, 120, lambda: all(
        now >= then + n for now, then in zip(given(), before)))


def outage(*gateways):
    """An Order Service that goes away under load and comes back; what each gateway
    answered, as (order, whether it was away, answer)."""
    answers, over = [[] for _ in gateways], threading.Event()
    threads = []
    for n, g in enumerate(gateways):
        g.item(10000000, id="load_inv")
        threads += [threading.Thread(target=load, args=(g, answers[n], over, n * 10 + i))
                    for i in range(2)]
    for thread in threads:
        thread.start()
    until(100, answers, lambda a: a[2].status == 201)
    SERVICE.stop()
    time.sleep(OUTAGE)
    until(60, answers, lambda a: a[1])
    SERVICE.start()
    # the breaker lets them through again
    until(100, answers, lambda a: not a[1] and a[2].status == 201)
    over.set()
    for thread in threads:
        thread.join(60)
    return answers


class Aside:
    """gantry reconcile plan without any Order Service, meanwhile."""

    def __init__(self):
        self.done = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with Gantry(configuration().replace(":%d\"" % PORT, ":%d\"" % free_port())) as g:
            g.allocate(g.item(3))
            self.done = run(g, "plan", "--json")
            g.write("plan.json", self.done.stdout.encode())
            self.half = run(g, "apply", g.path("plan.json"))


def check_optimistic(g, answers):
    assert {got.status for _, _, got in answers} == {201}, [
        a for a in answers if a[2].status != 201][:3]
    assert sum(away for _, away, _ in answers) > 50
    kept = {r["id"] for r in g.rows("select id from allocations")}
    assert kept == {got.data["id"] for _, _, got in answers}
    unverified = {r["id"] for r in g.rows(
        "select o.id from orders o join allocations a on a.ord = o.ref "
        "where a.unverified = 1")}
    assert unverified >= {id for id, _, _ in answers if id not in SERVICE.orders}
    age(g)
    wanted = sorted((("unverified" if id in SERVICE.orders else "orphan"), id)
                    for id in unverified)
    assert {kind for kind, _ in wanted} == {"unverified", "orphan"}
    assert sorted((d["class"], d["orderId"]) for d in planned(g)["drifts"]) == wanted
    result = applied(g)
    assert result["counts"]["applied"] == len(unverified), result["counts"]
    assert g.rows("select id from allocations where unverified = 1 and "
                  "status <> 'CANCELLED'") == []
    live = {r["id"] for r in g.rows(
        "select o.id from orders o join allocations a on a.ord = o.ref "
        "where a.status = 'PENDING'")}
    assert live == {id for id, _, _ in answers if id in SERVICE.orders}
    age(g)
    assert planned(g)["drifts"] == []
    g.check_invariants()
    print("# %d allocations, %d while the Order Service was away for %g s: %d were "
          "verified, %d cancelled" % (
              len(answers), sum(away for _, away, _ in answers), OUTAGE,
              len([w for w in wanted if w[0] == "unverified"]),
              len([w for w in wanted if w[0] == "orphan"])))


def check_strict(g, answers):
    refused = [got for _, _, got in answers if got.status != 201]
    assert refused and {got.status for got in refused} <= {503, 404}, refused[:3]
    away = [got for got in refused if got.status == 503]
    assert away and {got.code for got in away} <= {
        "ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"}, away[:3]
    assert all(int(got.header("Retry-After")) >= 1 for got in away)
    kept = {r["id"] for r in g.rows("select id from allocations")}
    assert kept == {got.data["id"] for _, _, got in answers if got.status == 201}
    g.check_invariants()
    print("# strict: %d of %d answered 503 with Retry-After" % (len(away), len(answers)))


def test_outage(_):
    aside = Aside()
    strict = Gantry(configuration("strict"))
    with Gantry(configuration("optimistic")) as g:
        ready(g)
        strict.key = g.key
        strict.write("jwt.key", g.key, 0o600)
        with strict:
            answers = outage(g, strict)
            check_strict(strict, answers[1])
        check_optimistic(g, answers[0])
    aside.thread.join(60)
    assert aside.done.returncode == 1, aside.done
    # after three of these, which are asked side by side, the breaker says it
    assert aside.done.stderr in (
        "gantry: order-service: cannot be connected to\n",
        "gantry: order-service: calls are stopped for now by the breaker "
        "calls-to-orders\n"), aside.done
    assert aside.half.returncode == 1 and ": not a plan: " in aside.half.stderr, aside.half


def test_schedule(_):
    """What may be mended by itself is, without anybody who asks."""
    more = ", missing: auto, orphan: auto, status: auto, quantity: auto, expired: auto, " \
           "counters: auto, unverified: auto"
    routes = "  - {every: 300ms, pipeline: [reconcile.run]}\n"
    with Gantry(configuration("off", more)) as g:
        ready(g)
        shop = Shop(g, "auto", 9)
        statements = []
        expected = expected_of(shop, statements)
        for _ in range(60):
            shop.make("CONFIRMED")
        age(g, *statements)
        with open(g.path("gantry.yaml"), "a", encoding="utf-8") as f:
            f.write(routes)
        g.stop()
        g.start()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.3)
            runs = json.loads(run(g, "report", "--json").stdout)["runs"]
            if runs and runs[0]["kind"] == "schedule" and runs[0]["staged"] == 0 and \
                    any(r["staged"] > 0 for r in runs):
                break
        else:
            raise AssertionError(runs[:2])
        check_mended(g, expected)
        age(g)
        assert [d for d in planned(g)["drifts"] if "command" in d] == []
        g.check_invariants()


if __name__ == "__main__":
    SERVICE.start()
    tap.main(configuration())
