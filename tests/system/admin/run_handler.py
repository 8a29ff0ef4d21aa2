#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry run-handler: the real pipeline, and nothing kept."""
import json
import os
import re
import subprocess

import _path
import tap
from gantry import NOBODY_ELSE_ASKS, PROGRAM
from letters import created, event, put

PLUGINS = os.environ.get("GANTRY_PLUGINS", "")


def run(g, *words, input=None, json_out=True):
    return subprocess.run(
        [PROGRAM, "run-handler"] + [str(w) for w in words] +
        (["--json"] if json_out else []) + g.folders(),
        capture_output=True, text=True, timeout=60, input=input)


def of_config(g, *words, **more):
    return run(g, *words, "--config", g.path("gantry.yaml"), **more)


def plugin(name):
    if not PLUGINS:
        raise tap.Skip("GANTRY_PLUGINS is not set")
    return os.path.join(PLUGINS, name + ".so")


def save(g, content, name="message.json"):
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    g.write(name, content)
    return g.path(name)


def one(done, code):
    assert done.returncode == code, done
    return json.loads(done.stdout)


def everything(g):
    """But whose turn a schedule is: that goes on."""
    return {t: sorted(g.rows("select * from \"%s\"" % t), key=repr)
            for t in g.store.tables() if t != "leases"}


def test_an_event_of_a_plugin(g):
    body = created(g, order="ord_x", item="inv_x")
    got = one(run(g, plugin("order-events"), "created", "--event", save(g, body)), 0)
    assert got["message"] == body["eventId"] and got["verdict"] == "DONE", got
    assert got["handler"] == "run-handler.created" and got["outcome"] == "refused", got
    assert [e["command"] for e in got["effects"]] == ["open order", "allocate"], got
    assert got["effects"][1]["inventoryItemId"] == "inv_x", got
    assert got["effects"][1]["ifRefused"] == "go on", got
    assert got["outcomes"] == [{"result": "applied"}, {
        "result": "refused", "code": "INVENTORY_ITEM_NOT_FOUND"}], got
    assert [s["table"] for s in got["stores"]] == ["orders"], got
    assert got["reply"]["status"] == 200, got


def test_the_text(g):
    body = created(g, order="ord_x", item="inv_x")
    done = run(g, plugin("order-events"), "confirmed", "--event",
               save(g, dict(body, eventType="OrderConfirmed", payload={})), json_out=False)
    assert done.returncode == 1, done
    lines = done.stdout.splitlines()
    assert lines[:3] == ["%s: REJECTED by run-handler.confirmed" % body["eventId"],
                         "  code      VALIDATION_ERROR",
                         "  error     payload.orderId is required"], done
    assert lines[3].startswith('  reply     {"status":400,'), done
    assert len(lines) == 4, done


def test_a_request(g):
    item = g.item(10)
    body = {"orderId": "ord_r", "orderItemId": "i1", "inventoryItemId": item,
            "quantity": 3}
    before = everything(g)
    got = one(of_config(g, "allocate.create", "--event", save(g, body)), 0)
    assert got["reply"]["status"] == 201, got
    assert got["reply"]["body"]["data"]["quantity"] == 3, got
    assert got["reply"]["Location"].startswith("/allocations/alloc_"), got
    assert got["effects"][0]["ifRefused"] == "reject", got
    stored = {(s["table"], s["row"]) for s in got["stores"]}
    assert stored == {("orders", "new"), ("stock", "changed"), ("allocations", "new"),
                      ("outbox", "new")}, stored
    outbox = [s for s in got["stores"] if s["table"] == "outbox"][0]
    assert outbox["type"] == "AllocationCreated", outbox
    assert outbox["body"]["payload"]["orderId"] == "ord_r", outbox
    got = one(of_config(g, "allocate.create", "--event",
                        save(g, dict(body, quantity=11))), 1)
    assert got["verdict"] == "REJECTED" and got["code"] == "INSUFFICIENT_STOCK", got
    assert got["outcomes"][0]["requested"] == 11, got
    assert got["outcomes"][0]["available"] == 10, got
    assert everything(g) == before and g.quantities(item) == (10, 0)


def test_parameters_and_asks(g):
    allocation = g.allocate(g.item(10), 2)
    got = one(of_config(g, "allocate.get", "--as", "http", "--param",
                        "id=" + allocation["id"], "--event", save(g, b"")), 0)
    assert got["asks"] == [{"query": "allocation", "key": allocation["id"],
                            "limit": 1, "rows": 1}], got
    assert got["reply"]["body"]["data"]["id"] == allocation["id"], got
    got = one(of_config(g, "allocate.get", "--as", "http", "--param", "id=none",
                        "--event", save(g, b"")), 1)
    assert got["code"] == "ALLOCATION_NOT_FOUND" and got["asks"][0]["rows"] == 0, got
    got = one(of_config(g, "allocate.confirm", "--param", "id=" + allocation["id"],
                        "--event", save(g, b"")), 0)
    assert got["effects"][0]["command"] == "confirm", got
    assert got["outcomes"] == [{"result": "applied", "allocationId": allocation["id"],
                                "status": "CONFIRMED"}], got
    assert g.orders.get("/allocations/" + allocation["id"]).data["status"] == "PENDING"


