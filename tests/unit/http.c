/* SPDX-License-Identifier: Apache-2.0 */
/* http - the pure parts: guard, target, addresses, deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/source/http/guard.h"
#include "gateway/source/http/http.h"
#include "gateway/source/http/listen.h"
#include "gateway/source/http/raw.h"
#include "gateway/source/http/target.h"
#include "gateway/source/http/watch.h"

/* "Name: value" lines, NULL at the end. */
static const char *refusal(const char *method, const char *version,
			   const char *const *lines, int64_t *length)
{
	static struct guard g;

	guard_begin(&g, method, version);
	for (; *lines != NULL; lines++) {
		const char *colon = strstr(*lines, ": ");

		guard_header(&g, *lines, (size_t)(colon - *lines), colon + 2,
			     strlen(colon + 2));
	}
	return guard_end(&g, 1000, length) ? NULL :
	       g.message != NULL ? g.message : g.code;
}

#define REFUSAL(method, version, length, ...) \
	refusal(method, version, (const char *const[]){ __VA_ARGS__, NULL }, length)

static void test_guard_accepts(void **state)
{
	int64_t n = 7;

	(void)state;
	assert_null(REFUSAL("GET", "HTTP/1.1", &n, "Host: a"));
	assert_int_equal(n, 0);
	assert_null(REFUSAL("POST", "HTTP/1.1", &n, "Host: [::1]:80", "content-LENGTH: 1000"));
	assert_int_equal(n, 1000);
	assert_null(REFUSAL("POST", "HTTP/1.1", &n, "Host: ", "Transfer-Encoding: Chunked"));
	assert_int_equal(n, -1);
	assert_null(REFUSAL("GET", "HTTP/1.0", &n, "X: tab\tand \xc3\xa4"));
	assert_null(REFUSAL("GET", "HTTP/1.1", &n, "Host: a", "X-Correlation-ID: 1",
			    "X-Correlation-ID: 2"));
}

static void test_guard_refuses(void **state)
{
	int64_t n = 7;

	(void)state;
	assert_string_equal(REFUSAL("GET", "HTTP/1.2", &n, "Host: a"),
			    "the request is not HTTP/1.1 or HTTP/1.0");
	assert_string_equal(REFUSAL("G(T", "HTTP/1.1", &n, "Host: a"),
			    "the method is not a token");
	assert_string_equal(REFUSAL("GET", "HTTP/1.1", &n, "X: a"),
			    "the Host header is missing");
	assert_string_equal(REFUSAL("GET", "HTTP/1.1", &n, "Host: a", "Host: a"),
			    "a header that may stand once stands more than once");
	assert_string_equal(REFUSAL("GET", "HTTP/1.1", &n, "Host: a@b"),
			    "the Host header is not a host");
	assert_string_equal(REFUSAL("GET", "HTTP/1.1", &n, "Host: a", "a b: c"),
			    "a header name is not a token");
	assert_string_equal(REFUSAL("GET", "HTTP/1.1", &n, "Host: a", "A: \x01"),
			    "a header value holds a control character");
	assert_string_equal(REFUSAL("POST", "HTTP/1.1", &n, "Host: a", "Content-Length: 1",
				    "Transfer-Encoding: chunked"),
			    "Content-Length and Transfer-Encoding exclude each other");
	assert_string_equal(REFUSAL("POST", "HTTP/1.1", &n, "Host: a",
				    "Transfer-Encoding: gzip, chunked"),
			    "the transfer coding is not \"chunked\"");
	assert_string_equal(REFUSAL("POST", "HTTP/1.0", &n, "Transfer-Encoding: chunked"),
			    "Transfer-Encoding in HTTP/1.0");
	assert_string_equal(REFUSAL("POST", "HTTP/1.1", &n, "Host: a", "Content-Length: +5"),
			    "the Content-Length is not a number");
	assert_string_equal(REFUSAL("POST", "HTTP/1.1", &n, "Host: a", "Content-Length: 1001"),
			    "PAYLOAD_TOO_LARGE");
	assert_string_equal(REFUSAL("POST", "HTTP/1.1", &n, "Host: a",
				    "Content-Length: 99999999999999999999999"),
			    "PAYLOAD_TOO_LARGE");
	assert_int_equal(n, 7);
}

/* It is looked at in eights: each byte at each place, in values of any length. */
static void test_guard_values(void **state)
{
	char value[32];

	(void)state;
	for (size_t at = 0; at < 27; at++) {
		for (int c = 1; c < 256; c++) {
			bool fine = c == '\t' || (c >= ' ' && c != 0x7f);
			struct guard g;

			memset(value, at % 2 == 0 ? 'a' : '\xff', sizeof(value));
			value[at] = (char)c;
			guard_begin(&g, "GET", "HTTP/1.0");
			guard_header(&g, "X", 1, value, 27);
			if (fine != (g.message == NULL))
				fail_msg("%#x at %zu", (unsigned)c, at);
			/* what comes behind it is another header's */
			guard_begin(&g, "GET", "HTTP/1.0");
			guard_header(&g, "X", 1, value, at);
			assert_null(g.message);
		}
	}
}

