/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span - what was done when, and for whom (W3C Trace Context, OpenTelemetry): the
 * contexts that travel, the decision who is looked at, and a bounded queue of
 * spans on their way out.
 *
 * Whoever has done something claims a place in the queue, fills it in and
 * commits it: no lock, no malloc, and where there is no place the span is
 * counted as dropped. Texts are copied, as what they stand in may be gone when
 * somebody reads them. Knows nothing of messages and of who sends spans away.
 *
 * A NULL struct spans is tracing that is off.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPAN_TRACEPARENT 56	/* bytes of text with the NUL */
#define SPAN_ATTRIBUTES 16
#define SPAN_TEXT 512		/* of all texts of a span; what is more is cut, */
#define SPAN_TEXT_MOST 160	/* and what is longer, so that none takes all */

/* Where one is in a trace. All zero: nowhere. */
struct span_context {
	uint8_t trace[16], id[8];
	bool sampled;
};

/* Numbers of OTLP. */
enum span_kind {
	SPAN_INTERNAL = 1,
	SPAN_SERVER,
	SPAN_CLIENT,
	SPAN_PRODUCER,
	SPAN_CONSUMER,
};

struct span_attribute {
	const char *key;		/* static */
	const char *text;		/* static; NULL: see below */
	int64_t number;			/* or where the text is, from 0 on */
	bool is_text;
};

struct span {
	struct span_context context;
	uint8_t parent[8];		/* zero: it is a root */
	struct span_context link;	/* zero: none */
	enum span_kind kind;
	bool failed;
	int64_t began_ns, ended_ns;	/* steady clock */
	uint16_t name;			/* where in texts it is */
	uint16_t why;			/* the same, if failed; 0: not said */
	uint16_t used;			/* of texts */
	uint16_t n_attributes;
	struct span_attribute attributes[SPAN_ATTRIBUTES];
	char texts[SPAN_TEXT];
};

struct spans;

/* Room for so many, rounded up to a power of two; ratio: see below. */
struct spans *spans_new(size_t room, double ratio);
void spans_free(struct spans **spans);

/* How many of the traces that begin here are looked at: 0 to 1. Any thread. */
void spans_set_ratio(struct spans *spans, double ratio);
double spans_ratio(const struct spans *spans);

/*
 * A context under parent, or of a new trace if parent is nowhere: a trace is
 * looked at if its beginning was; that is decided by its id alone, so that all who
 * have the same ratio decide the same. Any thread.
 */
void span_begin(const struct spans *spans, const struct span_context *parent,
		struct span_context *out);
/* A new id. */
void span_mint(uint8_t id[static 8]);

bool span_is_nowhere(const struct span_context *context);
/* From a valid traceparent, of any version; NULL or another text: nowhere. */
void span_parse(const char *traceparent, struct span_context *out);
void span_format(const struct span_context *context,
		 char text[static SPAN_TRACEPARENT]);

/*
 * A place for a span, to be committed soon and by the same thread: others wait
 * for it. NULL: there is none, and it was counted. Any thread.
 */
struct span *span_claim(struct spans *spans, const char *name, enum span_kind kind);
void span_commit(struct spans *spans, struct span *span);
/* Keys are static. A text is copied, NULL is left out; a word is static. */
void span_add_text(struct span *span, const char *key, const char *text);
void span_add_word(struct span *span, const char *key, const char *word);
void span_add_number(struct span *span, const char *key, int64_t number);
/* It failed: type is a word of a bounded set (error.type), why a sentence or NULL. */
void span_fail(struct span *span, const char *type, const char *why);

/* A text or word of a span. */
const char *span_text(const struct span *span, unsigned at);
const char *span_value(const struct span *span, const struct span_attribute *a);

/* For the one thread that sends them away: the oldest, until it is released;
   NULL: none. */
const struct span *spans_oldest(struct spans *spans);
void spans_release(struct spans *spans);
/* Sleep until so many are there, or for so long, or until spans_wake(). */
void spans_wait(struct spans *spans, size_t n, int64_t ms);
void spans_wake(struct spans *spans);

/* Any thread. */
size_t spans_waiting(const struct spans *spans);
uint64_t spans_dropped(const struct spans *spans);

#endif
