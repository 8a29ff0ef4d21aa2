#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gantry dead-letters, word for word: what it prints, asks and refuses."""
import json
import os
import re
import signal
import stat
import subprocess
import time

import _path
import tap
from gantry import PROGRAM
from letters import audit, created, event, letter, put

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def run(g, *words, input=None):
    return subprocess.run(
        [PROGRAM, "dead-letters"] + [str(w) for w in words] +
        ["--config", g.path("gantry.yaml")] + g.folders(),
        capture_output=True, text=True, timeout=60, input=input)


def says(done, code, out="", err=""):
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err), done


def clear(g):
    run(g, "discard", *([r["ref"] for r in g.rows(
        "select ref from dead_letters where state = 'open'")] or [0]), "--reason", "clear")


def test_nothing(g):
    says(run(g, "list"), 0, "no dead letters\n")
    says(run(g, "list", "--group"), 0, "no dead letters\n")
    says(run(g, "show", "17"), 1, "", "gantry: there is no dead letter 17\n")
    says(run(g, "show", "x"), 1, "", "gantry: there is no dead letter x\n")
    says(run(g, "retry", "--all"), 0, "0 dead letters: 0 applied, 0 refused, 0 closed "
         "before, 0 failed, 0 not tried\n")
    assert json.loads(run(g, "list", "--json").stdout) == {"deadLetters": []}
    assert json.loads(run(g, "list", "--group", "--json").stdout) == {"causes": []}


def test_usage(g):
    for words in ((), ("what",), ("list", "x"), ("show",), ("show", "1", "2"),
                  ("retry",), ("retry", "1", "--all"), ("retry", "--all", "--cause", "A"),
                  ("edit", "1"), ("edit", "--body", "x"), ("discard", "1"),
                  ("discard", "--reason", "x"), ("export",)):
        done = run(g, *words)
        assert done.returncode == 2 and done.stdout == "", done
        assert done.stderr.startswith("Usage: gantry dead-letters list "), done
    says(run(g, "list", "--limit", "0"), 2, "",
         "gantry: --limit: must be 1 to 1000: \"0\"\n")
    for rate in ("5", "0/s", "10001/s", "x/s", "5/h", "/s"):
        says(run(g, "retry", "--all", "--rate", rate), 2, "",
             "gantry: --rate: must be 1/s to 10000/s: \"%s\"\n" % rate)
    says(run(g, "retry", "--all", "--max-errors", "x"), 2, "",
         "gantry: --max-errors: must be a number: \"x\"\n")
    says(run(g, "list", "--after", "x"), 2, "",
         "gantry: --after: not what \"next\" said: \"x\"\n")
    done = run(g, "--help")
    assert done.returncode == 0 and done.stdout.startswith("Usage: gantry dead"), done


def test_list_and_show(g):
    bodies = [created(g) for _ in range(3)]
    a, b, c = put(g, {"event": bodies[0], "cause": "ORDER_UNKNOWN", "attempts": 4},
                  {"event": bodies[1], "cause": "A_CAUSE"},
                  {"event": bodies[2], "cause": "A_CAUSE", "event_id": None,
                   "headers": '{"x-n":7}'})
    done = run(g, "list")
    assert done.returncode == 0 and done.stderr == "", done
    lines = [re.split("  +", line) for line in done.stdout.splitlines()]
    assert [line[:2] + line[3:] for line in lines] == [
        ["A_CAUSE", str(b), "inventory.order-events", bodies[1]["eventId"], "1 attempts"],
        ["A_CAUSE", str(c), "inventory.order-events", "-", "1 attempts"],
        ["ORDER_UNKNOWN", str(a), "inventory.order-events", bodies[0]["eventId"],
         "4 attempts"]], done
    assert all(re.fullmatch(TIME, line[2]) for line in lines), done
    done = run(g, "list", "--limit", "2")
    assert done.stdout.splitlines()[2:] == ["more: --after '%d:A_CAUSE'" % c], done
    done = run(g, "list", "--limit", "2", "--after", "%d:A_CAUSE" % c)
    assert len(done.stdout.splitlines()) == 1 and str(a) in done.stdout, done
    done = run(g, "list", "--group")
    assert [re.split("  +", line)[:3] for line in done.stdout.splitlines()] == [
        ["2", "A_CAUSE", "inventory.order-events"],
        ["1", "ORDER_UNKNOWN", "inventory.order-events"]], done
    found = json.loads(run(g, "list", "--json", "--cause", "A_CAUSE").stdout)
    assert [r["ref"] for r in found["deadLetters"]] == [str(b), str(c)], found
    done = run(g, "show", c)
    shown = re.sub(TIME, "TIME", done.stdout)
    assert shown == (
        "ref            %d\n"
        "state          open\n"
        "cause          A_CAUSE\n"
        "text           something is wrong\n"
        "handler        orders.created\n"
        "queue          inventory.order-events\n"
        "exchange       order.events\n"
        "routingKey     order.ordercreated.order\n"
        "correlationId  cor-9\n"
        "traceparent    00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"
        "contentType    application/json\n"
        "form           text\n"
        "attempts       1\n"
        "diedAt         TIME\n"
        "createdAt      TIME\n"
        "headers        {\"x-n\":7}\n"
        "\nbody\n%s\n" % (c, re.sub(TIME, "TIME", json.dumps(bodies[2])))), done
    shown = json.loads(run(g, "show", a, "--json").stdout)
    assert json.loads(shown["body"]) == bodies[0] and shown["attempts"] == 4, shown
    clear(g)


