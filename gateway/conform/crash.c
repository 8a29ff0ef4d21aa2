/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash - checks with children of the kit's own: several open the store at
 * once, and one that works on it is killed at each step of a unit. What was
 * acknowledged is there afterwards, and nothing half.
 *
 * The kit's own instance is closed meanwhile: a child inherits nothing open.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/conform/kit.h"

enum { CHILDREN = 3, PARTS_OF = 4, STEP_MS = 60000, AGAIN_MS = 20000, UNITS = 3 };

enum death { DIES_BEGUN, DIES_LOADED, DIES_STORED, DIES_COMMITTED, DIES_BY_OTHERS };

/* Seen by parent and children. */
struct crash_shared {
	atomic_int ready, go, commits;	/* commits: calls that began */
	atomic_llong acked;		/* the version that was told STORED last */
	atomic_llong commit_ns;		/* how long one took */
	atomic_int opened[CHILDREN];	/* enum gantry_stored + 1 */
	char seen[CHILDREN][600];
};

struct crash {
	struct crash_shared *shared;
	enum death death;
	int64_t holder;
	pid_t pids[CHILDREN];
};

static struct crash_shared *crash_share(void)
{
	struct crash_shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		abort();
	return shared;
}

/* The holder and its things, which are PARTS_OF of the holder's version. */
struct family {
	struct gantry_value ref;
	struct gantry_key keys[2];
	struct kit_rows rows;
};

static void crash_family(struct family *f, int64_t holder)
{
	f->ref = kit_number(holder);
	f->keys[0] = kit_key(HOLDERS, GANTRY_BY_REF, 1, &f->ref);
	f->keys[1] = kit_key(THINGS, THINGS_LIVE, 1, &f->ref);
}

/* The next version of the family, all its things in the place of the old ones. */
static size_t crash_changes(struct kit *k, const struct family *f, struct gantry_change *c,
			    int64_t *version_out)
{
	struct gantry_value *v = arena_zero(&k->arena, KIT_COLUMNS * sizeof(*v));
	size_t n = 1;

	*version_out = 1;
	for (size_t i = 0; i < f->rows.n; i++)
		if (f->rows.rows[i].key == 0)
			*version_out = f->rows.rows[i].values[VERSION].is.number + 1;
	v[REF] = f->ref;
	v[VERSION] = kit_number(*version_out);
	c[0] = kit_change(GANTRY_CHANGED, HOLDERS, v, 1 << VERSION);
	for (size_t i = 0; i < f->rows.n; i++)
		if (f->rows.rows[i].key == 1 && n < 12)
			c[n++] = kit_change(GANTRY_GONE, THINGS, f->rows.rows[i].values, 0);
	for (unsigned i = 0; i < PARTS_OF; i++) {
		v = arena_zero(&k->arena, KIT_COLUMNS * sizeof(*v));
		v[REF] = kit_number(kit_ref(k));
		v[VERSION] = kit_number(*version_out);
		v[HOLDER] = f->ref;
		v[KIND] = kit_text(arena_format(&k->arena, "part-%u", i));
		v[LIVE] = kit_number(1);
		c[n++] = kit_change(GANTRY_NEW, THINGS, v, 0);
	}
	return n;
}

static void crash_die(const struct crash *crash, enum death here, int unit)
{
	if (crash->death == here && unit == UNITS)
		kill(getpid(), SIGKILL);
}

static int crash_unit(struct kit *k, struct crash *crash, int unit)
{
	struct gantry_change c[20];
	struct family f;
	struct kit_load load = { .locks = f.keys, .n_locks = 1, .keys = &f.keys[1],
				 .n_keys = 1, .rows = &f.rows };
	int64_t version, began;
	size_t n;
	void *u;

	crash_family(&f, crash->holder);
	if (kit_want(k, kit_begin(k, &u), GANTRY_STORED, "begin") < 0)
		return -1;
	crash_die(crash, DIES_BEGUN, unit);
	if (kit_want(k, kit_load(k, u, &load), GANTRY_STORED, "load") < 0)
		return -1;
	crash_die(crash, DIES_LOADED, unit);
	n = crash_changes(k, &f, c, &version);
	if (kit_want(k, kit_store(k, u, c, n), GANTRY_STORED, "store") < 0)
		return -1;
	crash_die(crash, DIES_STORED, unit);
	began = clock_steady_ns();
	atomic_fetch_add(&crash->shared->commits, 1);
	if (kit_want(k, kit_commit(k, u), GANTRY_STORED, "commit") < 0)
		return -1;
	atomic_store(&crash->shared->acked, version);
	atomic_store(&crash->shared->commit_ns, clock_steady_ns() - began);
	crash_die(crash, DIES_COMMITTED, unit);
	arena_reset(&k->arena);
	return 0;
}

