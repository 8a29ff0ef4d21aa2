/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica - see replica.h. Taking a number is a small unit of its own; it is
 * kept inside the units that are written anyway.
 */
#include "gateway/commit/replica.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/commit/unit.h"

#define REPLICA_NAME 16
#define REPLICA_TRIES 20
/* The first lane keeps it in good time, the others only if it does not. */
#define REPLICA_EARLY_MS (REPLICA_LEASE_MS / 3 * 2)
#define REPLICA_LATE_MS (REPLICA_LEASE_MS / 6)

struct replica_names {
	char text[REPLICA_NUMBERS][REPLICA_NAME];
	struct gantry_value values[REPLICA_NUMBERS];
};

/* What the unit that takes a number works with. */
struct replica_take {
	const struct gantry_storage *storage;
	void *storage_self, *unit;
	const char *owner;
	struct replica_names names;
	struct rowset rows;
	struct needs needs;
	struct arena arena;
	int64_t now_ms;
	unsigned number;
	int64_t epoch;
	bool namesake;			/* our name has another number still */
};

static void replica_name(unsigned number, char name[static REPLICA_NAME])
{
	snprintf(name, REPLICA_NAME, "replica:%u", number);
}

static void replica_name_all(struct replica_names *names)
{
	for (unsigned i = 0; i < REPLICA_NUMBERS; i++) {
		replica_name(i, names->text[i]);
		names->values[i] = value_text(names->text[i]);
	}
}

static struct row *replica_row(const struct replica_take *t, unsigned number)
{
	return rowset_find(&t->rows, COMMIT_LEASES, 0, &t->names.values[number], 1);
}

static enum gantry_stored replica_load(struct replica_take *t, struct gantry_error *err)
{
	struct rowset_sink into = { &t->rows, NULL };
	struct gantry_sink sink = { rowset_sink_row, &into };
	const struct gantry_key_set *const *locks;
	size_t n_locks, n_keys;

	for (unsigned i = 0; i < REPLICA_NUMBERS; i++)
		needs_lock(&t->needs, &(struct gantry_key){
			.size = sizeof(struct gantry_key), .table = COMMIT_LEASES,
			.n = 1, .values = &t->names.values[i] });
	into.keys = needs_keys(&t->needs, &n_keys);
	locks = needs_locks(&t->needs, &n_locks);
	return t->storage->load(t->unit, locks, n_locks, NULL, 0, &sink, &t->now_ms, err);
}

/* Free is what nobody has had, or has no more. */
static bool replica_choose(struct replica_take *t)
{
	t->number = REPLICA_NUMBERS;
	t->namesake = false;
	for (unsigned i = 0; i < REPLICA_NUMBERS; i++) {
		const struct row *row = replica_row(t, i);
		bool taken = row != NULL && row_number(row, LEASES_UNTIL) > t->now_ms;

		t->namesake |= taken && strcmp(row_text(row, LEASES_OWNER), t->owner) == 0;
		if (!taken && t->number == REPLICA_NUMBERS)
			t->number = i;
	}
	return t->number < REPLICA_NUMBERS;
}

static void replica_write(struct replica_take *t)
{
	struct ids_refs refs = { .replica = t->number };
	struct row *row = replica_row(t, t->number);

	rowset_mark(&t->rows);
	if (row == NULL) {
		row = rowset_new(&t->rows, COMMIT_LEASES, ids_ref(&refs, t->now_ms));
		row_set_text(&t->rows, row, LEASES_NAME, t->names.text[t->number]);
		row_set_number(&t->rows, row, LEASES_EPOCH, 0);
	}
	t->epoch = row_is_null(row, LEASES_EPOCH) ? 1 : row_number(row, LEASES_EPOCH) + 1;
	row_set_text(&t->rows, row, LEASES_OWNER, t->owner);
	row_set_number(&t->rows, row, LEASES_EPOCH, t->epoch);
	row_set_number(&t->rows, row, LEASES_UNTIL, t->now_ms + REPLICA_LEASE_MS);
}

static enum gantry_stored replica_store(struct replica_take *t, struct gantry_error *err)
{
	const struct gantry_change *const *changes;
	enum gantry_stored stored;
	size_t n;

	stored = replica_load(t, err);
	if (stored == GANTRY_STORED && !replica_choose(t)) {
		gantry_fail(err, "all %d replica numbers are taken; those of replicas that "
			    "ended without giving theirs back are free within %d s",
			    REPLICA_NUMBERS, REPLICA_LEASE_MS / 1000);
		stored = GANTRY_BROKEN;
	}
	if (stored == GANTRY_STORED) {
		replica_write(t);
		changes = rowset_changes(&t->rows, &t->arena, &n);
		stored = t->storage->store(t->unit, changes, n, err);
	}
	if (stored == GANTRY_STORED)
		return t->storage->commit(t->unit, err);
	t->storage->rollback(t->unit);
	return stored;
}

