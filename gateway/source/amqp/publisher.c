/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publisher - see publisher.h. The thread: news of the committer and frames of
 * the broker in, what the order lets go out.
 */
#include "gateway/source/amqp/publisher.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/pipeline/meters.h"
#include "gateway/source/amqp/backlog.h"
#include "gateway/source/amqp/publish.h"
#include "gateway/source/amqp/topology.h"
#include "gateway/source/amqp/traced.h"

#define PUBLISHER_ENTRIES (1u << 20)
#define PUBLISHER_BYTES (32u << 20)
/* What comes from the committer while so much may go already is left to a pass
   over the outbox: a broker that is away costs no memory. */
#define PUBLISHER_AHEAD 16384
#define PUBLISHER_BURST 32	/* publishes between two looks at the broker */
#define PUBLISHER_SEND_MS 10000	/* that a burst may take */
#define PUBLISHER_FLUSH_MS 5000
#define PUBLISHER_IDLE_MS 1000
/* A queue that lost its leader may never say what became of a publish. */
#define PUBLISHER_CONFIRM_MS 30000
/* And its channel may refuse all, when a new one would not. */
#define PUBLISHER_NACKS_MS 5000
#define PUBLISHER_DONE 1024	/* refs told to the committer at once */
/* Confirmed rows that storage has not deleted yet: it is slow or away. */
#define PUBLISHER_UNDELETED 65536
/* Exchanges that the broker refused, and for how long they are left alone. */
#define PUBLISHER_CLOSED 16
#define PUBLISHER_CLOSED_MS 5000

struct publisher_closed {
	char exchange[256];
	char cause[WINDOW_CAUSE];
	int64_t until_ms;
};

struct publisher {
	struct publisher_options options;
	struct handover *handover;
	struct broker *broker;
	struct topology *topology;
	_Atomic(struct topology *) next_topology;	/* to be taken, or NULL */
	struct order *order;
	struct window *window;
	struct backlog *backlog;
	struct publish publish;
	pthread_t thread;
	_Atomic bool stopping;
	int64_t stop_ms;		/* when it must end at the latest; 0: not yet */
	int64_t now_ms;			/* steady, of this turn */
	int64_t open_ms;		/* the next attempt to connect */
	int64_t nacks_ms;		/* since then nothing but nacks; 0: a confirm */
	bool refused;			/* for too long */
	uint64_t oldest;		/* on its way; since when it is the oldest */
	int64_t oldest_ms;
	bool superseded, told;		/* told: that the broker is away */
	unsigned careful;		/* events to be sent one by one */
	struct publisher_closed closed[PUBLISHER_CLOSED];
	unsigned next_closed;
	int64_t done[PUBLISHER_DONE];
	size_t n_done;
	_Atomic uint64_t published, returned, nacked, connects, held, in_flight;
	_Atomic bool connected, blocked, is_superseded;
};

static void publisher_tell_done(struct publisher *p)
{
	if (p->n_done == 0)
		return;
	committer_published(p->options.committer, p->done, p->n_done);
	p->n_done = 0;
}

/* Its ref says when its unit was; clocks of replicas may differ a little. */
static void publisher_count_lag(struct publisher *p, int64_t ref)
{
	int64_t ms = clock_now_ms() - ids_ref_ms(ref);

	metrics_observe(p->options.metrics, METER_PUBLISH_SECONDS, 0, 0,
			ms > 0 ? (uint64_t)ms * 1000000 : 0);
}

static void publisher_held(struct publisher *p, int64_t ref, const char *cause)
{
	if (order_held(p->order, ref, p->now_ms))
		committer_held(p->options.committer, ref, cause);
}

/* While the event is still there. */
static void publisher_trace(const struct publisher *p, int64_t ref,
			    enum window_fate fate, const char *cause)
{
	const struct handover_event *e = NULL;

	if (p->options.spans != NULL)
		e = order_sent(p->order, ref);
	if (e != NULL)
		traced_publish_end(e, p->options.spans,
				   fate == WINDOW_RETURNED ? "returned" :
				   fate == WINDOW_NACKED ? "nacked" : NULL, cause);
}

/* The broker has decided on one of the window. */
static void publisher_settled(void *ctx, int64_t ref, enum window_fate fate,
			      const char *cause)
{
	struct publisher *p = ctx;

	publisher_trace(p, ref, fate, cause);
	p->careful -= p->careful > 0;
	switch (fate) {
	case WINDOW_CONFIRMED:
		order_confirmed(p->order, ref);
		p->nacks_ms = 0;
		atomic_fetch_add(&p->published, 1);
		publisher_count_lag(p, ref);
		p->done[p->n_done++] = ref;
		if (p->n_done == PUBLISHER_DONE)
			publisher_tell_done(p);
		break;
	case WINDOW_RETURNED:
		atomic_fetch_add(&p->returned, 1);
		publisher_held(p, ref, cause);
		break;
	case WINDOW_NACKED:
		atomic_fetch_add(&p->nacked, 1);
		if (p->nacks_ms == 0)
			p->nacks_ms = p->now_ms;
		p->refused |= p->now_ms - p->nacks_ms > PUBLISHER_NACKS_MS;
		publisher_held(p, ref, "refused: the broker answered with a nack");
		break;
	}
}

