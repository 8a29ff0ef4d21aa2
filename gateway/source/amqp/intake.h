/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - one queue that is consumed: its channel, its consumer, its ring.
 *
 *	DOWN -> NARROW (prefetch 1) -> WIDE -> PAUSED -> NARROW ...
 *
 * It begins narrow: the first delivery shows whether there are suspects at the
 * head of the queue (D22), and whether the way through is free (D23). Each
 * channel is a generation; what was delivered on an older one is stale: it
 * comes again and can no longer be acked.
 */
#ifndef AMQP_INTAKE_H
#define AMQP_INTAKE_H

#include "gateway/source/amqp/broker.h"
#include "gateway/source/amqp/delivery.h"
#include "gateway/source/amqp/ring.h"
#include "gateway/source/amqp/topology.h"

enum intake_state {
	INTAKE_DOWN,		/* no channel */
	INTAKE_NARROW,		/* consumes, one delivery at a time */
	INTAKE_WIDE,		/* consumes, prefetch of them */
	INTAKE_PAUSED,		/* a channel, and no consumer */
};

/* Deliveries that must pass narrowly before it widens, if none was a suspect
   since it opened, and if one was. */
#define INTAKE_CALM 1
#define INTAKE_CALM_AFTER_SUSPECT 16

struct desk;

struct intake {
	struct broker *broker;
	struct desk *desk;	/* who gets its deliveries */
	char *queue;			/* as its routes call it; its own */
	char *source;			/* the queue that is consumed; its own */
	const struct route *route;	/* one of the queue's, of the desk's graph;
					   NULL: there is none */
	bool leaving;			/* no route has its queue any more */
	unsigned deliveries;		/* that know it, wherever they are */
	bool letters;			/* source is the dead queue */
	const struct topology_queue *topology;	/* where it goes on to */
	amqp_channel_t first_channel, channel;
	unsigned prefetch;
	unsigned consumers;		/* so far */
	char tag[32];			/* of the last one */
	enum intake_state state;
	unsigned generation;
	struct ring ring;
	struct delivery *coming;	/* of which frames are missing */
	unsigned calm;			/* passed narrowly in a row */
	unsigned passing;		/* of the ring: answered, on their way to another
					   queue */
	bool met_suspect;
	unsigned left;			/* suspects not taken, to come again */
	unsigned failures;		/* openings in a row */
	int64_t again_ms;		/* it is not opened before */
};

/* Channels that an intake uses in turn. */
#define INTAKE_CHANNELS 8

/* In place. */
void intake_init(struct intake *in, struct broker *broker, amqp_channel_t first_channel,
		 unsigned prefetch);
void intake_fini(struct intake *in);

/* Each 0, or -1 with err: then it is down, and the broker may be lost. */
int intake_open(struct intake *in, int64_t now_ms, struct gantry_error *err);
int intake_widen(struct intake *in, int64_t now_ms, struct gantry_error *err);
int intake_pause(struct intake *in, int64_t now_ms, struct gantry_error *err);
int intake_resume(struct intake *in, int64_t now_ms, struct gantry_error *err);
/* Send the acks that are due. */
int intake_ack(struct intake *in, int64_t now_ms, struct gantry_error *err);

/* Give everything back to the queue. */
void intake_close(struct intake *in);
/* The same when the channel is gone already. */
void intake_lost(struct intake *in);
/* It could not be opened, or was closed: it is opened after a while. */
void intake_back_off(struct intake *in, int64_t now_ms);

static inline bool intake_consumes(const struct intake *in)
{
	return in->state == INTAKE_NARROW || in->state == INTAKE_WIDE;
}

/* Whether frames of this channel are its business. */
bool intake_has_channel(const struct intake *in, amqp_channel_t channel);

/*
 * A content frame or basic.deliver of its channel. A whole delivery is in
 * *out (NULL: not yet). spare is used if a new one begins, and then NULL. -1
 * with err: the broker does not keep to the protocol; the channel is to be
 * closed.
 */
int intake_frame(struct intake *in, const amqp_frame_t *frame,
		 const struct delivery_limits *limits, struct delivery **spare,
		 struct delivery **out, struct gantry_error *err);

#endif
