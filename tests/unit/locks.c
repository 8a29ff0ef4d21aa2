/* SPDX-License-Identifier: Apache-2.0 */
/* locks - see locks.h. */
#include "tests/unit/locks.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"

#define LOCKS_ROWS 4096		/* locked at once */
#define LOCKS_WAIT_S 2
#define LOCKS_TRIP_NS 100000

struct locks_row {
	unsigned table;
	int64_t ref;
};

struct locks_held {
	struct locks_row row;
	unsigned lane;
};

struct locks_unit {
	struct locks *locks;
	unsigned lane;
	bool open;
	const struct gantry_change **changes;
	size_t n;
};

struct locks {
	const struct gantry_storage *inner;
	void *inner_self;
	unsigned lanes;
	struct locks_unit units[LOCKS_LANES];
	pthread_mutex_t commit;		/* the inner unit */
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t freed;
	struct locks_held held[LOCKS_ROWS];
	unsigned n_held, timeouts, open, most;
};

struct locks *locks_new(const struct gantry_storage *inner, void *inner_self,
			unsigned lanes)
{
	struct locks *l = memory_new(sizeof(*l));

	assert(lanes <= LOCKS_LANES);
	l->inner = inner;
	l->inner_self = inner_self;
	l->lanes = lanes;
	pthread_mutex_init(&l->commit, NULL);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->freed, NULL);
	return l;
}

void locks_free(struct locks **locks)
{
	struct locks *l = *locks;

	if (l == NULL)
		return;
	assert(l->n_held == 0 && l->open == 0);
	for (unsigned i = 0; i < l->lanes; i++)
		free(l->units[i].changes);
	pthread_cond_destroy(&l->freed);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->commit);
	free(l);
	*locks = NULL;
}

unsigned locks_timeouts(struct locks *l)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->timeouts;
	pthread_mutex_unlock(&l->lock);
	return n;
}

unsigned locks_most(struct locks *l)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->most;
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* Who has the row; NULL: nobody. */
static struct locks_held *locks_holder(struct locks *l, const struct locks_row *row)
{
	for (unsigned i = 0; i < l->n_held; i++)
		if (l->held[i].row.table == row->table && l->held[i].row.ref == row->ref)
			return &l->held[i];
	return NULL;
}

/* False: somebody has it for too long. */
static bool locks_take(struct locks_unit *u, const struct locks_row *row)
{
	struct locks *l = u->locks;
	struct timespec until;
	const struct locks_held *holder;
	bool ours;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOCKS_WAIT_S;
	pthread_mutex_lock(&l->lock);
	while ((holder = locks_holder(l, row)) != NULL && holder->lane != u->lane)
		if (pthread_cond_timedwait(&l->freed, &l->lock, &until) == ETIMEDOUT) {
			l->timeouts++;
			break;
		}
	if (holder == NULL) {
		assert(l->n_held < LOCKS_ROWS);
		l->held[l->n_held++] = (struct locks_held){ *row, u->lane };
	}
	ours = holder == NULL || holder->lane == u->lane;
	pthread_mutex_unlock(&l->lock);
	return ours;
}

static void locks_end(struct locks_unit *u)
{
	struct locks *l = u->locks;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = l->n_held; i-- > 0;)
		if (l->held[i].lane == u->lane)
			l->held[i] = l->held[--l->n_held];
	l->open--;
	u->open = false;
	u->n = 0;
	pthread_cond_broadcast(&l->freed);
	pthread_mutex_unlock(&l->lock);
}

struct locks_found {
	unsigned table;
	size_t n;
	struct locks_row rows[LOCKS_ROWS];
};

static int locks_found_row(void *context, size_t key, const struct gantry_value *values)
{
	struct locks_found *found = context;

	(void)key;
	assert(found->n < LOCKS_ROWS);
	found->rows[found->n++] = (struct locks_row){ found->table, values[0].is.number };
	return 0;
}

static int locks_compare(const void *a, const void *b)
{
	const struct locks_row *x = a, *y = b;

	return x->ref < y->ref ? -1 : x->ref > y->ref;
}

static enum gantry_stored locks_set(struct locks_unit *u, const struct gantry_key_set *set,
				    struct gantry_error *err)
{
	struct locks *l = u->locks;
	struct locks_found found = { .n = 0 };
	struct gantry_sink sink = { locks_found_row, &found };
	enum gantry_stored stored;

