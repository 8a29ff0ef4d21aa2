/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topology - see topology.h. Asks the broker by itself, whether the daemon
 * runs or not. The storage is not opened.
 */
#include "gateway/cli/topology.h"

#include <getopt.h>
#include <signal.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/cli/trial.h"
#include "gateway/pipeline/graph.h"
#include "gateway/source/amqp/topology.h"

static const char topology_usage[] =
	"Usage: gantry topology plan [OPTION]...\n"
	"       gantry topology apply [OPTION]...\n"
	"\n"
	"The exchanges, queues and bindings that the configuration needs at the broker.\n"
	"plan says what is there, what is not, and what differs and how to mend it;\n"
	"apply makes what is missing, and changes nothing that is there.\n"
	"\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names\n"
	"  --plugins DIR   plugins by short name\n"
	"  --json          print JSON\n"
	"  --help          this text\n"
	"\n"
	"Exit status: 0 nothing is left to do, 1 something is, or the broker cannot be\n"
	"asked, 2 usage or configuration.\n";

static const char *const topology_kinds[] = { "exchange", "queue", "binding" };
static const char *const topology_states[] = {
	[TOPOLOGY_UNKNOWN] = "unknown",	  [TOPOLOGY_THERE] = "there",
	[TOPOLOGY_MADE] = "made",	  [TOPOLOGY_MISSING] = "missing",
	[TOPOLOGY_DIFFERS] = "differs",	  [TOPOLOGY_REFUSED] = "refused",
	[TOPOLOGY_UNSEEN] = "not seen",
};

struct topology_command {
	struct arena arena;
	struct common_options options;
	struct config *config;
	struct plugins *plugins;
	struct graph *graph;
	struct topology *topology;
	struct broker *broker;
	unsigned counts[ARRAY_LENGTH(topology_states)];
};

static int topology_configure(struct topology_command *c)
{
	struct problems problems = { 0 };
	int status = COMMON_OK;

	c->plugins = trial_plugins(c->options.plugins);
	c->config = config_load_with(c->options.config, c->options.with, c->options.presets,
				    &problems);
	if (c->config != NULL)
		graph_build(c->config, c->plugins, &problems, &c->graph);
	if (problems.n > 0) {
		problems_print(&problems, stderr);
		status = COMMON_USAGE;
	} else if (c->config->amqp == NULL) {
		fprintf(stderr, "gantry: %s names no broker (amqp)\n",
			c->options.config);
		status = COMMON_USAGE;
	}
	problems_fini(&problems);
	return status;
}

static int topology_ask(struct topology_command *c, bool apply)
{
	struct gantry_error err = ERROR_INIT;
	const struct broker_options options = {
		.amqp = &c->config->broker,
		.name = "gantry topology",
	};
	int result;

	/* a peer that is gone is an error of write(2), not our end */
	signal(SIGPIPE, SIG_IGN);
	c->broker = broker_new(&options);
	c->topology = topology_new(c->graph, &c->config->broker);
	result = broker_open(c->broker, &err);
	if (result == 0)
		result = apply ? topology_apply(c->topology, c->broker, &err) :
				 topology_look(c->topology, c->broker, &err);
	if (result < 0)
		fprintf(stderr, "gantry: broker: %s\n", err.message);
	error_fini(&err);
	return result < 0 ? COMMON_FAILED : COMMON_OK;
}

static const char *topology_name(struct topology_command *c,
				 const struct topology_item *item)
{
	if (item->kind != TOPOLOGY_BINDING)
		return item->name;
	return arena_format(&c->arena, "%s from %s/%s", item->name,
			    item->exchange, item->key);
}

/* What is worth saying beside the state. */
static const char *topology_note(struct topology_command *c,
				 const struct topology_item *item)
{
	if (*item->said != '\0')
		return item->said;
	if (item->state == TOPOLOGY_UNSEEN)
		return "made at each start";
	return item->state == TOPOLOGY_MISSING ?
		       topology_wanted(item, &c->arena) : "";
}

