# SPDX-License-Identifier: Apache-2.0
"""A real daemon in a folder of its own: start, ask, kill, look into its store.

Nothing here comes from Gantry's own code: tokens are made and the store is read
by other means, so that a mistake on one side does not hide one on the other.

    GANTRY          the program (default: gantry)
    GANTRY_PRESETS  folder of the presets, if not the installed one
    GANTRY_PLUGINS  folder of the plugins, if not the installed one
    GANTRY_STORAGE  sqlite or postgres, see stores.py
"""
import base64
import fcntl
import hashlib
import hmac
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from datetime import datetime, timezone

import contract
import stores

PROGRAM = os.environ.get("GANTRY", "gantry")
START_SECONDS = 20
STOP_SECONDS = 20
HTTP_SECONDS = 20
KEEP_SECONDS = 30       # half of what a connection may rest before it is closed


# In place of the preset's schedules, of which one asks for orders, for tests that
# count what an Order Service is asked. A first turn comes within seconds, however
# long the interval: start() gives that one's to a gateway that is not there.
NOBODY_ELSE_ASKS = ("  - {every: 1h, pipeline: [allocate.expire]}\n"
                    "  - {every: 30d, pipeline: [reconcile.run]}\n")
ASKS = "schedule:every 30d: reconcile.run"


PORTS = os.path.join(tempfile.gettempdir(), "gantry-ports")
KEPT = []


def keep_port(port):
    """Whether it is ours now, among all tests here, until this process ends: who
    stops a server and starts it again finds its port free."""
    path = os.path.join(PORTS, str(port))
    try:
        if not os.path.isdir(PORTS):
            os.makedirs(PORTS, exist_ok=True)
            os.chmod(PORTS, 0o1777)     # for tests of other users, too
        if not os.path.exists(path):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o644))
        fd = os.open(path, os.O_RDONLY)
    except PermissionError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return False
    KEPT.append(fd)
    return True


