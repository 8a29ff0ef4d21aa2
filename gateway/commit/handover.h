/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover - new events on their way from the committer to the publisher, and
 * what the committer has to say of those that were published.
 *
 * Bounded: what does not fit is only counted as lost, and the publisher finds
 * it by a scan. Knows no broker. Any thread.
 */
#ifndef COMMIT_HANDOVER_H
#define COMMIT_HANDOVER_H

#include "gateway/commit/committer.h"

#define HANDOVER_LEASES 16

/* An outbox row as it goes out, in one piece of memory: free() ends it. */
struct handover_event {
	struct handover_event *next;
	int64_t ref, after;		/* after 0: none */
	int64_t created_ms;
	const char *owner, *aggregate_id, *exchange, *routing_key, *type;
	const char *event_id, *correlation_id;
	const char *traceparent, *tracestate;	/* or NULL */
	const char *body;
	size_t body_len;
	size_t size;			/* of the piece */
	struct span_context span;	/* of its publish, while that is on its way */
	int64_t sent_ns;		/* since then; the publisher's own */
};

/* A copy of an outbox row. */
struct handover_event *handover_event_new(const struct gantry_value *values);

struct handover;

struct handover *handover_new(void);
void handover_free(struct handover **handover);

/* Readable when there is news. */
int handover_fd(const struct handover *handover);

/* Make it readable without news. */
void handover_wake(struct handover *handover);

/* What came since the last call; all of it the caller's. */
struct handover_news {
	struct handover_event *first;	/* in the order of their units */
	size_t n;
	bool lost;			/* some did not fit: scan */
	int64_t *gone;			/* rows that are deleted; malloc, or NULL */
	size_t n_gone;
	struct committer_lease leases[HANDOVER_LEASES];
	unsigned n_leases;
};
void handover_take(struct handover *handover, struct handover_news *out);
/* Free what is left in it. */
void handover_news_fini(struct handover_news *news);

/* For the committer: what one unit has to tell, with one wake. */
struct handover_gift {
	struct handover_event *first;	/* taken over */
	const int64_t *gone;		/* copied */
	size_t n_gone;
	const struct committer_lease *leases;
	unsigned n_leases;
};
void handover_give(struct handover *handover, const struct handover_gift *gift);

#endif
