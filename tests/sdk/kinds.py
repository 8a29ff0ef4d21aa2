#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "gantry plugins new" makes of each kind builds without a warning, passes
its tests, installs and serves; and what "gantry plugins check" says of plugins
that should not be installed."""
import gzip
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import _path  # noqa: F401
import installed
import tap

NAME = "made-here"


class Made:
    """A folder of a new plugin, gone at the end."""

    def __init__(self, root, kind):
        self.root = root
        self.folder = tempfile.mkdtemp(prefix="kinds-")
        self.at = os.path.join(self.folder, NAME)
        self.run(["gantry", "plugins", "new", NAME, "--kind", kind], self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)
        for path in ("lib/gantry/plugins/1/%s.so" % NAME,
                     "share/man/man7/gantry-%s.7" % NAME):
            path = os.path.join(self.root, path)
            if os.path.exists(path):
                os.unlink(path)

    def run(self, command, folder=None):
        return installed.run(command, self.root, folder or self.at)

    def read(self, name):
        with open(os.path.join(self.at, name)) as f:
            return f.read()

    def change(self, name, old, new):
        text = self.read(name)
        assert old in text, old
        with open(os.path.join(self.at, name), "w") as f:
            f.write(text.replace(old, new))

    def check(self):
        """What the check says of it, by name; and its exit status."""
        self.run(["make", "-s", "all"])
        done = subprocess.run(["gantry", "plugins", "check", "%s.so" % NAME, "--json"],
                              cwd=self.at, env=installed.environment(self.root),
                              text=True, capture_output=True, timeout=60)
        said = json.loads(done.stdout)
        assert said["holds"] == (done.returncode == 0), said
        return done.returncode, {c["check"]: c.get("why") for c in said["checks"]}


def built(root, kind):
    """A new plugin, tested and installed."""
    made = Made(root, kind)
    for name in os.listdir(made.at):
        if os.path.isfile(os.path.join(made.at, name)):
            assert "@" not in made.read(name).replace("$@", ""), name
    said = made.run(["make", "-s", "check"])
    assert "0 of 5 checks failed" in said, said
    made.run(["make", "-s", "install"])
    assert NAME in made.run(["gantry", "plugins", "list"])
    return made


CONFIG = """
service: kinds
http: {listen: 127.0.0.1:8080}
%s
routes:
  - {http: "GET /inventory-items", auth: first, roles: [reader], pipeline: [items.item_list]}
handlers:
  items: {plugin: allocations}
"""


def ask(headers, path="/inventory-items"):
    request = urllib.request.Request("http://127.0.0.1:8080" + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def write(folder, name, text, mode=0o644):
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, mode), "w") as f:
        f.write(text)


def served(made, config, answers):
    """A gateway with it, in a network of its own, answers so."""
    def asked(_):
        got = [ask(headers) for headers, _ in answers]
        print("# answers %s" % got, flush=True)
        assert got == [wanted for _, wanted in answers], got
    serving(made, CONFIG % config, asked)


def serving(made, config, what):
    """Does that with the gateway's folder, beside it in a network of their own."""
    folder = tempfile.mkdtemp(dir=made.folder)
    write(folder, "secret", "0123456789abcdef" * 2, 0o600)
    write(folder, "gantry.yaml", config)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            installed.alone()
            serve(made.root, folder, what)
            status = 0
        except Exception as error:    # or nobody would hear of it
            tap.show(error)
            sys.stdout.flush()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def serve(root, folder, what):
    gantry = subprocess.Popen(["gantry", "serve", "--config", "gantry.yaml"], cwd=folder,
                              env=installed.environment(root))
    try:
        end = time.monotonic() + 20
        while not ready():
            assert time.monotonic() < end and gantry.poll() is None, "it does not serve"
            time.sleep(0.1)
        what(folder)
    finally:
        gantry.send_signal(signal.SIGTERM)
        ended = gantry.wait(20)
    assert ended == 0, ended


def ready():
    try:
        return bool(ask({}))
    except urllib.error.URLError:
        return False


def test_handler(root):
    with built(root, "handler") as made:
        said = made.run(["gantry", "plugins", "describe", NAME])
        assert "count" in said and "exchange" in said, said


def test_auth(root):
    with built(root, "auth") as made:
        served(made, "storage: {plugin: memory}\nauth:\n  first: {plugin: %s, "
               "secret_file: secret, role: reader}" % NAME,
               [({"X-Secret": "0123456789abcdef" * 2}, 200), ({"X-Secret": "x"}, 401),
                ({}, 401)])


