/* SPDX-License-Identifier: Apache-2.0 */
/* committer - see committer.h. */
#include "gateway/commit/committer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/commit/affinity.h"
#include "gateway/commit/handover.h"
#include "gateway/commit/unit.h"

/* Between two looks of an idle lane at what is old; when storage is away, a
   probe comes sooner. */
#define COMMITTER_SECOND_NS INT64_C(1000000000)
#define COMMITTER_IDLE_NS (5 * COMMITTER_SECOND_NS)
#define COMMITTER_PROBE_NS COMMITTER_SECOND_NS
#define COMMITTER_COUNT_NS (COMMITTER_SECOND_NS / 100)
/* Of the watch, in patience_ms. */
#define COMMITTER_TICKS 4

struct lane {
	struct committer *committer;
	pthread_t thread;
	pthread_mutex_t lock;	/* of queue, stopping, over; taken with none held */
	pthread_cond_t work, ended;
	struct queue queue;
	bool stopping, over;
	bool told;		/* that it is stuck; the watch's */
	struct unit unit;
};

struct committer {
	struct unit_world world;
	struct lane *lanes;
	unsigned n_lanes;
	_Atomic unsigned queue;		/* messages that may wait in a lane */
	pthread_t watch;
	pthread_mutex_t lock;	/* of closing; taken with none held */
	pthread_cond_t changed;
	bool closing;
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
	.patience_ms = 1000,
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

/* Its settle asks another process, and may take its time. */
static bool committer_is_alone(const struct gantry_message *m)
{
	return m->route != NULL && m->route->alone && m->dead_letter == NULL;
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
		if (!committer_fits(o, &batch, weight, bytes) ||
		    (batch.n > 0 && committer_is_alone(m)))
			break;
		queue_push(&batch, queue_pop(&lane->queue));
		if (committer_is_alone(m))
			break;
	}
	return batch;
}

static struct timespec committer_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / COMMITTER_SECOND_NS,
				  .tv_nsec = ns % COMMITTER_SECOND_NS };
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
	return committer_timespec(until);
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

static unsigned committer_tick(const struct committer *c)
{
	return atomic_load_explicit(&((struct committer *)c)->world.tick,
				    memory_order_relaxed);
}

/* What has waited for longer than so many ticks, oldest first. */
static struct queue lane_take_old(struct lane *lane, unsigned ticks)
{
	struct queue old = { 0 };
	unsigned now;

	pthread_mutex_lock(&lane->lock);
	now = committer_tick(lane->committer);	/* none came later than that */
	while (!queue_is_empty(&lane->queue) &&
	       now - lane->queue.first->queued > ticks)
		queue_push(&old, queue_pop(&lane->queue));
	pthread_mutex_unlock(&lane->lock);
	return old;
}

static void lane_refuse_old(struct lane *lane, unsigned ticks)
{
	struct queue old = lane_take_old(lane, ticks);
	struct gantry_message *m;

	while ((m = queue_pop(&old)) != NULL)
		unit_refuse(&lane->committer->world, m);
}

/* Something waits: what comes while the storage is not ready goes with it. */
static void committer_open(struct lane *lane)
{
	pthread_mutex_unlock(&lane->lock);
	unit_open(&lane->unit);
	pthread_mutex_lock(&lane->lock);
}

static void committer_work(struct lane *lane)
{
	struct unit_world *w = &lane->committer->world;

	pthread_mutex_lock(&lane->lock);
	for (;;) {
		struct queue batch, back = { 0 };

		if (queue_is_empty(&lane->queue)) {
			if (lane->stopping)
				break;
			committer_wait(lane);
			continue;
		}
		committer_open(lane);
		batch = committer_take(lane);
		pthread_mutex_unlock(&lane->lock);
		unit_run(&lane->unit, &batch, &back);
		/* who waited while that failed does not wait for the next to fail */
		if (atomic_load_explicit(&w->away, memory_order_relaxed))
			lane_refuse_old(lane, 0);
		pthread_mutex_lock(&lane->lock);
		committer_give_back(lane, &back);
	}
	pthread_mutex_unlock(&lane->lock);
}

