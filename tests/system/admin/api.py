#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin API over TCP with a token and over the unix socket: who may, what
is refused, and what becomes of dead letters."""
import json
import os
import re
import stat
import subprocess
import time

import _path  # noqa: F401
import gantry
import tap
from gantry import PROGRAM
from letters import (audit, created, event, inbox, insert, letter, local, put,
                     tcp)

LETTERS = "/dead-letters"
PATHS = [("GET", LETTERS), ("GET", LETTERS + "/causes"), ("GET", LETTERS + "/17"),
         ("POST", LETTERS + "/17/retry"), ("POST", LETTERS + "/17/edit"),
         ("POST", LETTERS + "/17/discard"), ("GET", "/audit")]


def admin(g):
    return g.token("gantry-admin", sub="alice")


def is_error(got, status, code, message):
    assert got.status == status, got
    assert got.json["success"] is False, got
    assert (got.error["code"], got.error["message"]) == (code, message), got


def test_nobody_without_a_token(g):
    for method, path in PATHS + [("GET", "/nothing")]:
        body = "{}" if method == "POST" else None
        got = tcp(g, method, path, body)
        is_error(got, 401, "UNAUTHENTICATED", "A valid token is needed")
        assert got.headers["WWW-Authenticate"].startswith("Bearer"), got
        got = tcp(g, method, path, body, token="x.y.z")
        is_error(got, 401, "UNAUTHENTICATED", "A valid token is needed")


def test_nobody_without_the_role(g):
    for role in ("order-service", "inventory-admin", "admin", "gantry-administrator"):
        for method, path in PATHS:
            body = "{}" if method == "POST" else None
            is_error(tcp(g, method, path, body, token=g.token(role)), 403, "FORBIDDEN",
                     "The token has no role that may do this")


def test_one_right_alone(g):
    needs = ["view", "view", "view", "retry", "edit", "discard", "view"]
    for right in ("view", "retry", "edit", "discard"):
        token = g.token("gantry-admin:" + right)
        for (method, path), need in zip(PATHS, needs):
            got = tcp(g, method, path, '{"reason": "x"}' if method == "POST" else None,
                      token=token)
            if need == right:
                assert got.status in (200, 404), (path, got)
            else:
                is_error(got, 403, "FORBIDDEN",
                         "The token has no role that may do this")


def test_the_role_may(g):
    got = tcp(g, "GET", LETTERS, token=admin(g))
    assert got.status == 200 and got.json == {"success": True, "data": []}, got
    got = tcp(g, "GET", "/audit", token=admin(g))
    assert got.json == {"success": True, "data": []}, got
    got = tcp(g, "GET", LETTERS + "/causes", token=admin(g))
    assert got.json == {"success": True, "data": []}, got


def test_the_socket(g):
    mode = os.stat(g.path("admin.sock")).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660, oct(mode)
    assert local(g, "GET", LETTERS).json == {"success": True, "data": []}


def test_a_peer_of_another_kind(g):
    """Even with the file's permissions: the peer itself is looked at."""
    if os.geteuid() != 0:
        raise tap.Skip("needs root")
    os.chmod(g.folder, 0o755)
    os.chmod(g.path("admin.sock"), 0o666)

    def ask():
        got = local(g, "GET", LETTERS)
        return "%d %s" % (got.status, got.error["message"])

    try:
        said = gantry.as_nobody(ask)
    finally:
        os.chmod(g.path("admin.sock"), 0o660)
    assert said == "403 Only root and members of the group gantry may do this", said


def test_wrong_methods(g):
    for method, path in PATHS:
        other = "POST" if method == "GET" else "GET"
        got = local(g, other, path, "{}" if other == "POST" else None)
        is_error(got, 405, "METHOD_NOT_ALLOWED", "This path has no such method")
        assert got.headers["Allow"] == method, got
        is_error(local(g, "DELETE", path), 405, "METHOD_NOT_ALLOWED",
                 "This path has no such method")


