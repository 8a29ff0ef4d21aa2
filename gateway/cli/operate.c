/* SPDX-License-Identifier: Apache-2.0 */
/* operate - see operate.h. Everything asks the daemon over its socket. */
#include "gateway/cli/operate.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/cli/common.h"
#include "gateway/config/config.h"
#include "gateway/cli/traffic.h"
#include "gateway/upstream/local.h"

#define OPERATE_ROLES 8
#define OPERATE_OVER_MS 2000
#define OPERATE_MAX_OVER_MS (3600 * 1000)

static const char operate_usage[] =
	"Usage: gantry admin login [--role ROLE]...\n"
	"       gantry admin status\n"
	"       gantry admin traffic [--over DURATION]\n"
	"       gantry admin plugins\n"
	"       gantry admin outbox\n"
	"       gantry admin audit [--before REF]\n"
	"       gantry admin log-level [LEVEL] [--sample PERCENT]\n"
	"\n"
	"See and steer the running daemon.\n"
	"\n"
	"login      print a link to the admin page, good once and for a minute\n"
	"status     how it is: what it rests on, what waits, dead letters by cause\n"
	"traffic    requests, latencies, errors and events of the next seconds, by route\n"
	"plugins    instances of plugins with their options\n"
	"outbox     how many events wait, and the oldest\n"
	"audit      what operators did, the newest last\n"
	"log-level  the least that is logged, or change that until the next restart or reload:\n"
	"           debug, info, warning or error; and of how many messages\n"
	"\n"
	"  --role ROLE      login: what the session may, instead of all: gantry-admin:view,\n"
	"                   :retry, :edit, :discard, :breakers, :log, :reload;\n"
	"                   can be repeated\n"
	"  --before REF     audit: what was before that, as the page before said\n"
	"  --over DURATION  traffic: for so long, 1s to 1h (default: 2s)\n"
	"  --sample PERCENT log-level: of how many messages lines below warning are\n"
	"                   written, 0 to 100\n"
	"  --config FILE    configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE      one more file, read last (one of several on a host)\n"
	"  --presets DIR    presets that \"use:\" names\n"
	"  --json           print JSON\n"
	"  --help           this text\n"
	"\n"
	"Exit status: 0 done; 1 failed; 2 usage.\n";

struct operate {
	struct common_options common;
	const char *roles[OPERATE_ROLES];
	unsigned n_roles;
	const char *level;		/* of log-level, or NULL */
	const char *before;		/* of audit, or NULL */
	int64_t over_ms;		/* of traffic; 0: as usual */
	int64_t sample;			/* of log-level; -1: as it is */
};

static const char *operate_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static void operate_login(const struct operate *o, const json_t *data)
{
	(void)o;
	puts(operate_text(data, "url"));
	fprintf(stderr, "Open it within %" JSON_INTEGER_FORMAT " s; it works once, and whoever "
		"has it may come in.\n",
		json_integer_value(json_object_get(data, "endsInMs")) / 1000);
}

static const char *operate_member(struct common_table *t, const char *name,
				  const json_t *value)
{
	AUTO_FREE char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	return arena_format(&t->arena, "%s: %s", name, json_is_string(value) ?
			    json_string_value(value) : text);
}

static void operate_check(struct common_table *t, const char *name, const json_t *check)
{
	const char *text = "", *key;
	const json_t *value;

	json_object_foreach((json_t *)(uintptr_t)check, key, value)
		if (strcmp(key, "status") != 0)
			text = arena_format(&t->arena, "%s%s%s", text,
					    *text != '\0' ? ", " : "",
					    operate_member(t, key, value));
	common_cell(t, name);
	common_cell(t, operate_text(check, "status"));
	common_cell(t, text);
}

static void operate_backlog(struct common_table *t, const json_t *backlog)
{
	const char *since = operate_text(backlog, "oldestAt");

	common_cell(t, operate_text(backlog, "handlers"));
	common_cell(t, arena_format(&t->arena, "%" JSON_INTEGER_FORMAT,
			json_integer_value(json_object_get(backlog, "waiting"))));
	common_cell(t, arena_format(&t->arena, "%s%s%s", operate_text(backlog, "backlog"),
				    *since != '\0' ? ", the oldest since " : "", since));
}

static void operate_status(const struct operate *o, const json_t *data)
{
	struct common_table t = { .columns = 3 };
	const json_t *value;
	const char *key;
	size_t i;

	(void)o;
	printf("%s %s, replica %s: %s\n", operate_text(data, "service"),
	       operate_text(data, "version"), operate_text(data, "replica"),
	       operate_text(data, "status"));
	json_object_foreach(json_object_get(data, "checks"), key, value)
		operate_check(&t, key, value);
	json_object_foreach(json_object_get(data, "deadLetters"), key, value) {
		common_cell(&t, "dead letters");
		common_cell(&t, arena_format(&t.arena, "%" JSON_INTEGER_FORMAT,
					     json_integer_value(value)));
		common_cell(&t, key);
	}
	json_array_foreach(json_object_get(data, "backlogs"), i, value)
		operate_backlog(&t, value);
	common_print(&t, stdout);
	common_table_fini(&t);
}

