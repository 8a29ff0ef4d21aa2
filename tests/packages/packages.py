#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""packages.py TARBALL RELEASE...: the packages, from source to purge, in fresh
Debian trees of each release.

They are built in one tree from what "make dist" made and looked at by lintian;
installed in a second tree alone, purged, and nothing may be left; and in a third one
debian/tests do with them what a user does. For the first release they are built a
second time, beside that, and compared byte by byte. Needs root and mmdebstrap.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

import trees

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
USERS = ["smoke", "storage-swap", "own-plugin", "tutorial", "other-kinds", "upgrade",
         "purge"]
BINARIES = ["gantry", "gantry-postgres", "gantry-dev"]
MOST_EXPOSED = 1.5
# The second build differs from the first in all that must not matter.
AGAIN = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "HOME": "/nonexistent",
         "DEB_BUILD_OPTIONS": "nocheck parallel=2"}


class Life:
    """What one release's tests share."""

    def __init__(self, tarball, release, twice):
        self.tarball, self.release, self.twice = tarball, release, twice
        self.version = re.search(r"-([0-9.]+)\.tar", tarball).group(1)
        self.build = self.alone = self.tests = self.again = None
        self.debs = os.path.join(trees.STATE, release, "debs")

    def source(self, tree, folder):
        """The tarball unpacked."""
        at = tree.path(folder)
        os.makedirs(at)
        subprocess.run(["tar", "-C", at, "-xf", self.tarball], check=True)
        return "%s/gantry-%s" % (folder, self.version)

    def deb(self, name):
        return glob.glob(os.path.join(self.debs, name + "_*.deb"))[0]

    def close(self):
        if self.again is not None and self.again[0].poll() is None:
            self.again[0].kill()
        for tree in (self.build, self.alone, self.tests):
            if tree is not None:
                tree.close()


def depends(tests):
    """What the tests of debian/tests/control need, but for our own packages."""
    with open(os.path.join(TOP, "debian/tests/control"), encoding="utf-8") as f:
        text = f.read().replace("\n ", " ")
    found = set()
    for words in re.findall(r"^Depends: (.*)", text, re.M):
        found.update(w.strip() for w in words.split(","))
    return sorted(found - set(BINARIES) - {""}) if tests else []


def test_build(life):
    """dpkg-buildpackage, with the tests that it runs; the trees of the tests are made
    ready beside it."""
    life.build = trees.Tree(life.release, "build")
    life.tests = trees.Tree(life.release, "tests")
    source = life.source(life.build, "/build")
    life.build.run("apt-get install -y -q build-essential lintian && "
                   "apt-get build-dep -y -q %s" % source)
    script = "apt-get install -y -q " + " ".join(depends(True) + ["libjansson-dev"])
    ready = life.tests.popen(script)
    out = life.build.run("cd %s && dpkg-buildpackage -us -uc" % source,
                         DEB_BUILD_OPTIONS="parallel=2")
    life.tests.finish(ready, script)
    if "# FAIL:  0" not in out or "# PASS:  0" in out:
        raise trees.Failed("the build did not run its tests")
    shutil.rmtree(life.debs, ignore_errors=True)
    os.makedirs(life.debs)
    for deb in glob.glob(life.build.path("build/*.deb")):
        shutil.copy(deb, life.debs)
    names = sorted(os.path.basename(d).split("_")[0] for d in glob.glob(life.debs + "/*"))
    expected = sorted(BINARIES + [b + "-dbgsym" for b in BINARIES])
    if names != expected:
        raise trees.Failed("built were %s, not %s" % (names, expected))


    if life.twice:
        build_again(life)


def test_lintian(life):
    """No error and no warning; an override says why it is there."""
    out = life.build.run("cd /build && lintian --allow-root "
                         "--fail-on error,warning *.changes 2>&1")
    if re.search("^[EW]:", out, re.M):
        raise trees.Failed(out)
    for path in glob.glob(os.path.join(TOP, "debian/*.lintian-overrides")):
        with open(path, encoding="utf-8") as f:
            if not f.read().startswith("# "):
                raise trees.Failed("%s does not say why" % path)


def digests(pattern):
    found = {}
    for path in glob.glob(pattern):
        with open(path, "rb") as f:
            found[os.path.basename(path)] = hashlib.sha256(f.read()).hexdigest()
    return found


def build_again(life):
    """A build elsewhere, later, by another clock and locale, while the tests run."""
    source = life.source(life.build, "/var/tmp/quite/another/place")
    # later than the tarball, but not in the future: make would never end
    late = time.time() - 5
    for at, _, names in os.walk(life.build.path(source)):
        for name in names:
            os.utime(os.path.join(at, name), (late, late), follow_symlinks=False)
    script = "umask 002; cd %s && dpkg-buildpackage -b -us -uc" % source
    life.again = life.build.popen(script, **AGAIN), script


def test_reproducible(life):
    """That build has given the same bytes."""
    life.build.finish(*life.again)
    first = digests(life.debs + "/*.deb")
    second = digests(life.build.path("var/tmp/quite/another/place/*.deb"))
    wrong = sorted(n for n in first if first[n] != second.get(n))
    if wrong or not first:
        raise trees.Failed("built again, these are not the same: %s" % ", ".join(wrong))


