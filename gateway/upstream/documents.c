/* SPDX-License-Identifier: Apache-2.0 */
/* documents - see documents.h. */
#include "gateway/upstream/documents.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"

#define DOCUMENTS_LOOK_MS 500		/* whether one is wanted */
#define DOCUMENTS_WANT_MS 10000		/* between two that are wanted */
#define DOCUMENTS_RETRY_MS 1000		/* after the first failure; doubles */
#define DOCUMENTS_RETRY_MAX_MS 60000

/* What one instance keeps; the thread's own. */
struct document {
	const struct gantry_instance *instance;
	const struct gantry_document *is;
	int64_t due_ms, fetched_ms;	/* steady; 0: never */
	int64_t pause_ms;		/* after the next failure */
	bool good;			/* said so in the log */
};

struct documents {
	struct call_maker maker;
	struct document *list;
	unsigned n;
	pthread_t thread;
	pthread_mutex_t lock;		/* of what follows; taken alone */
	pthread_cond_t changed;
	bool first_round_done, stopping, answered;
};

static int64_t documents_now(void)
{
	return clock_steady_ns() / 1000000;
}

static void documents_answered(struct call *call)
{
	struct documents *d = call->data;

	pthread_mutex_lock(&d->lock);
	d->answered = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void documents_call(struct documents *d, const struct document *doc,
			   struct call *call)
{
	static const char *const none[] = { NULL };

	*call = (struct call){ .done = documents_answered, .data = d };
	call->request = GANTRY_REQUEST(.upstream = doc->is->upstream, .method = "GET",
				       .path = doc->is->path, .headers = none);
	d->answered = false;
	d->maker.make(d->maker.maker, call);
	pthread_mutex_lock(&d->lock);
	while (!d->answered)
		pthread_cond_wait(&d->changed, &d->lock);
	pthread_mutex_unlock(&d->lock);
}

static int document_take(const struct document *doc, const struct call *call,
			 struct gantry_error *err)
{
	if (call->error.message[0] != '\0')
		return gantry_fail(err, "%s", call->error.message);
	if (call->answer.status < 200 || call->answer.status > 299)
		return gantry_fail(err, "%s: answered %d", doc->is->upstream,
				   call->answer.status);
	return doc->is->take(doc->instance->self, call->answer.body,
			     call->answer.body_len, err);
}

static void document_schedule(struct document *doc, bool good)
{
	int64_t pause = doc->is->every_ms;

	doc->fetched_ms = documents_now();
	if (good) {
		doc->pause_ms = DOCUMENTS_RETRY_MS;
	} else {
		if (doc->pause_ms < pause)
			pause = doc->pause_ms;
		doc->pause_ms *= doc->pause_ms < DOCUMENTS_RETRY_MAX_MS ? 2 : 1;
	}
	doc->due_ms = doc->fetched_ms + pause;
}

/* Each failure is told, success only after one. */
static void document_fetch(struct documents *d, struct document *doc)
{
	struct gantry_error err = ERROR_INIT;
	struct call call;
	bool good;

	documents_call(d, doc, &call);
	good = document_take(doc, &call, &err) == 0;
	if (!good)
		log_error("%s (%s): %s of upstream %s cannot be used: %s",
			  doc->instance->name, doc->instance->plugin->name, doc->is->path,
			  doc->is->upstream, err.message);
	else if (!doc->good)
		log_info("%s (%s): has %s of upstream %s", doc->instance->name,
			 doc->instance->plugin->name, doc->is->path, doc->is->upstream);
	doc->good = good;
	document_schedule(doc, good);
	call_fini(&call);
	error_fini(&err);
}

static bool document_is_due(struct document *doc)
{
	int64_t now = documents_now();

	if (now >= doc->due_ms)
		return true;
	return now - doc->fetched_ms >= DOCUMENTS_WANT_MS &&
	       instance_wants_document(doc->instance);
}

/* Lock held. */
static void documents_pause(struct documents *d)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += DOCUMENTS_LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!d->stopping &&
	       pthread_cond_timedwait(&d->changed, &d->lock, &until) != ETIMEDOUT)
		;
}

static void *documents_main(void *arg)
{
	struct documents *d = arg;
	bool stopping = false;

	thread_begin("documents", THREAD_LONG);
	while (!stopping) {
		for (unsigned i = 0; i < d->n; i++)
			if (document_is_due(&d->list[i]))
				document_fetch(d, &d->list[i]);
		pthread_mutex_lock(&d->lock);
		d->first_round_done = true;
		pthread_cond_broadcast(&d->changed);
		documents_pause(d);
		stopping = d->stopping;
		pthread_mutex_unlock(&d->lock);
	}
	return NULL;
}

static struct document documents_of(const struct documents *before,
				    const struct gantry_instance *instance)
{
	for (unsigned i = 0; before != NULL && i < before->n; i++)
		if (before->list[i].instance == instance)
			return before->list[i];
	return (struct document){ .instance = instance, .is = instance_document(instance),
				  .pause_ms = DOCUMENTS_RETRY_MS };
}

static void documents_collect(struct documents *d, const struct documents *before,
			      const struct graph *graph)
{
	d->list = memory_new_array(graph->n_instances + 1, sizeof(*d->list));
	for (unsigned i = 0; i < graph->n_instances; i++)
		if (instance_document(graph->instances[i]) != NULL)
			d->list[d->n++] = documents_of(before, graph->instances[i]);
}

static void documents_halt(struct documents *d)
{
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
}

static void documents_free(struct documents *d)
{
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d->list);
	free(d);
}

static struct documents *documents_run(struct documents *d, const struct call_maker *maker)
{
	pthread_condattr_t steady;

	d->maker = *maker;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &steady);
	pthread_condattr_destroy(&steady);
	if (pthread_create(&d->thread, NULL, documents_main, d) != 0)
		abort();
	pthread_mutex_lock(&d->lock);
	while (!d->first_round_done)
		pthread_cond_wait(&d->changed, &d->lock);
	pthread_mutex_unlock(&d->lock);
	return d;
}

struct documents *documents_next(struct documents **before, const struct graph *graph,
				 const struct call_maker *maker)
{
	struct documents *d = memory_new(sizeof(*d)), *old = *before;

	*before = NULL;
	if (old != NULL)
		documents_halt(old);
	documents_collect(d, old, graph);
	if (old != NULL)
		documents_free(old);
	if (d->n > 0)
		return documents_run(d, maker);
	free(d->list);
	free(d);
	return NULL;
}

struct documents *documents_start(const struct graph *graph,
				  const struct call_maker *maker)
{
	struct documents *none = NULL;

	return documents_next(&none, graph, maker);
}

void documents_stop(struct documents **documents)
{
	struct documents *d = *documents;

	if (d == NULL)
		return;
	*documents = NULL;
	documents_halt(d);
	documents_free(d);
}
