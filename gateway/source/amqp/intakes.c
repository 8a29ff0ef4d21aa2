/* SPDX-License-Identifier: Apache-2.0 */
/* intakes - see intakes.h. */
#include "gateway/source/amqp/intakes.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"

/* Frames read before anything else is looked at. */
#define INTAKES_FRAMES 512
/* Dead letters held at once: they may be large, and are few. */
#define INTAKES_LETTERS 32
/* Some for each intake, after those of others. */
#define INTAKES_FIRST_CHANNEL (TOPOLOGY_CHANNEL + 1)

static void intakes_add(struct intakes *all, const struct route *route,
			const struct topology *topology, bool letters)
{
	struct intake *in = &all->items[all->n];
	amqp_channel_t channel = (amqp_channel_t)(INTAKES_FIRST_CHANNEL +
						  all->n * INTAKE_CHANNELS);
	unsigned prefetch = (unsigned)all->desk->amqp->prefetch;

	if (letters && prefetch > INTAKES_LETTERS)
		prefetch = INTAKES_LETTERS;
	intake_init(in, all->broker, channel, prefetch);
	in->desk = all->desk;
	in->queue = route->queue;
	in->route = route;
	in->letters = letters;
	in->topology = topology_queue(topology, route->queue);
	assert(in->topology != NULL);
	in->source = letters ? in->topology->dead : route->queue;
	all->n++;
}

static bool intakes_has(const struct intakes *all, const char *queue)
{
	for (unsigned i = 0; i < all->n; i++)
		if (strcmp(all->items[i].queue, queue) == 0)
			return true;
	return false;
}

void intakes_init(struct intakes *all, struct broker *broker, struct desk *desk,
		  const struct topology *topology)
{
	const struct graph *graph = desk->graph;

	*all = (struct intakes){ .broker = broker, .desk = desk };
	all->limits.max_body = (size_t)desk->amqp->max_body;
	all->limits.max_attempts = desk->amqp->n_retry;
	all->items = memory_new_array(2 * (size_t)graph->n_routes + 1,
				      sizeof(*all->items));
	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *route = graph->routes[i];

		if (route->source != GANTRY_SOURCE_AMQP ||
		    intakes_has(all, route->queue))
			continue;
		intakes_add(all, route, topology, false);
		intakes_add(all, route, topology, true);
	}
}

void intakes_fini(struct intakes *all)
{
	for (unsigned i = 0; i < all->n; i++)
		intake_fini(&all->items[i]);
	delivery_free(&all->spare);
	free(all->items);
}

/* The channel is gone or unusable: all of it comes again. */
static void intakes_drop(struct intakes *all, struct intake *in, bool politely,
			  const char *why)
{
	int64_t now_ms = clock_steady_ns() / 1000000;

	log_warning("amqp: queue %s: %s", in->source, why);
	if (politely)
		intake_close(in);
	else
		intake_lost(in);
	intake_back_off(in, now_ms);
	desk_forget_stale(all->desk);
	all->desk->declare = true;
}

static void intakes_method(struct intakes *all, struct intake *in,
			    const amqp_frame_t *frame)
{
	struct gantry_error err = ERROR_INIT;

	switch (frame->payload.method.id) {
	case AMQP_CHANNEL_CLOSE_METHOD:
		broker_channel_closed(all->broker, frame, &err);
		intakes_drop(all, in, false, err.message);
		break;
	case AMQP_BASIC_CANCEL_METHOD:
		intakes_drop(all, in, true, "the broker ended the consumer");
		break;
	default:
		break;
	}
	error_fini(&err);
}

static void intakes_content(struct intakes *all, struct intake *in,
			     const amqp_frame_t *frame)
{
	struct gantry_error err = ERROR_INIT;
	struct delivery *d = NULL;

	if (all->spare == NULL)
		all->spare = desk_spare(all->desk);
	if (intake_frame(in, frame, &all->limits, &all->spare, &d, &err) < 0)
		intakes_drop(all, in, true, err.message);
	else if (d != NULL)
		desk_take(all->desk, d);
	error_fini(&err);
}

static void intakes_frame(struct intakes *all, const amqp_frame_t *frame)
{
	struct intake *in = all->items, *end = in + all->n;

	while (in < end && !intake_has_channel(in, frame->channel))
		in++;
	if (in == end)
		return;		/* of a channel that was closed */
	if (frame->frame_type == AMQP_FRAME_METHOD &&
	    frame->payload.method.id != AMQP_BASIC_DELIVER_METHOD)
		intakes_method(all, in, frame);
	else
		intakes_content(all, in, frame);
}

