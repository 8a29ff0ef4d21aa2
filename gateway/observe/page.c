/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page - /metrics: what was counted on the way of messages, and how things
 * stand now. On the loop of the admin listener: asks storage for nothing.
 */
#include <stdatomic.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/exposition.h"
#include "gateway/base/memory.h"
#include "gateway/base/metrics.h"
#include "gateway/observe/backlogs.h"
#include "gateway/observe/called.h"
#include "gateway/observe/census.h"
#include "gateway/observe/process.h"
#include "gateway/observe/status.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/route.h"
#include "gateway/observe/traces.h"

static void page_build(struct exposition *x)
{
	const struct exposition_label labels[] = {
		{ "version", VERSION_TEXT },
		{ "libmicrohttpd", http_library() },
	};

	exposition_family(x, "gantry_build_info", EXPOSITION_GAUGE,
			  "What runs here; always 1.");
	exposition_sample(x, "", labels, ARRAY_LENGTH(labels), 1, 0);
}

static void page_by(struct exposition *x, const char *label, const char *value,
		    uint64_t number)
{
	exposition_sample(x, "", &(struct exposition_label){ label, value }, 1, number, 0);
}

static void page_waiting(const struct status *s, struct exposition *x)
{
	exposition_gauge(x, "gantry_messages_waiting",
			 "Messages taken and not yet answered.",
			 engine_waiting(s->engine), 0);
	exposition_family(x, "gantry_queue_messages", EXPOSITION_GAUGE,
			  "Those of them that wait for their turn.");
	page_by(x, "queue", "committer", committer_waiting(s->committer));
	page_by(x, "queue", "readers", engine_waiting_readers(s->engine));
	page_by(x, "queue", "workers", engine_waiting_workers(s->engine));
	exposition_gauge(x, "gantry_lanes_stuck",
			 "Lanes that the storage has not answered for a while.",
			 committer_counts(s->committer).stuck, 0);
}

static void page_http(struct status *s, struct exposition *x)
{
	const struct http *api = atomic_load(&s->api);
	struct http_counts n = { 0 };

	if (api != NULL)
		n = http_counts(api);
	exposition_gauge(x, "gantry_http_connections", "Open connections of the API.",
			 n.open, 0);
	exposition_counter(x, "gantry_http_connections_cut_total",
			   "Connections that were cut before a request was whole.",
			   n.cut, 0);
}

static void page_outbox(const struct status *s, struct exposition *x)
{
	struct committer_outbox o = committer_outbox(s->committer);
	/* the oldest is looked at now and then, and may be gone */
	int64_t age_ms = o.rows == 0 || o.oldest_ms == 0 ? 0 :
			 clock_now_ms() - o.oldest_ms;

	exposition_gauge(x, "gantry_outbox_events", "Events that wait to be published.",
			 (uint64_t)o.rows, 0);
	exposition_gauge(x, "gantry_outbox_age_seconds", "Age of the oldest of them.",
			 age_ms > 0 ? (uint64_t)age_ms : 0, 3);
	exposition_gauge(x, "gantry_outbox_warn", "Whether a bound of it is near.",
			 o.warn, 0);
	exposition_gauge(x, "gantry_outbox_full",
			 "Whether work that makes events is refused.", o.full, 0);
	exposition_counter(x, "gantry_outbox_dropped_total",
			   "Events dropped without a broker.", o.dropped, 0);
}