static void test_json_types(void **state)
{
	static const char *const good[] = {
		"application/json", "Application/JSON", "application/json; charset=utf-8",
		"application/json;charset=\"UTF-8\"", "application/json ; a=b ;charset=utf-8",
		"application/json;",
	};
	static const char *const bad[] = {
		"", "text/plain", "application/jsonx", "application/json x",
		"application/json; charset=latin1", "application/json; charset=utf-16",
		"application/json; a=\"b", "application/json, text/plain",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
		if (!guard_is_json(good[i]))
			fail_msg("refused %s", good[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		if (guard_is_json(bad[i]))
			fail_msg("accepted %s", bad[i]);
}

static void check_target(const char *text, const char *path, const char *query)
{
	char copy[128];
	const char *p = NULL;
	char *q = NULL;

	strcpy(copy, text);
	if (path == NULL) {
		assert_false(target_split(copy, &p, &q));
		return;
	}
	assert_true(target_split(copy, &p, &q));
	assert_string_equal(p, path);
	if (query == NULL)
		assert_null(q);
	else
		assert_string_equal(q, query);
}

static void test_targets(void **state)
{
	(void)state;
	check_target("/a/b", "/a/b", NULL);
	check_target("/a?b?c", "/a", "b?c");
	check_target("/a?", "/a", "");
	check_target("HTTP://h:1/a?b", "/a", "b");
	check_target("http://h", "/", NULL);
	check_target("http://h?x", "/", "x");
	check_target("*", "*", NULL);
	check_target("/a%2fb", "/a%2fb", NULL);
	check_target("a/b", NULL, NULL);
	check_target("", NULL, NULL);
	check_target("/a#b", NULL, NULL);
	check_target("/a b", NULL, NULL);
	check_target("/\xc3\xa4", NULL, NULL);
}

static void test_query(void **state)
{
	struct arena arena = { 0 };
	struct message_pair *pairs = NULL;
	char many[400] = "";
	unsigned n = 0;

	(void)state;
	assert_true(target_query("a=b%20c&d=%E4+x&&e&f=", &arena, &pairs, &n));
	assert_int_equal(n, 4);
	assert_string_equal(pairs[0].name, "a");
	assert_string_equal(pairs[0].value, "b c");
	assert_string_equal(pairs[1].value, "\xe4 x");
	assert_string_equal(pairs[2].name, "e");
	assert_string_equal(pairs[2].value, "");
	assert_string_equal(pairs[3].value, "");
	assert_true(target_query("", &arena, &pairs, &n));
	assert_int_equal(n, 0);
	assert_false(target_query("a=%", &arena, &pairs, &n));
	assert_false(target_query("a=%4", &arena, &pairs, &n));
	assert_false(target_query("a=%zz", &arena, &pairs, &n));
	assert_false(target_query("a=%00", &arena, &pairs, &n));
	for (int i = 0; i < 64; i++)
		strcat(many, "a=b&");
	assert_false(target_query(many, &arena, &pairs, &n));
	arena_fini(&arena);
}

static void test_traceparent(void **state)
{
#define TRACE "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	(void)state;
	assert_true(target_is_traceparent("00" TRACE));
	assert_true(target_is_traceparent("01" TRACE));
	assert_true(target_is_traceparent("cc" TRACE "-what"));
	assert_false(target_is_traceparent("00" TRACE "-what"));
	assert_false(target_is_traceparent("cc" TRACE "."));
	assert_false(target_is_traceparent("ff" TRACE));
	assert_false(target_is_traceparent(""));
	assert_false(target_is_traceparent(
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
	assert_false(target_is_traceparent(
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
	assert_false(target_is_traceparent(
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
}

static void check_address(const char *text, int family)
{
	struct gantry_error err = ERROR_INIT;
	struct listen_address address;

	if (listen_parse(text, &address, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	assert_int_equal(address.storage.ss_family, family);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {
		"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:-1", "::1:80", "[::1:80", "[127.0.0.1]:80", "host:80",
		"unix:x", "[]:80",
	};
	struct gantry_error err = ERROR_INIT;
	struct listen_address address;

	(void)state;
	check_address("127.0.0.1:8080", AF_INET);
	check_address("localhost:0", AF_INET);
	check_address("[::1]:8080", AF_INET6);
	check_address("unix:/run/x.sock", AF_UNIX);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		if (listen_parse(bad[i], &address, &err) == 0)
			fail_msg("accepted %s", bad[i]);
	assert_int_equal(listen_parse("host:80", &address, &err), -1);
	assert_string_equal(err.message,
			    "\"host:80\": not an address with a port such as "
			    "\"127.0.0.1:8080\", \"[::1]:8080\" or "
			    "\"unix:/run/gantry/api.sock\"");
}

static void test_start_names_what_is_wrong(void **state)
{
	const char *const far[] = { "192.0.2.1:1", NULL };
	struct http_options options = { .listen = far, .max_head = 10,
					.ops = { .handle = (void (*)(void *,
						struct gantry_message *))1 } };
	struct gantry_error err = ERROR_INIT;
	struct http *http = NULL;

	(void)state;
	assert_int_equal(http_start(&options, NULL, NULL, &http, &err), -1);
	assert_string_equal(err.message, "http: max_head: 1 KiB to 1 MiB");
	options.max_head = 0;
	assert_int_equal(http_start(&options, NULL, NULL, &http, &err), -1);
	assert_string_equal(err.message,
			    "http: 192.0.2.1:1: Cannot assign requested address");
	options.listen = NULL;
	assert_int_equal(http_start(&options, NULL, NULL, &http, &err), -1);
	assert_string_equal(err.message, "http: no address to listen on");
	assert_null(http);
}

static void test_watch_is_absolute(void **state)
{
	struct watched a, b;
	struct watch watch;

	(void)state;
	watch_init(&watch);
	assert_int_equal(watch_wait_ms(&watch), -1);
	watch.limit_ns[WATCH_HEAD] = 10000000;
	watch.limit_ns[WATCH_BODY] = 20000000;
	watch_add(&watch, &a, WATCH_HEAD);
	watch.now_ns = 4000001;
	watch_add(&watch, &b, WATCH_HEAD);
	assert_int_equal(watch_wait_ms(&watch), 6);
	assert_null(watch_due(&watch));
	watch.now_ns = 10000000;
	assert_ptr_equal(watch_due(&watch), &a);
	watch_move(&watch, &a, WATCH_BODY);
	assert_null(watch_due(&watch));
	assert_int_equal(watch_wait_ms(&watch), 5);
	watch.now_ns = 14000001;
	assert_ptr_equal(watch_due(&watch), &b);
	assert_int_equal(watch_wait_ms(&watch), 0);
	watch_move(&watch, &b, WATCH_WAIT);	/* no limit */
	assert_int_equal(watch_wait_ms(&watch), 16);
	watch_remove(&watch, &a);
	assert_int_equal(watch_wait_ms(&watch), -1);
	assert_int_equal(watch_count(&watch), 1);
}

/* A head as 0.9.75 leaves it, walked with the lines that it gave out. */
static bool raw_fits(const char *head, size_t len, const size_t *at, unsigned n)
{
	size_t target = strlen(head) + 1;
	struct raw raw;

	raw_begin(&raw, head, head + target, 2, head + target + 3, len);
	for (unsigned i = 0; i < n; i++)
		raw_line(&raw, head + at[2 * i], head + at[2 * i + 1]);
	return raw_end(&raw);
}

#define RAW(text, ...)                                                     \
	raw_fits(text, sizeof(text) - 1, (const size_t[]){ __VA_ARGS__ },  \
		 sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t) / 2)
#define RAW_LINE "GET\0/a\0HTTP/1.1\0\0"	/* 17 bytes */

static void test_raw_sees_what_is_hidden(void **state)
{
	(void)state;
	assert_true(RAW(RAW_LINE "Host\0 a\0\0\0\0", 17, 23));
	assert_true(RAW(RAW_LINE "X\0\0\0Y\0b\0\0\0\0", 17, 19, 21, 23));
	/* an empty name ended the head */
	assert_false(RAW(RAW_LINE "Host\0 a\0\0\0 x\0\0", 17, 23));
	assert_false(RAW(RAW_LINE "Host\0 a\0\0\0\0\0", 17, 23));
	/* NUL in a value, a bare LF, a folded line, a line not given out */
	assert_false(RAW(RAW_LINE "Host\0 a\0b\0\0\0\0", 17, 23));
	assert_false(RAW(RAW_LINE "X\0b\0Y\0c\0\0\0\0", 17, 19, 21, 23));
	assert_false(RAW(RAW_LINE "X\0b\0\0 c\0\0\0\0", 17, 19));
	assert_false(RAW(RAW_LINE "X\0b\0\0Y\0c\0\0\0\0", 17, 19));
	assert_false(RAW(RAW_LINE "X\0b\0\0Y\0c\0\0\0\0", 22, 24));
	/* pointers that lead elsewhere, a head that is too short */
	assert_false(RAW(RAW_LINE "X\0b\0\0\0\0", 100, 102));
	assert_false(RAW(RAW_LINE "X\0b", 17, 19));
	assert_false(RAW("GET\0/a\0HTTP/1.1", 0, 0));
	assert_false(RAW("GET\0/a\0 HTTP/1.1\0\0\0\0", 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard_accepts),
		cmocka_unit_test(test_guard_refuses),
		cmocka_unit_test(test_guard_values),
		cmocka_unit_test(test_json_types),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_traceparent),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_start_names_what_is_wrong),
		cmocka_unit_test(test_raw_sees_what_is_hidden),
		cmocka_unit_test(test_watch_is_absolute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
