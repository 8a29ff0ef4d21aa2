/* SPDX-License-Identifier: Apache-2.0 */
/* outbox - events as rows, with the envelope of D15 around their payload. */
#include <string.h>

#include "gateway/base/writer.h"
#include "gateway/commit/unit.h"

/* What stock's events and a handler's have in common. */
struct outbox_event {
	const char *exchange, *routing_key, *type, *version;
	const char *aggregate_type, *aggregate_id;
	const char *payload;
	size_t payload_len;
	const char *correlation_id;
	struct row *allocation;		/* ordered behind its last event */
	bool maybe_unsent;		/* that event was not loaded */
};

static const char *outbox_body(struct unit *u, const struct gantry_message *m,
			       const struct outbox_event *e, const char *event_id,
			       size_t *len_out)
{
	struct writer w;

	writer_init(&w, &u->arena, e->payload_len + 512);
	writer_object(&w, NULL);
	writer_text(&w, "eventId", event_id);
	writer_text(&w, "eventType", e->type);
	writer_text(&w, "eventVersion", e->version);
	writer_text(&w, "aggregateId", e->aggregate_id);
	writer_text(&w, "aggregateType", e->aggregate_type);
	writer_time(&w, "timestamp", u->now_ms);
	writer_object(&w, "metadata");
	writer_text(&w, "correlationId", e->correlation_id);
	writer_text(&w, "source", m->graph->service);
	if (m->causation_id != NULL)
		writer_text(&w, "causationId", m->causation_id);
	writer_end(&w);
	writer_raw(&w, "payload", e->payload, e->payload_len);
	writer_end(&w);
	return writer_done(&w, len_out);
}

/*
 * I5: behind the allocation's event before, if that may still be unsent: its
 * row is there, or nobody looked.
 */
static void outbox_order(struct unit *u, struct row *row,
			 const struct outbox_event *e)
{
	struct row *a = e->allocation;

	if (a == NULL)
		return;
	if (!row_is_null(a, ALLOCATIONS_LAST_EVENT)) {
		int64_t last = row_number(a, ALLOCATIONS_LAST_EVENT);

		if (e->maybe_unsent ||
		    rowset_by_ref(&u->rows, COMMIT_OUTBOX, last) != NULL)
			row_set_number(&u->rows, row, OUTBOX_AFTER, last);
	}
	row_set_number(&u->rows, a, ALLOCATIONS_LAST_EVENT,
		       row_number(row, OUTBOX_REF));
}

static void outbox_set(struct unit *u, struct row *row, unsigned column,
		       const char *text)
{
	row_set_text(&u->rows, row, column, text);
}

static void outbox_add(struct unit *u, struct gantry_message *m,
		       const struct outbox_event *e)
{
	char event_id[IDS_UUID];
	const char *body;
	struct row *row;
	size_t len;

	ids_uuid7(u->now_ms, event_id);
	body = outbox_body(u, m, e, event_id, &len);
	row = rowset_new(&u->rows, COMMIT_OUTBOX,
			 ids_ref(&u->world->refs, u->now_ms));
	outbox_order(u, row, e);
	outbox_set(u, row, OUTBOX_OWNER, u->world->options.owner);
	outbox_set(u, row, OUTBOX_AGGREGATE_TYPE, e->aggregate_type);
	outbox_set(u, row, OUTBOX_AGGREGATE_ID, e->aggregate_id);
	outbox_set(u, row, OUTBOX_EXCHANGE, e->exchange);
	outbox_set(u, row, OUTBOX_ROUTING_KEY, e->routing_key);
	outbox_set(u, row, OUTBOX_TYPE, e->type);
	outbox_set(u, row, OUTBOX_EVENT_ID, event_id);
	outbox_set(u, row, OUTBOX_CORRELATION_ID, e->correlation_id);
	outbox_set(u, row, OUTBOX_TRACEPARENT, m->traceparent);
	row_set_text_kept(&u->rows, row, OUTBOX_BODY, body, len);
	row_set_number(&u->rows, row, OUTBOX_CREATED_AT, u->now_ms);
}

/* D14: the message's own, else the order's, else a new one. */
static const char *outbox_correlation(struct gantry_message *m, const char *order_id)
{
	if (m->correlation_id == NULL && order_id != NULL &&
	    message_is_correlation_id(order_id))
		return order_id;
	message_correlate(m);
	return m->correlation_id;
}

void outbox_add_stock(struct unit *u, struct gantry_message *m,
		      const struct stock_event *event, bool maybe_unsent)
{
	outbox_add(u, m, &(struct outbox_event){
		.exchange = event->exchange,
		.routing_key = event->routing_key,
		.type = event->type,
		.version = "1.0.0",
		.aggregate_type = event->aggregate_type,
		.aggregate_id = event->aggregate_id,
		.payload = event->payload,
		.payload_len = event->payload_len,
		.correlation_id = outbox_correlation(m, event->order_id),
		.allocation = event->allocation,
		.maybe_unsent = maybe_unsent,
	});
}

void outbox_add_effects(struct unit *u, struct gantry_message *m,
			bool only_if_rejected)
{
	struct effect e;
	size_t cursor = 0;

	while (effects_next(&m->effects, &cursor, &e)) {
		const struct gantry_event *event = &e.as.event;

		if (e.kind != EFFECT_EVENT ||
		    (only_if_rejected && !event->even_if_rejected))
			continue;
		outbox_add(u, m, &(struct outbox_event){
			.exchange = event->exchange,
			.routing_key = event->routing_key,
			.type = event->type,
			.version = event->version,
			.aggregate_type = event->aggregate_type,
			.aggregate_id = event->aggregate_id,
			.payload = event->payload_text,
			.payload_len = event->payload_len,
			.correlation_id = outbox_correlation(m, NULL),
		});
	}
}
