/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery - one message of the broker, from its frames to a message for the
 * engine and on to its next hop.
 *
 * The body is copied once, out of the frames, and parsed once. What the
 * delivery needs to be handed over again (it was held) stays in its own arena;
 * the message's arena is emptied each time. Knows nothing of connections.
 */
#ifndef AMQP_DELIVERY_H
#define AMQP_DELIVERY_H

#include "gateway/pipeline/message.h"
#include "gateway/source/amqp/hop.h"
#include "gateway/source/amqp/library.h"

/* What is kept of a body that is larger than it may be. */
#define DELIVERY_KEPT 4096

struct intake;

/* Where it goes, with what is written on it. */
struct delivery_hop {
	const char *target;		/* queue */
	unsigned attempts, waits;
	const char *cause, *error, *handler;	/* dead: cause is not NULL */
	int64_t died_at_ms;
	bool returned;			/* the broker found no such queue */
	struct span_context span;	/* of the hop; nowhere: not traced */
	const char *traceparent;	/* the same as text */
	int64_t began_ns;		/* steady clock */
};

struct delivery {
	struct gantry_message m;	/* for the engine */
	struct delivery *next;		/* in the one list it is in */
	struct intake *intake;
	unsigned generation;		/* of the intake's channel, and */
	const unsigned *current;	/* the one that is open now */
	uint64_t tag;
	uint64_t number;		/* of all deliveries, in their order */
	struct arena arena;
	const char *queue;		/* the route's */
	const char *exchange, *routing_key;	/* as it was first published */
	const char *event_id;		/* or NULL */
	const char *type;		/* of the event, or NULL */
	amqp_bytes_t properties;	/* encoded */
	char *body;
	uint64_t body_size;		/* as it was sent */
	size_t body_len, body_room;	/* what is kept of it, and is to be */
	uint64_t body_seen;
	bool redelivered;
	const char *sender;		/* its traceparent, or NULL */
	const char *hopped;		/* that of our last hop, or NULL */
	unsigned attempts, waits;
	unsigned count;			/* x-delivery-count */
	unsigned epoch;			/* of the guard */
	bool noted;			/* as a suspect that goes alone */
	int64_t arrived_ns;
	struct delivery_hop hop;
};

/* Its channel is gone: it comes again, and cannot be acked. */
static inline bool delivery_is_stale(const struct delivery *d)
{
	return d->generation != *d->current;
}

struct delivery_limits {
	size_t max_body;
	unsigned max_attempts;		/* the header may say no more */
};

struct delivery *delivery_new(void);
void delivery_free(struct delivery **delivery);
/* Empty, for the next. */
void delivery_clear(struct delivery *d);

/* An empty one from basic.deliver. queue is what the routes call it and lives
   longer. */
void delivery_begin(struct delivery *d, const amqp_basic_deliver_t *deliver,
		    const char *queue);

/* From the frame after it. False if it is none. */
bool delivery_header(struct delivery *d, const amqp_frame_t *frame,
		     const struct delivery_limits *limits);
/* From each frame after that. False if it is none, or there is too much. */
bool delivery_body(struct delivery *d, const amqp_frame_t *frame);
bool delivery_is_complete(const struct delivery *d);
bool delivery_is_too_large(const struct delivery *d);

/*
 * Make d->m a message for the engine: the route among the graph's that the
 * delivery fits. False if there is none; d->m.error says so. May be called
 * again once it was answered.
 */
bool delivery_prepare(struct delivery *d, const struct graph *graph,
		      const struct message_home *home);
/* The same for one of a dead queue; route is any of the queue it was for. */
void delivery_prepare_letter(struct delivery *d, const struct route *route,
			     const struct graph *graph,
			     const struct message_home *home);

/*
 * Its properties with headers for d->hop: as they came, but persistent and
 * without what is only good for the first journey. They live as long as d and
 * pool, which the caller empties.
 */
amqp_basic_properties_t delivery_properties(struct delivery *d, amqp_pool_t *pool);

/* "queue:id" or, where that is no key of a record, a digest of the content; in
   d->arena. */
const char *delivery_key(struct delivery *d);

#endif
