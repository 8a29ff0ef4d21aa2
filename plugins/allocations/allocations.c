/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocations - the API of the inventory side: allocations, items, returns.
 *
 * Handlers check a request and stage stock commands; what a command does, and
 * when it is refused, is the core's. Nothing here waits or keeps state.
 */
#include "allocations.h"
#include "describe.h"

#define DAY INT64_C(86400000)

static const char *const order_checks[] = { "off", "optimistic", "strict", NULL };

static const char *const shortages[] = { "always", "events", NULL };

static const struct gantry_option *const options[] = {
	GANTRY_DURATION(struct allocations, ttl, .fallback = "24h", .min = 1000,
			.max = 3650 * DAY,
			.summary = "How long an allocation is held if the request says nothing"),
	GANTRY_DURATION(struct allocations, max_ttl, .fallback = "30d",
			.min = 1000, .max = 3650 * DAY,
			.summary = "The latest that expiresAt may lie ahead"),
	GANTRY_CHOICE(struct allocations, order_check, .fallback = "off",
		      .choices = order_checks,
		      .summary = "Whether to ask the Order Service before allocating"),
	GANTRY_TEXT(struct allocations, order_service,
		    .flags = GANTRY_OPTION_UPSTREAM, .fallback = "order-service",
		    .summary = "The upstream that order_check asks"),
	GANTRY_CHOICE(struct allocations, insufficient_stock_events,
		      .fallback = "always", .choices = shortages,
		      .summary = "Publish InsufficientStock for requests too, or for events only"),
	NULL
};

static const struct gantry_handler *const handlers[] = {
	&create_handler, &bulk_handler, &read_order_handler, &read_get_handler,
	&change_confirm_handler, &change_cancel_handler, &change_fulfill_handler,
	&items_create_handler, &items_list_handler, &items_get_handler,
	&items_adjust_handler, &expire_handler, &returns_list_handler,
	&returns_receive_handler, NULL
};

static int allocations_check(const void *self, struct gantry_error *err)
{
	const struct allocations *a = self;

	if (a->order_check != ALLOCATIONS_CHECK_OFF && a->order_service == NULL)
		return gantry_fail(err, "order_check: %s needs an upstream, and there is no \"order-service\"",
				   order_checks[a->order_check]);
	if (a->ttl > a->max_ttl)
		return gantry_fail(err, "ttl: is longer than max_ttl");
	return 0;
}

GANTRY_PLUGIN(.name = "allocations", .version = "1.0.0",
	      .summary = "Allocations, inventory items and returns over HTTP",
	      .threads = GANTRY_INLINE,
	      .instance_size = sizeof(struct allocations),
	      .options = options, .check = allocations_check,
	      .handlers = handlers, .schemas = describe_schemas);
