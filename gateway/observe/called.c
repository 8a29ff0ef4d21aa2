/* SPDX-License-Identifier: Apache-2.0 */
/* called - see called.h. */
#include "gateway/observe/called.h"

#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/exposition.h"
#include "gateway/base/memory.h"

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

static void called_breakers(struct breakers *breakers, struct exposition *x)
{
	static const struct {
		const char *name, *help;
		enum exposition_kind kind;
	} families[] = {
		{ "gantry_breaker_state", "0: open, 1: half open, 2: closed.",
		  EXPOSITION_GAUGE },
		{ "gantry_breaker_held", "Whether an operator holds it so.",
		  EXPOSITION_GAUGE },
		{ "gantry_breaker_opened_total", "Times that it opened.",
		  EXPOSITION_COUNTER },
		{ "gantry_breaker_refused_total", "Calls that it did not let through.",
		  EXPOSITION_COUNTER },
	};
	uint64_t numbers[ARRAY_LENGTH(families)];
	struct gantry_breaker_status s;
	struct guard *guard;

	for (unsigned f = 0; f < ARRAY_LENGTH(families); f++) {
		exposition_family(x, families[f].name, families[f].kind,
				  families[f].help);
		for (unsigned i = 0; (guard = breakers_at(breakers, i)) != NULL; i++) {
			const struct exposition_label label = { "breaker",
								guard_name(guard) };

			guard_status(guard, &s);
			numbers[0] = s.state;
			numbers[1] = s.held;
			numbers[2] = s.opened;
			numbers[3] = s.refused;
			exposition_sample(x, "", &label, 1, numbers[f], 0);
		}
	}
}

static void called_outcomes(const struct upstreams *upstreams, struct exposition *x)
{
	struct upstream_counts n;

	exposition_family(x, "gantry_upstream_calls_total", EXPOSITION_COUNTER,
			  "Calls to upstreams that ended.");
	for (unsigned i = 0; upstreams_counts(upstreams, i, &n); i++)
		for (unsigned o = 0; o < UPSTREAM_OUTCOMES; o++) {
			const struct exposition_label labels[] = {
				{ "upstream", n.name },
				{ "outcome", upstream_outcome_name(o) },
			};

			exposition_sample(x, "", labels, ARRAY_LENGTH(labels),
					  n.outcomes[o], 0);
		}
}

/* A family with one number for each upstream, at offset of its counts. */
static void called_each(const struct upstreams *upstreams, struct exposition *x,
			size_t offset)
{
	struct upstream_counts n;

	for (unsigned i = 0; upstreams_counts(upstreams, i, &n); i++) {
		const struct exposition_label label = { "upstream", n.name };

		exposition_sample(x, "", &label, 1,
				  *(const uint64_t *)((const char *)&n + offset), 0);
	}
}

void called_write(struct breakers *breakers, const struct upstreams *upstreams,
		  struct exposition *x)
{
	struct upstream_counts any;

	if (breakers_at(breakers, 0) != NULL)
		called_breakers(breakers, x);
	if (!upstreams_counts(upstreams, 0, &any))
		return;
	called_outcomes(upstreams, x);
	exposition_family(x, "gantry_upstream_tries_total", EXPOSITION_COUNTER,
			  "Requests sent for them.");
	called_each(upstreams, x, offsetof(struct upstream_counts, tries));
	exposition_family(x, "gantry_upstream_under_way", EXPOSITION_GAUGE,
			  "Calls that have not ended.");
	called_each(upstreams, x, offsetof(struct upstream_counts, under_way));
}
