/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broken - see broken.h. Each function passes on, but for its fault.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "tests/plugins/broken.h"

enum { HELD = 16, TEXT_MAX = 60000 };

struct broken;

struct unit {
	struct broken *of;
	void *inner;
	struct gantry_value values[64];
};

/* Keeps what store was given, to do it one by one. */
struct held {
	struct gantry_change changes[HELD];
	struct gantry_value values[HELD][8];
	char text[HELD][8][64];
	size_t n;
};

struct broken {
	struct broken_store *store;
	const struct gantry_storage *st;
	const struct gantry_schema *schema;
	struct gantry_schema other;	/* what the inner one is told instead */
	enum broken_fault fault;
	void *inner;
	void *late;		/* an inner unit that was told STORED already */
	enum gantry_prepare mode;
	int64_t now_ms;
	unsigned commits;
	char *option;		/* of a copy */
	struct unit unit;
	struct held held;
};

int broken_open(void *context, void **self_out, struct gantry_error *err)
{
	struct broken_store *store = context;
	struct broken *b = memory_new(sizeof(*b));

	b->store = store;
	b->st = store->inner.plugin->storage;
	b->fault = store->fault;
	*self_out = b;
	return store_open(&store->inner, &b->inner, err);
}

int broken_open_copy(void *context, const char *path, void **self_out,
		     struct gantry_error *err)
{
	struct broken_store *store = context;
	struct broken *b = memory_new(sizeof(*b));
	const char *options[] = { NULL, NULL };
	struct store copy = { store->inner.plugin, options };

	options[0] = b->option = memory_format("path=%s", path);
	b->store = store;
	b->st = store->inner.plugin->storage;
	*self_out = b;
	return store_open(&copy, &b->inner, err);
}

/* What was told STORED long ago is committed at last. */
static void broken_flush(struct broken *b)
{
	if (b->fault != BROKEN_LATE || b->late == NULL)
		return;		/* others have readers beside */
	b->st->commit(b->late, NULL);
	b->late = NULL;
}

void broken_close(void *context, void *self)
{
	struct broken_store *store = context;
	struct broken *b = self;

	broken_flush(b);
	store_close(&store->inner, b->inner);
	free(b->option);
	free(b);
}

static enum gantry_stored broken_away(struct gantry_error *err)
{
	gantry_fail(err, "broken: nobody answers");
	return GANTRY_AWAY;
}

static enum gantry_stored broken_prepare(void *self,
					 const struct gantry_schema *schema,
					 enum gantry_prepare mode, struct gantry_error *err)
{
	struct broken *b = self;
	enum gantry_stored stored;

	b->schema = schema;
	b->other = *schema;
	b->mode = mode;
	b->now_ms = clock_now_ms();
	if (b->fault == BROKEN_AWAY)
		return broken_away(err);
	if (b->fault == BROKEN_LOOK_SERVES)
		mode = GANTRY_PREPARE_SERVE;
	if (b->fault == BROKEN_MAJOR)
		b->other.major = 1;
	if (b->fault == BROKEN_NAME)
		b->other.name = "conform";
	if (b->fault == BROKEN_MINOR && schema->minor < b->store->minor) {
		gantry_fail(err, "broken: an older gateway");
		return GANTRY_BROKEN;
	}
	if (schema->minor > b->store->minor)
		b->store->minor = schema->minor;
	stored = b->st->prepare(b->inner, &b->other, mode, err);
	return stored == GANTRY_BROKEN && b->fault == BROKEN_OPEN ? GANTRY_CONFLICT : stored;
}

static unsigned broken_lanes(const void *self)
{
	(void)self;
	return 1;
}

/* One that looks sees what is there now, each time. */
static void broken_look_again(struct broken *b)
{
	if (b->fault != BROKEN_LOOK_NOW || b->mode != GANTRY_PREPARE_LOOK)
		return;
	store_close(&b->store->inner, b->inner);
	if (store_open(&b->store->inner, &b->inner, NULL) < 0 ||
	    b->st->prepare(b->inner, b->schema, b->mode, NULL) != GANTRY_STORED)
		abort();
}

