/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breakers - the breaker instances of a graph, one call at a time each; tells
 * the log when one of them changes its state. It knows no upstream: whoever
 * makes calls asks, and says how they ended.
 */
#ifndef UPSTREAM_BREAKERS_H
#define UPSTREAM_BREAKERS_H

#include <gantry/breaker.h>

#include "gateway/pipeline/route.h"

struct breakers;
struct guard;				/* one breaker */

/* The graph is open and lives longer. Any thread may use what comes back. */
struct breakers *breakers_new(const struct graph *graph);
/* The same for the graph after that of before: what is one instance to both has
   one guard. Main thread, as is breakers_free(). */
struct breakers *breakers_next(const struct breakers *before, const struct graph *graph);
void breakers_free(struct breakers **breakers);

/* By position, NULL behind the last; by name, NULL: there is none. */
struct guard *breakers_at(struct breakers *breakers, unsigned i);
struct guard *breakers_find(struct breakers *breakers, const char *name);

const char *guard_name(const struct guard *guard);
/* What those hear whom it stops. */
const char *guard_refusal(const struct guard *guard);

/* gantry/breaker.h, by the steady clock. */
bool guard_permit(struct guard *guard, struct gantry_permit *permit_out,
		  int64_t *wait_ms_out);
/* Refused without a permit at stake: it is open, and stays so for now. */
bool guard_refuses(struct guard *guard, int64_t *wait_ms_out);
void guard_result(struct guard *guard, const struct gantry_permit *permit,
		  enum gantry_call_result result, int64_t duration_ms);
/* for_ms: how long a hold lasts; 0: until the next order. */
int guard_order(struct guard *guard, enum gantry_breaker_order order,
		int64_t for_ms, struct gantry_error *err);
/* until_ms is then the time that is left. */
void guard_status(struct guard *guard, struct gantry_breaker_status *out);

/* "open", "half-open", "closed" */
const char *guard_state_name(enum gantry_breaker_state state);

#endif
