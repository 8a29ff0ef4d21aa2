/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolate - handler instances in processes of their own (isolation: process).
 *
 * To the rest such an instance is like any other: its handlers send the message
 * over, and what comes back is staged here as if it had been said here. A crash,
 * a hang or a leak costs the message in hand this attempt, and nothing else. A
 * process that dies again and again is left dead for a while.
 */
#ifndef ISOLATE_ISOLATE_H
#define ISOLATE_ISOLATE_H

#include "gateway/isolate/mould.h"
#include "gateway/pipeline/graph.h"

/* A settle waits for its process so long, inside a unit. */
#define ISOLATE_SETTLE_MS 100
/* So many deaths in this time, and it is left dead for as long. */
#define ISOLATE_DEATHS 5
#define ISOLATE_WINDOW_MS 60000

/*
 * Put processes behind the instances of a graph that want it; before it is
 * opened. One that is carried over from another graph keeps its own. plugins: those
 * of the graph; mould: outlives it.
 */
void isolate_graph(struct graph *graph, const struct plugins *plugins,
		   struct mould *mould);

struct isolate_status {
	uint64_t deaths;	/* since it was opened */
	bool quarantined;	/* left dead now */
};

/* False: it runs in this process. Any thread. */
bool isolate_status(const struct gantry_instance *instance, struct isolate_status *out);

#endif
