/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intakes - all queues that are consumed over one connection, and which of
 * them should have a consumer just now.
 *
 * Knows when: while the guard is open, once the queue is there, again after
 * suspects were left. How is each intake's own matter.
 */
#ifndef AMQP_INTAKES_H
#define AMQP_INTAKES_H

#include "gateway/source/amqp/desk.h"

/* The channels of one intake after the other. */
struct intakes_slot {
	struct intake *intake;		/* NULL: free */
	unsigned generation;		/* of the last one, to go on from */
};

struct intakes {
	struct intakes_slot *slots;
	unsigned n;
	unsigned leaving;		/* that no route has any more */
	struct broker *broker;
	struct desk *desk;
	struct delivery *spare;
	struct delivery_limits limits;
};

/* In place: none. */
void intakes_init(struct intakes *all, struct broker *broker, struct desk *desk);
/*
 * Be those of the queues of the desk's graph, and their dead queues: new ones
 * are opened in time; those that no route has are cancelled, and gone when what
 * is at the engine is through. The topology must live until the next one, and
 * until none is leaving.
 */
void intakes_follow(struct intakes *all, const struct topology *topology);
void intakes_fini(struct intakes *all);

/* Take what has come. Frames read, or -1 with err: the connection is lost. */
int intakes_read(struct intakes *all, struct gantry_error *err);
/* Bring each a step nearer to what it should be. The broker may be lost then. */
void intakes_tend(struct intakes *all, int64_t now_ms);
/* Nothing to probe with: one is let in. Held for too long: all goes back. */
void intakes_mind_guard(struct intakes *all, int64_t now_ms);
/* Send the acks that are due; 0 or -1 with err: lost. */
int intakes_ack(struct intakes *all, int64_t now_ms, struct gantry_error *err);
/* Nothing more is to come. */
void intakes_pause(struct intakes *all, int64_t now_ms);
/* The connection is gone. */
void intakes_lost(struct intakes *all);
/* There is a new one: none waits any longer. */
void intakes_hurry(struct intakes *all);
/* When any has something to do by time alone. */
int64_t intakes_due_ms(const struct intakes *all);

#endif
