/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_passed - requests that are passed on word by word, and the handles that
   are used again for them. */
#include "tests/unit/upstream_world.h"

static void passes(const char *method, const char *path, int status, unsigned requests)
{
	struct asked a;

	web_reset(&w.web);
	ask(&a, &GANTRY_REQUEST(.method = method, .path = path, .verbatim = true));
	assert_string_equal(a.call.error.message, "");
	assert_int_equal(a.call.answer.status, status);
	assert_null(a.call.answer.json);
	assert_int_equal(web_requests(&w.web), requests);
	call_fini(&a.call);
}

static void fails_with(const char *path, const char *code, const char *text)
{
	struct asked a;

	ask(&a, &GANTRY_REQUEST(.method = "POST", .path = path, .verbatim = true));
	assert_string_equal(a.call.error.code, code);
	assert_string_equal(a.call.error.message, text);
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	assert_int_equal(a.call.answer.status, 0);
	call_fini(&a.call);
}

/* Calls of who passes them on: every status is an answer, and nothing is added. */
static void test_verbatim(void **state)
{
	struct upstream_counts counts;
	struct asked a;

	(void)state;
	start(", max_response: 64K");
	passes("GET", "/status/503", 503, 3);
	passes("POST", "/status/503", 503, 1);
	passes("GET", "/fail/2/503", 200, 3);
	passes("GET", "/text", 200, 1);
	assert_true(upstreams_counts(w.upstreams, 0, &counts));
	assert_int_equal(counts.outcomes[UPSTREAM_FAILED], 2);
	assert_int_equal(counts.outcomes[UPSTREAM_ANSWERED], 2);
	assert_null(strstr(w.web.head, "Accept"));
	assert_null(strstr(w.web.head, "Content-Type"));
	assert_non_null(strstr(w.web.head, "X-Correlation-ID: cor_1\r\n"));
	ask(&a, &GANTRY_REQUEST(.method = "POST", .path = "/ok", .body = "a;b",
				.body_len = 3, .verbatim = true));
	call_fini(&a.call);
	assert_null(strstr(w.web.head, "Content-Type"));
	assert_non_null(strstr(w.web.head, "Content-Length: 3\r\n"));
	assert_non_null(strstr(w.web.head, "\r\n\r\na;b"));
	fails_with("/close", "UPSTREAM_BAD_ANSWER", "web: the connection broke");
	fails_with("/short", "UPSTREAM_BAD_ANSWER", "web: the connection broke");
	fails_with("/junk", "UPSTREAM_BAD_ANSWER", "web: the answer is not HTTP");
	fails_with("/huge", "UPSTREAM_BAD_ANSWER",
		   "web: the answer is larger than 65536 bytes");
	fails_with("/late/600", "UPSTREAM_TIMEOUT", "web: no answer within 400 ms");
	web_stop(&w.web);
	fails_with("/ok", "UPSTREAM_UNREACHABLE", "web: cannot be connected to");
	web_start(&w.web);
	stop();
}

/* One handle serves one after the other: nothing of a request stays in it. */
static void test_handles_are_used_again(void **state)
{
	static const struct gantry_request requests[] = {
		{ .method = "POST", .path = "/ok", .body = "body", .body_len = 4 },
		{ .method = "GET", .path = "/ok" },
		{ .method = "HEAD", .path = "/ok" },
		{ .method = "DELETE", .path = "/ok" },
		{ .method = "PUT", .path = "/ok", .body = "abc", .body_len = 3 },
		{ .method = "PATCH", .path = "/ok" },
		{ .method = "GET", .path = "/ok", .body = "q", .body_len = 1 },
		{ .method = "GET", .path = "/ok" },
	};
	struct asked a;

	(void)state;
	start(", pool: 1");
	for (size_t i = 0; i < 16; i++) {
		const struct gantry_request *r = &requests[i % 8];
		const char *body = r->body != NULL ? r->body : "";
		AUTO_FREE char *first = memory_format("%s /ok HTTP/1.1\r\n", r->method);
		AUTO_FREE char *length = memory_format("Content-Length: %zu\r\n", r->body_len);
		AUTO_FREE char *end = memory_format("\r\n\r\n%s", body);

		ask(&a, r);
		assert_string_equal(a.call.error.message, "");
		assert_int_equal(a.call.answer.status, 200);
		assert_int_equal(a.call.answer.body_len, i % 8 == 2 ? 0 : 13);
		call_fini(&a.call);
		assert_memory_equal(w.web.head, first, strlen(first));
		assert_string_equal(strstr(w.web.head, "\r\n\r\n"), end);
		assert_int_equal(strstr(w.web.head, length) != NULL,
				 r->body != NULL || i % 8 == 5);
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbatim),
		cmocka_unit_test(test_handles_are_used_again),
	};

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.ended, NULL);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
