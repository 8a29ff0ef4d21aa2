/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census - counts the open dead letters by their cause, and what waits in the
 * records of handlers, now and then, so that the metrics page need not ask storage
 * for them.
 *
 * A thread of its own that reads them: every few seconds, but never more than a
 * fiftieth of the time, however many letters there are. The store is what all
 * replicas share: each of them says the same.
 */
#ifndef OBSERVE_CENSUS_H
#define OBSERVE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/observe/backlogs.h"

#define CENSUS_CAUSES 32
#define CENSUS_TEXT 64		/* of a cause; the rest of a longer one is cut */

struct census_counts {
	struct {
		char cause[CENSUS_TEXT + 1];
		uint64_t n;
	} causes[CENSUS_CAUSES];
	unsigned n;
	uint64_t others;	/* of causes for which there is no room */
};

struct census;
struct current;

/*
 * Starts the thread; the storage is open, and outlives it as the graphs do, of whose
 * newest one the backlogs are. Main thread.
 */
struct census *census_new(const struct query_store *store, struct current *graphs);
/* NULL is fine. Main thread. */
void census_free(struct census **census);

/* What was counted last. False: nothing yet. Any thread. */
bool census_read(struct census *census, struct census_counts *out);
/* The backlogs that were read last, none before. Any thread. */
void census_backlogs(struct census *census, struct backlogs *out);

#endif
