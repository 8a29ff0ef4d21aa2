/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite-sync - is a commit on the disk when it returns, and what becomes of
 * one whose sync fails? This program stands in for the C library's fsync(), so
 * it can count the calls and let them fail.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, sync_new, sync_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_commit), TEST(unsafe), TEST(failed_sync),
		TEST(failed_syncs_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
