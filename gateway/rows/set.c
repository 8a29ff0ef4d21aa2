/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set - see set.h. Each table has chained hashes: one by ref and one for each
 * index by its first column; what follows the first is compared on the chain,
 * so that a prefix of an index finds as well as all of it.
 *
 * Rows stay on their chains when they are GONE or VOID; look-ups pass them by.
 */
#include "gateway/rows/set.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/memory.h"

#define ROWSET_ROOM 64u		/* buckets of a table that has rows at all */

struct rowset_table {
	struct row *rows;
	const struct gantry_table *what;
	struct row **heads;	/* chain 0 by ref, 1 + i by index i; room each */
	size_t n, room;
};

/* One row as it was at the mark. */
struct row_undo {
	struct row_undo *before;
	struct row *row;
	enum row_state state;
	uint64_t mask;
	struct gantry_value values[];
};

void rowset_init(struct rowset *set, const struct gantry_schema *schema)
{
	*set = (struct rowset){ .schema = schema, .epoch = 1 };
	set->tables = memory_new_array(schema->n_tables, sizeof(*set->tables));
	for (unsigned i = 0; i < schema->n_tables; i++)
		set->tables[i].what = schema->tables[i];
}

void rowset_fini(struct rowset *set)
{
	if (set->tables == NULL)
		return;
	for (unsigned i = 0; i < set->schema->n_tables; i++)
		free(set->tables[i].heads);
	free(set->tables);
	arena_fini(&set->arena);
	*set = (struct rowset){ 0 };
}

void rowset_reset(struct rowset *set)
{
	for (unsigned i = 0; i < set->schema->n_tables; i++) {
		struct rowset_table *t = &set->tables[i];

		if (t->n > 0)
			memset(t->heads, 0, t->room * (t->what->n_indexes + 1) *
			       sizeof(struct row *));
		t->rows = NULL;
		t->n = 0;
	}
	arena_reset(&set->arena);
	set->undo = NULL;
	set->epoch = 1;
}

struct gantry_value value_text(const char *text)
{
	if (text == NULL)
		return (struct gantry_value){ .kind = GANTRY_NULL };
	return (struct gantry_value){ .kind = GANTRY_STRING,
				      .len = (uint32_t)strlen(text),
				      .is.text = text };
}

/* NULL and NULL are the same value here, as no index would say. */
static bool set_same(const struct gantry_value *a, const struct gantry_value *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == GANTRY_INT64)
		return a->is.number == b->is.number;
	return a->kind == GANTRY_NULL ||
	       (a->len == b->len && memcmp(a->is.text, b->is.text, a->len) == 0);
}

bool value_equal(const struct gantry_value *a, const struct gantry_value *b)
{
	return a->kind != GANTRY_NULL && set_same(a, b);
}

/* Chains. */

static struct row **set_link(const struct rowset_table *t, struct row *row,
			     unsigned chain)
{
	return (struct row **)&row->values[t->what->n_columns] + chain;
}

static unsigned set_chain_column(const struct rowset_table *t, unsigned chain)
{
	return chain == 0 ? 0 : t->what->indexes[chain - 1]->columns[0];
}

static struct row **set_head(const struct rowset_table *t, unsigned chain,
			     const struct gantry_value *value)
{
	uint64_t hash = value->kind == GANTRY_INT64
		? hash_number((uint64_t)value->is.number)
		: hash_bytes(value->is.text, value->len);

	return &t->heads[chain * t->room + (hash & (t->room - 1))];
}

static void set_chain_add(const struct rowset_table *t, struct row *row,
			  unsigned chain)
{
	const struct gantry_value *value =
		&row->values[set_chain_column(t, chain)];
	struct row **head;

	if (value->kind == GANTRY_NULL)
		return;
	head = set_head(t, chain, value);
	*set_link(t, row, chain) = *head;
	*head = row;
}

static void set_chain_drop(const struct rowset_table *t, struct row *row,
			   unsigned chain)
{
	const struct gantry_value *value =
		&row->values[set_chain_column(t, chain)];
	struct row **at;

	if (value->kind == GANTRY_NULL)
		return;
	for (at = set_head(t, chain, value); *at != row;
	     at = set_link(t, *at, chain))
		assert(*at != NULL);
	*at = *set_link(t, row, chain);
}

static void set_grow(struct rowset_table *t)
{
	size_t chains = t->what->n_indexes + 1;

	free(t->heads);
	t->room = t->room == 0 ? ROWSET_ROOM : t->room * 2;
	t->heads = memory_new_array(t->room * chains, sizeof(struct row *));
	for (struct row *row = t->rows; row != NULL; row = row->next)
		for (unsigned i = 0; i < chains; i++)
			set_chain_add(t, row, i);
}

static void set_add(struct rowset_table *t, struct row *row)
{
	if (t->n == t->room)
		set_grow(t);
	t->n++;
	row->next = t->rows;
	t->rows = row;
	for (unsigned i = 0; i <= t->what->n_indexes; i++)
		set_chain_add(t, row, i);
}

/* Rows. */

static bool set_is_there(const struct row *row)
{
	return row->state != ROW_GONE && row->state != ROW_VOID;
}

