/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broken - see broken.h. Each function passes on, but for its fault.
 */
#include <stdlib.h>

#include "gateway/base/memory.h"
#include "tests/plugins/broken.h"

struct broken;

struct unit {
	struct broken *of;
	void *inner;
	struct gantry_value values[64];
};

struct broken {
	const struct gantry_storage *st;
	const struct gantry_schema *schema;
	enum broken_fault fault;
	void *inner;
	struct unit unit;
};

int broken_open(void *context, void **self_out, struct gantry_error *err)
{
	struct broken_store *store = context;
	struct broken *b = memory_new(sizeof(*b));

	b->st = store->inner.plugin->storage;
	b->fault = store->fault;
	*self_out = b;
	return store_open(&store->inner, &b->inner, err);
}

void broken_close(void *context, void *self)
{
	struct broken_store *store = context;
	struct broken *b = self;

	store_close(&store->inner, b->inner);
	free(b);
}

static enum gantry_stored broken_prepare(void *self,
					 const struct gantry_schema *schema,
					 enum gantry_prepare mode, struct gantry_error *err)
{
	struct broken *b = self;

	b->schema = schema;
	return b->st->prepare(b->inner, schema, mode, err);
}

static unsigned broken_lanes(const void *self)
{
	(void)self;
	return 1;
}

static enum gantry_stored broken_read(void *self,
				      const struct gantry_key *const *keys,
				      size_t n, const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct broken *b = self;

	return b->st->read(b->inner, keys, n, sink, err);
}

static enum gantry_stored broken_scan(void *self, const struct gantry_range *range,
				      const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct broken *b = self;
	struct gantry_range r = *range;

	if (b->fault == BROKEN_PAGE && r.after_ref > 0)
		r.after_ref--;
	return b->st->scan(b->inner, &r, sink, err);
}

static enum gantry_stored broken_begin(void *self, unsigned lane, void **unit_out,
				       struct gantry_error *err)
{
	struct broken *b = self;
	struct unit *u = &b->unit;

	u->of = b;
	(void)lane;
	*unit_out = u;
	return b->st->begin(b->inner, 0, &u->inner, err);
}

/* Gives the rows of keys the numbers from 0 on. */
static enum gantry_stored broken_count(struct unit *u,
				       const struct gantry_key_set *const *locks,
				       size_t n_locks, const struct gantry_sink *sink,
				       struct gantry_error *err)
{
	int64_t now_ms;

	return u->of->st->load(u->inner, locks, n_locks, NULL, 0, sink, &now_ms, err);
}

static enum gantry_stored broken_load(void *unit,
				      const struct gantry_key_set *const *locks,
				      size_t n_locks,
				      const struct gantry_key *const *keys,
				      size_t n_keys,
				      const struct gantry_sink *sink,
				      int64_t *now_ms_out, struct gantry_error *err)
{
	struct unit *u = unit;
	struct broken *b = u->of;

	if (b->fault == BROKEN_NUMBER) {
		if (broken_count(u, locks, n_locks, sink, err) != GANTRY_STORED)
			return GANTRY_BROKEN;
		n_locks = 0;
	}
	return b->st->load(u->inner, locks, n_locks, keys, n_keys, sink, now_ms_out,
			   err);
}

/* One change of what was asked for, as the fault wants it. */
static enum gantry_stored broken_store_one(struct unit *u,
					   const struct gantry_change *change,
					   struct gantry_error *err)
{
	struct gantry_change c = *change, gone = *change;
	const struct gantry_change *list[2] = { &c, &c };
	enum broken_fault fault = u->of->fault;

	if (fault == BROKEN_MASK && c.kind == GANTRY_CHANGED)
		c.mask = (UINT64_C(1) << u->of->schema->tables[c.table]->n_columns) - 2;
	if (fault == BROKEN_NULL && c.kind == GANTRY_NEW && c.table == 1 &&
	    c.values[4].kind == GANTRY_NULL) {
		for (unsigned i = 0; i < 5; i++)
			u->values[i] = c.values[i];
		u->values[4] = (struct gantry_value){ .kind = GANTRY_INT64 };
		c.values = u->values;
	}
	if (fault != BROKEN_OVERWRITE || c.kind != GANTRY_NEW)
		return u->of->st->store(u->inner, list, 1, err);
	gone.kind = GANTRY_GONE;
	list[0] = &gone;
	return u->of->st->store(u->inner, list, 2, err);
}

static enum gantry_stored broken_store_all(void *unit,
					   const struct gantry_change *const *changes,
					   size_t n, struct gantry_error *err)
{
	struct unit *u = unit;
	struct broken *b = u->of;
	enum gantry_stored stored = GANTRY_STORED;

	if (b->fault != BROKEN_OVERWRITE && b->fault != BROKEN_MASK &&
	    b->fault != BROKEN_NULL)
		stored = b->st->store(u->inner, changes, n, err);
	else
		for (size_t i = 0; i < n && stored == GANTRY_STORED; i++)
			stored = broken_store_one(u, changes[i], err);
	if (b->fault != BROKEN_EARLY || stored != GANTRY_STORED)
		return stored;
	stored = b->st->commit(u->inner, err);
	b->st->begin(b->inner, 0, &u->inner, NULL);
	return stored;
}

static enum gantry_stored broken_commit(void *unit, struct gantry_error *err)
{
	struct unit *u = unit;

	return u->of->st->commit(u->inner, err);
}

static void broken_rollback(void *unit)
{
	struct unit *u = unit;

	if (u->of->fault == BROKEN_ROLLBACK)
		u->of->st->commit(u->inner, NULL);
	else
		u->of->st->rollback(u->inner);
}

const struct gantry_storage broken_storage = {
	.size = sizeof(struct gantry_storage),
	.prepare = broken_prepare,
	.lanes = broken_lanes,
	.read = broken_read,
	.scan = broken_scan,
	.begin = broken_begin,
	.load = broken_load,
	.store = broken_store_all,
	.commit = broken_commit,
	.rollback = broken_rollback,
};
