/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer - brings events in from the broker: the queues of the amqp routes,
 * and their dead queues, whose messages are stored as dead letters.
 *
 * One thread and one connection for all of them (and one more connection for
 * what is passed on, while there is any: hopper.h). Acks go out when the unit
 * is durable, many at once. While storage is away consuming pauses; when the
 * broker is away it is looked for again and again. What is not acked comes
 * again, and the inbox knows it.
 */
#ifndef AMQP_CONSUMER_H
#define AMQP_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config/config.h"

struct consumer;
struct engine;
struct gantry_error;
struct current;

struct consumer_options {
	const struct config *config;	/* amqp is in it; outlives the consumer */
	struct engine *engine;
	struct current *graphs;
	const char *replica;		/* for the connection's name */
	struct metrics *metrics;	/* of meters.h; or NULL */
};

/*
 * Start the thread; without amqp routes there is none, and *out is NULL. 0, or
 * -1 with err. That the broker is away is no error. Main thread.
 */
int consumer_start(const struct consumer_options *options,
		   struct consumer **out, struct gantry_error *err);

/*
 * There is another graph now: its queues are consumed from now on, and those
 * that no route has any more are left. Never blocks. NULL is fine. Any thread.
 */
void consumer_change(struct consumer *c);

/*
 * Take no more; what is at the engine may finish for a while and is acked; then
 * the connection is closed. Answers may still come after that. NULL is fine.
 * Main thread.
 */
void consumer_stop(struct consumer *c);

/* Stopped, and nothing at the engine any more. */
void consumer_free(struct consumer **consumer);

/* How it stands now, a moment ago. Any thread. */
struct consumer_counts {
	uint64_t held;			/* in hand and not handed over */
	uint64_t passing;		/* on the way to their next queue */
	bool paused, connected;
};
struct consumer_counts consumer_counts(const struct consumer *c);

#endif
