#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry topology plan and apply against a real broker: what is made, what is
left alone, what is said; and how the connection gets there: TLS, several hosts,
logins that are refused, a broker that does not answer."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import _path  # noqa: F401
import rabbit
import tap
from gantry import Gantry, PROGRAM, free_port
from rabbit import Proxy, Rabbit, make_tls, wait_for

QUEUE = "inventory.order-events"
TIERS = {"1s": 1000, "10s": 10000, "60s": 60000, "5m": 300000}
KEYS = ["order.order%s.order" % what
        for what in ("created", "confirmed", "cancelled", "returninitiated")]
HOP = {"x-queue-type": "quorum", "x-overflow": "reject-publish",
       "x-dead-letter-strategy": "at-least-once", "x-dead-letter-exchange": ""}
WANTED = {
    QUEUE: dict(HOP, **{"x-dead-letter-routing-key": QUEUE + ".dead",
                        "x-delivery-limit": 50}),
    QUEUE + ".dead": {"x-queue-type": "quorum", "x-delivery-limit": 1000000}}
WANTED.update({"%s.retry.%s" % (QUEUE, name): dict(
    HOP, **{"x-dead-letter-routing-key": QUEUE, "x-message-ttl": ms})
    for name, ms in TIERS.items()})


class Ran:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return "exit %d\n%s%s" % (self.status, self.out, self.err)

    def items(self):
        tree = json.loads(self.out)
        assert tree["ok"] == (self.status == 0), tree
        return {(i["kind"], i["name"] + (" " + i["key"] if "key" in i else "")): i
                for i in tree["items"]}

    def states(self):
        return {name: i["state"] for name, i in self.items().items()}


