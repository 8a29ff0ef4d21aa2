/* SPDX-License-Identifier: Apache-2.0 */
/* consumed - see consumed.h. */
#include "gateway/observe/consumed.h"

#include <inttypes.h>

/* Types are printable; quotes and backslashes are escaped for the page. */
static const char *consumed_label(const char *type, struct arena *arena)
{
	char *text = arena_alloc(arena, 2 * TALLY_MAX_TYPE + 1), *out = text;

	for (; *type != '\0'; type++) {
		if (*type == '"' || *type == '\\')
			*out++ = '\\';
		*out++ = *type;
	}
	*out = '\0';
	return text;
}

static const char *consumed_type(const char *before, const struct tally_type *type,
				 struct arena *arena)
{
	const char *label = consumed_label(type->type, arena);

	for (unsigned i = 0; i < TALLY_OUTCOMES; i++)
		if (type->outcomes[i] > 0)
			before = arena_format(arena, "%sgantry_events_total{type=\"%s\","
					      "outcome=\"%s\"} %" PRIu64 "\n",
					      before, label, tally_outcome_name(i),
					      type->outcomes[i]);
	return before;
}

static const char *consumed_events(const struct tally_counts *n, struct arena *arena)
{
	const char *text = "# HELP gantry_events_total Events that were consumed.\n"
			   "# TYPE gantry_events_total counter\n";

	for (unsigned i = 0; i < n->n_types; i++)
		text = consumed_type(text, &n->types[i], arena);
	return consumed_type(text, &n->types[TALLY_TYPES], arena);
}

static const char *consumed_seconds(const struct tally_counts *n, struct arena *arena)
{
	const char *text = "# HELP gantry_event_seconds From the broker to the answer.\n"
			   "# TYPE gantry_event_seconds histogram\n";
	uint64_t sum = 0;

	for (unsigned i = 0; i < TALLY_BUCKETS; i++) {
		sum += n->buckets[i];
		text = arena_format(arena, "%sgantry_event_seconds_bucket{le=\"%g\"} %"
				    PRIu64 "\n", text, tally_bounds[i], sum);
	}
	sum += n->buckets[TALLY_BUCKETS];
	return arena_format(arena,
		"%sgantry_event_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n"
		"gantry_event_seconds_sum %.6f\n"
		"gantry_event_seconds_count %" PRIu64 "\n",
		text, sum, n->seconds, sum);
}

static const char *consumed_rest(const struct tally_counts *n, struct arena *arena)
{
	return arena_format(arena,
		"# HELP gantry_events_redelivered_total Events that came once more.\n"
		"# TYPE gantry_events_redelivered_total counter\n"
		"gantry_events_redelivered_total %" PRIu64 "\n"
		"# HELP gantry_event_suspects_total Events handed over alone.\n"
		"# TYPE gantry_event_suspects_total counter\n"
		"gantry_event_suspects_total %" PRIu64 "\n"
		"# HELP gantry_dead_letters_stored_total Dead letters taken from their queue.\n"
		"# TYPE gantry_dead_letters_stored_total counter\n"
		"gantry_dead_letters_stored_total %" PRIu64 "\n"
		"# HELP gantry_consumer_pauses_total Times that consuming paused.\n"
		"# TYPE gantry_consumer_pauses_total counter\n"
		"gantry_consumer_pauses_total %" PRIu64 "\n"
		"# HELP gantry_consumer_paused Whether it is paused.\n"
		"# TYPE gantry_consumer_paused gauge\n"
		"gantry_consumer_paused %" PRIu64 "\n"
		"# HELP gantry_consumer_connected Whether the consumer has its broker.\n"
		"# TYPE gantry_consumer_connected gauge\n"
		"gantry_consumer_connected %" PRIu64 "\n"
		"# HELP gantry_consumer_held Events held and not handed over.\n"
		"# TYPE gantry_consumer_held gauge\n"
		"gantry_consumer_held %" PRIu64 "\n"
		"# HELP gantry_consumer_passing Events on the way to their next queue.\n"
		"# TYPE gantry_consumer_passing gauge\n"
		"gantry_consumer_passing %" PRIu64 "\n",
		n->redelivered, n->suspects, n->letters, n->pauses, n->paused,
		n->connected, n->held, n->passing);
}

const char *consumed_metrics(struct consumer *c, struct arena *arena)
{
	struct tally_counts *n;

	if (c == NULL)
		return "";
	n = arena_alloc(arena, sizeof(*n));
	consumer_counts(c, n);
	return arena_format(arena, "%s%s%s", consumed_events(n, arena),
			    consumed_seconds(n, arena), consumed_rest(n, arena));
}
