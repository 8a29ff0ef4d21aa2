/* SPDX-License-Identifier: Apache-2.0 */
/* retry - what is tried again, and when: pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/upstream/retry.h"

static void test_retry_wait(void **state)
{
	const struct retry_policy policy = { 3, 100, 1000 };
	struct retry_try last = { .transient = true, .left_ms = 100000 };
	static const int64_t most[] = { 100, 200, 400 };
	uint32_t chance = 1;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		int64_t lowest = INT64_MAX, highest = -1;

		last.before = i;
		for (int n = 0; n < 20000; n++) {
			int64_t wait = retry_wait(&policy, &last,
						  chance = chance * 1664525u + 1013904223u);

			lowest = wait < lowest ? wait : lowest;
			highest = wait > highest ? wait : highest;
		}
		assert_int_equal(lowest, 0);	/* full jitter */
		assert_int_equal(highest, most[i]);
	}
	last.before = 3;
	assert_int_equal(retry_wait(&policy, &last, 0), -1);
	last.before = 0;
	assert_int_equal(retry_wait(&policy, &last, UINT32_MAX), 100);
	last.left_ms = 100;
	assert_int_equal(retry_wait(&policy, &last, UINT32_MAX), -1);
	last.left_ms = 5000;
	last.after_ms = 1000;
	assert_int_equal(retry_wait(&policy, &last, 0), 1000);
	last.after_ms = 1001;
	assert_int_equal(retry_wait(&policy, &last, 0), -1);
	last.after_ms = 0;
	last.transient = false;
	assert_int_equal(retry_wait(&policy, &last, 0), -1);
	/* the cap */
	last = (struct retry_try){ .transient = true, .before = 9, .left_ms = 5000 };
	assert_int_equal(retry_wait(&(struct retry_policy){ 10, 100, 1000 }, &last,
				    UINT32_MAX), 1000);
}

static void test_retry_is_safe(void **state)
{
	static const char *const keyed[] = { "X-A: b", "idempotency-key: k", NULL };
	static const struct { const char *method; bool safe; } cases[] = {
		{ "GET", true }, { "HEAD", true }, { "PUT", true }, { "DELETE", true },
		{ "POST", false }, { "PATCH", false }, { "get", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct gantry_request r = GANTRY_REQUEST(.method = cases[i].method);

		assert_int_equal(retry_is_safe(&r), cases[i].safe);
		r.headers = keyed;
		assert_true(retry_is_safe(&r));
	}
	assert_true(retry_is_transient(503) && retry_is_transient(429));
	assert_false(retry_is_transient(404) || retry_is_transient(501));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_wait),
		cmocka_unit_test(test_retry_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
