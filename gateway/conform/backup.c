/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup - checks of the copy of a store that goes on working meanwhile: it is
 * of one moment, whole, and takes no file's place.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/conform/kit.h"

enum { ROWS = 8, SUM = 1000, TURNS = 400 };

struct backup {
	char folder[64], path[80];
	int64_t refs[ROWS];		/* holders whose numbers have one sum */
	atomic_int done;		/* the backup */
};

/* The copy, and whatever the storage has put beside it. */
static void backup_remove(struct backup *b)
{
	DIR *folder = opendir(b->folder);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
	rmdir(b->folder);
}

static int backup_place(struct kit *k, struct backup *b)
{
	const char *where = getenv("TMPDIR");

	snprintf(b->folder, sizeof(b->folder), "%.40s/gantry-XXXXXX",
		 where != NULL && where[0] == '/' && strlen(where) <= 40 ? where : "/tmp");
	if (mkdtemp(b->folder) == NULL)
		return kit_fail(k, "%s: cannot be created", b->folder);
	snprintf(b->path, sizeof(b->path), "%s/copy", b->folder);
	return 0;
}

static int backup_rows(struct kit *k, struct backup *b)
{
	for (unsigned i = 0; i < ROWS; i++) {
		b->refs[i] = kit_ref(k);
		const struct gantry_value v[KIT_COLUMNS] = {
			kit_number(b->refs[i]), kit_number(1), kit_id(k, "backup"),
			kit_null(), kit_number(i == 0 ? SUM : 0),
		};
		const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);

		if (kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a row") < 0)
			return -1;
	}
	return 0;
}

/* The whole sum goes from row to row until the backup is done. */
static int backup_work(struct kit *k, void *job)
{
	struct backup *b = job;

	for (unsigned i = 0; i < TURNS || atomic_load(&b->done) == 0; i++) {
		const struct gantry_value from[KIT_COLUMNS] = {
			kit_number(b->refs[i % ROWS]), kit_number(i + 2), kit_null(),
			kit_null(), kit_number(0),
		};
		const struct gantry_value to[KIT_COLUMNS] = {
			kit_number(b->refs[(i + 1) % ROWS]), kit_number(i + 2), kit_null(),
			kit_null(), kit_number(SUM),
		};
		const struct gantry_change c[] = {
			kit_change(GANTRY_CHANGED, HOLDERS, from, 1 << VERSION | 1 << NUMBER),
			kit_change(GANTRY_CHANGED, HOLDERS, to, 1 << VERSION | 1 << NUMBER),
		};

		if (kit_want(k, kit_unit(k, c, 2), GANTRY_STORED,
			     "a unit beside a backup") < 0)
			return -1;
		arena_reset(&k->arena);
	}
	return 0;
}

static int backup_take(struct kit *k, void *job)
{
	struct backup *b = job;
	enum gantry_stored stored;

	kit_sleep(2);
	error_reset(&k->err);
	stored = k->st->backup(k->self, b->path, &k->err);
	atomic_store(&b->done, 1);
	return kit_want(k, stored, GANTRY_STORED, "backup");
}

static int backup_again(struct kit *k, const struct backup *b)
{
	struct stat before, after;

	if (stat(b->path, &before) != 0)
		return kit_fail(k, "backup: STORED, but there is no file");
	error_reset(&k->err);
	if (k->st->backup(k->self, b->path, &k->err) == GANTRY_STORED)
		return kit_fail(k, "a second backup took the place of the first");
	if (k->err.message[0] == '\0')
		return kit_fail(k, "a second backup was refused without a message");
	if (stat(b->path, &after) != 0 || before.st_size != after.st_size ||
	    before.st_ino != after.st_ino || before.st_mtim.tv_nsec != after.st_mtim.tv_nsec)
		return kit_fail(k, "a second backup was refused, but the first is changed");
	return 0;
}

static int backup_is(struct kit *copy, const struct backup *b)
{
	int64_t sum = 0;
	struct kit_row row;

	for (unsigned i = 0; i < ROWS; i++) {
		if (kit_row(copy, HOLDERS, b->refs[i], &row) < 0)
			return -1;
		sum += row.values[NUMBER].is.number;
	}
	if (sum != SUM)
		return kit_fail(copy, "the copy has a sum of %" PRId64 " instead of %d: it is "
				"not of one moment", sum, SUM);
	return kit_holder(copy, kit_id(copy, "copy")) < 0 ? -1 : 0;
}

static int backup_opened(struct kit *k, const struct backup *b)
{
	struct kit copy = { .ops = k->ops, .st = k->st, .schema = k->schema,
			    .last_ref = k->last_ref };
	int failed;

	arena_init(&copy.arena);
	error_init(&copy.err);
	failed = k->ops->open_copy(k->ops->context, b->path, &copy.self, &copy.err);
	if (failed < 0)
		kit_fail(&copy, "open: %s", copy.err.message);
	else
		failed = kit_want(&copy, k->st->prepare(copy.self, copy.schema,
							GANTRY_PREPARE_SERVE, &copy.err),
				  GANTRY_STORED, "prepare");
	if (failed == 0)
		failed = backup_is(&copy, b);
	kit_close(&copy);
	if (failed < 0)
		kit_fail(k, "of the copy: %.500s", copy.seen);
	arena_fini(&copy.arena);
	error_fini(&copy.err);
	return failed;
}

/* As the command line makes it, beside the daemon. */
static int backup_looking(struct kit *k, struct backup *b)
{
	enum gantry_stored stored = GANTRY_BROKEN;
	void *self;

	snprintf(b->path, sizeof(b->path), "%s/other", b->folder);
	error_reset(&k->err);
	if (k->ops->open(k->ops->context, &self, &k->err) < 0)
		return kit_fail(k, "open to look: %s", k->err.message);
	stored = k->st->prepare(self, k->schema, GANTRY_PREPARE_LOOK, &k->err);
	if (stored == GANTRY_STORED)
		stored = k->st->backup(self, b->path, &k->err);
	k->ops->close(k->ops->context, self);
	return kit_want(k, stored, GANTRY_STORED, "a backup by one that looks");
}

static int backup_all(struct kit *k, struct backup *b)
{
	const struct kit_crowd crowd = { .run = backup_work, .watch = backup_take,
					 .job = b, .n = 1 };

	if (backup_rows(k, b) < 0 || kit_crowd(k, &crowd) < 0 || backup_again(k, b) < 0)
		return -1;
	if (k->ops->open_copy == NULL)
		return kit_skip(k, "it is made, and nothing overwritten, but nobody knows how "
				"to open it");
	if (backup_opened(k, b) < 0 || backup_looking(k, b) < 0)
		return -1;
	return backup_opened(k, b);
}

static int backup(struct kit *k)
{
	struct backup b = { .done = 0 };
	int result;

	if (k->st->backup == NULL)
		return kit_skip(k, "the storage leaves it to tools of its own");
	if (backup_place(k, &b) < 0)
		return -1;
	result = backup_all(k, &b);
	backup_remove(&b);
	return result;
}

const struct kit_check kit_checks_backup[] = {
	{ "backup", backup, NEEDS_KEEPS },
	{ NULL, NULL, 0 },
};
