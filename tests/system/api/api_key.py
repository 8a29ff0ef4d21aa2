#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Senders with keys (gantry-api-key(7)), beside those with tokens."""
import hashlib
import json
import os
import re
import subprocess
import time

import _path
import tap
from gantry import Client, PROGRAM
from refusals import refused

KEYS = {name: name + "_" + os.urandom(20).hex() for name in ("north", "south", "stock", "viewer")}
ROLES = {"north": "order-service", "south": "order-service", "stock": "inventory-admin",
         "viewer": "gantry-admin:view"}
EXTRA = """\
  partners: {plugin: api-key, key_file: api.keys}
routes:
  - {http: "POST /allocations", auth: [services, partners], roles: [order-service], pipeline: [allocate.create]}
  - {http: "GET /allocations/{id}", auth: [partners, services], roles: [order-service], pipeline: [allocate.get]}
  - {http: "GET /inventory-items", auth: partners, roles: [inventory-admin], pipeline: [allocate.item_list]}
"""


def line(name, key=None):
    digest = hashlib.sha256((key or KEYS[name]).encode()).hexdigest()
    return "%s %s %s\n" % (name, ROLES.get(name, name), digest)


def prepare(g):
    g.write("api.keys", "".join(map(line, KEYS)).encode(), 0o640)


def ask(g, name, method, path, body=None, header="X-Api-Key", **more):
    client = Client(g.port)
    try:
        return client.ask(method, path, body, headers={
            header: KEYS.get(name, name), **more.pop("headers", {})}, **more)
    finally:
        client.close()


def test_a_key_opens_what_its_role_may(g):
    got = ask(g, "north", "POST", "/allocations", g.request(g.item(5)))
    assert got.status == 201, got
    again = ask(g, "south", "GET", "/allocations/" + got.data["id"])
    assert again.status == 200, again
    assert ask(g, "stock", "GET", "/inventory-items").status == 200
    refused(ask(g, "north", "GET", "/inventory-items"), 403, "FORBIDDEN", "role")


def test_the_admin_api(g):
    """One whose role is gantry-admin:view may look there, and no more."""
    client = Client(g.admin_port)
    path = "/admin/api/dead-letters"
    assert client.get(path, headers={"X-Api-Key": KEYS["viewer"]}).status == 200
    assert client.get(path, headers={"X-Api-Key": KEYS["north"]}).status == 403
    assert client.get(path, headers={"X-Api-Key": "x" * 40}).status == 401
    got = client.post(path + "/1/discard", {"reason": "x"},
                      headers={"X-Api-Key": KEYS["viewer"]})
    assert got.status == 403, got


def test_names_of_headers_ignore_case(g):
    got = ask(g, "stock", "GET", "/inventory-items", header="x-API-key")
    assert got.status == 200, got


def test_tokens_go_on(g):
    got = g.orders.post("/allocations", g.request(g.item(5)))
    assert got.status == 201, got
    assert g.orders.get("/allocations/" + got.data["id"]).status == 200


def test_keys_that_do_not_count(g):
    good = KEYS["stock"]
    for name, key in {"unknown": "x" * 40, "empty": "", "cut": good[:-1],
                      "longer": good + "0", "short": "k", "huge": "k" * 4000,
                      "hash": hashlib.sha256(good.encode()).hexdigest(),
                      "bearer": "Bearer " + good}.items():
        got = ask(g, key, "GET", "/inventory-items")
        refused(got, 401, "UNAUTHENTICATED", name)
        assert got.header("WWW-Authenticate") == "ApiKey", (name, got.headers)
    got = Client(g.port).get("/inventory-items")
    refused(got, 401, "UNAUTHENTICATED", "none")
    got = Client(g.port).get("/inventory-items", headers={"Authorization": "ApiKey " + good})
    refused(got, 401, "UNAUTHENTICATED", "in another header")


def test_two_keys_are_none(g):
    client = Client(g.port)
    client.get("/nowhere")
    c = client.connection
    c.putrequest("GET", "/inventory-items")
    c.putheader("X-Api-Key", KEYS["stock"])
    c.putheader("x-api-key", KEYS["stock"])
    c.endheaders()
    assert c.getresponse().status == 401


