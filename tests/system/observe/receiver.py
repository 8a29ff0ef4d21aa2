# SPDX-License-Identifier: Apache-2.0
"""An OTLP receiver to test with: takes OTLP/HTTP JSON, is strict about its form as
the protocol has it, and can be slow, refuse, or go away."""
import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gantry import free_port
from rabbit import wait_for

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
TRACE_ID, SPAN_ID = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{16}")
SPAN_KEYS = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano",
             "endTimeUnixNano", "attributes", "links", "status"}


def only(tree, allowed, *needed):
    assert isinstance(tree, dict) and set(needed) <= set(tree) <= set(allowed), tree


def id_of(text, form):
    assert isinstance(text, str) and form.fullmatch(text) and int(text, 16) != 0, text
    return text


def attributes(tree):
    made = {}
    for pair in tree:
        only(pair, {"key", "value"}, "key", "value")
        ((kind, value),) = pair["value"].items()
        assert kind in ("stringValue", "intValue") and isinstance(value, str), pair
        assert pair["key"] not in made, tree
        made[pair["key"]] = int(value) if kind == "intValue" else value
    return made


class Span:
    def __init__(self, tree, resource):
        only(tree, SPAN_KEYS, *(SPAN_KEYS - {"parentSpanId", "links", "status"}))
        self.resource = resource
        self.trace = id_of(tree["traceId"], TRACE_ID)
        self.id = id_of(tree["spanId"], SPAN_ID)
        self.parent = id_of(tree["parentSpanId"], SPAN_ID) if "parentSpanId" in tree \
            else None
        self.name, self.kind = tree["name"], tree["kind"]
        assert self.name and type(self.kind) is int and 1 <= self.kind <= 5, tree
        assert isinstance(tree["startTimeUnixNano"], str) and \
            isinstance(tree["endTimeUnixNano"], str), tree
        self.began, self.ended = int(tree["startTimeUnixNano"]), int(tree["endTimeUnixNano"])
        assert self.began <= self.ended, tree
        assert abs(self.ended / 1e9 - time.time()) < 600, tree
        self.attributes = attributes(tree["attributes"])
        self.links = []
        for link in tree.get("links", []):
            only(link, {"traceId", "spanId"}, "traceId", "spanId")
            self.links.append((id_of(link["traceId"], TRACE_ID),
                               id_of(link["spanId"], SPAN_ID)))
        status = tree.get("status", {})
        only(status, {"code", "message"})
        self.failed, self.why = status.get("code") == 2, status.get("message")
        assert status.get("code", 2) == 2, tree

    def __getitem__(self, key):
        return self.attributes.get(key)

    def __repr__(self):
        return "%s (%d) %s.%s < %s %s%s" % (
            self.name, self.kind, self.trace[:6], self.id[:6],
            self.parent and self.parent[:6], self.attributes,
            " FAILED: %s" % self.why if self.failed else "")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *words):
        pass

    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, answer, pause = receiver.said(self.path, self.headers, body)
        time.sleep(pause)
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *address):
        super().__init__(*address)
        self.open = set()

    def process_request(self, request, address):
        self.open.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, address):
        pass        # who was too slow for the gateway has nobody to answer

    def cut(self):
        """Kept connections would live on."""
        for request in list(self.open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Receiver:
    """status, headers, answer, pause: how each batch is answered. What is refused is
    not kept; what was answered too late comes again, and is counted."""

    def __init__(self):
        self.port = free_port()
        self.lock = threading.Lock()
        self.spans, self.wrong, self.posts, self.heads = [], [], [], []
        self.known, self.again = set(), 0
        self.server = None
        self.well()

    def well(self):
        self.status, self.headers, self.answer, self.pause = 200, {}, b"{}", 0

    def start(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.receiver = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut()
            self.server = None

    def said(self, path, headers, body):
        with self.lock:
            self.posts.append(time.monotonic())
            self.heads.append(dict(headers.items()))
            try:
                assert path == "/v1/traces", path
                assert headers["Content-Type"] == "application/json", headers
                found = list(self.read(json.loads(body)))
                assert found
                for span in found if self.status == 200 else ():
                    self.again += span.id in self.known
                    if span.id not in self.known:
                        self.spans.append(span)
                    self.known.add(span.id)
            except Exception as error:
                self.wrong.append("%r: %r" % (error, body[:2000]))
            return self.status, self.headers, self.answer, self.pause

    def read(self, tree):
        only(tree, {"resourceSpans"}, "resourceSpans")
        for one in tree["resourceSpans"]:
            only(one, {"resource", "scopeSpans"}, "resource", "scopeSpans")
            only(one["resource"], {"attributes"}, "attributes")
            resource = attributes(one["resource"]["attributes"])
            for scope in one["scopeSpans"]:
                only(scope, {"scope", "spans"}, "scope", "spans")
                only(scope["scope"], {"name", "version"}, "name", "version")
                assert scope["scope"]["name"] == "gantry"
                for span in scope["spans"]:
                    yield Span(span, resource)

    def all(self):
        with self.lock:
            assert not self.wrong, self.wrong[:3]
            return list(self.spans)

    def of(self, trace):
        return [s for s in self.all() if s.trace == trace]

    def forget(self):
        with self.lock:
            self.spans, self.posts, self.heads = [], [], []

    def wait(self, what, question, seconds=20):
        """Until question(spans) is true; what it says."""
        try:
            return wait_for(what, seconds, lambda: question(self.all()))
        except AssertionError:
            for span in self.all():
                print("# %s" % span, flush=True)
            raise
