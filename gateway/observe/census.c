/* SPDX-License-Identifier: Apache-2.0 */
/* census - see census.h. */
#include "gateway/observe/census.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/base/utf8.h"
#include "gateway/commit/letters.h"
#include "gateway/pipeline/current.h"

#define CENSUS_SECOND_NS INT64_C(1000000000)
#define CENSUS_PAUSE_NS (5 * CENSUS_SECOND_NS)
/* Pauses are so many times as long as the counting was. */
#define CENSUS_SHARE 50

struct census {
	struct query_store store;
	struct current *graphs;
	pthread_t thread;
	pthread_mutex_t lock;		/* of what follows; taken alone */
	pthread_cond_t end;
	bool stopping, counted;
	struct census_counts counts;
	struct backlogs backlogs;
};

static void census_add(struct census_counts *counts, const char *cause, uint64_t n)
{
	struct arena arena = { 0 };
	const char *text = utf8_clean(&arena, cause, CENSUS_TEXT);
	unsigned i = 0;

	while (i < counts->n && strcmp(counts->causes[i].cause, text) != 0)
		i++;
	if (i == CENSUS_CAUSES) {
		counts->others += n;
	} else {
		if (i == counts->n) {
			strcpy(counts->causes[i].cause, text);
			counts->n++;
		}
		counts->causes[i].n += n;
	}
	arena_fini(&arena);
}

/* A storage that is away says nothing: what it said before stands. */
static void census_letters(struct census *c)
{
	struct census_counts counts = { 0 };
	struct gantry_error err = ERROR_INIT;
	json_t *groups = letters_groups(&c->store, &err), *group;
	size_t i;

	json_array_foreach(groups, i, group)
		census_add(&counts, json_string_value(json_object_get(group, "cause")),
			   (uint64_t)json_integer_value(json_object_get(group, "count")));
	pthread_mutex_lock(&c->lock);
	if (groups != NULL) {
		c->counts = counts;
		c->counted = true;
	}
	pthread_mutex_unlock(&c->lock);
	json_decref(groups);
	error_fini(&err);
}

static void census_waiting(struct census *c)
{
	const struct graph *graph = current_take(c->graphs);
	struct gantry_error err = ERROR_INIT;
	struct backlogs *found = memory_new(sizeof(*found));

	if (graph != NULL && backlogs_read(&c->store, graph, found, &err) == GANTRY_STORED) {
		pthread_mutex_lock(&c->lock);
		c->backlogs = *found;
		pthread_mutex_unlock(&c->lock);
	}
	current_release(graph);
	error_fini(&err);
	free(found);
}

/* False: it ends. */
static bool census_wait(struct census *c, int64_t until_ns)
{
	const struct timespec until = { .tv_sec = until_ns / CENSUS_SECOND_NS,
					.tv_nsec = until_ns % CENSUS_SECOND_NS };
	bool stopping;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping && clock_steady_ns() < until_ns)
		pthread_cond_timedwait(&c->end, &c->lock, &until);
	stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	return !stopping;
}

static void *census_main(void *arg)
{
	struct census *c = arg;
	int64_t began_ns, ended_ns, pause_ns;

	thread_begin("census", THREAD_LONG);
	do {
		began_ns = clock_steady_ns();
		census_letters(c);
		census_waiting(c);
		ended_ns = clock_steady_ns();
		pause_ns = (ended_ns - began_ns) * CENSUS_SHARE;
		if (pause_ns < CENSUS_PAUSE_NS)
			pause_ns = CENSUS_PAUSE_NS;
	} while (census_wait(c, ended_ns + pause_ns));
	return NULL;
}

struct census *census_new(const struct query_store *store, struct current *graphs)
{
	struct census *c = memory_new(sizeof(*c));
	pthread_condattr_t steady;

	c->store = *store;
	c->graphs = graphs;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&c->end, &steady);
	pthread_condattr_destroy(&steady);
	if (pthread_create(&c->thread, NULL, census_main, c) != 0)
		abort();
	return c;
}

void census_free(struct census **census)
{
	struct census *c = *census;

	if (c == NULL)
		return;
	*census = NULL;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->end);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->end);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

bool census_read(struct census *c, struct census_counts *out)
{
	bool counted;

	pthread_mutex_lock(&c->lock);
	*out = c->counts;
	counted = c->counted;
	pthread_mutex_unlock(&c->lock);
	return counted;
}

void census_backlogs(struct census *c, struct backlogs *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->backlogs;
	pthread_mutex_unlock(&c->lock);
}
