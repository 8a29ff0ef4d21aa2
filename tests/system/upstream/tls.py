#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An Order Service behind TLS: whose certificate is taken, and ours that it
asks for. Certificates are made by openssl."""
import os
import shutil
import ssl
import subprocess
import warnings

import _path
import tap
from gantry import Gantry, NOBODY_ELSE_ASKS, free_port
from order_service import OrderService

PORTS = {"good": free_port(), "other": free_port(), "asks": free_port(),
         "old": free_port()}


def openssl(g, *words):
    subprocess.run(("openssl",) + words, cwd=g.folder, capture_output=True, check=True,
                   timeout=60)


def certificate(g, name, subject, ca="ca"):
    openssl(g, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
    with open(g.path(name + ".ext"), "w") as f:
        f.write("subjectAltName=" + subject)
    openssl(g, "x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey",
            ca + ".key", "-out", name + ".pem", "-extfile", name + ".ext",
            "-set_serial", str(int.from_bytes(os.urandom(8), "big") >> 1),
            "-days", "2")
    os.chmod(g.path(name + ".key"), 0o600)


def authority(g, name):
    openssl(g, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", name + ".key", "-out", name + ".pem", "-days", "2",
            "-subj", "/CN=" + name)


def context(g, name, ca=None, version=ssl.TLSVersion.TLSv1_2):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(g.path(name + ".pem"), g.path(name + ".key"))
    made.minimum_version = version
    if ca:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(g.path(ca + ".pem"))
    return made


class World:
    def __init__(self, g):
        authority(g, "ca")
        authority(g, "stranger")
        certificate(g, "good", "DNS:localhost")
        certificate(g, "other", "DNS:elsewhere.example")
        certificate(g, "ours", "DNS:inventory")
        self.services = {}
        warnings.simplefilter("ignore", DeprecationWarning)
        old = context(g, "good")
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        for name, tls in (("good", context(g, "good")), ("other", context(g, "other")),
                          ("asks", context(g, "good", "ca")), ("old", old)):
            service = OrderService(g.key, PORTS[name], tls)
            service.order("ord")
            service.start()
            self.services[name] = service

    def stop(self):
        for service in self.services.values():
            service.stop()


def asks(g, name, options=""):
    """What an allocation hears whose order is asked of that service."""
    g.stop()
    g.write("gantry.yaml", g.configuration(
        "upstreams:\n"
        "  order-service: {url: \"https://localhost:%d\", auth: services, retries: 0%s}\n"
        "handlers: {allocate: {plugin: allocations, order_check: strict}}\nroutes:\n%s"
        % (PORTS[name], options, NOBODY_ELSE_ASKS)).encode())
    g.start()
    got = g.orders.post("/allocations", g.request(g.item(1), 1, orderId="ord"))
    return got.status, got.json.get("error", {}).get("message")


TAKEN = (201, None)
CERTIFICATE = (503, "order-service: its certificate is not accepted")


def test_ca_and_name(g):
    assert asks(g, "good", ", ca_file: ca.pem") == TAKEN
    assert asks(g, "good", ", ca_file: stranger.pem") == CERTIFICATE
    assert asks(g, "good") == CERTIFICATE       # no CA of the system
    assert asks(g, "other", ", ca_file: ca.pem") == CERTIFICATE
    assert asks(g, "other", ", ca_file: ca.pem, verify: ca") == TAKEN
    assert asks(g, "other", ", ca_file: stranger.pem, verify: ca") == CERTIFICATE
    assert asks(g, "other", ", verify: none") == TAKEN


def test_the_log_says_more(g):
    with open(g.path("log")) as f:
        log = f.read()
    assert "its certificate is not accepted (1 tries): SSL" in log
    # as libcurl 7.88 and 8.14 say it
    assert "name matches target host name 'localhost'" in log or \
        "name matches target hostname 'localhost'" in log


def test_our_certificate(g):
    assert asks(g, "asks", ", ca_file: ca.pem, cert_file: ours.pem, key_file: ours.key") \
        == TAKEN
    status, why = asks(g, "asks", ", ca_file: ca.pem")
    assert status == 503 and why in ("order-service: the connection broke",
                                     "order-service: TLS failed"), why


def test_old_versions(g):
    assert asks(g, "old", ", ca_file: ca.pem") == (503, "order-service: TLS failed")


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("1..0 # SKIP there is no openssl")
        raise SystemExit(77)
    world = []
    start = Gantry.start

    def started(g):
        if not world:
            world.append(World(g))
        start(g)

    Gantry.start = started
    tap.main()