static struct row *set_row(struct rowset *set, unsigned table,
			   enum row_state state, size_t text_bytes)
{
	const struct gantry_table *what = set->tables[table].what;
	struct row *row;

	row = arena_alloc(&set->arena,
			  sizeof(*row) + what->n_columns * sizeof(row->values[0]) +
			  (what->n_indexes + 1) * sizeof(struct row *) + text_bytes);
	row->table = table;
	row->state = state;
	row->epoch = 0;
	row->mask = 0;
	return row;
}

static struct row *set_by_ref(const struct rowset_table *t, int64_t ref)
{
	struct gantry_value value = value_number(ref);
	struct row *row;

	if (t->n == 0)
		return NULL;
	row = *set_head(t, 0, &value);
	while (row != NULL && row->values[0].is.number != ref)
		row = *set_link(t, row, 0);
	return row;
}

struct row *rowset_take(struct rowset *set, unsigned table,
			const struct gantry_value *values)
{
	struct rowset_table *t = &set->tables[table];
	struct row *row = set_by_ref(t, values[0].is.number);
	size_t text_bytes = 0;
	char *text;

	assert(table < set->schema->n_tables);
	assert(values[0].kind == GANTRY_INT64 && values[1].kind == GANTRY_INT64);
	if (row != NULL)
		return row;
	for (unsigned i = 0; i < t->what->n_columns; i++)
		if (values[i].kind == GANTRY_STRING)
			text_bytes += values[i].len + 1;
	row = set_row(set, table, ROW_STORED, text_bytes);
	text = (char *)set_link(t, row, t->what->n_indexes + 1);
	for (unsigned i = 0; i < t->what->n_columns; i++) {
		row->values[i] = values[i];
		if (values[i].kind != GANTRY_STRING)
			continue;
		if (values[i].len > 0)
			memcpy(text, values[i].is.text, values[i].len);
		text[values[i].len] = '\0';
		row->values[i].is.text = text;
		text += values[i].len + 1;
	}
	set_add(t, row);
	return row;
}

int rowset_sink_row(void *rowset_sink, size_t key,
		    const struct gantry_value *values)
{
	const struct rowset_sink *sink = rowset_sink;

	rowset_take(sink->set, sink->keys[key]->table, values);
	return 0;
}

/* For undo: as the row is now, unless that was done since the mark. */
static bool set_save(struct rowset *set, struct row *row)
{
	size_t bytes = set->tables[row->table].what->n_columns *
		       sizeof(row->values[0]);
	struct row_undo *undo;

	if (row->epoch == set->epoch)
		return false;
	undo = arena_alloc(&set->arena, sizeof(*undo) + bytes);
	undo->before = set->undo;
	undo->row = row;
	undo->state = row->state;
	undo->mask = row->mask;
	memcpy(undo->values, row->values, bytes);
	set->undo = undo;
	row->epoch = set->epoch;
	return true;
}

struct row *rowset_new(struct rowset *set, unsigned table, int64_t ref)
{
	return rowset_new_version(set, table, ref, 1);
}

struct row *rowset_new_version(struct rowset *set, unsigned table, int64_t ref,
			       int64_t version)
{
	struct row *row = set_row(set, table, ROW_VOID, 0);
	struct rowset_table *t = &set->tables[table];

	assert(set_by_ref(t, ref) == NULL);
	memset(row->values, 0, t->what->n_columns * sizeof(row->values[0]));
	row->values[0] = value_number(ref);
	row->values[1] = value_number(version);
	set_add(t, row);
	set_save(set, row);	/* undone, it is VOID */
	row->state = ROW_NEW;
	return row;
}

void rowset_remove(struct rowset *set, struct row *row)
{
	assert(row->state != ROW_GONE && row->state != ROW_VOID);
	set_save(set, row);
	row->state = row->state == ROW_NEW ? ROW_VOID : ROW_GONE;
}

void rowset_drop(struct rowset *set, unsigned table, int64_t ref)
{
	struct gantry_value values[ROWSET_MAX_COLUMNS] = { { 0 } };
	struct row *row;

	values[0] = value_number(ref);
	values[1] = value_number(0);
	row = rowset_take(set, table, values);
	if (set_is_there(row))
		rowset_remove(set, row);
}

/* Look-ups. */

struct row *rowset_by_ref(const struct rowset *set, unsigned table, int64_t ref)
{
	struct row *row = set_by_ref(&set->tables[table], ref);

	return row != NULL && set_is_there(row) ? row : NULL;
}

static struct row *set_match(const struct rowset_table *t, struct row *row,
			     unsigned index, const struct gantry_value *values,
			     unsigned n)
{
	const unsigned *columns = t->what->indexes[index]->columns;
	unsigned i;

	for (; row != NULL; row = *set_link(t, row, index + 1)) {
		if (!set_is_there(row))
			continue;
		for (i = 0; i < n; i++)
			if (!value_equal(&row->values[columns[i]], &values[i]))
				break;
		if (i == n)
			return row;
	}
	return NULL;
}

