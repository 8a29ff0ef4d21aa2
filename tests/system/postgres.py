# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a test's own: start, stop, kill, freeze, a standby, promote.

It lives in a temporary folder and listens on a free port of 127.0.0.1 and on a
socket in its folder; root starts it as another user. What makes a commit durable
is on, as the server comes. Ends only what it started.

    with Postgres() as p:
        p.create_database()             a conninfo for Gantry; its role owns it
        with p.client(name) as c:       psycopg2: c.rows(sql, ...), c.run(sql, ...)
        p.stop("immediate"); p.start()
        with p.standby() as s:          synchronous
            p.kill(); s.promote()

    shared()    one server for all tests of a process, ended with it

Debian 12 (PostgreSQL 15) and 13 (17).
"""
import atexit
import glob
import itertools
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import tempfile

from frozen import freeze, send, thaw
from gantry import free_port
from rabbit import end_by_signal, wait_for

# python3-psycopg2 is there for Debian's python3, which may not be the one in PATH
if "/usr/lib/python3/dist-packages" not in sys.path:
    sys.path.append("/usr/lib/python3/dist-packages")
try:
    import psycopg2
    import psycopg2.extras
except ImportError:
    psycopg2 = None

ROLE = "gantry"             # what Gantry connects as: owns its database, no more
OWNER = "postgres"          # may all
START_SECONDS = 60
STOP_SECONDS = 60
TOOL_SECONDS = 120
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT,
           "immediate": signal.SIGQUIT}


def version_of(folder):
    return float(folder.split("/")[-2])


def program(name):
    """Of the newest server of this machine; None: there is none."""
    for folder in sorted(glob.glob("/usr/lib/postgresql/*/bin"),
                         key=version_of, reverse=True):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return shutil.which(name)


def missing():
    """Why no server can be had here, or None."""
    if program("initdb") is None or program("postgres") is None:
        return "there is no PostgreSQL server"
    if psycopg2 is None:
        return "there is no python3-psycopg2"
    return None


def other_user():
    """For root, whom the server refuses: its package's user, or nobody."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise AssertionError("no user to run PostgreSQL as")


def children(pid):
    """The processes that it has started and that are not over."""
    found = []
    for name in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(name) as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(name.split("/")[2]))
    return found


