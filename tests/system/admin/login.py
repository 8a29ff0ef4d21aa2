#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who comes in at the admin listener: links and sessions, names and pages of
others; health on the API's listener; the level of the log."""
import http.client
import json
import re
import ssl
import subprocess
import threading
import time

import _path
import tap
from gantry import Gantry, PROGRAM, Client
from letters import Reply, created, local, put

API = "/admin/api"
FILES = ["/admin/", "/admin/index.html", "/admin/style.css", "/admin/main.js",
         "/admin/theme.js", "/admin/api.js", "/admin/icon.svg"]
PATHS = [("GET", "/overview"), ("GET", "/routes"), ("GET", "/plugins"),
         ("GET", "/outbox"), ("GET", "/dead-letters"), ("GET", "/dead-letters/causes"),
         ("GET", "/dead-letters/17"), ("POST", "/dead-letters/17/retry"),
         ("POST", "/dead-letters/17/edit"), ("POST", "/dead-letters/17/discard"),
         ("GET", "/audit"), ("GET", "/breakers"), ("POST", "/breakers/x/open"),
         ("POST", "/breakers/x/close"), ("POST", "/breakers/x/reset"),
         ("POST", "/reload"), ("GET", "/log-level"), ("POST", "/log-level"), ("GET", "/session"),
         ("DELETE", "/session"),
         ("POST", "/actions/reconcile.plan"), ("POST", "/actions/reconcile.apply"),
         ("POST", "/actions/reconcile.runs"), ("GET", "/reconcile/plan"),
         ("GET", "/reconcile/runs")]
RIGHTS = ("view", "retry", "edit", "discard", "breakers", "log", "reload")
# Of those paths that do more than to show.
NEEDS = {("POST", "/dead-letters/17/retry"): "retry", ("POST", "/dead-letters/17/edit"): "edit",
         ("POST", "/dead-letters/17/discard"): "discard",
         ("POST", "/breakers/x/open"): "breakers", ("POST", "/breakers/x/close"): "breakers",
         ("POST", "/breakers/x/reset"): "breakers", ("POST", "/log-level"): "log",
         ("POST", "/reload"): "reload", ("POST", "/actions/reconcile.apply"): "edit"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'; require-trusted-types-for 'script'")
ENDED = ("The session has ended, or the gateway was started again: gantry admin login "
         "makes a new one")
USED = ("This link was used, is older than a minute, or from before the last start: "
        "gantry admin login makes a new one")
OTHERS = "This request comes from another page"


def gantry(g, *words):
    return subprocess.run([PROGRAM, "admin", *words, "--config", g.path("gantry.yaml")] +
                          g.folders()[:2], capture_output=True, text=True, timeout=30)


def ask(g, method, path, body=None, **headers):
    """As a browser would; a header that is None is left out."""
    base = "127.0.0.1:%d" % g.admin_port
    sent = {"Host": base, "Origin": "http://" + base, "Sec-Fetch-Site": "same-origin",
            "X-Gantry-Admin": "page"}
    if body is not None:
        sent["Content-Type"] = "application/json"
    sent.update({k.replace("_", "-"): v for k, v in headers.items()})
    there = http.client.HTTPConnection("127.0.0.1", g.admin_port, timeout=30)
    try:
        there.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                there.putheader(name, value)
        content = json.dumps(body).encode() if body is not None else b""
        if content or method == "POST":
            there.putheader("Content-Length", str(len(content)))
        there.endheaders(content)
        got = Reply(there.getresponse())
    finally:
        there.close()
    return got.keeps_contract(g, method, path, content)


def ticket(g, *roles):
    more = [word for role in roles for word in ("--role", role)]
    done = gantry(g, "login", *more)
    assert done.returncode == 0, done
    found = re.fullmatch(r"http://127\.0\.0\.1:%d/admin/#login=([0-9a-f]{64})\n"
                         % g.admin_port, done.stdout)
    assert found, done.stdout
    assert done.stderr == "Open it within 60 s; it works once, and whoever has it may " \
        "come in.\n", done.stderr
    return found.group(1)


def session(g, *roles):
    """The cookie, as it is sent back."""
    got = ask(g, "POST", API + "/session", {"ticket": ticket(g, *roles)})
    assert got.status == 200, got
    return got.headers["Set-Cookie"].split(";")[0]


def is_error(got, status, code, message):
    assert got.status == status, got
    assert (got.error["code"], got.error["message"]) == (code, message), got


def is_guarded(got):
    for name, value in (("Content-Security-Policy", POLICY), ("X-Frame-Options", "DENY"),
                        ("X-Content-Type-Options", "nosniff"),
                        ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"),
                        ("Cross-Origin-Opener-Policy", "same-origin"),
                        ("Cross-Origin-Resource-Policy", "same-origin")):
        assert got.headers.get(name) == value, (name, got.headers)
    assert "Access-Control-Allow-Origin" not in got.headers, got.headers


def document(g):
    """Of the daemon's own configuration."""
    made = subprocess.run([PROGRAM, "spec", "openapi", "--admin", "--json", "--config",
                           g.path("gantry.yaml")] + g.folders(), capture_output=True,
                          timeout=30)
    assert made.returncode == 0, made
    return json.loads(made.stdout)


def wait_for(what):
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.05)


