/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention - answers after 24 hours, inbox rows and closed dead letters after
 * 30 days go, a few at a time, inside units that are written anyway.
 *
 * Refs are in time order, so the oldest rows are the lowest ones: no index on
 * time is needed, but for dead letters, which are closed in any order. The
 * inbox row of a letter that is open stays, however old. How old they are is
 * told by the storage's clock, so nothing is looked for before the first unit
 * has shown it.
 */
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/commit/unit.h"

#define RETENTION_ROOM 512	/* rows known to be old, of each table */
#define RETENTION_LEAST 32	/* rows that a unit takes at most when quiet */
#define RETENTION_PAUSE_MS 10000

struct retention_list {
	unsigned table, created_column;
	unsigned index;			/* by time, or GANTRY_BY_REF */
	struct gantry_value from;	/* what lies before it stays */
	int64_t refs[RETENTION_ROOM];
	unsigned n, taken;
};

struct retention {
	struct retention_list lists[3];
	int64_t next_look_ms;		/* steady */
};

struct retention *retention_new(void)
{
	struct retention *r = memory_new(sizeof(*r));

	r->lists[0] = (struct retention_list){ .table = COMMIT_INBOX,
		.created_column = INBOX_CREATED_AT, .index = GANTRY_BY_REF };
	r->lists[1] = (struct retention_list){ .table = COMMIT_IDEMPOTENCY,
		.created_column = IDEMPOTENCY_CREATED_AT, .index = GANTRY_BY_REF };
	r->lists[2] = (struct retention_list){ .table = COMMIT_DEAD_LETTERS,
		.created_column = DEAD_LETTERS_CLOSED_AT, .index = 2 };
	for (unsigned i = 0; i < ARRAY_LENGTH(r->lists); i++)
		r->lists[i].from = value_number(0);
	return r;
}

void retention_free(struct retention **retention)
{
	free(*retention);
	*retention = NULL;
}

struct retention_scan {
	struct retention_list *list;
	int64_t before_ms;
	unsigned rows;			/* seen and old */
};

static bool retention_stays(const struct retention_list *list,
			    const struct gantry_value *values)
{
	const struct gantry_value *state = &values[INBOX_STATE];

	return list->table == COMMIT_INBOX && state->len == 4 &&
	       memcmp(state->is.text, "dead", 4) == 0;
}

static int retention_row(void *context, size_t key, const struct gantry_value *values)
{
	struct retention_scan *scan = context;
	struct retention_list *list = scan->list;

	(void)key;
	if (values[list->created_column].is.number >= scan->before_ms)
		return 0;
	scan->rows++;
	if (!retention_stays(list, values))
		list->refs[list->n++] = values[0].is.number;
	else if (list->n == 0)
		list->from = values[0];
	return 0;
}

/* True: there may be more of them. */
static bool retention_fill(struct unit *u, struct retention_list *list, int64_t age_ms)
{
	int64_t now_ms = u->ahead_ms + clock_steady_ns() / 1000000;
	struct gantry_value from = list->from;
	struct retention_scan scan = { list, now_ms - age_ms, 0 };
	struct gantry_sink sink = { retention_row, &scan };
	struct gantry_range range = { .size = sizeof(range),
				      .table = list->table,
				      .index = list->index,
				      .from = &from, .n_from = 1,
				      .limit = RETENTION_ROOM };
	struct gantry_error err = ERROR_INIT;

	list->n = list->taken = 0;
	if (u->world->storage->scan(u->world->storage_self, &range, &sink, &err) !=
	    GANTRY_STORED)
		list->n = 0;
	error_fini(&err);
	/* a letter that was resolved since lets its inbox row go, too */
	if (scan.rows < RETENTION_ROOM)
		list->from = value_number(0);
	return scan.rows == RETENTION_ROOM;
}

static bool retention_is_empty(const struct retention *r)
{
	return r->lists[0].n + r->lists[1].n + r->lists[2].n == 0;
}

bool retention_look(struct unit *u)
{
	const struct committer_options *o = &u->world->options;
	struct retention *r = u->retention;
	int64_t now = clock_steady_ns() / 1000000;
	bool more;

	if (retention_is_empty(r) && now >= r->next_look_ms && u->now_ms != 0) {
		more = retention_fill(u, &r->lists[0], o->inbox_ms);
		more |= retention_fill(u, &r->lists[1], o->idempotency_ms);
		more |= retention_fill(u, &r->lists[2], o->inbox_ms);
		r->next_look_ms = more ? now : now + RETENTION_PAUSE_MS;
	}
	return !retention_is_empty(r);
}

static unsigned retention_added(const struct unit *u, unsigned table)
{
	unsigned n = 0;

	for (const struct row *row = rowset_rows(&u->rows, table); row != NULL;
	     row = row->next)
		n += row->state == ROW_NEW;
	return n;
}

static bool retention_is_known(const struct unit *u, unsigned table, int64_t ref)
{
	const struct row *row = rowset_rows(&u->rows, table);

	while (row != NULL && row_number(row, 0) != ref)
		row = row->next;
	return row != NULL;
}

/*
 * A row that this unit works on, or removes already, is not for retention,
 * whatever its age.
 */
static void retention_take(struct unit *u, struct retention_list *list)
{
	unsigned most = 2 * retention_added(u, list->table);

	if (most < RETENTION_LEAST)
		most = RETENTION_LEAST;
	list->taken = list->n < most ? list->n : most;
	for (unsigned i = list->n - list->taken; i < list->n; i++)
		if (!retention_is_known(u, list->table, list->refs[i]))
			rowset_drop(&u->rows, list->table, list->refs[i]);
}

void retention_add(struct unit *u)
{
	retention_look(u);
	rowset_mark(&u->rows);
	for (unsigned i = 0; i < ARRAY_LENGTH(u->retention->lists); i++)
		retention_take(u, &u->retention->lists[i]);
}

void retention_done(struct unit *u, bool durable)
{
	for (unsigned i = 0; i < ARRAY_LENGTH(u->retention->lists); i++) {
		struct retention_list *list = &u->retention->lists[i];

		if (durable)
			list->n -= list->taken;
		list->taken = 0;
	}
}
