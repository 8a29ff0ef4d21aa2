/* SPDX-License-Identifier: Apache-2.0 */
/* meters - see meters.h. The table, and nothing that decides anything. */
#include "gateway/pipeline/meters.h"

#include "gateway/base/memory.h"
#include "gateway/pipeline/message.h"

#define METERS_MS UINT64_C(1000000)
#define METERS_S UINT64_C(1000000000)

/* From what is answered in memory to what a person waits for. */
static const uint64_t meters_seconds[] = {
	METERS_MS / 4, METERS_MS / 2, METERS_MS, METERS_MS * 5 / 2, METERS_MS * 5,
	METERS_MS * 10, METERS_MS * 25, METERS_MS * 50, METERS_MS * 100,
	METERS_MS * 250, METERS_MS * 500, METERS_S, METERS_S * 5 / 2, METERS_S * 5,
	METERS_S * 10, METERS_S * 30,
};
/* A call of a function that does not wait. */
static const uint64_t meters_short[] = {
	5000, 10000, 25000, 50000, 100000, 250000, 500000, METERS_MS,
	METERS_MS * 5, METERS_MS * 25, METERS_MS * 100, METERS_S,
};
/* Events may wait for a broker for days. */
static const uint64_t meters_wait[] = {
	METERS_MS, METERS_MS * 5, METERS_MS * 10, METERS_MS * 25, METERS_MS * 50,
	METERS_MS * 100, METERS_MS * 250, METERS_S / 2, METERS_S, METERS_S * 5,
	METERS_S * 30, METERS_S * 60, METERS_S * 300, METERS_S * 3600,
};
static const uint64_t meters_batch[] = { 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 };

/* Values that are "" are never counted. */
static const char *const meters_sources[] = {
	"", [GANTRY_SOURCE_HTTP] = "http", [GANTRY_SOURCE_AMQP] = "amqp",
	[GANTRY_SOURCE_SCHEDULE] = "schedule", [GANTRY_SOURCE_ADMIN] = "admin", NULL
};
static const char *const meters_verdicts[] = {
	[GANTRY_FAILED] = "failed", [GANTRY_REJECTED] = "rejected",
	[GANTRY_NEXT] = "next", [GANTRY_DONE] = "done", NULL
};
static const char *const meters_ends[] = {
	[GANTRY_FAILED] = "failed", [GANTRY_REJECTED] = "rejected",
	[GANTRY_NEXT] = "", [GANTRY_DONE] = "done", NULL
};
static const char *const meters_kinds[] = {
	[METERS_RECORD] = "record", [METERS_QUERY] = "query",
	[METERS_UPSTREAM] = "upstream", NULL
};
/* What is read from the storage. */
static const char *const meters_reads[] = {
	[METERS_RECORD] = "record", [METERS_QUERY] = "query", NULL
};
static const char *const meters_results[] = {
	[METERS_ANSWERED] = "answered", [METERS_FAILED] = "failed", NULL
};
static const char *const meters_events[] = {
	[METERS_APPLIED] = "applied", [METERS_DUPLICATE] = "duplicate",
	[METERS_REFUSED] = "refused", [METERS_RETRIED] = "retried",
	[METERS_DEAD] = "dead", NULL
};
static const char *const meters_causes[] = {
	[GANTRY_BROKEN] = "broken", [GANTRY_STORED] = "",
	[GANTRY_CONFLICT] = "conflict", [GANTRY_AWAY] = "away",
	[GANTRY_FULL] = "full", [GANTRY_REFUSED_ROW] = "refused_row", NULL
};
static const char *const meters_commands[] = {
	"", [GANTRY_ALLOCATE] = "allocate", [GANTRY_CONFIRM] = "confirm",
	[GANTRY_CANCEL] = "cancel", [GANTRY_FULFILL] = "fulfill",
	[GANTRY_EXPIRE] = "expire", [GANTRY_ORDER_OPEN] = "order_open",
	[GANTRY_ORDER_CONFIRM] = "order_confirm",
	[GANTRY_ORDER_CANCEL] = "order_cancel", [GANTRY_ITEM_CREATE] = "item_create",
	[GANTRY_ITEM_ADJUST] = "item_adjust",
	[GANTRY_RETURN_EXPECT] = "return_expect",
	[GANTRY_RETURN_RECEIVE] = "return_receive", [GANTRY_VERIFY] = "verify",
	[GANTRY_ITEM_RECOUNT] = "item_recount", NULL
};
static const char *const meters_decisions[] = {
	[GANTRY_REFUSED] = "refused", [GANTRY_APPLIED] = "applied",
	[GANTRY_STOOD] = "stood", NULL
};

