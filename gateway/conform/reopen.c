/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reopen - checks of a store that is closed and opened again, with the same,
 * a newer, an older and another schema. Each check leaves it on the old one.
 */
#include <inttypes.h>

#include "gateway/conform/kit.h"

static int reopen_as(struct kit *k, const struct gantry_schema *schema)
{
	kit_close(k);
	return kit_open(k, schema);
}

static int reopen_same(struct kit *k)
{
	struct gantry_value name = kit_id(k, "kept");
	int64_t ref = kit_holder(k, name);
	struct kit_row row;

	if (ref < 0 || reopen_as(k, &kit_schema_old) < 0 ||
	    kit_row(k, HOLDERS, ref, &row) < 0)
		return -1;
	return kit_equal(&row.values[NAME], &name) ? 0 :
		kit_fail(k, "the row came back changed");
}

static int reopen_use_new(struct kit *k, int64_t old)
{
	const struct gantry_value extra = kit_id(k, "extra");
	const struct gantry_value later[KIT_COLUMNS] = {
		kit_number(kit_ref(k)), kit_number(1), kit_id(k, "later") };
	const struct gantry_value v[KIT_COLUMNS] = {
		kit_number(old), kit_number(2), kit_null(), kit_null(), kit_null(),
		extra };
	const struct gantry_change c[] = {
		kit_change(GANTRY_CHANGED, HOLDERS, v, 1 << VERSION | 1 << EXTRA),
		kit_change(GANTRY_NEW, LATER, later, 0),
	};
	const struct gantry_key key = kit_key(HOLDERS, HOLDERS_EXTRA, 1, &extra);
	struct kit_rows rows;

	if (kit_want(k, kit_unit(k, c, 2), GANTRY_STORED,
		     "rows of the new column and table") < 0 ||
	    kit_read(k, &key, &rows) < 0)
		return -1;
	return rows.n == 1 && rows.rows[0].values[REF].is.number == old ? 0 :
		kit_fail(k, "the new index does not find an old row");
}

/* By the older gateway, of a row with something in the newer column. */
static int reopen_change(struct kit *k, int64_t ref)
{
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(ref), kit_number(3),
						     kit_null(), kit_text("changed") };
	const struct gantry_change c = kit_change(GANTRY_CHANGED, HOLDERS, v,
						  1 << VERSION | 1 << NOTE);

	return kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED,
			"a change by the older gateway");
}

/* A newer gateway, then the older one again: both go on. */
static int reopen_minor(struct kit *k)
{
	int64_t before = kit_holder(k, kit_id(k, "before")), after;
	struct kit_row row;

	if (before < 0 || reopen_as(k, &kit_schema_new) < 0 ||
	    kit_row(k, HOLDERS, before, &row) < 0)
		return -1;
	if (row.values[EXTRA].kind != GANTRY_NULL)
		return kit_fail(k, "the new column of an old row is not NULL");
	if (reopen_use_new(k, before) < 0 || reopen_as(k, &kit_schema_old) < 0)
		return -1;
	after = kit_holder(k, kit_id(k, "after"));
	if (after < 0 || kit_row(k, HOLDERS, before, &row) < 0)
		return -1;
	if (row.values[VERSION].is.number != 2)
		return kit_fail(k, "the older gateway does not see a newer row");
	if (reopen_change(k, before) < 0 || reopen_as(k, &kit_schema_new) < 0 ||
	    kit_row(k, HOLDERS, after, &row) < 0 ||
	    kit_row(k, HOLDERS, before, &row) < 0)
		return -1;
	if (row.values[EXTRA].kind == GANTRY_NULL)
		return kit_fail(k, "a change by the older gateway emptied a column that it "
				"does not know");
	return reopen_as(k, &kit_schema_old);
}

/* Refused, and what is there stays as it is. */
static int reopen_refused(struct kit *k, const struct gantry_schema *schema,
			  const char *what)
{
	int64_t ref = kit_holder(k, kit_id(k, "refused"));
	enum gantry_stored stored;
	struct kit_row row;

	kit_close(k);
	error_reset(&k->err);
	if (ref < 0 || k->ops->open(k->ops->context, &k->self, &k->err) < 0)
		return ref < 0 ? -1 : kit_fail(k, "open: %s", k->err.message);
	stored = k->st->prepare(k->self, schema, GANTRY_PREPARE_SERVE, &k->err);
	kit_close(k);
	if (kit_want(k, stored, GANTRY_BROKEN, what) < 0 ||
	    kit_open(k, &kit_schema_old) < 0)
		return -1;
	return kit_row(k, HOLDERS, ref, &row);
}

static int reopen_major(struct kit *k)
{
	return reopen_refused(k, &kit_schema_other, "prepare with another major");
}

static int reopen_name(struct kit *k)
{
	struct gantry_schema other = kit_schema_old;

	other.name = "somebody";
	return reopen_refused(k, &other, "prepare with a schema of another name");
}

static int reopen_migrate(struct kit *k)
{
	int64_t ref = kit_holder(k, kit_id(k, "migrate"));
	struct kit_row row;

	kit_close(k);
	error_reset(&k->err);
	if (ref < 0 || k->ops->open(k->ops->context, &k->self, &k->err) < 0)
		return ref < 0 ? -1 : kit_fail(k, "open: %s", k->err.message);
	if (kit_want(k, k->st->prepare(k->self, k->schema, GANTRY_PREPARE_MIGRATE, &k->err),
		     GANTRY_STORED, "prepare to migrate, with nothing to do") < 0) {
		kit_close(k);
		return -1;
	}
	return kit_row(k, HOLDERS, ref, &row);
}

const struct kit_check kit_checks_reopen[] = {
	{ "reopen: same schema", reopen_same, NEEDS_KEEPS },
	{ "reopen: minor", reopen_minor, NEEDS_KEEPS },
	{ "reopen: major", reopen_major, NEEDS_KEEPS },
	{ "reopen: another name", reopen_name, NEEDS_KEEPS },
	{ "reopen: migrate", reopen_migrate, NEEDS_KEEPS },
	{ NULL, NULL, 0 },
};
