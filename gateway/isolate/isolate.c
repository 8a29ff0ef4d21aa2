/* SPDX-License-Identifier: Apache-2.0 */
/* isolate - see isolate.h. */
#include "gateway/isolate/isolate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/isolate/frame.h"
#include "gateway/isolate/helper.h"

/* A process, and who may talk to it. */
struct isolate_seat {
	pthread_mutex_t lock;	/* of helper; state's is taken with it */
	struct helper helper;
};

/* The self of an instance whose handlers are elsewhere. */
struct isolate {
	struct gantry_plugin plugin;	/* as the rest sees it */
	const char *name;
	struct mould *mould;
	struct helper_spec spec;
	int64_t timeout_ms;
	struct gantry_handler *handlers;	/* in the order of the plugin's */
	bool settles;
	struct isolate_seat handling, settling;
	pthread_mutex_t state;	/* of all below; a last lock */
	int64_t deaths[ISOLATE_DEATHS];	/* steady ms, a ring */
	uint64_t n_deaths;
	int64_t quarantined_until_ms;
};

static int64_t isolate_now_ms(void)
{
	return clock_steady_ns() / 1000000;
}

static struct isolate *isolate_of(const struct gantry_message *m)
{
	return m->route->steps[m->step].instance->self;
}

static unsigned isolate_handler(const struct isolate *x, const struct gantry_message *m)
{
	return (unsigned)(m->route->steps[m->step].handler - x->handlers);
}

static void isolate_count(struct isolate *x)
{
	int64_t now = isolate_now_ms(), first;

	pthread_mutex_lock(&x->state);
	x->deaths[x->n_deaths++ % ISOLATE_DEATHS] = now;
	first = x->deaths[x->n_deaths % ISOLATE_DEATHS];
	if (x->n_deaths >= ISOLATE_DEATHS && now - first < ISOLATE_WINDOW_MS) {
		x->quarantined_until_ms = now + ISOLATE_WINDOW_MS;
		/* the next death is the first of a new row */
		memset(x->deaths, 0, sizeof(x->deaths));
		log_error("%s: its process died %d times within %d s; it is left dead for "
			  "as long", x->name, ISOLATE_DEATHS, ISOLATE_WINDOW_MS / 1000);
	}
	pthread_mutex_unlock(&x->state);
}

static int64_t isolate_quarantine_ms(struct isolate *x)
{
	int64_t left;

	pthread_mutex_lock(&x->state);
	left = x->quarantined_until_ms - isolate_now_ms();
	pthread_mutex_unlock(&x->state);
	return left > 0 ? left : 0;
}

/* Its fault it is not: the message is held or tried again, and not counted. */
static enum gantry_verdict isolate_refuse(struct isolate *x, int64_t left_ms,
					  struct gantry_error *err)
{
	error_depends(err, GANTRY_DEPENDS_ON_UPSTREAM,
		      "%s: its process died again and again; it is tried again in %lld s",
		      x->name, (long long)(left_ms / 1000 + 1));
	err->wait_ms = left_ms;
	return gantry_retry(err, "OVERLOADED");
}

/* A unit waits for what settles, and for that the processor must not be scarce. */
static int isolate_cast(struct isolate *x, struct isolate_seat *seat,
			struct gantry_error *err)
{
	struct helper_spec spec = x->spec;

	spec.behind = seat == &x->handling;
	return helper_start(&seat->helper, x->mould, &spec, err);
}

/* With the seat's lock. */
static int isolate_start(struct isolate *x, struct isolate_seat *seat,
			 struct gantry_error *err)
{
	if (seat->helper.pid != 0)
		return 0;
	if (isolate_cast(x, seat, err) == 0)
		return 0;
	isolate_count(x);
	return -1;
}

/* With the seat's lock; what the process said is in the message. */
static enum gantry_verdict isolate_exchange(struct isolate *x, struct isolate_seat *seat,
					    enum frame_work work, int64_t until_ms,
					    struct gantry_message *m,
					    struct gantry_error *err)
{
	struct helper *h = &seat->helper;
	struct wire_eye eye;

	frame_put_request(&h->pen, work, isolate_handler(x, m), m);
	if (helper_exchange(h, until_ms, err) < 0) {
		isolate_count(x);
		error_prefix(err, "%s.%s", x->name, m->route->steps[m->step].handler->name);
		log_line(GANTRY_LOG_ERROR, m->correlation_id, m->traceparent, "%s",
			 err->message);
		return GANTRY_FAILED;
	}
	eye = (struct wire_eye){ h->reply, h->reply + h->reply_len, false };
	return frame_take_reply(&eye, m, err);
}

/* On a worker, one message at a time. */
static enum gantry_verdict isolate_handle(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	struct isolate *x = self;
	enum gantry_verdict verdict = GANTRY_FAILED;
	int64_t left_ms = isolate_quarantine_ms(x);

	if (left_ms > 0)
		return isolate_refuse(x, left_ms, err);
	/* that of settle, so that a unit need not wait for its start */
	if (x->settles) {
		pthread_mutex_lock(&x->settling.lock);
		isolate_start(x, &x->settling, NULL);
		pthread_mutex_unlock(&x->settling.lock);
	}
	pthread_mutex_lock(&x->handling.lock);
	if (isolate_start(x, &x->handling, err) == 0)
		verdict = isolate_exchange(x, &x->handling, FRAME_HANDLE,
					   isolate_now_ms() + x->timeout_ms, m, err);
	else
		error_prefix(err, "%s", x->name);
	pthread_mutex_unlock(&x->handling.lock);
	return verdict;
}