/* What a plugin may answer with beside them is "other". */
#define METERS_STATUSES(X) \
	X(200) X(201) X(202) X(204) X(207) X(304) X(400) X(401) X(403) X(404) X(405) \
	X(408) X(409) X(410) X(412) X(413) X(415) X(417) X(422) X(428) X(429) X(431) \
	X(500) X(501) X(502) X(503) X(504) X(505)
#define METERS_NUMBER(n) n,
#define METERS_TEXT(n) #n,
static const int meters_numbers[] = { METERS_STATUSES(METERS_NUMBER) };
static const char *const meters_statuses[] = {
	METERS_STATUSES(METERS_TEXT) "other", NULL
};

const struct metrics_label meters_route = { .name = "route", .room = 128 };
const struct metrics_label meters_handler = { .name = "handler", .room = 128 };
const struct metrics_label meters_schedule = { .name = "schedule", .room = 64 };
const struct metrics_label meters_code = { .name = "code", .room = 32 };
const struct metrics_label meters_type = { .name = "type", .room = 32 };
const struct metrics_label meters_queue = { .name = "queue", .room = 32 };
const struct metrics_label meters_upstream = { .name = "upstream", .room = 32 };
static const struct metrics_label meters_of_status = { "status", meters_statuses, 0 };
static const struct metrics_label meters_source = { "source", meters_sources, 0 };
static const struct metrics_label meters_verdict = { "verdict", meters_verdicts, 0 };
static const struct metrics_label meters_end = { "verdict", meters_ends, 0 };
static const struct metrics_label meters_kind = { "kind", meters_kinds, 0 };
static const struct metrics_label meters_read = { "kind", meters_reads, 0 };
static const struct metrics_label meters_result = { "result", meters_results, 0 };
static const struct metrics_label meters_outcome = { "outcome", meters_events, 0 };
static const struct metrics_label meters_of_cause = { "cause", meters_causes, 0 };
static const struct metrics_label meters_command = { "command", meters_commands, 0 };
static const struct metrics_label meters_decision = { "result", meters_decisions, 0 };

#define METERS_HISTOGRAM(array, power) \
	.bounds = (array), .n_bounds = ARRAY_LENGTH(array), .decimals = (power)

