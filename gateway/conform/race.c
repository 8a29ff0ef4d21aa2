/* SPDX-License-Identifier: Apache-2.0 */
/*
 * race - checks with threads: no update is lost, and no reader sees half of a
 * commit.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/conform/kit.h"

enum { LANES = 8, TURNS = 60, TRIES = 10000 };

struct race {
	struct kit *kit;
	int64_t refs[2];		/* holders that change together */
	pthread_barrier_t start;	/* or the first is done before the last began */
	atomic_bool stop;
	atomic_int torn, reads;
};

struct runner {
	struct race *race;
	pthread_t thread;
	unsigned lane;
	int64_t seen[2];		/* version by key */
	int done;			/* committed turns */
	char error[200];		/* what ended it too early */
};

static int race_see(void *context, size_t key, const struct gantry_value *values)
{
	struct runner *r = context;

	r->seen[key] = values[VERSION].is.number;
	return 0;
}

static enum gantry_stored race_add(struct runner *r, void *unit, int64_t now[2],
				   struct gantry_error *err)
{
	const struct gantry_storage *st = r->race->kit->st;
	struct gantry_value v[2][KIT_COLUMNS] = { 0 };
	struct gantry_change c[2];
	const struct gantry_change *list[] = { &c[0], &c[1] };

	for (unsigned i = 0; i < 2; i++) {
		v[i][REF] = kit_number(r->race->refs[i]);
		v[i][VERSION] = kit_number(now[i] + 1);
		c[i] = kit_change(GANTRY_CHANGED, HOLDERS, v[i], 1 << VERSION);
	}
	return st->store(unit, list, 2, err);
}

/* Lock both, read both, write both plus one. */
static enum gantry_stored race_turn(struct runner *r, struct gantry_error *err)
{
	const struct kit *k = r->race->kit;
	const struct gantry_value a = kit_number(r->race->refs[0]);
	const struct gantry_value b = kit_number(r->race->refs[1]);
	const struct gantry_key key_a = kit_key(HOLDERS, GANTRY_BY_REF, 1, &a);
	const struct gantry_key key_b = kit_key(HOLDERS, GANTRY_BY_REF, 1, &b);
	const struct gantry_key *const keys[] = { &key_a, &key_b };
	const struct gantry_key_set set = { sizeof(set), keys, 2 };
	const struct gantry_key_set *const sets[] = { &set };
	const struct gantry_sink sink = { race_see, r };
	enum gantry_stored stored;
	int64_t now_ms;
	void *unit;

	stored = k->st->begin(k->self, r->lane, &unit, err);
	if (stored != GANTRY_STORED)
		return stored;
	stored = k->st->load(unit, sets, 1, NULL, 0, &sink, &now_ms, err);
	sched_yield();		/* whoever is not locked out shall come in */
	if (stored == GANTRY_STORED)
		stored = race_add(r, unit, r->seen, err);
	if (stored == GANTRY_STORED)
		return k->st->commit(unit, err);
	k->st->rollback(unit);
	return stored;
}

static void *race_run(void *context)
{
	struct runner *r = context;
	struct gantry_error err = ERROR_INIT;

	pthread_barrier_wait(&r->race->start);
	for (int tries = 0; r->done < TURNS && tries < TRIES; tries++) {
		enum gantry_stored stored = race_turn(r, &err);

		if (stored == GANTRY_STORED)
			r->done++;
		else if (stored != GANTRY_CONFLICT)
			break;
	}
	if (r->done < TURNS)
		snprintf(r->error, sizeof(r->error), "%.190s", err.message);
	error_fini(&err);
	return NULL;
}

static void *race_watch(void *context)
{
	struct runner *r = context;
	const struct kit *k = r->race->kit;
	const struct gantry_value a = kit_number(r->race->refs[0]);
	const struct gantry_value b = kit_number(r->race->refs[1]);
	const struct gantry_key key_a = kit_key(HOLDERS, GANTRY_BY_REF, 1, &a);
	const struct gantry_key key_b = kit_key(HOLDERS, GANTRY_BY_REF, 1, &b);
	const struct gantry_key *const keys[] = { &key_a, &key_b };
	const struct gantry_sink sink = { race_see, r };
	struct gantry_error err = ERROR_INIT;

	pthread_barrier_wait(&r->race->start);
	do {
		if (k->st->read(k->self, keys, 2, &sink, &err) != GANTRY_STORED) {
			snprintf(r->error, sizeof(r->error), "%.190s", err.message);
			break;
		}
		r->race->torn += r->seen[0] != r->seen[1];
		r->race->reads++;
	} while (!r->race->stop);
	error_fini(&err);
	return NULL;
}

static int race_result(struct kit *k, const struct race *race,
		       const struct runner *runners, unsigned n)
{
	int64_t wanted = 1;
	struct kit_row row;

	for (unsigned i = 0; i < n; i++) {
		if (runners[i].error[0] != '\0')
			return kit_fail(k, "thread %u ended after %d turns: %s", i,
					runners[i].done, runners[i].error);
		wanted += runners[i].done;
	}
	if (race->torn > 0)
		return kit_fail(k, "%d of %d reads saw half of a commit",
				race->torn, race->reads);
	if (kit_row(k, HOLDERS, race->refs[0], &row) < 0)
		return -1;
	if (row.values[VERSION].is.number == wanted)
		return 0;
	return kit_fail(k, "%" PRId64 " of %" PRId64 " updates were lost",
			wanted - row.values[VERSION].is.number, wanted - 1);
}

static int race_updates(struct kit *k)
{
	struct race race = { .kit = k };
	struct runner runners[LANES + 1] = { 0 };
	unsigned lanes = k->st->lanes(k->self);

	if (lanes < 1)
		return kit_fail(k, "no lanes");
	if (lanes > LANES)
		lanes = LANES;
	for (unsigned i = 0; i < 2; i++) {
		race.refs[i] = kit_holder(k, kit_id(k, "race"));
		if (race.refs[i] < 0)
			return -1;
	}
	pthread_barrier_init(&race.start, NULL, lanes + 1);
	for (unsigned i = 0; i <= lanes; i++) {
		runners[i].race = &race;
		runners[i].lane = i;
		if (pthread_create(&runners[i].thread, NULL,
				   i < lanes ? race_run : race_watch,
				   &runners[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i <= lanes; i++) {
		race.stop = i == lanes;
		pthread_join(runners[i].thread, NULL);
	}
	pthread_barrier_destroy(&race.start);
	return race_result(k, &race, runners, lanes + 1);
}

const struct kit_check kit_checks_race[] = {
	{ "race: updates", race_updates, 0 },
	{ NULL, NULL, 0 },
};
