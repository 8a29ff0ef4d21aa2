/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trip - send many statements and wait once for all their answers, in libpq's
 * pipeline mode. A statement that fails takes all behind it with it.
 *
 * Nothing here waits without a deadline: what the server does not end by its
 * own timeouts ends with the connection.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

/* The first failure counts; those behind it were not run. */
struct trip {
	enum gantry_stored stored;
	bool fatal;		/* the server ends the connection */
	bool silent;		/* no byte before the deadline */
	int64_t waited_ms;
};

/* So long a silence is worth a question; with the answer's time (PROBE_MS of
   connection.c) it stays below the two seconds in which callers hear. */
#define TRIP_PROBE_MS 700

static void trip_expect(struct connection *c, struct statement *st, bool prepare,
			struct taker taker)
{
	if (c->n_waits == c->room) {
		c->room = c->room > 0 ? c->room * 2 : 32;
		c->waits = connection_longer(c->waits, c->room, sizeof(*c->waits));
	}
	c->waits[c->n_waits++] = (struct wait){ st, prepare, taker };
}

void trip_send(const struct postgres *s, struct connection *c,
	       const struct shape *shape, struct taker taker)
{
	struct statement *st = statement_get(s, c, shape);
	struct params *p = &c->params;
	const char *values[PARAMS];
	int sizes[PARAMS], formats[PARAMS];

	if (!st->prepared) {
		c->refused |= PQsendPrepare(c->pg, st->name, st->sql, 0, NULL) != 1;
		trip_expect(c, st, true, (struct taker){ NULL, NULL });
		st->prepared = true;
	}
	for (unsigned i = 0; i < p->n; i++) {
		/* no byte at all would be NULL to libpq */
		values[i] = p->is_null[i] ? NULL :
			    p->sizes[i] > 0 ? p->bytes + p->at[i] : "";
		sizes[i] = (int)p->sizes[i];
		formats[i] = 1;
	}
	c->refused |= PQsendQueryPrepared(c->pg, st->name, (int)p->n, values, sizes,
					  formats, 1) != 1;
	trip_expect(c, st, false, taker);
	params_reset(p);
}

void trip_run(struct connection *c, const char *sql, struct taker taker)
{
	c->refused |= PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0) != 1;
	trip_expect(c, NULL, false, taker);
}

