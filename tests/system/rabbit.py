# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of a test's own: start, stop, kill, cut off, count, and a cluster;
or a virtual host of its own on one that it leaves alone.

It lives in a temporary folder, listens on free ports of 127.0.0.1 alone, has its
own epmd, cookie and node name, and so disturbs no other broker of the machine.
Runs as any user, root in a container too. Ends only what it started.

    with Lodging("orders") as r:    or Rabbit(), to stop, starve or configure it
        r.url                       amqp://127.0.0.1:PORT/orders-PID
        r.user                      for a configuration, with
        r.password_file(folder)
        with r.client() as c:       pika: declare, publish, get, count
            c.publish("order.events", "order.ordercreated.order", {...})

Debian 12 (RabbitMQ 3.10) and 13 (4.0).
"""
import atexit
import base64
import glob
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import gantry

# python3-pika is there for Debian's python3, which may not be the one in PATH
if "/usr/lib/python3/dist-packages" not in sys.path:
    sys.path.append("/usr/lib/python3/dist-packages")
try:
    import pika
except ImportError:
    pika = None

USER, PASSWORD = "gantry", "gantry-secret"
START_SECONDS = 90
STOP_SECONDS = 30
ASK_SECONDS = 60
ASKED = itertools.count(1)
BINARIES = ["/usr/lib/rabbitmq/bin"] + sorted(
    glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"))


def program(name):
    """The server's own scripts: what is in PATH asks for another user."""
    for folder in BINARIES:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return None


def missing():
    """Why no broker can be had here, or None."""
    if program("rabbitmq-server") is None or shutil.which("erl_call") is None:
        return "there is no rabbitmq-server"
    if pika is None:
        return "there is no python3-pika"
    return None


def free_ports(n):
    """n ports of loopback that nobody has now, each another."""
    ports = set()
    while len(ports) < n:
        ports.add(gantry.free_port())
    return list(ports)


def wait_for(what, seconds, question, pause=0.05):
    """Ask until the answer is true; it."""
    end = time.monotonic() + seconds
    while True:
        got = question()
        if got:
            return got
        assert time.monotonic() < end, "%s: not within %d s" % (what, seconds)
        time.sleep(pause)


def end_group(process, seconds):
    """End a process that leads its own group, and all of the group."""
    for sent, wait in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            pass
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            continue
        if sent == signal.SIGTERM and group_lives(process.pid):
            continue
        return


def end_by_signal():
    """A test that is ended from outside (timeout, make) ends its broker, too."""
    def ended(number, frame):
        raise SystemExit(1)

    if threading.current_thread() is threading.main_thread() and \
            signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, ended)


def group_lives(group):
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


