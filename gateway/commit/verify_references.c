/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_references - a row that a row names is there (I3). Not every storage
 * can afford to look at each commit, so it is looked at here, for whatever
 * columns the schema says refer to a table.
 *
 * On a live store rows go while this reads: a row and those that it names are
 * therefore read again at one moment, and only what that shows is told.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/commit/schema.h"
#include "gateway/commit/verify.h"

enum { VERIFY_PAGE = 500, VERIFY_COLUMNS = 4 };

/* A row of the page, and which of those it names are there. */
struct verify_named {
	struct gantry_value ref, names[VERIFY_COLUMNS];
	bool there, found[VERIFY_COLUMNS];
};

struct verify_references {
	const struct query_store *store;
	void (*found)(void *ctx, const char *invariant, const char *row,
		      const char *what);
	void *ctx;
	unsigned table;
	unsigned columns[VERIFY_COLUMNS];	/* that refer */
	unsigned parents[VERIFY_COLUMNS];	/* to these tables */
	unsigned n_columns;
	struct verify_named rows[VERIFY_PAGE];
	size_t n;
};

static unsigned verify_parent(const char *name)
{
	unsigned i = 0;

	while (i < commit_schema.n_tables &&
	       strcmp(commit_schema.tables[i]->name, name) != 0)
		i++;
	return i;
}

static void verify_columns(struct verify_references *v, unsigned table)
{
	const struct gantry_table *t = commit_schema.tables[table];

	v->table = table;
	v->n_columns = 0;
	for (unsigned i = 0; i < t->n_columns && v->n_columns < VERIFY_COLUMNS; i++)
		if (t->columns[i]->references != NULL) {
			v->columns[v->n_columns] = i;
			v->parents[v->n_columns++] =
				verify_parent(t->columns[i]->references);
		}
}

static int verify_row(void *context, size_t key, const struct gantry_value *values)
{
	struct verify_references *v = context;
	struct verify_named *row = &v->rows[v->n++];

	(void)key;
	*row = (struct verify_named){ .ref = values[0] };
	for (unsigned i = 0; i < v->n_columns; i++)
		row->names[i] = values[v->columns[i]];
	return 0;
}

/* Keys come in turns: a row, then those that it names. */
static int verify_seen(void *context, size_t key, const struct gantry_value *values)
{
	struct verify_references *v = context;
	struct verify_named *row = &v->rows[key / (v->n_columns + 1)];
	size_t column = key % (v->n_columns + 1);

	(void)values;
	if (column == 0)
		row->there = true;
	else
		row->found[column - 1] = true;
	return 0;
}

static int verify_read(struct verify_references *v, struct gantry_error *err)
{
	size_t n = v->n * (v->n_columns + 1);
	struct gantry_key *keys = memory_new_array(n, sizeof(*keys));
	const struct gantry_key **list = memory_new_array(n, sizeof(*list));
	struct gantry_sink sink = { verify_seen, v };
	enum gantry_stored stored;

	for (size_t i = 0; i < n; i++) {
		const struct verify_named *row = &v->rows[i / (v->n_columns + 1)];
		size_t column = i % (v->n_columns + 1);

		keys[i] = (struct gantry_key){
			.size = sizeof(*keys), .index = GANTRY_BY_REF, .n = 1,
			.table = column == 0 ? v->table : v->parents[column - 1],
			.values = column == 0 ? &row->ref : &row->names[column - 1],
		};
		list[i] = &keys[i];
	}
	stored = v->store->storage->read(v->store->self, list, n, &sink, err);
	free(keys);
	free(list);
	return stored == GANTRY_STORED ? 0 : -1;
}

static void verify_tell(struct verify_references *v, const struct verify_named *row,
			unsigned column)
{
	char name[100], what[160];

	snprintf(name, sizeof(name), "%s ref %lld", commit_schema.tables[v->table]->name,
		 (long long)row->ref.is.number);
	snprintf(what, sizeof(what), "the row in %s that it names is not there (ref %lld)",
		 commit_schema.tables[v->parents[column]]->name,
		 (long long)row->names[column].is.number);
	v->found(v->ctx, "I3", name, what);
}

static int verify_page(struct verify_references *v, struct gantry_error *err)
{
	if (v->n > 0 && verify_read(v, err) < 0)
		return -1;
	for (size_t i = 0; i < v->n; i++)
		for (unsigned k = 0; k < v->n_columns; k++)
			if (v->rows[i].there && !v->rows[i].found[k] &&
			    v->rows[i].names[k].kind != GANTRY_NULL)
				verify_tell(v, &v->rows[i], k);
	return 0;
}

static int verify_table(struct verify_references *v, struct gantry_error *err)
{
	struct gantry_range range = { .size = sizeof(range), .table = v->table,
				      .index = GANTRY_BY_REF, .limit = VERIFY_PAGE };
	struct gantry_sink sink = { verify_row, v };
	struct gantry_value last;

	do {
		v->n = 0;
		if (v->store->storage->scan(v->store->self, &range, &sink, err) !=
		    GANTRY_STORED || verify_page(v, err) < 0)
			return -1;
		if (v->n > 0)
			last = v->rows[v->n - 1].ref;
		range.from = &last;
		range.n_from = 1;
		range.from_after = true;
	} while (v->n == VERIFY_PAGE);
	return 0;
}

int verify_references(const struct query_store *store,
		      void (*found)(void *ctx, const char *invariant,
				    const char *row, const char *what),
		      void *ctx, struct gantry_error *err)
{
	struct verify_references *v = memory_new(sizeof(*v));
	int done = 0;

	v->store = store;
	v->found = found;
	v->ctx = ctx;
	for (unsigned i = 0; i < commit_schema.n_tables && done == 0; i++) {
		verify_columns(v, i);
		if (v->n_columns > 0)
			done = verify_table(v, err);
	}
	free(v);
	return done;
}
