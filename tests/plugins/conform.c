/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conform - the conformance kit itself: a kit that finds nothing proves
 * nothing. Each broken storage must be caught by the check that is meant for
 * it, in its words; and the same storage without the fault must pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/plugins/lanes.h"

/* A lock of a storage here is given up after half of that. */
enum { PATIENCE_MS = 3000 };

struct place {
	char folder[32], path[64], option[80];
	const char *options[3];
};

struct fault {
	enum broken_fault fault;
	const char *check;	/* that is meant for it */
	const char *says;	/* part of what it says */
};

static int place_new(void **state)
{
	struct place *p = memory_new(sizeof(*p));

	strcpy(p->folder, "/tmp/gantry-kit-XXXXXX");
	if (mkdtemp(p->folder) == NULL)
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/kit.db", p->folder);
	snprintf(p->option, sizeof(p->option), "path=%s", p->path);
	p->options[0] = p->option;
	p->options[1] = "synchronous=off";
	*state = p;
	return 0;
}

static void place_empty(const struct place *p)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char path[80];

	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		snprintf(path, sizeof(path), "%s%s", p->path, ends[i]);
		unlink(path);
	}
}

static int place_free(void **state)
{
	struct place *p = *state;

	place_empty(p);
	rmdir(p->folder);
	free(p);
	return 0;
}

struct report {
	FILE *f;
	char *text;
	size_t len;
};

static void report_told(void *context, const struct conform_result *result)
{
	struct report *r = context;

	conform_print(r->f, result);
	if (getenv("CONFORM_TIMES") != NULL)
		fprintf(stderr, "%6lld ms %s\n", (long long)result->ms, result->name);
}

/* The report of the checks whose names begin with only; to be freed. */
static char *report_of(const struct conform_ops *ops, const char *only, int *failures_out)
{
	struct report r = { 0 };
	const struct conform_how how = { .only = only, .patience_ms = PATIENCE_MS,
					 .told = report_told, .context = &r,
					 .disturb = "true", .seed = 1 };

	r.f = open_memstream(&r.text, &r.len);
	*failures_out = conform_run_how(ops, &how);
	fclose(r.f);
	return r.text;
}

static void fault_is_named(const struct conform_ops *ops, const struct fault *fault)
{
	AUTO_FREE char *begin = memory_format("FAILED %s: ", fault->check);
	int failures;
	AUTO_FREE char *report = report_of(ops, fault->check, &failures);
	const char *line = strstr(report, begin);
	const char *says = line != NULL ? strstr(line, fault->says) : NULL;

	if (failures == 0 || says == NULL || says > strchr(line, '\n'))
		fail_msg("fault %d: %s does not say \"%s\" in\n%s", fault->fault,
			 fault->check, fault->says, report);
}

static void nothing_is_found(const struct conform_ops *ops, const char *only)
{
	int failures;
	AUTO_FREE char *report = report_of(ops, only, &failures);

	if (failures > 0)
		fail_msg("%s", strstr(report, "FAILED "));
	if (getenv("CONFORM_TIMES") != NULL)
		fputs(report, stderr);
}

