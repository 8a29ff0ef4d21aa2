/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - see status.h. /livez looks at nothing but that the loop turns;
 * /readyz says whether work is taken and the storage answers.
 */
#include "gateway/observe/status.h"

#include <stdatomic.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/observe/called.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/route.h"

static void status_live(void *ctx, struct arena *arena, int *status,
			const char **type, const char **text, size_t *len)
{
	(void)ctx, (void)arena, (void)status, (void)type;
	*text = "{\"status\":\"pass\"}";
	*len = strlen(*text);
}

/* What keeps work out comes before what only should be looked at. */
static const char *status_reason(struct status *s, const struct graph *graph,
				 bool *fail_out)
{
	struct committer_outbox outbox = committer_outbox(s->committer);
	struct committer_counts counts = committer_counts(s->committer);

	*fail_out = true;
	if (counts.away)
		return "storage";
	if (atomic_load(&s->stopping))
		return "stopping";
	*fail_out = false;
	if (counts.stuck > 0)
		return "storage";
	if (outbox.warn || outbox.full)
		return "outbox";
	if (s->publisher != NULL && !publisher_counts(s->publisher).connected)
		return "broker";
	return called_is_stopped(graph->breakers) ? "breaker" : NULL;
}

static void status_ready(void *ctx, struct arena *arena, int *status,
			 const char **type, const char **text, size_t *len)
{
	struct status *s = ctx;
	const struct graph *graph = current_take(s->graphs);
	bool fail;
	const char *reason = status_reason(s, graph, &fail);

	(void)type;
	*text = "{\"status\":\"pass\"}";
	if (reason != NULL)
		*text = arena_format(arena, "{\"status\":\"%s\",\"reason\":\"%s\"%s}",
				     fail ? "fail" : "warn", reason,
				     called_states(graph->breakers, arena));
	if (reason != NULL && fail)
		*status = 503;
	*len = strlen(*text);
	current_release(graph);
}

const struct http_page status_pages[STATUS_PAGES] = {
	{ "/livez", status_live, NULL },
	{ "/readyz", status_ready, NULL },
	{ "/metrics", page_render, NULL },
};
