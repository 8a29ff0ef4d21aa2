/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - see status.h. /livez looks at nothing but that the loop turns;
 * /readyz says whether work is taken and the storage answers.
 */
#include "gateway/observe/status.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/observe/called.h"
#include "gateway/observe/consumed.h"

static void status_live(void *ctx, struct arena *arena, int *status,
			const char **type, const char **text, size_t *len)
{
	(void)ctx, (void)arena, (void)status, (void)type;
	*text = "{\"status\":\"pass\"}";
	*len = strlen(*text);
}

/* What keeps work out comes before what only should be looked at. */
static const char *status_reason(struct status *s, bool *fail_out)
{
	struct committer_outbox outbox = committer_outbox(s->committer);

	*fail_out = true;
	if (committer_counts(s->committer).away)
		return "storage";
	if (atomic_load(&s->stopping))
		return "stopping";
	*fail_out = false;
	if (outbox.warn || outbox.full)
		return "outbox";
	if (s->publisher != NULL && !publisher_counts(s->publisher).connected)
		return "broker";
	return called_is_stopped(s->breakers) ? "breaker" : NULL;
}

static void status_ready(void *ctx, struct arena *arena, int *status,
			 const char **type, const char **text, size_t *len)
{
	struct status *s = ctx;
	bool fail;
	const char *reason = status_reason(s, &fail);

	(void)type;
	*text = "{\"status\":\"pass\"}";
	if (reason != NULL)
		*text = arena_format(arena, "{\"status\":\"%s\",\"reason\":\"%s\"%s}",
				     fail ? "fail" : "warn", reason,
				     called_states(s->breakers, arena));
	if (reason != NULL && fail)
		*status = 503;
	*len = strlen(*text);
}

static const char *status_outbox(struct status *s, struct arena *arena)
{
	struct committer_outbox o = committer_outbox(s->committer);
	int64_t age_ms = o.oldest_ms == 0 ? 0 : clock_now_ms() - o.oldest_ms;

	return arena_format(arena,
		"# HELP gantry_outbox_events Events that wait to be published.\n"
		"# TYPE gantry_outbox_events gauge\n"
		"gantry_outbox_events %" PRId64 "\n"
		"# HELP gantry_outbox_age_seconds Age of the oldest of them.\n"
		"# TYPE gantry_outbox_age_seconds gauge\n"
		"gantry_outbox_age_seconds %.3f\n"
		"# HELP gantry_outbox_full Whether work that makes events is refused.\n"
		"# TYPE gantry_outbox_full gauge\n"
		"gantry_outbox_full %d\n"
		"# HELP gantry_outbox_dropped_total Events dropped without a broker.\n"
		"# TYPE gantry_outbox_dropped_total counter\n"
		"gantry_outbox_dropped_total %" PRIu64 "\n",
		o.rows, age_ms > 0 ? (double)age_ms / 1000 : 0.0, o.full, o.dropped);
}

static const char *status_publisher(struct status *s, struct arena *arena)
{
	struct publisher_counts p;

	if (s->publisher == NULL)
		return "";
	p = publisher_counts(s->publisher);
	return arena_format(arena,
		"# HELP gantry_publisher_connected Whether the publisher has its broker.\n"
		"# TYPE gantry_publisher_connected gauge\n"
		"gantry_publisher_connected %d\n"
		"# HELP gantry_publisher_blocked Whether the broker wants nothing for now.\n"
		"# TYPE gantry_publisher_blocked gauge\n"
		"gantry_publisher_blocked %d\n"
		"# HELP gantry_publisher_connects_total Connections made.\n"
		"# TYPE gantry_publisher_connects_total counter\n"
		"gantry_publisher_connects_total %" PRIu64 "\n"
		"# HELP gantry_published_total Events that the broker confirmed.\n"
		"# TYPE gantry_published_total counter\n"
		"gantry_published_total %" PRIu64 "\n"
		"# HELP gantry_publish_refused_total Events that the broker did not take.\n"
		"# TYPE gantry_publish_refused_total counter\n"
		"gantry_publish_refused_total{cause=\"returned\"} %" PRIu64 "\n"
		"gantry_publish_refused_total{cause=\"nacked\"} %" PRIu64 "\n"
		"# HELP gantry_publisher_held Events held back after that.\n"
		"# TYPE gantry_publisher_held gauge\n"
		"gantry_publisher_held %" PRIu64 "\n"
		"# HELP gantry_publisher_in_flight Events not confirmed yet.\n"
		"# TYPE gantry_publisher_in_flight gauge\n"
		"gantry_publisher_in_flight %" PRIu64 "\n",
		p.connected, p.blocked, p.connects, p.published, p.returned,
		p.nacked, p.held, p.in_flight);
}

static void status_metrics(void *ctx, struct arena *arena, int *status,
			   const char **type, const char **text, size_t *len)
{
	struct status *s = ctx;
	struct committer_counts c = committer_counts(s->committer);

	(void)status;
	*type = "text/plain; version=0.0.4; charset=utf-8";
	*text = arena_format(arena,
		"# HELP gantry_units_total Units committed.\n"
		"# TYPE gantry_units_total counter\n"
		"gantry_units_total %" PRIu64 "\n"
		"# HELP gantry_unit_messages_total Messages in committed units.\n"
		"# TYPE gantry_unit_messages_total counter\n"
		"gantry_unit_messages_total %" PRIu64 "\n"
		"# HELP gantry_unit_conflicts_total Units that were decided again.\n"
		"# TYPE gantry_unit_conflicts_total counter\n"
		"gantry_unit_conflicts_total %" PRIu64 "\n"
		"# HELP gantry_unit_failures_total Units that the storage did not take.\n"
		"# TYPE gantry_unit_failures_total counter\n"
		"gantry_unit_failures_total %" PRIu64 "\n"
		"# HELP gantry_messages_waiting Messages taken and not yet answered.\n"
		"# TYPE gantry_messages_waiting gauge\n"
		"gantry_messages_waiting %zu\n"
		"%s%s%s%s",
		c.units, c.messages, c.conflicts, c.failures,
		engine_waiting(s->engine), status_outbox(s, arena),
		status_publisher(s, arena), consumed_metrics(s->consumer, arena),
		called_metrics(s->breakers, s->upstreams, arena));
	*len = strlen(*text);
}

const struct http_page status_pages[STATUS_PAGES] = {
	{ "/livez", status_live },
	{ "/readyz", status_ready },
	{ "/metrics", status_metrics },
};
