/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - see spec.h: a plugin's descriptions by themselves, before anybody has
 * a configuration with it.
 */
#include "gateway/base/memory.h"
#include "gateway/spec/private.h"

/* A route for each handler, as if it were alone in it. */
struct check {
	struct gantry_instance instance, *instances[1];
	struct config config;
	struct graph graph;
};

static void check_route(struct check *c, struct arena *arena,
			const struct gantry_handler *handler)
{
	struct route *route = arena_zero(arena, sizeof(*route));
	struct route_step *step = arena_zero(arena, sizeof(*step));

	*step = (struct route_step){ &c->instance, handler };
	*route = (struct route){ .source = GANTRY_SOURCE_HTTP, .method = "POST",
				 .address = handler->name, .steps = step, .n_steps = 1 };
	c->graph.routes[c->graph.n_routes++] = route;
}

static struct check *check_new(const struct gantry_plugin *plugin, struct arena *arena)
{
	struct check *c = arena_zero(arena, sizeof(*c));
	size_t n = 0;

	c->config.service = "check";
	c->instance = (struct gantry_instance){
		.name = plugin->name, .plugin = plugin,
		.self = arena_zero(arena, plugin->instance_size + 1),
	};
	c->instances[0] = &c->instance;
	while (plugin->handlers != NULL && plugin->handlers[n] != NULL)
		n++;
	c->graph = (struct graph){ .service = "check", .instances = c->instances,
				   .n_instances = 1 };
	c->graph.routes = arena_zero(arena, (n + 1) * sizeof(*c->graph.routes));
	for (size_t i = 0; i < n; i++)
		check_route(c, arena, plugin->handlers[i]);
	return c;
}

int spec_check(const struct gantry_plugin *plugin, struct gantry_error *err)
{
	struct arena arena = { 0 };
	struct check *c = check_new(plugin, &arena);
	const struct spec_source source = { &c->config, &c->graph, "0" };
	json_t *api = spec_openapi(&source, err);
	json_t *events = api != NULL ? spec_asyncapi(&source, err) : NULL;
	int result = events != NULL ? 0 : -1;

	json_decref(api);
	json_decref(events);
	arena_fini(&arena);
	return result;
}
