# SPDX-License-Identifier: Apache-2.0
"""The proxies that are measured, and the service behind all of them. Each checks
the same token (HS256; signature, issuer, audience, expiry), shows the upstream a
token of its own, and keeps its connections to it."""
import http.client
import os
import shutil
import subprocess
import time

import gantry
import servers

HERE = os.path.dirname(os.path.abspath(__file__))
SECRET = b"bench-secret-of-32-characters-xx"
PATH = "/orders/ord_0123456789abcdef"
ORDER = ('{"success":true,"data":{"id":"ord_0123456789abcdef","status":"CREATED",'
         '"customerId":"cus_0001","items":[{"orderItemId":"item_1",'
         '"inventoryItemId":"inv_100","quantity":2},{"orderItemId":"item_2",'
         '"inventoryItemId":"inv_200","quantity":1}],'
         '"createdAt":"2030-01-01T00:00:00Z"}}')
UPSTREAM = """
daemon off; master_process off; worker_processes 1;
pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ default_type application/json; return 200 '{body}'; }}
  }}
}}
"""
HAPROXY = """
global
  maxconn 4096
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 3s
  retries 2
  option redispatch
frontend api
  bind 127.0.0.1:{port}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str HS256 }}
  http-request deny deny_status 401 unless {{ var(txn.iss) -m str shop }}
  http-request deny deny_status 401 unless {{ var(txn.aud) -m str inventory-service }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{secret}") 1 }}
  http-request set-header Authorization "{service}"
  default_backend orders
backend orders
  http-reuse always
  server orders 127.0.0.1:{upstream}
"""
GATEWAY = """
http: {{port: {port}, hostname: 127.0.0.1}}
apiEndpoints:
  orders: {{host: '*', paths: '/orders/*'}}
serviceEndpoints:
  orders: {{url: 'http://127.0.0.1:{upstream}'}}
policies: [jwt, headers, proxy]
pipelines:
  orders:
    apiEndpoints: [orders]
    policies:
      - jwt:
          - action: {{secretOrPublicKey: {secret}, checkCredentialExistence: false,
                      issuer: shop, audience: inventory-service, algorithms: [HS256]}}
      - headers:
          - action: {{headersPrefix: '', forwardHeaders: {{authorization: "'{service}'"}}}}
      - proxy:
          - action: {{serviceEndpoint: orders}}
"""
SYSTEM = """
db: {redis: {emulate: true, namespace: EG}}
crypto: {cipherKey: sensitiveKey, algorithm: aes256, saltRounds: 10}
session: {secret: none, resave: false, saveUninitialized: false}
accessTokens: {timeToExpiry: 7200000}
refreshTokens: {timeToExpiry: 7200000}
authorizationCodes: {timeToExpiry: 300000}
"""


def sign(role, audience):
    now = int(time.time())
    return gantry.Gantry.sign({"alg": "HS256", "typ": "JWT"}, {
        "iss": "shop", "sub": role, "aud": audience, "roles": [role], "iat": now,
        "exp": now + 86400}, SECRET)


TOKEN = sign("inventory-service", "inventory-service")
SERVICE = "Bearer " + sign("inventory-service", "order-service")


def find(program):
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        raise SystemExit("%s is not there. This bench needs: apt-get install "
                         "--no-install-recommends haproxy nginx-light nodejs npm wrk" % program)
    return found


def versions(node):
    """Of what is compared with, one line."""
    found = [subprocess.run([find("haproxy"), "-v"], capture_output=True,
                            text=True).stdout.split("\n")[0].split(" ")[2]]
    for name in ("fastify", "@fastify/http-proxy", "express-gateway"):
        with open(os.path.join(node, "node_modules", name, "package.json")) as f:
            text = f.read()
        found.append("%s %s" % (name, text.split('"version": "')[1].split('"')[0]))
    return "HAProxy " + ", ".join(found)


def install(folder):
    """The peers of npm, as the lock says; a second time there is nothing to do."""
    for program in ("haproxy", "nginx", "node", "npm", "wrk"):
        find(program)
    os.makedirs(folder, exist_ok=True)
    fresh = False
    for name in ("package.json", "package-lock.json", "npmrc", "fastify.js", "gateway.js"):
        source = os.path.join(HERE, "proxies", name)
        target = os.path.join(folder, "." + name if name == "npmrc" else name)
        with open(source, "rb") as f:
            text = f.read()
        try:
            with open(target, "rb") as f:
                same = f.read() == text
        except OSError:
            same = False
        if not same:
            fresh |= name == "package-lock.json"
            shutil.copyfile(source, target)
    if fresh or not os.path.isdir(os.path.join(folder, "node_modules")):
        ran = subprocess.run([find("npm"), "ci", "--omit=dev"], cwd=folder, text=True,
                             capture_output=True, timeout=600)
        if ran.returncode != 0:
            raise SystemExit("npm ci: " + ran.stderr)
    return folder


