/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look - checks of an instance that only looks: beside one that serves and
 * alone, at one snapshot, and at nothing but a store that it understands.
 */
#include <string.h>

#include "gateway/conform/kit.h"

/* Ends a kit of look_open(): failed, with what either of them has seen. */
static int look_end(struct kit *k, struct kit *look, int failed)
{
	kit_close(look);
	if (failed < 0 && look->seen[0] != '\0')
		memcpy(k->seen, look->seen, sizeof(k->seen));
	arena_fini(&look->arena);
	error_fini(&look->err);
	return failed;
}

/* A kit of its own whose instance looks at the store of k. */
static int look_open(struct kit *k, struct kit *look, const struct gantry_schema *schema,
		     enum gantry_stored wanted)
{
	enum gantry_stored stored;

	*look = (struct kit){ .ops = k->ops, .st = k->st, .schema = schema };
	arena_init(&look->arena);
	error_init(&look->err);
	if (k->ops->open(k->ops->context, &look->self, &look->err) < 0) {
		look->self = NULL;
		return look_end(k, look, kit_fail(look, "open to look: %s",
						  look->err.message));
	}
	stored = k->st->prepare(look->self, schema, GANTRY_PREPARE_LOOK, &look->err);
	if (kit_want(look, stored, wanted, "prepare to look") == 0)
		return 0;
	return look_end(k, look, -1);
}

/* The rows with this ref by read and by scan: 0 or 1, or -1. */
static int look_count(struct kit *look, int64_t ref)
{
	const struct gantry_value from = kit_number(ref);
	const struct gantry_range range = { .size = sizeof(range), .table = HOLDERS,
					    .index = GANTRY_BY_REF, .from = &from,
					    .n_from = 1, .to = &from, .n_to = 1,
					    .limit = 10 };
	struct kit_rows rows = { .kit = look, .table = look->schema->tables[HOLDERS] };
	const struct gantry_sink sink = kit_sink(&rows);
	int by_read = kit_count(look, HOLDERS, ref);

	error_reset(&look->err);
	if (by_read < 0 || kit_want(look, look->st->scan(look->self, &range, &sink,
							 &look->err),
				    GANTRY_STORED, "scan of one that looks") < 0)
		return -1;
	return rows.n == (size_t)by_read ? by_read :
		kit_fail(look, "read and scan of one that looks do not see the same");
}

static int look_sees(struct kit *look, int64_t ref)
{
	int there = look_count(look, ref);

	if (there < 0)
		return -1;
	if (look->st->lanes(look->self) < 1)
		return kit_fail(look, "no lanes");
	return there == 1 ? 0 : kit_fail(look, "one that looks does not see a row that was "
					 "committed before");
}

static int look_beside(struct kit *k)
{
	int64_t ref = kit_holder(k, kit_id(k, "look"));
	struct kit look;

	if (ref < 0 || look_open(k, &look, k->schema, GANTRY_STORED) < 0 ||
	    look_end(k, &look, look_sees(&look, ref)) < 0)
		return -1;
	return kit_holder(k, kit_id(k, "after")) < 0 ? -1 : 0;
}

static int look_alone(struct kit *k)
{
	int64_t ref = kit_holder(k, kit_id(k, "look"));
	struct kit look;

	kit_close(k);
	if (ref < 0 || look_open(k, &look, &kit_schema_old, GANTRY_STORED) < 0 ||
	    look_end(k, &look, look_sees(&look, ref)) < 0)
		return -1;
	return kit_open(k, &kit_schema_old);
}

/* What is committed while it looks it does not see, not by its first call either. */
static int look_snapshot_is(struct kit *k, struct kit *look, int64_t old)
{
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(old) };
	const struct gantry_change gone = kit_change(GANTRY_GONE, HOLDERS, v, 0);

	for (unsigned i = 0; i < 3; i++) {
		int64_t new = kit_holder(k, kit_id(k, "new"));
		int there;

		if (new < 0 || kit_want(k, kit_unit(k, &gone, 1), GANTRY_STORED,
					"the end of a row") < 0)
			return -1;
		there = look_count(look, new);
		if (there == 1)
			return kit_fail(look, "one that looks sees a row that was committed "
					"after it was prepared");
		if (there < 0 || look_sees(look, old) < 0)
			return -1;
	}
	return 0;
}

static int look_snapshot(struct kit *k)
{
	int64_t old = kit_holder(k, kit_id(k, "old"));
	struct kit look;

	if (old < 0 || look_open(k, &look, k->schema, GANTRY_STORED) < 0)
		return -1;
	return look_end(k, &look, look_snapshot_is(k, &look, old));
}

static int look_refused(struct kit *k)
{
	struct gantry_schema other = kit_schema_old;
	struct kit look;

	other.name = "somebody";
	if (look_open(k, &look, &kit_schema_other, GANTRY_BROKEN) < 0)
		return -1;
	look_end(k, &look, 0);
	if (look_open(k, &look, &other, GANTRY_BROKEN) < 0)
		return -1;
	look_end(k, &look, 0);
	return kit_holder(k, kit_id(k, "refused")) < 0 ? -1 : 0;
}

const struct kit_check kit_checks_look[] = {
	{ "look: beside one that serves", look_beside, NEEDS_KEEPS },
	{ "look: alone", look_alone, NEEDS_KEEPS },
	{ "look: one snapshot", look_snapshot, NEEDS_KEEPS },
	{ "look: another major or name", look_refused, NEEDS_KEEPS },
	{ NULL, NULL, 0 },
};
