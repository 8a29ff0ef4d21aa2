/* SPDX-License-Identifier: Apache-2.0 */
/* values - the comparison of options that decides what a reload carries over. */
#include "tests/unit/config_files.h"

#include "gateway/config/option.h"
#include "gateway/config/values.h"

struct told {
	const char *text, *path, *secret;
	int64_t number, size, duration, choice;
	bool yes;
	const char *const *list;
};

static const char *const told_choices[] = { "one", "two", NULL };
static const struct gantry_option *const told_options[] = {
	GANTRY_TEXT(struct told, text, .summary = "-"),
	GANTRY_PATH(struct told, path, .summary = "-"),
	GANTRY_SECRET_FILE(struct told, secret, .summary = "-"),
	GANTRY_INTEGER(struct told, number, .summary = "-"),
	GANTRY_SIZE(struct told, size, .summary = "-"),
	GANTRY_DURATION(struct told, duration, .summary = "-"),
	GANTRY_CHOICE(struct told, choice, .choices = told_choices, .summary = "-"),
	GANTRY_BOOLEAN(struct told, yes, .summary = "-"),
	GANTRY_LIST(struct told, list, .summary = "-"),
	NULL
};

static const char *const told_list[] = { "a", "b", NULL };
static const struct told told_all = { "t", "/p", "/s", 1, 2, 3, 1, true, told_list };

static const char *told_differ(const struct told *other)
{
	const struct gantry_option *option = values_differ(told_options, &told_all, other);

	return option != NULL ? option->name : "";
}

static void test_values_are_compared(void **state)
{
	const char *const shorter[] = { "a", NULL };
	const char *const longer[] = { "a", "b", "c", NULL };
	char text[] = "t";
	struct told other;

	(void)state;
#define DIFFERS(member, value)                                     \
	do {                                                       \
		other = told_all;                                  \
		other.member = (value);                            \
		assert_string_equal(told_differ(&other), #member); \
	} while (0)
	other = told_all;
	other.text = text;
	assert_string_equal(told_differ(&other), "");
	DIFFERS(text, "u");
	DIFFERS(text, NULL);
	DIFFERS(path, "/q");
	DIFFERS(secret, NULL);
	DIFFERS(number, 0);
	DIFFERS(size, 0);
	DIFFERS(duration, 4);
	DIFFERS(choice, 0);
	DIFFERS(yes, false);
	DIFFERS(list, NULL);
	DIFFERS(list, shorter);
	DIFFERS(list, longer);
	assert_null(values_differ(NULL, &told_all, &other));
}

static void test_values_are_copied(void **state)
{
	struct arena arena = { 0 };
	struct told copy = { 0 };

	(void)state;
	values_copy(told_options, &arena, &told_all, &copy);
	assert_string_equal(told_differ(&copy), "");
	assert_ptr_not_equal(copy.text, told_all.text);
	assert_ptr_not_equal(copy.list, told_all.list);
	assert_ptr_not_equal(copy.list[0], told_all.list[0]);
	arena_fini(&arena);
}

static void test_files_are_looked_at(void **state)
{
	struct arena arena = { 0 };
	struct files files;
	const struct values_files *before;
	struct told told = { 0 };
	char *path, *other;

	(void)state;
	files_begin(&files);
	path = files_write(&files, "a", "one", 3);
	other = files_write(&files, "b", "one", 3);
	told.path = path;
#define LOOK() values_look(told_options, &told, &arena)
	before = LOOK();
	assert_true(values_same_files(before, LOOK()));
	told.text = path;
	assert_true(values_same_files(before, LOOK()));
	free(files_write(&files, "a", "three", 5));
	assert_false(values_same_files(before, LOOK()));
	before = LOOK();
	assert_int_equal(rename(other, path), 0);
	assert_false(values_same_files(before, LOOK()));
	before = LOOK();
	assert_int_equal(unlink(path), 0);
	assert_false(values_same_files(before, LOOK()));
	assert_true(values_same_files(LOOK(), LOOK()));
	free(path);
	free(other);
	arena_fini(&arena);
	files_end(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_compared),
		cmocka_unit_test(test_values_are_copied),
		cmocka_unit_test(test_files_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
