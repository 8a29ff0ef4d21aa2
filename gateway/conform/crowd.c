/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd - several units at once: of the lanes of one instance, and of those of
 * a second one on the same store where the storage allows it.
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

/* Refs that one member may take. */
#define CROWD_REFS (INT64_C(1) << 18)

struct member {
	struct kit kit;
	const struct kit_crowd *crowd;
	pthread_barrier_t *start;	/* or the first is done before the last began */
	pthread_t thread;
	atomic_int *running;
	unsigned n;
	bool watches;
	int result;
};

static int crowd_prepare(struct kit *k, void *self)
{
	enum gantry_stored stored =
		k->st->prepare(self, k->schema, GANTRY_PREPARE_SERVE, &k->err);

	if (stored == GANTRY_STORED) {
		k->other = self;
		return 0;
	}
	k->ops->close(k->ops->context, self);
	if (stored != GANTRY_BROKEN || k->err.message[0] == '\0')
		return kit_want(k, stored, GANTRY_STORED, "prepare of a second instance");
	snprintf(k->alone, sizeof(k->alone), "one instance at a time: %.200s",
		 k->err.message);
	return kit_skip(k, "%s", k->alone);
}

int kit_other(struct kit *k)
{
	void *self;

	if (k->other != NULL)
		return 0;
	if (!k->ops->keeps)
		snprintf(k->alone, sizeof(k->alone), "each instance is a store of its own");
	if (k->alone[0] != '\0')
		return kit_skip(k, "%s", k->alone);
	error_reset(&k->err);
	if (k->ops->open(k->ops->context, &self, &k->err) < 0)
		return kit_fail(k, "open of a second instance: %s", k->err.message);
	return crowd_prepare(k, self);
}

unsigned kit_crowd_size(struct kit *k)
{
	unsigned n = k->st->lanes(k->self);

	if (kit_other(k) == 0)
		n += k->st->lanes(k->other);
	return n < KIT_CROWD ? n : KIT_CROWD;
}

/* Instances in turns, so that few members are of both. */
static void crowd_place(const struct kit *k, struct kit *member, unsigned number)
{
	unsigned mine = k->st->lanes(k->self);
	unsigned theirs = k->other != NULL ? k->st->lanes(k->other) : 0;
	unsigned both = mine < theirs ? mine : theirs;
	unsigned rest = number - 2 * both;

	if (number < 2 * both) {
		member->self = number % 2 == 0 ? k->self : k->other;
		member->lane = number / 2;
		return;
	}
	member->self = mine > theirs ? k->self : k->other;
	member->lane = both + rest;
}

static void *crowd_run(void *context)
{
	struct member *m = context;

	pthread_barrier_wait(m->start);
	m->result = (m->watches ? m->crowd->watch : m->crowd->run)(&m->kit, m->crowd->job);
	atomic_fetch_sub(m->running, m->watches ? 0 : 1);
	return NULL;
}

static void crowd_begin(struct kit *k, struct member *m, unsigned number)
{
	m->kit = (struct kit){
		.ops = k->ops, .st = k->st, .self = k->self, .schema = k->schema,
		.last_ref = k->last_ref + number * CROWD_REFS,
		.seed = k->seed + number, .effort = k->effort,
		.patience_ms = k->patience_ms, .disturb = k->disturb,
		.number = number, .crowd = m->n,
		.running = m->running,
	};
	arena_init(&m->kit.arena);
	error_init(&m->kit.err);
	if (!m->watches)
		crowd_place(k, &m->kit, number);
	if (pthread_create(&m->thread, NULL, crowd_run, m) != 0)
		abort();
}

static int crowd_end(struct kit *k, struct member *m, bool first)
{
	int result;

	pthread_join(m->thread, NULL);
	result = m->result;
	if (result < 0 && first)
		memcpy(k->seen, m->kit.seen, sizeof(k->seen));
	arena_fini(&m->kit.arena);
	error_fini(&m->kit.err);
	return result;
}

int kit_crowd(struct kit *k, const struct kit_crowd *crowd)
{
	struct member members[KIT_CROWD + 1] = { 0 };
	unsigned n = crowd->n > 0 ? crowd->n : kit_crowd_size(k);
	unsigned threads = n + (crowd->watch != NULL);
	pthread_barrier_t start;
	atomic_int running = (int)n;
	int result = 0;

	assert(n >= 1 && n <= KIT_CROWD && k->running == NULL);
	pthread_barrier_init(&start, NULL, threads);
	for (unsigned i = 0; i < threads; i++) {
		members[i].crowd = crowd;
		members[i].start = &start;
		members[i].running = &running;
		members[i].n = n;
		members[i].watches = i == n;
		crowd_begin(k, &members[i], i);
	}
	for (unsigned i = 0; i < threads; i++)
		if (crowd_end(k, &members[i], result == 0) < 0)
			result = -1;
	pthread_barrier_destroy(&start);
	k->last_ref += (threads + 1) * CROWD_REFS;
	return result;
}

int kit_meet(struct kit *k, atomic_int *arrived, unsigned round)
{
	int64_t until = clock_steady_ns() + INT64_C(30000000000);
	int n = (int)k->crowd;

	atomic_fetch_add(arrived, 1);
	while (atomic_load(arrived) < n * (int)(round + 1)) {
		if (atomic_load(k->running) < n)
			return 1;
		if (clock_steady_ns() > until)
			return kit_fail(k, "round %u: the others did not come", round);
		sched_yield();
	}
	return 0;
}

/* By Vigna: each seed is a sequence of its own. */
uint64_t kit_dice(struct kit *k, uint64_t below)
{
	uint64_t z = k->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

void kit_sleep(int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000,
				    .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

void kit_pause(void)
{
	const struct timespec t = { .tv_nsec = 100000 };

	nanosleep(&t, NULL);
}

bool kit_await(const atomic_int *value, int wanted, int ms)
{
	int64_t until = clock_steady_ns() + ms * INT64_C(1000000);

	while (atomic_load(value) < wanted) {
		if (clock_steady_ns() > until)
			return false;
		kit_sleep(1);
	}
	return true;
}
