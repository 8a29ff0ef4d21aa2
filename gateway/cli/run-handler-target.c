/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-handler-target - which handlers are run: those of a plugin's file with
 * options of their own, or one of a configuration, or a letter's pipeline.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/run-handler.h"
#include "gateway/cli/trial.h"
#include "gateway/commit/schema.h"
#include "gateway/pipeline/graph.h"

static int target_fail(const char *what, const char *why)
{
	fprintf(stderr, "gantry: %s: %s\n", what, why);
	return COMMON_USAGE;
}

static const struct gantry_handler *target_handler(const struct gantry_plugin *plugin,
						   const char *name)
{
	const struct gantry_handler *const *list = plugin->handlers;

	if (list == NULL)
		return NULL;
	if (name == NULL)
		return list[0] != NULL && list[1] == NULL ? list[0] : NULL;
	for (; *list != NULL; list++)
		if (strcmp((*list)->name, name) == 0)
			return *list;
	return NULL;
}

static enum gantry_source target_source(const struct run_handler *r,
					enum gantry_source otherwise)
{
	const char *as = r->options->as;

	return as == NULL ? otherwise :
	       strcmp(as, "http") == 0 ? GANTRY_SOURCE_HTTP :
	       strcmp(as, "event") == 0 ? GANTRY_SOURCE_AMQP : GANTRY_SOURCE_SCHEDULE;
}

/* A route of one step, as the one that has it in the configuration. */
static void target_route(struct run_handler *r, struct gantry_instance *instance,
			 const struct gantry_handler *handler)
{
	struct route *route = arena_zero(&r->arena, sizeof(*route));

	*route = (struct route){ .source = GANTRY_SOURCE_AMQP, .method = "POST" };
	for (unsigned i = 0; i < r->graph->n_routes; i++) {
		const struct route *known = r->graph->routes[i];

		for (unsigned k = 0; k < known->n_steps; k++)
			if (known->steps[k].instance == instance &&
			    known->steps[k].handler == handler) {
				*route = *known;
				i = r->graph->n_routes - 1;
				break;
			}
	}
	route->source = target_source(r, route->source);
	route->address = "run-handler";
	route->queue = "run-handler";
	route->n_auth = 0;
	route->roles = NULL;
	route->steps = arena_zero(&r->arena, sizeof(*route->steps));
	route->steps[0] = (struct route_step){ instance, handler };
	route->n_steps = 1;
	r->route = route;
}

static int target_told(struct problems *problems)
{
	int status = problems->n > 0 ? COMMON_USAGE : COMMON_OK;

	problems_print(problems, stderr);
	problems_fini(problems);
	return status;
}

static int target_open(struct gantry_instance *instance)
{
	struct gantry_error err = ERROR_INIT;
	int status = COMMON_OK;

	if (!instance->open && instance_open(instance, &err) < 0) {
		fprintf(stderr, "gantry: %s\n", err.message);
		status = COMMON_FAILED;
	}
	error_fini(&err);
	return status;
}

static int target_of_plugin(struct run_handler *r)
{
	const struct run_handler_options *o = r->options;
	AUTO_FREE char *path = realpath(o->target, NULL);
	const struct gantry_handler *handler;
	const struct gantry_plugin *plugin;
	struct problems problems = { 0 };
	struct gantry_error err = ERROR_INIT;
	struct config_entry *entry;
	int status;

	plugin = plugins_load(r->plugins, path != NULL ? path : o->target, &err);
	if (plugin == NULL) {
		fprintf(stderr, "gantry: %s\n", err.message);
		error_fini(&err);
		return COMMON_USAGE;
	}
	handler = target_handler(plugin, o->handler);
	if (handler == NULL)
		return target_fail(o->target, o->handler != NULL ?
				   "has no handler of this name" :
				   "has several handlers, or none: name one");
	entry = sets_entry(&o->sets, "run-handler", path, &r->arena, &problems);
	if (problems.n == 0)
		r->instance = instance_new(plugin, entry, r->graph->service, &problems);
	status = target_told(&problems);
	if (status == COMMON_OK)
		status = target_open(r->instance);
	if (status == COMMON_OK)
		target_route(r, r->instance, handler);
	return status;
}

