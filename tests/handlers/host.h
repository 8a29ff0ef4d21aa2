/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - what the tests of our handlers share: a test host around a plugin of
 * this build, and checks that say what came instead. Run in the build folder.
 */
#ifndef TESTS_HANDLERS_HOST_H
#define TESTS_HANDLERS_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "sdk/testhost/testhost.h"

struct host {
	struct testhost *t;
	struct testhost_answer answer;
};

static inline struct testhost *host_try(const char *name, const char *const *options,
					struct gantry_error *err)
{
	char path[256], *plugin, *memory;
	struct testhost *t;

	snprintf(path, sizeof(path), "plugins/%s/.libs/%s.so", name, name);
	plugin = realpath(path, NULL);
	memory = realpath("plugins/memory/.libs/memory.so", NULL);
	t = testhost_open(&TESTHOST(.plugin = plugin, .memory = memory,
				    .options = options), err);
	free(plugin);
	free(memory);
	return t;
}

static inline void host_open(struct host *h, const char *name,
			     const char *const *options)
{
	h->t = host_try(name, options, NULL);
	assert_non_null(h->t);
}

/* The message why a plugin does not take these options. */
static inline void host_refuses(const char *name, const char *const *options,
				const char *expected)
{
	struct gantry_error err = ERROR_INIT;
	struct testhost *t = host_try(name, options, &err);

	assert_null(t);
	assert_string_equal(err.message, expected);
	error_fini(&err);
}

/* Send; the handler must be pure and the status this one. */
static inline void host_send(struct host *h, int status,
			     const struct testhost_message *message)
{
	assert_int_equal(testhost_send(h->t, message, &h->answer), 0);
	if (h->answer.status != status)
		fail_msg("%s: %d %s", message->handler, h->answer.status,
			 h->answer.text);
}

/* Text of a member of data in the answer; the test's to free. */
static inline char *host_data(const struct host *h, const char *name)
{
	json_t *answer = json_loads(h->answer.text, 0, NULL);
	const json_t *data = json_object_get(answer, "data");
	const char *text = json_string_value(json_object_get(data, name));
	char *copy = text != NULL ? strdup(text) : NULL;

	json_decref(answer);
	assert_non_null(copy);
	return copy;
}

#endif
