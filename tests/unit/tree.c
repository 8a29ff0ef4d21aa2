/* SPDX-License-Identifier: Apache-2.0 */
/* tree - a long text gives the tree, or the reason, that a parser in one go gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/pipeline/tree.h"

#define LONG (5 * TREE_STRIDE)

/* [ text, "", "", ... ] of LONG bytes and then what ends it; the caller's. */
static char *padded(const char *text, const char *end)
{
	size_t at = strlen(text) + 1;
	char *made = malloc(LONG + strlen(end) + 1);

	assert_non_null(made);
	sprintf(made, "[%s", text);
	for (; at + 4 <= LONG; at += 4)
		memcpy(made + at, ",\"\"\n", 4);
	strcpy(made + at, end);
	return made;
}

/* The same as jansson alone. */
static void compare(const char *text, size_t len, size_t flags)
{
	json_error_t want_error, error;
	json_t *want = json_loadb(text, len, flags | JSON_REJECT_DUPLICATES, &want_error);
	json_t *got = tree_load(text, len, flags, &error);

	if (want != NULL) {
		assert_true(json_equal(want, got));
	} else {
		assert_null(got);
		assert_int_equal(error.line, want_error.line);
		assert_int_equal(error.column, want_error.column);
		assert_string_equal(error.text, want_error.text);
		assert_null(tree_load(text, len, flags, NULL));
	}
	json_decref(want);
	json_decref(got);
}

static void short_and_long_ones_are_read_alike(void **state)
{
	static const char *const texts[] = {
		"1", "\"\\u00e9 \xc3\xa9\"", "{\"a\":{\"b\":[null,true,-1.5e3]}}",
		"{\"a\":1,\"a\":2}", "nope", "\"\xff\"", "[1,]", "",
	};
	static const char *const ends[] = { "]", "", "] x", ",]", ",\"\xff\"]", ",{\"a\":1,\"a\":2}]" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		compare(texts[i], strlen(texts[i]), 0);
		compare(texts[i], strlen(texts[i]), JSON_DECODE_ANY);
		for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++) {
			char *text = padded(texts[i], ends[j]);

			compare(text, strlen(text), 0);
			free(text);
		}
	}
}

/* Cut anywhere, around the place where the thread gives way too. */
static void long_ones_that_end_early(void **state)
{
	char *text = padded("1", "]");

	(void)state;
	for (size_t len = TREE_STRIDE - 8; len < TREE_STRIDE + 8; len++)
		compare(text, len, 0);
	for (size_t len = 2 * TREE_STRIDE - 1100; len < 2 * TREE_STRIDE + 8; len += 7)
		compare(text, len, 0);
	compare(text, strlen(text), 0);
	free(text);
}

/* Depth is told before anything recurses, at any length. */
static void deep_ones_are_refused(void **state)
{
	char deep[2 * TREE_DEPTH + 3] = "", *text;
	json_error_t error;
	json_t *tree;

	(void)state;
	memset(deep, '[', TREE_DEPTH);
	memset(deep + TREE_DEPTH, ']', TREE_DEPTH);
	tree = tree_load(deep, 2 * TREE_DEPTH, 0, &error);
	assert_non_null(tree);
	json_decref(tree);
	text = padded(deep, "]");
	assert_null(tree_load(text, strlen(text), 0, &error));
	assert_int_equal(error.line, 0);
	assert_string_equal(error.text, "nested deeper than 32");
	free(text);
	/* but not what is only text, cut anywhere by those who look */
	for (size_t at = 0; at < 3; at++) {
		static const char brackets[] = "\"\\\\\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"";

		text = padded(&"   \"\""[at], ",");
		text = realloc(text, strlen(text) + sizeof(brackets) + 1);
		assert_non_null(text);
		strcat(strcat(text, brackets), "]");
		tree = tree_load(text, strlen(text), 0, &error);
		assert_non_null(tree);
		json_decref(tree);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_and_long_ones_are_read_alike),
		cmocka_unit_test(long_ones_that_end_early),
		cmocka_unit_test(deep_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
