/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit - see kit.h.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "gateway/conform/kit.h"

int kit_fail(struct kit *k, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(k->seen, sizeof(k->seen), format, ap);
	va_end(ap);
	return -1;
}

int kit_skip(struct kit *k, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(k->seen, sizeof(k->seen), format, ap);
	va_end(ap);
	return 1;
}

static const char *kit_answer(enum gantry_stored stored)
{
	static const char *const names[] = { "BROKEN", "STORED", "CONFLICT",
					     "AWAY", "FULL", "REFUSED_ROW" };

	return (size_t)stored < 6 ? names[stored] : "no answer of the contract";
}

int kit_want(struct kit *k, enum gantry_stored got, enum gantry_stored wanted,
	     const char *what)
{
	if (got != GANTRY_STORED && k->err.message[0] == '\0')
		return kit_fail(k, "%s: %s without a message", what, kit_answer(got));
	if (got == wanted)
		return 0;
	return kit_fail(k, "%s: %s instead of %s%s%s", what, kit_answer(got),
			kit_answer(wanted), got == GANTRY_STORED ? "" : ": ",
			got == GANTRY_STORED ? "" : k->err.message);
}

int kit_raced(struct kit *k, enum gantry_stored got, const char *what)
{
	if (got == GANTRY_CONFLICT)
		return kit_want(k, got, GANTRY_CONFLICT, what);
	return kit_want(k, got, GANTRY_STORED, what) < 0 ? -1 : 1;
}

int64_t kit_ref(struct kit *k)
{
	return ++k->last_ref;
}

struct gantry_value kit_null(void)
{
	return (struct gantry_value){ .kind = GANTRY_NULL };
}

struct gantry_value kit_number(int64_t number)
{
	return (struct gantry_value){ .kind = GANTRY_INT64, .is.number = number };
}

struct gantry_value kit_text(const char *text)
{
	return (struct gantry_value){ .kind = GANTRY_STRING, .is.text = text,
				      .len = (uint32_t)strlen(text) };
}

struct gantry_value kit_id(struct kit *k, const char *prefix)
{
	return kit_text(arena_format(&k->arena, "%s-%" PRId64, prefix, kit_ref(k)));
}

bool kit_equal(const struct gantry_value *a, const struct gantry_value *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == GANTRY_INT64)
		return a->is.number == b->is.number;
	return a->kind == GANTRY_NULL ||
	       (a->len == b->len &&
		(a->len == 0 || memcmp(a->is.text, b->is.text, a->len) == 0));
}

struct gantry_change kit_change(enum gantry_change_kind kind, unsigned table,
				const struct gantry_value *values, uint64_t mask)
{
	return (struct gantry_change){ .size = sizeof(struct gantry_change),
				       .kind = kind, .table = table,
				       .mask = mask, .values = values };
}

struct gantry_key kit_key(unsigned table, unsigned index, unsigned n,
			  const struct gantry_value *values)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key),
				    .table = table, .index = index, .n = n,
				    .values = values };
}

void kit_close(struct kit *k)
{
	if (k->other != NULL)
		k->ops->close(k->ops->context, k->other);
	if (k->self != NULL)
		k->ops->close(k->ops->context, k->self);
	k->self = k->other = NULL;
}

int kit_open(struct kit *k, const struct gantry_schema *schema)
{
	error_reset(&k->err);
	if (k->ops->open(k->ops->context, &k->self, &k->err) < 0) {
		k->self = NULL;
		return kit_fail(k, "open: %s", k->err.message);
	}
	k->schema = schema;
	if (kit_want(k, k->st->prepare(k->self, schema, GANTRY_PREPARE_SERVE, &k->err),
		     GANTRY_STORED, "prepare") == 0)
		return 0;
	kit_close(k);
	return -1;
}

enum gantry_stored kit_begin(struct kit *k, void **unit_out)
{
	error_reset(&k->err);
	return k->st->begin(k->self, k->lane, unit_out, &k->err);
}

/* Consecutive keys of one table are one set. */
static size_t kit_sets(struct kit *k, const struct kit_load *load,
		       const struct gantry_key_set ***sets_out)
{
	const struct gantry_key **keys =
		arena_alloc(&k->arena, (load->n_locks + 1) * sizeof(*keys));
	struct gantry_key_set *sets =
		arena_alloc(&k->arena, (load->n_locks + 1) * sizeof(*sets));
	size_t n = 0;

	*sets_out = arena_alloc(&k->arena, (load->n_locks + 1) * sizeof(**sets_out));
	for (size_t i = 0; i < load->n_locks; i++) {
		keys[i] = &load->locks[i];
		if (i == 0 || load->locks[i].table != load->locks[i - 1].table) {
			sets[n] = (struct gantry_key_set){ .size = sizeof(*sets),
							   .keys = &keys[i] };
			(*sets_out)[n] = &sets[n];
			n++;
		}
		sets[n - 1].n++;
	}
	return n;
}

