#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys that an upstream has: fetched at the start, rotated without a restart,
kept while the upstream is away. Keys and tokens are made by openssl."""
import base64
import json
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import _path
import tap
from gantry import Client, Gantry, free_port

PORT = free_port()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, input=None):
    return subprocess.run(("openssl",) + words, input=input, capture_output=True,
                          check=True, timeout=30).stdout


class Key:
    """Ed25519, by openssl."""

    def __init__(self, kid):
        self.kid = kid
        self.pem = openssl("genpkey", "-algorithm", "ED25519")
        der = openssl("pkey", "-pubout", "-outform", "DER", input=self.pem)
        self.jwk = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid,
                    "use": "sig", "x": b64(der[-32:])}

    def token(self, role):
        now = int(time.time())
        text = "%s.%s" % (
            b64(json.dumps({"alg": "EdDSA", "kid": self.kid}).encode()),
            b64(json.dumps({"iss": "idp", "aud": "inventory-service", "iat": now,
                            "exp": now + 600, "sub": "idp-user",
                            "roles": [role]}).encode()))
        with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as body:
            key.write(self.pem)
            key.flush()
            body.write(text.encode())
            body.flush()
            return "%s.%s" % (text, b64(openssl("pkeyutl", "-sign", "-rawin", "-inkey",
                                                key.name, "-in", body.name)))


class Keys(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    served, asked, status = [], 0, 200

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def do_GET(self):
            Keys.asked += 1
            body = json.dumps({"keys": [k.jwk for k in Keys.served]}).encode()
            if isinstance(Keys.status, bytes):
                body, status = Keys.status, 200
            else:
                status = Keys.status if self.path == "/certs" else 404
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def serve():
    server = Keys(("127.0.0.1", PORT), Keys.Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def ask(g, key):
    client = Client(g.port, key.token("inventory-admin"))
    try:
        return client.get("/inventory-items").status
    finally:
        client.close()


def wait(seconds, what):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in %d s" % seconds
        time.sleep(0.1)


def log(g):
    with open(g.path("log"), encoding="utf-8") as f:
        return f.read()


def test_fetched_at_the_start(g):
    assert ask(g, ONE) == 200 and ask(g, TWO) == 401
    assert Keys.asked == 1
    assert "idp (jwt): has /certs of upstream idp" in log(g)


def test_rotation(g):
    """By the time, and what is taken out counts no more."""
    Keys.served = [ONE, TWO]
    wait(60, lambda: ask(g, TWO) == 200)
    assert ask(g, ONE) == 200
    Keys.served = [TWO]
    wait(60, lambda: ask(g, ONE) == 401)
    assert ask(g, TWO) == 200


def test_away(g):
    for status, why in ((503, "idp: answered 503"), (404, "idp: answered 404"),
                        (b"sorry", "not a JWK Set"), (b"", "not a JWK Set"),
                        (b'{"keys":[{"kty":"oct","alg":"HS256","kid":"s","k":"' +
                         b64(b"s" * 32).encode() + b'"}]}',
                         "holds a secret, which everybody can read there")):
        Keys.status = status
        text = "idp (jwt): /certs of upstream idp cannot be used: " + why
        wait(60, lambda: text in log(g))
        assert ask(g, TWO) == 200       # what there was stays
    Keys.status = 200
    Keys.served = [TWO, ONE]
    wait(60, lambda: ask(g, ONE) == 200)


def test_wanted(g):
    """With a long refresh, an unknown key has them fetched; but not each time."""
    g.stop()
    g.write("gantry.yaml", g.configuration(configuration("10m")).encode())
    Keys.served = [ONE]
    g.start()
    Keys.asked = 0
    assert ask(g, TWO) == 401
    Keys.served = [TWO]
    for _ in range(20):
        ask(g, TWO)
        time.sleep(0.05)
    assert Keys.asked <= 1, Keys.asked
    wait(60, lambda: ask(g, TWO) == 200)
    assert Keys.asked <= 2, Keys.asked


def test_start_without(g):
    """It starts, refuses, and takes the keys when they come."""
    global server
    g.stop()
    server.shutdown()
    server.server_close()
    g.start()
    assert ask(g, TWO) == 401
    assert "no keys have come from key_upstream yet" in log(g)
    server = serve()
    wait(60, lambda: ask(g, TWO) == 200)


def reload(g, text):
    before = log(g).count("reload: done")
    g.write("gantry.yaml", g.configuration(text).encode())
    g.process.send_signal(signal.SIGHUP)
    wait(60, lambda: log(g).count("reload: done") > before)


def test_reload(g):
    """Keys that are there are not fetched again; those of a new instance are
    there before it is in force."""
    Keys.served, Keys.asked = [TWO], 0
    text = configuration("10m")
    reload(g, text)
    assert Keys.asked == 0 and ask(g, TWO) == 200
    Keys.served = [ONE]
    reload(g, text.replace("issuer: idp", "leeway: 7s, issuer: idp"))
    assert Keys.asked == 1, Keys.asked
    assert ask(g, ONE) == 200 and ask(g, TWO) == 401
    # to somewhere else: what is known stays, and the new way is there to be used
    reload(g, text.replace("issuer: idp", "leeway: 7s, issuer: idp").replace(
        "timeout: 1s", "timeout: 2s"))
    assert Keys.asked <= 2 and ask(g, ONE) == 200
    # without any, and with one again
    reload(g, "")
    assert ask(g, ONE) == 401
    reload(g, text)
    assert ask(g, ONE) == 200


def configuration(refresh):
    return (
        "  idp: {plugin: jwt, key_upstream: idp, key_path: /certs, key_refresh: %s,\n"
        "        issuer: idp, audience: inventory-service}\n"
        "upstreams: {idp: {url: \"http://127.0.0.1:%d\", retries: 0, timeout: 1s}}\n"
        "routes:\n"
        "  - {http: \"GET /inventory-items\", auth: idp, roles: [inventory-admin],\n"
        "     pipeline: [allocate.item_list]}\n" % (refresh, PORT))


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("1..0 # SKIP there is no openssl")
        raise SystemExit(77)
    ONE, TWO = Key("one"), Key("two")
    Keys.served = [ONE]
    server = serve()
    tap.main(configuration("1s"))
