/* SPDX-License-Identifier: Apache-2.0 */
/* tracestate - what is well-formed, and what is left of what is too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/base/memory.h"
#include "gateway/base/tracestate.h"

#define LENGTH(list) (sizeof(list) / sizeof(*(list)))

static void test_well_formed(void **state)
{
	static const char *const good[] = {
		"a=1", "foo=1,bar=2", "foo=1 \t , \t bar=2, \t baz=3", "foo=1,", ",foo=1",
		" foo=1", "foo=1\t", "foo=1,,,bar=2", "t-_*/1=x", "1t@v=x", "a@b-1=x",
		"foo=1,foo=2", "foo= a b", "foo=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~",
	};
	static const char *const bad[] = {
		"", " ", ",", ", \t,", "foo", "foo=", "=1", "foo =1", "FOO=1", "foo.bar=1",
		"foo=bar=baz", "foo=,bar=3", "foo=1,bar", "foo=a\tb", "foo=\x7f", "foo=\xc3\xa4",
		"foo=1\n", "1foo=1", "_foo=1", "foo@=1", "@foo=1", "foo@@bar=1",
		"foo@bar@baz=1", "foo@1bar=1", "foo;bar=1", "foo=1;bar=2,baz",
	};

	(void)state;
	for (unsigned i = 0; i < LENGTH(good); i++)
		assert_true(tracestate_is_valid(good[i]));
	for (unsigned i = 0; i < LENGTH(bad); i++)
		assert_false(tracestate_is_valid(bad[i]));
}

/* A member "KEY=VALUE" of these lengths. */
static char *member(size_t key, const char *system, size_t value)
{
	char *name = memory_new(key + 1), *said = memory_new(value + 1), *text;

	memset(name, 'k', key);
	memset(said, 'v', value);
	text = memory_format("%s%s=%s", name, system, said);
	free(name);
	free(said);
	return text;
}

static void bounded(size_t key, const char *system, size_t value, bool valid)
{
	char *text = member(key, system, value);

	assert_int_equal(tracestate_is_valid(text), valid);
	free(text);
}

static void test_bounds(void **state)
{
	char list[TRACESTATE_MAX_MEMBERS * 4 + 8] = "";

	(void)state;
	bounded(256, "", 1, true);
	bounded(257, "", 1, false);
	bounded(241, "@v", 1, true);
	bounded(242, "@v", 1, false);
	bounded(1, "@vvvvvvvvvvvvvv", 1, true);
	bounded(1, "@vvvvvvvvvvvvvvv", 1, false);
	bounded(1, "", 256, true);
	bounded(1, "", 257, false);
	for (int i = 0; i < TRACESTATE_MAX_MEMBERS; i++)
		strcat(list, "a=1,");
	/* the empty one behind the last comma is none */
	assert_true(tracestate_is_valid(list));
	strcat(list, "b=2");
	assert_false(tracestate_is_valid(list));
}

static void cut(const char *text, const char *expected)
{
	struct arena arena = { 0 };
	const char *is;

	assert_true(tracestate_is_valid(text));
	is = tracestate_cut(&arena, text);
	if (expected == NULL)
		assert_null(is);
	else
		assert_string_equal(is, expected);
	assert_true(is == NULL || strlen(is) <= TRACESTATE_MAX);
	arena_fini(&arena);
}

static void test_what_is_short_stays_as_it_is(void **state)
{
	struct arena arena = { 0 };
	AUTO_FREE char *whole = member(255, "", 256);

	(void)state;
	cut("foo=1 , ,bar=2", "foo=1 , ,bar=2");
	assert_int_equal(strlen(whole), TRACESTATE_MAX);
	assert_ptr_equal(tracestate_cut(&arena, whole), whole);
	arena_fini(&arena);
}

static void test_the_long_ones_go_first(void **state)
{
	AUTO_FREE char *many = member(100, "", 99), *over = member(100, "", 28);
	AUTO_FREE char *just = member(100, "", 27), *alone = member(256, "", 256);
	AUTO_FREE char *text = memory_format("a=1,%s,b=2,%s,%s,%s", many, many, just, over);
	AUTO_FREE char *left = memory_format("a=1,b=2,%s", just);

	(void)state;
	assert_int_equal(strlen(just), 128);
	cut(text, left);
	cut(alone, NULL);
}

static void test_then_those_at_the_end(void **state)
{
	AUTO_FREE char *one = member(100, "", 27);
	AUTO_FREE char *text = memory_format("%s,%s,%s,%s,z=1", one, one, one, one);
	AUTO_FREE char *left = memory_format("%s,%s,%s", one, one, one);

	(void)state;
	/* a short one behind one that does not fit is older still */
	cut(text, left);
}

/* What is too long by its spaces alone loses those. */
static void test_space_costs_no_member(void **state)
{
	AUTO_FREE char *one = member(100, "", 100);
	char space[512];
	AUTO_FREE char *text = NULL, *left = NULL;

	(void)state;
	memset(space, ' ', sizeof(space) - 1);
	space[sizeof(space) - 1] = '\0';
	text = memory_format("%s ,,%s,a=1", one, space);
	left = memory_format("%s,a=1", one);
	cut(text, left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_well_formed),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_what_is_short_stays_as_it_is),
		cmocka_unit_test(test_the_long_ones_go_first),
		cmocka_unit_test(test_then_those_at_the_end),
		cmocka_unit_test(test_space_costs_no_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
