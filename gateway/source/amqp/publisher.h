/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publisher - the outbox to the broker: persistent, mandatory, with confirms,
 * each aggregate in its order (I5). A thread with a connection of its own.
 *
 * A broker that is absent or goes away only makes the outbox grow. What the
 * broker does not take stays, with its cause, and holds back nothing but what
 * comes after it in its own aggregate.
 */
#ifndef AMQP_PUBLISHER_H
#define AMQP_PUBLISHER_H

#include "gateway/commit/committer.h"
#include "gateway/config/config.h"

struct publisher_options {
	const struct config_amqp *amqp;
	const struct graph *graph;	/* for the exchanges; may be gone later */
	const char *service;		/* app_id of what is published */
	const char *replica;		/* whose rows: owner of the committer */
	struct committer *committer;	/* that publishes; outlives it */
	const struct gantry_storage *storage;
	void *storage_self;
	struct metrics *metrics;	/* of meters.h; or NULL */
	struct spans *spans;		/* NULL: tracing is off */
};

struct publisher;

/* Starts the thread; never waits for the broker. Options outlive it. */
struct publisher *publisher_start(const struct publisher_options *options);
/* What is on its way gets 5 s if the broker is there; joins the thread. */
void publisher_stop(struct publisher **publisher);

/* Any thread. */
struct publisher_counts {
	uint64_t published;		/* confirmed by the broker */
	uint64_t returned, nacked;	/* not taken, each time */
	uint64_t connects;
	uint64_t held, in_flight;	/* now */
	bool connected, blocked;
	bool superseded;		/* a newer gateway has our name */
};
struct publisher_counts publisher_counts(const struct publisher *publisher);

#endif
