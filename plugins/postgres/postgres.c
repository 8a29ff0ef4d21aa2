/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres - a storage in a PostgreSQL database: the descriptor and the
 * readers' side. Only this folder includes libpq-fe.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugins/postgres/postgres.h"

static int postgres_check(const void *self, struct gantry_error *err)
{
	return conninfo_check(self, err);
}

static int postgres_open(void *self, const struct gantry_instance *instance,
			 struct gantry_error *err)
{
	struct postgres *s = self;
	pthread_condattr_t steady;

	(void)instance;
	if (PQisthreadsafe() == 0)
		return gantry_fail(err, "postgres: this libpq was built without threads");
	if (conninfo_check(s, err) < 0 || conninfo_open(s, err) < 0)
		return -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&s->returned, &steady);
	pthread_condattr_destroy(&steady);
	s->units = connection_memory((size_t)s->lanes * sizeof(*s->units));
	for (int64_t i = 0; i < s->lanes; i++)
		s->units[i].s = s;
	return 0;
}

static void postgres_close(void *self)
{
	struct postgres *s = self;

	while (s->idle != NULL) {
		struct connection *c = s->idle;

		s->idle = c->next;
		connection_fini(c);
		free(c);
	}
	for (int64_t i = 0; i < s->lanes; i++) {
		connection_fini(&s->units[i].connection);
		turn_fini(&s->units[i].turn);
	}
	free(s->units);
	conninfo_free(s);
	pthread_cond_destroy(&s->returned);
	pthread_mutex_destroy(&s->lock);
}

static void postgres_add_reader(struct postgres *s, struct connection *c)
{
	c->next = s->idle;
	s->idle = c;
}

/* The only reader, inside one transaction until the close: its snapshot. */
static enum gantry_stored postgres_look(struct postgres *s, struct gantry_error *err)
{
	struct connection *c = connection_memory(sizeof(*c));
	enum gantry_stored stored;

	postgres_add_reader(s, c);
	stored = connection_open(s, c, ROLE_LOOK, err);
	return stored == GANTRY_STORED ? schema_look(s, c, err) : stored;
}

static enum gantry_stored postgres_prepare(void *self,
					   const struct gantry_schema *schema,
					   enum gantry_prepare mode,
					   struct gantry_error *err)
{
	struct connection owner = { .pg = NULL };
	struct postgres *s = self;
	enum gantry_stored stored;

	/* no other major is known yet, so MIGRATE has nothing more to do */
	assert(s->tables == NULL);
	s->tables = schema;
	s->looking = mode == GANTRY_PREPARE_LOOK;
	if (s->looking)
		return postgres_look(s, err);
	connection_learn(s);
	stored = connection_open(s, &owner, ROLE_OWNER, err);
	if (stored == GANTRY_STORED)
		stored = schema_prepare(s, &owner, err);
	connection_fini(&owner);
	for (int64_t i = 0; i < s->readers && stored == GANTRY_STORED; i++)
		postgres_add_reader(s, connection_memory(sizeof(struct connection)));
	return stored;
}

static unsigned postgres_lanes(const void *self)
{
	const struct postgres *s = self;

	return (unsigned)s->lanes;
}

