#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster of three RabbitMQ nodes loses one under load, and gets it back, and
then loses another: nothing is lost and nothing done twice.

    GANTRY_EVENTS  how many OrderCreated, default 3000
"""
import os
import re
import sys

import _path
import tap
from rabbit import Cluster, missing, wait_for
from world import Feeder, World, created

EVENTS = int(os.environ.get("GANTRY_EVENTS", "3000"))
RATE = 300


def connected_to(w):
    """The node that the gateway consumes from, by its own words."""
    with open(w.g.path("log"), errors="replace") as f:
        ports = re.findall(r"consuming from 127\.0\.0\.1:(\d+)", f.read())
    return next((n for n in w.r.nodes if ports and n.port == int(ports[-1]) and
                 n.process), None)


def lose(w, feeder, at):
    """kill -9 of the node that the gateway is on, while events flow."""
    wait_for("%d events are fed" % at, 60, lambda: feeder.sent >= at, 0.01)
    node = wait_for("the gateway is connected", 30, lambda: connected_to(w))
    before = w.taken()
    node.kill()
    assert not feeder.is_done, "the node was lost after the work"
    wait_for("it goes on with two", 60, lambda: w.taken() > before + 100)
    print("# %s lost at %d fed, %d through; went on at %d" % (
        node.node, feeder.sent, before, w.taken()), flush=True)
    return node


def test_a_node_is_lost(w):
    item = w.g.item(10**7)
    events = [created("ord_%d" % n, [("a", item, 1), ("b", item, 2)])
              for n in range(EVENTS)]
    feeder = Feeder(w.r, events, RATE, lambda: gate[0])
    gate = [EVENTS // 2]
    feeder.start()
    try:
        node = lose(w, feeder, EVENTS // 4)
        node.start()
        # it has to catch up first, or with the next one a majority is gone
        wait_for("each of them may be lost", 120,
                 lambda: all(n.may_be_lost() for n in w.r.nodes), 0.5)
        gate[0] = EVENTS
        lose(w, feeder, EVENTS * 3 // 4)
        wait_for("all is fed", 120, lambda: feeder.is_done)
        w.wait_until_taken(EVENTS, 60)
        w.wait_until_published(120)
    except BaseException:
        w.g.show_log()
        raise
    finally:
        feeder.stop()
    print("# %d events, %d fed again, %d published, %d of them again" % (
        EVENTS, feeder.again, len(w.seen.known), w.seen.copies))
    assert w.g.quantities(item) == (10**7, 3 * EVENTS)
    w.wait_until_quiet()
    assert w.g.stop() == 0
    w.check_store()
    w.check_published()
    w.check_taken([e["eventId"] for _, e in events])
    w.check_queues()
    w.verify()


def main():
    tap.skip_all(missing())
    print("1..1")
    with Cluster(3, "cluster") as k, World(k, name="cluster") as w:
        sys.exit(tap.run_one(1, test_a_node_is_lost, w))


if __name__ == "__main__":
    main()
