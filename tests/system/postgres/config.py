#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What gantry check says about storage: {plugin: postgres, ...}, word for word,
and the ways to the server: a service file, a passfile, a socket, a schema, TLS,
and a role that may no more than the manual says."""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys

import _path    # noqa: F401
import postgres
import tap
from gantry import PROGRAM
from load import gateway
from rabbit import make_tls

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "../../../plugins/postgres/gantry-postgres.7")


def log_of(g):
    with open(g.path("log"), encoding="utf-8") as f:
        return f.read()


def storage(g, options):
    """Writes it as the whole of storage; the line on which it stands."""
    text = g.configuration("").replace(g.store.options,
                                       "{plugin: postgres, %s}" % options)
    g.write("other.yaml", text.encode())
    lines = text.splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.startswith("storage:"))


def check(g, options):
    """The errors that gantry check has, without the place but for the line."""
    line = storage(g, options)
    done = subprocess.run([PROGRAM, "check", "--config", g.path("other.yaml")] +
                          g.folders(), capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 2), done
    begin = "other.yaml:%d:" % line
    errors = []
    for said in done.stderr.splitlines():
        if said.startswith(begin):
            errors.append(said[len(begin):].partition(": ")[2])
    assert bool(errors) == (done.returncode == 2), done
    return errors


def test_passwords(g):
    for name in ("password", "sslpassword"):
        assert check(g, "conninfo: 'host=127.0.0.1 %s=secret'" % name) == [
            "storage: conninfo: must not hold a password (%s): use passfile= or a "
            "service file" % name]
    assert check(g, "conninfo: postgresql://gantry:secret@127.0.0.1/gantry") == [
        "storage.conninfo: a password must not stand in a URL; put it into a file "
        "and name that by an option that ends in _file"]


def test_what_libpq_does_not_know(g):
    assert check(g, "conninfo: 'hots=127.0.0.1'") == [
        'storage: conninfo: invalid connection option "hots"']
    assert check(g, "conninfo: 'host'") == [
        'storage: conninfo: missing "=" after "host" in connection info string']


def test_options(g):
    conninfo = "conninfo: host=a, "
    assert check(g, "schema: gantry") == ["storage.conninfo: missing"]
    assert check(g, conninfo + "lock_timeout: 5s, statement_timeout: 5s") == [
        "storage: lock_timeout: must be below statement_timeout"]
    assert check(g, conninfo + "schema: 'a\"b'") == [
        "storage: schema: must be letters, digits, _ and -"]
    assert check(g, conninfo + "schema: pg_mine") == [
        "storage: schema: names that begin with pg_ are PostgreSQL's own"]
    assert len(check(g, conninfo + "lanes: 17")) == 1
    assert len(check(g, conninfo + "readers: 0")) == 1


def works(g, options, env=None, look=lambda: None):
    """A gateway with these options takes and gives; look() is called meanwhile."""
    storage(g, options)
    os.rename(g.path("other.yaml"), g.path("gantry.yaml"))
    g.launch = {"env": dict(os.environ, **(env or {}))}
    g.start()
    item = g.item(10)
    g.allocate(item, 3)
    assert g.quantities(item) == (10, 3)
    look()
    assert g.stop() == 0
    g.launch = {}


def test_a_socket(g):
    p = g.store.server
    works(g, "conninfo: 'host=%s port=%d dbname=%s user=gantry'" % (
        p.folder, p.port, g.store.name))


def test_a_uri(g):
    works(g, "conninfo: 'postgresql://gantry@127.0.0.1:%d/%s?application_name=shop'"
          % (g.store.server.port, g.store.name))


def test_a_service_and_a_passfile(g):
    """The server asks for a password, and it stands in a file."""
    p = g.store.server
    with p.client() as c:
        c.run("create role guarded login password 'not in any log'")
        c.run('grant all on database "%s" to guarded' % g.store.name)
        c.run("grant gantry to guarded")
    with open(p.path("data/pg_hba.conf"), "r+") as f:
        before = f.read()
        f.seek(0)
        f.write("host all guarded 127.0.0.1/32 scram-sha-256\n" + before)
    with p.client() as c:
        c.run("select pg_reload_conf()")
    g.write("pass", b"127.0.0.1:%d:*:guarded:not in any log\n" % p.port, 0o600)
    g.write("services", ("[shop]\nhost=127.0.0.1\nport=%d\ndbname=%s\nuser=guarded\n"
                         "passfile=%s\n" % (p.port, g.store.name,
                                            g.path("pass"))).encode())
    works(g, "schema: guarded, conninfo: 'host=127.0.0.1 port=%d dbname=%s "
          "user=guarded passfile=%s'" % (p.port, g.store.name, g.path("pass")))
    works(g, "schema: guarded, conninfo: service=shop",
          {"PGSERVICEFILE": g.path("services")})
    with open(g.path("log")) as f:
        assert "not in any log" not in f.read()


def fails(g, options, env=None):
    """What it says when it does not start with these."""
    storage(g, options)
    done = subprocess.run([PROGRAM, "serve", "--config", g.path("other.yaml")] +
                          g.folders(), capture_output=True, text=True, timeout=20,
                          env=dict(os.environ, **(env or {})))
    assert done.returncode == 1, done
    return json.loads(done.stderr)["message"]


def silent():
    """A host that takes connections and never says a word."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(64)
    return s