def test_the_table_is_whole(g):
    """Each path of the program's table and of its routes is in the one of this test."""
    with open(_path.__file__.rsplit("/tests/", 1)[0] + "/gateway/admin/paths.c") as f:
        rows = re.findall(r'"(GET|POST|DELETE)", (?:API )?"(/[^"]*)"', f.read())
    rows = {(m, p.replace("{ref}", "17").replace("{name}", "x")) for m, p in rows}
    described = {(method.upper(), path[len(API):].replace("{ref}", "17").replace("{name}", "x"))
                 for path, item in document(g)["paths"].items()
                 for method in item if path.startswith(API)}
    assert rows <= described, rows - described
    assert described - {("POST", "/login"), ("POST", "/session")} == set(PATHS), described


def needed(g):
    """What the document says that each path needs, by the last word of a role."""
    for path, item in document(g)["paths"].items():
        for method, operation in item.items():
            roles = {role for one in operation.get("security", []) for names in one.values()
                     for role in names}
            if path.startswith(API) and roles:
                right, = (role.split(":")[1] for role in roles if ":" in role)
                yield (method.upper(), path[len(API):].replace("{ref}", "17")
                       .replace("{name}", "x")), right


def test_each_path_has_its_right(g):
    """Each of the others is refused, by token and by session, and so are those of no
    right; what the document says of a path is what the program does."""
    tokens = {right: g.token("gantry-admin:" + right) for right in RIGHTS}
    strangers = [g.token(role) for role in (
        "order-service", "inventory-admin", "event-publisher", "admin",
        "gantry-administrator", "gantry-admin:", "gantry-admin:views")] + [g.token([])]
    cookies = {right: session(g, "gantry-admin:" + right) for right in RIGHTS}
    rights = dict(needed(g))
    assert rights == {path: NEEDS.get(path, "view") for path in PATHS}, rights
    assert set(rights.values()) == set(RIGHTS), rights
    # what ends the session comes last
    for (method, path), right in sorted(rights.items(), key=lambda row: row[0][0] == "DELETE"):
        body = {} if method == "POST" else None
        for token in strangers + [tokens[other] for other in RIGHTS if other != right]:
            is_error(ask(g, method, API + path, body, Authorization="Bearer " + token), 403,
                     "FORBIDDEN", "The token has no role that may do this")
        for other in RIGHTS:
            got = ask(g, method, API + path, body, Cookie=cookies[other])
            if other == right:
                assert got.status not in (401, 403), (method, path, got)
            else:
                is_error(got, 403, "FORBIDDEN", "The session has no role that may do this")
        got = ask(g, method, API + path, body, Authorization="Bearer " + tokens[right])
        assert got.status not in (401, 403), (method, path, got)


def test_nothing_without_a_session_or_token(g):
    for method, path in PATHS + [("GET", "/nothing"), ("POST", "/nothing")]:
        for more in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"}):
            got = ask(g, method, API + path, {} if method == "POST" else None, **more)
            is_error(got, 401, "UNAUTHENTICATED", "A valid token is needed")
            is_guarded(got)
        got = ask(g, method, API + path, {} if method == "POST" else None,
                  Cookie="gantry-session-%d=%s" % (g.admin_port, "0" * 64))
        is_error(got, 401, "UNAUTHENTICATED", ENDED)
    got = ask(g, "POST", API + "/login", {})
    is_error(got, 403, "FORBIDDEN", "This goes over the admin socket only: gantry admin login")
    token = g.token("gantry-admin")
    got = ask(g, "POST", API + "/login", {}, Authorization="Bearer " + token)
    assert got.status == 403, got
    for path in ("/admin/nothing.js", "/admin/../admin/api/audit", "/admin/paths.c", "/",
                 "/admin/page/index.html", "/admin/api", "/admin/api/"):
        assert ask(g, "GET", path).status in (400, 401, 404), path


