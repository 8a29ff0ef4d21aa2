/* SPDX-License-Identifier: Apache-2.0 */
/* hopper - see hopper.h. */
#include "gateway/source/amqp/hopper.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/source/amqp/traced.h"

/* A publish that the broker does not take for so long is cut off. */
#define HOPPER_PUBLISH_MS 10000
/* A confirm that does not come for so long: the connection is opened anew. */
#define HOPPER_CONFIRM_MS 30000
/* An idle connection is closed after this. */
#define HOPPER_IDLE_MS 60000
/* Pauses after a hop was refused. */
#define HOPPER_FIRST_MS 200
#define HOPPER_MOST_MS 10000

struct hopper {
	struct hopper_options options;
	struct delivery *first, **end;	/* not published; first goes first */
	struct delivery **sent;		/* by sequence number, modulo window */
	uint64_t confirmed, next;	/* sent: from confirmed + 1 to next - 1 */
	unsigned n, n_sent;
	unsigned failures;		/* hops refused in a row */
	int64_t again_ms;		/* nothing is published before */
	int64_t active_ms;		/* of the last frame or publish */
	uint64_t skip;			/* body bytes of a return to come */
	bool skipping;			/* its header is to come */
	bool complained;
};

struct hopper *hopper_new(const struct hopper_options *options)
{
	struct hopper *h = memory_new(sizeof(*h));

	h->options = *options;
	h->sent = memory_new_array(options->window, sizeof(*h->sent));
	h->end = &h->first;
	h->next = 1;
	return h;
}

static struct delivery **hopper_place(struct hopper *h, uint64_t number)
{
	return &h->sent[number % h->options.window];
}

static void hopper_queue(struct hopper *h, struct delivery *d)
{
	d->next = NULL;
	*h->end = d;
	h->end = &d->next;
}

static struct delivery *hopper_pop(struct hopper *h)
{
	struct delivery *d = h->first;

	h->first = d->next;
	if (h->first == NULL)
		h->end = &h->first;
	return d;
}

void hopper_add(struct hopper *h, struct delivery *d)
{
	assert(d->hop.target != NULL);
	h->n++;
	hopper_queue(h, d);
}

/* Sent and unconfirmed goes first again, in its order. */
static void hopper_take_back(struct hopper *h)
{
	struct delivery *waiting = h->first, **end = h->end;

	h->first = NULL;
	h->end = &h->first;
	for (uint64_t i = h->confirmed + 1; i < h->next; i++) {
		struct delivery *d = *hopper_place(h, i);

		*hopper_place(h, i) = NULL;
		if (d != NULL)
			hopper_queue(h, d);
	}
	if (waiting != NULL) {
		*h->end = waiting;
		h->end = end;
	}
	h->confirmed = 0;
	h->next = 1;
	h->n_sent = 0;
	h->skipping = false;
	h->skip = 0;
}

void hopper_free(struct hopper **hopper, void (*done_with)(void *ctx, struct delivery *d))
{
	struct hopper *h = *hopper;

	if (h == NULL)
		return;
	hopper_take_back(h);
	while (h->first != NULL)
		done_with(h->options.ctx, hopper_pop(h));
	broker_close(h->options.broker);
	broker_free(&h->options.broker);
	free(h->sent);
	free(h);
	*hopper = NULL;
}

/* Once for an outage. */
static void hopper_complain(struct hopper *h, const char *why)
{
	if (!h->complained)
		log_warning("amqp: events that failed cannot be passed on: %s", why);
	h->complained = true;
}

static void hopper_lose(struct hopper *h, int64_t now_ms, const struct gantry_error *err)
{
	hopper_complain(h, err->message);
	broker_close(h->options.broker);
	h->again_ms = now_ms + broker_backoff_ms(h->options.broker);
	hopper_take_back(h);
}

