/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish - sends any message on to an exchange: an event to another team's, a
 * request as an event, a tick as a signal. What it publishes is committed with
 * all else that the message's pipeline does, and sent from the outbox.
 */
#include <gantry/plugin.h>

#include <string.h>

#include "template.h"

struct publish {
	const char *exchange, *key;
	const char *type, *aggregate_type, *aggregate;
	int64_t payload;
	bool ordered;
};

enum { PUBLISH_WHOLE, PUBLISH_PAYLOAD };
static const char *const publish_payloads[] = { "whole", "payload", NULL };

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct publish, exchange, .flags = GANTRY_OPTION_REQUIRED,
		    .min = 1, .max = 127, .summary = "The exchange to publish to"),
	GANTRY_TEXT(struct publish, key, .fallback = "{key}", .min = 1, .max = 255,
		    .summary = "The routing key; {key}: as the message came in"),
	GANTRY_TEXT(struct publish, type, .fallback = "Event", .min = 1, .max = 128,
		    .summary = "The eventType; {eventType}: as the event has it"),
	GANTRY_TEXT(struct publish, aggregate_type, .fallback = "Message",
		    .min = 1, .max = 128,
		    .summary = "The aggregateType of what is published"),
	GANTRY_TEXT(struct publish, aggregate, .fallback = "{id}", .min = 1,
		    .max = 128, .summary = "The aggregateId; {id}: the message's id"),
	GANTRY_CHOICE(struct publish, payload, .fallback = "whole",
		      .choices = publish_payloads,
		      .summary = "What becomes the payload: the whole body, or its "
				 "member payload"),
	GANTRY_BOOLEAN(struct publish, ordered, .fallback = "false",
		       .summary = "Publish behind the aggregate's event before"),
	NULL
};

static int publish_check(const void *self, struct gantry_error *err)
{
	const struct publish *p = self;

	if (template_check("key", p->key, err) < 0 ||
	    template_check("type", p->type, err) < 0 ||
	    template_check("aggregate", p->aggregate, err) < 0)
		return -1;
	return 0;
}

/* Set the event's payload. A tick has no body and publishes an empty object. */
static int publish_payload(const struct publish *p, struct gantry_message *m,
			   struct gantry_event *event, struct gantry_error *err)
{
	size_t len;

	gantry_body(m, &len);
	if (len == 0 && gantry_source(m) != GANTRY_SOURCE_AMQP) {
		event->payload_text = "{}";
		event->payload_len = strlen("{}");
		return 0;
	}
	event->payload = gantry_json(m, err);
	if (event->payload != NULL && p->payload == PUBLISH_PAYLOAD)
		event->payload = gantry_member_object(event->payload, "", "payload",
						      0, err);
	return event->payload != NULL ? 0 : -1;
}

/* Over HTTP somebody waits; a later handler's answer is the one that counts. */
static int publish_answer(struct gantry_message *m, struct gantry_error *err)
{
	json_t *body;
	int done;

	if (gantry_source(m) != GANTRY_SOURCE_HTTP)
		return 0;
	body = json_pack("{s:b,s:{s:s}}", "success", 1, "data", "id", gantry_id(m));
	done = gantry_reply(m, 202, body, err);
	json_decref(body);
	return done;
}

static enum gantry_verdict publish_handle(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	const struct publish *p = self;
	struct gantry_event event = GANTRY_EVENT(.exchange = p->exchange,
		.aggregate_type = p->aggregate_type, .ordered = p->ordered);
	const json_t *body;

	if (publish_payload(p, m, &event, err) < 0)
		return gantry_reject(err, "VALIDATION_ERROR");
	body = event.payload != NULL ? gantry_json(m, err) : NULL;
	event.routing_key = template_render(m, p->key, body, err);
	event.type = template_render(m, p->type, body, err);
	event.aggregate_id = template_render(m, p->aggregate, body, err);
	if (gantry_problems(err) > 0)
		return gantry_reject(err, "VALIDATION_ERROR");
	if (gantry_publish(m, &event, err) < 0 || publish_answer(m, err) < 0)
		return GANTRY_FAILED;
	return GANTRY_NEXT;
}

static const char publish_operation[] = GANTRY_JSON({
	"requestBody": {"required": false,
		"description": "Any JSON; left out: an empty object is published",
		"content": {"application/json": {"schema": {}}}},
	"responses": {"202": {"description": "It is kept, and will be published",
		"content": {"application/json": {"schema": {
			"type": "object", "required": ["success", "data"],
			"properties": {"success": {"const": true},
				"data": {"type": "object", "required": ["id"],
					"properties": {"id": {"type": "string"}}}}}}}}},
	"x-errors": ["VALIDATION_ERROR"]
});

static const char publish_events[] = GANTRY_JSON({
	"receives": [{"name": "Any", "summary": "Any JSON", "body": {}}],
	"sends": [{"name": "${type}", "summary": "What came in, sent on",
		"exchange": "${exchange}", "key": "${key}",
		"aggregateType": "${aggregate_type}", "payload": {"type": "object"}}],
	"errors": ["VALIDATION_ERROR"]
});

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "send", .summary = "Publish the message, and go on",
		       .handle = publish_handle, .operation = publish_operation,
		       .events = publish_events),
	NULL
};

GANTRY_PLUGIN(.name = "publish", .version = "1.0.0",
	      .summary = "Sends any message on to an exchange",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct publish),
	      .options = options, .check = publish_check, .handlers = handlers);
