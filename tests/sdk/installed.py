# SPDX-License-Identifier: Apache-2.0
"""Gantry as it is installed, for those who only have that: where the build
folder has a prefix inside itself, as in ./check."""
import ctypes
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys

BUILD = os.environ["GANTRY_BUILD"]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


held = None    # the lock on what is installed, for as long as this test runs


def install():
    """Installed now, unless another test uses what it has just installed: a
    program is not there for a moment while it is put in place again."""
    global held
    held = open(os.path.join(BUILD, "installed.lock"), "w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = subprocess.run(["make", "-s", "-C", BUILD, "install"], text=True,
                              capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr
    except BlockingIOError:
        pass
    fcntl.flock(held, fcntl.LOCK_SH)


def prefix():
    """Where it is installed, for this test; skips where it would land elsewhere."""
    with open(os.path.join(BUILD, "sdk", "gantry.pc")) as f:
        found = re.search(r"^prefix=(.*)$", f.read(), re.M).group(1)
    if not os.path.realpath(found).startswith(os.path.realpath(BUILD) + os.sep):
        print("1..0 # SKIP the prefix %s is not inside the build folder" % found)
        sys.exit(0)
    install()
    return found


def environment(root):
    """What a shell of somebody who installed it has."""
    keep = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "CC")
            if name in os.environ}
    keep.update({
        "PATH": "%s/bin:%s" % (root, os.environ["PATH"]),
        "PKG_CONFIG_PATH": root + "/lib/pkgconfig",
        "LD_LIBRARY_PATH": root + "/lib",
        "CFLAGS": "-O2 -g -Wall -Wextra -Werror",
    })
    return keep


def alone():
    """A network of our own, so that the usual ports are free. For preexec_fn."""
    if ctypes.CDLL(None).unshare(0x40000000) != 0:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        up = struct.pack("16sh", b"lo", 1 | 64)    # IFF_UP, IFF_RUNNING
        fcntl.ioctl(s, 0x8914, up)


def run(command, root, folder, **more):
    """Its output; fails with it if the command does."""
    done = subprocess.run(command, cwd=folder, env=environment(root), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=300, **more)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
