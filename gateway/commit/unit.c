/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit - see unit.h. One bad message never fails its batch: what storage
 * refuses for many is tried again one by one.
 */
#include "gateway/commit/unit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/commit/affinity.h"
#include "gateway/commit/handover.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/pipeline/meters.h"

#define UNIT_MAX_TRIES 5

void unit_init(struct unit *u, struct unit_world *world, unsigned lane)
{
	*u = (struct unit){ .world = world, .lane = lane };
	rowset_init(&u->rows, &commit_schema);
	needs_init(&u->needs, &commit_schema);
	u->members = memory_new_array(world->options.max_batch, sizeof(*u->members));
	if (lane > 0)
		return;
	u->retention = retention_new();
	u->published = world->published;
}

void unit_fini(struct unit *u)
{
	retention_free(&u->retention);
	free(u->members);
	needs_fini(&u->needs);
	rowset_fini(&u->rows);
	arena_fini(&u->arena);
}

/* Back to how the handlers left everything. */
static void unit_clear(struct unit *u)
{
	for (unsigned i = 0; i < u->n_members; i++) {
		struct unit_member *member = &u->members[i];

		effects_truncate(&member->m->effects, &member->before);
		member->m->moved = member->moved;
		member->m->outcomes = NULL;
		member->m->n_outcomes = 0;
	}
	rowset_reset(&u->rows);
	needs_reset(&u->needs);
	arena_reset(&u->arena);
}

static enum gantry_stored unit_load(struct unit *u, struct gantry_error *err)
{
	struct rowset_sink into = { &u->rows, NULL };
	struct gantry_sink sink = { rowset_sink_row, &into };
	const struct gantry_key_set *const *locks;
	const struct gantry_key *const *reads;
	size_t n_locks, n_reads, n_keys;
	enum gantry_stored stored;

	for (unsigned i = 0; i < u->n_members; i++)
		apply_needs(u, u->members[i].m);
	if (u->published != NULL)
		published_needs(u);
	replica_needs(u);
	into.keys = needs_keys(&u->needs, &n_keys);
	locks = needs_locks(&u->needs, &n_locks);
	reads = needs_reads(&u->needs, &n_reads);
	stored = u->world->storage->load(u->handle, locks, n_locks, reads, n_reads,
					 &sink, &u->now_ms, err);
	if (stored == GANTRY_STORED)
		u->ahead_ms = u->now_ms - clock_steady_ns() / 1000000;
	return stored;
}

/*
 * Only after the load is it known what an order command touches. The prefix
 * that fits stays, but at least one message.
 */
static void unit_fit(struct unit *u, struct queue *back)
{
	unsigned weight = 0, n;

	for (n = 0; n < u->n_members; n++) {
		weight += apply_loaded_weight(u, u->members[n].m);
		if (n > 0 && weight > u->world->options.max_weight)
			break;
	}
	/* in front of what an earlier try has given back */
	for (unsigned i = u->n_members; i > n; i--) {
		struct gantry_message *m = u->members[i - 1].m;

		atomic_store_explicit(&m->in_unit, 0, memory_order_relaxed);
		queue_push_front(back, m);
	}
	u->n_members = n;
}

static enum gantry_stored unit_write(struct unit *u, struct gantry_error *err)
{
	const struct gantry_change *const *changes;
	int64_t began_ns = clock_steady_ns();
	enum gantry_stored stored;
	size_t n;

	changes = rowset_changes(&u->rows, &u->arena, &n);
	stored = u->world->storage->store(u->handle, changes, n, err);
	if (stored != GANTRY_STORED) {
		u->world->storage->rollback(u->handle);
		return stored;
	}
	stored = u->world->storage->commit(u->handle, err);
	metrics_observe_since(u->world->options.metrics, METER_UNIT_COMMIT_SECONDS, 0, 0,
			      began_ns);
	return stored;
}

static enum gantry_stored unit_begin(struct unit *u, struct gantry_error *err)
{
	if (!u->opened)
		return u->world->storage->begin(u->world->storage_self, u->lane,
						&u->handle, err);
	u->opened = false;
	if (u->opening != GANTRY_STORED)
		gantry_fail(err, "%s", u->why);
	return u->opening;
}

/* Once through; anything but STORED: nothing happened. */
static enum gantry_stored unit_pass(struct unit *u, struct queue *back,
				    struct gantry_error *err)
{
	const struct gantry_storage *storage = u->world->storage;
	enum gantry_stored stored;

	stored = unit_begin(u, err);
	if (stored != GANTRY_STORED)
		return stored;
	stored = unit_load(u, err);
	if (stored == GANTRY_STORED)
		stored = replica_check(u, err);
	if (stored != GANTRY_STORED) {
		storage->rollback(u->handle);
		return stored;
	}
	unit_fit(u, back);
	if (u->published != NULL)
		published_apply(u);
	for (unsigned i = 0; i < u->n_members; i++)
		apply_message(u, &u->members[i]);
	if (u->retention != NULL) {
		retention_add(u);
		bounds_drop(u);
	}
	return unit_write(u, err);
}

