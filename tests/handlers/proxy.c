/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy - the plugin by the test host: what goes on to the upstream and what
 * comes back, line by line, and what does not.
 */
#include <stdio.h>

#include "tests/handlers/host.h"

#define UPSTREAM "upstream=shop"

static void tell(struct host *h, const char *method, const char *path, int status,
		 const char *body, const char *const *headers)
{
	testhost_upstream(h->t, &TESTHOST_UPSTREAM(.name = "shop", .method = method,
						   .path = path, .status = status,
						   .body = body, .headers = headers));
}

static void get(struct host *h, int status, const char *path)
{
	host_send(h, status, &TESTHOST_MESSAGE(.handler = "pass", .method = "GET",
					       .path = path));
}

/* The last request: "GET shop /path", its headers a line each, a line, the body. */
static void called(const struct host *h, const char *expected)
{
	const struct gantry_request *r = testhost_request(h->t, testhost_calls(h->t) - 1);
	char text[4096];
	size_t n;

	assert_non_null(r);
	n = (size_t)snprintf(text, sizeof(text), "%s %s %s\n", r->method, r->upstream,
			     r->path);
	for (const char *const *line = r->headers; *line != NULL; line++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", *line);
	snprintf(text + n, sizeof(text) - n, "\n%.*s", (int)r->body_len,
		 r->body != NULL ? r->body : "");
	assert_string_equal(text, expected);
}

static void header(const struct host *h, const char *name, const char *value)
{
	const char *said = testhost_header(h->t, name);

	if (value == NULL)
		assert_null(said);
	else
		assert_string_equal(said != NULL ? said : "(none)", value);
}

static void test_passes_all_of_it(void **state)
{
	static const char *const options[] = { UPSTREAM, NULL };
	static const char *const headers[] = { "Content-Type: text/csv", "ETag: \"1\"", NULL };
	struct host h;

	(void)state;
	host_open(&h, "proxy", options);
	tell(&h, "PATCH", "/orders/o%20%C3%A4?full=true&x=%26", 202, "a;b\n1;2\n", headers);
	host_send(&h, 202, &TESTHOST_MESSAGE(
		.handler = "pass", .method = "PATCH", .path = "/orders/o%20%C3%A4",
		.query = "full=true&x=%26", .body = "<order/>", .peer = "192.0.2.7",
		.headers = "Host=api.test:8080&Content-Type=text/xml&X-Empty=&Cookie=a&Cookie=b"));
	called(&h, "PATCH shop /orders/o%20%C3%A4?full=true&x=%26\n"
		   "Content-Type: text/xml\n"
		   "X-Empty: \n"
		   "Cookie: a\n"
		   "Cookie: b\n"
		   "Via: 1.1 gantry\n"
		   "X-Forwarded-For: 192.0.2.7\n"
		   "X-Forwarded-Proto: http\n"
		   "X-Forwarded-Host: api.test:8080\n"
		   "\n<order/>");
	assert_string_equal(h.answer.text, "a;b\n1;2\n");
	header(&h, "Content-Type", "text/csv");
	header(&h, "ETag", "\"1\"");
	testhost_close(&h.t);
}

static void test_keeps_back_what_is_of_the_connection(void **state)
{
	static const char *const options[] = { UPSTREAM, "forwarded=off", NULL };
	static const char *const headers[] = {
		"connection: X-Hop ,close", "X-Hop: 1", "Connection:\tX-Other",
		"x-other: 2", "Keep-Alive: timeout=5", "Transfer-Encoding: chunked",
		"Content-Length: 2", "Trailer: X-Sum", "Upgrade: h2c",
		"Proxy-Authenticate: Basic", "X-Correlation-ID: theirs", " Folded: x",
		"Not a token: x", "Empty: ", "Bell: \a", "Tab: a\tb", "Set-Cookie: a=1",
		"Set-Cookie: b=2", "Retry-After: 7", "Date: Tue, 01 Jan 2030 00:00:00 GMT",
		NULL
	};
	static const char *const gone[] = {
		"Connection", "X-Hop", "X-Other", "Keep-Alive", "Transfer-Encoding",
		"Content-Length", "Trailer", "Upgrade", "Proxy-Authenticate",
		"X-Correlation-ID", " Folded", "Folded", "Not a token", "Empty", "Bell"
	};
	struct host h;

	(void)state;
	host_open(&h, "proxy", options);
	tell(&h, "GET", "/x", 200, "{}", headers);
	host_send(&h, 200, &TESTHOST_MESSAGE(
		.handler = "pass", .method = "GET", .path = "/x", .peer = "::1",
		.headers = "Host=h&Connection=X-Secret, ,TE&X-Secret=s&x-secret=t&X-Secrets=kept&"
			   "connection=Accept-Language&Accept-Language=de&Keep-Alive=5&"
			   "Proxy-Authorization=p&Proxy-Connection=close&TE=trailers&"
			   "Trailer=X&Transfer-Encoding=chunked&Upgrade=h2c&"
			   "HTTP2-Settings=AAMAAABkAAQAAP__&Expect=100-continue&"
			   "Content-Length=0&traceparent=t&X-Correlation-ID=c&Accept=*/*"));
	called(&h, "GET shop /x\nX-Secrets: kept\nAccept: */*\nVia: 1.1 gantry\n\n");
	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++)
		header(&h, gone[i], NULL);
	header(&h, "Tab", "a b");
	header(&h, "Set-Cookie", "a=1");
	header(&h, "Retry-After", "7");
	header(&h, "Date", "Tue, 01 Jan 2030 00:00:00 GMT");
	/* nothing is made up for an answer that does not say what it is */
	header(&h, "Content-Type", NULL);
	testhost_close(&h.t);
}

