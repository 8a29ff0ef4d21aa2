/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - bring a file to the schema, or say why not.
 *
 * All of it happens in one transaction behind the lock file. A file that is
 * not ours is looked at and left as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/sqlite/sqlite.h"

static enum gantry_stored schema_locked_by(const char *path, int fd,
					   struct gantry_error *err)
{
	char pid[24] = "";
	ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[len > 0 ? strspn(pid, "0123456789") : 0] = '\0';
	if (strtol(pid, NULL, 10) == getpid()) {
		gantry_fail(err, "%s: is open in this process already: name another file",
			    path);
		return GANTRY_BROKEN;
	}
	gantry_fail(err, "%s: in use by another gantry (pid %s): stop it first, or "
		    "give this one a file of its own", path,
		    pid[0] != '\0' ? pid : "unknown");
	return GANTRY_BROKEN;
}

/* Never unlinked: whoever waits for the old file would hold no lock at all. */
static enum gantry_stored schema_lock(struct sqlite *s, struct gantry_error *err)
{
	enum gantry_stored stored = GANTRY_STORED;
	char *path, pid[24];
	int fd, len;

	if (asprintf(&path, "%s.lock", s->path) < 0)
		abort();
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0) {
		gantry_fail(err, "%s: cannot be created, and the folder must be "
			    "writable: %s", path, strerror(errno));
		stored = GANTRY_BROKEN;
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		stored = schema_locked_by(s->path, fd, err);
		close(fd);
	} else {
		len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
		if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
			pid[0] = '\0';	/* only the message to others is poorer */
		s->lock_fd = fd;
	}
	free(path);
	return stored;
}

/*
 * SQLite would fall back to reading only, without a word. Before the first
 * connection: closing a file drops every lock that the process has on it.
 */
static enum gantry_stored schema_file(struct sqlite *s, struct gantry_error *err)
{
	struct stat st;
	int fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd >= 0)
		fchmod(fd, 0640);
	else if (errno == EEXIST)
		fd = open(s->path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		gantry_fail(err, "%s: must be readable and writable: %s", s->path,
			    strerror(errno));
		if (fd >= 0)
			close(fd);
		return GANTRY_BROKEN;
	}
	s->file = (struct file_id){ st.st_dev, st.st_ino };
	close(fd);
	return GANTRY_STORED;
}

static enum gantry_stored schema_failed(const struct sqlite *s, int rc,
					struct gantry_error *err)
{
	switch (rc & 0xff) {
	case SQLITE_NOTADB:
		gantry_fail(err, "%s: not an SQLite database", s->path);
		return GANTRY_BROKEN;
	case SQLITE_CORRUPT:
		gantry_fail(err, "%s: damaged (%s): put a backup in its place",
			    s->path, sqlite3_errstr(rc));
		return GANTRY_BROKEN;
	default:
		return connection_failed(s, s->writer, rc, err);
	}
}

/* Whose file is it? Only reads. */
static enum gantry_stored schema_owner(const struct sqlite *s, bool *new_out,
				       struct gantry_error *err)
{
	int64_t id, objects;
	int rc = connection_number(s->writer, "PRAGMA application_id", &id);

	if (rc == SQLITE_OK)
		rc = connection_number(s->writer,
				       "SELECT count(*) FROM sqlite_master", &objects);
	if (rc != SQLITE_OK)
		return schema_failed(s, rc, err);
	*new_out = id == 0 && objects == 0;
	if (*new_out || id == SCHEMA_APPLICATION)
		return GANTRY_STORED;
	gantry_fail(err, "%s: an SQLite database of another application "
		    "(application_id %lld, %lld tables and indexes)", s->path,
		    (long long)id, (long long)objects);
	return GANTRY_BROKEN;
}

static void text_column(FILE *f, const struct gantry_column *column)
{
	fprintf(f, "\"%s\" %s", column->name,
		column->kind == GANTRY_INT64 ? "INTEGER" : "TEXT");
	if ((column->flags & GANTRY_COLUMN_NULLABLE) == 0)
		fputs(" NOT NULL", f);
}

/* Deferred, so that a unit may delete and insert in any order. */
static void text_reference(FILE *f, const struct gantry_schema *schema,
			   const struct gantry_column *column)
{
	for (unsigned i = 0; column->references != NULL && i < schema->n_tables; i++)
		if (strcmp(schema->tables[i]->name, column->references) == 0)
			fprintf(f, " REFERENCES \"%s\"(\"%s\")"
				" DEFERRABLE INITIALLY DEFERRED", column->references,
				schema->tables[i]->columns[0]->name);
}