static void *committer_main(void *arg)
{
	struct lane *lane = arg;

	thread_begin("committer", THREAD_LONG);
	committer_work(lane);
	unit_last(&lane->unit);
	pthread_mutex_lock(&lane->lock);
	lane->over = true;
	pthread_cond_signal(&lane->ended);
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

static void committer_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t steady;

	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &steady);
	pthread_condattr_destroy(&steady);
}

static void lane_start(struct committer *c, unsigned number)
{
	struct lane *lane = &c->lanes[number];

	lane->committer = c;
	unit_init(&lane->unit, &c->world, number);
	pthread_mutex_init(&lane->lock, NULL);
	committer_cond_init(&lane->work);
	committer_cond_init(&lane->ended);
	if (pthread_create(&lane->thread, NULL, committer_main, lane) != 0)
		abort();
}

/* False: it hangs beyond the deadline. */
static bool lane_stop(struct lane *lane, int64_t deadline_ns)
{
	struct timespec until = committer_timespec(deadline_ns);
	bool over;

	pthread_mutex_lock(&lane->lock);
	lane->stopping = true;
	pthread_cond_signal(&lane->work);
	while (!lane->over &&
	       pthread_cond_timedwait(&lane->ended, &lane->lock, &until) != ETIMEDOUT)
		;
	over = lane->over;
	pthread_mutex_unlock(&lane->lock);
	return over;
}

static void lane_fini(struct lane *lane)
{
	pthread_join(lane->thread, NULL);
	unit_fini(&lane->unit);
	pthread_cond_destroy(&lane->ended);
	pthread_cond_destroy(&lane->work);
	pthread_mutex_destroy(&lane->lock);
}

/* The watch over lanes that hang in their storage. Time is told in ticks: a
   message and a unit only note the one they came with. */

static bool lane_is_stuck(const struct lane *lane, unsigned tick)
{
	return unit_is_stuck(&lane->unit, tick, COMMITTER_TICKS);
}

static void lane_watch(struct lane *lane, unsigned tick)
{
	struct unit_world *w = &lane->committer->world;
	bool stuck = lane_is_stuck(lane, tick);

	if (stuck != lane->told) {
		if (stuck)
			log_error("storage: lane %u has had no answer for more than %lld ms",
				  lane->unit.lane, (long long)w->options.patience_ms);
		else
			log_info("storage: lane %u goes on", lane->unit.lane);
		lane->told = stuck;
	}
	if (stuck)
		lane_refuse_old(lane, COMMITTER_TICKS);
}

