# SPDX-License-Identifier: Apache-2.0
"""The day as events over RabbitMQ: what the shop's order service would publish
goes in, and a consumer shows and counts what comes out."""
import collections
import json
import sys
import time

import world
from rabbit import wait_for
from world import QUEUE

MADE = {"confirmed": ("OrderConfirmed",), "fulfilled": ("OrderConfirmed",),
        "cancelled": ("OrderCancelled",), "pending": ()}
# a dead letter is to be seen in a demo, not to be waited for
RETRY = ", retry: [200ms, 500ms, 1s]"


def order_events(invoice):
    """What becomes of it until it is shipped. Every line goes out as it stands,
    also what no shop should sell."""
    first = world.created(invoice.order, [
        (line.order_item, line.item, line.quantity) for line in invoice.lines])
    rest = {"OrderConfirmed": world.confirmed,
            "OrderCancelled": lambda order: world.cancelled(
                order, reason="customer changed his mind")}
    return [first] + [rest[type](invoice.order) for type in MADE[invoice.fate]]


def return_events(credit, sold):
    """A credit note is a return: of what was sold today, or, for a line that was
    sold before, of an order that nobody here knows."""
    made = []
    for line in credit.lines:
        was = sold.get(line)
        order = "ord_" + was.invoice if was else "ord_of_an_earlier_day_" + credit.number
        made.append(world.returned(
            order, "ret_%s_%d" % (credit.number, line.number),
            items=[{"orderItemId": was.order_item if was else line.order_item,
                    "quantity": -line.quantity}]))
    return made


class Show(world.Seen):
    """Counts what comes out, and says so while it comes."""

    def __init__(self, rabbit):
        super().__init__(rabbit)
        self.types = collections.Counter()
        self.samples = {}
        self.shown = 0.0

    def note(self, method, properties, body):
        before = len(self.known)
        super().note(method, properties, body)
        if len(self.known) == before:
            return
        type = properties.type
        self.types[type] += 1
        self.samples.setdefault(type, (method, properties, body))
        pause = 0.1 if sys.stdout.isatty() else 1.0
        if time.monotonic() - self.shown >= pause:
            self.show()

    def show(self, end=""):
        self.shown = time.monotonic()
        text = "  out: " + ", ".join("%d %s" % (n, t.replace("Allocation", ""))
                                     for t, n in sorted(self.types.items()))
        tty = sys.stdout.isatty()
        print(("\r" if tty else "") + text, end=end if tty else "\n", flush=True)


class EventDay:
    """The day, from goods in to what came back."""

    def __init__(self, w, shop, day, sold):
        self.w, self.shop, self.day, self.sold = w, shop, day, sold
        self.orders = [i for i in day if not i.is_credit]
        self.credits = [i for i in day if i.is_credit]
        self.fed = []
        self.seconds = 0.0

    def feed(self, events):
        """All of them; returns when each is through, as a dead letter too."""
        self.fed += events
        began = time.monotonic()
        self.w.feed(events, rate=5000)
        wait_for("all events are through", 60,
                 lambda: self.w.taken() >= len(self.fed))
        self.seconds += time.monotonic() - began

    def run(self):
        self.feed([e for i in self.orders for e in order_events(i)])
        held = self.held()
        for invoice in self.orders:
            for line in invoice.lines:
                line.allocation = held.get(line.order_item)
        # the warehouse ships, which is a request and no event
        shipped = [i for i in self.orders if i.fate == "fulfilled"]
        self.shop.run_all(shipped, lambda i: self.shop.change(i, "fulfill"), 8)
        self.feed([e for c in self.credits for e in return_events(c, self.sold)])
        for credit in self.credits:
            for line in credit.lines:
                if line in self.sold:
                    self.shop.expect(self.shop.ask(
                        self.w.g.stock, "POST", "/returns/ret_%s_%d/receive" % (
                            credit.number, line.number)), 200)
        self.w.wait_until_published()
        wait_for("all that is published has come", 30, self.w.nothing_new)
        self.w.seen.show("\n")

    def held(self):
        return {r["order_item_id"]: r["id"] for r in self.w.g.rows(
            "select order_item_id, id from allocations where status <> 'CANCELLED'")}

    def letters(self):
        """{cause: (number, text of one)} of the dead letters."""
        found = {}
        for row in self.w.g.rows("select cause, text from dead_letters"):
            n, text = found.get(row["cause"], (0, row["text"]))
            found[row["cause"]] = (n + 1, text)
        return found

    # --- what must hold: each gives a line and whether it does ---

    def checks(self):
        w, types = self.w, self.w.seen.types
        letters = {r["event_id"] for r in w.g.rows("select event_id from dead_letters")}
        ids = {e["eventId"] for _, e in self.fed}
        marks = {r["key"]: r["state"] for r in w.g.rows("select key, state from inbox")}
        yield ("I6: %d events in, each applied once or a dead letter with its cause" %
               len(ids),
               set(marks) == {"%s:%s" % (QUEUE, i) for i in ids} and
               letters == {k.split(":", 1)[1] for k, s in marks.items() if s == "dead"})
        held = collections.Counter(r["status"] for r in w.g.rows(
            "select status from allocations"))
        yield ("an AllocationCreated for each of %d allocations" % sum(held.values()),
               types["AllocationCreated"] == sum(held.values()))
        yield ("an AllocationFulfilled for each of %d that were shipped" %
               held["FULFILLED"], types["AllocationFulfilled"] == held["FULFILLED"])
        yield ("an AllocationCancelled for each of %d" % held["CANCELLED"],
               types["AllocationCancelled"] == held["CANCELLED"])
        yield ("an AllocationConfirmed for each of %d" %
               (held["CONFIRMED"] + held["FULFILLED"]),
               types["AllocationConfirmed"] == held["CONFIRMED"] + held["FULFILLED"])
        good = {"ord_" + i.number for i in self.orders
                if "created-ord_" + i.number not in letters}
        lines = {l.order_item for i in self.orders if i.order in good for l in i.lines
                 if l.item not in self.unknown()}
        stored = {r["order_item_id"] for r in w.g.rows(
            "select order_item_id from allocations")}
        yield ("an InsufficientStock for each of %d lines that fell short" %
               len(lines - stored), types["InsufficientStock"] == len(lines - stored))

    def unknown(self):
        known = {r["id"] for r in self.w.g.rows("select id from items")}
        return {l.item for i in self.orders for l in i.lines} - known

    def sample(self, type):
        """One event as it left, for people."""
        method, properties, body = self.w.seen.samples[type]
        return "exchange %s, routing key %s\n%s" % (
            method.exchange, method.routing_key, json.dumps(json.loads(body), indent=2))

