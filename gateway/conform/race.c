/* SPDX-License-Identifier: Apache-2.0 */
/*
 * race - checks of many units on the same rows: no update is lost, no reader
 * sees half of a commit, nothing is sold twice.
 */
#include <inttypes.h>

#include "gateway/conform/kit.h"

enum { TURNS = 60, TRIES = 10000, ACCOUNTS = 6, EACH = 1000 };

struct race {
	int64_t refs[ACCOUNTS];		/* holders */
	unsigned n;
	atomic_int done, torn, reads;
	atomic_int sold, left;
};

static int race_holders(struct kit *k, struct race *race, unsigned n, int64_t number)
{
	race->n = n;
	for (unsigned i = 0; i < n; i++) {
		race->refs[i] = kit_ref(k);
		const struct gantry_value v[KIT_COLUMNS] = {
			kit_number(race->refs[i]), kit_number(1), kit_id(k, "race"),
			kit_null(), kit_number(number),
		};
		const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);

		if (kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a new holder") < 0)
			return -1;
	}
	return 0;
}

/* The rows of all holders under lock, in *load, in a unit that is open. */
static enum gantry_stored race_load(struct kit *k, const struct race *race, void **unit_out,
				    struct kit_load *load)
{
	struct gantry_value *values = arena_alloc(&k->arena, race->n * sizeof(*values));
	struct gantry_key *keys = arena_alloc(&k->arena, race->n * sizeof(*keys));
	enum gantry_stored stored = kit_begin(k, unit_out);

	load->locks = keys;
	load->n_locks = race->n;
	for (unsigned i = 0; i < race->n; i++) {
		values[i] = kit_number(race->refs[i]);
		keys[i] = kit_key(HOLDERS, GANTRY_BY_REF, 1, &values[i]);
	}
	if (stored != GANTRY_STORED)
		return stored;
	stored = kit_load(k, *unit_out, load);
	if (stored != GANTRY_STORED)
		k->st->rollback(*unit_out);
	return stored;
}

/* The row that came for a key; NULL with the check failed if none did. */
static const struct kit_row *race_row(struct kit *k, const struct kit_rows *rows, size_t key)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->rows[i].key == key)
			return &rows->rows[i];
	kit_fail(k, "load did not give the row of key %zu", key);
	return NULL;
}

static struct gantry_change race_changed(struct kit *k, const struct kit_row *row,
					 int64_t number)
{
	struct gantry_value *v = arena_alloc(&k->arena, sizeof(row->values));

	for (unsigned i = 0; i < KIT_COLUMNS; i++)
		v[i] = row->values[i];
	v[VERSION].is.number++;
	v[NUMBER] = kit_number(number);
	return kit_change(GANTRY_CHANGED, HOLDERS, v, 1 << VERSION | 1 << NUMBER);
}

/* Lock both, read both, write both plus one. */
static int race_update_one(struct kit *k, struct race *race)
{
	struct kit_rows rows;
	struct kit_load load = { .rows = &rows };
	const struct kit_row *a, *b;
	void *unit;
	int stored = kit_raced(k, race_load(k, race, &unit, &load), "load");

	if (stored != 1)
		return stored;
	a = race_row(k, &rows, 0);
	b = race_row(k, &rows, 1);
	kit_pause();		/* whoever is not locked out shall come in */
	if (a == NULL || b == NULL) {
		k->st->rollback(unit);
		return -1;
	}
	const struct gantry_change c[] = { race_changed(k, a, 0), race_changed(k, b, 0) };

	return kit_raced(k, kit_end(k, unit, c, 2), "an update");
}

static int race_update_run(struct kit *k, void *job)
{
	struct race *race = job;
	unsigned done = 0;

	for (unsigned tries = 0; done < TURNS * k->effort; tries++) {
		int stored = race_update_one(k, race);

		arena_reset(&k->arena);
		if (stored < 0)
			return -1;
		if (tries > TRIES * k->effort)
			return kit_fail(k, "no end of CONFLICT after %u updates", done);
		done += (unsigned)stored;
	}
	atomic_fetch_add(&race->done, (int)done);
	return 0;
}

