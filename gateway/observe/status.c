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

static void status_live(void *ctx, struct arena *arena, int *status,
			const char **type, const char **text, size_t *len)
{
	(void)ctx, (void)arena, (void)status, (void)type;
	*text = "{\"status\":\"pass\"}";
	*len = strlen(*text);
}

static void status_ready(void *ctx, struct arena *arena, int *status,
			 const char **type, const char **text, size_t *len)
{
	struct status *s = ctx;
	bool away = committer_counts(s->committer).away;

	(void)arena, (void)type;
	*text = "{\"status\":\"pass\"}";
	if (away || atomic_load(&s->stopping)) {
		*status = 503;
		*text = away ? "{\"status\":\"fail\",\"reason\":\"storage\"}" :
			       "{\"status\":\"fail\",\"reason\":\"stopping\"}";
	}
	*len = strlen(*text);
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
		"gantry_messages_waiting %zu\n",
		c.units, c.messages, c.conflicts, c.failures,
		engine_waiting(s->engine));
	*len = strlen(*text);
}

const struct http_page status_pages[STATUS_PAGES] = {
	{ "/livez", status_live },
	{ "/readyz", status_ready },
	{ "/metrics", status_metrics },
};
