# SPDX-License-Identifier: Apache-2.0
"""A daemon that is given another configuration while it runs, and how it is told.
A test that uses it ends with main()."""
import os
import shutil
import signal
import subprocess
import time

import gantry
import tap
from gantry import PROGRAM, Client, Gantry
from letters import local

BUILT = os.path.join(os.path.dirname(os.path.abspath(shutil.which(PROGRAM) or PROGRAM)),
                     "tests", "reload")


class Daemon(Gantry):
    """With a handler that says which version of itself runs."""

    options = "text: one"
    more = ""           # configuration

    def configuration(self, extra):
        self.extra = extra
        self.put_version(1)
        return self.text()

    def text(self):
        return super().configuration(
            "handlers:\n  v: {plugin: %s/version.so, notes: %s/notes, %s}\n"
            "routes:\n  - {http: \"GET /version\", auth: none, pipeline: [v.say]}\n%s%s"
            % (self.folder, self.folder, self.options, self.more, self.extra))

    def put_version(self, number):
        """As an installation would: another file under the name."""
        new = self.path("version.new")
        shutil.copy(os.path.join(BUILT, "version-%d.so" % number), new)
        os.chmod(new, 0o755)
        os.rename(new, self.path("version.so"))

    def change(self, options=None, more=None):
        self.options = self.options if options is None else options
        self.more = self.more if more is None else more
        self.write("gantry.yaml", self.text().encode())

    def replace(self, *pairs):
        text = self.text()
        for old, new in pairs:
            assert text.count(old) == 1, (old, text)
            text = text.replace(old, new)
        self.write("gantry.yaml", text.encode())

    def version(self):
        client = Client(self.port)
        try:
            got = client.get("/version")
            assert got.status == 200, got
            return got.json
        finally:
            client.close()

    def notes(self):
        try:
            with open(self.path("notes"), encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def log(self):
        with open(self.path("log"), encoding="utf-8") as f:
            return f.read()


def wait_for(what, done, seconds=20):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "in vain: " + what
        time.sleep(0.01)


def run(g, *words, command="reload"):
    folders = [w for w in g.folders() if "plugins" not in w.lower()] \
        if command == "reload" else g.folders()
    return subprocess.run(
        [PROGRAM, command, "--config", g.path("gantry.yaml")] + list(words) + folders,
        capture_output=True, text=True, timeout=60)


def reload(g):
    """What the answer says of it."""
    got = local(g, "POST", "/reload")
    assert got.status == 200, got
    return got.data


def reloaded(g):
    return g.log().count("reload: done")


def hup(g):
    before = reloaded(g)
    g.process.send_signal(signal.SIGHUP)
    wait_for("the reload is done", lambda: reloaded(g) > before)


def column(g, what):
    with open(g.path("gantry.yaml"), encoding="utf-8") as f:
        line = next(n for n in f if what in n)
    return line.index(what) + 1


def main():
    gantry.Gantry, tap.Gantry = Daemon, Daemon
    tap.main()
