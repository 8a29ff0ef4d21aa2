#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the daemon takes of the machine: time to start, memory, descriptors,
and nothing when there is nothing to do."""
import socket
import struct
import time

import fault
from fault import Crowd, TORTURE
from gantry import Client

REQUESTS = 20000 * TORTURE
CONNECTIONS = 2000 * TORTURE
RSS_KIB = 64 << 10
START_SECONDS = 2
IDLE_SECONDS = 3


def first_answer(g):
    """Seconds from its start to an answer that needed the storage."""
    begin = time.monotonic()
    g.start()
    got = g.stock.get("/inventory-items/none")
    took = time.monotonic() - begin
    assert got.status == 404, got
    return took


def test_start(g):
    g.configure()
    new = first_answer(g)
    assert g.stop() == 0
    old = []
    for _ in range(5):
        old.append(first_answer(g))
        assert g.stop() == 0
    print("# first answer: %.0f ms with a new file, %.0f to %.0f ms with one that "
          "is there" % (1000 * new, 1000 * min(old), 1000 * max(old)))
    assert max([new] + old) < START_SECONDS


def test_memory(g):
    g.configure()
    g.start()
    item = g.item(10**8)
    before = fault.memory(g.process.pid)
    begin = time.monotonic()
    with Crowd(g, 32, item) as crowd:
        crowd.wait_for(201, REQUESTS // 2, 60 * TORTURE)
        half = fault.memory(g.process.pid)
        crowd.wait_for(201, REQUESTS // 2, 60 * TORTURE)
    after = fault.memory(g.process.pid)
    print("# RSS %d KiB at the start, %d after half, %d after %d requests (%.0f s), "
          "%d at most" % (before, half, after, crowd.sum_of(201),
                          time.monotonic() - begin,
                          fault.memory(g.process.pid, "VmHWM")))
    if not fault.is_sanitized(g.process.pid):
        assert after < RSS_KIB
    g.check_in_order()


def polite(g):
    client = Client(g.port, g.token("inventory-admin"))
    got = client.get("/inventory-items")
    assert got.status == 200, got
    client.close()


def rude(g, content):
    """Reset in the middle of something."""
    s = socket.create_connection(("127.0.0.1", g.port), 10)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(content)
    s.close()


def post(g, item, n):
    body = ('{"orderId":"ord_r%d","orderItemId":"i","inventoryItemId":"%s",'
            '"quantity":1}' % (n, item))
    return ("POST /allocations HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
                g.token("order-service"), len(body), body)).encode()


def test_descriptors(g):
    g.configure()
    g.start()
    item = g.item(10**6)
    polite(g)
    time.sleep(0.2)
    g.clients.roles.pop("inventory-admin").close()
    time.sleep(0.2)
    before = fault.descriptors(g.process.pid)
    for n in range(CONNECTIONS // 2):
        polite(g)
    for n in range(CONNECTIONS // 2):
        rude(g, post(g, item, n)[:(n * 37) % 700])
    end = time.monotonic() + 5
    while (after := fault.descriptors(g.process.pid)) > before and \
            time.monotonic() < end:
        time.sleep(0.05)
    print("# %d descriptors before, %d after %d connections" % (
        before, after, CONNECTIONS))
    assert after <= before
    polite(g)
    g.check_in_order()


def test_idle(g):
    g.configure()
    g.start()
    item = g.item(100)
    stay = [socket.create_connection(("127.0.0.1", g.port)) for _ in range(20)]
    g.allocate(item)
    time.sleep(0.5)
    before = fault.processor_seconds(g.process.pid)
    time.sleep(IDLE_SECONDS)
    used = fault.processor_seconds(g.process.pid) - before
    print("# %.2f s of processor in %d s" % (used, IDLE_SECONDS))
    assert used <= 0.02
    for s in stay:
        s.close()


if __name__ == "__main__":
    fault.main()