def test_what_is_open(g):
    for path in FILES + ["/livez", "/readyz", "/metrics"]:
        got = ask(g, "GET", path)
        assert got.status == 200, (path, got)
        if path in FILES:
            is_guarded(got)
    assert ask(g, "GET", "/admin/").headers["Content-Type"] == "text/html; charset=utf-8"
    assert ask(g, "GET", "/admin/main.js").headers["Content-Type"] == \
        "text/javascript; charset=utf-8"
    page = ask(g, "GET", "/admin/").body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=|https?://", page), page
    got = ask(g, "GET", "/admin")
    assert (got.status, got.headers["Location"]) == (308, "/admin/"), got
    for path in FILES + ["/admin"]:
        got = ask(g, "POST", path, {})
        is_error(got, 405, "METHOD_NOT_ALLOWED", "This path has no such method")
        assert got.headers["Allow"] == "GET, HEAD", got.headers


def test_a_link_works_once(g):
    one = ticket(g)
    got = ask(g, "POST", API + "/session", {"ticket": one})
    assert got.json == {"success": True, "data": {"outcome": "begun"}}, got
    is_guarded(got)
    name, rest = got.headers["Set-Cookie"].split("=", 1)
    assert name == "gantry-session-%d" % g.admin_port
    assert re.fullmatch(r"[0-9a-f]{64}; Path=/admin; Max-Age=28800; HttpOnly; "
                        r"SameSite=Strict", rest), rest
    assert one not in rest
    for _ in range(2):
        got = ask(g, "POST", API + "/session", {"ticket": one})
        is_error(got, 401, "UNAUTHENTICATED", USED)
        assert got.headers["WWW-Authenticate"] == "Bearer", got.headers
        assert "Set-Cookie" not in got.headers
    for bad in ("", "0" * 64, one.upper(), one[:-1], one + "0"):
        is_error(ask(g, "POST", API + "/session", {"ticket": bad}), 401, "UNAUTHENTICATED",
                 USED)
    for bad in ({}, [], {"ticket": 1}, None):
        is_error(ask(g, "POST", API + "/session", bad), 400, "VALIDATION_ERROR",
                 "ticket: must be what gantry admin login has printed behind login=")


def test_what_a_session_is(g):
    cookie = session(g)
    got = ask(g, "GET", API + "/session", Cookie=cookie)
    left = got.data.pop("endsInMs")
    assert 8 * 3600000 - 60000 < left <= 8 * 3600000, left
    assert got.data.pop("actor").startswith("uid "), got
    assert got.data.pop("version") and got.data.pop("replica")
    assert got.data == {"roles": ["gantry-admin"], "service": "inventory-service"}, got
    for method, path in PATHS[:7] + [("GET", "/audit")]:
        got = ask(g, method, API + path, Cookie=cookie)
        assert got.status in (200, 404), (path, got)
        is_guarded(got)
    got = ask(g, "POST", API + "/dead-letters/17/retry", {}, Cookie=cookie)
    is_error(got, 404, "DEAD_LETTER_NOT_FOUND", "There is no dead letter 17")
    got = ask(g, "GET", API + "/audit", Cookie="a=b; %s; c=d" % cookie)
    assert got.status == 200, got


def test_another_port_has_other_cookies(g):
    """Ports of a host share their cookies; the name keeps them apart."""
    value = session(g).split("=")[1]
    for name in ("gantry-session", "gantry-session-1", "xgantry-session-%d" % g.admin_port):
        got = ask(g, "GET", API + "/audit", Cookie="%s=%s" % (name, value))
        is_error(got, 401, "UNAUTHENTICATED", "A valid token is needed")