static void text_table(FILE *f, const struct gantry_schema *schema,
		       const struct gantry_table *t)
{
	fprintf(f, "CREATE TABLE \"%s\" (\"%s\" INTEGER PRIMARY KEY", t->name,
		t->columns[0]->name);
	for (unsigned i = 1; i < t->n_columns; i++) {
		fputc(',', f);
		text_column(f, t->columns[i]);
		text_reference(f, schema, t->columns[i]);
	}
	for (unsigned i = 0; i < t->n_checks; i++)
		fprintf(f, ",CHECK (%s)", t->checks[i]);
	fputs(") STRICT;", f);
}

static void text_index(FILE *f, const struct gantry_table *t,
		       const struct gantry_index *index)
{
	fprintf(f, "CREATE %sINDEX IF NOT EXISTS \"%s\" ON \"%s\"",
		index->unique ? "UNIQUE " : "", index->name, t->name);
	for (unsigned i = 0; i < index->n_columns; i++)
		fprintf(f, "%c\"%s\"", i == 0 ? '(' : ',',
			t->columns[index->columns[i]]->name);
	fputs(");", f);
}

/* Is there a row? Names come from the core's schema, not from outside. */
static int schema_has(struct connection *c, bool *has_out, const char *format,
		      const char *one, const char *two)
{
	char *sql = sqlite3_mprintf(format, one, two);
	int64_t n = 0;
	int rc = sql != NULL ? connection_number(c, sql, &n) : SQLITE_NOMEM;

	sqlite3_free(sql);
	*has_out = n > 0;
	return rc;
}

static int text_missing(FILE *f, struct connection *c,
			const struct gantry_schema *schema,
			const struct gantry_table *t)
{
	bool has;
	int rc = schema_has(c, &has, "SELECT count(*) FROM sqlite_master"
			    " WHERE type='table' AND name=%Q", t->name, NULL);

	if (rc != SQLITE_OK || !has) {
		text_table(f, schema, t);
		return rc;
	}
	for (unsigned i = 2; i < t->n_columns; i++) {
		rc = schema_has(c, &has, "SELECT count(*) FROM pragma_table_info(%Q)"
				" WHERE name=%Q", t->name, t->columns[i]->name);
		if (rc != SQLITE_OK)
			return rc;
		if (has)
			continue;
		fprintf(f, "ALTER TABLE \"%s\" ADD COLUMN ", t->name);
		text_column(f, t->columns[i]);
		text_reference(f, schema, t->columns[i]);
		fputc(';', f);
	}
	return SQLITE_OK;
}

/* Add what is not there; the same for a new file and an older minor. */
static int schema_add(struct connection *c, const struct gantry_schema *schema)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int rc = SQLITE_OK;

	if (f == NULL)
		return SQLITE_NOMEM;
	for (unsigned i = 0; i < schema->n_tables && rc == SQLITE_OK; i++) {
		const struct gantry_table *t = schema->tables[i];

		rc = text_missing(f, c, schema, t);
		for (unsigned k = 0; k < t->n_indexes; k++)
			text_index(f, t, t->indexes[k]);
	}
	fclose(f);
	if (rc == SQLITE_OK)
		rc = connection_run(c, text);
	free(text);
	return rc;
}

static int schema_mark(struct connection *c, const struct gantry_schema *schema)
{
	char *sql = sqlite3_mprintf(
		"PRAGMA application_id=%d;"
		"CREATE TABLE IF NOT EXISTS gantry_schema (name TEXT NOT NULL,"
		" major INTEGER NOT NULL, minor INTEGER NOT NULL,"
		" rewrites INTEGER NOT NULL) STRICT;"
		"INSERT INTO gantry_schema SELECT %Q, %lld, 0, 0"
		" WHERE NOT EXISTS (SELECT 1 FROM gantry_schema);"
		"UPDATE gantry_schema SET minor = %lld;",
		SCHEMA_APPLICATION, schema->name, (long long)schema->major,
		(long long)schema->minor);
	int rc = sql != NULL ? connection_run(c, sql) : SQLITE_NOMEM;

	sqlite3_free(sql);
	return rc;
}

struct mark {
	char name[64];
	int64_t major, minor;
};

