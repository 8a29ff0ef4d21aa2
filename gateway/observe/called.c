/* SPDX-License-Identifier: Apache-2.0 */
/* called - see called.h. Names of the configuration need no escaping. */
#include "gateway/observe/called.h"

#include <inttypes.h>

static enum gantry_breaker_state called_state(struct guard *guard)
{
	struct gantry_breaker_status status;

	guard_status(guard, &status);
	return status.state;
}

bool called_is_stopped(struct breakers *breakers)
{
	struct guard *guard;

	for (unsigned i = 0; (guard = breakers_at(breakers, i)) != NULL; i++)
		if (called_state(guard) != GANTRY_BREAKER_CLOSED)
			return true;
	return false;
}

const char *called_states(struct breakers *breakers, struct arena *arena)
{
	const char *text = "";
	struct guard *guard;

	for (unsigned i = 0; (guard = breakers_at(breakers, i)) != NULL; i++) {
		enum gantry_breaker_state state = called_state(guard);

		if (state != GANTRY_BREAKER_CLOSED)
			text = arena_format(arena, "%s%s\"%s\":\"%s\"", text,
					    *text != '\0' ? "," : "",
					    guard_name(guard), guard_state_name(state));
	}
	return *text == '\0' ? "" : arena_format(arena, ",\"breakers\":{%s}", text);
}

static const char *called_breakers(struct breakers *breakers, struct arena *arena)
{
	const char *states = "", *opened = "", *refused = "";
	struct gantry_breaker_status s;
	struct guard *guard;

	for (unsigned i = 0; (guard = breakers_at(breakers, i)) != NULL; i++) {
		const char *name = guard_name(guard);

		guard_status(guard, &s);
		states = arena_format(arena, "%sgantry_breaker_state{breaker=\"%s\"} %d\n",
				      states, name, (int)s.state);
		opened = arena_format(arena, "%sgantry_breaker_opened_total{breaker=\"%s\"} %"
				      PRIu64 "\n", opened, name, s.opened);
		refused = arena_format(arena, "%sgantry_breaker_refused_total{breaker=\"%s\"} %"
				       PRIu64 "\n", refused, name, s.refused);
	}
	return *states == '\0' ? "" : arena_format(arena,
		"# HELP gantry_breaker_state 0: open, 1: half open, 2: closed.\n"
		"# TYPE gantry_breaker_state gauge\n%s"
		"# HELP gantry_breaker_opened_total Times that it opened.\n"
		"# TYPE gantry_breaker_opened_total counter\n%s"
		"# HELP gantry_breaker_refused_total Calls that it did not let through.\n"
		"# TYPE gantry_breaker_refused_total counter\n%s",
		states, opened, refused);
}

static const char *called_upstreams(const struct upstreams *upstreams,
				    struct arena *arena)
{
	const char *calls = "", *tries = "", *seconds = "", *now = "";
	struct upstream_counts n;

	for (unsigned i = 0; upstreams_counts(upstreams, i, &n); i++) {
		for (unsigned o = 0; o < UPSTREAM_OUTCOMES; o++)
			calls = arena_format(arena, "%sgantry_upstream_calls_total{upstream="
					     "\"%s\",outcome=\"%s\"} %" PRIu64 "\n", calls,
					     n.name, upstream_outcome_name(o), n.outcomes[o]);
		tries = arena_format(arena, "%sgantry_upstream_tries_total{upstream=\"%s\"} %"
				     PRIu64 "\n", tries, n.name, n.tries);
		seconds = arena_format(arena, "%sgantry_upstream_seconds_total{upstream=\"%s\""
				       "} %.3f\n", seconds, n.name,
				       (double)n.waited_ms / 1000);
		now = arena_format(arena, "%sgantry_upstream_under_way{upstream=\"%s\"} %"
				   PRIu64 "\n", now, n.name, n.under_way);
	}
	return *calls == '\0' ? "" : arena_format(arena,
		"# HELP gantry_upstream_calls_total Calls to upstreams that ended.\n"
		"# TYPE gantry_upstream_calls_total counter\n%s"
		"# HELP gantry_upstream_tries_total Requests sent for them.\n"
		"# TYPE gantry_upstream_tries_total counter\n%s"
		"# HELP gantry_upstream_seconds_total Time that they took together.\n"
		"# TYPE gantry_upstream_seconds_total counter\n%s"
		"# HELP gantry_upstream_under_way Calls that have not ended.\n"
		"# TYPE gantry_upstream_under_way gauge\n%s",
		calls, tries, seconds, now);
}

const char *called_metrics(struct breakers *breakers, const struct upstreams *upstreams,
			   struct arena *arena)
{
	return arena_format(arena, "%s%s", called_breakers(breakers, arena),
			    called_upstreams(upstreams, arena));
}
