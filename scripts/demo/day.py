#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts the gateway on a temporary SQLite file, gives it a real day of
invoices, and says what came of it. ./demo builds it first and then runs this.
"""
import argparse
import collections
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from http import HTTPStatus

sys.dont_write_bytecode = True
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tests/system"))
sys.path.insert(0, os.path.join(TOP, "tests/system/amqp"))

import gantry               # noqa: E402
import invoices             # noqa: E402
import traffic              # noqa: E402

DATA = os.path.join(TOP, "data/online-retail/2010-12-01.csv")
ROLES = {"ORDER_TOKEN": "order-service", "STOCK_TOKEN": "inventory-admin",
         "EVENT_TOKEN": "event-publisher", "ADMIN_TOKEN": "gantry-admin"}
WIDE = 72
CLIENTS = 8


def arguments():
    parser = argparse.ArgumentParser(
        prog="./demo", description="Install, build, start the gateway on a temporary "
        "SQLite file, and turn a day of real invoices into allocations over HTTP.")
    parser.add_argument("--keep", action="store_true",
                        help="stay up afterwards, until Ctrl-C, and print what to try")
    parser.add_argument("--rabbitmq", action="store_true",
                        help="install and start a RabbitMQ of its own, and run the day "
                        "as events over it")
    parser.add_argument("--port", type=int, metavar="N",
                        help="of the API (default: 8080, or a free one)")
    parser.add_argument("--admin-port", type=int, metavar="N",
                        help="of the admin listener (default: 9080, or a free one)")
    parser.add_argument("--exports", metavar="FILE",
                        help="write shell variables for more tries when all is ready: "
                        "BASE, ADMIN, tokens, PID, CONFIG, DATA, GANTRY, JWT_KEY, "
                        "JWT_ISSUER, JWT_AUDIENCE; implies --keep")
    parser.add_argument("--only-parse", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.keep = given.keep or bool(given.exports)
    return given


# --- how it looks ---

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(text, code):
    return "\033[%sm%s\033[0m" % (code, text) if COLOUR else text


def heading(text):
    print("\n" + paint(text, "1"))
    print("-" * len(text), flush=True)


def row(label, number, indent=0):
    number = format(number, ",")
    label = "  " * (indent + 1) + label
    print("%s %s" % (label.ljust(WIDE - 10, " " if indent else "."), number.rjust(9)))


def verdict(good, text):
    print("  %s  %s" % (paint("ok    ", "32") if good else paint("BROKEN", "1;31"), text),
          flush=True)
    return good


class Progress:
    """One line that grows on a terminal; elsewhere a line for each quarter."""

    def __init__(self, label, total):
        self.label, self.total, self.done = label, total, 0
        self.shown = 0
        self.began = time.monotonic()

    def add(self, n, requests):
        self.done += n
        step = 100 if sys.stdout.isatty() else 4
        at = self.done * step // max(self.total, 1)
        if at == self.shown:
            return
        self.shown = at
        bar = "#" * (20 * self.done // self.total)
        text = "  %s [%-20s] %d of %d, %d requests, %.1f s" % (
            self.label, bar, self.done, self.total, requests,
            time.monotonic() - self.began)
        end = "\n" if not sys.stdout.isatty() or self.done == self.total else ""
        print(("\r" if sys.stdout.isatty() else "") + text, end=end, flush=True)


# --- the gateway ---

def port_or_free(wanted, usual):
    """wanted as it is; usual unless it is taken."""
    if wanted:
        return wanted
    try:
        with gantry.socket.socket() as s:
            s.setsockopt(gantry.socket.SOL_SOCKET, gantry.socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", usual))
            return usual
    except OSError:
        return gantry.free_port()


class Demo(gantry.Gantry):
    def __init__(self, given):
        super().__init__("", "gantry-demo")
        self.port = port_or_free(given.port, 8080)
        self.admin_port = port_or_free(given.admin_port, 9080)
        self.write("gantry.yaml", self.configuration("").encode())

    def __exit__(self, kind, value, trace):
        """The log is shown for faults only, and the folder goes in any case."""
        calm = kind in (None, SystemExit, KeyboardInterrupt, BrokenPipeError)
        try:
            super().__exit__(None if calm else kind, value, trace)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def minted(self, role):
        """For a day, not for an hour."""
        return subprocess.run(
            [gantry.PROGRAM, "token", "mint", "--key", self.path("jwt.key"),
             "--algorithm", "HS256", "--issuer", "shop", "--audience",
             "inventory-service", "--role", role, "--subject", "demo", "--ttl", "24h"],
            check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def token_that_expired(self):
        then = int(time.time()) - 7200
        return self.token("order-service", iat=then, exp=then + 3600)

    def exports(self):
        values = {"BASE": "http://127.0.0.1:%d" % self.port,
                  "ADMIN": "http://127.0.0.1:%d" % self.admin_port,
                  "PID": str(self.process.pid), "CONFIG": self.path("gantry.yaml"),
                  "DATA": self.path("gantry.db"),
                  "GANTRY": os.path.abspath(gantry.PROGRAM),
                  "JWT_KEY": self.path("jwt.key"), "JWT_ISSUER": "shop",
                  "JWT_AUDIENCE": "inventory-service",
                  "EXPIRED_TOKEN": self.token_that_expired()}
        for name, role in ROLES.items():
            values[name] = self.minted(role)
        return values


def export(path, values):
    """All at once: who waits for the file never reads half of it."""
    partly = "%s.%d" % (path, os.getpid())
    with open(partly, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        for name, value in values.items():
            f.write("%s=%s\n" % (name, shlex.quote(value)))
    os.rename(partly, path)


# --- what happened ---

def show_outcome(day, waiting):
    came_to = collections.Counter(line.came_to for i in day for line in i.lines)
    heading("What happened to %s invoice lines" %
            format(sum(came_to.values()), ","))
    fates = ("pending", "confirmed", "fulfilled", "cancelled")
    row("allocated", sum(came_to[f] for f in fates))
    for fate in fates:
        row({"pending": "still pending", "cancelled": "cancelled again"}.get(fate, fate),
            came_to[fate], 1)
    row("insufficient stock", came_to[traffic.SHORT])
    row("returned into stock", came_to["returned"])
    refused = {k: n for k, n in came_to.items() if isinstance(k, tuple)}
    row("refused as invalid", sum(refused.values()))
    for (code, why), n in sorted(refused.items(), key=lambda one: -one[1]):
        row(code, n, 1)
        of = sorted({line.code for i in day for line in i.lines
                     if line.came_to == (code, why)})
        print("        %s%s" % (why, " (%s)" % ", ".join(of) if len(of) <= 6 else ""))
    heading("Events waiting for a broker")
    for kind, n in sorted(waiting.items()):
        row(kind, n)
    return came_to


def show_one(demo, sample):
    invoice, body, key, answer = sample
    heading("One request, its answer and its event")
    print("POST /allocations\nAuthorization: Bearer (role order-service)\n"
          "Content-Type: application/json\nIdempotency-Key: %s\n\n%s\n" %
          (key, json.dumps(body)))
    print("%d %s\n%s\n\n%s\n" % (answer.status, HTTPStatus(answer.status).phrase, "\n".join(
        "%s: %s" % pair for pair in answer.headers), answer.body.decode().strip()))
    event = demo.outbox(answer.data["id"])[0]
    print("exchange %s, routing key %s\n%s" % (
        event["exchange"], event["routing_key"],
        json.dumps(event["body"], indent=2)), flush=True)


def check(demo, came_to, waiting, again, keyed):
    heading("Checked")
    good = True
    for name, sql in gantry.INVARIANTS.items():
        good &= verdict(not demo.rows(sql), name)
    try:
        demo.check_events()
        good &= verdict(True, "I4, I5: one event for each change, in order")
    except AssertionError as fault:
        good &= verdict(False, "I4, I5: %s" % fault)
    held = collections.Counter(r["status"].lower() for r in
                               demo.rows("select status from allocations"))
    good &= verdict(all(held[f] == came_to[f] for f in
                        ("pending", "confirmed", "fulfilled", "cancelled")),
                    "the store holds what the clients were told")
    good &= verdict(waiting["InsufficientStock"] == came_to[traffic.SHORT],
                    "each line that fell short has its event")
    good &= verdict(again == keyed, "%d of %d requests sent again: the same answer, "
                    "nothing done twice" % (again, keyed))
    ran = subprocess.run([gantry.PROGRAM, "storage", "verify", "--config",
                          demo.path("gantry.yaml")] + demo.folders(),
                         capture_output=True, text=True)
    good &= verdict(ran.returncode == 0, "gantry storage verify")
    if ran.returncode != 0:
        print(ran.stdout + ran.stderr)
    return good


TRY = """
The gateway runs until Ctrl-C. In another shell:

  BASE={BASE}
  TOKEN=$({GANTRY} token mint --key {JWT_KEY} \\
    --algorithm HS256 --issuer {JWT_ISSUER} --audience {JWT_AUDIENCE} \\
    --role order-service)

  curl -s -H "Authorization: Bearer $TOKEN" $BASE/allocations/by-order/ord_536365
  curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    $BASE/allocations -d '{{"orderId": "ord_1", "orderItemId": "1",
    "inventoryItemId": "inv_22423", "quantity": 1}}'
  curl -s {ADMIN}/metrics
  curl -s {ADMIN}/readyz
  {GANTRY} outbox list --config {CONFIG}
  sqlite3 -readonly {DATA} 'select status, count(*) from allocations group by 1'
