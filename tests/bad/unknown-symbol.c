/* SPDX-License-Identifier: Apache-2.0 */
/* unknown-symbol - calls a function that no gateway has. */
#include "tests/bad/bad.h"

int gantry_from_the_future(void);

static int unknown_symbol_open(void *self,
			       const struct gantry_instance *instance,
			       struct gantry_error *err)
{
	(void)self;
	(void)instance;
	(void)err;
	return gantry_from_the_future();
}

GANTRY_PLUGIN(BAD_TEXTS("unknown-symbol"), .open = unknown_symbol_open,
	      .handlers = bad_handlers);
