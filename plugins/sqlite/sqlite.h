/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite - what the files of this plugin share.
 *
 * statement knows SQL text and binding, connection knows how SQLite is opened
 * and what its errors mean, schema makes the tables, unit is the writer's
 * side, join gathers what it writes to the log, checkpoint carries that over,
 * sqlite.c is the readers' side and the descriptor.
 */
#ifndef SQLITE_SQLITE_H
#define SQLITE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <sys/types.h>

#include <gantry/plugin.h>

enum { STATEMENTS = 256, COLUMNS = 64 };

enum synchronous { SYNCHRONOUS_FULL, SYNCHRONOUS_NORMAL, SYNCHRONOUS_OFF };

enum verb { VERB_KEY = 1, VERB_SCAN, VERB_GONE, VERB_CHANGED, VERB_NEW };

/* All that decides the SQL text; compared as bytes, so without a gap. */
struct shape {
	uint8_t verb, table, index, n;
	uint8_t n_to, after, after_ref, n_via;
	struct {
		uint8_t table, index, n, column;
	} via[2];
	uint64_t mask;
};

struct statement {
	struct shape shape;
	sqlite3_stmt *stmt;
};

/* For one thread at a time. */
struct connection {
	sqlite3 *db;			/* NULL: lost, open it again */
	struct statement statements[STATEMENTS];
	unsigned n_statements;
	struct connection *next;	/* in the pool */
};

struct file_id {
	dev_t device;
	ino_t inode;
};

/* Where SQLite writes through; see join.c. */
struct join {
	sqlite3_vfs vfs;
	char name[40];
};

/* The thread that carries the log's pages over; its lock is a last one. */
struct checkpoint {
	pthread_t thread;
	bool started;
	struct connection *connection;	/* the thread's own */
	int told;			/* pages in the log when it was last woken */
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	bool wanted, busy, stopping;
};

struct sqlite {
	/* Options. */
	const char *path;
	const char *vfs;
	int64_t synchronous;
	int64_t checkpoint_pages;
	int64_t readers;
	int64_t busy_timeout;
	int64_t max_size;

	const struct gantry_schema *schema;
	int lock_fd;
	bool looking;			/* prepared to look only */
	struct file_id file;		/* that prepare found */
	struct file_id log;		/* of the writer's; 0: not known */

	/* The only lane: its connection and its unit. */
	struct connection *writer;
	bool open;
	enum gantry_stored failed;	/* of the unit's calls, or STORED */
	bool freed;			/* rows went in the unit */
	bool doubt;			/* was full or away, and no room was seen since */
	int64_t now_ms;

	struct checkpoint checkpoint;
	struct join join;

	/* Guards idle; a last lock. */
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct connection *idle;
};

/* connection.c */

/* Memory or the end of the process; zeroed. */
void *connection_memory(size_t size);
/* Open c; only the writer may change anything. 0 or an SQLite error. */
int connection_open(struct sqlite *s, struct connection *c, bool writer);
void connection_close(struct connection *c);
/* Run SQL that gives nothing. 0 or an SQLite error. */
int connection_run(struct connection *c, const char *sql);
/* The first number that SQL gives, or 0. 0 or an SQLite error. */
int connection_number(struct connection *c, const char *sql, int64_t *number_out);
/*
 * Open c if it is not, and if the file still is the one of prepare; for the
 * writer also look whether it still is.
 */
enum gantry_stored connection_mend(struct sqlite *s, struct connection *c,
				   bool writer, struct gantry_error *err);
/* Remember the log, which is there from the writer's first BEGIN on. */
void connection_note_log(struct sqlite *s);
/* What rc means for the caller; sets err. */
enum gantry_stored connection_failed(const struct sqlite *s, struct connection *c,
				     int rc, struct gantry_error *err);
bool connection_is_lost(int rc);

/* statement.c */

/* The statement of this shape, reset, or NULL. */
sqlite3_stmt *statement_get(const struct sqlite *s, struct connection *c,
			    const struct shape *shape);
void statement_drop_all(struct connection *c);
int statement_bind(sqlite3_stmt *stmt, int at, const struct gantry_value *value);
/*
 * Give the rows of key, or of range, to sink as key number; 0 or an SQLite
 * error, SQLITE_ABORT if the sink did not take one.
 */
int statement_key(const struct sqlite *s, struct connection *c,
		  const struct gantry_key *key, const struct gantry_sink *sink,
		  size_t number);
int statement_range(const struct sqlite *s, struct connection *c,
		    const struct gantry_range *range,
		    const struct gantry_sink *sink);

/* schema.c */

#define SCHEMA_APPLICATION 0x47747279	/* "Gtry" */

enum gantry_stored schema_prepare(struct sqlite *s, struct gantry_error *err);
/* Begin a snapshot on s->writer, which then only reads; the file stays as it is. */
enum gantry_stored schema_look(struct sqlite *s, struct gantry_error *err);

/* join.c */

/* The name of a VFS over that of this name (NULL: SQLite's own). */
const char *join_over(struct join *j, const char *over);
void join_unregister(struct join *j);

/* checkpoint.c */

void checkpoint_init(struct checkpoint *p);
/* The thread begins; the writer is open. */
void checkpoint_start(struct sqlite *s);
/* It ends, and its connection closes. */
void checkpoint_fini(struct sqlite *s);
/* The writer was opened: count what it adds to the log. */
void checkpoint_follow(struct sqlite *s);

/* unit.c */

enum gantry_stored unit_begin(void *self, unsigned lane, void **unit_out,
			      struct gantry_error *err);
enum gantry_stored unit_load(void *unit, const struct gantry_key_set *const *locks,
			     size_t n_locks, const struct gantry_key *const *keys,
			     size_t n_keys, const struct gantry_sink *sink,
			     int64_t *now_ms_out, struct gantry_error *err);
enum gantry_stored unit_store(void *unit, const struct gantry_change *const *changes,
			      size_t n, struct gantry_error *err);
enum gantry_stored unit_commit(void *unit, struct gantry_error *err);
void unit_rollback(void *unit);

#endif
