/* SPDX-License-Identifier: Apache-2.0 */
/* plugins - see plugins.h. */
#include "gateway/cli/plugins.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/cli/common.h"
#include "gateway/cli/plugins-check.h"
#include "gateway/cli/plugins-new.h"
#include "gateway/cli/plugins-test.h"
#include "gateway/cli/trial.h"
#include "gateway/config/option.h"
#include "gateway/plugin/descriptor.h"
#include "gateway/plugin/plugins.h"

static const char plugins_usage[] =
	"usage: gantry plugins list [--plugins DIR] [--json]\n"
	"       gantry plugins describe NAME [--plugins DIR] [--json]\n"
	"       gantry plugins new NAME [--kind KIND] [--into DIR] [--templates DIR]\n"
	"       gantry plugins check FILE [--man FILE] [--plugins DIR] [--json]\n"
	"       gantry plugins test-storage NAME [--set KEY=VALUE]... [--only CHECK]\n"
	"                  [--effort N] [--seed N] [--disturb COMMAND] [--plugins DIR]\n"
	"                  [--json]\n"
	"List the plugins, say what one can be told and what it offers, begin one of\n"
	"your own, say what stands against installing it, or prove that a storage keeps\n"
	"the contract: on a store of its own, in which it leaves rows.\n"
	"  --kind KIND      handler (the default), auth, breaker or storage\n"
	"  --into DIR       the folder to make (default: NAME)\n"
	"  --templates DIR  where it is copied from\n"
	"  --man FILE       its man page (default: gantry-NAME.7 beside it)\n"
	"  --set KEY=VALUE  an option of the storage\n"
	"  --only CHECK     only checks whose names begin so\n"
	"  --effort N       how much of what is random, 1 to 100 (default: 3)\n"
	"  --seed N         repeats what was random\n"
	"  --disturb COMMAND  takes the store away for a moment, again and again\n"
	"Exit status: 0 ok, 1 a plugin cannot be loaded or does not keep the contract,\n"
	"2 wrong usage.\n";

/* How the list is shown; both forms come from the same walk. */
struct plugins_list {
	struct common_table table;
	json_t *json;			/* or NULL: the table */
	unsigned broken;
};

static const char *plugins_threads(const struct gantry_plugin *p)
{
	static const char *const names[] = { "serial", "parallel", "inline" };

	return names[p->threads];
}

static void plugins_add(struct plugins_list *list,
			const struct gantry_plugin *p)
{
	if (list->json != NULL) {
		json_array_append_new(
			list->json,
			json_pack("{ss, ss, ss, ss, ss, si}", "name", p->name,
				  "version", p->version, "kind",
				  descriptor_kind(p), "threads",
				  plugins_threads(p), "summary", p->summary,
				  "level", (int)p->level));
		return;
	}
	common_cell(&list->table, p->name);
	common_cell(&list->table, p->version);
	common_cell(&list->table, descriptor_kind(p));
	common_cell(&list->table, plugins_threads(p));
	common_cell(&list->table, p->summary);
}

static void plugins_add_broken(struct plugins_list *list, const char *name,
			       const char *why)
{
	list->broken++;
	if (list->json != NULL)
		json_array_append_new(list->json,
				      json_pack("{ss, ss}", "name", name,
						"error", why));
	else
		fprintf(stderr, "%s\n", why);
}

static void plugins_walk(struct plugins *plugins, char *const *names,
			 struct plugins_list *list)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		struct gantry_error err = ERROR_INIT;
		const struct gantry_plugin *p =
			plugins_load(plugins, names[i], &err);

		if (p != NULL)
			plugins_add(list, p);
		else
			plugins_add_broken(list, names[i], err.message);
	}
}

static int plugins_list(struct plugins *plugins, bool json)
{
	struct gantry_error err = ERROR_INIT;
	char **names = plugins_names(plugins, &err);
	struct plugins_list list = { .table = { .columns = 5 } };

	if (names == NULL) {
		fprintf(stderr, "%s\n", err.message);
		return COMMON_FAILED;
	}
	if (json)
		list.json = json_array();
	plugins_walk(plugins, names, &list);
	if (json)
		common_print_json(list.json);
	else
		common_print(&list.table, stdout);
	common_table_fini(&list.table);
	plugins_names_free(&names);
	return list.broken > 0 ? COMMON_FAILED : COMMON_OK;
}

static const char *plugins_default(const struct gantry_option *o)
{
	if (o->flags & GANTRY_OPTION_REQUIRED)
		return "(required)";
	return o->fallback != NULL ? o->fallback : "-";
}

