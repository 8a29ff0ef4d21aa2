/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topology - the exchanges, queues and bindings that a configuration needs at
 * the broker, and how they get there (D21).
 *
 * Each queue of a route has queues of its own beside it: one for each pause
 * before another try, which hands back after its time, and one for what was
 * given up. What is there with other arguments is never touched: the gateway
 * says what differs and goes on with the rest. Whether a binding is there
 * cannot be asked over AMQP, so bindings are made each time.
 *
 * Belongs to one thread, as the broker does. Uses channel TOPOLOGY_CHANNEL.
 */
#ifndef AMQP_TOPOLOGY_H
#define AMQP_TOPOLOGY_H

#include "gateway/config/config.h"
#include "gateway/pipeline/route.h"
#include "gateway/source/amqp/broker.h"

#define TOPOLOGY_CHANNEL 2
/* How often to try again what could not be had. */
#define TOPOLOGY_RETRY_MS 5000
#define TOPOLOGY_ARGUMENTS 6
#define TOPOLOGY_SAID 320

enum topology_kind { TOPOLOGY_EXCHANGE, TOPOLOGY_QUEUE, TOPOLOGY_BINDING };

enum topology_state {
	TOPOLOGY_UNKNOWN,	/* not looked at yet */
	TOPOLOGY_THERE,
	TOPOLOGY_MADE,		/* by us, just now */
	TOPOLOGY_MISSING,
	TOPOLOGY_DIFFERS,	/* there, but not as it should be */
	TOPOLOGY_REFUSED,	/* the broker would not; said has its reason */
	TOPOLOGY_UNSEEN,	/* a binding, until it is made */
};

struct topology_argument {
	const char *name;
	const char *text;	/* NULL: the number */
	int64_t number;
};

struct topology_item {
	enum topology_kind kind;
	const char *name;	/* of a binding: its queue */
	const char *exchange, *key;	/* of a binding */
	bool foreign;		/* an exchange that events come from */
	struct topology_argument arguments[TOPOLOGY_ARGUMENTS];
	unsigned n_arguments;
	int queue;		/* which of the queues needs it; -1: none */
	enum topology_state state, told;	/* told: in the log */
	char said[TOPOLOGY_SAID];	/* what the broker says about it */
	int64_t missed_ns;	/* a foreign exchange: not there since */
};

/* A queue that routes consume, with all that it needs. */
struct topology_queue {
	const char *name;
	const char *dead;
	const char *const *retry;	/* by pause */
	unsigned n_retry;
	bool ready;		/* may be consumed */
	char why[TOPOLOGY_SAID];	/* not */
};

struct topology {
	struct arena arena;
	struct topology *older;	/* for the consumer */
	bool declare_foreign;
	int64_t wait_ns;	/* for the other side to do it */
	struct topology_item *items;	/* in the order of making */
	unsigned n_items, room;
	struct topology_queue *queues;
	unsigned n_queues;
};

/* graph need not outlive it, amqp must. */
struct topology *topology_new(const struct graph *graph,
			      const struct config_amqp *amqp);
void topology_free(struct topology **topology);

/*
 * Make what is missing and look at what is there, but for what was found in
 * order since topology_forget(). Call it after broker_open() and, unless
 * topology_is_ready(), every TOPOLOGY_RETRY_MS. Logs what cannot be had, once.
 * 0: see the queues; -1: the connection is lost.
 */
int topology_declare(struct topology *t, struct broker *b,
		     struct gantry_error *err);
/* The same for the exchanges that we publish to alone, for the publisher. */
int topology_declare_exchanges(struct topology *t, struct broker *b,
			       struct gantry_error *err);
/* The same as topology_declare(), without waiting and without a log. */
int topology_apply(struct topology *t, struct broker *b,
		   struct gantry_error *err);
/* Look only: nothing is made. */
int topology_look(struct topology *t, struct broker *b,
		  struct gantry_error *err);
/* After a connection was lost: everything may be otherwise by now. */
void topology_forget(struct topology *t);
/* Everything is there. */
bool topology_is_ready(const struct topology *t);

/* Whether both want the same things. */
bool topology_is_same(const struct topology *a, const struct topology *b);
/* By name, or NULL. */
const struct topology_queue *topology_queue(const struct topology *t,
					    const char *name);
/* Where an event goes after so many tries (from 1); the last pause repeats. */
const char *topology_retry(const struct topology_queue *queue,
			   unsigned attempts);

/* What to do about an item that is not as it should be; NULL: nothing. */
const char *topology_mend(const struct topology_item *item, struct arena *arena);
/* "x-queue-type quorum, x-delivery-limit 50", "topic, durable". */
const char *topology_wanted(const struct topology_item *item,
			    struct arena *arena);

#endif
