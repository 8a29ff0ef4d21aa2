/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - see check.h. Loads the plugins and runs their own checks, but opens
 * nothing: no storage, no network.
 */
#include "gateway/cli/check.h"

#include <getopt.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/cli/trial.h"
#include "gateway/config/config.h"
#include "gateway/config/yaml.h"
#include "gateway/pipeline/graph.h"
#include "gateway/source/amqp/topology.h"
#include "gateway/source/http/http.h"
#include "gateway/upstream/upstream.h"

static const char check_usage[] =
	"Usage: gantry check [--config FILE] [--with FILE] [--presets DIR] [--plugins DIR] "
	"[--json | --quiet]\n"
	"Check the configuration and say what comes of it. Opens no storage "
	"and no network.\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names (default: " PRESETDIR ")\n"
	"  --plugins DIR   plugins by short name (default: " PLUGINDIR ")\n"
	"  --json          as JSON\n"
	"  --quiet         nothing but errors\n"
	"Exit status: 0 it would start, 2 it would not.\n";

static const char routes_usage[] =
	"Usage: gantry routes [--config FILE] [--with FILE] [--presets DIR] [--plugins DIR] "
	"[--json]\n"
	"List the routes: who may call them, and the handlers they go through.\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names (default: " PRESETDIR ")\n"
	"  --plugins DIR   plugins by short name (default: " PLUGINDIR ")\n"
	"  --json          as JSON\n"
	"Exit status: 0 ok, 2 the configuration is wrong.\n";

/* A library whose version matters; add a row with the folder that uses it. */
struct check_library {
	const char *name;
	const char *(*version)(void);
};

static const struct check_library check_libraries[] = {
	{ "jansson", jansson_version_str },
	{ "libcurl", upstream_library },
	{ "libmicrohttpd", http_library },
	{ "librabbitmq", broker_library },
	{ "libyaml", yaml_version },
};

struct check {
	struct arena arena;
	struct problems problems;
	struct config *config;
	struct plugins *plugins;
	struct graph *graph;
	const char *usage;
	bool quiet;
};

static const char *check_plugin(const struct config_entry *entry)
{
	const struct node *plugin = node_get(entry->node, "plugin");

	return plugin != NULL && plugin->kind == NODE_TEXT ? plugin->text : "";
}

/* All steps of a pipeline: "allocate.create, audit.keep". */
static const char *check_pipeline(struct check *c, const struct route *r)
{
	const char *text = r->inject ? "(amqp routes)" : "";

	for (unsigned i = 0; i < r->n_steps; i++)
		text = arena_format(&c->arena, "%s%s%s.%s", text,
				    i > 0 ? ", " : "",
				    r->steps[i].instance->name,
				    r->steps[i].handler->name);
	return text;
}

/* "services [order-service]", "none" for an open route, "" where none can be. */
static const char *check_access(struct check *c, const struct route *r)
{
	const char *text = "";

	if (r->source == GANTRY_SOURCE_ADMIN)
		return r->looks ? "[gantry-admin:view]" : "[gantry-admin:edit]";
	if (r->source != GANTRY_SOURCE_HTTP)
		return "";
	if (r->n_auth == 0)
		return "none";
	for (unsigned i = 0; i < r->n_auth; i++)
		text = arena_format(&c->arena, "%s%s ", text, r->auth[i]->name);
	text = arena_format(&c->arena, "%s[", text);
	for (unsigned i = 0; r->roles[i] != NULL; i++)
		text = arena_format(&c->arena, "%s%s%s", text,
				    i > 0 ? ", " : "", r->roles[i]);
	return arena_format(&c->arena, "%s]", text);
}

static const char *check_replaced(struct check *c,
				  const struct config_entry *entry)
{
	const char *text = "";

	for (entry = entry->replaced; entry != NULL; entry = entry->replaced)
		text = arena_format(&c->arena, "%s%s%s", text,
				    *text != '\0' ? ", " : "replaces ",
				    node_place(entry->key, &c->arena));
	return text;
}

static void check_row(struct check *c, struct common_table *t,
		      const struct config_entry *entry)
{
	common_cell(t, "");
	common_cell(t, entry->path);
	common_cell(t, check_plugin(entry));
	common_cell(t, node_place(entry->key, &c->arena));
	common_cell(t, check_replaced(c, entry));
}

static void check_rows(struct check *c, struct common_table *t,
		       const struct config_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		check_row(c, t, list->items[i]);
}

static void check_print_entries(struct check *c)
{
	struct common_table t = { .columns = 5 };

	check_rows(c, &t, &c->config->sections);
	check_rows(c, &t, &c->config->auth);
	check_rows(c, &t, &c->config->breakers);
	check_rows(c, &t, &c->config->handlers);
	check_rows(c, &t, &c->config->upstreams);
	puts("entries");
	common_print(&t, stdout);
	common_table_fini(&t);
}

