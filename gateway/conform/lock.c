/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock - checks of two units that want the same rows: the second waits, sees
 * what the first has left behind, does not wait for ever, and two that ask in
 * opposite orders do not stand in each other's way.
 */
#include <inttypes.h>

#include "gateway/conform/kit.h"

enum { SURELY_WAITS_MS = 80, COMES_MS = 1200, STEP_MS = 30000, TURNS = 100 };

#define LOCK_NOT "the second unit locked a row that the first one had locked"

enum first { FIRST_CHANGES, FIRST_DELETES, FIRST_STAYS };

struct lock {
	enum first first;
	struct gantry_value name;	/* of the holder that both want */
	int64_t holder, thing;		/* thing: what the first adds */
	atomic_int locked;		/* the first has the lock */
	atomic_int asks;		/* the second begins its load */
	atomic_int loaded;		/* the second's load came back */
	atomic_int ended;		/* the first is about to end */
	atomic_int arrived;
	int64_t refs[2];
	struct gantry_value names[2];
};

static int lock_begin(struct kit *k, void **unit_out, struct kit_load *load,
		      enum gantry_stored *stored_out)
{
	if (kit_want(k, kit_begin(k, unit_out), GANTRY_STORED, "begin") < 0)
		return -1;
	*stored_out = kit_load(k, *unit_out, load);
	return 0;
}

static int lock_first_ends(struct kit *k, const struct lock *lock, void *unit)
{
	const struct gantry_value holder[KIT_COLUMNS] = {
		kit_number(lock->holder), kit_number(2), kit_null(), kit_null(),
		kit_number(77),
	};
	const struct gantry_value thing[] = {
		kit_number(lock->thing), kit_number(1), holder[REF],
		kit_text("added"), kit_number(1),
	};
	const struct gantry_change changes[] = {
		kit_change(GANTRY_CHANGED, HOLDERS, holder, 1 << VERSION | 1 << NUMBER),
		kit_change(GANTRY_NEW, THINGS, thing, 0),
	};
	const struct gantry_change gone = kit_change(GANTRY_GONE, HOLDERS, holder, 0);

	if (lock->first == FIRST_STAYS) {
		k->st->rollback(unit);
		return 0;
	}
	return kit_want(k, lock->first == FIRST_DELETES ? kit_end(k, unit, &gone, 1) :
			kit_end(k, unit, changes, 2), GANTRY_STORED,
			"the end of the first unit");
}

static int lock_first(struct kit *k, struct lock *lock)
{
	const struct gantry_key key = kit_key(HOLDERS, HOLDERS_NAME, 1, &lock->name);
	struct kit_rows rows;
	struct kit_load load = { .locks = &key, .n_locks = 1, .rows = &rows };
	enum gantry_stored stored;
	bool early;
	void *unit;

	if (lock_begin(k, &unit, &load, &stored) < 0)
		return -1;
	if (kit_want(k, stored, GANTRY_STORED, "the first load") < 0 ||
	    rows.n == 0) {
		k->st->rollback(unit);
		return rows.n > 0 ? -1 : kit_fail(k, "the first load found no row");
	}
	atomic_store(&lock->locked, 1);
	kit_await(&lock->asks, 1, STEP_MS);
	/* what comes back now had no lock to wait for */
	early = kit_await(&lock->loaded, 1, lock->first == FIRST_STAYS ?
			  k->patience_ms : SURELY_WAITS_MS);
	atomic_store(&lock->ended, 1);
	if (lock_first_ends(k, lock, unit) < 0)
		return -1;
	if (lock->first == FIRST_STAYS)
		return early ? 0 : kit_fail(k, "who waits for a row that stays locked "
					    "still waits after %d ms", k->patience_ms);
	return early ? kit_fail(k, LOCK_NOT) : 0;
}

/* What the rows of the second unit must be. */
static int lock_second_sees(struct kit *k, const struct lock *lock,
			    const struct kit_rows *rows)
{
	bool holder = false, thing = false;

	for (size_t i = 0; i < rows->n; i++) {
		const struct kit_row *row = &rows->rows[i];

		holder |= row->key == 0;
		thing |= row->key == 1;
		if (lock->first == FIRST_CHANGES && row->key == 0 &&
		    row->values[VERSION].is.number != 2)
			return kit_fail(k, "the second unit sees the row that it locked as "
					"it was before the first one changed it");
	}
	if (lock->first == FIRST_DELETES)
		return holder ? kit_fail(k, "the second unit sees a row that the first "
					 "one deleted") : 0;
	if (!holder)
		return kit_fail(k, "the second unit does not see the row that it locked");
	return thing ? 0 : kit_fail(k, "the second unit reads as if it had not waited: "
				    "what the first one added is not there");
}

