/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlogs - what waits in the records of handlers, as their plugins declare it
 * (gantry/backlog.h): read from storage, and shown on the metrics page.
 *
 * However much waits, one backlog costs a page of numbers and one row.
 */
#ifndef OBSERVE_BACKLOGS_H
#define OBSERVE_BACKLOGS_H

#include <stdint.h>

#include "gateway/stock/query.h"

#define BACKLOGS_MAX 64		/* those of more instances are not shown */
#define BACKLOGS_TEXT 64	/* of a name in the configuration or a plugin */

struct backlogs {
	struct {
		char handlers[BACKLOGS_TEXT + 1];	/* the instance */
		char name[BACKLOGS_TEXT + 1];
		uint64_t waiting;
		int64_t oldest_ms;	/* when it was put; 0: nothing waits */
	} list[BACKLOGS_MAX];
	unsigned n;
};

struct exposition;
struct graph;

/* All of a graph; *out is touched on STORED only. Any thread. */
enum gantry_stored backlogs_read(const struct query_store *store,
				 const struct graph *graph, struct backlogs *out,
				 struct gantry_error *err);
/* The families; none if there is no backlog. */
void backlogs_write(const struct backlogs *backlogs, int64_t now_ms,
		    struct exposition *x);

#endif
