/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - the named queries over the stock tables that gantry_find() offers.
 *
 * Runs on a reader thread; knows storage only by its contract.
 */
#ifndef STOCK_QUERY_H
#define STOCK_QUERY_H

#include <gantry/ask.h>
#include <gantry/storage.h>

#include "gateway/base/arena.h"

struct query_store {
	const struct gantry_storage *storage;
	void *self;
	const struct gantry_schema *schema;
};

/* Whether there is a query of this name. */
bool stock_query_exists(const char *name);

/*
 * Run it. On STORED *rows_out is a new array of objects as the API shows them
 * (D8, D12), *after_out the next page's beginning in arena or NULL.
 */
enum gantry_stored stock_query_run(const struct query_store *store,
				   const struct gantry_query *query,
				   int64_t now_ms, struct arena *arena,
				   json_t **rows_out, const char **after_out,
				   struct gantry_error *err);

#endif
