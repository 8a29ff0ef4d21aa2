/* SPDX-License-Identifier: Apache-2.0 */
/* yaml - what is taken, and the words in which the rest is refused. */
#include "tests/unit/config_files.h"

#include "gateway/config/yaml.h"

struct parsed {
	struct arena arena;
	struct problems problems;
	const struct node *root;
	const char *problem;	/* the only one, or "" */
};

static const struct node_file yaml_file = { .name = "t.yaml", .path = "t.yaml",
					    .folder = "/" };

static void parse_n(struct parsed *p, const char *text, size_t len)
{
	unsigned n;
	const struct problem *list;

	*p = (struct parsed){ 0 };
	p->root = yaml_parse(&yaml_file, text, len, &p->arena, &p->problems);
	list = problems_sorted(&p->problems, &n);
	assert_true(n <= 1);
	assert_int_equal(n, p->root == NULL);
	p->problem = n > 0 ? list[0].text : "";
}

static void done(struct parsed *p)
{
	arena_fini(&p->arena);
	problems_fini(&p->problems);
}

static void refused_n(const char *text, size_t len, const char *problem)
{
	struct parsed p;

	parse_n(&p, text, len);
	assert_string_equal(p.problem, problem);
	done(&p);
}

static void refused(const char *text, const char *problem)
{
	refused_n(text, strlen(text), problem);
}

static const char *text_of(const struct node *map, const char *key)
{
	const struct node *node = node_get(map, key);

	assert_non_null(node);
	assert_int_equal(node->kind, NODE_TEXT);
	return node->text;
}

static void test_plain_scalars_are_texts(void **state)
{
	struct parsed p;
	const char *text = "a: NO\nb: 0777\nc: 12:30:45\nd: ~\ne: 'x y'\nf:\n"
			   "g: \"1\\t2\"\nh: null\n";

	(void)state;
	parse_n(&p, text, strlen(text));
	assert_string_equal(text_of(p.root, "a"), "NO");
	assert_string_equal(text_of(p.root, "b"), "0777");
	assert_string_equal(text_of(p.root, "c"), "12:30:45");
	assert_string_equal(text_of(p.root, "d"), "~");
	assert_string_equal(text_of(p.root, "e"), "x y");
	assert_string_equal(text_of(p.root, "g"), "1\t2");
	assert_string_equal(text_of(p.root, "h"), "null");
	assert_true(node_is_empty(node_get(p.root, "f")));
	assert_false(node_is_empty(node_get(p.root, "h")));
	assert_null(node_get(p.root, "z"));
	done(&p);
}

static void test_places(void **state)
{
	struct parsed p;
	const char *text = "a: 1\nb:\n  - x\n  - {k: v}\n";
	const struct node *v;

	(void)state;
	parse_n(&p, text, strlen(text));
	v = node_get(node_get(p.root, "b")->items[1], "k");
	assert_string_equal(node_place(v, &p.arena), "t.yaml:4:9");
	assert_string_equal(node_place(node_key(p.root, "b"), &p.arena),
			    "t.yaml:2:1");
	done(&p);
}

static void test_line_ends_and_empty_files(void **state)
{
	struct parsed p;
	static const char *const empty[] = { "", "\n", "# only\n", "---\n",
					     "\xef\xbb\xbf# bom\n" };

	(void)state;
	parse_n(&p, "a: 1\r\nb: 2\r\n", 12);
	assert_string_equal(text_of(p.root, "b"), "2");
	assert_int_equal(node_key(p.root, "b")->line, 2);
	done(&p);
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
		parse_n(&p, empty[i], strlen(empty[i]));
		assert_int_equal(p.root->kind, NODE_MAP);
		assert_int_equal(p.root->n, 0);
		done(&p);
	}
}

