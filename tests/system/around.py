#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""around.py [--postgres] [--rabbitmq] COMMAND...: runs it with servers that all
tests below it share, each with databases and virtual hosts of its own
(GANTRY_POSTGRES, GANTRY_RABBITMQ); its status. A test that stops, breaks or settles
its server has one of its own all the same. What is not to be had is left out."""
import contextlib
import os
import subprocess
import sys

sys.dont_write_bytecode = True
import postgres     # noqa: E402
import rabbit       # noqa: E402

# Nobody ends it before its time: what no crash can take need not be on the disk,
# and the databases of some tests that come and go do not hold up the others.
SETTINGS = {"max_connections": 500, "fsync": "off", "full_page_writes": "off"}


@contextlib.contextmanager
def with_postgres():
    with postgres.Postgres(settings=SETTINGS) as p:
        # before tests side by side would each make their role
        p.create_database()
        yield "GANTRY_POSTGRES", "host=127.0.0.1 port=%d" % p.port


@contextlib.contextmanager
def with_rabbitmq():
    with rabbit.Rabbit("shared") as r:
        yield "GANTRY_RABBITMQ", r.handed_on()


SERVERS = {"--postgres": (postgres.missing, with_postgres),
           "--rabbitmq": (rabbit.missing, with_rabbitmq)}


def main():
    command = sys.argv[1:]
    environment = dict(os.environ)
    with contextlib.ExitStack() as stack:
        while command[0] in SERVERS:
            missing, server = SERVERS[command.pop(0)]
            if not missing():
                name, value = stack.enter_context(server())
                environment[name] = value
        status = subprocess.call(command, env=environment)
    sys.exit(status)


if __name__ == "__main__":
    main()