/* The connection. */

static void publisher_lost(struct publisher *p, struct gantry_error *err)
{
	if (broker_is_open(p->broker)) {
		log_warning("publisher: %s", err->message);
	} else if (!p->told) {
		log_warning("publisher: %s; events wait in the outbox", err->message);
		p->told = true;
	}
	/* one that broke, too: its socket would end every sleep at once */
	broker_close(p->broker);
	error_reset(err);
	window_reset(p->window);
	order_reset(p->order);
	p->publish.returning = p->refused = false;
	p->nacks_ms = 0;
	p->open_ms = p->now_ms + broker_backoff_ms(p->broker);
	committer_broker(p->options.committer, false);
	atomic_store(&p->connected, false);
}

/* Where events go has to be there, if it may be made. */
static int publisher_declare(struct publisher *p, struct gantry_error *err)
{
	topology_forget(p->topology);
	return topology_declare_exchanges(p->topology, p->broker, err);
}

/* Exchanges that another graph publishes to. */
static void publisher_follow(struct publisher *p)
{
	struct topology *next = atomic_exchange(&p->next_topology, NULL);
	struct gantry_error err = ERROR_INIT;

	if (next == NULL)
		return;
	topology_free(&p->topology);
	p->topology = next;
	if (broker_is_open(p->broker) && publisher_declare(p, &err) < 0)
		publisher_lost(p, &err);
	error_fini(&err);
}

static void publisher_connect(struct publisher *p)
{
	struct gantry_error err = ERROR_INIT;

	if (p->now_ms < p->open_ms)
		return;
	if (broker_open(p->broker, &err) < 0 || publisher_declare(p, &err) < 0) {
		publisher_lost(p, &err);
		error_fini(&err);
		return;
	}
	log_info("publisher: connected to %s", broker_endpoint(p->broker));
	p->told = false;
	atomic_fetch_add(&p->connects, 1);
	atomic_store(&p->connected, true);
	committer_broker(p->options.committer, true);
	error_fini(&err);
}

static struct publisher_closed *publisher_closed(struct publisher *p,
						 const char *exchange)
{
	for (unsigned i = 0; i < PUBLISHER_CLOSED; i++)
		if (strcmp(p->closed[i].exchange, exchange) == 0 &&
		    p->now_ms < p->closed[i].until_ms)
			return &p->closed[i];
	return NULL;
}

/*
 * The broker closed the channel for one of those on their way, and does not
 * say for which. They go again one by one; if it was a single one, it is held,
 * and its exchange left alone for a while.
 */
static void publisher_channel_closed(struct publisher *p, struct gantry_error *err)
{
	unsigned n = window_count(p->window);
	const struct handover_event *e = order_newest_sent(p->order);

	if (n == 1 && e != NULL) {
		struct publisher_closed *closed =
			&p->closed[p->next_closed++ % PUBLISHER_CLOSED];

		snprintf(closed->exchange, sizeof(closed->exchange), "%s", e->exchange);
		snprintf(closed->cause, sizeof(closed->cause), "refused: %.80s", err->message);
		closed->until_ms = p->now_ms + PUBLISHER_CLOSED_MS;
		publisher_held(p, e->ref, closed->cause);
		p->careful -= p->careful > 0;
	} else {
		p->careful = n;
	}
	error_reset(err);
	order_reset(p->order);
	if (publish_reopen(&p->publish, err) < 0 || publisher_declare(p, err) < 0)
		publisher_lost(p, err);
}

/* What the broker has sent so far. */
static void publisher_frames(struct publisher *p)
{
	struct gantry_error err = ERROR_INIT;
	amqp_frame_t frame;
	unsigned code;
	int got, said;

	while (broker_is_open(p->broker)) {
		got = broker_wait(p->broker, 0, &frame, &err);
		if (got == 0)
			break;
		said = got < 0 ? -1 : publish_frame(&p->publish, &frame, &code, &err);
		if (said < 0)
			publisher_lost(p, &err);
		else if (said > 0)
			publisher_channel_closed(p, &err);
	}
	if (broker_is_open(p->broker))
		broker_release(p->broker);
	publisher_tell_done(p);
	error_fini(&err);
}

