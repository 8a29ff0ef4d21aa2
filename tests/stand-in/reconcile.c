/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile - handlers that stand in for the shipped ones; they compare nothing. */
#include "tests/stand-in/stand-in.h"

struct reconcile {
	const char *order_service;
};

static const struct gantry_option *const reconcile_options[] = {
	GANTRY_TEXT(struct reconcile, order_service, .fallback = "order-service",
		    .flags = GANTRY_OPTION_UPSTREAM, .summary = "Whom to ask."),
	NULL
};

static const struct gantry_handler *const reconcile_handlers[] = {
	STAND_IN("plan"), STAND_IN("apply"), STAND_IN("run"), STAND_IN("report"), NULL
};

GANTRY_PLUGIN(.name = "reconcile", .version = "1", .summary = "Stands in.",
	      .instance_size = sizeof(struct reconcile), .options = reconcile_options,
	      .handlers = reconcile_handlers);
