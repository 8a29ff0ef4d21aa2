/* SPDX-License-Identifier: Apache-2.0 */
/* consumer - see consumer.h. */
#include "gateway/source/amqp/consumer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/source/amqp/desk.h"

/* Frames read before anything else is looked at. */
#define CONSUMER_FRAMES 512
/* What is at the engine may take so long when all stops. */
#define CONSUMER_STOP_MS 8000
#define CONSUMER_POLL_MS 60000
/* Some for each intake, after those of others. */
#define CONSUMER_FIRST_CHANNEL (TOPOLOGY_CHANNEL + 1)

struct consumer {
	struct consumer_options options;
	const struct config_amqp *amqp;
	struct arena arena;
	struct topology *topology;
	struct broker *broker;
	struct intake *intakes;
	unsigned n_intakes;
	struct desk desk;
	struct tally tally;
	struct delivery *spare;
	struct delivery_limits limits;
	bool up;			/* there was a connection, and none was lost */
	bool said_away;
	int64_t again_ms;		/* the broker is not tried before */
	int64_t declare_ms;		/* nor queues looked after */
	pthread_t thread;
	int stop_fd;
	bool stopped;			/* the thread was joined */
	_Atomic bool stopping;
};

static int64_t consumer_now_ms(void)
{
	return clock_steady_ns() / 1000000;
}

static int64_t consumer_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- what is consumed --- */

static void consumer_add(struct consumer *c, const struct route *route, bool letters)
{
	struct intake *in = &c->intakes[c->n_intakes];
	amqp_channel_t channel = (amqp_channel_t)(CONSUMER_FIRST_CHANNEL +
						  c->n_intakes * INTAKE_CHANNELS);

	intake_init(in, c->broker, channel, (unsigned)c->amqp->prefetch);
	in->desk = &c->desk;
	in->queue = route->queue;
	in->route = route;
	in->letters = letters;
	in->topology = topology_queue(c->topology, route->queue);
	assert(in->topology != NULL);
	in->source = letters ? in->topology->dead : route->queue;
	c->n_intakes++;
}

static bool consumer_has(const struct consumer *c, const char *queue)
{
	for (unsigned i = 0; i < c->n_intakes; i++)
		if (strcmp(c->intakes[i].queue, queue) == 0)
			return true;
	return false;
}

static void consumer_add_all(struct consumer *c)
{
	const struct graph *graph = c->options.graph;

	c->intakes = memory_new_array(2 * (size_t)graph->n_routes + 1,
				      sizeof(*c->intakes));
	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *route = graph->routes[i];

		if (route->source != GANTRY_SOURCE_AMQP ||
		    consumer_has(c, route->queue))
			continue;
		consumer_add(c, route, false);
		consumer_add(c, route, true);
	}
}

/* --- frames --- */

/* The channel is gone or unusable: all of it comes again. */
static void consumer_drop(struct consumer *c, struct intake *in, bool politely,
			  const char *why)
{
	int64_t now_ms = consumer_now_ms();

	log_warning("amqp: queue %s: %s", in->source, why);
	if (politely)
		intake_close(in);
	else
		intake_lost(in);
	intake_back_off(in, now_ms);
	desk_forget_stale(&c->desk);
	c->desk.declare = true;
}

static void consumer_method(struct consumer *c, struct intake *in,
			    const amqp_frame_t *frame)
{
	struct gantry_error err = ERROR_INIT;

	switch (frame->payload.method.id) {
	case AMQP_CHANNEL_CLOSE_METHOD:
		broker_channel_closed(c->broker, frame, &err);
		consumer_drop(c, in, false, err.message);
		break;
	case AMQP_BASIC_CANCEL_METHOD:
		consumer_drop(c, in, true, "the broker ended the consumer");
		break;
	default:
		break;
	}
	error_fini(&err);
}

