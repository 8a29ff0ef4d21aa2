/* SPDX-License-Identifier: Apache-2.0 */
/* short-option - an option without a size. */
#include "tests/bad/bad.h"

static const struct gantry_option short_option = {
	.name = "count", .type = GANTRY_TYPE_INTEGER, .summary = "How many.",
};
static const struct gantry_option *const short_options[] = { &short_option,
							     NULL };

GANTRY_PLUGIN(BAD_TEXTS("short-option"), .instance_size = 64,
	      .options = short_options, .handlers = bad_handlers);
