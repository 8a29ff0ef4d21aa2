/* SPDX-License-Identifier: Apache-2.0 */
/* trace - see trace.h. */
#include "gateway/pipeline/trace.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/tracestate.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/pipeline/message.h"

/* "00-" and 32 digits; and as much as a head could bring. */
#define TRACE_ID_AT 3u
#define TRACE_ID_LEN 32u
#define TRACE_MAX_STATE 8192u

static const char *const trace_verdicts[] = {
	[GANTRY_FAILED] = "failed", [GANTRY_REJECTED] = "rejected",
	[GANTRY_NEXT] = "next", [GANTRY_DONE] = "done",
};

static const char *trace_text(struct gantry_message *m, const uint8_t id[static 8])
{
	struct span_context context = m->trace.context;
	char *text = arena_alloc(&m->arena, SPAN_TRACEPARENT);

	memcpy(context.id, id, sizeof(context.id));
	span_format(&context, text);
	return text;
}

void trace_begin_linked(struct gantry_message *m, struct spans *spans,
			const char *traceparent)
{
	struct trace *t = &m->trace;
	struct span_context parent;

	if (spans == NULL)
		return;
	assert(t->spans == NULL);
	t->spans = spans;
	t->began_ns = clock_steady_ns();
	span_parse(m->traceparent, &parent);
	span_parse(traceparent, &t->link);
	span_begin(spans, &parent, &t->context);
	memcpy(t->parent, parent.id, sizeof(t->parent));
	/* of whom nobody looks at the parent stays the last one that is known */
	if (t->context.sampled || span_is_nowhere(&parent))
		m->traceparent = trace_text(m, t->context.id);
}

void trace_begin(struct gantry_message *m, struct spans *spans)
{
	trace_begin_linked(m, spans, NULL);
}

struct span *trace_own(const struct gantry_message *m, const char *name,
		       enum span_kind kind)
{
	const struct trace *t = &m->trace;
	struct span *span;

	if (!t->context.sampled)
		return NULL;
	span = span_claim(t->spans, name, kind);
	if (span == NULL)
		return NULL;
	span->context = t->context;
	memcpy(span->parent, t->parent, sizeof(span->parent));
	span->link = t->link;
	span->began_ns = t->began_ns;
	span->ended_ns = clock_steady_ns();
	span_add_text(span, "gantry.correlation_id", m->correlation_id);
	return span;
}

struct span *trace_child(const struct gantry_message *m, const char *name,
			 const uint8_t id[static 8])
{
	const struct trace *t = &m->trace;
	struct span *span;

	if (!t->context.sampled)
		return NULL;
	span = span_claim(t->spans, name, SPAN_INTERNAL);
	if (span == NULL)
		return NULL;
	span->context = t->context;
	memcpy(span->context.id, id, sizeof(span->context.id));
	memcpy(span->parent, t->context.id, sizeof(span->parent));
	span->ended_ns = clock_steady_ns();
	return span;
}

struct span_context trace_below(const struct gantry_message *m,
				const uint8_t id[static 8])
{
	struct span_context context = { 0 };

	if (!m->trace.context.sampled)
		return context;
	context = m->trace.context;
	memcpy(context.id, id, sizeof(context.id));
	return context;
}

/* The trace goes on that the sender was in: one with a new id has no state. */
static bool trace_is_of_sender(const struct gantry_message *m)
{
	const char *sent = gantry_header(m, "traceparent");

	return sent != NULL &&
	       strlen(sent) >= TRACE_ID_AT + TRACE_ID_LEN &&
	       strncmp(sent + TRACE_ID_AT, m->traceparent + TRACE_ID_AT, TRACE_ID_LEN) == 0;
}

/* All lines as one; NULL: there is none, or more than anybody may send. */
static const char *trace_state_lines(struct gantry_message *m)
{
	const char *state = NULL;
	size_t len = 0;

	for (unsigned i = 0; i < m->n_headers; i++) {
		const char *value = m->headers[i].value;

		if (strcasecmp(m->headers[i].name, "tracestate") != 0)
			continue;
		len += strlen(value) + 1;
		if (len > TRACE_MAX_STATE)
			return NULL;
		state = state == NULL ? value :
				arena_format(&m->arena, "%s,%s", state, value);
	}
	return state;
}

const char *trace_state(struct gantry_message *m)
{
	struct trace *t = &m->trace;

	if (t->state_known || m->traceparent == NULL)
		return t->state;
	t->state_known = true;
	t->state = trace_state_lines(m);
	if (t->state != NULL &&
	    (!trace_is_of_sender(m) || !tracestate_is_valid(t->state)))
		t->state = NULL;
	return t->state;
}

void trace_goes_on(struct gantry_message *m, struct gantry_message *from)
{
	m->traceparent = from->traceparent;
	m->trace.state = trace_state(from);
	m->trace.state_known = true;
}

const char *trace_unit_state(struct gantry_message *m)
{
	const char *state = trace_state(m);

	return state != NULL ? tracestate_cut(&m->arena, state) : NULL;
}

static void trace_said(struct span *span, enum gantry_verdict verdict,
		       const struct gantry_error *err, bool rejected_is_failed)
{
	span_add_word(span, "gantry.verdict", trace_verdicts[verdict]);
	if (verdict == GANTRY_FAILED ||
	    (verdict == GANTRY_REJECTED && rejected_is_failed))
		span_fail(span, envelope_cause(err, verdict), err->message);
	else if (verdict == GANTRY_REJECTED)
		span_add_text(span, "gantry.code", envelope_cause(err, verdict));
}

void trace_verdict(struct span *span, const struct gantry_message *m,
		   bool rejected_is_failed)
{
	trace_said(span, m->answer.verdict, &m->error, rejected_is_failed);
}

void trace_run_begins(struct gantry_message *m, int64_t began_ns)
{
	struct trace *t = &m->trace;

	if (!t->context.sampled || t->step_ns != 0)
		return;
	span_mint(t->step);
	t->step_ns = began_ns;
}

void trace_run_ended(struct gantry_message *m)
{
	const struct route_step *step = &m->route->steps[m->step];
	char name[160];
	struct span *span;

	if (!m->trace.context.sampled || m->trace.step_ns == 0)
		return;
	snprintf(name, sizeof(name), "%s.%s", step->instance->name, step->handler->name);
	span = trace_child(m, name, m->trace.step);
	if (span != NULL) {
		span->began_ns = m->trace.step_ns;
		span_add_number(span, "gantry.runs", m->runs + 1);
		trace_said(span, m->verdict, &m->error, false);
		span_commit(m->trace.spans, span);
	}
	m->trace.step_ns = 0;
}

void trace_unit_begins(struct gantry_message *m)
{
	if (m->trace.context.sampled)
		span_mint(m->trace.unit);
}

const char *trace_unit_parent(struct gantry_message *m)
{
	return m->trace.context.sampled ? trace_text(m, m->trace.unit) : m->traceparent;
}

void trace_unit_ended(const struct gantry_message *m, const struct trace_unit *unit)
{
	struct span *span;

	if (!m->trace.context.sampled)
		return;
	span = trace_child(m, "unit", m->trace.unit);
	if (span == NULL)
		return;
	span->began_ns = unit->began_ns;
	span_add_number(span, "gantry.unit.messages", unit->messages);
	span_add_number(span, "gantry.unit.lane", unit->lane);
	if (unit->failed != NULL)
		span_fail(span, unit->failed, NULL);
	span_commit(m->trace.spans, span);
}
