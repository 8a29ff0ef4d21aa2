/* SPDX-License-Identifier: Apache-2.0 */
/* desk - see desk.h. */
#include "gateway/source/amqp/desk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/source/amqp/traced.h"

/* Any thread, also from inside engine_submit(). */
static void desk_put(struct desk *h, struct gantry_message *m)
{
	const uint64_t one = 1;
	bool first;

	pthread_mutex_lock(&h->lock);
	first = queue_is_empty(&h->answered);
	queue_push(&h->answered, m);
	pthread_mutex_unlock(&h->lock);
	/* full is readable as well */
	if (first && write(h->wake_fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

static struct desk *desk_of(const struct delivery *d)
{
	return d->intake->desk;
}

static void desk_delivery_answered(struct gantry_message *m)
{
	desk_put(desk_of(m->home_data), m);
}

static void desk_note_answered(struct gantry_message *m)
{
	desk_put(desk_of(m->home_data), m);
}

static const struct message_home desk_home = { desk_delivery_answered };
static const struct message_home desk_note_home = { desk_note_answered };

int desk_init(struct desk *h, struct engine *engine, const struct graph *graph,
		  struct gantry_error *err)
{
	*h = (struct desk){ .engine = engine, .graph = graph };
	h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->wake_fd < 0)
		return gantry_fail(err, "amqp: no eventfd: %s", strerror(errno));
	h->end = &h->waiting;
	h->suspects = suspects_new(engine, graph, &desk_note_home, h->wake_fd);
	pthread_mutex_init(&h->lock, NULL);
	return 0;
}

static void desk_recycle(struct desk *h, struct delivery *d)
{
	/* whatever became of it, the process has lived */
	if (d->noted)
		suspects_forget(h->suspects, delivery_key(d));
	if (h->n_spare >= (unsigned)h->amqp->prefetch ||
	    d->body_room > DELIVERY_KEPT) {
		delivery_free(&d);
		return;
	}
	delivery_clear(d);
	d->next = h->spare;
	h->spare = d;
	h->n_spare++;
}

static void desk_free_list(struct delivery *d)
{
	while (d != NULL) {
		struct delivery *next = d->next;

		delivery_free(&d);
		d = next;
	}
}

static void desk_free_passing(void *ctx, struct delivery *d)
{
	(void)ctx;
	delivery_free(&d);
}

void desk_fini(struct desk *h)
{
	struct gantry_message *m;

	while ((m = queue_pop(&h->answered)) != NULL) {
		struct delivery *d = m->home_data;

		if (m->home == &desk_note_home)
			suspects_noted(h->suspects);
		delivery_free(&d);
	}
	hopper_free(&h->hopper, desk_free_passing);
	desk_free_list(h->waiting);
	desk_free_list(h->spare);
	suspects_free(&h->suspects);
	pthread_mutex_destroy(&h->lock);
	close(h->wake_fd);
}

struct delivery *desk_spare(struct desk *h)
{
	struct delivery *d = h->spare;

	if (d == NULL)
		return NULL;
	h->spare = d->next;
	h->n_spare--;
	d->next = NULL;
	return d;
}

/* By number; nearly always it is the newest. */
static void desk_wait(struct desk *h, struct delivery *d)
{
	struct delivery **at = &h->waiting;

	h->n_waiting++;
	while (*at != NULL && (*at)->number < d->number)
		at = &(*at)->next;
	d->next = *at;
	*at = d;
	if (d->next == NULL)
		h->end = &d->next;
}

static void desk_append(struct desk *h, struct delivery *d)
{
	h->n_waiting++;
	d->next = NULL;
	*h->end = d;
	h->end = &d->next;
}

static struct delivery *desk_pop(struct desk *h)
{
	struct delivery *d = h->waiting;

	h->n_waiting--;
	h->waiting = d->next;
	if (h->waiting == NULL)
		h->end = &h->waiting;
	d->next = NULL;
	return d;
}

static unsigned desk_queue(struct desk *h, const struct delivery *d)
{
	return metrics_value(h->metrics, &meters_queue, d->intake->queue);
}

static bool desk_is_suspect(const struct delivery *d)
{
	return d->count >= SUSPECTS_COUNT && !d->intake->letters;
}

/* Unacked, so that it comes again when its channel is closed. */
static void desk_give_back(struct desk *h, struct delivery *d)
{
	if (!delivery_is_stale(d))
		d->intake->left++;
	desk_recycle(h, d);
}

void desk_return(struct desk *h, struct intake *in)
{
	struct delivery *all = h->waiting;

	h->waiting = NULL;
	h->end = &h->waiting;
	h->n_waiting = 0;
	while (all != NULL) {
		struct delivery *d = all;

		all = d->next;
		if (d->intake == in)
			desk_give_back(h, d);
		else
			desk_append(h, d);
	}
}

void desk_take(struct desk *h, struct delivery *d)
{
	struct intake *in = d->intake;

	if (d->redelivered)
		metrics_add(h->metrics, METER_REDELIVERED, desk_queue(h, d), 0, 1);
	if (in->leaving) {
		desk_give_back(h, d);
		return;
	}
	if (desk_is_suspect(d)) {
		in->met_suspect = true;
		in->calm = 0;
		/* among others it must not go; it comes again, by itself */
		if (in->state != INTAKE_NARROW) {
			in->left++;
			desk_recycle(h, d);
			return;
		}
	}
	d->number = ++h->numbers;
	desk_append(h, d);
}

/* It is done: with its channel, and with this delivery. */
static void desk_done(struct desk *h, struct delivery *d)
{
	if (!delivery_is_stale(d))
		ring_done(&d->intake->ring, d->tag);
	desk_recycle(h, d);
}

void desk_passed(void *desk, struct delivery *d)
{
	if (!delivery_is_stale(d))
		d->intake->passing--;
	desk_done(desk, d);
}

static void desk_count(struct desk *h, const struct delivery *d,
		       enum meters_event outcome)
{
	unsigned queue = desk_queue(h, d);

	if (d->intake->letters) {
		metrics_add(h->metrics, METER_LETTERS_STORED, 0, 0, 1);
		return;
	}
	metrics_add(h->metrics, METER_EVENTS,
		    metrics_value(h->metrics, &meters_type, d->type), outcome, 1);
	metrics_add(h->metrics, METER_DELIVERIES, queue, outcome, 1);
	metrics_observe_since(h->metrics, METER_EVENT_SECONDS, queue, 0, d->arrived_ns);
}

static const char *desk_handler(struct delivery *d)
{
	const struct gantry_message *m = &d->m;

	if (m->route == NULL || m->step >= m->route->n_steps)
		return NULL;
	return arena_format(&d->arena, "%s.%s", m->route->steps[m->step].instance->name,
			    m->route->steps[m->step].handler->name);
}

static void desk_pass(struct desk *h, struct delivery *d,
			  const struct hop_decision *decision)
{
	struct delivery_hop *hop = &d->hop;
	bool dead = decision->action == HOP_DEAD;

	*hop = (struct delivery_hop){ .attempts = decision->attempts,
				      .waits = decision->waits };
	if (dead) {
		hop->target = arena_text(&d->arena, d->intake->topology->dead);
		hop->cause = arena_text(&d->arena, decision->cause);
		hop->error = hop_text(&d->arena, &d->m.error);
		hop->handler = desk_handler(d);
		hop->died_at_ms = clock_now_ms();
		log_line(GANTRY_LOG_WARNING, d->m.correlation_id, d->m.traceparent,
			 "amqp: %s: event %s is a dead letter: %s: %s", d->queue,
			 d->event_id != NULL ? d->event_id : "without an id",
			 hop->cause, hop->error);
	} else {
		hop->target = arena_text(&d->arena,
					 d->intake->topology->retry[decision->tier]);
	}
	traced_done(d, dead ? "dead" : "retried");
	traced_hop_begin(d);
	desk_count(h, d, dead ? METERS_DEAD : METERS_RETRIED);
	message_let_go(&d->m);
	if (!delivery_is_stale(d))
		d->intake->passing++;
	hopper_add(h->hopper, d);
}

/* Given up before any handler has seen it. */
static void desk_give_up(struct desk *h, struct delivery *d, const char *cause)
{
	const struct hop_decision decision = { .action = HOP_DEAD, .cause = cause,
					       .attempts = d->attempts + 1 };

	desk_pass(h, d, &decision);
}

static void desk_too_large(struct desk *h, struct delivery *d)
{
	error_set(&d->m.error, "PAYLOAD_TOO_LARGE",
		  "The body has %llu bytes and may have %lld (amqp.max_body); its "
		  "first %d are kept", (unsigned long long)d->body_size,
		  (long long)h->amqp->max_body, DELIVERY_KEPT);
	desk_give_up(h, d, "PAYLOAD_TOO_LARGE");
}

static void desk_say_no_id(struct desk *h, const struct delivery *d)
{
	if (d->event_id != NULL || h->said_no_id)
		return;
	h->said_no_id = true;
	log_warning("amqp: %s: an event has neither an eventId nor a message_id: "
		    "such ones are applied again if they come again", d->queue);
}

/* Only now, so that what is held is not kept twice. False: it is given up. */
static bool desk_prepare(struct desk *h, struct delivery *d)
{
	bool well;

	if (d->intake->letters) {
		delivery_prepare_letter(d, d->intake->route, h->graph, &desk_home);
		traced_begin_delivery(d, engine_spans(h->engine));
		return true;
	}
	well = delivery_prepare(d, h->graph, &desk_home);
	traced_begin_delivery(d, engine_spans(h->engine));
	if (!well) {
		desk_give_up(h, d, "ROUTE_NOT_FOUND");
		return false;
	}
	if (delivery_is_too_large(d)) {
		desk_too_large(h, d);
		return false;
	}
	desk_say_no_id(h, d);
	return true;
}

static void desk_submit(struct desk *h, struct delivery *d)
{
	h->at_engine++;
	engine_submit(h->engine, &d->m);
}

static void desk_hand_over(struct desk *h, struct delivery *d)
{
	if (!desk_prepare(h, d))
		return;
	d->epoch = guard_hand_over(&h->guard);
	if (desk_is_suspect(d)) {
		h->alone = d;
		if (!d->noted) {
			h->at_engine++;
			suspects_note(h->suspects, delivery_key(d), d);
			return;
		}
	}
	desk_submit(h, d);
}

bool desk_pump(struct desk *h, int64_t now_ms)
{
	bool any = false;

	while (h->waiting != NULL && h->alone == NULL &&
	       guard_lets_through(&h->guard, now_ms)) {
		/* a probe may be stale, nothing else */
		if (delivery_is_stale(h->waiting) && h->guard.state == GUARD_OPEN) {
			desk_recycle(h, desk_pop(h));
			continue;
		}
		/* should it end the process, nothing else is half done */
		if (desk_is_suspect(h->waiting) &&
		    (h->at_engine > 0 || !suspects_are_forgotten(h->suspects)))
			break;
		desk_hand_over(h, desk_pop(h));
		any = true;
	}
	return any;
}

/* By storage, broker or a full queue of our own: it is not its fault. */
static void desk_hold(struct desk *h, struct delivery *d,
			  const struct gantry_error *err, int64_t now_ms)
{
	uint64_t random;

	ids_random(&random, sizeof(random));
	if (guard_failed(&h->guard, d->epoch, now_ms, random)) {
		log_warning("amqp: consuming pauses: %s", err->message);
		metrics_add(h->metrics, METER_PAUSES, 0, 0, 1);
	}
	if (h->alone == d)
		h->alone = NULL;
	/* it is prepared anew, on the graph of then */
	message_let_go(&d->m);
	if (d->intake->leaving)
		desk_give_back(h, d);
	else
		desk_wait(h, d);
}

static void desk_through(struct desk *h, struct delivery *d)
{
	if (guard_answered(&h->guard, d->epoch))
		log_info("amqp: consuming goes on");
	if (h->alone == d)
		h->alone = NULL;
	if (!desk_is_suspect(d))
		d->intake->calm++;
}

static void desk_noted(struct desk *h, struct gantry_message *m, int64_t now_ms)
{
	struct delivery *d = m->home_data;
	bool given_up = suspects_is_given_up(m);

	h->at_engine--;
	if (m->answer.verdict != GANTRY_DONE) {
		desk_hold(h, d, &m->error, now_ms);
		suspects_noted(h->suspects);
		return;
	}
	suspects_noted(h->suspects);
	d->noted = true;
	metrics_add(h->metrics, METER_SUSPECTS, 0, 0, 1);
	if (!given_up) {
		desk_submit(h, d);
		return;
	}
	desk_through(h, d);
	error_set(&d->m.error, SUSPECTS_CAUSE,
		  "It was alone %d times when the process ended without an answer",
		  SUSPECTS_ALONE);
	desk_give_up(h, d, SUSPECTS_CAUSE);
}

static enum meters_event desk_outcome(const struct gantry_message *m)
{
	const char *outcome = m->answer.outcome != NULL ? m->answer.outcome : "";

	if (strcmp(outcome, "duplicate") == 0)
		return METERS_DUPLICATE;
	return strcmp(outcome, "refused") == 0 ? METERS_REFUSED : METERS_APPLIED;
}

/* It stays unacked: it is tried again with the next channel. */
static void desk_letter_stuck(struct desk *h, struct delivery *d)
{
	log_error("amqp: a dead letter of %s cannot be stored and stays in its "
		  "queue: %s", d->queue, d->m.error.message);
	desk_through(h, d);
	desk_recycle(h, d);
}

static void desk_answered(struct desk *h, struct delivery *d, int64_t now_ms)
{
	const struct gantry_message *m = &d->m;
	const struct hop_case c = {
		.verdict = m->answer.verdict, .dependency = m->error.dependency,
		.code = m->error.code, .attempts = d->attempts, .waits = d->waits,
		.n_tiers = d->intake->topology->n_retry,
	};
	struct hop_decision decision = hop_decide(&c);

	h->at_engine--;
	if (decision.action == HOP_HOLD) {
		traced_done(d, "held");
		desk_hold(h, d, &m->error, now_ms);
		return;
	}
	if (d->intake->letters && decision.action != HOP_ACK) {
		traced_done(d, "stuck");
		desk_letter_stuck(h, d);
		return;
	}
	desk_through(h, d);
	if (decision.action != HOP_ACK) {
		desk_pass(h, d, &decision);
		return;
	}
	traced_done(d, m->answer.outcome);
	desk_count(h, d, desk_outcome(m));
	desk_done(h, d);
}

/* While there is one in the list nobody writes to wake_fd, so it is read first. */
static struct queue desk_answered_all(struct desk *h)
{
	struct queue all = { 0 };
	uint64_t ignored;
	bool none;

	pthread_mutex_lock(&h->lock);
	none = queue_is_empty(&h->answered);
	pthread_mutex_unlock(&h->lock);
	if (none)
		return all;
	if (read(h->wake_fd, &ignored, sizeof(ignored)) < 0)
		assert(errno == EAGAIN);
	pthread_mutex_lock(&h->lock);
	all = queue_take(&h->answered);
	pthread_mutex_unlock(&h->lock);
	return all;
}

bool desk_answers(struct desk *h, int64_t now_ms)
{
	struct queue all = desk_answered_all(h);
	struct gantry_message *m;

	if (queue_is_empty(&all))
		return false;
	while ((m = queue_pop(&all)) != NULL) {
		if (m->home == &desk_note_home)
			desk_noted(h, m, now_ms);
		else
			desk_answered(h, m->home_data, now_ms);
	}
	return true;
}

/*
 * While the guard is closed one that the inbox will know again is kept as the
 * probe: it comes again from the broker, and is a duplicate then.
 */
void desk_forget_stale(struct desk *h)
{
	bool closed = h->guard.state != GUARD_OPEN, kept = false;
	struct delivery *all = h->waiting;

	h->waiting = NULL;
	h->end = &h->waiting;
	h->n_waiting = 0;
	while (all != NULL) {
		struct delivery *d = all;

		all = d->next;
		if (delivery_is_stale(d) && (!closed || kept || d->event_id == NULL ||
					     desk_is_suspect(d))) {
			desk_recycle(h, d);
			continue;
		}
		kept = true;
		desk_append(h, d);
	}
}

int64_t desk_due_ms(const struct desk *h)
{
	/* an answer wakes us, and then it is looked at again */
	if (h->guard.state == GUARD_CLOSED && h->at_engine > 0)
		return INT64_MAX;
	return guard_due_ms(&h->guard);
}
