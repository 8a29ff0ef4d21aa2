#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""http_guard_tls - all of http_guard over TLS, and what only TLS has: versions,
handshakes that are slow or are none, certificates of clients, a certificate
that takes the place of another."""
import os
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import time
import warnings

import http_guard
from http_guard import GET, HOST, SLOW, Driver, check, parse, receive
from rabbit import make_tls

HEAD = GET + HOST + b"\r\n"
folder = tempfile.mkdtemp(prefix="gantry-guard-tls-")
other = tempfile.mkdtemp(prefix="gantry-guard-tls-")


def at(name, where=None):
    return os.path.join(where or folder, name)


def client(least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3, cert=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(at("ca.pem"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = least
    context.maximum_version = most
    if cert is not None:
        context.load_cert_chain(at("cert.pem", cert), at("key.pem", cert))
    return context


def ask(driver, context, request=HEAD):
    """What is answered: statuses, and the session's version and cipher."""
    with socket.create_connection(("127.0.0.1", driver.port), 10) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as s:
            s.sendall(request)
            data, _ = receive(s, 0.3 * SLOW)
            return [a.status for a in parse(data)], s.version(), s.cipher()[0]


def refused(driver, context):
    try:
        return ask(driver, context)[0] == []
    except (ssl.SSLError, ConnectionError):
        return True


def alert(driver, context):
    """Why the other side does not want us, in OpenSSL's words."""
    with socket.create_connection(("127.0.0.1", driver.port), 10) as raw:
        try:
            with context.wrap_socket(raw, server_hostname="localhost") as s:
                return s.recv(100)
        except ssl.SSLError as error:
            return error.reason


def test_versions(driver):
    v = ssl.TLSVersion
    for version, name in ((v.TLSv1_2, "TLSv1.2"), (v.TLSv1_3, "TLSv1.3")):
        got = ask(driver, client(version, version))
        check(got[0] == [200] and got[1] == name, "%s: %s" % (name, got))
    for version in (v.TLSv1, v.TLSv1_1):
        check(refused(driver, client(version, version)), "%s is refused" % version)
    for weak in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
                 "DHE-RSA-AES128-GCM-SHA256"):
        context = client(v.TLSv1_2, v.TLSv1_2)
        context.set_ciphers(weak + ":@SECLEVEL=0")
        check(refused(driver, context), "%s is refused" % weak)
    context = client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", driver.port), 10),
                             server_hostname="localhost") as s:
        check(s.selected_alpn_protocol() == "http/1.1", "ALPN")