/* From here on the storage has the thread, and may keep it. */
static void unit_enter(struct unit *u)
{
	atomic_store_explicit(&u->busy, atomic_load_explicit(&u->world->tick,
							     memory_order_relaxed),
			      memory_order_relaxed);
}

static void unit_leave(struct unit *u)
{
	atomic_store_explicit(&u->busy, 0, memory_order_relaxed);
}

bool unit_is_stuck(const struct unit *u, unsigned tick, unsigned ticks)
{
	unsigned busy = atomic_load_explicit(&((struct unit *)u)->busy,
					     memory_order_relaxed);

	return busy != 0 && (int)(tick - busy) > (int)ticks;
}

void unit_open(struct unit *u)
{
	struct gantry_error err = ERROR_INIT;

	unit_enter(u);
	u->opening = unit_begin(u, &err);
	u->opened = true;
	unit_leave(u);
	snprintf(u->why, sizeof(u->why), "%s", err.message);
	error_fini(&err);
}

static enum gantry_stored unit_try(struct unit *u, struct queue *back,
				   struct gantry_error *err)
{
	enum gantry_stored stored;

	unit_clear(u);
	unit_enter(u);
	stored = unit_pass(u, back, err);
	if (stored == GANTRY_STORED)
		replica_done(u);
	else if (u->lost)
		stored = replica_again(u, err);
	unit_leave(u);
	return stored;
}

/* A little longer each time, and never the same for two replicas. */
static void unit_pause(unsigned attempt)
{
	struct timespec t = { 0 };
	uint32_t random;

	ids_random(&random, sizeof(random));
	t.tv_nsec = (long)random % (1000000L << attempt);
	nanosleep(&t, NULL);
}

static enum gantry_stored unit_try_often(struct unit *u, struct queue *back,
					 struct gantry_error *err)
{
	enum gantry_stored stored = GANTRY_CONFLICT;

	for (unsigned i = 0; i < UNIT_MAX_TRIES && stored == GANTRY_CONFLICT; i++) {
		if (i > 0) {
			atomic_fetch_add(&u->world->conflicts, 1);
			metrics_add(u->world->options.metrics, METER_UNIT_CONFLICTS, 0, 0, 1);
			unit_pause(i);
		}
		error_reset(err);
		stored = unit_try(u, back, err);
	}
	if (u->retention != NULL)
		retention_done(u, stored == GANTRY_STORED);
	return stored;
}

/* What the publisher hears: once for a unit. */
static void unit_hand_over(struct unit *u)
{
	struct handover_gift gift = { 0 };

	bounds_count(u);
	if (u->published != NULL)
		published_done(u, &gift);
	if (u->world->handover == NULL)
		return;
	gift.first = outbox_copies(u);
	handover_give(u->world->handover, &gift);
}

static void unit_release(struct unit_world *world, struct gantry_message *m)
{
	atomic_store_explicit(&m->in_unit, 0, memory_order_relaxed);
	if (world->affinity != NULL)
		affinity_release(world->affinity, m);
}

static void unit_finish(struct unit_world *world, struct gantry_message *m)
{
	unit_release(world, m);
	engine_finish(m->engine, m);
}

static void unit_restart(struct unit_world *world, struct gantry_message *m)
{
	unit_release(world, m);
	engine_restart(m->engine, m);
}

/* In the trace of each message that is looked at; as long as they are ours. */
static void unit_trace(const struct unit *u, int64_t began_ns, const char *failed)
{
	const struct trace_unit unit = { began_ns, u->n_members, u->lane, failed };

	for (unsigned i = 0; i < u->n_members; i++)
		trace_unit_ended(u->members[i].m, &unit);
}

static void unit_answer(struct unit *u, int64_t began_ns)
{
	unit_trace(u, began_ns, NULL);
	counted_unit(u, began_ns);
	record_committed(u);
	unit_hand_over(u);
	if (atomic_exchange(&u->world->away, false))
		log_info("storage: back");
	atomic_fetch_add(&u->world->units, 1);
	atomic_fetch_add(&u->world->messages, u->n_members);
	for (unsigned i = 0; i < u->n_members; i++) {
		struct unit_member *member = &u->members[i];
		struct gantry_message *m = member->m;

		if (member->fate == UNIT_RESTART)
			unit_restart(u->world, m);
		else
			unit_finish(u->world, m);
	}
}

/*
 * FULL and AWAY end by themselves one day, BROKEN does not; in the others it is
 * the unit that storage does not take.
 */
static bool unit_means_away(enum gantry_stored stored)
{
	return stored != GANTRY_REFUSED_ROW && stored != GANTRY_CONFLICT;
}

void unit_refuse(struct unit_world *world, struct gantry_message *m)
{
	error_reset(&m->error);
	error_depends(&m->error, GANTRY_DEPENDS_ON_STORAGE,
		      "The storage cannot be used now");
	message_correlate(m);
	envelope_fail(m, GANTRY_FAILED);
	unit_finish(world, m);
}

