/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite - what the storage in one file does beside the contract: what it
 * refuses to open, a full disk, a kill in the middle of commits.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"
#include "tests/plugins/bench.h"

/* A file with the kit's schema and one holder. */
static void bench_make(struct bench *b)
{
	bench_open(b);
	assert_true(kit_holder(&b->kit, kit_text("first")) > 0);
	kit_close(&b->kit);
}

/* prepare refuses; the message is the path and then this. */
static void bench_refused(struct bench *b, const struct gantry_schema *schema,
			  const char *wanted)
{
	struct gantry_error err = ERROR_INIT;
	enum gantry_stored stored;
	size_t len = strlen(b->path);
	void *self;

	assert_int_equal(store_open(&b->store, &self, &err), 0);
	stored = b->kit.st->prepare(self, schema, GANTRY_PREPARE_SERVE, &err);
	store_close(&b->store, self);
	if (stored == GANTRY_STORED || strncmp(err.message, b->path, len) != 0 ||
	    strcmp(err.message + len, wanted) != 0)
		fail_msg("answer %d, \"%s\", not \"%s%s\"", stored, err.message,
			 b->path, wanted);
	error_fini(&err);
}

static void bench_write(const struct bench *b, off_t at, const void *bytes, size_t len)
{
	int fd = open(b->path, O_WRONLY | O_CREAT, 0644);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

/* But for what needs several units or instances at once, nothing is left out. */
static bool kit_left_out(const char *report)
{
	static const char *const reasons[] = { ": only one unit can be open at a time\n",
					       ": one instance at a time: " };
	const char *line = report;

	while ((line = strstr(line, "\nskipped ")) != NULL) {
		const char *end = strchr(++line, '\n');
		bool known = false;

		for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++) {
			const char *why = strstr(line, reasons[i]);

			known |= why != NULL && why < end;
		}
		if (!known)
			return true;
	}
	return false;
}

static void test_kit(void **state)
{
	struct bench *b = *state;
	char *report;
	size_t len;

	for (int run = 0; run < 2; run++) {	/* the second on a used file */
		FILE *f = open_memstream(&report, &len);
		int failures = conform_run(&b->ops, f);

		fclose(f);
		if (failures != 0 || kit_left_out(report))
			fail_msg("%s", report);
		free(report);
	}
}

