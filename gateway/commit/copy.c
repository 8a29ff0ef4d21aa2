/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - see copy.h. Table by table in the order of the schema, since rows
 * refer to those of tables before theirs; within a table by ref.
 */
#include "gateway/commit/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/commit/copy_pages.h"
#include "gateway/rows/set.h"

/* Refs that are minted are positive. */
#define COPY_REF (-1)
#define COPY_TRIES 5

/*
 * How far a copy came, as its row in the leases says: owner is the table,
 * until the last ref of it, epoch the rows of all. A table that is not known
 * here stands behind the last one.
 */
struct copy_place {
	int64_t version;		/* of that row; 0: there is none */
	unsigned table;
	int64_t last, rows;
};

struct copy {
	const struct query_store *to;
	struct copy_place place;
	/* the page at hand */
	struct arena arena;
	const struct gantry_change **changes;
	size_t n, room;
};

static int copy_place_row(void *context, size_t key, const struct gantry_value *values)
{
	struct copy_place *place = context;
	const struct gantry_value *owner = &values[LEASES_OWNER];

	(void)key;
	place->version = values[LEASES_VERSION].is.number;
	place->last = values[LEASES_UNTIL].is.number;
	place->rows = values[LEASES_EPOCH].is.number;
	for (place->table = 0; place->table < COMMIT_TABLES; place->table++) {
		const char *name = commit_schema.tables[place->table]->name;

		if (strlen(name) == owner->len &&
		    memcmp(name, owner->is.text, owner->len) == 0)
			break;
	}
	return 0;
}

static const struct gantry_key copy_key = {
	.size = sizeof(copy_key), .table = COMMIT_LEASES, .index = 0, .n = 1,
	.values = &(const struct gantry_value){ .kind = GANTRY_STRING,
						.len = sizeof(COPY_LEASE) - 1,
						.is.text = COPY_LEASE },
};
static const struct gantry_key *const copy_keys[] = { &copy_key };
static const struct gantry_key_set copy_lock = { .size = sizeof(copy_lock),
						 .keys = copy_keys, .n = 1 };
static const struct gantry_key_set *const copy_locks[] = { &copy_lock };

static int copy_find(const struct query_store *store, struct copy_place *out,
		     struct gantry_error *err)
{
	const struct gantry_sink sink = { copy_place_row, out };

	*out = (struct copy_place){ 0 };
	return store->storage->read(store->self, copy_keys, 1, &sink, err) ==
		       GANTRY_STORED ? 0 : -1;
}

int copy_is_half(const struct query_store *store, struct gantry_error *err)
{
	struct copy_place place;

	if (copy_find(store, &place, err) < 0)
		return -1;
	return place.version != 0;
}

int copy_refuse_half(const struct query_store *store, struct gantry_error *err)
{
	int half = copy_is_half(store, err);

	if (half <= 0)
		return half;
	return gantry_fail(err, "a copy into it has begun and not ended: run \"gantry "
			   "storage copy\" again, which goes on where it stopped, or "
			   "take another storage");
}

/*
 * One unit with these changes, if the copy still is where place says: another
 * process may be at work on the same target.
 */
static enum gantry_stored copy_unit(struct copy *c, struct gantry_error *err)
{
	const struct gantry_storage *st = c->to->storage;
	struct copy_place place = { 0 };
	const struct gantry_sink sink = { copy_place_row, &place };
	enum gantry_stored stored;
	int64_t now_ms;
	void *unit;

	stored = st->begin(c->to->self, 0, &unit, err);
	if (stored != GANTRY_STORED)
		return stored;
	stored = st->load(unit, copy_locks, 1, NULL, 0, &sink, &now_ms, err);
	if (stored == GANTRY_STORED && place.version != c->place.version) {
		gantry_fail(err, "another copy into it goes on at the same time");
		stored = GANTRY_BROKEN;
	}
	if (stored == GANTRY_STORED)
		stored = st->store(unit, c->changes, c->n, err);
	if (stored == GANTRY_STORED)
		return st->commit(unit, err);
	st->rollback(unit);
	return stored;
}

