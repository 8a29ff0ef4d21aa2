/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - everything from one storage into another: all of it, once, whatever
 * fails or dies on the way; and digests that see the least difference.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/commit/at_work.h"
#include "gateway/rows/set.h"
#include "tests/unit/copy_side.h"

struct files {
	char folder[32], a[48], b[48];
};

static int files_new(void **state)
{
	struct files *f = memory_new(sizeof(*f));

	strcpy(f->folder, "/tmp/gantry-copy-XXXXXX");
	if (mkdtemp(f->folder) == NULL)
		return -1;
	snprintf(f->a, sizeof(f->a), "%s/a.db", f->folder);
	snprintf(f->b, sizeof(f->b), "%s/b.db", f->folder);
	*state = f;
	return 0;
}

static void files_remove(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char name[64];

	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

static int files_free(void **state)
{
	struct files *f = *state;

	files_remove(f->a);
	files_remove(f->b);
	rmdir(f->folder);
	free(f);
	return 0;
}

struct steps {
	unsigned n;
	uint64_t rows;
	char table[32];
};

static void step(void *ctx, const char *table, uint64_t rows)
{
	struct steps *s = ctx;

	s->n++;
	s->rows = rows;
	snprintf(s->table, sizeof(s->table), "%s", table);
}

static void digests(struct side *s, struct copy_digest *out)
{
	struct gantry_error err = ERROR_INIT;
	struct steps steps = { 0 };
	const struct copy_watch watch = { step, &steps };

	if (copy_digests(&s->q, &watch, out, &err) < 0)
		fail_msg("%s", err.message);
	error_fini(&err);
}

static void assert_same(struct side *a, struct side *b)
{
	struct copy_digest of_a[COMMIT_TABLES], of_b[COMMIT_TABLES];

	digests(a, of_a);
	digests(b, of_b);
	for (unsigned i = 0; i < COMMIT_TABLES; i++) {
		if (of_a[i].rows != of_b[i].rows ||
		    strcmp(of_a[i].sha256, of_b[i].sha256) != 0)
			fail_msg("%s: %d rows, %d copied", commit_schema.tables[i]->name,
				 (int)of_a[i].rows, (int)of_b[i].rows);
	}
}

/* Begin or go on; the message of an error, "" without. */
static const char *run(struct side *from, struct side *to, bool *resumed_out)
{
	static char message[512];
	struct gantry_error err = ERROR_INIT;
	struct steps steps = { 0 };
	const struct copy_watch watch = { step, &steps };

	message[0] = '\0';
	if (copy_begin(&to->q, resumed_out, &err) < 0 ||
	    copy_rows(&from->q, &to->q, &watch, &err) < 0)
		snprintf(message, sizeof(message), "%s", err.message);
	error_fini(&err);
	return message;
}

static const char *refused(struct side *s)
{
	static char message[512];
	struct gantry_error err = ERROR_INIT;

	message[0] = '\0';
	if (copy_refuse_half(&s->q, &err) < 0)
		snprintf(message, sizeof(message), "%s", err.message);
	error_fini(&err);
	return message;
}

static void end(struct side *to)
{
	struct gantry_error err = ERROR_INIT;

	if (copy_end(&to->q, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(copy_is_half(&to->q, &err), 0);
	error_fini(&err);
}

#define HALF "a copy into it has begun and not ended: run \"gantry storage copy\" " \
	     "again, which goes on where it stopped, or take another storage"

/* There and back again, on two storages that have nothing in common. */
static void test_all_rows(void **state)
{
	struct files *f = *state;
	struct side a, b, c;
	bool resumed;

	side_open(&a, "memory", NULL);
	side_open(&b, "sqlite", f->b);
	side_open(&c, "memory", NULL);
	side_fill(&a, 1000, 3000);
	assert_string_equal(refused(&b), "");
	assert_string_equal(run(&a, &b, &resumed), "");
	assert_false(resumed);
	assert_string_equal(refused(&b), HALF);
	assert_same(&a, &b);		/* the mark is none of the rows */
	end(&b);
	assert_same(&a, &b);
	assert_string_equal(refused(&b), "");
	assert_string_equal(run(&b, &c, &resumed), "");
	end(&c);
	assert_same(&a, &c);
	/* the rows, the mark once; never more in a unit than there is room for */
	assert_int_equal(b.rows, 3000 * COMMIT_TABLES + 1);
	assert_true(b.most_rows <= 1025);
	side_close(&a);
	side_close(&b);
	side_close(&c);
}

static void test_nothing(void **state)
{
	struct side a, b;
	struct copy_digest of_b[COMMIT_TABLES];
	bool resumed;

	(void)state;
	side_open(&a, "memory", NULL);
	side_open(&b, "memory", NULL);
	assert_string_equal(run(&a, &b, &resumed), "");
	end(&b);
	digests(&b, of_b);
	/* SHA-256 of nothing (FIPS 180-4) */
	for (unsigned i = 0; i < COMMIT_TABLES; i++)
		assert_string_equal(of_b[i].sha256, "e3b0c44298fc1c149afbf4c8996fb924"
				    "27ae41e4649b934ca495991b7852b855");
	side_close(&a);
	side_close(&b);
}

/* 60 rows of 300 KB: a unit has a few of them, and all arrive. */
static void test_long_rows(void **state)
{
	static char body[300000];
	struct files *f = *state;
	struct gantry_value v[OUTBOX_COLUMNS];
	struct side a, b;
	bool resumed;

	side_open(&a, "sqlite", f->a);
	side_open(&b, "sqlite", f->b);
	memset(body, 'x', sizeof(body) - 1);
	for (unsigned i = 0; i < OUTBOX_COLUMNS; i++)
		v[i] = value_text("t");
	v[OUTBOX_VERSION] = v[OUTBOX_AFTER] = v[OUTBOX_CREATED_AT] = value_number(1);
	v[OUTBOX_BODY] = value_text(body);
	for (int64_t ref = 1; ref <= 60; ref++) {
		v[OUTBOX_REF] = value_number(ref);
		side_change(&a, &(struct gantry_change){
			.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
			.table = COMMIT_OUTBOX, .values = v });
	}
	assert_string_equal(run(&a, &b, &resumed), "");
	end(&b);
	assert_same(&a, &b);
	assert_int_equal(b.rows, 61);
	assert_true(b.most_bytes > 1 << 20 && b.most_bytes < (1 << 20) + 310000);
	side_close(&a);
	side_close(&b);
}

/* Each of these differs from what it was in one table alone. */
static void test_digests_see(void **state)
{
	static const struct {
		unsigned table, column;
		struct gantry_value value;
	} less[] = {
		{ STOCK_ITEMS, ITEMS_SKU, { GANTRY_STRING, 4, { .text = "sku " } } },
		{ STOCK_STOCK, STOCK_AVAILABLE, { GANTRY_INT64, 0, { .number = 0 } } },
		{ STOCK_ALLOCATIONS, ALLOCATIONS_REASON, { GANTRY_NULL, 0, { 0 } } },
		{ COMMIT_OUTBOX, OUTBOX_CAUSE, { GANTRY_STRING, 0, { .text = "" } } },
		{ COMMIT_RECORDS, RECORDS_LAST_EVENT, { GANTRY_INT64, 0, { .number = -1 } } },
	};
	struct copy_digest was[COMMIT_TABLES], is[COMMIT_TABLES];
	struct side a;

	(void)state;
	side_open(&a, "memory", NULL);
	side_fill(&a, 1, 100);
	digests(&a, was);
	for (size_t i = 0; i < ARRAY_LENGTH(less); i++) {
		struct gantry_value v[ROWSET_MAX_COLUMNS] = { value_number(50) };

		v[less[i].column] = less[i].value;
		side_change(&a, &(struct gantry_change){
			.size = sizeof(struct gantry_change), .kind = GANTRY_CHANGED,
			.table = less[i].table, .mask = UINT64_C(1) << less[i].column,
			.values = v });
		digests(&a, is);
		for (unsigned t = 0; t < COMMIT_TABLES; t++) {
			assert_int_equal(is[t].rows, was[t].rows);
			assert_int_equal(strcmp(is[t].sha256, was[t].sha256) != 0,
					 t == less[i].table);
		}
		memcpy(was, is, sizeof(was));
	}
	side_change(&a, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_GONE,
		.table = COMMIT_AUDIT, .values = &(struct gantry_value){
			GANTRY_INT64, 0, { .number = 7 } } });
	digests(&a, is);
	assert_int_equal(is[COMMIT_AUDIT].rows, 99);
	assert_string_not_equal(is[COMMIT_AUDIT].sha256, was[COMMIT_AUDIT].sha256);
	side_close(&a);
}

static void test_target_not_empty(void **state)
{
	struct side a, b;
	bool resumed;

	(void)state;
	side_open(&a, "memory", NULL);
	side_open(&b, "memory", NULL);
	side_fill(&a, 1, 10);
	side_fill(&b, 1, 2500);
	assert_string_equal(run(&a, &b, &resumed),
			    "holds rows already (items 2500, orders 2500, stock 2500, "
			    "allocations 2500, returns 2500, outbox 2500, inbox 2500, "
			    "idempotency 2500, records 2500, leases 2500, dead_letters 2500, "
			    "audit 2500), and a copy goes into an empty storage only");
	assert_string_equal(refused(&b), "");
	side_close(&a);
	side_close(&b);
}

/* Away at every unit once: each row arrives once all the same. */
static void test_goes_on(void **state)
{
	struct files *f = *state;
	struct side a, b;
	bool resumed;
	unsigned runs = 0;

	side_open(&a, "memory", NULL);
	side_open(&b, "sqlite", f->b);
	side_fill(&a, 1, 2000);
	for (;;) {
		const char *message;

		b.commits_left = 3;
		message = run(&a, &b, &resumed);
		assert_int_equal(resumed, runs > 0);
		runs++;
		if (message[0] == '\0')
			break;
		assert_non_null(strstr(message, ": told to fail"));
		assert_int_equal(strncmp(message, "to: ", 4), 0);
		assert_string_equal(refused(&b), HALF);
	}
	b.commits_left = 0;
	assert_true(runs > 15);
	end(&b);
	assert_same(&a, &b);
	side_close(&a);
	side_close(&b);
}

static void test_conflicts(void **state)
{
	struct side a, b;
	bool resumed;

	(void)state;
	side_open(&a, "memory", NULL);
	side_open(&b, "memory", NULL);
	side_fill(&a, 1, 10);
	b.conflicts = 4;		/* they pass */
	assert_string_equal(run(&a, &b, &resumed), "");
	end(&b);
	assert_same(&a, &b);
	side_close(&b);
	side_open(&b, "memory", NULL);
	b.conflicts = 5;
	assert_string_equal(run(&a, &b, &resumed), "told to fail");
	assert_string_equal(run(&a, &b, &resumed), "");
	end(&b);
	side_close(&a);
	side_close(&b);
}

/* Begun from one source, and gone on with from another. */
static void test_another_source(void **state)
{
	struct side a, b, c;
	bool resumed;

	(void)state;
	side_open(&a, "memory", NULL);
	side_open(&b, "memory", NULL);
	side_open(&c, "memory", NULL);
	side_fill(&a, 1, 1000);
	side_fill(&c, 1, 10);
	side_change(&c, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
		.table = STOCK_ITEMS, .values = (const struct gantry_value[]){
			value_number(5000), value_number(1),
			value_text("id 70 \xc3\xa4\xe2\x82\xac\n\""), value_text("s"),
			value_text("p"), value_text("w"), value_number(1) } });
	b.commits_left = 4;
	assert_string_equal(run(&a, &b, &resumed), "to: items: told to fail");
	b.commits_left = 0;
	assert_string_equal(run(&c, &b, &resumed),
			    "to: items: memory: items_id: another row has these values");
	assert_string_equal(refused(&b), HALF);
	side_close(&a);
	side_close(&b);
	side_close(&c);
}

/* A second copy into the same target, while the first thinks that it is alone. */
struct intruder {
	struct side *from, *to;
	bool done;
	char message[512];
};

static void intrude(void *ctx, const char *table, uint64_t rows)
{
	struct intruder *i = ctx;
	bool resumed;

	(void)table;
	(void)rows;
	if (i->done)
		return;
	i->done = true;
	snprintf(i->message, sizeof(i->message), "%s", run(i->from, i->to, &resumed));
	assert_true(resumed);
}

static void test_two_at_once(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct side a, b;
	struct intruder intruder = { .from = &a, .to = &b };
	const struct copy_watch watch = { intrude, &intruder };
	bool resumed;

	(void)state;
	side_open(&a, "memory", NULL);
	side_open(&b, "memory", NULL);
	side_fill(&a, 1, 100);
	assert_int_equal(copy_begin(&b.q, &resumed, &err), 0);
	assert_int_equal(copy_rows(&a.q, &b.q, &watch, &err), -1);
	assert_string_equal(err.message, "to: items: another copy into it goes on at the "
			    "same time");
	assert_string_equal(intruder.message, "");
	end(&b);
	assert_same(&a, &b);
	error_fini(&err);
	side_close(&a);
	side_close(&b);
}

static void lease(struct side *s, int64_t ref, const char *name, int64_t until_ms)
{
	struct gantry_value v[LEASES_COLUMNS] = { value_number(ref), value_number(ref) };

	v[LEASES_NAME] = value_text(name);
	v[LEASES_OWNER] = value_text("shop-2");
	v[LEASES_UNTIL] = value_number(until_ms);
	v[LEASES_EPOCH] = value_number(1);
	side_change(s, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
		.table = COMMIT_LEASES, .values = v });
}