static struct timespec postgres_deadline(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* A reader of one's own, or NULL with err: all were busy for too long. */
static struct connection *postgres_take(struct postgres *s, struct gantry_error *err)
{
	struct timespec until = postgres_deadline(s->read_timeout);
	struct connection *c;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (s->idle == NULL && rc == 0)
		rc = pthread_cond_timedwait(&s->returned, &s->lock, &until);
	c = s->idle;
	if (c != NULL)
		s->idle = c->next;
	pthread_mutex_unlock(&s->lock);
	if (c == NULL)
		gantry_fail(err, "%s: all %lld readers were busy for %lld ms", s->where,
			    (long long)s->readers, (long long)s->read_timeout);
	return c;
}

static void postgres_give_back(struct postgres *s, struct connection *c)
{
	pthread_mutex_lock(&s->lock);
	postgres_add_reader(s, c);
	pthread_cond_signal(&s->returned);
	pthread_mutex_unlock(&s->lock);
}

/*
 * The snapshot of a look is gone with its connection. Who had to wait for a
 * reader waits less for the server: others hang there already.
 */
static struct connection *postgres_reader(struct postgres *s,
					  enum gantry_stored *stored_out,
					  struct gantry_error *err)
{
	int64_t began_ms = connection_now_ms(), left_ms;
	struct connection *c = postgres_take(s, err);

	*stored_out = GANTRY_AWAY;
	if (c == NULL)
		return NULL;
	left_ms = s->read_timeout - (connection_now_ms() - began_ms);
	if (left_ms < s->read_timeout / 4)
		left_ms = s->read_timeout / 4;
	if (!s->looking && c->pg == NULL && left_ms < s->read_timeout * 3 / 4)
		gantry_fail(err, "%s: the readers wait for the server", s->where);
	else if (!s->looking)
		*stored_out = connection_mend(s, c, ROLE_READ, err);
	else if (c->pg != NULL)
		*stored_out = GANTRY_STORED;
	else
		gantry_fail(err, "%s: the connection was lost, and what it looked at "
			    "with it", s->where);
	if (!s->looking)
		c->wait_ms = left_ms;
	if (*stored_out == GANTRY_STORED)
		return c;
	postgres_give_back(s, c);
	return NULL;
}

/* An error leaves a transaction behind, of which there is none alone. */
static enum gantry_stored postgres_answer(struct postgres *s, struct connection *c,
					  const struct reading *r,
					  struct gantry_error *err)
{
	enum gantry_stored stored = trip_collect(s, c, err);

	if (stored == GANTRY_STORED && r->stopped) {
		gantry_fail(err, "%s: the rows were not taken", s->where);
		stored = GANTRY_BROKEN;
	} else if (stored == GANTRY_CONFLICT) {
		stored = GANTRY_AWAY;	/* of a standby that had to go on */
	}
	if (c->pg != NULL && !s->looking && PQtransactionStatus(c->pg) != PQTRANS_IDLE)
		connection_close(c);
	postgres_give_back(s, c);
	return stored;
}

static void postgres_verb(const struct postgres *s, struct connection *c, enum verb verb)
{
	const struct shape shape = { .verb = (uint8_t)verb };

	trip_send(s, c, &shape, (struct taker){ NULL, NULL });
}

/* Several statements see one snapshot only inside a transaction. */
static enum gantry_stored postgres_read(void *self,
					const struct gantry_key *const *keys, size_t n,
					const struct gantry_sink *sink,
					struct gantry_error *err)
{
	struct postgres *s = self;
	enum gantry_stored stored;
	struct connection *c;
	struct reading r;
	bool alone;

	c = postgres_reader(s, &stored, err);
	if (c == NULL)
		return stored;
	reading_begin(&r, s, sink, n);
	for (size_t i = 0; i < n; i++)
		reading_add(&r, keys[i]);
	alone = r.n_groups <= 1 || s->looking;
	if (!alone)
		postgres_verb(s, c, VERB_SNAPSHOT);
	reading_send(&r, c);
	if (!alone)
		postgres_verb(s, c, VERB_COMMIT);
	stored = postgres_answer(s, c, &r, err);
	reading_end(&r);
	return stored;
}

static enum gantry_stored postgres_scan(void *self, const struct gantry_range *range,
					const struct gantry_sink *sink,
					struct gantry_error *err)
{
	struct postgres *s = self;
	enum gantry_stored stored;
	struct connection *c = postgres_reader(s, &stored, err);
	struct reading r;

	if (c == NULL)
		return stored;
	reading_begin(&r, s, sink, 0);
	reading_scan(&r, c, range);
	stored = postgres_answer(s, c, &r, err);
	reading_end(&r);
	return stored;
}

#define POSTGRES_OPTION(member, ...) \
	GANTRY_TEXT(struct postgres, member, __VA_ARGS__)
#define POSTGRES_COUNT(member, ...) \
	GANTRY_INTEGER(struct postgres, member, .min = 1, __VA_ARGS__)
#define POSTGRES_WAIT(member, ...) \
	GANTRY_DURATION(struct postgres, member, .min = 10, .max = 600000, __VA_ARGS__)

static const struct gantry_option *const postgres_options[] = {
	POSTGRES_OPTION(conninfo, .flags = GANTRY_OPTION_REQUIRED,
			.summary = "how libpq reaches the database: host=... dbname=..., "
				   "or a URI; without a password"),
	POSTGRES_OPTION(schema, .fallback = "gantry", .min = 1, .max = 63,
			.summary = "the PostgreSQL schema that holds the tables"),
	POSTGRES_COUNT(lanes, .fallback = "2", .max = LANES,
		       .summary = "connections that change rows, each for units of its own"),
	POSTGRES_COUNT(readers, .fallback = "4", .max = 64,
		       .summary = "connections that read beside them"),
	POSTGRES_WAIT(connect_timeout, .fallback = "1500ms",
		      .summary = "how long opening a connection may take, over all hosts"),
	POSTGRES_WAIT(read_timeout, .fallback = "1500ms",
		      .summary = "how long the server may be silent while it reads"),
	POSTGRES_WAIT(statement_timeout, .fallback = "5s",
		      .summary = "how long one statement of a unit may take"),
	POSTGRES_WAIT(lock_timeout, .fallback = "2s",
		      .summary = "how long to wait for a row that another unit holds"),
	NULL
};

static const struct gantry_storage postgres_storage = {
	.size = sizeof(struct gantry_storage),
	.prepare = postgres_prepare,
	.lanes = postgres_lanes,
	.read = postgres_read,
	.scan = postgres_scan,
	.begin = unit_begin,
	.load = unit_load,
	.store = unit_store,
	.commit = unit_commit,
	.rollback = unit_rollback,
	.in_doubt = unit_is_in_doubt,
};

GANTRY_PLUGIN(.name = "postgres", .version = VERSION_TEXT,
	      .summary = "storage in a PostgreSQL database",
	      .threads = GANTRY_PARALLEL, .instance_size = sizeof(struct postgres),
	      .options = postgres_options, .check = postgres_check,
	      .open = postgres_open, .close = postgres_close,
	      .storage = &postgres_storage);
