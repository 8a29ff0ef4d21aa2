/* SPDX-License-Identifier: Apache-2.0 */
/* graph - see graph.h. */
#include "gateway/pipeline/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/config/nearest.h"
#include "gateway/plugin/descriptor.h"

/* What of an entry came out; instance NULL if it has problems of its own. */
struct graph_use {
	const struct config_entry *entry;
	struct gantry_instance *instance;
};

struct graph_builder {
	const struct config *config;
	struct plugins *plugins;
	struct problems *problems;
	struct graph *graph;
	struct arena *arena;		/* the graph's */
	struct graph_use *uses;
	unsigned n_uses;
};

static const char *graph_text(struct graph_builder *b, const char *text)
{
	return arena_text(b->arena, text);
}

static const struct gantry_plugin *graph_plugin(struct graph_builder *b,
						const struct config_entry *entry,
						const char *kind)
{
	const struct node *name = node_get(entry->node, "plugin");
	struct gantry_error err = ERROR_INIT;
	const struct gantry_plugin *plugin;

	/* a missing name was told when the file was checked */
	if (name == NULL || name->kind != NODE_TEXT || *name->text == '\0')
		return NULL;
	plugin = plugins_load(b->plugins, name->text, &err);
	if (plugin == NULL) {
		problems_add(b->problems, name, "%s.plugin: %s", entry->path,
			     err.message);
		return NULL;
	}
	if (strcmp(descriptor_kind(plugin), kind) == 0)
		return plugin;
	problems_add(b->problems, name,
		     "%s.plugin: %s is a plugin for %s, not for %s",
		     entry->path, plugin->name, descriptor_kind(plugin), kind);
	return NULL;
}

static struct gantry_instance *graph_add(struct graph_builder *b,
					 const struct config_entry *entry,
					 const char *kind)
{
	const struct gantry_plugin *plugin = graph_plugin(b, entry, kind);
	struct graph *g = b->graph;
	struct gantry_instance *instance = NULL;

	if (plugin != NULL)
		instance = instance_new_among(plugin, entry, g->service,
					      &b->config->upstreams, b->problems);
	b->uses[b->n_uses++] = (struct graph_use){ entry, instance };
	if (instance == NULL)
		return NULL;
	instance->number = g->n_instances;
	g->instances[g->n_instances++] = instance;
	return instance;
}

static void graph_add_list(struct graph_builder *b,
			   const struct config_list *list, const char *kind)
{
	for (unsigned i = 0; i < list->n; i++)
		graph_add(b, list->items[i], kind);
}

static void graph_add_instances(struct graph_builder *b)
{
	const struct config *c = b->config;
	size_t n = 1 + c->auth.n + c->breakers.n + c->handlers.n;

	b->uses = memory_new_array(n, sizeof(*b->uses));
	b->graph->instances = arena_zero(b->arena,
					 n * sizeof(*b->graph->instances));
	if (c->storage != NULL)
		b->graph->storage = graph_add(b, c->storage, "storage");
	graph_add_list(b, &c->auth, "auth");
	graph_add_list(b, &c->breakers, "breaker");
	graph_add_list(b, &c->handlers, "handlers");
}

/* An entry of a section by its name; NULL: told already. */
static const struct graph_use *graph_find(struct graph_builder *b,
					  const char *section, const char *name,
					  struct nearest *near)
{
	for (unsigned i = 0; i < b->n_uses; i++) {
		const struct config_entry *e = b->uses[i].entry;

		if (strcmp(e->section, section) != 0)
			continue;
		if (strcmp(e->name, name) == 0)
			return &b->uses[i];
		nearest_try(near, e->name);
	}
	return NULL;
}

static const char *graph_hint(struct graph_builder *b,
			      const struct nearest *near)
{
	return nearest_hint(near, &b->problems->arena);
}

static void graph_resolve_auth(struct graph_builder *b, struct route *route,
			       const struct config_route *from)
{
	route->auth = arena_zero(b->arena,
				 (from->n_auth + 1) * sizeof(*route->auth));
	for (unsigned i = 0; i < from->n_auth; i++) {
		const struct node *name = from->auth[i];
		struct nearest near = { .wrong = name->text };
		const struct graph_use *use =
			graph_find(b, "auth", name->text, &near);

		if (use == NULL)
			problems_add(b->problems, name,
				     "%s.auth: there is no auth \"%s\"%s",
				     from->path, name->text,
				     graph_hint(b, &near));
		else if (use->instance != NULL)
			route->auth[route->n_auth++] = use->instance;
	}
}