def test_a_session_ends(g):
    cookie, other = session(g), session(g)
    got = ask(g, "DELETE", API + "/session", Cookie=cookie)
    assert got.json == {"success": True, "data": {"outcome": "ended"}}, got
    assert got.headers["Set-Cookie"] == "gantry-session-%d=; Path=/admin; Max-Age=0; " \
        "HttpOnly; SameSite=Strict" % g.admin_port, got.headers
    is_error(ask(g, "GET", API + "/audit", Cookie=cookie), 401, "UNAUTHENTICATED", ENDED)
    assert ask(g, "GET", API + "/audit", Cookie=other).status == 200
    token = g.token("gantry-admin")
    is_error(ask(g, "DELETE", API + "/session", Authorization="Bearer " + token), 400,
             "VALIDATION_ERROR", "There is no session to end")


def test_a_restart_ends_all(g):
    cookie, one = session(g), ticket(g)
    assert g.stop() == 0
    g.start()
    is_error(ask(g, "GET", API + "/audit", Cookie=cookie), 401, "UNAUTHENTICATED", ENDED)
    is_error(ask(g, "POST", API + "/session", {"ticket": one}), 401, "UNAUTHENTICATED", USED)


def test_links_are_few(g):
    """The oldest of many gives way, and so does the oldest session."""
    first = ticket(g)
    for _ in range(16):
        local(g, "POST", "/login")
    is_error(ask(g, "POST", API + "/session", {"ticket": first}), 401, "UNAUTHENTICATED", USED)
    oldest = session(g)
    for _ in range(64):
        one = local(g, "POST", "/login").data["ticket"]
        assert ask(g, "POST", API + "/session", {"ticket": one}).status == 200
    is_error(ask(g, "GET", API + "/audit", Cookie=oldest), 401, "UNAUTHENTICATED", ENDED)


def test_one_right_alone(g):
    view = session(g, "gantry-admin:view")
    assert ask(g, "GET", API + "/session", Cookie=view).data["roles"] == ["gantry-admin:view"]
    needs = {"retry": ("POST", "/dead-letters/17/retry"), "edit": ("POST", "/dead-letters/17/edit"),
             "discard": ("POST", "/dead-letters/17/discard"),
             "breakers": ("POST", "/breakers/x/reset"), "log": ("POST", "/log-level")}
    for right, (method, path) in needs.items():
        got = ask(g, method, API + path, {"level": "info"}, Cookie=view)
        is_error(got, 403, "FORBIDDEN", "The session has no role that may do this")
        own = session(g, "gantry-admin:" + right)
        got = ask(g, method, API + path, {"level": "info"}, Cookie=own)
        assert got.status not in (401, 403), got
        got = ask(g, "GET", API + "/audit", Cookie=own)
        assert got.status == 403, got
        token = g.token("gantry-admin:" + right)
        got = ask(g, method, API + path, {"level": "info"}, Authorization="Bearer " + token)
        assert got.status not in (401, 403), got
    wait_for(lambda: {"object": "gantry-admin:view", "result": "link made"} in g.rows(
        "select object, result from audit where action = 'login' and actor like 'uid %'"))
    gantry(g, "login", "--role", "gantry-admin:retry", "--role", "gantry-admin:view")
    wait_for(lambda: g.rows("select ref from audit where action = 'login' and object = "
                            "'gantry-admin:view, gantry-admin:retry'"))
    done = gantry(g, "login", "--role", "order-service")
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr == "gantry: roles: must be some of the roles of the admin API\n" \
        "gantry: roles: no role of the admin API: order-service\n", done.stderr


