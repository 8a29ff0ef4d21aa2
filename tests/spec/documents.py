#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry spec as one sees it, and its documents before public validators. Those
in etc/ are what it says of etc/gantry.yaml: "make spec" writes them again."""
import json
import os
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
import tap              # noqa: E402
from gantry import PROGRAM   # noqa: E402

HERE = os.path.join(TOP, "tests", "spec")
SECONDS = 120
BROKER = ["--with", os.path.join(HERE, "with-broker.yaml")]
DOCUMENTS = {
    "openapi.yaml": ("openapi", ["openapi"]),
    "openapi-admin.yaml": ("openapi", ["openapi", "--admin"]),
    "asyncapi.yaml": ("asyncapi", ["asyncapi"] + BROKER),
}


def folders():
    given = []
    for option, name in (("--presets", "GANTRY_PRESETS"), ("--plugins", "GANTRY_PLUGINS")):
        if os.environ.get(name):
            given += [option, os.environ[name]]
    return given


def spec(*words, config=os.path.join(TOP, "etc", "gantry.yaml")):
    return subprocess.run([PROGRAM, "spec", *words, "--config", config] + folders(),
                          capture_output=True, text=True, timeout=SECONDS)


def made(*words, **more):
    ran = spec(*words, **more)
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    return ran.stdout


def write(name, text):
    with open(name, "w") as out:
        out.write(text)
    return os.path.abspath(name)


def test_those_in_etc_are_what_it_says(_):
    for name, (_, words) in DOCUMENTS.items():
        with open(os.path.join(TOP, "etc", name)) as kept:
            assert kept.read() == made(*words), \
                "etc/%s is not what gantry spec says: run make spec" % name


def test_the_same_each_time(_):
    for _, words in DOCUMENTS.values():
        assert made(*words) == made(*words)
        assert made("--json", *words) == made("--json", *words)


def test_what_it_refuses(_):
    for words in ([], ["openapi", "asyncapi"], ["raml"], ["asyncapi", "--admin"],
                  ["openapi", "--what"]):
        ran = spec(*words)
        assert ran.returncode == 2 and ran.stdout == "", ran
        assert "Usage: gantry spec openapi [--admin] [OPTION]...\n" in ran.stderr, ran
    ran = spec("openapi", config="none.yaml")
    assert (ran.returncode, ran.stdout) == (2, ""), ran
    assert "none.yaml" in ran.stderr, ran


def node(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL)


def installed():
    """The validators, in the build folder; once for each lock file."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise tap.Skip("there is no node and npm")
    at = os.path.abspath("spec-validators")
    lock = os.path.join(at, "package-lock.json")
    with open(os.path.join(HERE, "package-lock.json")) as given:
        wanted = given.read()
    done = os.path.join(at, "node_modules", ".done")
    if not os.path.exists(done) or open(lock).read() != wanted:
        shutil.rmtree(at, ignore_errors=True)
        os.mkdir(at)
        write(lock, wanted)
        shutil.copyfile(os.path.join(HERE, "package.json"), os.path.join(at, "package.json"))
        ran = node("npm", "ci", "--prefix", at, "--ignore-scripts", "--no-audit",
                   "--no-fund", "--loglevel", "error")
        assert ran.returncode == 0, ran.stderr
        write(done, "")
    # a module finds its packages beside itself
    return shutil.copyfile(os.path.join(HERE, "validate.mjs"),
                           os.path.join(at, "validate.mjs"))


def faults(*documents):
    """documents: (kind, YAML, JSON), texts; what the validators say of each."""
    program, words = installed(), []
    for n, (kind, yaml, text) in enumerate(documents):
        words += [kind, write("spec-validators/%d.yaml" % n, yaml),
                  write("spec-validators/%d.json" % n, text)]
    ran = node("node", program, *words)
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line)["faults"] for line in ran.stdout.splitlines()]
    assert len(found) == len(documents), ran
    return found


def test_public_validators_find_nothing(_):
    found = faults(*((kind, made(*words), made("--json", *words))
                     for kind, words in DOCUMENTS.values()))
    assert found == [[]] * len(DOCUMENTS), found


def test_of_more_plugins(_):
    """Those that etc/gantry.yaml does not use, and what depends on options."""
    write("spec-more.yaml", """
use: inventory
service: more
storage: {plugin: memory}
auth:
  services: {plugin: jwt, key_file: jwt.key, algorithm: HS256, issuer: shop, audience: more}
  keys: {plugin: api-key, key_file: keys, header: X-Partner}
handlers:
  limit: {plugin: rate-limit, rate: 10}
  forward: {plugin: publish, exchange: partner.events, key: "shop.{payload.region}",
            type: "{eventType}", aggregate: "{aggregateId}", payload: payload}
  diary: {plugin: journal, exchange: diary.events}
routes:
  - {http: "POST /forward", auth: [services, keys], roles: [a, b],
     pipeline: [limit.admit, forward.send]}
  - {http: "PUT /diary/{a}/{b}", auth: none, pipeline: [diary.keep]}
  - {amqp: {queue: diary, bind: {order.events: ["order.#"]}}, pipeline: [diary.keep]}
  - {amqp: {queue: forward, bind: {order.events: ["order.#"]}}, pipeline: [forward.send]}
""")
    documents = []
    for kind, words in (("openapi", ["openapi"]), ("asyncapi", ["asyncapi"] + BROKER)):
        documents.append((kind, made(*words, config="spec-more.yaml"),
                          made("--json", *words, config="spec-more.yaml")))
    assert faults(*documents) == [[], []], faults(*documents)
    api, events = (json.loads(text) for _, _, text in documents)
    forward = api["paths"]["/forward"]["post"]
    assert forward["security"] == [{auth: [role]} for auth in ("services", "keys")
                                   for role in "ab"], forward
    assert api["components"]["securitySchemes"]["keys"]["name"] == "X-Partner"
    assert "RateLimit-Limit" in forward["responses"]["202"]["headers"], forward
    assert "429" in forward["responses"], forward
    diary = api["paths"]["/diary/{a}/{b}"]["put"]
    assert diary["security"] == [], diary
    assert [p["name"] for p in diary["parameters"] if "name" in p] == ["a", "b"], diary
    sent = events["operations"]["send__eventType_"]
    assert sent["x-caused-by"] == ["POST /forward", "amqp forward order.events/order.#"], sent
    assert events["operations"]["send_EventKept"]["channel"] == {
        "$ref": "#/channels/diary.events.journal.kept"}


def test_validators_find_what_is_wrong(_):
    openapi, asyncapi = made("openapi"), made("asyncapi")
    found = faults(
        ("openapi", openapi.replace("responses:", "answers:", 1), "{}"),
        ("openapi", openapi.replace("/schemas/AllocationRequest'", "/schemas/None'", 1), "{}"),
        ("asyncapi", asyncapi.replace("action: receive", "action: eat", 1), "{}"),
        ("asyncapi", asyncapi.replace("/messages/OrderCreated'", "/messages/None'", 1), "{}"))
    for each in found:
        assert len(each) >= 2 and each[-1] == "the JSON is another document", found


if __name__ == "__main__":
    sys.exit(tap.run_all(None))
