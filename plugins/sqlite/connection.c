/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection - how SQLite is opened here, and what its errors mean.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugins/sqlite/sqlite.h"

void *connection_memory(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL) {
		fputs("gantry: storage sqlite: out of memory\n", stderr);
		abort();
	}
	return p;
}

static char *connection_log(const struct sqlite *s)
{
	char *path;

	if (asprintf(&path, "%s-wal", s->path) < 0)
		abort();
	return path;
}

int connection_run(struct connection *c, const char *sql)
{
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? rc : sqlite3_extended_errcode(c->db);
}

int connection_number(struct connection *c, const char *sql, int64_t *number_out)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL);

	*number_out = 0;
	if (rc != SQLITE_OK)
		return sqlite3_extended_errcode(c->db);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*number_out = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK :
		sqlite3_extended_errcode(c->db);
}

/*
 * None of these needs the file but max_page_count. A double-quoted word must
 * never turn into text: that would hide a column that is missing. Debian's
 * SQLite wipes what is deleted; that writes each page of a published event
 * once more, and protects nothing that the log beside it does not still hold.
 */
static int connection_set_up(const struct sqlite *s, struct connection *c,
			     bool writer)
{
	static const char *const synchronous[] = { "FULL", "NORMAL", "OFF" };
	char sql[400];

	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, (int)s->busy_timeout);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	snprintf(sql, sizeof(sql),
		 "PRAGMA synchronous=%s; PRAGMA wal_autocheckpoint=0;"
		 "PRAGMA cache_size=%d; PRAGMA mmap_size=0;"
		 "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;"
		 "PRAGMA secure_delete=OFF;"
		 "PRAGMA query_only=%s",
		 synchronous[s->synchronous], writer ? -6144 : -2048, writer ? "OFF" : "ON");
	return connection_run(c, sql);
}

static int connection_bound(const struct sqlite *s, struct connection *c)
{
	char sql[64];

	if (s->max_size == 0)
		return SQLITE_OK;
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld",
		 (long long)(s->max_size / 4096));
	return connection_run(c, sql);
}

/* Never creates: a file that went away must not come back empty. */
int connection_open(struct sqlite *s, struct connection *c, bool writer)
{
	const char *vfs = s->vfs != NULL && s->vfs[0] != '\0' ? s->vfs : NULL;
	int rc;

	/* what no commit syncs would be seen too late by others; readers write nothing */
	if ((writer || c == s->checkpoint.connection) &&
	    s->synchronous == SYNCHRONOUS_FULL)
		vfs = join_over(&s->join, vfs);
	rc = sqlite3_open_v2(s->path, &c->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
	if (rc == SQLITE_OK)
		rc = connection_set_up(s, c, writer);
	if (rc == SQLITE_OK && writer) {
		rc = connection_bound(s, c);
		checkpoint_follow(s);
	}
	return rc;
}

void connection_close(struct connection *c)
{
	statement_drop_all(c);
	sqlite3_close(c->db);
	c->db = NULL;
}

/* Errors after which a new connection may fare better than the old one. */
bool connection_is_lost(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return true;
	default:
		return false;
	}
}

/* Is the file of this name still the one that it was? */
static bool connection_stands(const char *path, const struct file_id *was,
			      struct gantry_error *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		gantry_fail(err, "%s: %s", path, strerror(errno));
	else if (st.st_dev != was->device || st.st_ino != was->inode)
		gantry_fail(err, "%s: another file stands in its place now: restart "
			    "with the right one", path);
	else
		return true;
	return false;
}

/*
 * What is written into a file without its name is lost with the process, and
 * a log that stays beside another file would be played into that one.
 */
static bool connection_is_ours(const struct sqlite *s, struct gantry_error *err)
{
	char *log;
	bool ours = connection_stands(s->path, &s->file, err);

	if (!ours || s->log.inode == 0)
		return ours;
	log = connection_log(s);
	ours = connection_stands(log, &s->log, err);
	free(log);
	return ours;
}

/* Where a VFS keeps no log of this name there is none to lose. */
void connection_note_log(struct sqlite *s)
{
	char *path = connection_log(s);
	struct stat st;

	if (s->log.inode == 0 && stat(path, &st) == 0)
		s->log = (struct file_id){ st.st_dev, st.st_ino };
	free(path);
}

enum gantry_stored connection_mend(struct sqlite *s, struct connection *c,
				   bool writer, struct gantry_error *err)
{
	enum gantry_stored stored;
	int rc;

	if (c->db != NULL && !writer)
		return GANTRY_STORED;
	if (c->db == NULL && writer)
		s->log.inode = 0;	/* the last to close took it away */
	if (!connection_is_ours(s, err))
		return GANTRY_AWAY;
	if (c->db != NULL)
		return GANTRY_STORED;
	rc = connection_open(s, c, writer);
	if (rc == SQLITE_OK)
		return GANTRY_STORED;
	stored = connection_failed(s, c, rc, err);
	connection_close(c);
	return stored;
}

static enum gantry_stored connection_meaning(int rc)
{
	switch (rc) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return GANTRY_CONFLICT;
	default:
		break;
	}
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return GANTRY_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return GANTRY_AWAY;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return GANTRY_REFUSED_ROW;
	default:
		return GANTRY_BROKEN;
	}
}

enum gantry_stored connection_failed(const struct sqlite *s, struct connection *c,
				     int rc, struct gantry_error *err)
{
	/* errmsg knows more, as long as it speaks of the same error. */
	bool same = c->db != NULL && sqlite3_extended_errcode(c->db) == rc;

	if (rc == SQLITE_ABORT)
		gantry_fail(err, "%s: the rows were not taken", s->path);
	else
		gantry_fail(err, "%s: %s", s->path,
			    same ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc));
	return connection_meaning(rc);
}