def service(g, port, more=""):
    """A service file that names two hosts; the environment that names it."""
    g.write("services", ("[two]\nhost=127.0.0.1,127.0.0.1\nport=%s\ndbname=%s\n"
                         "user=gantry\n%s" % (port, g.store.name, more)).encode())
    return {"PGSERVICEFILE": g.path("services")}


def test_a_silent_host_before_the_server(g):
    """Each host has its share of the time, wherever libpq has them from."""
    with silent() as s:
        ports = "%d,%d" % (s.getsockname()[1], g.store.server.port)
        named = "dbname=%s user=gantry" % g.store.name
        works(g, "conninfo: 'host=127.0.0.1,127.0.0.1 port=%s %s'" % (ports, named))
        works(g, "conninfo: service=two", service(g, ports))
        works(g, "conninfo: ''", dict(service(g, ports), PGSERVICE="two"))
        works(g, "conninfo: '%s'" % named,
              {"PGHOST": "127.0.0.1,127.0.0.1", "PGPORT": ports})
        works(g, "conninfo: '%s'" % named,
              {"PGHOSTADDR": "127.0.0.1,127.0.0.1", "PGPORT": ports})


def test_what_a_service_says_stands(g):
    p = g.store.server
    ports = "%d,%d" % (p.port, p.port)

    def look():
        with p.client() as c:
            names = c.rows("select distinct application_name as name from "
                           "pg_stat_activity where usename = 'gantry'")
        assert names == [{"name": "shop"}], names

    works(g, "conninfo: service=two", service(g, ports, "application_name=shop\n"),
          look)
    works(g, "conninfo: service=two", dict(service(g, ports), PGAPPNAME="shop"), look)
    works(g, "conninfo: 'service=two application_name=shop'",
          service(g, ports, "application_name=other\n"), look)
    wanted = "target_session_attrs=standby\n"
    for more, env in ((wanted, {}), ("", {"PGTARGETSESSIONATTRS": "standby"})):
        env.update(service(g, ports, more))
        said = fails(g, "conninfo: service=two", env)
        assert "server is not in hot standby mode" in said, said


def test_a_service_that_is_not_there(g):
    said = fails(g, "conninfo: service=three", service(g, g.store.server.port))
    assert said == ('storage: postgres service three: definition of service "three" '
                    'not found'), said


def test_a_wrong_password(g):
    p = g.store.server
    g.write("pass", b"127.0.0.1:%d:*:guarded:wrong\n" % p.port, 0o600)
    assert fails(g, "conninfo: 'host=127.0.0.1 port=%d dbname=%s user=guarded "
                 "passfile=%s'" % (p.port, g.store.name, g.path("pass"))) == (
        'storage: %s: connection to server at "127.0.0.1", port %d failed: FATAL:  '
        'password authentication failed for user "guarded" password retrieved from '
        'file "%s"' % (g.store.place, p.port, g.path("pass")))


@contextlib.contextmanager
def behind_tls(g):
    """A server with a certificate of 127.0.0.1 that takes nothing but TLS from
    Gantry; the certificates lie in tls/ of g."""
    os.mkdir(g.path("tls"))
    make_tls(g.path("tls"))
    p = postgres.Postgres("tls", {"ssl": "on", "ssl_cert_file": "../cert.pem",
                                  "ssl_key_file": "../key.pem"})
    for name in ("cert.pem", "key.pem"):
        shutil.copy(g.path("tls/" + name), p.path(name))
        os.chmod(p.path(name), 0o600)
        if p.user:
            os.chown(p.path(name), p.user["user"], p.user["group"])
    with open(p.path("data/pg_hba.conf"), "r+") as f:
        before = f.read()
        f.seek(0)
        f.write("hostnossl all gantry 127.0.0.1/32 reject\n" + before)
    with p:
        yield p