static void topology_print(struct topology_command *c)
{
	struct topology *t = c->topology;
	struct common_table table = { .columns = 4 };

	printf("broker %s, virtual host %s\n", broker_endpoint(c->broker),
	       c->config->broker.vhost);
	for (unsigned i = 0; i < t->n_items; i++) {
		common_cell(&table, topology_kinds[t->items[i].kind]);
		common_cell(&table, topology_name(c, &t->items[i]));
		common_cell(&table, topology_states[t->items[i].state]);
		common_cell(&table, topology_note(c, &t->items[i]));
	}
	common_print(&table, stdout);
	common_table_fini(&table);
	for (unsigned i = 0; i < t->n_items; i++) {
		const struct topology_item *item = &t->items[i];
		const char *mend = topology_mend(item, &c->arena);

		if (mend != NULL && item->state != TOPOLOGY_MISSING)
			printf("mend %s %s: wanted: %s; %s\n",
			       topology_kinds[item->kind], item->name,
			       topology_wanted(item, &c->arena), mend);
	}
	printf("%u there, %u not seen, %u made, %u missing, %u differ, %u "
	       "refused\n", c->counts[TOPOLOGY_THERE],
	       c->counts[TOPOLOGY_UNSEEN], c->counts[TOPOLOGY_MADE],
	       c->counts[TOPOLOGY_MISSING], c->counts[TOPOLOGY_DIFFERS],
	       c->counts[TOPOLOGY_REFUSED]);
}

static json_t *topology_json_arguments(const struct topology_item *item)
{
	json_t *tree = json_object();

	for (unsigned i = 0; i < item->n_arguments; i++) {
		const struct topology_argument *a = &item->arguments[i];

		json_object_set_new(tree, a->name,
				    a->text != NULL ? json_string(a->text) :
						      json_integer(a->number));
	}
	return tree;
}

static json_t *topology_json_item(struct topology_command *c,
				  const struct topology_item *item)
{
	const char *mend = topology_mend(item, &c->arena);
	json_t *tree = json_pack("{ss, ss, ss}", "kind",
				 topology_kinds[item->kind], "name", item->name,
				 "state", topology_states[item->state]);

	if (item->kind == TOPOLOGY_BINDING) {
		json_object_set_new(tree, "exchange",
				    json_string(item->exchange));
		json_object_set_new(tree, "key", json_string(item->key));
	}
	if (item->kind == TOPOLOGY_EXCHANGE)
		json_object_set_new(tree, "wanted",
				    json_pack("{ss, sb}", "type", "topic",
					      "durable", 1));
	if (item->kind == TOPOLOGY_QUEUE)
		json_object_set_new(tree, "wanted",
				    topology_json_arguments(item));
	if (*item->said != '\0')
		json_object_set_new(tree, "said", json_string(item->said));
	if (mend != NULL)
		json_object_set_new(tree, "mend", json_string(mend));
	return tree;
}

static void topology_print_json(struct topology_command *c, bool ready)
{
	json_t *items = json_array();

	for (unsigned i = 0; i < c->topology->n_items; i++)
		json_array_append_new(
			items, topology_json_item(c, &c->topology->items[i]));
	common_print_json(json_pack("{sb, ss, ss, so}", "ok", ready, "broker",
				    broker_endpoint(c->broker), "vhost",
				    c->config->broker.vhost, "items", items));
}

static int topology_tell(struct topology_command *c)
{
	bool ready = true;

	for (unsigned i = 0; i < c->topology->n_items; i++)
		c->counts[c->topology->items[i].state]++;
	ready = c->counts[TOPOLOGY_MISSING] + c->counts[TOPOLOGY_DIFFERS] +
			c->counts[TOPOLOGY_REFUSED] ==
		0;
	if (c->options.json)
		topology_print_json(c, ready);
	else
		topology_print(c);
	return ready ? COMMON_OK : COMMON_FAILED;
}

static int topology_run(struct topology_command *c, bool apply)
{
	int status = topology_configure(c);

	if (status == COMMON_OK)
		status = topology_ask(c, apply);
	if (status == COMMON_OK)
		status = topology_tell(c);
	if (c->broker != NULL)
		broker_close(c->broker);
	broker_free(&c->broker);
	topology_free(&c->topology);
	graph_free(&c->graph);
	plugins_free(&c->plugins);
	config_free(&c->config);
	arena_fini(&c->arena);
	return status;
}

int topology_main(int argc, char **argv)
{
	struct topology_command c = { 0 };
	int status = common_parse(argc, argv, topology_usage, &c.options);

	if (status >= 0)
		return status;
	if (argc - optind == 1 && strcmp(argv[optind], "plan") == 0)
		return topology_run(&c, false);
	if (argc - optind == 1 && strcmp(argv[optind], "apply") == 0)
		return topology_run(&c, true);
	return common_usage(topology_usage);
}
