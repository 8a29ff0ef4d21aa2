/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit - checks of transactions: all or nothing, unique keys, what others see.
 */
#include <inttypes.h>

#include "gateway/conform/kit.h"

static const struct gantry_change *const none[1];

/* Two new holders stored and not yet committed. */
struct pair {
	struct gantry_value values[2][KIT_COLUMNS];
	struct gantry_change changes[2];
	const struct gantry_change *list[2];
	void *unit;
};

static int unit_pair(struct kit *k, struct pair *p)
{
	for (unsigned i = 0; i < 2; i++) {
		p->values[i][REF] = kit_number(kit_ref(k));
		p->values[i][VERSION] = kit_number(1);
		p->values[i][NAME] = kit_id(k, "pair");
		p->values[i][NOTE] = p->values[i][NUMBER] = kit_null();
		p->changes[i] = kit_change(GANTRY_NEW, HOLDERS, p->values[i], 0);
		p->list[i] = &p->changes[i];
	}
	return kit_want(k, k->st->begin(k->self, 0, &p->unit, &k->err),
			GANTRY_STORED, "begin");
}

/* How many of the two are there: 0 to 2, or -1. */
static int unit_pair_count(struct kit *k, const struct pair *p)
{
	int a = kit_count(k, HOLDERS, p->values[0][REF].is.number);
	int b = kit_count(k, HOLDERS, p->values[1][REF].is.number);

	return a < 0 || b < 0 ? -1 : a + b;
}

static int unit_pair_is(struct kit *k, const struct pair *p, int wanted,
			const char *what)
{
	int got = unit_pair_count(k, p);

	if (got == wanted || got < 0)
		return got < 0 ? -1 : 0;
	return kit_fail(k, "%s: %d of 2 rows are there instead of %d", what, got,
			wanted);
}

static int unit_rollback(struct kit *k)
{
	struct pair p;

	if (unit_pair(k, &p) < 0)
		return -1;
	if (kit_want(k, k->st->store(p.unit, p.list, 2, &k->err), GANTRY_STORED,
		     "store") < 0) {
		k->st->rollback(p.unit);
		return -1;
	}
	k->st->rollback(p.unit);
	if (unit_pair_is(k, &p, 0, "after rollback") < 0)
		return -1;
	return kit_want(k, kit_unit(k, p.changes, 2), GANTRY_STORED,
			"the same rows after rollback");
}

static int unit_empty(struct kit *k)
{
	void *unit;

	if (kit_want(k, k->st->begin(k->self, 0, &unit, &k->err), GANTRY_STORED,
		     "begin") < 0)
		return -1;
	if (kit_want(k, k->st->store(unit, none, 0, &k->err), GANTRY_STORED,
		     "store of nothing") < 0) {
		k->st->rollback(unit);
		return -1;
	}
	return kit_want(k, k->st->commit(unit, &k->err), GANTRY_STORED,
			"commit of nothing");
}

static int unit_failed(struct kit *k)
{
	struct pair p;

	if (unit_pair(k, &p) < 0)
		return -1;
	k->st->rollback(p.unit);
	p.values[1][NAME] = p.values[0][NAME];
	if (kit_want(k, kit_unit(k, p.changes, 2), GANTRY_CONFLICT,
		     "two rows with one name") < 0)
		return -1;
	return unit_pair_is(k, &p, 0, "after a conflict");
}

static int unit_hidden(struct kit *k)
{
	struct pair p;
	int failed;

	if (unit_pair(k, &p) < 0)
		return -1;
	failed = kit_want(k, k->st->store(p.unit, p.list, 2, &k->err),
			  GANTRY_STORED, "store");
	if (failed == 0)
		failed = unit_pair_is(k, &p, 0, "before commit");
	if (failed < 0) {
		k->st->rollback(p.unit);
		return -1;
	}
	if (kit_want(k, k->st->commit(p.unit, &k->err), GANTRY_STORED, "commit") < 0)
		return -1;
	return unit_pair_is(k, &p, 2, "after commit");
}

