/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_pages - all rows of a table by ref, a page at a time: as many rows as
 * one unit takes, and about as many bytes, however long the rows are.
 */
#ifndef COMMIT_COPY_PAGES_H
#define COMMIT_COPY_PAGES_H

#include "gateway/stock/query.h"

struct copy_pages {
	const struct query_store *store;
	unsigned table;
	int64_t last;		/* ref of the last row given */
	/* values live until it returns */
	void (*row)(void *ctx, const struct gantry_value *values);
	void *ctx;
	/* of the page */
	size_t limit, seen, given, bytes;
	bool done;
};

/* From the row behind the ref after on; INT64_MIN: from the first. */
void copy_pages_init(struct copy_pages *p, const struct query_store *store,
		     unsigned table, int64_t after);
/*
 * Give the rows of the next page to row(), at least one. 1, 0 if there are no
 * more, or -1 with err.
 */
int copy_pages_next(struct copy_pages *p, struct gantry_error *err);

#endif
