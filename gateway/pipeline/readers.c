/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers - a few threads that fetch what messages asked for.
 *
 * Each takes all that wait: the records of all of them by one read, queries
 * one by one. Every fetch is a new snapshot, so a GET after a 201 sees it. Calls are
 * begun here and waited for by nobody.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/engine_private.h"
#include "gateway/pipeline/meters.h"
#include "gateway/pipeline/queue.h"
#include "gateway/pipeline/records.h"
#include "gateway/stock/query.h"

#define READERS_BATCH 64

struct readers {
	struct engine *engine;
	pthread_mutex_t lock;	/* of all below; taken with no other lock held */
	pthread_cond_t work;
	struct queue queue;
	bool stopping;
	pthread_t *threads;
	unsigned n_threads;
};

/* The storage was away when a batch was read: who had come by then. */
struct readers_outage {
	bool away;
	size_t waiting;
};

/* The records of a batch: one key each, and whose it is. */
struct readers_records {
	struct arena arena;
	unsigned value_column;
	const struct gantry_key **keys;
	struct message_ask **asks;
	size_t n;
};

static void readers_failed(enum gantry_stored stored, struct gantry_error *err)
{
	if (stored != GANTRY_BROKEN || err->dependency == GANTRY_DEPENDS_ON_NOTHING)
		err->dependency = GANTRY_DEPENDS_ON_STORAGE;
	if (err->message[0] == '\0')
		gantry_fail(err, "The storage cannot be used now");
}