/* Faults of a storage with one lane, over the one in memory. */
static void test_units(void **state)
{
	static const struct fault faults[] = {
		{ BROKEN_ROLLBACK, "unit: rollback", "after rollback: 2 of 2 rows are there "
		  "instead of 0\n" },
		{ BROKEN_OVERWRITE, "unit: conflict of ref", "NEW with a ref that exists: "
		  "STORED instead of CONFLICT\n" },
		{ BROKEN_PAGE, "scan: paging", "pages of 1: a gap or a double\n" },
		{ BROKEN_EARLY, "unit: hidden until commit", "before commit: 2 of 2 rows are "
		  "there instead of 0\n" },
		{ BROKEN_NULL, "unit: nullable unique index", "a new thing: CONFLICT instead "
		  "of STORED: memory: things_live: another row has these values\n" },
		{ BROKEN_MASK, "row: changed by mask", "a column outside of the mask "
		  "changed\n" },
		{ BROKEN_NUMBER, "key: numbers of load", " came as that of key " },
		{ BROKEN_CUT, "row: text", "long text of all sorts: column 3 is not what was "
		  "stored\n" },
		{ BROKEN_LIMIT, "scan: many pages", "pages of 1000 have 100 rows together "
		  "instead of " },
		{ BROKEN_PAGE, "scan: any range", " is another one than it should be\n" },
		{ BROKEN_OVERWRITE, "model", ": STORED, where rows collide\n" },
		{ BROKEN_MASK, "model", ": a row " },
		{ BROKEN_CLOCK, "unit: clock", "now is not the same through a unit\n" },
		{ BROKEN_CLOCK_STANDS, "unit: clock", "30 ms later now is 0 ms later\n" },
		{ BROKEN_GUESS_YES, "unit: commit is believed", "a unit was told STORED, and "
		  "nothing of it is there\n" },
		{ BROKEN_GUESS_NO, "unit: commit is believed", "a unit was told that nothing "
		  "happened (\"broken: the connection was lost\"), and it is there\n" },
	};
	/* there is nothing to take away: what is told must be true all the same */
	static const struct fault disturbed[] = {
		{ BROKEN_GUESS_NO, "disturbed", "a unit was told that nothing happened, and "
		  "it is there\n" },
	};
	struct broken_store store = { .inner.plugin = store_plugin("memory") };
	const struct conform_ops ops = {
		.storage = &broken_storage, .context = &store,
		.open = broken_open, .close = broken_close,
	};

	(void)state;
	nothing_is_found(&ops, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
		store.fault = faults[i].fault;
		fault_is_named(&ops, &faults[i]);
	}
	store.fault = disturbed[0].fault;
	fault_is_named(&ops, &disturbed[0]);
}

/* The store goes away behind the check "row: text". */
static void away_told(void *context, const struct conform_result *result)
{
	struct broken_store *store = context;

	if (strcmp(result->name, "row: text") == 0)
		store->fault = BROKEN_AWAY;
	assert_int_not_equal(result->verdict, CONFORM_FAILED);
	if (result->verdict == CONFORM_AWAY)
		assert_string_equal(result->why, "broken: nobody answers");
}

/* One that is away is not told that it breaks the contract, and left in peace. */
static void test_away(void **state)
{
	struct broken_store store = { .inner.plugin = store_plugin("memory") };
	const struct conform_ops ops = {
		.storage = &broken_storage, .context = &store,
		.open = broken_open, .close = broken_close,
	};
	const struct conform_how how = { .told = away_told, .context = &store, .seed = 1 };

	(void)state;
	assert_int_equal(conform_run_how(&ops, &how), 1);
	assert_int_equal(store.fault, BROKEN_AWAY);
	/* and from the start */
	assert_int_equal(conform_run_how(&ops, &how), 1);
}

/* Faults of what outlives an instance or a process, over a file. */
static void test_kept(void **state)
{
	static const struct fault faults[] = {
		{ BROKEN_OPEN, "open: several at once", "one of three that open at once: "
		  "CONFLICT instead of BROKEN: " },
		{ BROKEN_ABSENT, "row: changed, absent", "a change of a row that is not "
		  "there: STORED instead of CONFLICT\n" },
		{ BROKEN_COLUMN, "reopen: minor", "a change by the older gateway emptied a "
		  "column that it does not know\n" },
		{ BROKEN_MINOR, "reopen: minor", "prepare: BROKEN instead of STORED: broken: "
		  "an older gateway\n" },
		{ BROKEN_MAJOR, "reopen: major", "prepare with another major: STORED instead "
		  "of BROKEN\n" },
		{ BROKEN_NAME, "reopen: another name", "prepare with a schema of another "
		  "name: STORED instead of BROKEN\n" },
		{ BROKEN_LOOK_SERVES, "look: beside one that serves", "prepare to look: "
		  "BROKEN instead of STORED: " },
		{ BROKEN_LOOK_NOW, "look: one snapshot", "one that looks sees a row that was "
		  "committed after it was prepared\n" },
		{ BROKEN_BACKUP_OVER, "backup", "a second backup took the place of the "
		  "first\n" },
		{ BROKEN_BACKUP_EMPTY, "backup", "of the copy: " },
		{ BROKEN_EARLY, "crash: before commit", "a unit is there whose process was "
		  "killed before its commit\n" },
		{ BROKEN_HALVES, "crash: in commit", " there after its process was killed\n" },
		{ BROKEN_LATE, "crash: after commit", "1 units that were told STORED are lost "
		  "after their process was killed\n" },
	};
	struct place *p = *state;
	struct broken_store store = { .inner = { store_plugin("sqlite"), p->options } };
	const struct conform_ops ops = {
		.storage = &broken_storage, .context = &store,
		.open = broken_open, .close = broken_close,
		.open_copy = broken_open_copy, .keeps = true, .checks = true,
	};

	nothing_is_found(&ops, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
		place_empty(p);
		store.fault = faults[i].fault;
		store.minor = 0;
		fault_is_named(&ops, &faults[i]);
	}
}

