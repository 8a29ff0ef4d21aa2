/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit - one transaction of a lane: two trips to the server, whatever it
 * works on.
 *
 * The first one begins, locks and reads; the second one carries all changes
 * and the COMMIT. The COMMIT is never sent before the transaction's number is
 * known: by that its fate can be asked for if the answer does not come.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

/* The server counts from 2000 on, in microseconds. */
#define UNIT_EPOCH_MS INT64_C(946684800000)

/* So many rows at least, or one value for all of them is chance. */
#define UNIT_FEW 4

static const struct taker nobody;

static void unit_take_start(void *context, const PGresult *result)
{
	struct unit *u = context;

	turn_note(u, PQgetvalue(result, 0, 0)[0] != 0);
	u->xid = params_decode(PQgetvalue(result, 0, 1));
	u->now_ms = params_decode(PQgetvalue(result, 0, 2)) / 1000 + UNIT_EPOCH_MS;
	u->pid = (int)params_decode(PQgetvalue(result, 0, 3));
}

static void unit_verb(struct unit *u, enum verb verb, struct taker taker)
{
	const struct shape shape = { .verb = (uint8_t)verb };

	trip_send(u->s, &u->connection, &shape, taker);
}

static void unit_start_by(struct unit *u, enum verb verb)
{
	u->begun = true;
	unit_verb(u, VERB_BEGIN, nobody);
	params_number(&u->connection.params, u - u->s->units);
	unit_verb(u, verb, (struct taker){ unit_take_start, u });
}

/* Sent with whatever comes first. */
static void unit_start(struct unit *u)
{
	if (!u->begun)
		unit_start_by(u, VERB_START);
}

static int unit_lock(struct reading *r, struct connection *c,
		     const struct gantry_key_set *const *locks, size_t n_locks,
		     struct gantry_error *err)
{
	size_t end = 0;

	r->locked = connection_memory(n_locks * sizeof(*r->locked));
	for (size_t i = 0; i < n_locks; i++) {
		end += locks[i]->n;
		r->locked[r->n_locked++].end = end;
		if (locks[i]->n > 0 && reading_lock(r, c, locks[i], err) < 0)
			return -1;
	}
	return 0;
}

static enum gantry_stored unit_loaded(struct unit *u, const struct reading *r,
				      struct gantry_error *err)
{
	if (r->stopped) {
		gantry_fail(err, "%s: the rows were not taken", u->s->where);
		return GANTRY_BROKEN;
	}
	if (!r->moved)
		return GANTRY_STORED;
	gantry_fail(err, "%s: a row came to be while it was locked", u->s->where);
	return GANTRY_CONFLICT;
}

static size_t unit_count(const struct gantry_key_set *const *locks, size_t n_locks)
{
	size_t n = 0;

	for (size_t i = 0; i < n_locks; i++)
		n += locks[i]->n;
	return n;
}

/* Locks are taken by statements of their own: what is read behind them is
   what their last holders have left. */
enum gantry_stored unit_load(void *unit, const struct gantry_key_set *const *locks,
			     size_t n_locks, const struct gantry_key *const *keys,
			     size_t n_keys, const struct gantry_sink *sink,
			     int64_t *now_ms_out, struct gantry_error *err)
{
	struct unit *u = unit;
	struct connection *c = &u->connection;
	struct reading r;

	assert(u->open);
	if (u->failed != GANTRY_STORED)
		return u->failed;
	unit_start(u);
	reading_begin(&r, u->s, sink, unit_count(locks, n_locks) + n_keys);
	if (unit_lock(&r, c, locks, n_locks, err) < 0)
		u->failed = GANTRY_BROKEN;
	for (size_t i = 0; i < n_locks; i++)
		for (size_t k = 0; k < locks[i]->n; k++)
			reading_add(&r, locks[i]->keys[k]);
	for (size_t k = 0; k < n_keys; k++)
		reading_add(&r, keys[k]);
	if (u->failed == GANTRY_STORED) {
		reading_send(&r, c);
		u->failed = trip_collect(u->s, c, err);
	}
	if (u->failed == GANTRY_STORED) {
		turn_learn(u, &r);
		u->failed = unit_loaded(u, &r, err);
	}
	reading_end(&r);
	*now_ms_out = u->now_ms;
	return u->failed;
}

/* The server would take the text "12" for no number; what is NULL where none
   may be it refuses itself. */
static enum gantry_stored unit_check(const struct unit *u,
				     const struct gantry_change *change,
				     struct gantry_error *err)
{
	const struct gantry_table *t = u->s->tables->tables[change->table];
	uint64_t mask = change->kind == GANTRY_NEW ? UINT64_MAX : change->mask;

	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct gantry_value *v = &change->values[i];

