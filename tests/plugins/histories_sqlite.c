/* SPDX-License-Identifier: Apache-2.0 */
/* histories_sqlite - the same histories on "memory" and "sqlite". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/plugins/histories.h"

struct folder {
	char name[40], option[80];
	const char *options[3];	/* NULL at the end */
};

static void folder_make(void *ctx, struct store *store_out)
{
	struct folder *f = ctx;

	strcpy(f->name, "/tmp/gantry-histories-XXXXXX");
	assert_non_null(mkdtemp(f->name));
	snprintf(f->option, sizeof(f->option), "path=%s/gantry.db", f->name);
	f->options[0] = f->option;
	f->options[1] = "synchronous=off";	/* nobody pulls the plug here */
	*store_out = (struct store){ store_plugin("sqlite"), f->options };
}

static void folder_remove(void *ctx, struct store *store)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	struct folder *f = ctx;
	char path[80];

	(void)store;
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		snprintf(path, sizeof(path), "%s/gantry.db%s", f->name, ends[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->name), 0);
}

static void test_histories(void **state)
{
	struct folder folder = { 0 };
	const struct histories storages = { folder_make, folder_remove, &folder };

	(void)state;
	histories_run(&storages, 1, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_histories) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
