#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each header compiles alone; those of the SDK as strict C11 and as C++ too."""
import os
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import tree

CC = shlex.split(os.environ.get("CC") or "cc")
CXX = shlex.split(os.environ.get("CXX") or "c++")
ROOTS = ["-I", tree.TOP, "-I", os.path.join(tree.TOP, "sdk"), "-I", tree.BUILD]
ALL = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
STRICT_C = CC + ALL + ["-std=c11", "-pedantic", "-x", "c"]
STRICT_CXX = CXX + ALL + ["-std=c++11", "-pedantic", "-x", "c++"]
OWN_C = CC + ALL + ["-std=gnu11", "-D_GNU_SOURCE", "-x", "c"]


def fault_of(command, include):
    ran = subprocess.run(command + ROOTS + ["-"], input=include + "\n", text=True,
                         capture_output=True)
    return None if ran.returncode == 0 else "%s: %s" % (
        include, ran.stderr.strip().split("\n")[0])


def compile_all(command, lines, found):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = pool.map(lambda line: fault_of(command, line), lines)
        found.extend(fault for fault in faults if fault)


# The test host's own, which nobody is given.
OWN_OF_SDK = {"sdk/testhost/told.h"}


def sdk():
    return ["#include <%s>" % path[len("sdk/"):]
            for path in tree.files("sdk", ending=".h") if path not in OWN_OF_SDK]


def test_sdk_is_strict_c11(found):
    compile_all(STRICT_C, sdk(), found)


def test_sdk_is_cplusplus(found):
    if shutil.which(CXX[0]) is None:
        raise tree.Skip("there is no C++ compiler")
    compile_all(STRICT_CXX, sdk(), found)


def test_gateway_headers_stand_alone(found):
    compile_all(OWN_C, ['#include "%s"' % path for path in
                        tree.files("gateway", ending=".h")], found)


def test_a_plugin_is_strict_c11(found):
    """The macros as well, as an author uses them."""
    source = """#include <gantry/plugin.h>
struct one { int64_t ttl; };
static const struct gantry_option *const options[] = {
	GANTRY_DURATION(struct one, ttl, .fallback = "1s", .summary = "a time"),
	NULL
};
static enum gantry_verdict
handle(void *self, struct gantry_message *m, struct gantry_error *err)
{
	(void)self;
	return gantry_reply(m, 200, NULL, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}
static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "one", .summary = "one", .handle = handle), NULL
};
GANTRY_PLUGIN(.name = "one", .version = "1", .summary = "one", .options = options,
	      .instance_size = sizeof(struct one), .handlers = handlers);"""
    compile_all(CC + ["-fsyntax-only", "-Wall", "-Werror", "-std=c11", "-x", "c"],
                [source], found)


if __name__ == "__main__":
    tree.main(dict(globals()))
