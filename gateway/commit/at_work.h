/* SPDX-License-Identifier: Apache-2.0 */
/*
 * at_work - whether a gateway is at work on a store, by the leases on the
 * replicas' numbers in it. For whoever wants it for himself: changes nothing.
 */
#ifndef COMMIT_AT_WORK_H
#define COMMIT_AT_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/stock/query.h"

struct at_work {
	int64_t versions;	/* of all their rows: grows when one is renewed */
	bool run;		/* one of them at least, by the storage's clock */
	char owner[128];	/* of one that runs */
};

/* The store was prepared to serve; lane 0 is free. 0, or -1 with err. */
int at_work_look(const struct query_store *store, struct at_work *out,
		 struct gantry_error *err);

#endif
