/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention - answers after 24 hours and inbox rows after 30 days go, a few
 * at a time, inside units that are written anyway.
 *
 * Refs are in time order, so the oldest rows are the lowest ones: no index on
 * time is needed. How old they are is told by the storage's clock, so nothing
 * is looked for before the first unit has shown it.
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
	int64_t refs[RETENTION_ROOM];
	unsigned n, taken;
};

struct retention {
	struct retention_list lists[2];
	int64_t next_look_ms;		/* steady */
};

struct retention *retention_new(void)
{
	struct retention *r = memory_new(sizeof(*r));

	r->lists[0].table = COMMIT_INBOX;
	r->lists[0].created_column = INBOX_CREATED_AT;
	r->lists[1].table = COMMIT_IDEMPOTENCY;
	r->lists[1].created_column = IDEMPOTENCY_CREATED_AT;
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
};

static int retention_row(void *context, size_t key, const struct gantry_value *values)
{
	struct retention_scan *scan = context;
	struct retention_list *list = scan->list;

	(void)key;
	if (values[list->created_column].is.number < scan->before_ms)
		list->refs[list->n++] = values[0].is.number;
	return 0;
}

static void retention_fill(struct unit *u, struct retention_list *list, int64_t age_ms)
{
	int64_t now_ms = u->ahead_ms + clock_steady_ns() / 1000000;
	struct retention_scan scan = { list, now_ms - age_ms };
	struct gantry_sink sink = { retention_row, &scan };
	struct gantry_range range = { .size = sizeof(range),
				      .table = list->table,
				      .index = GANTRY_BY_REF,
				      .limit = RETENTION_ROOM };
	struct gantry_error err = ERROR_INIT;

	list->n = list->taken = 0;
	if (u->world->storage->scan(u->world->storage_self, &range, &sink, &err) !=
	    GANTRY_STORED)
		list->n = 0;
	error_fini(&err);
}

bool retention_look(struct unit *u)
{
	struct retention *r = u->retention;
	int64_t now = clock_steady_ns() / 1000000;

	if (r->lists[0].n + r->lists[1].n == 0 && now >= r->next_look_ms &&
	    u->now_ms != 0) {
		retention_fill(u, &r->lists[0], u->world->options.inbox_ms);
		retention_fill(u, &r->lists[1], u->world->options.idempotency_ms);
		/* a full list says that there is more */
		r->next_look_ms = now;
		if (r->lists[0].n < RETENTION_ROOM && r->lists[1].n < RETENTION_ROOM)
			r->next_look_ms += RETENTION_PAUSE_MS;
	}
	return r->lists[0].n + r->lists[1].n > 0;
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
