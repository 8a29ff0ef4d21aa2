/* SPDX-License-Identifier: Apache-2.0 */
/*
 * committer - applies what messages staged: batches of them in units, each
 * unit one durable transaction (DESIGN.md 3).
 *
 * A batch is whatever came while the last commit ran; nothing ever waits for
 * a batch to fill. Each lane is a thread with a unit of its own.
 */
#ifndef COMMIT_COMMITTER_H
#define COMMIT_COMMITTER_H

#include "gateway/commit/replica.h"
#include "gateway/pipeline/engine.h"

struct handover;

struct committer_options {
	unsigned max_batch;		/* messages in a unit, 1 .. 1024 */
	unsigned max_weight;		/* allocations in a unit */
	size_t max_bytes;		/* staged bytes in a unit */
	unsigned queue;			/* messages that may wait */
	int64_t idempotency_ms;		/* how long answers are kept */
	int64_t inbox_ms;		/* how long events are remembered */
	int64_t outbox_max_rows;	/* events that may wait */
	int64_t outbox_max_age_ms;	/* and for how long */
	bool publishes;			/* there is a broker: events are handed over */
	const char *owner;		/* this replica's name */
	unsigned replica;		/* 0 .. 255, in refs */
	struct metrics *metrics;	/* of meters.h; or NULL */
	const struct replica *number;	/* instead: held by a lease; copied */
	int64_t patience_ms;		/* what waits longer for a unit that does not
					   come to its end is refused */
};

/* What the defaults are (DESIGN.md 3, 5; D6). */
extern const struct committer_options committer_defaults;

struct committer;

/*
 * Starts the lanes of a storage that was prepared with commit_schema. Texts
 * of options must outlive it.
 */
struct committer *committer_new(const struct committer_options *options,
				const struct gantry_storage *storage,
				void *storage_self);

/*
 * Finishes what waits. False: a lane hangs in its storage beyond the deadline
 * (steady), and committer_free() would wait for it.
 */
bool committer_stop(struct committer *committer, int64_t deadline_ns);

/* Finishes what waits, then joins the lanes. */
void committer_free(struct committer **committer);

/*
 * For engine_new(). Any thread; false when full or stopping. A message for a
 * lane that is stuck is refused with the dependency storage, inside.
 */
bool committer_commit(void *committer, struct gantry_message *m);

/*
 * Since the start: units committed, messages in them, conflicts replayed,
 * units that storage did not take; whether storage is away since one, or all
 * lanes are stuck in it; and how many lanes are.
 */
struct committer_counts {
	uint64_t units, messages, conflicts, failures;
	bool away;
	unsigned stuck;
};
struct committer_counts committer_counts(const struct committer *committer);

/*
 * Whether the message is in a unit whose outcome the storage cannot learn now.
 * Any thread that keeps the message from being freed.
 */
bool committer_in_doubt(const struct committer *committer,
			const struct gantry_message *m);

/* Other bounds than those it began with, from now on. Any thread. */
struct committer_bounds {
	unsigned queue;
	int64_t outbox_max_rows, outbox_max_age_ms;
};
void committer_set_bounds(struct committer *committer,
			  const struct committer_bounds *bounds);

/* Messages that wait for a unit. Any thread. */
size_t committer_waiting(const struct committer *committer);

/*
 * For the publisher. Where its events come from; NULL unless options said
 * that it publishes. Lives as long as the committer.
 */
struct handover *committer_handover(struct committer *committer);

/*
 * The broker has confirmed these rows: they go inside the next unit, or in one
 * of their own after 100 ms without one. Copied; the hand-over tells when they
 * are gone. Any thread, never blocks.
 */
void committer_published(struct committer *committer, const int64_t *refs,
			 size_t n);

/* The broker did not take this row: keep the cause with it, for who looks. */
void committer_held(struct committer *committer, int64_t ref, const char *cause);

/*
 * The lease on the rows of an owner, held by this replica. Asked for here,
 * answered through the hand-over once it is durable. A lease saves work and
 * makes nothing correct.
 */
#define COMMITTER_LEASE_MS 30000
struct committer_lease {
	char owner[256];
	enum lease_how how;	/* SEIZE: our own rows */
	int64_t epoch;		/* KEEP: ours. Answer: the one that stands */
	/* answer */
	bool held;		/* by this replica, since epoch */
	bool namesake;		/* not held: a newer one has our own name */
};
void committer_lease(struct committer *committer,
		     const struct committer_lease *wish);

/*
 * What waits in the outbox: rows, when the oldest was made (0: none), and
 * whether a bound is near (warn) or passed (full).
 */
struct committer_outbox {
	int64_t rows, oldest_ms;
	uint64_t dropped;	/* too old or too many, without a broker */
	bool warn, full;
};
struct committer_outbox committer_outbox(const struct committer *committer);

/* For the bounds: whether the broker is there. */
void committer_broker(struct committer *committer, bool there);

#endif
