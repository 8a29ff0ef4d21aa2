/* SPDX-License-Identifier: Apache-2.0 */
/* unresolved - calls a function that is nowhere. */
#include "tests/bad/bad.h"

int nowhere_at_all(void);

static int unresolved_open(void *self, const struct gantry_instance *instance,
			   struct gantry_error *err)
{
	(void)self;
	(void)instance;
	(void)err;
	return nowhere_at_all();
}

GANTRY_PLUGIN(BAD_TEXTS("unresolved"), .open = unresolved_open,
	      .handlers = bad_handlers);
