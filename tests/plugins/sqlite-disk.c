/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite-disk - a disk that fails while the storage runs: is a commit on it
 * when it returns, what becomes of one that could not be written, and does the
 * storage go on by itself? This program stands in for the C library's fsync(),
 * so it can count the calls and let them fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/plugins/bench.h"

static atomic_int syncs;	/* so many calls came */
static atomic_int good;		/* so many calls more work */

int fsync(int fd)
{
	syncs++;
	if (good-- > 0)
		return (int)syscall(SYS_fsync, fd);
	errno = EIO;
	return -1;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

static int sync_new(void **state)
{
	good = INT32_MAX;
	return bench_new(state);
}

static int sync_free(void **state)
{
	good = INT32_MAX;
	return bench_free(state);
}

/* How often 20 commits wait for the disk. */
static int sync_count(struct bench *b, const char *option)
{
	int before;

	b->options[1] = option;
	bench_open(b);
	assert_true(kit_holder(&b->kit, kit_id(&b->kit, "before")) > 0);
	before = syncs;
	for (int i = 0; i < 20; i++)
		assert_true(kit_holder(&b->kit, kit_id(&b->kit, "sync")) > 0);
	before = syncs - before;
	kit_close(&b->kit);
	return before;
}

static void test_each_commit(void **state)
{
	assert_in_range(sync_count(*state, NULL), 20, 40);
}

/* What the test above would see of a store that does not wait. */
static void test_unsafe(void **state)
{
	assert_int_equal(sync_count(*state, "synchronous=normal"), 0);
	assert_int_equal(sync_count(*state, "synchronous=off"), 0);
}

/* The daemon dies after a commit whose sync failed: exit without closing. */
static void child_dies(struct bench *b, int work, int times)
{
	char wanted[100];

	if (kit_open(&b->kit, &kit_schema_old) < 0 ||
	    bench_big(b, 1) != GANTRY_STORED)
		_exit(1);
	good = work;
	for (int i = 0; i < times; i++)
		if (bench_big(b, 2 + i) != GANTRY_AWAY)
			_exit(2);
	snprintf(wanted, sizeof(wanted), "%s: disk I/O error", b->path);
	if (strcmp(b->kit.err.message, wanted) != 0)
		_exit(3);
	if (times == 3) {		/* the disk is back */
		good = INT32_MAX;
		if (bench_big(b, 9) != GANTRY_STORED)
			_exit(4);
	}
	_exit(0);
}

/*
 * The failed commit stands whole in the log, unless something was written
 * over it: a new start must not bring it to life.
 */
static void sync_dies(struct bench *b, int times)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child_dies(b, 0, times);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	bench_open(b);
	assert_int_equal(kit_count(&b->kit, HOLDERS, 1), 1);
	for (int i = 0; i < times; i++)
		assert_int_equal(kit_count(&b->kit, HOLDERS, 2 + i), 0);
	assert_int_equal(kit_count(&b->kit, HOLDERS, 9), times == 3);
}

static void test_failed_sync(void **state)
{
	sync_dies(*state, 1);
}

static void test_failed_syncs_and_back(void **state)
{
	sync_dies(*state, 3);
}

static void disk_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* No write gets through for a while: held, and then it goes on by itself. */
static void test_no_write(void **state)
{
	struct bench *b = *state;
	enum gantry_stored stored = GANTRY_STORED;
	char wanted[100];
	int64_t n = 0, last;

	signal(SIGXFSZ, SIG_IGN);
	bench_open(b);
	disk_limit(1000000);
	while (stored == GANTRY_STORED && n < 100)
		stored = bench_big(b, ++n);
	last = n;
	for (int i = 0; i < 5 && stored == GANTRY_AWAY; i++)
		stored = bench_big(b, ++n);
	disk_limit(RLIM_INFINITY);
	assert_int_equal(stored, GANTRY_AWAY);
	snprintf(wanted, sizeof(wanted), "%s: disk I/O error", b->path);
	assert_string_equal(b->kit.err.message, wanted);
	assert_int_equal(kit_count(&b->kit, HOLDERS, last - 1), 1);
	assert_int_equal(bench_big(b, ++n), GANTRY_STORED);
	kit_close(&b->kit);
	bench_open(b);
	for (int64_t i = 1; i <= n; i++)
		assert_int_equal(kit_count(&b->kit, HOLDERS, i), i < last || i == n);
}