static void plugins_print_options(const struct gantry_plugin *p)
{
	struct common_table t = { .columns = 5 };

	for (size_t i = 0; p->options[i] != NULL; i++) {
		const struct gantry_option *o = p->options[i];
		const char *range = option_range(o, &t.arena);

		common_cell(&t, arena_format(&t.arena, "  %s", o->name));
		common_cell(&t, option_type_name(o->type));
		common_cell(&t, plugins_default(o));
		common_cell(&t, range != NULL ? range : "-");
		common_cell(&t, o->summary);
	}
	if (t.n > 0)
		puts("options: name, type, default, range");
	common_print(&t, stdout);
	common_table_fini(&t);
}

static void plugins_print_handlers(const struct gantry_plugin *p)
{
	struct common_table t = { .columns = 2 };

	for (size_t i = 0; p->handlers != NULL && p->handlers[i] != NULL; i++) {
		common_cell(&t, arena_format(&t.arena, "  %s",
					     p->handlers[i]->name));
		common_cell(&t, p->handlers[i]->summary);
	}
	if (t.n > 0)
		puts("handlers:");
	common_print(&t, stdout);
	common_table_fini(&t);
}

static void plugins_print_backlogs(const struct gantry_plugin *p)
{
	struct common_table t = { .columns = 2 };

	for (size_t i = 0; p->backlogs[i] != NULL; i++) {
		common_cell(&t, arena_format(&t.arena, "  %s", p->backlogs[i]->name));
		common_cell(&t, p->backlogs[i]->summary);
	}
	if (t.n > 0)
		puts("backlogs:");
	common_print(&t, stdout);
	common_table_fini(&t);
}

static json_t *plugins_json_backlogs(const struct gantry_plugin *p)
{
	json_t *list = json_array();

	for (size_t i = 0; p->backlogs[i] != NULL; i++)
		json_array_append_new(list, json_pack("{ss, ss}", "name",
						      p->backlogs[i]->name, "summary",
						      p->backlogs[i]->summary));
	return list;
}

static json_t *plugins_json_option(const struct gantry_option *o)
{
	struct arena arena = { 0 };
	json_t *one = json_pack(
		"{ss, ss, sb, ss?, ss?, ss}", "name", o->name, "type",
		option_type_name(o->type), "required",
		(o->flags & GANTRY_OPTION_REQUIRED) != 0, "default",
		o->fallback, "range", option_range(o, &arena), "summary",
		o->summary);

	arena_fini(&arena);
	return one;
}

/* What a plugin says of itself for others (gantry/describe.h); null: no JSON. */
static void plugins_json_said(json_t *into, const char *name, const char *text)
{
	json_t *tree;

	if (text == NULL)
		return;
	tree = json_loads(text, 0, NULL);
	json_object_set_new(into, name, tree != NULL ? tree : json_null());
}

static json_t *plugins_json_handler(const struct gantry_handler *handler)
{
	json_t *one = json_pack("{ss, ss?}", "name", handler->name, "summary",
				handler->summary);

	plugins_json_said(one, "operation", handler->operation);
	plugins_json_said(one, "events", handler->events);
	return one;
}

static json_t *plugins_json(const struct gantry_plugin *p, const char *path)
{
	json_t *options = json_array(), *handlers = json_array(), *one;

	for (size_t i = 0; p->options[i] != NULL; i++)
		json_array_append_new(options,
				      plugins_json_option(p->options[i]));
	for (size_t i = 0; p->handlers != NULL && p->handlers[i] != NULL; i++)
		json_array_append_new(handlers, plugins_json_handler(p->handlers[i]));
	one = json_pack("{ss, ss, ss, ss, ss, ss, so, so, so}", "name", p->name,
			"version", p->version, "kind", descriptor_kind(p),
			"threads", plugins_threads(p), "summary", p->summary,
			"path", path, "options", options, "handlers",
			handlers, "backlogs", plugins_json_backlogs(p));
	plugins_json_said(one, "schemas", p->schemas);
	plugins_json_said(one, "scheme", p->auth != NULL ? p->auth->scheme : NULL);
	return one;
}

static int plugins_describe(struct plugins *plugins, const char *name,
			    bool json)
{
	struct gantry_error err = ERROR_INIT;
	const struct gantry_plugin *p = plugins_load(plugins, name, &err);

	if (p == NULL) {
		fprintf(stderr, "%s\n", err.message);
		return COMMON_FAILED;
	}
	if (json) {
		common_print_json(plugins_json(p, plugins_path(plugins, p)));
		return COMMON_OK;
	}
	printf("%s %s: %s\n%s, %s, %s\n", p->name, p->version, p->summary,
	       descriptor_kind(p), plugins_threads(p),
	       plugins_path(plugins, p));
	plugins_print_options(p);
	plugins_print_handlers(p);
	plugins_print_backlogs(p);
	return COMMON_OK;
}

/* Which commands know an option. */
enum { PLUGINS_LIST = 1, PLUGINS_NEW = 2, PLUGINS_CHECK = 4, PLUGINS_TEST = 8 };