static void forwarded(const char *option, const char *expected)
{
	const char *const options[] = { UPSTREAM, option, NULL };
	struct host h;

	host_open(&h, "proxy", options);
	tell(&h, "GET", "/x", 200, "", NULL);
	host_send(&h, 200, &TESTHOST_MESSAGE(
		.handler = "pass", .method = "GET", .path = "/x", .peer = "192.0.2.7",
		.headers = "Host=here&X-Forwarded-For=10.0.0.1&Forwarded=for=10.0.0.1&"
			   "X-Real-IP=10.0.0.1&X-Forwarded-Host=there&"
			   "X-Forwarded-For=10.0.0.2, 10.0.0.3&X-Forwarded-User=admin&Via=1.0 a"));
	called(&h, expected);
	testhost_close(&h.t);
}

static void test_says_whose_request_it_was(void **state)
{
	(void)state;
	/* what anybody can write is not believed */
	forwarded("forwarded=set", "GET shop /x\nVia: 1.0 a\nVia: 1.1 gantry\n"
		  "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: http\n"
		  "X-Forwarded-Host: here\n\n");
	forwarded("forwarded=add", "GET shop /x\nForwarded: for=10.0.0.1\n"
		  "X-Real-IP: 10.0.0.1\nX-Forwarded-Host: there\nX-Forwarded-User: admin\n"
		  "Via: 1.0 a\nVia: 1.1 gantry\n"
		  "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7\n"
		  "X-Forwarded-Proto: http\n\n");
	forwarded("forwarded=off", "GET shop /x\nVia: 1.0 a\nVia: 1.1 gantry\n\n");
}

static void test_a_prefix_is_taken_off(void **state)
{
	static const char *const options[] = { UPSTREAM, "strip_prefix=/shop/v1", NULL };
	struct host h;

	(void)state;
	host_open(&h, "proxy", options);
	tell(&h, "GET", "/orders", 200, "1", NULL);
	tell(&h, "GET", "/", 200, "2", NULL);
	tell(&h, "GET", "/?a=b", 200, "3", NULL);
	get(&h, 200, "/shop/v1/orders");
	get(&h, 200, "/shop/v1");
	assert_string_equal(h.answer.text, "2");
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = "pass", .method = "GET",
					     .path = "/shop/v1", .query = "a=b"));
	assert_string_equal(h.answer.text, "3");
	get(&h, 404, "/shop/v10/orders");
	assert_string_equal(h.answer.code, "ROUTE_NOT_FOUND");
	assert_int_equal(testhost_calls(h.t), 3);
	testhost_close(&h.t);
}

static void test_no_path_leads_away(void **state)
{
	static const char *const options[] = { UPSTREAM, NULL };
	static const char *const bad[] = { "/orders/..", "/orders/./x", "/../x",
					   "/orders/..;a=b/x", "/orders/.;", "/a\\..\\b" };
	static const char *const good[] = { "/orders/...", "/orders/a..", "/orders/.a", "/x/;" };
	char target[9000] = "/";
	struct host h;

	(void)state;
	host_open(&h, "proxy", options);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		get(&h, 400, bad[i]);
		assert_string_equal(h.answer.code, "VALIDATION_ERROR");
		assert_string_equal(h.answer.message, "The path has a part that leads upwards");
	}
	assert_int_equal(testhost_calls(h.t), 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		tell(&h, "GET", good[i], 200, "", NULL);
		get(&h, 200, good[i]);
	}
	memset(target + 1, 'a', 8191);
	tell(&h, "GET", target, 200, "", NULL);
	get(&h, 200, target);
	target[8192] = 'a';
	get(&h, 431, target);
	assert_string_equal(h.answer.message, "The target has more than 8192 bytes");
	testhost_close(&h.t);
}