class Proxy(servers.Child):
    """A program that answers PATH from the upstream."""

    def __init__(self, name, upstream):
        super().__init__("bench-" + name)
        self.upstream = upstream

    def fields(self):
        return {"folder": self.folder, "port": self.port, "body": ORDER,
                "upstream": self.upstream.port if self.upstream else 0,
                "secret": SECRET.decode(), "service": SERVICE}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text.format(**self.fields()) if "{port}" in text else text)
        return path


class Upstream(Proxy):
    def __init__(self):
        super().__init__("orders", None)

    def start(self):
        path = self.write("nginx.conf", UPSTREAM)
        return self.run([find("nginx"), "-p", self.folder, "-c", path])


class HAProxy(Proxy):
    def start(self):
        path = self.write("haproxy.cfg", HAPROXY)
        return self.run([find("haproxy"), "-db", "-q", "-f", path])


class Node(Proxy):
    """A script of the folder where npm has installed its packages."""

    def __init__(self, name, upstream, node):
        super().__init__(name, upstream)
        self.script, self.node = name + ".js", node

    def start(self):
        environment = dict(os.environ, PORT=str(self.port), SECRET=SECRET.decode(),
                           SERVICE=SERVICE, NODE_ENV="production",
                           UPSTREAM="http://127.0.0.1:%d" % self.upstream.port,
                           EG_CONFIG_DIR=self.folder, LOG_LEVEL="error",
                           EG_DISABLE_CONFIG_WATCH="true")
        self.write("gateway.config.yml", GATEWAY)
        self.write("system.config.yml", SYSTEM)
        os.makedirs(os.path.join(self.folder, "models"), exist_ok=True)
        for model in ("users", "applications", "credentials"):
            shutil.copy(os.path.join(self.node, "node_modules/express-gateway/lib/config/"
                                     "models", model + ".json"),
                        os.path.join(self.folder, "models"))
        return self.run([find("node"), self.script], cwd=self.node, env=environment)


class Gantry(servers.Gateway):
    """A route that proxies, one whose breaker is held open, and one that answers
    429 each time by itself."""

    def __init__(self, upstream, pool):
        away = gantry.free_port()
        super().__init__(
            "log: {level: warning}\n"
            "upstreams:\n"
            "  orders: {url: \"http://127.0.0.1:%d\", auth: services, audience: order-service,\n"
            "    roles: [inventory-service], breaker: to-orders, timeout: 3s, pool: %d}\n"
            "  away: {url: \"http://127.0.0.1:%d\", auth: services, breaker: to-away,\n"
            "    retries: 0}\n"
            "breakers:\n"
            "  to-orders: {plugin: breaker, failure_threshold: 3, reset_timeout: 30s}\n"
            "  to-away: {plugin: breaker, failure_threshold: 1, reset_timeout: 1h}\n"
            "handlers:\n"
            "  order-service: {plugin: proxy, upstream: orders}\n"
            "  away: {plugin: proxy, upstream: away}\n"
            "  never: {plugin: rate-limit, rate: 1, per: 24h, by: all, headers: false}\n"
            "routes:\n"
            "  - {http: \"GET /orders/{orderId}\", auth: services,\n"
            "     roles: [inventory-service], pipeline: [order-service.pass]}\n"
            "  - {http: \"GET /away/{orderId}\", auth: services,\n"
            "     roles: [inventory-service], pipeline: [away.pass]}\n"
            "  - {http: \"GET /never/{orderId}\", auth: services,\n"
            "     roles: [inventory-service], pipeline: [never.admit, away.pass]}\n"
            % (upstream.port, pool, away))
        self.made.key = SECRET
        self.made.write("jwt.key", SECRET, 0o600)

    def start(self):
        super().start()
        for path in ("/away/x", "/never/x", "/never/x", "/away/x"):
            self.ask(path)
        return self

    def ask(self, path):
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        asked.request("GET", path, headers={"Authorization": "Bearer " + TOKEN})
        got = asked.getresponse()
        got.read()
        asked.close()
        return got.status
