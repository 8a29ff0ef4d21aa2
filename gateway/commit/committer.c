/* SPDX-License-Identifier: Apache-2.0 */
/* committer - see committer.h. */
#include "gateway/commit/committer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/hash.h"
#include "gateway/base/memory.h"
#include "gateway/commit/handover.h"
#include "gateway/commit/unit.h"

/* Between two looks of an idle lane at what is old; when storage is away, a
   probe comes sooner. */
#define COMMITTER_SECOND_NS INT64_C(1000000000)
#define COMMITTER_IDLE_NS (5 * COMMITTER_SECOND_NS)
#define COMMITTER_PROBE_NS COMMITTER_SECOND_NS
#define COMMITTER_COUNT_NS (COMMITTER_SECOND_NS / 100)

struct lane {
	struct committer *committer;
	pthread_t thread;
	pthread_mutex_t lock;	/* of queue, stopping; taken with none held */
	pthread_cond_t work;
	struct queue queue;
	bool stopping;
	struct unit unit;
};

struct committer {
	struct unit_world world;
	struct lane *lanes;
	unsigned n_lanes;
};

const struct committer_options committer_defaults = {
	.max_batch = 128,
	.max_weight = 512,
	.max_bytes = 1 << 20,
	.queue = 16384,
	.idempotency_ms = INT64_C(24) * 3600 * 1000,
	.inbox_ms = INT64_C(30) * 24 * 3600 * 1000,
	.outbox_max_rows = 1000000,
	.outbox_max_age_ms = INT64_C(7) * 24 * 3600 * 1000,
	.owner = "gantry",
};

/*
 * What a unit may hold: a heavier message goes alone. Weights count commands,
 * so that no message is looked into twice before its unit.
 */
static bool committer_fits(const struct committer_options *o, const struct queue *batch,
			   unsigned weight, size_t bytes)
{
	return batch->n < o->max_batch &&
	       (batch->n == 0 || (weight <= o->max_weight && bytes <= o->max_bytes));
}

static struct queue committer_take(struct lane *lane)
{
	const struct committer_options *o = &lane->committer->world.options;
	struct queue batch = { 0 };
	unsigned weight = 0;
	size_t bytes = 0;

	while (!queue_is_empty(&lane->queue)) {
		const struct gantry_message *m = lane->queue.first;

		weight += 1 + m->effects.n_commands;
		bytes += m->effects.len;
		if (m->dead_letter != NULL || m->edited)
			bytes += m->body_len;
		if (!committer_fits(o, &batch, weight, bytes))
			break;
		queue_push(&batch, queue_pop(&lane->queue));
	}
	return batch;
}

/* When an idle lane has something to do at the latest. */
static struct timespec committer_until(const struct lane *lane)
{
	const struct unit_world *w = &lane->committer->world;
	int64_t now = clock_steady_ns(), due = 0, until;

	until = now + (atomic_load(&w->away) ? COMMITTER_PROBE_NS : COMMITTER_IDLE_NS);
	if (lane->unit.retention != NULL && bounds_is_counting(w->bounds))
		until = now + COMMITTER_COUNT_NS;
	if (lane->unit.published != NULL)
		due = published_due_ns(lane->unit.published);
	/* storage that is away is not asked more often for that */
	if (due != 0 && due < until && !atomic_load(&w->away))
		until = due;
	return (struct timespec){ .tv_sec = until / COMMITTER_SECOND_NS,
				  .tv_nsec = until % COMMITTER_SECOND_NS };
}

static void committer_wait(struct lane *lane)
{
	struct timespec until = committer_until(lane);
	int done;

	done = pthread_cond_timedwait(&lane->work, &lane->lock, &until);
	if (done != ETIMEDOUT)
		return;
	pthread_mutex_unlock(&lane->lock);
	unit_idle(&lane->unit);
	pthread_mutex_lock(&lane->lock);
}

/* What was too heavy goes back to the head of the queue, in its order. */
static void committer_give_back(struct lane *lane, struct queue *back)
{
	if (queue_is_empty(back))
		return;
	back->last->next = lane->queue.first;
	if (lane->queue.first == NULL)
		lane->queue.last = back->last;
	lane->queue.first = back->first;
	lane->queue.n += back->n;
}

static void *committer_main(void *arg)
{
	struct lane *lane = arg;

	pthread_mutex_lock(&lane->lock);
	for (;;) {
		struct queue batch = committer_take(lane), back = { 0 };

		if (queue_is_empty(&batch)) {
			if (lane->stopping)
				break;
			committer_wait(lane);
			continue;
		}
		pthread_mutex_unlock(&lane->lock);
		unit_run(&lane->unit, &batch, &back);
		pthread_mutex_lock(&lane->lock);
		committer_give_back(lane, &back);
	}
	pthread_mutex_unlock(&lane->lock);
	unit_last(&lane->unit);
	return NULL;
}