def test_pages_of_others(g):
    """A cookie comes along whoever asks: what changes something must be our own."""
    cookie, one = session(g), ticket(g)
    base = "127.0.0.1:%d" % g.admin_port
    forged = [{"Origin": None}, {"Origin": "null"}, {"Origin": "http://evil.test"},
              {"Origin": "http://%s.evil.test" % base}, {"Origin": "http://127.0.0.1:1"},
              {"Origin": "http://localhost:%d" % g.admin_port}, {"Origin": "ftp://" + base},
              {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
              {"Sec-Fetch-Site": "none"}, {"X-Gantry-Admin": None}]
    for more in forged:
        for method, path in PATHS:
            if method != "GET":
                got = ask(g, method, API + path, {} if method == "POST" else None,
                          Cookie=cookie, **more)
                is_error(got, 403, "FORBIDDEN", OTHERS)
        is_error(ask(g, "POST", API + "/session", {"ticket": one}, **more), 403, "FORBIDDEN",
                 OTHERS)
    for site in ("cross-site", "same-site"):
        got = ask(g, "GET", API + "/audit", Cookie=cookie, Sec_Fetch_Site=site)
        is_error(got, 403, "FORBIDDEN", OTHERS)
    assert ask(g, "GET", API + "/audit", Cookie=cookie, Origin=None,
               Sec_Fetch_Site="none").status == 200
    for method in ("OPTIONS", "PUT"):
        got = ask(g, method, API + "/audit", Origin="http://evil.test")
        assert got.status in (401, 403, 405), got
        assert "Access-Control-Allow-Origin" not in got.headers, got.headers
    assert ask(g, "POST", API + "/session", {"ticket": one}).status == 200


def test_names_of_others(g):
    cookie = session(g)
    text = "This host is not known by that name: use http://127.0.0.1:%d/admin/, or add " \
        "the name to admin.hosts" % g.admin_port
    for host in ("evil.test", "evil.test:%d" % g.admin_port, "127.0.0.1.evil.test",
                 "localhost.evil.test", "192.0.2.1", "[::2]:80", "127.0.0.2",
                 "gantry.example.evil.test"):
        for method, path in [("GET", p) for p in FILES] + \
                [(m, API + p) for m, p in PATHS] + [("POST", API + "/session")]:
            got = ask(g, method, path, {} if method == "POST" else None, Host=host,
                      Origin="http://" + host, Cookie=cookie)
            is_error(got, 403, "FORBIDDEN", text)
            is_guarded(got)
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9080", "gantry.example",
                 "Gantry.Example:443"):
        assert ask(g, "GET", "/admin/", Host=host).status == 200, host
    for host in ("localhost:x", "[::1", "localhost:123456", ":1"):
        assert ask(g, "GET", "/admin/", Host=host).status in (400, 403), host


def test_behind_a_proxy_that_ends_tls(g):
    one = ticket(g)
    got = ask(g, "POST", API + "/session", {"ticket": one}, Host="gantry.example",
              Origin="https://gantry.example")
    assert got.status == 200, got
    assert got.headers["Set-Cookie"].startswith("gantry-session="), got.headers
    assert got.headers["Set-Cookie"].endswith("; SameSite=Strict; Secure"), got.headers


def test_over_tls(g):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                           "-keyout", g.path("tls.key"), "-out", g.path("tls.crt"), "-days",
                           "2", "-subj", "/CN=localhost"], capture_output=True, timeout=60)
    assert made.returncode == 0, made.stderr
    with Gantry("", "tls-admin") as other:
        assert other.stop() == 0
        text = open(other.path("gantry.yaml")).read()
        text = text.replace("admin: {", "admin: {cert_file: %s, key_file: %s, " %
                            (g.path("tls.crt"), g.path("tls.key")))
        other.write("gantry.yaml", text.encode())
        other.start()
        done = gantry(other, "login")
        assert done.stdout.startswith("https://127.0.0.1:%d/admin/#login="
                                      % other.admin_port), done
        there = http.client.HTTPSConnection(
            "127.0.0.1", other.admin_port, timeout=30,
            context=ssl._create_unverified_context())
        for scheme, status in (("http", 403), ("https", 200)):
            there.request("POST", API + "/session",
                          json.dumps({"ticket": done.stdout.strip().split("=")[1]}),
                          {"Content-Type": "application/json", "X-Gantry-Admin": "page",
                           "Origin": "%s://127.0.0.1:%d" % (scheme, other.admin_port)})
            got = Reply(there.getresponse())
            assert got.status == status, got
        assert got.headers["Set-Cookie"].endswith("; SameSite=Strict; Secure"), got.headers
        there.close()


def test_nothing_secret_is_told(g):
    one = ticket(g)
    cookie = ask(g, "POST", API + "/session", {"ticket": one}).headers["Set-Cookie"]
    with open(g.path("log")) as f:
        log = f.read()
    assert "admin: a login link for uid" in log
    assert one not in log and cookie.split("=")[1][:64] not in log
    token = g.token("gantry-admin")
    got = ask(g, "GET", API + "/plugins", Authorization="Bearer " + token)
    options = {o["name"]: o for i in got.data if i["instance"] == "services"
               for o in i["options"]}
    assert options["key_file"]["secret"] is True, options
    assert options["key_file"]["value"] is None, options
    assert options["issuer"] == {"name": "issuer", "type": "text", "value": "shop",
                                 "default": None, "secret": False,
                                 "summary": options["issuer"]["summary"]}, options
    assert "jwt.key" not in got.body.decode() and g.key.decode() not in got.body.decode()


