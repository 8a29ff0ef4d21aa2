/* SPDX-License-Identifier: Apache-2.0 */
/* schedule - see schedule.h. */
#include "gateway/source/schedule.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/engine.h"

#define SCHEDULE_MS INT64_C(1000000)
#define SCHEDULE_FIRST_MS 10000
#define SCHEDULE_MAX_AGAIN 32
#define SCHEDULE_PAUSE_MS 100
#define SCHEDULE_RETRY_MS 1000
#define SCHEDULE_MAX_RETRY_MS 300000
/* Whose turn it was comes first; the others later than that. */
#define SCHEDULE_LATER_MS 20
#define SCHEDULE_MAX_LATER_MS 1000
/* A turn is kept when half of the interval is left of it. */
#define SCHEDULE_LEFT 2
/* A turn is longer by what storage took to answer, this many times. */
#define SCHEDULE_LONGER 2
#define SCHEDULE_MAX_LONGER_MS 60000
#define SCHEDULE_NAME 500

enum schedule_state { SCHEDULE_RESTING, SCHEDULE_RUNNING, SCHEDULE_ANSWERED };

struct schedule_tick {
	struct gantry_message m, wish;	/* wish: for the lease */
	struct lease lease;
	struct schedule_tick *next;
	char *lease_name;		/* the same: the same tick */
	char *address;			/* of its route */
	int64_t every_ms;
	struct schedule *schedule;
	const struct graph *graph;	/* held; NULL: it is new */
	const struct route *route;	/* of that graph */
	const struct route *next_route;	/* of the schedule's; NULL: it ends */
	int64_t due_ns;
	int64_t regular_ns;		/* when the next turn begins */
	int64_t asked_ns;		/* the wish */
	int64_t longer_ms;		/* than the interval, the next turn */
	int64_t until_ns;		/* the turn is ours until then; 0: it is not */
	bool begun;			/* and for the tick that is due */
	int64_t renew_ns;		/* too little is left of it */
	int64_t epoch;			/* of our turn */
	bool renewing;			/* the wish is for a tick that ran */
	unsigned failures, agains;	/* in a row */
	enum schedule_state state;	/* of m; guarded by the schedule's lock */
	enum schedule_state wishing;	/* of wish; the same */
};

struct schedule {
	struct engine *engine;
	pthread_t thread;

	pthread_mutex_t lock;		/* guards what follows, and each state */
	pthread_cond_t changed;
	const struct graph *graph;	/* held */
	struct schedule_tick *ticks;
	bool stop;
};