bool trip_poll(PGconn *pg, short events, int64_t deadline_ms)
{
	struct pollfd fd = { .fd = PQsocket(pg), .events = events };
	int64_t left_ms;
	int n;

	if (fd.fd < 0)
		return false;
	do {
		left_ms = deadline_ms - connection_now_ms();
		n = poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/*
 * Wait for a byte from the server, or for room for one. Who waits for a lock
 * hears nothing, who waits for a server that hangs neither: of these two only
 * the first one can open another connection.
 */
static bool trip_wait(struct postgres *s, struct connection *c, short events,
		      struct trip *trip)
{
	int64_t until_ms = connection_now_ms() + c->wait_ms;

	while (!trip->silent) {
		int64_t now_ms = connection_now_ms();
		int64_t next_ms = c->probes && now_ms + TRIP_PROBE_MS < until_ms ?
			now_ms + TRIP_PROBE_MS : until_ms;

		if (trip_poll(c->pg, events, next_ms))
			return true;
		trip->silent = next_ms == until_ms || PQsocket(c->pg) < 0 ||
			       !connection_probe(s, c);
		trip->waited_ms = connection_now_ms() - until_ms + c->wait_ms;
	}
	return false;
}

/* Send what is left while what comes is read, or both sides may wait. */
static bool trip_flush(struct postgres *s, struct connection *c, struct trip *trip)
{
	int rc;

	while ((rc = PQflush(c->pg)) == 1)
		if (!trip_wait(s, c, POLLIN | POLLOUT, trip) ||
		    PQconsumeInput(c->pg) != 1)
			return false;
	return rc == 0;
}

/* One result, or NULL as libpq says it; false: lost. */
static bool trip_next(struct postgres *s, struct connection *c,
		      PGresult **result_out, struct trip *trip)
{
	*result_out = NULL;
	while (PQisBusy(c->pg))
		if (!trip_wait(s, c, POLLIN, trip) || PQconsumeInput(c->pg) != 1)
			return false;
	*result_out = PQgetResult(c->pg);
	return PQstatus(c->pg) == CONNECTION_OK;
}

static bool trip_is_class(const char *sqlstate, const char *class)
{
	return strncmp(sqlstate, class, strlen(class)) == 0;
}

/*
 * The server is there and says no. A transaction that it has ended for the
 * sake of another is a conflict; what only passes with time is away.
 */
static enum gantry_stored trip_meaning(const char *sqlstate,
				       const struct statement *st)
{
	static const struct {
		const char *class;
		enum gantry_stored stored;
	} meanings[] = {
		{ "40002", GANTRY_REFUSED_ROW },	/* a constraint, at COMMIT */
		{ "40", GANTRY_CONFLICT },	/* serialization, deadlock */
		{ "55P03", GANTRY_CONFLICT },	/* a lock was not free in time */
		{ "23505", GANTRY_CONFLICT },	/* a unique value exists */
		{ "23", GANTRY_REFUSED_ROW },	/* other constraints */
		{ "22", GANTRY_REFUSED_ROW },	/* not UTF-8, out of range */
		{ "54000", GANTRY_REFUSED_ROW },	/* too long for an index */
		{ "53100", GANTRY_FULL },
		{ "53", GANTRY_AWAY },		/* no memory, no connection free */
		{ "08", GANTRY_AWAY },
		{ "57", GANTRY_AWAY },		/* shut down, timeout */
		{ "58030", GANTRY_AWAY },	/* its disk */
		{ "25006", GANTRY_AWAY },	/* it is a standby now */
		{ "25P0", GANTRY_AWAY },	/* it waited too long for us */
	};

	if (st != NULL && st->shape.verb == VERB_CHANGED &&
	    strcmp(sqlstate, "22012") == 0)
		return GANTRY_CONFLICT;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (trip_is_class(sqlstate, meanings[i].class))
			return meanings[i].stored;
	return GANTRY_BROKEN;
}

static bool trip_is_fatal(const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity == NULL || strcmp(severity, "ERROR") != 0;
}

static enum gantry_stored trip_failed(const struct postgres *s, struct connection *c,
				      const struct wait *w, const PGresult *result,
				      struct gantry_error *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const struct statement *st = w->statement;
	enum gantry_stored stored;

	strncpy(c->sqlstate, state != NULL ? state : "", sizeof(c->sqlstate) - 1);
	snprintf(c->message, sizeof(c->message), "%s",
		 text != NULL ? text : "an error without a message");
	stored = trip_meaning(c->sqlstate, st);
	if (stored == GANTRY_CONFLICT && strcmp(c->sqlstate, "22012") == 0)
		gantry_fail(err, "%s: %s: a row is gone", s->where,
			    s->tables->tables[st->shape.table]->name);
	else
		gantry_fail(err, "%s: %s", s->where, c->message);
	return stored;
}

/* What libpq says, in one line. */
static enum gantry_stored trip_lost(const struct postgres *s, struct connection *c,
				    const struct trip *trip, struct gantry_error *err)
{
	const char *text = PQerrorMessage(c->pg);
	int len = (int)strcspn(text, "\n");

	if (trip->stored == GANTRY_STORED) {	/* or the server has said why */
		if (trip->silent)
			snprintf(c->message, sizeof(c->message),
				 "no answer for %lld ms", (long long)trip->waited_ms);
		else
			snprintf(c->message, sizeof(c->message), "%.*s",
				 len > 0 ? len : 22, len > 0 ? text :
				 "the connection is lost");
		gantry_fail(err, "%s: %s", s->where, c->message);
	}
	connection_close(c);
	return GANTRY_AWAY;
}

static void trip_take(const struct postgres *s, struct connection *c,
		      const struct wait *w, const PGresult *result,
		      struct trip *trip, struct gantry_error *err)
{
	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		if (w->taker.take != NULL)
			w->taker.take(w->taker.context, result);
		break;
	case PGRES_PIPELINE_ABORTED:
		if (w->prepare)
			w->statement->prepared = false;
		break;
	default:
		if (w->prepare)
			w->statement->prepared = false;
		if (trip->stored == GANTRY_STORED)
			trip->stored = trip_failed(s, c, w, result, err);
		trip->fatal |= trip_is_fatal(result);
	}
}

/* Each statement's results end with a NULL, the sync at the end has none. */
static bool trip_answers(struct postgres *s, struct connection *c,
			 struct trip *trip, struct gantry_error *err)
{
	static const struct wait none;
	PGresult *result;

	for (size_t i = 0; i <= c->n_waits; i++) {
		const struct wait *w = i < c->n_waits ? &c->waits[i] : &none;

		do {
			bool there = trip_next(s, c, &result, trip);
			ExecStatusType status = PQresultStatus(result);

			if (result != NULL && status != PGRES_PIPELINE_SYNC)
				trip_take(s, c, w, result, trip, err);
			PQclear(result);
			if (!there || trip->fatal)
				return false;
			if (i == c->n_waits && result != NULL &&
			    status == PGRES_PIPELINE_SYNC)
				break;
		} while (result != NULL || i == c->n_waits);
	}
	return true;
}

enum gantry_stored trip_collect(struct postgres *s, struct connection *c,
				struct gantry_error *err)
{
	struct trip trip = { .stored = GANTRY_STORED };

	assert(c->pg != NULL);
	c->sqlstate[0] = '\0';
	if (c->refused || PQpipelineSync(c->pg) != 1 || !trip_flush(s, c, &trip) ||
	    !trip_answers(s, c, &trip, err))
		return trip_lost(s, c, &trip, err);
	c->n_waits = 0;
	if (trip.stored == GANTRY_BROKEN)	/* it may be the session that is */
		connection_close(c);
	return trip.stored;
}