def test_what_runs_here(g):
    got = local(g, "GET", "/routes")
    route = next(r for r in got.data["routes"] if r["address"] == "POST /allocations")
    place = route.pop("place")
    assert place.startswith("inventory.yaml:"), place
    assert route.pop("steps")[0]["handler"] == "create", route
    assert route == {"source": "http", "address": "POST /allocations", "auth": ["services"],
                     "roles": ["order-service"]}, route
    assert got.data["storage"] in ("sqlite", "postgres"), got
    item = g.item(5)
    made = g.allocate(item, 1)
    wait_for(lambda: local(g, "GET", "/outbox").data["rows"] >= 1)
    got = local(g, "GET", "/outbox?limit=1000")
    assert got.data["events"][-1]["aggregateId"] == made["id"], got
    assert "body" not in got.data["events"][-1]
    assert got.data["rows"] == len(got.data["events"]), got
    first = local(g, "GET", "/outbox?limit=1")
    assert len(first.data["events"]) == 1 and "next" in first.json, first
    rest = local(g, "GET", "/outbox?limit=1000&after=" + first.json["next"])
    assert rest.data["events"] == got.data["events"][1:], rest
    got = local(g, "GET", "/overview").data
    assert got["status"] == "pass" and got["checks"]["storage"] == \
        {"status": "pass", "lanesStuck": 0}, got
    assert got["outbox"]["rows"] >= 1 and got["service"] == "inventory-service", got


def test_an_edit_is_only_checked(g):
    body = created(g)
    ref, = put(g, {"event": body})
    path = "/dead-letters/%d/edit?check=true" % ref
    assert local(g, "POST", path, body).data == {"outcome": "valid"}
    is_error(local(g, "POST", path, dict(body, payload=1)), 400, "VALIDATION_ERROR",
             "The event is not valid")
    is_error(local(g, "POST", path, []), 400, "VALIDATION_ERROR",
             "The event must be a JSON object")
    assert local(g, "GET", "/dead-letters/%d" % ref).data["state"] == "open"
    assert local(g, "POST", "/dead-letters/%d/discard" % ref, {"reason": "x"}).status == 200


def test_health(g):
    """For anyone the status, for who may look what it rests on."""
    path = "/health/integration/order-service"
    anyone = Client(g.port)
    g.allocate(g.item(5), 1)
    wait_for(lambda: local(g, "GET", "/overview").data["outbox"]["rows"] >= 1)
    for token in (None, g.token("order-service"), g.token("gantry-admin:retry"), "x.y.z"):
        got = anyone.get(path, token=token)
        assert (got.status, got.json) == (200, {"status": "pass"}), got
    for role in ("gantry-admin", "gantry-admin:view"):
        got = anyone.get(path, token=g.token(role))
        assert got.status == 200 and got.json["status"] == "pass", got
        checks = got.json["checks"]
        outbox = checks.pop("outbox")
        assert outbox.pop("ageSeconds") >= 0 and outbox.pop("events") >= 1, outbox
        assert outbox == {"status": "pass"}
        assert checks == {
            "storage": {"status": "pass", "lanesStuck": 0},
            "broker": {"status": "pass", "configured": False},
            "breaker": {"status": "pass", "calls-to-orders": "closed"},
            "consumer": {"status": "pass", "configured": False},
            "isolation": {"status": "pass"}}, got
    got = anyone.post(path, {})
    assert (got.status, got.code, got.header("Allow")) == \
        (405, "METHOD_NOT_ALLOWED", "GET, HEAD"), got
    assert local(g, "POST", "/breakers/calls-to-orders/open").status == 200
    assert (anyone.get(path).status, anyone.get(path).json) == (200, {"status": "warn"})
    got = anyone.get(path, token=g.token("gantry-admin"))
    assert got.json["checks"]["breaker"] == {"status": "warn", "calls-to-orders": "open"}
    assert local(g, "POST", "/breakers/calls-to-orders/reset").status == 200
    assert anyone.get(path).json == {"status": "pass"}
    anyone.close()