static void *committer_watch(void *arg)
{
	struct committer *c = arg;
	int64_t step_ns = c->world.options.patience_ms * 1000000 / COMMITTER_TICKS;

	thread_begin("commit watch", THREAD_LONG);
	pthread_mutex_lock(&c->lock);
	while (!c->closing) {
		struct timespec until = committer_timespec(clock_steady_ns() + step_ns);

		if (pthread_cond_timedwait(&c->changed, &c->lock, &until) != ETIMEDOUT)
			continue;
		/* 0 is for lanes that are not busy: after 34 years again */
		atomic_fetch_add(&c->world.tick, 1);
		pthread_mutex_unlock(&c->lock);
		for (unsigned i = 0; i < c->n_lanes; i++)
			lane_watch(&c->lanes[i], committer_tick(c));
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void committer_watch_start(struct committer *c)
{
	pthread_mutex_init(&c->lock, NULL);
	committer_cond_init(&c->changed);
	if (pthread_create(&c->watch, NULL, committer_watch, c) != 0)
		abort();
}

static void committer_watch_stop(struct committer *c)
{
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->watch, NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
}

static void committer_number(struct committer *c)
{
	const struct committer_options *o = &c->world.options;

	atomic_store(&c->world.refs.replica, o->replica);
	if (o->number == NULL)
		return;
	c->world.replica.leased = true;
	atomic_store(&c->world.replica.number, atomic_load(&o->number->number));
	atomic_store(&c->world.replica.epoch, atomic_load(&o->number->epoch));
	atomic_store(&c->world.replica.until_ms, atomic_load(&o->number->until_ms));
	atomic_store(&c->world.refs.replica, atomic_load(&o->number->number));
}

struct committer *committer_new(const struct committer_options *options,
				const struct gantry_storage *storage,
				void *storage_self)
{
	struct committer *c = memory_new(sizeof(*c));

	assert(options->max_batch >= 1 && options->patience_ms >= COMMITTER_TICKS);
	c->world.options = *options;
	atomic_init(&c->queue, options->queue);
	c->world.storage = storage;
	c->world.storage_self = storage_self;
	atomic_store(&c->world.tick, 1);
	committer_number(c);
	c->world.records = record_memory_new();
	c->world.bounds = bounds_new(options);
	c->world.published = published_new();
	if (options->publishes)
		c->world.handover = handover_new();
	c->n_lanes = storage->lanes(storage_self);
	c->lanes = memory_new_array(c->n_lanes, sizeof(*c->lanes));
	if (c->n_lanes > 1)
		c->world.affinity = affinity_new(c->n_lanes);
	for (unsigned i = 0; i < c->n_lanes; i++)
		lane_start(c, i);
	committer_watch_start(c);
	return c;
}

/* The first lane last: it gives back what the others still work with. */
bool committer_stop(struct committer *c, int64_t deadline_ns)
{
	bool over = true;

	for (unsigned i = c->n_lanes; i-- > 0;)
		over &= lane_stop(&c->lanes[i], deadline_ns);
	return over;
}

void committer_free(struct committer **committer)
{
	struct committer *c = *committer;

	if (c == NULL)
		return;
	committer_stop(c, INT64_MAX);
	for (unsigned i = 0; i < c->n_lanes; i++)
		lane_fini(&c->lanes[i]);
	committer_watch_stop(c);
	affinity_free(&c->world.affinity);
	record_memory_free(&c->world.records);
	bounds_free(&c->world.bounds);
	published_free(&c->world.published);
	handover_free(&c->world.handover);
	free(c->lanes);
	free(c);
	*committer = NULL;
}

bool committer_commit(void *committer, struct gantry_message *m)
{
	struct committer *c = committer;
	struct lane *lane = c->lanes;
	unsigned tick = committer_tick(c);
	bool taken;

	idempotency_prepare(m);
	if (c->n_lanes > 1)
		lane += affinity_claim(c->world.affinity, m);
	if (lane_is_stuck(lane, tick)) {
		unit_refuse(&c->world, m);
		return true;
	}
	m->queued = tick;
	pthread_mutex_lock(&lane->lock);
	taken = !lane->stopping && lane->queue.n < atomic_load(&c->queue);
	if (taken) {
		queue_push(&lane->queue, m);
		if (lane->queue.n == 1)
			pthread_cond_signal(&lane->work);
	}
	pthread_mutex_unlock(&lane->lock);
	if (!taken && c->n_lanes > 1)
		affinity_release(c->world.affinity, m);
	return taken;
}

void committer_set_bounds(struct committer *c, const struct committer_bounds *bounds)
{
	atomic_store(&c->queue, bounds->queue);
	bounds_set(c->world.bounds, bounds->outbox_max_rows, bounds->outbox_max_age_ms);
}

static unsigned committer_stuck(const struct committer *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_lanes; i++)
		n += lane_is_stuck(&c->lanes[i], committer_tick(c));
	return n;
}

struct committer_counts committer_counts(const struct committer *committer)
{
	struct unit_world *w = (struct unit_world *)&committer->world;
	unsigned stuck = committer_stuck(committer);

	return (struct committer_counts){
		atomic_load(&w->units), atomic_load(&w->messages),
		atomic_load(&w->conflicts), atomic_load(&w->failures),
		atomic_load(&w->away) || stuck == committer->n_lanes, stuck
	};
}

bool committer_in_doubt(const struct committer *committer,
			const struct gantry_message *m)
{
	const struct unit_world *w = &committer->world;
	unsigned lane = atomic_load_explicit(&((struct gantry_message *)m)->in_unit,
					     memory_order_relaxed);

	return lane > 0 && w->storage->in_doubt != NULL &&
	       w->storage->in_doubt(w->storage_self, lane - 1);
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
