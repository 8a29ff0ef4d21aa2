/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - the core's side of gantry/message.h.
 *
 * A message belongs to one thread at a time: the source that made it, then
 * whoever engine_submit() gave it to, and the source again from the call of
 * answer() on. Everything it holds lives in its arena.
 */
#ifndef PIPELINE_MESSAGE_H
#define PIPELINE_MESSAGE_H

#include <gantry/plugin.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/pipeline/effects.h"
#include "gateway/pipeline/lease.h"
#include "gateway/pipeline/route.h"
#include "gateway/pipeline/trace.h"

#define MESSAGE_MAX_ROLES 16
#define MESSAGE_MAX_RUNS 16
#define MESSAGE_MAX_MINTED 1024
#define MESSAGE_MAX_LOGS 64
#define MESSAGE_LOG_TEXT 1024		/* of a line that has no message */

/* What the source is told in the end. */
struct message_answer {
	enum gantry_verdict verdict;	/* FAILED, REJECTED or DONE */
	int status;			/* HTTP status */
	const char *text;		/* JSON body, the envelope included */
	size_t len;
	int64_t head_len;		/* to HEAD, if len is 0: that of GET's;
					   -1: not known */
	bool passed;			/* an upstream's: no Content-Type is
					   added */
	const struct message_pair *headers;	/* Location, Retry-After ... */
	unsigned n_headers;
	bool again;			/* schedule: tick again at once */
	const char *outcome;		/* events: applied, duplicate, refused */
};

/* What a source is to the core. */
struct message_home {
	/*
	 * The message is through: exactly once for each that engine_submit()
	 * took, on any thread, also from inside engine_submit(). It belongs to
	 * the source from here on. Must not block.
	 */
	void (*answer)(struct gantry_message *m);
};

/*
 * A delivery that was given up, with what is kept of it beside body, trace and
 * correlation id, which are the message's own (D24). Texts may hold any bytes:
 * what is no text is cleaned, what is too long is cut when it is stored. NULL
 * where nothing is known.
 */
struct message_dead_letter {
	const char *queue;		/* that it was for; never NULL */
	const char *event_id;
	const char *exchange, *routing_key;	/* as it was first published */
	const char *cause;		/* a code of D9 or of D20 and D22 */
	const char *text;		/* what was wrong, for a person */
	const char *handler;		/* "instance.handler" */
	int64_t attempts;
	const char *headers;		/* JSON object as text */
	const char *content_type;
	int64_t died_at_ms;		/* wall clock; 0: now */
};

/* The newest first. */
struct message_log {
	struct message_log *next;
	enum gantry_level level;
	const char *text;
};

/* What an operator did that no other row tells; for the audit (D36). */
struct message_note {
	const char *actor, *action, *object, *result;
};

struct message_ask;
struct message_claim;
struct engine;

struct gantry_message {
	/* set by the source before engine_submit() */
	struct arena arena;
	const struct message_home *home;
	void *home_data;
	enum gantry_source source;
	const struct route *route;	/* not NULL */
	const struct graph *graph;	/* held (current.h), let go when cleared */
	const char *id;			/* NULL: minted */
	const char *inbox_key;		/* queue and event id, or NULL (D20) */
	const char *correlation_id;	/* NULL: the order's id or minted (D14) */
	const char *causation_id;	/* or NULL */
	const char *traceparent;	/* or NULL; checked by the source, its own
					   from trace_begin() on */
	const char *method, *path;	/* "" if none */
	const struct message_pair *params, *query, *headers;
	unsigned n_params, n_query, n_headers;
	const char *body;
	size_t body_len;
	const char *raw_path, *raw_query;	/* http, as they came; or NULL */
	const char *peer;		/* who is connected; NULL: no address */
	bool tls;			/* came over it */
	const char *credential;		/* Authorization, or NULL */
	size_t credential_len;
	const char *idempotency_key;	/* or NULL */
	int attempts;			/* before this one; -1: nobody counts */
	/*
	 * Set: no handler runs. The letter and the inbox mark "dead" are stored
	 * in one unit; the answer is DONE, also when it was stored before or
	 * the event was applied after all. Lives as long as the message.
	 */
	const struct message_dead_letter *dead_letter;
	/*
	 * Not 0: this message is the dead letter with this ref once more. It is
	 * let through an inbox that says "dead", and the unit that applies it
	 * closes the letter; if it fails, the letter gets the new cause.
	 */
	int64_t resolves;
	bool edited;			/* resolves: with a body of its own */
	const char *discards;		/* resolves: no handler runs, the letter
					   is closed with this reason */
	const char *actor;		/* resolves, and admin: who says so, for the
					   audit */
	/*
	 * Set: no handler runs, the unit decides on the lease; the answer is
	 * DONE whatever it decides. Lives as long as the message.
	 */
	struct lease *lease;
	/* Set: no handler runs, the unit writes it down; needs no route. */
	const struct message_note *note;
	int64_t received_ms;		/* wall clock; the message's now */
	int64_t deadline_ms;		/* steady clock; 0: none. A unit that has
					   not begun by then leaves it out: 503 */

