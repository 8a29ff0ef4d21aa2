/* SPDX-License-Identifier: Apache-2.0 */
/* allocations - what the files of this plugin share: its options, its handlers. */
#ifndef ALLOCATIONS_ALLOCATIONS_H
#define ALLOCATIONS_ALLOCATIONS_H

#include <gantry/plugin.h>

#define ALLOCATIONS_MAX_QUANTITY INT64_C(1000000000)
#define ALLOCATIONS_MAX_ITEMS 1000	/* of a bulk request (D10) */
#define ALLOCATIONS_MAX_REASON 256
#define ALLOCATIONS_MAX_PAGE 1000
#define ALLOCATIONS_SWEEP 256		/* allocations that one tick expires (D4) */

enum allocations_order_check {
	ALLOCATIONS_CHECK_OFF,
	ALLOCATIONS_CHECK_OPTIMISTIC,
	ALLOCATIONS_CHECK_STRICT,
};

enum allocations_shortages {
	ALLOCATIONS_SHORTAGES_ALWAYS,
	ALLOCATIONS_SHORTAGES_EVENTS,
};

struct allocations {
	int64_t ttl, max_ttl;		/* ms */
	int64_t order_check;
	const char *order_service;	/* NULL: there is none */
	int64_t insufficient_stock_events;
};

extern const struct gantry_handler create_handler;
extern const struct gantry_handler bulk_handler;
extern const struct gantry_handler read_get_handler;
extern const struct gantry_handler read_order_handler;
extern const struct gantry_handler change_confirm_handler;
extern const struct gantry_handler change_cancel_handler;
extern const struct gantry_handler change_fulfill_handler;
extern const struct gantry_handler expire_handler;
extern const struct gantry_handler items_create_handler;
extern const struct gantry_handler items_list_handler;
extern const struct gantry_handler items_get_handler;
extern const struct gantry_handler items_adjust_handler;
extern const struct gantry_handler returns_list_handler;
extern const struct gantry_handler returns_receive_handler;

#endif
