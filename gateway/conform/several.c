/* SPDX-License-Identifier: Apache-2.0 */
/*
 * several - checks of two instances on one store, as two gateways have them:
 * each sees at once what the other has committed, a newer gateway may come
 * beside an older one, and go.
 */
#include <inttypes.h>

#include "gateway/conform/kit.h"

enum { TURNS = 20 };

/* From here on the calls of k go to the other instance. */
static void several_turn(struct kit *k)
{
	void *self = k->self;

	k->self = k->other;
	k->other = self;
}

static int several_scans(struct kit *k, int64_t ref)
{
	const struct gantry_value from = kit_number(ref);
	const struct gantry_range range = { .size = sizeof(range), .table = HOLDERS,
					    .index = GANTRY_BY_REF, .from = &from,
					    .n_from = 1, .to = &from, .n_to = 1,
					    .limit = 10 };
	struct kit_rows rows = { .kit = k, .table = k->schema->tables[HOLDERS] };
	const struct gantry_sink sink = kit_sink(&rows);

	error_reset(&k->err);
	if (kit_want(k, k->st->scan(k->self, &range, &sink, &k->err), GANTRY_STORED,
		     "scan") < 0)
		return -1;
	return rows.n == 1 ? 0 : kit_fail(k, "a scan does not see what the other instance "
					  "has committed");
}

static int several_loads(struct kit *k, struct gantry_value name)
{
	const struct gantry_key key = kit_key(HOLDERS, HOLDERS_NAME, 1, &name);
	struct kit_rows rows;
	struct kit_load load = { .locks = &key, .n_locks = 1, .rows = &rows };
	enum gantry_stored stored;
	void *unit;

	if (kit_want(k, kit_begin(k, &unit), GANTRY_STORED, "begin") < 0)
		return -1;
	stored = kit_load(k, unit, &load);
	k->st->rollback(unit);
	if (kit_want(k, stored, GANTRY_STORED, "load") < 0)
		return -1;
	return rows.n == 1 ? 0 : kit_fail(k, "a unit does not see what the other instance "
					  "has committed");
}

static int several_seen(struct kit *k)
{
	for (unsigned i = 0; i < TURNS * k->effort; i++) {
		struct gantry_value name = kit_id(k, "several");
		int64_t ref = kit_holder(k, name);
		int there;

		several_turn(k);
		there = ref < 0 ? -1 : kit_count(k, HOLDERS, ref);
		if (there == 0)
			return kit_fail(k, "a read does not see what the other instance has "
					"committed");
		if (there < 0 || several_scans(k, ref) < 0 || several_loads(k, name) < 0)
			return -1;
		arena_reset(&k->arena);
	}
	return 0;
}

static int several_newer_opens(struct kit *k)
{
	enum gantry_stored stored;

	error_reset(&k->err);
	if (k->ops->open(k->ops->context, &k->other, &k->err) < 0) {
		k->other = NULL;
		return kit_fail(k, "open of a second instance: %s", k->err.message);
	}
	stored = k->st->prepare(k->other, &kit_schema_new, GANTRY_PREPARE_SERVE, &k->err);
	return kit_want(k, stored, GANTRY_STORED,
			"prepare with a newer minor beside an older one");
}

/* Each changes the row of the other; the newer one's column stays. */
static int several_both_change(struct kit *k, int64_t ref)
{
	const struct gantry_value old[KIT_COLUMNS] = { kit_number(ref), kit_number(3) };
	const struct gantry_value new[KIT_COLUMNS] = {
		kit_number(ref), kit_number(2), kit_null(), kit_null(), kit_null(),
		kit_id(k, "extra"),
	};
	const struct gantry_change c_old = kit_change(GANTRY_CHANGED, HOLDERS, old,
						      1 << VERSION);
	const struct gantry_change c_new = kit_change(GANTRY_CHANGED, HOLDERS, new,
						      1 << VERSION | 1 << EXTRA);
	struct kit_row row;
	int failed;

	several_turn(k);
	k->schema = &kit_schema_new;
	failed = kit_want(k, kit_unit(k, &c_new, 1), GANTRY_STORED,
			  "a change by the newer instance");
	several_turn(k);
	k->schema = &kit_schema_old;
	if (failed < 0 || kit_row(k, HOLDERS, ref, &row) < 0)
		return -1;
	if (row.values[VERSION].is.number != 2)
		return kit_fail(k, "the older instance does not see a change by the newer one");
	if (kit_want(k, kit_unit(k, &c_old, 1), GANTRY_STORED,
		     "a change by the older instance") < 0)
		return -1;
	several_turn(k);
	k->schema = &kit_schema_new;
	failed = kit_row(k, HOLDERS, ref, &row);
	several_turn(k);
	k->schema = &kit_schema_old;
	if (failed < 0)
		return -1;
	return kit_equal(&row.values[EXTRA], &new[EXTRA]) &&
	       row.values[VERSION].is.number == 3 ? 0 :
		kit_fail(k, "the newer instance's row is not as both have left it");
}

static int several_newer(struct kit *k)
{
	int64_t before, ref;

	kit_close(k);
	if (kit_open(k, &kit_schema_old) < 0)
		return -1;
	before = kit_holder(k, kit_id(k, "before"));
	if (before < 0 || several_newer_opens(k) < 0)
		return -1;
	ref = kit_holder(k, kit_id(k, "beside"));
	if (ref < 0 || several_both_change(k, ref) < 0 || several_both_change(k, before) < 0)
		return -1;
	k->ops->close(k->ops->context, k->other);
	k->other = NULL;
	if (kit_holder(k, kit_id(k, "after")) < 0)
		return -1;
	kit_close(k);
	return 0;
}

const struct kit_check kit_checks_several[] = {
	{ "several: seen at once", several_seen, NEEDS_OTHER },
	{ "several: newer minor beside", several_newer, NEEDS_OTHER },
	{ NULL, NULL, 0 },
};
