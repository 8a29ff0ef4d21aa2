/* SPDX-License-Identifier: Apache-2.0 */
/* json-unlinked - calls jansson without being linked with it. */
#include "tests/bad/bad.h"

static int json_unlinked_open(void *self,
			      const struct gantry_instance *instance,
			      struct gantry_error *err)
{
	(void)self;
	(void)instance;
	(void)err;
	return json_object() == NULL;
}

GANTRY_PLUGIN(BAD_TEXTS("json-unlinked"), .open = json_unlinked_open,
	      .handlers = bad_handlers);
