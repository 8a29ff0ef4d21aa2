/* SPDX-License-Identifier: Apache-2.0 */
/* spec - see spec.h. Loads the plugins, but opens nothing. */
#include "gateway/cli/spec.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/cli/common.h"
#include "gateway/cli/trial.h"
#include "gateway/config/emit.h"
#include "gateway/pipeline/graph.h"
#include "gateway/spec/spec.h"

static const char spec_usage[] =
	"Usage: gantry spec openapi [--admin] [OPTION]...\n"
	"       gantry spec asyncapi [OPTION]...\n"
	"\n"
	"What the configuration offers to others, as a document: the HTTP routes or the\n"
	"admin API as OpenAPI 3.1, the events as AsyncAPI 3.0. YAML, the same for the same\n"
	"configuration. Opens no storage and no network.\n"
	"\n"
	"  --admin         the admin API in place of the routes\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names\n"
	"  --plugins DIR   plugins by short name\n"
	"  --json          JSON in place of YAML\n"
	"  --help          this text\n"
	"\n"
	"Exit status: 0 done, 1 a plugin describes itself wrongly, 2 usage or\n"
	"configuration.\n";

typedef json_t *spec_make(const struct spec_source *source, struct gantry_error *err);

static int spec_print(json_t *tree, bool json, struct gantry_error *err)
{
	size_t len;
	char *text;

	if (json) {
		common_print_json(tree);
		return COMMON_OK;
	}
	text = emit_yaml(tree, "# Made by gantry spec.\n", &len, err);
	json_decref(tree);
	if (text == NULL)
		return COMMON_FAILED;
	fwrite(text, 1, len, stdout);
	free(text);
	return COMMON_OK;
}

static int spec_write(const struct config *config, const struct graph *graph,
		      spec_make *make, bool json)
{
	const struct spec_source source = { config, graph, VERSION_TEXT };
	struct gantry_error err = ERROR_INIT;
	json_t *tree = make(&source, &err);
	int status = tree != NULL ? spec_print(tree, json, &err) : COMMON_FAILED;

	if (status != COMMON_OK)
		fprintf(stderr, "gantry: %s\n", err.message);
	error_fini(&err);
	return status;
}

static int spec_run(const struct common_options *options, spec_make *make)
{
	struct problems problems = { 0 };
	struct plugins *plugins = trial_plugins(options->plugins);
	struct graph *graph = NULL;
	struct config *config = config_load_with(options->config, options->with,
						 options->presets, &problems);
	int status = COMMON_USAGE;

	if (config != NULL)
		graph_build(config, plugins, &problems, &graph);
	if (problems.n > 0)
		problems_print(&problems, stderr);
	else
		status = spec_write(config, graph, make, options->json);
	graph_free(&graph);
	plugins_free(&plugins);
	config_free(&config);
	problems_fini(&problems);
	return status;
}

/* --admin is this command's own: taken out before the common options are read. */
static bool spec_take_admin(int *argc, char **argv)
{
	bool found = false;
	int n = 0;

	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "--admin") == 0)
			found = true;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	*argc = n;
	return found;
}

int spec_main(int argc, char **argv)
{
	struct common_options options;
	bool admin = spec_take_admin(&argc, argv);
	int result = common_parse(argc, argv, spec_usage, &options);
	const char *kind = optind + 1 == argc ? argv[optind] : "";

	if (result >= 0)
		return result;
	if (strcmp(kind, "openapi") == 0)
		return spec_run(&options, admin ? spec_openapi_admin : spec_openapi);
	if (strcmp(kind, "asyncapi") == 0 && !admin)
		return spec_run(&options, spec_asyncapi);
	return common_usage(spec_usage);
}