/* A conflict may pass; one that does not is a row that is there already. */
static int copy_store(struct copy *c, struct gantry_error *err)
{
	enum gantry_stored stored = GANTRY_BROKEN;

	for (int64_t try = 0; try < COPY_TRIES; try++) {
		const struct timespec pause = { .tv_nsec = try * 10000000 };

		nanosleep(&pause, NULL);
		error_reset(err);
		stored = copy_unit(c, err);
		if (stored != GANTRY_CONFLICT)
			break;
	}
	return stored == GANTRY_STORED ? 0 : -1;
}

static void copy_add(struct copy *c, const struct gantry_change *change)
{
	struct gantry_change *kept = arena_alloc(&c->arena, sizeof(*kept));
	size_t size = c->room * sizeof(*c->changes);

	*kept = *change;
	kept->size = sizeof(*kept);
	if (c->n == c->room) {
		c->room = c->room == 0 ? 64 : 2 * c->room;
		c->changes = arena_extend(&c->arena, c->changes, size,
					  c->room * sizeof(*c->changes));
	}
	c->changes[c->n++] = kept;
}

static void copy_reset(struct copy *c)
{
	arena_reset(&c->arena);
	c->changes = NULL;
	c->n = c->room = 0;
}

/* The row that says how far it came, among the changes of the page. */
static void copy_add_place(struct copy *c, const struct copy_place *place,
			   enum gantry_change_kind kind)
{
	struct gantry_value *v = arena_zero(&c->arena, LEASES_COLUMNS * sizeof(*v));

	v[LEASES_REF] = value_number(COPY_REF);
	v[LEASES_VERSION] = value_number(place->version);
	v[LEASES_NAME] = value_text(COPY_LEASE);
	v[LEASES_OWNER] = value_text(commit_schema.tables[place->table]->name);
	v[LEASES_UNTIL] = value_number(place->last);
	v[LEASES_EPOCH] = value_number(place->rows);
	copy_add(c, &(struct gantry_change){
		.kind = kind, .table = COMMIT_LEASES, .values = v,
		.mask = kind != GANTRY_CHANGED ? 0 :
			UINT64_C(1) << LEASES_VERSION | UINT64_C(1) << LEASES_OWNER |
			UINT64_C(1) << LEASES_UNTIL | UINT64_C(1) << LEASES_EPOCH,
	});
}

/* A page's sink: the row, copied, as a new one. */
static void copy_row(void *ctx, const struct gantry_value *values)
{
	struct copy *c = ctx;
	unsigned n = commit_schema.tables[c->place.table]->n_columns;
	struct gantry_value *v = arena_alloc(&c->arena, n * sizeof(*v));

	for (unsigned i = 0; i < n; i++) {
		v[i] = values[i];
		if (v[i].kind == GANTRY_STRING)
			v[i].is.text = arena_text_n(&c->arena, values[i].is.text,
						    values[i].len);
	}
	copy_add(c, &(struct gantry_change){ .kind = GANTRY_NEW,
					     .table = c->place.table, .values = v });
}

/* What the page sink gathered, with the new place in the schema's order. */
static int copy_page(struct copy *c, const struct copy_pages *pages,
		     struct gantry_error *err)
{
	struct copy_place next = c->place;

	next.version++;
	next.last = pages->last;
	next.rows += (int64_t)pages->given;
	copy_add_place(c, &next, GANTRY_CHANGED);
	if (next.table > COMMIT_LEASES) {
		const struct gantry_change *place = c->changes[c->n - 1];

		memmove(c->changes + 1, c->changes, (c->n - 1) * sizeof(*c->changes));
		c->changes[0] = place;
	}
	if (copy_store(c, err) < 0)
		return error_prefix(err, "to: %s", commit_schema.tables[next.table]->name);
	c->place = next;
	return 0;
}