static void unit_reject(struct unit_world *world, struct gantry_message *m)
{
	error_reset(&m->error);
	error_set(&m->error, "INTERNAL_ERROR", "The storage refused a row");
	message_correlate(m);
	envelope_fail(m, GANTRY_FAILED);
	unit_finish(world, m);
}

static void unit_fail(struct unit *u, enum gantry_stored stored,
		      const struct gantry_error *err, int64_t began_ns)
{
	unit_trace(u, began_ns, meters_stored(stored));
	atomic_fetch_add(&u->world->failures, 1);
	metrics_add(u->world->options.metrics, METER_UNIT_FAILURES, stored, 0, 1);
	if (u->published != NULL)
		published_failed(u->published);
	/* once for an outage: a line a unit would fill what is full already */
	if (!unit_means_away(stored))
		log_warning("a unit of %u messages was not stored: %s",
			    u->n_members, err->message);
	else if (!atomic_exchange(&u->world->away, true))
		log_error("storage: %s", err->message);
	for (unsigned i = 0; i < u->n_members; i++) {
		if (stored == GANTRY_REFUSED_ROW)
			unit_reject(u->world, u->members[i].m);
		else
			unit_refuse(u->world, u->members[i].m);
	}
}

static void unit_one_by_one(struct unit *u, struct queue *back)
{
	struct queue all = { 0 };
	struct gantry_message *m;

	for (unsigned i = 0; i < u->n_members; i++)
		queue_push(&all, u->members[i].m);
	while ((m = queue_pop(&all)) != NULL) {
		struct queue alone = { 0 };

		queue_push(&alone, m);
		unit_run(u, &alone, back);
	}
}

/* Its caller has long gone, or asks again: nothing is begun for it. */
static bool unit_is_late(struct unit *u, struct gantry_message *m, int64_t now_ms)
{
	if (m->deadline_ms == 0 || now_ms <= m->deadline_ms)
		return false;
	metrics_add(u->world->options.metrics, METER_LATE, 0, 0, 1);
	error_reset(&m->error);
	error_set(&m->error, "OVERLOADED", "It waited too long for its turn");
	message_correlate(m);
	envelope_fail(m, GANTRY_FAILED);
	unit_finish(u->world, m);
	return true;
}

/*
 * A message that read what an earlier one of the batch puts runs again after
 * the unit: the first in arrival order always gets through.
 */
static void unit_gather(struct unit *u, struct queue *batch, struct queue *later)
{
	int64_t now_ms = clock_steady_ns() / 1000000;
	struct gantry_message *m;

	u->n_members = 0;
	while ((m = queue_pop(batch)) != NULL) {
		if (unit_is_late(u, m, now_ms))
			continue;
		if (record_waits(u->members, u->n_members, m)) {
			queue_push(later, m);
			continue;
		}
		assert(u->n_members < u->world->options.max_batch);
		trace_unit_begins(m);
		atomic_store_explicit(&m->in_unit, u->lane + 1, memory_order_relaxed);
		u->members[u->n_members++] =
			(struct unit_member){ .m = m, .before = m->effects,
					      .moved = m->moved };
	}
}

void unit_run(struct unit *u, struct queue *batch, struct queue *back)
{
	struct gantry_error err = ERROR_INIT;
	struct queue later = { 0 };
	struct gantry_message *m;
	int64_t began_ns = clock_steady_ns();
	enum gantry_stored stored;

	unit_gather(u, batch, &later);
	stored = unit_try_often(u, back, &err);
	if (stored == GANTRY_STORED)
		unit_answer(u, began_ns);
	else if ((stored == GANTRY_CONFLICT || stored == GANTRY_REFUSED_ROW) &&
		 u->n_members > 1)
		unit_one_by_one(u, back);
	else
		unit_fail(u, stored, &err, began_ns);
	while ((m = queue_pop(&later)) != NULL)
		unit_restart(u->world, m);
	error_fini(&err);
}

void unit_idle(struct unit *u)
{
	struct queue none = { 0 }, back = { 0 };
	bool due;

	unit_enter(u);
	due = u->retention != NULL && retention_look(u);
	due |= u->retention != NULL && bounds_look(u);
	due |= replica_is_due(u);
	unit_leave(u);
	if (u->published != NULL) {
		int64_t wish_ns = published_due_ns(u->published);

		due |= wish_ns != 0 && clock_steady_ns() >= wish_ns;
	}
	if (due || atomic_load(&u->world->away))
		unit_run(u, &none, &back);
}

void unit_last(struct unit *u)
{
	uint64_t failures = atomic_load(&u->world->failures);
	struct queue none = { 0 }, back = { 0 };

	while (u->published != NULL && published_due_ns(u->published) != 0 &&
	       atomic_load(&u->world->failures) == failures)
		unit_run(u, &none, &back);
	u->ends = u->lane == 0;
	if (u->ends && replica_is_due(u) && atomic_load(&u->world->failures) == failures)
		unit_run(u, &none, &back);
}