static void consumer_content(struct consumer *c, struct intake *in,
			     const amqp_frame_t *frame)
{
	struct gantry_error err = ERROR_INIT;
	struct delivery *d = NULL;

	if (c->spare == NULL)
		c->spare = desk_spare(&c->desk);
	if (intake_frame(in, frame, &c->limits, &c->spare, &d, &err) < 0)
		consumer_drop(c, in, true, err.message);
	else if (d != NULL)
		desk_take(&c->desk, d);
	error_fini(&err);
}

static void consumer_frame(struct consumer *c, const amqp_frame_t *frame)
{
	struct intake *in = c->intakes, *end = in + c->n_intakes;

	while (in < end && !intake_has_channel(in, frame->channel))
		in++;
	if (in == end)
		return;		/* of a channel that was closed */
	if (frame->frame_type == AMQP_FRAME_METHOD &&
	    frame->payload.method.id != AMQP_BASIC_DELIVER_METHOD)
		consumer_method(c, in, frame);
	else
		consumer_content(c, in, frame);
}

/* Frames read; -1: the broker is lost. */
static int consumer_read(struct consumer *c, struct gantry_error *err)
{
	amqp_frame_t frame;
	int n = 0, got = 0;

	while (n < CONSUMER_FRAMES && broker_is_open(c->broker)) {
		got = broker_wait(c->broker, 0, &frame, err);
		if (got <= 0)
			break;
		consumer_frame(c, &frame);
		broker_release(c->broker);
		n++;
	}
	return got < 0 ? -1 : n;
}

/* --- intakes --- */

/* Suspects were left: when the others are through, all begins anew, narrowly. */
static int consumer_leave(struct consumer *c, struct intake *in, int64_t now_ms,
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
	desk_forget_stale(&c->desk);
	return 0;
}

static bool consumer_is_calm(const struct intake *in)
{
	return in->calm >= (in->met_suspect ? INTAKE_CALM_AFTER_SUSPECT : INTAKE_CALM) &&
	       ring_open(&in->ring) <= 1;
}

/* Towards what is to be; 0, or -1 with err. */
static int consumer_tend(struct consumer *c, struct intake *in, int64_t now_ms,
			 struct gantry_error *err)
{
	bool flows = c->desk.guard.state == GUARD_OPEN;

	if (in->state == INTAKE_DOWN)
		return flows && in->topology->ready && now_ms >= in->again_ms ? intake_open(in, now_ms, err) : 0;
	if (in->left > 0)
		return consumer_leave(c, in, now_ms, err);
	if (!flows)
		return intake_consumes(in) ? intake_pause(in, now_ms, err) : 0;
	if (in->state == INTAKE_PAUSED)
		return ring_open(&in->ring) < in->ring.room ?
			       intake_resume(in, now_ms, err) : 0;
	if (in->state == INTAKE_NARROW && consumer_is_calm(in))
		return intake_widen(in, now_ms, err);
	return 0;
}

static void consumer_tend_all(struct consumer *c, int64_t now_ms)
{
	for (unsigned i = 0; i < c->n_intakes && broker_is_open(c->broker); i++) {
		struct gantry_error err = ERROR_INIT;
		unsigned generation = c->intakes[i].generation;

		if (consumer_tend(c, &c->intakes[i], now_ms, &err) < 0) {
			log_warning("amqp: queue %s: %s", c->intakes[i].source,
				    err.message);
			c->desk.declare = true;
		}
		if (generation != c->intakes[i].generation)
			desk_forget_stale(&c->desk);
		error_fini(&err);
	}
}

/* Nothing to probe with: one is let in. Held for too long: all goes back. */
static void consumer_mind_guard(struct consumer *c, int64_t now_ms)
{
	struct desk *h = &c->desk;

	if (h->waiting == NULL && h->at_engine == 0 &&
	    guard_lets_through(&h->guard, now_ms))
		guard_reopen(&h->guard);
	if (!guard_gives_back(&h->guard, now_ms))
		return;
	log_warning("amqp: what is held goes back to its queues until consuming goes on");
	for (unsigned i = 0; i < c->n_intakes; i++)
		intake_close(&c->intakes[i]);
	desk_forget_stale(h);
}

