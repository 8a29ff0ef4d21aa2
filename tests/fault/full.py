#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No room for more: 503 until there is, reads go on, nothing is lost or half,
and it goes on by itself."""
import contextlib
import ctypes
import errno
import os
import resource
import subprocess
import time

import fault
import tap
from fault import Crowd, is_unavailable

CLIENTS = 8
MIB = 1 << 20


def check_full(g, item, crowd):
    """While nothing can be written: every write gets its 503, reads work.
    What is left where the crowd's units do not fit is soon used up."""
    crowd.wait_for(503, 5 * CLIENTS)
    for _ in range(50):
        got = g.stock.post("/inventory-items", {
            "id": g.fresh("inv"), "sku": "W", "productId": "p",
            "warehouseId": "w", "availableQuantity": 1})
        if got.status != 201:
            break
    assert is_unavailable(got), got
    assert g.ready().status == 503
    known = crowd.acknowledged
    for id in (known[0], known[-1]):
        got = g.orders.get("/allocations/" + id)
        assert got.status == 200 and got.data["status"] == "PENDING", got
    assert g.quantities(item)[1] > 0
    assert g.process.poll() is None


def check_after(g, item, crowd):
    assert crowd.sum_of(503) > 0 and crowd.unanswered == 0, crowd.unanswered
    assert not fault.lost(g, crowd.acknowledged)
    g.check_in_order()
    # no 503 left a trace either
    assert len(g.stored()) == len(crowd.acknowledged)
    assert g.quantities(item)[1] == len(crowd.acknowledged)
    assert g.rows("pragma integrity_check") == [{"integrity_check": "ok"}]


def check_not_ready(g, seconds=2.5):
    """No probe finds room where there is none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert g.ready().status == 503
        time.sleep(0.05)


def limit(g, size):
    resource.prlimit(g.process.pid, resource.RLIMIT_FSIZE,
                     (size, resource.RLIM_INFINITY))


def full_by_limit(g, size, storage=""):
    g.configure(storage)
    g.launch["preexec_fn"] = lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    g.start()
    item = g.item(10**7)
    with Crowd(g, CLIENTS, item) as crowd:
        crowd.wait_for(201, CLIENTS)
        check_full(g, item, crowd)
        for room in (2 * size, resource.RLIM_INFINITY):
            # little room is used up before we look again
            before = crowd.sum_of(201)
            limit(g, room)
            crowd.wait_for(201, CLIENTS, before=before)
        crowd.wait_for(201, 10 * CLIENTS)
        g.wait_until_ready()
    check_after(g, item, crowd)
    assert g.stop() == 0
    g.launch = {}
    g.start()
    check_after(g, item, crowd)


def test_the_log_may_not_grow(g):
    full_by_limit(g, MIB)


def test_the_file_may_not_grow(g):
    """The log begins again at 0.8 MiB, so that the checkpoint meets the limit
    first."""
    full_by_limit(g, 4 * MIB, "checkpoint_pages: 100")


def test_full_when_it_stops(g):
    """SIGTERM while full, and a new start while full."""
    g.configure()
    g.start()
    item = g.item(10**7)
    with Crowd(g, CLIENTS, item) as crowd:
        crowd.wait_for(201, CLIENTS)
        limit(g, 64 << 10)
        crowd.wait_for(503, CLIENTS)
        assert g.stop() == 0
    g.start()
    assert not fault.lost(g, crowd.acknowledged)
    g.check_in_order()


def test_it_goes_on_when_nobody_asks(g):
    """/readyz finds out by itself that there is room again."""
    g.configure()
    g.start()
    item = g.item(10**7)
    limit(g, 4096)
    assert is_unavailable(g.orders.post("/allocations", g.request(item)))
    check_not_ready(g)
    limit(g, resource.RLIM_INFINITY)
    begin = time.monotonic()
    g.wait_until_ready(seconds=5)
    print("# ready again after %.1f s" % (time.monotonic() - begin))
    g.allocate(item)
    g.check_in_order()


def test_max_size(g):
    g.configure("max_size: 1M")
    g.start()
    item = g.item(10**7)
    with Crowd(g, CLIENTS, item) as crowd:
        crowd.wait_for(201, CLIENTS)
        check_full(g, item, crowd)
        crowd.wait_for(503, 1000)
    check_after(g, item, crowd)
    check_not_ready(g)
    assert g.stop() == 0
    g.configure("max_size: 8M")
    g.start()
    with Crowd(g, CLIENTS, item) as more:
        more.wait_for(201, 10 * CLIENTS)
    assert more.sum_of(503) == 0
    assert not fault.lost(g, crowd.acknowledged + more.acknowledged)
    g.check_in_order()


@contextlib.contextmanager
def small_disk(g, size):
    """The daemon's folder on a disk of its own, which only this process and
    its children see; None where that is not allowed."""
    clone_newns = 0x20000
    if ctypes.CDLL(None).unshare(clone_newns) != 0:
        yield None
        return
    for command in (["mount", "--make-rprivate", "/"],
                    ["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs",
                     g.folder]):
        subprocess.run(command, check=True)
    try:
        g.write("jwt.key", g.key, 0o600)
        g.configure("checkpoint_pages: 100")
        yield g.path("filler")
    finally:
        if g.process is not None:
            g.kill()
            g.show_log()
        subprocess.run(["umount", g.folder], check=True)


def fill(path):
    """To the last byte."""
    with open(path, "ab", buffering=0) as f:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    f.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_a_full_disk(g):
    # the filler fills it: the log is small beside it, and has little room of
    # its own in which writes could still go
    with small_disk(g, 64 * MIB) as filler:
        if filler is None:
            raise tap.Skip("no mount namespaces here")
        g.start()
        item = g.item(10**7)
        with Crowd(g, CLIENTS, item) as crowd:
            for _ in range(3):
                crowd.wait_for(201, CLIENTS)
                fill(filler)
                check_full(g, item, crowd)
                os.unlink(filler)
            crowd.wait_for(201, CLIENTS)
            g.wait_until_ready()
        check_after(g, item, crowd)
        fill(filler)
        g.restart()
        # the log may have begun again at its start, and has room then for a while
        for _ in range(20):
            with Crowd(g, CLIENTS, item) as more:
                more.wait_for(503, CLIENTS)
            crowd.buyers += more.buyers
            time.sleep(1.5)         # one probe
            if g.ready().status == 503:
                break
        check_not_ready(g)
        assert g.quantities(item)[1] == len(crowd.acknowledged)
        os.unlink(filler)
        g.wait_until_ready()
        check_after(g, item, crowd)
        assert g.stop() == 0


if __name__ == "__main__":
    fault.main()
