# SPDX-License-Identifier: Apache-2.0
"""What is measured: the gateway in its settings, nginx as the floor, and, if one
is given, another implementation of the same API. Each runs for one measurement
and is stopped, or stays up and waits."""
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import time

import gantry
import stores

ITEMS = 1000
PIECES = 1_000_000_000
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A process on a port, with what /proc says of it."""

    def token(self):
        return self.made.token("order-service")

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def written_bytes(self):
        """To the disk: the log, and once more when it is carried over."""
        with open("/proc/%d/io" % self.pid) as f:
            for line in f:
                if line.startswith("write_bytes:"):
                    return int(line.split()[1])
        return 0

    def memory_bytes(self):
        with open("/proc/%d/status" % self.pid) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0


def first_answer(port, began, seconds=20):
    """Seconds from began to the first HTTP answer."""
    while time.monotonic() - began < seconds:
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", "/allocations/none")
            asked.getresponse().read()
            asked.close()
            return time.monotonic() - began
        except OSError:
            time.sleep(0.001)
    raise SystemExit("nothing answers on port %d" % port)


class Gateway(Server):
    """Its own store, or that of another (same folder, never both at once). store:
    as for gantry.Gantry."""

    def __init__(self, extra="", of=None, store=stores.Sqlite):
        self.made = of.made if of else gantry.Gantry(extra, "gantry-bench", store)
        self.extra = extra
        self.started_in = None

    def start(self):
        made = self.made
        made.write("gantry.yaml", made.configuration(self.extra).encode())
        began = time.monotonic()
        with open(made.path("log"), "ab") as log:
            made.process = subprocess.Popen(
                [gantry.PROGRAM, "serve", "--config", made.path("gantry.yaml")] +
                made.folders(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.started_in = first_answer(made.port, began)
        return self

    @property
    def pid(self):
        return self.made.process.pid

    @property
    def port(self):
        return self.made.port

    def stop(self):
        code = self.made.stop()
        if code:
            self.made.show_log()
            raise SystemExit("gantry ended with %s" % code)

    def remove(self):
        self.stop()
        shutil.rmtree(self.made.folder, ignore_errors=True)

    def fill(self):
        """The goods, over the API."""
        for n in range(ITEMS):
            answer = self.made.stock.post("/inventory-items", {
                "id": "inv_%d" % n, "sku": "SKU-%d" % n, "productId": "prod_%d" % n,
                "warehouseId": "wh_0", "availableQuantity": PIECES})
            if answer.status != 201:
                raise SystemExit("an item: %r" % answer)
        self.made.stock.close()


NGINX = """
daemon off; master_process off; worker_processes 1;
pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ default_type application/json; return 201 '{body}'; }}
  }}
}}
"""
BODY = ('{"success":true,"data":{"id":"alloc_01JD9Z0000000000000000000A",'
        '"orderId":"ord_0123456789abcdef0123456789","orderItemId":"item_1",'
        '"inventoryItemId":"inv_100","warehouseId":"wh_0","quantity":1,'
        '"status":"PENDING","expiresAt":"2030-01-01T00:00:00Z",'
        '"createdAt":"2030-01-01T00:00:00Z","updatedAt":"2030-01-01T00:00:00Z"}}')


class Child(Server):
    """A program with a folder of its own."""

    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix=name + "-")
        self.port = gantry.free_port()

    def run(self, command, **more):
        began = time.monotonic()
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, **more)
        first_answer(self.port, began)
        return self

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nginx(Child):
    """Answers the same POST with a fixed body: what HTTP alone costs."""

    def __init__(self):
        super().__init__("bench-nginx")

    def start(self):
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as f:
            f.write(NGINX.format(folder=self.folder, port=self.port, body=BODY))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        return self.run([nginx, "-p", self.folder, "-c", path])

    def token(self):
        return "x" * 260

    def fill(self):
        pass


class Peer(Child):
    """The inventory side in NestJS, built, in the folder that PEER names."""
    SECRET = b"bench-secret-of-32-characters-xx"

    def __init__(self, folder, amqp_url=""):
        super().__init__("bench-peer")
        self.source, self.amqp_url = folder, amqp_url

    def start(self):
        environment = dict(os.environ, JWT_SECRET=self.SECRET.decode(), STORAGE="sqlite",
                           SQLITE_PATH=os.path.join(self.folder, "inventory.db"),
                           HOST="127.0.0.1", PORT=str(self.port), AMQP_URL=self.amqp_url,
                           NODE_ENV="production")
        return self.run(["node", "dist/main.js"], cwd=self.source, env=environment)

    def sign(self, role):
        now = int(time.time())
        return gantry.Gantry.sign({"alg": "HS256", "typ": "JWT"}, {
            "sub": role, "role": role, "roles": [role], "iat": now,
            "exp": now + 86400}, self.SECRET)

    def token(self):
        return self.sign("order-service")

    def fill(self):
        client = gantry.Client(self.port, self.sign("inventory-admin"))
        for n in range(ITEMS):
            client.post("/inventory-items", {
                "id": "inv_%d" % n, "sku": "SKU-%d" % n, "productId": "prod_%d" % n,
                "warehouseId": "wh_0", "availableQuantity": PIECES})
        client.close()
