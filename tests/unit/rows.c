/* SPDX-License-Identifier: Apache-2.0 */
/* rows - sets of rows with their undo, and the keys that a unit needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/rows/needs.h"
#include "gateway/rows/set.h"

#define COLUMN(name_, kind_) \
	&(const struct gantry_column){ .size = sizeof(struct gantry_column), \
				       .name = name_, .kind = kind_ }

enum { BOOKS, PAGES };
enum { BOOK_REF, BOOK_VERSION, BOOK_ID, BOOK_SHELF, BOOK_PLACE, BOOK_COLUMNS };

static const struct gantry_column *const book_columns[] = {
	COLUMN("ref", GANTRY_INT64), COLUMN("version", GANTRY_INT64),
	COLUMN("id", GANTRY_STRING), COLUMN("shelf", GANTRY_INT64),
	COLUMN("place", GANTRY_INT64),
};
static const struct gantry_index by_shelf = {
	.size = sizeof(struct gantry_index), .name = "books_shelf",
	.columns = (const unsigned[]){ BOOK_SHELF, BOOK_PLACE }, .n_columns = 2,
};
static const struct gantry_index by_id = {
	.size = sizeof(struct gantry_index), .name = "books_id",
	.columns = (const unsigned[]){ BOOK_ID }, .n_columns = 1, .unique = true,
};
static const struct gantry_table books = {
	.size = sizeof(struct gantry_table), .name = "books",
	.columns = book_columns, .n_columns = BOOK_COLUMNS,
	.indexes = (const struct gantry_index *const[]){ &by_shelf, &by_id },
	.n_indexes = 2,
};
static const struct gantry_table pages = {
	.size = sizeof(struct gantry_table), .name = "pages",
	.columns = book_columns, .n_columns = 2,
};
static const struct gantry_schema library = {
	.size = sizeof(struct gantry_schema), .name = "library", .major = 1,
	.tables = (const struct gantry_table *const[]){ &books, &pages },
	.n_tables = 2,
};
enum { INDEX_SHELF, INDEX_ID };

static void book(struct gantry_value *v, int64_t ref, const char *id,
		 int64_t shelf, int64_t place)
{
	v[BOOK_REF] = value_number(ref);
	v[BOOK_VERSION] = value_number(5);
	v[BOOK_ID] = value_text(id);
	v[BOOK_SHELF] = value_number(shelf);
	v[BOOK_PLACE] = value_number(place);
}

static size_t count_shelf(const struct rowset *set, int64_t shelf)
{
	struct gantry_value key = value_number(shelf);
	size_t n = 0;

	for (struct row *row = rowset_find(set, BOOKS, INDEX_SHELF, &key, 1);
	     row != NULL; row = rowset_find_next(set, row, INDEX_SHELF, &key, 1))
		n++;
	return n;
}

static void test_take_and_find(void **state)
{
	struct gantry_value v[BOOK_COLUMNS], key[2], nothing = { 0 };
	struct rowset set;
	struct row *row;
	char id[] = "emma\0";

	(void)state;
	rowset_init(&set, &library);
	assert_null(rowset_by_ref(&set, BOOKS, 7));
	key[0] = value_text("emma");
	assert_null(rowset_find(&set, BOOKS, INDEX_ID, key, 1));
	book(v, 7, id, 1, 2);
	row = rowset_take(&set, BOOKS, v);
	id[0] = 'x';		/* the text was copied */
	assert_ptr_equal(rowset_by_ref(&set, BOOKS, 7), row);
	assert_ptr_equal(rowset_find(&set, BOOKS, INDEX_ID, key, 1), row);
	assert_string_equal(row_text(row, BOOK_ID), "emma");
	key[0] = value_number(1);
	key[1] = value_number(3);
	assert_ptr_equal(rowset_find(&set, BOOKS, INDEX_SHELF, key, 1), row);
	assert_null(rowset_find(&set, BOOKS, INDEX_SHELF, key, 2));
	assert_null(rowset_find(&set, BOOKS, INDEX_SHELF, &nothing, 1));
	/* what is there already stays */
	row_set_number(&set, row, BOOK_PLACE, 3);
	book(v, 7, "other", 9, 9);
	assert_ptr_equal(rowset_take(&set, BOOKS, v), row);
	assert_int_equal(row_number(row, BOOK_PLACE), 3);
	assert_int_equal(row_number(row, BOOK_VERSION), 6);
	assert_ptr_equal(rowset_find(&set, BOOKS, INDEX_SHELF, key, 2), row);
	/* a null is on no chain and equals nothing */
	row_set_null(&set, row, BOOK_SHELF);
	assert_int_equal(count_shelf(&set, 1), 0);
	assert_true(row_is_null(row, BOOK_SHELF));
	row_set_text(&set, row, BOOK_ID, NULL);
	assert_null(row_text(row, BOOK_ID));
	rowset_reset(&set);
	assert_null(rowset_by_ref(&set, BOOKS, 7));
	assert_null(rowset_rows(&set, BOOKS));
	rowset_fini(&set);
}