"""


# --- the day ---

def run_day(demo, given):
    day = invoices.read(DATA)
    goods = list(invoices.goods(day))
    heading("A day of a gift shop: %d invoices, %d goods" % (len(day), len(goods)))
    progress = Progress("goods   ", len(goods))
    shop = traffic.Traffic(demo, day, progress)
    shop.run_all(goods, shop.stock_good, CLIENTS)
    lines = sum(len(i.lines) for i in day)
    shop.progress = Progress("invoices", lines)
    began = time.monotonic()
    shop.run_all([i for i in day if not i.is_credit], shop.run_order, CLIENTS,
                 lambda i: len(i.lines))
    sold = dict(invoices.returns(day))
    for credit in (i for i in day if i.is_credit):
        shop.run_credit(credit, sold)
        shop.progress.add(len(credit.lines), shop.requests)
    seconds = time.monotonic() - began
    again = shop.ask_again()
    print("  %d requests in %.1f s, %d clients" % (shop.requests, seconds, CLIENTS))
    waiting = collections.Counter(r["type"] for r in
                                  demo.rows("select type from outbox"))
    came_to = show_outcome(day, waiting)
    show_one(demo, shop.sample)
    return check(demo, came_to, waiting, again, len(shop.keyed))


TRY_EVENTS = """
The broker listens on {AMQP}, user {AMQP_USER}, password {AMQP_PASSWORD}. Look
at what should be there and is, at what waits, and at what was given up and why:

  {GANTRY} topology plan --config {CONFIG}
  {GANTRY} outbox list --config {CONFIG}
  {GANTRY} dead-letters list --config {CONFIG}

