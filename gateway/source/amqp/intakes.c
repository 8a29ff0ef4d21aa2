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

/* A free slot, or one more. */
static unsigned intakes_room(struct intakes *all)
{
	unsigned i = 0;

	while (i < all->n && all->slots[i].intake != NULL)
		i++;
	if (i == all->n) {
		all->slots = memory_grow(all->slots, ++all->n, sizeof(*all->slots));
		all->slots[i] = (struct intakes_slot){ 0 };
	}
	return i;
}

static void intakes_add(struct intakes *all, const struct route *route, bool letters)
{
	unsigned i = intakes_room(all);
	struct intake *in = memory_new(sizeof(*in));
	amqp_channel_t channel = (amqp_channel_t)(INTAKES_FIRST_CHANNEL +
						  i * INTAKE_CHANNELS);
	unsigned prefetch = (unsigned)all->desk->amqp->prefetch;

	if (letters && prefetch > INTAKES_LETTERS)
		prefetch = INTAKES_LETTERS;
	intake_init(in, all->broker, channel, prefetch);
	in->desk = all->desk;
	in->queue = memory_text(route->queue);
	in->letters = letters;
	in->generation = all->slots[i].generation;
	all->slots[i].intake = in;
}

static struct intake *intakes_find(const struct intakes *all, const char *queue,
				   bool letters)
{
	for (unsigned i = 0; i < all->n; i++) {
		struct intake *in = all->slots[i].intake;

		if (in != NULL && in->letters == letters && strcmp(in->queue, queue) == 0)
			return in;
	}
	return NULL;
}

static void intakes_point(struct intakes *all, const struct route *route,
			  const struct topology *topology, bool letters)
{
	struct intake *in = intakes_find(all, route->queue, letters);

	if (in == NULL) {
		intakes_add(all, route, letters);
		in = intakes_find(all, route->queue, letters);
	}
	in->route = route;
	in->topology = topology_queue(topology, route->queue);
	assert(in->topology != NULL);
	free(in->source);
	in->source = memory_text(letters ? in->topology->dead : route->queue);
	in->leaving = false;
}

static void intakes_leave_queue(struct intakes *all, struct intake *in)
{
	if (!in->leaving && !in->letters)
		log_info("amqp: queue %s: no route takes its events any more", in->queue);
	in->leaving = true;
	all->leaving++;
	desk_return(all->desk, in);
}

void intakes_follow(struct intakes *all, const struct topology *topology)
{
	const struct graph *graph = all->desk->graph;

	for (unsigned i = 0; i < all->n; i++)
		if (all->slots[i].intake != NULL)
			all->slots[i].intake->route = NULL;
	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *route = graph->routes[i];

		if (route->source != GANTRY_SOURCE_AMQP)
			continue;
		intakes_point(all, route, topology, false);
		intakes_point(all, route, topology, true);
	}
	all->leaving = 0;
	for (unsigned i = 0; i < all->n; i++)
		if (all->slots[i].intake != NULL && all->slots[i].intake->route == NULL)
			intakes_leave_queue(all, all->slots[i].intake);
}

void intakes_init(struct intakes *all, struct broker *broker, struct desk *desk)
{
	*all = (struct intakes){ .broker = broker, .desk = desk };
	all->limits.max_body = (size_t)desk->amqp->max_body;
	all->limits.max_attempts = desk->amqp->n_retry;
}

static void intakes_remove(struct intakes *all, unsigned i)
{
	struct intake *in = all->slots[i].intake;

	if (in == NULL)
		return;
	all->slots[i] = (struct intakes_slot){ .generation = in->generation };
	intake_fini(in);
	free(in);
}

