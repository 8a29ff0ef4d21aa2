/* SPDX-License-Identifier: Apache-2.0 */
/* engine_private - what engine.c, workers.c, readers.c and inject.c share. */
#ifndef PIPELINE_ENGINE_PRIVATE_H
#define PIPELINE_ENGINE_PRIVATE_H

#include <stdatomic.h>

#include "gateway/pipeline/engine.h"
#include "gateway/pipeline/pulse.h"

struct workers;
struct readers;

struct engine {
	struct engine_options options;
	struct engine_reads reads;
	struct engine_committer committer;
	struct call_maker calls;
	struct workers *workers;
	struct readers *readers;
	_Atomic unsigned queue;		/* messages that may wait */
	struct pulse pulse;		/* of all calls of handlers */
	_Atomic size_t waiting;
};

/* Go on with the handler at m->step; the message may be gone afterwards. */
void engine_run(struct engine *engine, struct gantry_message *m);
/* Run the one handler at m->step here and now. True: it, or the next one, is to run. */
bool engine_step(struct engine *engine, struct gantry_message *m);
/* Answer with m->error. */
void engine_refuse(struct engine *engine, struct gantry_message *m,
		   enum gantry_verdict verdict);
void engine_overloaded(struct engine *engine, struct gantry_message *m);

/* SERIAL and PARALLEL handlers. */
struct workers *workers_new(struct engine *engine, unsigned n);
void workers_free(struct workers **workers);
bool workers_push(struct workers *workers, struct gantry_message *m);
/* Those in strands, too. */
size_t workers_waiting(struct workers *workers);

/* Answers to asks. */
struct readers *readers_new(struct engine *engine, unsigned n);
void readers_free(struct readers **readers);
void readers_push(struct readers *readers, struct gantry_message *m);
size_t readers_waiting(struct readers *readers);

#endif
