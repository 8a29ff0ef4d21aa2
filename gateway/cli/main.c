/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - the program's commands by name. Each command is a file of its own
 * and reads its own options.
 */
#include <gantry/abi.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/cli/api-key.h"
#include "gateway/cli/breakers.h"
#include "gateway/cli/check.h"
#include "gateway/cli/common.h"
#include "gateway/cli/dead-letters.h"
#include "gateway/cli/operate.h"
#include "gateway/cli/outbox.h"
#include "gateway/cli/plugins.h"
#include "gateway/cli/reconcile.h"
#include "gateway/cli/reload.h"
#include "gateway/cli/run-handler.h"
#include "gateway/cli/serve.h"
#include "gateway/cli/spec.h"
#include "gateway/cli/storage.h"
#include "gateway/cli/token.h"
#include "gateway/cli/topology.h"
#include "gateway/cli/trial.h"
#include "gateway/isolate/host.h"

struct main_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct main_command main_commands[] = {
	{ "serve", serve_main, "run the gateway" },
	{ "reload", reload_main, "have the running gateway read its configuration again" },
	{ "check", check_main, "check a configuration without starting anything" },
	{ "routes", routes_main, "list the routes and their pipelines" },
	{ "plugins", plugins_main, "list and describe plugins, test a storage" },
	{ "token", token_main, "mint and verify tokens" },
	{ "api-key", api_key_main, "make keys for senders without tokens" },
	{ "outbox", outbox_main, "list and show events that wait to be published" },
	{ "topology", topology_main, "exchanges and queues at the broker" },
	{ "dead-letters", dead_letters_main, "list, retry and discard events that were given up" },
	{ "breakers", breakers_main, "list breakers, hold them open or closed" },
	{ "admin", operate_main, "open the admin page, see how the gateway is, log more" },
	{ "reconcile", reconcile_main, "find and mend what differs from the Order Service" },
	{ "run-handler", run_handler_main, "run recorded messages through a handler, without effect" },
	{ "spec", spec_main, "the routes and events as OpenAPI and AsyncAPI" },
	{ "storage", storage_main, "verify, back up, migrate and copy the storage" },
};

static void main_help(FILE *out)
{
	fputs("Usage: gantry COMMAND [OPTION]...\n"
	      "\n"
	      "A gateway between services: HTTP requests and events through pipelines of\n"
	      "handlers, with every change durable before it is answered.\n"
	      "\n"
	      "Commands:\n", out);
	for (size_t i = 0; i < ARRAY_LENGTH(main_commands); i++)
		fprintf(out, "  %-14s%s\n", main_commands[i].name,
			main_commands[i].summary);
	fputs("\n"
	      "  --help      this text, and that of a command behind it\n"
	      "  --version   version and plugin interface\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 usage or configuration.\n", out);
}

static int main_unknown(const char *name)
{
	fprintf(stderr, "gantry: there is no command \"%s\"\n"
			"Try \"gantry --help\".\n", name);
	return COMMON_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		main_help(stderr);
		return COMMON_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		main_help(stdout);
		return COMMON_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("gantry %s (plugins: major %d, level %d)\n", VERSION_TEXT,
		       GANTRY_MAJOR, GANTRY_LEVEL);
		return COMMON_OK;
	}
	/* before any thread: hashes of trees are seeded once */
	json_object_seed(0);
	/* what serve starts, and nobody else */
	if (strcmp(argv[1], "plugin-host") == 0)
		return host_main();
	if (strcmp(argv[1], "plugin-trial") == 0)
		return trial_main(argc - 1, argv + 1);
	for (size_t i = 0; i < ARRAY_LENGTH(main_commands); i++)
		if (strcmp(main_commands[i].name, argv[1]) == 0)
			return main_commands[i].run(argc - 1, argv + 1);
	return main_unknown(argv[1]);
}