/* After an error the file is opened again: only if it still is the same. */
static void test_moved(void **state)
{
	struct bench *b = *state;
	char away[80], wanted[150];
	int fd;

	snprintf(away, sizeof(away), "%s.copy", b->path);
	bench_open(b);
	good = 0;
	assert_int_equal(bench_big(b, 1), GANTRY_AWAY);
	good = INT32_MAX;
	assert_int_equal(rename(b->path, away), 0);
	assert_int_equal(bench_big(b, 2), GANTRY_AWAY);
	snprintf(wanted, sizeof(wanted), "%s: No such file or directory", b->path);
	assert_string_equal(b->kit.err.message, wanted);
	fd = open(b->path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(bench_big(b, 3), GANTRY_AWAY);
	snprintf(wanted, sizeof(wanted), "%s: another file stands in its place now: "
		 "restart with the right one", b->path);
	assert_string_equal(b->kit.err.message, wanted);
	assert_int_equal(rename(away, b->path), 0);
	assert_int_equal(bench_big(b, 4), GANTRY_STORED);
	for (int64_t i = 1; i <= 4; i++)
		assert_int_equal(kit_count(&b->kit, HOLDERS, i), i == 4);
}

/* Without any error, too: nothing is stored where no start would find it. */
static void test_moved_in_use(void **state)
{
	static const char *const ends[] = { "", "-wal" };
	struct bench *b = *state;
	char path[80], away[80], wanted[150];

	bench_open(b);
	for (int64_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s", b->path, ends[i]);
		snprintf(away, sizeof(away), "%s.copy", b->path);
		assert_int_equal(bench_big(b, 10 * i + 1), GANTRY_STORED);
		assert_int_equal(rename(path, away), 0);
		assert_int_equal(bench_big(b, 10 * i + 2), GANTRY_AWAY);
		snprintf(wanted, sizeof(wanted), "%s: No such file or directory", path);
		assert_string_equal(b->kit.err.message, wanted);
		assert_int_equal(rename(away, path), 0);
		assert_int_equal(bench_big(b, 10 * i + 3), GANTRY_STORED);
		assert_int_equal(kit_count(&b->kit, HOLDERS, 10 * i + 2), 0);
	}
}

/* A unit that changes nothing. */
static enum gantry_stored disk_probe(struct bench *b)
{
	const struct gantry_storage *st = b->kit.st;
	enum gantry_stored stored;
	void *unit;

	stored = st->begin(b->kit.self, 0, &unit, &b->kit.err);
	if (stored != GANTRY_STORED)
		return stored;
	assert_int_equal(st->store(unit, NULL, 0, &b->kit.err), GANTRY_STORED);
	return st->commit(unit, &b->kit.err);
}

/* One that changes a row in its place, as the renewal of a lease does. */
static enum gantry_stored disk_renew(struct bench *b)
{
	const struct gantry_value values[KIT_COLUMNS] = { kit_number(1), kit_number(2) };
	const struct gantry_change change =
		kit_change(GANTRY_CHANGED, HOLDERS, values, 1 << VERSION);

	return kit_unit(&b->kit, &change, 1);
}

/* Whoever waits for room must not hear of it before it is there. */
static void test_probe(void **state)
{
	struct bench *b = *state;
	int64_t n = 0;

	signal(SIGXFSZ, SIG_IGN);
	bench_open(b);
	disk_limit(100000);
	assert_int_equal(disk_probe(b), GANTRY_STORED);
	while (bench_big(b, ++n) == GANTRY_STORED)
		assert_true(n < 100);
	disk_limit(4096);
	for (int i = 0; i < 3; i++)
		assert_int_equal(disk_probe(b), GANTRY_AWAY);
	disk_limit(RLIM_INFINITY);
	assert_int_equal(disk_probe(b), GANTRY_STORED);
	assert_int_equal(bench_big(b, ++n), GANTRY_STORED);
}

static void test_probe_of_a_full_file(void **state)
{
	struct bench *b = *state;
	int64_t n = 0;

	b->options[1] = "max_size=1048576";
	bench_open(b);
	while (bench_big(b, ++n) == GANTRY_STORED)
		assert_true(n < 100);
	for (int i = 0; i < 3; i++)
		assert_int_equal(disk_probe(b), GANTRY_FULL);
	assert_int_equal(disk_renew(b), GANTRY_FULL);
	assert_int_equal(disk_probe(b), GANTRY_FULL);
	kit_close(&b->kit);
	b->options[1] = "max_size=2097152";
	bench_open(b);
	assert_int_equal(disk_probe(b), GANTRY_STORED);
	assert_int_equal(disk_renew(b), GANTRY_STORED);
}

/* Pages of rows go bad under a running storage: that does not mend itself. */
static void test_rotten(void **state)
{
	static char bytes[4096 * 100];
	struct bench *b = *state;
	const struct gantry_value ref = kit_number(5);
	const struct gantry_key key = kit_key(HOLDERS, GANTRY_BY_REF, 1, &ref);
	const struct gantry_key *const keys[] = { &key };
	struct kit_rows rows = { .kit = &b->kit, .table = kit_schema_old.tables[0] };
	const struct gantry_sink sink = kit_sink(&rows);
	char wanted[100];
	int fd;

	bench_open(b);
	for (int64_t i = 1; i <= 40; i++)
		assert_int_equal(bench_big(b, i), GANTRY_STORED);
	kit_close(&b->kit);
	memset(bytes, 0xa5, sizeof(bytes));
	fd = open(b->path, O_WRONLY);
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 4096 * 12), sizeof(bytes));
	close(fd);
	bench_open(b);
	assert_int_equal(b->kit.st->read(b->kit.self, keys, 1, &sink, &b->kit.err),
			 GANTRY_BROKEN);
	snprintf(wanted, sizeof(wanted), "%s: database disk image is malformed",
		 b->path);
	assert_string_equal(b->kit.err.message, wanted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, sync_new, sync_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_commit), TEST(unsafe), TEST(failed_sync),
		TEST(failed_syncs_and_back), TEST(no_write), TEST(moved),
		TEST(moved_in_use), TEST(probe), TEST(probe_of_a_full_file),
		TEST(rotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
