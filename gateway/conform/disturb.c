/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disturb - a check while a command of the user's takes the store away again
 * and again: what each unit is told must be true, and it goes on afterwards.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "gateway/base/clock.h"
#include "gateway/conform/kit.h"

enum { TIMES = 3, NAP_MS = 300, BACK_MS = 60000 };

struct disturb {
	int64_t holders[KIT_CROWD];	/* one for each member */
	atomic_int over;
	atomic_int stored;
};

/* 1 STORED, 0 it is away for now, -1 by kit_fail(). */
static int disturb_answer(struct kit *k, enum gantry_stored stored, const char *what)
{
	if (stored == GANTRY_AWAY)
		return kit_want(k, stored, GANTRY_AWAY, what);
	return kit_raced(k, stored, what);
}

/* The row must be as the answers so far have it. */
static int disturb_is(struct kit *k, const struct kit_rows *rows, int64_t version)
{
	int64_t there = rows->n > 0 ? rows->rows[0].values[VERSION].is.number : 0;

	if (there < version)
		return kit_fail(k, "a unit was told STORED, and it is not there");
	return there == version ? 0 :
		kit_fail(k, "a unit was told that nothing happened, and it is there");
}

static int disturb_unit(struct kit *k, int64_t holder, int64_t version)
{
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(holder),
						     kit_number(version + 1) };
	const struct gantry_value thing[] = {
		kit_number(kit_ref(k)), kit_number(1), v[REF], kit_id(k, "disturbed"),
		kit_number(1),
	};
	const struct gantry_change c[] = {
		kit_change(GANTRY_CHANGED, HOLDERS, v, 1 << VERSION),
		kit_change(GANTRY_NEW, THINGS, thing, 0),
	};
	const struct gantry_key key = kit_key(HOLDERS, GANTRY_BY_REF, 1, v);
	struct kit_rows rows;
	struct kit_load load = { .locks = &key, .n_locks = 1, .rows = &rows };
	void *unit;
	int answer = disturb_answer(k, kit_begin(k, &unit), "begin");

	if (answer != 1)
		return answer;
	answer = disturb_answer(k, kit_load(k, unit, &load), "load");
	if (answer == 1 && disturb_is(k, &rows, version) < 0)
		answer = -1;
	if (answer != 1) {
		k->st->rollback(unit);
		return answer;
	}
	return disturb_answer(k, kit_end(k, unit, c, 2), "a unit");
}

static int disturb_run(struct kit *k, void *job)
{
	struct disturb *d = job;
	int64_t version = 1, until = INT64_MAX;
	int answer = 0;

	/* once more after the last time: it must come back */
	while (atomic_load(&d->over) == 0 || answer == 0) {
		if (until == INT64_MAX && atomic_load(&d->over) != 0)
			until = clock_steady_ns() + BACK_MS * INT64_C(1000000);
		answer = disturb_unit(k, d->holders[k->number], version);
		arena_reset(&k->arena);
		kit_pause();
		if (answer < 0)
			return -1;
		if (clock_steady_ns() > until)
			return kit_fail(k, "it does not come back");
		if (answer == 0)
			kit_sleep(5);
		version += answer;
	}
	atomic_fetch_add(&d->stored, (int)(version - 1));
	return 0;
}

static int disturb_watch(struct kit *k, void *job)
{
	struct disturb *d = job;
	int status = 0;

	for (unsigned i = 0; i < TIMES * k->effort && status == 0; i++) {
		kit_sleep((int)kit_dice(k, NAP_MS));
		status = system(k->disturb);
	}
	atomic_store(&d->over, 1);
	if (status == 0)
		return 0;
	return WIFEXITED(status) ?
		kit_fail(k, "the command that disturbs ended with status %d",
			 WEXITSTATUS(status)) :
		kit_fail(k, "the command that disturbs was ended by signal %d",
			 WTERMSIG(status));
}

static int disturb(struct kit *k)
{
	struct disturb d = { .over = 0 };
	const struct kit_crowd crowd = { .run = disturb_run, .watch = disturb_watch,
					 .job = &d };

	for (unsigned i = 0; i < KIT_CROWD; i++) {
		d.holders[i] = kit_holder(k, kit_id(k, "disturbed"));
		if (d.holders[i] < 0)
			return -1;
	}
	if (kit_crowd(k, &crowd) < 0)
		return -1;
	return d.stored > 0 ? 0 : kit_fail(k, "no unit was told STORED");
}

const struct kit_check kit_checks_disturb[] = {
	{ "disturbed", disturb, NEEDS_DISTURB },
	{ NULL, NULL, 0 },
};