static void test_mode(void **state)
{
	struct bench *b = *state;
	struct stat st;
	mode_t old = umask(0);

	bench_make(b);
	umask(old);
	assert_int_equal(stat(b->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_not_a_database(void **state)
{
	static const char text[] = "# A file of quite another kind, with much text, "
		"so that it is longer than the header of an SQLite file would be.\n";
	struct bench *b = *state;

	bench_write(b, 0, text, sizeof(text));
	bench_refused(b, &kit_schema_old, ": not an SQLite database");
}

static void test_damaged(void **state)
{
	static char bytes[4096 * 4];
	struct bench *b = *state;

	memset(bytes, 0xa5, sizeof(bytes));
	bench_make(b);
	bench_write(b, 100, bytes, 300);
	bench_refused(b, &kit_schema_old, ": damaged (database disk image is "
		      "malformed): put a backup in its place");
}

static void test_cut_off(void **state)
{
	struct bench *b = *state;

	bench_make(b);
	assert_int_equal(truncate(b->path, 4096 * 3), 0);
	bench_refused(b, &kit_schema_old, ": damaged (database disk image is "
		      "malformed): put a backup in its place");
}

/* Bytes 68 to 71 of the file are the application_id. */
static void test_other_application(void **state)
{
	struct bench *b = *state;
	struct stat before, after;

	bench_make(b);
	bench_write(b, 68, "\0\0\0\7", 4);
	assert_int_equal(stat(b->path, &before), 0);
	bench_refused(b, &kit_schema_old, ": an SQLite database of another "
		      "application (application_id 7, 10 tables and indexes)");
	bench_write(b, 68, "\0\0\0\0", 4);
	bench_refused(b, &kit_schema_old, ": an SQLite database of another "
		      "application (application_id 0, 10 tables and indexes)");
	assert_int_equal(stat(b->path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

static void test_other_schema(void **state)
{
	struct bench *b = *state;
	struct gantry_schema other = kit_schema_other;

	bench_make(b);
	bench_refused(b, &other, ": holds schema 1.0, this gantry works on 2.x: run "
		      "\"gantry storage migrate\" with every gantry stopped");
	other.major = 0;
	bench_refused(b, &other, ": holds schema 1.0, this gantry works on 0.x: "
		      "install the newer gantry, or put an older backup in its place");
	other.name = "else";
	bench_refused(b, &other, ": holds the schema \"conform\", not \"else\"");
	bench_open(b);		/* none of it did any harm */
}

static void test_no_folder(void **state)
{
	struct bench *b = *state;
	char path[64];

	strcpy(path, b->path);
	snprintf(b->path, sizeof(b->path), "%s/none/db", b->folder);
	snprintf(b->option, sizeof(b->option), "path=%s", b->path);
	bench_refused(b, &kit_schema_old, ".lock: cannot be created, and the folder "
		      "must be writable: No such file or directory");
	strcpy(b->path, path);
}

static void test_folder_for_file(void **state)
{
	struct bench *b = *state;

	assert_int_equal(mkdir(b->path, 0700), 0);
	bench_refused(b, &kit_schema_old, ": must be readable and writable: "
		      "Is a directory");
}

static void test_no_vfs(void **state)
{
	struct bench *b = *state;

	b->options[1] = "vfs=none";
	bench_refused(b, &kit_schema_old, ": no such vfs: none");
}

/* Run in a child that is not root, for which a mode means nothing. */
static void bench_as_nobody(struct bench *b, void (*run)(struct bench *b))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(2);
		run(b);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In a child cmocka's jumps lead nowhere: say it and end. */
static void child_refused(struct bench *b, const char *wanted)
{
	struct gantry_error err = ERROR_INIT;
	void *self;

	if (store_open(&b->store, &self, &err) == 0 &&
	    b->kit.st->prepare(self, &kit_schema_old, GANTRY_PREPARE_SERVE, &err) ==
		    GANTRY_BROKEN &&
	    strncmp(err.message, b->path, strlen(b->path)) == 0 &&
	    strcmp(err.message + strlen(b->path), wanted) == 0)
		return;
	fprintf(stderr, "\"%s\", not \"%s%s\"\n", err.message, b->path, wanted);
	_exit(1);
}

static void child_file(struct bench *b)
{
	child_refused(b, ": must be readable and writable: Permission denied");
}

static void child_folder(struct bench *b)
{
	child_refused(b, ".lock: cannot be created, and the folder must be "
			 "writable: Permission denied");
}

static void test_read_only(void **state)
{
	struct bench *b = *state;
	char lock[80];

	bench_make(b);
	snprintf(lock, sizeof(lock), "%s.lock", b->path);
	unlink(lock);
	chmod(b->path, 0444);
	bench_as_nobody(b, child_file);
	unlink(lock);
	chmod(b->folder, 0555);
	bench_as_nobody(b, child_folder);
}

static void test_second(void **state)
{
	struct bench *b = *state;
	char wanted[200];
	int status;
	pid_t pid;

	bench_open(b);
	snprintf(wanted, sizeof(wanted), ": in use by another gantry (pid %ld): stop "
		 "it first, or give this one a file of its own", (long)getpid());
	bench_refused(b, &kit_schema_old, ": is open in this process already: name another "
		      "file");
	pid = fork();
	if (pid == 0) {
		child_refused(b, wanted);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	kit_close(&b->kit);
	bench_open(b);
}

/* Without its lock file a second one gets in: then SQLite's own lock holds. */
static void test_busy(void **state)
{
	struct bench *b = *state;
	struct gantry_error err = ERROR_INIT;
	char lock[80], wanted[100];
	void *self, *unit, *other;

	b->options[1] = "busy_timeout=50";
	bench_open(b);
	snprintf(lock, sizeof(lock), "%s.lock", b->path);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(store_open(&b->store, &self, &err), 0);
	assert_int_equal(b->kit.st->prepare(self, &kit_schema_old, GANTRY_PREPARE_SERVE, &err),
			 GANTRY_STORED);
	assert_int_equal(b->kit.st->begin(b->kit.self, 0, &unit, &err), GANTRY_STORED);
	assert_int_equal(b->kit.st->begin(self, 0, &other, &err), GANTRY_AWAY);
	snprintf(wanted, sizeof(wanted), "%s: database is locked", b->path);
	assert_string_equal(err.message, wanted);
	b->kit.st->rollback(unit);
	assert_int_equal(b->kit.st->begin(self, 0, &other, &err), GANTRY_STORED);
	b->kit.st->rollback(other);
	store_close(&b->store, self);
	error_fini(&err);
}

static int sink_reads_too(void *context, size_t key, const struct gantry_value *values)
{
	struct bench *b = context;

	(void)key;
	(void)values;
	assert_int_equal(kit_count(&b->kit, HOLDERS, 1), -1);
	return 0;
}

/* The only reader is taken: the wait has an end. */
static void test_no_reader(void **state)
{
	struct bench *b = *state;
	struct gantry_range r = { .size = sizeof(r), .index = GANTRY_BY_REF,
				  .table = HOLDERS, .limit = 1 };
	const struct gantry_sink sink = { sink_reads_too, b };
	char wanted[100];

	b->options[1] = "readers=1";
	b->options[2] = "busy_timeout=30";
	bench_open(b);
	assert_int_equal(bench_big(b, 1), GANTRY_STORED);
	assert_int_equal(b->kit.st->scan(b->kit.self, &r, &sink, NULL), GANTRY_STORED);
	snprintf(wanted, sizeof(wanted), "%s: all 1 readers were busy for 30 ms",
		 b->path);
	assert_string_equal(b->kit.err.message, wanted);
	assert_int_equal(kit_count(&b->kit, HOLDERS, 1), 1);
}

static void test_max_size(void **state)
{
	struct bench *b = *state;
	struct gantry_error err = ERROR_INIT;
	void *self;

	b->options[1] = "max_size=1048575";
	assert_int_equal(store_open(&b->store, &self, &err), -1);
	assert_string_equal(err.message, "max_size: must be 0 or at least 1M");
	error_fini(&err);
}

static void test_full(void **state)
{
	struct bench *b = *state;
	struct gantry_value v[KIT_COLUMNS] = { kit_number(1) };
	const struct gantry_change gone = kit_change(GANTRY_GONE, HOLDERS, v, 0);
	enum gantry_stored stored = GANTRY_STORED;
	char wanted[100];
	int64_t n = 0;

	b->options[1] = "max_size=1048576";
	bench_open(b);
	while (stored == GANTRY_STORED && n < 100)
		stored = bench_big(b, ++n);
	assert_int_equal(stored, GANTRY_FULL);
	assert_in_range(n, 8, 11);
	snprintf(wanted, sizeof(wanted), "%s: database or disk is full", b->path);
	assert_string_equal(b->kit.err.message, wanted);
	assert_int_equal(kit_count(&b->kit, HOLDERS, n), 0);
	assert_int_equal(kit_count(&b->kit, HOLDERS, n - 1), 1);
	assert_int_equal(kit_unit(&b->kit, &gone, 1), GANTRY_STORED);
	v[REF] = kit_number(2);	/* one alone may lack a page for the index */
	assert_int_equal(kit_unit(&b->kit, &gone, 1), GANTRY_STORED);
	assert_int_equal(bench_big(b, n), GANTRY_STORED);
	kit_close(&b->kit);
	bench_open(b);
	for (int64_t i = 1; i <= n; i++)
		assert_int_equal(kit_count(&b->kit, HOLDERS, i), i > 2);
}

/* Commits pairs of rows and says the first ref of each pair, until killed. */
static void child_commits(struct bench *b, int said, int64_t from)
{
	if (kit_open(&b->kit, &kit_schema_old) < 0)
		_exit(1);
	for (int64_t ref = from;; ref += 2) {
		struct gantry_value v[2][KIT_COLUMNS] = { 0 };
		struct gantry_change c[2];
		char names[2][32];

		for (int i = 0; i < 2; i++) {
			snprintf(names[i], sizeof(names[i]), "pair %lld",
				 (long long)ref + i);
			v[i][REF] = kit_number(ref + i);
			v[i][VERSION] = kit_number(1);
			v[i][NAME] = kit_text(names[i]);
			c[i] = kit_change(GANTRY_NEW, HOLDERS, v[i], 0);
		}
		if (kit_unit(&b->kit, c, 2) != GANTRY_STORED ||
		    write(said, &ref, sizeof(ref)) != sizeof(ref))
			_exit(1);
	}
}

/* The last pair that the child acknowledged before it was killed. */
static int64_t bench_kill(struct bench *b, int64_t from, useconds_t after)
{
	int64_t ref, last = from - 2;
	int said[2], status;
	pid_t pid;

	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (pid == 0)
		child_commits(b, said[1], from);
	close(said[1]);
	assert_int_equal(read(said[0], &ref, sizeof(ref)), sizeof(ref));
	usleep(after);
	kill(pid, SIGKILL);
	do
		last = ref;
	while (read(said[0], &ref, sizeof(ref)) == sizeof(ref));
	close(said[0]);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	return last;
}

static void test_kill(void **state)
{
	struct bench *b = *state;
	int64_t next = 1;

	for (int round = 0; round < 10; round++) {
		int64_t last = bench_kill(b, next, 2000 + 3700 * (useconds_t)round);
		int more;

		bench_open(b);
		for (int64_t ref = 1; ref <= last + 1; ref++)
			assert_int_equal(kit_count(&b->kit, HOLDERS, ref), 1);
		/* One commit may have been under way: whole, or not at all. */
		more = kit_count(&b->kit, HOLDERS, last + 2);
		assert_int_equal(kit_count(&b->kit, HOLDERS, last + 3), more);
		assert_int_equal(kit_count(&b->kit, HOLDERS, last + 4), 0);
		kit_close(&b->kit);
		arena_reset(&b->kit.arena);
		next = last + 2 + 2 * more;
	}
}

static void test_backup(void **state)
{
	struct bench *b = *state;
	struct gantry_error err = ERROR_INIT;
	char copy[80], option[100], wanted[200];
	void *unit;

	bench_make(b);
	bench_open(b);
	snprintf(copy, sizeof(copy), "%s.copy", b->path);
	snprintf(wanted, sizeof(wanted),
		 "%s: exists already, and a backup overwrites nothing", copy);
	assert_int_equal(b->kit.st->begin(b->kit.self, 0, &unit, &err), GANTRY_STORED);
	assert_int_equal(b->kit.st->backup(b->kit.self, copy, &err), GANTRY_STORED);
	b->kit.st->rollback(unit);
	assert_int_equal(b->kit.st->backup(b->kit.self, copy, &err), GANTRY_BROKEN);
	assert_string_equal(err.message, wanted);
	kit_close(&b->kit);
	snprintf(option, sizeof(option), "path=%s", copy);
	b->options[0] = option;
	bench_open(b);
	assert_int_equal(kit_count(&b->kit, HOLDERS, b->kit.last_ref), 1);
	kit_close(&b->kit);
	snprintf(copy, sizeof(copy), "%s.copy.lock", b->path);
	unlink(copy);
	error_fini(&err);
}

enum { WIDE = 12 };

static int wide_sum(void *context, size_t key, const struct gantry_value *values)
{
	(void)key;
	for (int i = 1; i < WIDE; i++)
		*(int64_t *)context += values[i].is.number;
	return 0;
}

/* Masks go down, so the last to name column i is the one with bit i alone. */
static int64_t wide_expected(void)
{
	return (1 << (WIDE - 1)) - 1;
}

/* More shapes than statements are kept: the oldest go, nothing else changes. */
static void test_many_shapes(void **state)
{
	struct gantry_column columns[WIDE];
	const struct gantry_column *list[WIDE];
	char names[WIDE][8];
	struct gantry_table table = { .size = sizeof(table), .name = "wide",
				      .columns = list, .n_columns = WIDE };
	const struct gantry_table *tables[] = { &table };
	const struct gantry_schema schema = {
		.size = sizeof(schema), .name = "wide", .major = 1,
		.tables = tables, .n_tables = 1,
	};
	struct gantry_value v[WIDE] = { kit_number(1), kit_number(1) };
	struct gantry_change c = kit_change(GANTRY_NEW, 0, v, 0);
	const struct gantry_key key = kit_key(0, GANTRY_BY_REF, 1, v);
	const struct gantry_key *const keys[] = { &key };
	int64_t sum = 0;
	const struct gantry_sink sink = { wide_sum, &sum };
	struct bench *b = *state;

	for (int i = 0; i < WIDE; i++) {
		snprintf(names[i], sizeof(names[i]), i == 0 ? "ref" : "c%d", i);
		columns[i] = (struct gantry_column){
			.size = sizeof(columns[i]), .name = names[i],
			.kind = GANTRY_INT64,
			.flags = i > 1 ? GANTRY_COLUMN_NULLABLE : 0 };
		list[i] = &columns[i];
	}
	assert_int_equal(kit_open(&b->kit, &schema), 0);
	assert_int_equal(kit_unit(&b->kit, &c, 1), GANTRY_STORED);
	c.kind = GANTRY_CHANGED;
	for (unsigned mask = (1 << (WIDE - 1)) - 1; mask > 0; mask--) {
		for (int i = 1; i < WIDE; i++)
			v[i] = kit_number(mask);
		c.mask = (uint64_t)mask << 1;
		assert_int_equal(kit_unit(&b->kit, &c, 1), GANTRY_STORED);
	}
	assert_int_equal(b->kit.st->read(b->kit.self, keys, 1, &sink, &b->kit.err),
			 GANTRY_STORED);
	assert_int_equal(sum, wide_expected());
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, bench_new, bench_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kit), TEST(mode), TEST(not_a_database), TEST(damaged),
		TEST(cut_off), TEST(other_application), TEST(other_schema),
		TEST(no_folder), TEST(folder_for_file), TEST(no_vfs),
		TEST(read_only), TEST(second), TEST(busy), TEST(no_reader),
		TEST(max_size), TEST(full),
		TEST(kill), TEST(backup), TEST(many_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
