/* SPDX-License-Identifier: Apache-2.0 */
/* gather - rows and answers, which are JSON, as compare.h wants them. */
#ifndef RECONCILE_GATHER_H
#define RECONCILE_GATHER_H

#include "reconcile.h"

/* A row of "held-by-orders"; NULL: there is none. */
void gather_held(struct gantry_message *m, const char *order_id, const json_t *row,
		 struct compare_held *out);

/*
 * What the Order Service says: order is the answer to GET /orders/{id}, items to
 * GET /orders/{id}/items, if that had to be asked. False: neither says anything
 * that can be used.
 */
bool gather_service(struct gantry_message *m, const struct gantry_answer *order,
		    const struct gantry_answer *items, struct compare_service *out);

/* Whether the order's answer leaves the items out, and they must be asked for. */
bool gather_wants_items(const struct gantry_answer *order);

#endif
