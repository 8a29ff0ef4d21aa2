#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API and the admin listener over TLS, from the configuration to the wire;
files that cannot be used, and what is said of them."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import _path
import gantry
import tap
from gantry import HTTP_SECONDS, PROGRAM
from rabbit import make_tls


class Daemon(gantry.Gantry):
    """Its clients speak TLS, with a certificate of their own on the API."""

    def configuration(self, extra):
        text = super().configuration(extra)
        tls = ", cert_file: cert.pem, key_file: key.pem"
        text = text.replace("http: {listen: 127.0.0.1:%d" % self.port,
                            "http: {listen: 127.0.0.1:%d%s, client_ca_file: ca.pem"
                            % (self.port, tls))
        return text.replace("admin: {listen: 127.0.0.1:%d" % self.admin_port,
                            "admin: {listen: 127.0.0.1:%d%s" % (self.admin_port, tls))


def context(g, cert=True):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(g.path("ca.pem"))
    if cert:
        made.load_cert_chain(g.path("cert.pem"), g.path("key.pem"))
    return made


class Client(gantry.Client):
    made = None

    def connect(self):
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=HTTP_SECONDS, context=self.made)


def test_the_api(g):
    made = g.allocate(g.item(10))
    got = g.orders.get("/allocations/" + made["id"])
    assert got.status == 200 and got.data["status"] == "PENDING", got
    got = g.orders.put("/allocations/%s/confirm" % made["id"])
    assert got.status == 200, got