/* Faults of locks. */
static void test_locks(void **state)
{
	static const struct fault faults[] = {
		{ BROKEN_NO_LOCK, "race: updates", " updates were lost\n" },
		{ BROKEN_NO_LOCK, "race: oversell", "of 60 there are " },
		{ BROKEN_NO_LOCK, "race: transfers", " instead of 6000\n" },
		{ BROKEN_NO_LOCK, "race: leases", "a lease was taken twice at once\n" },
		{ BROKEN_NO_LOCK, "lock: sees what was changed", "the second unit locked a "
		  "row that the first one had locked\n" },
		{ BROKEN_SNAPSHOT, "lock: sees what was changed", "the second unit sees the "
		  "row that it locked as it was before the first one changed it\n" },
		{ BROKEN_SNAPSHOT, "lock: sees what is gone", "the second unit sees a row "
		  "that the first one deleted\n" },
		{ BROKEN_AS_ASKED, "lock: by ref", "rows are not locked by ref: who waits for "
		  "a row has locked one with a higher ref that was asked for before\n" },
		{ BROKEN_PATIENT, "lock: a wait ends", "who waits for a row that stays locked "
		  "still waits after 3000 ms\n" },
		{ BROKEN_TORN, "race: updates", " reads saw half of a commit\n" },
		{ BROKEN_TORN, "race: transfers", "a read saw a sum of " },
		{ BROKEN_NOTHING, "race: new rows", " units were told STORED for one "
		  "name\n" },
		{ BROKEN_NOTHING, "race: live key", "two rows have one live key at once\n" },
	};
	struct lanes_store store;
	const struct conform_ops ops = {
		.storage = &lanes_storage, .context = &store,
		.open = lanes_open, .close = lanes_close,
	};

	(void)state;
	lanes_init(&store, "memory", NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
		store.fault = BROKEN_NOT;
		nothing_is_found(&ops, faults[i].check);
		store.fault = faults[i].fault;
		fault_is_named(&ops, &faults[i]);
	}
	lanes_fini(&store);
}

/* Several lanes and several instances, all of them as they should be. */
static void test_many_units(void **state)
{
	static const struct fault faults[] = {
		{ BROKEN_STALE, "several: seen at once", "a read does not see what the other "
		  "instance has committed\n" },
		{ BROKEN_BESIDE, "several: newer minor beside", "prepare with a newer minor "
		  "beside an older one: BROKEN instead of STORED: lanes: in use by an older "
		  "gateway\n" },
	};
	struct place *p = *state;
	struct lanes_store store;
	const struct conform_ops ops = {
		.storage = &lanes_storage, .context = &store,
		.open = lanes_open, .close = lanes_close,
		.keeps = true, .checks = true,
	};

	lanes_init(&store, "sqlite", p->options);
	nothing_is_found(&ops, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
		store.fault = faults[i].fault;
		fault_is_named(&ops, &faults[i]);
	}
	lanes_fini(&store);
}

/* The manual says what each check proves. */
static void test_the_manual_has_all(void **state)
{
	char *page = memory_new(1 << 16);
	FILE *f = fopen(MANUAL, "r");
	const char *name;

	(void)state;
	assert_non_null(f);
	assert_true(fread(page, 1, (1 << 16) - 1, f) > 0);
	fclose(f);
	for (size_t i = 0; (name = conform_name(i)) != NULL; i++) {
		AUTO_FREE char *bold = memory_format(".B %s\n", name);
		AUTO_FREE char *quoted = memory_format("\"%s\"", name);

		if (strstr(page, bold) == NULL && strstr(page, quoted) == NULL)
			fail_msg("gantry-plugins.1 does not name the check \"%s\"", name);
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_manual_has_all),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_away),
		cmocka_unit_test_setup_teardown(test_kept, place_new, place_free),
		cmocka_unit_test(test_locks),
		cmocka_unit_test_setup_teardown(test_many_units, place_new, place_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