static enum gantry_stored replica_try(struct replica_take *t, struct gantry_error *err)
{
	enum gantry_stored stored;

	rowset_reset(&t->rows);
	needs_reset(&t->needs);
	arena_reset(&t->arena);
	stored = t->storage->begin(t->storage_self, 0, &t->unit, err);
	return stored == GANTRY_STORED ? replica_store(t, err) : stored;
}

/* Many may start at once, and want the same one. */
static enum gantry_stored replica_try_often(struct replica_take *t,
					    struct gantry_error *err)
{
	enum gantry_stored stored = GANTRY_CONFLICT;

	for (int i = 0; i < REPLICA_TRIES && stored == GANTRY_CONFLICT; i++) {
		uint32_t random;

		ids_random(&random, sizeof(random));
		if (i > 0)
			nanosleep(&(struct timespec){ 0, (long)random % 50000000 }, NULL);
		error_reset(err);
		stored = replica_try(t, err);
	}
	return stored;
}

static void replica_taken(const struct replica_take *t, struct replica *r)
{
	if (t->namesake)
		log_warning("replica: another gateway is named \"%s\", or one was and "
			    "ended less than %d s ago without saying so",
			    t->owner, REPLICA_LEASE_MS / 1000);
	r->leased = true;
	atomic_store(&r->number, t->number);
	atomic_store(&r->epoch, t->epoch);
	atomic_store(&r->until_ms, t->now_ms + REPLICA_LEASE_MS);
}

int replica_take(const struct gantry_storage *storage, void *storage_self,
		 const char *name, struct replica *replica_out,
		 struct gantry_error *err)
{
	struct replica_take t = { .storage = storage, .storage_self = storage_self,
				  .owner = name };
	enum gantry_stored stored;

	replica_name_all(&t.names);
	rowset_init(&t.rows, &commit_schema);
	needs_init(&t.needs, &commit_schema);
	stored = replica_try_often(&t, err);
	if (stored == GANTRY_STORED)
		replica_taken(&t, replica_out);
	needs_fini(&t.needs);
	rowset_fini(&t.rows);
	arena_fini(&t.arena);
	return stored == GANTRY_STORED ? 0 : -1;
}

/* In units. */

bool replica_is_due(const struct unit *u)
{
	const struct replica *r = &u->world->replica;
	int64_t now_ms, ahead_ms = u->lane == 0 ? REPLICA_EARLY_MS : REPLICA_LATE_MS;

	if (!r->leased)
		return false;
	if (u->ends || u->expired)
		return true;
	now_ms = u->ahead_ms + clock_steady_ns() / 1000000;
	return u->now_ms != 0 && now_ms + ahead_ms >= atomic_load(&r->until_ms);
}

static struct lease replica_lease(struct unit *u)
{
	const struct replica *r = &u->world->replica;
	char *name = arena_alloc(&u->arena, REPLICA_NAME);

	replica_name(atomic_load(&r->number), name);
	return (struct lease){ .name = name, .how = LEASE_KEEP,
			       .ms = u->ends ? 0 : REPLICA_LEASE_MS,
			       .since = atomic_load(&r->epoch) };
}

void replica_needs(struct unit *u)
{
	u->renews = replica_is_due(u);
	if (!u->renews)
		return;
	u->number = replica_lease(u);
	lease_needs(u, u->number.name);
}

enum gantry_stored replica_check(struct unit *u, struct gantry_error *err)
{
	const struct replica *r = &u->world->replica;

	if (u->renews) {
		rowset_mark(&u->rows);
		lease_decide(u, &u->number);
		if (u->number.held)
			return GANTRY_STORED;
		u->lost = true;
		error_depends(err, GANTRY_DEPENDS_ON_STORAGE,
			      "another replica took this one's number while it was away");
		return GANTRY_AWAY;
	}
	if (!r->leased || u->now_ms < atomic_load(&r->until_ms))
		return GANTRY_STORED;
	u->expired = true;
	gantry_fail(err, "the replica's number has to be renewed");
	return GANTRY_CONFLICT;
}

void replica_done(struct unit *u)
{
	if (u->renews)
		atomic_store(&u->world->replica.until_ms, u->now_ms + u->number.ms);
	u->expired = false;
}

/* No unit of the first lane is open. */
enum gantry_stored replica_again(struct unit *u, struct gantry_error *err)
{
	struct replica *r = &u->world->replica;
	bool lost = u->lost;

	u->lost = false;
	if (!lost || u->lane > 0 || u->ends)
		return GANTRY_AWAY;
	error_reset(err);
	if (replica_take(u->world->storage, u->world->storage_self,
			 u->world->options.owner, r, err) < 0)
		return GANTRY_AWAY;
	atomic_store(&u->world->refs.replica, atomic_load(&r->number));
	log_warning("replica: its number was taken by another while storage was away: "
		    "it is %u now", atomic_load(&r->number));
	return GANTRY_CONFLICT;
}
