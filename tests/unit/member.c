/* SPDX-License-Identifier: Apache-2.0 */
/* member - what is wrong with a JSON object, word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <gantry/member.h>

#include "gateway/base/error.h"

struct subject {
	json_t *object;
	struct gantry_error err;
};

static int setup(void **state)
{
	static struct subject s;
	char text[600], ids[2][130];

	memset(ids, 'x', sizeof(ids));
	ids[0][128] = ids[1][129] = '\0';
	error_init(&s.err);
	snprintf(text, sizeof(text),
		 "{\"id\":\"a\xc3\xa9 b\",\"empty\":\"\",\"ctl\":\"a\\u0001\",\"c1\":\"\\u0085\","
		 "\"n\":7,\"real\":7.0,\"yes\":true,\"null\":null,\"list\":[1,2],"
		 "\"o\":{},\"t\":\"2023-05-25T01:59:59.75+02:00\",\"max\":\"%s\",\"over\":\"%s\"}",
		 ids[0], ids[1]);
	s.object = json_loads(text, 0, NULL);
	assert_non_null(s.object);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct subject *s = *state;

	json_decref(s->object);
	error_fini(&s->err);
	return 0;
}

static void assert_details(const struct subject *s, const char *expected)
{
	const char *details = error_details(&s->err);

	assert_string_equal(details != NULL ? details : "none", expected);
}

static void test_text(void **state)
{
	struct subject *s = *state;

	assert_string_equal(gantry_member_text(s->object, "", "id", 128, 0, &s->err),
			    "a\xc3\xa9 b");
	assert_int_equal(strlen(gantry_member_text(s->object, "", "max", 128, 0,
						   &s->err)), 128);
	assert_null(gantry_member_text(s->object, "", "null", 128, GANTRY_OPTIONAL,
				       &s->err));
	assert_null(gantry_member_text(s->object, "", "none", 128, GANTRY_OPTIONAL,
				       &s->err));
	assert_int_equal(gantry_problems(&s->err), 0);
}

static void test_text_refuses(void **state)
{
	static const char *const bad[] = { "empty", "ctl", "c1", "n", "list", "o",
					   "over", "yes" };
	struct subject *s = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_null(gantry_member_text(s->object, "", bad[i], 128,
					       GANTRY_OPTIONAL, &s->err));
		assert_int_equal(gantry_problems(&s->err), i + 1);
	}
}

static void test_problems_word_for_word(void **state)
{
	struct subject *s = *state;

	gantry_member_text(s->object, "", "none", 128, 0, &s->err);
	gantry_member_text(s->object, "items[2].", "n", 128, 0, &s->err);
	gantry_member_integer(s->object, "", "real", 1, 9, &s->err);
	gantry_member_bool(s->object, "", "n", &s->err);
	gantry_member_time(s->object, "", "id", &s->err);
	gantry_member_list(s->object, "", "list", 1, 0, &s->err);
	gantry_member_object(s->object, "", "list", 0, &s->err);
	assert_details(s, "[{\"field\":\"none\",\"problem\":\"is required\"},"
		"{\"field\":\"items[2].n\",\"problem\":\"must be text of 1 to 128 bytes without control characters\"},"
		"{\"field\":\"real\",\"problem\":\"must be a whole number from 1 to 9\"},"
		"{\"field\":\"n\",\"problem\":\"must be true or false\"},"
		"{\"field\":\"id\",\"problem\":\"must be a time such as 2023-05-24T23:59:59Z\"},"
		"{\"field\":\"list\",\"problem\":\"must be a list of at most 1\"},"
		"{\"field\":\"list\",\"problem\":\"must be an object\"}]");
}

static void test_integer_bounds(void **state)
{
	struct subject *s = *state;

	assert_int_equal(gantry_member_integer(s->object, "", "n", 7, 7, &s->err), 7);
	assert_int_equal(gantry_problems(&s->err), 0);
	assert_int_equal(gantry_member_integer(s->object, "", "n", 8, 9, &s->err), 8);
	assert_int_equal(gantry_member_integer(s->object, "", "n", 1, 6, &s->err), 1);
	assert_int_equal(gantry_member_integer(s->object, "", "null", 1, 6, &s->err), 1);
	assert_int_equal(gantry_problems(&s->err), 3);
}

static void test_others(void **state)
{
	struct subject *s = *state;

	assert_true(gantry_member_bool(s->object, "", "yes", &s->err));
	assert_false(gantry_member_bool(s->object, "", "null", &s->err));
	assert_int_equal(gantry_member_time(s->object, "", "t", &s->err), 1684972799750);
	assert_int_equal(gantry_member_time(s->object, "", "none", &s->err), 0);
	assert_int_equal(json_array_size(gantry_member_list(s->object, "", "list", 2,
							    0, &s->err)), 2);
	assert_null(gantry_member_list(s->object, "", "none", 2, GANTRY_OPTIONAL,
				       &s->err));
	assert_non_null(gantry_member_object(s->object, "", "o", 0, &s->err));
	assert_int_equal(gantry_problems(&s->err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_problems_word_for_word, setup, teardown),
		cmocka_unit_test_setup_teardown(test_integer_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
