#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin page in a real browser: starts a gateway with dead letters, events and
traffic, and one at the order side with requests that wait, and lets
tests/page/run.mjs go through all of it, once for each theme. What npm has to bring
comes into the build folder; pictures go to screenshots/ there."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import _path
from gantry import Gantry, PROGRAM, free_port
from letters import created, put

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "edge"))
from side import Edge  # noqa: E402
SOURCE = os.path.join(HERE, "..", "..", "page")
BUILD = os.path.abspath(os.environ.get("BUILD") or os.getcwd())
MODULES = os.path.join(BUILD, "tests", "page")
PICTURES = os.path.join(BUILD, "screenshots")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
THEMES = ("light", "dark")
SECONDS = 600
WAITING = 3


def install():
    """As the lock file says; not again if it is there already."""
    os.makedirs(MODULES, exist_ok=True)
    done = os.path.join(MODULES, "node_modules", ".lock")
    with open(os.path.join(SOURCE, "package-lock.json")) as f:
        lock = f.read()
    if os.path.exists(done) and open(done).read() == lock:
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(os.path.join(SOURCE, name), os.path.join(MODULES, name))
    ran = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                         cwd=MODULES, text=True, capture_output=True, timeout=SECONDS,
                         stdin=subprocess.DEVNULL)
    assert ran.returncode == 0, "npm ci: %s" % (ran.stderr or ran.stdout)
    with open(done, "w") as f:
        f.write(lock)


def seed(g, theme):
    """Letters for all that can be done with them."""
    item, scarce = g.item(1000), g.item(1)
    payload = created(g, item=item)["payload"]
    group = [{"event": created(g, item=item), "cause": "GROUP_" + theme.upper()}
             for _ in range(7)]
    group += [{"event": created(g, item=scarce), "cause": "GROUP_" + theme.upper()}]
    group += [{"event": dict(created(g), payload={}), "cause": "GROUP_" + theme.upper()}
              for _ in range(2)]
    many = [{"event": created(g, item=item), "cause": "MANY_" + theme.upper()}
            for _ in range(20)]
    # the page shows 50 of them at once
    paged = [{"event": created(g, item=item), "cause": "PAGES_" + theme.upper()}
             for _ in range(60)]
    bad = dict(created(g), payload={})
    refs = put(g, {"event": created(g, item=item), "headers": '{"x-a": "b"}'},
               {"event": bad}, {"event": created(g)},
               {"event": created(g), "cause": "LEFT_ALONE"}, *group, *many, *paged)
    return {"retry": str(refs[0]), "edit": str(refs[1]), "discard": str(refs[2]),
            "left": str(refs[3]), "payload": payload,
            "group": {"cause": "GROUP_" + theme.upper(), "n": 10, "applied": 7,
                      "refused": 1, "failed": 2},
            "many": {"cause": "MANY_" + theme.upper(), "n": 20},
            "paged": {"cause": "PAGES_" + theme.upper(), "n": 60}}


def drift(g):
    """An item that has more reserved than is held, as no code of ours would do it."""
    item = g.item(10)
    assert g.stop() == 0
    g.store.change(("update stock set reserved = 3 where ref = "
                    "(select ref from items where id = ?)", item))
    g.start()
    return item


@contextlib.contextmanager
def traffic(g, item):
    """Something for the charts."""
    stop = threading.Event()

    def ask():
        while not stop.wait(0.02):
            made = g.orders.post("/allocations", g.request(item, 1))
            if made.status == 201 and not stop.wait(0.02):
                g.orders.get("/allocations/" + made.data["id"])
                g.orders.get("/allocations/none")
    busy = threading.Thread(target=ask)
    busy.start()
    try:
        yield
    finally:
        stop.set()
        busy.join()


def url(g):
    return "http://127.0.0.1:%d" % g.admin_port


def login(g):
    """The command that makes a link."""
    return [PROGRAM, "admin", "login", "--config", g.path("gantry.yaml")] + g.folders()[:2]


def environment(g, part, seeds):
    return dict(os.environ, PAGE_PART=part, PAGE_URL=url(g),
                PAGE_LOGIN=json.dumps(login(g)),
                PAGE_SEED=json.dumps(seeds), PAGE_MODULES=MODULES,
                PAGE_PICTURES=PICTURES,
                PAGE_BROWSER=next(filter(None, map(shutil.which, BROWSERS))))


def waits(edge):
    """Requests that the edge took and cannot pass on."""
    for _ in range(WAITING):
        got = edge.orders.post("/allocations", edge.request("inv_1", 1))
        assert got.status == 202, got
    return {"url": url(edge), "login": login(edge), "waiting": WAITING}


def run(g, part, seeds):
    """What the browser's tests have said of a part; whether they went well."""
    return subprocess.run(["node", os.path.join(SOURCE, "run.mjs")],
                          env=environment(g, part, seeds), timeout=SECONDS,
                          stdin=subprocess.DEVNULL).returncode == 0


def browse(g, edge):
    """Each theme, with a drift of its own to mend, then what has none."""
    os.makedirs(PICTURES, exist_ok=True)
    seeds = {theme: seed(g, theme) for theme in THEMES}
    seeds["api"] = "http://127.0.0.1:%d" % g.port
    item, fine = g.item(1000000), []
    for _ in range(60):
        g.allocate(item, 1)
    seeds["edge"] = waits(edge)
    for theme in THEMES:
        seeds[theme]["drift"] = drift(g)
        with traffic(g, item):
            fine.append(run(g, theme, seeds))
    return all(fine + [run(g, "other", seeds)])


def main():
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if not any(map(shutil.which, BROWSERS)):
        missing.append("chromium")
    if missing:
        print("1..0 # SKIP there is no %s" % ", ".join(missing))
        return 77
    install()
    away = SimpleNamespace(key=os.urandom(32).hex().encode(), port=free_port())
    with Gantry("", "page") as g, Edge(away) as edge:
        fine = browse(g, edge)
        if not fine:
            g.show_log()
        g.check_invariants()
        fine = edge.stop() == 0 and g.stop() == 0 and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
