/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - the example for authors of handlers: keeps each event as a record
 * and tells others that it did. Copy it and change journal_handle().
 */
#include <gantry/plugin.h>

struct journal {
	const char *exchange, *key;
};

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct journal, exchange, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "Where to publish that an event was kept"),
	GANTRY_TEXT(struct journal, key, .fallback = "journal.kept",
		    .summary = "The routing key to publish with"),
	NULL
};

/* Nothing here acts: what is staged is committed with the event, or not at all. */
static enum gantry_verdict journal_handle(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	const struct journal *j = self;
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

/* What others read of it, by "gantry spec"; see gantry/describe.h. */
static const char journal_operation[] = GANTRY_JSON({
	"requestBody": {"required": true,
		"content": {"application/json": {"schema": {}}}},
	"responses": {"200": {"description": "It is kept",
		"content": {"application/json": {"schema": {
			"type": "object", "required": ["success", "data"],
			"properties": {"success": {"const": true},
				"data": {"type": "null"}}}}}}},
	"x-errors": ["VALIDATION_ERROR"]
});

static const char journal_events[] = GANTRY_JSON({
	"receives": [{"name": "Any", "summary": "Any JSON", "body": {}}],
	"sends": [{"name": "EventKept", "summary": "An event was kept",
		"exchange": "${exchange}", "key": "${key}",
		"payload": {"description": "The event that was kept"}}],
	"errors": ["VALIDATION_ERROR"]
});

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "keep", .summary = "Keep an event, and say so",
		       .handle = journal_handle, .operation = journal_operation,
		       .events = journal_events),
	NULL
};

GANTRY_PLUGIN(.name = "journal", .version = "1.0.0",
	      .summary = "Keeps events as records: an example",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct journal),
	      .options = options, .handlers = handlers);
