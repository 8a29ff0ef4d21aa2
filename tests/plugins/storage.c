/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage - the conformance kit on the storage in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"
#include "tests/plugins/store.h"

static char *report_of(const struct conform_ops *ops, int *failures_out)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	*failures_out = conform_run(ops, f);
	fclose(f);
	return text;
}

static void test_memory(void **state)
{
	struct store store = { .plugin = store_plugin("memory") };
	const struct conform_ops ops = {
		.storage = store.plugin->storage, .context = &store,
		.open = store_open, .close = store_close,
	};
	int failures;
	AUTO_FREE char *report = report_of(&ops, &failures);

	(void)state;
	if (failures != 0)
		fail_msg("%s", report);
	assert_null(strstr(report, "FAILED"));
	assert_non_null(strstr(report, "ok race: updates\n"));
	assert_non_null(strstr(report, "\nskipped reopen: minor: the storage forgets "
			       "all when it is closed\n"));
}

/* Look-ups must not walk over all rows. */
static void test_memory_is_fast(void **state)
{
	enum { ROWS = 100000 };
	struct store store = { .plugin = store_plugin("memory") };
	const struct conform_ops ops = {
		.storage = store.plugin->storage, .context = &store,
		.open = store_open, .close = store_close,
	};
	struct kit k = { .ops = &ops, .st = ops.storage };
	int64_t began = clock_steady_ns();

	(void)state;
	assert_int_equal(kit_open(&k, &kit_schema_old), 0);
	for (int i = 1; i <= ROWS; i++) {
		char name[16];
		struct gantry_value v[KIT_COLUMNS] = { kit_number(i), kit_number(1) };
		const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);

		snprintf(name, sizeof(name), "%08x", i * 2654435761u);
		v[NAME] = kit_text(name);
		assert_int_equal(kit_unit(&k, &c, 1), GANTRY_STORED);
	}
	for (int i = 1; i <= ROWS; i++)
		assert_int_equal(kit_count(&k, HOLDERS, i), 1);
	kit_close(&k);
	arena_fini(&k.arena);
	error_fini(&k.err);
	if (clock_steady_ns() - began > INT64_C(20000000000))
		fail_msg("%d rows took %lld ms", ROWS,
			 (long long)(clock_steady_ns() - began) / 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_is_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
