/* SPDX-License-Identifier: Apache-2.0 */
/* at_work - see at_work.h. */
#include "gateway/commit/at_work.h"

#include <stdio.h>
#include <string.h>

#include "gateway/commit/schema.h"

/* Each gateway at work holds one of this name, see replica.h. */
#define AT_WORK_REPLICA "replica:"

struct at_work_leases {
	struct at_work *out;
	int64_t now_ms;
};

static int at_work_nothing(void *context, size_t key, const struct gantry_value *values)
{
	(void)context;
	(void)key;
	(void)values;
	return 0;
}

/*
 * Leases run by the storage's clock, and ours may be ahead of it. A unit alone
 * tells the time there: this one locks nothing, and is undone.
 */
static int at_work_now(const struct query_store *store, int64_t *now_ms_out,
		       struct gantry_error *err)
{
	const struct gantry_sink sink = { at_work_nothing, NULL };
	const struct gantry_storage *st = store->storage;
	enum gantry_stored stored;
	void *unit;

	if (st->begin(store->self, 0, &unit, err) != GANTRY_STORED)
		return -1;
	stored = st->load(unit, NULL, 0, NULL, 0, &sink, now_ms_out, err);
	st->rollback(unit);
	return stored == GANTRY_STORED ? 0 : -1;
}

static int at_work_lease(void *context, size_t key, const struct gantry_value *values)
{
	const struct gantry_value *name = &values[LEASES_NAME];
	const struct gantry_value *owner = &values[LEASES_OWNER];
	struct at_work_leases *l = context;
	size_t len = strlen(AT_WORK_REPLICA);

	(void)key;
	if (name->len < len || memcmp(name->is.text, AT_WORK_REPLICA, len) != 0)
		return 0;
	l->out->versions += values[LEASES_VERSION].is.number;
	if (values[LEASES_UNTIL].is.number <= l->now_ms)
		return 0;
	l->out->run = true;
	snprintf(l->out->owner, sizeof(l->out->owner), "%.*s", (int)owner->len,
		 owner->is.text);
	return 0;
}

int at_work_look(const struct query_store *store, struct at_work *out,
		 struct gantry_error *err)
{
	struct at_work_leases leases = { .out = out };
	const struct gantry_sink sink = { at_work_lease, &leases };
	const struct gantry_range range = { .size = sizeof(range),
					    .table = COMMIT_LEASES,
					    .index = GANTRY_BY_REF, .limit = 100000 };

	*out = (struct at_work){ .versions = 0 };
	/* before the rows: one that runs out in between counts as running */
	if (at_work_now(store, &leases.now_ms, err) < 0)
		return -1;
	return store->storage->scan(store->self, &range, &sink, err) == GANTRY_STORED ?
		       0 : -1;
}
