/* SPDX-License-Identifier: Apache-2.0 */
/* @NAME@ in the test host: the real pipeline and committer, and no daemon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gantry/testhost.h>

static struct testhost *host;

static int open_host(void **state)
{
	static const char *const options[] = { "exchange=counts", NULL };

	(void)state;
	host = testhost_open(&TESTHOST(.plugin = "./@NAME@.so",
				       .options = options), NULL);
	return host != NULL ? 0 : -1;
}

static int close_host(void **state)
{
	(void)state;
	testhost_close(&host);
	return 0;
}

/* Each message runs twice; -1 would mean that the runs differ. */
static struct testhost_answer count(const char *id, const char *body)
{
	struct testhost_answer answer;

	assert_int_equal(testhost_send(host, &TESTHOST_MESSAGE(.handler = "count",
		.source = GANTRY_SOURCE_AMQP, .id = id, .body = body), &answer), 0);
	return answer;
}

/* A column of the newest row; the text lives until the rows are freed. */
static const char *newest(json_t *rows, const char *column)
{
	const json_t *row = json_array_get(rows, json_array_size(rows) - 1);

	return json_string_value(json_object_get(row, column));
}

static void test_counts(void **state)
{
	json_t *rows;

	(void)state;
	assert_int_equal(count("e1", "{\"eventType\":\"A\"}").verdict, GANTRY_DONE);
	assert_int_equal(count("e2", "{\"eventType\":\"A\"}").verdict, GANTRY_DONE);
	assert_int_equal(count("e3", "{\"eventType\":\"B\"}").verdict, GANTRY_DONE);
	assert_int_equal(testhost_count(host, "records"), 2);
	rows = testhost_rows(host, "records");
	assert_string_equal(newest(rows, "value"), "{\"eventType\":\"B\",\"count\":1}");
	json_decref(rows);
}

static void test_an_event_that_comes_again_counts_once(void **state)
{
	(void)state;
	count("e1", "{\"eventType\":\"A\"}");
	assert_string_equal(count("e1", "{\"eventType\":\"A\"}").outcome, "duplicate");
	assert_int_equal(testhost_count(host, "outbox"), 1);
}

static void test_says_the_new_count(void **state)
{
	json_t *rows;

	(void)state;
	count("e1", "{\"eventType\":\"A\"}");
	rows = testhost_rows(host, "outbox");
	assert_string_equal(newest(rows, "exchange"), "counts");
	assert_string_equal(newest(rows, "routing_key"), "@NAME@.counted");
	assert_non_null(strstr(newest(rows, "body"), "\"count\":1"));
	json_decref(rows);
}

static void test_what_has_no_type_is_rejected(void **state)
{
	struct testhost_answer answer;

	(void)state;
	answer = count("e1", "{}");
	assert_int_equal(answer.verdict, GANTRY_REJECTED);
	assert_string_equal(answer.code, "VALIDATION_ERROR");
	assert_int_equal(testhost_count(host, "records"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counts),
		TEST(test_an_event_that_comes_again_counts_once),
		TEST(test_says_the_new_count),
		TEST(test_what_has_no_type_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
