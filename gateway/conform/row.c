/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row - checks of single rows: what is stored comes back as it was.
 */
#include <inttypes.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

/* Store a holder with these values and compare what is read. */
static int row_round_trip(struct kit *k, struct gantry_value note,
			  struct gantry_value number, const char *what)
{
	int64_t ref = kit_ref(k);
	const struct gantry_value v[KIT_COLUMNS] = {
		kit_number(ref), kit_number(7), kit_id(k, "row"), note, number,
	};
	const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);
	struct kit_row row;

	if (kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, what) < 0 ||
	    kit_row(k, HOLDERS, ref, &row) < 0)
		return -1;
	for (unsigned i = 0; i < 5; i++)
		if (!kit_equal(&row.values[i], &v[i]))
			return kit_fail(k, "%s: column %u is not what was stored", what, i);
	return 0;
}

static int row_new(struct kit *k)
{
	return row_round_trip(k, kit_text("a note"), kit_number(42), "a new row");
}

static int row_null(struct kit *k)
{
	if (row_round_trip(k, kit_null(), kit_null(), "NULLs") < 0)
		return -1;
	return row_round_trip(k, kit_text(""), kit_number(0), "empty text and 0");
}

static int row_refused(struct kit *k, const struct gantry_value *v, unsigned table,
		       const char *what)
{
	const struct gantry_change c = kit_change(GANTRY_NEW, table, v, 0);

	if (kit_want(k, kit_unit(k, &c, 1), GANTRY_REFUSED_ROW, what) < 0)
		return -1;
	if (kit_count(k, table, v[REF].is.number) != 0)
		return kit_fail(k, "%s: refused, but it is there", what);
	return 0;
}

/* Every byte that UTF-8 text has, but NUL. */
static int row_text(struct kit *k)
{
	static const char some[] = "\x01\t\n\x7f '\"\\{}%$\xc2\x80\xc3\xbf\xef\xbf\xbf"
		"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
	enum { LEN = sizeof(some) - 1, TIMES = 5000 };
	char *text = arena_alloc(&k->arena, LEN * TIMES);
	struct gantry_value v = { .kind = GANTRY_STRING, .is.text = text,
				  .len = LEN * TIMES };

	for (size_t i = 0; i < TIMES; i++)
		memcpy(text + i * LEN, some, LEN);
	return row_round_trip(k, v, kit_null(), "long text of all sorts");
}

/* As it was, or not at all. */
static int row_bytes(struct kit *k)
{
	char text[255];
	struct gantry_value v[KIT_COLUMNS] = {
		kit_number(kit_ref(k)), kit_number(7), kit_id(k, "bytes"),
		{ .kind = GANTRY_STRING, .is.text = text, .len = sizeof(text) },
		kit_null(),
	};
	const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(1 + i);
	if (kit_unit(k, &c, 1) != GANTRY_STORED)
		return row_refused(k, v, HOLDERS, "bytes that are no UTF-8");
	return row_round_trip(k, v[NOTE], kit_null(), "bytes that are no UTF-8");
}

static int row_number(struct kit *k)
{
	static const int64_t numbers[] = { INT64_MIN, INT64_MIN + 1, -1, 1,
					   INT64_C(1) << 53 | 1, INT64_MAX };

	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		if (row_round_trip(k, kit_null(), kit_number(numbers[i]),
				   arena_format(&k->arena, "the number %" PRId64,
						numbers[i])) < 0)
			return -1;
	return 0;
}

/* What stands in values beside the mask must not matter. */
static int row_changed(struct kit *k)
{
	struct gantry_value name = kit_id(k, "masked");
	int64_t ref = kit_holder(k, name);
	const struct gantry_value v[KIT_COLUMNS] = {
		kit_number(ref), kit_number(2), kit_text("not this"),
		kit_text("this"), kit_number(-1),
	};
	const struct gantry_change c = kit_change(GANTRY_CHANGED, HOLDERS, v,
						  1 << VERSION | 1 << NOTE);
	struct kit_row row;

	if (ref < 0 ||
	    kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a change") < 0 ||
	    kit_row(k, HOLDERS, ref, &row) < 0)
		return -1;
	if (!kit_equal(&row.values[VERSION], &v[VERSION]) ||
	    !kit_equal(&row.values[NOTE], &v[NOTE]))
		return kit_fail(k, "a column of the mask did not change");
	if (!kit_equal(&row.values[NAME], &name) ||
	    row.values[NUMBER].kind != GANTRY_NULL)
		return kit_fail(k, "a column outside of the mask changed");
	return 0;
}

