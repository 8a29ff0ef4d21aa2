/* SPDX-License-Identifier: Apache-2.0 */
/* publish - see publish.h. */
#include "gateway/source/amqp/publish.h"

#include <stdio.h>
#include <string.h>

#include "gateway/source/amqp/traced.h"

#define PUBLISH_PERSISTENT 2
/* Of an id, a key or a name on the wire. */
#define PUBLISH_MAX_SHORT 255

static amqp_bytes_t publish_text(const char *text)
{
	return (amqp_bytes_t){ strlen(text), (void *)text };
}

static bool publish_fits(const struct handover_event *e)
{
	return strlen(e->exchange) <= PUBLISH_MAX_SHORT &&
	       strlen(e->routing_key) <= PUBLISH_MAX_SHORT &&
	       strlen(e->type) <= PUBLISH_MAX_SHORT &&
	       strlen(e->event_id) <= PUBLISH_MAX_SHORT &&
	       strlen(e->correlation_id) <= PUBLISH_MAX_SHORT;
}

static amqp_table_entry_t publish_entry(const char *key, const char *text)
{
	return (amqp_table_entry_t){
		.key = publish_text(key),
		.value = { .kind = AMQP_FIELD_KIND_UTF8,
			   .value.bytes = publish_text(text) },
	};
}

int publish_send(struct publish *p, struct handover_event *e,
		 struct gantry_error *err)
{
	amqp_table_entry_t headers[2];
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
			  AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
			  AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG |
			  AMQP_BASIC_APP_ID_FLAG,
		.content_type = publish_text("application/json"),
		.delivery_mode = PUBLISH_PERSISTENT,
		.correlation_id = publish_text(e->correlation_id),
		.message_id = publish_text(e->event_id),
		.timestamp = (uint64_t)e->created_ms / 1000,
		.type = publish_text(e->type),
		.app_id = publish_text(p->app_id),
	};
	amqp_bytes_t body = { e->body_len, (void *)e->body };
	char trace[SPAN_TRACEPARENT];
	int status;

	if (!publish_fits(e)) {
		gantry_fail(err, "exchange, routing key or an id is longer than %d bytes",
			    PUBLISH_MAX_SHORT);
		return 1;
	}
	if (e->traceparent != NULL) {
		headers[0] = publish_entry("traceparent",
					   traced_publish_begin(e, p->spans, trace));
		properties._flags |= AMQP_BASIC_HEADERS_FLAG;
		properties.headers = (amqp_table_t){ 1, headers };
		if (e->tracestate != NULL)
			headers[properties.headers.num_entries++] =
				publish_entry("tracestate", e->tracestate);
	}
	status = amqp_basic_publish(broker_connection(p->broker), BROKER_CHANNEL,
				    publish_text(e->exchange),
				    publish_text(e->routing_key), true, false,
				    &properties, body);
	if (broker_status(p->broker, "publishing", status, err) < 0)
		return -1;
	window_sent(p->window, e->ref, e->event_id);
	return 0;
}

static int publish_settled(struct publish *p, uint64_t tag, bool multiple, bool acked,
			   struct gantry_error *err)
{
	if (window_settle(p->window, tag, multiple, acked))
		return 0;
	return gantry_fail(err, "the broker confirms what was not published");
}

static int publish_method(struct publish *p, const amqp_frame_t *frame,
			  unsigned *code_out, struct gantry_error *err)
{
	const void *decoded = frame->payload.method.decoded;

	switch (frame->payload.method.id) {
	case AMQP_BASIC_ACK_METHOD: {
		const amqp_basic_ack_t *ack = decoded;

		return publish_settled(p, ack->delivery_tag, ack->multiple, true, err);
	}
	case AMQP_BASIC_NACK_METHOD: {
		const amqp_basic_nack_t *nack = decoded;

		return publish_settled(p, nack->delivery_tag, nack->multiple, false, err);
	}
	case AMQP_BASIC_RETURN_METHOD: {
		const amqp_basic_return_t *back = decoded;

		p->returning = true;
		snprintf(p->cause, sizeof(p->cause), "unroutable: %.*s",
			 (int)back->reply_text.len, (const char *)back->reply_text.bytes);
		return 0;
	}
	case AMQP_CHANNEL_CLOSE_METHOD:
		*code_out = broker_channel_closed(p->broker, frame, err);
		return 1;
	}
	return 0;
}

/* The message that came back: only its id is wanted. */
static int publish_header(struct publish *p, const amqp_frame_t *frame,
			  struct gantry_error *err)
{
	const amqp_basic_properties_t *properties = frame->payload.properties.decoded;

	if (!p->returning)
		return gantry_fail(err, "the broker sends what nobody asked for");
	p->body_left = frame->payload.properties.body_size;
	p->returning = p->body_left > 0;
	if (!(properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) ||
	    !window_returned(p->window, properties->message_id.bytes,
			     properties->message_id.len, p->cause))
		return gantry_fail(err, "the broker returns what was not published");
	return 0;
}

static int publish_body(struct publish *p, const amqp_frame_t *frame,
			struct gantry_error *err)
{
	size_t len = frame->payload.body_fragment.len;

	if (!p->returning || len > p->body_left)
		return gantry_fail(err, "the broker sends more than it said");
	p->body_left -= len;
	p->returning = p->body_left > 0;
	return 0;
}

int publish_frame(struct publish *p, const amqp_frame_t *frame,
		  unsigned *code_out, struct gantry_error *err)
{
	if (frame->channel != BROKER_CHANNEL)
		return 0;
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		return publish_method(p, frame, code_out, err);
	case AMQP_FRAME_HEADER:
		return publish_header(p, frame, err);
	case AMQP_FRAME_BODY:
		return publish_body(p, frame, err);
	}
	return 0;
}

int publish_reopen(struct publish *p, struct gantry_error *err)
{
	window_reset(p->window);
	p->returning = false;
	if (broker_channel(p->broker, BROKER_CHANNEL, err) < 0)
		return -1;
	broker_guard(p->broker, BROKER_RPC_MS);
	amqp_confirm_select(broker_connection(p->broker), BROKER_CHANNEL);
	broker_unguard(p->broker);
	return broker_reply(p->broker, BROKER_CHANNEL, "asking for confirms", NULL, err);
}