	if (set->n == 0)
		return GANTRY_STORED;
	found.table = set->keys[0]->table;
	stored = l->inner->read(l->inner_self, set->keys, set->n, &sink, err);
	if (stored != GANTRY_STORED)
		return stored;
	qsort(found.rows, found.n, sizeof(found.rows[0]), locks_compare);
	for (size_t i = 0; i < found.n; i++)
		if (!locks_take(u, &found.rows[i])) {
			gantry_fail(err, "a lock was not to be had");
			return GANTRY_CONFLICT;
		}
	return GANTRY_STORED;
}

static enum gantry_stored locks_load(void *unit,
				     const struct gantry_key_set *const *locks,
				     size_t n_locks, const struct gantry_key *const *keys,
				     size_t n_keys, const struct gantry_sink *sink,
				     int64_t *now_ms_out, struct gantry_error *err)
{
	struct locks_unit *u = unit;
	struct locks *l = u->locks;
	const struct gantry_key **all;
	enum gantry_stored stored = GANTRY_STORED;
	size_t n = 0;

	for (size_t i = 0; i < n_locks; i++)
		n += locks[i]->n;
	all = memory_new_array(n + n_keys + 1, sizeof(*all));
	n = 0;
	for (size_t i = 0; i < n_locks && stored == GANTRY_STORED; i++) {
		stored = locks_set(u, locks[i], err);
		for (size_t j = 0; j < locks[i]->n; j++)
			all[n++] = locks[i]->keys[j];
	}
	for (size_t i = 0; i < n_keys; i++)
		all[n++] = keys[i];
	if (stored == GANTRY_STORED)
		stored = l->inner->read(l->inner_self, all, n, sink, err);
	free(all);
	/* a store that has locks is not as fast as memory: others come between */
	nanosleep(&(struct timespec){ 0, LOCKS_TRIP_NS }, NULL);
	*now_ms_out = clock_now_ms();
	return stored;
}

static enum gantry_stored locks_begin(void *self, unsigned lane, void **unit_out,
				      struct gantry_error *err)
{
	struct locks *l = self;
	struct locks_unit *u = &l->units[lane];

	(void)err;
	assert(lane < l->lanes && !u->open);
	u->locks = l;
	u->lane = lane;
	u->open = true;
	pthread_mutex_lock(&l->lock);
	l->open++;
	l->most = l->open > l->most ? l->open : l->most;
	pthread_mutex_unlock(&l->lock);
	*unit_out = u;
	return GANTRY_STORED;
}

static enum gantry_stored locks_store(void *unit,
				      const struct gantry_change *const *changes,
				      size_t n, struct gantry_error *err)
{
	struct locks_unit *u = unit;

	(void)err;
	u->changes = memory_grow(u->changes, u->n + n + 1, sizeof(*u->changes));
	if (n > 0)
		memcpy(u->changes + u->n, changes, n * sizeof(*changes));
	u->n += n;
	return GANTRY_STORED;
}

static enum gantry_stored locks_commit(void *unit, struct gantry_error *err)
{
	struct locks_unit *u = unit;
	struct locks *l = u->locks;
	enum gantry_stored stored;
	void *inner;

	pthread_mutex_lock(&l->commit);
	stored = l->inner->begin(l->inner_self, 0, &inner, err);
	if (stored == GANTRY_STORED) {
		stored = l->inner->store(inner, u->changes, u->n, err);
		if (stored == GANTRY_STORED)
			stored = l->inner->commit(inner, err);
		else
			l->inner->rollback(inner);
	}
	pthread_mutex_unlock(&l->commit);
	locks_end(u);
	return stored;
}

static void locks_rollback(void *unit)
{
	locks_end(unit);
}

static enum gantry_stored locks_read(void *self, const struct gantry_key *const *keys,
				     size_t n, const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	struct locks *l = self;

	return l->inner->read(l->inner_self, keys, n, sink, err);
}

static enum gantry_stored locks_scan(void *self, const struct gantry_range *range,
				     const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	struct locks *l = self;

	return l->inner->scan(l->inner_self, range, sink, err);
}

static unsigned locks_lanes(const void *self)
{
	const struct locks *l = self;

	return l->lanes;
}

const struct gantry_storage locks_storage = {
	.size = sizeof(struct gantry_storage),
	.lanes = locks_lanes,
	.read = locks_read,
	.scan = locks_scan,
	.begin = locks_begin,
	.load = locks_load,
	.store = locks_store,
	.commit = locks_commit,
	.rollback = locks_rollback,
};
