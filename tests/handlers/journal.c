/* SPDX-License-Identifier: Apache-2.0 */
/* journal - the example plugin, by the test host. */
#include "tests/handlers/host.h"

static const char *const options[] = { "exchange=audit.events", NULL };

static void keep(struct host *h, const char *id, const char *body)
{
	assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "keep",
		.source = GANTRY_SOURCE_AMQP, .id = id, .body = body), &h->answer), 0);
}

static void test_keeps_each_event_once(void **state)
{
	struct host h;
	json_t *rows;
	const char *text;

	(void)state;
	host_open(&h, "journal", options);
	keep(&h, "e1", "{\"a\":1}");
	assert_int_equal(h.answer.verdict, GANTRY_DONE);
	keep(&h, "e1", "{\"a\":1}");
	assert_string_equal(h.answer.outcome, "duplicate");
	keep(&h, "e2", "{\"a\":2}");
	assert_int_equal(testhost_count(h.t, "records"), 2);
	rows = testhost_rows(h.t, "records");
	text = json_string_value(json_object_get(json_array_get(rows, 1), "value"));
	assert_string_equal(text, "{\"a\":2}");
	json_decref(rows);
	testhost_close(&h.t);
}

static void test_says_so(void **state)
{
	struct host h;
	const json_t *row;
	json_t *rows;

	(void)state;
	host_open(&h, "journal", options);
	keep(&h, "e1", "{\"a\":1}");
	rows = testhost_rows(h.t, "outbox");
	assert_int_equal(json_array_size(rows), 1);
	row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "exchange")),
			    "audit.events");
	assert_string_equal(json_string_value(json_object_get(row, "routing_key")),
			    "journal.kept");
	assert_non_null(strstr(json_string_value(json_object_get(row, "body")),
			       "\"payload\":{\"a\":1}"));
	json_decref(rows);
	testhost_close(&h.t);
}

static void test_what_is_no_json_is_rejected(void **state)
{
	struct host h;

	(void)state;
	host_open(&h, "journal", options);
	keep(&h, "e1", "hello");
	assert_int_equal(h.answer.verdict, GANTRY_REJECTED);
	assert_int_equal(testhost_count(h.t, "records"), 0);
	assert_int_equal(testhost_count(h.t, "outbox"), 0);
	testhost_close(&h.t);
}

static void test_needs_an_exchange(void **state)
{
	(void)state;
	host_refuses("journal", NULL, "options:1:1: test.exchange: missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_each_event_once),
		cmocka_unit_test(test_says_so),
		cmocka_unit_test(test_what_is_no_json_is_rejected),
		cmocka_unit_test(test_needs_an_exchange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
