/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - the tests of the example plugin, and an example themselves: what
 * the author of a handler writes. No daemon, no broker, no database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/testhost/testhost.h"

static struct testhost *host;

static int setup(void **state)
{
	static const char *const options[] = { "exchange=audit", NULL };

	(void)state;
	host = testhost_open(&TESTHOST(.plugin = PLUGINS "/journal/.libs/journal.so",
				       .memory = PLUGINS "/memory/.libs/memory.so",
				       .instance = "audit", .options = options), NULL);
	return host == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	testhost_close(&host);
	return 0;
}

/* The only row of a table. */
static json_t *only(const char *table)
{
	json_t *rows = testhost_rows(host, table), *row;

	assert_int_equal(json_array_size(rows), 1);
	row = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	return row;
}

static const char *member(json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static void test_keep(void **state)
{
	struct testhost_answer a;
	json_t *record, *event;

	(void)state;
	assert_int_equal(testhost_send(host, &TESTHOST_MESSAGE(.handler = "keep",
			.source = GANTRY_SOURCE_AMQP, .id = "evt_1",
			.body = "{\"eventId\": \"evt_1\", \"n\": 1}"), &a), 0);
	assert_int_equal(a.verdict, GANTRY_DONE);
	assert_string_equal(a.outcome, "applied");
	record = only("records");
	assert_string_equal(member(record, "key"), "audit\x1fkept\x1f" "evt_1");
	assert_string_equal(member(record, "value"), "{\"eventId\":\"evt_1\",\"n\":1}");
	event = only("outbox");
	assert_string_equal(member(event, "exchange"), "audit");
	assert_string_equal(member(event, "routing_key"), "journal.kept");
	assert_string_equal(member(event, "type"), "EventKept");
	assert_non_null(strstr(member(event, "body"),
			       "\"payload\":{\"eventId\":\"evt_1\",\"n\":1}}"));
	json_decref(record);
	json_decref(event);
}

static void test_duplicate(void **state)
{
	struct testhost_answer a;

	(void)state;
	for (int i = 0; i < 2; i++) {
		testhost_send(host, &TESTHOST_MESSAGE(.handler = "keep",
				.source = GANTRY_SOURCE_AMQP, .id = "evt_1",
				.body = "{}"), &a);
		assert_string_equal(a.outcome, i == 0 ? "applied" : "duplicate");
	}
	assert_int_equal(testhost_count(host, "outbox"), 1);
	assert_int_equal(testhost_count(host, "inbox"), 1);
}

static void test_no_json(void **state)
{
	struct testhost_answer a;

	(void)state;
	testhost_send(host, &TESTHOST_MESSAGE(.handler = "keep",
			.source = GANTRY_SOURCE_AMQP, .id = "evt_1",
			.body = "hello"), &a);
	assert_int_equal(a.verdict, GANTRY_REJECTED);
	assert_string_equal(a.code, "VALIDATION_ERROR");
	assert_string_equal(a.message, "The body is not valid JSON (line 1, column 5: "
				       "'[' or '{' expected near 'hello')");
	assert_int_equal(testhost_count(host, "records"), 0);
	assert_int_equal(testhost_count(host, "outbox"), 0);
	assert_int_equal(testhost_count(host, "inbox"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duplicate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_json, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
