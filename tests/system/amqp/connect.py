#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the connection to a broker gets there: TLS, several hosts, logins that are
refused, a broker that does not answer, and one that falls silent."""
import json
import os
import re
import time

import _path  # noqa: F401
import commands
from commands import equal, log_of, refused
from gantry import Gantry, free_port
from rabbit import Proxy, Rabbit, make_tls, wait_for

QUEUE = "inventory.order-events"


class House(commands.House):
    """With a broker that wants certificates, and has all that is needed."""

    def __enter__(self):
        super().__enter__()
        self.tls = self.path("tls")
        os.mkdir(self.tls)
        make_tls(self.tls)
        os.chmod(self.tls + "/key.pem", 0o600)
        self.rabbit = Rabbit("connect", tls=self.tls, extra=(
            "ssl_options.verify = verify_peer\n"
            "ssl_options.fail_if_no_peer_cert = true\n")).__enter__()
        ran = self.apply(self.rabbit)
        assert ran.status == 0, ran
        return self

    def consumers(self):
        with self.rabbit.client() as c:
            return c.consumers(QUEUE)

    def __exit__(self, kind, value, trace):
        self.rabbit.__exit__(kind, value, trace)
        super().__exit__(kind, value, trace)


def test_logins_that_are_refused(h):
    at = "127.0.0.1:%d" % h.rabbit.port
    h.secret("wrong", "wrong")
    refused(h.plan(h.rabbit, password_file="./wrong"),
            at + ": user \"gantry\", virtual host \"/\": login: ACCESS_REFUSED - "
            "Login was refused using authentication mechanism PLAIN. For details "
            "see the broker logfile.")
    refused(h.plan(url=h.rabbit.url + "/nowhere"),
            at + ": user \"gantry\", virtual host \"nowhere\": login: "
            "NOT_ALLOWED - vhost nowhere not found")
    refused(h.plan(h.rabbit, password_file="./absent"),
            "cannot open %s/./absent: No such file or directory" % h.folder)
    os.chmod(h.path("wrong"), 0o644)
    ran = h.plan(h.rabbit, password_file="./wrong")
    equal(ran.status, 2)
    assert "others could read it; chmod it to 0640 or less" in ran.err, ran
    ran = h.plan(url="amqp://gantry:hush@127.0.0.1/")
    equal(ran.status, 2)
    assert "a password must not stand in a URL" in ran.err, ran
    assert "hush" not in ran.err, ran


def test_several_hosts(h):
    dead, other = free_port(), free_port()
    ran = h.plan(url=h.rabbit.way(dead, h.rabbit.port))
    equal((ran.status, json.loads(ran.out)["broker"]),
          (0, "127.0.0.1:%d" % h.rabbit.port))
    refused(h.plan(url=h.rabbit.way(dead, other)),
            "127.0.0.1:%d: cannot connect; 127.0.0.1:%d: cannot connect" %
            (dead, other))


def test_a_broker_that_does_not_answer(h):
    """Each connect_timeout is its own: one that began before may wait longer."""
    with Proxy(h.rabbit.port) as p:
        p.hold()
        patient = h.begin("topology", "plan", name="patient.yaml", url=p.url,
                          connect_timeout="60s")
        wait_for("it is connected", 30, lambda: len(p.open()) == 1)
        refused(h.plan(url=p.url, connect_timeout="500ms"),
                "127.0.0.1:%d: no answer within amqp.connect_timeout" % p.port)
        assert patient.poll() is None
        # a login may take a while, too
        ran = h.plan(url=h.rabbit.way(p.port, h.rabbit.port), connect_timeout="3s")
        equal(ran.status, 0)
        assert patient.poll() is None
        p.cut()
        p.release()
        ran = h.end(patient)
        assert ran.status == 1 and ran.err.startswith(
            "gantry: broker: 127.0.0.1:%d: " % p.port), ran


def tls(h, host="localhost", **options):
    options = dict({"ca_file": h.tls + "/ca.pem", "cert_file": h.tls + "/cert.pem",
                    "key_file": h.tls + "/key.pem"}, **options)
    options = {name: value for name, value in options.items() if value}
    return h.plan(url="amqps://%s:%d" % (host, h.rabbit.tls_port), **options)


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


def test_a_silent_host_is_left_for_the_next(h):
    """It holds every byte back, as a machine does that lost its network."""
    with Proxy(h.rabbit.port) as p:
        extra = ("amqp: {url: \"%s\", user: gantry, password_file: %s, heartbeat: 2s, "
                 "connect_timeout: 1s}\n" % (h.rabbit.way(p.port, h.rabbit.port),
                                             h.password))
        with Gantry(extra, "connect") as daemon:
            wait_for("both connections are there", 30, lambda: len(p.open()) >= 2 and
                     h.consumers() == 1)
            # both sides know of the two seconds
            equal(set(h.rabbit.ask("[T || [{_, T}] <- "
                                   "rabbit_networking:connection_info_all([timeout])]")),
                  {2})
            p.hold()
            # the consumer may be held back while it reads or while it asks
            wait_for("both are given up", 60, lambda: len(re.findall(
                r"127\.0\.0\.1:%d: .*no sign of life from the broker" % p.port,
                log_of(daemon))) >= 2)
            silent = time.monotonic() - p.heard
            assert silent >= 2 * 2, silent
            for who in ("amqp: consuming from", "publisher: connected to"):
                wait_for(who + " the other host", 60, lambda: "%s 127.0.0.1:%d\"" % (
                    who, h.rabbit.port) in log_of(daemon))


if __name__ == "__main__":
    commands.main(House())
