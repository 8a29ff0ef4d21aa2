/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes - see lanes.h. What its faults do wrong stands where it is done.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "tests/plugins/lanes.h"

enum { LANES = 3, WAIT_MS = 1500, CALLS = 8 };

/* Changes of one call of store. */
struct call {
	struct gantry_change *changes;
	const struct gantry_change **list;
	size_t n;
};

struct lanes;

struct lanes_unit {
	struct lanes *of;
	struct arena arena;
	struct call calls[CALLS];
	unsigned n_calls;
	int64_t now_ms;
};

struct lanes {
	struct lanes_store *store;
	const struct gantry_schema *schema;
	void *look;		/* an inner instance of its own, or NULL: it serves */
	bool serves;
	struct lanes_unit units[LANES];
};

/* A row as it was when it came; texts are copies. */
struct copy {
	struct copy *next;
	size_t key;
	struct gantry_value values[];
};

struct copies {
	struct arena *arena;
	const struct gantry_schema *schema;
	const struct gantry_key *const *keys;
	struct copy *first, **end;
	size_t n;
};

void lanes_init(struct lanes_store *store, const char *plugin,
		const char *const *options)
{
	*store = (struct lanes_store){
		.inner = { .plugin = store_plugin(plugin), .options = options } };
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->turn, NULL);
	pthread_cond_init(&store->freed, NULL);
}

void lanes_fini(struct lanes_store *store)
{
	assert(store->serving == 0 && store->n_rows == 0);
	pthread_mutex_destroy(&store->lock);
	pthread_mutex_destroy(&store->turn);
	pthread_cond_destroy(&store->freed);
	free(store->rows);
}

static const struct gantry_storage *lanes_st(const struct lanes *l)
{
	return l->store->inner.plugin->storage;
}

int lanes_open(void *context, void **self_out, struct gantry_error *err)
{
	struct lanes *l = memory_new(sizeof(*l));

	(void)err;
	l->store = context;
	*self_out = l;
	return 0;
}

void lanes_close(void *context, void *self)
{
	struct lanes_store *store = context;
	struct lanes *l = self;

	if (l->look != NULL)
		store_close(&store->inner, l->look);
	pthread_mutex_lock(&store->lock);
	if (l->serves && --store->serving == 0) {
		store_close(&store->inner, store->self);
		store->self = NULL;
	}
	pthread_mutex_unlock(&store->lock);
	for (unsigned i = 0; i < LANES; i++)
		arena_fini(&l->units[i].arena);
	free(l);
}

static enum gantry_stored lanes_inner(struct lanes *l, void **inner_out,
				      enum gantry_prepare mode, struct gantry_error *err)
{
	enum gantry_stored stored;
	void *inner;

	if (store_open(&l->store->inner, &inner, err) < 0)
		return GANTRY_BROKEN;
	stored = lanes_st(l)->prepare(inner, l->schema, mode, err);
	if (stored == GANTRY_STORED)
		*inner_out = inner;
	else
		store_close(&l->store->inner, inner);
	return stored;
}

/* The newest minor serves all: an older instance knows the first columns. */
static enum gantry_stored lanes_serve(struct lanes *l, enum gantry_prepare mode,
				      struct gantry_error *err)
{
	struct lanes_store *store = l->store;
	enum gantry_stored stored = GANTRY_STORED;
	const struct gantry_schema *old = store->schema;
	bool newer = store->serving == 0 || l->schema->minor > old->minor;

	if (store->serving > 0 && l->schema->major != old->major) {
		gantry_fail(err, "lanes: holds another major");
		return GANTRY_BROKEN;
	}
	if (newer && store->serving > 0 && store->fault == BROKEN_BESIDE) {
		gantry_fail(err, "lanes: in use by an older gateway");
		return GANTRY_BROKEN;
	}
	pthread_mutex_lock(&store->turn);
	if (newer && store->serving > 0)
		store_close(&store->inner, store->self);
	if (newer)
		stored = lanes_inner(l, &store->self, mode, err);
	pthread_mutex_unlock(&store->turn);
	if (stored != GANTRY_STORED)
		return stored;
	if (newer)
		store->schema = l->schema;
	store->serving++;
	l->serves = true;
	return stored;
}