static const struct gantry_handler *
graph_find_handler(struct graph_builder *b, const struct graph_use *use,
		   const struct node *at, const char *name)
{
	const struct gantry_plugin *plugin = use->instance->plugin;
	struct nearest near = { .wrong = name };

	for (size_t i = 0; plugin->handlers[i] != NULL; i++) {
		if (strcmp(plugin->handlers[i]->name, name) == 0)
			return plugin->handlers[i];
		nearest_try(&near, plugin->handlers[i]->name);
	}
	problems_add(b->problems, at,
		     "pipeline: %s (plugin %s) has no handler \"%s\"%s",
		     use->entry->name, plugin->name, name,
		     graph_hint(b, &near));
	return NULL;
}

static void graph_no_instance(struct graph_builder *b, const struct node *at,
			      const struct nearest *near)
{
	struct nearest none = { .wrong = near->wrong };

	if (graph_find(b, "auth", near->wrong, &none) != NULL)
		problems_add(b->problems, at,
			     "pipeline: \"%s\" is an auth, not a handler; "
			     "name it by auth:", near->wrong);
	else
		problems_add(b->problems, at,
			     "pipeline: there is no handler instance \"%s\"%s",
			     near->wrong, graph_hint(b, near));
}

static void graph_resolve_step(struct graph_builder *b, struct route *route,
			       const struct node *at)
{
	const char *dot = strchr(at->text, '.');
	struct nearest near = { 0 };
	const struct graph_use *use;
	const struct gantry_handler *handler;

	if (dot == NULL || dot == at->text || dot[1] == '\0') {
		problems_add(b->problems, at,
			     "pipeline: must be instance.handler: \"%s\"",
			     at->text);
		return;
	}
	near.wrong = arena_text_n(b->arena, at->text, (size_t)(dot - at->text));
	use = graph_find(b, "handlers", near.wrong, &near);
	if (use == NULL)
		graph_no_instance(b, at, &near);
	if (use == NULL || use->instance == NULL)
		return;
	handler = graph_find_handler(b, use, at, dot + 1);
	if (handler == NULL)
		return;
	route->steps[route->n_steps++] = (struct route_step){ use->instance, handler };
	route->verbatim |= handler->verbatim;
}

/* "/allocations/{id}": the path was checked when it was read. */
static void graph_split(struct graph_builder *b, struct route *route,
			const char *path)
{
	route->segments = arena_zero(b->arena, GRAPH_MAX_SEGMENTS *
						       sizeof(*route->segments));
	while (*path == '/' && path[1] != '\0') {
		size_t len = strcspn(++path, "/");
		bool parameter = *path == '{';

		assert(route->n_segments < GRAPH_MAX_SEGMENTS);
		route->segments[route->n_segments++] = (struct route_segment){
			arena_text_n(b->arena, path + parameter,
				     len - 2 * parameter),
			parameter,
		};
		path += len;
	}
}

static void graph_copy_bindings(struct graph_builder *b, struct route *route,
				const struct config_route *from)
{
	route->bindings = arena_zero(b->arena, (from->n_bindings + 1) *
						       sizeof(*route->bindings));
	for (unsigned i = 0; i < from->n_bindings; i++)
		route->bindings[i] = (struct route_binding){
			graph_text(b, from->bindings[i].exchange),
			graph_text(b, from->bindings[i].key),
		};
	route->n_bindings = from->n_bindings;
}

static void graph_copy_roles(struct graph_builder *b, struct route *route,
			     const struct config_route *from)
{
	size_t n = 0;
	const char **roles;

	while (from->roles != NULL && from->roles[n] != NULL)
		n++;
	roles = arena_zero(b->arena, (n + 1) * sizeof(*roles));
	for (size_t i = 0; i < n; i++)
		roles[i] = graph_text(b, from->roles[i]);
	route->roles = roles;
}

static struct route *graph_copy_route(struct graph_builder *b,
				      const struct config_route *from)
{
	struct route *route = arena_zero(b->arena, sizeof(*route));

	route->source = from->source;
	route->number = b->graph->n_routes;
	route->address = graph_text(b, from->address);
	route->place = node_place(from->entry.node, b->arena);
	route->method = graph_text(b, from->method);
	route->inject = from->inject;
	route->queue = graph_text(b, from->queue);
	route->every_ms = from->every_ms;
	route->action = graph_text(b, from->action);
	if (from->template != NULL)
		graph_split(b, route, from->template);
	graph_copy_bindings(b, route, from);
	graph_copy_roles(b, route, from);
	return route;
}