/* Never returns: works until it is killed, or says why it cannot. */
static void crash_child(struct kit *k, struct crash *crash)
{
	int failed = kit_open(k, k->schema);

	for (int unit = 1; failed == 0; unit++)
		failed = crash_unit(k, crash, unit);
	memcpy(crash->shared->seen[0], k->seen, sizeof(k->seen));
	_exit(1);
}

static void crash_nap(uint64_t ns)
{
	const struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
				    .tv_nsec = (long)(ns % 1000000000) };

	nanosleep(&t, NULL);
}

/* In a commit, at its begin or its end or in between. */
static void crash_kill(struct kit *k, const struct crash *crash)
{
	struct crash_shared *shared = crash->shared;
	int at = UNITS + (int)kit_dice(k, 6);

	if (crash->death != DIES_BY_OTHERS)
		return;
	for (int64_t until = clock_steady_ns() + STEP_MS * INT64_C(1000000);
	     atomic_load(&shared->commits) < at && shared->seen[0][0] == '\0' &&
	     clock_steady_ns() < until;)
		crash_nap(20000);
	crash_nap(kit_dice(k, (uint64_t)atomic_load(&shared->commit_ns) * 5 / 4 + 1));
	kill(crash->pids[0], SIGKILL);
}

/* What a dead process has locked may take a moment to be free. */
static int crash_reopen(struct kit *k, const struct family *f, int64_t *version_out)
{
	int64_t until = clock_steady_ns() + AGAIN_MS * INT64_C(1000000);
	struct kit_rows rows;
	struct kit_load load = { .locks = f->keys, .n_locks = 1, .rows = &rows };
	enum gantry_stored stored;
	void *unit;

	if (kit_open(k, k->schema) < 0)
		return -1;
	do {
		stored = kit_begin(k, &unit);
		if (stored == GANTRY_STORED) {
			stored = kit_load(k, unit, &load);
			k->st->rollback(unit);
		}
	} while ((stored == GANTRY_CONFLICT || stored == GANTRY_AWAY) &&
		 clock_steady_ns() < until);
	if (kit_want(k, stored, GANTRY_STORED, "a load after a process was killed") < 0)
		return -1;
	if (rows.n == 0)
		return kit_fail(k, "after a process was killed an older row is gone");
	*version_out = rows.rows[0].values[VERSION].is.number;
	return 0;
}

static int crash_whole(struct kit *k, const struct family *f, int64_t version)
{
	const struct gantry_table *const tables[] = { k->schema->tables[HOLDERS],
						      k->schema->tables[THINGS] };
	const struct gantry_key *const keys[] = { &f->keys[0], &f->keys[1] };
	struct kit_rows rows = { .kit = k, .by_key = tables };
	const struct gantry_sink sink = kit_sink(&rows);
	size_t things = 0;

	error_reset(&k->err);
	if (kit_want(k, k->st->read(k->self, keys, 2, &sink, &k->err), GANTRY_STORED,
		     "read") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		things += rows.rows[i].key;
		if (rows.rows[i].values[VERSION].is.number != version)
			return kit_fail(k, "half of a unit is there after its process was "
					"killed");
	}
	return things == (version > 1 ? PARTS_OF : 0) ? 0 :
		kit_fail(k, "%zu of %d rows of a unit are there after its process was killed",
			 things, PARTS_OF);
}

static int crash_after(struct kit *k, const struct crash *crash)
{
	int64_t acked = atomic_load(&crash->shared->acked), version = 0;
	int64_t most = acked + (crash->death == DIES_BY_OTHERS);
	struct family f;

	crash_family(&f, crash->holder);
	if (crash_reopen(k, &f, &version) < 0)
		return -1;
	if (version < acked)
		return kit_fail(k, "%" PRId64 " units that were told STORED are lost after "
				"their process was killed", acked - version);
	if (version > most)
		return kit_fail(k, "a unit is there whose process was killed before its "
				"commit");
	return crash_whole(k, &f, version);
}

