/* SPDX-License-Identifier: Apache-2.0 */
/* base - times, ids, text and numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/ids.h"
#include "gateway/base/parse.h"
#include "gateway/base/utf8.h"
#include "gateway/base/writer.h"

static int64_t time_of(const char *text)
{
	int64_t ms = -1;

	return clock_parse(text, strlen(text), &ms) ? ms : -1;
}

static void test_clock_normalises(void **state)
{
	(void)state;
	assert_int_equal(time_of("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(time_of("2023-05-24T23:59:59Z"), 1684972799000);
	assert_int_equal(time_of("2023-05-25T01:59:59.75+02:00"), 1684972799750);
	assert_int_equal(time_of("2023-05-24T18:29:59-05:30"), 1684972799000);
	assert_int_equal(time_of("2016-12-31T23:59:60Z"), time_of("2016-12-31T23:59:59Z"));
	assert_int_equal(time_of("2024-02-29T00:00:00Z"), 1709164800000);
	assert_int_equal(time_of("9999-12-31T23:59:59Z"), CLOCK_MAX_MS);
}

static void test_clock_refuses(void **state)
{
	static const char *const bad[] = {
		"", "2023", "2023-05-24", "2023-02-29T00:00:00Z",
		"2023-05-24T24:00:00Z", "2023-05-24T23:59:59",
		"2023-05-24T23:59:59.Z", "2023-05-24T23:59:59+2:00",
		"2023-05-24T23:59:59Zx", "1969-12-31T23:59:59Z",
		"2023-13-01T00:00:00Z", "x023-01-01T00:00:00Z",
		"9999-12-31T23:59:59-01:00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (time_of(bad[i]) != -1)
			fail_msg("accepted %s", bad[i]);
}

static void test_clock_round_trip(void **state)
{
	char text[CLOCK_TEXT];

	(void)state;
	for (int64_t ms = 0; ms < CLOCK_MAX_MS; ms += 86400000 * 17 + 1000) {
		clock_format(ms, text);
		assert_int_equal(time_of(text), ms);
	}
	clock_format_ms(1684972799750, text);
	assert_string_equal(text, "2023-05-24T23:59:59.750Z");
}

static void test_refs_ascend(void **state)
{
	struct ids_refs refs = { .replica = 3 };
	int64_t last = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		/* the clock steps back now and then */
		int64_t ref = ids_ref(&refs, 1700000000000 + (i % 7) - (i % 5000));

		assert_true(ref > last);
		last = ref;
	}
	assert_int_equal(last >> 14 & 255, 3);
}

