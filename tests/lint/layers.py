#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Includes go down only, each foreign library stands in one folder, plugins
see the SDK alone, and the core knows no plugin by its name."""
import re

import tree

# From the ground up. Folders of one floor may use each other, but not in turns.
FLOORS = [
    ["base"],
    ["rows", "config", "plugin", "stock"],
    ["pipeline", "conform"],
    ["isolate"],
    ["commit", "upstream"],
    ["source"],
    ["observe", "admin"],
    ["cli"],
]
FLOOR = {folder: n for n, floor in enumerate(FLOORS) for folder in floor}

# Header (or folder of headers) of a foreign library: who may include it.
FOREIGN = {
    "jansson.h": ["sdk", "gateway", "plugins"],
    "yaml.h": ["gateway/config"],
    "microhttpd.h": ["gateway/source"],
    "gnutls/": ["gateway/source/http"],
    "amqp.h": ["gateway/source/amqp"],
    "amqp_ssl_socket.h": ["gateway/source/amqp"],
    "amqp_tcp_socket.h": ["gateway/source/amqp"],
    "rabbitmq-c/": ["gateway/source/amqp"],
    "curl/": ["gateway/upstream"],
    "nettle/": ["gateway/base", "gateway/commit", "plugins/api-key"],
    "openssl/": ["plugins/jwt"],
    "sqlite3.h": ["plugins/sqlite"],
    "libpq-fe.h": ["plugins/postgres"],
    "seccomp.h": ["gateway/isolate"],
}
LIBC = set("""
assert.h ctype.h dirent.h dlfcn.h elf.h endian.h errno.h fcntl.h float.h
fnmatch.h getopt.h grp.h inttypes.h limits.h link.h locale.h math.h netdb.h
poll.h pthread.h pwd.h sched.h semaphore.h setjmp.h signal.h spawn.h stdalign.h
stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h
string.h strings.h syslog.h termios.h time.h uchar.h unistd.h wchar.h
""".split())
LIBC_FOLDERS = ("sys/", "arpa/", "netinet/", "net/", "linux/", "bits/")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    for match in INCLUDE.finditer(tree.text(path)):
        yield match.group(1), match.group(2)


def is_libc(header):
    return header in LIBC or header.startswith(LIBC_FOLDERS)


def inside(path, folder):
    """"gateway/source/amqp" is also the file gateway/source/amqp.c."""
    return path.startswith((folder + "/", folder + ".", folder + "-"))


def library(header):
    for name in FOREIGN:
        if header == name or name.endswith("/") and header.startswith(name):
            return name
    return None


def gateway_folder(path):
    return path.split("/")[1]


def test_every_folder_has_a_floor(found):
    for folder in tree.folders("gateway"):
        if folder not in FLOOR:
            found.append("gateway/%s: stands on no floor (tests/lint/layers.py)" % folder)


def test_includes_go_down(found):
    for path in tree.c_files("gateway"):
        here = gateway_folder(path)
        for kind, header in includes(path):
            if not header.startswith("gateway/"):
                continue
            there = gateway_folder(header)
            if FLOOR.get(there, 0) > FLOOR.get(here, 99):
                found.append("%s: includes %s, which is above" % (path, header))


def uses():
    """Folder of gateway: the folders whose headers it includes."""
    graph = {}
    for path in tree.c_files("gateway"):
        edges = graph.setdefault(gateway_folder(path), set())
        edges.update(gateway_folder(h) for _, h in includes(path)
                     if h.startswith("gateway/"))
        edges.discard(gateway_folder(path))
    return graph


def test_no_circles(found):
    graph = uses()

    def reaches(start, at, seen):
        for other in graph.get(at, ()):
            if other == start or other not in seen and \
                    reaches(start, other, seen | {other}):
                return True
        return False

    for folder in sorted(graph):
        if reaches(folder, folder, {folder}):
            found.append("gateway/%s: its includes come back to it" % folder)


def test_quotes_are_ours_and_brackets_are_not(found):
    for path in tree.c_files("gateway"):
        for kind, header in includes(path):
            if kind == '"' and not header.startswith("gateway/") \
                    and header != "config.h":
                found.append('%s: "%s" is not a path from the top' % (path, header))
            if kind == "<" and not (header.startswith("gantry/") or is_libc(header)
                                    or library(header)):
                found.append("%s: <%s>: an unknown library "
                             "(tests/lint/layers.py)" % (path, header))


def test_a_library_has_one_place(found):
    for path in tree.c_files("sdk", "gateway", "plugins"):
        for _, header in includes(path):
            name = library(header)
            if name and not any(inside(path, place) for place in FOREIGN[name]):
                found.append("%s: <%s> belongs into %s" %
                             (path, header, " or ".join(FOREIGN[name])))


def test_the_sdk_stands_alone(found):
    for path in tree.c_files("sdk/gantry"):
        for kind, header in includes(path):
            if not (header.startswith("gantry/") or header == "jansson.h"
                    or is_libc(header)):
                found.append("%s: includes %s" % (path, header))


def test_plugins_see_the_sdk_alone(found):
    for path in tree.c_files("plugins"):
        folder = "/".join(path.split("/")[:2])
        own = {p.split("/")[-1] for p in tree.c_files(folder)}
        for kind, header in includes(path):
            if kind == '"':
                if header in own or header.startswith(folder + "/"):
                    continue
            elif header.startswith("gantry/") or is_libc(header) or library(header):
                continue
            found.append("%s: includes %s" % (path, header))


# What descriptors call their kinds; a plugin may be called like its own.
KINDS = {"storage", "handlers", "auth", "breaker"}


def tables():
    """What the schema calls its tables."""
    text = "".join(tree.text(p) for p in tree.c_files("gateway")
                   if p.endswith("/schema.c"))
    return set(re.findall(r'\bTABLE\("?(\w+)', text))


def test_the_core_names_no_plugin(found):
    # what a table is called too (allocations) is left to the reader's eye
    names = [n for n in tree.folders("plugins") if n not in tables() | KINDS]
    literal = re.compile(r'"(%s)"' % "|".join(map(re.escape, names)))
    for path in tree.c_files("gateway"):
        # commands of the program and spans of a trace may be called like one
        if gateway_folder(path) in ("cli", "observe"):
            continue
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            if not line.lstrip().startswith(("*", "/*", "#")) and literal.search(line):
                found.append("%s:%d: names a plugin: %s" % (path, number, line.strip()))


if __name__ == "__main__":
    tree.main(dict(globals()))
