#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each header compiles alone; those of the SDK as strict C11 and as C++ too, and so
does what their macros make."""
import os
import re
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
PEDANTIC_C = CC + ALL + ["-std=c11", "-pedantic-errors", "-x", "c"]
PEDANTIC_CXX = CXX + ALL + ["-std=c++17", "-pedantic-errors", "-x", "c++"]
OWN_C = CC + ALL + ["-std=gnu11", "-D_GNU_SOURCE", "-x", "c"]


def fault_of(command, include):
    ran = subprocess.run(command + ROOTS + ["-"], input=include + "\n", text=True,
                         capture_output=True)
    return None if ran.returncode == 0 else "%s: %s" % (
        include.strip().split("\n")[0],
        next((line for line in ran.stderr.split("\n") if "error" in line), ran.stderr))


def compile_all(command, lines, found):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = pool.map(lambda line: fault_of(command, line), lines)
        found.extend(fault for fault in faults if fault)


# What the other macros are made of, or says how many there may be.
UNUSED = ("GANTRY_EXPORT", "GANTRY_LEVEL", "GANTRY_MAX_BACKLOGS")

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


MACROS = """
#include <gantry/plugin.h>
#include <testhost/testhost.h>
struct one {
	const char *text, *path, *secret;
	const char *const *list;
	int64_t ttl, number, size, choice;
	bool flag;
};
static const char *const choices[] = { "a", "b", NULL };
static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct one, text, .summary = "a text"),
	GANTRY_INTEGER(struct one, number, .min = 1, .max = 9, .summary = "a number"),
	GANTRY_SIZE(struct one, size, .fallback = "1M", .summary = "a size"),
	GANTRY_DURATION(struct one, ttl, .fallback = "1s", .summary = "a time"),
	GANTRY_BOOLEAN(struct one, flag, .summary = "a flag"),
	GANTRY_CHOICE(struct one, choice, .choices = choices, .summary = "one of two"),
	GANTRY_PATH(struct one, path, .summary = "a path"),
	GANTRY_SECRET_FILE(struct one, secret, .flags = GANTRY_OPTION_REQUIRED,
			   .summary = "a secret"),
	GANTRY_LIST(struct one, list, .summary = "a list"),
	GANTRY_OPTION_OF(bool, GANTRY_TYPE_BOOLEAN, struct one, flag, .summary = "again"),
	NULL
};
static void say(const char *format, ...) GANTRY_PRINTF(1, 2);
static void say(const char *format, ...)
{
	(void)format;
}
static enum gantry_verdict handle(void *self, struct gantry_message *m,
				  struct gantry_error *err)
{
	(void)self;
	say("%d", GANTRY_MAX_ID + GANTRY_TOKEN_SIZE + GANTRY_MAX_COUNTS);
	gantry_find(m, &GANTRY_QUERY(.name = "items"), err);
	gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .path = "/"), err);
	if (gantry_publish(m, &GANTRY_EVENT(.exchange = "e", .routing_key = "k"), err) < 0 ||
	    gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_CONFIRM), err) < 0)
		return GANTRY_FAILED;
	return gantry_reply(m, 200, NULL, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}
static int begin(void *self, const struct gantry_instance *instance,
		 struct gantry_error *err)
{
	(void)self;
	return gantry_document_keep(instance, &GANTRY_DOCUMENT(.path = "/"), err);
}
int ask(const struct gantry_auth *auth, struct gantry_error *err)
{
	char token[GANTRY_TOKEN_SIZE], line[GANTRY_TOKEN_SIZE];
	struct testhost_answer a;
	struct testhost *t = testhost_open(&TESTHOST(.plugin = "one"), err);
	const struct gantry_key key = { .size = sizeof(key), .index = GANTRY_BY_REF };

	testhost_upstream(t, &TESTHOST_UPSTREAM(.name = "up"));
	return auth->check(&GANTRY_TOKEN_KEY(.len = 0), &GANTRY_TOKEN_RULES(.issuer = "i"),
			   token, err) +
	       auth->enroll(&GANTRY_ENROLMENT(.name = "n"), token, line, err) +
	       testhost_send(t, &TESTHOST_MESSAGE(.handler = "one"), &a) + (int)key.index;
}
static const struct gantry_backlog *const backlogs[] = {
	GANTRY_BACKLOG(.name = "b", .summary = "b", .counts = "c", .waiting = "w"), NULL
};
static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "one", .summary = "one", .handle = handle,
		       .operation = GANTRY_JSON({"summary": "one"})), NULL
};
GANTRY_PLUGIN(.name = "one", .version = "1", .summary = "one", .options = options,
	      .open = begin, .instance_size = sizeof(struct one), .handlers = handlers,
	      .backlogs = backlogs);
"""

# In C++ the structs are filled in by hand: compound literals are C's.
BY_HAND = """
#include <gantry/plugin.h>
static gantry_verdict handle(void *, gantry_message *m, gantry_error *err)
{
	return gantry_reply(m, 200, nullptr, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}
static const gantry_note note GANTRY_NOTE = {
	7, 8, 1, "Gantry", GANTRY_MAJOR, GANTRY_LEVEL_WANTED
};
static const gantry_handler one = {
	sizeof(one), "one", "one", handle, nullptr, false,
	GANTRY_JSON({"summary": "one"}), nullptr
};
static const gantry_handler *const handlers[] = { &one, nullptr };
const gantry_plugin *gantry_plugin_entry()
{
	static gantry_plugin plugin = {};
	plugin.size = sizeof(plugin);
	plugin.major = note.major;
	plugin.level = GANTRY_LEVEL_WANTED;
	plugin.name = plugin.version = plugin.summary = "one";
	plugin.handlers = handlers;
	return &plugin;
}
"""


def test_every_macro_is_strict_c11(found):
    """Used, as an author does: a header alone does not look into them."""
    for path in tree.files("sdk", ending=".h"):
        for macro in re.findall(r"^#define (\w+)", tree.text(path), re.M):
            used = re.search(r"\b%s\b" % macro, MACROS + BY_HAND)
            if not used and macro not in UNUSED and not macro.endswith("_H"):
                found.append("%s: %s is not used here" % (path, macro))
    compile_all(PEDANTIC_C, [MACROS], found)


def test_a_plugin_is_strict_cplusplus(found):
    if shutil.which(CXX[0]) is None:
        raise tree.Skip("there is no C++ compiler")
    compile_all(PEDANTIC_CXX, [BY_HAND], found)


if __name__ == "__main__":
    tree.main(dict(globals()))