static void hopper_refused(struct hopper *h, struct delivery *d, int64_t now_ms)
{
	int64_t wait_ms = HOPPER_FIRST_MS;

	for (unsigned i = 0; i < h->failures && wait_ms < HOPPER_MOST_MS; i++)
		wait_ms *= 2;
	h->failures++;
	h->again_ms = now_ms + (wait_ms < HOPPER_MOST_MS ? wait_ms : HOPPER_MOST_MS);
	hopper_complain(h, d->hop.returned ? "there is no such queue" :
					     "the broker refused one");
	if (d->hop.returned)
		h->options.unroutable(h->options.ctx);
	d->hop.returned = false;
	/* others may get through where this one does not */
	hopper_queue(h, d);
}

static void hopper_settle(struct hopper *h, uint64_t number, bool taken, int64_t now_ms)
{
	struct delivery *d = *hopper_place(h, number);

	if (d == NULL)
		return;
	*hopper_place(h, number) = NULL;
	h->n_sent--;
	if (!taken || d->hop.returned) {
		hopper_refused(h, d, now_ms);
		return;
	}
	if (h->complained)
		log_info("amqp: events that failed are passed on again");
	h->complained = false;
	h->failures = 0;
	h->n--;
	traced_hop_end(d);
	h->options.done(h->options.ctx, d);
}

static void hopper_confirm(struct hopper *h, uint64_t tag, bool multiple, bool taken,
			   int64_t now_ms)
{
	uint64_t first = multiple ? h->confirmed + 1 : tag;

	if (tag <= h->confirmed || tag >= h->next)
		return;
	for (uint64_t i = first; i <= tag; i++)
		hopper_settle(h, i, taken, now_ms);
	while (h->confirmed + 1 < h->next &&
	       *hopper_place(h, h->confirmed + 1) == NULL)
		h->confirmed++;
}

/*
 * Which one came back is not said; all to that queue count as returned, so
 * that none is acked that did not arrive.
 */
static void hopper_returned(struct hopper *h, amqp_bytes_t key)
{
	for (uint64_t i = h->confirmed + 1; i < h->next; i++) {
		struct delivery *d = *hopper_place(h, i);

		if (d != NULL && strlen(d->hop.target) == key.len &&
		    memcmp(d->hop.target, key.bytes, key.len) == 0)
			d->hop.returned = true;
	}
	h->skipping = true;
}

/* The message that came back follows; it is here already. */
static void hopper_skip(struct hopper *h, const amqp_frame_t *frame)
{
	if (frame->frame_type == AMQP_FRAME_HEADER) {
		h->skip = frame->payload.properties.body_size;
	} else if (frame->frame_type == AMQP_FRAME_BODY) {
		uint64_t n = frame->payload.body_fragment.len;

		h->skip -= n < h->skip ? n : h->skip;
	}
	h->skipping = h->skip > 0;
}

static int hopper_method(struct hopper *h, const amqp_frame_t *frame, int64_t now_ms,
			 struct gantry_error *err)
{
	const void *decoded = frame->payload.method.decoded;
	const amqp_basic_ack_t *ack = decoded;
	const amqp_basic_nack_t *nack = decoded;

	switch (frame->payload.method.id) {
	case AMQP_BASIC_ACK_METHOD:
		hopper_confirm(h, ack->delivery_tag, ack->multiple, true, now_ms);
		return 0;
	case AMQP_BASIC_NACK_METHOD:
		hopper_confirm(h, nack->delivery_tag, nack->multiple, false, now_ms);
		return 0;
	case AMQP_BASIC_RETURN_METHOD:
		hopper_returned(h, ((const amqp_basic_return_t *)decoded)->routing_key);
		return 0;
	case AMQP_CHANNEL_CLOSE_METHOD:
		broker_channel_closed(h->options.broker, frame, err);
		return -1;
	default:
		return 0;
	}
}