static void graph_add_route(struct graph_builder *b,
			    const struct config_route *from)
{
	struct route *route = graph_copy_route(b, from);

	graph_resolve_auth(b, route, from);
	route->steps = arena_zero(b->arena, (from->n_pipeline + 1) *
						    sizeof(*route->steps));
	for (unsigned i = 0; i < from->n_pipeline; i++)
		graph_resolve_step(b, route, from->pipeline[i]);
	b->graph->routes[b->graph->n_routes++] = route;
}

/* One queue may serve several routes, a binding of it only one. */
static void graph_check_binding(struct graph_builder *b, unsigned route,
				const struct config_binding *binding)
{
	const struct config_route *self = b->config->routes[route];

	for (unsigned i = 0; i < route; i++) {
		const struct config_route *r = b->config->routes[i];

		if (r->queue == NULL || strcmp(r->queue, self->queue) != 0)
			continue;
		for (unsigned j = 0; j < r->n_bindings; j++)
			if (strcmp(r->bindings[j].exchange,
				   binding->exchange) == 0 &&
			    strcmp(r->bindings[j].key, binding->key) == 0)
				problems_add(b->problems, binding->at,
					     "%s.amqp.bind: %s has %s/%s in "
					     "%s already", self->path,
					     self->queue, binding->exchange,
					     binding->key,
					     node_place(r->bindings[j].at,
							&b->problems->arena));
	}
}

static void graph_add_routes(struct graph_builder *b)
{
	const struct config *c = b->config;

	b->graph->routes = arena_zero(b->arena, (c->n_routes + 1) *
						sizeof(*b->graph->routes));
	for (unsigned i = 0; i < c->n_routes; i++) {
		graph_add_route(b, c->routes[i]);
		for (unsigned j = 0; j < c->routes[i]->n_bindings; j++)
			graph_check_binding(b, i, &c->routes[i]->bindings[j]);
	}
}

/* Who is to sign our tokens must be able to. */
static void graph_check_upstreams(struct graph_builder *b)
{
	const struct config *c = b->config;

	for (unsigned i = 0; i < c->upstreams.n; i++) {
		const struct config_entry *entry = c->upstreams.items[i];
		const char *name = c->upstream[i].auth;
		struct nearest near = { .wrong = name };
		const struct graph_use *use;

		use = name != NULL ? graph_find(b, "auth", name, &near) : NULL;
		if (use != NULL && use->instance != NULL &&
		    use->instance->plugin->auth->issue == NULL)
			problems_add(b->problems, node_get(entry->node, "auth"),
				     "%s.auth: %s (plugin %s) signs no tokens",
				     entry->path, name, use->instance->plugin->name);
	}
}

int graph_build(const struct config *config, struct plugins *plugins,
		struct problems *problems, struct graph **out)
{
	struct graph *graph = memory_new(sizeof(*graph));
	struct graph_builder b = { .config = config, .plugins = plugins,
				   .problems = problems, .graph = graph };

	graph->memory = memory_new(sizeof(*graph->memory));
	b.arena = &graph->memory->arena;
	graph->service = graph_text(&b, config->service);
	graph_add_instances(&b);
	graph_add_routes(&b);
	graph_check_upstreams(&b);
	free(b.uses);
	if (problems->n > 0) {
		graph_free(&graph);
		return -1;
	}
	route_index(graph);
	*out = graph;
	return 0;
}

void graph_free(struct graph **graph)
{
	struct graph *g = *graph;

	if (g == NULL)
		return;
	for (unsigned i = g->n_instances; i-- > 0;)
		instance_free(&g->instances[i]);
	arena_fini(&g->memory->arena);
	free(g->memory);
	free(g);
	*graph = NULL;
}

int graph_open(struct graph *graph, struct gantry_error *err)
{
	for (unsigned i = 0; i < graph->n_instances; i++) {
		if (instance_open(graph->instances[i], err) == 0)
			continue;
		graph_close(graph);
		return -1;
	}
	return 0;
}

void graph_close(struct graph *graph)
{
	for (unsigned i = graph->n_instances; i-- > 0;)
		instance_close(graph->instances[i]);
}