def lives(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Postgres:
    """One server. settings: lines for postgresql.conf, by name. make() fills its
    folder; by default with a new cluster."""

    def __init__(self, name="postgres", settings=None, make=None):
        self.folder = tempfile.mkdtemp(prefix=name + "-")
        if len(self.folder) > 80:       # a socket's path has no more than 107
            os.rmdir(self.folder)
            self.folder = tempfile.mkdtemp(prefix=name + "-", dir="/tmp")
        self.user = other_user()
        if self.user:
            os.chown(self.folder, self.user["user"], self.user["group"])
        self.port = free_port()
        self.settings = {
            "listen_addresses": "127.0.0.1", "port": self.port,
            "unix_socket_directories": self.folder, "max_connections": 200,
            "log_line_prefix": "%m [%p] %d %a ", "cluster_name": name}
        self.settings.update(settings or {})
        self.process = None
        self.names = itertools.count(1)
        try:
            (make or self.initialize)()
        except BaseException:
            self.close()
            raise

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

    def environment(self):
        return {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                "HOME": self.folder, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def tool(self, name, *arguments):
        """Run one of the server's own programs to its end; what it printed."""
        done = subprocess.run(
            [program(name), *arguments], env=self.environment(), text=True,
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=TOOL_SECONDS, **self.user)
        assert done.returncode == 0, done
        return done.stdout

    def initialize(self):
        # whether the new files survive a crash of the machine is all the same
        self.tool("initdb", "-D", self.path("data"), "-U", OWNER, "-A", "trust",
                  "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def configure(self):
        with open(self.path("data/test.conf"), "w") as f:
            for name, value in self.settings.items():
                f.write("%s = '%s'\n" % (name, value))
        line = "include 'test.conf'"
        with open(self.path("data/postgresql.conf"), "r+") as f:
            if line not in f.read():
                f.write("\n%s\n" % line)
        os.chmod(self.path("data/test.conf"), 0o644)

    def begin(self):
        """Start without waiting for it."""
        assert self.process is None
        self.configure()
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(
                [program("postgres"), "-D", self.path("data")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment(), cwd=self.folder, start_new_session=True,
                **self.user)

    def start(self):
        self.begin()
        self.wait_until_up()

    def wait_until_up(self):
        wait_for("PostgreSQL is up", START_SECONDS, self.is_up, 0.02)

    def is_up(self):
        code = self.process.poll()
        if code is not None:
            self.show_log()
        assert code is None, "postgres ended with %s" % code
        try:
            self.client().close()
            return True
        except psycopg2.OperationalError:
            return False

    def stop(self, mode="fast"):
        """As pg_ctl stop -m: smart, fast or immediate."""
        if self.process is None:
            return
        started = self.processes()
        # one that is frozen hears nothing
        thaw(*started)
        self.process.send_signal(SIGNALS[mode])
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("PostgreSQL did not stop (%s)" % mode)
        self.process = None
        wait_for("its processes are gone", 10,
                 lambda: not any(map(lives, started)))

    def kill(self):
        """kill -9 of all of it at once, as when the machine's power goes."""
        started = self.processes()
        freeze(*started)                    # or they go on while some are gone
        started = self.processes()
        send(started, signal.SIGKILL)
        self.process.wait()
        self.process = None
        wait_for("its processes are gone", 10,
                 lambda: not any(map(lives, started)))

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def processes(self):
        return [self.process.pid] + children(self.process.pid)

    def freeze(self):
        """Nothing of it runs any more, all connections stay open."""
        freeze(*self.processes())
        freeze(*self.processes())           # those born in between

    def thaw(self):
        thaw(*self.processes())

    def close(self):
        if self.process is not None:
            try:
                self.stop("immediate")
            except AssertionError:
                if self.process is not None:
                    self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def show_log(self):
        try:
            with open(self.path("log"), errors="replace") as f:
                lines = f.read()[-6000:].splitlines()[-40:]
        except OSError:
            return
        for line in lines:
            print("# postgres: " + line, flush=True)

    # --- databases ---

    def conninfo(self, database, user=ROLE, host="127.0.0.1"):
        return "host=%s port=%d dbname=%s user=%s" % (
            host, self.port, database, user)

    def client(self, database="postgres", user=OWNER, **more):
        return Client(self.conninfo(database, user), **more)

    def create_database(self, name=None, options=""):
        """A new one that belongs to the role that Gantry connects as; its
        conninfo. options: of CREATE DATABASE."""
        name = name or "gantry_%d_%d" % (os.getpid(), next(self.names))
        with self.client() as c:
            if not c.rows("select from pg_roles where rolname = %s", ROLE):
                c.run("create role %s login" % ROLE)
            c.run('create database "%s" owner %s template template0 %s'
                  % (name, ROLE, options))
        return self.conninfo(name)

    def drop_database(self, name):
        with self.client() as c:
            c.run('drop database if exists "%s" with (force)' % name)

    # --- faults ---

    def terminate_backends(self, fraction=1.0, database=None):
        """End that part of the connections of clients, by lot; how many."""
        with self.client() as c:
            pids = [r["pid"] for r in c.rows(
                "select pid from pg_stat_activity where pid <> pg_backend_pid() "
                "and backend_type = 'client backend' and datname = "
                "coalesce(%s, datname)", database)]
            wanted = [p for p in pids if random.random() < fraction]
            return sum(r["done"] for r in c.rows(
                "select pg_terminate_backend(pid)::int as done "
                "from unnest(%s::int[]) as pid", wanted))

    def crash_backend(self):
        """kill -9 of one: the server ends all others, repairs its tables and goes
        on, all by itself."""
        with self.client() as c:
            pid = c.rows("select pg_backend_pid() as pid")[0]["pid"]
            os.kill(pid, signal.SIGKILL)
            wait_for("the backend is gone", 10, lambda: not lives(pid), 0.005)
        self.wait_until_up()

    # --- a second one that follows ---

    def standby(self, synchronous=True, name="standby"):
        """A server that follows this one, not started yet: begin it by start()
        or with. Synchronous: from then on this one waits for it."""
        return Standby(self, name, synchronous)

    def wait_for_standby(self, synchronous):
        state = "sync" if synchronous else "async"

        def follows():
            with self.client() as c:
                return c.rows("select from pg_stat_replication where state = "
                              "'streaming' and sync_state = %s", state)
        wait_for("the standby follows (%s)" % state, START_SECONDS, follows)


class Standby(Postgres):
    def __init__(self, primary, name, synchronous):
        self.primary, self.synchronous = primary, synchronous
        super().__init__(name, make=self.copy)

    def copy(self):
        self.tool("pg_basebackup", "-D", self.path("data"), "-R", "-X", "stream",
                  "-c", "fast", "--no-sync", "-d",
                  self.primary.conninfo("", OWNER).replace("dbname= ", "") +
                  " application_name=standby")

    def start(self):
        super().start()
        if self.synchronous:
            with self.primary.client() as c:
                c.run("alter system set synchronous_standby_names = 'standby'")
                c.run("select pg_reload_conf()")
        self.primary.wait_for_standby(self.synchronous)

    def close(self):
        if self.synchronous and self.primary.process is not None:
            # the one that is left must not wait for ever, if it still works
            try:
                with self.primary.client(seconds=2) as c:
                    c.run("alter system reset synchronous_standby_names")
                    c.run("select pg_reload_conf()")
            except psycopg2.OperationalError:
                pass
        super().close()

    def promote(self):
        with self.client() as c:
            # nobody follows this one
            c.run("alter system reset synchronous_standby_names")
            c.run("select pg_promote(true, %d)" % START_SECONDS)
        wait_for("it is no standby any more", START_SECONDS, self.writes)

    def writes(self):
        with self.client() as c:
            return not c.rows("select pg_is_in_recovery() as it")[0]["it"]

    def conninfo_of_both(self, database):
        """Of both servers, the primary first."""
        return "host=127.0.0.1,127.0.0.1 port=%d,%d dbname=%s user=%s" % (
            self.primary.port, self.port, database, ROLE)


class Client:
    """A connection, each statement a transaction of its own unless it says
    begin."""

    def __init__(self, conninfo, schema=None, seconds=10):
        more = {"options": "-c search_path=%s" % schema} if schema else {}
        self.connection = psycopg2.connect(
            conninfo, connect_timeout=seconds, application_name="test", **more)
        self.connection.autocommit = True

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()

    def close(self):
        self.connection.close()

    def run(self, sql, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.rowcount

    def rows(self, sql, *values):
        with self.connection.cursor(
                cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(sql, values or None)
            return [dict(row) for row in cursor.fetchall()]


# --- one for all tests of a process ---

class Given(Postgres):
    """A server that somebody else started and ends: its superuser's conninfo
    without a database."""

    def __init__(self, conninfo):
        self.given = conninfo
        self.process = None
        self.names = itertools.count(1)

    def conninfo(self, database, user=ROLE, host=None):
        return "%s dbname=%s user=%s" % (self.given, database, user)


_shared = {}


def shared():
    """The server of this process, started at the first call, or the one that
    GANTRY_POSTGRES names ("host=127.0.0.1 port=5432")."""
    if "server" not in _shared:
        given = os.environ.get("GANTRY_POSTGRES")
        if given:
            _shared["server"] = Given(given)
            return _shared["server"]
        assert missing() is None, missing()
        end_by_signal()
        server = _shared["server"] = Postgres()
        # a process that forks off ends by _exit: it leaves the server alone
        atexit.register(server.close)
        server.start()
    return _shared["server"]
