#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL for a test that is no Python: commands come on the standard input,
one a line, and each gets one line back, "ok ANSWER" or "error WHY". It ends with
its input. Said first: "ok", or "none WHY" where there is no server to be had.

    database [OPTIONS]      a new database; its conninfo
    sql DATABASE SQL        as superuser; the first value of the first row
    stop MODE, start, kill, crash, freeze, thaw
    terminate FRACTION DATABASE     how many
    proxy                   a port that leads to the server's
    lose committed          the next COMMIT through it is done, its answer lost
    lose request            what is sent next through it gets lost
    lose answer             what is answered next gets lost
    cut                     all connections through it end
    hold, release           no byte passes through it; all connections stay
    passing                 connections through it
"""
import os
import socket
import sys
import threading

import _path    # noqa: F401
import postgres
import rabbit


class Proxy(rabbit.Proxy):
    """Stands between a client and the server, and cuts when it was told to."""
    DONE = b"C\0\0\0\x0bCOMMIT\0"

    def __init__(self, port):
        super().__init__(port)
        self.losing = None

    def accept(self):
        # as the other one, but it knows the two ways apart
        while True:
            try:
                near = self.listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.port_behind), 5)
            except OSError:
                if self.listener.fileno() < 0:
                    return
                near.close()
                continue
            far.settimeout(None)
            with self.lock:
                self.pairs.append((near, far))
            for a, b, gate, what in ((near, far, self.there, "request"),
                                     (far, near, self.back, "answer")):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.watch, args=(a, b, gate, what),
                                 daemon=True).start()

    def watch(self, a, b, gate, what):
        try:
            while True:
                data = a.recv(65536)
                gate.wait()
                if not data or self.loses(what, data):
                    break
                b.sendall(data)
        except OSError:
            pass
        self.end(a, b)

    def loses(self, what, data):
        with self.lock:
            lost = self.losing == what or (
                self.losing == "committed" and what == "answer" and
                self.DONE in data)
            if lost:
                self.losing = None
        return lost


class Server:
    def __init__(self):
        # of its own in any case: it may be stopped
        self.p = postgres.Postgres()
        self.proxies = []

    def database(self, options=""):
        return self.p.create_database(options=options)

    def sql(self, line):
        name, _, sql = line.partition(" ")
        with self.p.client(name) as c:
            with c.connection.cursor() as cursor:
                cursor.execute(sql)
                row = cursor.fetchone() if cursor.description else None
        return "" if row is None or row[0] is None else str(row[0])

    def terminate(self, line):
        fraction, name = line.split()
        return self.p.terminate_backends(float(fraction), name)

    def crash(self, line):
        self.p.crash_backend()

    def proxy(self, line):
        self.proxies.append(Proxy(self.p.port))
        return self.proxies[-1].port

    def lose(self, what):
        assert what in ("committed", "request", "answer"), what
        self.proxies[-1].losing = what

    def hold(self, line):
        self.proxies[-1].hold()

    def release(self, line):
        self.proxies[-1].release()

    def cut(self, line):
        return self.proxies[-1].cut()

    def passing(self, line):
        return len(self.proxies[-1].open())

    def stop(self, mode):
        self.p.stop(mode or "fast")

    def __getattr__(self, name):
        assert name in ("start", "kill", "freeze", "thaw"), name
        return lambda line: getattr(self.p, name)()


def main():
    if postgres.missing():
        print("none " + postgres.missing(), flush=True)
        return
    # what ends the test from outside does not end this: the end of its input does
    os.setpgid(0, 0)
    server = Server()
    with server.p:
        print("ok", flush=True)
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            try:
                said = getattr(server, word)(rest)
                print("ok %s" % ("" if said is None else said), flush=True)
            except Exception as error:
                print("error %s" % " ".join(repr(error).split()), flush=True)


if __name__ == "__main__":
    main()
