/* SPDX-License-Identifier: Apache-2.0 */
/* copy_side - see copy_side.h. */
#include "tests/unit/copy_side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/rows/set.h"

/* The storage's own self, and its unit, stand behind the side. */

static enum gantry_stored side_read(void *self, const struct gantry_key *const *keys,
				    size_t n, const struct gantry_sink *sink,
				    struct gantry_error *err)
{
	struct side *s = self;

	return s->st->read(s->inner, keys, n, sink, err);
}

static enum gantry_stored side_scan(void *self, const struct gantry_range *range,
				    const struct gantry_sink *sink,
				    struct gantry_error *err)
{
	struct side *s = self;

	return s->st->scan(s->inner, range, sink, err);
}

static enum gantry_stored side_begin(void *self, unsigned lane, void **unit_out,
				     struct gantry_error *err)
{
	struct side *s = self;

	*unit_out = s;
	return s->st->begin(s->inner, lane, &s->unit, err);
}

static enum gantry_stored side_load(void *unit, const struct gantry_key_set *const *locks,
				    size_t n_locks, const struct gantry_key *const *keys,
				    size_t n_keys, const struct gantry_sink *sink,
				    int64_t *now_ms_out, struct gantry_error *err)
{
	struct side *s = unit;
	enum gantry_stored stored = s->st->load(s->unit, locks, n_locks, keys, n_keys, sink,
						now_ms_out, err);

	*now_ms_out += s->ahead_ms;
	return stored;
}

static size_t side_bytes(const struct gantry_change *change)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < commit_schema.tables[change->table]->n_columns; i++)
		if (change->values[i].kind == GANTRY_STRING)
			bytes += change->values[i].len;
	return bytes;
}

static enum gantry_stored side_store(void *unit, const struct gantry_change *const *changes,
				     size_t n, struct gantry_error *err)
{
	struct side *s = unit;
	size_t bytes = 0, rows = 0;

	for (size_t i = 0; i < n; i++) {
		bytes += side_bytes(changes[i]);
		rows += changes[i]->kind == GANTRY_NEW;
		if (i > 0 && changes[i]->table < changes[i - 1]->table)
			abort();	/* not the order of the schema */
	}
	s->rows += rows;
	if (n > s->most_rows)
		s->most_rows = n;
	if (bytes > s->most_bytes)
		s->most_bytes = bytes;
	return s->st->store(s->unit, changes, n, err);
}

static enum gantry_stored side_commit(void *unit, struct gantry_error *err)
{
	struct side *s = unit;
	enum gantry_stored stored = GANTRY_STORED;

	if (s->conflicts > 0) {
		s->conflicts--;
		stored = GANTRY_CONFLICT;
	} else if (s->commits_left == 1) {
		stored = GANTRY_AWAY;
	} else if (s->commits_left > 1) {
		s->commits_left--;
	}
	s->units += stored == GANTRY_STORED;
	if (stored == GANTRY_STORED)
		return s->st->commit(s->unit, err);
	gantry_fail(err, "told to fail");
	s->st->rollback(s->unit);
	return stored;
}

static void side_rollback(void *unit)
{
	struct side *s = unit;

	s->st->rollback(s->unit);
}

void side_open(struct side *s, const char *plugin, const char *path)
{
	struct gantry_error err = ERROR_INIT;

	*s = (struct side){ 0 };
	s->store.plugin = store_plugin(plugin);
	s->store.options = s->options;
	if (path != NULL) {
		snprintf(s->option, sizeof(s->option), "path=%s", path);
		s->options[0] = s->option;
		s->options[1] = "synchronous=off";
	}
	s->st = s->store.plugin->storage;
	if (store_open(&s->store, &s->inner, &err) < 0 ||
	    s->st->prepare(s->inner, &commit_schema, GANTRY_PREPARE_SERVE, &err) !=
		    GANTRY_STORED) {
		fprintf(stderr, "%s\n", err.message);
		abort();
	}
	s->storage = (struct gantry_storage){
		.size = sizeof(s->storage), .read = side_read, .scan = side_scan,
		.begin = side_begin, .load = side_load, .store = side_store,
		.commit = side_commit, .rollback = side_rollback,
	};
	s->q = (struct query_store){ &s->storage, s, &commit_schema };
}