def test_wrong_paths(g):
    for path in ("", "/", "/dead-letters/", "/dead-letters/x", "/dead-letters/0",
                 "/dead-letters/17/", "/dead-letters/17/retries", "/dead-letters/-1",
                 "/dead-letters/99999999999999999999", "/dead-lettersx",
                 "/dead-letters/17/retry/17", "/dead-letters/1%37"):
        is_error(local(g, "GET", path), 404, "ROUTE_NOT_FOUND",
                 "There is nothing at this path")


def test_unknown_letters(g):
    for method, path, body in (("GET", "", None), ("POST", "/retry", None),
                               ("POST", "/edit", "{}"),
                               ("POST", "/discard", {"reason": "x"})):
        is_error(local(g, method, LETTERS + "/17" + path, body), 404,
                 "DEAD_LETTER_NOT_FOUND", "There is no dead letter 17")


def test_bad_queries(g):
    for limit in ("0", "1001", "x", "-1", ""):
        got = local(g, "GET", LETTERS + "?limit=" + limit)
        is_error(got, 400, "VALIDATION_ERROR", "limit: must be 1 to 1000")
    for after in ("x", "1", "0:x", "-1:x", ":"):
        is_error(local(g, "GET", LETTERS + "?after=" + after), 400, "VALIDATION_ERROR",
                 "after: not what \"next\" said: \"%s\"" % after)
    is_error(local(g, "GET", "/audit?after=x"), 400, "VALIDATION_ERROR",
             "after: not what \"next\" said: \"x\"")


def test_one_letter(g):
    body = created(g)
    ref, = put(g, {"event": body, "cause": "ORDER_UNKNOWN", "attempts": 3,
                   "headers": '{"x-a":"b"}'})
    got = local(g, "GET", "%s/%d" % (LETTERS, ref))
    assert got.status == 200, got
    times = {name: got.data.pop(name) for name in ("diedAt", "createdAt")}
    assert all(t.endswith("Z") for t in times.values()), times
    assert got.data == {
        "ref": str(ref), "state": "open", "cause": "ORDER_UNKNOWN",
        "text": "something is wrong", "handler": "orders.created",
        "queue": "inventory.order-events", "eventId": body["eventId"],
        "exchange": "order.events", "routingKey": "order.ordercreated.order",
        "correlationId": "cor-9",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "contentType": "application/json", "form": "text", "body": json.dumps(body),
        "attempts": 3, "headers": {"x-a": "b"}}, got
    assert [r["ref"] for r in local(g, "GET", LETTERS).data] == [str(ref)]
    assert "body" not in local(g, "GET", LETTERS).data[0]
    whole = local(g, "GET", LETTERS + "?whole=true&limit=1000").data[0]
    assert json.loads(whole["body"]) == body and whole["headers"] == {"x-a": "b"}, whole
    got = local(g, "POST", "%s/%d/discard" % (LETTERS, ref), {"reason": "a test"})
    assert got.data == {"ref": str(ref), "outcome": "discarded"}, got


def test_retry(g):
    item = g.item(10)
    body = created(g, item=item)
    ref, = put(g, {"event": body})
    path = "%s/%d/retry" % (LETTERS, ref)
    got = tcp(g, "POST", path, token=admin(g))
    assert got.status == 200, got
    assert got.json == {"success": True,
                        "data": {"ref": str(ref), "outcome": "applied"}}, got
    assert g.quantities(item) == (10, 2)
    assert inbox(g, body["eventId"]) == "applied"
    assert letter(g, ref)["state"] == "applied"
    made = g.outbox()[-1]["body"]["metadata"]
    assert made["correlationId"] == "cor-9", made
    assert made["causationId"] == body["eventId"], made
    for _ in range(2):
        got = local(g, "POST", path)
        assert got.data == {"ref": str(ref), "outcome": "already applied"}, got
    assert g.quantities(item) == (10, 2)
    assert audit(g, ref) == [("alice", "dead-letter retry", "applied", None)]
    got = g.events.post("/events/order.events/order.ordercreated.order", body)
    assert got.data["outcome"] == "duplicate", got


