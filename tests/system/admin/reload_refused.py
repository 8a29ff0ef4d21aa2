#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Another configuration while the gateway runs that cannot be: mistakes, and what
needs a restart. What is refused changes nothing, and is said."""
import os

import _path  # noqa: F401
from letters import local
from rabbit import make_tls, wait_for
from reloading import BUILT, column, main, reload, reloaded, run


def audited(g):
    return len(g.rows("select 1 from audit where action = 'reload' and result = 'refused'"))


def refused(g, *lines):
    """By the command, by the API and in the log; and what ran goes on."""
    was, reloads, noted = g.version(), reloaded(g), audited(g)
    got = run(g)
    assert got.returncode == 2 and got.stdout == "", got
    assert got.stderr.splitlines() == list(lines) + [
        "gantry: The configuration is refused; what runs stays as it is"], got.stderr
    got = local(g, "POST", "/reload")
    assert (got.status, got.error["code"], got.error["retryable"]) == \
        (422, "RELOAD_REFUSED", False), got
    assert [("%s: " % d["field"] if d["field"] else "") + d["problem"]
            for d in got.error["details"]] == list(lines), got
    log = g.log()
    assert "reload: refused, what runs stays as it is; problems: %d" % len(lines) in log
    for line in lines:
        assert "reload: " + line.replace('"', '\\"') in log, line
    wait_for("both are audited", 20, lambda: audited(g) == noted + 2)
    now = g.version()
    assert reloaded(g) == reloads
    assert (now["text"], now["calls"]) == (was["text"], was["calls"] + 1), (was, now)


def test_a_file_that_was_overwritten(g):
    with open(g.path("version.so"), "ab") as f:
        f.write(b"\0")
    refused(g, "gantry.yaml:10:15: handlers.v.plugin: %s: was overwritten while it is "
               "in use; put a new file in its place (install, mv) and restart"
            % g.path("version.so"))
    g.put_version(2)
    reload(g)
    assert g.version()["calls"] == 1


def test_mistakes(g):
    g.change(options="text: file")
    reload(g)
    g.replace(("text: file", "txt: file, nap: 1y"))
    refused(g, "gantry.yaml:10:%d: handlers.v.txt: unknown key (did you mean \"text\"?)"
            % column(g, "txt:"),
            "gantry.yaml:10:%d: handlers.v.nap: not a duration (250ms, 10s, 5m, 24h, 30d): "
            "\"1y\"" % (column(g, "nap: 1y") + 5))
    g.write("gantry.yaml", b"service: [")
    got = local(g, "POST", "/reload")
    assert got.status == 422, got
    assert len(got.error["details"]) == 1, got
    os.rename(g.path("gantry.yaml"), g.path("away"))
    got = local(g, "POST", "/reload")
    assert got.error["details"] == [
        {"field": "", "problem": "gantry.yaml: cannot read %s: No such file or directory"
         % g.path("gantry.yaml")}], got
    g.change()
    reload(g)


def test_an_instance_that_does_not_open(g):
    opened = len(g.notes())
    g.change(options="text: \"!\"", more="breakers: {more: {plugin: breaker}}\n")
    refused(g, "v (version): cannot say \"!\"")
    assert len(g.notes()) == opened, g.notes()
    g.change(options="text: good", more="")
    reload(g)
    assert g.version()["text"] == "good"


def test_a_plugin_that_ends_the_process(g):
    """It is tried in another one first: by the gateway that runs, by one that is to
    start, and by a check."""
    ends = os.path.join(os.path.dirname(BUILT), "bad", "ends.so")
    g.replace(("handlers:\n", "handlers:\n  e: {plugin: %s}\n" % ends))
    why = "gantry.yaml:10:15: handlers.e.plugin: %s: what runs when it is loaded " \
        "ended the process with status 0" % ends
    refused(g, why)
    for command in "check", "serve":
        got = run(g, command=command)
        assert (got.returncode, got.stdout, got.stderr) == (2, "", why + "\n"), got
    g.change()
    reload(g)


def test_what_needs_a_restart(g):
    more = "  - {every: 1h, pipeline: [v.say]}\ncommit: {max_batch: 64}\n" \
           "engine: {workers: 3, readers: 1}\n" \
           "amqp: {url: \"amqp://127.0.0.1:1/\"}\nreplica: another\n"
    store = g.store.options
    g.more = more
    g.replace(("http: {listen: 127.0.0.1:%d}" % g.port,
               "http: {listen: 127.0.0.1:1, threads: 2, max_connections: 7, "
               "max_head: 8K}"),
              ("admin: {listen: 127.0.0.1:%d, socket: %s/admin.sock}"
               % (g.admin_port, g.folder),
               "admin: {listen: 127.0.0.1:2, socket: %s/admin.sock}" % g.folder),
              ("service: inventory-service", "service: another"),
              ("storage: " + store, "storage: {plugin: memory}"))
    lines = []
    with open(g.path("gantry.yaml"), encoding="utf-8") as f:
        written = f.read().splitlines()

    def at(what, message, value=True):
        number = next(n for n, line in enumerate(written) if what in line)
        column = written[number].index(what) + 1
        if value:
            column += len(what)
        lines.append("gantry.yaml:%d:%d: %s: needs a restart"
                     % (number + 1, column, message))
    at("service: ", "service")
    at("http: {listen: ", "http.listen")
    at("threads: ", "http.threads")
    at("max_connections: ", "http.max_connections")
    at("max_head: ", "http.max_head")
    at("admin: {listen: ", "admin.listen")
    at("storage: {plugin: ", "storage.plugin")
    at("max_batch: ", "commit.max_batch")
    at("workers: ", "engine.workers")
    at("readers: ", "engine.readers")
    at("amqp: ", "amqp")
    at("replica: ", "replica")
    refused(g, *lines)
    g.change(more="")
    reload(g)


def test_another_place_of_the_storage(g):
    place = g.store.another()
    try:
        g.replace((g.store.options, place.options))
        key = "%s: " % place.key
        refused(g, "gantry.yaml:5:%d: storage.%s: needs a restart"
                % (column(g, key) + len(key), place.key))
        g.change()
        reload(g)
    finally:
        place.close()


def test_no_tls_without_a_restart(g):
    make_tls(g.folder)
    os.chmod(g.path("key.pem"), 0o600)
    g.replace(("http: {listen: 127.0.0.1:%d}" % g.port,
               "http: {listen: 127.0.0.1:%d, cert_file: cert.pem, key_file: key.pem}"
               % g.port))
    refused(g, "gantry.yaml:3:%d: http.cert_file: needs a restart"
            % (column(g, "cert_file: ") + 11))
    g.change()
    reload(g)


if __name__ == "__main__":
    main()
