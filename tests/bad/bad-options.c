/* SPDX-License-Identifier: Apache-2.0 */
/* bad-options - an option that lies outside its instance. */
#include "tests/bad/bad.h"

struct bad_options {
	int64_t count;
};

static const struct gantry_option *const bad_options[] = {
	GANTRY_INTEGER(struct bad_options, count, .summary = "How many."), NULL
};

GANTRY_PLUGIN(BAD_TEXTS("bad-options"), .options = bad_options,
	      .handlers = bad_handlers);