def test_tls(g):
    """The server is asked for its certificate, and every connection is secret."""
    with behind_tls(g) as p:
        conninfo = p.create_database("shop") + " sslmode=verify-full sslrootcert="

        def look():
            with p.client() as c:
                ways = c.rows("select ssl, version from pg_stat_ssl join "
                              "pg_stat_activity using (pid) where usename = 'gantry'")
            assert len(ways) >= 2, ways
            assert all(w["ssl"] and w["version"] >= "TLSv1.2" for w in ways), ways

        works(g, "conninfo: '%s'" % (conninfo + g.path("tls/ca.pem")), look=look)
        os.mkdir(g.path("tls/other"))
        make_tls(g.path("tls/other"))
        begin = ('storage: postgres 127.0.0.1:%d/shop: connection to server at '
                 '"127.0.0.1", port %d failed: ' % (p.port, p.port))
        said = fails(g, "conninfo: '%s'" % (conninfo + g.path("tls/other/ca.pem")))
        assert said == begin + "SSL error: certificate verify failed", said
        said = fails(g, "conninfo: '%s'" % (conninfo + g.path("tls/none.pem")))
        assert said.startswith(begin + 'root certificate file "%s" does not exist'
                               % g.path("tls/none.pem")), said
        named = conninfo.replace("host=127.0.0.1", "host=db.example hostaddr=127.0.0.1")
        said = fails(g, "conninfo: '%s'" % (named + g.path("tls/ca.pem")))
        assert 'does not match host name "db.example"' in said, said


def privileges():
    """The commands of the manual page, as they stand there."""
    with open(MANUAL) as f:
        section = f.read().partition("\n.Sh PRIVILEGES\n")[2].partition("\n.Sh ")[0]
    return section.partition("\n.Bd -literal\n")[2].partition("\n.Ed\n")[0]


def test_the_least_privileges(g):
    """The owner makes the tables, and the gateway works and owns nothing."""
    with postgres.Postgres("least") as p:
        with p.client() as c:
            c.run("create database shop template template0")
        with p.client("shop") as c:
            c.run(privileges())
        storage(g, "conninfo: '%s'" % p.conninfo("shop", "gantry_owner"))
        done = subprocess.run([PROGRAM, "storage", "migrate", "--config",
                               g.path("other.yaml")] + g.folders(),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done
        works(g, "conninfo: '%s'" % p.conninfo("shop", "gantry"))
        with p.client("shop") as c:
            owners = c.rows("select pg_get_userbyid(relowner) as name, count(*) as n "
                            "from pg_class where relnamespace = 'gantry'::regnamespace "
                            "group by 1")
            lacking = c.rows(
                "select relname, p from pg_class, unnest(array['select', 'insert', "
                "'update', 'delete']) p where relnamespace = 'gantry'::regnamespace "
                "and relkind = 'r' and not has_table_privilege('gantry', pg_class.oid, p)")
            others = c.rows("select from pg_shdepend join pg_authid on oid = refobjid "
                            "where rolname = 'gantry' and deptype = 'o'")
        assert not lacking, lacking
        assert [o["name"] for o in owners] == ["gantry_owner"] and not others, owners


def test_a_server_that_does_not_wait_for_its_disk(g):
    """The log says so, once, however many connections there are."""
    with postgres.Postgres("forgets", {"fsync": "off"}) as p:
        works(g, "conninfo: '%s', lanes: 4" % p.conninfo(p.create_database("shop")))
        said = log_of(g).count("the server has fsync off")
        assert said == 1, log_of(g)
        with p.client() as c:
            c.run("alter system set fsync = on")
            c.run("select pg_reload_conf()")
        works(g, "conninfo: '%s'" % p.conninfo("shop"))
        assert log_of(g).count("the server has fsync off") == said


def main():
    tap.skip_all(postgres.missing())
    # not started: each test does, with what it says
    with postgres.Postgres() as p:
        g = gateway(p, "config")
        try:
            failed = tap.run_all(g)
        finally:
            g.__exit__(None, None, None)
    sys.exit(failed)


if __name__ == "__main__":
    main()