/* The sum of a column over all holders in one read; -1 with the check failed. */
static int race_sum(struct kit *k, const struct race *race, unsigned column,
		    int64_t *sum_out)
{
	struct gantry_value values[ACCOUNTS];
	struct gantry_key keys[ACCOUNTS];
	const struct gantry_key *list[ACCOUNTS];
	struct kit_rows rows = { .kit = k, .table = k->schema->tables[HOLDERS] };
	const struct gantry_sink sink = kit_sink(&rows);

	for (unsigned i = 0; i < race->n; i++) {
		values[i] = kit_number(race->refs[i]);
		keys[i] = kit_key(HOLDERS, GANTRY_BY_REF, 1, &values[i]);
		list[i] = &keys[i];
	}
	error_reset(&k->err);
	if (kit_want(k, k->st->read(k->self, list, race->n, &sink, &k->err),
		     GANTRY_STORED, "read") < 0)
		return -1;
	if (rows.n != race->n)
		return kit_fail(k, "read gave %zu rows of %u", rows.n, race->n);
	*sum_out = 0;
	for (size_t i = 0; i < rows.n; i++)
		*sum_out += rows.rows[i].values[column].is.number;
	return 0;
}

/* Both versions grow together, so their sum is even. */
static int race_update_watch(struct kit *k, void *job)
{
	struct race *race = job;
	int64_t sum;

	do {
		if (race_sum(k, race, VERSION, &sum) < 0)
			return -1;
		arena_reset(&k->arena);
		race->torn += sum % 2 != 0;
		race->reads++;
	} while (atomic_load(k->running) > 0);
	return 0;
}

static int race_updates(struct kit *k)
{
	struct race race = { .n = 0 };
	const struct kit_crowd crowd = { .run = race_update_run, .job = &race,
					 .watch = race_update_watch };
	int64_t sum;

	if (k->st->lanes(k->self) < 1)
		return kit_fail(k, "no lanes");
	if (race_holders(k, &race, 2, 0) < 0 || kit_crowd(k, &crowd) < 0)
		return -1;
	if (race.torn > 0)
		return kit_fail(k, "%d of %d reads saw half of a commit",
				race.torn, race.reads);
	if (race_sum(k, &race, VERSION, &sum) < 0)
		return -1;
	return sum / 2 == race.done + 1 ? 0 :
		kit_fail(k, "%" PRId64 " of %d updates were lost",
			 race.done + 1 - sum / 2, race.done);
}

/* From one account to another; now and then the unit is given up. */
static int race_transfer_one(struct kit *k, struct race *race, struct race *pair)
{
	unsigned from = (unsigned)kit_dice(k, race->n);
	unsigned to = (from + 1 + (unsigned)kit_dice(k, race->n - 1)) % race->n;
	struct kit_rows rows;
	struct kit_load load = { .rows = &rows };
	const struct kit_row *a, *b;
	int64_t amount = 1 + (int64_t)kit_dice(k, 100);
	void *unit;
	int stored;

	*pair = (struct race){ .n = 2, .refs = { race->refs[from], race->refs[to] } };
	stored = kit_raced(k, race_load(k, pair, &unit, &load), "load");
	if (stored != 1)
		return stored;
	a = race_row(k, &rows, 0);
	b = race_row(k, &rows, 1);
	if (a == NULL || b == NULL || a->values[NUMBER].is.number < amount) {
		k->st->rollback(unit);
		return a == NULL || b == NULL ? -1 : 0;
	}
	const struct gantry_change c[] = {
		race_changed(k, a, a->values[NUMBER].is.number - amount),
		race_changed(k, b, b->values[NUMBER].is.number + amount),
	};

	kit_pause();
	if (kit_dice(k, 8) > 0)
		return kit_raced(k, kit_end(k, unit, c, 2), "a transfer");
	stored = kit_raced(k, kit_store(k, unit, c, 2), "a transfer that is given up");
	k->st->rollback(unit);
	return stored < 0 ? -1 : 0;
}

static int race_transfer_run(struct kit *k, void *job)
{
	struct race *race = job, pair;

	for (unsigned i = 0; i < 2 * TURNS * k->effort; i++) {
		int stored = race_transfer_one(k, race, &pair);

		arena_reset(&k->arena);
		if (stored < 0)
			return -1;
		atomic_fetch_add(&race->done, stored);
	}
	return 0;
}

