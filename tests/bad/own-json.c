/* SPDX-License-Identifier: Apache-2.0 */
/* own-json - has a hidden jansson of its own, as a static one would be. */
#include "tests/bad/bad.h"

__attribute__((visibility("hidden"), noinline)) json_t *json_object(void)
{
	return NULL;
}

static int own_json_open(void *self, const struct gantry_instance *instance,
			 struct gantry_error *err)
{
	(void)self;
	(void)instance;
	(void)err;
	return json_object() != NULL;
}

GANTRY_PLUGIN(BAD_TEXTS("own-json"), .open = own_json_open,
	      .handlers = bad_handlers);