static void test_versions_and_states(void **state)
{
	struct gantry_value v[BOOK_COLUMNS], key;
	struct rowset set;
	struct row *old, *new;

	(void)state;
	rowset_init(&set, &library);
	book(v, 1, "a", 1, 1);
	old = rowset_take(&set, BOOKS, v);
	rowset_mark(&set);
	row_set_number(&set, old, BOOK_PLACE, 1);
	assert_int_equal(old->state, ROW_STORED);
	row_set_number(&set, old, BOOK_PLACE, 2);
	row_set_text(&set, old, BOOK_ID, "b");
	assert_int_equal(old->state, ROW_CHANGED);
	assert_int_equal(row_number(old, BOOK_VERSION), 6);
	assert_int_equal(old->mask, 1 << BOOK_VERSION | 1 << BOOK_PLACE | 1 << BOOK_ID);
	new = rowset_new(&set, BOOKS, 2);
	row_set_text(&set, new, BOOK_ID, "c");
	row_set_number(&set, new, BOOK_SHELF, 1);
	assert_int_equal(row_number(new, BOOK_VERSION), 1);
	assert_int_equal(count_shelf(&set, 1), 2);
	rowset_mark(&set);
	row_set_number(&set, old, BOOK_PLACE, 3);
	row_set_number(&set, new, BOOK_PLACE, 3);
	assert_int_equal(row_number(old, BOOK_VERSION), 7);
	assert_int_equal(row_number(new, BOOK_VERSION), 2);
	assert_int_equal(new->state, ROW_NEW);
	rowset_remove(&set, new);
	rowset_remove(&set, old);
	assert_int_equal(new->state, ROW_VOID);
	assert_int_equal(old->state, ROW_GONE);
	key = value_text("c");
	assert_null(rowset_find(&set, BOOKS, INDEX_ID, &key, 1));
	assert_null(rowset_by_ref(&set, BOOKS, 1));
	assert_int_equal(count_shelf(&set, 1), 0);
	rowset_undo(&set);
	assert_int_equal(new->state, ROW_NEW);
	assert_int_equal(old->state, ROW_CHANGED);
	assert_int_equal(row_number(old, BOOK_VERSION), 6);
	assert_int_equal(row_number(old, BOOK_PLACE), 2);
	assert_int_equal(row_number(new, BOOK_VERSION), 1);
	assert_true(row_is_null(new, BOOK_PLACE));
	assert_int_equal(count_shelf(&set, 1), 2);
	/* after an undo changes are saved again */
	row_set_number(&set, old, BOOK_SHELF, 4);
	assert_int_equal(row_number(old, BOOK_VERSION), 7);
	assert_int_equal(count_shelf(&set, 4), 1);
	rowset_undo(&set);
	assert_int_equal(count_shelf(&set, 4), 0);
	assert_int_equal(count_shelf(&set, 1), 2);
	rowset_fini(&set);
}

static void test_undone_new_row_is_void(void **state)
{
	struct arena a = { 0 };
	struct gantry_value key = value_text("c");
	struct rowset set;
	struct row *row;
	size_t n;

	(void)state;
	rowset_init(&set, &library);
	rowset_mark(&set);
	row = rowset_new(&set, BOOKS, 2);
	row_set_text_kept(&set, row, BOOK_ID, "c", 1);
	rowset_undo(&set);
	assert_int_equal(row->state, ROW_VOID);
	assert_null(rowset_find(&set, BOOKS, INDEX_ID, &key, 1));
	rowset_changes(&set, &a, &n);
	assert_int_equal(n, 0);
	rowset_fini(&set);
	arena_fini(&a);
}

static void test_changes_are_ordered(void **state)
{
	static const char *const ids[] = { "m", "ca", "x", "c" };
	static const char *const want = "G2 C1 C9 N13 N11 N10 N12 |N3 ";
	struct gantry_value v[BOOK_COLUMNS];
	const struct gantry_change *const *changes;
	struct arena a = { 0 };
	struct rowset set;
	char text[128] = "";
	size_t n, len = 0;

	(void)state;
	rowset_init(&set, &library);
	rowset_new(&set, PAGES, 3);
	for (int i = 0; i < 4; i++)
		row_set_text(&set, rowset_new(&set, BOOKS, 10 + i), BOOK_ID, ids[i]);
	book(v, 9, "z", 1, 1);
	row_set_number(&set, rowset_take(&set, BOOKS, v), BOOK_SHELF, 2);
	book(v, 1, "y", 1, 1);
	row_set_number(&set, rowset_take(&set, BOOKS, v), BOOK_SHELF, 2);
	book(v, 2, "w", 1, 1);
	rowset_remove(&set, rowset_take(&set, BOOKS, v));
	book(v, 4, "untouched", 1, 1);
	rowset_take(&set, BOOKS, v);
	changes = rowset_changes(&set, &a, &n);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%c%d ",
			i > 0 && changes[i]->table > changes[i - 1]->table ? "|" : "",
			"?GCN"[changes[i]->kind],
			(int)changes[i]->values[0].is.number);
	assert_string_equal(text, want);
	assert_int_equal(changes[1]->mask, 1 << BOOK_VERSION | 1 << BOOK_SHELF);
	rowset_fini(&set);
	arena_fini(&a);
}

