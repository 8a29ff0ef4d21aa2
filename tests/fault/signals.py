#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signals under load: stopped and continued, nothing is lost; SIGTERM answers
every request that was there before it."""
import json
import signal
import socket
import threading
import time

import fault
import frozen
from fault import Crowd, TORTURE

CLIENTS = 32
TERMS = 8 * TORTURE
STOP_SECONDS = 5


def test_stopped_and_continued(g):
    g.configure()
    g.start()
    item = g.item(10**7)
    with Crowd(g, CLIENTS, item) as crowd:
        for pause in [3.0] + [0.3] * (2 * TORTURE):
            crowd.wait_for(201, CLIENTS)
            frozen.freeze(g.process.pid)
            time.sleep(pause)
            frozen.thaw(g.process.pid)
        crowd.wait_for(201, CLIENTS)
    assert crowd.unanswered == 0 and crowd.sum_of(503) == 0
    g.restart()
    assert not fault.lost(g, crowd.acknowledged)
    assert len(g.stored()) == len(crowd.acknowledged)
    g.check_in_order()


class Sender(threading.Thread):
    """Requests over a bare socket, so that it is known what was sent when and
    what came back: [time when it was sent, status or None, id or None]."""

    def __init__(self, g, number, item, fresh):
        super().__init__(daemon=True)
        self.port, self.token = g.port, g.token("order-service")
        self.number, self.item, self.fresh = number, item, fresh
        self.socket = None
        self.sent = []
        self.over = threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                self.once()
        except OSError:
            pass    # it has stopped; an entry without a status says if too soon
        self.hang_up()

    def hang_up(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def once(self):
        self.send()
        self.receive()

    def send(self):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), 20)
        body = json.dumps({
            "orderId": "ord_%d_%d" % (self.number, len(self.sent)),
            "orderItemId": "i", "inventoryItemId": self.item,
            "quantity": 1}).encode()
        self.socket.sendall(
            b"POST /allocations HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nAuthorization: Bearer " +
            self.token.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) +
            body)
        self.sent.append([time.monotonic(), None, None])

    def receive(self):
        entry = self.sent[-1]
        head, body = self.answer()
        if head is None:
            raise OSError("no answer")
        entry[1] = int(head.split(b" ", 2)[1])
        if entry[1] == 201:
            entry[2] = json.loads(body)["data"]["id"]
        if self.fresh or b"\r\nconnection: close" in head.lower():
            self.hang_up()

    def answer(self):
        """Head and body, (None, None) if not all of both came."""
        got = b""
        while True:
            head, end, body = got.partition(b"\r\n\r\n")
            if end:
                length = int(head.lower().split(b"content-length:")[1]
                             .split(b"\r\n")[0])
                if len(body) >= length:
                    return head, body
            more = self.socket.recv(65536)
            if not more:
                return None, None
            got += more


def term_under_load(g, item, number, fresh):
    """How many there were in flight, and what got no answer."""
    senders = [Sender(g, 100 * number + n, item, fresh) for n in range(CLIENTS)]
    for s in senders:
        s.start()
    time.sleep(0.3)
    term = time.monotonic()
    assert g.stop() == 0
    took = time.monotonic() - term
    for s in senders:
        s.over.set()
        s.join(20)
    assert took < STOP_SECONDS, "it took %.1f s to stop" % took
    sent = [e for s in senders for e in s.sent]
    before = [e for e in sent if e[0] < term]
    assert len(before) > CLIENTS
    assert {e[1] for e in sent} <= {201, None}, {e[1] for e in sent}
    return (took, [e[2] for e in sent if e[2] is not None],
            len([e for e in before if e[1] is None]),
            len([e for e in sent if e[0] >= term]),
            len([e for e in sent if e[0] >= term and e[1] is None]))


def terms(g, fresh):
    g.configure()
    g.start()
    item = g.item(10**7)
    known, silent, slowest, after, after_silent = [], 0, 0, 0, 0
    for n in range(TERMS):
        took, ids, none, later, later_none = term_under_load(g, item, n, fresh)
        known += ids
        silent, slowest = silent + none, max(slowest, took)
        after, after_silent = after + later, after_silent + later_none
        g.start()
        assert not fault.lost(g, known)
        stored = len(g.stored())
        assert stored <= len(known) + silent + after_silent, stored
    print("# %d stops, the slowest %.0f ms; %d answered; sent before the signal "
          "and not answered: %d; sent after it: %d, %d of them not answered" % (
              TERMS, 1000 * slowest, len(known), silent, after, after_silent))
    g.check_in_order()
    assert silent == 0


def test_term_with_connections_that_stay(g):
    terms(g, False)


def test_term_with_a_connection_for_each_request(g):
    terms(g, True)


def test_term_with_requests_nobody_has_looked_at(g):
    """Sent to a daemon that stood still: the signal finds them in the kernel."""
    g.configure()
    g.start()
    item = g.item(10**6)
    senders = [Sender(g, n, item, True) for n in range(200)]
    frozen.freeze(g.process.pid)
    for s in senders:
        s.send()
    g.process.send_signal(signal.SIGTERM)
    frozen.thaw(g.process.pid)
    silent = []
    for s in senders:
        try:
            s.receive()
        except OSError as error:
            silent.append(error)
        s.hang_up()
    assert g.process.wait(20) == 0
    g.process = None
    assert not silent, "%d of 200: %s" % (len(silent), silent[:2])
    assert {s.sent[0][1] for s in senders} == {201}
    g.start()
    assert not fault.lost(g, [s.sent[0][2] for s in senders])
    g.check_in_order()


def test_term_while_idle_connections_stay(g):
    """Those who say nothing hold nothing up."""
    g.configure()
    g.start()
    item = g.item(10)
    idle = [socket.create_connection(("127.0.0.1", g.port)) for _ in range(50)]
    half = socket.create_connection(("127.0.0.1", g.port))
    half.sendall(b"POST /allocations HTTP/1.1\r\nHost: loc")
    g.allocate(item)
    begin = time.monotonic()
    assert g.stop() == 0
    took = time.monotonic() - begin
    print("# stopped in %.1f s" % took)
    assert took < 15
    for s in idle + [half]:
        s.close()
    g.start()
    g.check_in_order()


def test_two_terms(g):
    """Impatience is no harm."""
    g.configure()
    g.start()
    item = g.item(10**6)
    with Crowd(g, 8, item) as crowd:
        crowd.wait_for(201, 8)
        g.process.send_signal(signal.SIGTERM)
        assert g.stop() == 0
    g.start()
    assert not fault.lost(g, crowd.acknowledged)
    g.check_in_order()


if __name__ == "__main__":
    fault.main()
