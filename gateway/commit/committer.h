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

#include "gateway/pipeline/engine.h"

struct committer_options {
	unsigned max_batch;		/* messages in a unit, 1 .. 1024 */
	unsigned max_weight;		/* allocations in a unit */
	size_t max_bytes;		/* staged bytes in a unit */
	unsigned queue;			/* messages that may wait */
	int64_t idempotency_ms;		/* how long answers are kept */
	int64_t inbox_ms;		/* how long events are remembered */
	const char *owner;		/* this replica's name */
	unsigned replica;		/* 0 .. 255, in refs */
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

/* Finishes what waits, then joins the lanes. */
void committer_free(struct committer **committer);

/* For engine_new(). Any thread; false when full or stopping. */
bool committer_commit(void *committer, struct gantry_message *m);

/*
 * Since the start: units committed, messages in them, conflicts replayed,
 * units that storage did not take; and whether storage is away since one.
 */
struct committer_counts {
	uint64_t units, messages, conflicts, failures;
	bool away;
};
struct committer_counts committer_counts(const struct committer *committer);

#endif
