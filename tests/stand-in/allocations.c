/* SPDX-License-Identifier: Apache-2.0 */
/* allocations - handlers that stand in for the shipped ones. */
#include "tests/stand-in/stand-in.h"

struct allocations {
	int64_t ttl, max_ttl;
	int64_t order_check;
};

static const char *const allocations_checks[] = { "strict", "optimistic",
						  "off", NULL };

static const struct gantry_option *const allocations_options[] = {
	GANTRY_DURATION(struct allocations, ttl, .fallback = "24h", .min = 1000,
			.max = INT64_C(2592000000), .summary = "Until it expires."),
	GANTRY_DURATION(struct allocations, max_ttl, .fallback = "30d",
			.summary = "The longest."),
	GANTRY_CHOICE(struct allocations, order_check, .fallback = "off",
		      .choices = allocations_checks, .summary = "Ask first?"),
	NULL
};

static const struct gantry_handler *const allocations_handlers[] = {
	STAND_IN("create"), STAND_IN("create_bulk"), STAND_IN("by_order"),
	STAND_IN("get"), STAND_IN("confirm"), STAND_IN("cancel"),
	STAND_IN("fulfill"), STAND_IN("item_create"), STAND_IN("item_list"),
	STAND_IN("item_get"), STAND_IN("item_adjust"), STAND_IN("expire"),
	STAND_IN("returns_of_order"), STAND_IN("return_receive"),
	NULL
};

static int allocations_check(const void *self, struct gantry_error *err)
{
	const struct allocations *a = self;

	return a->ttl <= a->max_ttl ? 0 :
				      gantry_fail(err, "ttl is above max_ttl");
}

GANTRY_PLUGIN(.name = "allocations", .version = "1", .summary = "Stands in.",
	      .threads = GANTRY_INLINE,
	      .instance_size = sizeof(struct allocations),
	      .options = allocations_options, .check = allocations_check,
	      .handlers = allocations_handlers);
