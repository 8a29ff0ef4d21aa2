/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection - how a connection is opened here: with a deadline, with settings
 * of its own, and not more often than is good for a server that comes back.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugins/postgres/postgres.h"

enum { FIRST_PAUSE_MS = 25, LONGEST_PAUSE_MS = 1000, PROBE_MS = 1000 };

static void connection_no_memory(void)
{
	fputs("gantry: storage postgres: out of memory\n", stderr);
	abort();
}

void *connection_memory(size_t size)
{
	void *p = calloc(1, size > 0 ? size : 1);

	if (p == NULL)
		connection_no_memory();
	return p;
}

void *connection_longer(void *memory, size_t n, size_t size)
{
	void *p = reallocarray(memory, n, size);

	if (p == NULL)
		connection_no_memory();
	return p;
}

int64_t connection_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void connection_close(struct connection *c)
{
	statement_drop_all(c);
	PQfinish(c->pg);
	c->pg = NULL;
	c->n_waits = 0;
	c->refused = false;
	params_reset(&c->params);
}

void connection_fini(struct connection *c)
{
	connection_close(c);
	free(c->waits);
	free(c->params.bytes);
	c->waits = NULL;
	c->params.bytes = NULL;
}

/*
 * Notices would go to stderr. A COMMIT that did not wait for the standby to
 * the end says so by a warning, and by nothing else.
 */
static void connection_notice(void *context, const PGresult *result)
{
	struct connection *c = context;
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	c->warned |= severity != NULL && strcmp(severity, "WARNING") == 0;
}

/* libpq opens step by step; DNS alone it does not do so. */
static bool connection_connect(struct connection *c, int64_t deadline_ms,
			       bool *late_out)
{
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;

	if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD)
		return false;
	while (step != PGRES_POLLING_OK) {
		if (step == PGRES_POLLING_FAILED)
			return false;
		*late_out = !trip_poll(c->pg, step == PGRES_POLLING_READING ?
				       POLLIN : POLLOUT, deadline_ms);
		if (*late_out)
			return false;
		step = PQconnectPoll(c->pg);
	}
	return PQsetnonblocking(c->pg, 1) == 0 && PQenterPipelineMode(c->pg) == 1;
}

/* What the server says about itself when a connection is set up. */
struct greeting {
	char encoding[24];
	char timeline[9];
	bool standby;
	bool forgets;		/* it does not wait for its disk */
};

static void connection_greet(void *context, const PGresult *result)
{
	struct greeting *g = context;

	if (PQntuples(result) != 1)
		return;
	snprintf(g->encoding, sizeof(g->encoding), "%s", PQgetvalue(result, 0, 0));
	g->standby = PQgetvalue(result, 0, 1)[0] == 't';
	snprintf(g->timeline, sizeof(g->timeline), "%.8s", PQgetvalue(result, 0, 2));
	g->forgets = PQgetvalue(result, 0, 3)[0] == 't';
}

static void connection_set(struct connection *c, const char *name, const char *value)
{
	char sql[120];

	snprintf(sql, sizeof(sql), "SET %s = %s", name, value);
	trip_run(c, sql, (struct taker){ NULL, NULL });
}

static void connection_set_ms(struct connection *c, const char *name, int64_t ms)
{
	char value[24];

	snprintf(value, sizeof(value), "%lld", (long long)ms);
	connection_set(c, name, value);
}

/*
 * Plans are pinned: each statement works on arrays of unknown length over
 * indexes that are meant for it, and a plan made while the tables were empty
 * would be kept while they fill.
 */
static void connection_pin(struct connection *c)
{
	static const char *const off[] = {
		"enable_seqscan", "enable_hashjoin", "enable_mergejoin",
		"enable_bitmapscan", "enable_material", "enable_memoize", "jit",
	};

	connection_set(c, "plan_cache_mode", "force_generic_plan");
	connection_set(c, "join_collapse_limit", "1");
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		connection_set(c, off[i], "off");
}

/*
 * What a database or a role has as its default must not change what a unit
 * is: a commit waits for the disk, and for a synchronous standby if there is
 * one, whatever they say.
 */
static void connection_settings(const struct postgres *s, struct connection *c,
				enum role role)
{
	bool owner = role == ROLE_OWNER || role == ROLE_LOOK;

	connection_set(c, "search_path", "pg_catalog, pg_temp");
	connection_set(c, "client_min_messages", "warning");
	connection_set(c, "default_transaction_isolation", "'read committed'");
	connection_set_ms(c, "statement_timeout", owner ? 0 : s->statement_timeout);
	connection_set_ms(c, "lock_timeout", owner ? 60000 : s->lock_timeout);
	connection_set_ms(c, "idle_in_transaction_session_timeout",
			  role == ROLE_LOOK ? 0 : s->statement_timeout + 5000);
	connection_set_ms(c, "idle_session_timeout", 0);
	trip_run(c, "SELECT set_config('synchronous_commit', 'on', false)"
		 " WHERE current_setting('synchronous_commit') IN ('off', 'local')",
		 (struct taker){ NULL, NULL });
	if (role == ROLE_UNIT || role == ROLE_READ || role == ROLE_LOOK)
		connection_pin(c);
}

