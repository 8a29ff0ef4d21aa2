/* SPDX-License-Identifier: Apache-2.0 */
/* intake - see intake.h. */
#include "gateway/source/amqp/intake.h"

#include <assert.h>
#include <stdio.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"

#define INTAKE_ACK_MS 10000
#define INTAKE_FIRST_MS 100
#define INTAKE_MOST_MS 10000
/* Beside the prefetch: what a narrow consumer brings while others are held. */
#define INTAKE_MORE 8

void intake_init(struct intake *in, struct broker *broker, amqp_channel_t first_channel,
		 unsigned prefetch)
{
	*in = (struct intake){ .broker = broker, .first_channel = first_channel,
			       .channel = first_channel, .prefetch = prefetch };
	ring_init(&in->ring, prefetch + INTAKE_MORE);
}

void intake_fini(struct intake *in)
{
	delivery_free(&in->coming);
	assert(in->deliveries == 0);
	ring_fini(&in->ring);
	free(in->queue);
	free(in->source);
}

bool intake_has_channel(const struct intake *in, amqp_channel_t channel)
{
	return in->state != INTAKE_DOWN && in->channel == channel;
}

void intake_lost(struct intake *in)
{
	in->state = INTAKE_DOWN;
	in->generation++;
	in->left = 0;
	in->calm = 0;
	in->passing = 0;
	in->met_suspect = false;
	delivery_free(&in->coming);
	ring_reset(&in->ring);
}

void intake_close(struct intake *in)
{
	struct gantry_error ignored = ERROR_INIT;

	if (in->state == INTAKE_DOWN)
		return;
	if (broker_is_open(in->broker)) {
		broker_guard(in->broker, BROKER_RPC_MS);
		amqp_channel_close(broker_connection(in->broker), in->channel,
				   AMQP_REPLY_SUCCESS);
		broker_unguard(in->broker);
		broker_reply(in->broker, in->channel, "closing a channel", NULL,
			     &ignored);
	}
	error_fini(&ignored);
	intake_lost(in);
}

void intake_back_off(struct intake *in, int64_t now_ms)
{
	int64_t wait_ms = INTAKE_FIRST_MS;

	for (unsigned i = 0; i < in->failures && wait_ms < INTAKE_MOST_MS; i++)
		wait_ms *= 2;
	in->failures++;
	in->again_ms = now_ms + (wait_ms < INTAKE_MOST_MS ? wait_ms : INTAKE_MOST_MS);
}

/* What the last call came to; the channel is gone if it failed. */
static int intake_reply(struct intake *in, const char *what, int64_t now_ms,
			struct gantry_error *err)
{
	broker_unguard(in->broker);
	if (broker_reply(in->broker, in->channel, what, NULL, err) == 0)
		return 0;
	intake_lost(in);
	intake_back_off(in, now_ms);
	return -1;
}

/*
 * Each consumer has a tag of its own: RabbitMQ 3.10 ends the connection with
 * INTERNAL_ERROR when one comes again on a channel with unacked deliveries.
 */
static int intake_consume(struct intake *in, unsigned prefetch, int64_t now_ms,
			  struct gantry_error *err)
{
	amqp_connection_state_t c = broker_connection(in->broker);

	broker_guard(in->broker, BROKER_RPC_MS);
	amqp_basic_qos(c, in->channel, 0, (uint16_t)prefetch, 0);
	if (intake_reply(in, "setting the prefetch", now_ms, err) < 0)
		return -1;
	snprintf(in->tag, sizeof(in->tag), "gantry-%u", ++in->consumers);
	broker_guard(in->broker, BROKER_RPC_MS);
	amqp_basic_consume(c, in->channel, amqp_cstring_bytes(in->source),
			   amqp_cstring_bytes(in->tag), 0, 0, 0,
			   amqp_empty_table);
	if (intake_reply(in, "consuming", now_ms, err) < 0)
		return -1;
	in->state = prefetch == 1 ? INTAKE_NARROW : INTAKE_WIDE;
	return 0;
}