static enum gantry_stored lanes_prepare(void *self, const struct gantry_schema *schema,
					enum gantry_prepare mode, struct gantry_error *err)
{
	struct lanes *l = self;
	enum gantry_stored stored;

	l->schema = schema;
	if (mode == GANTRY_PREPARE_LOOK)
		return lanes_inner(l, &l->look, mode, err);
	pthread_mutex_lock(&l->store->lock);
	stored = lanes_serve(l, mode, err);
	pthread_mutex_unlock(&l->store->lock);
	if (stored == GANTRY_STORED && l->store->fault == BROKEN_STALE)
		return lanes_inner(l, &l->look, GANTRY_PREPARE_LOOK, err);
	return stored;
}

static unsigned lanes_lanes(const void *self)
{
	(void)self;
	return LANES;
}

static void *lanes_reads(const struct lanes *l)
{
	return l->look != NULL ? l->look : l->store->self;
}

static enum gantry_stored lanes_read(void *self, const struct gantry_key *const *keys,
				     size_t n, const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	const struct lanes *l = self;
	enum gantry_stored stored = GANTRY_STORED;

	/* half of a commit shows if each key is a snapshot of its own */
	for (size_t i = 0; l->store->fault == BROKEN_TORN && i + 1 < n; i++)
		stored = lanes_st(l)->read(lanes_reads(l), &keys[i], 1, sink, err);
	if (l->store->fault == BROKEN_TORN && n > 1)
		return lanes_st(l)->read(lanes_reads(l), &keys[n - 1], 1, sink, err);
	return stored != GANTRY_STORED ? stored :
		lanes_st(l)->read(lanes_reads(l), keys, n, sink, err);
}

static enum gantry_stored lanes_scan(void *self, const struct gantry_range *range,
				     const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	const struct lanes *l = self;

	return lanes_st(l)->scan(lanes_reads(l), range, sink, err);
}

static enum gantry_stored lanes_begin(void *self, unsigned lane, void **unit_out,
				      struct gantry_error *err)
{
	struct lanes *l = self;
	struct lanes_unit *u = &l->units[lane];

	(void)err;
	assert(lane < LANES && u->of == NULL);
	u->of = l;
	u->n_calls = 0;
	u->now_ms = clock_now_ms();
	*unit_out = u;
	return GANTRY_STORED;
}

static struct lanes_row *lanes_find(struct lanes_store *store, unsigned table, int64_t ref)
{
	for (size_t i = 0; i < store->n_rows; i++)
		if (store->rows[i].table == table && store->rows[i].ref == ref)
			return &store->rows[i];
	return NULL;
}

