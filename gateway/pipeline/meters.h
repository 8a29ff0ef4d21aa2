/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meters - what is counted on the way of a message: the table for
 * base/metrics.h, and short ways to count by it.
 *
 * A new one is a row here and in gantry-metrics(7). Values of labels are few
 * and known, or bounded: never an id, a raw path, a token.
 */
#ifndef PIPELINE_METERS_H
#define PIPELINE_METERS_H

#include "gateway/base/metrics.h"

struct graph;
struct gantry_message;

enum meter {
	METER_HTTP_REQUESTS,		/* route, status */
	METER_HTTP_SECONDS,		/* route */
	METER_MESSAGES,			/* source, verdict */
	METER_HANDLER_RUNS,		/* handler, verdict */
	METER_HANDLER_SECONDS,		/* handler */
	METER_ASKS,			/* kind, result */
	METER_ASK_SECONDS,		/* kind */
	METER_UPSTREAM_SECONDS,		/* upstream */
	METER_SCHEDULE_RUNS,		/* schedule, verdict */
	METER_SCHEDULE_SECONDS,		/* schedule */
	METER_UNIT_MESSAGES,
	METER_UNIT_SECONDS,
	METER_UNIT_COMMIT_SECONDS,
	METER_UNIT_CONFLICTS,
	METER_UNIT_FAILURES,		/* cause */
	METER_COMMANDS,			/* command, result */
	METER_COMMAND_REFUSALS,		/* command, code */
	METER_REPLAYS,
	METER_LATE,
	METER_EVENTS_STAGED,		/* type */
	METER_PUBLISH_SECONDS,
	METER_EVENTS,			/* type, outcome */
	METER_DELIVERIES,		/* queue, outcome */
	METER_EVENT_SECONDS,		/* queue */
	METER_REDELIVERED,		/* queue */
	METER_SUSPECTS,
	METER_LETTERS_STORED,
	METER_PAUSES,
	METER_COUNT
};

/* For metrics_new(). */
extern const struct metrics_family meters[METER_COUNT];

/* Labels whose values come, for metrics_value(). */
extern const struct metrics_label meters_route, meters_handler, meters_schedule,
	meters_code, meters_type, meters_queue, meters_upstream;

/* Numbers of known values; others are those of the SDK's enums: verdicts,
   sources, kinds of commands, results, what storage said. */
enum meters_ask { METERS_RECORD, METERS_QUERY, METERS_UPSTREAM };
enum meters_result { METERS_ANSWERED, METERS_FAILED };
enum meters_event {
	METERS_APPLIED,
	METERS_DUPLICATE,
	METERS_REFUSED,			/* applied, and something was refused */
	METERS_RETRIED,
	METERS_DEAD,
};
/* What storage said, as a word. */
const char *meters_stored(int stored);
unsigned meters_status(int status);

/*
 * Give routes and handlers of a graph their numbers; before it is used. The
 * same names have the same numbers in the next graph.
 */
void meters_name(struct metrics *m, const struct graph *graph);

/* A handler was called; verdict and asking of the message say what it said. */
void meters_call(struct metrics *m, const struct gantry_message *message,
		 int64_t began_ns);

/* A message is through: its verdict, and if it was a tick, its run. What the
   core says to itself (leases, notes) is not counted. */
void meters_message(struct metrics *m, const struct gantry_message *message);

/* The answer to a request has gone out. */
void meters_request(struct metrics *m, const struct gantry_message *request,
		    int64_t nanoseconds);

#endif
