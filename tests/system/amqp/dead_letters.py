#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Poison that comes over a real RabbitMQ becomes dead letters, and a person
deals with them by gantry dead-letters: nothing is lost, nothing applied twice."""
import json
import re
import subprocess
import sys
import time

import _path
import tap
from gantry import PROGRAM
from rabbit import Lodging, missing, wait_for
from world import QUEUE, World, confirmed, created, run_all

KEY = "order.ordercreated.order"
MANY = 500


class Dying(World):
    def __init__(self, rabbit):
        super().__init__(rabbit, amqp=", retry: [100ms, 200ms]", name="letters")

    def send(self, key, body, **properties):
        with self.client() as c:
            c.publish("order.events", key, body, **properties)

    def letter(self, id):
        rows = self.g.rows("select * from dead_letters where event_id = ?", id)
        assert len(rows) <= 1, rows
        return rows[0] if rows else None

    def wait_for_letter(self, id):
        return wait_for("dead letter " + id, 60, lambda: self.letter(id))

    def deliveries(self):
        """How many are through, whatever became of them."""
        return sum(n for name, n in self.g.metrics().items()
                   if name.startswith('gantry_deliveries_total{queue="%s"' % QUEUE))

    def send_again(self, key, *bodies):
        """And that is through."""
        before = self.deliveries()
        for body in bodies:
            self.send(key, body)
        wait_for("they are through", 60,
                 lambda: self.deliveries() >= before + len(bodies))

    def mark(self, id):
        rows = self.g.rows("select state from inbox where key = ?", QUEUE + ":" + id)
        return rows[0]["state"] if rows else None

    def open(self):
        return self.one("select count(*) from dead_letters where state = 'open'")

    def run(self, *words, input=None, seconds=60):
        done = subprocess.run(
            [PROGRAM, "dead-letters"] + [str(w) for w in words] +
            ["--config", self.g.path("gantry.yaml")] + self.g.folders(),
            capture_output=True, text=True, timeout=seconds, input=input)
        return done

    def poison(self, item, order, quantity=1, **broken):
        """An event that has to be mended first."""
        key, event = created(order, [("l1", item, quantity)])
        good = json.loads(json.dumps(event))
        event["payload"].update(broken or {"orderId": 7})
        return key, event, good


def test_poison_is_listed_and_shown(w):
    item, order = w.g.item(100), w.g.fresh("ord")
    key, event, _ = w.poison(item, order)
    w.send(key, event, headers={"x-tenant": "north"}, correlation_id="cor-7")
    row = w.wait_for_letter(event["eventId"])
    assert (row["cause"], row["queue"], row["handler"], row["attempts"]) == (
        "VALIDATION_ERROR", QUEUE, "orders.created", 1), row
    assert w.mark(event["eventId"]) == "dead"
    done = w.run("list")
    assert done.returncode == 0 and event["eventId"] in done.stdout, done
    done = w.run("list", "--group", "--json")
    causes = json.loads(done.stdout)["causes"]
    assert [(c["cause"], c["queue"], c["count"]) for c in causes] == [
        ("VALIDATION_ERROR", QUEUE, 1)], causes
    shown = json.loads(w.run("show", row["ref"], "--json").stdout)
    assert json.loads(shown["body"]) == event, shown
    assert shown["exchange"] == "order.events" and shown["routingKey"] == key, shown
    assert shown["correlationId"] == "cor-7", shown
    assert shown["headers"]["x-tenant"] == "north", shown
    assert "payload.orderId" in shown["text"], shown


def test_edit_applies_it_once(w):
    item, order = w.g.item(100), w.g.fresh("ord")
    key, event, good = w.poison(item, order, 3)
    w.send(key, event)
    row = w.wait_for_letter(event["eventId"])
    done = w.run("edit", row["ref"], "--body", "-", input=json.dumps(good))
    assert (done.returncode, done.stdout) == (
        0, "dead letter %d: applied\n" % row["ref"]), done
    assert w.g.quantities(item) == (100, 3)
    assert w.mark(event["eventId"]) == "applied"
    # neither the broken one nor the good one does anything any more
    w.send_again(key, event, good)
    assert w.g.quantities(item) == (100, 3)
    assert w.letter(event["eventId"])["state"] == "applied"


def test_discard_closes_it(w):
    item, order = w.g.item(100), w.g.fresh("ord")
    key, event, good = w.poison(item, order)
    w.send(key, event)
    row = w.wait_for_letter(event["eventId"])
    done = w.run("discard", row["ref"], "--reason", "a test")
    assert done.stdout == "dead letter %d: discarded\n" % row["ref"], done
    w.send_again(key, good)
    assert w.g.quantities(item) == (100, 0)
    assert w.mark(event["eventId"]) == "discarded"


def test_bytes_survive(w):
    """What is no text at all comes back as it was."""
    before = w.open()
    w.send(KEY, b"\x00\xff{not json", message_id="bytes-1")
    row = w.wait_for_letter("bytes-1")
    assert w.open() == before + 1
    assert (row["form"], row["body"]) == ("base64", "AP97bm90IGpzb24="), row
    done = w.run("retry", row["ref"])
    assert done.returncode == 1 and "VALIDATION_ERROR" in done.stderr, done
    assert w.letter("bytes-1")["attempts"] == 2
    assert w.run("discard", row["ref"], "--reason", "bytes").returncode == 0


def test_a_letter_retried_later_is_applied(w):
    """Confirmed before the order was known, and the tiers did not suffice."""
    item, order = w.g.item(100), w.g.fresh("ord")
    key, event = confirmed(order)
    w.send(key, event)
    row = w.wait_for_letter(event["eventId"])
    assert row["cause"] == "ORDER_UNKNOWN" and row["attempts"] >= 3, row
    done = w.run("retry", row["ref"])
    assert done.returncode == 1 and "ORDER_UNKNOWN" in done.stderr, done
    w.send(*created(order, [("l1", item, 1)]))
    wait_for("the order is there", 60, lambda: w.mark("created-" + order))
    done = w.run("retry", row["ref"])
    assert done.stdout == "dead letter %d: applied\n" % row["ref"], done
    assert [r["status"] for r in w.g.rows(
        "select a.status from allocations a join orders o on o.ref = a.ord "
        "where o.id = ?", order)] == ["CONFIRMED"]


def test_many_at_a_rate(w):
    """A frozen set; what dies meanwhile waits for the next time."""
    assert w.run("retry", "--all", "--rate", "1000/s", "--max-errors", "0") is not None
    for row in w.g.rows("select ref from dead_letters where state = 'open'"):
        w.run("discard", row["ref"], "--reason", "before")
    item = w.g.item(10000)
    orders = [w.g.fresh("many") for _ in range(MANY)]
    w.feed([confirmed(order) for order in orders])
    wait_for("%d letters" % MANY, 120, lambda: w.open() == MANY, 0.3)
    w.feed([created(order, [("l1", item, 1)]) for order in orders])
    wait_for("all orders are there", 60, lambda: w.one(
        "select count(*) from orders where id like 'many%'") == MANY, 0.2)
    began = time.monotonic()
    going = subprocess.Popen(
        [PROGRAM, "dead-letters", "retry", "--cause", "ORDER_UNKNOWN", "--rate",
         "100/s", "--config", w.g.path("gantry.yaml")] + w.g.folders(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("some are retried", 60, lambda: w.open() < MANY - 20)
    late = confirmed(w.g.fresh("late"))
    w.send(*late)
    out, err = going.communicate(timeout=300)
    took = time.monotonic() - began
    assert out == ("%d dead letters: %d applied, 0 refused, 0 closed before, 0 failed, "
                   "0 not tried\n" % (MANY, MANY)), (out, err)
    assert going.returncode == 0, err
    assert took >= (MANY - 1) / 100, took
    assert all(re.fullmatch(r"\d+ of 500, 0 failed", line)
               for line in err.splitlines()), err
    row = w.wait_for_letter(late[1]["eventId"])
    assert row["state"] == "open", row
    assert w.one("select count(*) from allocations a join orders o on o.ref = a.ord "
                 "where o.id like 'many%' and a.status = 'CONFIRMED'") == MANY
    done = w.run("retry", "--all")
    assert done.returncode == 1 and done.stdout == (
        "1 dead letters: 0 applied, 0 refused, 0 closed before, 1 failed, 0 not tried\n"
    ), done


def test_export_and_run(w):
    """What is left, offline: the same verdict, and nothing kept."""
    path = w.g.path("letters.jsonl")
    done = w.run("export", path)
    assert done.stdout == "1 dead letters exported to %s\n" % path, done
    done = subprocess.run([PROGRAM, "run-handler", "--export", path, "--json",
                           "--config", w.g.path("gantry.yaml")] + w.g.folders(),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    got = json.loads(done.stdout)
    assert got["code"] == "ORDER_UNKNOWN" and got["handler"] == "orders.confirmed", got


def test_in_the_end_all_is_in_order(w):
    audit = w.g.rows("select * from audit")
    results = {r["result"] for r in audit}
    assert results == {"applied", "failed", "discarded"}, results
    assert all(r["actor"].startswith("uid ") for r in audit)
    w.wait_until_published()
    with open(w.g.path("log")) as f:
        log = f.read()
    for secret in ("x-tenant", "requiresPreAllocation", "not json"):
        assert secret not in log, secret
    assert w.g.stop() == 0
    w.check_store()
    w.check_published()
    w.check_queues()
    w.verify()


def main():
    tap.skip_all(missing())
    with Lodging("letters") as r, Dying(r) as w:
        status = run_all(w)
    sys.exit(status)


if __name__ == "__main__":
    main()
