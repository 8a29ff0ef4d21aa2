/* SPDX-License-Identifier: Apache-2.0 */
/*
 * level-1-storage - as storages were written for level 1 of the interface; kept,
 * so that it is seen to run on every later one. It is what "gantry plugins new"
 * made of one, and forgets.
 *
 * A unit only collects; commit applies all of it under the lock that readers
 * take, and undoes it if one row is refused. So a reader sees a commit whole
 * or not at all, and there is one lane. CHECK expressions and references are
 * not looked at: that takes a store that can read SQL.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "level-1-storage-rows.h"

struct change {
	enum gantry_change_kind kind;
	unsigned table;
	uint64_t mask;
	struct row *row;	/* the values; becomes the new row if it is NEW */
	struct row *old;	/* once applied: what stood there, or NULL */
	struct row *new;	/* once applied: what stands there, or NULL */
};

struct level_1 {
	pthread_rwlock_t lock;	/* guards rows */
	const struct gantry_schema *schema;
	struct rows *rows;	/* one for each table */
	struct row *nothing;	/* NULL in as many columns as a table can have */

	/* The unit of the only lane. */
	bool open;
	int64_t now_ms;
	struct change *changes;
	size_t n_changes, room;
};

static int level_1_open(void *self, const struct gantry_instance *instance,
		       struct gantry_error *err)
{
	struct level_1 *m = self;

	(void)instance;
	if (pthread_rwlock_init(&m->lock, NULL) != 0)
		return gantry_fail(err, "level-1-storage: no lock to be had");
	return 0;
}

static void level_1_forget(struct level_1 *m)
{
	for (size_t i = 0; i < m->n_changes; i++)
		free(m->changes[i].row);
	m->n_changes = 0;
	m->open = false;
}

static void level_1_close(void *self)
{
	struct level_1 *m = self;

	level_1_forget(m);
	for (unsigned i = 0; m->rows != NULL && i < m->schema->n_tables; i++)
		rows_fini(&m->rows[i]);
	free(m->rows);
	free(m->nothing);
	free(m->changes);
	pthread_rwlock_destroy(&m->lock);
}

static enum gantry_stored level_1_prepare(void *self,
					 const struct gantry_schema *schema,
					 enum gantry_prepare mode,
					 struct gantry_error *err)
{
	struct level_1 *m = self;

	(void)mode;
	(void)err;
	assert(m->schema == NULL);
	m->schema = schema;
	m->rows = rows_memory(schema->n_tables, sizeof(*m->rows));
	m->nothing = rows_memory(1, sizeof(*m->nothing) +
				 64 * sizeof(m->nothing->values[0]));
	for (unsigned i = 0; i < schema->n_tables; i++)
		rows_init(&m->rows[i], schema->tables[i]);
	return GANTRY_STORED;
}

static unsigned level_1_lanes(const void *self)
{
	(void)self;
	return 1;
}

/* What is done with each row that a key finds; not 0: stop. */
struct visit {
	int (*row)(const struct visit *visit, const struct row *row);
	const struct level_1 *memory;
	const struct gantry_key *key;	/* whose first column comes from the row */
	const struct visit *then;
	const struct gantry_sink *sink;
	size_t number;			/* the sink's number of the key */
};

static const struct order *level_1_order(const struct level_1 *m, unsigned table,
					unsigned index)
{
	assert(table < m->schema->n_tables);
	assert(index == GANTRY_BY_REF || index < m->schema->tables[table]->n_indexes);
	return &m->rows[table].orders[index == GANTRY_BY_REF ? 0 : index + 1];
}

static int level_1_equal(const struct visit *visit, const struct gantry_key *key,
			const struct gantry_value *values)
{
	const struct order *order =
		level_1_order(visit->memory, key->table, key->index);
	const struct start start = { .values = values, .n = key->n };
	const struct node *node;
	bool null;

	assert(key->n >= 1 && key->n <= order->n_columns);
	for (unsigned i = 0; i < key->n; i++)
		if (values[i].kind == GANTRY_NULL)
			return 0;
	for (node = rows_seek(order, &start); node != NULL; node = rows_next(node)) {
		int stop;

		if (rows_compare(order, rows_of(node), &start, &null) != 0)
			break;
		stop = visit->row(visit, rows_of(node));
		if (stop != 0)
			return stop;
	}
	return 0;
}