static void check_print_routes(struct check *c)
{
	struct common_table t = { .columns = 6 };

	for (unsigned i = 0; i < c->graph->n_routes; i++) {
		const struct route *r = c->graph->routes[i];

		common_cell(&t, "");
		common_cell(&t, r->address);
		common_cell(&t, check_access(c, r));
		common_cell(&t, check_pipeline(c, r));
		common_cell(&t, r->place);
		common_cell(&t, check_replaced(c, &c->config->routes[i]->entry));
	}
	puts("routes");
	common_print(&t, stdout);
	common_table_fini(&t);
}

/* "h1:5672, h2:5672" */
static const char *check_endpoints(struct check *c)
{
	const struct config_amqp *amqp = &c->config->broker;
	const char *text = "";

	for (unsigned i = 0; i < amqp->n_endpoints; i++)
		text = arena_format(&c->arena, "%s%s%s", text,
				    i > 0 ? ", " : "", amqp->endpoints[i].text);
	return text;
}

/* Each queue with those that stand beside it. */
static void check_print_broker(struct check *c)
{
	const struct config_amqp *amqp = &c->config->broker;
	struct topology *t = topology_new(c->graph, amqp);

	printf("broker\n  %s%s, virtual host %s, user %s\n",
	       check_endpoints(c), amqp->tls ? " with TLS" : "", amqp->vhost,
	       amqp->user);
	for (unsigned i = 0; i < t->n_queues; i++) {
		printf("  queue %s", t->queues[i].name);
		for (unsigned j = 0; j < t->queues[i].n_retry; j++)
			printf(", .retry.%s", amqp->retry[j]);
		printf(", .dead\n");
	}
	for (unsigned i = 0; i < t->n_items; i++)
		if (t->items[i].kind == TOPOLOGY_EXCHANGE)
			printf("  exchange %s, events %s\n", t->items[i].name,
			       t->items[i].foreign ? "come from it" :
						     "go to it");
	topology_free(&t);
}

static void check_print(struct check *c)
{
	puts("files");
	for (unsigned i = 0; i < c->config->n_files; i++)
		printf("  %s\n", c->config->files[i]->path);
	check_print_entries(c);
	check_print_routes(c);
	if (c->config->amqp != NULL)
		check_print_broker(c);
	puts("libraries");
	for (size_t i = 0; i < ARRAY_LENGTH(check_libraries); i++)
		printf("  %s %s\n", check_libraries[i].name,
		       check_libraries[i].version());
}

static void check_print_ok(const struct check *c)
{
	printf("ok: %u routes, %u instances\n", c->graph->n_routes,
	       c->graph->n_instances);
}

static json_t *check_json_replaced(struct check *c,
				   const struct config_entry *entry)
{
	json_t *list = json_array();

	for (entry = entry->replaced; entry != NULL; entry = entry->replaced)
		json_array_append_new(list, json_string(node_place(entry->key,
								   &c->arena)));
	return list;
}

static void check_json_entries(struct check *c, json_t *into,
			       const struct config_list *list)
{
	for (unsigned i = 0; i < list->n; i++) {
		const struct config_entry *e = list->items[i];
		json_t *one = json_pack("{ss, ss, so}", "entry", e->path,
					"place", node_place(e->key, &c->arena),
					"replaced", check_json_replaced(c, e));

		if (*check_plugin(e) != '\0')
			json_object_set_new(one, "plugin",
					    json_string(check_plugin(e)));
		json_array_append_new(into, one);
	}
}

static json_t *check_json_routes(struct check *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < c->graph->n_routes; i++) {
		const struct route *r = c->graph->routes[i];
		const struct config_entry *e = &c->config->routes[i]->entry;

		json_array_append_new(
			list, json_pack("{ss, ss, ss, ss, so}", "address",
					r->address, "access",
					check_access(c, r), "pipeline",
					check_pipeline(c, r), "place", r->place,
					"replaced", check_json_replaced(c, e)));
	}
	return list;
}

static json_t *check_json_problems(struct check *c)
{
	json_t *list = json_array();
	unsigned n;
	const struct problem *p = problems_sorted(&c->problems, &n);

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_string(p[i].text));
	return list;
}

static json_t *check_json_files(struct check *c)
{
	json_t *files = json_array();

	for (unsigned i = 0; i < c->config->n_files; i++)
		json_array_append_new(files,
				      json_string(c->config->files[i]->path));
	return files;
}

/* null without amqp. */
static json_t *check_json_broker(struct check *c)
{
	const struct config_amqp *amqp = &c->config->broker;
	json_t *endpoints = json_array(), *queues = json_array();
	struct topology *t;

	if (c->config->amqp == NULL) {
		json_decref(endpoints);
		json_decref(queues);
		return json_null();
	}
	for (unsigned i = 0; i < amqp->n_endpoints; i++)
		json_array_append_new(endpoints,
				      json_string(amqp->endpoints[i].text));
	t = topology_new(c->graph, amqp);
	for (unsigned i = 0; i < t->n_items; i++)
		if (t->items[i].kind == TOPOLOGY_QUEUE)
			json_array_append_new(queues,
					      json_string(t->items[i].name));
	topology_free(&t);
	return json_pack("{so, sb, ss, ss, so}", "endpoints", endpoints, "tls",
			 amqp->tls, "vhost", amqp->vhost, "user", amqp->user,
			 "queues", queues);
}

