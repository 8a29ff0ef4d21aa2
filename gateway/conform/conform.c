/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conform - runs the checks one after the other, see conform.h.
 */
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

static bool conform_can(const struct conform_ops *ops, const struct kit_check *c)
{
	return c->needs == NEEDS_NOTHING || (c->needs == NEEDS_KEEPS && ops->keeps) ||
	       (c->needs == NEEDS_CHECKS && ops->checks);
}

static int conform_check(struct kit *k, const struct kit_check *check, FILE *report)
{
	int failed;

	if (!conform_can(k->ops, check)) {
		fprintf(report, "skipped %s\n", check->name);
		return 0;
	}
	k->seen[0] = '\0';
	error_reset(&k->err);
	failed = k->self == NULL ? kit_open(k, k->schema) : 0;
	if (failed == 0)
		failed = check->run(k);
	if (failed == 0)
		fprintf(report, "ok %s\n", check->name);
	else
		fprintf(report, "FAILED %s: %s\n", check->name, k->seen);
	arena_reset(&k->arena);
	return failed != 0;
}

int conform_run(const struct conform_ops *ops, FILE *report)
{
	static const struct kit_check *const lists[] = {
		kit_checks_row, kit_checks_key, kit_checks_unit,
		kit_checks_scan, kit_checks_race, kit_checks_reopen,
	};
	struct kit k = { .ops = ops, .st = ops->storage,
			 .schema = &kit_schema_old };
	int failures = 0;

	/* Above all refs that an earlier run left in the store. */
	k.last_ref = clock_now_ms() << 20;
	arena_init(&k.arena);
	error_init(&k.err);
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (const struct kit_check *c = lists[i]; c->name != NULL; c++)
			failures += conform_check(&k, c, report);
	kit_close(&k);
	error_fini(&k.err);
	arena_fini(&k.arena);
	return failures;
}