def test_retry_refused(g):
    """No stock: that is what is said of it, and the letter is closed."""
    item = g.item(1)
    ref, = put(g, {"event": created(g, item=item)})
    got = local(g, "POST", "%s/%d/retry" % (LETTERS, ref))
    assert got.data["outcome"] == "refused", got
    assert letter(g, ref)["state"] == "refused"
    assert g.outbox(item)[-1]["type"] == "InsufficientStock"


def test_retry_fails_again(g):
    body = created(g)
    del body["payload"]["orderId"]
    ref, = put(g, {"event": body, "cause": "CRASHED_CONSUMER", "attempts": 3})
    got = local(g, "POST", "%s/%d/retry" % (LETTERS, ref))
    assert got.status == 409 and got.error["code"] == "RETRY_FAILED", got
    assert got.error["retryable"] is False, got
    assert got.error["message"].startswith("It failed again: VALIDATION_ERROR: "), got
    assert got.error["details"]["cause"] == "VALIDATION_ERROR", got
    row = letter(g, ref)
    assert (row["state"], row["cause"], row["attempts"], row["handler"]) == \
        ("open", "VALIDATION_ERROR", 4, "orders.created"), row
    assert row["open_cause"] == "VALIDATION_ERROR" and row["text"], row
    assert inbox(g, body["eventId"]) == "dead"
    who, action, result, text = audit(g, ref)[0]
    assert (who, action, result) == ("uid %d" % os.geteuid(), "dead-letter retry",
                                     "failed")
    assert text == "VALIDATION_ERROR: payload.orderId is required", text
    local(g, "POST", "%s/%d/discard" % (LETTERS, ref), {"reason": "x"})


def test_no_route(g):
    ref, = put(g, {"event": created(g), "queue": "old.queue"})
    is_error(local(g, "POST", "%s/%d/retry" % (LETTERS, ref)), 404, "ROUTE_NOT_FOUND",
             "No route takes events of the queue old.queue any more")
    assert letter(g, ref)["attempts"] == 1
    got = local(g, "POST", "%s/%d/discard" % (LETTERS, ref), {"reason": "old"})
    assert got.data["outcome"] == "discarded", got


def test_edit(g):
    item = g.item(10)
    body = created(g, item=item)
    bad = dict(body, payload={})
    ref, = put(g, {"event": bad})
    path = "%s/%d/edit" % (LETTERS, ref)
    got = local(g, "POST", path, bad)
    assert got.status == 409 and got.error["code"] == "RETRY_FAILED", got
    got = local(g, "POST", path, body)
    assert got.data == {"ref": str(ref), "outcome": "applied"}, got
    row = letter(g, ref)
    assert json.loads(row["body"]) == body and json.loads(row["original"]) == bad, row
    assert g.quantities(item) == (10, 2) and inbox(g, body["eventId"]) == "applied"
    assert [a[1:3] for a in audit(g, ref)] == [("dead-letter edit", "failed"),
                                               ("dead-letter edit", "applied")]
    got = local(g, "POST", path, body)
    assert got.data["outcome"] == "already applied", got
    got = local(g, "GET", "%s/%d" % (LETTERS, ref))
    assert json.loads(got.data["original"]) == bad and "closedAt" in got.data, got


def test_edit_is_validated(g):
    body = created(g)
    ref, = put(g, {"event": body})
    path = "%s/%d/edit" % (LETTERS, ref)
    got = local(g, "POST", path, "{")
    assert got.status == 400 and got.error["code"] == "VALIDATION_ERROR", got
    assert got.error["message"].startswith("The body is not valid JSON (line 1"), got
    is_error(local(g, "POST", path, "[]"), 400, "VALIDATION_ERROR",
             "The event must be a JSON object")
    is_error(local(g, "POST", path), 400, "VALIDATION_ERROR",
             "The body must be JSON and is empty")
    got = local(g, "POST", path, dict(body, eventId="another"))
    is_error(got, 400, "VALIDATION_ERROR", "The event is not valid")
    assert got.error["details"] == [{"field": "eventId", "problem": "must stay \"%s\""
                                     % body["eventId"]}], got
    got = local(g, "POST", path, {})
    assert [d["field"] for d in got.error["details"]] == [
        "eventId", "eventType", "eventVersion", "payload"], got
    got = local(g, "POST", path, json.dumps(body) + " " * (1 << 20))
    assert got.status == 413, got
    got = local(g, "POST", path, body, Content_Type="text/plain")
    assert got.status == 415, got
    row = letter(g, ref)
    assert row["attempts"] == 1 and json.loads(row["body"]) == body, row
    assert audit(g, ref) == []
    local(g, "POST", "%s/%d/discard" % (LETTERS, ref), {"reason": "x"})