class Failing(http.server.BaseHTTPRequestHandler):
    """An upstream that can only say that it cannot."""
    calls = 0

    def do_GET(self):
        Failing.calls += 1
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


BROKEN = CONFIG % """
storage: {plugin: memory}
admin: {socket: ./admin.sock}
auth:
  first: {plugin: jwt, key_file: secret, algorithm: HS256, issuer: i, audience: a}
breakers:
  calls: {plugin: %s, failures: 2, rest: 1h}
upstreams:
  orders: {url: "http://127.0.0.1:3001", breaker: calls, retries: 0}
""" % NAME + """  to-orders: {plugin: proxy, upstream: orders}
"""
BROKEN = BROKEN.replace("routes:\n", """routes:
  - {http: "GET /orders", auth: first, roles: [reader], pipeline: [to-orders.pass]}
""")


def test_breaker(root):
    """Two failures in a row, and the upstream is not asked any more."""
    def fails(folder):
        server = http.server.HTTPServer(("127.0.0.1", 3001), Failing)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        token = made.run(["gantry", "token", "mint", "--key", "secret", "--algorithm",
                          "HS256", "--issuer", "i", "--audience", "a", "--role",
                          "reader"], folder).strip()
        said = []
        for _ in range(4):
            said.append((ask({"Authorization": "Bearer " + token}, "/orders"),
                         Failing.calls, state(folder)))
        print("# %s" % said, flush=True)
        assert said == [(500, 1, "closed"), (500, 2, "open"), (503, 2, "open"),
                        (503, 2, "open")], said

    def state(folder):
        said = made.run(["gantry", "breakers", "list", "--config", "gantry.yaml"], folder)
        return re.search(r"^calls +(\w+)", said, re.M).group(1)

    with built(root, "breaker") as made:
        serving(made, BROKEN, fails)


def test_storage(root):
    with built(root, "storage") as made:
        key = os.path.join(made.folder, "secret")
        write(made.folder, "secret", "0123456789abcdef" * 2, 0o600)
        token = made.run(["gantry", "token", "mint", "--key", key, "--algorithm", "HS256",
                          "--issuer", "i", "--audience", "a", "--role", "reader"]).strip()
        served(made, "storage: {plugin: %s}\nauth:\n  first: {plugin: jwt, key_file: %s, "
               "algorithm: HS256, issuer: i, audience: a}" % (NAME, key),
               [({"Authorization": "Bearer " + token}, 200), ({}, 401)])