static bool publisher_may_send(const struct publisher *p)
{
	return broker_is_open(p->broker) && !broker_is_blocked(p->broker) &&
	       backlog_is_ours(p->backlog) && !p->superseded &&
	       window_has_room(p->window) &&
	       (p->careful == 0 || window_count(p->window) == 0) &&
	       order_counts(p->order).confirmed < PUBLISHER_UNDELETED;
}

/* False: the connection is lost. */
static bool publisher_send_one(struct publisher *p, struct handover_event *e,
			       struct gantry_error *err)
{
	const struct publisher_closed *closed = publisher_closed(p, e->exchange);
	int sent;

	if (closed != NULL) {
		publisher_held(p, e->ref, closed->cause);
		return true;
	}
	sent = publish_send(&p->publish, e, err);
	if (sent > 0) {
		publisher_held(p, e->ref, err->message);
		error_reset(err);
	}
	return sent >= 0;
}

/* True: there is more that may go. */
static bool publisher_send(struct publisher *p)
{
	struct handover_event *e = NULL;
	struct gantry_error err = ERROR_INIT;
	bool well = true;

	if (!publisher_may_send(p))
		return false;
	broker_guard(p->broker, PUBLISHER_SEND_MS);
	for (unsigned i = 0; i < PUBLISHER_BURST && well && publisher_may_send(p); i++) {
		e = order_next(p->order);
		if (e == NULL)
			break;
		well = publisher_send_one(p, e, &err);
	}
	broker_unguard(p->broker);
	if (!well)
		publisher_lost(p, &err);
	error_fini(&err);
	return well && e != NULL && publisher_may_send(p);
}

/* The committer. */

static void publisher_supersede(struct publisher *p)
{
	log_error("publisher: another gateway is named \"%s\" and is newer: this one "
		  "publishes nothing any more (see \"replica\")", p->options.replica);
	p->superseded = true;
	atomic_store(&p->is_superseded, true);
	broker_close(p->broker);
	window_reset(p->window);
	order_reset(p->order);
	atomic_store(&p->connected, false);
}

static void publisher_news(struct publisher *p)
{
	struct handover_news news;
	struct order_counts counts;
	size_t ahead;

	handover_take(p->handover, &news);
	order_gone(p->order, news.gone, news.n_gone);
	for (unsigned i = 0; i < news.n_leases; i++)
		if (!backlog_lease(p->backlog, &news.leases[i]) && !p->superseded)
			publisher_supersede(p);
	if (news.lost)
		backlog_lost(p->backlog);
	counts = order_counts(p->order);
	ahead = counts.ready + counts.missing + counts.waiting;
	while (news.first != NULL && ahead++ < PUBLISHER_AHEAD) {
		struct handover_event *e = news.first;

		news.first = e->next;
		e->next = NULL;
		if (!order_add(p->order, e, 0))
			backlog_lost(p->backlog);
	}
	if (news.first != NULL)
		backlog_lost(p->backlog);
	handover_news_fini(&news);
}

/* The thread. */

static int publisher_timeout(const struct publisher *p)
{
	bool open = broker_is_open(p->broker);
	int64_t due = p->now_ms + PUBLISHER_IDLE_MS, next;

	next = backlog_due_ms(p->backlog, open);
	if (next < due)
		due = next;
	next = open ? order_due_ms(p->order) : p->open_ms;
	if (next < due)
		due = next;
	if (open && p->now_ms + broker_pause_ms(p->broker) < due)
		due = p->now_ms + broker_pause_ms(p->broker);
	return due > p->now_ms ? (int)(due - p->now_ms) : 0;
}

static void publisher_sleep(const struct publisher *p)
{
	struct pollfd fds[2] = {
		{ .fd = handover_fd(p->handover), .events = POLLIN },
		{ .fd = broker_fd(p->broker), .events = POLLIN },
	};

	poll(fds, 2, publisher_timeout(p));
}

/* True: the oldest on its way was not answered for too long. */
static bool publisher_is_silent(struct publisher *p)
{
	uint64_t oldest = window_oldest(p->window);

	if (oldest == 0 || oldest != p->oldest || broker_is_blocked(p->broker)) {
		p->oldest = oldest;
		p->oldest_ms = p->now_ms;
		return false;
	}
	return p->now_ms - p->oldest_ms >= PUBLISHER_CONFIRM_MS;
}

/* A queue that changes its leader may leave a channel behind that never works
   again: what was sent over it goes over a new one. */
static void publisher_watch(struct publisher *p)
{
	bool silent = publisher_is_silent(p);
	struct gantry_error err = ERROR_INIT;

	if (!silent && !p->refused)
		return;
	p->oldest = 0;
	error_depends(&err, GANTRY_DEPENDS_ON_BROKER, "%s: nothing but %s for %d s: "
		      "another connection is tried", broker_endpoint(p->broker),
		      silent ? "silence" : "refusals",
		      (silent ? PUBLISHER_CONFIRM_MS : PUBLISHER_NACKS_MS) / 1000);
	publisher_lost(p, &err);
	error_fini(&err);
}