def test_journal(g):
    body = event(g, "OrderCreated", {"orderId": "ord_j"})
    path = save(g, body)
    got = one(run(g, plugin("journal"), "--event", path, "--set", "exchange=audit"), 0)
    record = got["effects"][0]
    assert record["record"].startswith("run-handler/") and \
        record["record"].endswith("/" + body["eventId"]), got
    publish = [e for e in got["effects"] if "publish" in e]
    assert publish[0]["exchange"] == "audit", got
    assert publish[0]["routingKey"] == "journal.kept", got
    assert {s["table"] for s in got["stores"]} == {"records", "outbox"}, got
    done = run(g, plugin("journal"), "--event", path, json_out=False)
    assert (done.returncode, done.stderr) == (
        2, "--set:1:1: run-handler.exchange: missing\n"), done
    done = run(g, plugin("journal"), "--event", path, "--set", "exchange=a",
               "--set", "kye=x", json_out=False)
    assert done.returncode == 2 and "did you mean \"key\"?" in done.stderr, done


def test_an_export(g):
    item = g.item(3)
    put(g, {"event": created(g, item=item)},
        {"event": created(g, item=item), "headers": '{"x-a":"b","x-n":1}'},
        {"event": event(g, "OrderCreated", {})},
        {"event": event(g, "OrderConfirmed", {"orderId": "ord_none"}),
         "routing_key": "order.orderconfirmed.order"})
    path = g.path("letters.jsonl")
    made = subprocess.run([PROGRAM, "dead-letters", "export", path, "--config",
                           g.path("gantry.yaml")] + g.folders(), timeout=30,
                          capture_output=True)
    assert made.returncode == 0, made
    before = everything(g)
    done = of_config(g, "--export", path)
    assert done.returncode == 1, done
    got = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(m["handler"], m["verdict"], m.get("outcome")) for m in got][:3] == [
        ("orders.created", "DONE", "applied"), ("orders.created", "DONE", "applied"),
        ("orders.created", "REJECTED", None)], got
    assert got[3]["handler"] == "orders.confirmed", got
    done = of_config(g, "orders.created", "--export", path, json_out=False)
    assert done.stdout.splitlines()[-1].endswith(" failed or rejected"), done
    assert done.stdout.splitlines()[-1].startswith("4 messages, "), done
    now = everything(g)
    assert now == before, {t: (before[t], now[t]) for t in now if now[t] != before[t]}
    # without the daemon, too
    assert g.stop() == 0
    assert of_config(g, "--export", path).returncode == 1
    g.start()
    assert everything(g)["dead_letters"] == before["dead_letters"]


def test_usage(g):
    path = save(g, created(g))
    for words in ((), ("x.y",), ("x.y", "--event", path, "--export", path),
                  ("--event", path), ("--export", path), ("a", "b", "c", "--event", path)):
        done = run(g, *words, json_out=False)
        assert done.returncode == 2 and done.stderr.startswith("Usage: gantry run-"), done

    def refuses(message, *words, code=2):
        done = run(g, *words, json_out=False)
        assert (done.returncode, done.stderr) == (code, "gantry: " + message + "\n"), done

    config = ("--config", g.path("gantry.yaml"))
    refuses("orders.created: needs --config FILE", "orders.created", "--event", path)
    refuses("orders: neither PLUGIN.so nor INSTANCE.HANDLER", "orders", "--event", path,
            *config)
    refuses("orderz.created: the configuration has no handlers of this name",
            "orderz.created", "--event", path, *config)
    refuses("services.created: the configuration has no handlers of this name",
            "services.created", "--event", path, *config)
    refuses("orders.creation: the plugin has no handler of this name",
            "orders.creation", "--event", path, *config)
    refuses("--as: must be event, http or schedule: \"amqp\"", "orders.created",
            "--event", path, "--as", "amqp", *config)
    refuses("--param: must be NAME=VALUE: \"id\"", "orders.created", "--event", path,
            "--param", "id", *config)
    refuses("/nowhere: No such file or directory", "orders.created", "--event",
            "/nowhere", *config, code=1)
    refuses("%s: has several handlers, or none: name one" % plugin("order-events"),
            plugin("order-events"), "--event", path)
    refuses("%s: has no handler of this name" % plugin("order-events"),
            plugin("order-events"), "x", "--event", path)
    bad = save(g, b'{"ref":"1"}\n', "bad.jsonl")
    refuses("%s: line 1: no dead letter: queue, form or body is missing" % bad,
            "--export", bad, *config)
    bad = save(g, b'{', "bad.jsonl")
    done = run(g, "--export", bad, *config, json_out=False)
    assert done.returncode == 2 and done.stderr.startswith(
        "gantry: %s: line 1: " % bad), done
    done = run(g, "/nowhere/x.so", "--event", path, json_out=False)
    assert done.returncode == 2 and "No such file" in done.stderr, done
    assert done.stderr.startswith("gantry: /nowhere"), done


def test_what_is_no_json(g):
    got = one(of_config(g, "orders.created", "--event", save(g, b"\xff\x00{")), 1)
    assert got["verdict"] == "REJECTED" and got["code"] == "VALIDATION_ERROR", got
    assert re.search("not valid JSON", got["error"]), got


if __name__ == "__main__":
    tap.main("routes:\n" + NOBODY_ELSE_ASKS)