/* Frames read, or -1. */
static int hopper_read(struct hopper *h, int64_t now_ms, struct gantry_error *err)
{
	amqp_frame_t frame;
	int n = 0, got;

	while ((got = broker_wait(h->options.broker, 0, &frame, err)) > 0) {
		n++;
		h->active_ms = now_ms;
		if (h->skipping && frame.frame_type != AMQP_FRAME_METHOD)
			hopper_skip(h, &frame);
		else if (frame.frame_type == AMQP_FRAME_METHOD &&
			 hopper_method(h, &frame, now_ms, err) < 0)
			return -1;
		broker_release(h->options.broker);
	}
	return got < 0 ? -1 : n;
}

static int hopper_publish(struct hopper *h, struct delivery *d, struct gantry_error *err)
{
	struct broker *b = h->options.broker;
	amqp_basic_properties_t properties;
	amqp_bytes_t body = { d->body_len, d->body };
	amqp_pool_t pool;
	int status;

	properties = delivery_properties(d, &pool);
	broker_guard(b, HOPPER_PUBLISH_MS);
	status = amqp_basic_publish(broker_connection(b), BROKER_CHANNEL,
				    amqp_empty_bytes,
				    amqp_cstring_bytes(d->hop.target), 1, 0,
				    &properties, body);
	broker_unguard(b);
	empty_amqp_pool(&pool);
	*hopper_place(h, h->next++) = d;
	h->n_sent++;
	return broker_status(b, "passing an event on", status, err);
}

/* After a refusal one at a time, until one is taken. */
static bool hopper_may_publish(const struct hopper *h, int64_t now_ms)
{
	uint64_t out = h->next - h->confirmed - 1;

	return h->first != NULL && now_ms >= h->again_ms &&
	       out < h->options.window && !broker_is_blocked(h->options.broker) &&
	       (h->failures == 0 || h->n_sent == 0);
}

static int hopper_work(struct hopper *h, int64_t now_ms, bool *busy_out,
		       struct gantry_error *err)
{
	int n = hopper_read(h, now_ms, err);

	if (n < 0)
		return -1;
	*busy_out = n > 0;
	while (hopper_may_publish(h, now_ms)) {
		struct delivery *d = hopper_pop(h);

		*busy_out = true;
		h->active_ms = now_ms;
		if (delivery_is_stale(d)) {
			h->n--;
			h->options.done(h->options.ctx, d);
		} else if (hopper_publish(h, d, err) < 0) {
			return -1;
		}
	}
	if (h->n_sent > 0 && now_ms - h->active_ms > HOPPER_CONFIRM_MS)
		return gantry_fail(err, "the broker confirms nothing");
	return 0;
}

bool hopper_turn(struct hopper *h, int64_t now_ms)
{
	struct gantry_error err = ERROR_INIT;
	struct broker *b = h->options.broker;
	bool busy = false;
	int result = 0;

	if (!broker_is_open(b) && h->first != NULL && now_ms >= h->again_ms) {
		result = broker_open(b, &err);
		h->active_ms = now_ms;
	}
	if (result == 0 && broker_is_open(b))
		result = hopper_work(h, now_ms, &busy, &err);
	if (result < 0)
		hopper_lose(h, now_ms, &err);
	else if (h->n == 0 && broker_is_open(b) &&
		 now_ms - h->active_ms > HOPPER_IDLE_MS)
		broker_close(b);
	error_fini(&err);
	return busy;
}

unsigned hopper_held(const struct hopper *h)
{
	return h->n;
}

int hopper_fd(const struct hopper *h)
{
	return broker_is_open(h->options.broker) ? broker_fd(h->options.broker) : -1;
}

int64_t hopper_due_ms(const struct hopper *h, int64_t now_ms)
{
	bool open = broker_is_open(h->options.broker);

	if (h->first != NULL && h->again_ms > now_ms)
		return h->again_ms;
	if (h->first != NULL && (!open || hopper_may_publish(h, now_ms)))
		return now_ms;
	/* heartbeats */
	return open ? now_ms + broker_pause_ms(h->options.broker) : INT64_MAX;
}