	/* answer, valid when home->answer is called */
	struct message_answer answer;

	/* the core's own */
	struct engine *engine;
	int64_t submitted_ns;		/* schedule: steady clock */
	struct gantry_message *next;	/* in the one queue it is in */
	const char *issuer, *subject;
	const char *roles[MESSAGE_MAX_ROLES];
	unsigned n_roles;
	json_t *json;
	unsigned step;			/* the handler that runs, or ran last */
	unsigned runs;
	bool asking;			/* this run waits for an answer */
	bool settling;
	struct message_ask *asks;
	struct arena spare;		/* for the answer to its first call */
	const char *const *to_pass;	/* once asked for: gantry/pass.h */
	const char **minted;
	unsigned n_minted, next_minted;
	unsigned minted_before;		/* by the handlers before this one */
	bool claimed;			/* its strand is busy with it already */
	struct message_log *logs;
	struct effects effects;
	enum gantry_verdict verdict;
	struct gantry_error error;
	const struct gantry_outcome *const *outcomes;	/* by step of command */
	unsigned n_outcomes;
	unsigned moved;			/* times its read set had moved */
	const char *kept_key, *fingerprint;	/* what its answer is kept by (D6) */
	struct message_claim *claim;	/* names that keep it to its lane, or NULL */
	unsigned queued;		/* the committer's tick when it was */
	_Atomic unsigned in_unit;	/* of that lane, counted from 1; 0: in none.
					   Any thread */
	struct trace trace;
};

/* In place, empty; the arena is kept if it has one. */
void message_init(struct gantry_message *m, enum gantry_source source,
		  const struct message_home *home);
/* What lives outside the arena is freed, the arena emptied for the next use. */
void message_clear(struct gantry_message *m);
void message_fini(struct gantry_message *m);
/* The graph alone, and the route with it; for one that is kept after its answer. */
void message_let_go(struct gantry_message *m);

/* Printable ASCII, 1 to 128 bytes (D14). */
bool message_is_correlation_id(const char *text);
/* What concerns an order is correlated by it, if nothing else was said (D14). */
void message_name_order(struct gantry_message *m, const char *order_id);
/* Make sure that there is a correlation id; at the latest before the answer. */
void message_correlate(struct gantry_message *m);

/* For the engine: an id if there is none; what a run left is forgotten; the
   log lines of the run that counts go out. */
void message_complete(struct gantry_message *m);
void message_begin_run(struct gantry_message *m);
/*
 * What the verdict of handle or settle comes to. A handler that goes on although
 * it was told that something does not fit would lose that without a word: it has
 * failed, with an error of m, and what it staged since mark is gone.
 */
enum gantry_verdict message_heed(struct gantry_message *m, enum gantry_verdict verdict,
				 const struct effects *mark);
void message_flush_logs(struct gantry_message *m);

#endif