def test_edit_gives_an_id(g):
    """A letter that nobody could name: the new body does, and is then known."""
    item = g.item(10)
    body = created(g, item=item)
    ref, = put(g, {"event": {}, "event_id": None, "body": "\x00", "form": "base64",
                   "body": "AP8="})
    got = local(g, "POST", "%s/%d/retry" % (LETTERS, ref))
    assert got.status == 409, got
    got = local(g, "POST", "%s/%d/edit" % (LETTERS, ref), body)
    assert got.data["outcome"] == "applied", got
    assert inbox(g, body["eventId"]) == "applied"
    ref, = put(g, {"event": {}, "event_id": None})
    got = local(g, "POST", "%s/%d/edit" % (LETTERS, ref), body)
    assert got.data["outcome"] == "duplicate", got
    assert letter(g, ref)["state"] == "applied" and g.quantities(item) == (10, 2)


def test_discard(g):
    body = created(g)
    ref, = put(g, {"event": body})
    path = "%s/%d/discard" % (LETTERS, ref)
    for bad in ({}, {"reason": ""}, {"reason": 1}, [], {"reason": "x" * 1025}):
        got = local(g, "POST", path, bad)
        is_error(got, 400, "VALIDATION_ERROR", "A reason is needed")
    got = local(g, "POST", path, "{\"reason\"")
    assert got.status == 400 and got.error["message"].startswith("The body is not"), got
    got = tcp(g, "POST", path, {"reason": "of no use"}, token=admin(g))
    assert got.data == {"ref": str(ref), "outcome": "discarded"}, got
    got = local(g, "POST", path, {"reason": "again"})
    assert got.data["outcome"] == "already discarded", got
    got = local(g, "POST", "%s/%d/retry" % (LETTERS, ref))
    assert got.data["outcome"] == "already discarded", got
    assert inbox(g, body["eventId"]) == "discarded"
    assert audit(g, ref) == [("alice", "dead-letter discard", "discarded", "of no use")]


def discard_all(g):
    for r in local(g, "GET", LETTERS + "?limit=1000").data:
        local(g, "POST", "%s/%s/discard" % (LETTERS, r["ref"]), {"reason": "bulk"})


def test_pages_and_causes(g):
    discard_all(g)
    put(g, *[{"event": created(g), "cause": cause, "queue": queue}
             for cause, queue, n in (("A", "q1", 7), ("B", "q1", 3), ("A", "q2", 2),
                                     ("C", "q2", 1)) for _ in range(n)])
    seen, after = [], ""
    while after is not None:
        got = local(g, "GET", LETTERS + "?limit=4" + after)
        seen += got.data
        after = "&after=" + got.json["next"] if "next" in got.json else None
    assert len(seen) == 13 and len({r["ref"] for r in seen}) == 13, seen
    assert [r["cause"] for r in seen] == ["A"] * 9 + ["B"] * 3 + ["C"]
    only = local(g, "GET", LETTERS + "?cause=A&queue=q2").data
    assert [(r["cause"], r["queue"]) for r in only] == [("A", "q2")] * 2
    groups = local(g, "GET", LETTERS + "/causes").data
    assert [(x["count"], x["cause"], x["queue"]) for x in groups] == [
        (7, "A", "q1"), (3, "B", "q1"), (2, "A", "q2"), (1, "C", "q2")], groups
    discard_all(g)


