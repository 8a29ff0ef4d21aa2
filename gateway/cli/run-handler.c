/* SPDX-License-Identifier: Apache-2.0 */
/* run-handler - see run-handler.h: options and files. */
#include "gateway/cli/run-handler.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"

#define RUN_HANDLER_MAX_FILE (64u << 20)

static const char run_handler_usage[] =
	"Usage: gantry run-handler PLUGIN.so [HANDLER] --event FILE [--set KEY=VALUE]...\n"
	"       gantry run-handler INSTANCE.HANDLER --config FILE --event FILE\n"
	"       gantry run-handler [INSTANCE.HANDLER] --config FILE --export FILE\n"
	"\n"
	"Run recorded messages through a handler, and print the verdict, what it asked,\n"
	"the effects it staged, what would be stored and published, and the reply.\n"
	"Nothing is applied. With a configuration, what the handler asks for comes from\n"
	"its storage, else everything is empty.\n"
	"\n"
	"  --event FILE      one message: an event, or the body of a request (-: stdin)\n"
	"  --export FILE     what \"gantry dead-letters export\" wrote, letter by letter;\n"
	"                    without INSTANCE.HANDLER each through its own pipeline\n"
	"  --as KIND         event, http or schedule (default: as the handler's route\n"
	"                    says, else event)\n"
	"  --param NAME=TEXT a parameter of the path\n"
	"  --set KEY=VALUE   PLUGIN.so: an option of the plugin\n"
	"  --config FILE     configuration\n"
	"  --with FILE       one more file, read last (one of several on a host)\n"
	"  --presets DIR     presets that \"use:\" names (default: " PRESETDIR ")\n"
	"  --plugins DIR     plugins by short name (default: " PLUGINDIR ")\n"
	"  --json            print one JSON object a message\n"
	"  --help            this text\n"
	"\n"
	"Exit status: 0 all messages were done; 1 some failed or were rejected; 2 usage\n"
	"or configuration.\n";

static int run_handler_param(struct run_handler_options *o)
{
	char *equals = strchr(optarg, '=');

	if (equals == NULL || equals == optarg) {
		fprintf(stderr, "gantry: --param: must be NAME=VALUE: \"%s\"\n", optarg);
		return COMMON_USAGE;
	}
	if (o->n_params == RUN_HANDLER_PARAMS) {
		fprintf(stderr, "gantry: --param: more than %d\n", RUN_HANDLER_PARAMS);
		return COMMON_USAGE;
	}
	*equals = '\0';
	o->params[o->n_params++] = (struct message_pair){ optarg, equals + 1 };
	return -1;
}

static int run_handler_take(int key, struct run_handler_options *o)
{
	switch (key) {
	case 'e':
		o->event = optarg;
		break;
	case 'x':
		o->export = optarg;
		break;
	case 'a':
		o->as = optarg;
		if (strcmp(optarg, "event") != 0 && strcmp(optarg, "http") != 0 &&
		    strcmp(optarg, "schedule") != 0) {
			fprintf(stderr, "gantry: --as: must be event, http or schedule: "
				"\"%s\"\n", optarg);
			return COMMON_USAGE;
		}
		break;
	case 's':
		return sets_add(&o->sets, optarg);
	case 'P':
		return run_handler_param(o);
	case 'c':
		o->common.config = optarg;
		o->has_config = true;
		break;
	case 'p':
		o->common.presets = optarg;
		break;
	case 'd':
		o->common.plugins = optarg;
		break;
	case 'w':
		o->common.with = optarg;
		break;
	default:
		o->common.json = true;
	}
	return -1;
}

