# SPDX-License-Identifier: Apache-2.0
"""A metrics page, read strictly: a parser of the text format of Prometheus of our
own, which refuses what another reader might forgive; promtool and the manual
page beside it."""
import math
import os
import re
import shutil
import subprocess

from gantry import Client

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                   "..", "..", ".."))
PAGE = os.path.join(TOP, "gateway", "observe", "gantry-metrics.7")
TYPE = "text/plain; version=0.0.4; charset=utf-8"
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
VALUE = re.compile(r"[0-9]+(\.[0-9]+)?")
# What the names end with, by their kind.
UNITS = ("_seconds", "_bytes", "_info")


def labels_of(text):
    found, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, "labels: %r" % text
        value = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        found.append((match[1], value))
        at = match.end()
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), text
    return found


class Family:
    def __init__(self, name, help):
        self.name, self.help, self.kind = name, help, None
        self.samples = {}       # (suffix, ((label, value), ...)): number


class Scrape:
    """families: by name, in their order; of(name, label=value): the number."""

    def __init__(self, text):
        self.text = text
        self.families = {}
        assert text.endswith("\n")
        family = None
        for line in text[:-1].split("\n"):
            family = self.line(line, family)
        for family in self.families.values():
            self.check(family)

    def line(self, line, family):
        if line.startswith("# HELP "):
            name, help = line[7:].split(" ", 1)
            assert NAME.fullmatch(name) and name not in self.families, line
            family = self.families[name] = Family(name, help)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == family.name and family.kind is None, line
            assert kind in ("counter", "gauge", "histogram"), line
            family.kind = kind
        else:
            self.sample(line, family)
        return family

    @staticmethod
    def sample(line, family):
        match = re.fullmatch(r"([a-zA-Z_:0-9]+)(\{(.*)\})? ([0-9.]+)", line)
        assert match and VALUE.fullmatch(match[4]), line
        assert match[1].startswith(family.name) and family.kind, line
        suffix = match[1][len(family.name):]
        allowed = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        assert suffix in allowed, line
        key = suffix, tuple(labels_of(match[3]) if match[2] else ())
        assert key not in family.samples, line
        family.samples[key] = float(match[4])

    def check(self, family):
        assert family.kind, family.name
        assert family.help.endswith(".") or family.help.endswith("1."), family.help
        assert (family.kind == "counter") == family.name.endswith("_total"), family.name
        if family.kind == "histogram":
            for labels in {k[1] for k in family.samples if k[0] == "_count"}:
                self.check_histogram(family, labels)

    @staticmethod
    def check_histogram(family, labels):
        buckets = [(k[1][-1][1], n) for k, n in family.samples.items()
                   if k[0] == "_bucket" and k[1][:-1] == labels]
        bounds = [math.inf if le == "+Inf" else float(le) for le, _ in buckets]
        counts = [n for _, n in buckets]
        assert bounds == sorted(set(bounds)) and bounds[-1] == math.inf, family.name
        assert counts == sorted(counts), (family.name, labels, counts)
        assert counts[-1] == family.samples["_count", labels], (family.name, labels)
        assert ("_sum", labels) in family.samples

    def of(self, name, **labels):
        """The sum over all samples with these labels; 0 if there is none. name may
        end with _count or _sum."""
        suffix = ""
        if name not in self.families:
            name, end = name.rsplit("_", 1)
            suffix = "_" + end
        wanted = set(labels.items())
        return sum(n for (s, given), n in self.families[name].samples.items()
                   if s == suffix and wanted <= set(given))

    def values(self, name, label):
        """The values of a label, in their order."""
        found = []
        for _, given in self.families[name].samples:
            found += [v for k, v in given if k == label and v not in found]
        return found

    @property
    def series(self):
        return sum(len(f.samples) for f in self.families.values())


def scrape(g):
    client = Client(g.admin_port)
    got = client.get("/metrics")
    client.close()
    assert got.status == 200 and got.header("Content-Type") == TYPE, got
    return Scrape(got.body.decode())


def promtool(*words, text=None):
    """What promtool says; None: there is none."""
    if shutil.which("promtool") is None:
        return None
    return subprocess.run(["promtool"] + list(words), input=text, text=True,
                          capture_output=True, timeout=120)


def documented():
    """{family: (kind, [labels])} of the manual page."""
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    found = {}
    for name, kind, labels in re.findall(
            r"^\.TP\n\.B (\w+)\n(\w+)(?: by ([\w, ]+))?\.$", text, re.M):
        assert name not in found, name
        found[name] = kind.lower(), labels.split(", ") if labels else []
    return found


def check_documented(page, missing=()):
    """The page and its manual page name the same, but for those that a gateway
    without them leaves out: missing, by the beginning of their names."""
    known = documented()
    for name, family in page.families.items():
        assert name in known, "%s is not in %s" % (name, PAGE)
        kind, labels = known[name]
        assert kind == family.kind, (name, kind, family.kind)
        for suffix, given in family.samples:
            names = [k for k, _ in given if not (suffix == "_bucket" and k == "le")]
            assert names == labels, (name, names, labels)
    absent = [n for n in known if n not in page.families and
              not n.startswith(tuple(missing) or ("-",))]
    assert not absent, "not on the page: %s" % absent