void side_close(struct side *s)
{
	store_close(&s->store, s->inner);
}

/* Rows: a value of every column, within what the CHECKs allow. */

struct filler {
	struct arena arena;
	int64_t ref;
	unsigned table;
};

/* Words that the CHECKs know, and numbers that they bound. */
static const struct {
	unsigned table, column;
	const char *text;
	int64_t number;
} side_known[] = {
	{ STOCK_ORDERS, ORDERS_STATE, "OPEN", 0 },
	{ STOCK_ALLOCATIONS, ALLOCATIONS_STATUS, "CONFIRMED", 0 },
	{ STOCK_ALLOCATIONS, ALLOCATIONS_LIVE, NULL, 1 },
	{ STOCK_RETURNS, RETURNS_STATUS, "EXPECTED", 0 },
	{ STOCK_RETURNS, RETURNS_RECEIVED, NULL, 0 },
	{ STOCK_STOCK, STOCK_RESERVED, NULL, 0 },
};

static struct gantry_value side_known_value(const struct filler *f, unsigned column)
{
	for (size_t i = 0; i < ARRAY_LENGTH(side_known); i++)
		if (side_known[i].table == f->table && side_known[i].column == column)
			return side_known[i].text != NULL ?
				       value_text(side_known[i].text) :
				       value_number(side_known[i].number);
	return (struct gantry_value){ .kind = GANTRY_NULL };
}

/* Every third of what may be NULL is; texts have more than ASCII in them. */
static struct gantry_value side_value(struct filler *f, unsigned column)
{
	const struct gantry_column *c = commit_schema.tables[f->table]->columns[column];
	struct gantry_value known = side_known_value(f, column);

	if (known.kind != GANTRY_NULL)
		return known;
	if (column == 0 || c->references != NULL)
		return value_number(f->ref);
	if ((c->flags & GANTRY_COLUMN_NULLABLE) && (f->ref + column) % 3 == 0)
		return known;
	if (c->kind == GANTRY_INT64)
		return value_number(column == 1 ? 1 + f->ref % 5 : f->ref * 7919 + column);
	return value_text(arena_format(&f->arena, "%s %lld \xc3\xa4\xe2\x82\xac\n\"", c->name,
				       (long long)f->ref));
}

static struct gantry_change side_row(struct filler *f)
{
	unsigned n = commit_schema.tables[f->table]->n_columns;
	struct gantry_value *v = arena_alloc(&f->arena, n * sizeof(*v));

	for (unsigned i = 0; i < n; i++)
		v[i] = side_value(f, i);
	return (struct gantry_change){ .size = sizeof(struct gantry_change),
				       .kind = GANTRY_NEW, .table = f->table,
				       .values = v };
}

static void side_unit(struct side *s, const struct gantry_change *const *changes, size_t n)
{
	struct gantry_error err = ERROR_INIT;
	void *unit;

	if (s->st->begin(s->inner, 0, &unit, &err) != GANTRY_STORED ||
	    s->st->store(unit, changes, n, &err) != GANTRY_STORED ||
	    s->st->commit(unit, &err) != GANTRY_STORED) {
		fprintf(stderr, "%s\n", err.message);
		abort();
	}
	error_fini(&err);
}

void side_change(struct side *s, const struct gantry_change *change)
{
	side_unit(s, &change, 1);
}

static void side_fill_some(struct side *s, unsigned table, int64_t first, unsigned n)
{
	struct filler f = { .table = table };
	struct gantry_change *changes = memory_new_array(n, sizeof(*changes));
	const struct gantry_change **list = memory_new_array(n, sizeof(*list));

	for (unsigned i = 0; i < n; i++) {
		f.ref = first + i;
		changes[i] = side_row(&f);
		list[i] = &changes[i];
	}
	side_unit(s, list, n);
	free(list);
	free(changes);
	arena_fini(&f.arena);
}

void side_fill(struct side *s, int64_t first, unsigned n)
{
	for (unsigned t = 0; t < COMMIT_TABLES; t++)
		for (unsigned i = 0; i < n; i += 1000)
			side_fill_some(s, t, first + i, n - i < 1000 ? n - i : 1000);
}
