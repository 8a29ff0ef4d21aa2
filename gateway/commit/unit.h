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
 *	dead_letter.c	deliveries given up, and what becomes of them (D24)
 *	audit.c		who did what to them
 *	retention.c	what is old enough to go
 *	published.c	what the publisher is done with, its leases
 *	lease.c		the row of a lease
 *	replica.c	the replica's number, held by one
 *	bounds.c	how much the outbox holds
 *	counted.c	what is counted of a unit that is durable
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

struct affinity;
struct record_memory;
struct retention;
struct published;
struct bounds;
struct handover;
struct handover_gift;

/* What all lanes share; fixed after the start but for the atomic members. */
struct unit_world {
	struct committer_options options;
	const struct gantry_storage *storage;
	void *storage_self;
	struct ids_refs refs;
	struct replica replica;
	struct affinity *affinity;	/* NULL: there is one lane */
	_Atomic unsigned tick;		/* 4 in patience_ms; from 1 on */
	struct record_memory *records;
	_Atomic uint64_t units, messages, conflicts, failures;
	_Atomic bool away;	/* storage did not take the newest unit */
	struct handover *handover;	/* NULL: nobody publishes */
	struct published *published;
	struct bounds *bounds;
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
	bool opened;			/* by unit_open(), for the next pass */
	enum gantry_stored opening;	/* what came of that; why, if not STORED */
	char why[512];
	struct rowset rows;
	struct needs needs;
	struct arena arena;		/* outcomes, payloads, changes */
	int64_t now_ms;			/* the storage's clock; 0: not seen yet */
	int64_t ahead_ms;		/* of it, before the steady one */
	struct unit_member *members;	/* room for max_batch */
	unsigned n_members;
	struct retention *retention;	/* NULL: not this lane's */
	struct published *published;	/* the same */
	unsigned events;		/* added so far, ever */
	_Atomic unsigned busy;		/* in storage since this tick; 0: not */
	struct lease number;		/* renews: of the replica's number */
	bool renews, expired, lost;	/* the lease on it */
	bool ends;			/* the lane's last unit */
};

void unit_init(struct unit *u, struct unit_world *world, unsigned lane);
void unit_fini(struct unit *u);

/*
 * Begin the storage's unit before the batch is taken: what comes while that
 * waits for other replicas is in it. unit_run() must follow, and hears of a
 * failure.
 */
void unit_open(struct unit *u);

/*
 * Apply a batch of at most max_batch messages and finish each of them, or
 * restart it. *back gets the tail that turned out too heavy, in order.
 */
void unit_run(struct unit *u, struct queue *batch, struct queue *back);

/* Nothing to do for a while: retention, and a probe of a storage that is away. */
void unit_idle(struct unit *u);

/* Before the end: what the publisher is done with, and the replica's number is
   given back, if storage takes it. */
void unit_last(struct unit *u);

/*
 * Whether the storage has had the lane's thread for more than so many ticks at that
 * one, which may have been read before the unit began: such a unit is not old but
 * new. Any thread.
 */
bool unit_is_stuck(const struct unit *u, unsigned tick, unsigned ticks);

/* Storage is in the way: m is answered, without a unit. Any thread. */
void unit_refuse(struct unit_world *world, struct gantry_message *m);

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

/* The unit is durable: copies of its new rows, oldest first. */
struct handover_event *outbox_copies(const struct unit *u);

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

/* dead_letter.c: for messages with dead_letter or resolves set, no others. */
void dead_letter_needs(struct unit *u, struct gantry_message *m);
/* Keep m->dead_letter, and the inbox mark; m->answer stands. */
void dead_letter_store(struct unit *u, struct gantry_message *m);
/* Close the letter that m discards; m->answer stands. */
void dead_letter_discard(struct unit *u, struct gantry_message *m);
/* True: the letter is not there or not open any more; m->answer says so. */
bool dead_letter_is_over(struct unit *u, struct gantry_message *m);
/* m was applied: its letter is closed with the inbox's state. */
void dead_letter_applied(struct unit *u, struct gantry_message *m,
			 const char *state);
/* m failed or was rejected once more: m->error is the letter's new cause. */
void dead_letter_failed(struct unit *u, struct gantry_message *m,
			enum gantry_verdict verdict);

/* audit.c: a row for what was done in memory. */
void audit_note(struct unit *u, const struct message_note *note);
/* audit.c: a row for m->actor's deed. text may be NULL. */
void audit_add(struct unit *u, const struct gantry_message *m,
	       const char *result, const char *text);

/* published.c: adding is for any thread; true: the first lane must be woken. */
struct published *published_new(void);
void published_free(struct published **published);
bool published_add_gone(struct published *p, const int64_t *refs, size_t n);
bool published_add_held(struct published *p, int64_t ref, const char *cause);
bool published_add_lease(struct published *p, const struct committer_lease *wish);
/* When the oldest wish has waited long enough, on the steady clock; 0: none. */
int64_t published_due_ns(struct published *p);
/* In a unit of the first lane, around its load; done once it is durable. */
void published_needs(struct unit *u);
void published_apply(struct unit *u);
void published_done(struct unit *u, struct handover_gift *gift);
/* It was not stored: what waits does so for a while again. */
void published_failed(struct published *p);

/* counted.c: the unit is durable, and its messages still are the unit's. */
void counted_unit(struct unit *u, int64_t began_ns);
/* lease.c: under the lock that lease_needs() asked for. */
void lease_needs(struct unit *u, const char *name);
void lease_decide(struct unit *u, struct lease *wish);

/* replica.c: without a lease on the number they do nothing. */
bool replica_is_due(const struct unit *u);
/* Around the load; not STORED: nothing may be minted. */
void replica_needs(struct unit *u);
enum gantry_stored replica_check(struct unit *u, struct gantry_error *err);
/* The unit is durable. */
void replica_done(struct unit *u);
/* After AWAY, with no unit open: CONFLICT if that was the number, and there is
   another one now. */
enum gantry_stored replica_again(struct unit *u, struct gantry_error *err);

/* bounds.c */
struct bounds *bounds_new(const struct committer_options *options);
void bounds_free(struct bounds **bounds);
/* Others from now on. Any thread. */
void bounds_set(struct bounds *b, int64_t max_rows, int64_t max_age_ms);
/* The unit is durable. */
void bounds_count(struct unit *u);
/* First lane: count, look at the oldest; true: some are to be dropped. */
bool bounds_look(struct unit *u);
bool bounds_is_counting(const struct bounds *b);
/* Without a broker: drop the oldest of what is too much, in this unit. */
void bounds_drop(struct unit *u);
/* No more events are taken in. Any thread. */
bool bounds_full(const struct bounds *b);
struct committer_outbox bounds_outbox(const struct bounds *b);
void bounds_broker(struct bounds *b, bool there);

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
