/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload - see reload.h. The daemon is asked over its socket, and says what
 * became of it; what it runs with is its own matter.
 */
#include "gateway/cli/reload.h"

#include <getopt.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/cli/common.h"
#include "gateway/config/config.h"
#include "gateway/upstream/local.h"

static const char reload_usage[] =
	"Usage: gantry reload [--config FILE] [--with FILE] [--presets DIR] [--json]\n"
	"\n"
	"The running gateway reads its configuration again, and goes on with it if it is\n"
	"good; else nothing changes, and all that is wrong is said.\n"
	"\n"
	"  --config FILE   to find the gateway's socket (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     the same, of one of several on a host\n"
	"  --presets DIR   presets that \"use:\" names\n"
	"  --json          print JSON\n"
	"  --help          this text\n"
	"\n"
	"Exit status: 0 done; 1 failed; 2 the configuration is refused, or usage.\n";

static long long reload_number(const json_t *data, const char *name)
{
	return (long long)json_integer_value(json_object_get(data, name));
}

static void reload_print(const json_t *data)
{
	long long replaced = reload_number(data, "replacedPlugins");

	printf("reloaded: %lld routes; %lld instances kept, %lld opened, %lld closed\n",
	       reload_number(data, "routes"), reload_number(data, "kept"),
	       reload_number(data, "opened"), reload_number(data, "closed"));
	if (replaced > 0)
		printf("files of plugins that were replaced, and whose code stays until a restart: %lld\n",
		       replaced);
}

static void reload_print_problems(const json_t *list)
{
	const json_t *problem;
	size_t i;

	json_array_foreach(list, i, problem) {
		const char *field = json_string_value(json_object_get(problem, "field"));
		const char *text = json_string_value(json_object_get(problem, "problem"));

		if (field != NULL && *field != '\0')
			fprintf(stderr, "%s: ", field);
		fprintf(stderr, "%s\n", text != NULL ? text : "?");
	}
}

static int reload_tell(const struct local_answer *answer, bool json)
{
	const json_t *error = json_object_get(answer->body, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	const json_t *details = json_object_get(error, "details");

	if (json && answer->body != NULL)
		common_print_json(json_incref(answer->body));
	if (answer->status == 200) {
		if (!json)
			reload_print(json_object_get(answer->body, "data"));
		return COMMON_OK;
	}
	if (!json)
		reload_print_problems(details);
	fprintf(stderr, "gantry: %s\n", message != NULL ? message :
		"the daemon does not understand: is it of this version?");
	return answer->status == 422 ? COMMON_USAGE : COMMON_FAILED;
}

static int reload_ask_socket(const char *socket, bool json)
{
	struct gantry_error err = ERROR_INIT;
	struct local *local = local_open(socket, &err);
	struct local_answer answer = { 0 };
	int status = COMMON_FAILED;

	if (local != NULL && local_ask(local, "POST", "/admin/api/reload", NULL, 0,
				       &answer, &err) == 0)
		status = reload_tell(&answer, json);
	else
		fprintf(stderr, "gantry: %s\n", err.message);
	json_decref(answer.body);
	local_close(&local);
	error_fini(&err);
	return status;
}

/*
 * That the files are wrong is for the gateway to say, in its own words: here
 * they only have to tell where its socket is.
 */
static int reload_run(const struct common_options *o)
{
	struct problems problems = { 0 };
	struct config *config = config_load_with(o->config, o->with, o->presets, &problems);
	int status = COMMON_USAGE;

	if (config == NULL || config->admin.socket == NULL)
		problems_print(&problems, stderr);
	else
		status = reload_ask_socket(config->admin.socket, o->json);
	problems_fini(&problems);
	config_free(&config);
	return status;
}

int reload_main(int argc, char **argv)
{
	struct common_options o;
	int status = common_parse(argc, argv, reload_usage, &o);

	if (status >= 0)
		return status;
	if (optind < argc)
		return common_usage(reload_usage);
	return reload_run(&o);
}