/* Leases run by the storage's clock, whatever ours says. */
static void test_at_work(void **state)
{
	struct copy_digest was[COMMIT_TABLES], is[COMMIT_TABLES];
	struct gantry_error err = ERROR_INIT;
	struct at_work seen;
	struct side a;

	(void)state;
	side_open(&a, "memory", NULL);
	lease(&a, 1, "publisher:shop-1", clock_now_ms() + 60000);
	assert_int_equal(at_work_look(&a.q, &seen, &err), 0);
	assert_false(seen.run);
	lease(&a, 2, "replica:1", clock_now_ms() - 5000);
	lease(&a, 3, "replica:2", clock_now_ms() - 8000);
	digests(&a, was);
	assert_int_equal(at_work_look(&a.q, &seen, &err), 0);
	assert_false(seen.run);
	assert_int_equal(seen.versions, 2 + 3);
	a.ahead_ms = -15000;
	assert_int_equal(at_work_look(&a.q, &seen, &err), 0);
	assert_true(seen.run);
	assert_string_equal(seen.owner, "shop-2");
	/* asking leaves nothing behind */
	digests(&a, is);
	for (unsigned t = 0; t < COMMIT_TABLES; t++)
		assert_string_equal(is[t].sha256, was[t].sha256);
	lease(&a, 4, "replica:3", clock_now_ms() + 10000);
	a.ahead_ms = 15000;
	assert_int_equal(at_work_look(&a.q, &seen, &err), 0);
	assert_false(seen.run);
	error_fini(&err);
	side_close(&a);
}