An event of your own, and what it comes to:

  {PYTHON} - <<'END'
import sys; sys.path.insert(0, "{SYSTEM}")
import rabbit
with rabbit.Client({AMQP_PORT}) as c:
    c.queue("mine", ("inventory.events", "#"), ("inventory.notifications", "#"))
    c.publish("order.events", "order.ordercreated.order", {{
        "eventId": "mine-1", "eventType": "OrderCreated", "eventVersion": "1.0.0",
        "payload": {{"orderId": "ord_mine", "requiresPreAllocation": True, "items": [
            {{"orderItemId": "1", "inventoryItemId": "inv_22423", "quantity": 1}}]}}}})
    print(c.get("mine", 5)[2].decode())
END
"""


def stay(demo, given, rabbit=None):
    values = demo.exports()
    print(TRY.format(**values), flush=True)
    if rabbit is not None:
        values.update(AMQP=rabbit.url, AMQP_PORT=str(rabbit.port),
                      AMQP_USER="gantry", AMQP_PASSWORD="gantry-secret",
                      PYTHON=shlex.quote(sys.executable),
                      SYSTEM=os.path.realpath(os.path.join(TOP, "tests/system")))
        print(TRY_EVENTS.format(**values), flush=True)
    if given.exports:
        export(given.exports, values)
    code = demo.process.wait()
    demo.process = None
    print("The gateway ended with %d." % code)
    return 0 if code == 0 else 1


# --- the same day as events ---

def run_event_day(w, demo):
    import events
    day = invoices.read(DATA)
    goods = list(invoices.goods(day))
    heading("A day of a gift shop, as events: %d invoices, %d goods" % (
        len(day), len(goods)))
    shop = traffic.Traffic(demo, day, Progress("goods   ", len(goods)))
    shop.run_all(goods, shop.stock_good, CLIENTS)
    shop.progress = Progress("shipping", len([
        i for i in day if i.fate == "fulfilled" and not i.is_credit]))
    run = events.EventDay(w, shop, day, dict(invoices.returns(day)))
    run.run()
    print("  %d events in %.1f s" % (len(run.fed), run.seconds))
    heading("What went in, over order.events")
    for type, n in sorted(collections.Counter(
            e["eventType"] for _, e in run.fed).items()):
        row(type, n)
    heading("What came out, over inventory.events and inventory.notifications")
    for type, n in sorted(w.seen.types.items()):
        row(type, n)
    heading("Given up, with the cause: dead letters")
    for cause, (n, text) in sorted(run.letters().items()):
        row(cause, n)
        print("        %s" % text.split("\n")[0][:WIDE - 8])
    heading("One event as it left")
    print(run.sample("AllocationCreated"), flush=True)
    return check_events(w, demo, run)


def check_events(w, demo, run):
    heading("Checked")
    good = True
    for name, sql in gantry.INVARIANTS.items():
        good &= verdict(not demo.rows(sql), name)
    for text, holds in run.checks():
        good &= verdict(holds, text)
    try:
        w.check_published()
        good &= verdict(True, "I4, I5: one event for each change, in order")
    except AssertionError as fault:
        good &= verdict(False, "I4, I5: %s" % fault)
    left = {q: n for q, n in w.r.queues().items() if n and q != "seen"}
    good &= verdict(not left, "the queues are empty %s" % (left or ""))
    ran = subprocess.run([gantry.PROGRAM, "storage", "verify", "--config",
                          demo.path("gantry.yaml")] + demo.folders(),
                         capture_output=True, text=True)
    good &= verdict(ran.returncode == 0, "gantry storage verify")
    if ran.returncode != 0:
        print(ran.stdout + ran.stderr)
    return good


def main_events(given):
    import events
    import rabbit
    import world
    reason = rabbit.missing()
    if reason:
        sys.exit("demo: " + reason)

    class EventWorld(world.World):
        make_seen = events.Show

    print("Starting a RabbitMQ of its own ...", flush=True)
    with rabbit.Rabbit("demo") as r, \
            EventWorld(r, amqp=events.RETRY, gantry=Demo(given)) as w:
        print("RabbitMQ listens on %s\nThe gateway listens on http://127.0.0.1:%d, "
              "its store is %s" % (r.url, w.g.port, w.g.path("gantry.db")))
        good = run_event_day(w, w.g)
        print("\n%s" % ("All is as it should be." if good else "Something is broken."))
        if given.keep:
            good = stay(w.g, given, r) == 0 and good
        return 0 if good else 1


def ended(number, frame):
    raise SystemExit(0)


def main():
    given = arguments()
    if given.only_parse:
        return 0
    signal.signal(signal.SIGTERM, ended)
    try:
        if given.rabbitmq:
            return main_events(given)
        with Demo(given) as demo:
            print("The gateway listens on http://127.0.0.1:%d, its store is %s" %
                  (demo.port, demo.path("gantry.db")))
            good = run_day(demo, given)
            print("\n%s" % ("All is as it should be." if good else "Something is broken."))
            if given.keep:
                good = stay(demo, given) == 0 and good
            return 0 if good else 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