static void test_statuses_pass_and_failures_do_not(void **state)
{
	static const char *const options[] = { UPSTREAM, NULL };
	static const int passed[] = { 204, 304, 401, 404, 408, 429, 500, 503 };
	struct host h;

	(void)state;
	host_open(&h, "proxy", options);
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++) {
		tell(&h, "GET", "/x", passed[i], "said", NULL);
		get(&h, passed[i], "/x");
		assert_int_equal(h.answer.verdict, GANTRY_DONE);
		assert_string_equal(h.answer.text, "said");
		header(&h, "Retry-After", NULL);
	}
	tell(&h, "GET", "/x", 0, NULL, NULL);
	get(&h, 502, "/x");
	assert_string_equal(h.answer.code, "UPSTREAM_UNREACHABLE");
	assert_string_equal(h.answer.message, "shop: does not answer /x");
	tell(&h, "GET", "/x", 700, "", NULL);
	get(&h, 502, "/x");
	assert_string_equal(h.answer.code, "UPSTREAM_BAD_ANSWER");
	assert_string_equal(h.answer.message, "status 700 is none of 200 to 599");
	testhost_close(&h.t);
}

/* A key is for the upstream: each time it is asked, and nothing is kept. */
static void test_a_key_is_passed_on(void **state)
{
	static const char *const options[] = { UPSTREAM, "forwarded=off", NULL };
	struct host h;

	(void)state;
	host_open(&h, "proxy", options);
	tell(&h, "POST", "/x", 201, "1", NULL);
	for (unsigned i = 1; i <= 2; i++) {
		host_send(&h, 201, &TESTHOST_MESSAGE(
			.handler = "pass", .path = "/x", .body = "b",
			.headers = "Idempotency-Key=k", .idempotency_key = "k"));
		called(&h, "POST shop /x\nIdempotency-Key: k\nVia: 1.1 gantry\n\nb");
		header(&h, "Idempotent-Replayed", NULL);
		assert_int_equal(testhost_calls(h.t), i);
	}
	assert_int_equal(testhost_count(h.t, "idempotency"), 0);
	testhost_close(&h.t);
}

static void test_only_over_http(void **state)
{
	static const char *const options[] = { UPSTREAM, NULL };
	struct host h;

	(void)state;
	host_open(&h, "proxy", options);
	assert_int_equal(testhost_send(h.t, &TESTHOST_MESSAGE(
		.handler = "pass", .source = GANTRY_SOURCE_AMQP, .body = "{}"), &h.answer), 0);
	assert_int_equal(h.answer.verdict, GANTRY_REJECTED);
	assert_string_equal(h.answer.message, "only what comes over http can be passed on");
	assert_int_equal(testhost_calls(h.t), 0);
	testhost_close(&h.t);
}

static void test_options_that_are_wrong(void **state)
{
	(void)state;
	host_refuses("proxy", (const char *const[]){ UPSTREAM, "forwarded=yes", NULL },
		     "options:3:12: test.forwarded: not one of set, add, off: \"yes\"");
	host_refuses("proxy", (const char *const[]){ UPSTREAM, "strip_prefix=api", NULL },
		     "options:1:1: test: strip_prefix: begins with / and does not end with it: \"api\"");
	host_refuses("proxy", (const char *const[]){ UPSTREAM, "strip_prefix=/a/", NULL },
		     "options:1:1: test: strip_prefix: begins with / and does not end with it: \"/a/\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes_all_of_it),
		cmocka_unit_test(test_keeps_back_what_is_of_the_connection),
		cmocka_unit_test(test_says_whose_request_it_was),
		cmocka_unit_test(test_a_prefix_is_taken_off),
		cmocka_unit_test(test_no_path_leads_away),
		cmocka_unit_test(test_statuses_pass_and_failures_do_not),
		cmocka_unit_test(test_a_key_is_passed_on),
		cmocka_unit_test(test_only_over_http),
		cmocka_unit_test(test_options_that_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
