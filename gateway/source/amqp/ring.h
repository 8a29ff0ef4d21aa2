/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring - which deliveries of one channel are done, and the fewest acks that
 * say so (D23).
 *
 * Tags of a channel are 1, 2, 3 ...; they end in any order. What is done from
 * the oldest on is acked by one `multiple`; if the oldest takes long, those
 * behind it are acked one by one. A new channel is a new ring. Pure: knows
 * neither the library nor the clock.
 */
#ifndef AMQP_RING_H
#define AMQP_RING_H

#include <stdbool.h>
#include <stdint.h>

/* So long the others wait for the oldest. */
#define RING_PATIENCE_MS 100

struct ring_place {
	uint64_t tag;
	int64_t since_ms;
	uint8_t state;			/* enum in ring.c */
};

struct ring {
	struct ring_place *places;	/* by tag, 2 * room of them */
	unsigned room;
	unsigned first, end;		/* those in use; first is open or done */
	unsigned scan;			/* nothing before it waits for its ack */
	unsigned n_open, n_done;	/* done: and not acked */
	uint64_t next;			/* the tag that comes */
};

struct ring_ack {
	uint64_t tag;
	bool multiple;
};

/* Room for so many unacked deliveries. Free with ring_fini(). */
void ring_init(struct ring *r, unsigned room);
void ring_fini(struct ring *r);
/* A new channel: tags begin at 1 again. */
void ring_reset(struct ring *r);

/* The next delivery. False: not the tag that comes next, or more than room unacked. */
bool ring_deliver(struct ring *r, uint64_t tag, int64_t now_ms);
/* Its tag may be acked; each delivered tag once. */
void ring_done(struct ring *r, uint64_t tag);
/* The next ack to send, if there is one; call it until there is none. */
bool ring_ack(struct ring *r, int64_t now_ms, struct ring_ack *out);
/* When ring_ack() may have one by time alone; INT64_MAX: not before a done. */
int64_t ring_due_ms(const struct ring *r);
/* Delivered and not done. */
unsigned ring_open(const struct ring *r);

#endif
