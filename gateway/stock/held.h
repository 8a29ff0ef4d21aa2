/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held - the queries that look at all of the store, a page at a time: orders with
 * everything that they hold, sums of what is held by item, events that wait.
 */
#ifndef STOCK_HELD_H
#define STOCK_HELD_H

#include "gateway/stock/query.h"

/*
 * One page, as stock_query_run() gives it; query->limit is set. key: the order's
 * id for held_order(), unused by the others.
 */
typedef enum gantry_stored held_query(const struct query_store *store,
				      const struct gantry_query *query,
				      struct arena *arena, json_t *rows,
				      const char **after_out,
				      struct gantry_error *err);

held_query held_order, held_orders, held_sums, held_outbox;

#endif
