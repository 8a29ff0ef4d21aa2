/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_limit - the plugin by the test host: who is counted, and what its
 * answers say. The last handler of a pipeline that goes on is a 404 here.
 */
#include "tests/handlers/host.h"

#define NOW INT64_C(1800000000000)

static void ask(struct host *h, int status, const char *role, int64_t now_ms)
{
	host_send(h, status, &TESTHOST_MESSAGE(.handler = "admit", .method = "GET",
					       .role = role, .now_ms = now_ms));
}

static void header(struct host *h, const char *name, const char *value)
{
	const char *said = testhost_header(h->t, name);

	if (value == NULL)
		assert_null(said);
	else
		assert_string_equal(said != NULL ? said : "(none)", value);
}

static void test_says_what_is_left(void **state)
{
	static const char *const options[] = { "rate=2", "per=10s", "burst=3", NULL };
	struct host h;

	(void)state;
	host_open(&h, "rate-limit", options);
	ask(&h, 404, "r", NOW);
	header(&h, "RateLimit-Limit", "3");
	header(&h, "RateLimit-Remaining", "2");
	header(&h, "RateLimit-Reset", "5");
	header(&h, "Retry-After", NULL);
	ask(&h, 404, "r", NOW);
	ask(&h, 404, "r", NOW);
	header(&h, "RateLimit-Remaining", "0");
	header(&h, "RateLimit-Reset", "15");
	ask(&h, 429, "r", NOW + 1);
	assert_string_equal(h.answer.code, "RATE_LIMITED");
	assert_string_equal(h.answer.message,
			    "Too many requests, the next may come in 5 s");
	header(&h, "Retry-After", "5");
	header(&h, "RateLimit-Remaining", "0");
	header(&h, "RateLimit-Reset", "15");
	ask(&h, 429, "r", NOW + 4999);
	header(&h, "Retry-After", "1");
	ask(&h, 404, "r", NOW + 5000);
	testhost_close(&h.t);
}

static void test_a_burst_is_the_rate_by_default(void **state)
{
	static const char *const options[] = { "rate=2", "headers=false", NULL };
	struct host h;

	(void)state;
	host_open(&h, "rate-limit", options);
	ask(&h, 404, "r", NOW);
	header(&h, "RateLimit-Limit", NULL);
	ask(&h, 404, "r", NOW);
	ask(&h, 429, "r", NOW);
	header(&h, "Retry-After", "1");
	header(&h, "RateLimit-Limit", NULL);
	testhost_close(&h.t);
}

static void test_by_role(void **state)
{
	static const char *const options[] = { "rate=1", "by=role", "roles=[a, b]", NULL };
	struct host h;

	(void)state;
	host_open(&h, "rate-limit", options);
	ask(&h, 404, "a", NOW);
	ask(&h, 429, "a", NOW);
	ask(&h, 404, "b", NOW);
	ask(&h, 429, "b", NOW);
	for (int i = 0; i < 5; i++)
		ask(&h, 404, "other", NOW);
	header(&h, "RateLimit-Limit", NULL);
	testhost_close(&h.t);
}

static void test_by_subject_and_by_all(void **state)
{
	static const char *const subject[] = { "rate=1", "roles=[a, b]", NULL };
	static const char *const all[] = { "rate=1", "by=all", NULL };
	struct host h;

	(void)state;
	host_open(&h, "rate-limit", subject);
	ask(&h, 404, "a", NOW);		/* all have the same subject here */
	ask(&h, 429, "b", NOW);
	ask(&h, 404, "other", NOW);
	ask(&h, 404, NULL, NOW);
	testhost_close(&h.t);
	host_open(&h, "rate-limit", all);
	ask(&h, 404, "a", NOW);
	ask(&h, 429, NULL, NOW);
	testhost_close(&h.t);
}

static void test_events_go_on(void **state)
{
	static const char *const options[] = { "rate=1", "by=all", NULL };
	struct host h;
	char id[16];

	(void)state;
	host_open(&h, "rate-limit", options);
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "evt_%d", i);
		assert_int_equal(testhost_send(h.t, &TESTHOST_MESSAGE(
			.handler = "admit", .source = GANTRY_SOURCE_AMQP, .id = id,
			.body = "{}"), &h.answer), 0);
		assert_int_equal(h.answer.verdict, GANTRY_DONE);
	}
	assert_int_equal(testhost_send(h.t, &TESTHOST_MESSAGE(.handler = "admit",
		.source = GANTRY_SOURCE_SCHEDULE), &h.answer), 0);
	assert_int_equal(h.answer.verdict, GANTRY_DONE);
	ask(&h, 404, "a", NOW);
	testhost_close(&h.t);
}

static void test_options_that_are_refused(void **state)
{
	(void)state;
	host_refuses("rate-limit", NULL, "options:1:1: test.rate: missing");
	host_refuses("rate-limit", (const char *const[]){ "rate=0", NULL },
		     "options:2:7: test.rate: must be 1 to 1000000: \"0\"");
	host_refuses("rate-limit", (const char *const[]){ "rate=1", "per=10ms", NULL },
		     "options:3:6: test.per: must be 1s to 1d: \"10ms\"");
	host_refuses("rate-limit", (const char *const[]){ "rate=1", "by=role", NULL },
		     "options:1:1: test: by: role needs roles");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_is_left),
		cmocka_unit_test(test_a_burst_is_the_rate_by_default),
		cmocka_unit_test(test_by_role),
		cmocka_unit_test(test_by_subject_and_by_all),
		cmocka_unit_test(test_events_go_on),
		cmocka_unit_test(test_options_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
