/* SPDX-License-Identifier: Apache-2.0 */
/* breakers - see breakers.h. */
#include "gateway/upstream/breakers.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"

struct guard {
	const struct gantry_instance *instance;
	unsigned users;			/* graphs; the main thread's */
	pthread_mutex_t lock;		/* of the instance and what follows;
					   taken alone */
	enum gantry_breaker_state said;	/* by the last line of the log */
	bool held;
	char refusal[128];		/* what those hear whom it stops */
};

struct breakers {
	struct guard **list;
	unsigned n;
};

static int64_t guard_now(void)
{
	return clock_steady_ns() / 1000000;
}

static struct guard *guard_new(const struct gantry_instance *instance)
{
	struct guard *guard = memory_new(sizeof(*guard));

	guard->instance = instance;
	guard->said = GANTRY_BREAKER_CLOSED;
	snprintf(guard->refusal, sizeof(guard->refusal),
		 "calls are stopped for now by the breaker %s", instance->name);
	pthread_mutex_init(&guard->lock, NULL);
	return guard;
}

/* One guard for each instance, however many graphs have it. */
static struct guard *guard_of(const struct breakers *before,
			      const struct gantry_instance *instance)
{
	for (unsigned i = 0; before != NULL && i < before->n; i++)
		if (before->list[i]->instance == instance)
			return before->list[i];
	return guard_new(instance);
}

struct breakers *breakers_next(const struct breakers *before, const struct graph *graph)
{
	struct breakers *breakers = memory_new(sizeof(*breakers));

	breakers->list = memory_new_array(graph->n_instances + 1,
					  sizeof(*breakers->list));
	for (unsigned i = 0; i < graph->n_instances; i++) {
		struct guard *guard;

		if (graph->instances[i]->plugin->breaker == NULL)
			continue;
		guard = guard_of(before, graph->instances[i]);
		guard->users++;
		breakers->list[breakers->n++] = guard;
	}
	return breakers;
}

struct breakers *breakers_new(const struct graph *graph)
{
	return breakers_next(NULL, graph);
}

void breakers_free(struct breakers **breakers_p)
{
	struct breakers *breakers = *breakers_p;

	if (breakers == NULL)
		return;
	*breakers_p = NULL;
	for (unsigned i = 0; i < breakers->n; i++) {
		struct guard *guard = breakers->list[i];

		if (--guard->users > 0)
			continue;
		pthread_mutex_destroy(&guard->lock);
		free(guard);
	}
	free(breakers->list);
	free(breakers);
}

struct guard *breakers_at(struct breakers *breakers, unsigned i)
{
	return breakers != NULL && i < breakers->n ? breakers->list[i] : NULL;
}

struct guard *breakers_find(struct breakers *breakers, const char *name)
{
	for (unsigned i = 0; i < breakers->n; i++)
		if (strcmp(guard_name(breakers->list[i]), name) == 0)
			return breakers->list[i];
	return NULL;
}

const char *guard_name(const struct guard *guard)
{
	return guard->instance->name;
}

const char *guard_refusal(const struct guard *guard)
{
	return guard->refusal;
}

const char *guard_state_name(enum gantry_breaker_state state)
{
	return state == GANTRY_BREAKER_OPEN ? "open" :
	       state == GANTRY_BREAKER_HALF_OPEN ? "half-open" : "closed";
}

static const struct gantry_breaker *guard_ops(const struct guard *guard)
{
	return guard->instance->plugin->breaker;
}

/* Lock held. One line for each change, whatever it came from. */
static void guard_tell(struct guard *guard, int64_t now)
{
	struct gantry_breaker_status s = { .size = sizeof(s) };

	guard_ops(guard)->status(guard->instance->self, now, &s);
	if (s.state == guard->said && s.held == guard->held)
		return;
	guard->said = s.state;
	guard->held = s.held;
	log_line(s.state == GANTRY_BREAKER_CLOSED ? GANTRY_LOG_INFO : GANTRY_LOG_WARNING,
		 NULL, NULL, "breaker %s: %s%s", guard_name(guard),
		 guard_state_name(s.state), s.held ? ", held" : "");
}

bool guard_permit(struct guard *guard, struct gantry_permit *permit_out,
		  int64_t *wait_ms_out)
{
	int64_t now = guard_now();
	bool permitted;

	*wait_ms_out = 0;
	*permit_out = (struct gantry_permit){ .size = sizeof(*permit_out) };
	pthread_mutex_lock(&guard->lock);
	permitted = guard_ops(guard)->permit(guard->instance->self, now, permit_out,
					     wait_ms_out);
	guard_tell(guard, now);
	pthread_mutex_unlock(&guard->lock);
	return permitted;
}

bool guard_refuses(struct guard *guard, int64_t *wait_ms_out)
{
	struct gantry_breaker_status s = { .size = sizeof(s) };
	struct gantry_permit none = { .size = sizeof(none) };
	int64_t now = guard_now();
	bool refuses;

	pthread_mutex_lock(&guard->lock);
	guard_ops(guard)->status(guard->instance->self, now, &s);
	/* only what stays open for now: a permit is not to be had to be thrown away */
	refuses = s.state == GANTRY_BREAKER_OPEN && (s.until_ms == 0 || s.until_ms > now) &&
		  !guard_ops(guard)->permit(guard->instance->self, now, &none, wait_ms_out);
	pthread_mutex_unlock(&guard->lock);
	return refuses;
}

void guard_result(struct guard *guard, const struct gantry_permit *permit,
		  enum gantry_call_result result, int64_t duration_ms)
{
	int64_t now = guard_now();

	pthread_mutex_lock(&guard->lock);
	guard_ops(guard)->result(guard->instance->self, now, permit, result,
				 duration_ms);
	guard_tell(guard, now);
	pthread_mutex_unlock(&guard->lock);
}

int guard_order(struct guard *guard, enum gantry_breaker_order order,
		int64_t for_ms, struct gantry_error *err)
{
	int64_t now = guard_now();
	int result;

	pthread_mutex_lock(&guard->lock);
	result = guard_ops(guard)->order(guard->instance->self, now, order,
					 for_ms > 0 ? now + for_ms : 0, err);
	guard_tell(guard, now);
	pthread_mutex_unlock(&guard->lock);
	return result;
}

void guard_status(struct guard *guard, struct gantry_breaker_status *out)
{
	int64_t now = guard_now();

	*out = (struct gantry_breaker_status){ .size = sizeof(*out) };
	pthread_mutex_lock(&guard->lock);
	guard_ops(guard)->status(guard->instance->self, now, out);
	pthread_mutex_unlock(&guard->lock);
	if (out->until_ms > 0)
		out->until_ms = out->until_ms > now ? out->until_ms - now : 0;
}
