/* SPDX-License-Identifier: Apache-2.0 */
/* traced - see traced.h. */
#include "gateway/source/amqp/traced.h"

#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/source/amqp/intake.h"

static void traced_system(struct span *span, const char *type, const char *operation)
{
	span_add_word(span, "messaging.system", "rabbitmq");
	span_add_word(span, "messaging.operation.type", type);
	span_add_word(span, "messaging.operation.name", operation);
}

const char *traced_publish_begin(struct handover_event *e, struct spans *spans,
				 char text[static SPAN_TRACEPARENT])
{
	e->span = (struct span_context){ 0 };
	if (spans == NULL)
		return e->traceparent;
	span_parse(e->traceparent, &e->span);
	if (!e->span.sampled)
		return e->traceparent;
	span_mint(e->span.id);
	span_format(&e->span, text);
	e->sent_ns = clock_steady_ns();
	return text;
}

void traced_publish_end(const struct handover_event *e, struct spans *spans,
			const char *failed, const char *cause)
{
	struct span_context parent;
	char name[300];
	struct span *span;

	if (!e->span.sampled)
		return;
	snprintf(name, sizeof(name), "send %s", e->exchange);
	span = span_claim(spans, name, SPAN_PRODUCER);
	if (span == NULL)
		return;
	span_parse(e->traceparent, &parent);
	span->context = e->span;
	memcpy(span->parent, parent.id, sizeof(span->parent));
	span->began_ns = e->sent_ns;
	span->ended_ns = clock_steady_ns();
	traced_system(span, "send", "send");
	span_add_text(span, "messaging.destination.name", e->exchange);
	span_add_text(span, "messaging.rabbitmq.destination.routing_key", e->routing_key);
	span_add_text(span, "messaging.message.id", e->event_id);
	span_add_number(span, "messaging.message.body.size", (int64_t)e->body_len);
	span_add_text(span, "messaging.message.conversation_id", e->correlation_id);
	if (failed != NULL)
		span_fail(span, failed, cause);
	span_commit(spans, span);
}

void traced_begin_delivery(struct delivery *d, struct spans *spans)
{
	trace_begin_linked(&d->m, spans, d->sender != NULL ? d->sender : d->hopped);
}

void traced_done(const struct delivery *d, const char *outcome)
{
	const struct gantry_message *m = &d->m;
	char name[300];
	struct span *span;

	if (!m->trace.context.sampled)
		return;
	snprintf(name, sizeof(name), "process %s", d->intake->source);
	span = trace_own(m, name, SPAN_CONSUMER);
	if (span == NULL)
		return;
	traced_system(span, "process", "process");
	span_add_text(span, "messaging.destination.name", d->intake->source);
	span_add_text(span, "messaging.rabbitmq.destination.routing_key", d->routing_key);
	span_add_text(span, "messaging.message.id", d->event_id);
	span_add_number(span, "messaging.message.body.size", (int64_t)d->body_size);
	span_add_number(span, "gantry.attempts", d->attempts);
	span_add_text(span, "gantry.outcome", outcome);
	trace_verdict(span, m, true);
	span_commit(m->trace.spans, span);
}

/* Also of whom nobody looks at: that is decided once for all attempts. */
void traced_hop_begin(struct delivery *d)
{
	const struct trace *t = &d->m.trace;
	char *text;

	if (t->spans == NULL)
		return;
	d->hop.began_ns = clock_steady_ns();
	d->hop.span = t->context;
	span_mint(d->hop.span.id);
	text = arena_alloc(&d->arena, SPAN_TRACEPARENT);
	span_format(&d->hop.span, text);
	d->hop.traceparent = text;
}

void traced_hop_end(const struct delivery *d)
{
	const struct delivery_hop *hop = &d->hop;
	struct spans *spans = d->m.trace.spans;
	char name[300];
	struct span *span;

	if (!hop->span.sampled)
		return;
	snprintf(name, sizeof(name), "send %s", hop->target);
	span = span_claim(spans, name, SPAN_PRODUCER);
	if (span == NULL)
		return;
	span->context = hop->span;
	memcpy(span->parent, d->m.trace.context.id, sizeof(span->parent));
	span->began_ns = hop->began_ns;
	span->ended_ns = clock_steady_ns();
	traced_system(span, "send", "send");
	span_add_text(span, "messaging.destination.name", hop->target);
	span_add_text(span, "messaging.message.id", d->event_id);
	span_add_number(span, "gantry.attempts", hop->attempts);
	span_add_text(span, "gantry.cause", hop->cause);
	span_commit(spans, span);
}
