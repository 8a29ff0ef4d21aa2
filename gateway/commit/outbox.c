/* SPDX-License-Identifier: Apache-2.0 */
/* outbox - events as rows, with the envelope of D15 around their payload. */
#include <string.h>

#include "gateway/base/writer.h"
#include "gateway/commit/handover.h"
#include "gateway/commit/unit.h"
#include "gateway/pipeline/ask.h"

/* What stock's events and a handler's have in common. */
struct outbox_event {
	const char *exchange, *routing_key, *type, *version;
	const char *aggregate_type, *aggregate_id;
	const char *payload;
	size_t payload_len;
	const char *correlation_id;
	struct row *aggregate;		/* ordered behind its last event, or NULL */
	unsigned last_event;		/* column of the aggregate */
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
 * I5: behind the aggregate's event before, if that may still be unsent: its
 * row is there, or nobody looked.
 */
static void outbox_order(struct unit *u, struct row *row,
			 const struct outbox_event *e)
{
	struct row *a = e->aggregate;

	if (a == NULL)
		return;
	if (!row_is_null(a, e->last_event)) {
		int64_t last = row_number(a, e->last_event);

		if (e->maybe_unsent ||
		    rowset_by_ref(&u->rows, COMMIT_OUTBOX, last) != NULL)
			row_set_number(&u->rows, row, OUTBOX_AFTER, last);
	}
	/* who read the record has still read what it says */
	row_set_quietly(&u->rows, a, e->last_event, row_number(row, OUTBOX_REF));
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
	outbox_set(u, row, OUTBOX_TRACEPARENT, trace_unit_parent(m));
	outbox_set(u, row, OUTBOX_TRACESTATE, trace_unit_state(m));
	row_set_text_kept(&u->rows, row, OUTBOX_BODY, body, len);
	row_set_number(&u->rows, row, OUTBOX_CREATED_AT, u->now_ms);
	u->events++;
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
		.aggregate = event->allocation,
		.last_event = ALLOCATIONS_LAST_EVENT,
		.maybe_unsent = maybe_unsent,
	});
}

/*
 * The aggregate of an ordered event: an order that a command of the message
 * names, or a record of the handler that publishes it, space as type and key
 * as id. Both are locked when the unit has them.
 */
struct outbox_aggregate {
	struct gantry_value id;
	unsigned table, last_event;
};

static struct outbox_aggregate outbox_aggregate(struct unit *u,
						const struct gantry_message *m,
						const struct effect *e)
{
	const struct gantry_event *event = &e->as.event;
	const struct gantry_instance *instance;

	if (strcmp(event->aggregate_type, "Order") == 0)
		return (struct outbox_aggregate){ value_text(event->aggregate_id),
						  STOCK_ORDERS, ORDERS_LAST_EVENT };
	instance = m->route->steps[e->handler].instance;
	return (struct outbox_aggregate){
		value_text(ask_record_key(&u->arena, instance->name,
					  event->aggregate_type,
					  event->aggregate_id)),
		COMMIT_RECORDS, RECORDS_LAST_EVENT
	};
}

/* NULL: it is not ordered, or its aggregate is nothing that this unit has. */
static struct row *outbox_find(struct unit *u, const struct gantry_message *m,
			       const struct effect *e, unsigned *last_event_out)
{
	struct outbox_aggregate aggregate;

	if (!e->as.event.ordered)
		return NULL;
	aggregate = outbox_aggregate(u, m, e);
	*last_event_out = aggregate.last_event;
	return rowset_find(&u->rows, aggregate.table, 0, &aggregate.id, 1);
}

void outbox_add_effects(struct unit *u, struct gantry_message *m,
			bool only_if_rejected)
{
	struct effect e;
	size_t cursor = 0;

	while (effects_next(&m->effects, &cursor, &e)) {
		const struct gantry_event *event = &e.as.event;
		unsigned last_event = 0;
		struct row *aggregate;

		if (e.kind != EFFECT_EVENT ||
		    (only_if_rejected && !event->even_if_rejected))
			continue;
		aggregate = outbox_find(u, m, &e, &last_event);
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
			.aggregate = aggregate,
			.last_event = last_event,
			.maybe_unsent = true,
		});
	}
}

struct handover_event *outbox_copies(const struct unit *u)
{
	struct handover_event *first = NULL;

	/* the newest stands first */
	for (const struct row *row = rowset_rows(&u->rows, COMMIT_OUTBOX); row != NULL;
	     row = row->next) {
		struct handover_event *e;

		if (row->state != ROW_NEW)
			continue;
		e = handover_event_new(row->values);
		e->next = first;
		first = e;
	}
	return first;
}