def test_a_token_first_or_a_key_first(g):
    """The first that knows the kind of credential decides (zero denies)."""
    token = {"Authorization": "Bearer " + g.token("order-service")}
    bad = {"Authorization": "Bearer x.y.z"}
    body = g.request(g.item(5))
    assert ask(g, "x" * 40, "POST", "/allocations", body, headers=token).status == 201
    assert ask(g, "north", "POST", "/allocations", body, headers=bad).status == 401
    path = "/allocations/none"
    assert ask(g, "x" * 40, "GET", path, headers=token).status == 401
    assert ask(g, "north", "GET", path, headers=bad).status == 404


def test_an_idempotency_key_is_its_senders(g):
    """Two senders may use the same; a token with the same subject is another."""
    item = g.item(50)
    keyed = {"Idempotency-Key": "one"}
    bodies = {name: g.request(item) for name in ("north", "south")}
    first = {name: ask(g, name, "POST", "/allocations", bodies[name], headers=keyed)
             for name in bodies}
    for name, got in first.items():
        assert got.status == 201 and got.header("Idempotent-Replayed") is None, got
        again = ask(g, name, "POST", "/allocations", bodies[name], headers=keyed)
        assert again.header("Idempotent-Replayed") == "true", again
        assert again.data["id"] == got.data["id"]
    got = g.client("order-service", sub="north").post(
        "/allocations", g.request(item), headers=keyed)
    assert got.status == 201 and got.header("Idempotent-Replayed") is None, got


def until(g, name, status):
    end = time.monotonic() + 10
    while True:
        got = ask(g, name, "GET", "/inventory-items")
        if got.status == status:
            return
        assert time.monotonic() < end, got
        time.sleep(0.1)


def replace(g, text):
    g.write("api.keys.new", text.encode(), 0o600)
    os.rename(g.path("api.keys.new"), g.path("api.keys"))


def test_the_file_is_read_again(g):
    KEYS["inventory-admin"] = "fresh_" + os.urandom(20).hex()
    with open(g.path("api.keys"), "a") as f:
        f.write(line("inventory-admin"))
    until(g, "inventory-admin", 200)
    replace(g, "".join(line(n) for n in KEYS if n != "inventory-admin"))
    until(g, "inventory-admin", 401)
    assert ask(g, "stock", "GET", "/inventory-items").status == 200


def test_a_file_that_is_no_good_changes_nothing(g):
    with open(g.path("log"), "rb") as log:
        log.seek(0, 2)
        replace(g, "stock inventory-admin %s\n" % KEYS["stock"])
        end = time.monotonic() + 10
        said = b""
        while b"cannot be used" not in said:
            assert ask(g, "stock", "GET", "/inventory-items").status == 200
            assert time.monotonic() < end, said
            time.sleep(0.1)
            said += log.read()
    os.chmod(g.path("api.keys"), 0o644)
    time.sleep(1.1)
    assert ask(g, "stock", "GET", "/inventory-items").status == 200
    prepare(g)
    time.sleep(1.1)
    assert ask(g, "north", "GET", "/allocations/none").status == 404


def gantry(*words):
    ran = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=20)
    return ran.returncode, ran.stdout, ran.stderr


def plugin():
    folder = os.environ.get("GANTRY_PLUGINS")
    return ["--plugins", os.path.abspath(folder)] if folder else []


def test_new_prints_a_key_and_its_line(g):
    code, out, err = gantry("api-key", "new", "--name", "p-7", "--role", "a",
                            "--role", "b:view", *plugin())
    assert code == 0 and err == "", err
    key, entry = out.splitlines()
    assert re.fullmatch("gantry_[0-9a-f]{64}", key), key
    assert entry == "p-7 a,b:view " + hashlib.sha256(key.encode()).hexdigest()


def test_a_new_key_opens(g):
    path = g.path("api.keys")
    with open(path, "rb") as f:
        before = f.read().rstrip(b"\n")
    g.write("api.keys", before, 0o640)      # as some editors leave it
    code, key, err = gantry("api-key", "new", "--name", "new", "--role",
                            "inventory-admin", "--file", path, *plugin())
    assert code == 0, err
    KEYS["new"] = key.strip()
    until(g, "new", 200)
    assert ask(g, "stock", "GET", "/inventory-items").status == 200
    assert gantry("api-key", "check", path, *plugin()) == (0, "good\n", "")