/* Against plain arrays: many rows, marks, undos, look-ups. */
#define MANY 700

struct plain {
	bool there, was_stored;
	int64_t version, shelf, place;
};

static void check_plain(const struct rowset *set, const struct plain *now)
{
	size_t shelves[11] = { 0 };

	for (int64_t i = 0; i < MANY; i++) {
		struct row *row = rowset_by_ref(set, BOOKS, i + 1);

		assert_int_equal(row != NULL, now[i].there);
		if (row == NULL)
			continue;
		shelves[now[i].shelf]++;
		assert_int_equal(row_number(row, BOOK_VERSION), now[i].version);
		if (now[i].shelf == 0)
			assert_true(row_is_null(row, BOOK_SHELF));
		else
			assert_int_equal(row_number(row, BOOK_SHELF), now[i].shelf);
		assert_int_equal(row_number(row, BOOK_PLACE), now[i].place);
	}
	for (int64_t i = 1; i <= 10; i++)
		assert_int_equal(count_shelf(set, i), shelves[i]);
}

static void change_plain(struct rowset *set, struct plain *p, int64_t ref,
			 bool *touched)
{
	struct row *row = rowset_by_ref(set, BOOKS, ref);
	int64_t shelf = rand() % 11, place = rand() % 3;

	if (shelf == p->shelf && place == p->place)
		return;
	if (shelf == 0)
		row_set_null(set, row, BOOK_SHELF);
	else
		row_set_number(set, row, BOOK_SHELF, shelf);
	row_set_number(set, row, BOOK_PLACE, place);
	p->shelf = shelf;
	p->place = place;
	p->version += !*touched;
	*touched = true;
}

static void make_plain(struct rowset *set, struct plain *p, int64_t ref,
		       bool stored, bool *touched)
{
	struct gantry_value v[BOOK_COLUMNS];
	struct row *row;

	*p = (struct plain){ .there = true, .was_stored = stored,
			     .shelf = 1, .version = stored ? 5 : 1 };
	if (stored) {
		book(v, ref, "s", 1, 0);
		rowset_take(set, BOOKS, v);
		return;
	}
	row = rowset_new(set, BOOKS, ref);
	row_set_number(set, row, BOOK_SHELF, 1);
	row_set_number(set, row, BOOK_PLACE, 0);
	*touched = true;
}

static void play_message(struct rowset *set, struct plain *now, int64_t *n,
			 bool undo)
{
	static struct plain was[MANY];
	static bool touched[MANY];
	int64_t first = *n;

	memcpy(was, now, sizeof(was));
	memset(touched, 0, sizeof(touched));
	rowset_mark(set);
	for (int i = 0; i < 12; i++) {
		int64_t at = *n == 0 ? 0 : rand() % *n;

		if (*n < MANY && rand() % 4 == 0) {
			make_plain(set, &now[*n], *n + 1, false, &touched[*n]);
			(*n)++;
		} else if (*n > 0 && now[at].there && rand() % 8 == 0) {
			rowset_remove(set, rowset_by_ref(set, BOOKS, at + 1));
			now[at].there = false;
			touched[at] = true;
		} else if (*n > 0 && now[at].there) {
			change_plain(set, &now[at], at + 1, &touched[at]);
		}
	}
	if (!undo)
		return;
	rowset_undo(set);
	memcpy(now, was, sizeof(was));
	for (int64_t i = first; i < *n; i++)
		now[i].there = false;
}

static void check_changes(struct rowset *set, const struct plain *now, int64_t n)
{
	struct arena a = { 0 };
	const struct gantry_change *const *changes;
	size_t n_changes, news = 0, gone = 0;

	changes = rowset_changes(set, &a, &n_changes);
	for (size_t i = 0; i < n_changes; i++) {
		const struct plain *p = &now[changes[i]->values[0].is.number - 1];

		news += changes[i]->kind == GANTRY_NEW;
		gone += changes[i]->kind == GANTRY_GONE;
		assert_int_equal(p->there, changes[i]->kind != GANTRY_GONE);
		assert_int_equal(p->was_stored, changes[i]->kind != GANTRY_NEW);
		if (changes[i]->kind == GANTRY_CHANGED)
			assert_true(p->version > 5);
	}
	for (int64_t i = 0; i < n; i++) {
		news -= now[i].there && !now[i].was_stored;
		gone -= !now[i].there && now[i].was_stored;
	}
	assert_int_equal(news, 0);
	assert_int_equal(gone, 0);
	arena_fini(&a);
}