static int level_1_via(const struct visit *visit, const struct row *row)
{
	struct gantry_value values[64];

	assert(visit->key->n <= sizeof(values) / sizeof(*values));
	values[0] = row->values[visit->key->via_column];
	for (unsigned i = 1; i < visit->key->n; i++)
		values[i] = visit->key->values[i];
	return level_1_equal(visit->then, visit->key, values);
}

static int level_1_find(const struct visit *visit, const struct gantry_key *key)
{
	const struct visit via = { .row = level_1_via, .memory = visit->memory,
				   .key = key, .then = visit };

	return key->via != NULL ? level_1_find(&via, key->via) :
				  level_1_equal(visit, key, key->values);
}

static int level_1_give(const struct visit *visit, const struct row *row)
{
	return visit->sink->row(visit->sink->context, visit->number, row->values);
}

/* Under the lock. Numbers the keys from first on. */
static int level_1_keys(const struct level_1 *m,
		       const struct gantry_key *const *keys, size_t n,
		       const struct gantry_sink *sink, size_t first)
{
	struct visit visit = { .row = level_1_give, .memory = m, .sink = sink };

	for (size_t i = 0; i < n; i++) {
		visit.number = first + i;
		if (level_1_find(&visit, keys[i]) != 0)
			return -1;
	}
	return 0;
}

static enum gantry_stored level_1_answer(int stopped, struct gantry_error *err)
{
	if (stopped == 0)
		return GANTRY_STORED;
	gantry_fail(err, "level-1-storage: the rows were not taken");
	return GANTRY_BROKEN;
}

static enum gantry_stored level_1_read(void *self,
				      const struct gantry_key *const *keys,
				      size_t n, const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct level_1 *m = self;
	int stopped;

	pthread_rwlock_rdlock(&m->lock);
	stopped = level_1_keys(m, keys, n, sink, 0);
	pthread_rwlock_unlock(&m->lock);
	return level_1_answer(stopped, err);
}

/* 0: give it, 1: leave it out, -1: behind the end. */
static int level_1_in_range(const struct order *order, const struct row *row,
			   const struct gantry_range *range)
{
	const struct start from = { .values = range->from, .n = range->n_from };
	const struct start to = { .values = range->to, .n = range->n_to };
	bool null;
	int cmp = rows_compare(order, row, &from, &null);

	if (null || (cmp == 0 && from.n > 0 && range->after_ref != 0 &&
		     row->values[0].is.number <= range->after_ref))
		return 1;
	cmp = rows_compare(order, row, &to, &null);
	if (cmp > 0)
		return -1;
	return null ? 1 : 0;
}

static bool level_1_has_null(const struct gantry_value *values, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (values[i].kind == GANTRY_NULL)
			return true;
	return false;
}

static int level_1_range(const struct level_1 *m, const struct gantry_range *range,
			const struct gantry_sink *sink)
{
	const struct order *order = level_1_order(m, range->table, range->index);
	const struct gantry_value null = { .kind = GANTRY_NULL };
	struct start start = { .values = range->from, .n = range->n_from,
			       .after = range->from_after,
			       .after_ref = range->after_ref };
	const struct node *node;
	int where;

	if (range->n_from == 0 && range->n_to > 0)
		start = (struct start){ .values = &null, .n = 1, .after = true };
	node = rows_seek(order, &start);
	for (size_t given = 0; node != NULL && given < range->limit;
	     node = rows_next(node)) {
		where = level_1_in_range(order, rows_of(node), range);
		if (where < 0)
			break;
		if (where > 0)
			continue;
		given++;
		if (sink->row(sink->context, 0, rows_of(node)->values) != 0)
			return -1;
	}
	return 0;
}

