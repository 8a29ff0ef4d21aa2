/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traced - the spans of a call: one of all of it, and below it one of each try, by
 * the conventions of OpenTelemetry for HTTP clients. A call that the breaker
 * refused has no try. It decides nothing.
 */
#ifndef UPSTREAM_TRACED_H
#define UPSTREAM_TRACED_H

#include "gateway/pipeline/call.h"
#include "gateway/upstream/breakers.h"

struct traced {
	struct span_context call;	/* nowhere: it is not looked at */
	uint8_t attempt[8];
	int64_t call_ns, try_ns;
	char traceparent[SPAN_TRACEPARENT];	/* of the try */
};

/* How a call ended. */
struct traced_call {
	unsigned tries;
	struct guard *guard;		/* NULL: there is no breaker */
	const char *failed, *why;	/* a word and a sentence; NULL: answered */
};

/* How a try ended. */
struct traced_try {
	const char *url;		/* of the upstream */
	unsigned before;		/* tries of this call */
	int status;			/* 0: no answer */
	const char *failed, *why;	/* why NULL: it is an answer */
};

void traced_call_begin(struct traced *t, const struct call *call);
void traced_call_end(const struct traced *t, const struct call *call,
		     const struct traced_call *end);

/* What the try sends as its traceparent, or NULL; lives as long as t. */
const char *traced_try_begin(struct traced *t, const struct call *call);
void traced_try_end(const struct traced *t, const struct call *call,
		    const struct traced_try *end);

#endif