static int row_changed_absent(struct kit *k)
{
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(kit_ref(k)),
						     kit_number(2) };
	const struct gantry_change c = kit_change(GANTRY_CHANGED, HOLDERS, v,
						  1 << VERSION);

	return kit_want(k, kit_unit(k, &c, 1), GANTRY_CONFLICT,
			"a change of a row that is not there");
}

static int row_gone(struct kit *k)
{
	struct gantry_value name = kit_id(k, "gone");
	int64_t ref = kit_holder(k, name);
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(ref) };
	const struct gantry_change c = kit_change(GANTRY_GONE, HOLDERS, v, 0);

	if (ref < 0 || kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "gone") < 0)
		return -1;
	if (kit_count(k, HOLDERS, ref) != 0)
		return kit_fail(k, "the row is still there");
	if (kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED,
		     "gone, when it is gone already") < 0)
		return -1;
	return kit_holder(k, name) < 0 ? -1 : 0;	/* its name is free again */
}

static int row_not_null(struct kit *k)
{
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(kit_ref(k)),
						     kit_number(1) };

	return row_refused(k, v, HOLDERS, "NULL where none may be");
}

static int row_kind(struct kit *k)
{
	const struct gantry_value text[KIT_COLUMNS] = {
		kit_number(kit_ref(k)), kit_number(1), kit_id(k, "kind"),
		kit_null(), kit_text("12"),
	};
	const struct gantry_value number[KIT_COLUMNS] = {
		kit_number(kit_ref(k)), kit_number(1), kit_number(12),
	};

	if (row_refused(k, text, HOLDERS, "text for a number") < 0)
		return -1;
	return row_refused(k, number, HOLDERS, "a number for text");
}

/* Where the contract leaves it to the storage: whether it says no. */
static int row_refused_or_not(struct kit *k, const struct gantry_value *v,
			      unsigned table, const char *what)
{
	const struct gantry_change c = kit_change(GANTRY_NEW, table, v, 0);
	int there;

	if (kit_unit(k, &c, 1) != GANTRY_STORED)
		return row_refused(k, v, table, what);
	there = kit_count(k, table, v[REF].is.number);
	if (there < 0)
		return -1;
	return there == 1 ? kit_skip(k, "%s is not refused, which is left to the "
				     "storage", what) :
		kit_fail(k, "%s: stored, but it is not there", what);
}

static int row_check(struct kit *k)
{
	const struct gantry_value v[KIT_COLUMNS] = {
		kit_number(kit_ref(k)), kit_number(1), kit_id(k, "check"),
		kit_null(), kit_number(-13),
	};

	if (k->ops->checks)
		return row_refused(k, v, HOLDERS, "what a CHECK forbids");
	return row_refused_or_not(k, v, HOLDERS, "what a CHECK forbids");
}

static int row_reference(struct kit *k)
{
	const struct gantry_value v[KIT_COLUMNS] = {
		kit_number(kit_ref(k)), kit_number(1), kit_number(kit_ref(k)),
		kit_text("orphan"),
	};

	return row_refused_or_not(k, v, THINGS, "a reference to nothing");
}

const struct kit_check kit_checks_row[] = {
	{ "row: new", row_new, 0 },
	{ "row: NULL", row_null, 0 },
	{ "row: text", row_text, 0 },
	{ "row: bytes", row_bytes, 0 },
	{ "row: numbers", row_number, 0 },
	{ "row: changed by mask", row_changed, 0 },
	{ "row: changed, absent", row_changed_absent, 0 },
	{ "row: gone", row_gone, 0 },
	{ "row: NULL refused", row_not_null, 0 },
	{ "row: kind refused", row_kind, 0 },
	{ "row: CHECK", row_check, 0 },
	{ "row: reference", row_reference, 0 },
	{ NULL, NULL, 0 },
};
