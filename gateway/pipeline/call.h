/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - one request to an upstream and what came of it. Who makes calls
 * registers by struct call_maker, so that nothing here knows of networks.
 */
#ifndef PIPELINE_CALL_H
#define PIPELINE_CALL_H

#include <gantry/ask.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/base/span.h"

#define CALL_MAX_BODY (16u << 20)
#define CALL_MAX_PATH 8192u
#define CALL_MAX_HEADERS 128u
#define CALL_MAX_HEADER 65536u

struct call {
	/* set by who wants it; all lives until done */
	struct gantry_request request;	/* checked; method is never NULL */
	const char *correlation_id;	/* or NULL */
	const char *traceparent;	/* or NULL */
	const char *tracestate;		/* or NULL */
	struct spans *spans;		/* NULL: not traced; below this one: */
	struct span_context parent;
	int64_t deadline_ms;		/* steady clock; 0: the upstream's own */
	/* It is over: once, on any thread, also from inside make(). Must not
	   block. */
	void (*done)(struct call *call);
	void *data;
	/* what came of it; in arena, which call_fini() frees */
	struct arena arena;
	struct gantry_answer answer;	/* if error has no message */
	json_t *json;
	struct gantry_error error;
	int64_t began_ns;		/* steady clock, by who makes it; 0: it ended at once */
	void *maker;			/* who makes it, for its own use */
	struct call *next;		/* in a list of whoever has it */
};

/* What the floor above registers at the engine. */
struct call_maker {
	/* Make a call; done() says how it went. Never blocks. */
	void (*make)(void *maker, struct call *call);
	void *maker;		/* unless the message's graph has its own */
	/* Optional. True: it would fail at once, as call->error says, and done() is
	   not called: its handler hears that without another run. Never blocks. */
	bool (*refuse)(void *maker, struct call *call);
};

void call_fini(struct call *call);

/* Fail it and say so. */
void call_fail(struct call *call, const char *code, enum gantry_dependency on,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A name as RFC 9110 wants it for methods and headers. */
bool call_is_token(const char *text, size_t len);

struct engine;
struct gantry_message;
struct message_ask;

/*
 * The ask for a call: the one that is there for the same request, or a new one.
 * Whether it is answered is told by ask_is_good(). NULL with err: it cannot be asked.
 */
struct message_ask *call_ask(struct gantry_message *m, const struct gantry_request *request,
			     struct gantry_error *err);

enum calls_started {
	CALLS_DONE,		/* there are none, or all are over already */
	CALLS_PARKED,		/* m goes on when the last is over; it may have
				   by now */
};
/*
 * Make all calls that m still waits for. Afterwards an INLINE handler goes on
 * where the last call ended, others by the readers.
 */
enum calls_started calls_start(struct engine *engine, struct gantry_message *m);

#endif
