/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - see verify.h.
 *
 * As long as nothing was ever published, the outbox holds every event, so it
 * must hold exactly those that the statuses demand. Once a publisher has been
 * at work (its lease is there) events that were confirmed are gone, and only
 * what is left can be held against the allocations: no event may be gone while
 * one before it still waits (I5).
 */
#include "gateway/commit/verify.h"

#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/memory.h"
#include "gateway/commit/schema.h"

#define VERIFY_PAGE 2000
#define VERIFY_PUBLISHER "publisher:"

enum {
	VERIFY_CREATED = 1,
	VERIFY_CONFIRMED = 2,
	VERIFY_CANCELLED = 4,
	VERIFY_FULFILLED = 8,
	VERIFY_MATCHED = 16,	/* its allocation was seen */
};

struct verify_entry {
	uint64_t hash;		/* 0: free */
	unsigned events;
};

/* Open addressing, at most half full. */
struct verify_map {
	struct verify_entry *entries;
	size_t n, room;
};

struct verify {
	const struct query_store *store;
	void (*found)(void *ctx, const char *invariant, const char *row,
		      const char *what);
	void *ctx;
	struct verify_map aggregates, event_ids, keys;
	size_t unmatched;	/* aggregates that no allocation answered for */
	bool published;
	size_t rows;		/* of the page */
	struct gantry_value last_ref;
	int (*row)(struct verify *v, const struct gantry_value *values);
};

static struct verify_entry *verify_slot(struct verify_map *map, uint64_t hash)
{
	size_t i = hash & (map->room - 1);

	while (map->entries[i].hash != 0 && map->entries[i].hash != hash)
		i = (i + 1) & (map->room - 1);
	return &map->entries[i];
}

static void verify_grow(struct verify_map *map)
{
	struct verify_map old = *map;

	map->room = old.room == 0 ? 1024 : old.room * 2;
	map->entries = memory_new_array(map->room, sizeof(*map->entries));
	for (size_t i = 0; i < old.room; i++)
		if (old.entries[i].hash != 0)
			*verify_slot(map, old.entries[i].hash) = old.entries[i];
	free(old.entries);
}

static uint64_t verify_hash(const struct gantry_value *text)
{
	uint64_t hash = hash_bytes(text->is.text, text->len);

	return hash != 0 ? hash : 1;
}

/* The entry of a text, new if it was not there. */
static struct verify_entry *verify_entry(struct verify_map *map,
					 const struct gantry_value *text)
{
	struct verify_entry *entry;

	if (2 * (map->n + 1) > map->room)
		verify_grow(map);
	entry = verify_slot(map, verify_hash(text));
	if (entry->hash == 0) {
		entry->hash = verify_hash(text);
		map->n++;
	}
	return entry;
}

static bool verify_is(const struct gantry_value *value, const char *text)
{
	return value->kind == GANTRY_STRING && value->len == strlen(text) &&
	       memcmp(value->is.text, text, value->len) == 0;
}

static void verify_tell(struct verify *v, const char *invariant, const char *table,
			const struct gantry_value *id, const char *what)
{
	AUTO_FREE char *row = memory_format("%s %.*s", table, (int)id->len,
					    id->is.text);

	v->found(v->ctx, invariant, row, what);
}

static unsigned verify_type(const struct gantry_value *type)
{
	return verify_is(type, "AllocationCreated") ? VERIFY_CREATED :
	       verify_is(type, "AllocationConfirmed") ? VERIFY_CONFIRMED :
	       verify_is(type, "AllocationCancelled") ? VERIFY_CANCELLED :
	       verify_is(type, "AllocationFulfilled") ? VERIFY_FULFILLED : 0;
}

static int verify_outbox(struct verify *v, const struct gantry_value *values)
{
	unsigned type = verify_type(&values[OUTBOX_TYPE]);
	struct verify_entry *entry;

	entry = verify_entry(&v->event_ids, &values[OUTBOX_EVENT_ID]);
	if (entry->events++ > 0)
		verify_tell(v, "I4", "outbox", &values[OUTBOX_EVENT_ID],
			    "two events have this eventId");
	if (type == 0 || !verify_is(&values[OUTBOX_AGGREGATE_TYPE], "Allocation"))
		return 0;
	entry = verify_entry(&v->aggregates, &values[OUTBOX_AGGREGATE_ID]);
	v->unmatched += entry->events == 0;
	if (entry->events & type)
		verify_tell(v, "I4", "outbox", &values[OUTBOX_EVENT_ID],
			    "a second event of this type for its allocation");
	entry->events |= type;
	return 0;
}

/* The events that a status demands, and those that it allows besides. */
static void verify_demands(const struct gantry_value *status, unsigned *must,
			   unsigned *may)
{
	*must = VERIFY_CREATED;
	*may = 0;
	if (verify_is(status, "CONFIRMED")) {
		*must |= VERIFY_CONFIRMED;
	} else if (verify_is(status, "FULFILLED")) {
		*must |= VERIFY_CONFIRMED | VERIFY_FULFILLED;
	} else if (verify_is(status, "CANCELLED")) {
		*must |= VERIFY_CANCELLED;
		*may = VERIFY_CONFIRMED;
	}
}