static int lock_second(struct kit *k, struct lock *lock)
{
	const struct gantry_value holder = kit_number(lock->holder);
	const struct gantry_key key = kit_key(HOLDERS, GANTRY_BY_REF, 1, &holder);
	const struct gantry_key things = kit_key(THINGS, THINGS_LIVE, 1, &holder);
	struct kit_rows rows;
	struct kit_load load = { .locks = &key, .n_locks = 1, .keys = &things,
				 .n_keys = 1, .rows = &rows };
	enum gantry_stored stored;
	void *unit;
	int failed = 0;

	if (!kit_await(&lock->locked, 1, STEP_MS))
		return kit_fail(k, "the first unit did not get its lock");
	if (kit_want(k, kit_begin(k, &unit), GANTRY_STORED, "begin of a second unit") < 0)
		return -1;
	atomic_store(&lock->asks, 1);
	stored = kit_load(k, unit, &load);
	atomic_store(&lock->loaded, 1);
	if (stored == GANTRY_STORED && lock->ended == 0)
		failed = kit_fail(k, LOCK_NOT);
	else if (lock->first != FIRST_STAYS)
		failed = kit_want(k, stored, GANTRY_STORED, "the second load");
	else if (lock->ended == 0 && stored != GANTRY_CONFLICT)
		failed = kit_want(k, stored, GANTRY_AWAY, "who waits for too long");
	if (failed == 0 && lock->first != FIRST_STAYS)
		failed = lock_second_sees(k, lock, &rows);
	k->st->rollback(unit);
	return failed;
}

static int lock_run(struct kit *k, void *job)
{
	return k->number == 0 ? lock_first(k, job) : lock_second(k, job);
}

static int lock_two(struct kit *k, enum first first)
{
	struct lock lock = { .first = first, .name = kit_id(k, "lock") };
	const struct kit_crowd crowd = { .run = lock_run, .job = &lock, .n = 2 };

	lock.holder = kit_holder(k, lock.name);
	lock.thing = kit_ref(k);
	return lock.holder < 0 ? -1 : kit_crowd(k, &crowd);
}

/* Then locked and read are not one snapshot. */
static int lock_sees(struct kit *k)
{
	for (unsigned i = 0; i < 2 + k->effort; i++)
		if (lock_two(k, FIRST_CHANGES) < 0)
			return -1;
	return 0;
}

static int lock_gone(struct kit *k)
{
	return lock_two(k, FIRST_DELETES);
}

static int lock_ends(struct kit *k)
{
	return lock_two(k, FIRST_STAYS);
}

/* Both rows in one set, by ref and by name, in an order of one's own. */
static int lock_order_one(struct kit *k, const struct lock *lock, unsigned turn)
{
	const struct gantry_value refs[] = { kit_number(lock->refs[0]),
					     kit_number(lock->refs[1]) };
	unsigned first = (turn + k->number) % 2;
	bool by_name = (turn / 2 + k->number) % 2 != 0;
	const struct gantry_value things[] = { kit_number(lock->refs[1 - first]),
					       kit_number(lock->refs[first]) };
	const struct gantry_key keys[] = {
		by_name ? kit_key(HOLDERS, HOLDERS_NAME, 1, &lock->names[first]) :
			  kit_key(HOLDERS, GANTRY_BY_REF, 1, &refs[first]),
		turn % 3 == 0 ? kit_key(HOLDERS, HOLDERS_NAME, 1, &lock->names[1 - first]) :
				kit_key(HOLDERS, GANTRY_BY_REF, 1, &refs[1 - first]),
		kit_key(THINGS, THINGS_LIVE, 1, &things[0]),
		kit_key(THINGS, THINGS_LIVE, 1, &things[1]),
	};
	struct kit_rows rows;
	struct kit_load load = { .locks = keys, .n_locks = 4, .rows = &rows };
	void *unit;
	enum gantry_stored stored;

	if (lock_begin(k, &unit, &load, &stored) < 0)
		return -1;
	if (kit_want(k, stored, GANTRY_STORED,
		     "a load of rows that others lock in another order") < 0) {
		k->st->rollback(unit);
		return -1;
	}
	kit_pause();
	const struct gantry_value v[KIT_COLUMNS] = { refs[0],
		kit_number(rows.rows[0].values[VERSION].is.number + 1) };
	const struct gantry_change c = kit_change(GANTRY_CHANGED, HOLDERS, v, 1 << VERSION);

	return kit_want(k, kit_end(k, unit, &c, 1), GANTRY_STORED, "an update");
}

static int lock_order_run(struct kit *k, void *job)
{
	struct lock *lock = job;

	for (unsigned i = 0; i < TURNS * k->effort; i++) {
		int met = kit_meet(k, &lock->arrived, i);

		if (met != 0)
			return met < 0 ? -1 : 0;
		if (lock_order_one(k, job, i) < 0)
			return -1;
		arena_reset(&k->arena);
	}
	return 0;
}

