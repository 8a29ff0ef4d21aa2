# SPDX-License-Identifier: Apache-2.0
"""What the tests of dead letters share: letters put into a store while its
daemon is stopped, as if they had come by the broker; a client for the socket."""
import http.client
import itertools
import json
import socket
import time

import contract
from gantry import Answer

QUEUE = "inventory.order-events"
COUNT = itertools.count(1)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Local(http.client.HTTPConnection):
    """HTTP over the unix socket of the daemon."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Reply:
    def __init__(self, got):
        self.status, self.pairs = got.status, got.getheaders()
        self.headers, self.body = dict(self.pairs), got.read()
        try:
            self.json = json.loads(self.body)
        except ValueError:
            self.json = None

    @property
    def data(self):
        return self.json["data"]

    @property
    def error(self):
        return self.json["error"]

    def __repr__(self):
        return "%d %s" % (self.status, self.body[:400])

    def keeps_contract(self, g, method, path, body):
        """Held against what "gantry spec openapi --admin" says."""
        contract.check(g.admin_port, method, path, body,
                       Answer(self.status, self.pairs, self.body))
        return self


def ask(g, connection, method, path, body=None, **headers):
    path = "/admin/api" + path
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    try:
        try:
            connection.request(method, path, body, headers)
        except BrokenPipeError:
            pass    # refused before all of it was sent: the answer is there
        got = Reply(connection.getresponse())
    finally:
        connection.close()
    return got.keeps_contract(g, method, path, body)


def local(g, method, path, body=None, **headers):
    return ask(g, Local(g.path("admin.sock")), method, path, body, **headers)


def tcp(g, method, path, body=None, token=None, **headers):
    if token is not None:
        headers["Authorization"] = "Bearer " + token
    there = http.client.HTTPConnection("127.0.0.1", g.admin_port, timeout=30)
    return ask(g, there, method, path, body, **headers)


def event(g, type, payload, **more):
    found = {"eventId": g.fresh("dead"), "eventType": type, "eventVersion": "1.0.0",
             "aggregateType": "Order", "aggregateId": payload.get("orderId", "none"),
             "timestamp": "2026-11-22T10:00:00Z",
             "metadata": {"correlationId": "cor-9", "source": "order-service"},
             "payload": payload}
    found.update(more)
    return found


def created(g, order=None, item="inv_none", **more):
    return event(g, "OrderCreated", {
        "orderId": order or g.fresh("ord"), "requiresPreAllocation": True,
        "items": [{"orderItemId": "item_1", "inventoryItemId": item, "quantity": 2}]},
        **more)


def put(g, *letters):
    """Letters as dicts of columns; their refs. The daemon is stopped for it."""
    running = g.process is not None
    if running:
        assert g.stop() == 0
    refs, rows = [], []
    for letter in letters:
        body = letter.pop("event", None)
        n = next(COUNT)
        row = {"ref": 1000000 + n, "version": 1, "state": "open", "queue": QUEUE,
               "exchange": "order.events", "routing_key": "order.ordercreated.order",
               "cause": "VALIDATION_ERROR", "text": "something is wrong",
               "handler": "orders.created", "attempts": 1, "headers": "{}",
               "content_type": "application/json", "correlation_id": "cor-9",
               "traceparent": TRACE, "form": "text", "body": json.dumps(body),
               "event_id": body.get("eventId") if isinstance(body, dict) else None,
               "died_at": int(time.time() * 1000), "created_at": int(time.time() * 1000)}
        row.update(letter)
        row["open_cause"] = row["cause"]
        row["key"] = "%s:%s" % (QUEUE, row["event_id"]) if row["event_id"] else \
            "%s#%d" % (QUEUE, n)
        rows.append(insert("dead_letters", row))
        if row["event_id"]:
            rows.append(insert("inbox", {
                "ref": row["ref"], "version": 1, "key": row["key"], "state": "dead",
                "created_at": row["created_at"]}))
        refs.append(row["ref"])
    g.store.change(*rows)
    if running:
        g.start()
    return refs


def insert(table, row):
    return ("insert into %s (%s) values (%s)" % (
        table, ", ".join('"%s"' % name for name in row), ", ".join("?" * len(row))),
        *row.values())


def letter(g, ref):
    return g.rows("select * from dead_letters where ref = ?", ref)[0]


def inbox(g, event_id):
    rows = g.rows("select state from inbox where key = ?", "%s:%s" % (QUEUE, event_id))
    return rows[0]["state"] if rows else None


def audit(g, ref):
    return [(r["actor"], r["action"], r["result"], r["text"]) for r in g.rows(
        "select * from audit where object = ? order by ref", "dead-letter %d" % ref)]
