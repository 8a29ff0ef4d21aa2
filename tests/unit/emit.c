/* SPDX-License-Identifier: Apache-2.0 */
/* emit - JSON trees as YAML, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gateway/base/error.h"
#include "gateway/config/emit.h"

static void emits(const char *json, const char *yaml)
{
	struct gantry_error err = ERROR_INIT;
	json_t *tree = json_loads(json, JSON_DECODE_ANY, NULL);
	size_t len;
	char *text = emit_yaml(tree, NULL, &len, &err);

	assert_non_null(tree);
	assert_non_null(text);
	assert_string_equal(text, yaml);
	assert_int_equal(len, strlen(yaml));
	free(text);
	json_decref(tree);
}

static void test_members_stay_in_their_order(void **state)
{
	(void)state;
	emits("{\"b\": {\"z\": 1, \"a\": 2}, \"a\": 3}", "b:\n  z: 1\n  a: 2\na: 3\n");
}

static void test_lists(void **state)
{
	(void)state;
	emits("{\"a\": [\"x\", 1, true, null], \"b\": [{\"c\": 1}, {\"d\": 2}], \"e\": [],"
	      " \"f\": {}}",
	      "a: [x, 1, true, null]\nb:\n- c: 1\n- d: 2\ne: []\nf: {}\n");
}

/* Whatever some reader would take for a number, a date or a truth is quoted. */
static void test_texts_stay_texts(void **state)
{
	(void)state;
	emits("{\"200\": \"201\", \"a\": \"true\", \"b\": \"No\", \"c\": \"null\", \"d\": \"\","
	      " \"e\": \"2026-11-23\", \"f\": \"1.0\", \"g\": \"~\", \"h\": \"-\", \"i\": \".5\","
	      " \"y\": \"y\", \"on\": \"OFF\"}",
	      "'200': '201'\na: 'true'\nb: 'No'\nc: 'null'\nd: ''\ne: '2026-11-23'\n"
	      "f: '1.0'\ng: '~'\nh: '-'\ni: '.5'\n'y': 'y'\n'on': 'OFF'\n");
}

static void test_what_yaml_reads_otherwise_is_quoted(void **state)
{
	(void)state;
	emits("{\"a\": \"x: y\", \"b\": \"x #y\", \"c\": \"it's\", \"d\": \"'\", \"e\": \" x\","
	      " \"f\": \"$ref\", \"g\": \"/path/{id}\", \"h\": \"#/x\"}",
	      "a: 'x: y'\nb: 'x #y'\nc: it's\nd: ''''\ne: ' x'\nf: $ref\n"
	      "g: /path/{id}\nh: '#/x'\n");
}

static void test_lines(void **state)
{
	(void)state;
	emits("{\"a\": \"one\\ntwo\\n\", \"b\": \"gr\\u00fcn\"}",
	      "a: |\n  one\n  two\nb: grün\n");
}

static void test_numbers(void **state)
{
	(void)state;
	emits("[9223372036854775807, -1, 0.5, 1e300]",
	      "[9223372036854775807, -1, 0.5, 1.0000000000000001e+300]\n");
}

static void test_a_head_stands_before_it(void **state)
{
	struct gantry_error err = ERROR_INIT;
	json_t *tree = json_pack("{si}", "a", 1);
	size_t len;
	char *text = emit_yaml(tree, "# head\n", &len, &err);

	(void)state;
	assert_string_equal(text, "# head\na: 1\n");
	free(text);
	json_decref(tree);
}

/* Far more than one buffer of libyaml's. */
static void test_a_large_tree(void **state)
{
	struct gantry_error err = ERROR_INIT;
	json_t *tree = json_array();
	size_t len;
	char *text;

	(void)state;
	for (int i = 0; i < 20000; i++)
		json_array_append_new(tree, json_pack("{si}", "number", i));
	text = emit_yaml(tree, NULL, &len, &err);
	assert_non_null(text);
	assert_string_equal(text + len - strlen("- number: 19999\n"), "- number: 19999\n");
	free(text);
	json_decref(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_stay_in_their_order),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_texts_stay_texts),
		cmocka_unit_test(test_what_yaml_reads_otherwise_is_quoted),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_a_head_stands_before_it),
		cmocka_unit_test(test_a_large_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
