/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breakers - see breakers.h. The states are in the daemon's memory alone, so
 * everything asks the daemon over its socket.
 */
#include "gateway/cli/breakers.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/cli/common.h"
#include "gateway/config/config.h"
#include "gateway/upstream/local.h"

#define BREAKERS_PATH "/admin/api/breakers"

static const char breakers_usage[] =
	"Usage: gantry breakers list\n"
	"       gantry breakers open NAME [--for DURATION]\n"
	"       gantry breakers close NAME [--for DURATION]\n"
	"       gantry breakers reset NAME\n"
	"\n"
	"What the breakers of the running daemon do, and what they are told to do.\n"
	"\n"
	"list     name, state and what it rests on\n"
	"open     let no call through, whatever comes\n"
	"close    let all calls through, whatever becomes of them\n"
	"reset    begin anew: closed, and judging by results\n"
	"\n"
	"  --for DURATION   open and close: then reset, 1s to 30d (default: until the\n"
	"                   next order, or a restart)\n"
	"  --config FILE    configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE      one more file, read last (one of several on a host)\n"
	"  --presets DIR    presets that \"use:\" names\n"
	"  --json           print JSON\n"
	"  --help           this text\n"
	"\n"
	"Exit status: 0 done; 1 failed; 2 usage.\n";

struct breakers_options {
	struct common_options common;
	const char *for_text;
};

static int breakers_failed(struct gantry_error *err)
{
	fprintf(stderr, "gantry: %s\n", err->message);
	error_fini(err);
	return COMMON_FAILED;
}

/* "12 s", what is left of a state. */
static const char *breakers_left(struct arena *arena, const json_t *row)
{
	const json_t *ends = json_object_get(row, "endsInMs");

	if (ends == NULL)
		return "";
	return arena_format(arena, "for %" PRId64 " s",
			    ((int64_t)json_integer_value(ends) + 999) / 1000);
}

static const char *breakers_number(struct arena *arena, const json_t *row,
				   const char *member, const char *noun)
{
	return arena_format(arena, "%s %" JSON_INTEGER_FORMAT, noun,
			    json_integer_value(json_object_get(row, member)));
}

static void breakers_row(struct common_table *t, const json_t *row)
{
	common_cell(t, json_string_value(json_object_get(row, "name")));
	common_cell(t, json_string_value(json_object_get(row, "state")));
	common_cell(t, json_is_true(json_object_get(row, "held")) ? "held" : "");
	common_cell(t, breakers_left(&t->arena, row));
	common_cell(t, breakers_number(&t->arena, row, "failures", "failures"));
	common_cell(t, breakers_number(&t->arena, row, "opened", "opened"));
	common_cell(t, breakers_number(&t->arena, row, "refused", "refused"));
}

/* data is a list of breakers, or one. */
static void breakers_print(const json_t *data, bool json)
{
	struct common_table table = { .columns = 7 };
	const json_t *row;
	size_t i;

	if (json) {
		common_print_json(json_pack("{sO}", json_is_array(data) ? "breakers" :
					    "breaker", data));
		return;
	}
	if (json_is_object(data))
		breakers_row(&table, data);
	json_array_foreach(data, i, row)
		breakers_row(&table, row);
	if (table.n > 0)
		common_print(&table, stdout);
	else
		puts("no breakers");
	common_table_fini(&table);
}

static int breakers_tell(const struct local_answer *answer, bool json)
{
	const json_t *error = json_object_get(answer->body, "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	if (answer->status == 200) {
		breakers_print(json_object_get(answer->body, "data"), json);
		return COMMON_OK;
	}
	fprintf(stderr, "gantry: %s\n", message != NULL ? message :
		"the daemon does not understand: is it of this version?");
	return COMMON_FAILED;
}

static int breakers_ask(const struct breakers_options *o, const char *socket,
			const char *name, const char *verb)
{
	struct gantry_error err = ERROR_INIT;
	struct local *local = local_open(socket, &err);
	AUTO_FREE char *target = NULL, *body = NULL;
	struct local_answer answer = { 0 };
	int status;

	if (local == NULL)
		return breakers_failed(&err);
	if (name != NULL) {
		AUTO_FREE char *escaped = local_escape(local, name);

		target = memory_format(BREAKERS_PATH "/%s/%s", escaped, verb);
	}
	if (o->for_text != NULL)
		body = memory_format("{\"for\":\"%s\"}", o->for_text);
	if (local_ask(local, name != NULL ? "POST" : "GET",
		      name != NULL ? target : BREAKERS_PATH, body,
		      body != NULL ? strlen(body) : 0, &answer, &err) < 0)
		status = breakers_failed(&err);
	else
		status = breakers_tell(&answer, o->common.json);
	json_decref(answer.body);
	local_close(&local);
	return status;
}

static int breakers_run(const struct breakers_options *o, const char *name,
			const char *verb)
{
	struct problems problems = { 0 };
	struct config *config = config_load_with(o->common.config, o->common.with,
						 o->common.presets, &problems);
	int status = COMMON_USAGE;

	if (problems.n > 0)
		problems_print(&problems, stderr);
	else
		status = breakers_ask(o, config->admin.socket, name, verb);
	problems_fini(&problems);
	config_free(&config);
	return status;
}

/* --for is the only one of its own. */
static int breakers_take(int key, void *own)
{
	struct breakers_options *o = own;
	int64_t ms;

	(void)key;
	if (!parse_duration(optarg, &ms) || ms < 1000 ||
	    ms > INT64_C(30) * 86400 * 1000) {
		fprintf(stderr, "gantry: --for: must be a duration of 1s to 30d: "
			"\"%s\"\n", optarg);
		return COMMON_USAGE;
	}
	o->for_text = optarg;
	return -1;
}

static int breakers_parse(int argc, char **argv, struct breakers_options *o)
{
	static const struct option known[] = {
		{ "for", required_argument, NULL, 'f' },
		{ "config", required_argument, NULL, 'c' },
		{ "with", required_argument, NULL, 'w' },
		{ "presets", required_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	return common_parse_own(argc, argv, &(struct common_command){
		.usage = breakers_usage, .known = known, .take = breakers_take,
		.own = o }, &o->common);
}

int breakers_main(int argc, char **argv)
{
	struct breakers_options o = { .for_text = NULL };
	int status = breakers_parse(argc, argv, &o), n = argc - optind;
	const char *verb = n > 0 ? argv[optind] : "";

	if (status >= 0)
		return status;
	if (n == 1 && strcmp(verb, "list") == 0 && o.for_text == NULL)
		return breakers_run(&o, NULL, NULL);
	if (n == 2 && (strcmp(verb, "open") == 0 || strcmp(verb, "close") == 0 ||
		       (strcmp(verb, "reset") == 0 && o.for_text == NULL)))
		return breakers_run(&o, argv[optind + 1], verb);
	return common_usage(breakers_usage);
}
