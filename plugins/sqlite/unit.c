/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit - the writer's side: one transaction of the only lane.
 *
 * BEGIN IMMEDIATE is every lock that load could take. What store was given is
 * executed at once, so that commit has only the disk left to wait for.
 */
#include <assert.h>
#include <time.h>

#include "plugins/sqlite/sqlite.h"

#define UNIT_REWRITE "UPDATE gantry_schema SET rewrites = rewrites + 1"
/* What a file that is not full has left for new rows. */
#define UNIT_SPARE_PAGES 16

/* There was no room, or no disk: until something is written again, nothing
   says that there is. */
static void unit_doubt(struct sqlite *s)
{
	s->doubt |= s->failed == GANTRY_FULL || s->failed == GANTRY_AWAY;
}

static enum gantry_stored unit_fail(struct sqlite *s, int rc,
				    struct gantry_error *err)
{
	s->failed = connection_failed(s, s->writer, rc, err);
	unit_doubt(s);
	return s->failed;
}

/* SQLITE_FULL and SQLITE_IOERR may have rolled back by themselves. */
static void unit_end(struct sqlite *s)
{
	if (s->writer->db != NULL && sqlite3_get_autocommit(s->writer->db) == 0)
		connection_run(s->writer, "ROLLBACK");
	s->open = false;
}

enum gantry_stored unit_begin(void *self, unsigned lane, void **unit_out,
			      struct gantry_error *err)
{
	struct sqlite *s = self;
	struct timespec now;
	enum gantry_stored mended;
	int rc;

	assert(lane == 0 && !s->open);
	mended = connection_mend(s, s->writer, true, err);
	if (mended != GANTRY_STORED)
		return mended;
	rc = connection_run(s->writer, "BEGIN IMMEDIATE");
	if (rc != SQLITE_OK) {
		enum gantry_stored stored = connection_failed(s, s->writer, rc, err);

		if (connection_is_lost(rc))
			connection_close(s->writer);
		return stored;
	}
	if (s->log.inode == 0)
		connection_note_log(s);
	clock_gettime(CLOCK_REALTIME, &now);
	s->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	s->failed = GANTRY_STORED;
	s->freed = false;
	s->open = true;
	*unit_out = s;
	return GANTRY_STORED;
}

enum gantry_stored unit_load(void *unit, const struct gantry_key_set *const *locks,
			     size_t n_locks, const struct gantry_key *const *keys,
			     size_t n_keys, const struct gantry_sink *sink,
			     int64_t *now_ms_out, struct gantry_error *err)
{
	struct sqlite *s = unit;
	size_t number = 0;
	int rc = SQLITE_OK;

	assert(s->open);
	for (size_t i = 0; i < n_locks; i++)
		for (size_t k = 0; k < locks[i]->n && rc == SQLITE_OK; k++)
			rc = statement_key(s, s->writer, locks[i]->keys[k], sink,
					   number++);
	for (size_t k = 0; k < n_keys && rc == SQLITE_OK; k++)
		rc = statement_key(s, s->writer, keys[k], sink, number++);
	if (rc != SQLITE_OK)
		return unit_fail(s, rc, err);
	*now_ms_out = s->now_ms;
	return GANTRY_STORED;
}

/*
 * STRICT would take the text "12" for a number. What is NULL the table itself
 * refuses where it must not be.
 */
static enum gantry_stored unit_bind(const struct sqlite *s, sqlite3_stmt *stmt,
				    const struct gantry_change *c,
				    struct gantry_error *err)
{
	const struct gantry_table *t = s->schema->tables[c->table];
	uint64_t mask = c->kind == GANTRY_NEW ? UINT64_MAX : c->mask;
	int at = 0;

	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct gantry_value *v = &c->values[i];

		if ((mask >> i & 1) == 0)
			continue;
		if (v->kind != GANTRY_NULL &&
		    v->kind != (uint32_t)t->columns[i]->kind) {
			gantry_fail(err, "%s: %s.%s: must be %s", s->path, t->name,
				    t->columns[i]->name,
				    v->kind == GANTRY_STRING ? "a number" : "text");
			return GANTRY_REFUSED_ROW;
		}
		if (statement_bind(stmt, ++at, v) != SQLITE_OK)
			return GANTRY_BROKEN;
	}
	if (c->kind == GANTRY_CHANGED)
		statement_bind(stmt, ++at, &c->values[0]);
	return GANTRY_STORED;
}