static void test_random_histories(void **state)
{
	static struct plain now[MANY];
	struct rowset set;

	(void)state;
	rowset_init(&set, &library);
	for (unsigned seed = 1; seed <= 40; seed++) {
		int64_t n = 0;
		bool ignored;

		srand(seed);
		memset(now, 0, sizeof(now));
		for (; n < rand() % 300; n++)
			make_plain(&set, &now[n], n + 1, true, &ignored);
		for (int i = 0; i < 100; i++) {
			play_message(&set, now, &n, rand() % 3 == 0);
			check_plain(&set, now);
		}
		check_changes(&set, now, n);
		rowset_reset(&set);
	}
	rowset_fini(&set);
}

static struct gantry_key key_of(unsigned table, unsigned index, unsigned n,
				const struct gantry_value *values)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key),
				    .table = table, .index = index, .n = n,
				    .values = values };
}

static void test_needs_count_a_key_once(void **state)
{
	struct gantry_value id = value_text("emma"), other = value_text("other");
	struct gantry_key key = key_of(BOOKS, INDEX_ID, 1, &id), via;
	const struct gantry_key_set *const *locks;
	const struct gantry_key *const *reads, *const *keys;
	struct needs needs;
	char text[] = "emma";
	size_t n;

	(void)state;
	needs_init(&needs, &library);
	for (int round = 0; round < 3; round++) {
		struct gantry_value again = value_text(text);

		needs_lock(&needs, &key);
		key.values = &again;
		needs_lock(&needs, &key);
		needs_read(&needs, &key);	/* locked already */
		key.values = &id;
		via = key_of(PAGES, GANTRY_BY_REF, 1, &id);
		via.via = &key;
		via.via_column = BOOK_SHELF;
		needs_read(&needs, &via);
		via.values = NULL;		/* not looked at */
		needs_read(&needs, &via);
		via.via_column = BOOK_PLACE;
		needs_lock(&needs, &via);
		key.values = &other;
		needs_read(&needs, &via);
		key.values = &id;
		locks = needs_locks(&needs, &n);
		assert_int_equal(n, 2);
		assert_int_equal(locks[0]->n, 1);
		assert_int_equal(locks[0]->keys[0]->table, BOOKS);
		assert_int_equal(locks[1]->n, 1);
		assert_int_equal(locks[1]->keys[0]->via_column, BOOK_PLACE);
		reads = needs_reads(&needs, &n);
		assert_int_equal(n, 2);
		assert_int_equal(reads[0]->via_column, BOOK_SHELF);
		assert_true(value_equal(&reads[1]->via->values[0], &other));
		keys = needs_keys(&needs, &n);
		assert_int_equal(n, 4);
		assert_ptr_equal(keys[0], locks[0]->keys[0]);
		assert_ptr_equal(keys[1], locks[1]->keys[0]);
		assert_ptr_equal(keys[2], reads[0]);
		assert_ptr_equal(keys[3], reads[1]);
		needs_reset(&needs);
		needs_reads(&needs, &n);
		assert_int_equal(n, 0);
		needs_locks(&needs, &n);
		assert_int_equal(n, 0);
	}
	needs_fini(&needs);
}

static void test_needs_many(void **state)
{
	struct needs needs;
	const struct gantry_key *const *keys;
	size_t n;

	(void)state;
	needs_init(&needs, &library);
	for (int64_t i = 0; i < 5000; i++) {
		struct gantry_value v[2] = { value_number(i % 1000),
					     value_number(i % 500) };
		struct gantry_key key = key_of(BOOKS, INDEX_SHELF, 1 + i % 2, v);

		if (i % 3 == 0)
			needs_lock(&needs, &key);
		else
			needs_read(&needs, &key);
	}
	keys = needs_keys(&needs, &n);
	/* 500 even ones by shelf, 500 odd ones by shelf and place; each is locked
	   in some round and read before that unless the first round locked it */
	assert_int_equal(n, 1000 + 666);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(keys[i]->n, 1 + keys[i]->values[0].is.number % 2);
	needs_fini(&needs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_and_find),
		cmocka_unit_test(test_versions_and_states),
		cmocka_unit_test(test_undone_new_row_is_void),
		cmocka_unit_test(test_changes_are_ordered),
		cmocka_unit_test(test_random_histories),
		cmocka_unit_test(test_needs_count_a_key_once),
		cmocka_unit_test(test_needs_many),
	};

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