/* Of the events that a status demands, those behind the first that waits. */
static unsigned verify_behind(unsigned events, unsigned must)
{
	if (events & VERIFY_CREATED)
		return must;
	if (events & VERIFY_CONFIRMED)
		return must & (VERIFY_CANCELLED | VERIFY_FULFILLED);
	return 0;
}

static int verify_allocation(struct verify *v, const struct gantry_value *values)
{
	const struct gantry_value *id = &values[ALLOCATIONS_ID];
	struct verify_entry none = { 0 }, *entry = &none;
	unsigned must, may;

	verify_demands(&values[ALLOCATIONS_STATUS], &must, &may);
	if (v->aggregates.room > 0)
		entry = verify_slot(&v->aggregates, verify_hash(id));
	if (entry->events != 0 && !(entry->events & VERIFY_MATCHED))
		v->unmatched--;
	if (!v->published && (must & ~entry->events) != 0)
		verify_tell(v, "I4", "allocations", id,
			    "a change of its status has no event");
	if (v->published && (verify_behind(entry->events, must) & ~entry->events) != 0)
		verify_tell(v, "I5", "allocations", id,
			    "an event is gone while one before it waits");
	if (entry->events & ~(must | may | VERIFY_MATCHED))
		verify_tell(v, "I4", "allocations", id,
			    "an event says what its status does not");
	if (values[ALLOCATIONS_LAST_EVENT].kind == GANTRY_NULL)
		verify_tell(v, "I4", "allocations", id, "it names no event");
	if (entry->events != 0)
		entry->events |= VERIFY_MATCHED;
	return 0;
}

/* Again over the outbox, for events whose allocation is not there. */
static int verify_orphan(struct verify *v, const struct gantry_value *values)
{
	if (verify_type(&values[OUTBOX_TYPE]) == 0 ||
	    !verify_is(&values[OUTBOX_AGGREGATE_TYPE], "Allocation"))
		return 0;
	if (!(verify_entry(&v->aggregates, &values[OUTBOX_AGGREGATE_ID])->events &
	      VERIFY_MATCHED))
		verify_tell(v, "I4", "outbox", &values[OUTBOX_EVENT_ID],
			    "its allocation is not there");
	return 0;
}

static int verify_lease(struct verify *v, const struct gantry_value *values)
{
	const struct gantry_value *name = &values[LEASES_NAME];
	size_t n = strlen(VERIFY_PUBLISHER);

	v->published |= name->len > n &&
			memcmp(name->is.text, VERIFY_PUBLISHER, n) == 0;
	return 0;
}

static int verify_key(struct verify *v, const struct gantry_value *values)
{
	if (verify_entry(&v->keys, &values[IDEMPOTENCY_KEY])->events++ > 0)
		verify_tell(v, "I3", "idempotency", &values[IDEMPOTENCY_KEY],
			    "this key has two answers");
	return 0;
}

static int verify_row(void *context, size_t key, const struct gantry_value *values)
{
	struct verify *v = context;

	(void)key;
	v->rows++;
	v->last_ref = values[0];
	return v->row(v, values);
}

static int verify_table(struct verify *v, unsigned table,
			int (*row)(struct verify *, const struct gantry_value *),
			struct gantry_error *err)
{
	struct gantry_sink sink = { verify_row, v };
	struct gantry_range range = { .size = sizeof(range), .table = table,
				      .index = GANTRY_BY_REF,
				      .limit = VERIFY_PAGE };

	v->row = row;
	do {
		v->rows = 0;
		if (v->store->storage->scan(v->store->self, &range, &sink, err) !=
		    GANTRY_STORED)
			return -1;
		range.from = &v->last_ref;
		range.n_from = 1;
		range.from_after = true;
	} while (v->rows == VERIFY_PAGE);
	return 0;
}

int commit_verify(const struct query_store *store,
		  void (*found)(void *ctx, const char *invariant, const char *row,
				const char *what),
		  void *ctx, struct gantry_error *err)
{
	struct verify v = { .store = store, .found = found, .ctx = ctx };
	int done;

	done = verify_table(&v, COMMIT_LEASES, verify_lease, err);
	if (done == 0)
		done = verify_table(&v, COMMIT_IDEMPOTENCY, verify_key, err);
	if (done == 0)
		done = verify_table(&v, COMMIT_OUTBOX, verify_outbox, err);
	if (done == 0)
		done = verify_table(&v, STOCK_ALLOCATIONS, verify_allocation, err);
	if (done == 0 && v.unmatched > 0)
		done = verify_table(&v, COMMIT_OUTBOX, verify_orphan, err);
	free(v.aggregates.entries);
	free(v.event_ids.entries);
	free(v.keys.entries);
	return done;
}
