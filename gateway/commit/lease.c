/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease - the row of a lease, decided under its lock: for the publisher's
 * rows, for the ticks of schedules, for the replica's number.
 */
#include <string.h>

#include "gateway/commit/unit.h"

void lease_needs(struct unit *u, const char *name)
{
	struct gantry_value value = value_text(name);

	needs_lock(&u->needs, &(struct gantry_key){ .size = sizeof(struct gantry_key),
						    .table = COMMIT_LEASES,
						    .n = 1,
						    .values = &value });
}

static bool lease_is_mine(const struct unit *u, const struct row *row)
{
	return strcmp(row_text(row, LEASES_OWNER), u->world->options.owner) == 0;
}

static int64_t lease_epoch(const struct row *row)
{
	return row_is_null(row, LEASES_EPOCH) ? 0 : row_number(row, LEASES_EPOCH);
}

static bool lease_may_hold(const struct unit *u, const struct row *row,
			   const struct lease *wish)
{
	switch (wish->how) {
	case LEASE_KEEP:
		return lease_is_mine(u, row) && lease_epoch(row) == wish->since;
	case LEASE_TAKE:
		return lease_is_mine(u, row) ||
		       row_number(row, LEASES_UNTIL) < u->now_ms;
	case LEASE_SEIZE:
		return true;
	case LEASE_TURN:
		return row_number(row, LEASES_UNTIL) <= u->now_ms;
	}
	return false;
}

/* Turns keep their rhythm, whoever takes one late; a clock may be set. */
static int64_t lease_until(const struct unit *u, const struct row *row,
			   const struct lease *wish)
{
	int64_t late_ms;

	if (wish->how != LEASE_TURN || row_is_null(row, LEASES_UNTIL))
		return u->now_ms + wish->ms;
	late_ms = u->now_ms - row_number(row, LEASES_UNTIL);
	return u->now_ms + wish->ms - late_ms % wish->ms;
}

static void lease_set(struct unit *u, struct row *row, struct lease *wish)
{
	int64_t until = lease_until(u, row, wish);

	wish->epoch = lease_epoch(row) + (wish->how != LEASE_KEEP);
	row_set_text(&u->rows, row, LEASES_OWNER, u->world->options.owner);
	row_set_number(&u->rows, row, LEASES_EPOCH, wish->epoch);
	row_set_number(&u->rows, row, LEASES_UNTIL, until);
	wish->held = true;
	wish->namesake = false;
	wish->left_ms = until - u->now_ms;
}

void lease_decide(struct unit *u, struct lease *wish)
{
	struct gantry_value name = value_text(wish->name);
	struct row *row = rowset_find(&u->rows, COMMIT_LEASES, 0, &name, 1);

	if (row == NULL) {
		row = rowset_new(&u->rows, COMMIT_LEASES,
				 ids_ref(&u->world->refs, u->now_ms));
		row_set_text(&u->rows, row, LEASES_NAME, wish->name);
		row_set_number(&u->rows, row, LEASES_EPOCH, 0);
	} else if (!lease_may_hold(u, row, wish)) {
		wish->held = false;
		wish->epoch = lease_epoch(row);
		wish->namesake = lease_is_mine(u, row);
		wish->left_ms = row_number(row, LEASES_UNTIL) - u->now_ms;
		return;
	}
	lease_set(u, row, wish);
}