def test_export(g):
    clear(g)
    bodies = [created(g) for _ in range(230)]
    refs = put(g, *[{"event": body} for body in bodies])
    put(g, {"event": created(g), "cause": "OTHER"})
    path = g.path("letters.jsonl")
    says(run(g, "export", "--cause", "VALIDATION_ERROR", path), 0,
         "230 dead letters exported to %s\n" % path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    assert [line["ref"] for line in lines] == [str(r) for r in refs]
    assert [json.loads(line["body"]) for line in lines] == bodies
    says(run(g, "export", path), 0, "231 dead letters exported to %s\n" % path)
    says(run(g, "export", "/nowhere/letters"), 1, "",
         "gantry: /nowhere/letters: No such file or directory\n")
    assert [name for name in os.listdir(g.folder) if name.startswith("letters.")] == \
        ["letters.jsonl"]
    clear(g)


def test_without_the_daemon(g):
    body = created(g)
    ref, = put(g, {"event": body})
    assert g.stop() == 0
    sock = g.path("admin.sock")
    gone = "gantry: %s: No such file or directory: is the daemon running?\n" % sock
    for words in (("retry", ref), ("retry", "--all"), ("discard", ref, "--reason", "x"),
                  ("edit", ref, "--body", g.path("gantry.yaml"))):
        says(run(g, *words), 1, "", gone)
    assert str(ref) in run(g, "list").stdout
    assert run(g, "show", ref).returncode == 0
    assert run(g, "export", g.path("out")).returncode == 0
    g.start()
    g.kill()
    says(run(g, "retry", ref), 1, "",
         "gantry: %s: Connection refused: is the daemon running?\n" % sock)
    g.start()
    clear(g)


def test_retry_one(g):
    item = g.item(10)
    ref, = put(g, {"event": created(g, item=item)})
    says(run(g, "retry", ref), 0, "dead letter %d: applied\n" % ref)
    says(run(g, "retry", ref), 0, "dead letter %d: already applied\n" % ref)
    assert g.quantities(item) == (10, 2)
    says(run(g, "retry", 17), 1, "",
         "gantry: dead letter 17: There is no dead letter 17\n")
    says(run(g, "retry", "seventeen"), 1, "",
         "gantry: dead letter seventeen: no number\n")
    bad = created(g)
    del bad["payload"]["orderId"]
    ref, = put(g, {"event": bad})
    says(run(g, "retry", ref), 1, "", "gantry: dead letter %d: It failed again: "
         "VALIDATION_ERROR: payload.orderId is required\n" % ref)
    assert letter(g, ref)["attempts"] == 2
    clear(g)


def test_edit(g):
    item = g.item(10)
    body = created(g, item=item)
    ref, = put(g, {"event": dict(body, payload={})})
    path = g.path("body.json")
    g.write("body.json", b"{]")
    says(run(g, "edit", ref, "--body", path), 1, "",
         "gantry: dead letter %d: The body is not valid JSON (line 1, column 2: string "
         "or '}' expected near ']')\n"
         "gantry: dead letter %d: : line 1, column 2: string or '}' expected near ']'\n"
         % (ref, ref))
    g.write("body.json", json.dumps(dict(body, eventId="e", payload=1)).encode())
    says(run(g, "edit", ref, "--body", path), 1, "",
         "gantry: dead letter %d: The event is not valid\n"
         "gantry: dead letter %d: eventId: must stay \"%s\"\n"
         "gantry: dead letter %d: payload: must be an object\n"
         % (ref, ref, body["eventId"], ref))
    says(run(g, "edit", ref, "--body", "/nowhere"), 1, "",
         "gantry: /nowhere: No such file or directory\n")
    assert audit(g, ref) == []
    says(run(g, "edit", ref, "--body", "-", input=json.dumps(body)), 0,
         "dead letter %d: applied\n" % ref)
    says(run(g, "edit", ref, "--body", "-", input=json.dumps(body)), 0,
         "dead letter %d: already applied\n" % ref)
    assert g.quantities(item) == (10, 2)
    shown = run(g, "show", ref).stdout
    assert "\noriginal\n" in shown and "state          applied\n" in shown, shown


def test_edit_too_large(g):
    ref, = put(g, {"event": created(g)})
    g.write("body.json", b'"' + b"x" * (2 << 20) + b'"')
    done = run(g, "edit", ref, "--body", g.path("body.json"))
    says(done, 1, "", "gantry: dead letter %d: The body is too large\n" % ref)
    clear(g)


def test_discard(g):
    refs = put(g, {"event": created(g)}, {"event": created(g)})
    says(run(g, "discard", *refs, "--reason", "of no use"), 0,
         "dead letter %d: discarded\ndead letter %d: discarded\n"
         "2 dead letters: 2 discarded, 0 closed before, 0 failed, 0 not tried\n"
         % tuple(refs))
    says(run(g, "discard", refs[0], "--reason", "again"), 0,
         "dead letter %d: already discarded\n" % refs[0])
    says(run(g, "retry", refs[0]), 0, "dead letter %d: already discarded\n" % refs[0])
    says(run(g, "discard", refs[0], "--reason", ""), 1, "",
         "gantry: dead letter %d: A reason is needed\n"
         "gantry: dead letter %d: reason: must be a text of 1 to 1024 bytes\n"
         % (refs[0], refs[0]))
    assert [a[1:] for a in audit(g, refs[0])] == [
        ("dead-letter discard", "discarded", "of no use")]


def test_a_frozen_set_at_a_rate(g):
    """What fails again is not tried twice; the others stay alone."""
    item = g.item(1000)
    good = put(g, *[{"event": created(g, item=item), "cause": "AWAY"} for _ in range(30)])
    put(g, {"event": created(g, item=item), "cause": "STAYS"})
    bad = put(g, *[{"event": event(g, "OrderCreated", {}), "cause": "AWAY"} for _ in range(3)])
    began = time.monotonic()
    done = run(g, "retry", "--cause", "AWAY", "--rate", "40/s")
    took = time.monotonic() - began
    assert done.returncode == 1 and done.stdout == (
        "33 dead letters: 30 applied, 0 refused, 0 closed before, 3 failed, "
        "0 not tried\n"), done
    assert len(done.stderr.splitlines()) == 3, done
    assert 32 / 40 <= took < 20, took
    assert g.quantities(item) == (1000, 60)
    assert all(letter(g, ref)["state"] == "applied" for ref in good)
    assert all(letter(g, ref)["attempts"] == 2 for ref in bad)
    left = json.loads(run(g, "list", "--group", "--json").stdout)["causes"]
    assert [(x["cause"], x["count"]) for x in left] == [("VALIDATION_ERROR", 3),
                                                        ("STAYS", 1)], left
    clear(g)


def test_stops_on_errors(g):
    refs = put(g, *[{"event": event(g, "OrderCreated", {})} for _ in range(8)])
    done = run(g, "retry", "--all", "--max-errors", "3", "--rate", "1000/s")
    assert done.returncode == 1 and done.stdout == (
        "8 dead letters: 0 applied, 0 refused, 0 closed before, 3 failed, 5 not tried\n"
    ), done
    assert sum(letter(g, ref)["attempts"] == 2 for ref in refs) == 3
    done = run(g, "retry", "--all", "--max-errors", "0", "--json")
    assert done.returncode == 1 and json.loads(done.stdout) == {
        "letters": 8, "applied": 0, "refused": 0, "closedBefore": 0, "failed": 8,
        "notTried": 0}, done
    clear(g)


def test_stopped_by_hand(g):
    item = g.item(1000)
    put(g, *[{"event": created(g, item=item)} for _ in range(40)])
    for number in (signal.SIGINT, signal.SIGTERM):
        before = g.quantities(item)[1]
        going = subprocess.Popen(
            [PROGRAM, "dead-letters", "retry", "--all", "--rate", "20/s", "--json",
             "--config", g.path("gantry.yaml")] + g.folders(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 20
        while g.quantities(item)[1] < before + 6:
            assert time.monotonic() < end
            time.sleep(0.02)
        going.send_signal(number)
        out, err = going.communicate(timeout=30)
        assert going.returncode == 1 and err == "", (out, err)
        counts = json.loads(out)
        assert counts["applied"] == (g.quantities(item)[1] - before) // 2, counts
        assert counts["applied"] + counts["notTried"] == counts["letters"], counts
        assert counts["notTried"] > 0 and counts["failed"] == 0, counts
    clear(g)


def test_the_daemon_goes(g):
    """In the middle of it: what was not tried is said."""
    item = g.item(1000)
    put(g, *[{"event": created(g, item=item)} for _ in range(40)])
    going = subprocess.Popen(
        [PROGRAM, "dead-letters", "retry", "--all", "--rate", "20/s",
         "--config", g.path("gantry.yaml")] + g.folders(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 20
    while g.quantities(item)[1] < 6:
        assert time.monotonic() < end
        time.sleep(0.02)
    g.kill()
    out, err = going.communicate(timeout=30)
    assert going.returncode == 1, (out, err)
    found = re.fullmatch(r"40 dead letters: (\d+) applied, 0 refused, 0 closed before, "
                         r"1 failed, (\d+) not tried\n", out)
    assert found, out
    assert len(err.splitlines()) == 1 and "admin.sock: " in err, err
    g.start()
    done_before = g.quantities(item)[1] // 2
    assert done_before - int(found[1]) in (0, 1), (done_before, found[1])
    assert int(found[1]) + 1 + int(found[2]) == 40
    done = run(g, "retry", "--all", "--rate", "1000/s")
    assert done.returncode == 0, done
    assert g.quantities(item) == (1000, 80)


if __name__ == "__main__":
    tap.main()
