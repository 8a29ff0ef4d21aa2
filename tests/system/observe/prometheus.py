#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus reads the page of a real gateway, with the alert rules of
etc/; the rules pass their own tests; every query of the dashboard is understood
and names what there is."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

import _path
import tap
from gantry import PROGRAM, Gantry, free_port
from rabbit import wait_for
from scrape import TOP, documented, promtool, scrape

ALERTS = os.path.join(TOP, "etc", "alerts.yaml")
ALERT_TESTS = os.path.join(_path.HERE, "alerts-test.yaml")
DASHBOARD = os.path.join(TOP, "etc", "grafana-dashboard.json")
START_SECONDS = 30
NAMES = re.compile(r"\b(?:gantry|process)_\w+")


class Prometheus:
    """In a folder of its own, on a port of loopback, with one target."""

    def __init__(self, target):
        self.folder = tempfile.mkdtemp(prefix="prometheus-")
        self.port = free_port()
        self.write("prometheus.yml", json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [ALERTS],
            "scrape_configs": [{"job_name": "gantry", "static_configs": [
                {"targets": ["127.0.0.1:%d" % target]}]}]}))
        self.process = None

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def __enter__(self):
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file", self.folder + "/prometheus.yml",
                 "--storage.tsdb.path", self.folder + "/data",
                 "--web.listen-address", "127.0.0.1:%d" % self.port],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for("prometheus is ready", START_SECONDS, self.is_ready, 0.2)
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            with open(os.path.join(self.folder, "log"), errors="replace") as f:
                for line in f.read().splitlines()[-20:]:
                    print("# prometheus: " + line)
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_ready(self):
        assert self.process.poll() is None, "prometheus ended"
        try:
            return self.open("/-/ready").status == 200
        except OSError:
            return False

    def open(self, path):
        return urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.port, path),
                                      timeout=20)

    def api(self, what, **query):
        path = "/api/v1/%s?%s" % (what, urllib.parse.urlencode(query))
        with self.open(path) as got:
            said = json.load(got)
        assert said["status"] == "success" and not said.get("warnings"), said
        return said["data"]

    def number(self, query):
        """The one number of a query, or None."""
        found = self.api("query", query=query)["result"]
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None


class Both:
    def __init__(self, g, p):
        self.g, self.p = g, p


def test_alert_rules_are_right(b):
    said = promtool("check", "rules", ALERTS)
    assert said.returncode == 0, said
    with tempfile.TemporaryDirectory(prefix="alerts-") as folder:
        shutil.copy(ALERTS, folder)
        shutil.copy(ALERT_TESTS, folder)
        said = promtool("test", "rules", folder + "/" + os.path.basename(ALERT_TESTS))
    assert said.returncode == 0, said


def rules(path=ALERTS):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_no_alert_is_without_its_test(b):
    alerts = re.findall(r"^ +- alert: (\w+)$", rules(), re.M)
    tests = rules(ALERT_TESTS)
    assert len(alerts) == len(set(alerts)) and len(alerts) > 10, alerts
    for alert in alerts:
        silent, fires = (re.findall(pattern % alert, tests, re.M) for pattern in
                         (r"alertname: %s\}", r"alertname: %s\n +exp_alerts:"))
        # among all others, before it fires, and when it does
        assert len(silent) == 2 and len(fires) == 1, (alert, silent, fires)


def test_alerts_name_what_there_is(b):
    for name in set(NAMES.findall(rules())):
        assert base(name) in documented(), name


def base(name):
    """The family of a series, or what a histogram is called without its end."""
    return name if name in documented() else re.sub("_(bucket|sum|count)$", "", name)