static enum gantry_stored level_1_scan(void *self, const struct gantry_range *range,
				      const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct level_1 *m = self;
	int stopped;

	assert(range->limit >= 1 && range->limit <= 100000);
	if (level_1_has_null(range->from, range->n_from) ||
	    level_1_has_null(range->to, range->n_to))
		return GANTRY_STORED;
	pthread_rwlock_rdlock(&m->lock);
	stopped = level_1_range(m, range, sink);
	pthread_rwlock_unlock(&m->lock);
	return level_1_answer(stopped, err);
}

static enum gantry_stored level_1_begin(void *self, unsigned lane, void **unit_out,
				       struct gantry_error *err)
{
	struct level_1 *m = self;
	struct timespec now;

	(void)err;
	assert(lane == 0 && !m->open);
	clock_gettime(CLOCK_REALTIME, &now);
	m->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	m->open = true;
	*unit_out = m;
	return GANTRY_STORED;
}

/* There is nobody to lock out: the only lane is this one. */
static enum gantry_stored level_1_load(void *unit,
				      const struct gantry_key_set *const *locks,
				      size_t n_locks,
				      const struct gantry_key *const *keys,
				      size_t n_keys,
				      const struct gantry_sink *sink,
				      int64_t *now_ms_out,
				      struct gantry_error *err)
{
	struct level_1 *m = unit;
	size_t number = 0;
	int stopped = 0;

	assert(m->open);
	pthread_rwlock_rdlock(&m->lock);
	for (size_t i = 0; i < n_locks && stopped == 0; i++) {
		stopped = level_1_keys(m, locks[i]->keys, locks[i]->n, sink, number);
		number += locks[i]->n;
	}
	if (stopped == 0)
		stopped = level_1_keys(m, keys, n_keys, sink, number);
	pthread_rwlock_unlock(&m->lock);
	*now_ms_out = m->now_ms;
	return level_1_answer(stopped, err);
}

static enum gantry_stored level_1_store(void *unit,
				       const struct gantry_change *const *changes,
				       size_t n, struct gantry_error *err)
{
	struct level_1 *m = unit;

	(void)err;
	assert(m->open);
	if (m->n_changes + n > m->room) {
		struct change *larger;

		m->room = (m->n_changes + n) * 2;
		larger = realloc(m->changes, m->room * sizeof(*larger));
		m->changes = larger != NULL ? larger :
			     rows_memory(SIZE_MAX, sizeof(*larger));
	}
	for (size_t i = 0; i < n; i++) {
		const struct gantry_change *c = changes[i];
		struct change *copy = &m->changes[m->n_changes++];

		*copy = (struct change){ .kind = c->kind, .table = c->table };
		copy->mask = c->kind == GANTRY_NEW ? UINT64_MAX :
			     c->kind == GANTRY_CHANGED ? c->mask : 0;
		copy->row = rows_copy(&m->rows[c->table], c->values,
				      copy->mask | 1, m->nothing);
	}
	return GANTRY_STORED;
}

static enum gantry_stored level_1_fits(const struct gantry_table *table,
				      const struct row *row,
				      struct gantry_error *err)
{
	for (unsigned i = 0; i < table->n_columns; i++) {
		const struct gantry_column *column = table->columns[i];
		const struct gantry_value *v = &row->values[i];

		if (v->kind == (uint32_t)column->kind)
			continue;
		if (v->kind == GANTRY_NULL && (column->flags & GANTRY_COLUMN_NULLABLE))
			continue;
		gantry_fail(err, "level-1-storage: %s.%s: %s", table->name, column->name,
			    v->kind == GANTRY_NULL ? "must not be NULL" :
			    column->kind == GANTRY_INT64 ? "must be a number" :
							   "must be text");
		return GANTRY_REFUSED_ROW;
	}
	return GANTRY_STORED;
}

static enum gantry_stored level_1_put(struct rows *rows, struct change *c,
				     struct gantry_error *err)
{
	const struct gantry_index *taken;
	enum gantry_stored fits = level_1_fits(rows->table, c->new, err);

