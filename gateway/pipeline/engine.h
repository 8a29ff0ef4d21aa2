/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - carries messages through their pipelines.
 *
 *	source -> submit: authenticate -> handlers (inline here, else workers)
 *	             ^ asks: readers fetch them, the handler runs again
 *	       -> effects? -> committer (by ops) -> answer
 *	       -> none    -> answer at once
 *
 * INLINE handlers run on whatever thread has the message; SERIAL ones on the
 * workers, one call at a time for each instance; PARALLEL ones on any worker.
 */
#ifndef PIPELINE_ENGINE_H
#define PIPELINE_ENGINE_H

#include "gateway/pipeline/call.h"
#include "gateway/pipeline/message.h"

struct engine_options {
	unsigned workers;		/* threads for SERIAL and PARALLEL */
	unsigned readers;		/* threads that answer asks */
	unsigned queue;			/* messages that may wait in all */
	struct metrics *metrics;	/* of meters.h; or NULL */
	struct spans *spans;		/* for sources; NULL: tracing is off */
};

/* The floor above registers itself by this. */
struct engine_committer {
	/* Takes the message; engine_finish() brings it back. False: full. */
	bool (*commit)(void *committer, struct gantry_message *m);
	void *committer;
};

/* How asks are answered: the storage and its schema, and the record table. */
struct engine_reads {
	const struct gantry_storage *storage;
	void *self;
	const struct gantry_schema *schema;
	unsigned records_table;		/* index 0: key; and its value: */
	unsigned records_value;
};

struct engine *engine_new(const struct engine_options *options,
			  const struct engine_reads *reads,
			  const struct engine_committer *committer);
/* Who makes calls to upstreams: once, before the first message. */
void engine_set_calls(struct engine *engine, const struct call_maker *maker);
/* As many may wait in all from now on. Any thread. */
void engine_set_queue(struct engine *engine, unsigned queue);
/* All messages must have been answered. Joins the threads. */
void engine_free(struct engine **engine);

/*
 * Carry a message; the source has filled it in. Its answer comes by
 * home->answer, possibly before this returns. Refusals (401, 403, 400 for a
 * bad Idempotency-Key, 503 OVERLOADED when all queues are full) are answers
 * too. Any thread; never blocks.
 */
void engine_submit(struct engine *engine, struct gantry_message *m);

/* What sources trace their messages by; NULL: tracing is off. */
struct spans *engine_spans(const struct engine *engine);

/* Messages taken and not yet answered. */
size_t engine_waiting(const struct engine *engine);

/*
 * False: a handler that ran when this was asked last has not come back yet. One
 * thread at a time.
 */
bool engine_moves(struct engine *engine);

/* Of these, how many wait for a reader, and for a worker. Any thread. */
size_t engine_waiting_readers(const struct engine *engine);
size_t engine_waiting_workers(const struct engine *engine);

/* For the committer: run the pipeline again from its start. Any thread. */
void engine_restart(struct engine *engine, struct gantry_message *m);

/* For the committer: the answer stands in m->answer; give it. Any thread. */
void engine_finish(struct engine *engine, struct gantry_message *m);

/*
 * For the committer: m->answer from the replies among the effects, and a
 * correlation id if there was none yet. False: all handlers said NEXT and
 * nobody replied to a request.
 */
bool engine_compose(struct gantry_message *m);

/*
 * For the committer: run settle of all handlers of m in pipeline order with
 * its outcomes. DONE, or why not with m->error.
 */
enum gantry_verdict engine_settle(struct gantry_message *m);

#endif
