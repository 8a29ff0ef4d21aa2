#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""around.py COMMAND...: runs it with a PostgreSQL that all tests below it share,
each with databases of its own (GANTRY_POSTGRES); its status. A test that stops,
breaks or settles its server has one of its own all the same. Without a server to
be had the command is run alone."""
import os
import subprocess
import sys

import _path    # noqa: F401
import postgres

# Nobody ends it before its time: what no crash can take need not be on the disk,
# and the databases of some tests that come and go do not hold up the others.
SETTINGS = {"max_connections": 500, "fsync": "off", "full_page_writes": "off"}


def main():
    environment = dict(os.environ)
    if postgres.missing():
        sys.exit(subprocess.call(sys.argv[1:]))
    with postgres.Postgres(settings=SETTINGS) as p:
        # before tests side by side would each make their role
        p.create_database()
        environment["GANTRY_POSTGRES"] = "host=127.0.0.1 port=%d" % p.port
        status = subprocess.call(sys.argv[1:], env=environment)
    sys.exit(status)


if __name__ == "__main__":
    main()
