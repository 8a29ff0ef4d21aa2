/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - binds a source address to a pipeline; graph - all routes and
 * instances of one configuration, fixed once it is built.
 */
#ifndef PIPELINE_ROUTE_H
#define PIPELINE_ROUTE_H

#include <gantry/plugin.h>

#include "gateway/plugin/instance.h"

#define ROUTE_MAX_STEPS 16
#define ROUTE_MAX_PARAMS 8

struct route_step {
	struct gantry_instance *instance;
	const struct gantry_handler *handler;
};

struct route_segment {
	const char *text;		/* literal, or the parameter's name */
	bool parameter;
};

struct route_binding {
	const char *exchange;
	const char *key;		/* may hold * and # */
};

struct route {
	enum gantry_source source;
	unsigned number;		/* 0 .. in the graph, dense */
	const char *address;		/* "POST /allocations", "every 10s" */
	const char *place;		/* "inventory.yaml:14:5" */

	const char *method;		/* http */
	struct route_segment *segments;
	unsigned n_segments;
	bool inject;			/* http: POST /events/... (D25) */
	bool verbatim;			/* one of its handlers is */

	const char *queue;		/* amqp */
	struct route_binding *bindings;
	unsigned n_bindings;

	int64_t every_ms;		/* schedule */
	const char *action;		/* admin */

	struct gantry_instance **auth;	/* tried in order; none: open to all */
	unsigned n_auth;
	const char *const *roles;	/* one of them is needed; NULL at the end */

	struct route_step *steps;
	unsigned n_steps;
	bool alone;			/* its units are of one message each */

	bool counted;			/* by the numbers of meters.h */
	unsigned meter;			/* of its address: http, schedule */
	unsigned step_meters[ROUTE_MAX_STEPS];
};

struct graph {
	const char *service;		/* metadata.source of events */
	struct route **routes;
	unsigned n_routes;
	struct gantry_instance **instances;
	unsigned n_instances;
	struct gantry_instance *storage;
	struct graph_memory *memory;
};

struct message_pair {
	const char *name, *value;
};

enum route_match {
	ROUTE_FOUND,
	ROUTE_NOT_FOUND,
	ROUTE_WRONG_METHOD,		/* the path is there, for other methods */
};

/*
 * The http route of a method and a raw path (without query). Segments are
 * percent-decoded one by one into memory of the arena; literal segments win
 * over parameters. %00, %2F and bad escapes match nothing. *params_out has
 * room for ROUTE_MAX_PARAMS. HEAD finds GET routes.
 */
struct arena;
enum route_match route_find_http(const struct graph *graph, const char *method,
				 const char *path, struct arena *arena,
				 const struct route **route_out,
				 struct message_pair *params_out,
				 unsigned *n_params_out);

/* "GET, PUT" for Allow: the methods that path has. Lives in arena. */
const char *route_allowed(const struct graph *graph, const char *path,
			  struct arena *arena);

/* Whether a routing key fits a binding key with * and # (AMQP topic). */
bool route_key_matches(const char *binding, const char *key);

#endif
