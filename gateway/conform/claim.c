/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim - checks of what only one of many may get: a new row of a key, a live
 * row, a lease. What was told STORED must be there, and nothing else.
 */
#include <inttypes.h>

#include "gateway/base/clock.h"
#include "gateway/conform/kit.h"

enum { ROUNDS = 40, LEASES = 4000, LEASE_MS = 10, LEASE_RUN_MS = 300 };

struct claim {
	int64_t holder;
	atomic_int arrived, live, done;
	struct gantry_value names[2 * ROUNDS];
	int64_t refs[2 * ROUNDS];
	atomic_int won[2 * ROUNDS];
	atomic_llong winner[2 * ROUNDS];	/* the ref, then the number, it stored */
	atomic_int taken[LEASES];
};

/* Even rounds are about one name, odd ones about one ref. */
static int claim_new_run(struct kit *k, void *job)
{
	struct claim *claim = job;

	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		int64_t ref = i % 2 == 0 ? kit_ref(k) : claim->refs[i];
		const struct gantry_value v[KIT_COLUMNS] = {
			kit_number(ref), kit_number(1),
			i % 2 == 0 ? claim->names[i] : kit_id(k, "claim"), kit_null(),
			kit_number(k->number),
		};
		const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);
		int stored;

		stored = kit_meet(k, &claim->arrived, i);
		if (stored != 0)
			return stored < 0 ? -1 : 0;
		stored = kit_raced(k, kit_unit(k, &c, 1), "NEW in a race");
		if (stored < 0)
			return -1;
		if (stored == 0)
			continue;
		atomic_fetch_add(&claim->won[i], 1);
		atomic_store(&claim->winner[i], i % 2 == 0 ? ref : k->number);
	}
	return 0;
}

static int claim_new_is(struct kit *k, const struct claim *claim, unsigned i)
{
	const struct gantry_value ref = kit_number(claim->refs[i]);
	const struct gantry_key key = i % 2 == 0 ?
		kit_key(HOLDERS, HOLDERS_NAME, 1, &claim->names[i]) :
		kit_key(HOLDERS, GANTRY_BY_REF, 1, &ref);
	const char *what = i % 2 == 0 ? "name" : "ref";
	struct kit_rows rows;
	int64_t there;

	if (claim->won[i] != 1)
		return kit_fail(k, "%d units were told STORED for one %s", claim->won[i],
				what);
	if (kit_read(k, &key, &rows) < 0)
		return -1;
	if (rows.n != 1)
		return kit_fail(k, "a %s has %zu rows", what, rows.n);
	there = rows.rows[0].values[i % 2 == 0 ? REF : NUMBER].is.number;
	return there == claim->winner[i] ? 0 :
		kit_fail(k, "the row of a %s is not that of the unit that was told STORED",
			 what);
}

static int claim_new(struct kit *k)
{
	struct claim *claim = arena_zero(&k->arena, sizeof(*claim));
	const struct kit_crowd crowd = { .run = claim_new_run, .job = claim };

	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		claim->refs[i] = kit_ref(k);
		claim->names[i] = kit_id(k, "claim");
	}
	if (kit_crowd(k, &crowd) < 0)
		return -1;
	for (unsigned i = 0; i < 2 * ROUNDS; i++)
		if (claim_new_is(k, claim, i) < 0)
			return -1;
	return 0;
}

/* A live row, which must be the only one, and then its release. */
static int claim_live_one(struct kit *k, struct claim *claim)
{
	const struct gantry_value v[] = {
		kit_number(kit_ref(k)), kit_number(1), kit_number(claim->holder),
		kit_text("live"), kit_number(1),
	};
	const struct gantry_value dead[] = { v[0], kit_number(2), v[2], v[3], kit_null() };
	const struct gantry_change new = kit_change(GANTRY_NEW, THINGS, v, 0);
	const struct gantry_change release = kit_change(GANTRY_CHANGED, THINGS, dead,
							1 << VERSION | 1 << LIVE);
	int stored = kit_raced(k, kit_unit(k, &new, 1), "a live row");

	if (stored != 1)
		return stored;
	if (atomic_fetch_add(&claim->live, 1) != 0)
		return kit_fail(k, "two rows have one live key at once");
	atomic_fetch_add(&claim->done, 1);
	kit_pause();
	atomic_fetch_sub(&claim->live, 1);
	return kit_want(k, kit_unit(k, &release, 1), GANTRY_STORED,
			"the end of a live row");
}

