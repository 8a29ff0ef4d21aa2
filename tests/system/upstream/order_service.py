#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An Order Service to test with: orders and their items, tokens checked by other
means than Gantry's, and faults as they are wanted. Also by hand:

    order_service.py --port 3001 --key jwt.key [--order ORDER=ITEM,ITEM]...
"""
import argparse
import base64
import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

ROLE = "inventory-service"


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *words):
        pass

    def say(self, status, body, **headers):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def claims(self):
        """Of a good token, or why there is none."""
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            return "no token"
        try:
            head, body, mac = token.split(".")
            known = hmac.new(self.server.service.key, ("%s.%s" % (head, body)).encode(),
                             hashlib.sha256).digest()
            if json.loads(decoded(head))["alg"] != "HS256":
                return "wrong algorithm"
            if not hmac.compare_digest(known, decoded(mac)):
                return "wrong signature"
            return json.loads(decoded(body))
        except (ValueError, KeyError):
            return "no JWT"

    def is_allowed(self):
        claims = self.claims()
        service = self.server.service
        if isinstance(claims, dict):
            if claims.get("aud") != "order-service" or claims.get("iss") != "shop":
                claims = "for somebody else"
            elif not claims.get("exp", 0) > time.time():
                claims = "expired"
        if not isinstance(claims, dict):
            service.refused.append(claims)
            self.say(401, {"success": False, "error": {"code": "UNAUTHENTICATED"}})
            return False
        if ROLE not in claims.get("roles", []):
            self.say(403, {"success": False, "error": {"code": "FORBIDDEN"}})
            return False
        service.claims = claims
        return True

    def fault(self):
        """Whether the request came to nothing."""
        fault = self.server.service.next_fault()
        if fault is None:
            return False
        if isinstance(fault, float):
            time.sleep(fault)
            return False
        if isinstance(fault, tuple):
            self.say(fault[0], {}, **fault[1])
        elif callable(fault):
            fault(self)
        elif isinstance(fault, int):
            self.say(fault, {"success": False, "error": {"code": "FAULT"}})
        elif fault == "text":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsorry")
        elif fault == "short":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}")
            self.close_connection = True
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.close_connection = True
        elif fault == "close":
            self.close_connection = True
        else:
            raise AssertionError(fault)
        return True

    def do_GET(self):
        service = self.server.service
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        with service.lock:
            service.requests.append((self.path, dict(self.headers.items())))
        if self.fault() or not self.is_allowed():
            return
        parts = [unquote(p) for p in self.path.partition("?")[0].split("/")[1:]]
        order = service.orders.get(parts[1]) if len(parts) > 1 else None
        if parts[0] != "orders" or len(parts) > 3 or order is None:
            self.say(404, {"success": False, "error": {"code": "ORDER_NOT_FOUND"}})
        elif len(parts) == 2:
            self.say(200, {"success": True, "data": order})
        elif parts[2] == "items":
            self.say(200, {"success": True, "data": order.get("items", [])})
        else:
            self.say(404, {"success": False, "error": {"code": "ROUTE_NOT_FOUND"}})

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

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
        pass        # who was cut off may be gone

    def cut(self):
        """Kept connections would live on."""
        for request in list(self.open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class OrderService:
    """fault: what becomes of each request; faults: of the next ones. A status,
    (status, {header: value}), seconds to wait as a float, "close", "reset",
    "short", "text", or a function that answers by the Handler."""

    def __init__(self, key, port=0, tls=None):
        self.key = key
        self.tls = tls              # ssl.SSLContext, or none
        self.lock = threading.Lock()
        self.orders = {}
        self.requests = []          # (path, headers)
        self.refused = []           # tokens, and why
        self.claims = None          # of the last good token
        self.fault = None
        self.faults = []
        self.port = port
        self.server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def start(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.service = self
        self.port = self.server.server_address[1]
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut()
            self.server = None

    def next_fault(self):
        with self.lock:
            return self.faults.pop(0) if self.faults else self.fault

    def order(self, id, items=("item_1",), status="CREATED", **more):
        """items: ids, or objects."""
        self.orders[id] = dict({"id": id, "status": status, "items": [
            i if isinstance(i, dict) else {"orderItemId": i} for i in items]}, **more)
        return id

    def asked(self):
        """The paths since the last time."""
        with self.lock:
            paths = [path for path, _ in self.requests]
            self.requests.clear()
        return paths


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=3001)
    parser.add_argument("--key", required=True, help="file of the HS256 key")
    parser.add_argument("--order", action="append", default=[])
    given = parser.parse_args()
    with open(given.key, "rb") as f:
        service = OrderService(f.read().rstrip(b"\n"), given.port)
    for order in given.order:
        id, _, items = order.partition("=")
        service.order(id, items.split(",") if items else ())
    with service:
        print("orders at http://127.0.0.1:%d" % service.port, flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
