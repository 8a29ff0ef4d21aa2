/* SPDX-License-Identifier: Apache-2.0 */
/* @NAME@ without a daemon; time is passed in, so nothing waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gantry/testhost.h>

static struct testhost *host;
static const struct gantry_breaker *breaker;
static void *self;

static int open_host(void **state)
{
	static const char *const options[] = { "failures=2", "rest=10s", NULL };

	(void)state;
	host = testhost_open(&TESTHOST(.plugin = "./@NAME@.so",
				       .options = options), NULL);
	if (host == NULL)
		return -1;
	breaker = testhost_plugin(host, &self)->breaker;
	return 0;
}

static int close_host(void **state)
{
	(void)state;
	testhost_close(&host);
	return 0;
}

/* Whether a call may begin; if so it ends at once with this result. */
static bool call(int64_t now_ms, enum gantry_call_result result)
{
	struct gantry_permit permit;
	int64_t wait_ms;

	if (!breaker->permit(self, now_ms, &permit, &wait_ms))
		return false;
	breaker->result(self, now_ms, &permit, result, 1);
	return true;
}

static enum gantry_breaker_state state_at(int64_t now_ms)
{
	struct gantry_breaker_status status = { .size = sizeof(status) };

	breaker->status(self, now_ms, &status);
	return status.state;
}

static void test_failures_in_a_row_open_it(void **state)
{
	(void)state;
	assert_true(call(1, GANTRY_CALL_FAILED));
	assert_true(call(2, GANTRY_CALL_SUCCEEDED));
	assert_true(call(3, GANTRY_CALL_FAILED));
	assert_int_equal(state_at(3), GANTRY_BREAKER_CLOSED);
	assert_true(call(4, GANTRY_CALL_FAILED));
	assert_int_equal(state_at(4), GANTRY_BREAKER_OPEN);
	assert_false(call(5, GANTRY_CALL_SUCCEEDED));
}

static void test_one_call_tries_again(void **state)
{
	struct gantry_permit permit;
	int64_t wait_ms = 0;

	(void)state;
	call(1, GANTRY_CALL_FAILED);
	call(1, GANTRY_CALL_FAILED);
	assert_false(breaker->permit(self, 9001, &permit, &wait_ms));
	assert_int_equal(wait_ms, 1000);
	assert_true(breaker->permit(self, 10001, &permit, &wait_ms));
	assert_false(call(10002, GANTRY_CALL_SUCCEEDED));
	breaker->result(self, 10003, &permit, GANTRY_CALL_SUCCEEDED, 2);
	assert_int_equal(state_at(10003), GANTRY_BREAKER_CLOSED);
}

static void test_a_late_result_says_nothing(void **state)
{
	struct gantry_permit permit;
	int64_t wait_ms;

	(void)state;
	assert_true(breaker->permit(self, 1, &permit, &wait_ms));
	call(2, GANTRY_CALL_FAILED);
	call(2, GANTRY_CALL_FAILED);
	breaker->result(self, 3, &permit, GANTRY_CALL_SUCCEEDED, 2);
	assert_int_equal(state_at(3), GANTRY_BREAKER_OPEN);
}

static void test_an_operator_holds_it(void **state)
{
	(void)state;
	assert_int_equal(breaker->order(self, 1, GANTRY_BREAKER_HOLD_OPEN, 500, NULL), 0);
	assert_false(call(2, GANTRY_CALL_SUCCEEDED));
	assert_int_equal(state_at(500), GANTRY_BREAKER_CLOSED);
	assert_int_equal(breaker->order(self, 501, GANTRY_BREAKER_HOLD_CLOSED, 0, NULL), 0);
	for (int i = 0; i < 5; i++)
		assert_true(call(502, GANTRY_CALL_FAILED));
	assert_int_equal(breaker->order(self, 503, GANTRY_BREAKER_RESET, 0, NULL), 0);
	call(504, GANTRY_CALL_FAILED);
	call(504, GANTRY_CALL_FAILED);
	assert_int_equal(state_at(504), GANTRY_BREAKER_OPEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failures_in_a_row_open_it),
		TEST(test_one_call_tries_again),
		TEST(test_a_late_result_says_nothing),
		TEST(test_an_operator_holds_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
