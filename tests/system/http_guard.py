#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""http_guard - what the HTTP source does with bytes that no client library
would send. Talks to http_driver over raw sockets; exits 0 if all is well.

A case says what RFC 9112 asks. libmicrohttpd before 1.0 cannot do all of it;
where it cannot, the case says what holds there instead (old=...). From 1.0 on
the library refuses most by itself, more than it must in three cases (new=...),
and in words of its own.
"""
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

DRIVER = os.environ.get("HTTP_DRIVER", "tests/system/http_driver")
SLOW = float(os.environ.get("TEST_SLOW", "1"))
SMUGGLED = b"GET /echo/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n" + JSON
failures = []
# The same over TLS: how a client connects, and what the driver is told.
tls = {"context": None, "options": []}
# Without its end announced, a connection over TLS may end in its own way, too.
ENDED = (ConnectionError, ssl.SSLError)


class Driver:
    def __init__(self, *options):
        self.process = subprocess.Popen([DRIVER, *tls["options"], *options], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        words = self.process.stdout.readline().split()
        self.port, self.version = int(words[1]), words[3]
        self.old = int(self.version.split(".")[0]) < 1

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        return self.process.stdout.readline().strip()

    def seen(self):
        return int(self.tell("seen"))

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls["context"] is not None:
            s = tls["context"].wrap_socket(s, server_hostname="localhost")
        return s

    def end(self):
        self.process.stdin.write("quit\n")
        out, _ = self.process.communicate(timeout=30)
        check(out.strip().endswith("bye"), "the driver says bye")
        check(self.process.returncode == 0, "the driver ends with %s" % self.process.returncode)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def check(fine, what):
    if not fine:
        failures.append(what)
        print("not ok - " + what, flush=True)
    return fine


def parse(data, head=False):
    """All answers in data; interim ones left out."""
    answers = []
    while data:
        top, found, rest = data.partition(b"\r\n\r\n")
        lines = top.decode("latin1").split("\r\n")
        if not found or not lines[0].startswith("HTTP/1."):
            answers.append(Answer(0, {}, data))
            break
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if head else int(headers.get("content-length", 0))
        status = int(lines[0].split()[1])
        if status >= 200:
            answers.append(Answer(status, headers, rest[:length]))
        data = rest[length:] if status >= 200 else rest
    return answers


def receive(s, seconds):
    """What comes until the peer closes or nothing comes for so long."""
    data, closed = b"", False
    s.settimeout(seconds)
    try:
        while True:
            more = s.recv(65536)
            if not more:
                closed = True
                break
            data += more
    except socket.timeout:
        pass
    except ENDED:
        closed = True
    return data, closed


def exchange(driver, request, seconds=0.25 * SLOW, head=False):
    with driver.connect() as s:
        try:
            s.sendall(request)
        except ENDED:
            pass
        data, closed = receive(s, seconds)
    return parse(data, head), closed


class Case:
    """status: of the only answer; None: no answer. seen: messages that may reach
    the engine. closed: whether the connection ends."""

    def __init__(self, name, request, status, seen=0, closed=True, code=None, old=None, new=None):
        self.name, self.request, self.status, self.seen = name, request, status, seen
        self.closed, self.code, self.old, self.new = closed, code, old or {}, new or {}

    def run(self, driver):
        want = dict(status=self.status, seen=self.seen, closed=self.closed,
                    code=self.code, envelope=True)
        want.update(self.old if driver.old else self.new)
        before = driver.seen()
        answers, closed = exchange(driver, self.request)
        seen = driver.seen() - before
        got = [a.status for a in answers]
        statuses = want["status"] if isinstance(want["status"], list) else [want["status"]]
        if statuses == [None]:
            statuses = []
        if want.get("twice"):
            got = got[:1]
        check(got == statuses, "%s: answers %s, not %s" % (self.name, got, statuses))
        check(seen == want["seen"], "%s: %d messages, not %d" % (self.name, seen, want["seen"]))
        check(closed == want["closed"], "%s: closed is %s" % (self.name, closed))
        if want["envelope"] and driver.old:
            for a in answers:
                self.look(a, want)

    def look(self, answer, want):
        try:
            body = answer.json()
        except ValueError:
            check(False, "%s: no JSON: %r" % (self.name, answer.body[:60]))
            return
        check(answer.headers.get("x-correlation-id"), "%s: no correlation id" % self.name)
        if answer.status < 400:
            return
        code = body["error"]["code"]
        default = {400: "VALIDATION_ERROR", 413: "PAYLOAD_TOO_LARGE",
                   431: "HEADERS_TOO_LARGE"}.get(answer.status)
        expected = want["code"] or default
        check(expected is None or code == expected, "%s: code %s" % (self.name, code))
        if want["closed"]:
            check(answer.headers.get("connection", "").lower() == "close",
                  "%s: no Connection: close" % self.name)


def body(text, *headers):
    return POST + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + text


CHUNKED = b"Transfer-Encoding: chunked"
GET = b"GET /echo/1 HTTP/1.1\r\n"
HOST = b"Host: a\r\n"

# 0.9.75 sends its own HTML page, status line and headers twice, and closes
TWICE = dict(envelope=False, twice=True)

CASES = [
    # what is fine
    Case("plain GET", GET + HOST + b"\r\n", 200, 1, False),
    Case("plain POST", body(b"{}", b"Content-Length: 2"), 200, 1, False),
    Case("chunked POST", body(b"2\r\n{}\r\n0\r\n\r\n", CHUNKED), 200, 1, False),
    Case("chunk extension", body(b"2;a=b\r\n{}\r\n0\r\n\r\n", CHUNKED), 200, 1, False,
         new=dict(status=400, seen=0, closed=True)),
    Case("trailers", body(b"2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n", CHUNKED), 200, 1, False),
    Case("pipelined", (GET + HOST + b"\r\n") * 3, [200, 200, 200], 3, False),
    Case("POST then GET in one go", body(b"{}", b"Content-Length: 2") + SMUGGLED,
         [200, 200], 2, False),
    Case("HTTP/1.0", b"GET /echo/1 HTTP/1.0\r\n\r\n", 200, 1, True),
    Case("Connection: close", GET + HOST + b"Connection: close\r\n\r\n" + SMUGGLED, 200, 1, True),
    Case("empty lines before the request", b"\r\n\r\n" + GET + HOST + b"\r\n", 200, 1, False,
         new=dict(status=None, seen=0, closed=True)),
    Case("absolute target", b"GET http://a/echo/1 HTTP/1.1\r\nHost: a\r\n\r\n", 200, 1, False),
    Case("space around values", GET + b"Host:  a \t\r\n\r\n", 200, 1, False),
    Case("empty value", GET + HOST + b"X:\r\n\r\n", 200, 1, False),
    Case("a long head, then another", (GET + HOST + b"X-Y: " + b"z" * 150 + b"\r\n" +
         (b"X: " + b"z" * 150 + b"\r\n") * 95 + b"\r\n") * 2, [200, 200], 2, False),
    Case("leading zeros of a length", body(b"{}", b"Content-Length: 0002"), 200, 1, False),

    # framing
    Case("length and chunked", body(b"0\r\n\r\n" + SMUGGLED, b"Content-Length: 5", CHUNKED), 400),
    Case("chunked and length", body(b"0\r\n\r\n" + SMUGGLED, CHUNKED, b"Content-Length: 5"), 400),
    Case("two lengths", body(b"{}" + SMUGGLED, b"Content-Length: 2", b"Content-Length: 43"), 400),
    Case("two equal lengths", body(b"{}", b"Content-Length: 2", b"Content-Length: 2"), 400),
    Case("list of lengths", body(b"{}", b"Content-Length: 2, 2"), 400,
         old=TWICE),
    Case("two codings", body(b"0\r\n\r\n" + SMUGGLED, CHUNKED, CHUNKED), 400),
    Case("chunked twice", body(b"0\r\n\r\n", b"Transfer-Encoding: chunked, chunked"), 400),
    Case("gzip, chunked", body(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked"), 400),
    Case("identity", body(b"{}", b"Transfer-Encoding: identity"), 400),
    Case("chunked in quotes", body(b"0\r\n\r\n", b'Transfer-Encoding: "chunked"'), 400),
    Case("empty coding", body(b"0\r\n\r\n", b"Transfer-Encoding: "), 400),
    Case("chunked by vertical tab", body(b"0\r\n\r\n", b"Transfer-Encoding: \x0bchunked"), 400),
    Case("chunked in HTTP/1.0",
         b"POST /echo HTTP/1.0\r\n" + JSON + CHUNKED + b"\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    Case("empty length", body(b"", b"Content-Length:"), 400, old=TWICE),
    Case("length with plus", body(b"{}", b"Content-Length: +2"), 400, old=TWICE),
    Case("length with minus", body(b"{}", b"Content-Length: -2"), 400, old=TWICE),
    Case("length in hex", body(b"{}", b"Content-Length: 0x2"), 400, old=TWICE),
    Case("length with letters", body(b"{}", b"Content-Length: 2a"), 400, old=TWICE),
    Case("length beyond 64 bits", body(b"{}", b"Content-Length: 99999999999999999999999"), 413,
         old=TWICE),
    Case("length with NUL", body(b"{}" + SMUGGLED, b"Content-Length: 2\x000"), 400),
    Case("coding with NUL", body(b"0\r\n\r\n" + SMUGGLED, b"Transfer-Encoding: chunked\x00x"), 400),
    Case("space before the colon", body(b"{}" + SMUGGLED, b"Content-Length : 2"), 400),
    Case("tab before the colon", body(b"{}" + SMUGGLED, b"Content-Length\t: 2"), 400),

    # header lines
    Case("no Host", GET + b"\r\n", 400),
    Case("two Hosts", GET + HOST + HOST + b"\r\n", 400),
    Case("Host with an at sign", GET + b"Host: a@b\r\n\r\n", 400),
    Case("Host with a path", GET + b"Host: a/b\r\n\r\n", 400),
    Case("empty name", GET + HOST + b": x\r\n" + SMUGGLED, 400),
    Case("empty name, no value", GET + HOST + b":\r\n" + SMUGGLED, 400),
    Case("name that begins with NUL", GET + HOST + b"\x00a: x\r\n" + SMUGGLED, 400),
    Case("folded value", GET + HOST + b"X: a\r\n b\r\n\r\n", 400),
    Case("folded name", GET + HOST + b"Authorizatio: Bearer x\r\n n\r\n\r\n", 400),
    Case("folded length", body(b"{}" + SMUGGLED, b"Content-Lengt: 2\r\n h"), 400),
    Case("folded first line", b"GET /echo/1 HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    Case("no colon", GET + HOST + b"what\r\n\r\n", 400, old=dict(envelope=False)),
    Case("bare LF ends a line", GET + b"Host: a\nX: y\r\n\r\n", 400),
    Case("bare LF ends the head", GET + b"Host: a\r\n\n", 400),
    Case("bare CR in a value", GET + HOST + b"X: a\rb\r\n\r\n", 400),
    Case("NUL in a value", GET + HOST + b"X: a\x00b\r\n\r\n", 400),
    Case("NULs that look like a line", GET + HOST + b"X: a\x00\x00Y\x00b\r\n\r\n", 400),
    Case("control byte in a value", GET + HOST + b"X: a\x01b\r\n\r\n", 400),
    Case("DEL in a value", GET + HOST + b"X: a\x7fb\r\n\r\n", 400),
    Case("name with a bracket", GET + HOST + b"X(: a\r\n\r\n", 400),
    Case("name that is not ASCII", GET + HOST + b"X\xc3\xa4: a\r\n\r\n", 400),
    Case("two Authorizations", GET + HOST + b"Authorization: a\r\nAuthorization: b\r\n\r\n", 400),
    Case("101 header lines", GET + HOST + b"X: y\r\n" * 100 + b"\r\n", 431),
    Case("a head of 17 KiB", GET + HOST + b"X: " + b"y" * 17400 + b"\r\n\r\n", 431,
         old=dict(envelope=False)),

    # request line
    Case("HTTP/1.2", b"GET /echo/1 HTTP/1.2\r\nHost: a\r\n\r\n", 400),
    Case("HTTP/2.0", b"GET /echo/1 HTTP/2.0\r\nHost: a\r\n\r\n", [505], old=dict(envelope=False)),
    Case("lower case http", b"GET /echo/1 http/1.1\r\nHost: a\r\n\r\n", 400,
         old=dict(envelope=False)),
    Case("no version", b"GET /echo/1\r\nHost: a\r\n\r\n", 400, old=dict(envelope=False)),
    Case("space in the target", b"GET /echo/1 2 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("NUL in the target", b"GET /echo/1\x00/2 HTTP/1.1\r\nHost: a\r\n\r\n", 400,
         new=dict(status=None)),
    Case("no slash", b"GET echo/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("fragment", b"GET /echo/1#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("raw bytes in the target", b"GET /echo/\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("method with a colon", b"GE:T /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("%00 in the path", b"GET /echo/%00x HTTP/1.1\r\n" + HOST + b"\r\n", 404, 0, False),
    Case("%2f in the path", b"GET /echo/a%2fb HTTP/1.1\r\n" + HOST + b"\r\n", 404, 0, False),
    Case("bad escape in the query", b"GET /echo/1?a=%zz HTTP/1.1\r\n" + HOST + b"\r\n",
         400, 0, False),
    Case("65 arguments", b"GET /echo/1?" + b"&".join([b"a=b"] * 65) + b" HTTP/1.1\r\n" + HOST
         + b"\r\n", 400, 0, False),
    Case("700 arguments", b"GET /echo/1?" + b"&".join([b"a=b"] * 700) + b" HTTP/1.1\r\n" + HOST
         + b"\r\n", 431),
    Case("8000 arguments", b"GET /echo/1?" + b"&" * 8000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),

    # bodies
    Case("body too large", body(b"", b"Content-Length: 1048577"), 413),
    Case("chunks too large", body(b"100001\r\n" + b"x" * 0x100001 + b"\r\n0\r\n\r\n", CHUNKED),
         413),
    Case("chunks far too large", body(b"300000\r\n" + b"x" * 0x300000 + b"\r\n0\r\n\r\n", CHUNKED),
         413),
    Case("chunk size with 0x", body(b"0x2\r\n{}\r\n0\r\n\r\n", CHUNKED), 400,
         old=dict(envelope=False)),
    Case("chunk size empty", body(b"\r\n{}\r\n0\r\n\r\n", CHUNKED), 400, old=dict(envelope=False)),
    Case("chunk size beyond 64 bits", body(b"11111111111111111\r\n", CHUNKED), 413,
         old=dict(envelope=False)),
    Case("chunk without its end", body(b"2\r\n{}x\r\n0\r\n\r\n", CHUNKED), 400,
         old=dict(envelope=False)),
    # 0.9.75 takes a bare LF for the end of a chunk line; nothing is smuggled by it here
    Case("bare LF in chunks", body(b"2\n{}\n0\n\n", CHUNKED), 400,
         old=dict(status=200, seen=1, closed=False)),
    Case("text body", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
         b"Content-Length: 1\r\n\r\nx", 415, 0, False),
    Case("no type", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 415, 0, False),
    Case("PUT without a body", b"PUT /echo HTTP/1.1\r\nHost: a\r\n\r\n", 200, 1, False),
    Case("POST without a body", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
         200, 1, False),
]


def test_framing(driver):
    for case in CASES:
        case.run(driver)


def test_answers(driver):
    a, closed = exchange(driver, b"PATCH /echo HTTP/1.1\r\nHost: a\r\n\r\n")
    check(a[0].status == 405 and a[0].headers["allow"] == "POST, PUT" and not closed, "405")
    check(a[0].json()["error"]["code"] == "METHOD_NOT_ALLOWED", "405: code")
    a, _ = exchange(driver, b"HEAD /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n", head=True)
    check(len(a) == 1 and a[0].status == 200 and a[0].body == b"" and
          int(a[0].headers["content-length"]) > 0, "HEAD")
    a, _ = exchange(driver, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    check(a[0].body == b"alive\n" and a[0].headers["content-type"] == "text/plain", "page")
    a, _ = exchange(driver, b"POST /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    check(a[0].status == 405 and a[0].headers["allow"] == "GET, HEAD", "page: 405")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    a, _ = exchange(driver, b"GET /echo/a%20b?q=%3D+ HTTP/1.1\r\nHost: a\r\n"
                    b"X-Correlation-ID: c-1\r\n"
                    b"Authorization: Bearer t\r\nIdempotency-Key: k\r\ntraceparent: "
                    + trace.encode() + b"\r\n\r\n")
    got = a[0].json()
    check(got["path"] == "/echo/a b" and got["query"] == ["q", "= "], "decoded: %s" % got)
    check(got["correlation"] == "c-1" and a[0].headers["x-correlation-id"] == "c-1", "correlation")
    check(got["trace"] == trace and got["key"] == "k" and got["credential"] == "Bearer t", "picked")
    check(got["headers"] == 4, "all headers but Authorization")
    for bad in (b"x" * 129, b"caf\xc3\xa9"):
        a, _ = exchange(driver, b"GET /echo/1 HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: "
                        + bad + b"\r\ntraceparent: 00-00-00-00\r\n\r\n")
        got = a[0].json()
        check(len(got["correlation"]) == 26 and got["correlation"] ==
              a[0].headers["x-correlation-id"] and got["trace"] is None, "replaced: %s" % got)
    a, _ = exchange(driver, body(b"x" * 100000, b"Content-Length: 100000"))
    check(a[0].json()["length"] == 100000, "a body of 100 kB")
    a, _ = exchange(driver, body(b"fff\r\n" + b"y" * 4095 + b"\r\n1\r\nz\r\n0\r\n\r\n", CHUNKED))
    check(a[0].json()["body"] == "y" * 4095 + "z", "chunks are joined")


def test_continue(driver):
    with driver.connect() as s:
        s.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        time.sleep(0.1 * SLOW)
        check(s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n", "100-continue")
        s.sendall(b"{}")
        data, _ = receive(s, 0.2 * SLOW)
        check(parse(data)[0].status == 200, "after 100-continue")
    a, closed = exchange(driver, POST + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
    check([x.status for x in a] == [413] and closed, "413 in place of 100-continue")


def drip(driver, first, rest, each, most):
    """One byte at a time; seconds until the peer ended it, and what it said."""
    begin, data = time.monotonic(), b""
    with driver.connect() as s:
        s.sendall(first)
        s.settimeout(each)
        try:
            for i in range(int(most / each)):
                if rest:
                    s.sendall(rest[i % len(rest):i % len(rest) + 1])
                try:
                    more = s.recv(65536)
                    if not more:
                        break
                    data += more
                except socket.timeout:
                    pass
            else:
                return None, data
        except ENDED:
            pass
    return time.monotonic() - begin, data


def check_cut(name, result, low, high, status):
    seconds, data = result
    check(seconds is not None and low <= seconds <= high, "%s: cut after %s s" % (name, seconds))
    got = [a.status for a in parse(data)]
    check(got == ([status] if status else []), "%s: said %s" % (name, data[:60]))


def test_deadlines():
    driver = Driver("head_ms=400", "body_ms=600", "idle_ms=1500")
    jobs = {
        "slow request line": ((b"G", b"x", 0.05, 3), 0.35, 0.9 * SLOW, 0),
        "slow head": ((GET, b"X: y\r\n", 0.05, 3), 0.35, 0.9 * SLOW, 408),
        "slow body": ((body(b"{", b"Content-Length: 1000"), b" ", 0.05, 3), 0.55, 1.2 * SLOW, 408),
        "slow chunks": ((body(b"", CHUNKED), b"1\r\nx\r\n", 0.05, 3), 0.55, 1.2 * SLOW, 408),
        "slow trailers": ((body(b"0\r\n", CHUNKED), b"a: b\r\n", 0.05, 3), 0.55, 1.2 * SLOW, 408),
        "nothing at all": ((b"", b"", 0.05, 3), 0.35, 0.9 * SLOW, 0),
        "idle": ((GET + HOST + b"\r\n", b"", 0.05, 4), 1.3, 2.2 * SLOW, 200),
        "slow second head": ((GET + HOST + b"\r\n" + b"G", b"x", 0.05, 4), 0.35, 1.5 * SLOW, 200),
    }
    results = {}

    def job(name, args):
        results[name] = drip(driver, *args)

    threads = [threading.Thread(target=job, args=(n, j[0])) for n, j in jobs.items()]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, (_, low, high, status) in jobs.items():
        check_cut(name, results[name], low, high, status)
    check(driver.seen() == 2, "deadlines: only whole requests reach the engine")
    # one who does not read his answer is cut, too
    with driver.connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall((b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n") * 20)
        time.sleep(1.2 * SLOW)
        # its socket is still open on this side
        check(driver.tell("stop 500") == "drained 0", "an unread answer is cut")
    driver.end()


def test_many(driver_options=("loops=1", "head_ms=60000")):
    driver = Driver(*driver_options)
    sockets = [driver.connect() for _ in range(600)]
    request = b"POST /later HTTP/1.1\r\nHost: a\r\n" + JSON + b"Content-Length: 2\r\n\r\n{}"
    for turn in range(3):
        begin = time.monotonic()
        for s in sockets:
            s.sendall(request)
        good = 0
        for s in sockets:
            s.settimeout(5)
            data = b""
            while b'"body":"{}"}' not in data:
                more = s.recv(65536)
                if not more:
                    break
                data += more
            good += data.startswith(b"HTTP/1.1 200")
        check(good == 600, "600 connections, turn %d: %d answers" % (turn, good))
        check(time.monotonic() - begin < 3 * SLOW, "600 connections without a stall")
    check(driver.seen() == 1800, "600 connections: each once")
    # the first second may still hold the end of the work; a spin is in each
    for _ in range(3):
        before = int(driver.tell("cpu"))
        time.sleep(1)
        used = int(driver.tell("cpu")) - before
        if used <= 10:
            break
    check(used <= 10, "600 resting connections use %d ms of a second" % used)
    for s in sockets:
        s.close()
    driver.end()


def test_limit():
    """Resting connections make room; the busy ones keep their place."""
    driver = Driver("max_connections=4", "loops=1")
    hold = b"POST /hold HTTP/1.1\r\nHost: a\r\n" + JSON + b"Content-Length: 2\r\n\r\n{}"
    busy = [driver.connect() for _ in range(2)]
    for s in busy:
        s.sendall(hold)
    served = 0
    resting = []
    for _ in range(12):
        s = driver.connect()
        s.sendall(GET + HOST + b"\r\n")
        data, _ = receive(s, 0.15 * SLOW)
        served += data.startswith(b"HTTP/1.1 200")
        resting.append(s)
    check(served == 12, "at the limit: %d of 12 newcomers served" % served)
    open_ones = sum(not receive(s, 0.05)[1] for s in resting)
    check(open_ones <= 2, "at the limit: %d resting connections" % open_ones)
    driver.tell("release")
    for s in busy:
        data, _ = receive(s, 0.2 * SLOW)
        check(data.startswith(b"HTTP/1.1 200"), "at the limit: a busy one is answered")
    driver.end()


def test_gone():
    driver = Driver("request_ms=200")
    hold = b"POST /hold HTTP/1.1\r\nHost: a\r\n" + JSON + b"Content-Length: 2\r\n\r\n{}"
    for _ in range(20):
        with driver.connect() as s:
            s.sendall(hold)
            time.sleep(0.01)
    with driver.connect() as s:
        s.sendall(hold + SMUGGLED)
        data, _ = receive(s, 0.4 * SLOW)
        check(data == b"", "a held request has no answer yet")
        check(driver.tell("release") == "released", "release")
        data, closed = receive(s, 0.4 * SLOW)
        check([a.status for a in parse(data)] == [200, 200] and not closed,
              "a late answer is sent, then the next")
    check(driver.seen() == 22, "clients that go: each message once")
    driver.end()


def test_stop_with_held():
    """Who is still held at the end hears 503; the message comes back later."""
    driver = Driver()
    s = driver.connect()
    s.sendall(b"POST /hold HTTP/1.1\r\nHost: a\r\n" + JSON + b"Content-Length: 2\r\n\r\n{}")
    time.sleep(0.1 * SLOW)
    check(driver.tell("stop 300") == "drained -1", "a held request is not drained")
    driver.end()
    data, closed = receive(s, 1)
    got = parse(data)
    check([a.status for a in got] == [503] and closed, "503 for what is held at the end")
    check(got and got[0].json()["error"]["code"] == "OVERLOADED", "503: code")
    s.close()


def test_stop_under_load():
    driver = Driver("loops=2")
    counts = {"sent": 0, "answered": 0, "closed": 0, "odd": 0}
    lock = threading.Lock()
    request = b"POST /later HTTP/1.1\r\nHost: a\r\n" + JSON + b"Content-Length: 2\r\n\r\n{}"

    def client():
        sent = answered = odd = 0
        try:
            with driver.connect() as s:
                while True:
                    s.sendall(request)
                    sent += 1
                    data = b""
                    while b'"body":"{}"}' not in data:
                        more = s.recv(65536)
                        if not more:
                            raise ConnectionError
                        data += more
                    answered += 1
                    odd += not data.startswith(b"HTTP/1.1 200")
                    if b"Connection: close" in data:
                        break
        except OSError:
            pass
        with lock:
            counts["sent"] += sent
            counts["answered"] += answered
            counts["odd"] += odd

    threads = [threading.Thread(target=client) for _ in range(24)]
    for t in threads:
        t.start()
    time.sleep(0.4 * SLOW)
    check(driver.tell("stop 5000") == "drained 0", "drained under load")
    for t in threads:
        t.join(10)
    check(counts["sent"] == counts["answered"] > 100 and counts["odd"] == 0,
          "stop under load: %s" % counts)
    check(driver.seen() == counts["answered"], "stop under load: engine and clients agree")
    try:
        driver.connect().close()
        check(False, "a stopped listener accepts")
    except ConnectionError:
        pass
    driver.end()


def main():
    driver = Driver("loops=1")
    test_framing(driver)
    test_answers(driver)
    test_continue(driver)
    before = int(driver.tell("cpu"))
    time.sleep(1)
    check(int(driver.tell("cpu")) - before <= 5, "an idle loop uses no CPU")
    version = driver.version
    driver.end()
    test_deadlines()
    test_many()
    test_limit()
    test_gone()
    test_stop_with_held()
    test_stop_under_load()
    print("libmicrohttpd %s: %d framing cases, %d failures"
          % (version, len(CASES), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
