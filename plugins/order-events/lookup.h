/* SPDX-License-Identifier: Apache-2.0 */
/* lookup - asks the Order Service for an order that nobody told us of (D20). */
#ifndef ORDER_EVENTS_LOOKUP_H
#define ORDER_EVENTS_LOOKUP_H

#include <gantry/plugin.h>

/*
 * Whether there is a row of the order here: 1, 0, or -1 with what to return in
 * *verdict_out (an answer that is not there yet, too).
 */
int lookup_is_known(struct gantry_message *m, const char *order_id,
		    enum gantry_verdict *verdict_out, struct gantry_error *err);

/*
 * The order as the Order Service has it, with a status; NULL: return
 * *verdict_out, which rejects with ORDER_UNKNOWN what is not there either.
 */
const json_t *lookup_order(struct gantry_message *m, const char *upstream,
			   const char *order_id, enum gantry_verdict *verdict_out,
			   struct gantry_error *err);

#endif