static int consumer_ack(struct consumer *c, int64_t now_ms, struct gantry_error *err)
{
	for (unsigned i = 0; i < c->n_intakes; i++)
		if (intake_ack(&c->intakes[i], now_ms, err) < 0)
			return -1;
	return 0;
}

/* --- the connection --- */

static void consumer_lost(struct consumer *c, int64_t now_ms, const struct gantry_error *err)
{
	if (!c->said_away)
		log_warning("amqp: %s", err->message);
	c->said_away = true;
	c->up = false;
	for (unsigned i = 0; i < c->n_intakes; i++)
		intake_lost(&c->intakes[i]);
	desk_forget_stale(&c->desk);
	broker_close(c->broker);
	c->again_ms = now_ms + broker_backoff_ms(c->broker);
}

/* Something was missing, or went missing: look again after a while. */
static int consumer_declare(struct consumer *c, int64_t now_ms, struct gantry_error *err)
{
	if (c->desk.declare)
		topology_forget(c->topology);
	c->desk.declare = false;
	c->declare_ms = now_ms + TOPOLOGY_RETRY_MS;
	return topology_declare(c->topology, c->broker, err);
}

static void consumer_mind_topology(struct consumer *c, int64_t now_ms)
{
	struct gantry_error err = ERROR_INIT;

	if (!broker_is_open(c->broker) || now_ms < c->declare_ms ||
	    (!c->desk.declare && topology_is_ready(c->topology)))
		return;
	if (consumer_declare(c, now_ms, &err) < 0)
		consumer_lost(c, now_ms, &err);
	error_fini(&err);
}

/* Some call has found out that the connection is gone. */
static void consumer_mind_loss(struct consumer *c, int64_t now_ms)
{
	struct gantry_error err = ERROR_INIT;

	if (!c->up || broker_is_open(c->broker))
		return;
	gantry_fail(&err, "%s: the connection was lost", broker_endpoint(c->broker));
	consumer_lost(c, now_ms, &err);
	error_fini(&err);
}

static void consumer_connect(struct consumer *c, int64_t now_ms)
{
	struct gantry_error err = ERROR_INIT;

	if (broker_is_open(c->broker) || now_ms < c->again_ms)
		return;
	c->desk.declare = true;
	if (broker_open(c->broker, &err) < 0 ||
	    consumer_declare(c, now_ms, &err) < 0) {
		consumer_lost(c, consumer_now_ms(), &err);
	} else {
		log_info("amqp: consuming from %s", broker_endpoint(c->broker));
		c->said_away = false;
		c->up = true;
		for (unsigned i = 0; i < c->n_intakes; i++)
			c->intakes[i].again_ms = 0;
	}
	error_fini(&err);
}

static void consumer_tell(struct consumer *c)
{
	struct tally_counts *counts = &c->tally.counts;

	pthread_mutex_lock(&c->tally.lock);
	counts->held = c->desk.n_waiting;
	counts->passing = hopper_held(c->desk.hopper);
	counts->paused = c->desk.guard.state != GUARD_OPEN;
	counts->connected = broker_is_open(c->broker);
	pthread_mutex_unlock(&c->tally.lock);
}

/* --- the thread --- */