/* That is the server's own, so no connection can have it otherwise. Said when it is
   first seen, and again when it was on in between. */
static void connection_warn(struct postgres *s, bool forgets)
{
	bool is_new;

	pthread_mutex_lock(&s->lock);
	is_new = forgets && !s->forgets;
	s->forgets = forgets;
	pthread_mutex_unlock(&s->lock);
	if (is_new)
		gantry_log(NULL, GANTRY_LOG_WARNING, "%s: the server has fsync off, so what "
			   "was acknowledged is lost when its machine fails: turn it on",
			   s->where);
}

static enum gantry_stored connection_set_up(struct postgres *s,
					    struct connection *c, enum role role,
					    struct gantry_error *err)
{
	struct greeting g = { .encoding = "" };
	enum gantry_stored stored;

	connection_settings(s, c, role);
	trip_run(c, "SELECT current_setting('server_encoding'), pg_is_in_recovery(),"
		 " CASE WHEN pg_is_in_recovery() THEN ''"
		 " ELSE pg_walfile_name(pg_current_wal_lsn()) END,"
		 " current_setting('fsync') = 'off'",
		 (struct taker){ connection_greet, &g });
	stored = trip_collect(s, c, err);
	if (stored != GANTRY_STORED)
		return stored;
	memcpy(c->timeline, g.timeline, sizeof(c->timeline));
	if (role == ROLE_UNIT)
		connection_warn(s, g.forgets);
	if (strcmp(g.encoding, "UTF8") != 0) {
		gantry_fail(err, "%s: the database has the encoding %s: make one with "
			    "\"createdb --template=template0 --encoding=UTF8\"",
			    s->where, g.encoding);
		return GANTRY_BROKEN;
	}
	return GANTRY_STORED;
}

/* libpq speaks in several lines; what it asks back, in lines that begin with a
   tab, goes. */
static void connection_one_line(char *text)
{
	char *to = text;
	bool asks = false;

	for (const char *from = text; *from != '\0'; from++) {
		if (*from == '\n')
			asks = from[1] == '\t' || from[1] == '\0';
		if (!asks)
			*to++ = *from == '\n' ? ' ' : *from;
	}
	*to = '\0';
}

static void connection_say(struct connection *c, bool late, int64_t wait_ms)
{
	if (late)
		snprintf(c->message, sizeof(c->message), "no connection within %lld ms",
			 (long long)wait_ms);
	else
		snprintf(c->message, sizeof(c->message), "%s", c->pg != NULL ?
			 PQerrorMessage(c->pg) : "no memory for a connection");
	connection_one_line(c->message);
}

/*
 * A standby that is promoted begins a new timeline. A server of an older one
 * was given up, and does not know it: nobody else will ever see what it stores.
 */
static bool connection_is_given_up(struct postgres *s, struct connection *c)
{
	bool older;

	pthread_mutex_lock(&s->lock);
	older = c->timeline[0] != '\0' && strcmp(c->timeline, s->newest) < 0;
	if (strcmp(c->timeline, s->newest) > 0)
		memcpy(s->newest, c->timeline, sizeof(s->newest));
	pthread_mutex_unlock(&s->lock);
	if (older)
		snprintf(c->message, sizeof(c->message),
			 "another server has taken the place of this one (timeline %s)",
			 c->timeline);
	return older;
}

static enum gantry_stored connection_open_host(struct postgres *s, struct connection *c,
					       enum role role, unsigned host,
					       int64_t wait_ms, struct gantry_error *err)
{
	int64_t deadline_ms = connection_now_ms() + wait_ms;
	enum gantry_stored stored = GANTRY_AWAY;
	const char *values[SETTINGS];
	char *picked[3] = { NULL };
	bool late = false;

	conninfo_pick(s, host, role == ROLE_LOOK, values, picked);
	c->pg = PQconnectStartParams(s->keywords, values, 0);
	for (unsigned i = 0; i < 3; i++)
		free(picked[i]);
	if (c->pg != NULL)
		PQsetNoticeReceiver(c->pg, connection_notice, c);
	c->probes = false;
	c->wait_ms = wait_ms;
	if (connection_connect(c, deadline_ms, &late))
		stored = connection_set_up(s, c, role, err);
	else
		connection_say(c, late, wait_ms);
	if (stored == GANTRY_STORED && connection_is_given_up(s, c))
		stored = GANTRY_AWAY;
	if (stored != GANTRY_STORED)
		connection_close(c);
	return stored;
}

static unsigned connection_first_host(struct postgres *s)
{
	unsigned host;

	pthread_mutex_lock(&s->lock);
	host = s->host;
	pthread_mutex_unlock(&s->lock);
	return host;
}

static void connection_next_host(struct postgres *s, unsigned host)
{
	pthread_mutex_lock(&s->lock);
	s->host = host;
	pthread_mutex_unlock(&s->lock);
}