def test_it_reads_the_page(b):
    item = b.g.item(1000)
    for _ in range(17):
        b.g.allocate(item, 1)
    query = ('gantry_http_requests_total{job="gantry",route="POST /allocations",'
             'status="201"}')
    wait_for("it has seen them", 20, lambda: b.p.number(query) == 17, 0.2)
    target, = b.p.api("targets", state="active")["activeTargets"]
    assert target["health"] == "up" and target["lastError"] == "", target
    assert float(target["lastScrapeDuration"]) < 1, target
    assert b.p.number("up") == 1
    # a series may have come behind its last look
    wait_for("it has each series of the page", 20, lambda: b.p.number(
        'scrape_samples_scraped{job="gantry"}') == scrape(b.g).series, 0.2)
    # what it knows of a family is what the page said
    known = b.p.api("targets/metadata", match_target='{job="gantry"}')
    page = scrape(b.g)
    types = {m["metric"]: (m["type"], m["help"]) for m in known}
    assert types == {n: (f.kind, f.help) for n, f in page.families.items()}


def test_quantiles_come_out(b):
    quantile = ('histogram_quantile(0.5, sum by (le) '
                '(gantry_http_request_duration_seconds_bucket))')
    found = b.p.number(quantile)
    assert 0 < found < 5, found


def test_its_rules_work(b):
    wait_for("the rules were looked at", 20, lambda: all(
        rule["health"] == "ok" for group in b.p.api("rules")["groups"]
        for rule in group["rules"]), 0.2)
    groups = b.p.api("rules")["groups"]
    assert len(groups) == 1 and groups[0]["file"] == ALERTS, groups
    for rule in groups[0]["rules"]:
        assert rule["state"] == "inactive" and not rule.get("lastError"), rule


def queries(node):
    """All expr of a dashboard, wherever they are."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "expr":
                yield value
            else:
                yield from queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value)


def dashboard():
    with open(DASHBOARD, encoding="utf-8") as f:
        return json.load(f)


def test_dashboard_has_a_form(b):
    board, taken = dashboard(), set()
    ids = [p["id"] for p in board["panels"]]
    assert len(ids) == len(set(ids)) and len(ids) > 20, ids
    for panel in board["panels"]:
        grid = panel["gridPos"]
        cells = {(grid["x"] + i, grid["y"] + k) for i in range(grid["w"])
                 for k in range(grid["h"])}
        assert not cells & taken and grid["x"] + grid["w"] <= 24, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"], panel["title"]
    variables = {v["name"] for v in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"])))
    assert used - {"__rate_interval"} <= variables, used


def test_every_query_of_the_dashboard_is_understood(b):
    board = dashboard()
    for query in queries(board):
        said = query.replace("$__rate_interval", "1m").replace("$job", "gantry")
        b.p.api("query", query=said.replace("$instance", ".+"))
        assert "$" not in said.replace("$instance", ""), query
    shown = {base(name) for query in queries(board) for name in NAMES.findall(query)}
    assert shown <= set(documented()), shown - set(documented())
    # what is nowhere to be seen, on purpose
    silent = set(documented()) - shown - {
        "gantry_build_info", "gantry_messages_total", "gantry_schedule_duration_seconds",
        "gantry_publisher_superseded", "gantry_publisher_connects_total",
        "gantry_consumer_pauses_total", "gantry_dead_letters_stored_total",
        "process_virtual_memory_bytes", "process_max_fds"}
    assert not silent, silent


def test_it_sees_the_end(b):
    assert b.g.stop() == 0
    wait_for("it is down", 20, lambda: b.p.number("up") == 0, 0.2)
    pending = {a["labels"]["alertname"] for a in b.p.api("alerts")["alerts"]}
    assert pending <= {"GantryDown"}, pending


def main():
    for program in (PROGRAM, "prometheus", "promtool"):
        if shutil.which(program) is None:
            print("1..0 # SKIP there is no program " + program)
            sys.exit(77)
    tests = tap.tests_of(sys.modules["__main__"])
    print("1..%d" % len(tests), flush=True)
    with Gantry("", "prometheus") as g, Prometheus(g.admin_port) as p:
        both = Both(g, p)
        failed = sum([tap.run_one(n, t, both) for n, t in enumerate(tests, 1)])
        if failed:
            g.show_log()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