static void check_print_json(struct check *c)
{
	json_t *entries = json_array(), *libraries = json_object();

	check_json_entries(c, entries, &c->config->sections);
	check_json_entries(c, entries, &c->config->auth);
	check_json_entries(c, entries, &c->config->breakers);
	check_json_entries(c, entries, &c->config->handlers);
	check_json_entries(c, entries, &c->config->upstreams);
	for (size_t i = 0; i < ARRAY_LENGTH(check_libraries); i++)
		json_object_set_new(libraries, check_libraries[i].name,
				    json_string(check_libraries[i].version()));
	common_print_json(json_pack("{sb, so, so, so, so, so, so}", "ok", 1,
				    "problems", json_array(), "files",
				    check_json_files(c), "entries", entries,
				    "routes", check_json_routes(c), "broker",
				    check_json_broker(c), "libraries",
				    libraries));
}

static int check_tell(struct check *c, bool json)
{
	if (c->problems.n > 0 && json)
		common_print_json(json_pack("{sb, so}", "ok", 0, "problems",
					    check_json_problems(c)));
	else if (c->problems.n > 0)
		problems_print(&c->problems, stderr);
	else if (json)
		check_print_json(c);
	else if (!c->quiet)
		check_print(c);
	if (c->problems.n == 0 && !json)
		check_print_ok(c);
	return c->problems.n > 0 ? COMMON_USAGE : COMMON_OK;
}

static int check_tell_routes(struct check *c, bool json)
{
	problems_print(&c->problems, stderr);
	if (c->problems.n == 0 && json)
		common_print_json(check_json_routes(c));
	else if (c->problems.n == 0)
		check_print_routes(c);
	return c->problems.n > 0 ? COMMON_USAGE : COMMON_OK;
}

/* Whether a listener's certificate can be used today. */
static void check_tls(const struct config *config, const char *section,
		      const struct http_tls *files, struct problems *problems)
{
	const struct config_entry *entry = config_find(&config->sections, section);
	struct gantry_error err = ERROR_INIT;
	const char *option;

	if (files->cert_file != NULL && files->key_file != NULL && entry != NULL &&
	    http_check_tls(files, clock_now_ms(), &option, &err) < 0)
		problems_add(problems, node_get(entry->node, option), "%s.%s: %s",
			     entry->path, option, err.message);
	error_fini(&err);
}

void check_listeners(const struct config *config, struct problems *problems)
{
	const struct config_http *http = &config->http;
	const struct config_admin *admin = &config->admin;

	check_tls(config, "http", &(const struct http_tls){
		http->cert_file, http->key_file, http->client_ca_file }, problems);
	check_tls(config, "admin", &(const struct http_tls){
		admin->cert_file, admin->key_file, admin->client_ca_file }, problems);
}

/* --quiet is the check's own. */
static int check_take(int key, void *own)
{
	struct check *c = own;

	(void)key;
	if (c->usage != check_usage)
		return common_usage(c->usage);
	c->quiet = true;
	return -1;
}

static int check_parse(int argc, char **argv, struct check *c,
		       struct common_options *options)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "with", required_argument, NULL, 'w' },
		{ "presets", required_argument, NULL, 'p' },
		{ "plugins", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	return common_parse_own(argc, argv, &(struct common_command){
		.usage = c->usage, .known = known, .take = check_take, .own = c }, options);
}

/* Build everything and let tell say what came of it. */
static int check_run(int argc, char **argv, const char *usage,
		     int (*tell)(struct check *c, bool json))
{
	struct common_options options;
	struct check c = { .usage = usage };
	int result = check_parse(argc, argv, &c, &options);

	if (result >= 0)
		return result;
	if (optind < argc)
		return common_usage(usage);
	c.config = config_load_with(options.config, options.with, options.presets,
				    &c.problems);
	c.plugins = trial_plugins(options.plugins);
	if (c.config != NULL)
		graph_build(c.config, c.plugins, &c.problems, &c.graph);
	if (c.config != NULL)
		check_listeners(c.config, &c.problems);
	result = tell(&c, options.json);
	graph_free(&c.graph);
	plugins_free(&c.plugins);
	config_free(&c.config);
	problems_fini(&c.problems);
	arena_fini(&c.arena);
	return result;
}

int check_main(int argc, char **argv)
{
	return check_run(argc, argv, check_usage, check_tell);
}

int routes_main(int argc, char **argv)
{
	return check_run(argc, argv, routes_usage, check_tell_routes);
}