static int64_t consumer_due_ms(const struct consumer *c, int64_t now_ms)
{
	int64_t due = consumer_min(desk_due_ms(&c->desk),
				   hopper_due_ms(c->desk.hopper, now_ms));

	due = consumer_min(due, now_ms + CONSUMER_POLL_MS);
	if (!broker_is_open(c->broker))
		return consumer_min(due, c->again_ms);
	due = consumer_min(due, now_ms + broker_pause_ms(c->broker));
	if (c->desk.declare || !topology_is_ready(c->topology))
		due = consumer_min(due, c->declare_ms);
	for (unsigned i = 0; i < c->n_intakes; i++) {
		const struct intake *in = &c->intakes[i];

		if (in->state != INTAKE_DOWN)
			due = consumer_min(due, ring_due_ms(&in->ring));
		else if (c->desk.guard.state == GUARD_OPEN)
			due = consumer_min(due, in->again_ms);
	}
	return due;
}

static void consumer_sleep(struct consumer *c, int64_t until_ms)
{
	int64_t now_ms = consumer_now_ms();
	int64_t due_ms = consumer_min(consumer_due_ms(c, now_ms), until_ms);
	struct pollfd fds[] = {
		{ .fd = c->desk.wake_fd, .events = POLLIN },
		{ .fd = atomic_load(&c->stopping) ? -1 : c->stop_fd, .events = POLLIN },
		{ .fd = broker_is_open(c->broker) ? broker_fd(c->broker) : -1,
		  .events = POLLIN },
		{ .fd = hopper_fd(c->desk.hopper), .events = POLLIN },
	};

	if (due_ms > now_ms)
		poll(fds, ARRAY_LENGTH(fds), (int)(due_ms - now_ms));
}

/* One round; true if there may be more to do at once. */
static bool consumer_turn(struct consumer *c)
{
	struct gantry_error err = ERROR_INIT;
	struct desk *h = &c->desk;
	int64_t now_ms = consumer_now_ms();
	bool busy = false;
	int n = 0;

	if (broker_is_open(c->broker))
		n = consumer_read(c, &err);
	busy = n > 0;
	busy |= desk_pump(h, now_ms);
	busy |= desk_answers(h, now_ms);
	busy |= hopper_turn(h->hopper, now_ms);
	if (n >= 0 && broker_is_open(c->broker))
		n = consumer_ack(c, now_ms, &err);
	if (n < 0)
		consumer_lost(c, now_ms, &err);
	error_fini(&err);
	return busy;
}

/* Whether something is on its way that may still end well. */
static bool consumer_is_under_way(const struct consumer *c)
{
	const struct desk *h = &c->desk;

	return broker_is_open(c->broker) &&
	       (h->at_engine > 0 || hopper_held(h->hopper) > 0 ||
		(h->n_waiting > 0 && h->guard.state == GUARD_OPEN));
}

/* What was taken gets its time, so that it is not delivered twice. */
static void consumer_finish(struct consumer *c)
{
	int64_t end_ms = consumer_now_ms() + CONSUMER_STOP_MS, now_ms;
	struct gantry_error err = ERROR_INIT;

	for (unsigned i = 0; i < c->n_intakes; i++)
		if (broker_is_open(c->broker) && intake_consumes(&c->intakes[i]) &&
		    intake_pause(&c->intakes[i], consumer_now_ms(), &err) < 0)
			desk_forget_stale(&c->desk);
	while (consumer_is_under_way(c) && (now_ms = consumer_now_ms()) < end_ms)
		if (!consumer_turn(c))
			consumer_sleep(c, end_ms);
	if (broker_is_open(c->broker))
		consumer_ack(c, consumer_now_ms(), &err);
	broker_close(c->broker);
	for (unsigned i = 0; i < c->n_intakes; i++)
		intake_lost(&c->intakes[i]);
	error_fini(&err);
}

static void *consumer_run(void *arg)
{
	struct consumer *c = arg;

	while (!atomic_load(&c->stopping)) {
		int64_t now_ms = consumer_now_ms();

		consumer_mind_loss(c, now_ms);
		consumer_connect(c, now_ms);
		consumer_mind_topology(c, now_ms);
		consumer_mind_guard(c, now_ms);
		consumer_tend_all(c, now_ms);
		if (!consumer_turn(c)) {
			consumer_tell(c);
			consumer_sleep(c, INT64_MAX);
		}
	}
	consumer_finish(c);
	consumer_tell(c);
	return NULL;
}