def test_health_without_a_broker_and_without_storage(g):
    path = "/health/integration/order-service"
    with Gantry('amqp: {url: "amqp://127.0.0.1:1/"}\n', "health") as other:
        assert other.stop() == 0
        text = open(other.path("gantry.yaml")).read()
        text = re.sub(r"(?m)^(storage: .*)}$", r"\1, %s}" % other.store.impatient, text)
        other.write("gantry.yaml", text.encode())
        other.start()
        token = other.token("gantry-admin:view")
        anyone = Client(other.port)
        got = anyone.get(path, token=token)
        assert (got.status, got.json["status"]) == (200, "warn"), got
        assert got.json["checks"]["broker"] == {
            "status": "warn", "configured": True, "connected": False, "blocked": False,
            "held": 0}, got
        assert got.json["checks"]["consumer"] == {
            "status": "warn", "configured": True, "connected": False, "paused": False,
            "held": 0}, got
        item, over = other.item(10), threading.Event()
        away = threading.Thread(target=other.store.outage, args=(over, 60))
        away.start()
        # a request in a commit when it goes away is answered when it is back
        time.sleep(0.5)
        try:
            wait_for(lambda: other.orders.post(
                "/allocations", other.request(item)).status == 503)
            got = anyone.get(path)
            assert (got.status, got.json) == (503, {"status": "fail"}), got
            got = anyone.get(path, token=token)
            assert got.status == 503 and got.json["checks"]["storage"]["status"] == "fail", got
            cookie = session(other)
            for there in ("/overview", "/breakers", "/routes", "/plugins"):
                assert ask(other, "GET", API + there, Cookie=cookie).status == 200, there
        finally:
            over.set()
            away.join()
        wait_for(lambda: anyone.get(path).json == {"status": "warn"})
        anyone.close()


def log_of(g):
    with open(g.path("log")) as f:
        return [json.loads(line) for line in f if line.startswith("{")]


def test_the_level_of_the_log(g):
    assert gantry(g, "log-level").stdout == "info\n"
    done = gantry(g, "log-level", "error")
    assert (done.returncode, done.stdout) == (0, "error\n"), done
    n = len(log_of(g))
    local(g, "POST", "/breakers/calls-to-orders/reset")
    assert len(log_of(g)) == n
    done = gantry(g, "log-level", "debug", "--json")
    assert json.loads(done.stdout) == {"level": "debug", "sample": 100}, done
    local(g, "POST", "/breakers/calls-to-orders/reset")
    lines = log_of(g)
    assert all("correlationId" in line for line in lines[n:]), lines[n:]
    assert len(lines) > n + 1 and lines[n]["level"] == "warning", lines[n:]
    assert re.fullmatch(r"log level: debug by uid \d+", lines[n]["message"]), lines[n]
    wait_for(lambda: ["debug", "error"] == sorted({row["result"] for row in g.rows(
        "select result from audit where action = 'log-level' and actor like 'uid %'")}
        & {"debug", "error"}))
    assert re.fullmatch(r"log level: error by uid \d+", lines[n - 1]["message"])
    done = gantry(g, "log-level", "loud")
    assert (done.returncode, done.stderr) == \
        (1, "gantry: level: must be debug, info, warning or error\n"), done
    token = g.token("gantry-admin:log", sub="carol")
    got = ask(g, "POST", API + "/log-level", {"level": "info"}, Authorization="Bearer " + token)
    assert got.json == {"success": True, "data": {"level": "info", "sample": 100}}, got
    assert log_of(g)[-1]["message"] == "log level: info by carol"
    for bad in (None, {}, {"level": 1}, []):
        got = local(g, "POST", "/log-level", bad)
        is_error(got, 400, "VALIDATION_ERROR",
                 "level: must be debug, info, warning or error")


def test_the_sample_of_the_log(g):
    """Of how many messages lines below warning are written, and nothing else of it."""
    def lines(n=20):
        before = len(log_of(g))
        for _ in range(n):
            assert local(g, "POST", "/breakers/calls-to-orders/reset").status == 200
        return len(log_of(g)) - before

    assert lines() == 20
    done = gantry(g, "log-level", "--sample", "0")
    assert (done.returncode, done.stdout) == \
        (0, "info, below warning of 0 % of the messages\n"), done
    assert re.fullmatch(r"log level: info, sample 0 % by uid \d+", log_of(g)[-1]["message"])
    assert lines() == 0
    assert gantry(g, "log-level", "warning", "--sample", "50").returncode == 0
    assert lines() == 0
    assert gantry(g, "log-level", "info").stdout == \
        "info, below warning of 50 % of the messages\n"
    assert 0 < lines(100) < 100
    assert local(g, "POST", "/log-level", {"sample": 100}).data == \
        {"level": "info", "sample": 100}
    assert lines() == 20
    wait_for(lambda: {"info, sample 0 %", "info, sample 100 %"} <= {r["result"] for r in g.rows(
        "select result from audit where action = 'log-level'")})
    for bad in (-1, 101, "x", 1.5, None):
        is_error(local(g, "POST", "/log-level", {"sample": bad}), 400, "VALIDATION_ERROR",
                 "sample: must be 0 to 100")