static enum gantry_stored broken_read(void *self,
				      const struct gantry_key *const *keys,
				      size_t n, const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct broken *b = self;

	broken_flush(b);
	broken_look_again(b);
	return b->st->read(b->inner, keys, n, sink, err);
}

static enum gantry_stored broken_scan(void *self, const struct gantry_range *range,
				      const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	struct broken *b = self;
	struct gantry_range r = *range;

	broken_flush(b);
	if (b->fault == BROKEN_PAGE && r.after_ref > 0)
		r.after_ref--;
	if (b->fault == BROKEN_LIMIT && r.limit > 100)
		r.limit = 100;
	return b->st->scan(b->inner, &r, sink, err);
}

static enum gantry_stored broken_begin(void *self, unsigned lane, void **unit_out,
				       struct gantry_error *err)
{
	struct broken *b = self;
	struct unit *u = &b->unit;

	(void)lane;
	if (b->store->fault == BROKEN_AWAY)
		return broken_away(err);
	broken_flush(b);
	u->of = b;
	b->held.n = 0;
	*unit_out = u;
	return b->st->begin(b->inner, 0, &u->inner, err);
}

/* Gives the rows of keys the numbers from 0 on. */
static enum gantry_stored broken_count(struct unit *u,
				       const struct gantry_key_set *const *locks,
				       size_t n_locks, const struct gantry_sink *sink,
				       struct gantry_error *err)
{
	int64_t now_ms;

	return u->of->st->load(u->inner, locks, n_locks, NULL, 0, sink, &now_ms, err);
}

static enum gantry_stored broken_load(void *unit,
				      const struct gantry_key_set *const *locks,
				      size_t n_locks,
				      const struct gantry_key *const *keys,
				      size_t n_keys,
				      const struct gantry_sink *sink,
				      int64_t *now_ms_out, struct gantry_error *err)
{
	struct unit *u = unit;
	struct broken *b = u->of;
	enum gantry_stored stored;

	if (b->fault == BROKEN_NUMBER) {
		if (broken_count(u, locks, n_locks, sink, err) != GANTRY_STORED)
			return GANTRY_BROKEN;
		n_locks = 0;
	}
	stored = b->st->load(u->inner, locks, n_locks, keys, n_keys, sink, now_ms_out,
			     err);
	if (b->fault == BROKEN_CLOCK)
		*now_ms_out = clock_now_ms();
	if (b->fault == BROKEN_CLOCK_STANDS)
		*now_ms_out = b->now_ms;
	return stored;
}

static struct gantry_value *broken_values(struct unit *u, const struct gantry_change *c)
{
	for (unsigned i = 0; i < u->of->schema->tables[c->table]->n_columns; i++)
		u->values[i] = c->values[i];
	return u->values;
}

/* One change of what was asked for, as the fault wants it. */
static enum gantry_stored broken_store_one(struct unit *u,
					   const struct gantry_change *change,
					   struct gantry_error *err)
{
	struct gantry_change c = *change, gone = *change;
	const struct gantry_change *list[2] = { &c, &c };
	enum broken_fault fault = u->of->fault;
	unsigned columns = u->of->schema->tables[c.table]->n_columns;

	if (fault == BROKEN_MASK && c.kind == GANTRY_CHANGED)
		c.mask = (UINT64_C(1) << columns) - 2;
	if (fault == BROKEN_NULL && c.kind == GANTRY_NEW && c.table == 1 &&
	    c.values[4].kind == GANTRY_NULL) {
		c.values = broken_values(u, &c);
		u->values[4] = (struct gantry_value){ .kind = GANTRY_INT64 };
	}
	for (unsigned i = 0; fault == BROKEN_CUT && c.kind != GANTRY_GONE && i < columns; i++)
		if (c.values[i].kind == GANTRY_STRING && c.values[i].len > TEXT_MAX) {
			c.values = broken_values(u, &c);
			u->values[i].len = TEXT_MAX;
		}
	if (fault != BROKEN_OVERWRITE || c.kind != GANTRY_NEW)
		return u->of->st->store(u->inner, list, 1, err);
	gone.kind = GANTRY_GONE;
	list[0] = &gone;
	return u->of->st->store(u->inner, list, 2, err);
}