static int claim_live_run(struct kit *k, void *job)
{
	for (unsigned i = 0; i < ROUNDS * k->effort; i++) {
		if (claim_live_one(k, job) < 0)
			return -1;
		arena_reset(&k->arena);
	}
	return 0;
}

static int claim_live(struct kit *k)
{
	struct claim *claim = arena_zero(&k->arena, sizeof(*claim));
	const struct kit_crowd crowd = { .run = claim_live_run, .job = claim };
	struct gantry_value holder;
	struct gantry_key key;
	struct kit_rows rows;

	claim->holder = kit_holder(k, kit_id(k, "live"));
	if (claim->holder < 0 || kit_crowd(k, &crowd) < 0)
		return -1;
	holder = kit_number(claim->holder);
	key = kit_key(THINGS, THINGS_LIVE, 1, &holder);
	if (kit_read(k, &key, &rows) < 0)
		return -1;
	return claim->done > 0 && rows.n == (size_t)claim->done ? 0 :
		kit_fail(k, "%d live rows were told STORED, %zu are there", claim->done,
			 rows.n);
}

/* The lease as it is or should be: version counts who had it, number is until. */
static int claim_lease_take(struct kit *k, void *unit, const struct kit_load *load,
			    struct claim *claim)
{
	bool there = load->rows->n > 0;
	const struct gantry_value *old = there ? load->rows->rows[0].values : NULL;
	/* on its own: gcc 14 looks into old in "there ? ... + 1 : 1" in any case */
	int64_t before = there ? old[VERSION].is.number : 0;
	const struct gantry_value v[KIT_COLUMNS] = {
		there ? old[REF] : kit_number(kit_ref(k)),
		kit_number(before + 1), claim->names[0],
		kit_null(), kit_number(load->now_ms + LEASE_MS),
	};
	const struct gantry_change c =
		kit_change(there ? GANTRY_CHANGED : GANTRY_NEW, HOLDERS, v,
			   there ? 1 << VERSION | 1 << NUMBER : 0);
	int stored;

	if (there && old[NUMBER].is.number > load->now_ms) {
		k->st->rollback(unit);
		return 0;
	}
	kit_pause();
	stored = kit_raced(k, kit_end(k, unit, &c, 1), "a lease");
	if (stored != 1 || v[VERSION].is.number >= LEASES)
		return stored;
	if (atomic_fetch_add(&claim->taken[v[VERSION].is.number], 1) != 0)
		return kit_fail(k, "a lease was taken twice at once");
	atomic_fetch_add(&claim->done, 1);
	return 1;
}

static int claim_lease_run(struct kit *k, void *job)
{
	struct claim *claim = job;
	int64_t until = clock_steady_ns() + LEASE_RUN_MS * INT64_C(1000000) * k->effort;
	const struct gantry_key key = kit_key(HOLDERS, HOLDERS_NAME, 1, claim->names);
	struct kit_rows rows;
	struct kit_load load = { .locks = &key, .n_locks = 1, .rows = &rows };
	enum gantry_stored stored;
	void *unit;

	while (clock_steady_ns() < until) {
		stored = kit_begin(k, &unit);
		if (stored == GANTRY_STORED) {
			stored = kit_load(k, unit, &load);
			if (stored != GANTRY_STORED)
				k->st->rollback(unit);
		}
		switch (kit_raced(k, stored, "load of a lease")) {
		case 1:
			if (claim_lease_take(k, unit, &load, claim) < 0)
				return -1;
			break;
		case -1:
			return -1;
		}
		arena_reset(&k->arena);
	}
	return 0;
}

static int claim_lease(struct kit *k)
{
	struct claim *claim = arena_zero(&k->arena, sizeof(*claim));
	const struct kit_crowd crowd = { .run = claim_lease_run, .job = claim };

	claim->names[0] = kit_id(k, "lease");
	if (kit_crowd(k, &crowd) < 0)
		return -1;
	return claim->done > 2 ? 0 :
		kit_fail(k, "in %u ms a lease of %d ms was taken %d times",
			 LEASE_RUN_MS * k->effort, LEASE_MS, claim->done);
}

const struct kit_check kit_checks_claim[] = {
	{ "race: new rows", claim_new, NEEDS_CROWD },
	{ "race: live key", claim_live, NEEDS_CROWD },
	{ "race: leases", claim_lease, NEEDS_CROWD },
	{ NULL, NULL, 0 },
};