		if ((mask >> i & 1) == 0 || v->kind == GANTRY_NULL ||
		    v->kind == (uint32_t)t->columns[i]->kind)
			continue;
		gantry_fail(err, "%s: %s.%s: must be %s", u->s->where, t->name,
			    t->columns[i]->name,
			    v->kind == GANTRY_STRING ? "a number" : "text");
		return GANTRY_REFUSED_ROW;
	}
	return GANTRY_STORED;
}

static bool unit_equal(const struct gantry_value *a, const struct gantry_value *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == GANTRY_INT64)
		return a->is.number == b->is.number;
	return a->kind == GANTRY_NULL ||
	       (a->len == b->len && (a->len == 0 || a->is.text == b->is.text ||
				     memcmp(a->is.text, b->is.text, a->len) == 0));
}

static bool unit_is_same(const struct gantry_change *const *changes, size_t n,
			 unsigned column)
{
	for (size_t i = 1; i < n; i++)
		if (!unit_equal(&changes[i]->values[column], &changes[0]->values[column]))
			return false;
	return true;
}

/*
 * Many columns have one value for all rows of a unit: then it goes once. Each
 * mix of such columns is a statement of its own, so not too many of them.
 */
static uint64_t unit_same(const struct unit *u, uint64_t mask, unsigned n_columns,
			  const struct gantry_change *const *changes, size_t n)
{
	uint64_t same = 0;

	if (n < UNIT_FEW || statement_is_full(&u->connection))
		return 0;
	for (unsigned i = 1; i < n_columns; i++)
		if ((mask >> i & 1) != 0 && unit_is_same(changes, n, i))
			same |= UINT64_C(1) << i;
	return same;
}

static void unit_param(struct params *p, enum gantry_value_kind kind, unsigned column,
		       const struct gantry_change *const *changes, size_t n)
{
	params_begin(p, kind, n);
	for (size_t i = 0; i < n; i++)
		params_add(p, kind, &changes[i]->values[column]);
	params_end(p);
}

/* Changes of one kind, table and mask: one statement. */
static void unit_send(struct unit *u, const struct gantry_change *const *changes,
		      size_t n)
{
	const struct gantry_change *first = changes[0];
	const struct gantry_table *t = u->s->tables->tables[first->table];
	struct params *p = &u->connection.params;
	struct shape shape = { .table = (uint8_t)first->table };
	uint64_t mask = 1;

	if (first->kind == GANTRY_NEW) {
		shape.verb = VERB_NEW;
		mask = UINT64_MAX;
	} else if (first->kind == GANTRY_CHANGED) {
		shape.verb = VERB_CHANGED;
		shape.mask = first->mask;
		mask |= first->mask;
	} else {
		shape.verb = VERB_GONE;
	}
	shape.same = unit_same(u, mask, t->n_columns, changes, n);
	for (unsigned i = 0; i < t->n_columns; i++)
		if ((shape.same >> i & 1) != 0)
			params_value(p, t->columns[i]->kind, &first->values[i]);
		else if ((mask >> i & 1) != 0)
			unit_param(p, t->columns[i]->kind, i, changes, n);
	trip_send(u->s, &u->connection, &shape, nobody);
}

/* One of each table: what tells of the unit if the answer is lost. */
static void unit_remember(struct unit *u, const struct gantry_change *change)
{
	const struct marker m = { change->table, change->values[0].is.number,
				  change->values[1].is.number };

	if (change->kind == GANTRY_NEW && u->n_new < MARKERS)
		u->new[u->n_new++] = m;
	else if (change->kind == GANTRY_CHANGED && (change->mask & 2) != 0 &&
		 u->n_changed < MARKERS)
		u->changed[u->n_changed++] = m;
}

/*
 * Changes of one kind and table. Those of another mask wait for a statement of
 * their own; list is put in that order.
 */
static void unit_send_table(struct unit *u, const struct gantry_change **list, size_t n)
{
	unit_remember(u, list[n - 1]);
	while (n > 0) {
		size_t same = 1;

		for (size_t i = 1; i < n; i++)
			if (list[0]->kind != GANTRY_CHANGED ||
			    list[i]->mask == list[0]->mask) {
				const struct gantry_change *swap = list[i];

				list[i] = list[same];
				list[same++] = swap;
			}
		if (list[0]->kind != GANTRY_CHANGED || list[0]->mask != 0)
			unit_send(u, list, same);
		list += same;
		n -= same;
	}
}

