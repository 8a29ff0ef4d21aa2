/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite - a storage in one file: the descriptor and the readers' side.
 *
 * One writer, a few readers that never wait for it (WAL). Only this folder
 * includes sqlite3.h.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugins/sqlite/sqlite.h"

static int sqlite_check(const void *self, struct gantry_error *err)
{
	const struct sqlite *s = self;

	if (s->max_size != 0 && s->max_size < 1 << 20)
		return gantry_problem(err, "max_size", "must be 0 or at least 1M");
	return 0;
}

static int sqlite_open(void *self, const struct gantry_instance *instance,
		       struct gantry_error *err)
{
	struct sqlite *s = self;
	pthread_condattr_t steady;

	(void)instance;
	if (sqlite_check(s, err) < 0)
		return gantry_fail(err, "max_size: must be 0 or at least 1M");
	if (sqlite3_threadsafe() == 0)
		return gantry_fail(err, "sqlite: this SQLite was built without threads");
	/* its statistics lock at every allocation; refused once it is in use */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	s->lock_fd = -1;
	s->writer = connection_memory(sizeof(*s->writer));
	checkpoint_init(&s->checkpoint);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&s->returned, &steady);
	pthread_condattr_destroy(&steady);
	return 0;
}

/* The last connection to go moves the WAL into the file. */
static void sqlite_close(void *self)
{
	struct sqlite *s = self;

	checkpoint_fini(s);
	if (s->looking)
		s->idle = NULL;	/* it is the writer's */
	while (s->idle != NULL) {
		struct connection *c = s->idle;

		s->idle = c->next;
		connection_close(c);
		free(c);
	}
	connection_close(s->writer);
	free(s->writer);
	join_unregister(&s->join);
	pthread_cond_destroy(&s->returned);
	pthread_mutex_destroy(&s->lock);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
}

/* The only reader, inside one transaction until the close: its snapshot. */
static enum gantry_stored sqlite_look(struct sqlite *s, struct gantry_error *err)
{
	enum gantry_stored stored = schema_look(s, err);

	if (stored == GANTRY_STORED)
		s->idle = s->writer;
	return stored;
}

static enum gantry_stored sqlite_prepare(void *self,
					 const struct gantry_schema *schema,
					 enum gantry_prepare mode,
					 struct gantry_error *err)
{
	struct sqlite *s = self;
	enum gantry_stored stored;

	/* no other major is known yet, so MIGRATE has nothing more to do */
	assert(s->schema == NULL);
	s->schema = schema;
	s->looking = mode == GANTRY_PREPARE_LOOK;
	if (s->looking)
		return sqlite_look(s, err);
	stored = schema_prepare(s, err);
	for (int64_t i = 0; i < s->readers && stored == GANTRY_STORED; i++) {
		struct connection *c = connection_memory(sizeof(*c));

		c->next = s->idle;
		s->idle = c;
		stored = connection_mend(s, c, false, err);
	}
	if (stored == GANTRY_STORED)
		checkpoint_start(s);
	return stored;
}

static unsigned sqlite_lanes(const void *self)
{
	(void)self;
	return 1;
}

static struct timespec sqlite_deadline(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* A reader of one's own, or NULL with err: all were busy for too long. */
static struct connection *sqlite_take(struct sqlite *s, struct gantry_error *err)
{
	struct timespec until = sqlite_deadline(s->busy_timeout);
	struct connection *c;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (s->idle == NULL && rc == 0)
		rc = pthread_cond_timedwait(&s->returned, &s->lock, &until);
	c = s->idle;
	if (c != NULL)
		s->idle = c->next;
	pthread_mutex_unlock(&s->lock);
	if (c == NULL)
		gantry_fail(err, "%s: all %lld readers were busy for %lld ms", s->path,
			    (long long)s->readers, (long long)s->busy_timeout);
	return c;
}

static void sqlite_give_back(struct sqlite *s, struct connection *c)
{
	pthread_mutex_lock(&s->lock);
	c->next = s->idle;
	s->idle = c;
	pthread_cond_signal(&s->returned);
	pthread_mutex_unlock(&s->lock);
}

/* Several statements see one snapshot only inside a transaction. */
static int sqlite_read_all(struct sqlite *s, struct connection *c,
			   const struct gantry_key *const *keys, size_t n,
			   const struct gantry_sink *sink)
{
	bool alone = n > 1 && !s->looking;
	int rc = alone ? connection_run(c, "BEGIN") : SQLITE_OK;

	for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
		rc = statement_key(s, c, keys[i], sink, i);
	if (alone && sqlite3_get_autocommit(c->db) == 0)
		connection_run(c, "ROLLBACK");
	return rc;
}

/* What a reader's call answers; its connection goes back into the pool. */
static enum gantry_stored sqlite_answer(struct sqlite *s, struct connection *c,
					int rc, struct gantry_error *err)
{
	enum gantry_stored stored = GANTRY_STORED;

	if (rc != SQLITE_OK)
		stored = connection_failed(s, c, rc, err);
	if (connection_is_lost(rc))
		connection_close(c);
	sqlite_give_back(s, c);
	return stored;
}

static struct connection *sqlite_reader(struct sqlite *s,
					enum gantry_stored *stored_out,
					struct gantry_error *err)
{
	struct connection *c = sqlite_take(s, err);

	*stored_out = c != NULL ? connection_mend(s, c, false, err) : GANTRY_AWAY;
	if (*stored_out == GANTRY_STORED)
		return c;
	if (c != NULL)
		sqlite_give_back(s, c);
	return NULL;
}

static enum gantry_stored sqlite_read(void *self,
				      const struct gantry_key *const *keys,
				      size_t n, const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct sqlite *s = self;
	enum gantry_stored stored;
	struct connection *c = sqlite_reader(s, &stored, err);

	if (c == NULL)
		return stored;
	return sqlite_answer(s, c, sqlite_read_all(s, c, keys, n, sink), err);
}

static enum gantry_stored sqlite_scan(void *self, const struct gantry_range *range,
				      const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct sqlite *s = self;
	enum gantry_stored stored;
	struct connection *c = sqlite_reader(s, &stored, err);

	if (c == NULL)
		return stored;
	return sqlite_answer(s, c, statement_range(s, c, range, sink), err);
}

/* One step: the copy is of one snapshot while the writer goes on. */
static int sqlite_copy(struct connection *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from->db, "main");

	if (backup == NULL)
		return sqlite3_extended_errcode(to);
	sqlite3_backup_step(backup, -1);
	return sqlite3_backup_finish(backup);
}