static void operate_options(const json_t *instance)
{
	struct common_table t = { .columns = 3 };
	const json_t *option;
	size_t i;

	json_array_foreach(json_object_get(instance, "options"), i, option) {
		common_cell(&t, arena_format(&t.arena, "  %s", operate_text(option, "name")));
		common_cell(&t, json_is_true(json_object_get(option, "secret")) ? "(secret)" :
				operate_text(option, "value"));
		common_cell(&t, operate_text(option, "summary"));
	}
	common_print(&t, stdout);
	common_table_fini(&t);
}

static void operate_plugins(const struct operate *o, const json_t *data)
{
	const json_t *one;
	size_t i;

	(void)o;
	json_array_foreach(data, i, one) {
		printf("%s%s%s %s, %s: %s\n", operate_text(one, "instance"),
		       *operate_text(one, "instance") != '\0' ? ": " : "",
		       operate_text(one, "plugin"), operate_text(one, "version"),
		       operate_text(one, "kind"), operate_text(one, "summary"));
		operate_options(one);
	}
}

/* Rows of texts, one of names each. */
static void operate_rows(const json_t *rows, const char *const *names, unsigned columns,
			 const char *none)
{
	struct common_table t = { .columns = columns };
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		for (unsigned k = 0; k < columns; k++)
			common_cell(&t, operate_text(row, names[k]));
	if (t.n > 0)
		common_print(&t, stdout);
	else
		puts(none);
	common_table_fini(&t);
}

static void operate_outbox(const struct operate *o, const json_t *data)
{
	static const char *const names[] = { "createdAt", "type", "aggregateId", "eventId",
					     "cause" };

	(void)o;
	operate_rows(json_object_get(data, "events"), names, ARRAY_LENGTH(names),
		     "nothing waits");
	printf("%" JSON_INTEGER_FORMAT " events wait\n",
	       json_integer_value(json_object_get(data, "rows")));
}

static void operate_audit(const struct operate *o, const json_t *data)
{
	static const char *const names[] = { "at", "actor", "action", "object", "result",
					     "text" };

	json_t *turned = json_array();

	(void)o;
	for (size_t i = json_array_size(data); i > 0; i--)
		json_array_append(turned, json_array_get(data, i - 1));
	operate_rows(turned, names, ARRAY_LENGTH(names), "nothing was done");
	json_decref(turned);
}

static void operate_log_level(const struct operate *o, const json_t *data)
{
	json_int_t sample = json_integer_value(json_object_get(data, "sample"));

	(void)o;
	printf("%s", operate_text(data, "level"));
	if (sample < 100)
		printf(", below warning of %" JSON_INTEGER_FORMAT " %% of the messages", sample);
	putchar('\n');
}

/* method NULL: it is no answer of the API. */
struct operate_command {
	const char *name, *method, *path;
	void (*print)(const struct operate *o, const json_t *data);
};

static const struct operate_command operate_commands[] = {
	{ "login", "POST", "/login", operate_login },
	{ "status", "GET", "/overview", operate_status },
	{ "traffic", NULL, NULL, NULL },
	{ "plugins", "GET", "/plugins", operate_plugins },
	{ "outbox", "GET", "/outbox?limit=50", operate_outbox },
	{ "audit", "GET", "/audit?newest=true&limit=1000", operate_audit },
	{ "log-level", "GET", "/log-level", operate_log_level },
	{ "log-level", "POST", "/log-level", operate_log_level },
};

static int operate_failed(struct gantry_error *err)
{
	fprintf(stderr, "gantry: %s\n", err->message);
	error_fini(err);
	return COMMON_FAILED;
}

/* What it refuses, and each part of it that was wrong. */
static int operate_refused(const json_t *body)
{
	const json_t *error = json_object_get(body, "error"), *problem;
	size_t i;

	fprintf(stderr, "gantry: %s\n", *operate_text(error, "message") != '\0' ?
		operate_text(error, "message") :
		"the daemon does not understand: is it of this version?");
	json_array_foreach(json_object_get(error, "details"), i, problem)
		fprintf(stderr, "gantry: %s: %s\n", operate_text(problem, "field"),
			operate_text(problem, "problem"));
	return COMMON_FAILED;
}

static int operate_tell(const struct operate *o, const struct operate_command *command,
			const struct local_answer *answer)
{
	json_t *data = json_object_get(answer->body, "data");
	const char *next = operate_text(answer->body, "next");

	if (answer->status != 200 || data == NULL)
		return operate_refused(answer->body);
	if (o->common.json)
		common_print_json(json_incref(data));
	else
		command->print(o, data);
	if (*next != '\0' && command->print == operate_audit)
		fprintf(o->common.json ? stderr : stdout, "more: --before %s\n", next);
	return COMMON_OK;
}