const struct metrics_family meters[METER_COUNT] = {
	[METER_HTTP_REQUESTS] = {
		"gantry_http_requests_total", "Requests that were answered.",
		{ &meters_route, &meters_of_status } },
	[METER_HTTP_SECONDS] = {
		"gantry_http_request_duration_seconds",
		"From the first line of a request to its answer.",
		{ &meters_route }, METERS_HISTOGRAM(meters_seconds, 9) },
	[METER_MESSAGES] = {
		"gantry_messages_total", "Messages that are through.",
		{ &meters_source, &meters_end } },
	[METER_HANDLER_RUNS] = {
		"gantry_handler_runs_total",
		"Calls of a handler that came to a verdict.",
		{ &meters_handler, &meters_verdict } },
	[METER_HANDLER_SECONDS] = {
		"gantry_handler_duration_seconds",
		"Time in a handler, each call for itself.",
		{ &meters_handler }, METERS_HISTOGRAM(meters_short, 9) },
	[METER_ASKS] = {
		"gantry_asks_total", "What handlers asked for.",
		{ &meters_kind, &meters_result } },
	[METER_ASK_SECONDS] = {
		"gantry_ask_duration_seconds",
		"Time of a read, which may answer many asks.",
		{ &meters_read }, METERS_HISTOGRAM(meters_seconds, 9) },
	[METER_UPSTREAM_SECONDS] = {
		"gantry_upstream_call_duration_seconds",
		"Time of a call to an upstream, all its tries and pauses together.",
		{ &meters_upstream }, METERS_HISTOGRAM(meters_seconds, 9) },
	[METER_SCHEDULE_RUNS] = {
		"gantry_schedule_runs_total", "Ticks that are through.",
		{ &meters_schedule, &meters_end } },
	[METER_SCHEDULE_SECONDS] = {
		"gantry_schedule_duration_seconds", "From a tick to its end.",
		{ &meters_schedule }, METERS_HISTOGRAM(meters_seconds, 9) },
	[METER_UNIT_MESSAGES] = {
		"gantry_unit_messages", "Messages in a committed unit.",
		{ NULL }, METERS_HISTOGRAM(meters_batch, 0) },
	[METER_UNIT_SECONDS] = {
		"gantry_unit_duration_seconds",
		"Time of a unit, all its tries together.",
		{ NULL }, METERS_HISTOGRAM(meters_seconds, 9) },
	[METER_UNIT_COMMIT_SECONDS] = {
		"gantry_unit_commit_duration_seconds",
		"Time to store a unit and make it durable.",
		{ NULL }, METERS_HISTOGRAM(meters_seconds, 9) },
	[METER_UNIT_CONFLICTS] = {
		"gantry_unit_conflicts_total", "Units that were decided again.", { NULL } },
	[METER_UNIT_FAILURES] = {
		"gantry_unit_failures_total", "Units that the storage did not take.",
		{ &meters_of_cause } },
	[METER_COMMANDS] = {
		"gantry_commands_total", "Stock commands that were decided.",
		{ &meters_command, &meters_decision } },
	[METER_COMMAND_REFUSALS] = {
		"gantry_command_refusals_total", "Those that were refused, by their code.",
		{ &meters_command, &meters_code } },
	[METER_REPLAYS] = {
		"gantry_idempotent_replays_total",
		"Requests that were answered as their key was before.", { NULL } },
	[METER_LATE] = {
		"gantry_messages_late_total",
		"Messages that had waited too long for their unit.", { NULL } },
	[METER_EVENTS_STAGED] = {
		"gantry_events_staged_total", "Events that were put into the outbox.",
		{ &meters_type } },
	[METER_PUBLISH_SECONDS] = {
		"gantry_publish_lag_seconds",
		"From the unit that made an event to the confirm of the broker.",
		{ NULL }, METERS_HISTOGRAM(meters_wait, 9) },
	[METER_EVENTS] = {
		"gantry_events_total", "Events that were consumed.",
		{ &meters_type, &meters_outcome } },
	[METER_DELIVERIES] = {
		"gantry_deliveries_total", "The same by queue.",
		{ &meters_queue, &meters_outcome } },
	[METER_EVENT_SECONDS] = {
		"gantry_event_duration_seconds",
		"From the arrival of a delivery to what became of it.",
		{ &meters_queue }, METERS_HISTOGRAM(meters_seconds, 9) },
	[METER_REDELIVERED] = {
		"gantry_events_redelivered_total", "Events that came once more.",
		{ &meters_queue } },
	[METER_SUSPECTS] = {
		"gantry_event_suspects_total", "Events handed over alone.", { NULL } },
	[METER_LETTERS_STORED] = {
		"gantry_dead_letters_stored_total",
		"Dead letters taken from their queue into the storage.", { NULL } },
	[METER_PAUSES] = {
		"gantry_consumer_pauses_total", "Times that consuming paused.", { NULL } },
};

const char *meters_stored(int stored)
{
	return (unsigned)stored + 1 < ARRAY_LENGTH(meters_causes) ?
		meters_causes[stored] : "other";
}

unsigned meters_status(int status)
{
	unsigned i = 0;

	while (i < ARRAY_LENGTH(meters_numbers) && meters_numbers[i] != status)
		i++;
	return i;
}

