#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Listening sockets passed in, as a service manager does (sd_listen_fds(3)): one loop
for each, in place of the addresses in the configuration; what does not fit is named."""
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import _path  # noqa: F401
import tap
from gantry import PROGRAM, Client, free_port

# In the gateway's own process: the descriptors from 3 on, LISTEN_PID is its own.
PASS = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 300) for fd in sys.argv[1].split(",") if fd]
for at, fd in enumerate(fds):
    os.dup2(fd, 3 + at)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


def listening(port, reuse=False):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", port))
    s.listen(64)
    return s


def launch(g, sockets, names=None, **environment):
    """The gateway with these; it may not come far."""
    fds = [s if isinstance(s, int) else s.fileno() for s in sockets]
    given = {"LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": ":".join(names or [])}
    given.update(environment)
    with open(g.path("log"), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", PASS, ",".join(map(str, fds)), PROGRAM, "serve",
             "--config", g.path("gantry.yaml")] + g.folders(), pass_fds=set(fds),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=dict(os.environ, **given))


@contextlib.contextmanager
def activated(g, sockets, names=None, **environment):
    """Runs with these, and the daemon of the file does not."""
    assert g.stop() == 0
    g.process = launch(g, sockets, names, **environment)
    try:
        yield
        assert g.stop() == 0
    finally:
        for s in sockets:
            s.close()
        if g.process is not None:
            g.kill()
        g.start()


def end_of(g, process):
    """Its status, and the last that it said."""
    code = process.wait(20)
    with open(g.path("log"), encoding="utf-8") as f:
        return code, f.read().splitlines()[-1]


def fresh(port):
    """The status of a request over a connection of its own."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        asked.request("GET", "/inventory-items/none")
        return asked.getresponse().status
    finally:
        asked.close()


def test_one_loop_for_each(g):
    port, admin = free_port(), free_port()
    sockets = [listening(port, True) for _ in range(3)] + [listening(admin)]
    with activated(g, sockets, ["gantry.socket"] * 3 + ["admin"]):
        # who is hashed to a socket that nobody accepts from would wait in vain
        assert {fresh(port) for _ in range(60)} == {401}
        client = Client(admin)
        assert client.get("/readyz").json["status"] == "pass"
        # not those of the configuration
        assert not g.answers()
        # the command line has its own as ever
        ran = subprocess.run([PROGRAM, "breakers", "list", "--config",
                              g.path("gantry.yaml")] +
                             [w for w in g.folders() if "plugins" not in w.lower()],
                             capture_output=True, text=True, timeout=20)
        assert ran.returncode == 0, ran
        g.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            assert fresh(port) == 401
        client.close()


def test_who_came_before_it_waits(g):
    port = free_port()
    s = listening(port)
    early = socket.create_connection(("127.0.0.1", port))
    early.settimeout(20)
    early.sendall(b"GET /inventory-items/none HTTP/1.1\r\nHost: x\r\n\r\n")
    with activated(g, [s]):
        assert early.recv(4096).startswith(b"HTTP/1.1 401 ")
        early.close()


def test_a_path_is_as_good(g):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "api.sock")
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        s.listen(8)
        with activated(g, [s]), socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(20)
            asked.connect(path)
            asked.sendall(b"GET /inventory-items/none HTTP/1.1\r\nHost: x\r\n\r\n")
            assert asked.recv(4096).startswith(b"HTTP/1.1 401 ")
        # it is somebody else's to remove
        assert os.path.exists(path)


def test_those_for_another_process_are_not_ours(g):
    s = listening(free_port())
    with activated(g, [s], LISTEN_PID="1"):
        end = time.monotonic() + 20
        while not g.answers():
            assert time.monotonic() < end
            time.sleep(0.01)


def refused(g, sockets, names=None, **environment):
    assert g.stop() == 0
    process = launch(g, sockets, names, **environment)
    try:
        return end_of(g, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        g.start()


def test_what_does_not_fit(g):
    """Each is named by its number, and nothing else is opened in its place."""
    good = listening(free_port())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
            socket.socket() as silent, open(os.devnull, "rb") as file, good:
        silent.bind(("127.0.0.1", 0))
        kind = "no stream socket of TCP or of a path (ListenStream=)"
        for sockets, names, at, why in (
                ([datagrams], None, 3, kind),
                ([good, silent], None, 4, "does not listen (Accept=no)"),
                ([file.fileno()], None, 3, "Socket operation on non-socket"),
                ([good, datagrams], ["gantry.socket", "admin"], 4, kind)):
            code, said = refused(g, sockets, names)
            assert code == 1, (code, said)
            assert '"message":"http: descriptor %d, passed in: %s"' % (at, why) in said, said
        # announced, and not there: the configuration file or whatever comes next
        code, said = refused(g, [good], LISTEN_FDS="60")
        assert code == 1 and "descriptor " in said and "passed in: " in said, said


def test_too_many(g):
    code, said = refused(g, [], LISTEN_FDS="65")
    assert (code, said) == (2, "gantry: 65 sockets were passed in; at most 64 can be"), said


if __name__ == "__main__":
    tap.main()
