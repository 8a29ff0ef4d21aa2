/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstreams - the upstreams of a graph (see upstream.h). What the next graph
 * has just so is one to both: with its connections, its queue, its token and its
 * numbers. All graphs share one thread.
 */
#include <assert.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/config/upstreams.h"
#include "gateway/upstream/caller.h"
#include "gateway/upstream/token.h"
#include "gateway/upstream/traced.h"
#include "gateway/upstream/transfer.h"

/* What all graphs share; the main thread's. */
struct upstreams_shared {
	struct caller *caller;
	struct upstream **all;		/* that the caller serves */
	unsigned n_all, users;		/* users: graphs */
};

struct upstreams {
	struct upstream **list;
	unsigned n;
	struct upstreams_shared *shared;
};

struct upstream *upstreams_find(const struct upstreams *upstreams, const char *name)
{
	for (unsigned i = 0; upstreams != NULL && i < upstreams->n; i++)
		if (strcmp(upstreams->list[i]->config.name, name) == 0)
			return upstreams->list[i];
	return NULL;
}

static struct gantry_instance *upstream_auth(const char *name, const struct graph *graph)
{
	for (unsigned i = 0; name != NULL && i < graph->n_instances; i++)
		if (graph->instances[i]->plugin->auth != NULL &&
		    strcmp(graph->instances[i]->name, name) == 0)
			return graph->instances[i];
	return NULL;
}

static struct upstream *upstream_new(const struct config_upstream *config,
				     const struct graph *graph,
				     struct breakers *breakers)
{
	struct upstream *up = memory_new(sizeof(*up));
	struct gantry_instance *auth = upstream_auth(config->auth, graph);

	up->end = &up->first;
	up->config.name = arena_text(&up->arena, config->name);
	values_copy(upstreams_options, &up->arena, config, &up->config);
	up->url = transfer_url(&up->config);
	up->spare = memory_new_array((size_t)up->config.pool, sizeof(*up->spare));
	up->files = values_look(upstreams_options, config, &up->arena);
	if (config->breaker != NULL)
		up->guard = breakers_find(breakers, config->breaker);
	if (up->guard != NULL)
		up->refusal = arena_format(&up->arena, "%s: %s", up->config.name,
					   guard_refusal(up->guard));
	up->auth = auth;
	if (auth != NULL)
		up->token = token_new(&up->config, auth,
				      arena_text(&up->arena, graph->service));
	return up;
}

static void upstream_free(struct upstream *up)
{
	assert(atomic_load(&up->under_way) == 0);
	token_free(&up->token);
	caller_forget(up);
	arena_fini(&up->arena);
	free(up);
}

static bool upstream_is_same(const struct upstream *a, const struct upstream *b)
{
	return a->guard == b->guard && a->auth == b->auth &&
	       values_differ(upstreams_options, &a->config, &b->config) == NULL &&
	       values_same_files(a->files, b->files);
}

/* One of another shape goes on counting where the last one was. */
static void upstream_count_on(struct upstream *up, struct upstream *before)
{
	for (unsigned o = 0; o < UPSTREAM_OUTCOMES; o++)
		atomic_init(&up->outcomes[o], atomic_load(&before->outcomes[o]));
	atomic_init(&up->tries, atomic_load(&before->tries));
}

static struct upstream *upstream_next(const struct upstreams *before, struct upstream *up)
{
	struct upstream *old = upstreams_find(before, up->config.name);

	if (old == NULL)
		return up;
	if (!upstream_is_same(old, up)) {
		upstream_count_on(up, old);
		return up;
	}
	upstream_free(up);
	return old;
}

