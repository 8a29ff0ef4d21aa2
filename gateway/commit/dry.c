/* SPDX-License-Identifier: Apache-2.0 */
/* dry - see dry.h. */
#include "gateway/commit/dry.h"

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"

static unsigned dry_lanes(const void *self)
{
	(void)self;
	return 1;
}

static enum gantry_stored dry_read(void *self, const struct gantry_key *const *keys,
				   size_t n, const struct gantry_sink *sink,
				   struct gantry_error *err)
{
	const struct query_store *from = ((struct dry *)self)->from;

	return from == NULL || n == 0 ? GANTRY_STORED :
		from->storage->read(from->self, keys, n, sink, err);
}

static enum gantry_stored dry_scan(void *self, const struct gantry_range *range,
				   const struct gantry_sink *sink,
				   struct gantry_error *err)
{
	const struct query_store *from = ((struct dry *)self)->from;

	return from == NULL ? GANTRY_STORED :
		from->storage->scan(from->self, range, sink, err);
}

static enum gantry_stored dry_begin(void *self, unsigned lane, void **unit_out,
				    struct gantry_error *err)
{
	(void)lane;
	(void)err;
	*unit_out = self;
	return GANTRY_STORED;
}

/* Nobody else writes what nobody writes: locking is reading. */
static enum gantry_stored dry_load(void *unit, const struct gantry_key_set *const *locks,
				   size_t n_locks, const struct gantry_key *const *keys,
				   size_t n_keys, const struct gantry_sink *sink,
				   int64_t *now_ms_out, struct gantry_error *err)
{
	size_t n = n_keys, all = 0;
	AUTO_FREE const struct gantry_key **list = NULL;

	for (size_t i = 0; i < n_locks; i++)
		n += locks[i]->n;
	list = memory_new_array(n + 1, sizeof(*list));
	for (size_t i = 0; i < n_locks; i++)
		for (size_t k = 0; k < locks[i]->n; k++)
			list[all++] = locks[i]->keys[k];
	for (size_t i = 0; i < n_keys; i++)
		list[all++] = keys[i];
	*now_ms_out = clock_now_ms();
	return dry_read(unit, list, n, sink, err);
}

static enum gantry_stored dry_store(void *unit, const struct gantry_change *const *changes,
				    size_t n, struct gantry_error *err)
{
	struct dry *dry = unit;

	(void)err;
	for (size_t i = 0; i < n && dry->change != NULL; i++)
		dry->change(dry->ctx, changes[i]);
	return GANTRY_STORED;
}

static enum gantry_stored dry_commit(void *unit, struct gantry_error *err)
{
	(void)unit;
	(void)err;
	return GANTRY_STORED;
}

static void dry_rollback(void *unit)
{
	(void)unit;
}

void dry_init(struct dry *dry, const struct query_store *from)
{
	*dry = (struct dry){
		.storage = { .size = sizeof(dry->storage), .lanes = dry_lanes,
			     .read = dry_read, .scan = dry_scan, .begin = dry_begin,
			     .load = dry_load, .store = dry_store,
			     .commit = dry_commit, .rollback = dry_rollback },
		.from = from,
	};
}