/*
 * Another channel each time: frames that the library has put aside for the
 * last one must not be taken for this one's.
 */
int intake_open(struct intake *in, int64_t now_ms, struct gantry_error *err)
{
	assert(in->state == INTAKE_DOWN);
	in->channel = (amqp_channel_t)(in->first_channel +
				       in->generation % INTAKE_CHANNELS);
	if (broker_channel(in->broker, in->channel, err) < 0) {
		intake_lost(in);
		intake_back_off(in, now_ms);
		return -1;
	}
	in->state = INTAKE_PAUSED;
	return intake_consume(in, 1, now_ms, err);
}

int intake_pause(struct intake *in, int64_t now_ms, struct gantry_error *err)
{
	assert(intake_consumes(in));
	broker_guard(in->broker, BROKER_RPC_MS);
	amqp_basic_cancel(broker_connection(in->broker), in->channel,
			  amqp_cstring_bytes(in->tag));
	if (intake_reply(in, "ending a consumer", now_ms, err) < 0)
		return -1;
	in->state = INTAKE_PAUSED;
	return 0;
}

int intake_resume(struct intake *in, int64_t now_ms, struct gantry_error *err)
{
	assert(in->state == INTAKE_PAUSED);
	in->calm = 0;
	return intake_consume(in, 1, now_ms, err);
}

int intake_widen(struct intake *in, int64_t now_ms, struct gantry_error *err)
{
	if (intake_pause(in, now_ms, err) < 0)
		return -1;
	in->met_suspect = false;
	in->failures = 0;
	if (intake_consume(in, in->prefetch, now_ms, err) < 0)
		return -1;
	in->state = INTAKE_WIDE;
	return 0;
}

int intake_ack(struct intake *in, int64_t now_ms, struct gantry_error *err)
{
	struct ring_ack ack;
	int status = AMQP_STATUS_OK;

	if (in->state == INTAKE_DOWN || !ring_ack(&in->ring, now_ms, &ack))
		return 0;
	broker_guard(in->broker, INTAKE_ACK_MS);
	do
		status = amqp_basic_ack(broker_connection(in->broker), in->channel,
					ack.tag, ack.multiple);
	while (status == AMQP_STATUS_OK && ring_ack(&in->ring, now_ms, &ack));
	broker_unguard(in->broker);
	return broker_status(in->broker, "acknowledging", status, err);
}

static int intake_deliver(struct intake *in, const amqp_frame_t *frame,
			  struct delivery **spare, struct gantry_error *err)
{
	const amqp_basic_deliver_t *deliver = frame->payload.method.decoded;
	int64_t now_ms = clock_steady_ns() / 1000000;

	if (in->coming != NULL ||
	    !ring_deliver(&in->ring, deliver->delivery_tag, now_ms))
		return gantry_fail(err, "the broker delivers more than it may, or "
					"in another order");
	in->coming = *spare != NULL ? *spare : delivery_new();
	*spare = NULL;
	delivery_begin(in->coming, deliver, in->queue);
	in->coming->intake = in;
	in->coming->generation = in->generation;
	in->coming->current = &in->generation;
	in->coming->alive = &in->deliveries;
	in->deliveries++;
	return 0;
}

int intake_frame(struct intake *in, const amqp_frame_t *frame,
		 const struct delivery_limits *limits, struct delivery **spare,
		 struct delivery **out, struct gantry_error *err)
{
	struct delivery *d;

	*out = NULL;
	if (frame->frame_type == AMQP_FRAME_METHOD)
		return intake_deliver(in, frame, spare, err);
	d = in->coming;
	if (d == NULL || (d->body == NULL ? !delivery_header(d, frame, limits) :
					    !delivery_body(d, frame)))
		return gantry_fail(err, "the broker sends frames in the wrong order");
	if (delivery_is_complete(d)) {
		*out = d;
		in->coming = NULL;
	}
	return 0;
}
