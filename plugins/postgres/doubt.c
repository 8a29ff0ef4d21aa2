/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doubt - what became of a COMMIT that was not answered.
 *
 * By the transaction's number the server says whether it is still at work. Its
 * word that it is committed is not enough: a server that crashed, or a standby
 * in its place, may have given the number to another transaction if nothing of
 * ours had reached the disk. A row that only this unit made is the proof.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugins/postgres/postgres.h"

enum { FIRST_PAUSE_MS = 25, LONGEST_PAUSE_MS = 1000 };

enum fate { FATE_UNKNOWN, FATE_COMMITTED, FATE_ABORTED };

enum status { STATUS_UNKNOWN, STATUS_IN_PROGRESS, STATUS_COMMITTED, STATUS_ABORTED };

struct doubt {
	struct unit *u;
	struct connection connection;
	char timeline[9];		/* of the server that got the COMMIT */
	enum fate fate;
	enum status status;		/* of the number */
	unsigned found;			/* rows of the unit that are there */
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
	const char *status = PQgetvalue(result, 0, 0);
	struct doubt *d = context;

	if (strcmp(status, "committed") == 0)
		d->status = STATUS_COMMITTED;
	else if (strcmp(status, "in progress") == 0)
		d->status = STATUS_IN_PROGRESS;
	else
		d->status = STATUS_ABORTED;
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

static void doubt_ask_number(struct doubt *d)
{
	struct connection *c = &d->connection;
	char sql[80];

	d->status = STATUS_UNKNOWN;
	snprintf(sql, sizeof(sql), "SELECT pg_xact_status('%lld'::xid8)",
		 (long long)d->u->xid);
	trip_run(c, sql, (struct taker){ doubt_take_status, d });
	trip_collect(d->u->s, c, NULL);
	if (c->pg != NULL && strcmp(c->sqlstate, "22023") == 0)
		d->status = STATUS_ABORTED;	/* it is in the future */
	if (d->status == STATUS_IN_PROGRESS)
		doubt_end_backend(d);
}

static void doubt_take_row(void *context, const PGresult *result)
{
	struct doubt *d = context;

	d->found += PQntuples(result) > 0;
}

/* How many of these rows are there, of this version or a later one? */
static bool doubt_ask_rows(struct doubt *d, const struct marker *markers, unsigned n)
{
	struct postgres *s = d->u->s;

	d->found = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct gantry_table *t = s->tables->tables[markers[i].table];
		char *sql;

		if (asprintf(&sql, "SELECT 1 FROM \"%s\".\"%s\" WHERE \"%s\" = %lld"
			     " AND \"%s\" >= %lld", s->schema, t->name,
			     t->columns[0]->name, (long long)markers[i].ref,
			     t->columns[1]->name, (long long)markers[i].version) < 0)
			abort();
		trip_run(&d->connection, sql, (struct taker){ doubt_take_row, d });
		free(sql);
	}
	return trip_collect(s, &d->connection, NULL) == GANTRY_STORED;
}

/*
 * One row that is there is enough, as the others may have gone again. A unit
 * that made none is told by its number and what it changed; both may be
 * another's, but hardly of the same row.
 */
static void doubt_decide(struct doubt *d, bool same_server)
{
	const struct unit *u = d->u;
	bool committed;

	if (!doubt_ask_rows(d, u->n_new > 0 ? u->new : u->changed,
			    u->n_new > 0 ? u->n_new : u->n_changed))
		return;
	if (u->n_new > 0 || !same_server)
		committed = d->found > 0;
	else
		committed = d->status == STATUS_COMMITTED && d->found == u->n_changed;
	d->fate = committed ? FATE_COMMITTED : FATE_ABORTED;
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
	d->connection.wait_ms = d->u->s->statement_timeout + 1000;
	trip_run(&d->connection, "SELECT pg_logical_emit_message(true, 'gantry', '')",
		 (struct taker){ NULL, NULL });
	if (trip_collect(d->u->s, &d->connection, NULL) != GANTRY_STORED)
		d->fate = FATE_UNKNOWN;
}

static void doubt_try(struct doubt *d)
{
	struct connection *c = &d->connection;
	bool same_server;

	if (c->pg == NULL &&
	    connection_open(d->u->s, c, ROLE_ASK, NULL) != GANTRY_STORED)
		return;
	if (d->waiter != 0)
		doubt_end_waiter(d);
	if (c->pg == NULL)
		return;
	same_server = strcmp(c->timeline, d->timeline) == 0;
	if (same_server)
		doubt_ask_number(d);
	if (c->pg != NULL &&
	    (!same_server || d->status == STATUS_COMMITTED || d->status == STATUS_ABORTED))
		doubt_decide(d, same_server);
	if (d->fate == FATE_COMMITTED)
		doubt_settle(d);
}

enum gantry_stored doubt_ask(struct unit *u, struct gantry_error *err)
{
	struct doubt d = { .u = u };
	unsigned pause_ms = FIRST_PAUSE_MS;

	memcpy(d.timeline, u->connection.timeline, sizeof(d.timeline));
	atomic_store(&u->in_doubt, true);
	for (doubt_try(&d); d.fate == FATE_UNKNOWN; doubt_try(&d)) {
		doubt_pause(pause_ms);
		if (pause_ms < LONGEST_PAUSE_MS)
			pause_ms *= 2;
	}
	atomic_store(&u->in_doubt, false);
	connection_fini(&d.connection);
	if (d.fate == FATE_COMMITTED)
		return GANTRY_STORED;
	gantry_fail(err, "%s: the connection was lost before the COMMIT", u->s->where);
	return GANTRY_AWAY;
}