static int crash_run(struct kit *k, struct crash *crash)
{
	int status = 0;

	crash->shared = crash_share();
	atomic_store(&crash->shared->acked, 1);
	crash->holder = kit_holder(k, kit_id(k, "crash"));
	kit_close(k);
	if (crash->holder < 0)
		return -1;
	fflush(NULL);
	crash->pids[0] = fork();
	if (crash->pids[0] == 0)
		crash_child(k, crash);
	if (crash->pids[0] < 0)
		return kit_fail(k, "no child could be started");
	k->last_ref += INT64_C(1) << 16;	/* the child takes some, too */
	crash_kill(k, crash);
	waitpid(crash->pids[0], &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return crash_after(k, crash);
	return crash->shared->seen[0][0] != '\0' ?
		kit_fail(k, "in a child: %.500s", crash->shared->seen[0]) :
		kit_fail(k, "a child ended with status %#x", (unsigned)status);
}

static int crash_each(struct kit *k, enum death first, enum death last, unsigned times)
{
	int failed = 0;

	for (enum death death = first; death <= last && failed == 0; death++)
		for (unsigned i = 0; i < times && failed == 0; i++) {
			struct crash crash = { .death = death };

			if (k->self == NULL && kit_open(k, k->schema) < 0)
				return -1;
			failed = crash_run(k, &crash);
			munmap(crash.shared, sizeof(*crash.shared));
			arena_reset(&k->arena);
		}
	return failed;
}

static int crash_before(struct kit *k)
{
	return crash_each(k, DIES_BEGUN, DIES_STORED, 1);
}

static int crash_committing(struct kit *k)
{
	return crash_each(k, DIES_BY_OTHERS, DIES_BY_OTHERS, 10 * k->effort);
}

static int crash_committed(struct kit *k)
{
	return crash_each(k, DIES_COMMITTED, DIES_COMMITTED, 2 + k->effort);
}

static void crash_opens(struct kit *k, struct crash_shared *shared, unsigned number)
{
	enum gantry_stored stored = GANTRY_BROKEN;

	atomic_fetch_add(&shared->ready, 1);
	while (atomic_load(&shared->go) == 0)
		;
	error_reset(&k->err);
	if (k->ops->open(k->ops->context, &k->self, &k->err) == 0)
		stored = k->st->prepare(k->self, k->schema, GANTRY_PREPARE_SERVE, &k->err);
	memcpy(shared->seen[number], k->err.message, sizeof(k->err.message));
	atomic_store(&shared->opened[number], (int)stored + 1);
	/* who came later found the first one there */
	for (unsigned i = 0; i < CHILDREN; i++)
		kit_await(&shared->opened[i], 1, STEP_MS);
	if (k->self != NULL)
		k->ops->close(k->ops->context, k->self);
	_exit(0);
}

static int crash_opened(struct kit *k, const struct crash_shared *shared)
{
	unsigned in = 0;

	for (unsigned i = 0; i < CHILDREN; i++) {
		enum gantry_stored stored = (enum gantry_stored)(shared->opened[i] - 1);

		memcpy(k->err.message, shared->seen[i], sizeof(k->err.message));
		in += stored == GANTRY_STORED;
		if (stored != GANTRY_STORED &&
		    kit_want(k, stored, GANTRY_BROKEN, "one of three that open at once") < 0)
			return -1;
	}
	if (in > 0)
		return 0;
	if (kit_open(k, k->schema) < 0)
		return kit_skip(k, "not even one can open it");
	return kit_fail(k, "of three that open at once none gets in: %.400s",
			shared->seen[0]);
}

static int crash_open_at_once(struct kit *k)
{
	struct crash crash = { .shared = crash_share() };
	int result = 0, status;

	kit_close(k);
	fflush(NULL);
	for (unsigned i = 0; i < CHILDREN; i++) {
		crash.pids[i] = fork();
		if (crash.pids[i] == 0)
			crash_opens(k, crash.shared, i);
	}
	kit_await(&crash.shared->ready, CHILDREN, STEP_MS);
	atomic_store(&crash.shared->go, 1);
	for (unsigned i = 0; i < CHILDREN; i++)
		if (waitpid(crash.pids[i], &status, 0) < 0 || status != 0)
			result = kit_fail(k, "one of three that open at once ended with "
					  "status %#x", (unsigned)status);
	if (result == 0)
		result = crash_opened(k, crash.shared);
	munmap(crash.shared, sizeof(*crash.shared));
	return result;
}

const struct kit_check kit_checks_open[] = {
	{ "open: several at once", crash_open_at_once, NEEDS_NOT_EVEN_OPEN },
	{ NULL, NULL, 0 },
};

const struct kit_check kit_checks_crash[] = {
	{ "crash: before commit", crash_before, NEEDS_KEEPS },
	{ "crash: in commit", crash_committing, NEEDS_KEEPS },
	{ "crash: after commit", crash_committed, NEEDS_KEEPS },
	{ NULL, NULL, 0 },
};
