/* SPDX-License-Identifier: Apache-2.0 */
/* histories_postgres - the same histories on "memory" and "postgres". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/histories.h"
#include "tests/plugins/server.h"

struct database {
	struct server server;
	char option[300];
	const char *options[2];	/* NULL at the end */
};

/* Each history has a database of its own; they end with their server. */
static void database_make(void *ctx, struct store *store_out)
{
	struct database *d = ctx;

	snprintf(d->option, sizeof(d->option), "conninfo=%s",
		 server_do(&d->server, "database"));
	d->options[0] = d->option;
	*store_out = (struct store){ store_plugin("postgres"), d->options };
}

static void database_remove(void *ctx, struct store *store)
{
	(void)ctx;
	(void)store;
}

static void test_histories(void **state)
{
	const struct histories storages = { database_make, database_remove, *state };

	histories_run(&storages, 1, 6);
}

int main(void)
{
	struct database d = { .option = "" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_histories, &d),
	};
	int failed;

	if (!server_start(&d.server)) {
		fprintf(stderr, "%s\n", d.server.answer);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	server_end(&d.server);
	return failed;
}
