#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The metrics page of a gateway without a broker: its form, that its numbers are
those of what was sent, while it is scraped, and that nothing makes it grow."""
import os
import signal
import socket
import threading
import time

import _path  # noqa: F401
import tap
from gantry import Client, Gantry
from letters import put
from rabbit import wait_for
from scrape import TYPE, Scrape, check_documented, promtool, scrape

NO_BROKER = ("gantry_publisher_", "gantry_published_total",
             "gantry_publish_refused_total", "gantry_consumer_connected",
             "gantry_consumer_paused", "gantry_consumer_held",
             "gantry_consumer_passing")
NO_BACKLOG = ("gantry_backlog_",)
NO_UPSTREAM = ("gantry_upstream_calls_total", "gantry_upstream_tries_total",
               "gantry_upstream_under_way")


def test_who_may_and_how(g):
    client = Client(g.admin_port)
    got = client.get("/metrics")
    assert got.status == 200 and got.header("Content-Type") == TYPE, got
    assert int(got.header("Content-Length")) == len(got.body)
    head = client.ask("HEAD", "/metrics")
    assert head.status == 200 and head.body == b"", head
    assert head.header("Content-Type") == TYPE, head.headers
    assert int(head.header("Content-Length")) > 1000, head.headers
    for method in ("POST", "PUT", "DELETE"):
        got = client.ask(method, "/metrics", {} if method != "DELETE" else None)
        assert (got.status, got.code, got.header("Allow")) == \
            (405, "METHOD_NOT_ALLOWED", "GET, HEAD"), got
    client.close()
    # not for those who are at the API
    assert g.orders.get("/metrics").code == "ROUTE_NOT_FOUND"


def test_promtool_finds_nothing(g):
    item = g.item(10)
    g.allocate(item)
    said = promtool("check", "metrics", text=scrape(g).text)
    if said is None:
        raise tap.Skip("there is no promtool")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", ""), said


def test_the_manual_page_names_all(g):
    check_documented(scrape(g), NO_BROKER + NO_UPSTREAM + NO_BACKLOG)


class Scraper(threading.Thread):
    """Looks again and again; counters and histograms never fall."""

    def __init__(self, g):
        super().__init__(daemon=True)
        self.g, self.n, self.error = g, 0, None
        self.stopping = threading.Event()

    def run(self):
        before = None
        client = Client(self.g.admin_port)
        try:
            while not self.stopping.wait(0.02):
                page = Scrape(client.get("/metrics").body.decode())
                self.compare(before, page)
                before = page
                self.n += 1
        except Exception as error:
            self.error = error
        client.close()

    @staticmethod
    def compare(before, page):
        for name, family in (before.families if before else {}).items():
            if family.kind == "gauge":
                continue
            for key, n in family.samples.items():
                assert page.families[name].samples[key] >= n, (name, key)

    def stop(self):
        self.stopping.set()
        self.join()
        if self.error:
            raise self.error


THREADS, ROUNDS = 4, 60


def one_shopper(g, item, small, failed):
    """What a thread asks for; all of it is known beforehand."""
    try:
        orders = g.client("order-service")
        for i in range(ROUNDS):
            body = g.request(item, 1)
            got = orders.post("/allocations", body,
                              headers={"Idempotency-Key": body["orderId"]})
            assert got.status == 201, got
            again = orders.post("/allocations", body,
                                headers={"Idempotency-Key": body["orderId"]})
            assert again.header("Idempotent-Replayed") == "true", again
            assert orders.post("/allocations", body).status == 200
            path = "/allocations/" + got.data["id"]
            assert orders.get(path).status == 200
            assert orders.put(path + ("/confirm", "/cancel")[i % 2]).status == 200
            assert orders.post("/allocations", g.request(small, 5)).status == 409
            assert orders.post("/allocations", {"orderId": ""}).status == 400
            assert orders.get("/allocations/alloc_none").status == 404
            assert orders.get("/nothing/%d" % i).status == 404
        orders.close()
    except Exception as error:
        failed.append(error)


def test_numbers_are_those_of_what_was_sent(g):
    item, small = g.item(10**6), g.item(1)
    before, scraper, failed = scrape(g), Scraper(g), []
    scraper.start()
    threads = [threading.Thread(target=one_shopper, args=(g, item, small, failed))
               for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scraper.stop()
    if failed:
        raise failed[0]
    assert scraper.n >= 5, scraper.n
    after, n = scrape(g), THREADS * ROUNDS

    def grew(name, **labels):
        return after.of(name, **labels) - before.of(name, **labels)

    post, requests = "POST /allocations", "gantry_http_requests_total"
    assert grew(requests, route=post, status="201") == 2 * n
    assert grew(requests, route=post, status="200") == n
    assert grew(requests, route=post, status="409") == n
    assert grew(requests, route=post, status="400") == n
    assert grew(requests, route="GET /allocations/{id}", status="200") == n
    assert grew(requests, route="GET /allocations/{id}", status="404") == n
    assert grew(requests, route="none", status="404") == n
    assert grew(requests, route="PUT /allocations/{id}/confirm") == n / 2
    assert grew(requests) == 9 * n
    assert grew("gantry_http_request_duration_seconds_count", route=post) == 5 * n
    assert grew("gantry_http_request_duration_seconds_count") == 9 * n
    assert 0 < grew("gantry_http_request_duration_seconds_sum") < 3600
    assert grew("gantry_messages_total", source="http") == 8 * n
    assert grew("gantry_messages_total", source="http", verdict="rejected") == 3 * n
    assert grew("gantry_messages_total", source="http", verdict="failed") == 0
    assert grew("gantry_idempotent_replays_total") == n
    assert grew("gantry_commands_total", command="allocate", result="applied") == n
    assert grew("gantry_commands_total", command="allocate", result="stood") == n
    assert grew("gantry_commands_total", command="allocate", result="refused") == n
    assert grew("gantry_command_refusals_total", command="allocate",
                code="INSUFFICIENT_STOCK") == n
    assert grew("gantry_commands_total", command="confirm") == n / 2
    assert grew("gantry_events_staged_total", type="AllocationCreated") == n
    assert grew("gantry_events_staged_total", type="AllocationConfirmed") == n / 2
    assert grew("gantry_events_staged_total", type="InsufficientStock") == n
    assert grew("gantry_handler_runs_total", handler="allocate.create") == 5 * n
    # a get asks, and is called again with the answer
    assert grew("gantry_handler_duration_seconds_count", handler="allocate.get") == 4 * n
    assert grew("gantry_handler_runs_total", handler="allocate.get") == 2 * n
    # ticks ask and have units, too
    assert 0 <= grew("gantry_asks_total", kind="query", result="answered") - 2 * n < 50
    assert 0 <= grew("gantry_unit_messages_sum") - 5 * n < 50
    assert 0 < grew("gantry_unit_messages_count") <= 5 * n + 100
    assert grew("gantry_unit_commit_duration_seconds_count") == \
        grew("gantry_unit_messages_count")
    assert grew("gantry_unit_failures_total") == 0
    assert after.of("gantry_messages_waiting") == 0
    assert after.of("gantry_storage_up") == 1


def test_gauges_are_those_of_the_store(g):
    rows = g.rows("select count(*) as n, min(created_at) as oldest from outbox")[0]
    wait_for("the outbox was counted", 10,
             lambda: scrape(g).of("gantry_outbox_events") == rows["n"])
    age = wait_for("the oldest was looked at", 20,
                   lambda: scrape(g).of("gantry_outbox_age_seconds"))
    assert abs(time.time() - rows["oldest"] / 1000 - age) < 3, (age, rows)


SCHEDULES = ["every 10s allocate.expire", "every 1h reconcile.run"]


def test_nothing_from_outside_makes_it_grow(g):
    def everything(i):
        odd = "zzodd%d" % i
        g.orders.get("/" + odd)
        g.orders.get("/allocations/" + odd)
        g.orders.get("/allocations?" + odd + "=1")
        g.orders.get("/allocations/x", token=odd)
        g.orders.get("/allocations/x", headers={"X-Correlation-ID": odd})
        g.orders.ask("POST", "/allocations/" + odd)
        g.events.post("/events/%s/%s" % (odd, odd), {"eventId": odd, "eventType": odd})
        # it is bound, and its type is no one's
        g.publish(odd, {"orderId": odd})

    everything(0)
    # histograms of a tick begin with the first one
    wait_for("a tick", 30, lambda: scrape(g).of(
        "gantry_schedule_runs_total", schedule=SCHEDULES[0]) > 0)
    # the other one's turn is an hour, over a restart, too
    wait_for("a turn", 30, lambda: g.rows(
        "select name from leases where name like 'schedule:every 1h:%'"))
    time.sleep(0.5)
    before = scrape(g)
    for i in range(1, 200):
        everything(i)
    after = scrape(g)
    assert "zzodd" not in after.text, [l for l in after.text.split("\n") if "zzodd" in l][:5]
    assert after.series - before.series <= 4, (before.series, after.series)
    assert after.series < 1200, after.series


def test_dead_letters_by_cause(g):
    put(g, *[{"cause": "ORDER_UNKNOWN"}] * 3)
    put(g, *[{"cause": 'A "cause"'}])
    put(g, *[{"cause": "CAUSE_%02d" % i} for i in range(40)])

    def counted():
        page = scrape(g)
        return page if page.of("gantry_dead_letters_open") == 44 else None

    page = wait_for("the letters are counted", 20, counted)
    name = "gantry_dead_letters_open"
    assert page.of(name, cause="ORDER_UNKNOWN") == 3
    # 32 causes, those with most first, and the rest
    assert len(page.values(name, "cause")) == 33
    assert page.of(name, cause="other") == 10


def ticked(page, name):
    """Whether all that counts the runs of a schedule has counted the same; a run
    that goes on now is not everywhere yet."""
    runs = page.of("gantry_schedule_runs_total", schedule=name)
    return page.of("gantry_schedule_duration_seconds_count", schedule=name) == runs and \
        page.of("gantry_handler_runs_total", handler=name.split()[-1]) == runs


def test_schedule(g):
    def ran():
        page = scrape(g)
        names = page.values("gantry_schedule_runs_total", "schedule")
        assert sorted(names) == SCHEDULES, names
        # one whose turn was before a restart has none
        names = [name for name in names
                 if page.of("gantry_schedule_runs_total", schedule=name) > 0]
        # no lease, and nothing else that is the gateway's own
        same = page.of("gantry_messages_total", source="schedule") == \
            page.of("gantry_schedule_runs_total")
        if SCHEDULES[0] not in names or not same or \
                not all(ticked(page, name) for name in names):
            return None
        return page, names

    page, names = wait_for("a tick, counted everywhere", 30, ran)
    for name in names:
        assert page.of("gantry_schedule_runs_total", schedule=name, verdict="done") >= 1


def test_connections(g):
    name = "gantry_http_connections"
    before = scrape(g).of(name)
    clients = [g.client("order-service") for _ in range(7)]
    for client in clients:
        client.get("/nothing")
    assert scrape(g).of(name) == before + 7
    for client in clients:
        client.close()
    wait_for("they are closed", 5, lambda: scrape(g).of(name) == before)
    assert scrape(g).of("gantry_http_connections_cut_total") == 0


def test_process(g):
    page, proc = scrape(g), "/proc/%d/" % g.process.pid
    assert page.of("gantry_build_info") == 1
    with open(proc + "status") as f:
        status = dict(line.split(":", 1) for line in f)
    rss = int(status["VmRSS"].split()[0]) * 1024
    assert abs(page.of("process_resident_memory_bytes") - rss) < rss / 4
    assert page.of("process_threads") == int(status["Threads"])
    # ours that asks is closed already
    assert abs(page.of("process_open_fds") - len(os.listdir(proc + "fd"))) <= 3
    assert abs(page.of("process_start_time_seconds") -
               os.stat(proc).st_mtime) < 60
    assert 0 < page.of("process_cpu_seconds_total") < 600


def probe(g, path):
    client = Client(g.admin_port)
    got = client.get(path)
    client.close()
    return got.status, got.json


def test_one_that_stops_is_not_ready(g):
    """While it ends what is under way, here a request to somebody who is silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = "http://127.0.0.1:%d" % silent.getsockname()[1]
        with Gantry("upstreams:\n  order-service: {url: \"%s\", auth: services, "
                    "timeout: 60s, deadline: 60s, retries: 0}\n" % url, "stopping") as other:
            client = other.client("inventory-service")
            asked = threading.Thread(target=client.get, args=("/orders/o",))
            asked.start()
            there, _ = silent.accept()
            assert probe(other, "/readyz") == (200, {"status": "pass"})
            other.process.send_signal(signal.SIGTERM)
            wait_for("it says so", 15, lambda: probe(other, "/readyz") == (
                503, {"status": "fail", "reason": "stopping"}))
            assert probe(other, "/livez") == (200, {"status": "pass"})
            there.close()
            asked.join()
            assert other.stop() == 0


def test_storage_that_is_away(g):
    over = threading.Event()
    outage = threading.Thread(target=g.store.outage, args=(over, 60))
    client = g.client("inventory-admin")

    def refused():
        return client.post("/inventory-items", {
            "id": g.fresh("inv"), "sku": "X", "productId": "p", "warehouseId": "w",
            "availableQuantity": 1}).status == 503
    outage.start()
    try:
        wait_for("it is away", 20, refused)
        # that the page is there depends on nothing
        page = scrape(g)
        assert page.of("gantry_storage_up") == 0
        # and neither does that it runs; but work goes to others
        assert probe(g, "/livez") == (200, {"status": "pass"})
        assert probe(g, "/readyz") == (503, {"status": "fail", "reason": "storage"})
        assert page.of("gantry_messages_total", source="http", verdict="failed") >= 1
        # who waits is refused before that
        wait_for("a unit has failed", 20, lambda: scrape(g).of(
            "gantry_unit_failures_total", cause="away") >= 1)
    finally:
        over.set()
        outage.join()
    wait_for("storage is up", 20, lambda: scrape(g).of("gantry_storage_up") == 1)
    assert probe(g, "/readyz") == (200, {"status": "pass"})


if __name__ == "__main__":
    tap.main()
