/* SPDX-License-Identifier: Apache-2.0 */
/* proxy - the handler that stands in for the shipped one; it passes nothing. */
#include "tests/stand-in/stand-in.h"

struct proxy {
	const char *upstream;
};

static const struct gantry_option *const proxy_options[] = {
	GANTRY_TEXT(struct proxy, upstream, .fallback = "order-service",
		    .flags = GANTRY_OPTION_UPSTREAM, .summary = "Whom to."),
	NULL
};

static const struct gantry_handler *const proxy_handlers[] = {
	STAND_IN("pass"), NULL
};

GANTRY_PLUGIN(.name = "proxy", .version = "1", .summary = "Stands in.",
	      .instance_size = sizeof(struct proxy), .options = proxy_options,
	      .handlers = proxy_handlers);
