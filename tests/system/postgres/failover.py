#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A primary and a synchronous standby, both in conninfo: the primary goes, the
standby is promoted, and the gateway goes on with it. All that was acknowledged
is there."""
import sys
import time

import _path    # noqa: F401
import postgres
import tap
from load import BACK_SECONDS, Crowd, check_kept, gateway


def failover(go, later=None):
    """go(primary) takes it away; later(primary) is called when the gateway goes
    on with the other one."""
    with postgres.Postgres(name="primary") as p, p.standby() as s:
        g = gateway(p, "failover")
        g.store.conninfo = s.conninfo_of_both(g.store.name)
        g.write("gantry.yaml", g.configuration("").encode())
        with g:
            try:
                goes_on(g, p, s, go, later)
            finally:
                g.store.server = s


def goes_on(g, p, s, go, later):
    with Crowd(g) as crowd:
        crowd.wait_for_sales(100)
        go(p)
        away = time.monotonic()
        time.sleep(2.5)
        # at first everybody waits for what was asked before
        crowd.wait_until_refused(away)
        end = time.monotonic()
        s.promote()
        took = crowd.wait_until_back(time.monotonic())
        g.store.server = s
        crowd.wait_for_sales()
        if later:
            later(p)
            time.sleep(1)
            crowd.wait_for_sales(100)
    longest, n = crowd.check_refused(away, end)
    print("# %d refused within %.2f s; back after %.2f s; %d sold" % (
        n, longest, took, len(crowd.bought)))
    assert took < BACK_SECONDS, took
    check_kept(g, crowd.bought)
    assert g.stop() == 0


def test_primary_is_killed(nothing):
    failover(lambda p: p.kill())


def test_primary_is_stopped(nothing):
    failover(lambda p: p.stop("fast"))


def test_primary_hangs(nothing):
    """It is not gone, and comes back when it is too late: the gateway stays with
    the new one, and nothing that the old one still does is acknowledged."""
    failover(lambda p: p.freeze(), lambda p: p.thaw())


if __name__ == "__main__":
    if postgres.missing():
        print("1..0 # SKIP " + postgres.missing())
        sys.exit(77)
    sys.exit(tap.run_all(None))
