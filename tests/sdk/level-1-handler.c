/* SPDX-License-Identifier: Apache-2.0 */
/*
 * level-1-handler - as plugins were written for level 1 of the interface; kept, so that
 * it is seen to run on every later one.
 */
#include <gantry/plugin.h>

struct level_1 {
	const char *exchange, *key;
};

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct level_1, exchange, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "Where to publish that an event was kept"),
	GANTRY_TEXT(struct level_1, key, .fallback = "kept",
		    .summary = "The routing key to publish with"),
	NULL
};

/* Nothing here acts: what is staged is committed with the event, or not at all. */
static enum gantry_verdict level_1_handle(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	const struct level_1 *j = self;
	const json_t *event = gantry_json(m, err);

	if (event == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	if (gantry_record_put(m, "kept", gantry_id(m), event, err) < 0)
		return GANTRY_FAILED;
	if (gantry_publish(m, &GANTRY_EVENT(.exchange = j->exchange,
			.routing_key = j->key, .type = "EventKept",
			.payload = event), err) < 0)
		return GANTRY_FAILED;
	return GANTRY_DONE;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "keep", .summary = "Keep an event, and say so",
		       .handle = level_1_handle),
	NULL
};

GANTRY_PLUGIN(.name = "level-1-handler", .version = "1.0.0",
	      .summary = "Keeps events as records",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct level_1),
	      .options = options, .handlers = handlers);