static char *operate_body(const struct operate *o)
{
	json_t *roles = json_array(), *tree;
	char *text;

	for (unsigned i = 0; i < o->n_roles; i++)
		json_array_append_new(roles, json_string(o->roles[i]));
	tree = o->level != NULL ? json_pack("{ss}", "level", o->level) : json_object();
	if (o->sample >= 0)
		json_object_set_new(tree, "sample", json_integer(o->sample));
	if (o->n_roles > 0)
		json_object_set(tree, "roles", roles);
	json_decref(roles);
	text = json_dumps(tree, JSON_COMPACT);
	json_decref(tree);
	return text;
}

static int operate_ask(const struct operate *o, const struct operate_command *command,
		       const char *socket)
{
	AUTO_FREE char *target = memory_format("/admin/api%s%s%s", command->path,
					       o->before != NULL ? "&before=" : "",
					       o->before != NULL ? o->before : "");
	AUTO_FREE char *body = NULL;
	struct gantry_error err = ERROR_INIT;
	struct local_answer answer = { 0 };
	struct local *local = local_open(socket, &err);
	int status;

	if (local == NULL)
		return operate_failed(&err);
	if (strcmp(command->method, "POST") == 0)
		body = operate_body(o);
	if (local_ask(local, command->method, target, body, body != NULL ? strlen(body) : 0,
		      &answer, &err) < 0)
		status = operate_failed(&err);
	else
		status = operate_tell(o, command, &answer);
	json_decref(answer.body);
	local_close(&local);
	return status;
}

static int operate_run(const struct operate *o, const struct operate_command *command)
{
	struct problems problems = { 0 };
	struct config *config = config_load_with(o->common.config, o->common.with,
						 o->common.presets, &problems);
	int status = COMMON_USAGE;

	if (problems.n > 0)
		problems_print(&problems, stderr);
	else if (command->method == NULL)
		status = traffic_show(config->admin.socket, o->over_ms != 0 ? o->over_ms :
				      OPERATE_OVER_MS, o->common.json);
	else
		status = operate_ask(o, command, config->admin.socket);
	problems_fini(&problems);
	config_free(&config);
	return status;
}

static int operate_take(int key, void *own)
{
	struct operate *o = own;
	int64_t ref;

	if (key == 'b') {
		o->before = optarg;
		return parse_integer(optarg, &ref) ? -1 : common_usage(operate_usage);
	}
	if (key == 's')
		return parse_integer(optarg, &o->sample) && o->sample >= 0 ? -1 :
		       common_usage(operate_usage);
	if (key == 'o')
		return parse_duration(optarg, &o->over_ms) && o->over_ms >= 1000 &&
		       o->over_ms <= OPERATE_MAX_OVER_MS ? -1 : common_usage(operate_usage);
	if (o->n_roles == OPERATE_ROLES)
		return common_usage(operate_usage);
	o->roles[o->n_roles++] = optarg;
	return -1;
}

static int operate_parse(int argc, char **argv, struct operate *o)
{
	static const struct option known[] = {
		{ "role", required_argument, NULL, 'r' },
		{ "before", required_argument, NULL, 'b' },
		{ "sample", required_argument, NULL, 's' },
		{ "over", required_argument, NULL, 'o' },
		{ "config", required_argument, NULL, 'c' },
		{ "with", required_argument, NULL, 'w' },
		{ "presets", required_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	return common_parse_own(argc, argv, &(struct common_command){
		.usage = operate_usage, .known = known, .take = operate_take, .own = o },
		&o->common);
}

/* Each option belongs to one of them. */
static bool operate_fits(const struct operate *o, const char *verb)
{
	return (o->n_roles == 0 || strcmp(verb, "login") == 0) &&
	       (o->before == NULL || strcmp(verb, "audit") == 0) &&
	       (o->over_ms == 0 || strcmp(verb, "traffic") == 0) &&
	       (o->sample < 0 || strcmp(verb, "log-level") == 0);
}

int operate_main(int argc, char **argv)
{
	struct operate o = { .sample = -1 };
	int status = operate_parse(argc, argv, &o), n = argc - optind;
	const char *verb = n > 0 ? argv[optind] : "";
	bool levels = strcmp(verb, "log-level") == 0;

	if (status >= 0)
		return status;
	if (n < 1 || n > 1 + levels || !operate_fits(&o, verb))
		return common_usage(operate_usage);
	o.level = n == 2 ? argv[optind + 1] : NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(operate_commands); i++) {
		const struct operate_command *command = &operate_commands[i];

		if (strcmp(verb, command->name) == 0 &&
		    (!levels || (strcmp(command->method, "POST") == 0) ==
				(n == 2 || o.sample >= 0)))
			return operate_run(&o, command);
	}
	return common_usage(operate_usage);
}