static int copy_table(struct copy *c, const struct query_store *from,
		      const struct copy_watch *watch, struct gantry_error *err)
{
	const char *name = commit_schema.tables[c->place.table]->name;
	struct copy_pages pages;
	int more;

	copy_pages_init(&pages, from, c->place.table, c->place.last);
	pages.row = copy_row;
	pages.ctx = c;
	for (;;) {
		copy_reset(c);
		more = copy_pages_next(&pages, err);
		if (more < 0)
			return error_prefix(err, "from: %s", name);
		if (more == 0)
			return 0;
		if (copy_page(c, &pages, err) < 0)
			return -1;
		watch->step(watch->ctx, name, (uint64_t)c->place.rows);
	}
}

int copy_rows(const struct query_store *from, const struct query_store *to,
	      const struct copy_watch *watch, struct gantry_error *err)
{
	struct copy c = { .to = to };
	int done = copy_find(to, &c.place, err);

	if (done == 0 && c.place.version == 0)
		done = gantry_fail(err, "no copy into it has begun");
	else if (done == 0 && c.place.table == COMMIT_TABLES)
		done = gantry_fail(err, "another version of Gantry began the copy into "
				   "it: go on with that one, or take an empty storage");
	if (done < 0)
		return error_prefix(err, "to");
	for (; done == 0 && c.place.table < COMMIT_TABLES; c.place.table++) {
		done = copy_table(&c, from, watch, err);
		c.place.last = INT64_MIN;
	}
	arena_fini(&c.arena);
	return done;
}

/* For messages: "items 3, orders 12", cut where it would not fit. */
struct copy_found {
	char text[256];
	size_t len;
};

static void copy_count_row(void *ctx, const struct gantry_value *values)
{
	(void)values;
	++*(uint64_t *)ctx;
}

static int copy_count(const struct query_store *to, unsigned table,
		      struct copy_found *found, struct gantry_error *err)
{
	struct copy_pages pages;
	uint64_t rows = 0;
	int more, n;

	copy_pages_init(&pages, to, table, INT64_MIN);
	pages.row = copy_count_row;
	pages.ctx = &rows;
	while ((more = copy_pages_next(&pages, err)) > 0)
		;
	if (more < 0 || rows == 0)
		return more;
	n = snprintf(found->text + found->len, sizeof(found->text) - found->len,
		     "%s%s %" PRIu64, found->len > 0 ? ", " : "",
		     to->schema->tables[table]->name, rows);
	if (n > 0 && found->len + (size_t)n < sizeof(found->text))
		found->len += (size_t)n;
	else
		found->text[found->len] = '\0';
	return 0;
}

static int copy_want_empty(const struct query_store *to, struct gantry_error *err)
{
	struct copy_found found = { .len = 0 };

	for (unsigned i = 0; i < COMMIT_TABLES; i++)
		if (copy_count(to, i, &found, err) < 0)
			return -1;
	if (found.len == 0)
		return 0;
	return gantry_fail(err, "holds rows already (%s), and a copy goes into an empty "
			   "storage only", found.text);
}

int copy_begin(const struct query_store *to, bool *resumed_out,
	       struct gantry_error *err)
{
	struct copy c = { .to = to };
	const struct copy_place first = { .version = 1, .last = INT64_MIN };
	int half = copy_is_half(to, err), done;

	if (half == 0 && copy_want_empty(to, err) < 0)
		half = -1;
	if (half < 0)
		return -1;
	*resumed_out = half;
	if (half)
		return 0;
	copy_add_place(&c, &first, GANTRY_NEW);
	done = copy_store(&c, err);
	arena_fini(&c.arena);
	return done;
}

int copy_end(const struct query_store *to, struct gantry_error *err)
{
	struct copy c = { .to = to };
	int done = copy_find(to, &c.place, err);

	if (done == 0) {
		copy_add_place(&c, &c.place, GANTRY_GONE);
		done = copy_store(&c, err);
	}
	arena_fini(&c.arena);
	return done;
}
