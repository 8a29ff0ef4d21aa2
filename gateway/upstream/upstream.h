/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream - makes calls to the services of the configuration.
 *
 *	make() -> queue of its upstream -> breaker, token -> transfer
 *	             ^ pause, then again <- it failed and may be retried
 *	                                 -> done()
 *
 * One thread of its own does it all, over one curl multi handle; everything is
 * bounded: calls at once, calls that wait, tries, bytes, and the time of all
 * of it.
 */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include "gateway/config/config.h"
#include "gateway/pipeline/call.h"
#include "gateway/upstream/breakers.h"

struct upstreams;

/* Those of a graph. It is open; it and the breakers live longer, the configuration
   need not. Main thread. */
struct upstreams *upstreams_start(const struct config *config,
				  const struct graph *graph,
				  struct breakers *breakers);
/* The same for the graph after that of before: what is just so is one to both. */
struct upstreams *upstreams_next(const struct upstreams *before,
				 const struct config *config,
				 const struct graph *graph, struct breakers *breakers);
/* No call of that graph may be under way. Main thread. */
void upstreams_stop(struct upstreams **upstreams);

/* For struct call_maker. Any thread. */
void upstreams_make(void *upstreams, struct call *call);
bool upstreams_refuse(void *upstreams, struct call *call);

/* How calls ended. */
enum upstream_outcome {
	UPSTREAM_ANSWERED,
	UPSTREAM_FAILED,
	UPSTREAM_REFUSED,		/* by the breaker */
	UPSTREAM_OVERLOADED,
	UPSTREAM_OUTCOMES
};

struct upstream_counts {
	const char *name;
	uint64_t outcomes[UPSTREAM_OUTCOMES];
	uint64_t tries;
	uint64_t under_way;
};

/* Of the upstream at position i; false behind the last. Any thread. */
bool upstreams_counts(const struct upstreams *upstreams, unsigned i,
		      struct upstream_counts *out);
/* The version of libcurl. */
const char *upstream_library(void);

const char *upstream_outcome_name(enum upstream_outcome outcome);

#endif