static int unit_several_stores(struct kit *k)
{
	struct pair p;

	if (unit_pair(k, &p) < 0)
		return -1;
	for (unsigned i = 0; i < 2; i++)
		if (kit_want(k, k->st->store(p.unit, &p.list[i], 1, &k->err),
			     GANTRY_STORED, "store") < 0) {
			k->st->rollback(p.unit);
			return -1;
		}
	if (kit_want(k, k->st->commit(p.unit, &k->err), GANTRY_STORED, "commit") < 0)
		return -1;
	return unit_pair_is(k, &p, 2, "two stores, one commit");
}

/* The row that stands there must not be touched by the one that comes. */
static int unit_stands(struct kit *k, int64_t ref, struct gantry_value name,
		       struct gantry_change c, const char *what)
{
	struct kit_row row;

	if (kit_want(k, kit_unit(k, &c, 1), GANTRY_CONFLICT, what) < 0 ||
	    kit_row(k, HOLDERS, ref, &row) < 0)
		return -1;
	if (!kit_equal(&row.values[NAME], &name) ||
	    row.values[VERSION].is.number != 1)
		return kit_fail(k, "%s: the older row changed", what);
	return 0;
}

static int unit_conflict_ref(struct kit *k)
{
	struct gantry_value name = kit_id(k, "first");
	int64_t ref = kit_holder(k, name);
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(ref), kit_number(9),
						     kit_id(k, "second") };

	return ref < 0 ? -1 : unit_stands(k, ref, name,
		kit_change(GANTRY_NEW, HOLDERS, v, 0), "NEW with a ref that exists");
}

static int unit_conflict_unique(struct kit *k)
{
	struct gantry_value name = kit_id(k, "taken");
	int64_t ref = kit_holder(k, name);
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(kit_ref(k)),
						     kit_number(9), name };

	return ref < 0 ? -1 : unit_stands(k, ref, name,
		kit_change(GANTRY_NEW, HOLDERS, v, 0), "NEW with a name that exists");
}

static int unit_nullable_key(struct kit *k)
{
	int64_t holder = kit_holder(k, kit_id(k, "nullable"));
	const struct gantry_value v[] = { kit_number(kit_ref(k)), kit_number(1),
					  kit_number(holder), kit_text("a"),
					  kit_number(1) };
	const struct gantry_change c = kit_change(GANTRY_NEW, THINGS, v, 0);

	if (holder < 0 || kit_thing(k, holder, "a", kit_null()) < 0 ||
	    kit_thing(k, holder, "a", kit_null()) < 0 ||
	    kit_thing(k, holder, "a", kit_number(1)) < 0)
		return -1;
	return kit_want(k, kit_unit(k, &c, 1), GANTRY_CONFLICT,
			"the second live row of a key");
}

/* A change into another row's place: which of the two refusals is left open. */
static int unit_change_collides(struct kit *k)
{
	struct gantry_value a = kit_id(k, "a"), b = kit_id(k, "b");
	int64_t ref = kit_holder(k, a);
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(ref), kit_number(2),
						     b };
	const struct gantry_change c = kit_change(GANTRY_CHANGED, HOLDERS, v,
						  1 << NAME | 1 << VERSION);
	enum gantry_stored stored;
	struct kit_row row;

	if (ref < 0 || kit_holder(k, b) < 0)
		return -1;
	stored = kit_unit(k, &c, 1);
	if (stored != GANTRY_CONFLICT &&
	    kit_want(k, stored, GANTRY_REFUSED_ROW, "a change to a name in use") < 0)
		return -1;
	if (kit_row(k, HOLDERS, ref, &row) < 0)
		return -1;
	return kit_equal(&row.values[NAME], &a) ? 0 :
		kit_fail(k, "refused, but the row changed");
}

/* NEW is given first: the order within one store must not matter. */
static int unit_key_moves(struct kit *k)
{
	int64_t holder = kit_holder(k, kit_id(k, "moves"));
	int64_t old = holder < 0 ? -1 : kit_thing(k, holder, "a", kit_number(1));
	const struct gantry_value new[] = { kit_number(kit_ref(k)), kit_number(1),
					    kit_number(holder), kit_text("a"),
					    kit_number(1) };
	const struct gantry_value was[] = { kit_number(old), kit_number(2),
					    kit_null(), kit_null(), kit_null() };
	const struct gantry_change c[] = {
		kit_change(GANTRY_NEW, THINGS, new, 0),
		kit_change(GANTRY_CHANGED, THINGS, was, 1 << VERSION | 1 << LIVE),
	};

	return old < 0 ? -1 : kit_want(k, kit_unit(k, c, 2), GANTRY_STORED,
				       "a key that moves to a new row");
}