static int target_of_config(struct run_handler *r)
{
	const char *target = r->options->target;
	const char *dot = strchr(target, '.');
	struct gantry_instance *found = NULL;
	const struct gantry_handler *handler;

	if (dot == NULL || r->options->handler != NULL)
		return target_fail(target, "neither PLUGIN.so nor INSTANCE.HANDLER");
	if (r->config == NULL)
		return target_fail(target, "needs --config FILE");
	for (unsigned i = 0; i < r->graph->n_instances; i++)
		if (strncmp(r->graph->instances[i]->name, target,
			    (size_t)(dot - target)) == 0 &&
		    r->graph->instances[i]->name[dot - target] == '\0' &&
		    r->graph->instances[i]->plugin->handlers != NULL)
			found = r->graph->instances[i];
	if (found == NULL)
		return target_fail(target, "the configuration has no handlers of this name");
	handler = target_handler(found->plugin, dot + 1);
	if (handler == NULL)
		return target_fail(target, "the plugin has no handler of this name");
	target_route(r, found, handler);
	return target_open(found);
}

static int target_storage(struct run_handler *r)
{
	struct gantry_instance *storage = r->graph->storage;
	struct gantry_error err = ERROR_INIT;
	int status = target_open(storage);

	if (status != COMMON_OK)
		return status;
	r->store = (struct query_store){ storage->plugin->storage, storage->self,
					 &commit_schema };
	if (r->store.storage->prepare(r->store.self, &commit_schema, GANTRY_PREPARE_LOOK,
				      &err) != GANTRY_STORED) {
		fprintf(stderr, "gantry: storage: %s\n", err.message);
		status = COMMON_FAILED;
	}
	error_fini(&err);
	return status;
}

static int target_load(struct run_handler *r)
{
	const struct common_options *o = &r->options->common;
	struct problems problems = { 0 };
	int status;

	r->config = config_load_with(o->config, o->with, o->presets,
				     &problems);
	if (r->config != NULL)
		graph_build(r->config, r->plugins, &problems, &r->graph);
	status = target_told(&problems);
	return status != COMMON_OK ? status : target_storage(r);
}

/* Each letter its own pipeline: any handler may be asked. */
static int target_open_all(struct run_handler *r)
{
	for (unsigned i = 0; i < r->graph->n_instances; i++) {
		struct gantry_instance *instance = r->graph->instances[i];

		if (instance->plugin->handlers != NULL && instance->plugin->handlers[0] &&
		    target_open(instance) != COMMON_OK)
			return COMMON_FAILED;
	}
	return COMMON_OK;
}

static bool target_is_file(const char *target)
{
	size_t len = strlen(target);

	return strchr(target, '/') != NULL ||
	       (len > 3 && strcmp(target + len - 3, ".so") == 0);
}

int run_handler_find(struct run_handler *r)
{
	int status = COMMON_OK;

	r->plugins = trial_plugins(r->options->common.plugins);
	if (r->options->has_config)
		status = target_load(r);
	if (status != COMMON_OK)
		return status;
	if (r->graph == NULL) {
		r->own.service = "run-handler";
		r->graph = &r->own;
	}
	if (r->options->target == NULL)
		return target_open_all(r);
	return target_is_file(r->options->target) ? target_of_plugin(r) :
						    target_of_config(r);
}

void run_handler_close(struct run_handler *r)
{
	instance_free(&r->instance);
	if (r->graph != NULL && r->graph != &r->own) {
		for (unsigned i = r->graph->n_instances; i > 0; i--)
			instance_close(r->graph->instances[i - 1]);
		graph_free(&r->graph);
	}
	plugins_free(&r->plugins);
	config_free(&r->config);
	arena_fini(&r->arena);
}
