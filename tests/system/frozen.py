# SPDX-License-Identifier: Apache-2.0
"""Processes that stand still: nothing of them runs, what they hold stays open."""
import os
import signal
import time

SECONDS = 20


def _states(pid):
    """Of its threads; none: it is gone."""
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return
    for task in tasks:
        try:
            with open("/proc/%d/task/%s/stat" % (pid, task)) as f:
                yield f.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            pass


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def freeze(*pids):
    """Back when they do: a thread that runs on another processor goes on for a
    moment after the signal, and may well answer in it."""
    send(pids, signal.SIGSTOP)
    end = time.monotonic() + SECONDS
    while any(state not in "TtXZ" for pid in pids for state in _states(pid)):
        assert time.monotonic() < end, "not stopped in %d s" % SECONDS
        time.sleep(0.001)


def thaw(*pids):
    send(pids, signal.SIGCONT)