def test_many_at_once(g):
    item = g.item(100000)
    statuses = []

    def run():
        client = g.client("order-service")
        for _ in range(50):
            statuses.append(client.post("/allocations", g.request(item)).status)
        client.close()

    threads = [threading.Thread(target=run) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert statuses == [201] * 800, set(statuses)
    assert g.quantities(item)[1] == 1600


def test_without_a_certificate(g):
    try:
        client = Client(g.port)
        client.made = context(g, cert=False)
        got = client.get("/allocations/x")
        raise AssertionError(got)
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        pass


def test_plain_http_is_no_answer(g):
    for port in (g.port, g.admin_port):
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            try:
                assert not s.recv(1000).startswith(b"HTTP")
            except ConnectionError:
                pass


def curl(g, *words):
    ran = subprocess.run(["curl", "-s", "--max-time", "20", "--cacert", g.path("ca.pem"),
                          *words], capture_output=True, text=True)
    return ran.returncode, ran.stdout


def test_curl(g):
    if shutil.which("curl") is None:
        raise tap.Skip("there is no curl")
    own = ["--cert", g.path("cert.pem"), "--key", g.path("key.pem")]
    url = "https://localhost:%d" % g.port
    bearer = ["-H", "Authorization: Bearer " + g.token("inventory-admin")]
    code, out = curl(g, *own, *bearer, url + "/inventory-items?limit=1")
    assert code == 0 and json.loads(out)["success"] is True, (code, out)
    assert curl(g, *bearer, url + "/inventory-items")[0] != 0
    assert curl(g, *own, "--tls-max", "1.1", url + "/livez")[0] != 0
    assert curl(g, *own, "--tls-max", "1.2", url + "/nowhere")[0] == 0
    assert curl(g, *own, "http://localhost:%d/" % g.port)[0] != 0


def test_the_admin_listener(g):
    """TLS too, here without certificates; the command line has its socket."""
    client = Client(g.admin_port)
    client.made = context(g, cert=False)
    assert client.get("/readyz").json == {"status": "pass"}
    assert b"gantry_" in client.get("/metrics").body
    assert client.get("/admin/api/dead-letters").status == 401
    ran = subprocess.run([PROGRAM, "dead-letters", "list", "--config",
                          g.path("gantry.yaml"), *g.folders()], capture_output=True)
    assert ran.returncode == 0, ran


def openssl(g, *words):
    ran = subprocess.run(["openssl", *words], cwd=g.folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def check(g, entry, section="http"):
    other = {"http": "admin", "admin": "http"}[section]
    g.write("other.yaml", ("service: s\n%s: {%s}\n%s: {listen: 127.0.0.1:1}\n"
                           "storage: {plugin: memory}\n" % (section, entry, other)).encode())
    ran = subprocess.run([PROGRAM, "check", "--config", g.path("other.yaml"), *g.folders()],
                         capture_output=True, text=True, timeout=20)
    return ran.returncode, ran.stderr.replace(g.folder + "/", "").replace("./", "")


def test_what_check_says(g):
    openssl(g, "req", "-x509", *NEW, "-days", "9", "-subj", "/CN=other", "-keyout",
            "other.key", "-out", "other.pem")
    openssl(g, "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "9", "-subj",
            "/CN=weak", "-keyout", "weak.key", "-out", "weak.pem")
    openssl(g, "req", "-x509", *NEW, "-days", "9", "-subj", "/CN=client", "-addext",
            "extendedKeyUsage=clientAuth", "-keyout", "client.key", "-out", "client.pem")
    openssl(g, "ec", "-in", "other.key", "-aes128", "-passout", "pass:x", "-out", "locked.key")
    for name in ("other.key", "weak.key", "client.key", "locked.key"):
        os.chmod(g.path(name), 0o600)
    g.write("empty.pem", b"")
    g.write("words.pem", b"hello\n")
    g.write("words.key", b"hello\n", 0o600)
    g.write("open.key", b"x\n", 0o644)
    cases = (
        ("cert_file: cert.pem, key_file: ./key.pem", None),
        ("cert_file: cert.pem, key_file: ./key.pem, client_ca_file: ca.pem", None),
        ("cert_file: cert.pem",
         "cert_file: cert_file and key_file belong together"),
        ("key_file: ./key.pem",
         "key_file: cert_file and key_file belong together"),
        ("client_ca_file: ca.pem",
         "client_ca_file: there is no TLS without cert_file and key_file"),
        ("cert_file: none.pem, key_file: ./key.pem",
         "cert_file: none.pem: No such file or directory"),
        ("cert_file: words.pem, key_file: ./key.pem",
         "cert_file: words.pem: there is no certificate in PEM"),
        ("cert_file: empty.pem, key_file: ./key.pem",
         "cert_file: empty.pem: there is no certificate in PEM"),
        ("cert_file: key.pem, key_file: ./key.pem",
         "cert_file: key.pem: there is no certificate in PEM"),
        ("cert_file: weak.pem, key_file: ./weak.key",
         "cert_file: weak.pem: an RSA key of 1024 bits, at least 2048 are needed"),
        ("cert_file: client.pem, key_file: ./client.key",
         "cert_file: client.pem: the certificate is not made for servers "
         "(extended key usage)"),
        ("cert_file: cert.pem, key_file: ./other.key",
         "key_file: other.key: not the key of the certificate"),
        ("cert_file: other.pem, key_file: ./locked.key",
         "key_file: locked.key: the key is encrypted, and there is nobody to ask "
         "for its passphrase"),
        ("cert_file: cert.pem, key_file: ./words.key",
         "key_file: words.key: there is no private key in PEM"),
        ("cert_file: cert.pem, key_file: ./cert.pem",
         "key_file: cert.pem has mode 0644, others could read it; chmod it to "
         "0640 or less"),
        ("cert_file: cert.pem, key_file: ./none.key",
         "key_file: cannot open none.key: No such file or directory"),
        ("cert_file: cert.pem, key_file: ./key.pem, client_ca_file: words.pem",
         "client_ca_file: words.pem: there is no certificate in PEM"),
        ("cert_file: cert.pem, key_file: ./key.pem, client_ca_file: none.pem",
         "client_ca_file: none.pem: No such file or directory"),
    )
    for section in ("http", "admin"):
        for entry, text in cases:
            code, said = check(g, entry, section)
            if text is None:
                assert (code, said) == (0, ""), (entry, said)
                continue
            lines = [line for line in said.splitlines() if ": %s." % section in line]
            assert code == 2 and len(lines) == 1, (entry, said)
            assert lines[0].split(": ", 1)[1] == "%s.%s" % (section, text), (entry, said)


def dated(g, begin, end):
    """A certificate of that time, by the CA."""
    openssl(g, "req", *NEW, "-subj", "/CN=localhost", "-keyout", "dated.key", "-out", "dated.csr")
    g.write("index.txt", b"")
    g.write("ca.cnf", b"[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nnew_certs_dir=.\n"
            b"default_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n")
    openssl(g, "ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key",
            "-startdate", begin, "-enddate", end, "-in", "dated.csr", "-out", "dated.pem",
            "-notext")
    os.chmod(g.path("dated.key"), 0o600)


DATED = "cert_file: dated.pem, key_file: ./dated.key"


def test_what_check_says_of_the_time(g):
    dated(g, "20200101000000Z", "20210203040506Z")
    code, said = check(g, DATED)
    assert code == 2 and said.endswith(
        ": http.cert_file: dated.pem: the certificate has expired on "
        "2021-02-03T04:05:06Z\n"), said
    dated(g, "20480101000000Z", "20490101000000Z")
    code, said = check(g, DATED, "admin")
    assert code == 2 and said.endswith(
        ": admin.cert_file: dated.pem: the certificate is not valid before "
        "2048-01-01T00:00:00Z\n"), said


def serving_says(g, level, text):
    other = gantry.Gantry(name="dated")
    more = "http: {cert_file: %s, key_file: %s, " % (g.path("dated.pem"), g.path("dated.key"))
    other.write("gantry.yaml", other.configuration("").replace("http: {", more).encode())
    with other:
        assert other.answers()
        with open(other.path("log")) as log:
            said = [json.loads(line) for line in log]
    assert any(line["level"] == level and line["message"] ==
               "http: %s: %s" % (g.path("dated.pem"), text) for line in said), said


def test_serving_goes_on_with_an_old_one(g):
    """Time alone does not end a service; it is said loudly instead."""
    dated(g, "20200101000000Z", "20210101000000Z")
    serving_says(g, "error", "the certificate has expired on 2021-01-01T00:00:00Z")


def test_serving_warns_before(g):
    end = time.gmtime(time.time() + 5 * 86400 - 600)
    dated(g, "20200101000000Z", time.strftime("%Y%m%d%H%M%SZ", end))
    serving_says(g, "warning", "the certificate expires in less than 5 days")


def test_no_key_in_the_log(g):
    with open(g.path("log")) as log, open(g.path("key.pem")) as key:
        said = log.read()
        assert not any(line in said for line in key.read().splitlines()[1:-1])


def prepare(g):
    make_tls(g.folder, 60)
    os.chmod(g.path("key.pem"), 0o600)
    gantry.Client = Client
    Client.made = context(g)


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("1..0 # SKIP there is no openssl")
        raise SystemExit(77)
    tap.Gantry = Daemon
    tap.main("", prepare)
