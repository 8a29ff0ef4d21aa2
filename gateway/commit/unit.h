/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit - one storage transaction that applies the effects of a batch; what
 * the files of this folder share.
 *
 *	unit.c		begin, load, apply each, store, commit; again on conflict
 *	apply.c		one message: keys, inbox, commands, settle, undo
 *	outbox.c	events with their envelope
 *	idempotency.c	answers kept and given again (D6)
 *	record.c	records of handlers and read sets
 *	retention.c	what is old enough to go
 */
#ifndef COMMIT_UNIT_H
#define COMMIT_UNIT_H

#include <stdatomic.h>

#include "gateway/base/ids.h"
#include "gateway/commit/committer.h"
#include "gateway/commit/schema.h"
#include "gateway/pipeline/queue.h"
#include "gateway/rows/needs.h"
#include "gateway/rows/set.h"
#include "gateway/stock/decide.h"

struct record_memory;
struct retention;

/* What all lanes share; fixed after the start but for the atomic members. */
struct unit_world {
	struct committer_options options;
	const struct gantry_storage *storage;
	void *storage_self;
	struct ids_refs refs;
	struct record_memory *records;
	_Atomic uint64_t units, messages, conflicts, failures;
	_Atomic bool away;	/* storage did not take the newest unit */
};

/* What becomes of a message when its unit is over. */
enum unit_fate {
	UNIT_ANSWER,		/* m->answer stands */
	UNIT_RESTART,		/* its read set moved */
};

struct unit_member {
	struct gantry_message *m;
	struct effects before;	/* as the handlers left them */
	unsigned moved;		/* m->moved before the unit */
	enum unit_fate fate;
};

/* One for each lane, used again and again. */
struct unit {
	struct unit_world *world;
	unsigned lane;
	void *handle;			/* the storage's, while it is open */
	struct rowset rows;
	struct needs needs;
	struct arena arena;		/* outcomes, payloads, changes */
	int64_t now_ms;			/* the storage's clock; 0: not seen yet */
	int64_t ahead_ms;		/* of it, before the steady one */
	struct unit_member *members;	/* room for max_batch */
	unsigned n_members;
	struct retention *retention;	/* NULL: not this lane's */
};

void unit_init(struct unit *u, struct unit_world *world, unsigned lane);
void unit_fini(struct unit *u);

/*
 * Apply a batch of at most max_batch messages and finish each of them, or
 * restart it. *back gets the tail that turned out too heavy, in order.
 */
void unit_run(struct unit *u, struct queue *batch, struct queue *back);

/* Nothing to do for a while: retention, and a probe of a storage that is away. */
void unit_idle(struct unit *u);

/* apply.c */
void apply_needs(struct unit *u, struct gantry_message *m);
void apply_message(struct unit *u, struct unit_member *member);
unsigned apply_weight(const struct gantry_message *m);
unsigned apply_loaded_weight(const struct unit *u, const struct gantry_message *m);

/* outbox.c */
void outbox_add_stock(struct unit *u, struct gantry_message *m,
		      const struct stock_event *event, bool maybe_unsent);
void outbox_add_effects(struct unit *u, struct gantry_message *m,
			bool only_if_rejected);

/* idempotency.c: each does nothing for a message without a key. */
/* Before the unit, by whoever brings the message: what a row is found by. */
void idempotency_prepare(struct gantry_message *m);
void idempotency_needs(struct unit *u, struct gantry_message *m);
/* True: m->answer is the one that was kept, or says that the key was reused. */
bool idempotency_replay(struct unit *u, struct gantry_message *m);
void idempotency_keep(struct unit *u, struct gantry_message *m);

/* record.c */
void record_needs(struct unit *u, struct gantry_message *m);
void record_apply(struct unit *u, struct gantry_message *m);
/* What the records that m read have become. */
enum record_state { RECORD_SAME, RECORD_MOVED_HERE, RECORD_MOVED_ELSEWHERE };
enum record_state record_check(struct unit *u, const struct gantry_message *m);
/* Whether m read a record that one of the n members before it puts. */
bool record_waits(const struct unit_member *members, unsigned n,
		  const struct gantry_message *m);
/* The unit is durable: remember which versions are this replica's. */
void record_committed(struct unit *u);
struct record_memory *record_memory_new(void);
void record_memory_free(struct record_memory **memory);

/* retention.c */
struct retention *retention_new(void);
void retention_free(struct retention **retention);
/* Take some old rows into the unit, at most twice of what it adds. */
void retention_add(struct unit *u);
/* The unit is durable, or not: what was taken is gone, or waits again. */
void retention_done(struct unit *u, bool durable);
/* Look for old rows, now and then. True if there are some. */
bool retention_look(struct unit *u);

#endif
