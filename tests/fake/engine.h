/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - an engine for tests of sources: answers at once, later from
 * another thread, or when it is told to. It counts what reaches it.
 *
 *	POST /echo, GET /echo/{id}	at once
 *	POST /later			from its thread, after ?ms=
 *	POST /hold			when fake_release() is called
 *	POST /refuse			409 at once
 *	GET /big			1 MiB of text
 */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include "gateway/pipeline/engine.h"

struct engine *fake_new(void);
void fake_free(struct engine **engine);
void fake_release(struct engine *engine);
unsigned fake_seen(struct engine *engine);
unsigned fake_waiting(struct engine *engine);
const struct graph *fake_graph(void);

/* For schedules: what the next answers are; NULL: DONE. Wishes for a lease come
   to it inside engine_submit(), on any thread, and are not counted. */
void fake_script(struct engine *engine,
		 void (*answer)(void *ctx, struct gantry_message *m), void *ctx);

#endif
