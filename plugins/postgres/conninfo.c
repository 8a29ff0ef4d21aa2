/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conninfo - what libpq is told: the option conninfo, and what it does not say.
 *
 * Never a password: that stands in libpq's own files, which others than the
 * gateway's user cannot read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

static char *conninfo_copy(const char *text)
{
	char *copy = connection_memory(strlen(text) + 1);

	return strcpy(copy, text);
}

static const char *conninfo_secret(const PQconninfoOption *options)
{
	for (; options->keyword != NULL; options++)
		if (options->val != NULL &&
		    (strcmp(options->keyword, "password") == 0 ||
		     strcmp(options->keyword, "sslpassword") == 0))
			return options->keyword;
	return NULL;
}

static int conninfo_schema(const struct postgres *s, struct gantry_error *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (s->schema[0] == '\0' || s->schema[strspn(s->schema, plain)] != '\0')
		return gantry_fail(err, "schema: must be letters, digits, _ and -");
	if (strncmp(s->schema, "pg_", 3) == 0)
		return gantry_fail(err, "schema: names that begin with pg_ are "
				   "PostgreSQL's own");
	return 0;
}

/* libpq's message, without the newline at its end. */
static int conninfo_wrong(char *message, struct gantry_error *err)
{
	if (message != NULL)
		message[strcspn(message, "\n")] = '\0';
	gantry_fail(err, "conninfo: %s",
		    message != NULL ? message : "cannot be read");
	PQfreemem(message);
	return -1;
}

int conninfo_check(const struct postgres *s, struct gantry_error *err)
{
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(s->conninfo, &message);
	int failed = conninfo_schema(s, err);
	const char *secret;

	if (options == NULL)
		return conninfo_wrong(message, err);
	secret = conninfo_secret(options);
	if (secret != NULL)
		failed = gantry_fail(err, "conninfo: must not hold a password "
				     "(%s): use passfile= or a service file", secret);
	PQconninfoFree(options);
	if (s->lock_timeout >= s->statement_timeout)
		failed = gantry_fail(err, "lock_timeout: must be below statement_timeout");
	return failed;
}

static const char *conninfo_value(const struct postgres *s, const char *keyword)
{
	for (unsigned i = 0; s->keywords[i] != NULL; i++)
		if (strcmp(s->keywords[i], keyword) == 0)
			return s->values[i];
	return NULL;
}

/* What the user says stands. */
static void conninfo_add(struct postgres *s, const char *keyword, const char *value)
{
	unsigned n = 0;

	if (conninfo_value(s, keyword) != NULL)
		return;
	while (s->keywords[n] != NULL)
		n++;
	if (n == SETTINGS - 1)
		return;
	s->keywords[n] = conninfo_copy(keyword);
	s->values[n] = conninfo_copy(value);
}

/* libpq's own default is as good as nothing said. */
static void conninfo_take(struct postgres *s, const PQconninfoOption *o)
{
	static const char *const taken[] = {
		"host", "hostaddr", "port", "application_name", "keepalives",
		"keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "target_session_attrs",
	};

	if (o->val == NULL || o->val[0] == '\0' ||
	    (o->compiled != NULL && strcmp(o->val, o->compiled) == 0))
		return;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(o->keyword, taken[i]) == 0)
			conninfo_add(s, o->keyword, o->val);
}

/*
 * What a service file or the environment says of it. libpq tells that of a
 * connection only; with an sslmode that is none it makes one that asks nobody.
 */
static void conninfo_resolve(struct postgres *s)
{
	const char *keywords[SETTINGS + 1], *values[SETTINGS + 1];
	PQconninfoOption *options;
	unsigned n = 0;
	PGconn *pg;

	for (; s->keywords[n] != NULL; n++) {
		keywords[n] = s->keywords[n];
		values[n] = s->values[n];
	}
	/* the last one stands */
	keywords[n] = "sslmode";
	values[n] = "none";
	keywords[n + 1] = values[n + 1] = NULL;
	pg = PQconnectStartParams(keywords, values, 0);
	options = PQconninfo(pg);
	for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
		conninfo_take(s, o);
	PQconninfoFree(options);
	PQfinish(pg);
}