static int unit_stop(void *context, size_t key, const struct gantry_value *values)
{
	(void)key;
	(void)values;
	++*(int *)context;
	return -1;
}

static int unit_sink_stops(struct kit *k)
{
	int64_t ref = kit_holder(k, kit_id(k, "stop"));
	const struct gantry_value v = kit_number(ref);
	const struct gantry_key key = kit_key(HOLDERS, GANTRY_BY_REF, 1, &v);
	const struct gantry_key *const keys[] = { &key, &key };
	int calls = 0;
	const struct gantry_sink sink = { unit_stop, &calls };

	if (ref < 0 ||
	    kit_want(k, k->st->read(k->self, keys, 2, &sink, &k->err),
		     GANTRY_BROKEN, "a read whose sink stops") < 0)
		return -1;
	if (calls != 1)
		return kit_fail(k, "the sink was called %d times after it stopped",
				calls - 1);
	return kit_count(k, HOLDERS, ref) == 1 ? 0 :
		kit_fail(k, "no read works after a sink stopped: %s", k->err.message);
}

/* Half of them collide, in store or in commit, as the storage has it. */
static int unit_believed_one(struct kit *k, struct gantry_value name)
{
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(kit_ref(k)),
						     kit_number(1), name };
	const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);
	enum gantry_stored stored = kit_unit(k, &c, 1);
	char said[200];
	int there;

	snprintf(said, sizeof(said), "%.190s", k->err.message);
	there = kit_count(k, HOLDERS, v[REF].is.number);
	if (there < 0)
		return -1;
	if (stored == GANTRY_STORED && there == 0)
		return kit_fail(k, "a unit was told STORED, and nothing of it is there");
	if (stored != GANTRY_STORED && there != 0)
		return kit_fail(k, "a unit was told that nothing happened (\"%s\"), and it is "
				"there", said);
	if (stored == GANTRY_CONFLICT)
		return 0;
	return stored == GANTRY_STORED ? 0 :
		kit_fail(k, "neither STORED nor CONFLICT: %s", said);
}

static int unit_believed(struct kit *k)
{
	for (unsigned i = 0; i < 20 * k->effort; i++) {
		struct gantry_value name = kit_id(k, "believed");

		if (unit_believed_one(k, name) < 0 || unit_believed_one(k, name) < 0)
			return -1;
		arena_reset(&k->arena);
	}
	return 0;
}

static int unit_now(struct kit *k, int64_t now_ms[2])
{
	struct kit_rows rows;
	struct kit_load load = { .rows = &rows };
	enum gantry_stored stored = GANTRY_STORED;
	void *unit;

	if (kit_want(k, kit_begin(k, &unit), GANTRY_STORED, "begin") < 0)
		return -1;
	for (unsigned i = 0; i < 2 && stored == GANTRY_STORED; i++) {
		if (i > 0)
			kit_sleep(10);
		stored = kit_load(k, unit, &load);
		now_ms[i] = load.now_ms;
	}
	k->st->rollback(unit);
	return kit_want(k, stored, GANTRY_STORED, "load of nothing");
}

/* Milliseconds since 1970, the same through a unit, on with the next. */
static int unit_clock(struct kit *k)
{
	int64_t first[2], then[2];

	if (unit_now(k, first) < 0)
		return -1;
	kit_sleep(30);
	if (unit_now(k, then) < 0)
		return -1;
	if (first[0] != first[1] || then[0] != then[1])
		return kit_fail(k, "now is not the same through a unit");
	if (first[0] < INT64_C(1500000000000) || first[0] > INT64_C(32503680000000))
		return kit_fail(k, "now is %" PRId64 ", which are no milliseconds since 1970",
				first[0]);
	return then[0] >= first[0] + 20 && then[0] <= first[0] + 20000 ? 0 :
		kit_fail(k, "30 ms later now is %" PRId64 " ms later", then[0] - first[0]);
}

enum { LARGE = 1500 };

