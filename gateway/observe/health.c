/* SPDX-License-Identifier: Apache-2.0 */
/* health - see health.h. */
#include "gateway/observe/health.h"

#include <stdatomic.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/isolate/isolate.h"
#include "gateway/pipeline/route.h"

const char *health_name(enum health health)
{
	static const char *const names[] = { "pass", "warn", "fail" };

	return names[health];
}

/* Each look returns how it is and puts what it rests on into its object. */
typedef enum health health_check(struct status *s, const struct graph *graph, json_t *o);

static enum health health_storage(struct status *s, const struct graph *graph, json_t *o)
{
	struct committer_counts counts = committer_counts(s->committer);

	(void)graph;
	json_object_set_new(o, "lanesStuck", json_integer(counts.stuck));
	return counts.away ? HEALTH_FAIL : counts.stuck > 0 ? HEALTH_WARN : HEALTH_PASS;
}

/* Without a broker events wait, as the configuration wants. */
static enum health health_broker(struct status *s, const struct graph *graph, json_t *o)
{
	struct publisher_counts p;

	(void)graph;
	json_object_set_new(o, "configured", json_boolean(s->publisher != NULL));
	if (s->publisher == NULL)
		return HEALTH_PASS;
	p = publisher_counts(s->publisher);
	json_object_set_new(o, "connected", json_boolean(p.connected));
	json_object_set_new(o, "blocked", json_boolean(p.blocked));
	json_object_set_new(o, "held", json_integer((json_int_t)p.held));
	return !p.connected || p.blocked || p.superseded ? HEALTH_WARN : HEALTH_PASS;
}

static enum health health_consumer(struct status *s, const struct graph *graph, json_t *o)
{
	const struct consumer *consumer = atomic_load(&s->consumer);
	struct consumer_counts c;

	(void)graph;
	json_object_set_new(o, "configured", json_boolean(consumer != NULL));
	if (consumer == NULL)
		return HEALTH_PASS;
	c = consumer_counts(consumer);
	json_object_set_new(o, "connected", json_boolean(c.connected));
	json_object_set_new(o, "paused", json_boolean(c.paused));
	json_object_set_new(o, "held", json_integer((json_int_t)c.held));
	return !c.connected || c.paused ? HEALTH_WARN : HEALTH_PASS;
}

static enum health health_breaker(struct status *s, const struct graph *graph, json_t *o)
{
	enum health worst = HEALTH_PASS;
	struct guard *guard;

	(void)s;
	for (unsigned i = 0; (guard = breakers_at(graph->breakers, i)) != NULL; i++) {
		struct gantry_breaker_status b;

		guard_status(guard, &b);
		json_object_set_new(o, guard_name(guard),
				    json_string(guard_state_name(b.state)));
		if (b.state != GANTRY_BREAKER_CLOSED)
			worst = HEALTH_WARN;
	}
	return worst;
}

/* Full: orders are refused, which is what the other side wants to know. */
static enum health health_outbox(struct status *s, const struct graph *graph, json_t *o)
{
	struct committer_outbox outbox = committer_outbox(s->committer);
	int64_t age_ms = outbox.rows == 0 || outbox.oldest_ms == 0 ? 0 :
			 clock_now_ms() - outbox.oldest_ms;

	(void)graph;
	json_object_set_new(o, "events", json_integer((json_int_t)outbox.rows));
	json_object_set_new(o, "ageSeconds", json_integer(age_ms > 0 ? age_ms / 1000 : 0));
	if (outbox.full && s->publisher != NULL)
		return HEALTH_FAIL;
	return outbox.warn || outbox.full ? HEALTH_WARN : HEALTH_PASS;
}

/* Handlers in processes of their own, of those that die again and again. */
static enum health health_isolation(struct status *s, const struct graph *graph, json_t *o)
{
	enum health worst = HEALTH_PASS;

	(void)s;
	for (unsigned i = 0; i < graph->n_instances; i++) {
		struct isolate_status is;

		if (!isolate_status(graph->instances[i], &is))
			continue;
		json_object_set_new(o, graph->instances[i]->name,
				    json_string(is.quarantined ? "left dead" : "runs"));
		if (is.quarantined)
			worst = HEALTH_WARN;
	}
	return worst;
}

enum health health_look(struct status *s, const struct graph *graph, json_t **tree_out)
{
	static const struct {
		const char *name;
		health_check *check;
	} checks[] = {
		{ "storage", health_storage }, { "broker", health_broker },
		{ "breaker", health_breaker }, { "consumer", health_consumer },
		{ "outbox", health_outbox }, { "isolation", health_isolation },
	};
	enum health worst = atomic_load(&s->stopping) ? HEALTH_FAIL : HEALTH_PASS;
	json_t *tree = json_object();

	for (unsigned i = 0; i < ARRAY_LENGTH(checks); i++) {
		json_t *o = json_object(), *one;
		enum health health = checks[i].check(s, graph, o);

		one = json_pack("{ss}", "status", health_name(health));
		json_object_update(one, o);
		json_decref(o);
		json_object_set_new(tree, checks[i].name, one);
		if (health > worst)
			worst = health;
	}
	if (tree_out != NULL)
		*tree_out = tree;
	else
		json_decref(tree);
	return worst;
}