static void connection_opened(const struct postgres *s, struct connection *c,
			      enum role role)
{
	c->probes = role == ROLE_UNIT;
	c->wait_ms = role == ROLE_READ || role == ROLE_ASK ? s->read_timeout :
		     role == ROLE_OWNER || role == ROLE_LOOK ? 600000 :
		     s->statement_timeout + 1000;
}

/* Each host has its share of the time, and none is asked twice. */
static enum gantry_stored connection_open_within(struct postgres *s,
						 struct connection *c, enum role role,
						 int64_t wait_ms,
						 struct gantry_error *err)
{
	unsigned n = conninfo_hosts(s), first = connection_first_host(s);
	int64_t until_ms = connection_now_ms() + wait_ms;
	enum gantry_stored stored = GANTRY_AWAY;
	char all[sizeof(c->message)] = "";

	for (unsigned i = 0; i < n && stored == GANTRY_AWAY; i++) {
		int64_t left_ms = until_ms - connection_now_ms();
		size_t len = strlen(all);

		stored = connection_open_host(s, c, role, (first + i) % n,
					      left_ms / (n - i), err);
		if (stored == GANTRY_STORED && i > 0)
			connection_next_host(s, (first + i) % n);
		else if (stored == GANTRY_AWAY)
			snprintf(all + len, sizeof(all) - len, "%s%.180s",
				 len > 0 ? "; " : "", c->message);
	}
	if (stored == GANTRY_STORED) {
		connection_opened(s, c, role);
	} else if (stored == GANTRY_AWAY) {
		memcpy(c->message, all, sizeof(all));
		gantry_fail(err, "%s: %s", s->where, all);
		connection_next_host(s, (first + 1) % n);
	}
	return stored;
}

enum gantry_stored connection_open(struct postgres *s, struct connection *c,
				   enum role role, struct gantry_error *err)
{
	return connection_open_within(s, c, role, s->connect_timeout, err);
}

void connection_learn(struct postgres *s)
{
	unsigned n = conninfo_hosts(s);
	struct connection c = { .pg = NULL };

	for (unsigned i = 0; n > 1 && i < n; i++) {
		connection_open_host(s, &c, ROLE_ASK, i, s->connect_timeout / n, NULL);
		connection_close(&c);
	}
	connection_fini(&c);
}

bool connection_probe(struct postgres *s, const struct connection *c)
{
	struct connection other = { .pg = NULL };
	int64_t wait_ms = s->connect_timeout < PROBE_MS ? s->connect_timeout : PROBE_MS;
	bool same = connection_open_within(s, &other, ROLE_ASK, wait_ms, NULL) ==
			    GANTRY_STORED &&
		    strcmp(other.timeline, c->timeline) == 0;

	connection_fini(&other);
	return same;
}

/* May this thread try to connect now? */
static bool connection_may(struct postgres *s, struct gantry_error *err)
{
	bool may;

	pthread_mutex_lock(&s->lock);
	may = s->failures == 0 ||
	      (!s->trying && connection_now_ms() >= s->not_before_ms);
	s->trying |= may && s->failures > 0;
	if (!may)
		gantry_fail(err, "%s: %s", s->where, s->why);
	pthread_mutex_unlock(&s->lock);
	return may;
}

/* A little longer each time, and never the same for two replicas. */
static void connection_tried(struct postgres *s, bool worked, const char *why)
{
	unsigned pause_ms = FIRST_PAUSE_MS, jitter;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	pthread_mutex_lock(&s->lock);
	s->trying = false;
	if (worked) {
		s->failures = 0;
	} else {
		for (unsigned i = 0; i < s->failures && pause_ms < LONGEST_PAUSE_MS; i++)
			pause_ms *= 2;
		if (pause_ms > LONGEST_PAUSE_MS)
			pause_ms = LONGEST_PAUSE_MS;
		jitter = (unsigned)t.tv_nsec / 1000 % (pause_ms / 2 + 1);
		s->failures++;
		s->not_before_ms = connection_now_ms() + pause_ms - jitter;
		snprintf(s->why, sizeof(s->why), "%s", why);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Has the server gone while nobody spoke to it? */
static bool connection_stands(struct postgres *s, struct connection *c)
{
	if (statement_is_full(c) || connection_is_given_up(s, c))
		return false;
	/* the server's last words are readable, too, before the end is */
	return !trip_poll(c->pg, POLLIN, 0);
}

enum gantry_stored connection_mend(struct postgres *s, struct connection *c,
				   enum role role, struct gantry_error *err)
{
	enum gantry_stored stored;

	if (c->pg != NULL && connection_stands(s, c))
		return GANTRY_STORED;
	connection_close(c);
	if (!connection_may(s, err))
		return GANTRY_AWAY;
	stored = connection_open(s, c, role, err);
	connection_tried(s, stored == GANTRY_STORED, c->message);
	return stored == GANTRY_STORED ? stored : GANTRY_AWAY;
}
