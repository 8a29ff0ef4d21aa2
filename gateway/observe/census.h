/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census - counts the open dead letters by their cause, now and then, so that
 * the metrics page need not ask storage for them.
 *
 * A thread of its own that reads them all: every few seconds, but never more
 * than a fiftieth of the time, however many there are. The store is what all
 * replicas share: each of them says the same.
 */
#ifndef OBSERVE_CENSUS_H
#define OBSERVE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/stock/query.h"

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

/* Starts the thread; the storage is open and outlives it. Main thread. */
struct census *census_new(const struct query_store *store);
/* NULL is fine. Main thread. */
void census_free(struct census **census);

/* What was counted last. False: nothing yet. Any thread. */
bool census_read(struct census *census, struct census_counts *out);

#endif