def install(life, tree, names):
    os.makedirs(tree.path("debs"), exist_ok=True)
    for name in names:
        shutil.copy(life.deb(name), tree.path("debs"))
    tree.run("chmod -R go+rX /debs && apt-get install -y -q " + " ".join(
        "/debs/" + os.path.basename(life.deb(n)) for n in names))


def test_alone(life):
    """With nothing but what it depends on, it loads all its plugins; purged, with
    what it brought, the tree is as it was."""
    life.alone = tree = trees.Tree(life.release, "alone")
    before = tree.files()
    with open(tree.path("etc/passwd"), encoding="utf-8") as f:
        users = f.read()
    install(life, tree, ["gantry", "gantry-postgres"])
    out = tree.run("gantry check && gantry plugins list && gantry --version")
    for plugin in ("sqlite", "postgres", "jwt", "allocations", "order-events"):
        if not re.search(r"^%s\b" % plugin, out, re.M):
            raise trees.Failed("gantry plugins list has no %s: %s" % (plugin, out))
    tree.run("apt-get purge -y -q gantry gantry-postgres && apt-get autoremove --purge -y -q")
    shutil.rmtree(tree.path("debs"))
    after = tree.files()
    left = sorted(p for p in after if p not in before and "gantry" in p)
    if left:
        raise trees.Failed("left behind: " + " ".join(left))
    with open(tree.path("etc/passwd"), encoding="utf-8") as f:
        if "gantry" in f.read() or "gantry" in users:
            raise trees.Failed("the user is left behind")
    numbers = [p for p in after if p not in before and after[p][1] not in (0,)]
    if numbers:
        raise trees.Failed("left to nobody: " + " ".join(numbers))


def test_units(life):
    """systemd takes the units without a word, and finds them well closed."""
    tree = life.tests
    install(life, tree, BINARIES)
    units = tree.run("dpkg -L gantry | grep '/systemd/system/.*[.]'").split()
    if len(units) != 3:
        raise trees.Failed("units are %s" % units)
    for unit in units:
        out = tree.run("systemd-analyze verify --man=no %s 2>&1" % unit).strip()
        if out:
            raise trees.Failed("systemd-analyze verify %s: %s" % (unit, out))
    for unit in units:
        if not unit.endswith(".service"):
            continue
        out = tree.run("systemd-analyze security --no-pager --offline=true %s" % unit)
        level = re.search(r"exposure level for \S+: ([0-9.]+)", out)
        if level is None or float(level.group(1)) > MOST_EXPOSED:
            raise trees.Failed("%s: %s" % (unit, out.strip().split("\n")[-1]))
    plain, many = [service(tree, u) for u in sorted(units) if u.endswith(".service")]
    if plain != many:
        raise trees.Failed("gantry.service and gantry@.service differ: %s" %
                           sorted(set(plain) ^ set(many)))


def service(tree, unit):
    """[Service] of a unit, without what is a replica's own."""
    with open(tree.path(unit), encoding="utf-8") as f:
        text = f.read().split("\n[Service]\n")[1]
    for own in (" --with /etc/gantry/replicas/%i.yaml", "/%i"):
        text = text.replace(own, "")
    return [line for line in text.splitlines() if line and line[0] != "#"]


def user(life, name):
    """One of debian/tests, from the source tree, without a network."""
    if not os.path.isdir(life.tests.path("/src")):
        life.source(life.tests, "/src")
    life.tests.run("cd /src/gantry-%s && debian/tests/%s 2>&1" % (life.version, name),
                   network=False, GANTRY_DEBS="/debs")


def main():
    tarball, releases = os.path.abspath(sys.argv[1]), sys.argv[2:]
    steps = [test_build, test_lintian, test_alone, test_units] + USERS
    trees.private_mounts()
    print("1..%d" % (len(steps) * len(releases) + 1))
    number, failed, ahead = 0, 0, None
    for release in releases:
        life, broken = Life(tarball, release, release == releases[0]), None
        for step in steps + ([test_reproducible] if life.twice else []):
            number += 1
            if step is test_alone and release != releases[-1]:
                ahead = trees.base_ahead(releases[releases.index(release) + 1])
            began = time.monotonic()
            label = step if isinstance(step, str) else step.__name__[5:]
            try:
                if broken is not None:
                    raise trees.Failed("not tried, as %s failed" % broken)
                if isinstance(step, str):
                    user(life, step)
                else:
                    step(life)
                word = "ok"
            except (trees.Failed, OSError, subprocess.CalledProcessError) as why:
                word, failed = "not ok", failed + 1
                for line in str(why).splitlines():
                    print("# " + line)
                if broken is None and label in ("build", "units"):
                    broken = label
            print("%s %d - %s: %s (%d s)" % (word, number, release, label,
                                             time.monotonic() - began), flush=True)
        life.close()
        if ahead is not None:
            ahead.wait()
            ahead = None
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