static int lock_holders(struct kit *k, struct lock *lock)
{
	for (unsigned i = 0; i < 2; i++) {
		lock->names[i] = kit_id(k, "order");
		lock->refs[i] = kit_holder(k, lock->names[i]);
		if (lock->refs[i] < 0 ||
		    kit_thing(k, lock->refs[i], "a", kit_number(1)) < 0 ||
		    kit_thing(k, lock->refs[i], "b", kit_null()) < 0)
			return -1;
	}
	return 0;
}

static int lock_order(struct kit *k)
{
	struct lock lock = { .locked = 0 };
	const struct kit_crowd crowd = { .run = lock_order_run, .job = &lock };

	return lock_holders(k, &lock) < 0 ? -1 : kit_crowd(k, &crowd);
}

/* One of three holds the lower row; this one asks for both, the higher first. */
static int lock_both(struct kit *k, struct lock *lock)
{
	const struct gantry_value lower = kit_number(lock->refs[0]);
	const struct gantry_key keys[] = {
		kit_key(HOLDERS, HOLDERS_NAME, 1, &lock->names[1]),
		kit_key(HOLDERS, GANTRY_BY_REF, 1, &lower),
	};
	struct kit_rows rows;
	struct kit_load load = { .locks = keys, .n_locks = 2, .rows = &rows };
	enum gantry_stored stored;
	int failed;
	void *unit;

	if (!kit_await(&lock->locked, 1, STEP_MS))
		return 0;	/* the first says why */
	atomic_store(&lock->asks, 1);
	if (lock_begin(k, &unit, &load, &stored) < 0)
		return -1;
	failed = kit_want(k, stored, GANTRY_STORED, "a load of two rows");
	if (failed == 0 && lock->ended == 0)
		failed = kit_fail(k, LOCK_NOT);
	k->st->rollback(unit);
	return failed;
}

static int lock_one(struct kit *k, const struct gantry_value *ref, void **unit_out)
{
	const struct gantry_key key = kit_key(HOLDERS, GANTRY_BY_REF, 1, ref);
	struct kit_rows rows;
	struct kit_load load = { .locks = &key, .n_locks = 1, .rows = &rows };
	enum gantry_stored stored;

	if (lock_begin(k, unit_out, &load, &stored) < 0)
		return -1;
	if (kit_want(k, stored, GANTRY_STORED, "a load of one row") == 0)
		return 0;
	k->st->rollback(*unit_out);
	return -1;
}

static int lock_lower(struct kit *k, struct lock *lock)
{
	const struct gantry_value ref = kit_number(lock->refs[0]);
	void *unit;
	bool came;

	if (lock_one(k, &ref, &unit) < 0)
		return -1;
	atomic_store(&lock->locked, 1);
	came = kit_await(&lock->loaded, 1, COMES_MS);
	atomic_store(&lock->ended, 1);
	k->st->rollback(unit);
	return came ? 0 : kit_fail(k, "rows are not locked by ref: who waits for a row has "
				   "locked one with a higher ref that was asked for before");
}

static int lock_higher(struct kit *k, struct lock *lock)
{
	const struct gantry_value ref = kit_number(lock->refs[1]);
	void *unit;

	if (!kit_await(&lock->asks, 1, STEP_MS))
		return 0;
	kit_sleep(SURELY_WAITS_MS);
	if (lock_one(k, &ref, &unit) < 0)
		return -1;
	atomic_store(&lock->loaded, 1);
	k->st->rollback(unit);
	return 0;
}

static int lock_by_ref_run(struct kit *k, void *job)
{
	return k->number == 0 ? lock_lower(k, job) :
	       k->number == 1 ? lock_both(k, job) : lock_higher(k, job);
}

static int lock_by_ref(struct kit *k)
{
	struct lock lock = { .locked = 0 };
	const struct kit_crowd crowd = { .run = lock_by_ref_run, .job = &lock, .n = 3 };

	if (kit_crowd_size(k) < 3)
		return kit_skip(k, "only two units can be open at a time");
	return lock_holders(k, &lock) < 0 ? -1 : kit_crowd(k, &crowd);
}

const struct kit_check kit_checks_lock[] = {
	{ "lock: sees what was changed", lock_sees, NEEDS_CROWD },
	{ "lock: sees what is gone", lock_gone, NEEDS_CROWD },
	{ "lock: by ref", lock_by_ref, NEEDS_CROWD },
	{ "lock: opposite orders", lock_order, NEEDS_CROWD },
	{ "lock: a wait ends", lock_ends, NEEDS_CROWD },
	{ NULL, NULL, 0 },
};