static void lane_start(struct committer *c, unsigned number)
{
	struct lane *lane = &c->lanes[number];
	pthread_condattr_t steady;

	lane->committer = c;
	unit_init(&lane->unit, &c->world, number);
	pthread_mutex_init(&lane->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&lane->work, &steady);
	pthread_condattr_destroy(&steady);
	if (pthread_create(&lane->thread, NULL, committer_main, lane) != 0)
		abort();
}

static void lane_stop(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->stopping = true;
	pthread_cond_signal(&lane->work);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->thread, NULL);
	unit_fini(&lane->unit);
	pthread_cond_destroy(&lane->work);
	pthread_mutex_destroy(&lane->lock);
}

struct committer *committer_new(const struct committer_options *options,
				const struct gantry_storage *storage,
				void *storage_self)
{
	struct committer *c = memory_new(sizeof(*c));

	assert(options->max_batch >= 1);
	c->world.options = *options;
	c->world.storage = storage;
	c->world.storage_self = storage_self;
	c->world.refs.replica = options->replica;
	c->world.records = record_memory_new();
	c->world.bounds = bounds_new(options);
	c->world.published = published_new();
	if (options->publishes)
		c->world.handover = handover_new();
	c->n_lanes = storage->lanes(storage_self);
	c->lanes = memory_new_array(c->n_lanes, sizeof(*c->lanes));
	for (unsigned i = 0; i < c->n_lanes; i++)
		lane_start(c, i);
	return c;
}

void committer_free(struct committer **committer)
{
	struct committer *c = *committer;

	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n_lanes; i++)
		lane_stop(&c->lanes[i]);
	record_memory_free(&c->world.records);
	bounds_free(&c->world.bounds);
	published_free(&c->world.published);
	handover_free(&c->world.handover);
	free(c->lanes);
	free(c);
	*committer = NULL;
}

/* By the first item, else by the allocation or order, else by the key. */
static unsigned committer_lane(const struct committer *c, const struct gantry_message *m)
{
	const char *name = m->idempotency_key != NULL ? m->idempotency_key : m->id;
	struct effect e;
	size_t cursor = 0;

	if (c->n_lanes == 1)
		return 0;
	while (effects_next(&m->effects, &cursor, &e)) {
		const struct gantry_command *command = &e.as.command;

		if (e.kind != EFFECT_COMMAND)
			continue;
		name = command->item_id != NULL ? command->item_id :
		       command->allocation_id != NULL ? command->allocation_id :
		       command->order_id != NULL ? command->order_id :
						   command->return_id;
		break;
	}
	return (unsigned)(hash_bytes(name, strlen(name)) % c->n_lanes);
}

bool committer_commit(void *committer, struct gantry_message *m)
{
	struct committer *c = committer;
	struct lane *lane = &c->lanes[committer_lane(c, m)];
	bool taken;

	idempotency_prepare(m);
	pthread_mutex_lock(&lane->lock);
	taken = !lane->stopping && lane->queue.n < c->world.options.queue;
	if (taken) {
		queue_push(&lane->queue, m);
		if (lane->queue.n == 1)
			pthread_cond_signal(&lane->work);
	}
	pthread_mutex_unlock(&lane->lock);
	return taken;
}

struct committer_counts committer_counts(const struct committer *committer)
{
	struct unit_world *w = (struct unit_world *)&committer->world;

	return (struct committer_counts){
		atomic_load(&w->units), atomic_load(&w->messages),
		atomic_load(&w->conflicts), atomic_load(&w->failures),
		atomic_load(&w->away)
	};
}

size_t committer_waiting(const struct committer *committer)
{
	size_t n = 0;

	for (unsigned i = 0; i < committer->n_lanes; i++) {
		struct lane *lane = &committer->lanes[i];

		pthread_mutex_lock(&lane->lock);
		n += lane->queue.n;
		pthread_mutex_unlock(&lane->lock);
	}
	return n;
}

struct handover *committer_handover(struct committer *committer)
{
	return committer->world.handover;
}

/* The first lane waits for longer than it may now. */
static void committer_wake(struct committer *c)
{
	pthread_mutex_lock(&c->lanes[0].lock);
	pthread_cond_signal(&c->lanes[0].work);
	pthread_mutex_unlock(&c->lanes[0].lock);
}

void committer_published(struct committer *committer, const int64_t *refs, size_t n)
{
	if (published_add_gone(committer->world.published, refs, n))
		committer_wake(committer);
}

void committer_held(struct committer *committer, int64_t ref, const char *cause)
{
	if (published_add_held(committer->world.published, ref, cause))
		committer_wake(committer);
}

void committer_lease(struct committer *committer, const struct committer_lease *wish)
{
	if (published_add_lease(committer->world.published, wish))
		committer_wake(committer);
}

struct committer_outbox committer_outbox(const struct committer *committer)
{
	return bounds_outbox(committer->world.bounds);
}

void committer_broker(struct committer *committer, bool there)
{
	bounds_broker(committer->world.bounds, there);
}
