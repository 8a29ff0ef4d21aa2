#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged was on the disk before: the daemon runs on a file
system that forgets at kill -9 all that was not synced (forget.c)."""
import random
import time

import fault
from fault import Crowd, TORTURE

ROUNDS = 6 * TORTURE
CLIENTS = 16


def kill_under_load(g, item, low=0.2, high=1.2):
    """What was acknowledged before the kill."""
    with Crowd(g, CLIENTS, item) as crowd:
        crowd.wait_for(201, CLIENTS)
        time.sleep(random.uniform(low, high))
        g.kill()
    return crowd.acknowledged


def begin(g):
    g.configure()
    g.start()
    item = g.item(10**7)
    assert g.stop() == 0
    return item


def forgetful_round(g, item, storage="", keep=0):
    """One life on the forgetful file, looked at from a normal one."""
    g.configure(storage, forget=True, keep=keep)
    g.start()
    ids = kill_under_load(g, item)
    g.configure()
    g.start()
    return ids


def test_a_201_is_on_the_disk(g):
    item, known = begin(g), []
    for n in range(ROUNDS):
        # every other round some writes get through in any order, too
        ids = forgetful_round(g, item, keep=n % 2 * 50)
        assert ids
        known += ids
        missing = fault.lost(g, known)
        assert not missing, "round %d: %d of %d lost" % (n, len(missing), len(ids))
        g.check_in_order()
        assert g.stop() == 0
    print("# %d acknowledged in %d lives, %d stored" % (
        len(known), ROUNDS, len(g.stored())))


def test_a_new_file_is_on_the_disk(g):
    """The schema and the first item, too."""
    g.configure(forget=True)
    g.start()
    item = g.item(10**6)
    ids = kill_under_load(g, item, 0, 0.1)
    g.configure()
    g.start()
    assert not fault.lost(g, ids)
    g.check_in_order()


def loses(g, storage):
    """The test above would see a daemon that does not wait for the disk."""
    item = begin(g)
    for n in range(5):
        ids = forgetful_round(g, item, storage)
        missing = fault.lost(g, ids)
        if missing:
            print("# %s: %d of %d lost in round %d" % (storage, len(missing),
                                                     len(ids), n + 1))
            return
        g.stop()
    raise AssertionError("%s lost nothing in 5 rounds" % storage)


def test_without_sync_it_is_not(g):
    loses(g, "synchronous: off")


def test_with_sync_at_checkpoints_alone_it_is_not(g):
    loses(g, "synchronous: normal")


def test_the_last_moment(g):
    """Killed right after a single answer, over and over."""
    item, known = begin(g), []
    for _ in range(5 * TORTURE):
        g.configure(forget=True)
        g.start()
        known.append(g.allocate(item, 1)["id"])
        g.kill()
    g.configure()
    g.start()
    assert not fault.lost(g, known)
    g.check_in_order()


if __name__ == "__main__":
    fault.main()