/* Inside a unit: it has so long and no longer. */
static enum gantry_verdict isolate_settle(const void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	struct isolate *x = isolate_of(m);
	enum gantry_verdict verdict = GANTRY_FAILED;
	struct timespec until;

	(void)self;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ISOLATE_SETTLE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	if (pthread_mutex_clocklock(&x->settling.lock, CLOCK_MONOTONIC, &until) != 0) {
		gantry_fail(err, "%s: its process is busy", x->name);
		return GANTRY_FAILED;
	}
	if (x->settling.helper.pid == 0)
		gantry_fail(err, "%s: its process is gone", x->name);
	else
		verdict = isolate_exchange(x, &x->settling, FRAME_SETTLE,
					   isolate_now_ms() + ISOLATE_SETTLE_MS, m, err);
	pthread_mutex_unlock(&x->settling.lock);
	return verdict;
}

static int isolate_open(void *self, const struct gantry_instance *instance,
			struct gantry_error *err)
{
	struct isolate *x = self;

	(void)instance;
	if (isolate_cast(x, &x->handling, err) < 0)
		return -1;
	if (x->settles && isolate_cast(x, &x->settling, err) < 0) {
		helper_stop(&x->handling.helper);
		return -1;
	}
	return 0;
}

static void isolate_close(void *self)
{
	struct isolate *x = self;

	helper_stop(&x->handling.helper);
	helper_stop(&x->settling.helper);
}

static const struct gantry_handler **isolate_handlers(struct isolate *x,
						      const struct gantry_plugin *inner,
						      struct arena *arena)
{
	const struct gantry_handler **list;
	size_t n = 0;

	while (inner->handlers[n] != NULL)
		n++;
	x->handlers = arena_zero(arena, n * sizeof(*x->handlers));
	list = arena_zero(arena, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		x->handlers[i] = *inner->handlers[i];
		x->handlers[i].handle = isolate_handle;
		if (inner->handlers[i]->settle != NULL) {
			x->handlers[i].settle = isolate_settle;
			x->settles = true;
		}
		list[i] = &x->handlers[i];
	}
	return list;
}

/* What only the whole configuration tells: see GANTRY_OPTION_UPSTREAM. */
static const char *isolate_absent(const struct gantry_instance *i, struct arena *arena)
{
	const struct gantry_option *const *o = i->plugin->options;
	const char *names = ",";

	for (; o != NULL && *o != NULL; o++) {
		const char *const *said = (const void *)((const char *)i->self +
							 (*o)->offset);

		if ((*o)->flags & GANTRY_OPTION_UPSTREAM && *said == NULL)
			names = arena_format(arena, "%s%s,", names, (*o)->name);
	}
	return names;
}

static void isolate_wrap(struct gantry_instance *i, const struct plugins *plugins,
			 struct mould *mould)
{
	const struct gantry_plugin *inner = i->plugin;
	struct arena *arena = instance_arena(i);
	struct isolate *x = memory_new(sizeof(*x));

	x->name = i->name;
	x->mould = mould;
	x->timeout_ms = i->isolation.isolation_timeout;
	x->spec = (struct helper_spec){
		.instance = i->name, .service = i->service,
		.path = plugins_path(plugins, inner), .version = inner->version,
		.entry = i->isolation.entry, .folder = i->isolation.folder,
		.absent = isolate_absent(i, arena),
		.memory = i->isolation.isolation_memory,
	};
	pthread_mutex_init(&x->handling.lock, NULL);
	pthread_mutex_init(&x->settling.lock, NULL);
	pthread_mutex_init(&x->state, NULL);
	x->plugin = *inner;
	x->plugin.threads = GANTRY_SERIAL;
	x->plugin.handlers = isolate_handlers(x, inner, arena);
	x->plugin.open = isolate_open;
	x->plugin.close = isolate_close;
	/* its options were looked at; the process fills in its own */
	free(i->self);
	i->self = x;
	i->plugin = &x->plugin;
}

static bool isolate_is(const struct gantry_instance *i)
{
	return i->plugin->open == isolate_open;
}

static void isolate_route(struct route *route)
{
	for (unsigned n = 0; n < route->n_steps; n++) {
		struct route_step *step = &route->steps[n];
		const struct isolate *x = step->instance->self;
		unsigned i = 0;

		if (!isolate_is(step->instance))
			continue;
		while (strcmp(x->handlers[i].name, step->handler->name) != 0)
			i++;
		step->handler = &x->handlers[i];
		route->alone |= step->handler->settle != NULL;
	}
}

void isolate_graph(struct graph *graph, const struct plugins *plugins,
		   struct mould *mould)
{
	for (unsigned i = 0; i < graph->n_instances; i++)
		if (graph->instances[i]->isolation.isolation != 0 &&
		    !isolate_is(graph->instances[i]))
			isolate_wrap(graph->instances[i], plugins, mould);
	for (unsigned i = 0; i < graph->n_routes; i++)
		isolate_route(graph->routes[i]);
}

bool isolate_status(const struct gantry_instance *instance, struct isolate_status *out)
{
	struct isolate *x = instance->self;

	if (!isolate_is(instance))
		return false;
	pthread_mutex_lock(&x->state);
	out->deaths = x->n_deaths;
	out->quarantined = x->quarantined_until_ms > isolate_now_ms();
	pthread_mutex_unlock(&x->state);
	return true;
}
