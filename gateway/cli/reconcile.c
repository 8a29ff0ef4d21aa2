/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile - see reconcile.h: the command's options. */
#include "gateway/cli/reconcile.h"

#include <getopt.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/cli/common.h"

static const char reconcile_usage[] =
	"Usage: gantry reconcile plan [--orders FILE] [--output FILE] [--json | --text]\n"
	"       gantry reconcile apply PLAN [--json]\n"
	"       gantry reconcile report [--html FILE] [--json]\n"
	"\n"
	"Compares what the Order Service says with what is held, and mends it. All of it\n"
	"asks the running daemon over its socket.\n"
	"\n"
	"plan     looks at every order and item, changes nothing, and writes what it found\n"
	"         and what would mend it: as text to a terminal, else as JSON\n"
	"apply    does what a plan, as JSON, proposes, wherever nothing has moved since,\n"
	"         and says for each what became of it\n"
	"report   the last runs, by hand and by the schedule\n"
	"\n"
	"  --orders FILE    plan: look at these orders, too, an id a line (-: standard\n"
	"                   input)\n"
	"  --output FILE    plan: write it as JSON to FILE\n"
	"  --html FILE      report: write it as one page to FILE\n"
	"  --progress       plan, apply: say how far it is, also without a terminal\n"
	"  --config FILE    configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE      one more file, read last (one of several on a host)\n"
	"  --presets DIR    presets that \"use:\" names\n"
	"  --text           print text\n"
	"  --json           print JSON\n"
	"  --help           this text\n"
	"\n"
	"Exit status: 0 done; 1 failed, also if rows had moved or were refused; 2 usage.\n";

static int reconcile_take(int key, void *own)
{
	struct reconcile_options *o = own;

	switch (key) {
	case 'o':
		o->orders = optarg;
		break;
	case 'O':
		o->output = optarg;
		break;
	case 'H':
		o->html = optarg;
		break;
	case 't':
		o->text = true;
		break;
	default:
		o->progress = true;
	}
	return -1;
}

static int reconcile_parse(int argc, char **argv, struct reconcile_options *o)
{
	static const struct option known[] = {
		{ "orders", required_argument, NULL, 'o' },
		{ "output", required_argument, NULL, 'O' },
		{ "html", required_argument, NULL, 'H' },
		{ "config", required_argument, NULL, 'c' },
		{ "with", required_argument, NULL, 'w' },
		{ "presets", required_argument, NULL, 'p' },
		{ "progress", no_argument, NULL, 'P' },
		{ "text", no_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	return common_parse_own(argc, argv, &(struct common_command){
		.usage = reconcile_usage, .known = known, .take = reconcile_take,
		.own = o }, &o->common);
}

int reconcile_main(int argc, char **argv)
{
	struct reconcile_options o = { .plan = NULL };
	int status = reconcile_parse(argc, argv, &o), n = argc - optind;
	const char *verb = n > 0 ? argv[optind] : "";
	bool plans = strcmp(verb, "plan") == 0, reports = strcmp(verb, "report") == 0;

	if (status >= 0)
		return status;
	if ((o.common.json && o.text) || (!plans && (o.orders != NULL || o.output != NULL)) ||
	    (!reports && o.html != NULL))
		return common_usage(reconcile_usage);
	if (plans && n == 1)
		return reconcile_plan(&o);
	if (reports && n == 1)
		return reconcile_report(&o);
	if (n == 2 && strcmp(verb, "apply") == 0) {
		o.plan = argv[optind + 1];
		return reconcile_apply(&o);
	}
	return common_usage(reconcile_usage);
}