static struct timespec lanes_deadline(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* *waited: somebody else had it. */
static enum gantry_stored lanes_lock_row(struct lanes_unit *u, unsigned table, int64_t ref,
					 bool *waited)
{
	struct lanes_store *store = u->of->store;
	struct timespec until = lanes_deadline(store->fault == BROKEN_PATIENT ?
					       3600000 : WAIT_MS);
	struct lanes_row *row;
	bool mine;
	int rc = 0;

	pthread_mutex_lock(&store->lock);
	while ((row = lanes_find(store, table, ref)) != NULL && row->owner != u &&
	       rc == 0) {
		*waited = true;
		rc = pthread_cond_timedwait(&store->freed, &store->lock, &until);
	}
	if (row == NULL) {
		if (store->n_rows == store->room) {
			store->room = store->room * 2 + 64;
			store->rows = memory_grow(store->rows, store->room,
						  sizeof(*store->rows));
		}
		store->rows[store->n_rows++] = (struct lanes_row){ table, ref, u };
	}
	mine = row == NULL || row->owner == u;
	pthread_mutex_unlock(&store->lock);
	return mine ? GANTRY_STORED : GANTRY_CONFLICT;
}

static void lanes_unlock(struct lanes_unit *u)
{
	struct lanes_store *store = u->of->store;

	pthread_mutex_lock(&store->lock);
	for (size_t i = store->n_rows; i-- > 0;)
		if (store->rows[i].owner == u)
			store->rows[i] = store->rows[--store->n_rows];
	pthread_cond_broadcast(&store->freed);
	pthread_mutex_unlock(&store->lock);
	arena_reset(&u->arena);
	u->of = NULL;
}

static struct gantry_value *lanes_values(struct arena *arena,
					 const struct gantry_value *values, unsigned n,
					 unsigned room)
{
	struct gantry_value *copy = arena_zero(arena, room * sizeof(*copy));

	for (unsigned i = 0; i < n; i++) {
		copy[i] = values[i];
		if (values[i].kind == GANTRY_STRING)
			copy[i].is.text = arena_text_n(arena, values[i].is.text,
						       values[i].len);
	}
	return copy;
}

static int lanes_take(void *context, size_t key, const struct gantry_value *values)
{
	struct copies *c = context;
	unsigned n = c->schema->tables[c->keys[key]->table]->n_columns;
	struct copy *copy = arena_zero(c->arena, sizeof(*copy) + n * sizeof(*values));

	memcpy(copy->values, lanes_values(c->arena, values, n, n), n * sizeof(*values));
	copy->key = key;
	*c->end = copy;
	c->end = &copy->next;
	c->n++;
	return 0;
}

static enum gantry_stored lanes_copy(struct lanes_unit *u, struct copies *c,
				     const struct gantry_key *const *keys, size_t n,
				     struct gantry_error *err)
{
	const struct gantry_sink sink = { lanes_take, c };

	*c = (struct copies){ .arena = &u->arena, .schema = u->of->schema, .keys = keys };
	c->end = &c->first;
	return lanes_st(u->of)->read(u->of->store->self, keys, n, &sink, err);
}

static int lanes_by_ref(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

/* Again if somebody else had one of them: he may have changed what they are. */
static enum gantry_stored lanes_lock_set(struct lanes_unit *u,
					 const struct gantry_key_set *set,
					 struct gantry_error *err)
{
	enum broken_fault fault = u->of->store->fault;
	enum gantry_stored stored;
	bool waited = true;
	struct copies found;

	while (waited) {
		waited = false;
		stored = lanes_copy(u, &found, set->keys, set->n, err);
		if (stored != GANTRY_STORED)
			return stored;
		int64_t *refs = arena_alloc(&u->arena, (found.n + 1) * sizeof(*refs));
		size_t n = 0;

		for (const struct copy *c = found.first; c != NULL; c = c->next)
			refs[n++] = c->values[0].is.number;
		/* who locks as he was asked meets one who was asked otherwise */
		if (fault != BROKEN_AS_ASKED)
			qsort(refs, n, sizeof(*refs), lanes_by_ref);
		for (size_t i = 0; i < n && stored == GANTRY_STORED; i++)
			stored = lanes_lock_row(u, set->keys[0]->table, refs[i], &waited);
		if (stored != GANTRY_STORED) {
			gantry_fail(err, "lanes: another unit holds a row for too long");
			return stored;
		}
	}
	return GANTRY_STORED;
}

static enum gantry_stored lanes_give(const struct copies *c, const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	for (const struct copy *row = c->first; row != NULL; row = row->next)
		if (sink->row(sink->context, row->key, row->values) != 0) {
			gantry_fail(err, "lanes: the rows were not taken");
			return GANTRY_BROKEN;
		}
	return GANTRY_STORED;
}

static enum gantry_stored lanes_load(void *unit, const struct gantry_key_set *const *locks,
				     size_t n_locks, const struct gantry_key *const *keys,
				     size_t n_keys, const struct gantry_sink *sink,
				     int64_t *now_ms_out, struct gantry_error *err)
{
	struct lanes_unit *u = unit;
	enum broken_fault fault = u->of->store->fault;
	enum gantry_stored stored = GANTRY_STORED;
	const struct gantry_key **all;
	struct copies early, late;
	size_t n = 0, total = n_keys;

	for (size_t i = 0; i < n_locks; i++)
		total += locks[i]->n;
	all = arena_alloc(&u->arena, (total + 1) * sizeof(*all));
	for (size_t i = 0; i < n_locks; i++)
		for (size_t j = 0; j < locks[i]->n; j++)
			all[n++] = locks[i]->keys[j];
	for (size_t i = 0; i < n_keys; i++)
		all[n++] = keys[i];
	*now_ms_out = u->now_ms;
	/* one statement that locks and reads sees what was there before it waited */
	if (fault == BROKEN_SNAPSHOT)
		stored = lanes_copy(u, &early, all, n, err);
	for (size_t i = 0; i < n_locks && stored == GANTRY_STORED; i++)
		if (fault != BROKEN_NO_LOCK)
			stored = lanes_lock_set(u, locks[i], err);
	if (stored == GANTRY_STORED)
		stored = lanes_copy(u, &late, all, n, err);
	if (stored != GANTRY_STORED)
		return stored;
	return lanes_give(fault == BROKEN_SNAPSHOT ? &early : &late, sink, err);
}

static enum gantry_stored lanes_store_(void *unit, const struct gantry_change *const *changes,
				       size_t n, struct gantry_error *err)
{
	struct lanes_unit *u = unit;
	struct call *call = &u->calls[u->n_calls++];

	(void)err;
	assert(u->n_calls <= CALLS);
	call->n = n;
	call->changes = arena_alloc(&u->arena, (n + 1) * sizeof(*call->changes));
	call->list = arena_alloc(&u->arena, (n + 1) * sizeof(*call->list));
	for (size_t i = 0; i < n; i++) {
		unsigned known = changes[i]->kind == GANTRY_GONE ? 1 :
			u->of->schema->tables[changes[i]->table]->n_columns;

		call->changes[i] = *changes[i];
		call->changes[i].values = lanes_values(&u->arena, changes[i]->values,
						       known, 64);
		call->list[i] = &call->changes[i];
	}
	return GANTRY_STORED;
}

static enum gantry_stored lanes_apply(struct lanes_unit *u, void *inner,
				      struct gantry_error *err)
{
	const struct gantry_storage *st = lanes_st(u->of);
	enum gantry_stored stored = GANTRY_STORED;

	for (unsigned i = 0; i < u->n_calls && stored == GANTRY_STORED; i++)
		stored = st->store(inner, u->calls[i].list, u->calls[i].n, err);
	if (stored == GANTRY_STORED)
		return st->commit(inner, err);
	st->rollback(inner);
	return stored;
}

static enum gantry_stored lanes_commit(void *unit, struct gantry_error *err)
{
	struct lanes_unit *u = unit;
	struct lanes_store *store = u->of->store;
	enum gantry_stored stored;
	void *inner;

	pthread_mutex_lock(&store->turn);
	stored = lanes_st(u->of)->begin(store->self, 0, &inner, err);
	if (stored == GANTRY_STORED)
		stored = lanes_apply(u, inner, err);
	pthread_mutex_unlock(&store->turn);
	lanes_unlock(u);
	/* as INSERT ... ON CONFLICT DO NOTHING would have it */
	return stored == GANTRY_CONFLICT && store->fault == BROKEN_NOTHING ?
		GANTRY_STORED : stored;
}

static void lanes_rollback(void *unit)
{
	lanes_unlock(unit);
}

static enum gantry_stored lanes_backup(void *self, const char *path,
				       struct gantry_error *err)
{
	const struct lanes *l = self;

	return lanes_st(l)->backup(lanes_reads(l), path, err);
}

const struct gantry_storage lanes_storage = {
	.size = sizeof(struct gantry_storage),
	.prepare = lanes_prepare,
	.lanes = lanes_lanes,
	.read = lanes_read,
	.scan = lanes_scan,
	.begin = lanes_begin,
	.load = lanes_load,
	.store = lanes_store_,
	.commit = lanes_commit,
	.rollback = lanes_rollback,
	.backup = lanes_backup,
};