static void test_ids_have_their_form(void **state)
{
	char ulid[IDS_ULID], uuid[IDS_UUID];

	(void)state;
	ids_ulid(1684841400000, ulid);
	assert_memory_equal(ulid, "01H145Z1P0", 10);
	assert_int_equal(strlen(ulid), 26);
	ids_uuid7(0x0188a1b2c3d4, uuid);
	assert_memory_equal(uuid, "0188a1b2-c3d4-7", 15);
	assert_non_null(strchr("89ab", uuid[19]));
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(utf8_is_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	assert_false(utf8_is_valid("\xc0\x80", 2));
	assert_false(utf8_is_valid("\xed\xa0\x80", 3));
	assert_false(utf8_is_valid("\xf4\x90\x80\x80", 4));
	assert_false(utf8_is_valid("\xe2\x82", 2));
	assert_true(utf8_is_id("ord_01 \xc3\xa4", 9, 128));
	assert_false(utf8_is_id("", 0, 128));
	assert_false(utf8_is_id("a\nb", 3, 128));
	assert_false(utf8_is_id("\xc2\x85", 2, 128));
	assert_false(utf8_is_id("abc", 3, 2));
}

static void check_clean(const char *text, size_t max, const char *expected)
{
	struct arena arena = { 0 };

	assert_string_equal(utf8_clean(&arena, text, max), expected);
	arena_fini(&arena);
}

static void test_utf8_clean(void **state)
{
	struct arena arena = { 0 };

	(void)state;
	check_clean("", 8, "");
	check_clean("abc", 3, "abc");
	check_clean("abc", 2, "ab");
	check_clean("a\nb\x7f" "c\xc2\x85" "d", 16, "a?b?c?d");
	check_clean("\xff\xc3\xa4\xe2\x82", 16, "?\xc3\xa4??");
	/* cut between two characters, not inside of one */
	check_clean("a\xc3\xa4\xe2\x82\xac", 5, "a\xc3\xa4");
	check_clean("\xe2\x82\xac", 2, "");
	assert_null(utf8_clean(&arena, NULL, 8));
	arena_fini(&arena);
}

static void test_parse(void **state)
{
	int64_t n;
	bool b;

	(void)state;
	assert_true(parse_size("16K", &n) && n == 16384);
	assert_true(parse_duration("24h", &n) && n == 86400000);
	assert_true(parse_duration("250ms", &n) && n == 250);
	assert_false(parse_duration("24", &n));
	assert_false(parse_size("1Mx", &n));
	assert_false(parse_size("-1", &n));
	assert_false(parse_integer("0x10", &n));
	assert_false(parse_integer("99999999999999999999", &n));
	assert_false(parse_size("9999999999G", &n));
	assert_true(parse_boolean("true", &b) && b);
	assert_false(parse_boolean("yes", &b));
}

static void test_writer_escapes(void **state)
{
	struct arena a = { 0 };
	struct writer w;

	(void)state;
	writer_init(&w, &a, 0);
	writer_object(&w, NULL);
	writer_text(&w, "a", "x\"\\\n\x01\xc3\xa4\xff/");
	writer_array(&w, "b");
	writer_int(&w, NULL, INT64_MIN);
	writer_int(&w, NULL, 0);
	writer_time(&w, NULL, 1684972799750);
	writer_end(&w);
	writer_object(&w, "c");
	writer_end(&w);
	writer_bool(&w, "d", true);
	writer_text(&w, "e", NULL);
	writer_end(&w);
	assert_string_equal(writer_done(&w, NULL),
			    "{\"a\":\"x\\\"\\\\\\n\\u0001\xc3\xa4\xef\xbf\xbd/\","
			    "\"b\":[-9223372036854775808,0,\"2023-05-24T23:59:59Z\"],"
			    "\"c\":{},\"d\":true,\"e\":null}");
	arena_fini(&a);
}

/* What was said elsewhere is taken as it is, as much as there is room for. */
static void test_error_copies(void **state)
{
	struct gantry_error err = ERROR_INIT;
	char text[2 * sizeof(err.message)];

	(void)state;
	memset(text, '%', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	gantry_fail(&err, "%s", text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	assert_memory_equal(err.message, text, sizeof(err.message) - 1);
	gantry_fail(&err, "%s", err.message + 500);
	assert_string_equal(err.message, "%%%%%%%%%%%");
	assert_int_equal(gantry_retry(&err, text), GANTRY_FAILED);
	assert_int_equal(strlen(err.code), sizeof(err.code_text) - 1);
	error_depends(&err, GANTRY_DEPENDS_ON_UPSTREAM, "%s: %d", "web", 7);
	assert_string_equal(err.message, "web: 7");
	assert_int_equal(err.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
}

static void test_error_lists_problems(void **state)
{
	struct gantry_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(gantry_problem(&err, "quantity", "is %s", "missing"), -1);
	gantry_problem(&err, "items[0].sku", "is \"odd\"");
	assert_string_equal(error_details(&err),
			    "[{\"field\":\"quantity\",\"problem\":\"is missing\"},"
			    "{\"field\":\"items[0].sku\",\"problem\":\"is \\\"odd\\\"\"}]");
	gantry_fail(&err, "no");
	error_prefix(&err, "instance %d", 7);
	assert_string_equal(err.message, "instance 7: no");
	assert_int_equal(gantry_reject(&err, "VALIDATION_ERROR"), GANTRY_REJECTED);
	assert_string_equal(err.code, "VALIDATION_ERROR");
	error_fini(&err);
}

/* Nothing has a place, too, so that who copies or sorts it need not ask. */
static void test_arena_gives_nothing(void **state)
{
	struct arena a = { 0 };

	(void)state;
	assert_non_null(arena_alloc(&a, 0));
	arena_fini(&a);
	assert_non_null(arena_zero(&a, 0));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_gives_nothing),
		cmocka_unit_test(test_clock_normalises),
		cmocka_unit_test(test_clock_refuses),
		cmocka_unit_test(test_clock_round_trip),
		cmocka_unit_test(test_refs_ascend),
		cmocka_unit_test(test_ids_have_their_form),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_clean),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_writer_escapes),
		cmocka_unit_test(test_error_copies),
		cmocka_unit_test(test_error_lists_problems),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
