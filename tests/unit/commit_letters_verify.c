/* SPDX-License-Identifier: Apache-2.0 */
/* commit_letters_verify - what verify tells of dead letters whose rows are broken. */
#include "tests/unit/commit_letters.h"

#include "gateway/commit/verify.h"

struct findings {
	char text[4][160];
	unsigned n;
};

static void found(void *ctx, const char *invariant, const char *row, const char *what)
{
	struct findings *f = ctx;

	assert_true(f->n < 4);
	snprintf(f->text[f->n++], sizeof(f->text[0]), "%s %s: %s", invariant, row, what);
}

static struct findings check_verify(unsigned n)
{
	struct query_store store = world_query_store(&world);
	struct gantry_error err = ERROR_INIT;
	struct findings f = { .n = 0 };

	assert_int_equal(verify_dead_letters(&store, found, &f, &err), 0);
	assert_int_equal(f.n, n);
	error_fini(&err);
	return f;
}

static void damage(unsigned table, enum gantry_change_kind kind, unsigned column,
		   const char *text)
{
	struct gantry_value values[64] = { { 0 } };
	json_t *row = the_row(table);

	values[0] = value_number(json_integer_value(json_object_get(row, "ref")));
	values[column > 0 ? column : 1] = value_text(text);
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = kind, .table = table,
		.mask = UINT64_C(1) << column, .values = values });
	json_decref(row);
}

static void test_verify(void **state)
{
	struct findings f;

	(void)state;
	check_verify(0);
	store_letter(&letter_1, "{}", 2);
	check_verify(0);
	damage(COMMIT_INBOX, GANTRY_CHANGED, INBOX_STATE, "applied");
	f = check_verify(1);
	assert_string_equal(f.text[0], "I6 dead_letters test:e1: open, but the inbox "
				       "says applied");
	damage(COMMIT_INBOX, GANTRY_CHANGED, INBOX_STATE, "dead");
	damage(COMMIT_DEAD_LETTERS, GANTRY_CHANGED, DEAD_LETTERS_STATE, "applied");
	f = check_verify(1);
	assert_string_equal(f.text[0], "I6 inbox test:e1: dead, but its dead letter is "
				       "applied");
	damage(COMMIT_DEAD_LETTERS, GANTRY_GONE, 0, NULL);
	f = check_verify(1);
	assert_string_equal(f.text[0], "I6 inbox test:e1: dead, but there is no dead "
				       "letter of it");
}

static void test_verify_no_inbox(void **state)
{
	struct message_dead_letter letter = letter_1;
	struct findings f;
	char id[16];

	(void)state;
	store_letter(&letter_1, "{}", 2);
	damage(COMMIT_INBOX, GANTRY_GONE, 0, NULL);
	f = check_verify(1);
	assert_string_equal(f.text[0], "I6 dead_letters test:e1: open, but the inbox "
				       "does not know it");
	/* over more than a page */
	for (int i = 0; i < 1100; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		letter.event_id = id;
		store_letter(&letter, "{}", 2);
	}
	letter.event_id = NULL;
	store_letter(&letter, "{}", 2);
	check_verify(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_verify),
		TEST(test_verify_no_inbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
