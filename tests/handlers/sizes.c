/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizes - structs of a plugin, or of its test, that was built when they were
 * shorter: nothing behind their end is read. Each test puts something there
 * that would be seen.
 */
#include "tests/handlers/host.h"

#define ENDS_BEFORE(type, member) offsetof(struct type, member)

/* A limit of more than 1000 rows is refused. */
static enum gantry_verdict find(void *self, struct gantry_message *m,
				struct gantry_error *err)
{
	struct gantry_query query = GANTRY_QUERY(.name = "items", .limit = 5000);

	(void)self;
	query.size = ENDS_BEFORE(gantry_query, limit);
	if (gantry_find(m, &query, err) == NULL)
		return GANTRY_FAILED;
	return GANTRY_DONE;
}

static enum gantry_verdict peer(void *self, struct gantry_message *m,
				struct gantry_error *err)
{
	const char *text = gantry_format(m, "\"%s\"", gantry_peer(m));

	(void)self;
	return gantry_reply_text(m, 200, text, strlen(text), err) < 0 ? GANTRY_FAILED :
									GANTRY_DONE;
}

static int take(void *self, const char *bytes, size_t len, struct gantry_error *err)
{
	(void)self;
	(void)bytes;
	(void)len;
	(void)err;
	return 0;
}

/* A document without take() is refused. */
static int keep(void *self, const struct gantry_instance *instance,
		struct gantry_error *err)
{
	struct gantry_document document = GANTRY_DOCUMENT(
		.upstream = "up", .path = "/", .every_ms = 1000, .take = take);

	(void)self;
	document.size = ENDS_BEFORE(gantry_document, take);
	return gantry_document_keep(instance, &document, err);
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "find", .summary = "finds", .handle = find),
	GANTRY_HANDLER(.name = "peer", .summary = "says who", .handle = peer),
	NULL
};

#define PLUGIN(...)                                                             \
	{                                                                       \
		.size = sizeof(struct gantry_plugin), .major = GANTRY_MAJOR,    \
		.level = GANTRY_LEVEL, .name = "sizes", .version = "1",         \
		.summary = "is short", .threads = GANTRY_INLINE,                \
		.instance_size = 8, .handlers = handlers, __VA_ARGS__           \
	}
static const struct gantry_plugin plugin = PLUGIN();
static const struct gantry_plugin keeper = PLUGIN(.open = keep);

static struct testhost *try(const struct gantry_plugin *descriptor, size_t size,
			    struct gantry_error *err)
{
	char *memory = realpath("plugins/memory/.libs/memory.so", NULL);
	struct testhost_setup setup = TESTHOST(.plugin = "/nowhere.so", .memory = memory,
					       .descriptor = descriptor);
	struct testhost *t;

	setup.size = size;
	t = testhost_open(&setup, err);
	free(memory);
	return t;
}

static void test_query(void **state)
{
	struct testhost *t = try(&plugin, sizeof(struct testhost_setup), NULL);
	struct testhost_answer a;

	(void)state;
	testhost_send(t, &TESTHOST_MESSAGE(.handler = "find"), &a);
	assert_string_equal(a.message, "");
	assert_int_equal(a.verdict, GANTRY_DONE);
	testhost_close(&t);
}

static void test_document(void **state)
{
	struct gantry_error err = ERROR_INIT;

	(void)state;
	assert_null(try(&keeper, sizeof(struct testhost_setup), &err));
	assert_string_equal(err.message, "test (sizes): a document needs an upstream, a path, take() "
			    "and at least 1s from one fetch to the next");
	error_fini(&err);
}

static void test_setup(void **state)
{
	struct gantry_error err = ERROR_INIT;

	(void)state;
	assert_null(try(&plugin, ENDS_BEFORE(testhost_setup, descriptor), &err));
	assert_string_equal(err.message, "/nowhere.so: cannot open: No such file or directory");
	error_fini(&err);
}

static void test_message(void **state)
{
	struct testhost *t = try(&plugin, sizeof(struct testhost_setup), NULL);
	struct testhost_message in = TESTHOST_MESSAGE(.handler = "peer", .peer = "::1");
	struct testhost_answer a;

	(void)state;
	testhost_send(t, &in, &a);
	assert_string_equal(a.text, "\"::1\"");
	in.size = ENDS_BEFORE(testhost_message, peer);
	testhost_send(t, &in, &a);
	assert_string_equal(a.text, "\"\"");
	testhost_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_setup),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