/* Each of n values of the second label. */
static void meters_show(struct metrics *m, enum meter meter, unsigned value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		metrics_show(m, meter, value, i);
}

static unsigned meters_step(struct metrics *m, const struct route_step *step)
{
	AUTO_FREE char *name = memory_format("%s.%s", step->instance->name,
					     step->handler->name);

	unsigned handler = metrics_value(m, &meters_handler, name);

	meters_show(m, METER_HANDLER_RUNS, handler, GANTRY_DONE + 1);
	return handler;
}

/* Those that somebody waits to be told of. */
static unsigned meters_address(struct metrics *m, const char *address)
{
	unsigned route = metrics_value(m, &meters_route, address);

	metrics_show(m, METER_HTTP_REQUESTS, route, meters_status(500));
	metrics_show(m, METER_HTTP_REQUESTS, route, meters_status(503));
	return route;
}

static void meters_name_queue(struct metrics *m, const char *name)
{
	unsigned queue = metrics_value(m, &meters_queue, name);

	meters_show(m, METER_DELIVERIES, queue, METERS_DEAD + 1);
	metrics_show(m, METER_REDELIVERED, queue, 0);
}

/* Two ticks may have the same interval: the first handler tells them apart. */
static unsigned meters_tick(struct metrics *m, const struct route *route)
{
	AUTO_FREE char *name = memory_format("%s %s.%s", route->address,
					     route->steps[0].instance->name,
					     route->steps[0].handler->name);

	unsigned tick = metrics_value(m, &meters_schedule, name);

	meters_show(m, METER_SCHEDULE_RUNS, tick, GANTRY_DONE + 1);
	return tick;
}

void meters_name(struct metrics *m, const struct graph *graph)
{
	for (unsigned i = 0; i < graph->n_routes; i++) {
		struct route *route = graph->routes[i];

		if (route->source == GANTRY_SOURCE_HTTP)
			route->meter = meters_address(m, route->address);
		else if (route->source == GANTRY_SOURCE_SCHEDULE)
			route->meter = meters_tick(m, route);
		else if (route->source == GANTRY_SOURCE_AMQP)
			meters_name_queue(m, route->queue);
		for (unsigned k = 0; k < route->n_steps; k++)
			route->step_meters[k] = meters_step(m, &route->steps[k]);
		route->counted = true;
	}
}

void meters_call(struct metrics *m, const struct gantry_message *message,
		 int64_t began_ns)
{
	unsigned handler = message->route->step_meters[message->step];

	if (!message->route->counted)
		return;
	metrics_observe_since(m, METER_HANDLER_SECONDS, handler, 0, began_ns);
	if (!message->asking)
		metrics_add(m, METER_HANDLER_RUNS, handler, message->verdict, 1);
}

/* What the core says to itself, by routes that are in no configuration. */
static bool meters_is_own(const struct gantry_message *message)
{
	return message->lease != NULL || message->note != NULL ||
	       (message->route != NULL && !message->route->counted);
}

void meters_message(struct metrics *m, const struct gantry_message *message)
{
	enum gantry_verdict verdict = message->answer.verdict;

	if (meters_is_own(message))
		return;
	metrics_add(m, METER_MESSAGES, message->source, verdict, 1);
	if (message->source != GANTRY_SOURCE_SCHEDULE)
		return;
	metrics_add(m, METER_SCHEDULE_RUNS, message->route->meter, verdict, 1);
	metrics_observe_since(m, METER_SCHEDULE_SECONDS, message->route->meter, 0,
			      message->submitted_ns);
}

void meters_request(struct metrics *m, const struct gantry_message *request,
		    int64_t nanoseconds)
{
	unsigned route = request->route != NULL ? request->route->meter :
						  metrics_value(m, &meters_route, "none");

	metrics_add(m, METER_HTTP_REQUESTS, route, meters_status(request->answer.status), 1);
	metrics_observe(m, METER_HTTP_SECONDS, route, 0, (uint64_t)nanoseconds);
}