class House:
    """What the nodes of a cluster share: a folder, a cookie, an epmd."""

    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix=name + "-")
        self.epmd_port = free_ports(1)[0]
        self.epmd = None
        cookie = os.path.join(self.folder, ".erlang.cookie")
        with open(cookie, "w") as f:
            f.write(os.urandom(16).hex())
        os.chmod(cookie, 0o400)

    def start(self):
        if self.epmd is not None:
            return
        log = open(os.path.join(self.folder, "epmd.log"), "ab")
        with log:
            self.epmd = subprocess.Popen(
                ["epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment(), start_new_session=True)
        wait_for("epmd listens", 10, lambda: accepts(self.epmd_port))

    def environment(self):
        return {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                "HOME": self.folder, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
                "ERL_EPMD_PORT": str(self.epmd_port),
                "ERL_EPMD_ADDRESS": "127.0.0.1"}

    def close(self):
        if self.epmd is not None:
            end_group(self.epmd, 5)
            self.epmd = None
        shutil.rmtree(self.folder, ignore_errors=True)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def erlang(value):
    """As it is written there."""
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(erlang, value))
    return "<<%s>>" % ", ".join(map(str, str(value).encode()))


class Broker:
    """What a test has of a broker: the way there, and what it can be asked. vhost
    and user are those of whoever says nothing else."""

    vhost, user = "/", USER
    port = distribution_port = home = None

    @property
    def url(self):
        return self.way(self.port)

    def way(self, *ports):
        """The URL by these, such as a proxy's."""
        return "amqp://" + ",".join("127.0.0.1:%d" % p for p in ports) + (
            "" if self.vhost == "/" else "/" + self.vhost)

    @staticmethod
    def password_file(folder):
        """Writes the password where a configuration can name it; the path."""
        path = os.path.join(folder, "amqp.password")
        with open(path, "w") as f:
            f.write(PASSWORD + "\n")
        os.chmod(path, 0o600)
        return path

    def client(self, vhost=None, user=None, password=PASSWORD, port=None):
        return Client(port or self.port, vhost or self.vhost, user or self.user,
                      password)

    # rabbitmqctl starts an Erlang of its own, which takes half a second of the CPU
    # each time; erl_call is a small program.

    def ask(self, expressions, *values):
        """What the last of these Erlang expressions gives, as JSON has it; each %s
        is one of the values."""
        text = "binary_to_list(base64:encode(rabbit_json:encode(begin %s end))).\n" % (
            expressions % tuple(map(erlang, values)))
        done = subprocess.run(
            # two with one name may not be there at once
            ["erl_call", "-h", "test%d-%d" % (os.getpid(), next(ASKED)), "-e",
             "-address", "127.0.0.1:%d" % self.distribution_port],
            env={"HOME": self.home, "PATH": os.environ.get("PATH", os.defpath)},
            input=text, capture_output=True, text=True, timeout=ASK_SECONDS)
        head, tail = '{ok, "', '"}'
        assert done.returncode == 0 and done.stdout.startswith(head) and \
            done.stdout.endswith(tail), (expressions, done)
        return json.loads(base64.b64decode(done.stdout[len(head):-len(tail)]))

    def queues(self):
        """{name: {messages, consumers, durable, arguments}}; messages with those
        that are out with consumers."""
        return {q["name"]: q for q in self.ask("""
            [#{name => element(4, N), messages => M, consumers => C, durable => D,
               arguments => maps:from_list([{K, V} || {K, _, V} <- A])} ||
             [{_, N}, {_, M}, {_, C}, {_, D}, {_, A}] <- rabbit_amqqueue:info_all(
                %s, [name, messages, consumers, durable, arguments])]""", self.vhost)}

    def exchanges(self):
        """{name: (type, durable)} of those that somebody declared."""
        return {name: (kind, durable) for name, kind, durable in self.ask("""
            [[element(4, N), T, D] || [{_, N}, {_, T}, {_, D}] <-
             rabbit_exchange:info_all(%s, [name, type, durable])]""", self.vhost)
            if name and not name.startswith("amq.")}

    def bindings(self):
        """{(exchange, queue, key)}, without those that each queue is born with."""
        return {tuple(b) for b in self.ask("""
            [[S, D, K] || [{_, S}, {_, D}, {_, K}] <- rabbit_binding:info_all(
                %s, [source_name, destination_name, routing_key])]""", self.vhost)
            if b[0]}


class Rabbit(Broker):
    """One node. extra: lines for rabbitmq.conf. tls: a folder with ca.pem,
    cert.pem and key.pem; then there is also r.tls_port."""

    def __init__(self, name="rabbit", house=None, extra="", tls=None, peers=()):
        self.own_house = house is None
        self.house = house or House(name)
        self.port, self.distribution_port, self.tls_port = free_ports(3)
        self.node = "%s-%s-%d@localhost" % (
            name, os.path.basename(self.house.folder)[-8:].replace("_", "x"),
            self.port)
        self.folder = os.path.join(self.house.folder, "node-%d" % self.port)
        self.home = self.house.folder
        self.process = None
        self.extra, self.tls, self.peers = extra, tls, peers
        os.mkdir(self.folder)

    def __enter__(self):
        end_by_signal()
        try:
            self.start()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind not in (None, SystemExit):
            self.show_log()
        self.close()

    # --- the server ---

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def handed_on(self):
        """For GANTRY_RABBITMQ of others, who share it."""
        return "port=%d distribution=%d home=%s" % (
            self.port, self.distribution_port, self.home)

    def configuration(self):
        lines = ["listeners.tcp.1 = 127.0.0.1:%d" % self.port,
                 "default_user = " + USER, "default_pass = " + PASSWORD,
                 "vm_memory_high_watermark.absolute = 1GB",
                 "disk_free_limit.absolute = 1MB",
                 "raft.wal_max_size_bytes = 33554432",
                 "log.file.level = info", "log.console = false"]
        if self.tls:
            lines += ["listeners.ssl.1 = 127.0.0.1:%d" % self.tls_port,
                      "ssl_options.cacertfile = %s/ca.pem" % self.tls,
                      "ssl_options.certfile = %s/cert.pem" % self.tls,
                      "ssl_options.keyfile = %s/key.pem" % self.tls]
        if self.peers:
            lines += ["cluster_formation.peer_discovery_backend = classic_config"]
            lines += ["cluster_formation.classic_config.nodes.%d = %s" % pair
                      for pair in enumerate(self.peers, 1)]
        return "\n".join(lines) + "\n" + self.extra

    def environment(self):
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        made = self.house.environment()
        made.update({
            "RABBITMQ_CONF_ENV_FILE": self.path("env.conf"),
            "RABBITMQ_CONFIG_FILE": self.path("rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": self.path("conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": self.path("advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.path("enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": self.path("data"),
            "RABBITMQ_LOG_BASE": self.path("log"),
            "RABBITMQ_PID_FILE": self.path("pid"),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback + " +S 2:2"})
        return made

    def begin(self):
        """Start without waiting for it."""
        assert self.process is None
        self.house.start()
        self.write("env.conf", "")
        self.write("advanced.config", "[].\n")
        self.write("enabled_plugins", "[].\n")
        self.write("rabbitmq.conf", self.configuration())
        os.makedirs(self.path("conf.d"), exist_ok=True)
        with open(self.path("out"), "ab") as out:
            self.process = subprocess.Popen(
                [program("rabbitmq-server")], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env=self.environment(),
                cwd=self.folder, start_new_session=True)

    def start(self):
        self.begin()
        self.wait_until_up()

    def wait_until_up(self):
        wait_for("RabbitMQ is up", START_SECONDS, self.is_up)
        self.ask("rabbit:await_startup()")

    def is_up(self):
        code = self.process.poll()
        if code is not None:
            self.show_log()
        assert code is None, "rabbitmq-server ended with %s" % code
        if not accepts(self.port):
            return False
        try:
            self.client().close()
            return True
        except Exception:
            return False

    def stop(self):
        """In good order, as systemctl stop would."""
        if self.process is not None:
            end_group(self.process, STOP_SECONDS)
            self.process = None

    def kill(self):
        """kill -9 of all of it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_for("the group is gone", 10,
                 lambda: not group_lives(self.process.pid))
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.stop()
        if self.own_house:
            self.house.close()
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def show_log(self):
        for name in sorted(glob.glob(self.path("log/*.log"))) + [self.path("out")]:
            try:
                with open(name, errors="replace") as f:
                    lines = f.read()[-4000:].splitlines()[-25:]
            except OSError:
                continue
            for line in lines:
                print("# rabbit: " + line, flush=True)

    # --- what only its owner may do ---

    def may_be_lost(self):
        """Whether every quorum queue keeps its majority without this node."""
        return self.ask("length(rabbit_quorum_queue:list_with_minimum_quorum())") == 0

    def cut(self, why="cut by the test"):
        """Close every connection from the broker's side, politely."""
        self.ask("[catch rabbit_networking:close_connection(C, %s) || "
                 "C <- rabbit_networking:connections()], ok", why)

    def alarm(self, on):
        """The memory alarm: publishers are blocked while it is on."""
        self.ask("vm_memory_monitor:set_vm_memory_high_watermark(%s)" % (
            "0" if on else '{absolute, "1GB"}'))


class Given(Broker):
    """A node that somebody else started and ends, by what handed_on() said of it."""

    def __init__(self, text):
        given = dict(pair.split("=", 1) for pair in text.split())
        self.port, self.distribution_port = int(given["port"]), int(given["distribution"])
        self.home = given["home"]

    def show_log(self):
        print("# rabbit: its log is of all who share it", flush=True)


_shared = {}


def shared():
    """The node of this process, started at the first call, or the one that
    GANTRY_RABBITMQ names."""
    if "node" not in _shared:
        given = os.environ.get("GANTRY_RABBITMQ")
        if given:
            _shared["node"] = Given(given)
            return _shared["node"]
        node = _shared["node"] = Rabbit("shared")
        # a process that forks off ends by _exit: it leaves the node alone
        atexit.register(node.close)
        node.start()
    return _shared["node"]


class Lodging(Broker):
    """A virtual host, and a user with its name who has all rights there and nowhere
    else, on the node that this process shares with others or on one that the test
    has. What is asked of it is of the virtual host alone."""

    def __init__(self, name, node=None):
        self.node = node or shared()
        self.port, self.distribution_port = self.node.port, self.node.distribution_port
        self.home = self.node.home
        self.vhost = self.user = "%s-%d" % (name, os.getpid())
        self.users = []

    def __enter__(self):
        end_by_signal()
        self.ask('ok = rabbit_vhost:add(%s, <<"test">>), ok', self.vhost)
        self.add_user()
        return self

    def __exit__(self, kind, value, trace):
        if kind not in (None, SystemExit):
            self.node.show_log()
        # its connections end with it
        self.ask('rabbit_vhost:delete(%s, <<"test">>), '
                 '[rabbit_auth_backend_internal:delete_user(U, <<"test">>) || U <- %s], '
                 'ok', self.vhost, self.users)

    def add_user(self, name="", password=PASSWORD, rights=(".*", ".*", ".*")):
        """What he is called there. rights: to configure, to write, to read."""
        self.users.append(self.user + name)
        self.ask("""
            [H, U, P, C, W, R] = %s,
            ok = rabbit_auth_backend_internal:add_user(U, P, <<"test">>),
            ok = rabbit_auth_backend_internal:set_permissions(U, H, C, W, R, <<"test">>),
            ok""", [self.vhost, self.users[-1], password, *rights])
        return self.users[-1]


class Cluster(Broker):
    """Nodes that form one broker, in one house."""

    def __init__(self, n=3, name="rabbit", extra=""):
        self.house = House(name)
        self.nodes = [Rabbit(name, self.house, extra) for _ in range(n)]
        # the first one founds the cluster alone: of several, RabbitMQ 3 may found as
        # many clusters, and 4 waits for a second node
        for node in self.nodes[1:]:
            node.peers = [other.node for other in self.nodes]

    def __enter__(self):
        end_by_signal()
        try:
            for node in self.nodes:
                node.start()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        for node in self.nodes:
            if kind not in (None, SystemExit):
                node.show_log()
            node.close()
        self.house.close()

    @property
    def url(self):
        return self.way(*[n.port for n in self.nodes])

    def ask(self, *question):
        return next(n for n in self.nodes if n.process).ask(*question)

    def client(self, **more):
        """Of the first node that has one to give."""
        for node in self.nodes:
            try:
                return node.client(**more)
            except Exception as error:
                last = error
        raise last


class Client:
    """A connection with one channel, for one thread: pika, made short."""

    def __init__(self, port, vhost="/", user=USER, password=PASSWORD):
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", port, vhost, pika.PlainCredentials(user, password),
            heartbeat=30, blocked_connection_timeout=60, socket_timeout=10))
        self.channel = self.connection.channel()
        self.channel.basic_qos(prefetch_count=500)
        self.waiting = {}       # delivery tag: number
        self.sent = 0
        self.confirms = False

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()

    def close(self):
        try:
            self.connection.close()
        except Exception:
            pass

    def exchange(self, name, kind="topic"):
        self.channel.exchange_declare(name, kind, durable=True)

    def queue(self, name, *bindings, quorum=True, **arguments):
        """Declare a durable queue; bindings: (exchange, key)."""
        if quorum:
            arguments["x-queue-type"] = "quorum"
        self.channel.queue_declare(name, durable=True, arguments=arguments)
        for exchange, key in bindings:
            self.exchange(exchange)
            self.channel.queue_bind(name, exchange, key)

    def looked_at(self, queue):
        """(messages that are ready, consumers) as they are now, which those that
        Broker.queues() gives were a few seconds ago; -1: there is no such queue."""
        try:
            found = self.channel.queue_declare(queue, passive=True).method
            return found.message_count, found.consumer_count
        except pika.exceptions.ChannelClosedByBroker:
            self.channel = self.connection.channel()
            self.confirms, self.waiting = False, {}
            return -1, -1

    def count(self, queue):
        return self.looked_at(queue)[0]

    def consumers(self, queue):
        return self.looked_at(queue)[1]

    def publish(self, exchange, key, body, window=1, on_confirm=None, **properties):
        """body: bytes as they are, anything else as JSON. Returns when no more
        than window - 1 messages wait for their confirm. on_confirm() is called
        when it comes."""
        if not self.confirms:
            # of the channel below: the blocking one waits for each message
            self.channel._impl.confirm_delivery(self.confirmed)
            self.confirms, self.sent = True, 0
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        properties.setdefault("delivery_mode", 2)
        properties.setdefault("content_type", "application/json")
        self.sent += 1
        self.waiting[self.sent] = on_confirm
        self.channel.basic_publish(
            exchange, key, body, pika.BasicProperties(**properties))
        self.settle(window - 1)

    def settle(self, most=0, seconds=60):
        """Wait until no more than that many are unconfirmed."""
        if len(self.waiting) <= most:
            return
        end = time.monotonic() + seconds
        # process_data_events() sleeps on although the confirm is there
        timer = self.connection.call_later(seconds + 0.1, lambda: None)
        self.connection._flush_output(
            lambda: len(self.waiting) <= most or time.monotonic() > end)
        self.connection.remove_timeout(timer)
        assert len(self.waiting) <= most, "no confirm from the broker"

    def confirmed(self, frame):
        method = frame.method
        assert isinstance(method, pika.spec.Basic.Ack), "not taken: %s" % method
        tags = [method.delivery_tag]
        if method.multiple:
            tags = [t for t in self.waiting if t <= method.delivery_tag]
        for tag in tags:
            told = self.waiting.pop(tag, None)
            if told is not None:
                told()

    def get(self, queue, seconds=0):
        """The next message, acknowledged: (method, properties, body) or None."""
        end = time.monotonic() + seconds
        while True:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method is not None:
                return method, properties, body
            if time.monotonic() >= end:
                return None
            time.sleep(0.02)

    def take(self, queue, n, seconds=30):
        """n messages as get() gives them, or as many as come in time."""
        found, end = [], time.monotonic() + seconds
        while len(found) < n:
            got = self.get(queue, max(0, end - time.monotonic()))
            if got is None:
                break
            found.append(got)
        return found


class Consumer(threading.Thread):
    """Takes all that comes into a queue and keeps it, over lost connections:
    .messages is a list of (method, properties, body). A message may be there
    twice if its connection was lost."""

    def __init__(self, rabbit, queue, keep=None, **client):
        super().__init__(daemon=True)
        self.rabbit, self.queue, self.client = rabbit, queue, client
        self.messages = []
        self.keep = keep or (lambda *message: self.messages.append(message))
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.rabbit.client(**self.client) as c:
                    self.consume(c)
            except Exception as error:
                self.error = error
                self.stopping.wait(0.2)

    def consume(self, c):
        for method, properties, body in c.channel.consume(
                self.queue, inactivity_timeout=0.1):
            if method is not None:
                self.keep(method, properties, body)
                c.channel.basic_ack(method.delivery_tag)
            if self.stopping.is_set():
                c.channel.cancel()
                return

    def stop(self):
        self.stopping.set()
        self.join(30)


class Proxy:
    """Stands between Gantry and the broker: cuts connections in the middle of
    a frame, or holds all bytes back. r.url with its port is what to configure."""

    def __init__(self, port):
        self.port_behind = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs = []
        self.there, self.back = threading.Event(), threading.Event()
        self.release()
        self.refusing = False
        self.cuts = 0
        self.heard = 0      # when the broker's last byte went through
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.listener.close()
        self.cut()
        self.release()

    @property
    def url(self):
        return "amqp://127.0.0.1:%d" % self.port

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            try:
                if self.refusing:
                    raise OSError("refused by the test")
                far = socket.create_connection(("127.0.0.1", self.port_behind), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self.lock:
                self.pairs.append((near, far))
            for a, b, gate in ((near, far, self.there), (far, near, self.back)):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.carry, args=(a, b, gate),
                                 daemon=True).start()

    def carry(self, a, b, gate):
        try:
            while True:
                data = a.recv(65536)
                gate.wait()
                if not data:
                    break
                if gate is self.back:
                    self.heard = time.monotonic()
                b.sendall(data)
        except OSError:
            pass
        self.end(a, b)

    def end(self, *sockets):
        with self.lock:
            self.pairs = [p for p in self.pairs if sockets[0] not in p]
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def open(self):
        """The connections that are up."""
        with self.lock:
            return list(self.pairs)

    def cut(self):
        """Drop every connection at once; how many there were."""
        pairs = self.open()
        for near, far in pairs:
            self.end(near, far)
        self.cuts += len(pairs)
        return len(pairs)

    def hold(self, there=True, back=True):
        """No byte passes any more to the broker, back from it, or both ways;
        all connections stay open."""
        if there:
            self.there.clear()
        if back:
            self.back.clear()

    def release(self):
        self.there.set()
        self.back.set()


def make_tls(folder, days=2):
    """A CA and a certificate of 127.0.0.1 and localhost: ca.pem, cert.pem,
    key.pem in folder; it."""
    def run(*arguments):
        done = subprocess.run(("openssl",) + arguments, cwd=folder, timeout=60,
                              capture_output=True, text=True)
        assert done.returncode == 0, done

    with open(os.path.join(folder, "san.cnf"), "w") as f:
        f.write("subjectAltName = IP:127.0.0.1, DNS:localhost\n")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-x509", *new, "-days", str(days), "-subj", "/CN=Test CA",
        "-keyout", "ca.key", "-out", "ca.pem")
    run("req", *new, "-subj", "/CN=localhost", "-keyout", "key.pem",
        "-out", "cert.csr")
    run("x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-CAcreateserial", "-days", str(days), "-extfile", "san.cnf",
        "-out", "cert.pem")
    return folder