static void unit_send_kind(struct unit *u, enum gantry_change_kind kind,
			   const struct gantry_change *const *changes, size_t n,
			   const struct gantry_change **list)
{
	size_t n_list = 0, begin = 0;

	for (size_t i = 0; i < n; i++)
		if (changes[i]->kind == kind)
			list[n_list++] = changes[i];
	for (size_t i = 1; i <= n_list; i++)
		if (i == n_list || list[i]->table != list[begin]->table) {
			unit_send_table(u, list + begin, i - begin);
			begin = i;
		}
}

/* GONE first, NEW last: a unique value may go from one row to another. */
enum gantry_stored unit_store(void *unit, const struct gantry_change *const *changes,
			      size_t n, struct gantry_error *err)
{
	struct unit *u = unit;
	const struct gantry_change **list;

	assert(u->open);
	for (size_t i = 0; i < n && u->failed == GANTRY_STORED; i++)
		if (changes[i]->kind != GANTRY_GONE)
			u->failed = unit_check(u, changes[i], err);
	if (u->failed != GANTRY_STORED || n == 0)
		return u->failed;
	unit_start(u);
	list = connection_memory(n * sizeof(*list));
	for (int kind = GANTRY_GONE; kind <= GANTRY_NEW; kind++)
		unit_send_kind(u, (enum gantry_change_kind)kind, changes, n, list);
	free(list);
	return GANTRY_STORED;
}

/* Leave no transaction open; an error in it takes a ROLLBACK with it. */
static void unit_end(struct unit *u)
{
	struct connection *c = &u->connection;

	u->open = false;
	if (!u->begun)
		return;
	for (int i = 0; i < 2 && c->pg != NULL; i++) {
		if (c->n_waits == 0 && PQtransactionStatus(c->pg) == PQTRANS_IDLE)
			return;
		unit_verb(u, VERB_ROLLBACK, nobody);
		trip_collect(u->s, c, NULL);
	}
	if (c->pg != NULL && PQtransactionStatus(c->pg) != PQTRANS_IDLE)
		connection_close(c);
}

static void unit_reset(struct unit *u)
{
	u->failed = GANTRY_STORED;
	u->begun = false;
	u->xid = u->now_ms = 0;
	u->n_new = u->n_changed = 0;
	u->open = true;
}

/* A trip of its own; if the turn does not come in time, all is as before. */
static enum gantry_stored unit_take_turn(struct unit *u, struct gantry_error *err)
{
	struct connection *c = &u->connection;
	enum gantry_stored stored;
	bool missed;

	unit_start_by(u, VERB_TURN);
	stored = trip_collect(u->s, c, NULL);
	if (stored == GANTRY_STORED) {
		turn_came(u);
		return stored;
	}
	missed = strcmp(c->sqlstate, "55P03") == 0;
	unit_end(u);
	if (missed)
		turn_missed(u);
	if (missed && c->pg != NULL) {
		unit_reset(u);
		return GANTRY_STORED;
	}
	gantry_fail(err, "%s: %s", u->s->where, c->message);
	return missed ? GANTRY_AWAY : stored;
}

enum gantry_stored unit_begin(void *self, unsigned lane, void **unit_out,
			      struct gantry_error *err)
{
	struct postgres *s = self;
	struct unit *u = &s->units[lane];
	enum gantry_stored stored;

	assert((int64_t)lane < s->lanes && !u->open);
	stored = connection_mend(s, &u->connection, ROLE_UNIT, err);
	if (stored != GANTRY_STORED)
		return stored;
	unit_reset(u);
	*unit_out = u;
	return turn_is_due(u) ? unit_take_turn(u, err) : GANTRY_STORED;
}

/* Everything before the COMMIT, where load has not brought its number. */
static enum gantry_stored unit_number(struct unit *u, struct gantry_error *err)
{
	if (u->xid != 0)
		return GANTRY_STORED;
	unit_start(u);
	return trip_collect(u->s, &u->connection, err);
}

enum gantry_stored unit_commit(void *unit, struct gantry_error *err)
{
	struct unit *u = unit;
	struct connection *c = &u->connection;

	assert(u->open);
	if (u->failed != GANTRY_STORED)
		gantry_fail(err, "%s: the unit had failed before", u->s->where);
	else
		u->failed = unit_number(u, err);
	if (u->failed == GANTRY_STORED) {
		c->warned = false;
		unit_verb(u, VERB_COMMIT, nobody);
		u->failed = trip_collect(u->s, c, err);
		if (c->pg == NULL || c->warned)
			u->failed = doubt_ask(u, err);
	}
	unit_end(u);
	return u->failed;
}

void unit_rollback(void *unit)
{
	struct unit *u = unit;

	assert(u->open);
	unit_end(u);
}

bool unit_is_in_doubt(const void *self, unsigned lane)
{
	const struct postgres *s = self;

	return atomic_load(&s->units[lane].in_doubt);
}
