/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key - checks of finding rows: by ref, by an index or a prefix of it, through
 * other tables, and which number a sink hears.
 */
#include <inttypes.h>

#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

/* Exactly these refs, in any order, each at least once. */
static int key_found(struct kit *k, const struct gantry_key *key,
		     const int64_t *refs, size_t n, const char *what)
{
	struct kit_rows rows;
	size_t missing = n;

	if (kit_read(k, key, &rows) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		for (size_t r = 0; r < rows.n; r++)
			if (rows.rows[r].values[REF].is.number == refs[i]) {
				missing--;
				break;
			}
	if (missing > 0)
		return kit_fail(k, "%s: %zu of %zu rows missing", what, missing, n);
	for (size_t r = 0; r < rows.n; r++) {
		bool wanted = false;

		for (size_t i = 0; i < n; i++)
			wanted |= rows.rows[r].values[REF].is.number == refs[i];
		if (!wanted)
			return kit_fail(k, "%s: a row that is not equal came", what);
	}
	return 0;
}

static int key_absent(struct kit *k)
{
	const struct gantry_value ref = kit_number(kit_ref(k));
	const struct gantry_value name = kit_id(k, "absent");
	const struct gantry_key by_ref = kit_key(HOLDERS, GANTRY_BY_REF, 1, &ref);
	const struct gantry_key by_name = kit_key(HOLDERS, HOLDERS_NAME, 1, &name);

	if (key_found(k, &by_ref, NULL, 0, "no such ref") < 0)
		return -1;
	return key_found(k, &by_name, NULL, 0, "no such name");
}

static int key_index(struct kit *k)
{
	const struct gantry_value name = kit_id(k, "key");
	const struct gantry_value longer = kit_text(
		arena_format(&k->arena, "%s!", name.is.text));
	const struct gantry_key by_name = kit_key(HOLDERS, HOLDERS_NAME, 1, &name);
	int64_t ref = kit_holder(k, name);

	if (ref < 0 || kit_holder(k, longer) < 0)
		return -1;
	return key_found(k, &by_name, &ref, 1, "by a unique index");
}

/* A holder with three things: two of kind a (live and not), one of kind b. */
struct family {
	struct gantry_value name;
	int64_t holder, things[3];
};

static int key_family(struct kit *k, struct family *f)
{
	f->name = kit_id(k, "family");
	f->holder = kit_holder(k, f->name);
	if (f->holder < 0)
		return -1;
	f->things[0] = kit_thing(k, f->holder, "a", kit_number(1));
	f->things[1] = kit_thing(k, f->holder, "a", kit_null());
	f->things[2] = kit_thing(k, f->holder, "b", kit_number(1));
	return f->things[0] < 0 || f->things[1] < 0 || f->things[2] < 0 ? -1 : 0;
}

static int key_prefix(struct kit *k)
{
	struct family f, other;

	if (key_family(k, &f) < 0 || key_family(k, &other) < 0)
		return -1;
	const struct gantry_value v[] = { kit_number(f.holder), kit_text("a"),
					  kit_number(1) };
	const struct gantry_key one = kit_key(THINGS, THINGS_LIVE, 1, v);
	const struct gantry_key two = kit_key(THINGS, THINGS_LIVE, 2, v);
	const struct gantry_key three = kit_key(THINGS, THINGS_LIVE, 3, v);

	if (key_found(k, &one, f.things, 3, "a prefix of one") < 0 ||
	    key_found(k, &two, f.things, 2, "a prefix of two") < 0)
		return -1;
	return key_found(k, &three, f.things, 1, "the whole key");
}

static int key_null(struct kit *k)
{
	struct family f;

	if (key_family(k, &f) < 0)
		return -1;
	const struct gantry_value v[] = { kit_number(f.holder), kit_text("a"),
					  kit_null() };
	const struct gantry_key key = kit_key(THINGS, THINGS_LIVE, 3, v);

	return key_found(k, &key, NULL, 0, "NULL equals nothing");
}

static int key_via(struct kit *k)
{
	struct family f, other;

	if (key_family(k, &f) < 0 || key_family(k, &other) < 0)
		return -1;
	const struct gantry_value v[] = { kit_null(), kit_text("a") };
	const struct gantry_key name = kit_key(HOLDERS, HOLDERS_NAME, 1, &f.name);
	struct gantry_key things = kit_key(THINGS, THINGS_LIVE, 1, v);
	struct gantry_key holder = kit_key(HOLDERS, GANTRY_BY_REF, 1, v);
	const struct gantry_value thing = kit_number(f.things[2]);
	const struct gantry_key by_ref = kit_key(THINGS, GANTRY_BY_REF, 1, &thing);

	things.via = &name;
	holder.via = &by_ref;
	holder.via_column = HOLDER;
	if (key_found(k, &things, f.things, 3, "via a name") < 0 ||
	    key_found(k, &holder, &f.holder, 1, "a ref via a column") < 0)
		return -1;
	things.n = 2;
	return key_found(k, &things, f.things, 2, "via a name, and a value");
}

static int key_via_two(struct kit *k)
{
	struct family f;
	int64_t parts[3];

	if (key_family(k, &f) < 0)
		return -1;
	for (unsigned i = 0; i < 3; i++) {
		parts[i] = kit_ref(k);
		const struct gantry_value v[] = {
			kit_number(parts[i]), kit_number(1),
			kit_number(f.things[i]), kit_text("part"),
		};
		const struct gantry_change c = kit_change(GANTRY_NEW, PARTS, v, 0);

		if (kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a part") < 0)
			return -1;
	}
	const struct gantry_value v[] = { kit_null(), kit_text("a") };
	const struct gantry_key name = kit_key(HOLDERS, HOLDERS_NAME, 1, &f.name);
	struct gantry_key things = kit_key(THINGS, THINGS_LIVE, 2, v);
	struct gantry_key key = kit_key(PARTS, PARTS_THING, 1, v);

	things.via = &name;
	key.via = &things;
	return key_found(k, &key, parts, 2, "via two tables");
}

static int key_via_nothing(struct kit *k)
{
	const struct gantry_value name = kit_id(k, "nobody");
	const struct gantry_key holder = kit_key(HOLDERS, HOLDERS_NAME, 1, &name);
	struct gantry_key things = kit_key(THINGS, THINGS_LIVE, 1, &name);

	things.via = &holder;
	return key_found(k, &things, NULL, 0, "via nothing");
}

/* Each row must come under the number of its own key. */
static int key_numbers_are(struct kit *k, const struct kit_rows *rows,
			   const int64_t *refs, size_t n)
{
	bool seen[8] = { false };

	for (size_t r = 0; r < rows->n; r++) {
		const struct kit_row *row = &rows->rows[r];

		if (row->key >= n || row->values[REF].is.number != refs[row->key])
			return kit_fail(k, "row %" PRId64 " came as that of key %zu",
					row->values[REF].is.number, row->key);
		seen[row->key] = true;
	}
	for (size_t i = 0; i < n; i++)
		if (refs[i] != 0 && !seen[i])
			return kit_fail(k, "no row came for key %zu", i);
	return 0;
}

static int key_numbers_read(struct kit *k)
{
	struct family f;

	if (key_family(k, &f) < 0)
		return -1;
	const struct gantry_value a = kit_number(f.things[2]);
	const struct gantry_value none = kit_number(kit_ref(k));
	const struct gantry_key by_a = kit_key(THINGS, GANTRY_BY_REF, 1, &a);
	const struct gantry_key by_none = kit_key(THINGS, GANTRY_BY_REF, 1, &none);
	const struct gantry_key by_name = kit_key(HOLDERS, HOLDERS_NAME, 1, &f.name);
	const struct gantry_key *const keys[] = { &by_a, &by_none, &by_name, &by_a };
	const int64_t refs[] = { f.things[2], 0, f.holder, f.things[2] };
	const struct gantry_table *const t[] = {
		k->schema->tables[THINGS], k->schema->tables[THINGS],
		k->schema->tables[HOLDERS], k->schema->tables[THINGS],
	};
	struct kit_rows rows = { .kit = k, .by_key = t };
	const struct gantry_sink sink = kit_sink(&rows);

	if (kit_want(k, k->st->read(k->self, keys, 4, &sink, &k->err),
		     GANTRY_STORED, "read") < 0)
		return -1;
	return key_numbers_are(k, &rows, refs, 4);
}

/* locks[0] has two keys, locks[1] has one, then come two keys. */
static int key_load(struct kit *k, const struct family *f, void *unit,
		    struct kit_rows *rows, int64_t *now_ms_out)
{
	const struct gantry_value things[] = { kit_number(f->things[0]),
					       kit_number(f->things[2]) };
	const struct gantry_value none = kit_number(kit_ref(k));
	const struct gantry_key t0 = kit_key(THINGS, GANTRY_BY_REF, 1, &things[0]);
	const struct gantry_key t2 = kit_key(THINGS, GANTRY_BY_REF, 1, &things[1]);
	const struct gantry_key h = kit_key(HOLDERS, HOLDERS_NAME, 1, &f->name);
	const struct gantry_key absent = kit_key(HOLDERS, GANTRY_BY_REF, 1, &none);
	const struct gantry_key *const holder[] = { &h, &absent }, *const thing[] = { &t0 };
	const struct gantry_key_set one = { sizeof(one), holder, 2 };
	const struct gantry_key_set two = { sizeof(two), thing, 1 };
	const struct gantry_key_set *const locks[] = { &one, &two };
	const struct gantry_key *const keys[] = { &h, &t2 };
	const struct gantry_sink sink = kit_sink(rows);

	return kit_want(k, k->st->load(unit, locks, 2, keys, 2, &sink, now_ms_out,
				       &k->err), GANTRY_STORED, "load");
}

static int key_numbers_load(struct kit *k)
{
	const struct gantry_table *const h = k->schema->tables[HOLDERS];
	const struct gantry_table *const t = k->schema->tables[THINGS];
	const struct gantry_table *const tables[] = { h, h, t, h, t };
	struct kit_rows rows = { .kit = k, .by_key = tables };
	int64_t now_ms;
	struct family f;
	void *unit;
	int failed;

	if (key_family(k, &f) < 0 ||
	    kit_want(k, k->st->begin(k->self, 0, &unit, &k->err), GANTRY_STORED,
		     "begin") < 0)
		return -1;
	failed = key_load(k, &f, unit, &rows, &now_ms);
	const int64_t refs[] = { f.holder, 0, f.things[0], f.holder, f.things[2] };

	if (failed == 0)
		failed = key_numbers_are(k, &rows, refs, 5);
	k->st->rollback(unit);
	return failed;
}

const struct kit_check kit_checks_key[] = {
	{ "key: absent", key_absent, 0 },
	{ "key: unique index", key_index, 0 },
	{ "key: prefix", key_prefix, 0 },
	{ "key: NULL", key_null, 0 },
	{ "key: via one", key_via, 0 },
	{ "key: via two", key_via_two, 0 },
	{ "key: via nothing", key_via_nothing, 0 },
	{ "key: numbers of read", key_numbers_read, 0 },
	{ "key: numbers of load", key_numbers_load, 0 },
	{ NULL, NULL, 0 },
};