static int run_handler_parse(int argc, char **argv, struct run_handler_options *o)
{
	static const struct option known[] = {
		{ "event", required_argument, NULL, 'e' },
		{ "export", required_argument, NULL, 'x' },
		{ "as", required_argument, NULL, 'a' },
		{ "set", required_argument, NULL, 's' },
		{ "param", required_argument, NULL, 'P' },
		{ "config", required_argument, NULL, 'c' },
		{ "with", required_argument, NULL, 'w' },
		{ "presets", required_argument, NULL, 'p' },
		{ "plugins", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int key, status = -1;

	optind = 0;
	while (status < 0 && (key = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
		if (key == 'h') {
			fputs(run_handler_usage, stdout);
			return COMMON_OK;
		}
		status = key == '?' ? common_usage(run_handler_usage) :
				      run_handler_take(key, o);
	}
	return status;
}

/* The whole file, ended by NUL; NULL with the reason told. */
static char *run_handler_read(const char *path, size_t *len_out)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *bytes = NULL;
	size_t room = 0;

	*len_out = 0;
	while (in != NULL && !feof(in) && !ferror(in) && *len_out <= RUN_HANDLER_MAX_FILE) {
		if (*len_out + 1 >= room) {
			room = room > 0 ? room * 2 : 65536;
			bytes = memory_grow(bytes, room, 1);
		}
		*len_out += fread(bytes + *len_out, 1, room - *len_out - 1, in);
	}
	if (in == NULL || ferror(in) || *len_out > RUN_HANDLER_MAX_FILE) {
		fprintf(stderr, "gantry: %s: %s\n", path, in != NULL && !ferror(in) ?
			"larger than 64 MiB" : strerror(errno));
		free(bytes);
		bytes = NULL;
	}
	if (in != NULL && in != stdin)
		fclose(in);
	if (bytes != NULL)
		bytes[*len_out] = '\0';
	return bytes;
}

static int run_handler_line(struct run_handler *r, const char *line, size_t len,
			    unsigned number)
{
	struct gantry_error err = ERROR_INIT;
	struct letter letter;
	json_error_t where;
	json_t *tree = json_loadb(line, len, JSON_REJECT_DUPLICATES, &where);
	int status = COMMON_USAGE;

	if (tree == NULL)
		fprintf(stderr, "gantry: %s: line %u: %s\n", r->options->export, number,
			where.text);
	else if (letter_from_tree(tree, &r->arena, &letter, &err) < 0)
		fprintf(stderr, "gantry: %s: line %u: %s\n", r->options->export, number,
			err.message);
	else
		status = run_handler_letter(r, &letter);
	json_decref(tree);
	error_fini(&err);
	return status;
}

static int run_handler_lines(struct run_handler *r, const char *text)
{
	int status = COMMON_OK;
	unsigned number = 1;

	while (*text != '\0' && status == COMMON_OK) {
		size_t len = strcspn(text, "\n");

		if (len > 0)
			status = run_handler_line(r, text, len, number);
		text += len + (text[len] == '\n');
		number++;
	}
	return status;
}

static int run_handler_files(struct run_handler *r)
{
	const struct run_handler_options *o = r->options;
	AUTO_FREE char *text = NULL;
	size_t len;
	int status;

	text = run_handler_read(o->export != NULL ? o->export : o->event, &len);
	if (text == NULL)
		return COMMON_FAILED;
	run_handler_start(r);
	status = o->export != NULL ? run_handler_lines(r, text) :
				     run_handler_event(r, text, len);
	run_handler_stop(r);
	if (status != COMMON_OK)
		return status;
	if (o->export != NULL && !o->common.json)
		printf("%u messages, %u failed or rejected\n", r->n, r->failed);
	return r->failed == 0 ? COMMON_OK : COMMON_FAILED;
}

int run_handler_main(int argc, char **argv)
{
	struct run_handler_options o = {
		.common = { SYSCONFDIR "/gantry.yaml", PRESETDIR, PLUGINDIR, false },
	};
	struct run_handler r = { .options = &o };
	int status = run_handler_parse(argc, argv, &o);
	int left = argc - optind;

	if (status >= 0)
		return status;
	o.target = left > 0 ? argv[optind] : NULL;
	o.handler = left > 1 ? argv[optind + 1] : NULL;
	if (left > 2 || (o.event == NULL) == (o.export == NULL) ||
	    (left == 0 && (o.export == NULL || !o.has_config)))
		return common_usage(run_handler_usage);
	status = run_handler_find(&r);
	if (status == COMMON_OK)
		status = run_handler_files(&r);
	run_handler_close(&r);
	return status;
}