/* --- start and stop --- */

static struct broker *consumer_broker(struct consumer *c, const char *what, bool confirms)
{
	const char *name = arena_format(&c->arena, "gantry %s %s", c->options.replica,
					what);

	return broker_new(&(struct broker_options){ .amqp = c->amqp, .name = name,
						    .confirms = confirms });
}

static void consumer_unroutable(void *ctx)
{
	struct desk *h = ctx;

	h->declare = true;
}

static int consumer_init(struct consumer *c, struct gantry_error *err)
{
	struct desk *h = &c->desk;

	c->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->stop_fd < 0)
		return gantry_fail(err, "amqp: no eventfd: %s", strerror(errno));
	if (desk_init(h, c->options.engine, c->options.graph, err) < 0) {
		close(c->stop_fd);
		return -1;
	}
	tally_init(&c->tally);
	h->amqp = c->amqp;
	h->tally = &c->tally;
	h->hopper = hopper_new(&(struct hopper_options){
		.broker = consumer_broker(c, "consumer retries", true),
		.window = (unsigned)c->amqp->window, .done = desk_passed,
		.unroutable = consumer_unroutable, .ctx = h });
	c->limits = (struct delivery_limits){ (size_t)c->amqp->max_body,
					      c->amqp->n_retry };
	c->broker = consumer_broker(c, "consumer", false);
	c->topology = topology_new(c->options.graph, c->amqp);
	consumer_add_all(c);
	return 0;
}

static int consumer_spawn(struct consumer *c, struct gantry_error *err)
{
	sigset_t all, before;
	int failed;

	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&c->thread, NULL, consumer_run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0 ? 0 : gantry_fail(err, "amqp: cannot start a thread: %s",
					     strerror(failed));
}

static bool consumer_is_wanted(const struct consumer_options *options)
{
	const struct graph *graph = options->graph;

	for (unsigned i = 0; i < graph->n_routes; i++)
		if (graph->routes[i]->source == GANTRY_SOURCE_AMQP)
			return options->config->amqp != NULL;
	return false;
}

int consumer_start(const struct consumer_options *options,
		   struct consumer **out, struct gantry_error *err)
{
	struct consumer *c;

	*out = NULL;
	if (!consumer_is_wanted(options))
		return 0;
	c = memory_new(sizeof(*c));
	c->options = *options;
	c->amqp = &options->config->broker;
	if (consumer_init(c, err) < 0) {
		arena_fini(&c->arena);
		free(c);
		return -1;
	}
	c->stopped = consumer_spawn(c, err) < 0;
	if (c->stopped) {
		consumer_free(&c);
		return -1;
	}
	*out = c;
	return 0;
}

void consumer_stop(struct consumer *c)
{
	const uint64_t one = 1;

	if (c == NULL || c->stopped)
		return;
	atomic_store(&c->stopping, true);
	if (write(c->stop_fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
	pthread_join(c->thread, NULL);
	c->stopped = true;
}

void consumer_free(struct consumer **consumer)
{
	struct consumer *c = *consumer;

	if (c == NULL)
		return;
	assert(c->stopped);
	desk_fini(&c->desk);
	for (unsigned i = 0; i < c->n_intakes; i++)
		intake_fini(&c->intakes[i]);
	delivery_free(&c->spare);
	broker_free(&c->broker);
	topology_free(&c->topology);
	tally_fini(&c->tally);
	free(c->intakes);
	arena_fini(&c->arena);
	close(c->stop_fd);
	free(c);
	*consumer = NULL;
}

void consumer_counts(struct consumer *c, struct tally_counts *out)
{
	*out = (struct tally_counts){ 0 };
	if (c != NULL)
		tally_read(&c->tally, out);
}