	if (fits != GANTRY_STORED)
		return fits;
	taken = rows_collision(rows, c->new);
	if (taken == NULL) {
		rows_add(rows, c->new);
		return GANTRY_STORED;
	}
	gantry_fail(err, "level-1-storage: %s: another row has these values", taken->name);
	return c->kind == GANTRY_NEW ? GANTRY_CONFLICT : GANTRY_REFUSED_ROW;
}

/* All or nothing of one change. */
static enum gantry_stored level_1_apply(struct level_1 *m, struct change *c,
				       struct gantry_error *err)
{
	struct rows *rows = &m->rows[c->table];
	int64_t ref = c->row->values[0].is.number;
	enum gantry_stored stored;

	c->old = rows_by_ref(rows, ref);
	if (c->kind == GANTRY_NEW ? c->old != NULL :
	    c->kind == GANTRY_CHANGED && c->old == NULL) {
		gantry_fail(err, "level-1-storage: %s: ref %lld is %s", rows->table->name,
			    (long long)ref, c->old != NULL ? "taken" : "gone");
		c->old = NULL;
		return GANTRY_CONFLICT;
	}
	if (c->old != NULL)
		rows_remove(rows, c->old);
	if (c->kind == GANTRY_GONE)
		return GANTRY_STORED;
	c->new = rows_copy(rows, c->row->values, c->mask, c->old);
	stored = level_1_put(rows, c, err);
	if (stored == GANTRY_STORED)
		return stored;
	if (c->old != NULL)
		rows_add(rows, c->old);
	free(c->new);
	c->old = c->new = NULL;
	return stored;
}

static void level_1_undo(struct level_1 *m, struct change *c)
{
	if (c->new != NULL)
		rows_remove(&m->rows[c->table], c->new);
	free(c->new);
	if (c->old != NULL)
		rows_add(&m->rows[c->table], c->old);
}

/* GONE first, NEW last: a unique value may go from one row to another. */
static enum gantry_stored level_1_apply_all(struct level_1 *m,
					   struct gantry_error *err)
{
	struct change **done = rows_memory(m->n_changes, sizeof(*done));
	enum gantry_stored stored = GANTRY_STORED;
	size_t n = 0;

	for (int kind = GANTRY_GONE; kind <= GANTRY_NEW; kind++)
		for (size_t i = 0; i < m->n_changes && stored == GANTRY_STORED; i++)
			if ((int)m->changes[i].kind == kind) {
				done[n++] = &m->changes[i];
				stored = level_1_apply(m, &m->changes[i], err);
			}
	for (size_t i = n; i-- > 0;) {
		if (stored != GANTRY_STORED)
			level_1_undo(m, done[i]);
		else
			free(done[i]->old);
	}
	free(done);
	return stored;
}

static enum gantry_stored level_1_commit(void *unit, struct gantry_error *err)
{
	struct level_1 *m = unit;
	enum gantry_stored stored;

	assert(m->open);
	pthread_rwlock_wrlock(&m->lock);
	stored = level_1_apply_all(m, err);
	pthread_rwlock_unlock(&m->lock);
	level_1_forget(m);
	return stored;
}

static void level_1_rollback(void *unit)
{
	struct level_1 *m = unit;

	assert(m->open);
	level_1_forget(m);
}

static const struct gantry_storage level_1_storage = {
	.size = sizeof(struct gantry_storage),
	.prepare = level_1_prepare,
	.lanes = level_1_lanes,
	.read = level_1_read,
	.scan = level_1_scan,
	.begin = level_1_begin,
	.load = level_1_load,
	.store = level_1_store,
	.commit = level_1_commit,
	.rollback = level_1_rollback,
	.flags = GANTRY_STORAGE_FORGETS,
};

GANTRY_PLUGIN(.name = "level-1-storage", .version = "1.0.0",
	      .summary = "storage in memory, for tests: forgets all at the end",
	      .threads = GANTRY_PARALLEL, .instance_size = sizeof(struct level_1),
	      .open = level_1_open, .close = level_1_close,
	      .storage = &level_1_storage);
