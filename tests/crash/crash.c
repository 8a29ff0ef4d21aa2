/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash - a handler for tests: it takes the process along when an event says
 * so, as a broken plugin would.
 */
#include <gantry/plugin.h>

#include <stdlib.h>

static enum gantry_verdict crash_check(void *self, struct gantry_message *m,
				       struct gantry_error *err)
{
	const json_t *event = gantry_json(m, err);

	(void)self;
	if (json_is_true(json_object_get(event, "crash")))
		abort();
	return GANTRY_NEXT;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "check", .summary = "End the process if asked to",
		       .handle = crash_check),
	NULL
};

GANTRY_PLUGIN(.name = "crash", .version = "1.0.0",
	      .summary = "Ends the process when an event says so",
	      .threads = GANTRY_INLINE, .handlers = handlers);