/* The mark of a version that has a table which is not known here. */
static void test_another_version(void **state)
{
	const struct gantry_value v[LEASES_COLUMNS] = {
		value_number(-1), value_number(3), value_text(COPY_LEASE),
		value_text("parcels"), value_number(5), value_number(9),
	};
	struct side a, b;
	bool resumed;

	(void)state;
	side_open(&a, "memory", NULL);
	side_open(&b, "memory", NULL);
	side_change(&b, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
		.table = COMMIT_LEASES, .values = v });
	assert_string_equal(refused(&b), HALF);
	assert_string_equal(run(&a, &b, &resumed), "to: another version of Gantry began the "
			    "copy into it: go on with that one, or take an empty storage");
	side_close(&a);
	side_close(&b);
}

static void child(const struct files *f)
{
	struct side a, b;
	bool resumed;

	side_open(&a, "sqlite", f->a);
	side_open(&b, "sqlite", f->b);
	_exit(run(&a, &b, &resumed)[0] == '\0' ? 0 : 3);
}

/* kill -9 at any moment, again and again, until one of them has come through. */
static void test_kills(void **state)
{
	struct files *f = *state;
	unsigned kills = 0, mean_us = 5000;
	struct side a, b;
	int status = -1;

	side_open(&a, "sqlite", f->a);
	side_fill(&a, 1, 5000);
	side_close(&a);
	while (status != 0) {
		pid_t pid = fork();

		if (pid == 0)
			child(f);
		/* too soon for any machine at first, late enough for any at last */
		usleep((unsigned)rand() % (2 * mean_us));
		mean_us += mean_us / 4;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(status == 0 ||
			    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
		assert_true(++kills < 50);
	}
	assert_true(kills > 3);
	side_open(&a, "sqlite", f->a);
	side_open(&b, "sqlite", f->b);
	assert_string_equal(refused(&b), HALF);
	end(&b);
	assert_same(&a, &b);
	side_close(&a);
	side_close(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, files_new, files_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_rows), TEST(nothing), TEST(long_rows), TEST(digests_see),
		TEST(target_not_empty), TEST(at_work), TEST(goes_on), TEST(conflicts),
		TEST(another_source), TEST(two_at_once), TEST(another_version), TEST(kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