class House:
    """A broker with TLS, and configurations in a folder."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="topology-")
        self.tls = os.path.join(self.folder, "tls")
        os.mkdir(self.tls)
        make_tls(self.tls)
        os.chmod(os.path.join(self.tls, "key.pem"), 0o600)
        with open(os.path.join(self.folder, "jwt.key"), "w") as f:
            f.write("0123456789abcdef" * 4)
        os.chmod(os.path.join(self.folder, "jwt.key"), 0o600)
        self.rabbit = Rabbit("topology", tls=self.tls, extra=(
            "ssl_options.verify = verify_peer\n"
            "ssl_options.fail_if_no_peer_cert = true\n"))
        self.rabbit.start()
        self.password = self.rabbit.password_file(self.folder)
        return self

    def __exit__(self, kind, value, trace):
        self.rabbit.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def gantry(self, *arguments, url=None, amqp=None, more="", **options):
        """Run a command with this section amqp; options go into it."""
        if amqp is None:
            options = dict({"url": json.dumps(url), "user": "gantry",
                            "password_file": self.password}, **options)
            amqp = "amqp: {%s}\n" % ", ".join("%s: %s" % o for o in options.items())
        with open(self.path("gantry.yaml"), "w") as f:
            f.write("use: inventory\nstorage: {plugin: memory}\n" + amqp + more +
                    "auth:\n  services: {plugin: jwt, key_file: jwt.key, "
                    "algorithm: HS256, issuer: shop, audience: inventory-service}\n")
        command = [PROGRAM, *arguments, "--config", self.path("gantry.yaml")]
        for option, name in (("--presets", "GANTRY_PRESETS"),
                             ("--plugins", "GANTRY_PLUGINS")):
            if os.environ.get(name):
                command += [option, os.environ[name]]
        return Ran(subprocess.run(command, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60))

    def plan(self, **options):
        return self.gantry("topology", "plan", "--json", **options)

    def apply(self, **options):
        return self.gantry("topology", "apply", "--json", **options)

    def vhost(self, name):
        """A virtual host for one test; the URL of it."""
        self.rabbit.add_vhost(name)
        return "%s/%s" % (self.rabbit.url, name)

    def exchanges(self, vhost):
        return {e["name"]: (e["type"], e["durable"]) for e in self.rabbit.listed(
            "list_exchanges", "-p", vhost, "name", "type", "durable")
            if e["name"] and not e["name"].startswith("amq.")}

    def queues_of(self, vhost, name):
        """(messages, consumers) of one queue, or None."""
        for q in self.rabbit.listed("list_queues", "-p", vhost, "name", "messages",
                                    "consumers"):
            if q["name"] == name:
                return q["messages"], q["consumers"]
        return None

    def queues(self, vhost):
        """{name: arguments}; all of them must be durable."""
        found = self.rabbit.listed("list_queues", "-p", vhost, "name", "durable",
                                   "arguments")
        assert all(q["durable"] for q in found), found
        return {q["name"]: arguments(q["arguments"]) for q in found}


def arguments(listed):
    """[["x-overflow", "longstr", "..."], ...] or a dict, by release."""
    if isinstance(listed, dict):
        return listed
    return {a[0]: a[-1] for a in listed}


def equal(is_, should):
    assert is_ == should, "\n%s\nis not\n%s" % (is_, should)


def everything(state, bindings):
    expected = {("queue", name): state for name in WANTED}
    expected.update({("exchange", name): state for name in (
        "inventory.events", "inventory.notifications", "order.events")})
    expected.update({("binding", "%s %s" % (QUEUE, key)): bindings for key in KEYS})
    return expected


def test_plan_makes_nothing(h):
    url = h.vhost("empty")
    ran = h.plan(url=url)
    assert ran.status == 1, ran
    equal(ran.states(), everything("missing", "missing"))
    equal(ran.items()["queue", QUEUE]["wanted"], WANTED[QUEUE])
    equal(ran.items()["queue", QUEUE]["mend"], "gantry topology apply")
    equal((h.queues("empty"), h.exchanges("empty")), ({}, {}))


def test_apply_makes_all_of_it(h):
    url = h.vhost("all")
    ran = h.apply(url=url)
    assert ran.status == 0, ran
    equal(ran.states(), everything("made", "made"))
    equal(h.queues("all"), WANTED)
    equal(h.exchanges("all"), {name: ("topic", True) for name in (
        "inventory.events", "inventory.notifications", "order.events")})
    bound = {(b["source_name"], b["destination_name"], b["routing_key"])
             for b in h.rabbit.listed("list_bindings", "-p", "all") if b["source_name"]}
    equal(bound, {("order.events", QUEUE, key) for key in KEYS})
    ran = h.plan(url=url)
    equal((ran.status, ran.states()), (0, everything("there", "not seen")))
    ran = h.apply(url=url)
    equal((ran.status, ran.states()), (0, everything("there", "made")))


def test_what_waits_comes_back(h):
    with h.rabbit.client("all") as c:
        began = time.monotonic()
        c.publish("", QUEUE + ".retry.1s", b"again", message_id="1")
        _, properties, body = c.get(QUEUE, seconds=10)
        took = time.monotonic() - began
        assert 0.9 < took < 5, took
        equal((body, properties.message_id), (b"again", "1"))


def test_what_is_delivered_too_often_is_dead(h):
    url = h.vhost("limit")
    ran = h.apply(url=url, delivery_limit=2, retry="[1s, 2m]")
    assert ran.status == 0, ran
    equal(set(h.queues("limit")), {QUEUE, QUEUE + ".dead", QUEUE + ".retry.1s",
                                   QUEUE + ".retry.2m"})
    with h.rabbit.client("limit") as c:
        c.publish("order.events", KEYS[0], b"poison")
        tags = (m.delivery_tag for m, _, _ in c.channel.consume(
            QUEUE, inactivity_timeout=10))
        for _ in range(3):
            c.channel.basic_nack(next(tags), requeue=True)
        c.channel.cancel()
        _, _, body = c.get(QUEUE + ".dead", seconds=10)
        equal(body, b"poison")
        equal(c.count(QUEUE), 0)


def test_what_differs_is_left_alone(h):
    url = h.vhost("other")
    with h.rabbit.client("other") as c:
        c.exchange("inventory.events", "direct")
        c.channel.queue_declare(QUEUE, durable=True)
        c.queue(QUEUE + ".retry.1s", **dict(WANTED[QUEUE + ".retry.1s"],
                                            **{"x-message-ttl": 5}))
    before = h.queues("other")
    ran = h.plan(url=url)
    assert ran.status == 1, ran
    items = ran.items()
    equal(items["queue", QUEUE + ".retry.1s"]["said"],
          "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue "
          "'%s.retry.1s' in vhost 'other': received '1000' but current is '5'" % QUEUE)
    equal(items["queue", QUEUE + ".retry.1s"]["mend"],
          "stop what publishes to it, empty it, rabbitmqctl delete_queue "
          "%s.retry.1s, then gantry topology apply" % QUEUE)
    equal(items["queue", QUEUE]["state"], "differs")
    assert "inequivalent arg" in items["queue", QUEUE]["said"], items
    equal(items["exchange", "inventory.events"]["said"],
          "PRECONDITION_FAILED - inequivalent arg 'type' for exchange "
          "'inventory.events' in vhost 'other': received 'topic' but current is "
          "'direct'")
    ran = h.apply(url=url)
    assert ran.status == 1, ran
    states = ran.states()
    for name in WANTED:
        equal(states["queue", name], "differs" if name in before else "made")
    # nothing may come into a queue that would lose it
    for key in KEYS:
        equal(states["binding", "%s %s" % (QUEUE, key)], "not seen")
    equal(h.queues("other"), dict(WANTED, **before))
    equal(h.exchanges("other")["inventory.events"], ("direct", True))
    text = h.gantry("topology", "plan", url=url)
    assert text.status == 1, text
    equal(text.out.splitlines()[-1],
          "6 there, 4 not seen, 0 made, 0 missing, 3 differ, 0 refused")
    assert "\nmend exchange inventory.events: wanted: topic, durable; let both " \
        "sides agree on a topic exchange; delete this one when nobody uses it, " \
        "then gantry topology apply\n" in text.out, text


def test_an_exchange_of_the_other_side_is_waited_for(h):
    url = h.vhost("foreign")
    ran = h.apply(url=url, declare_exchanges="false")
    assert ran.status == 1, ran
    items = ran.items()
    equal(items["exchange", "order.events"]["state"], "missing")
    equal(items["exchange", "order.events"]["mend"],
          "who publishes to it declares it, or amqp.declare_exchanges: true")
    equal(items["queue", QUEUE]["state"], "made")
    equal(items["binding", "%s %s" % (QUEUE, KEYS[0])]["state"], "not seen")
    with h.rabbit.client("foreign") as c:
        c.exchange("order.events", "direct")
    ran = h.apply(url=url, declare_exchanges="false")
    # another type is told, and no hindrance
    equal(ran.states()["exchange", "order.events"], "differs")
    equal(ran.states()["binding", "%s %s" % (QUEUE, KEYS[0])], "made")
    with h.rabbit.client("foreign") as c:
        c.publish("order.events", KEYS[0], b"bound")
        assert c.get(QUEUE, seconds=10)[2] == b"bound"


def test_handlers_and_options_name_exchanges(h):
    url = h.vhost("named")
    ran = h.apply(url=url, exchanges="[mine]", more=(
        "handlers:\n  kept: {plugin: journal, exchange: audit.events}\n"
        "routes:\n- {amqp: {queue: audit, bind: {mine: ['#']}}, "
        "pipeline: [kept.keep]}\n"))
    assert ran.status == 0, ran
    equal(h.exchanges("named"), {name: ("topic", True) for name in (
        "mine", "audit.events", "order.events")})
    assert {"audit", "audit.dead", "audit.retry.5m"} < set(h.queues("named"))


def test_rights(h):
    url = h.vhost("rights")
    assert h.apply(url=url).status == 0
    h.rabbit.add_user("reader", "hush", "rights", ("^$", ".*", ".*"))
    with open(h.path("reader"), "w") as f:
        f.write("hush\n")
    os.chmod(h.path("reader"), 0o640)
    # who may not declare need not, when all is there
    ran = h.plan(url=url, user="reader", password_file="./reader")
    equal((ran.status, ran.states()), (0, everything("there", "not seen")))
    h.rabbit.control("delete_queue", "-p", "rights", QUEUE + ".dead")
    ran = h.apply(url=url, user="reader", password_file="./reader")
    assert ran.status == 1, ran
    item = ran.items()["queue", QUEUE + ".dead"]
    equal(item["state"], "refused")
    # RabbitMQ 4 names the right that is missing
    assert item["said"].replace("configure access", "access").startswith(
        "ACCESS_REFUSED - access to queue '%s.dead' in vhost 'rights' refused for "
        "user 'reader'" % QUEUE), item
    equal(item["mend"], "give the user its rights: rabbitmqctl set_permissions")


def refused(ran, text):
    equal((ran.status, ran.out, ran.err), (1, "", "gantry: broker: %s\n" % text))


def test_logins_that_are_refused(h):
    at = "127.0.0.1:%d" % h.rabbit.port
    with open(h.path("wrong"), "w") as f:
        f.write("wrong")
    os.chmod(h.path("wrong"), 0o600)
    refused(h.plan(url=h.rabbit.url, password_file="./wrong"),
            at + ": user \"gantry\", virtual host \"/\": login: ACCESS_REFUSED - "
            "Login was refused using authentication mechanism PLAIN. For details "
            "see the broker logfile.")
    refused(h.plan(url=h.rabbit.url + "/nowhere"),
            at + ": user \"gantry\", virtual host \"nowhere\": login: "
            "NOT_ALLOWED - vhost nowhere not found")
    refused(h.plan(url=h.rabbit.url, password_file="./absent"),
            "cannot open %s/./absent: No such file or directory" % h.folder)
    os.chmod(h.path("wrong"), 0o644)
    ran = h.plan(url=h.rabbit.url, password_file="./wrong")
    equal(ran.status, 2)
    assert "others could read it; chmod it to 0640 or less" in ran.err, ran
    ran = h.plan(url="amqp://gantry:hush@127.0.0.1/")
    equal(ran.status, 2)
    assert "a password must not stand in a URL" in ran.err, ran
    assert "hush" not in ran.err, ran


def test_usage(h):
    ran = h.gantry("topology", "plan", amqp="")
    equal((ran.status, ran.err), (2, "gantry: %s names no broker (amqp)\n" %
                                  h.path("gantry.yaml")))
    for words in (["topology"], ["topology", "change"], ["topology", "plan", "x"]):
        ran = h.gantry(*words, url=h.rabbit.url)
        equal(ran.status, 2)
        assert ran.err.startswith("Usage: gantry topology plan"), ran


def test_several_hosts(h):
    dead, other = free_port(), free_port()
    ran = h.plan(url="amqp://127.0.0.1:%d,127.0.0.1:%d/all" % (dead, h.rabbit.port))
    equal((ran.status, json.loads(ran.out)["broker"]),
          (0, "127.0.0.1:%d" % h.rabbit.port))
    refused(h.plan(url="amqp://127.0.0.1:%d,127.0.0.1:%d" % (dead, other)),
            "127.0.0.1:%d: cannot connect; 127.0.0.1:%d: cannot connect" %
            (dead, other))


def test_a_broker_that_does_not_answer(h):
    with Proxy(h.rabbit.port) as p:
        p.hold()
        began = time.monotonic()
        refused(h.plan(url=p.url, connect_timeout="500ms"),
                "127.0.0.1:%d: no answer within amqp.connect_timeout" % p.port)
        assert time.monotonic() - began < 5
        ran = h.plan(url="amqp://127.0.0.1:%d,127.0.0.1:%d/all" %
                     (p.port, h.rabbit.port), connect_timeout="500ms")
        equal(ran.status, 0)


def tls(h, host="localhost", **options):
    options = dict({"ca_file": h.tls + "/ca.pem", "cert_file": h.tls + "/cert.pem",
                    "key_file": h.tls + "/key.pem"}, **options)
    options = {name: value for name, value in options.items() if value}
    return h.plan(url="amqps://%s:%d/all" % (host, h.rabbit.tls_port), **options)


def test_tls(h):
    ran = tls(h)
    assert ran.status == 0, ran
    equal(json.loads(ran.out)["broker"], "localhost:%d" % h.rabbit.tls_port)
    ran = tls(h, "127.0.0.1", verify="ca")
    assert ran.status == 0, ran


def test_tls_refused(h):
    at = "localhost:%d" % h.rabbit.tls_port
    other = h.path("other-ca")
    os.mkdir(other)
    make_tls(other)
    unknown = ": no TLS with it, or no CA known here signed its certificate"
    refused(tls(h, ca_file=other + "/ca.pem"), at + unknown)
    refused(tls(h, ca_file=None), at + unknown)     # those of the system
    refused(tls(h, ca_file=h.path("absent.pem")),
            at + ": cannot read CA certificates from " + h.path("absent.pem"))
    ran = tls(h, ca_file=None, verify="none")
    assert ran.status == 0, ran
    # nobody has a certificate for that name
    ran = tls(h, "localhost.localdomain", verify="ca")
    named = ran.status == 0     # the name is known here
    if named:
        refused(tls(h, "localhost.localdomain"),
                "localhost.localdomain:%d: its certificate is for another name, or "
                "names no host but an address" % h.rabbit.tls_port)
    # the broker asks for one of ours
    ran = tls(h, cert_file=None, key_file=None)
    assert ran.status == 1 and ran.err.startswith(
        "gantry: broker: %s: " % at), ran
    refused(tls(h, key_file=h.tls + "/ca.key"),
            at + ": cannot use the certificate %s/cert.pem with the key %s/ca.key" %
            (h.tls, h.tls))
    # plain against TLS
    ran = h.plan(url="amqp://127.0.0.1:%d" % h.rabbit.tls_port,
                 connect_timeout="1s")
    assert ran.status == 1 and ran.err.startswith(
        "gantry: broker: 127.0.0.1:%d: " % h.rabbit.tls_port), ran


def log_of(daemon):
    with open(daemon.path("log")) as f:
        return f.read()


def test_the_gateway_goes_on_with_the_others(h):
    """A queue that differs is told once, left alone, and taken when it was
    mended; the exchange of the other side is made when it does not appear."""
    url = h.vhost("daemon")
    with h.rabbit.client("daemon") as c:
        c.channel.queue_declare(QUEUE, durable=True)
    extra = ("amqp: {url: \"%s\", user: gantry, password_file: %s}\n"
             "handlers:\n  kept: {plugin: journal, exchange: audit.events}\n"
             "routes:\n- {amqp: {queue: audit, bind: {audit.in: ['#']}}, "
             "pipeline: [kept.keep]}\n" % (url, h.password))
    with h.rabbit.client("daemon") as c:
        c.exchange("audit.in")
        with Gantry(extra, "topology") as daemon:
            began = time.monotonic()
            wait_for("the other queue is bound", 20, lambda: c.count("audit") >= 0 and
                     "is not consumed" in log_of(daemon))
            c.publish("audit.in", "a.b", {"eventId": "one"}, message_id="one")
            wait_for("the other queue is consumed", 20,
                     lambda: h.queues_of("daemon", "audit") == (0, 1))
            assert "order.events" not in h.exchanges("daemon") or \
                time.monotonic() - began > 5
            wait_for("the exchange is made", 20,
                     lambda: "order.events" in h.exchanges("daemon"))
            assert time.monotonic() - began > 4
            # as it was made by hand; RabbitMQ 4 says what kind that is
            assert h.queues("daemon")[QUEUE] in ({}, {"x-queue-type": "classic"})
            h.rabbit.control("delete_queue", "-p", "daemon", QUEUE)
            wait_for("the queue is consumed", 20,
                     lambda: h.queues_of("daemon", QUEUE) == (0, 1))
            log = log_of(daemon)
    equal(h.queues("daemon")[QUEUE], WANTED[QUEUE])
    said = [line for line in log.splitlines() if QUEUE + " is " in line]
    equal(len(said), 2)
    assert ("amqp: queue %s is not consumed: PRECONDITION_FAILED - inequivalent arg "
            % QUEUE) in said[0], said
    assert "see gantry topology plan" in said[0], said
    assert "amqp: queue %s is consumed now" % QUEUE in said[1], said
    for line in ("exchange order.events is not there; it is waited for",
                 "exchange order.events is there now"):
        equal(log.count(line), 1)


def test_a_silent_host_is_left_for_the_next(h):
    """It holds every byte back, as a machine does that lost its network."""
    h.vhost("silent")
    with Proxy(h.rabbit.port) as p:
        extra = ("amqp: {url: \"amqp://127.0.0.1:%d,127.0.0.1:%d/silent\", "
                 "user: gantry, password_file: %s, heartbeat: 2s, "
                 "connect_timeout: 1s}\n" % (p.port, h.rabbit.port, h.password))
        with Gantry(extra, "topology") as daemon:
            wait_for("both connections are there", 20, lambda: len(p.open()) >= 2 and
                     h.queues_of("silent", QUEUE) == (0, 1))
            p.hold()
            began = time.monotonic()
            # the consumer may be held back while it reads or while it asks
            wait_for("both are given up", 20, lambda: len(re.findall(
                r"127\.0\.0\.1:%d: .*no sign of life from the broker" % p.port,
                log_of(daemon))) >= 2)
            took = time.monotonic() - began
            assert 1 < took < 2 * 2 + 2, took
            for who in ("amqp: consuming from", "publisher: connected to"):
                wait_for(who + " the other host", 20, lambda: "%s 127.0.0.1:%d\"" % (
                    who, h.rabbit.port) in log_of(daemon))


def main():
    tests = tap.tests_of(sys.modules["__main__"])
    why = rabbit.missing() or (None if shutil.which(PROGRAM) else
                               "there is no program %s (set GANTRY)" % PROGRAM)
    if why:
        print("1..0 # SKIP " + why)
        sys.exit(77)
    print("1..%d" % len(tests), flush=True)
    with House() as h:
        failed = sum(tap.run_one(n, test, h) for n, test in enumerate(tests, 1))
        if failed:
            h.rabbit.show_log()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