def test_audit_pages(g):
    whole = local(g, "GET", "/audit?limit=1000").data
    assert {"at", "actor", "action", "object", "result", "text"} == set(whole[0])
    seen, after = [], ""
    while after is not None:
        got = local(g, "GET", "/audit?limit=7" + after)
        seen += got.data
        after = "&after=" + got.json["next"] if "next" in got.json else None
    assert seen == whole and len(whole) > 14


def back(g, limit):
    """All of the audit from the newest on, page by page."""
    seen, before = [], ""
    while before is not None:
        got = local(g, "GET", "/audit?newest=true&limit=%d%s" % (limit, before))
        assert len(got.data) <= limit, got
        seen += got.data
        before = "&before=" + got.json["next"] if "next" in got.json else None
    return seen


def test_the_newest_of_the_audit(g):
    """However old the others are, and however many came at once."""
    whole = local(g, "GET", "/audit?limit=1000").data
    assert back(g, 7) == whole[::-1] and back(g, 1000) == whole[::-1]
    assert g.stop() == 0
    now, refs = int(time.time() * 1000), []
    for ms, n in ((now - 40 * 86400000, 300), (now - 86400000, 900), (now - 5000, 2)):
        refs += [((ms - 1577836800000) << 22) + i for i in range(n)]
    g.store.change(*[insert("audit", {
        "ref": ref, "version": 1, "at": now, "actor": "x", "action": "a", "object": str(n),
        "result": "applied"}) for n, ref in enumerate(refs)])
    g.start()
    old = len(refs)
    newest = local(g, "GET", "/audit?newest=true&limit=5").data
    found = [row["object"] for row in newest if row["actor"] == "x"]
    assert newest[0]["at"] >= newest[-1]["at"] and found == [
        str(old - 1 - i) for i in range(len(found))], newest
    for limit in (33, 1000):
        seen = [row["object"] for row in back(g, limit) if row["actor"] == "x"]
        assert seen == [str(i) for i in range(old)][::-1], limit
    is_error(local(g, "GET", "/audit?newest=true&before=x"), 400, "VALIDATION_ERROR",
             "before: not what \"next\" said: \"x\"")
    for before in ("0", "1", "-5"):
        assert local(g, "GET", "/audit?newest=true&before=" + before).data == [], before
    shown = admin_command(g, "audit").splitlines()
    assert len(shown) == 1001 and newest[0]["object"] in shown[-2], shown[-2]
    more = re.fullmatch(r"more: --before (\d+)", shown[-1])
    rest = admin_command(g, "audit", "--before", more[1]).splitlines()
    assert len(rest) == len(whole) + old - 1000, len(rest)
    assert json.loads(admin_command(g, "audit", "--json")) == \
        local(g, "GET", "/audit?newest=true&limit=1000").data


def admin_command(g, *words):
    done = subprocess.run([PROGRAM, "admin", *words, "--config", g.path("gantry.yaml")] +
                          g.folders()[:2], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    return done.stdout


def test_nothing_in_the_log(g):
    """Neither bodies nor headers nor reasons."""
    with open(g.path("log")) as f:
        log = f.read()
    assert "dead letter" in log
    for secret in ("requiresPreAllocation", "x-a", "of no use"):
        assert secret not in log, secret


def test_sockets_of_the_dead_and_the_living(g):
    g.kill()
    assert os.path.exists(g.path("admin.sock"))
    g.start()
    assert local(g, "GET", LETTERS).status == 200
    store = g.store.another()
    other = g.configuration("", store).replace("1:%d" % g.port, "1:0") \
        .replace("1:%d" % g.admin_port, "1:0")
    g.write("other.yaml", other.encode())
    done = subprocess.run([PROGRAM, "serve", "--config", g.path("other.yaml")] +
                          g.folders(), capture_output=True, text=True, timeout=20)
    store.close()
    assert done.returncode == 1, done
    assert "admin: http: unix:%s: Address already in use" % g.path("admin.sock") in \
        done.stderr, done.stderr
    assert local(g, "GET", LETTERS).status == 200
    assert g.stop() == 0
    assert not os.path.exists(g.path("admin.sock"))


if __name__ == "__main__":
    tap.main()
