/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doubt - what became of a COMMIT that was not answered.
 *
 * The server knows it by the transaction's number, as long as it is the same
 * server. Where a standby has taken its place the number may be another
 * transaction's: there a row that only this unit made is the proof.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugins/postgres/postgres.h"

enum { FIRST_PAUSE_MS = 25, LONGEST_PAUSE_MS = 1000 };

enum fate { FATE_UNKNOWN, FATE_COMMITTED, FATE_ABORTED };

struct doubt {
	struct unit *u;
	struct connection connection;
	char timeline[9];		/* of the server that got the COMMIT */
	enum fate fate;
	int waiter;			/* backend of an earlier doubt_settle() */
};

static void doubt_pause(unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000,
				    .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static void doubt_take_status(void *context, const PGresult *result)
{
	struct doubt *d = context;
	const char *status = PQgetvalue(result, 0, 0);

	if (strcmp(status, "committed") == 0)
		d->fate = FATE_COMMITTED;
	else if (strcmp(status, "in progress") != 0)
		d->fate = FATE_ABORTED;
}

/*
 * A backend that waits for us will never hear of the COMMIT. One that is at
 * work is left to it: it may wait for a synchronous standby.
 */
static void doubt_end_backend(struct doubt *d)
{
	char sql[240];

	snprintf(sql, sizeof(sql),
		 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
		 " WHERE pid = %d AND backend_xid = '%u'::xid"
		 " AND state LIKE 'idle in transaction%%'",
		 d->u->pid, (unsigned)d->u->xid);
	trip_run(&d->connection, sql, (struct taker){ NULL, NULL });
	trip_collect(d->u->s, &d->connection, NULL);
}

static void doubt_by_number(struct doubt *d)
{
	struct connection *c = &d->connection;
	char sql[80];

	snprintf(sql, sizeof(sql), "SELECT pg_xact_status('%lld'::xid8)",
		 (long long)d->u->xid);
	trip_run(c, sql, (struct taker){ doubt_take_status, d });
	if (trip_collect(d->u->s, c, NULL) == GANTRY_STORED) {
		if (d->fate == FATE_UNKNOWN)
			doubt_end_backend(d);
	} else if (c->pg != NULL && strcmp(c->sqlstate, "22023") == 0) {
		d->fate = FATE_ABORTED;		/* it is in the future */
	}
}

static void doubt_take_row(void *context, const PGresult *result)
{
	struct doubt *d = context;

	if (PQntuples(result) > 0)
		d->fate = FATE_COMMITTED;
}

static void doubt_by_rows(struct doubt *d)
{
	const struct postgres *s = d->u->s;

	for (unsigned i = 0; i < d->u->n_markers; i++) {
		const struct marker *m = &d->u->markers[i];
		const struct gantry_table *t = s->tables->tables[m->table];
		char *sql;

		if (asprintf(&sql, "SELECT 1 FROM \"%s\".\"%s\" WHERE \"%s\" = %lld",
			     s->schema, t->name, t->columns[0]->name,
			     (long long)m->ref) < 0)
			abort();
		trip_run(&d->connection, sql, (struct taker){ doubt_take_row, d });
		free(sql);
	}
	if (trip_collect(s, &d->connection, NULL) == GANTRY_STORED &&
	    d->fate == FATE_UNKNOWN)
		d->fate = FATE_ABORTED;
}

/* Or one would be left behind at each turn while the standby is away. */
static void doubt_end_waiter(struct doubt *d)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
		 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
		 " WHERE pid = %d AND query LIKE '%%pg_logical_emit_message%%'"
		 " AND pid <> pg_backend_pid()", d->waiter);
	trip_run(&d->connection, sql, (struct taker){ NULL, NULL });
	trip_collect(d->u->s, &d->connection, NULL);
	d->waiter = 0;
}

/*
 * A backend that ended while it waited for a synchronous standby has committed
 * all the same. A commit of our own behind it is there only when that one is
 * there, too.
 */
static void doubt_settle(struct doubt *d)
{
	d->waiter = PQbackendPID(d->connection.pg);
	trip_run(&d->connection, "SELECT pg_logical_emit_message(true, 'gantry', '')",
		 (struct taker){ NULL, NULL });
	if (trip_collect(d->u->s, &d->connection, NULL) != GANTRY_STORED)
		d->fate = FATE_UNKNOWN;
}

static void doubt_try(struct doubt *d)
{
	struct connection *c = &d->connection;

	if (c->pg == NULL &&
	    connection_open(d->u->s, c, ROLE_ASK, NULL) != GANTRY_STORED)
		return;
	if (d->waiter != 0)
		doubt_end_waiter(d);
	if (c->pg == NULL)
		return;
	if (strcmp(c->timeline, d->timeline) == 0)
		doubt_by_number(d);
	else
		doubt_by_rows(d);
	if (d->fate == FATE_COMMITTED)
		doubt_settle(d);
}

enum gantry_stored doubt_ask(struct unit *u, struct gantry_error *err)
{
	struct doubt d = { .u = u };
	unsigned pause_ms = FIRST_PAUSE_MS;

	memcpy(d.timeline, u->connection.timeline, sizeof(d.timeline));
	for (doubt_try(&d); d.fate == FATE_UNKNOWN; doubt_try(&d)) {
		doubt_pause(pause_ms);
		if (pause_ms < LONGEST_PAUSE_MS)
			pause_ms *= 2;
	}
	connection_fini(&d.connection);
	if (d.fate == FATE_COMMITTED)
		return GANTRY_STORED;
	gantry_fail(err, "%s: the connection was lost before the COMMIT", u->s->where);
	return GANTRY_AWAY;
}