/* The options of all of them. */
struct plugins_options {
	const char *plugins;
	struct plugins_new_options fresh;
	struct plugins_check_options check;
	struct plugins_test_options test;
	unsigned all_know;	/* the commands that know all that was given */
};

/* -1, or the exit status with the reason on stderr. */
static int plugins_number(const char *option, uint64_t max, uint64_t *number_out)
{
	int64_t number;

	if (parse_integer(optarg, &number) && number >= 1 &&
	    (uint64_t)number <= max) {
		*number_out = (uint64_t)number;
		return -1;
	}
	fprintf(stderr, "gantry: %s: must be 1 to %" PRIu64 ": \"%s\"\n", option, max,
		optarg);
	return COMMON_USAGE;
}

static unsigned plugins_know(int key)
{
	switch (key) {
	case 'd':
	case 'j':
		return PLUGINS_LIST | PLUGINS_CHECK | PLUGINS_TEST;
	case 'k':
	case 'i':
	case 't':
		return PLUGINS_NEW;
	case 'm':
		return PLUGINS_CHECK;
	default:
		return PLUGINS_TEST;
	}
}

static int plugins_take(int key, struct plugins_options *o)
{
	uint64_t effort = 0;
	int status = -1;

	o->all_know &= plugins_know(key);
	switch (key) {
	case 'k':
		o->fresh.kind = optarg;
		break;
	case 'i':
		o->fresh.into = optarg;
		break;
	case 't':
		o->fresh.templates = optarg;
		break;
	case 'm':
		o->check.man = optarg;
		break;
	case 'd':
		o->plugins = optarg;
		break;
	case 's':
		return sets_add(&o->test.sets, optarg);
	case 'o':
		o->test.only = optarg;
		break;
	case 'e':
		status = plugins_number("--effort", 100, &effort);
		o->test.effort = (unsigned)effort;
		break;
	case 'D':
		o->test.disturb = optarg;
		break;
	case 'r':
		return plugins_number("--seed", INT64_MAX, &o->test.seed);
	default:
		o->test.json = true;
	}
	return status;
}

static int plugins_parse(int argc, char **argv, struct plugins_options *o)
{
	static const struct option known[] = {
		{ "plugins", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "kind", required_argument, NULL, 'k' },
		{ "into", required_argument, NULL, 'i' },
		{ "templates", required_argument, NULL, 't' },
		{ "man", required_argument, NULL, 'm' },
		{ "set", required_argument, NULL, 's' },
		{ "only", required_argument, NULL, 'o' },
		{ "effort", required_argument, NULL, 'e' },
		{ "seed", required_argument, NULL, 'r' },
		{ "disturb", required_argument, NULL, 'D' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int key, status = -1;

	*o = (struct plugins_options){ .plugins = PLUGINDIR, .all_know = UINT_MAX };
	optind = 0;	/* a command may run more than once in a process */
	while (status < 0 && (key = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (key == 'h') {
			fputs(plugins_usage, stdout);
			return COMMON_OK;
		}
		status = key == '?' ? common_usage(plugins_usage) : plugins_take(key, o);
	}
	return status;
}

static int plugins_run(struct plugins *plugins, const char *command,
		       struct plugins_options *o)
{
	const char *name = o->fresh.name;

	if (strcmp(command, "list") == 0 && name == NULL && o->all_know & PLUGINS_LIST)
		return plugins_list(plugins, o->test.json);
	if (name == NULL)
		return common_usage(plugins_usage);
	if (strcmp(command, "describe") == 0 && o->all_know & PLUGINS_LIST)
		return plugins_describe(plugins, name, o->test.json);
	if (strcmp(command, "new") == 0 && o->all_know & PLUGINS_NEW)
		return plugins_new_run(plugins, &o->fresh);
	if (strcmp(command, "check") == 0 && o->all_know & PLUGINS_CHECK)
		return plugins_check_run(plugins, &o->check);
	if (strcmp(command, "test-storage") == 0 && o->all_know & PLUGINS_TEST)
		return plugins_test_run(plugins, &o->test);
	return common_usage(plugins_usage);
}

int plugins_main(int argc, char **argv)
{
	struct plugins_options o;
	struct plugins *plugins;
	int result = plugins_parse(argc, argv, &o);

	if (result >= 0)
		return result;
	if (argc == optind || argc - optind > 2)
		return common_usage(plugins_usage);
	o.fresh.name = o.check.plugin = o.test.plugin = argv[optind + 1];
	o.check.json = o.test.json;
	plugins = trial_plugins(o.plugins);
	/* which says itself how that ended */
	if (strcmp(argv[optind], "check") == 0)
		plugins_set_trial(plugins, NULL);
	result = plugins_run(plugins, argv[optind], &o);
	plugins_free(&plugins);
	return result;
}