def test_names(root):
    """Those that cannot be one, and a folder that is there."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("x", "Upper", "two--hyphens", "end-", "int", "a" * 33, "1st"):
            done = subprocess.run(["gantry", "plugins", "new", name], cwd=folder, text=True,
                                  env=installed.environment(root), capture_output=True)
            assert done.returncode == 2, name
            assert done.stderr == (
                'gantry: "%s": a plugin\'s name is 2 to 32 small letters, digits and '
                'single hyphens, begins with a letter and is no word of C\n' % name)
        os.mkdir(os.path.join(folder, "there"))
        done = subprocess.run(["gantry", "plugins", "new", "there"], cwd=folder, text=True,
                              env=installed.environment(root), capture_output=True)
        assert (done.returncode, done.stderr) == (
            1, "gantry: there: File exists; name another folder by --into\n"), done
        assert os.listdir(folder) == ["there"]


def test_check_finds_what_is_not_documented(root):
    with Made(root, "handler") as made:
        made.change("gantry-%s.7" % NAME, ".It Cm key\n", "")
        status, said = made.check()    # that it is a routing key is still said
        assert status == 1 and said["man page"].endswith(
            "/gantry-%s.7 has no item for the option key: \".It Cm key\", or \".TP\" and "
            "\".B key\" below it" % NAME), said
        os.unlink(os.path.join(made.at, "gantry-%s.7" % NAME))
        assert made.check()[1]["man page"] == (
            "there is no gantry-%s.7 beside the plugin; write one, or name it by --man"
            % NAME)


def test_check_knows_an_item(root):
    """In the words of mdoc, of man, and of what is made from other formats."""
    with Made(root, "handler") as made:
        page, mdoc = "gantry-%s.7" % NAME, ".It Cm key\n"
        for item in (".TP\n.B key\n", '.TP 10\n.BR key " (text)"\n', ".IP key 10\n",
                     ".TP\n\\fBkey\\fR\n", ".TP\n\\f[B]key\\f[R]\n",
                     "\\fBkey\\fP\n.RS 4\n", ".It Cm other , Cm key\n"):
            made.change(page, mdoc, item)
            assert made.check()[1]["man page"] is None, item
            made.change(page, item, mdoc)
        for item in ('.\\" .It Cm key\n', ".B key\n", ".It Cm key_file\n",
                     '.TP\n.BR other " (default: key)"\n'):
            made.change(page, mdoc, item)
            assert "option key" in made.check()[1]["man page"], item
            made.change(page, item, mdoc)


def test_check_reads_an_installed_page(root):
    """As Debian packs them."""
    with Made(root, "handler") as made:
        made.run(["make", "-s", "install"])
        page = os.path.join(root, "share", "man", "man7", "gantry-%s.7" % NAME)
        done = ["gantry", "plugins", "check", NAME]
        assert "0 of 5 checks failed" in made.run(done)
        made.run(["gzip", "-f", page])
        try:
            assert "0 of 5 checks failed" in made.run(done)
            for content, why in (
                    (gzip.compress(b".It Cm exchange\ncount\n"), "has no item for the option key"),
                    (b"no gzip", ": gzip cannot unpack it")):
                with open(page + ".gz", "wb") as f:
                    f.write(content)
                failed = subprocess.run(done, env=installed.environment(root), text=True,
                                        capture_output=True, timeout=60)
                assert failed.returncode == 1 and page + ".gz" in failed.stdout, failed
                assert why in failed.stdout, failed
        finally:
            os.unlink(page + ".gz")


def test_check_finds_what_has_no_summary(root):
    with Made(root, "handler") as made:
        made.change(NAME + ".c", '.summary = "The routing key to publish with"',
                    '.summary = ""')
        status, said = made.check()
        assert status == 1
        assert "key" in (said.get("texts") or said["load"]), said


def test_check_finds_what_is_described_wrongly(root):
    with Made(root, "handler") as made:
        made.change(NAME + ".c", '"exchange": "${exchange}"', '"exchange": "${exchanges}"')
        status, said = made.check()
        assert status == 1 and said["descriptions"] == (
            "%s.count: events: ${exchanges} is no option of the plugin" % NAME), said


def test_check_survives_what_crashes(root):
    code = "__attribute__((constructor)) static void begin(void)\n{\n\t%s;\n}\n"
    with Made(root, "handler") as made:
        made.change(NAME + ".c", "#include <gantry/plugin.h>\n",
                    "#include <gantry/plugin.h>\n#include <stdlib.h>\n" + code % "abort()")
        status, said = made.check()
        assert status == 1 and said["load"] == (
            "what runs when it is loaded crashed: Aborted"), said
        made.change(NAME + ".c", "abort()", "_Exit(3)")
        assert made.check()[1]["load"] == (
            "what runs when it is loaded ended the process with status 3")
        made.change(NAME + ".c", "_Exit(3)", "_Exit(0)")
        status, said = made.check()
        assert status == 1 and said["load"] == (
            "what runs when it is loaded ended the process with status 0"), said
        for end in ("_Exit(0)", "exit(0)"):
            made.change(NAME + ".c", "\t_Exit(0)", "\t" + end)
            made.run(["make", "-s", "all"])
            done = subprocess.run(
                ["gantry", "run-handler", "./%s.so" % NAME, "count", "--event", "/dev/null"],
                cwd=made.at, env=installed.environment(root), text=True,
                capture_output=True, timeout=60)
            assert (done.returncode, done.stdout, done.stderr) == (
                2, "", "gantry: %s/%s.so: what runs when it is loaded ended the process "
                "with status 0\n" % (os.path.realpath(made.at), NAME)), done


def test_new_warns_of_one_that_is_there(root):
    with Made(root, "handler") as made:
        made.run(["make", "-s", "install"])
        done = subprocess.run(["gantry", "plugins", "new", NAME, "--into", "other"],
                              cwd=made.folder, env=installed.environment(root), text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0 and done.stderr.endswith(
            "/%s.so is there already: \"make install\" would put the new one in its place; "
            "choose another name to keep both\n" % NAME), done


def test_check_finds_who_else_may_write(root):
    with Made(root, "handler") as made:
        made.run(["make", "-s", "all"])
        os.chmod(made.folder, 0o777)
        status, said = made.check()
        assert status == 1 and said["path"] == (
            "%s: others may write there (mode 0777); chmod go-w it" % made.folder), said
        os.chmod(made.folder, 0o755)
        assert made.check() == (0, {"path": None, "load": None, "texts": None,
                                    "descriptions": None, "man page": None})


if __name__ == "__main__":
    raise SystemExit(tap.run_all(installed.prefix()))