static int race_transfer_watch(struct kit *k, void *job)
{
	struct race *race = job;
	int64_t sum;

	do {
		if (race_sum(k, race, NUMBER, &sum) < 0)
			return -1;
		arena_reset(&k->arena);
		if (sum != race->n * EACH)
			return kit_fail(k, "a read saw a sum of %" PRId64 " instead of %u",
					sum, race->n * EACH);
	} while (atomic_load(k->running) > 0);
	return 0;
}

static int race_transfers(struct kit *k)
{
	struct race race = { .n = 0 };
	const struct kit_crowd crowd = { .run = race_transfer_run, .job = &race,
					 .watch = race_transfer_watch };
	int64_t sum, versions;

	if (race_holders(k, &race, ACCOUNTS, EACH) < 0 || kit_crowd(k, &crowd) < 0 ||
	    race_sum(k, &race, NUMBER, &sum) < 0 ||
	    race_sum(k, &race, VERSION, &versions) < 0)
		return -1;
	if (sum != ACCOUNTS * EACH)
		return kit_fail(k, "the sum is %" PRId64 " instead of %u", sum,
				ACCOUNTS * EACH);
	versions -= ACCOUNTS;
	return versions == 2 * race.done ? 0 :
		kit_fail(k, "%d transfers were told STORED, %" PRId64 " are there",
			 race.done, versions / 2);
}

/* One of what is left, with a thing as the proof. */
static int race_sell_one(struct kit *k, struct race *race)
{
	struct kit_rows rows;
	struct kit_load load = { .rows = &rows };
	const struct kit_row *row;
	int64_t left;
	void *unit;
	int stored = kit_raced(k, race_load(k, race, &unit, &load), "load");

	if (stored != 1)
		return stored;
	row = race_row(k, &rows, 0);
	left = row != NULL ? row->values[NUMBER].is.number : 0;
	kit_pause();
	if (left <= 0) {
		k->st->rollback(unit);
		atomic_store(&race->left, 0);
		return row == NULL ? -1 : left == 0 ? 0 :
			kit_fail(k, "%" PRId64 " are left", left);
	}
	const struct gantry_value v[] = {
		kit_number(kit_ref(k)), kit_number(1), kit_number(race->refs[0]),
		kit_id(k, "sold"), kit_number(1),
	};
	const struct gantry_change c[] = { race_changed(k, row, left - 1),
					   kit_change(GANTRY_NEW, THINGS, v, 0) };

	return kit_raced(k, kit_end(k, unit, c, 2), "a sale");
}

static int race_sell_run(struct kit *k, void *job)
{
	struct race *race = job;

	for (unsigned i = 0; i < TRIES && atomic_load(&race->left) > 0; i++) {
		int stored = race_sell_one(k, race);

		arena_reset(&k->arena);
		if (stored < 0)
			return -1;
		atomic_fetch_add(&race->sold, stored);
	}
	return 0;
}

static int race_oversell(struct kit *k)
{
	struct race race = { .left = 1 };
	const struct kit_crowd crowd = { .run = race_sell_run, .job = &race };
	int stock = (int)(TURNS * k->effort);
	struct gantry_value holder;
	struct gantry_key key;
	struct kit_rows rows;
	int64_t left;

	if (race_holders(k, &race, 1, stock) < 0 || kit_crowd(k, &crowd) < 0 ||
	    race_sum(k, &race, NUMBER, &left) < 0)
		return -1;
	holder = kit_number(race.refs[0]);
	key = kit_key(THINGS, THINGS_LIVE, 1, &holder);
	if (kit_read(k, &key, &rows) < 0)
		return -1;
	return left == 0 && race.sold == stock && rows.n == (size_t)stock ? 0 :
		kit_fail(k, "of %d there are %" PRId64 " left, %d were told STORED and "
			 "%zu are there", stock, left, race.sold, rows.n);
}

const struct kit_check kit_checks_race[] = {
	{ "race: updates", race_updates, 0 },
	{ "race: transfers", race_transfers, 0 },
	{ "race: oversell", race_oversell, NEEDS_CROWD },
	{ NULL, NULL, 0 },
};