int intakes_read(struct intakes *all, struct gantry_error *err)
{
	amqp_frame_t frame;
	int n = 0, got = 0;

	while (n < INTAKES_FRAMES && broker_is_open(all->broker)) {
		got = broker_wait(all->broker, 0, &frame, err);
		if (got <= 0)
			break;
		intakes_frame(all, &frame);
		broker_release(all->broker);
		n++;
	}
	return got < 0 ? -1 : n;
}

/* Suspects were left: when the others are through, all begins anew, narrowly. */
static int intakes_leave(struct intakes *all, struct intake *in, int64_t now_ms,
			  struct gantry_error *err)
{
	if (intake_consumes(in))
		return intake_pause(in, now_ms, err);
	if (ring_open(&in->ring) > in->left || in->coming != NULL)
		return 0;
	log_warning("amqp: queue %s: %u events were held when a process died, and "
		    "go one by one", in->source, in->left);
	if (intake_ack(in, now_ms, err) < 0)
		return -1;
	intake_close(in);
	desk_forget_stale(all->desk);
	return 0;
}

static bool intakes_is_calm(const struct intake *in)
{
	return in->calm >= (in->met_suspect ? INTAKE_CALM_AFTER_SUSPECT : INTAKE_CALM) &&
	       ring_open(&in->ring) <= 1;
}

/* Towards what is to be; 0, or -1 with err. */
static int intakes_tend_one(struct intakes *all, struct intake *in, int64_t now_ms,
			    struct gantry_error *err)
{
	bool flows = all->desk->guard.state == GUARD_OPEN;
	bool may_open = flows && in->topology->ready && now_ms >= in->again_ms;

	if (in->state == INTAKE_DOWN)
		return may_open ? intake_open(in, now_ms, err) : 0;
	if (in->left > 0)
		return intakes_leave(all, in, now_ms, err);
	if (!flows)
		return intake_consumes(in) ? intake_pause(in, now_ms, err) : 0;
	if (in->state == INTAKE_PAUSED)
		return ring_open(&in->ring) < in->ring.room ?
			       intake_resume(in, now_ms, err) : 0;
	if (in->state == INTAKE_NARROW && intakes_is_calm(in))
		return intake_widen(in, now_ms, err);
	return 0;
}

void intakes_tend(struct intakes *all, int64_t now_ms)
{
	for (unsigned i = 0; i < all->n && broker_is_open(all->broker); i++) {
		struct gantry_error err = ERROR_INIT;
		unsigned generation = all->items[i].generation;

		if (intakes_tend_one(all, &all->items[i], now_ms, &err) < 0) {
			log_warning("amqp: queue %s: %s", all->items[i].source,
				    err.message);
			all->desk->declare = true;
		}
		if (generation != all->items[i].generation)
			desk_forget_stale(all->desk);
		error_fini(&err);
	}
}

void intakes_mind_guard(struct intakes *all, int64_t now_ms)
{
	struct desk *h = all->desk;

	if (h->waiting == NULL && h->at_engine == 0 &&
	    guard_lets_through(&h->guard, now_ms))
		guard_reopen(&h->guard);
	if (!guard_gives_back(&h->guard, now_ms))
		return;
	log_warning("amqp: what is held goes back to its queues until consuming goes on");
	for (unsigned i = 0; i < all->n; i++)
		intake_close(&all->items[i]);
	desk_forget_stale(h);
}

int intakes_ack(struct intakes *all, int64_t now_ms, struct gantry_error *err)
{
	for (unsigned i = 0; i < all->n; i++)
		if (intake_ack(&all->items[i], now_ms, err) < 0)
			return -1;
	return 0;
}

void intakes_lost(struct intakes *all)
{
	for (unsigned i = 0; i < all->n; i++)
		intake_lost(&all->items[i]);
	desk_forget_stale(all->desk);
}

void intakes_hurry(struct intakes *all)
{
	for (unsigned i = 0; i < all->n; i++)
		all->items[i].again_ms = 0;
}

void intakes_pause(struct intakes *all, int64_t now_ms)
{
	struct gantry_error ignored = ERROR_INIT;

	for (unsigned i = 0; i < all->n; i++)
		if (broker_is_open(all->broker) && intake_consumes(&all->items[i]) &&
		    intake_pause(&all->items[i], now_ms, &ignored) < 0)
			desk_forget_stale(all->desk);
	error_fini(&ignored);
}

int64_t intakes_due_ms(const struct intakes *all)
{
	bool flows = all->desk->guard.state == GUARD_OPEN;
	int64_t due_ms = INT64_MAX;

	for (unsigned i = 0; i < all->n; i++) {
		const struct intake *in = &all->items[i];
		int64_t one_ms = INT64_MAX;

		if (in->state != INTAKE_DOWN)
			one_ms = ring_due_ms(&in->ring);
		else if (flows && in->topology->ready)
			one_ms = in->again_ms;
		if (one_ms < due_ms)
			due_ms = one_ms;
	}
	return due_ms;
}