static enum gantry_stored unit_run(struct sqlite *s, sqlite3_stmt *stmt,
				   const struct gantry_change *c,
				   struct gantry_error *err)
{
	const char *name = s->schema->tables[c->table]->name;
	enum gantry_stored stored;
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE) {
		sqlite3_reset(stmt);
		if (c->kind != GANTRY_CHANGED || sqlite3_changes(s->writer->db) == 1)
			return GANTRY_STORED;
		gantry_fail(err, "%s: %s: ref %lld is gone", s->path, name,
			    (long long)c->values[0].is.number);
		return GANTRY_CONFLICT;
	}
	rc = sqlite3_extended_errcode(s->writer->db);
	stored = connection_failed(s, s->writer, rc, err);
	sqlite3_reset(stmt);
	if (stored == GANTRY_CONFLICT && c->kind != GANTRY_NEW)
		return GANTRY_REFUSED_ROW;
	return stored;
}

static enum gantry_stored unit_change(struct sqlite *s,
				      const struct gantry_change *c,
				      struct gantry_error *err)
{
	const struct shape shape = {
		.verb = c->kind == GANTRY_GONE ? VERB_GONE :
			c->kind == GANTRY_NEW  ? VERB_NEW : VERB_CHANGED,
		.table = (uint8_t)c->table,
		.mask = c->kind == GANTRY_CHANGED ? c->mask : 0,
	};
	sqlite3_stmt *stmt = statement_get(s, s->writer, &shape);
	enum gantry_stored stored = GANTRY_STORED;

	if (stmt == NULL)
		return connection_failed(s, s->writer,
				sqlite3_extended_errcode(s->writer->db), err);
	if (c->kind == GANTRY_GONE)
		statement_bind(stmt, 1, &c->values[0]);
	else
		stored = unit_bind(s, stmt, c, err);
	return stored == GANTRY_STORED ? unit_run(s, stmt, c, err) : stored;
}

/* GONE first, NEW last: a unique value may go from one row to another. */
enum gantry_stored unit_store(void *unit, const struct gantry_change *const *changes,
			      size_t n, struct gantry_error *err)
{
	struct sqlite *s = unit;

	assert(s->open);
	for (int kind = GANTRY_GONE; kind <= GANTRY_NEW; kind++)
		for (size_t i = 0; i < n && s->failed == GANTRY_STORED; i++)
			if ((int)changes[i]->kind == kind)
				s->failed = unit_change(s, changes[i], err);
	for (size_t i = 0; i < n; i++)
		s->freed |= changes[i]->kind == GANTRY_GONE;
	unit_doubt(s);
	return s->failed;
}

/* What max_size leaves, seen from inside a unit or outside. */
static int unit_room(struct sqlite *s)
{
	int64_t pages, unused = 0;
	int rc;

	if (s->max_size == 0)
		return SQLITE_OK;
	rc = connection_number(s->writer, "PRAGMA page_count", &pages);
	if (rc == SQLITE_OK)
		rc = connection_number(s->writer, "PRAGMA freelist_count", &unused);
	if (rc == SQLITE_OK && pages - unused + UNIT_SPARE_PAGES > s->max_size / 4096)
		rc = SQLITE_FULL;
	return rc;
}

/*
 * What was full stays full until there is room for more than the next row: a
 * unit that changes nothing, or rows in their place, or one more lease, would
 * be stored on a full disk, too, and those who ask whether the storage is back
 * would hear yes. One that takes rows out may make room and is let through.
 */
static int unit_probe(struct sqlite *s)
{
	int rc = connection_run(s->writer, UNIT_REWRITE);

	return rc == SQLITE_OK ? unit_room(s) : rc;
}

/*
 * A COMMIT that failed while it synced may have left a whole transaction in
 * the WAL, which a later start would take for committed. What is written next
 * goes to the same place, so write something now.
 */
static void unit_overwrite(struct sqlite *s)
{
	connection_run(s->writer, UNIT_REWRITE);
	if (sqlite3_get_autocommit(s->writer->db) == 0)
		connection_run(s->writer, "ROLLBACK");
}

enum gantry_stored unit_commit(void *unit, struct gantry_error *err)
{
	struct sqlite *s = unit;
	int rc;

	assert(s->open);
	if (s->failed != GANTRY_STORED) {
		gantry_fail(err, "%s: the unit had failed before", s->path);
		unit_end(s);
		return s->failed;
	}
	rc = s->doubt && !s->freed ? unit_probe(s) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = connection_run(s->writer, "COMMIT");
	if (rc == SQLITE_OK) {
		s->open = false;
		s->doubt = s->doubt && s->freed && unit_room(s) != SQLITE_OK;
		return GANTRY_STORED;
	}
	unit_fail(s, rc, err);
	unit_end(s);
	if ((rc & 0xff) != SQLITE_CONSTRAINT && (rc & 0xff) != SQLITE_BUSY)
		unit_overwrite(s);
	if (connection_is_lost(rc))
		connection_close(s->writer);
	return s->failed;
}

void unit_rollback(void *unit)
{
	struct sqlite *s = unit;

	assert(s->open);
	unit_end(s);
}