def test_a_key_ends(g):
    code, key, err = gantry("api-key", "new", "--name", "short", "--role", "inventory-admin",
                            "--ttl", "4s", "--file", g.path("api.keys"), *plugin())
    assert code == 0, err
    KEYS["short"] = key.strip()
    until(g, "short", 200)
    until(g, "short", 401)
    with open(g.path("log")) as log:
        assert 'unauthenticated: the key of \\"short\\" has expired' in log.read()


def test_new_makes_the_file(g):
    path = g.path("fresh.keys")
    old = os.umask(0o022)
    try:
        code, key, err = gantry("api-key", "new", "--name", "n", "--role", "r",
                                "--file", path, *plugin())
    finally:
        os.umask(old)
    assert code == 0 and os.stat(path).st_mode & 0o777 == 0o640, err
    with open(path) as f:
        assert f.read() == "n r %s\n" % hashlib.sha256(key.strip().encode()).hexdigest()


def test_what_the_command_refuses(g):
    help_ = '\nTry "gantry api-key --help".\n'
    bad = g.path("bad.keys")
    g.write("bad.keys", b"one\n", 0o600)
    g.write("open.keys", b"# nothing\n", 0o644)
    name = "name: not 1 to 128 of A-Z a-z 0-9 . _ : @ / + -: "
    for words, code, text in (
            ([], 2, "gantry api-key: new or check?" + help_),
            (["old"], 2, 'gantry api-key: unknown command: "old"' + help_),
            (["new", "--role", "r"], 2, "gantry api-key: new: --name is missing" + help_),
            (["new", "--name", "n"], 2, "gantry api-key: new: --role is missing" + help_),
            (["new", "--name", "n", "--role", "r", "x"], 2,
             'gantry api-key: new: too many arguments: "x"' + help_),
            (["new", "--name", "n"] + ["--role", "r"] * 17, 2,
             "gantry api-key: --role: more than 16" + help_),
            (["new", "--name", "n m", "--role", "r", *plugin()], 1,
             'gantry api-key: %s"n m"\n' % name),
            (["new", "--name", "n", "--role", "r", "--file", "/nowhere/x", *plugin()], 1,
             "gantry api-key: /nowhere/x: No such file or directory\n"),
            (["check"], 2, "gantry api-key: check: one FILE is needed" + help_),
            (["check", bad, *plugin()], 1, 'gantry api-key: %s: line 1: not '
             '"name role[,role] hash [until=TIME]"\n' % bad),
            (["new", "--name", "n", "--role", "r", "--ttl", "0s"], 2, "gantry api-key: "
             '--ttl: not a duration from 1s to 3650d: "0s"' + help_),
            (["new", "--name", "n", "--role", "r", "--ttl", "3651d"], 2, "gantry api-key: "
             '--ttl: not a duration from 1s to 3650d: "3651d"' + help_),
            (["check", g.path("none"), *plugin()], 1,
             "gantry api-key: %s: No such file or directory\n" % g.path("none")),
            (["check", g.path("open.keys"), *plugin()], 1,
             "gantry api-key: %s has mode 0644, others could read it; chmod it to "
             "0640 or less\n" % os.path.realpath(g.path("open.keys"))),
            (["check", "--plugin", "jwt", bad, *plugin()], 2, None)):
        got = gantry("api-key", *words)
        assert got[0] == code and got[1] == "", (words, got)
        assert text is None or got[2] == text, (words, got)
    assert got[2].endswith("jwt.so: keeps no file of keys\n"), got


def test_configurations_that_are_refused(g):
    def check(entry):
        g.write("other.yaml", g.configuration("  partners: {%s}\n" % entry).encode())
        return gantry("check", "--config", g.path("other.yaml"), *g.folders())

    code, _, err = check("plugin: api-key")
    assert code == 2 and "partners.key_file: missing" in err, err
    code, _, err = check("plugin: api-key, key_file: api.keys, header: Authorization")
    assert code == 2 and ("header: Authorization is for tokens; keys need a header "
                          "of their own") in err, err
    code, _, err = check("plugin: api-key, key_file: open.keys")
    assert code == 2 and "chmod it to 0640 or less" in err, err


def test_no_key_in_log_or_store(g):
    with open(g.path("log"), "rb") as f:
        log = f.read()
    store = g.store.content()
    assert store
    for key in KEYS.values():
        assert key.encode() not in log and key.encode() not in store


if __name__ == "__main__":
    tap.main(EXTRA, prepare)
