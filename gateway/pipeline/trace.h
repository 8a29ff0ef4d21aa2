/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace - where a message is in its trace, and the spans that its way through
 * the core leaves (D32): its own, from its source; one of each handler; one of
 * its unit.
 *
 *	request or delivery      the message's own; recorded by its source
 *	  handler                from its first run to the last, asks included
 *	    call -> tries        gateway/upstream
 *	  unit                   each message has one of its own in its trace
 *	    publish              gateway/source/amqp, whenever that is
 *
 * A message that was not begun here, or is not sampled, costs a look at a flag.
 */
#ifndef PIPELINE_TRACE_H
#define PIPELINE_TRACE_H

#include "gateway/base/span.h"

struct gantry_message;

struct trace {
	struct spans *spans;		/* NULL: tracing is off */
	struct span_context context;	/* the message's own span */
	uint8_t parent[8];		/* zero: it is the root */
	struct span_context link;	/* what it goes back to, or nowhere */
	int64_t began_ns;		/* steady clock */
	uint8_t step[8];		/* the span of the handler that runs, */
	int64_t step_ns;		/* since then; 0: none does */
	uint8_t unit[8];		/* of the unit that has it */
	const char *state;		/* of the sender, once it is known; or NULL */
	bool state_known;
};

/*
 * From here on m is traced, if spans is not NULL: under m->traceparent, or at the
 * beginning of a trace. m->traceparent is its own from now on, so that logs, calls and
 * events have it. Once for a message, by its source; the core's own have none.
 */
void trace_begin(struct gantry_message *m, struct spans *spans);
/* The same with a span that m goes back to, but is no child of; NULL: none. */
void trace_begin_linked(struct gantry_message *m, struct spans *spans,
			const char *traceparent);

/*
 * The message's own span, from trace_begin() until now, to be filled and
 * committed; NULL: it is not sampled, or there is no room.
 */
struct span *trace_own(const struct gantry_message *m, const char *name,
		       enum span_kind kind);
/* One below it, by its id. */
struct span *trace_child(const struct gantry_message *m, const char *name,
			 const uint8_t id[static 8]);
/* A new context below id, one of m's spans; nowhere if m is not sampled. */
struct span_context trace_below(const struct gantry_message *m,
				const uint8_t id[static 8]);

/* What the sender said beside its traceparent (W3C), several lines as one; NULL:
   nothing, it is malformed, or the trace is another one now. */
const char *trace_state(struct gantry_message *m);
/* m is of the same trace as another message, which lives as long: traceparent and
   state are those of that one. Before trace_begin(). */
void trace_goes_on(struct gantry_message *m, struct gantry_message *from);

/* What m's answer says of it: verdict, code, and whether it failed. */
void trace_verdict(struct span *span, const struct gantry_message *m,
		   bool rejected_is_failed);

/* For the engine, around each run of a handler. */
void trace_run_begins(struct gantry_message *m, int64_t began_ns);
void trace_run_ended(struct gantry_message *m);

/* For the committer: m comes into a unit; what its events are caused by, as a
   traceparent in the message's arena or its own; and what became of the unit. */
void trace_unit_begins(struct gantry_message *m);
const char *trace_unit_parent(struct gantry_message *m);
/* The state that goes with it, within what everybody hands on; or NULL. */
const char *trace_unit_state(struct gantry_message *m);
struct trace_unit {
	int64_t began_ns;
	unsigned messages, lane;
	const char *failed;		/* a word for why, or NULL: it is durable */
};
void trace_unit_ended(const struct gantry_message *m, const struct trace_unit *unit);

#endif
