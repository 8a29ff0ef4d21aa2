/* SPDX-License-Identifier: Apache-2.0 */
/* order - what the Order Service says of an order before stock is held for it (D27). */
#ifndef ALLOCATIONS_ORDER_H
#define ALLOCATIONS_ORDER_H

#include "allocations.h"

struct order {
	const json_t *items;		/* of the order; NULL: not looked at */
	bool unverified;		/* the Order Service is away */
};

/*
 * Ask as order_check says. GANTRY_NEXT: go on, with *out filled in; anything
 * else is the verdict to return.
 */
enum gantry_verdict order_check(const struct allocations *a, struct gantry_message *m,
				const char *order_id, struct order *out,
				struct gantry_error *err);

/*
 * One allocation of it: marked if the order could not be verified, a problem
 * with the field place + "orderItemId" if the order has no such item.
 */
void order_check_item(const struct order *order, struct gantry_message *m,
		      const char *place, struct gantry_command *command,
		      struct gantry_error *err);

#endif
