#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The metrics page of a gateway on a RabbitMQ: what it says of events that go out
and come in is what was sent; a broker that goes away; types that nobody knows."""
import sys
import time

import _path  # noqa: F401
import tap
from rabbit import Rabbit, missing, wait_for
from scrape import check_documented, promtool, scrape
from world import QUEUE, World, cancelled, created, order_event, run_all


def send(w, *events):
    with w.client() as c:
        for key, event in events:
            c.publish("order.events", key, event, window=100)
        c.settle()


def wait_for_deliveries(w, before, n):
    def through():
        page = scrape(w.g)
        got = page.of("gantry_deliveries_total") - before.of("gantry_deliveries_total")
        assert got <= n, (got, n)
        return page if got == n else None
    return wait_for("%d deliveries" % n, 30, through)


def test_the_manual_page_names_all(w):
    check_documented(scrape(w.g), ("gantry_upstream_calls_total",
                                    "gantry_upstream_tries_total",
                                    "gantry_upstream_under_way",
                                    "gantry_backlog_"))


def test_numbers_are_those_of_what_came(w):
    item, before = w.g.item(100), scrape(w.g)
    orders = [w.g.fresh("ord") for _ in range(20)]
    good = [created(o, [("l1", item, 2)]) for o in orders]
    send(w, *good)                                              # applied
    send(w, *good[:5])                                          # duplicates
    send(w, *[created(w.g.fresh("ord"), [("l1", item, 1000)])
              for _ in range(3)])                               # refused
    bad = created(w.g.fresh("ord"), [("l1", item, 1)])
    bad[1]["payload"]["items"][0]["quantity"] = -1
    send(w, bad)                                                # dead
    after = wait_for_deliveries(w, before, 29)

    def grew(name, **labels):
        return after.of(name, **labels) - before.of(name, **labels)

    for name, label in (("gantry_deliveries_total", {"queue": QUEUE}),
                        ("gantry_events_total", {"type": "OrderCreated"})):
        for outcome, n in (("applied", 20), ("duplicate", 5), ("refused", 3),
                           ("dead", 1), ("retried", 0)):
            assert grew(name, outcome=outcome, **label) == n, (name, outcome)
    assert grew("gantry_event_duration_seconds_count", queue=QUEUE) == 29
    assert grew("gantry_messages_total", source="amqp", verdict="rejected") == 1
    assert grew("gantry_commands_total", command="allocate", result="applied") == 20
    assert grew("gantry_commands_total", command="allocate", result="refused") == 3
    assert grew("gantry_events_staged_total", type="AllocationCreated") == 20
    assert grew("gantry_events_staged_total", type="InsufficientStock") == 3
    w.wait_until_published()
    after = wait_for("all is confirmed", 20, lambda: (
        lambda p: p if p.of("gantry_publisher_in_flight") == 0 else None)(scrape(w.g)))
    assert grew("gantry_published_total") == 23
    assert grew("gantry_publish_lag_seconds_count") == 23
    assert 0 < grew("gantry_publish_lag_seconds_sum") < 23 * 20
    assert grew("gantry_publish_refused_total") == 0
    assert after.of("gantry_publisher_connected") == 1
    assert after.of("gantry_consumer_connected") == 1


def test_dead_letters(w):
    def there():
        page = scrape(w.g)
        return page if page.of("gantry_dead_letters_open") > 0 else None
    page = wait_for("the letter is counted", 20, there)
    assert page.of("gantry_dead_letters_open", cause="VALIDATION_ERROR") == 1
    assert page.of("gantry_dead_letters_stored_total") == 1


def test_retries(w):
    """The order is not known, until in vain: two retries, then a dead letter."""
    before = scrape(w.g)
    send(w, order_event("OrderConfirmed", w.g.fresh("unknown"),
                        {"orderId": w.g.fresh("ord")}))
    after = wait_for_deliveries(w, before, 3)
    name, labels = "gantry_events_total", {"type": "OrderConfirmed"}
    assert after.of(name, outcome="retried", **labels) == 2
    assert after.of(name, outcome="dead", **labels) == 1
    assert after.of("gantry_consumer_paused") == 0


def test_types_that_nobody_knows(w):
    before = scrape(w.g)
    key = "order.ordercancelled.order"
    send(w, *[(key, dict(cancelled(w.g.fresh("ord"), w.g.fresh("odd"))[1],
                         eventType='Odd "%d"\\' % i)) for i in range(100)])
    after = wait_for_deliveries(w, before, 100)
    types = after.values("gantry_events_total", "type")
    assert len(types) <= 33 and "other" in types, types
    assert 'Odd "0"\\' in types, types
    assert after.of("gantry_events_total", type="other") >= 100 - 32
    assert after.of("gantry_events_total") - before.of("gantry_events_total") == 100
    said = promtool("check", "metrics", text=after.text)
    assert said is None or (said.returncode, said.stdout, said.stderr) == (0, "", ""), said


def test_a_broker_that_goes_away(w):
    w.wait_until_published()
    item, before = w.g.item(10), scrape(w.g)
    w.r.stop()
    wait_for("both say so", 30, lambda: (
        lambda p: p.of("gantry_publisher_connected") == 0 and
        p.of("gantry_consumer_connected") == 0)(scrape(w.g)))
    for _ in range(4):
        w.g.allocate(item, 1)
    page = scrape(w.g)
    assert page.of("gantry_outbox_events") == 4
    time.sleep(2)
    wait_for("they grow old", 20,
             lambda: scrape(w.g).of("gantry_outbox_age_seconds") >= 2)
    w.r.start()
    w.wait_until_published()
    after = wait_for("all is out", 30, lambda: (
        lambda p: p if p.of("gantry_outbox_events") == 0 and
        p.of("gantry_consumer_connected") == 1 else None)(scrape(w.g)))
    assert after.of("gantry_outbox_age_seconds") == 0
    assert after.of("gantry_published_total") - before.of("gantry_published_total") == 4
    assert after.of("gantry_publisher_connects_total") > \
        before.of("gantry_publisher_connects_total")
    late = [n for (s, labels), n in
            after.families["gantry_publish_lag_seconds"].samples.items()
            if s == "_bucket" and labels == (("le", "1"),)][0]
    assert after.of("gantry_publish_lag_seconds_count") - late >= 4, late


def main():
    tap.skip_all(missing())
    with Rabbit("observe") as r, \
            World(r, amqp=", retry: [200ms, 400ms]", name="observe") as w:
        status = run_all(w)
    sys.exit(status)


if __name__ == "__main__":
    main()