/* Copies the values of a row; none of their texts is long. */
static void broken_copy(struct held *h, const struct gantry_value *values, unsigned n)
{
	assert(h->n < HELD && n <= 8);
	for (unsigned i = 0; i < n; i++) {
		struct gantry_value *v = &h->values[h->n][i];

		*v = values[i];
		if (v->kind != GANTRY_STRING)
			continue;
		assert(v->len <= sizeof(h->text[0][0]));
		for (unsigned at = 0; at < v->len; at++)
			h->text[h->n][i][at] = v->is.text[at];
		v->is.text = h->text[h->n][i];
	}
}

static enum gantry_stored broken_hold(struct unit *u, const struct gantry_change *c)
{
	struct held *h = &u->of->held;

	broken_copy(h, c->values, c->kind == GANTRY_GONE ? 1 :
		    u->of->schema->tables[c->table]->n_columns);
	h->changes[h->n] = *c;
	h->changes[h->n].values = h->values[h->n];
	h->n++;
	return GANTRY_STORED;
}

static int broken_row(void *context, size_t key, const struct gantry_value *values)
{
	struct unit *u = context;

	(void)key;
	broken_copy(&u->of->held, values, u->of->schema->tables[0]->n_columns);
	return 0;
}

/* Puts a whole row in the place of the old one, as far as it knows its columns. */
static enum gantry_stored broken_column(struct unit *u, const struct gantry_change *change,
					struct gantry_error *err)
{
	struct gantry_change gone = *change, new = *change;
	const struct gantry_change *list[] = { &gone, &new };
	const struct gantry_key key = { .size = sizeof(key), .index = GANTRY_BY_REF,
					.n = 1, .values = change->values };
	const struct gantry_key *const keys[] = { &key };
	const struct gantry_sink sink = { broken_row, u };
	const struct gantry_storage *st = u->of->st;
	int64_t now_ms;

	if (change->kind != GANTRY_CHANGED || change->table != 0)
		return st->store(u->inner, list, 1, err);
	u->of->held.n = 0;
	st->load(u->inner, NULL, 0, keys, 1, &sink, &now_ms, err);
	for (unsigned i = 0; i < u->of->schema->tables[0]->n_columns; i++)
		u->values[i] = change->mask >> i & 1 ? change->values[i] :
						       u->of->held.values[0][i];
	gone.kind = GANTRY_GONE;
	new.kind = GANTRY_NEW;
	new.values = u->values;
	return st->store(u->inner, list, 2, err);
}

/* A change of a row that is not there changes no row, which is no error. */
static enum gantry_stored broken_absent(struct unit *u, const struct gantry_change *change,
					struct gantry_error *err)
{
	const struct gantry_change *list[] = { change };
	enum gantry_stored stored = u->of->st->store(u->inner, list, 1, err);

	if (stored != GANTRY_CONFLICT || change->kind != GANTRY_CHANGED)
		return stored;
	u->of->st->rollback(u->inner);
	return u->of->st->begin(u->of->inner, 0, &u->inner, err);
}

static enum gantry_stored broken_store_each(struct unit *u,
					    const struct gantry_change *change,
					    struct gantry_error *err)
{
	switch (u->of->fault) {
	case BROKEN_COLUMN:
		return broken_column(u, change, err);
	case BROKEN_HALVES:
		return broken_hold(u, change);
	case BROKEN_ABSENT:
		return broken_absent(u, change, err);
	default:
		return broken_store_one(u, change, err);
	}
}

