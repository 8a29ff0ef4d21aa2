/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order - which event may go out next (I5): one that names another in "after"
 * waits until that one is confirmed, or is not in the outbox any more.
 *
 * Knows no broker and no storage: it is told what came, what was sent and what
 * became of it, and says what it needs to know. One thread. Times are those of
 * a steady clock in milliseconds.
 *
 * An entry is one of: stranger (another one waits for it, and it is not ours or
 * not here yet), waiting (for the one that it names), missing (may go, its
 * event has to be read), ready, sent, held (the broker did not take it),
 * confirmed (its row is not deleted yet).
 */
#ifndef AMQP_ORDER_H
#define AMQP_ORDER_H

#include "gateway/commit/handover.h"

struct order_limits {
	size_t entries;		/* in all */
	size_t bytes;		/* of events; beyond, they are read again */
};

struct order_counts {
	size_t entries, bytes;
	size_t strangers, waiting, missing, ready, sent, held, confirmed;
};

struct order;

struct order *order_new(const struct order_limits *limits);
void order_free(struct order **order);

/*
 * An event of the outbox, of the owner with this number (< 32). Takes it over.
 * One that is known already changes nothing. False: no room; scan again later.
 */
bool order_add(struct order *o, struct handover_event *event, unsigned owner);

/* Whether adding this one would change nothing. */
bool order_knows(const struct order *o, int64_t ref);

/*
 * The next one that may go out, which is sent from now on; NULL: none. It
 * lives until it is confirmed or held.
 */
struct handover_event *order_next(struct order *o);

/* One that was sent and is neither confirmed nor held; NULL: it is not. */
const struct handover_event *order_sent(const struct order *o, int64_t ref);

/* The last one that was sent and is neither confirmed nor held; NULL: none. */
const struct handover_event *order_newest_sent(const struct order *o);

/* The broker has it: those that waited for it may go. */
void order_confirmed(struct order *o, int64_t ref);
/* The broker did not take it: again later, a little longer each time. True: for the first time. */
bool order_held(struct order *o, int64_t ref, int64_t now_ms);
/* The connection is lost: all that was sent goes out again, in that order. */
void order_reset(struct order *o);
/* Rows that are deleted are forgotten. */
void order_gone(struct order *o, const int64_t *refs, size_t n);
/* Another replica publishes for this owner now: what was not sent is forgotten. */
void order_forget(struct order *o, unsigned owner);

/* Held ones whose time has come may go. */
void order_wake(struct order *o, int64_t now_ms);
/* When order_wake() has something to do; INT64_MAX: never. */
int64_t order_due_ms(const struct order *o);

/*
 * Refs of up to max events that may go and have to be read: order_found() with
 * each that is there, order_absent() for the others.
 */
size_t order_missing(const struct order *o, int64_t *refs, size_t max);
void order_found(struct order *o, struct handover_event *event);
/* It is not in the outbox: those that wait for it may go. */
void order_absent(struct order *o, int64_t ref);
/*
 * Refs of up to max strangers to look for, which turn by turn are asked for
 * again: order_absent() for each that is not there, order_add() if it is ours.
 */
size_t order_strangers(struct order *o, int64_t *refs, size_t max);

struct order_counts order_counts(const struct order *o);

#endif
