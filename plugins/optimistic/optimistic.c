/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optimistic - Gantry on the order side (D28): allocations go on while the
 * inventory side is away, and are made there when it is back.
 *
 * Nothing here knows stock. What waits is kept as records, so that it is durable
 * before it is answered, and moves with the unit of the message that moves it.
 */
#include "kept.h"

#define DAY INT64_C(86400000)

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct optimistic, inventory_service,
		    .flags = GANTRY_OPTION_UPSTREAM, .fallback = "inventory-service",
		    .summary = "The upstream that allocates"),
	GANTRY_INTEGER(struct optimistic, max_waiting, .fallback = "100000",
		       .min = 1, .max = 10000000,
		       .summary = "Requests that may wait; beyond: 503"),
	GANTRY_SIZE(struct optimistic, max_body, .fallback = "16K", .min = 256,
		    .max = 64 << 10,
		    .summary = "Largest body of a request for an allocation"),
	GANTRY_DURATION(struct optimistic, backoff, .fallback = "1s", .min = 10,
			.max = 3600000,
			.summary = "The longest pause after a request was first tried in vain; doubles each time"),
	GANTRY_DURATION(struct optimistic, max_backoff, .fallback = "30s",
			.min = 10, .max = DAY, .summary = "The longest pause at all"),
	GANTRY_INTEGER(struct optimistic, batch, .fallback = "8", .min = 1,
		       .max = OPTIMISTIC_MAX_BATCH,
		       .summary = "Requests that one tick sends, at once"),
	GANTRY_DURATION(struct optimistic, keep, .fallback = "30d", .min = 1000,
			.max = 3650 * DAY,
			.summary = "How long the outcome of a request is known after its end"),
	NULL
};

static const struct gantry_handler *const handlers[] = {
	&create_handler, &bulk_handler, &look_get_handler, &look_order_handler,
	&look_list_handler, &change_confirm_handler, &change_cancel_handler,
	&change_fulfill_handler, &replay_handler, &forget_handler, NULL
};

/* The ids of requests are minted, so the first one came first. */
static const struct gantry_backlog *const backlogs[] = {
	GANTRY_BACKLOG(.name = "requests",
		       .summary = "Allocations accepted that the inventory side has not answered",
		       .counts = KEPT_SHARE, .waiting = KEPT_WAITING),
	NULL
};

static int optimistic_check(const void *self, struct gantry_error *err)
{
	const struct optimistic *o = self;

	if (o->inventory_service == NULL)
		return gantry_fail(err, "inventory_service: there is no upstream \"inventory-service\"");
	if (o->backoff > o->max_backoff)
		return gantry_fail(err, "backoff: is longer than max_backoff");
	return 0;
}

GANTRY_PLUGIN(.name = "optimistic", .version = "1.0.0",
	      .summary = "Allocations of the order side, also while the inventory side is away",
	      .threads = GANTRY_INLINE,
	      .instance_size = sizeof(struct optimistic),
	      .options = options, .check = optimistic_check,
	      .handlers = handlers, .backlogs = backlogs);