static int unit_large_store(struct kit *k, struct gantry_value (*v)[KIT_COLUMNS],
			    enum gantry_change_kind kind, uint64_t mask)
{
	struct gantry_change *c = arena_alloc(&k->arena, LARGE * sizeof(*c));
	void *unit;

	for (unsigned i = 0; i < LARGE; i++)
		c[i] = kit_change(kind, HOLDERS, v[i], mask);
	if (kit_want(k, kit_begin(k, &unit), GANTRY_STORED, "begin") < 0)
		return -1;
	return kit_want(k, kit_end(k, unit, c, LARGE), GANTRY_STORED, "a large unit");
}

/* Each row under the number of its key, with the note that it should have. */
static int unit_large_is(struct kit *k, struct gantry_value (*v)[KIT_COLUMNS], size_t wanted)
{
	struct gantry_key *keys = arena_alloc(&k->arena, LARGE * sizeof(*keys));
	struct kit_rows rows;
	struct kit_load load = { .locks = keys, .n_locks = LARGE, .rows = &rows };
	enum gantry_stored stored;
	void *unit;

	for (unsigned i = 0; i < LARGE; i++)
		keys[i] = i % 2 == 0 ? kit_key(HOLDERS, GANTRY_BY_REF, 1, &v[i][REF]) :
				       kit_key(HOLDERS, HOLDERS_NAME, 1, &v[i][NAME]);
	if (kit_want(k, kit_begin(k, &unit), GANTRY_STORED, "begin") < 0)
		return -1;
	stored = kit_load(k, unit, &load);
	k->st->rollback(unit);
	if (kit_want(k, stored, GANTRY_STORED, "a large load") < 0)
		return -1;
	if (rows.n != wanted)
		return kit_fail(k, "a large load found %zu rows of %zu", rows.n, wanted);
	for (size_t i = 0; i < rows.n; i++)
		for (unsigned column = REF; column <= NUMBER; column++)
			if (!kit_equal(&rows.rows[i].values[column],
				       &v[rows.rows[i].key][column]))
				return kit_fail(k, "a large load gives column %u of another "
						"row, or as it was", column);
	return 0;
}

static int unit_large(struct kit *k)
{
	struct gantry_value (*v)[KIT_COLUMNS] = arena_zero(&k->arena, LARGE * sizeof(*v));

	for (unsigned i = 0; i < LARGE; i++) {
		v[i][REF] = kit_number(kit_ref(k));
		v[i][VERSION] = kit_number(1);
		v[i][NAME] = kit_id(k, "large");
		v[i][NOTE] = i % 3 == 0 ? kit_null() : kit_text("first");
		v[i][NUMBER] = i % 5 == 0 ? kit_null() : kit_number(i);
	}
	if (unit_large_store(k, v, GANTRY_NEW, 0) < 0 || unit_large_is(k, v, LARGE) < 0)
		return -1;
	for (unsigned i = 0; i < LARGE; i++) {
		v[i][VERSION] = kit_number(2);
		v[i][NOTE] = i % 2 == 0 ? kit_null() : kit_text("then");
	}
	if (unit_large_store(k, v, GANTRY_CHANGED, 1 << VERSION | 1 << NOTE) < 0 ||
	    unit_large_is(k, v, LARGE) < 0 ||
	    unit_large_store(k, v, GANTRY_GONE, 0) < 0)
		return -1;
	return unit_large_is(k, v, 0);
}

const struct kit_check kit_checks_unit[] = {
	{ "unit: rollback", unit_rollback, 0 },
	{ "unit: nothing", unit_empty, 0 },
	{ "unit: failed store", unit_failed, 0 },
	{ "unit: hidden until commit", unit_hidden, 0 },
	{ "unit: several stores", unit_several_stores, 0 },
	{ "unit: conflict of ref", unit_conflict_ref, 0 },
	{ "unit: conflict of unique index", unit_conflict_unique, 0 },
	{ "unit: nullable unique index", unit_nullable_key, 0 },
	{ "unit: change collides", unit_change_collides, 0 },
	{ "unit: key moves", unit_key_moves, 0 },
	{ "unit: sink stops", unit_sink_stops, 0 },
	{ "unit: commit is believed", unit_believed, 0 },
	{ "unit: clock", unit_clock, 0 },
	{ "unit: large", unit_large, 0 },
	{ NULL, NULL, 0 },
};
