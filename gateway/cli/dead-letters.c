/* SPDX-License-Identifier: Apache-2.0 */
/* dead-letters - see dead-letters.h: the command's options. */
#include "gateway/cli/dead-letters.h"

#include <getopt.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/commit/letters.h"

#define DEAD_LETTERS_SHOWN 50
#define DEAD_LETTERS_MAX_RATE 10000

static const char dead_letters_usage[] =
	"Usage: gantry dead-letters list [--cause CODE] [--queue NAME] [--group]\n"
	"       gantry dead-letters show REF\n"
	"       gantry dead-letters export [--cause CODE] [--queue NAME] FILE\n"
	"       gantry dead-letters retry REF... | --cause CODE | --all\n"
	"       gantry dead-letters edit REF --body FILE\n"
	"       gantry dead-letters discard REF... --reason TEXT\n"
	"\n"
	"Events that were given up, with their cause. list, show and export look into the\n"
	"storage, whether the daemon runs or not; the others ask the daemon over its\n"
	"socket.\n"
	"\n"
	"list     by cause; --group counts them instead\n"
	"show     one of them, with its headers and body\n"
	"export   writes them to FILE, one JSON object a line\n"
	"retry    sends them through their pipelines again; those that --cause or --all\n"
	"         name are the ones that are there when it starts\n"
	"edit     replaces the body by FILE, if that is a valid event, and retries it\n"
	"discard  closes them without effect\n"
	"\n"
	"  --cause CODE      those with this cause\n"
	"  --queue NAME      those of this queue\n"
	"  --all             all of them\n"
	"  --group           list: how many there are of each cause and queue\n"
	"  --limit N         list: at most N (default 50, at most 1000)\n"
	"  --after PLACE     list: what follows the place that the page before named\n"
	"  --rate N/s        retry: at most N a second (default 50/s)\n"
	"  --max-errors N    retry: stop after N that failed (default 10; 0: never)\n"
	"  --body FILE       edit: the event as it should be\n"
	"  --reason TEXT     discard: why, for the audit\n"
	"  --config FILE     configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE       one more file, read last (one of several on a host)\n"
	"  --presets DIR     presets that \"use:\" names\n"
	"  --plugins DIR     plugins by short name\n"
	"  --json            print JSON\n"
	"  --help            this text\n"
	"\n"
	"Exit status: 0 done; 1 failed, also if only some did; 2 usage.\n";

static int dead_letters_bad(const char *option, const char *must, const char *value)
{
	fprintf(stderr, "gantry: %s: must be %s: \"%s\"\n", option, must, value);
	return COMMON_USAGE;
}

/* "20/s" or "90/m" as the time between two. */
static bool dead_letters_rate(const char *text, int64_t *interval_us_out)
{
	AUTO_FREE char *number = memory_text(text);
	char *slash = strchr(number, '/');
	int64_t n, unit_us;

	if (slash == NULL || (strcmp(slash, "/s") != 0 && strcmp(slash, "/m") != 0))
		return false;
	unit_us = slash[1] == 's' ? 1000000 : 60000000;
	*slash = '\0';
	if (!parse_integer(number, &n) || n < 1 || n > DEAD_LETTERS_MAX_RATE)
		return false;
	*interval_us_out = unit_us / n;
	return true;
}

/* Those with a value that must be looked at; -1: fine. */
static int dead_letters_take_number(int key, struct dead_letters_options *o)
{
	switch (key) {
	case 'l':
		if (!parse_integer(optarg, &o->limit) || o->limit < 1 ||
		    o->limit > LETTERS_MAX_PAGE)
			return dead_letters_bad("--limit", "1 to 1000", optarg);
		return -1;
	case 'r':
		if (!dead_letters_rate(optarg, &o->interval_us))
			return dead_letters_bad("--rate", "1/s to 10000/s", optarg);
		return -1;
	default:
		if (!parse_integer(optarg, &o->max_errors) || o->max_errors < 0)
			return dead_letters_bad("--max-errors", "a number", optarg);
		return -1;
	}
}

static int dead_letters_take(int key, void *own)
{
	struct dead_letters_options *o = own;
	const char **texts[] = {
		['C'] = &o->cause, ['Q'] = &o->queue, ['A'] = &o->after,
		['B'] = &o->body, ['R'] = &o->reason, ['z'] = NULL,
	};

	if (key == 'l' || key == 'r' || key == 'e')
		return dead_letters_take_number(key, o);
	if (key == 'a')
		o->all = true;
	else if (key == 'g')
		o->group = true;
	else
		*texts[key] = optarg;
	return -1;
}

static int dead_letters_parse(int argc, char **argv, struct dead_letters_options *o)
{
	static const struct option known[] = {
		{ "cause", required_argument, NULL, 'C' },
		{ "queue", required_argument, NULL, 'Q' },
		{ "after", required_argument, NULL, 'A' },
		{ "body", required_argument, NULL, 'B' },
		{ "reason", required_argument, NULL, 'R' },
		{ "limit", required_argument, NULL, 'l' },
		{ "rate", required_argument, NULL, 'r' },
		{ "max-errors", required_argument, NULL, 'e' },
		{ "all", no_argument, NULL, 'a' },
		{ "group", no_argument, NULL, 'g' },
		{ "config", required_argument, NULL, 'c' },
		{ "with", required_argument, NULL, 'w' },
		{ "presets", required_argument, NULL, 'p' },
		{ "plugins", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	return common_parse_own(argc, argv, &(struct common_command){
		.usage = dead_letters_usage, .known = known, .take = dead_letters_take,
		.own = o }, &o->common);
}

struct dead_letters_command {
	const char *name;
	int least, most;	/* what follows it */
	int (*run)(const struct dead_letters_options *options);
};

static const struct dead_letters_command dead_letters_commands[] = {
	{ "list", 0, 0, dead_letters_list },
	{ "show", 1, 1, dead_letters_show },
	{ "export", 1, 1, dead_letters_export },
	{ "retry", 0, 1 << 20, dead_letters_retry },
	{ "edit", 1, 1, dead_letters_edit },
	{ "discard", 1, 1 << 20, dead_letters_discard },
};

/* Options without which, or with which, a command makes no sense. */
static bool dead_letters_is_whole(const struct dead_letters_command *command,
				  const struct dead_letters_options *o)
{
	if (command->run == dead_letters_retry)
		return (o->n_refs > 0) + (o->cause != NULL || o->queue != NULL) +
			       o->all == 1;
	if (command->run == dead_letters_edit)
		return o->body != NULL;
	if (command->run == dead_letters_discard)
		return o->reason != NULL;
	return true;
}

int dead_letters_main(int argc, char **argv)
{
	struct dead_letters_options o = {
		.limit = DEAD_LETTERS_SHOWN, .interval_us = 20000, .max_errors = 10,
	};
	int status = dead_letters_parse(argc, argv, &o);

	if (status >= 0)
		return status;
	o.refs = argv + optind + 1;
	o.n_refs = argc - optind - 1;
	for (size_t i = 0; i < ARRAY_LENGTH(dead_letters_commands); i++) {
		const struct dead_letters_command *command = &dead_letters_commands[i];

		if (o.n_refs >= command->least && o.n_refs <= command->most &&
		    strcmp(argv[optind], command->name) == 0 &&
		    dead_letters_is_whole(command, &o))
			return command->run(&o);
	}
	return common_usage(dead_letters_usage);
}
