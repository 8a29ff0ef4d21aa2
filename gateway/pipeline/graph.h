/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph - builds what struct graph of route.h is: instances, and routes with
 * their pipelines, from a checked configuration and plugins.
 *
 * Main thread; once it is built any thread may look up routes.
 */
#ifndef PIPELINE_GRAPH_H
#define PIPELINE_GRAPH_H

#include "gateway/base/arena.h"
#include "gateway/config/config.h"
#include "gateway/pipeline/route.h"
#include "gateway/plugin/plugins.h"

#define GRAPH_METHODS 5
#define GRAPH_MAX_SEGMENTS 16

/* http routes of one method and number of segments, literal ones first. */
struct graph_bucket {
	struct route **routes;
	unsigned n;
};

struct graph_memory {
	struct arena arena;
	struct graph_bucket http[GRAPH_METHODS][GRAPH_MAX_SEGMENTS + 1];
};

/*
 * Load the plugins, make the instances, resolve the routes. All that is wrong
 * is added to problems. -1 if there are any, also of the configuration itself;
 * *out is then not touched. plugins must live longer than the graph, config
 * need not. Nothing is opened.
 */
int graph_build(const struct config *config, struct plugins *plugins,
		struct problems *problems, struct graph **out);
/*
 * The same for the graph that is to follow the newest of current. Its storage
 * is the one that is open, and so is each instance that would be the same anew
 * (instance_is_same()): with all that it remembers.
 */
struct current;
int graph_build_next(const struct config *config, struct plugins *plugins,
		     struct problems *problems, const struct current *current,
		     struct graph **out);
/* Instances that no other graph has are closed, in reverse, and freed. */
void graph_free(struct graph **graph);

/*
 * Open the instances that are not open, in order, storage first. On failure
 * those that were opened are closed again; -1 with err.
 */
int graph_open(struct graph *graph, struct gantry_error *err);
/* In reverse, but for those that another graph has. */
void graph_close(struct graph *graph);
/* The instance of a kind ("auth", descriptor_kind()) with a name, or NULL. */
struct gantry_instance *graph_instance(const struct graph *graph, const char *kind,
				       const char *name);

/* Position of a method in graph_memory.http, GRAPH_METHODS for others. */
unsigned route_method(const char *method);
/* Fill the buckets of graph->memory from its http routes. */
void route_index(struct graph *graph);

#endif