static int readers_record(void *context, size_t key, const struct gantry_value *values)
{
	struct readers_records *records = context;
	struct message_ask *ask = records->asks[key];
	const struct gantry_value *value = &values[records->value_column];

	ask->version = values[1].is.number;
	if (ask->value == NULL)
		ask->value = json_loadb(value->is.text, value->len,
					JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return 0;
}

/* One read is over, that answers n asks. */
static void readers_count(const struct readers *r, enum meters_ask kind, size_t n,
			  enum gantry_stored stored, int64_t began_ns)
{
	struct metrics *metrics = r->engine->options.metrics;

	metrics_observe_since(metrics, METER_ASK_SECONDS, kind, 0, began_ns);
	metrics_add(metrics, METER_ASKS, kind,
		    stored == GANTRY_STORED ? METERS_ANSWERED : METERS_FAILED, n);
}

static void readers_add(struct readers *r, struct readers_records *records,
			struct message_ask *ask)
{
	struct gantry_key *key = arena_zero(&records->arena, sizeof(*key));
	struct gantry_value *value = arena_zero(&records->arena, sizeof(*value));

	*value = (struct gantry_value){ .kind = GANTRY_STRING,
					.len = (uint32_t)strlen(ask->record),
					.is.text = ask->record };
	*key = (struct gantry_key){ .size = sizeof(*key),
				    .table = r->engine->reads.records_table,
				    .index = 0,
				    .n = 1,
				    .values = value };
	records->keys[records->n] = key;
	records->asks[records->n++] = ask;
}

/* Before any of the batch is answered: who asks then has not waited. */
static void readers_note(struct readers *r, struct readers_outage *o,
			 enum gantry_stored stored)
{
	if (o->away || stored != GANTRY_AWAY)
		return;
	o->away = true;
	pthread_mutex_lock(&r->lock);
	o->waiting = r->queue.n;
	pthread_mutex_unlock(&r->lock);
}

static void readers_fetch_records(struct readers *r, struct queue *batch,
				  struct readers_outage *outage)
{
	const struct engine_reads *reads = &r->engine->reads;
	struct readers_records records = { 0 };
	struct gantry_sink sink = { readers_record, &records };
	struct gantry_error err = ERROR_INIT;
	enum gantry_stored stored = GANTRY_STORED;
	int64_t began_ns = clock_steady_ns();
	struct gantry_message *m;
	struct message_ask *ask;

	records.value_column = reads->records_value;
	records.keys = arena_alloc(&records.arena, batch->n * ASK_MAX * sizeof(void *));
	records.asks = arena_alloc(&records.arena, batch->n * ASK_MAX * sizeof(void *));
	for (m = batch->first; m != NULL; m = m->next)
		for (ask = ask_open(m->asks); ask != NULL; ask = ask_open(ask->next))
			if (ask->kind == ASK_RECORD)
				readers_add(r, &records, ask);
	if (outage->away)
		stored = GANTRY_AWAY;
	else if (records.n > 0)
		stored = reads->storage->read(reads->self, records.keys, records.n,
					      &sink, &err);
	readers_note(r, outage, stored);
	if (records.n > 0)
		readers_count(r, METERS_RECORD, records.n, stored, began_ns);
	if (stored != GANTRY_STORED)
		readers_failed(stored, &err);
	for (m = batch->first; m != NULL; m = m->next)
		for (ask = ask_open(m->asks); ask != NULL; ask = ask_open(ask->next)) {
			if (ask->kind != ASK_RECORD)
				continue;
			ask->answered = true;
			if (stored != GANTRY_STORED)
				ask_fail(m, ask, &err);
		}
	error_fini(&err);
	arena_fini(&records.arena);
}

static enum gantry_stored readers_run_query(struct readers *r, struct gantry_message *m,
					    struct message_ask *ask,
					    struct gantry_error *err)
{
	const struct engine_reads *reads = &r->engine->reads;
	struct query_store store = { reads->storage, reads->self, reads->schema };

	if (ask->record != NULL)
		return records_find(reads, ask, &m->arena, &ask->rows, &ask->page.after,
				    err);
	return stock_query_run(&store, &ask->query, m->received_ms, &m->arena,
			       &ask->rows, &ask->page.after, err);
}

static void readers_fetch_query(struct readers *r, struct gantry_message *m,
				struct message_ask *ask,
				struct readers_outage *outage)
{
	struct gantry_error err = ERROR_INIT;
	int64_t began_ns = clock_steady_ns();
	enum gantry_stored stored = GANTRY_AWAY;

	if (!outage->away)
		stored = readers_run_query(r, m, ask, &err);
	readers_note(r, outage, stored);
	readers_count(r, METERS_QUERY, 1, stored, began_ns);
	ask->answered = true;
	if (stored == GANTRY_STORED) {
		ask->page.size = sizeof(ask->page);
		ask->page.rows = ask->rows;
	} else {
		readers_failed(stored, &err);
		ask_fail(m, ask, &err);
	}
	error_fini(&err);
}

/* Once one found that the storage is away, those behind it do not wait for the
   same once more. */
static void readers_serve(struct readers *r, struct queue batch,
			  struct readers_outage *outage)
{
	struct gantry_message *m;

	readers_fetch_records(r, &batch, outage);
	while ((m = queue_pop(&batch)) != NULL) {
		struct message_ask *ask = ask_open(m->asks);

		for (; ask != NULL; ask = ask_open(ask->next))
			if (ask->kind == ASK_QUERY)
				readers_fetch_query(r, m, ask, outage);
		if (calls_start(r->engine, m) == CALLS_DONE)
			engine_run(r->engine, m);
	}
}

/* At most a batch, so that the other readers have work too. */
static struct queue readers_take(struct readers *r)
{
	struct queue batch = { 0 };

	while (batch.n < READERS_BATCH && !queue_is_empty(&r->queue))
		queue_push(&batch, queue_pop(&r->queue));
	return batch;
}

/* Lock held: those who waited, and none that came meanwhile. */
static void readers_refuse_waiting(struct readers *r, struct readers_outage *outage)
{
	while (outage->waiting > 0 && !queue_is_empty(&r->queue)) {
		struct queue batch = { 0 };

		queue_push(&batch, queue_pop(&r->queue));
		outage->waiting--;
		pthread_mutex_unlock(&r->lock);
		readers_serve(r, batch, outage);
		pthread_mutex_lock(&r->lock);
	}
}

static void *readers_main(void *arg)
{
	struct readers *r = arg;

	thread_begin("reader", THREAD_BRIEF);
	pthread_mutex_lock(&r->lock);
	for (;;) {
		struct queue batch = readers_take(r);
		struct readers_outage outage = { 0 };

		if (queue_is_empty(&batch)) {
			if (r->stopping)
				break;
			pthread_cond_wait(&r->work, &r->lock);
			continue;
		}
		pthread_mutex_unlock(&r->lock);
		readers_serve(r, batch, &outage);
		pthread_mutex_lock(&r->lock);
		readers_refuse_waiting(r, &outage);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct readers *readers_new(struct engine *engine, unsigned n)
{
	struct readers *r = memory_new(sizeof(*r));

	r->engine = engine;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	r->threads = memory_new_array(n, sizeof(*r->threads));
	for (; r->n_threads < n; r->n_threads++)
		if (pthread_create(&r->threads[r->n_threads], NULL, readers_main, r) != 0)
			abort();
	return r;
}

void readers_free(struct readers **readers)
{
	struct readers *r = *readers;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->n_threads; i++)
		pthread_join(r->threads[i], NULL);
	assert(queue_is_empty(&r->queue));
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r->threads);
	free(r);
	*readers = NULL;
}

void readers_push(struct readers *readers, struct gantry_message *m)
{
	pthread_mutex_lock(&readers->lock);
	queue_push(&readers->queue, m);
	pthread_cond_signal(&readers->work);
	pthread_mutex_unlock(&readers->lock);
}

size_t readers_waiting(struct readers *readers)
{
	size_t n;

	pthread_mutex_lock(&readers->lock);
	n = readers->queue.n;
	pthread_mutex_unlock(&readers->lock);
	return n;
}
