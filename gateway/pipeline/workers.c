/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers - threads for handlers that may wait.
 *
 * A SERIAL instance is a strand: while one of its messages runs, the others
 * line up behind it. Whoever finished claims the strand for the first of the
 * line before it queues up, so that none that comes later overtakes it.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/pipeline/engine_private.h"
#include "gateway/pipeline/queue.h"

/* By the number of the instance; grows with the highest that came. */
struct strand {
	bool busy;
	struct queue line;
};

struct workers {
	struct engine *engine;
	pthread_mutex_t lock;	/* of all below; taken with no other lock held */
	pthread_cond_t work;
	struct queue queue;
	struct strand **strands;
	unsigned n_strands;
	bool stopping;
	pthread_t *threads;
	unsigned n_threads;
};

static struct gantry_instance *workers_instance(const struct gantry_message *m)
{
	return m->route->steps[m->step].instance;
}

static struct strand *workers_strand(struct workers *w, unsigned number)
{
	if (number >= w->n_strands) {
		w->strands = memory_grow(w->strands, number + 1, sizeof(*w->strands));
		while (w->n_strands <= number)
			w->strands[w->n_strands++] = memory_new(sizeof(struct strand));
	}
	return w->strands[number];
}

/* Under the lock: whether m may run now, else it waits in its strand. */
static bool workers_claim(struct workers *w, struct gantry_message *m)
{
	struct gantry_instance *instance = workers_instance(m);
	struct strand *strand;

	if (instance->plugin->threads == GANTRY_PARALLEL || m->claimed)
		return true;
	strand = workers_strand(w, instance->number);
	if (strand->busy) {
		queue_push(&strand->line, m);
		return false;
	}
	strand->busy = true;
	return true;
}

static void workers_release(struct workers *w, unsigned number)
{
	struct gantry_message *next;
	struct strand *strand;

	pthread_mutex_lock(&w->lock);
	strand = workers_strand(w, number);
	next = queue_pop(&strand->line);
	strand->busy = next != NULL;
	if (next != NULL) {
		next->claimed = true;
		queue_push(&w->queue, next);
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
}

static void *workers_main(void *arg)
{
	struct workers *w = arg;

	thread_begin("worker", THREAD_BRIEF);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct gantry_message *m = queue_pop(&w->queue);
		bool parallel;
		unsigned number;

		if (m == NULL) {
			if (w->stopping)
				break;
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		if (!workers_claim(w, m))
			continue;
		pthread_mutex_unlock(&w->lock);
		m->claimed = false;
		/* with the message its graph may go, and the instance with it */
		parallel = workers_instance(m)->plugin->threads == GANTRY_PARALLEL;
		number = workers_instance(m)->number;
		if (engine_step(w->engine, m))
			engine_run(w->engine, m);
		if (!parallel)
			workers_release(w, number);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct workers *workers_new(struct engine *engine, unsigned n)
{
	struct workers *w = memory_new(sizeof(*w));

	w->engine = engine;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->threads = memory_new_array(n, sizeof(*w->threads));
	for (; w->n_threads < n; w->n_threads++)
		if (pthread_create(&w->threads[w->n_threads], NULL, workers_main, w) != 0)
			abort();
	return w;
}

void workers_free(struct workers **workers)
{
	struct workers *w = *workers;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	for (unsigned i = 0; i < w->n_strands; i++) {
		assert(queue_is_empty(&w->strands[i]->line));
		free(w->strands[i]);
	}
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w->strands);
	free(w->threads);
	free(w);
	*workers = NULL;
}

bool workers_push(struct workers *workers, struct gantry_message *m)
{
	bool taken;

	pthread_mutex_lock(&workers->lock);
	taken = !workers->stopping && workers->n_threads > 0;
	if (taken) {
		queue_push(&workers->queue, m);
		pthread_cond_signal(&workers->work);
	}
	pthread_mutex_unlock(&workers->lock);
	return taken;
}

size_t workers_waiting(struct workers *workers)
{
	size_t n;

	pthread_mutex_lock(&workers->lock);
	n = workers->queue.n;
	for (unsigned i = 0; i < workers->n_strands; i++)
		n += workers->strands[i]->line.n;
	pthread_mutex_unlock(&workers->lock);
	return n;
}