void intakes_fini(struct intakes *all)
{
	delivery_free(&all->spare);
	for (unsigned i = 0; i < all->n; i++)
		intakes_remove(all, i);
	free(all->slots);
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
	struct intake *in = NULL;

	for (unsigned i = 0; i < all->n && in == NULL; i++)
		if (all->slots[i].intake != NULL &&
		    intake_has_channel(all->slots[i].intake, frame->channel))
			in = all->slots[i].intake;
	if (in == NULL)
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

/* Suspects were left, or nobody wants it: when the others are through, all goes
   back; then it begins anew, narrowly, or not at all. */
static int intakes_leave(struct intakes *all, struct intake *in, int64_t now_ms,
			  struct gantry_error *err)
{
	if (intake_consumes(in))
		return intake_pause(in, now_ms, err);
	if (ring_open(&in->ring) > in->left || in->coming != NULL)
		return 0;
	if (in->met_suspect)
		log_warning("amqp: queue %s: %u events were held when a process died, "
			    "and go one by one", in->source, in->left);
	if (intake_ack(in, now_ms, err) < 0)
		return -1;
	intake_close(in);
	desk_forget_stale(all->desk);
	return 0;
}

/* What is passed on has its answer, and may wait long: it keeps nobody narrow. */
static bool intakes_is_calm(const struct intake *in)
{
	assert(in->passing <= ring_open(&in->ring));
	return in->calm >= (in->met_suspect ? INTAKE_CALM_AFTER_SUSPECT : INTAKE_CALM) &&
	       ring_open(&in->ring) - in->passing <= 1;
}

/* Towards what is to be; 0, or -1 with err. */
static int intakes_tend_one(struct intakes *all, struct intake *in, int64_t now_ms,
			    struct gantry_error *err)
{
	bool flows = all->desk->guard.state == GUARD_OPEN;
	bool may_open = flows && in->topology->ready && now_ms >= in->again_ms;

	if (in->state == INTAKE_DOWN)
		return may_open && !in->leaving ? intake_open(in, now_ms, err) : 0;
	if (in->left > 0 || in->leaving)
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

/* Those that are left and that nothing knows any more. */
static void intakes_sweep(struct intakes *all)
{
	for (unsigned i = 0; i < all->n && all->leaving > 0; i++) {
		struct intake *in = all->slots[i].intake;

		if (in == NULL || !in->leaving || in->state != INTAKE_DOWN ||
		    in->deliveries > 0)
			continue;
		intakes_remove(all, i);
		all->leaving--;
	}
}

void intakes_tend(struct intakes *all, int64_t now_ms)
{
	for (unsigned i = 0; i < all->n && broker_is_open(all->broker); i++) {
		struct gantry_error err = ERROR_INIT;
		struct intake *in = all->slots[i].intake;
		unsigned generation = in != NULL ? in->generation : 0;

		if (in == NULL)
			continue;
		if (intakes_tend_one(all, in, now_ms, &err) < 0) {
			log_warning("amqp: queue %s: %s", in->source, err.message);
			all->desk->declare = true;
		}
		if (generation != in->generation)
			desk_forget_stale(all->desk);
		error_fini(&err);
	}
	intakes_sweep(all);
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
		if (all->slots[i].intake != NULL)
			intake_close(all->slots[i].intake);
	desk_forget_stale(h);
}

int intakes_ack(struct intakes *all, int64_t now_ms, struct gantry_error *err)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->slots[i].intake != NULL &&
		    intake_ack(all->slots[i].intake, now_ms, err) < 0)
			return -1;
	return 0;
}

void intakes_lost(struct intakes *all)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->slots[i].intake != NULL)
			intake_lost(all->slots[i].intake);
	desk_forget_stale(all->desk);
}

void intakes_hurry(struct intakes *all)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->slots[i].intake != NULL)
			all->slots[i].intake->again_ms = 0;
}

void intakes_pause(struct intakes *all, int64_t now_ms)
{
	struct gantry_error ignored = ERROR_INIT;

	for (unsigned i = 0; i < all->n; i++) {
		struct intake *in = all->slots[i].intake;

		if (in != NULL && broker_is_open(all->broker) && intake_consumes(in) &&
		    intake_pause(in, now_ms, &ignored) < 0)
			desk_forget_stale(all->desk);
	}
	error_fini(&ignored);
}

int64_t intakes_due_ms(const struct intakes *all)
{
	bool flows = all->desk->guard.state == GUARD_OPEN;
	int64_t due_ms = INT64_MAX;

	for (unsigned i = 0; i < all->n; i++) {
		const struct intake *in = all->slots[i].intake;
		int64_t one_ms = INT64_MAX;

		if (in == NULL)
			continue;
		if (in->state != INTAKE_DOWN)
			one_ms = ring_due_ms(&in->ring);
		else if (flows && !in->leaving && in->topology->ready)
			one_ms = in->again_ms;
		if (one_ms < due_ms)
			due_ms = one_ms;
	}
	return due_ms;
}