static void test_what_yaml_can_and_we_cannot(void **state)
{
	(void)state;
	refused("a: &x 1\n", "t.yaml:1:4: anchors are not allowed");
	refused("a: *x\n", "t.yaml:1:4: aliases are not allowed");
	refused("a: &x [*x]\n", "t.yaml:1:4: anchors are not allowed");
	refused("a: !!int 1\n", "t.yaml:1:4: tags are not allowed");
	refused("a: ! 1\n", "t.yaml:1:4: tags are not allowed");
	refused("a: !t {b: 1}\n", "t.yaml:1:4: tags are not allowed");
	refused("a: 1\n---\nb: 1\n",
		"t.yaml:2:1: a second document is not allowed");
	refused("a: 1\nb: 2\na: 3\n",
		"t.yaml:3:1: a: the same key as in line 1");
	refused("{a: {x: 1, x: 2}}", "t.yaml:1:12: x: the same key as in line 1");
	refused("? [a]\n: 1\n", "t.yaml:1:3: a key must be a text");
	refused("- a\n", "t.yaml:1:1: must be a mapping, not a list");
	refused("just text\n", "t.yaml:1:1: must be a mapping, not a text");
	refused("a: \"x\\0y\"\n", "t.yaml:1:4: a text with a NUL in it");
}

static void test_what_is_no_yaml(void **state)
{
	(void)state;
	refused("a:\n\tb: 1\n",
		"t.yaml:2:1: not YAML: found character that cannot start any "
		"token (indent with spaces, not tabs)");
	refused("a: 1\nb: [\n",
		"t.yaml:3:1: not YAML: did not find expected node content");
	refused("a: {b\n",
		"t.yaml:2:1: not YAML: did not find expected ',' or '}'");
	refused_n("a: 1\nb: \0x\n", 11,
		  "t.yaml:2:4: not YAML: control characters are not allowed");
	refused("a: 1\nb: \xff\n",
		"t.yaml:2:4: not YAML: invalid leading UTF-8 octet");
	refused_n("\xff\xfe" "a\0", 4,
		  "t.yaml:1:1: not YAML: invalid leading UTF-8 octet");
}

static char *repeat(const char *text, size_t n)
{
	size_t len = strlen(text);
	char *all = memory_new(len * n + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(all + i * len, text, len);
	return all;
}

static void test_limits(void **state)
{
	char *deep = repeat("[", 200000), *fits = repeat("[", 31);
	char *text = memory_format("a: %s", deep);
	struct parsed p;

	(void)state;
	refused(text, "t.yaml:1:35: nested more than 32 deep");
	free(text);
	text = memory_format("a: %s%.*s", fits, 31,
			     "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	parse_n(&p, text, strlen(text));
	assert_string_equal(p.problem, "");
	done(&p);
	free(text);
	text = repeat("#", YAML_MAX_BYTES + 1);
	refused(text, "t.yaml: larger than 1048576 bytes");
	text[YAML_MAX_BYTES] = '\0';
	refused(text, "");
	free(text);
	free(deep);
	free(fits);
}

static void test_too_many_keys(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (unsigned i = 0; i <= YAML_MAX_KEYS; i++)
		fprintf(out, "k%u: 1\n", i);
	fclose(out);
	refused(text, "t.yaml:4097:1: more than 4096 keys in one mapping");
	free(text);
}

/* Twenty levels that each name the one before nine times. */
static void test_alias_bomb(void **state)
{
	(void)state;
	refused("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
		"t.yaml:1:4: anchors are not allowed");
	refused("a: [x]\nb: [*a, *a]\n", "t.yaml:2:5: aliases are not allowed");
}

static void test_files(void **state)
{
	struct problems problems = { 0 };
	struct arena arena = { 0 };
	struct node_file missing = { .name = "m.yaml",
				     .path = "/nonexistent/m.yaml",
				     .folder = "/" };
	struct node_file folder = { .name = "tmp", .path = "/tmp",
				    .folder = "/", .order = 1 };
	unsigned n;
	const struct problem *list;

	(void)state;
	assert_null(yaml_read(&missing, &arena, &problems));
	assert_null(yaml_read(&folder, &arena, &problems));
	list = problems_sorted(&problems, &n);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].text,
			    "m.yaml: cannot read /nonexistent/m.yaml: No such "
			    "file or directory");
	assert_string_equal(list[1].text,
			    "tmp: cannot read /tmp: Is a directory");
	problems_fini(&problems);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_scalars_are_texts),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_line_ends_and_empty_files),
		cmocka_unit_test(test_what_yaml_can_and_we_cannot),
		cmocka_unit_test(test_what_is_no_yaml),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_many_keys),
		cmocka_unit_test(test_alias_bomb),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
