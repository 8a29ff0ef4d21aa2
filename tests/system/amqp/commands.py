# SPDX-License-Identifier: Apache-2.0
"""Commands of gantry that need a broker and no gateway: configurations in a folder,
and what was said."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import rabbit
import tap
from gantry import PROGRAM
from rabbit import PASSWORD


class Ran:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return "exit %d\n%s%s" % (self.status, self.out, self.err)

    def items(self):
        tree = json.loads(self.out)
        assert tree["ok"] == (self.status == 0), tree
        return {(i["kind"], i["name"] + (" " + i["key"] if "key" in i else "")): i
                for i in tree["items"]}

    def states(self):
        return {name: i["state"] for name, i in self.items().items()}


class House:
    """A folder with configurations, and what they name."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="commands-")
        self.secret("jwt.key", "0123456789abcdef" * 4)
        self.password = self.secret("password", PASSWORD)
        return self

    def __exit__(self, kind, value, trace):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def secret(self, name, text, mode=0o600):
        with open(self.path(name), "w") as f:
            f.write(text + "\n")
        os.chmod(self.path(name), mode)
        return self.path(name)

    def begin(self, *arguments, to=None, amqp=None, more="", name="gantry.yaml",
              **options):
        """Start a command with this section amqp: options go into it, and the way
        to a broker."""
        if amqp is None:
            options = dict({"url": to.url if to else None, "user": to.user if to else
                            "gantry", "password_file": self.password}, **options)
            options["url"] = json.dumps(options["url"])
            amqp = "amqp: {%s}\n" % ", ".join("%s: %s" % o for o in options.items())
        with open(self.path(name), "w") as f:
            f.write("use: inventory\nstorage: {plugin: memory}\n" + amqp + more +
                    "auth:\n  services: {plugin: jwt, key_file: jwt.key, "
                    "algorithm: HS256, issuer: shop, audience: inventory-service}\n")
        command = [PROGRAM, *arguments, "--config", self.path(name)]
        for option, given in (("--presets", "GANTRY_PRESETS"),
                              ("--plugins", "GANTRY_PLUGINS")):
            if os.environ.get(given):
                command += [option, os.environ[given]]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @staticmethod
    def end(process):
        with process:
            out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def gantry(self, *arguments, **options):
        return self.end(self.begin(*arguments, **options))

    def plan(self, to=None, **options):
        return self.gantry("topology", "plan", "--json", to=to, **options)

    def apply(self, to=None, **options):
        return self.gantry("topology", "apply", "--json", to=to, **options)


def equal(is_, should):
    assert is_ == should, "\n%s\nis not\n%s" % (is_, should)


def refused(ran, text):
    equal((ran.status, ran.out, ran.err), (1, "", "gantry: broker: %s\n" % text))


def log_of(daemon):
    with open(daemon.path("log")) as f:
        return f.read()


def main(house):
    """All tests of the file, with that house for each."""
    why = rabbit.missing() or (None if shutil.which(PROGRAM) else
                               "there is no program %s (set GANTRY)" % PROGRAM)
    if why:
        print("1..0 # SKIP " + why)
        sys.exit(77)
    with house as h:
        status = tap.run_all(h)
    sys.exit(status)
