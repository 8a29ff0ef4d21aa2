/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres - what the files of this plugin share.
 *
 *	conninfo.c	what libpq is told; no password is
 *	connection.c	open with a deadline, settings, when to try again
 *	trip.c		send many statements, wait once; what an SQLSTATE means
 *	params.c	binary parameters: values and arrays of them
 *	text.c		SQL by shape
 *	statement.c	prepared once a connection
 *	reading.c	many keys by few statements; rows from binary results
 *	schema.c	makes the tables
 *	unit.c		one transaction of a lane
 *	turn.c		lanes of several gateways, one after the other
 *	doubt.c		what became of a COMMIT that was not answered
 *	postgres.c	the descriptor, the readers' side
 */
#ifndef POSTGRES_POSTGRES_H
#define POSTGRES_POSTGRES_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

#include <gantry/plugin.h>

enum { STATEMENTS = 256, COLUMNS = 60, PARAMS = 64, PARTS = 8, VIAS = 2,
       LANES = 16, SETTINGS = 64, MARKERS = 4 };

#define BY_REF UINT8_MAX

enum verb {
	VERB_READ = 1, VERB_LOCK, VERB_SCAN, VERB_GONE, VERB_CHANGED, VERB_NEW,
	VERB_BEGIN,	/* a unit */
	VERB_START,	/* its transaction's number and time */
	VERB_TURN,	/* the same, behind those who work on the same rows */
	VERB_SNAPSHOT,	/* begin a read of several statements */
	VERB_COMMIT, VERB_ROLLBACK,
};

/* All that decides the SQL of a key; compared as bytes, so without a gap. */
struct shape_key {
	uint8_t table, index, n, n_via;
	struct {
		uint8_t table, index, n, column;
	} via[VIAS];
};

struct shape {
	uint8_t verb, table, index, n_parts;
	uint8_t n, n_to, after, after_ref;	/* SCAN */
	uint64_t mask;				/* CHANGED */
	uint64_t same;				/* NEW, CHANGED: columns with one
						   value for all rows */
	struct shape_key parts[PARTS];		/* READ: one; LOCK */
};

struct statement {
	struct shape shape;
	char *sql;
	char name[12];
	bool prepared;		/* or about to be */
	struct statement *next;	/* in its slot */
};

/* Binary parameters of one statement. */
struct params {
	char *bytes;
	size_t len, room;
	unsigned n;
	size_t at[PARAMS];
	size_t sizes[PARAMS];
	bool is_null[PARAMS];
	size_t flags_at;	/* of the open array */
};

/* Called for the rows of one statement. */
struct taker {
	void (*take)(void *context, const PGresult *result);
	void *context;
};

/* An answer that is still to come. */
struct wait {
	struct statement *statement;	/* NULL: SQL that is run once */
	bool prepare;
	struct taker taker;
};

/* For one thread at a time. */
struct connection {
	PGconn *pg;			/* NULL: lost, open it again */
	struct statement *statements[STATEMENTS];
	unsigned n_statements;
	struct wait *waits;
	size_t n_waits, room;
	bool refused;			/* libpq did not take a statement */
	bool warned;			/* by the server */
	int64_t wait_ms;		/* without a byte from the server */
	bool probes;			/* and looks meanwhile whether it is there */
	struct params params;
	char sqlstate[6];		/* of the last failure; "": not the server's */
	char message[400];		/* of it */
	char timeline[9];		/* of the server, when it was opened */
	struct connection *next;	/* in the pool */
};

/* A row that a unit made, or changed to this version. */
struct marker {
	unsigned table;
	int64_t ref, version;
};

struct postgres;

/* Whether a lane takes turns with those of its number in other gateways. */
struct turn {
	bool met;			/* not alone, within the last units */
	unsigned alone;			/* units in a row since */
	int64_t rest_ms;		/* until then without */
	unsigned missed;		/* turns in a row that did not come */
	int64_t common;			/* rows that a unit shares with the one
					   before it, on average; in 1/1024 */
	int64_t *rows;			/* of the one before, ascending */
	size_t n_rows;
};