static enum gantry_stored sqlite_backup_to(const char *path,
					   struct connection *from,
					   struct gantry_error *err)
{
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite_copy(from, to);
	sqlite3_close(to);
	if (rc == SQLITE_OK)
		return GANTRY_STORED;
	gantry_fail(err, "%s: %s", path, sqlite3_errstr(rc));
	unlink(path);
	return rc == SQLITE_FULL ? GANTRY_FULL : GANTRY_AWAY;
}

static enum gantry_stored sqlite_backup(void *self, const char *path,
					struct gantry_error *err)
{
	struct sqlite *s = self;
	enum gantry_stored stored;
	struct connection *c;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0) {
		gantry_fail(err, "%s: %s", path, errno == EEXIST ?
			    "exists already, and a backup overwrites nothing" :
			    strerror(errno));
		return GANTRY_BROKEN;
	}
	close(fd);
	c = sqlite_reader(s, &stored, err);
	if (c == NULL) {
		unlink(path);
		return stored;
	}
	stored = sqlite_backup_to(path, c, err);
	sqlite_give_back(s, c);
	return stored;
}

static const char *const sqlite_synchronous[] = { "full", "normal", "off", NULL };

static const struct gantry_option *const sqlite_options[] = {
	GANTRY_PATH(struct sqlite, path, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "the database file; its folder must be writable"),
	GANTRY_CHOICE(struct sqlite, synchronous, .fallback = "full",
		      .choices = sqlite_synchronous,
		      .summary = "what a commit waits for; only full keeps the "
				 "promise of durability"),
	GANTRY_INTEGER(struct sqlite, checkpoint_pages, .fallback = "8000",
		       .min = 100, .max = 1000000,
		       .summary = "pages of 4 KiB added to the WAL before they are "
				  "carried over into the file"),
	GANTRY_INTEGER(struct sqlite, readers, .fallback = "2", .min = 1, .max = 64,
		       .summary = "connections that read beside the writer"),
	GANTRY_DURATION(struct sqlite, busy_timeout, .fallback = "5s",
			.min = 1, .max = 60000,
			.summary = "how long to wait for a lock or for a reader"),
	GANTRY_SIZE(struct sqlite, max_size, .fallback = "0", .min = 0,
		    .max = INT64_C(1) << 43,
		    .summary = "largest size of the file; 0: as the disk allows"),
	GANTRY_TEXT(struct sqlite, vfs, .fallback = "",
		    .summary = "name of a registered SQLite VFS, for tests"),
	NULL
};

static const struct gantry_storage sqlite_storage = {
	.size = sizeof(struct gantry_storage),
	.prepare = sqlite_prepare,
	.lanes = sqlite_lanes,
	.read = sqlite_read,
	.scan = sqlite_scan,
	.begin = unit_begin,
	.load = unit_load,
	.store = unit_store,
	.commit = unit_commit,
	.rollback = unit_rollback,
	.backup = sqlite_backup,
};

GANTRY_PLUGIN(.name = "sqlite", .version = VERSION_TEXT,
	      .summary = "storage in one SQLite file",
	      .threads = GANTRY_PARALLEL, .instance_size = sizeof(struct sqlite),
	      .options = sqlite_options, .check = sqlite_check,
	      .open = sqlite_open, .close = sqlite_close, .storage = &sqlite_storage);
