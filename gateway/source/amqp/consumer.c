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
#include "gateway/base/thread.h"
#include "gateway/pipeline/current.h"
#include "gateway/source/amqp/desk.h"
#include "gateway/source/amqp/intakes.h"

/* What is at the engine may take so long when all stops. */
#define CONSUMER_STOP_MS 8000
#define CONSUMER_POLL_MS 60000
#define CONSUMER_STOP_POLL_MS 5
/* Gauges are set at least so often. */
#define CONSUMER_TELL_MS 200

struct consumer {
	struct consumer_options options;
	const struct config_amqp *amqp;
	struct arena arena;
	struct topology *topology;
	struct topology *older;		/* of intakes that leave, or NULL */
	struct broker *broker;
	struct desk desk;
	struct intakes intakes;
	_Atomic uint64_t held, passing;	/* for those who ask */
	_Atomic bool paused, connected;
	bool up;			/* there was a connection, and none was lost */
	bool said_away;
	int64_t again_ms;		/* the broker is not tried before */
	int64_t declare_ms;		/* nor queues looked after */
	pthread_t thread;
	int stop_fd;
	bool stopped;			/* the thread was joined */
	_Atomic bool stopping, changed;
};

static int64_t consumer_now_ms(void)
{
	return clock_steady_ns() / 1000000;
}

static int64_t consumer_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- the connection --- */

static void consumer_lost(struct consumer *c, int64_t now_ms, const struct gantry_error *err)
{
	if (!c->said_away)
		log_warning("amqp: %s", err->message);
	c->said_away = true;
	c->up = false;
	intakes_lost(&c->intakes);
	broker_close(c->broker);
	c->again_ms = now_ms + broker_backoff_ms(c->broker);
}

/* The graph of now, and what it wants of the broker. */
static void consumer_follow(struct consumer *c)
{
	const struct graph *before = c->desk.graph;
	struct topology *wanted;

	c->desk.graph = current_take(c->options.graphs);
	wanted = topology_new(c->desk.graph, c->amqp);
	if (c->topology != NULL && topology_is_same(c->topology, wanted)) {
		topology_free(&wanted);
	} else {
		if (c->topology != NULL)
			c->topology->older = c->older;
		c->older = c->topology;
		c->topology = wanted;
		c->desk.declare = true;
		c->declare_ms = 0;
	}
	intakes_follow(&c->intakes, c->topology);
	current_release(before);
}

/* They name the next queues of what is still on its way. */
static void consumer_forget_older(struct consumer *c)
{
	while (c->older != NULL) {
		struct topology *older = c->older;

		c->older = older->older;
		topology_free(&older);
	}
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
		intakes_hurry(&c->intakes);
	}
	error_fini(&err);
}

static void consumer_tell(struct consumer *c)
{
	atomic_store(&c->held, c->desk.n_waiting);
	atomic_store(&c->passing, hopper_held(c->desk.hopper));
	atomic_store(&c->paused, c->desk.guard.state != GUARD_OPEN);
	atomic_store(&c->connected, broker_is_open(c->broker));
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
	return consumer_min(due, intakes_due_ms(&c->intakes));
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

	uint64_t ignored;

	/* what is due may no longer be done when all stops */
	if (atomic_load(&c->stopping) && due_ms < now_ms + CONSUMER_STOP_POLL_MS)
		due_ms = now_ms + CONSUMER_STOP_POLL_MS;
	if (due_ms > now_ms)
		poll(fds, ARRAY_LENGTH(fds), (int)(due_ms - now_ms));
	if ((fds[1].revents & POLLIN) &&
	    read(c->stop_fd, &ignored, sizeof(ignored)) < 0)
		assert(errno == EAGAIN);
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
		n = intakes_read(&c->intakes, &err);
	busy = n > 0;
	busy |= desk_pump(h, now_ms);
	busy |= desk_answers(h, now_ms);
	busy |= hopper_turn(h->hopper, now_ms);
	if (n >= 0 && broker_is_open(c->broker))
		n = intakes_ack(&c->intakes, now_ms, &err);
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

	intakes_pause(&c->intakes, consumer_now_ms());
	while (consumer_is_under_way(c) && (now_ms = consumer_now_ms()) < end_ms)
		if (!consumer_turn(c))
			consumer_sleep(c, end_ms);
	if (broker_is_open(c->broker))
		intakes_ack(&c->intakes, consumer_now_ms(), &err);
	broker_close(c->broker);
	intakes_lost(&c->intakes);
	error_fini(&err);
}

static void *consumer_run(void *arg)
{
	struct consumer *c = arg;
	int64_t told_ms = 0;
	bool busy;

	thread_begin("consumer", THREAD_LONG);
	while (!atomic_load(&c->stopping)) {
		int64_t now_ms = consumer_now_ms();

		if (atomic_exchange(&c->changed, false))
			consumer_follow(c);
		if (c->intakes.leaving == 0)
			consumer_forget_older(c);
		consumer_mind_loss(c, now_ms);
		consumer_connect(c, now_ms);
		consumer_mind_topology(c, now_ms);
		intakes_mind_guard(&c->intakes, now_ms);
		intakes_tend(&c->intakes, now_ms);
		busy = consumer_turn(c);
		if (!busy || now_ms - told_ms >= CONSUMER_TELL_MS) {
			consumer_tell(c);
			told_ms = now_ms;
		}
		if (!busy)
			consumer_sleep(c, INT64_MAX);
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
	if (desk_init(h, c->options.engine, current_take(c->options.graphs), err) < 0) {
		current_release(h->graph);
		close(c->stop_fd);
		return -1;
	}
	h->amqp = c->amqp;
	h->metrics = c->options.metrics;
	h->hopper = hopper_new(&(struct hopper_options){
		.broker = consumer_broker(c, "consumer retries", true),
		.window = (unsigned)c->amqp->window, .done = desk_passed,
		.unroutable = consumer_unroutable, .ctx = h });
	c->broker = consumer_broker(c, "consumer", false);
	intakes_init(&c->intakes, c->broker, h);
	consumer_follow(c);
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
	const struct graph *graph = current_take(options->graphs);
	bool wanted = false;

	for (unsigned i = 0; i < graph->n_routes && !wanted; i++)
		wanted = graph->routes[i]->source == GANTRY_SOURCE_AMQP;
	current_release(graph);
	return wanted && options->config->amqp != NULL;
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

static void consumer_wake(struct consumer *c)
{
	const uint64_t one = 1;

	if (write(c->stop_fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

void consumer_change(struct consumer *c)
{
	if (c == NULL)
		return;
	atomic_store(&c->changed, true);
	consumer_wake(c);
}

void consumer_stop(struct consumer *c)
{
	if (c == NULL || c->stopped)
		return;
	atomic_store(&c->stopping, true);
	consumer_wake(c);
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
	intakes_fini(&c->intakes);
	broker_free(&c->broker);
	topology_free(&c->topology);
	consumer_forget_older(c);
	current_release(c->desk.graph);
	arena_fini(&c->arena);
	close(c->stop_fd);
	free(c);
	*consumer = NULL;
}

struct consumer_counts consumer_counts(const struct consumer *consumer)
{
	struct consumer *c = (struct consumer *)consumer;

	return (struct consumer_counts){
		.held = atomic_load(&c->held),
		.passing = atomic_load(&c->passing),
		.paused = atomic_load(&c->paused),
		.connected = atomic_load(&c->connected),
	};
}