static void page_publisher(const struct status *s, struct exposition *x)
{
	struct publisher_counts p;

	if (s->publisher == NULL)
		return;
	p = publisher_counts(s->publisher);
	exposition_gauge(x, "gantry_publisher_connected",
			 "Whether the publisher has its broker.", p.connected, 0);
	exposition_gauge(x, "gantry_publisher_blocked",
			 "Whether the broker wants nothing for now.", p.blocked, 0);
	exposition_gauge(x, "gantry_publisher_superseded",
			 "Whether a newer gateway has our name.", p.superseded, 0);
	exposition_counter(x, "gantry_publisher_connects_total", "Connections made.",
			   p.connects, 0);
	exposition_counter(x, "gantry_published_total",
			   "Events that the broker confirmed.", p.published, 0);
	exposition_family(x, "gantry_publish_refused_total", EXPOSITION_COUNTER,
			  "Events that the broker did not take, each time.");
	page_by(x, "cause", "returned", p.returned);
	page_by(x, "cause", "nacked", p.nacked);
	exposition_gauge(x, "gantry_publisher_held", "Events held back after that.",
			 p.held, 0);
	exposition_gauge(x, "gantry_publisher_in_flight", "Events not confirmed yet.",
			 p.in_flight, 0);
}

static void page_consumer(const struct status *s, struct exposition *x)
{
	const struct consumer *consumer = atomic_load(&((struct status *)s)->consumer);
	struct consumer_counts c;

	if (consumer == NULL)
		return;
	c = consumer_counts(consumer);
	exposition_gauge(x, "gantry_consumer_connected",
			 "Whether the consumer has its broker.", c.connected, 0);
	exposition_gauge(x, "gantry_consumer_paused",
			 "Whether consuming pauses as storage is away.", c.paused, 0);
	exposition_gauge(x, "gantry_consumer_held", "Events held and not handed over.",
			 c.held, 0);
	exposition_gauge(x, "gantry_consumer_passing",
			 "Events on the way to their next queue.", c.passing, 0);
}

static void page_letters(const struct status *s, struct exposition *x)
{
	struct census_counts counts;

	exposition_family(x, "gantry_dead_letters_open", EXPOSITION_GAUGE,
			  "Dead letters that nobody has resolved.");
	if (s->census == NULL || !census_read(s->census, &counts))
		return;
	for (unsigned i = 0; i < counts.n; i++)
		page_by(x, "cause", counts.causes[i].cause, counts.causes[i].n);
	page_by(x, "cause", "other", counts.others);
}

static void page_backlogs(const struct status *s, struct arena *arena,
			  struct exposition *x)
{
	struct backlogs *backlogs = arena_alloc(arena, sizeof(*backlogs));

	if (s->census == NULL)
		return;
	census_backlogs(s->census, backlogs);
	backlogs_write(backlogs, clock_now_ms(), x);
}

static void page_reloads(const struct status *status, struct exposition *x)
{
	struct status_reloads *r = &((struct status *)status)->reloads;

	exposition_family(x, "gantry_reloads_total", EXPOSITION_COUNTER,
			  "Times that the configuration was read again.");
	page_by(x, "result", "done", atomic_load(&r->done));
	page_by(x, "result", "refused", atomic_load(&r->refused));
	exposition_gauge(x, "gantry_reload_refused", "Whether the last time was in vain.",
			 atomic_load(&r->last_refused), 0);
	exposition_gauge(x, "gantry_plugin_files_replaced",
			 "Files of plugins that were replaced, and whose code is still there.",
			 atomic_load(&r->replaced), 0);
}

static void page_called(const struct status *s, struct exposition *x)
{
	const struct graph *graph = current_take(s->graphs);

	called_write(graph->breakers, graph->upstreams, x);
	current_release(graph);
}

void page_render(void *ctx, struct arena *arena, int *status, const char **type,
		 const char **text, size_t *len)
{
	struct status *s = ctx;
	struct exposition x;

	(void)status;
	exposition_init(&x, arena);
	page_build(&x);
	metrics_write(s->metrics, &x);
	page_waiting(s, &x);
	page_http(s, &x);
	exposition_gauge(&x, "gantry_storage_up", "Whether storage takes what it is given.",
			 !committer_counts(s->committer).away, 0);
	page_outbox(s, &x);
	page_publisher(s, &x);
	page_consumer(s, &x);
	page_letters(s, &x);
	page_backlogs(s, arena, &x);
	page_reloads(s, &x);
	page_called(s, &x);
	traces_write(s->traces, &x);
	process_write(&x);
	*type = EXPOSITION_TYPE;
	*text = exposition_done(&x, len);
}