def test_the_traffic(g):
    """What the charts of the page show, while requests come."""
    item, over = g.item(1000000), threading.Event()

    def work():
        while not over.wait(0.02):
            g.allocate(item, 1)
            assert g.orders.get("/allocations/none").status == 404

    busy = threading.Thread(target=work)
    busy.start()
    try:
        shown = gantry(g, "traffic", "--over", "1s")
        tree = json.loads(gantry(g, "traffic", "--json").stdout)
    finally:
        over.set()
        busy.join()
    assert shown.returncode == 0, shown
    lines = shown.stdout.splitlines()
    row = (r" +(\d+\.\d)/s answered +(\d+\.\d)/s refused +0\.0/s failed +half below \S+( ms)? +"
           r"95 % below \S+( ms)? +99 % below \S+( ms)?")
    whole = re.fullmatch("all requests" + row, lines[0])
    assert whole and float(whole[1]) > 0 and float(whole[2]) > 0, lines
    assert any(re.fullmatch("POST /allocations" + row, line) for line in lines), lines
    assert len(lines) == 4, lines
    assert lines[-1] == "events: 0.0/s consumed, 0.0/s published", lines
    assert 2 <= tree["seconds"] < 20, tree
    post, = (r for r in tree["routes"] if r["route"] == "POST /allocations")
    none, = (r for r in tree["routes"] if r["route"] == "GET /allocations/{id}")
    assert post["answered"] > 0 and post["refused"] == 0 and none["answered"] == 0, tree
    assert abs(tree["answered"] - sum(r["answered"] for r in tree["routes"])) < 1e-6, tree
    assert abs(tree["refused"] - none["refused"]) < 1e-6 and none["refused"] > 0, tree
    assert 0 < post["halfBelowMs"] <= post["95BelowMs"] <= post["99BelowMs"], post
    quiet = json.loads(gantry(g, "traffic", "--over", "1s", "--json").stdout)
    assert (quiet["answered"], quiet["halfBelowMs"]) == (0, None), quiet


def test_the_command(g):
    assert gantry(g, "--help").returncode == 0
    for words in ([], ["nothing"], ["login", "x"], ["status", "--role", "x"],
                  ["log-level", "info", "x"], ["log-level", "--sample", "x"],
                  ["audit", "--before", "x"], ["status", "--sample", "1"],
                  ["outbox", "--before", "1"], ["traffic", "--over", "10"],
                  ["traffic", "--over", "500ms"], ["status", "--over", "2s"]):
        done = gantry(g, *words)
        assert done.returncode == 2 and done.stderr.startswith("Usage: gantry admin"), done
    lines = gantry(g, "status").stdout.splitlines()
    assert lines[0].startswith("inventory-service ") and lines[0].endswith(": pass"), lines
    assert re.fullmatch(r"storage +pass +lanesStuck: 0", lines[1]), lines
    shown = gantry(g, "plugins").stdout
    assert re.search(r"^services: jwt \S+, auth: ", shown, re.M), shown
    assert re.search(r"^  key_file +\(secret\) ", shown, re.M), shown
    assert re.search(r"^\d+ events wait$", gantry(g, "outbox").stdout, re.M)
    assert re.search(r" dead-letter discard +dead-letter \d+ +discarded +x$",
                     gantry(g, "audit").stdout, re.M)
    data = json.loads(gantry(g, "login", "--json").stdout)
    assert set(data) == {"url", "ticket", "endsInMs"} and data["endsInMs"] == 60000, data
    assert g.stop() == 0
    done = gantry(g, "status")
    assert done.returncode == 1 and done.stderr.startswith("gantry: "), done
    g.start()


if __name__ == "__main__":
    tap.main(prepare=lambda g: g.write("gantry.yaml", open(g.path("gantry.yaml")).read().replace(
        "admin: {", "admin: {hosts: [gantry.example], ").encode()))