/* The caller serves those that a graph has: those of u are new, or NULL. */
static void upstreams_serve(struct upstreams_shared *shared, const struct upstreams *u)
{
	unsigned room = shared->n_all + (u != NULL ? u->n : 0), n = 0;
	struct upstream **all = memory_new_array(room + 1, sizeof(*all));

	for (unsigned i = 0; i < shared->n_all; i++)
		if (shared->all[i]->users > 0)
			all[n++] = shared->all[i];
	for (unsigned i = 0; u != NULL && i < u->n; i++) {
		if (!u->list[i]->served)
			all[n++] = u->list[i];
		u->list[i]->served = true;
	}
	caller_serve(shared->caller, all, n);
	for (unsigned i = 0; i < shared->n_all; i++)
		if (shared->all[i]->users == 0)
			upstream_free(shared->all[i]);
	free(shared->all);
	shared->all = all;
	shared->n_all = n;
}

struct upstreams *upstreams_next(const struct upstreams *before,
				 const struct config *config,
				 const struct graph *graph, struct breakers *breakers)
{
	struct upstreams *u = memory_new(sizeof(*u));

	if (before != NULL) {
		u->shared = before->shared;
	} else {
		u->shared = memory_new(sizeof(*u->shared));
		u->shared->caller = caller_start();
	}
	u->shared->users++;
	u->list = memory_new_array(config->upstreams.n + 1, sizeof(*u->list));
	for (; u->n < config->upstreams.n; u->n++) {
		u->list[u->n] = upstream_next(before, upstream_new(
			&config->upstream[u->n], graph, breakers));
		/* one that was there is the thread's already */
		if (u->list[u->n]->caller == NULL)
			u->list[u->n]->caller = u->shared->caller;
		u->list[u->n]->users++;
	}
	upstreams_serve(u->shared, u);
	return u;
}

struct upstreams *upstreams_start(const struct config *config,
				  const struct graph *graph,
				  struct breakers *breakers)
{
	return upstreams_next(NULL, config, graph, breakers);
}

void upstreams_stop(struct upstreams **upstreams)
{
	struct upstreams *u = *upstreams;
	struct upstreams_shared *shared;

	if (u == NULL)
		return;
	*upstreams = NULL;
	shared = u->shared;
	for (unsigned i = 0; i < u->n; i++)
		u->list[i]->users--;
	upstreams_serve(shared, NULL);
	if (--shared->users == 0) {
		caller_stop(&shared->caller);
		free(shared->all);
		free(shared);
	}
	free(u->list);
	free(u);
}

/* Open breakers answer at once: no thread is woken to say no. */
bool upstreams_refuse(void *upstreams, struct call *call)
{
	struct upstream *up = upstreams_find(upstreams, call->request.upstream);
	struct traced traced = { .call_ns = 0 };
	int64_t wait;

	if (up == NULL || up->guard == NULL || !guard_refuses(up->guard, &wait))
		return false;
	atomic_fetch_add(&up->outcomes[UPSTREAM_REFUSED], 1);
	call->error.wait_ms = wait;
	traced_call_begin(&traced, call);
	traced_call_end(&traced, call, &(struct traced_call){ 0, up->guard, "CIRCUIT_OPEN",
		guard_refusal(up->guard) });
	error_depends(&call->error, GANTRY_DEPENDS_ON_UPSTREAM, "%s", up->refusal);
	gantry_retry(&call->error, "CIRCUIT_OPEN");
	return true;
}

void upstreams_make(void *upstreams, struct call *call)
{
	struct upstreams *u = upstreams;

	call->maker = u;
	call->began_ns = clock_steady_ns();
	caller_push(u->shared->caller, call);
}

bool upstreams_counts(const struct upstreams *upstreams, unsigned i,
		      struct upstream_counts *out)
{
	struct upstream *up;

	if (upstreams == NULL || i >= upstreams->n)
		return false;
	up = upstreams->list[i];
	out->name = up->config.name;
	for (unsigned o = 0; o < UPSTREAM_OUTCOMES; o++)
		out->outcomes[o] = atomic_load(&up->outcomes[o]);
	out->tries = atomic_load(&up->tries);
	out->under_way = atomic_load(&up->under_way);
	return true;
}

const char *upstream_outcome_name(enum upstream_outcome outcome)
{
	static const char *const names[] = { "answered", "failed", "refused",
					     "overloaded" };

	assert((unsigned)outcome < UPSTREAM_OUTCOMES);
	return names[outcome];
}