struct row *rowset_find(const struct rowset *set, unsigned table, unsigned index,
			const struct gantry_value *values, unsigned n)
{
	const struct rowset_table *t = &set->tables[table];

	assert(index < t->what->n_indexes);
	assert(n >= 1 && n <= t->what->indexes[index]->n_columns);
	if (t->n == 0 || values[0].kind == GANTRY_NULL)
		return NULL;
	return set_match(t, *set_head(t, index + 1, &values[0]), index, values, n);
}

struct row *rowset_find_next(const struct rowset *set, const struct row *row,
			     unsigned index, const struct gantry_value *values,
			     unsigned n)
{
	const struct rowset_table *t = &set->tables[row->table];

	return set_match(t, *set_link(t, (struct row *)row, index + 1), index,
			 values, n);
}

struct row *rowset_rows(const struct rowset *set, unsigned table)
{
	return set->tables[table].rows;
}

int64_t row_number(const struct row *row, unsigned column)
{
	assert(row->values[column].kind == GANTRY_INT64);
	return row->values[column].is.number;
}

const char *row_text(const struct row *row, unsigned column)
{
	if (row->values[column].kind == GANTRY_NULL)
		return NULL;
	assert(row->values[column].kind == GANTRY_STRING);
	return row->values[column].is.text;
}

bool row_is_null(const struct row *row, unsigned column)
{
	return row->values[column].kind == GANTRY_NULL;
}

int64_t row_version_before(const struct rowset *set, const struct row *row)
{
	return row_number(row, 1) - (row->epoch == set->epoch);
}

/* Changes. */

/* Put a value in its place, on other chains if it is an index's first. */
static void set_put(struct rowset *set, struct row *row, unsigned column,
		    const struct gantry_value *value)
{
	const struct rowset_table *t = &set->tables[row->table];

	for (unsigned i = 1; i <= t->what->n_indexes; i++)
		if (set_chain_column(t, i) == column)
			set_chain_drop(t, row, i);
	row->values[column] = *value;
	for (unsigned i = 1; i <= t->what->n_indexes; i++)
		if (set_chain_column(t, i) == column)
			set_chain_add(t, row, i);
}

static void set_change(struct rowset *set, struct row *row, unsigned column,
		       struct gantry_value value)
{
	assert(set_is_there(row));
	assert(column >= 2 && column < set->tables[row->table].what->n_columns);
	if (set_save(set, row)) {
		row->values[1].is.number++;
		row->mask |= 2;
	}
	if (row->state == ROW_STORED)
		row->state = ROW_CHANGED;
	row->mask |= UINT64_C(1) << column;
	set_put(set, row, column, &value);
}

void row_set_number(struct rowset *set, struct row *row, unsigned column,
		    int64_t number)
{
	struct gantry_value value = value_number(number);

	if (!set_same(&row->values[column], &value))
		set_change(set, row, column, value);
}

void row_set_quietly(struct rowset *set, struct row *row, unsigned column,
		     int64_t number)
{
	struct gantry_value value = value_number(number);

	assert(set_is_there(row));
	set_save(set, row);
	if (row->state == ROW_STORED)
		row->state = ROW_CHANGED;
	row->mask |= UINT64_C(1) << column;
	set_put(set, row, column, &value);
}

void row_set_text(struct rowset *set, struct row *row, unsigned column,
		  const char *text)
{
	if (text == NULL)
		row_set_null(set, row, column);
	else
		row_set_text_n(set, row, column, text, strlen(text));
}

void row_set_text_n(struct rowset *set, struct row *row, unsigned column,
		    const char *text, size_t len)
{
	struct gantry_value value = { .kind = GANTRY_STRING,
				      .len = (uint32_t)len, .is.text = text };

	assert(len < UINT32_MAX);
	if (set_same(&row->values[column], &value))
		return;
	value.is.text = arena_text_n(&set->arena, text, len);
	set_change(set, row, column, value);
}

void row_set_text_kept(struct rowset *set, struct row *row, unsigned column,
		       const char *text, size_t len)
{
	struct gantry_value value = { .kind = GANTRY_STRING,
				      .len = (uint32_t)len, .is.text = text };

	assert(len < UINT32_MAX && text[len] == '\0');
	if (!set_same(&row->values[column], &value))
		set_change(set, row, column, value);
}

void row_set_null(struct rowset *set, struct row *row, unsigned column)
{
	if (!row_is_null(row, column))
		set_change(set, row, column, (struct gantry_value){ 0 });
}

void rowset_mark(struct rowset *set)
{
	set->undo = NULL;
	set->epoch++;
}

static void set_restore(struct rowset *set, const struct row_undo *undo)
{
	struct row *row = undo->row;
	unsigned n = set->tables[row->table].what->n_columns;

	row->state = undo->state;
	row->mask = undo->mask;
	for (unsigned i = 1; i < n; i++)
		if (!set_same(&row->values[i], &undo->values[i]))
			set_put(set, row, i, &undo->values[i]);
}

void rowset_undo(struct rowset *set)
{
	for (const struct row_undo *u = set->undo; u != NULL; u = u->before)
		set_restore(set, u);
	rowset_mark(set);
}