static bool broken_one_by_one(enum broken_fault fault)
{
	return fault == BROKEN_OVERWRITE || fault == BROKEN_MASK || fault == BROKEN_NULL ||
	       fault == BROKEN_COLUMN || fault == BROKEN_HALVES || fault == BROKEN_CUT ||
	       fault == BROKEN_ABSENT;
}

static enum gantry_stored broken_store_all(void *unit,
					   const struct gantry_change *const *changes,
					   size_t n, struct gantry_error *err)
{
	struct unit *u = unit;
	struct broken *b = u->of;
	enum gantry_stored stored = GANTRY_STORED;

	if (!broken_one_by_one(b->fault))
		stored = b->st->store(u->inner, changes, n, err);
	for (size_t i = 0; broken_one_by_one(b->fault) && i < n && stored == GANTRY_STORED; i++)
		stored = broken_store_each(u, changes[i], err);
	if (b->fault == BROKEN_GUESS_YES && stored == GANTRY_CONFLICT)
		stored = GANTRY_STORED;
	if (b->fault != BROKEN_EARLY || stored != GANTRY_STORED)
		return stored;
	stored = b->st->commit(u->inner, err);
	b->st->begin(b->inner, 0, &u->inner, NULL);
	return stored;
}

/* Each change in a unit of its own. */
static enum gantry_stored broken_commit_halves(struct unit *u, struct gantry_error *err)
{
	struct broken *b = u->of;
	enum gantry_stored stored = b->st->commit(u->inner, err);

	for (size_t i = 0; i < b->held.n && stored == GANTRY_STORED; i++) {
		const struct gantry_change *list[] = { &b->held.changes[i] };

		stored = b->st->begin(b->inner, 0, &u->inner, err);
		if (stored == GANTRY_STORED)
			stored = b->st->store(u->inner, list, 1, err);
		if (stored == GANTRY_STORED)
			stored = b->st->commit(u->inner, err);
		else
			b->st->rollback(u->inner);
	}
	return stored;
}

static enum gantry_stored broken_commit(void *unit, struct gantry_error *err)
{
	struct unit *u = unit;
	struct broken *b = u->of;
	enum gantry_stored stored;

	if (b->fault == BROKEN_LATE) {
		b->late = u->inner;
		return GANTRY_STORED;
	}
	if (b->fault == BROKEN_HALVES)
		return broken_commit_halves(u, err);
	stored = b->st->commit(u->inner, err);
	if (b->fault == BROKEN_GUESS_YES)
		return GANTRY_STORED;
	if (b->fault != BROKEN_GUESS_NO || stored != GANTRY_STORED || ++b->commits % 7 != 0)
		return stored;
	gantry_fail(err, "broken: the connection was lost");
	return GANTRY_AWAY;
}

static void broken_rollback(void *unit)
{
	struct unit *u = unit;

	if (u->of->fault == BROKEN_ROLLBACK)
		u->of->st->commit(u->inner, NULL);
	else
		u->of->st->rollback(u->inner);
}

static enum gantry_stored broken_backup(void *self, const char *path,
					struct gantry_error *err)
{
	struct broken *b = self;

	if (b->fault == BROKEN_BACKUP_OVER)
		unlink(path);
	if (b->fault != BROKEN_BACKUP_EMPTY)
		return b->st->backup(b->inner, path, err);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		gantry_fail(err, "%s: exists already", path);
		return GANTRY_BROKEN;
	}
	close(fd);
	return GANTRY_STORED;
}

const struct gantry_storage broken_storage = {
	.size = sizeof(struct gantry_storage),
	.prepare = broken_prepare,
	.lanes = broken_lanes,
	.read = broken_read,
	.scan = broken_scan,
	.begin = broken_begin,
	.load = broken_load,
	.store = broken_store_all,
	.commit = broken_commit,
	.rollback = broken_rollback,
	.backup = broken_backup,
};