def test_what_is_no_handshake(driver):
    before = driver.seen()
    for bytes_ in (HEAD, b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x80\x2e\x01\x00\x02",
                   os.urandom(5000), b"\0" * 100, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"):
        with socket.create_connection(("127.0.0.1", driver.port), 10) as s:
            try:
                s.sendall(bytes_)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            data, closed = receive(s, 3 * SLOW)
            check(closed and not data.startswith(b"HTTP"), "%r is ended" % bytes_[:8])
    check(driver.seen() == before, "what is no handshake: no message")
    check(ask(driver, client())[0] == [200], "others go on")


def hello():
    """The first bytes that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    s = client().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        s.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def test_slow_handshakes():
    driver = Driver("head_ms=400", "idle_ms=1500")
    first = hello()
    cases = {"nothing": (b"", b""), "a byte at a time": (first[:1], first[1:]),
             "the hello alone": (first, b"")}
    times = {}

    def job(name, begin, rest):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", driver.port), 10) as s:
            s.sendall(begin)
            s.settimeout(0.05)
            for i in range(60):
                try:
                    if rest:
                        s.sendall(rest[i % len(rest):i % len(rest) + 1])
                    if s.recv(65536) == b"":
                        break
                except socket.timeout:
                    pass
                except ConnectionError:
                    break
            else:
                return
        times[name] = time.monotonic() - start

    threads = [threading.Thread(target=job, args=(n, *c)) for n, c in cases.items()]
    for t in threads:
        t.start()
    check(ask(driver, client())[0] == [200], "slow handshakes hold nobody up")
    for t in threads:
        t.join()
    for name in cases:
        check(0.35 <= times.get(name, 99) <= 0.9 * SLOW,
              "slow handshake, %s: ended after %s" % (name, times.get(name)))
    driver.end()


def test_records(driver):
    """A request in many records, many requests in one, a body over many."""
    with client().wrap_socket(socket.create_connection(("127.0.0.1", driver.port), 10),
                              server_hostname="localhost") as s:
        for i in range(len(HEAD)):
            s.sendall(HEAD[i:i + 1])
        data, _ = receive(s, 0.3 * SLOW)
        check([a.status for a in parse(data)] == [200], "a record for each byte")
        s.sendall(HEAD * 100)
        data, closed = receive(s, 0.5 * SLOW)
        check([a.status for a in parse(data)] == [200] * 100 and not closed,
              "100 requests in a record or two")
        text = b'"' + b"x" * 600000 + b'"'
        s.sendall(http_guard.body(text, b"Content-Length: %d" % len(text)) + HEAD)
        data, _ = receive(s, 1 * SLOW)
        check([a.status for a in parse(data)] == [200, 200], "a body of 600 kB, and a request")


def test_clients_with_certificates():
    driver = Driver("ca=" + at("ca.pem"))
    check(ask(driver, client(cert=folder))[0] == [200], "a client with a certificate")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        check(alert(driver, client(version, version)) in
              ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
              "a client without one, %s" % version)
        check(alert(driver, client(version, version, cert=other)) == "TLSV1_ALERT_UNKNOWN_CA",
              "one of another CA, %s" % version)
        check(ask(driver, client(version, version, cert=folder))[0] == [200],
              "good again, %s" % version)
    check(driver.seen() == 3, "clients without certificates: %d messages" % driver.seen())
    driver.end()


def test_another_certificate():
    """Who is connected goes on, who comes next sees the new one."""
    driver = Driver()
    with client().wrap_socket(socket.create_connection(("127.0.0.1", driver.port), 10),
                              server_hostname="localhost") as s:
        first = s.getpeercert(True)
        said = driver.tell("tls %s %s" % (at("cert.pem", other), at("key.pem")))
        check(said == "http: key_file: %s: not the key of the certificate" % at("key.pem"), said)
        check(ask(driver, client())[0] == [200], "a bad change changes nothing")
        check(driver.tell("tls %s %s" % (at("cert.pem", other), at("key.pem", other))) == "tls",
              "another certificate")
        check(refused(driver, client()), "the old CA does not know the new one")
        context = client()
        context.load_verify_locations(at("ca.pem", other))
        with context.wrap_socket(socket.create_connection(("127.0.0.1", driver.port), 10),
                                 server_hostname="localhost") as t:
            check(t.getpeercert(True) != first, "a new connection sees the new one")
        s.sendall(HEAD)
        data, _ = receive(s, 0.3 * SLOW)
        check([a.status for a in parse(data)] == [200], "an old connection goes on")
    driver.end()


def test_none_becomes_tls():
    options, http_guard.tls["options"] = http_guard.tls["options"], []
    driver = Driver()
    said = driver.tell("tls %s %s" % (at("cert.pem"), at("key.pem")))
    check(said == "http: TLS begins with a restart", said)
    driver.end()
    http_guard.tls["options"] = options


def main():
    make_tls(folder, 60)
    make_tls(other, 60)
    for key in (at("key.pem"), at("key.pem", other)):
        os.chmod(key, 0o600)
    warnings.simplefilter("ignore", DeprecationWarning)     # TLS 1.0 is meant
    http_guard.tls["context"] = client()
    http_guard.tls["options"] = ["cert=" + at("cert.pem"), "key=" + at("key.pem")]
    driver = Driver("loops=1")
    test_versions(driver)
    test_what_is_no_handshake(driver)
    test_records(driver)
    driver.end()
    test_slow_handshakes()
    test_clients_with_certificates()
    test_another_certificate()
    test_none_becomes_tls()
    return http_guard.main()


if __name__ == "__main__":
    try:
        status = main()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(other, ignore_errors=True)
    sys.exit(status)