/* Any thread, also inside engine_submit(). */
static void schedule_answered(struct gantry_message *m)
{
	struct schedule_tick *tick = m->home_data;
	struct schedule *s = tick->schedule;
	enum schedule_state *state = m == &tick->m ? &tick->state : &tick->wishing;

	pthread_mutex_lock(&s->lock);
	assert(*state == SCHEDULE_RUNNING);
	*state = SCHEDULE_ANSWERED;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static const struct message_home schedule_home = { .answer = schedule_answered };

static int64_t schedule_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t schedule_random(int64_t below)
{
	uint64_t n;

	ids_random(&n, sizeof(n));
	return below > 0 ? (int64_t)(n % (uint64_t)below) : 0;
}

static void schedule_submit(struct schedule_tick *tick, struct gantry_message *m,
			    struct lease *lease)
{
	char *id;

	message_init(m, GANTRY_SOURCE_SCHEDULE, &schedule_home);
	m->home_data = tick;
	m->route = tick->route;
	m->graph = current_hold(tick->graph);
	m->received_ms = clock_now_ms();
	m->lease = lease;
	id = arena_alloc(&m->arena, IDS_ULID);
	ids_ulid(m->received_ms, id);
	m->id = id;
	if (lease == NULL)
		trace_begin(m, engine_spans(tick->schedule->engine));
	engine_submit(tick->schedule->engine, m);
}

/* Twice as long with each failure, and up to a quarter more by chance. */
static int64_t schedule_backoff_ms(const struct schedule_tick *tick)
{
	int64_t ms = schedule_min(tick->every_ms, SCHEDULE_RETRY_MS);

	for (unsigned i = 1; i < tick->failures && ms < SCHEDULE_MAX_RETRY_MS; i++)
		ms *= 2;
	ms = schedule_min(ms, SCHEDULE_MAX_RETRY_MS);
	return ms + schedule_random(ms / 4);
}

/* What was missed is left out. */
static void schedule_plan_regular(struct schedule_tick *tick, int64_t now_ns)
{
	tick->begun = false;
	int64_t every_ns = tick->every_ms * SCHEDULE_MS;

	if (tick->regular_ns <= now_ns)
		tick->regular_ns += (now_ns - tick->regular_ns) / every_ns * every_ns +
				    every_ns;
	tick->due_ns = tick->regular_ns;
}

static void schedule_plan_again(struct schedule_tick *tick, int64_t now_ns)
{
	tick->due_ns = now_ns;
	if (++tick->agains <= SCHEDULE_MAX_AGAIN)
		return;
	tick->agains = 0;
	tick->due_ns += schedule_min(tick->every_ms, SCHEDULE_PAUSE_MS) * SCHEDULE_MS;
}

static void schedule_trace(const struct schedule_tick *tick)
{
	struct span *span = trace_own(&tick->m, tick->route->address, SPAN_INTERNAL);

	if (span == NULL)
		return;
	trace_verdict(span, &tick->m, true);
	span_commit(tick->m.trace.spans, span);
}

/* The tick is through: when does the next one come? */
static void schedule_plan(struct schedule_tick *tick, int64_t now_ns)
{
	struct gantry_message *m = &tick->m;
	enum gantry_verdict verdict = m->answer.verdict;
	int64_t wait_ms;

	schedule_trace(tick);
	tick->failures = verdict == GANTRY_FAILED ? tick->failures + 1 : 0;
	if (verdict == GANTRY_FAILED) {
		wait_ms = schedule_backoff_ms(tick);
		tick->agains = 0;
		tick->due_ns = now_ns + wait_ms * SCHEDULE_MS;
		log_line(GANTRY_LOG_WARNING, m->correlation_id, m->traceparent,
			 "schedule: %s: failed, next try in %lld ms",
			 tick->address, (long long)wait_ms);
	} else if (m->answer.again && tick->until_ns > now_ns) {
		schedule_plan_again(tick, now_ns);
	} else {
		tick->agains = 0;
		schedule_plan_regular(tick, now_ns);
	}
	if (verdict == GANTRY_REJECTED)
		log_line(GANTRY_LOG_ERROR, m->correlation_id, m->traceparent,
			 "schedule: %s: rejected", tick->address);
	message_clear(m);
}

/*
 * The lease. Of all replicas the one that has the turn ticks; a turn is as
 * long as the interval, and whoever comes first behind it has the next one.
 */

static void schedule_later(struct schedule_tick *tick, int64_t from_ns, int64_t most_ms)
{
	tick->due_ns = from_ns + (SCHEDULE_LATER_MS + schedule_random(most_ms)) * SCHEDULE_MS;
}

/* It is somebody else's turn, or was until now. */
static void schedule_not_ours(struct schedule_tick *tick, int64_t now_ns)
{
	int64_t left_ms = tick->lease.left_ms > 0 ? tick->lease.left_ms : 0;

	tick->until_ns = 0;
	tick->begun = false;
	if (tick->renewing)
		return;
	tick->failures = tick->agains = 0;
	schedule_later(tick, now_ns + left_ms * SCHEDULE_MS,
		       schedule_min(tick->every_ms / 4, SCHEDULE_MAX_LATER_MS));
}

/* Storage did not say. */
static void schedule_unknown(struct schedule_tick *tick, int64_t now_ns)
{
	int64_t wait_ms = schedule_min(tick->every_ms, SCHEDULE_RETRY_MS);

	tick->renew_ns = now_ns + wait_ms * SCHEDULE_MS;
	if (!tick->renewing)
		schedule_later(tick, tick->renew_ns, wait_ms / 4);
}

/* Storage counts from a moment since we asked: the turn is ours no longer than from
   the earliest one; the next begins when it has run out from the latest one. */
static void schedule_ours(struct schedule_tick *tick, int64_t now_ns)
{
	const struct lease *lease = &tick->lease;

	tick->epoch = lease->epoch;
	tick->until_ns = tick->asked_ns + lease->left_ms * SCHEDULE_MS;
	tick->renew_ns = tick->until_ns - lease->ms * SCHEDULE_MS / SCHEDULE_LEFT;
	if (lease->how == LEASE_TURN)
		tick->regular_ns = now_ns + lease->left_ms * SCHEDULE_MS;
	if (tick->renewing)
		return;
	tick->due_ns = now_ns;
	tick->begun = true;
}

/* Of a turn that storage takes half of to give, nothing would be left to tick in. */
static void schedule_lengthen(struct schedule_tick *tick, int64_t now_ns)
{
	int64_t took_ms = (now_ns - tick->asked_ns) / SCHEDULE_MS;

	tick->longer_ms = 0;
	if (took_ms * SCHEDULE_LEFT >= tick->every_ms)
		tick->longer_ms = schedule_min(took_ms * SCHEDULE_LONGER,
					       SCHEDULE_MAX_LONGER_MS);
}

/* The answer to the wish is here. */
static void schedule_heard(struct schedule_tick *tick, int64_t now_ns)
{
	schedule_lengthen(tick, now_ns);
	if (tick->wish.answer.verdict != GANTRY_DONE)
		schedule_unknown(tick, now_ns);
	else if (tick->lease.held)
		schedule_ours(tick, now_ns);
	else
		schedule_not_ours(tick, now_ns);
	message_clear(&tick->wish);
}

static void schedule_ask(struct schedule_tick *tick, int64_t now_ns)
{
	bool keeps = tick->renewing || (tick->begun && tick->until_ns > now_ns);

	tick->lease = (struct lease){ .name = tick->lease_name,
				      .how = keeps ? LEASE_KEEP : LEASE_TURN,
				      .ms = tick->every_ms + tick->longer_ms,
				      .since = tick->until_ns != 0 ? tick->epoch : 0 };
	tick->asked_ns = now_ns;
	schedule_submit(tick, &tick->wish, &tick->lease);
}

/* The thread. */

/* When there is something to do for a tick without an answer. */
static int64_t schedule_due_ns(const struct schedule_tick *tick)
{
	if (tick->wishing == SCHEDULE_RUNNING)
		return INT64_MAX;
	if (tick->state == SCHEDULE_RUNNING)
		return tick->until_ns != 0 ? tick->renew_ns : INT64_MAX;
	return tick->schedule->stop ? INT64_MAX : tick->due_ns;
}

static void schedule_hear(struct schedule_tick *tick)
{
	if (tick->wishing == SCHEDULE_ANSWERED) {
		schedule_heard(tick, clock_steady_ns());
		tick->wishing = SCHEDULE_RESTING;
	}
	if (tick->state == SCHEDULE_ANSWERED) {
		schedule_plan(tick, clock_steady_ns());
		tick->state = SCHEDULE_RESTING;
	}
}

static void schedule_forget(struct schedule_tick *tick)
{
	current_release(tick->graph);
	message_fini(&tick->m);
	message_fini(&tick->wish);
	free(tick->lease_name);
	free(tick->address);
	free(tick);
}

/* What is at the engine ends on the graph that it began on. False: it is gone. */
static bool schedule_follow(struct schedule *s, struct schedule_tick **at)
{
	struct schedule_tick *tick = *at;

	if (tick->graph == s->graph || tick->state != SCHEDULE_RESTING ||
	    tick->wishing != SCHEDULE_RESTING)
		return true;
	if (tick->next_route == NULL) {
		*at = tick->next;
		schedule_forget(tick);
		return false;
	}
	current_release(tick->graph);
	tick->graph = current_hold(s->graph);
	tick->route = tick->next_route;
	return true;
}

/* The tick that is due next, or NULL if all are at the engine. */
static struct schedule_tick *schedule_next(struct schedule *s)
{
	struct schedule_tick *next = NULL, *tick, **at = &s->ticks;

	while ((tick = *at) != NULL) {
		schedule_hear(tick);
		if (!schedule_follow(s, at))
			continue;
		at = &tick->next;
		if (schedule_due_ns(tick) != INT64_MAX &&
		    (next == NULL || schedule_due_ns(tick) < schedule_due_ns(next)))
			next = tick;
	}
	return next;
}

static void schedule_wait(struct schedule *s, const struct schedule_tick *next)
{
	struct timespec until;

	if (next == NULL) {
		pthread_cond_wait(&s->changed, &s->lock);
		return;
	}
	until.tv_sec = schedule_due_ns(next) / 1000000000;
	until.tv_nsec = schedule_due_ns(next) % 1000000000;
	pthread_cond_timedwait(&s->changed, &s->lock, &until);
}

/* Tick if the turn is ours for a while, else ask for it. */
static void schedule_act(struct schedule *s, struct schedule_tick *tick)
{
	int64_t now_ns = clock_steady_ns();
	bool ticks = tick->state == SCHEDULE_RESTING && tick->begun &&
		     now_ns < tick->renew_ns && now_ns < tick->until_ns;

	tick->renewing = tick->state == SCHEDULE_RUNNING;
	if (ticks)
		tick->state = SCHEDULE_RUNNING;
	else
		tick->wishing = SCHEDULE_RUNNING;
	/* the answer may come inside, and takes the lock */
	pthread_mutex_unlock(&s->lock);
	if (ticks)
		schedule_submit(tick, &tick->m, NULL);
	else
		schedule_ask(tick, now_ns);
	pthread_mutex_lock(&s->lock);
}

static bool schedule_is_running(const struct schedule *s)
{
	for (const struct schedule_tick *tick = s->ticks; tick != NULL; tick = tick->next)
		if (tick->state == SCHEDULE_RUNNING || tick->wishing == SCHEDULE_RUNNING)
			return true;
	return false;
}

/* Until the end a tick that runs keeps its turn. */
static void *schedule_run(void *arg)
{
	struct schedule *s = arg;

	thread_begin("schedule", THREAD_LONG);
	pthread_mutex_lock(&s->lock);
	while (!s->stop || schedule_is_running(s)) {
		struct schedule_tick *next = schedule_next(s);

		if (next == NULL || schedule_due_ns(next) > clock_steady_ns())
			schedule_wait(s, next);
		else
			schedule_act(s, next);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Two routes may have one interval, but not one pipeline. Ids have 512 bytes. */
static char *schedule_lease_name(const struct route *route)
{
	char *name = memory_format("schedule:%s", route->address);

	for (unsigned i = 0; i < route->n_steps; i++) {
		char *longer = memory_format("%.*s%s%s.%s", SCHEDULE_NAME, name,
					     i == 0 ? ": " : ", ",
					     route->steps[i].instance->name,
					     route->steps[i].handler->name);

		free(name);
		name = longer;
	}
	if (strlen(name) > SCHEDULE_NAME)
		name[SCHEDULE_NAME] = '\0';
	return name;
}

static void schedule_add(struct schedule *s, const struct route *route, char *name)
{
	struct schedule_tick *tick = memory_new(sizeof(*tick));
	int64_t within_ms = schedule_min(route->every_ms, SCHEDULE_FIRST_MS);

	assert(route->every_ms > 0);
	tick->schedule = s;
	tick->next_route = route;
	tick->every_ms = route->every_ms;
	tick->address = memory_text(route->address);
	tick->lease_name = name;
	tick->due_ns = clock_steady_ns() + schedule_random(within_ms * SCHEDULE_MS);
	tick->next = s->ticks;
	s->ticks = tick;
}

/* One that is not there yet is added. */
static void schedule_match(struct schedule *s, const struct route *route)
{
	char *name = schedule_lease_name(route);
	struct schedule_tick *tick = s->ticks;

	while (tick != NULL && (tick->next_route != NULL ||
				strcmp(tick->lease_name, name) != 0))
		tick = tick->next;
	if (tick == NULL) {
		schedule_add(s, route, name);
		return;
	}
	free(name);
	tick->next_route = route;
}

void schedule_change(struct schedule *s, const struct graph *graph)
{
	const struct graph *before;

	pthread_mutex_lock(&s->lock);
	before = s->graph;
	s->graph = current_hold(graph);
	for (struct schedule_tick *tick = s->ticks; tick != NULL; tick = tick->next)
		tick->next_route = NULL;
	for (unsigned i = 0; i < graph->n_routes; i++)
		if (graph->routes[i]->source == GANTRY_SOURCE_SCHEDULE)
			schedule_match(s, graph->routes[i]);
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	current_release(before);
}

static struct schedule *schedule_new(struct engine *engine, const struct graph *graph)
{
	struct schedule *s = memory_new(sizeof(*s));
	pthread_condattr_t attr;

	s->engine = engine;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	schedule_change(s, graph);
	return s;
}

static void schedule_drop(struct schedule *s)
{
	while (s->ticks != NULL) {
		struct schedule_tick *tick = s->ticks;

		s->ticks = tick->next;
		schedule_forget(tick);
	}
	current_release(s->graph);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int schedule_start(struct engine *engine, const struct graph *graph,
		   struct schedule **schedule_out, struct gantry_error *err)
{
	struct schedule *s = schedule_new(engine, graph);
	sigset_t all, before;
	int failed;

	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&s->thread, NULL, schedule_run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		schedule_drop(s);
		return gantry_fail(err, "schedule: cannot start a thread: %s",
				   strerror(failed));
	}
	*schedule_out = s;
	return 0;
}

void schedule_stop(struct schedule *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void schedule_free(struct schedule **schedule_p)
{
	struct schedule *s = *schedule_p;

	if (s == NULL)
		return;
	*schedule_p = NULL;
	schedule_stop(s);
	pthread_join(s->thread, NULL);
	schedule_drop(s);
}