/*
 * A server that is cut off is noticed by the kernel; without that a backend,
 * too, would wait for us for hours with its locks.
 */
static void conninfo_fill(struct postgres *s)
{
	char ms[24];

	snprintf(ms, sizeof(ms), "%lld", (long long)s->connect_timeout);
	conninfo_add(s, "application_name", "gantry");
	conninfo_add(s, "client_encoding", "UTF8");
	conninfo_add(s, "keepalives", "1");
	conninfo_add(s, "keepalives_idle", "5");
	conninfo_add(s, "keepalives_interval", "2");
	conninfo_add(s, "keepalives_count", "3");
	conninfo_add(s, "tcp_user_timeout", ms);
	conninfo_add(s, "target_session_attrs", "read-write");
}

static void conninfo_name(struct postgres *s)
{
	const char *service = conninfo_value(s, "service");
	const char *host = conninfo_value(s, "host");
	const char *port = conninfo_value(s, "port");
	const char *name = conninfo_value(s, "dbname");
	int len;

	if (host == NULL)
		host = conninfo_value(s, "hostaddr");
	if (service != NULL)
		len = asprintf(&s->where, "postgres service %s", service);
	else
		len = asprintf(&s->where, "postgres %s%s%s/%s",
			       host != NULL ? host : "local", port != NULL ? ":" : "",
			       port != NULL ? port : "", name != NULL ? name : "");
	if (len < 0)
		abort();
}

int conninfo_open(struct postgres *s, struct gantry_error *err)
{
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(s->conninfo, &message);

	if (options == NULL)
		return conninfo_wrong(message, err);
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (o->val != NULL && o->val[0] != '\0' &&
		    strcmp(o->keyword, "client_encoding") != 0)
			conninfo_add(s, o->keyword, o->val);
	PQconninfoFree(options);
	conninfo_resolve(s);
	conninfo_fill(s);
	conninfo_name(s);
	return 0;
}

void conninfo_free(struct postgres *s)
{
	for (unsigned i = 0; s->keywords[i] != NULL; i++) {
		free((char *)s->keywords[i]);
		free(s->values[i]);
	}
	free(s->where);
}

static unsigned conninfo_count(const char *list)
{
	unsigned n = 1;

	for (; list != NULL && *list != '\0'; list++)
		n += *list == ',';
	return n;
}

/* The n-th of a list; malloc. */
static char *conninfo_element(const char *list, unsigned n)
{
	char *text;

	for (; n > 0; n--)
		list = strchr(list, ',') + 1;
	if (asprintf(&text, "%.*s", (int)strcspn(list, ","), list) < 0)
		abort();
	return text;
}

unsigned conninfo_hosts(const struct postgres *s)
{
	const char *hosts = conninfo_value(s, "host");

	return conninfo_count(hosts != NULL ? hosts : conninfo_value(s, "hostaddr"));
}

void conninfo_pick(const struct postgres *s, unsigned host, bool any,
		   const char *values[SETTINGS], char *picked[3])
{
	static const char *const lists[] = { "host", "hostaddr", "port" };
	unsigned n = conninfo_hosts(s);

	memcpy(values, s->values, SETTINGS * sizeof(*values));
	for (unsigned i = 0; s->keywords[i] != NULL; i++) {
		if (any && strcmp(s->keywords[i], "target_session_attrs") == 0)
			values[i] = "any";
		for (unsigned k = 0; k < 3; k++)
			if (n > 1 && strcmp(s->keywords[i], lists[k]) == 0 &&
			    conninfo_count(s->values[i]) == n)
				values[i] = picked[k] =
					conninfo_element(s->values[i], host);
	}
}