static void publisher_count(struct publisher *p)
{
	struct order_counts counts = order_counts(p->order);

	atomic_store(&p->held, counts.held);
	atomic_store(&p->in_flight, window_count(p->window));
	atomic_store(&p->blocked, broker_is_open(p->broker) &&
				  broker_is_blocked(p->broker));
}

/* One turn. False: there is nothing to do before something happens. */
static bool publisher_turn(struct publisher *p)
{
	bool more = false;

	p->now_ms = clock_steady_ns() / 1000000;
	publisher_news(p);
	publisher_follow(p);
	if (!p->superseded)
		backlog_keep(p->backlog, p->now_ms);
	if (!broker_is_open(p->broker) && !p->superseded)
		publisher_connect(p);
	if (broker_is_open(p->broker)) {
		order_wake(p->order, p->now_ms);
		more = backlog_step(p->backlog, p->now_ms);
		more |= publisher_send(p);
		publisher_frames(p);
		/* what the frames let go */
		more |= publisher_may_send(p) && order_counts(p->order).ready > 0;
	}
	if (broker_is_open(p->broker))
		publisher_watch(p);
	publisher_count(p);
	return more;
}

static bool publisher_is_done(struct publisher *p)
{
	struct order_counts counts = order_counts(p->order);

	if (!atomic_load(&p->stopping))
		return false;
	if (p->stop_ms == 0)
		p->stop_ms = p->now_ms + PUBLISHER_FLUSH_MS;
	return !broker_is_open(p->broker) || p->now_ms >= p->stop_ms ||
	       counts.ready + counts.missing + counts.sent == 0;
}

static void *publisher_main(void *arg)
{
	struct publisher *p = arg;

	thread_begin("publisher", THREAD_LONG);
	do {
		if (!publisher_turn(p) && !publisher_is_done(p))
			publisher_sleep(p);
	} while (!publisher_is_done(p));
	publisher_tell_done(p);
	broker_close(p->broker);
	return NULL;
}

struct publisher *publisher_start(const struct publisher_options *options)
{
	struct publisher *p = memory_new(sizeof(*p));
	AUTO_FREE char *name = memory_format("gantry %s publisher", options->replica);

	p->options = *options;
	p->handover = committer_handover(options->committer);
	assert(p->handover != NULL);
	p->broker = broker_new(&(struct broker_options){
		.amqp = options->amqp, .name = name, .confirms = true });
	p->topology = topology_new(options->graph, options->amqp);
	p->order = order_new(&(struct order_limits){ PUBLISHER_ENTRIES, PUBLISHER_BYTES });
	p->window = window_new((unsigned)options->amqp->window,
			       &(struct window_ops){ publisher_settled, p });
	p->backlog = backlog_new(&(struct backlog_options){
		.order = p->order, .entries = PUBLISHER_ENTRIES,
		.committer = options->committer, .replica = options->replica,
		.storage = options->storage, .storage_self = options->storage_self });
	p->publish = (struct publish){ .broker = p->broker, .window = p->window,
				       .app_id = options->service,
				       .spans = options->spans };
	if (pthread_create(&p->thread, NULL, publisher_main, p) != 0)
		abort();
	return p;
}

void publisher_change(struct publisher *p, const struct graph *graph)
{
	struct topology *next;

	if (p == NULL)
		return;
	next = topology_new(graph, p->options.amqp);
	next = atomic_exchange(&p->next_topology, next);
	topology_free(&next);
	handover_wake(p->handover);
}

void publisher_stop(struct publisher **publisher)
{
	struct publisher *p = *publisher;
	struct topology *next;

	if (p == NULL)
		return;
	atomic_store(&p->stopping, true);
	handover_wake(p->handover);
	pthread_join(p->thread, NULL);
	backlog_free(&p->backlog);
	window_free(&p->window);
	order_free(&p->order);
	topology_free(&p->topology);
	next = atomic_load(&p->next_topology);
	topology_free(&next);
	broker_free(&p->broker);
	free(p);
	*publisher = NULL;
}

struct publisher_counts publisher_counts(const struct publisher *publisher)
{
	struct publisher *p = (struct publisher *)publisher;

	return (struct publisher_counts){
		.published = atomic_load(&p->published),
		.returned = atomic_load(&p->returned),
		.nacked = atomic_load(&p->nacked),
		.connects = atomic_load(&p->connects),
		.held = atomic_load(&p->held),
		.in_flight = atomic_load(&p->in_flight),
		.connected = atomic_load(&p->connected),
		.blocked = atomic_load(&p->blocked),
		.superseded = atomic_load(&p->is_superseded),
	};
}
