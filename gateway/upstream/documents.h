/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents - fetches what instances keep (gantry/document.h), on one thread of
 * its own that waits for the answers.
 */
#ifndef UPSTREAM_DOCUMENTS_H
#define UPSTREAM_DOCUMENTS_H

#include "gateway/pipeline/call.h"
#include "gateway/pipeline/route.h"

struct documents;

/*
 * Returns when each has been fetched once, or could not be. NULL: the graph's
 * instances keep none. The graph is open, and lives longer, like the maker's own.
 */
struct documents *documents_start(const struct graph *graph,
				  const struct call_maker *maker);
/*
 * The same for the graph after that of *before, which stops (NULL is fine):
 * what instances have that are carried over is not fetched before its time.
 */
struct documents *documents_next(struct documents **before, const struct graph *graph,
				 const struct call_maker *maker);
/* Waits for a fetch that is under way. NULL is fine. */
void documents_stop(struct documents **documents);

#endif
