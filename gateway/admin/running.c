/* SPDX-License-Identifier: Apache-2.0 */
/*
 * running - what runs here: how it is, its routes, its instances of plugins. Asks
 * no storage, so it works while that is away. Secrets are left out.
 */
#include <string.h>
#include <strings.h>

#include "gateway/admin/private.h"
#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/config/option.h"
#include "gateway/observe/census.h"
#include "gateway/observe/health.h"
#include "gateway/plugin/descriptor.h"

static void running_answer(struct gantry_message *m, json_t *data)
{
	admin_answer(m, json_pack("{sb so}", "success", 1, "data", data));
}

/* By cause; null: they were not counted yet. */
static json_t *running_letters(const struct status *status)
{
	struct census_counts counts;
	json_t *tree;

	if (status->census == NULL || !census_read(status->census, &counts))
		return json_null();
	tree = json_object();
	for (unsigned i = 0; i < counts.n; i++)
		json_object_set_new(tree, counts.causes[i].cause,
				    json_integer((json_int_t)counts.causes[i].n));
	if (counts.others > 0)
		json_object_set_new(tree, "other", json_integer((json_int_t)counts.others));
	return tree;
}

/* What waits in the records of handlers, as it was seen last. */
static json_t *running_backlogs(const struct status *status)
{
	AUTO_FREE struct backlogs *backlogs = memory_new(sizeof(*backlogs));
	json_t *list = json_array();

	if (status->census != NULL)
		census_backlogs(status->census, backlogs);
	for (unsigned i = 0; i < backlogs->n; i++) {
		json_t *tree = json_pack("{ss ss sI}", "handlers",
					 backlogs->list[i].handlers, "backlog",
					 backlogs->list[i].name, "waiting",
					 (json_int_t)backlogs->list[i].waiting);
		char at[CLOCK_TEXT];

		if (backlogs->list[i].oldest_ms > 0) {
			clock_format(backlogs->list[i].oldest_ms, at);
			json_object_set_new(tree, "oldestAt", json_string(at));
		}
		json_array_append_new(list, tree);
	}
	return list;
}

static json_t *running_outbox(const struct status *status)
{
	struct committer_outbox o = committer_outbox(status->committer);
	char at[CLOCK_TEXT];
	json_t *tree = json_pack("{sI sb sb}", "rows", (json_int_t)o.rows, "warn", o.warn,
				 "full", o.full);

	if (o.rows > 0 && o.oldest_ms > 0) {
		clock_format(o.oldest_ms, at);
		json_object_set_new(tree, "oldestAt", json_string(at));
	}
	return tree;
}

void look_overview(struct admin *admin, struct admin_job *job)
{
	const struct admin_options *o = admin_options(admin);
	json_t *checks, *tree;
	enum health health = health_look(o->status, job->m->graph, &checks);
	char now[CLOCK_TEXT];

	clock_format_ms(clock_now_ms(), now);
	tree = json_pack("{ss so ss ss ss ss sI so so so}", "status", health_name(health),
			 "checks", checks, "service", o->service, "replica", o->replica,
			 "version", VERSION_TEXT, "now", now, "waiting",
			 (json_int_t)engine_waiting(o->engine), "outbox",
			 running_outbox(o->status), "deadLetters",
			 running_letters(o->status), "backlogs",
			 running_backlogs(o->status));
	running_answer(job->m, tree);
}

static const char *running_source(enum gantry_source source)
{
	static const char *const names[] = {
		[GANTRY_SOURCE_HTTP] = "http", [GANTRY_SOURCE_AMQP] = "amqp",
		[GANTRY_SOURCE_SCHEDULE] = "schedule", [GANTRY_SOURCE_ADMIN] = "admin",
	};

	return (unsigned)source < ARRAY_LENGTH(names) ? names[source] : NULL;
}

static json_t *running_steps(const struct route *r)
{
	json_t *steps = json_array();

	for (unsigned i = 0; i < r->n_steps; i++)
		json_array_append_new(steps, json_pack("{ss ss ss?}", "instance",
			r->steps[i].instance->name, "handler", r->steps[i].handler->name,
			"summary", r->steps[i].handler->summary));
	return steps;
}

static json_t *running_texts(const char *const *texts)
{
	json_t *list = json_array();

	for (; texts != NULL && *texts != NULL; texts++)
		json_array_append_new(list, json_string(*texts));
	return list;
}

static json_t *running_route(const struct route *r)
{
	json_t *auth = json_array(), *bindings = json_array(), *tree;

	for (unsigned i = 0; i < r->n_auth; i++)
		json_array_append_new(auth, json_string(r->auth[i]->name));
	for (unsigned i = 0; i < r->n_bindings; i++)
		json_array_append_new(bindings, json_pack("{ss ss}", "exchange",
			r->bindings[i].exchange, "key", r->bindings[i].key));
	tree = json_pack("{ss? ss ss so so so}", "source", running_source(r->source),
			 "address", r->address, "place", r->place, "auth", auth, "roles",
			 running_texts(r->roles), "steps", running_steps(r));
	if (r->queue != NULL)
		json_object_set_new(tree, "queue", json_string(r->queue));
	if (r->inject)
		json_object_set_new(tree, "inject", json_true());
	if (json_array_size(bindings) > 0)
		json_object_set(tree, "bindings", bindings);
	json_decref(bindings);
	return tree;
}

static json_t *running_upstreams(const struct graph *graph)
{
	struct upstream_counts counts;
	json_t *list = json_array();

	for (unsigned i = 0; upstreams_counts(graph->upstreams, i, &counts); i++)
		json_array_append_new(list, json_string(counts.name));
	return list;
}

void look_routes(struct admin *admin, struct admin_job *job)
{
	const struct admin_options *o = admin_options(admin);
	const struct graph *graph = job->m->graph;
	json_t *routes = json_array();

	for (unsigned i = 0; i < graph->n_routes; i++)
		json_array_append_new(routes, running_route(graph->routes[i]));
	running_answer(job->m, json_pack("{so ss so so}", "routes", routes, "storage",
		graph->storage->plugin->name, "exchanges", running_texts(o->exchanges),
		"upstreams", running_upstreams(graph)));
}

static json_t *running_option(const struct gantry_option *o, const void *self)
{
	bool secret = o->type == GANTRY_TYPE_SECRET_FILE;
	struct arena arena = { 0 };
	json_t *tree = json_pack("{ss ss ss? ss? sb ss}", "name", o->name, "type",
				 option_type_name(o->type), "value",
				 secret ? NULL : option_value(o, self, &arena), "default",
				 o->fallback, "secret", secret, "summary", o->summary);

	arena_fini(&arena);
	return tree;
}

static json_t *running_instance(const struct gantry_instance *i)
{
	const struct gantry_plugin *p = i->plugin;
	json_t *options = json_array();

	for (size_t k = 0; p->options != NULL && p->options[k] != NULL; k++)
		json_array_append_new(options, running_option(p->options[k], i->self));
	return json_pack("{ss? ss ss ss ss si so}", "instance", i->name, "kind",
			 descriptor_kind(p), "plugin", p->name, "version", p->version,
			 "summary", p->summary, "level", (int)p->level, "options", options);
}

void look_plugins(struct admin *admin, struct admin_job *job)
{
	const struct graph *graph = job->m->graph;
	json_t *list = json_array();

	(void)admin;
	for (unsigned i = 0; i < graph->n_instances; i++)
		json_array_append_new(list, running_instance(graph->instances[i]));
	running_answer(job->m, list);
}