enum gantry_stored kit_load(struct kit *k, void *unit, struct kit_load *load)
{
	size_t n = load->n_locks + load->n_keys;
	const struct gantry_table **tables =
		arena_alloc(&k->arena, (n + 1) * sizeof(*tables));
	const struct gantry_key **keys =
		arena_alloc(&k->arena, (load->n_keys + 1) * sizeof(*keys));
	const struct gantry_key_set **sets;
	const struct gantry_sink sink = kit_sink(load->rows);
	size_t n_sets = kit_sets(k, load, &sets);

	for (size_t i = 0; i < n; i++)
		tables[i] = k->schema->tables[
			(i < load->n_locks ? &load->locks[i] :
			 &load->keys[i - load->n_locks])->table];
	for (size_t i = 0; i < load->n_keys; i++)
		keys[i] = &load->keys[i];
	*load->rows = (struct kit_rows){ .kit = k, .by_key = tables };
	error_reset(&k->err);
	return k->st->load(unit, sets, n_sets, keys, load->n_keys, &sink,
			   &load->now_ms, &k->err);
}

enum gantry_stored kit_store(struct kit *k, void *unit,
			     const struct gantry_change *changes, size_t n)
{
	const struct gantry_change **list =
		arena_alloc(&k->arena, (n + 1) * sizeof(*list));

	for (size_t i = 0; i < n; i++)
		list[i] = &changes[i];
	error_reset(&k->err);
	return k->st->store(unit, list, n, &k->err);
}

enum gantry_stored kit_commit(struct kit *k, void *unit)
{
	error_reset(&k->err);
	return k->st->commit(unit, &k->err);
}

enum gantry_stored kit_end(struct kit *k, void *unit,
			   const struct gantry_change *changes, size_t n)
{
	enum gantry_stored stored = kit_store(k, unit, changes, n);

	if (stored == GANTRY_STORED)
		return kit_commit(k, unit);
	k->st->rollback(unit);
	return stored;
}

enum gantry_stored kit_unit(struct kit *k, const struct gantry_change *changes,
			    size_t n)
{
	void *unit;
	enum gantry_stored stored = kit_begin(k, &unit);

	return stored == GANTRY_STORED ? kit_end(k, unit, changes, n) : stored;
}

int64_t kit_holder(struct kit *k, struct gantry_value name)
{
	int64_t ref = kit_ref(k);
	const struct gantry_value v[KIT_COLUMNS] = { kit_number(ref), kit_number(1),
						     name };
	const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);

	return kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a new holder") < 0 ?
		-1 : ref;
}

int64_t kit_thing(struct kit *k, int64_t holder, const char *kind,
		  struct gantry_value live)
{
	int64_t ref = kit_ref(k);
	const struct gantry_value v[] = { kit_number(ref), kit_number(1),
					  kit_number(holder), kit_text(kind), live };
	const struct gantry_change c = kit_change(GANTRY_NEW, THINGS, v, 0);

	return kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a new thing") < 0 ?
		-1 : ref;
}

/* The texts are gone when this returns, so they are copied. */
static int kit_take(void *context, size_t key, const struct gantry_value *values)
{
	struct kit_rows *rows = context;
	const struct gantry_table *t =
		rows->by_key != NULL ? rows->by_key[key] : rows->table;
	struct arena *arena = &rows->kit->arena;
	struct kit_row *row;

	if (rows->n == rows->room) {
		size_t room = rows->room > 0 ? rows->room * 2 : 16;

		rows->rows = arena_extend(arena, rows->rows,
					  rows->room * sizeof(*row),
					  room * sizeof(*row));
		rows->room = room;
	}
	row = &rows->rows[rows->n++];
	*row = (struct kit_row){ .key = key };
	for (unsigned i = 0; i < t->n_columns; i++) {
		row->values[i] = values[i];
		if (values[i].kind == GANTRY_STRING)
			row->values[i].is.text =
				arena_text_n(arena, values[i].is.text, values[i].len);
	}
	return 0;
}

struct gantry_sink kit_sink(struct kit_rows *rows)
{
	return (struct gantry_sink){ .row = kit_take, .context = rows };
}

int kit_read(struct kit *k, const struct gantry_key *key, struct kit_rows *rows)
{
	const struct gantry_key *const keys[] = { key };
	struct gantry_sink sink = kit_sink(rows);

	*rows = (struct kit_rows){ .kit = k, .table = k->schema->tables[key->table] };
	error_reset(&k->err);
	return kit_want(k, k->st->read(k->self, keys, 1, &sink, &k->err),
			GANTRY_STORED, "read");
}

int kit_count(struct kit *k, unsigned table, int64_t ref)
{
	const struct gantry_value v = kit_number(ref);
	const struct gantry_key key = kit_key(table, GANTRY_BY_REF, 1, &v);
	struct kit_rows rows;

	return kit_read(k, &key, &rows) < 0 ? -1 : (int)rows.n;
}

int kit_row(struct kit *k, unsigned table, int64_t ref, struct kit_row *row_out)
{
	const struct gantry_value v = kit_number(ref);
	const struct gantry_key key = kit_key(table, GANTRY_BY_REF, 1, &v);
	struct kit_rows rows;

	if (kit_read(k, &key, &rows) < 0)
		return -1;
	if (rows.n != 1)
		return kit_fail(k, "%zu rows with ref %" PRId64 " instead of 1",
				rows.n, ref);
	*row_out = rows.rows[0];
	return 0;
}