/* One lane: its connection and its unit. */
struct unit {
	struct postgres *s;
	struct connection connection;
	bool open;
	bool begun;			/* BEGIN was sent */
	enum gantry_stored failed;	/* of the unit's calls, or STORED */
	int64_t xid;			/* 0: not known yet */
	int64_t now_ms;
	int pid;			/* of the backend that works on it */
	struct turn turn;
	atomic_bool in_doubt;		/* doubt_ask() is at work */
	struct marker new[MARKERS], changed[MARKERS];
	unsigned n_new, n_changed;
};

struct postgres {
	/* Options. */
	const char *conninfo;
	const char *schema;
	int64_t lanes;
	int64_t readers;
	int64_t connect_timeout;
	int64_t read_timeout;
	int64_t statement_timeout;
	int64_t lock_timeout;

	const char *keywords[SETTINGS];	/* what libpq is told; NULL at the end */
	char *values[SETTINGS];
	char *where;			/* for messages */

	const struct gantry_schema *tables;
	bool looking;			/* prepared to look only */
	struct unit *units;		/* one a lane */

	/* Guards the rest; a last lock. */
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct connection *idle;
	unsigned failures;		/* of connecting, in a row */
	bool trying;			/* one connects, the others do not wait */
	int64_t not_before_ms;
	char why[400];			/* the last one failed */
	unsigned host;			/* to begin with, the next time */
	char newest[9];			/* timeline of any server so far */
	bool forgets;			/* the server last seen has fsync off */
};

/* conninfo.c */

/* What is wrong with the options, for gantry check. 0 or -1. */
int conninfo_check(const struct postgres *s, struct gantry_error *err);
/* Fills keywords, values and where. 0 or -1. */
int conninfo_open(struct postgres *s, struct gantry_error *err);
void conninfo_free(struct postgres *s);
/* How many hosts it names, at least 1. */
unsigned conninfo_hosts(const struct postgres *s);
/*
 * The values for one of them, so that one that never answers does not stand
 * before the others. free() those in picked[]. any: also a server that takes
 * no changes.
 */
void conninfo_pick(const struct postgres *s, unsigned host, bool any,
		   const char *values[SETTINGS], char *picked[3]);

/* connection.c */

enum role { ROLE_UNIT, ROLE_READ, ROLE_LOOK, ROLE_ASK, ROLE_OWNER };

/* Memory or the end of the process; zeroed. */
void *connection_memory(size_t size);
/* The same, longer; what is new is not zeroed. */
void *connection_longer(void *memory, size_t n, size_t size);
int64_t connection_now_ms(void);
/*
 * Open c if it is not, or not any more. AWAY at once while the next attempt
 * is not due or another thread makes it.
 */
enum gantry_stored connection_mend(struct postgres *s, struct connection *c,
				   enum role role, struct gantry_error *err);
/* The same, without a look at when the next attempt is due. */
enum gantry_stored connection_open(struct postgres *s, struct connection *c,
				   enum role role, struct gantry_error *err);
/*
 * Of several hosts, which has taken the place of the others? Once, before the
 * first connection is opened.
 */
void connection_learn(struct postgres *s);
/* Can another connection be opened to the server that c is open to? */
bool connection_probe(struct postgres *s, const struct connection *c);
void connection_close(struct connection *c);
/* Close, and free what c holds, not c itself. */
void connection_fini(struct connection *c);

/* trip.c */

/* Send the statement of this shape with c->params, which are empty then. */
void trip_send(const struct postgres *s, struct connection *c,
	       const struct shape *shape, struct taker taker);
/* Send SQL that is not prepared; its rows come as text. */
void trip_run(struct connection *c, const char *sql, struct taker taker);
/*
 * Everything that was sent is done, and its takers were called; or the first
 * failure. After a loss c is closed.
 */
enum gantry_stored trip_collect(struct postgres *s, struct connection *c,
				struct gantry_error *err);