static int schema_read_mark(struct connection *c, struct mark *mark)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(c->db, "SELECT name, major, minor"
				    " FROM gantry_schema", -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return sqlite3_extended_errcode(c->db);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const unsigned char *name = sqlite3_column_text(stmt, 0);

		snprintf(mark->name, sizeof(mark->name), "%s",
			 name != NULL ? (const char *)name : "");
		mark->major = sqlite3_column_int64(stmt, 1);
		mark->minor = sqlite3_column_int64(stmt, 2);
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? SQLITE_OK :
	       rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

static enum gantry_stored schema_fits(const struct sqlite *s,
				      const struct mark *mark,
				      struct gantry_error *err)
{
	const struct gantry_schema *want = s->schema;

	if (strcmp(mark->name, want->name) != 0) {
		gantry_fail(err, "%s: holds the schema \"%s\", not \"%s\"", s->path,
			    mark->name, want->name);
		return GANTRY_BROKEN;
	}
	if (mark->major == want->major)
		return GANTRY_STORED;
	gantry_fail(err, "%s: holds schema %lld.%lld, this gantry works on %lld.x: %s",
		    s->path, (long long)mark->major, (long long)mark->minor,
		    (long long)want->major, mark->major < want->major ?
		    "run \"gantry storage migrate\" with every gantry stopped" :
		    "install the newer gantry, or put an older backup in its place");
	return GANTRY_BROKEN;
}

/* In a transaction; what it returns decides between COMMIT and ROLLBACK. */
static enum gantry_stored schema_bring(const struct sqlite *s, bool new,
				       struct gantry_error *err)
{
	struct mark mark = { .minor = -1 };
	int rc = new ? SQLITE_OK : schema_read_mark(s->writer, &mark);
	enum gantry_stored stored;

	if (rc != SQLITE_OK)
		return schema_failed(s, rc, err);
	stored = new ? GANTRY_STORED : schema_fits(s, &mark, err);
	if (stored != GANTRY_STORED || mark.minor >= s->schema->minor)
		return stored;
	rc = schema_add(s->writer, s->schema);
	if (rc == SQLITE_OK)
		rc = schema_mark(s->writer, s->schema);
	return rc == SQLITE_OK ? GANTRY_STORED : schema_failed(s, rc, err);
}

static enum gantry_stored schema_transaction(const struct sqlite *s, bool new,
					     struct gantry_error *err)
{
	int rc = connection_run(s->writer, "PRAGMA page_size=4096;"
				"PRAGMA journal_mode=WAL; BEGIN IMMEDIATE");
	enum gantry_stored stored;

	if (rc != SQLITE_OK)
		return schema_failed(s, rc, err);
	stored = schema_bring(s, new, err);
	if (stored == GANTRY_STORED) {
		rc = connection_run(s->writer, "COMMIT");
		if (rc == SQLITE_OK)
			return stored;
		stored = schema_failed(s, rc, err);
	}
	if (sqlite3_get_autocommit(s->writer->db) == 0)
		connection_run(s->writer, "ROLLBACK");
	return stored;
}

enum gantry_stored schema_prepare(struct sqlite *s, struct gantry_error *err)
{
	enum gantry_stored stored = schema_lock(s, err);
	bool new = false;
	int rc;

	if (stored == GANTRY_STORED)
		stored = schema_file(s, err);
	if (stored != GANTRY_STORED)
		return stored;
	rc = connection_open(s, s->writer, true);
	if (rc != SQLITE_OK)
		return schema_failed(s, rc, err);
	stored = schema_owner(s, &new, err);
	return stored == GANTRY_STORED ? schema_transaction(s, new, err) : stored;
}

static enum gantry_stored schema_seen(const struct sqlite *s, bool new,
				      struct gantry_error *err)
{
	struct mark mark = { 0 };
	enum gantry_stored stored;
	int rc = SQLITE_OK;

	if (new) {
		gantry_fail(err, "%s: empty: start the gateway once, or run "
			    "gantry storage migrate", s->path);
		return GANTRY_BROKEN;
	}
	rc = schema_read_mark(s->writer, &mark);
	if (rc != SQLITE_OK)
		return schema_failed(s, rc, err);
	stored = schema_fits(s, &mark, err);
	if (stored != GANTRY_STORED || mark.minor >= s->schema->minor)
		return stored;
	gantry_fail(err, "%s: holds schema %lld.%lld, this gantry has %lld.%lld: "
		    "start the gateway once, or run gantry storage migrate", s->path,
		    (long long)mark.major, (long long)mark.minor,
		    (long long)s->schema->major, (long long)s->schema->minor);
	return GANTRY_BROKEN;
}

enum gantry_stored schema_look(struct sqlite *s, struct gantry_error *err)
{
	enum gantry_stored stored;
	struct stat st;
	bool new = false;
	int rc;

	if (stat(s->path, &st) != 0) {
		gantry_fail(err, "%s: %s", s->path, strerror(errno));
		return GANTRY_BROKEN;
	}
	s->file = (struct file_id){ st.st_dev, st.st_ino };
	rc = connection_open(s, s->writer, false);
	if (rc == SQLITE_OK)
		rc = connection_run(s->writer, "BEGIN");
	if (rc != SQLITE_OK)
		return schema_failed(s, rc, err);
	stored = schema_owner(s, &new, err);
	return stored == GANTRY_STORED ? schema_seen(s, new, err) : stored;
}