def free_port():
    """A port of loopback that nobody has now, nor gets while its server is down:
    from below those that the kernel gives to whoever connects, and none that
    another test has had from here."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        below = min(int(f.read().split()[0]), 32768)
    while True:
        port = random.SystemRandom().randrange(10000, max(below, 10100))
        if not keep_port(port):
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def as_nobody(work):
    """What work() says in a process that has dropped to another user, if we are
    root. The program goes along: our own folder may be closed to others."""
    reader, writer = os.pipe()
    folder = tempfile.mkdtemp(prefix="gantry-nobody-")
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                _become_nobody(folder)
            os.write(writer, work().encode())
            os._exit(0)
        except BaseException as error:
            print("# %r" % error, flush=True)
            os._exit(1)
    os.close(writer)
    with open(reader) as said:
        text = said.read()
    code = os.waitpid(pid, 0)[1]
    shutil.rmtree(folder)
    assert code == 0
    return text


def _become_nobody(folder):
    global PROGRAM
    os.chmod(folder, 0o755)
    PROGRAM = shutil.copy(shutil.which(PROGRAM), folder)
    for name in ("GANTRY_PRESETS", "GANTRY_PLUGINS"):
        if os.environ.get(name):
            os.environ[name] = shutil.copytree(os.environ[name],
                                               os.path.join(folder, name))
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def rfc3339(offset=0):
    """Now and offset seconds, as the API writes times."""
    now = datetime.fromtimestamp(int(time.time()) + offset, timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def data(self):
        return self.json["data"]

    @property
    def code(self):
        return self.json["error"]["code"]

    @property
    def details(self):
        return self.json["error"].get("details")

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    def __repr__(self):
        return "%s %s" % (self.status, self.body[:600].decode("utf-8", "replace"))


class Client:
    """One connection, kept alive; opened again when it is gone."""

    def __init__(self, port, token=None):
        self.port = port
        self.token = token
        self.connection = None
        self.used = 0

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=HTTP_SECONDS)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def ask(self, method, path, body=None, headers=None, token=...):
        """body: bytes as they are, anything else as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = {}
        token = self.token if token is ... else token
        if body is not None:
            sent["Content-Type"] = "application/json"
        if token is not None:
            sent["Authorization"] = "Bearer " + token
        for name, value in (headers or {}).items():
            sent.pop(name, None)
            if value is not None:
                sent[name] = value
        if time.monotonic() > self.used + KEEP_SECONDS:
            self.close()
        if self.connection is None:
            self.connection = self.connect()
        try:
            self.connection.request(method, path, body, sent)
            got = self.connection.getresponse()
            answer = Answer(got.status, got.getheaders(), got.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self.used = time.monotonic()
        if got.will_close:
            self.close()
        contract.check(self.port, method, path, body, answer)
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.ask("PUT", path, body, **more)


class Gantry:
    """store: make(folder) says where its tables are, if not where GANTRY_STORAGE
    wants them."""

    def __init__(self, extra="", name="gantry", store=stores.make):
        self.folder = tempfile.mkdtemp(prefix=name + "-")
        self.store = store(self.folder)
        self.port = free_port()
        self.admin_port = free_port()
        self.key = os.urandom(32).hex().encode()
        self.process = None
        self.starts = 0
        self.ids = itertools.count(1)
        self.clients = threading.local()
        self.launch = {}    # more for Popen: env, preexec_fn
        self.contracts = {}
        self.describing = threading.Lock()
        self.write("jwt.key", self.key, 0o600)
        self.write("gantry.yaml", self.configuration(extra).encode())

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
        finally:
            if kind is not None:
                self.show_log()
            self.store.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- the daemon ---

    def configuration(self, extra, store=None):
        return (
            "use: inventory\n"
            "service: inventory-service\n"
            "http: {listen: 127.0.0.1:%d}\n"
            "admin: {listen: 127.0.0.1:%d, socket: %s/admin.sock}\n"
            "storage: %s\n"
            "auth:\n"
            "  services: {plugin: jwt, key_file: %s/jwt.key, algorithm: HS256,\n"
            "             issuer: shop, audience: inventory-service}\n%s"
            % (self.port, self.admin_port, self.folder,
               (store or self.store).options, self.folder, extra))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content, mode=0o644):
        with open(self.path(name), "wb") as f:
            f.write(content)
        os.chmod(self.path(name), mode)

    def folders(self):
        given = []
        for option, name in (("--presets", "GANTRY_PRESETS"),
                             ("--plugins", "GANTRY_PLUGINS")):
            if os.environ.get(name):
                given += [option, os.environ[name]]
        return given

    def start(self):
        assert self.process is None
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--config", self.path("gantry.yaml")] +
                self.folders(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                **self.launch)
        self.starts += 1
        contract.watch(self.port, lambda: self.described("openapi"))
        contract.watch(self.admin_port, lambda: self.described("openapi", "--admin"))
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            code = self.process.poll()
            assert code is None, "gantry serve ended with %s" % code
            assert time.monotonic() < end, "gantry does not listen"
            time.sleep(0.01)
        with open(self.path("gantry.yaml")) as f:
            if NOBODY_ELSE_ASKS in f.read():
                self.give_away(ASKS)

    def give_away(self, lease):
        """A turn that is another's for a day."""
        self.store.change((
            "insert into leases (ref, version, name, owner, until) "
            "values (1, 1, ?, 'nobody', ?) on conflict (name) do update "
            "set owner = excluded.owner, until = excluded.until",
            lease, int(time.time() + 86400) * 1000))

    def described(self, *what):
        """The documents of what its configuration is and was, newest first."""
        with self.describing:
            known = self.contracts.setdefault(what, {})
            at = tuple(open(path, "rb").read() for path in self.configured()
                       if os.path.exists(path))
            if at not in known:
                known[at] = self.describe(what)
            return [each for each in reversed(list(known.values())) if each is not None]

    def describe(self, what):
        ran = subprocess.run(
            [PROGRAM, "spec", *what, "--json", "--config", self.path("gantry.yaml")] +
            self.folders(), capture_output=True, timeout=START_SECONDS)
        if ran.returncode == 0:
            return contract.Contract(json.loads(ran.stdout))
        # one that is wrong was written to be refused
        assert ran.returncode == 2, ran.stderr
        return None

    def configured(self):
        more = self.path("conf.d")
        names = sorted(os.listdir(more)) if os.path.isdir(more) else []
        return [self.path("gantry.yaml")] + [os.path.join(more, n) for n in names]

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        """Stop in good order; the exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("gantry did not stop in %d s" % STOP_SECONDS)
        self.process = None
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        self.kill()
        self.start()

    def show_log(self):
        try:
            with open(self.path("log"), "rb") as f:
                lines = f.read()[-6000:].decode("utf-8", "replace").splitlines()
        except OSError:
            return
        for line in lines[-40:]:
            print("# log: " + line, flush=True)

    # --- tokens ---

    def token(self, roles, /, **claims):
        """A token of our own making; a claim that is None is left out."""
        now = int(time.time())
        content = {"iss": "shop", "aud": "inventory-service", "sub": "tester",
                   "iat": now, "exp": now + 3600,
                   "roles": [roles] if isinstance(roles, str) else roles}
        content.update(claims)
        content = {k: v for k, v in content.items() if v is not None}
        return self.sign({"alg": "HS256", "typ": "JWT"}, content, self.key)

    @staticmethod
    def sign(head, content, key):
        text = "%s.%s" % (base64url(json.dumps(head).encode()),
                          base64url(json.dumps(content).encode()))
        mac = hmac.new(key, text.encode(), hashlib.sha256).digest()
        return "%s.%s" % (text, base64url(mac))

    def minted(self, role):
        """A token as the program makes it for its users."""
        folder = os.environ.get("GANTRY_PLUGINS")
        plugin = ["--plugin", os.path.abspath(folder) + "/jwt.so"] if folder else []
        made = subprocess.run(
            [PROGRAM, "token", "mint", "--key", self.path("jwt.key"),
             "--algorithm", "HS256", "--issuer", "shop",
             "--audience", "inventory-service", "--role", role] + plugin,
            capture_output=True, timeout=START_SECONDS)
        assert made.returncode == 0, made.stderr
        return made.stdout.decode().strip()

    # --- clients, one for each thread and role ---

    def client(self, role, /, **claims):
        return Client(self.port, self.token(role, **claims))

    def as_role(self, role):
        made = self.clients.__dict__.setdefault("roles", {})
        if role not in made:
            made[role] = self.client(role)
            made[role].start = self.starts
        if made[role].start != self.starts:
            # the daemon it was connected to is gone
            made[role].close()
            made[role].start = self.starts
        return made[role]

    @property
    def orders(self):
        return self.as_role("order-service")

    @property
    def stock(self):
        return self.as_role("inventory-admin")

    @property
    def events(self):
        return self.as_role("event-publisher")

    # --- what many tests begin with ---

    def fresh(self, prefix):
        return "%s_%d" % (prefix, next(self.ids))

    def item(self, available, **more):
        """A new item; its id."""
        body = {"id": self.fresh("inv"), "sku": "WIDGET-2",
                "productId": "prod_1", "warehouseId": "wh_1",
                "availableQuantity": available}
        body.update(more)
        got = self.stock.post("/inventory-items", body)
        assert got.status == 201, got
        return got.data["id"]

    def quantities(self, item):
        got = self.stock.get("/inventory-items/" + item)
        assert got.status == 200, got
        return got.data["availableQuantity"], got.data["reservedQuantity"]

    def request(self, item, quantity=2, **more):
        body = {"orderId": self.fresh("ord"), "orderItemId": "item_1",
                "inventoryItemId": item, "quantity": quantity}
        body.update(more)
        return body

    def allocate(self, item, quantity=2, **more):
        """A new allocation, as the API shows it."""
        got = self.orders.post("/allocations", self.request(item, quantity, **more))
        assert got.status == 201, got
        return got.data

    def publish(self, type, payload, **more):
        """An event over HTTP (D25)."""
        event = {"eventId": self.fresh("evt"), "eventType": type,
                 "eventVersion": "1.0.0", "aggregateType": "Order",
                 "aggregateId": payload.get("orderId", "none"),
                 "timestamp": rfc3339(),
                 "metadata": {"correlationId": "cor-1", "source": "order-service"},
                 "payload": payload}
        event.update(more)
        return self.events.post("/events/order.events/order.%s.order"
                                % type.lower(), event)

    # --- the store, read by other means ---

    def rows(self, sql, *values):
        return self.store.rows(sql, *values)

    def outbox(self, aggregate=None):
        """Events that wait, in their order; body is the envelope."""
        found = self.rows("select * from outbox order by ref")
        for row in found:
            row["body"] = json.loads(row["body"])
        return [r for r in found
                if aggregate is None or r["aggregate_id"] == aggregate]

    def check_invariants(self):
        """I1 to I5, as long as no broker takes events out of the outbox."""
        for name, sql in INVARIANTS.items():
            broken = self.rows(sql)
            assert not broken, "%s: %s" % (name, broken[:5])
        self.check_events()

    def metrics(self):
        """{name with its labels: value} of /metrics, as it is now."""
        client = Client(self.admin_port)
        text = client.get("/metrics").body.decode()
        client.close()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if not line.startswith("#")}

    def check_events(self):
        """One event for each change of a status, chained in its order."""
        chains = {}
        for row in self.rows("select ref, after, type, event_id, aggregate_id "
                             "from outbox where aggregate_type = 'Allocation' "
                             "order by ref"):
            chains.setdefault(row["aggregate_id"], []).append(row)
        for row in self.rows("select id, status from allocations"):
            chain = chains.pop(row["id"], [])
            kinds = tuple(e["type"] for e in chain)
            assert kinds in HISTORIES[row["status"]], (row, kinds)
            before = None
            for event in chain:
                assert event["after"] == before, (row, chain)
                before = event["ref"]
        assert not chains, "events without their allocation: %s" % list(chains)[:5]


CREATED, CONFIRMED, CANCELLED, FULFILLED = (
    "AllocationCreated", "AllocationConfirmed", "AllocationCancelled",
    "AllocationFulfilled")
HISTORIES = {
    "PENDING": [(CREATED,)],
    "CONFIRMED": [(CREATED, CONFIRMED)],
    "FULFILLED": [(CREATED, CONFIRMED, FULFILLED)],
    "CANCELLED": [(CREATED, CANCELLED), (CREATED, CONFIRMED, CANCELLED)],
}

INVARIANTS = {
    "I1: reserved is the sum of what is held":
        "select i.id, s.reserved, coalesce(sum(a.quantity), 0) as held "
        "from items i join stock s on s.ref = i.ref left join allocations a "
        "on a.item = i.ref and a.status in ('PENDING', 'CONFIRMED') "
        "group by i.id, s.reserved "
        "having s.reserved <> coalesce(sum(a.quantity), 0)",
    "I2: 0 <= reserved <= available":
        "select * from stock where reserved < 0 or reserved > available",
    "every item has its counters":
        "select i.id from items i left join stock s on s.ref = i.ref "
        "where s.ref is null",
    "I3: one live allocation of an item for an order item":
        "select ord, order_item_id, item, count(*) as n from allocations "
        "where status <> 'CANCELLED' group by 1, 2, 3 having count(*) > 1",
    "I3: one answer for a key":
        "select key, count(*) as n from idempotency group by 1 "
        "having count(*) > 1",
    "live is 1 until it is cancelled":
        "select id, status, live from allocations "
        "where (status = 'CANCELLED') <> (live is null)",
    "due while it is pending":
        "select id, status, due_at, expires_at from allocations "
        "where due_at is distinct from "
        "(case when status = 'PENDING' then expires_at end)",
    "an order counts what it holds":
        "select o.id, o.live, count(a.ref) as n from orders o left join "
        "allocations a on a.ord = o.ref and a.status <> 'CANCELLED' "
        "group by o.id, o.live having o.live <> count(a.ref)",
    "I4: an event has one id":
        "select event_id, count(*) as n from outbox group by 1 "
        "having count(*) > 1",
    "an allocation has its order and item":
        "select a.id from allocations a left join orders o on o.ref = a.ord "
        "left join items i on i.ref = a.item where o.ref is null or i.ref is null",
}
