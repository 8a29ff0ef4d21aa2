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

struct intakes {
	struct intake *items;
	unsigned n;
	struct broker *broker;
	struct desk *desk;
	struct delivery *spare;
	struct delivery_limits limits;
};

/* In place: the queues of the desk's graph and their dead queues. */
void intakes_init(struct intakes *all, struct broker *broker, struct desk *desk,
		  const struct topology *topology);
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