/* Wait for the socket; false: not before the deadline, or an error. */
bool trip_poll(PGconn *pg, short events, int64_t deadline_ms);

/* params.c: all kinds and orders as the server's binary formats want them. */

void params_reset(struct params *p);
void params_number(struct params *p, int64_t number);
void params_value(struct params *p, enum gantry_value_kind kind,
		  const struct gantry_value *value);
/* An array: begin, n elements, end. An element of another kind is NULL. */
void params_begin(struct params *p, enum gantry_value_kind kind, size_t n);
void params_add(struct params *p, enum gantry_value_kind kind,
		const struct gantry_value *value);
void params_end(struct params *p);
int64_t params_decode(const char *bytes);

/* text.c */

/* Where the value of a key's n-th parameter stands: deepest via first. */
struct slot {
	uint8_t depth, at;
	enum gantry_value_kind kind;
};

unsigned text_slots(const struct postgres *s, const struct shape_key *key,
		    struct slot slots[PARAMS]);
/* The SQL of a shape; malloc. */
char *text_of(const struct postgres *s, const struct shape *shape);
/* The columns of an index and how many they are. */
const unsigned *text_columns(const struct gantry_table *t, uint8_t index,
			     unsigned *n_out);

/* statement.c */

/* Never NULL; lives until statement_drop_all(). */
struct statement *statement_get(const struct postgres *s, struct connection *c,
				const struct shape *shape);
void statement_drop_all(struct connection *c);
/* Too many to go on with this connection for long. */
bool statement_is_full(const struct connection *c);
struct shape_key statement_shape(const struct gantry_key *key);
uint8_t statement_index(unsigned index);

/* reading.c */

/* One lock set's refs as they were locked, ascending. */
struct locked {
	unsigned table;
	size_t end;		/* behind its last key */
	int64_t *refs;
	size_t n;
};

struct reading {
	const struct postgres *s;
	const struct gantry_sink *sink;
	bool stopped;			/* by the sink */
	bool moved;			/* a row came that was not locked */
	struct locked *locked;
	size_t n_locked;
	struct reading_group *groups;
	size_t n_groups, room;
	uint16_t *group_of;		/* by key */
	size_t *numbers;		/* by group, the keys of it */
	unsigned scanned;		/* the table of reading_scan() */
	const struct gantry_key **keys;
	size_t n;
};

void reading_begin(struct reading *r, const struct postgres *s,
		   const struct gantry_sink *sink, size_t n);
void reading_add(struct reading *r, const struct gantry_key *key);
/* Sends the statement that locks a set, before the keys of all are read. */
int reading_lock(struct reading *r, struct connection *c,
		 const struct gantry_key_set *set, struct gantry_error *err);
void reading_send(struct reading *r, struct connection *c);
void reading_end(struct reading *r);

void reading_scan(struct reading *r, struct connection *c,
		  const struct gantry_range *range);

/* schema.c */

enum gantry_stored schema_prepare(struct postgres *s, struct connection *c,
				  struct gantry_error *err);
/* Begin a snapshot on c and look whether the tables fit. */
enum gantry_stored schema_look(struct postgres *s, struct connection *c,
			       struct gantry_error *err);

/* doubt.c */

/* Whether the unit whose COMMIT was sent is stored; returns when it is known. */
enum gantry_stored doubt_ask(struct unit *u, struct gantry_error *err);

/* turn.c */

/* Is it worth while to wait for a turn before the next unit is filled? */
bool turn_is_due(const struct unit *u);
/* A unit has begun, and there was one of this lane elsewhere, or none. */
void turn_note(struct unit *u, bool was_free);
/* It came, or it did not in time. */
void turn_came(struct unit *u);
void turn_missed(struct unit *u);
/* A unit has locked its rows. */
void turn_learn(struct unit *u, const struct reading *r);
void turn_fini(struct turn *t);
/* By what the server knows the turns of a schema. */
int32_t turn_class(const char *schema);

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
bool unit_is_in_doubt(const void *self, unsigned lane);

#endif
