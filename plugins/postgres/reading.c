/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reading - the rows of many keys: one statement for all keys of a shape, and
 * from its binary rows the values, each under the number of its key.
 *
 * A row that a lock set names but that was not there when the set was locked
 * may be there when it is read, a moment later and without a lock. Such a row
 * is no answer: the unit begins again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

/* Keys of one shape. */
struct reading_group {
	struct reading *r;
	struct shape shape;
	size_t n;
	size_t *numbers;	/* in reading.numbers */
};

void reading_begin(struct reading *r, const struct postgres *s,
		   const struct gantry_sink *sink, size_t n)
{
	*r = (struct reading){ .s = s, .sink = sink };
	r->keys = connection_memory(n * sizeof(*r->keys));
	r->group_of = connection_memory(n * sizeof(*r->group_of));
	r->numbers = connection_memory(n * sizeof(*r->numbers));
}

void reading_end(struct reading *r)
{
	for (size_t i = 0; i < r->n_locked; i++)
		free(r->locked[i].refs);
	free(r->locked);
	free(r->groups);
	free(r->numbers);
	free(r->group_of);
	free(r->keys);
}

static struct reading_group *reading_new_group(struct reading *r)
{
	if (r->n_groups == r->room) {
		r->room = r->room > 0 ? r->room * 2 : 16;
		r->groups = connection_longer(r->groups, r->room, sizeof(*r->groups));
	}
	assert(r->n_groups < UINT16_MAX);
	return memset(&r->groups[r->n_groups++], 0, sizeof(*r->groups));
}

void reading_add(struct reading *r, const struct gantry_key *key)
{
	const struct shape_key shape = statement_shape(key);
	size_t at = 0;

	while (at < r->n_groups &&
	       memcmp(&r->groups[at].shape.parts[0], &shape, sizeof(shape)) != 0)
		at++;
	if (at == r->n_groups) {
		struct reading_group *g = reading_new_group(r);

		g->shape = (struct shape){ .verb = VERB_READ, .table = shape.table,
					   .n_parts = 1 };
		g->shape.parts[0] = shape;
	}
	r->groups[at].n++;
	r->group_of[r->n] = (uint16_t)at;
	r->keys[r->n++] = key;
}

static const struct gantry_value *reading_slot(const struct gantry_key *key,
					       const struct slot *slot)
{
	for (unsigned i = 0; i < slot->depth; i++)
		key = key->via;
	return &key->values[slot->at];
}

/* The arrays of one shape: the n-th element of each belongs to the n-th key. */
static void reading_arrays(const struct postgres *s, struct params *p,
			   const struct shape_key *shape,
			   const struct gantry_key *const *keys, const size_t *numbers,
			   size_t n)
{
	struct slot slots[PARAMS];
	unsigned n_slots = text_slots(s, shape, slots);

	for (unsigned i = 0; i < n_slots; i++) {
		params_begin(p, slots[i].kind, n);
		for (size_t k = 0; k < n; k++)
			params_add(p, slots[i].kind,
				   reading_slot(keys[numbers[k]], &slots[i]));
		params_end(p);
	}
}

static void reading_locked(void *context, const PGresult *result)
{
	struct locked *locked = context;
	size_t n = (size_t)PQntuples(result);

	locked->refs = connection_memory(n * sizeof(*locked->refs));
	locked->n = n;
	for (size_t i = 0; i < n; i++)
		locked->refs[i] = params_decode(PQgetvalue(result, (int)i, 0));
}

/* Which part of shape each key belongs to. */
static int reading_parts(const struct gantry_key_set *set, struct shape *shape,
			 uint8_t *part_of)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct shape_key part = statement_shape(set->keys[i]);
		unsigned at = 0;

		while (at < shape->n_parts &&
		       memcmp(&shape->parts[at], &part, sizeof(part)) != 0)
			at++;
		if (at == PARTS)
			return -1;
		if (at == shape->n_parts)
			shape->parts[shape->n_parts++] = part;
		part_of[i] = (uint8_t)at;
	}
	return 0;
}

static void reading_lock_params(const struct reading *r, struct params *p,
				const struct gantry_key_set *set,
				const struct shape *shape, const uint8_t *part_of)
{
	size_t *numbers = connection_memory(set->n * sizeof(*numbers));

	for (unsigned part = 0; part < shape->n_parts; part++) {
		size_t n = 0;

		for (size_t i = 0; i < set->n; i++)
			if (part_of[i] == part)
				numbers[n++] = i;
		reading_arrays(r->s, p, &shape->parts[part], set->keys, numbers, n);
	}
	free(numbers);
}

int reading_lock(struct reading *r, struct connection *c,
		 const struct gantry_key_set *set, struct gantry_error *err)
{
	struct shape shape = { .verb = VERB_LOCK };
	uint8_t *part_of;

	assert(set->n > 0);
	shape.table = (uint8_t)set->keys[0]->table;
	part_of = connection_memory(set->n);
	if (reading_parts(set, &shape, part_of) < 0) {
		free(part_of);
		return gantry_fail(err, "%s: more than %d kinds of keys in one lock set",
				   r->s->where, PARTS);
	}
	reading_lock_params(r, &c->params, set, &shape, part_of);
	free(part_of);
	trip_send(r->s, c, &shape,
		  (struct taker){ reading_locked, &r->locked[r->n_locked - 1] });
	return 0;
}

static int reading_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Was the row that this key found locked, if it had to be? */
static bool reading_is_held(const struct reading *r, size_t number, int64_t ref)
{
	for (size_t i = 0; i < r->n_locked; i++)
		if (number < r->locked[i].end)
			return r->locked[i].n > 0 &&
			       bsearch(&ref, r->locked[i].refs, r->locked[i].n,
				       sizeof(ref), reading_order) != NULL;
	return true;
}

static void reading_value(const PGresult *result, int row, int column,
			  enum gantry_value_kind kind, struct gantry_value *out)
{
	const char *bytes = PQgetvalue(result, row, column);

	if (PQgetisnull(result, row, column)) {
		*out = (struct gantry_value){ .kind = GANTRY_NULL };
	} else if (kind == GANTRY_INT64) {
		out->kind = GANTRY_INT64;
		out->is.number = params_decode(bytes);
	} else {
		out->kind = GANTRY_STRING;
		out->is.text = bytes;
		out->len = (uint32_t)PQgetlength(result, row, column);
	}
}

static void reading_row(struct reading *r, const struct gantry_table *t,
			const PGresult *result, int row, int first, size_t number)
{
	struct gantry_value values[COLUMNS];

	for (unsigned i = 0; i < t->n_columns; i++)
		reading_value(result, row, first + (int)i, t->columns[i]->kind,
			      &values[i]);
	if (!reading_is_held(r, number, values[0].is.number))
		r->moved = true;
	else
		r->stopped = r->sink->row(r->sink->context, number, values) != 0;
}

/* Column 0 counts the keys of the group from 1. */
static void reading_take(void *context, const PGresult *result)
{
	struct reading_group *g = context;
	struct reading *r = g->r;
	const struct gantry_table *t = r->s->tables->tables[g->shape.table];
	int n = PQntuples(result);

	assert(PQnfields(result) == (int)t->n_columns + 1);
	for (int i = 0; i < n && !r->stopped && !r->moved; i++) {
		size_t at = (size_t)params_decode(PQgetvalue(result, i, 0));

		assert(at >= 1 && at <= g->n);
		reading_row(r, t, result, i, 1, g->numbers[at - 1]);
	}
}

/* The numbers of all keys, group by group. */
static void reading_sort(struct reading *r)
{
	size_t at = 0;

	for (size_t i = 0; i < r->n_groups; i++) {
		r->groups[i].r = r;
		r->groups[i].numbers = r->numbers + at;
		at += r->groups[i].n;
		r->groups[i].n = 0;
	}
	for (size_t i = 0; i < r->n; i++) {
		struct reading_group *g = &r->groups[r->group_of[i]];

		g->numbers[g->n++] = i;
	}
}

void reading_send(struct reading *r, struct connection *c)
{
	reading_sort(r);
	for (size_t i = 0; i < r->n_groups; i++) {
		struct reading_group *g = &r->groups[i];

		reading_arrays(r->s, &c->params, &g->shape.parts[0], r->keys,
			       g->numbers, g->n);
		trip_send(r->s, c, &g->shape, (struct taker){ reading_take, g });
	}
}

static void reading_take_range(void *context, const PGresult *result)
{
	struct reading *r = context;
	const struct gantry_table *t = r->s->tables->tables[r->scanned];
	int n = PQntuples(result);

	assert(PQnfields(result) == (int)t->n_columns);
	for (int i = 0; i < n && !r->stopped; i++)
		reading_row(r, t, result, i, 0, 0);
}

static void reading_bound(const struct postgres *s, struct params *p,
			  const struct shape *shape, const struct gantry_value *values,
			  unsigned n)
{
	const struct gantry_table *t = s->tables->tables[shape->table];
	unsigned of;
	const unsigned *columns = text_columns(t, shape->index, &of);

	assert(n <= of);
	for (unsigned i = 0; i < n; i++)
		params_value(p, t->columns[columns[i]]->kind, &values[i]);
}

void reading_scan(struct reading *r, struct connection *c,
		  const struct gantry_range *range)
{
	const struct shape shape = {
		.verb = VERB_SCAN, .table = (uint8_t)range->table,
		.index = statement_index(range->index), .n = (uint8_t)range->n_from,
		.n_to = (uint8_t)range->n_to, .after = range->from_after,
		.after_ref = range->n_from > 0 && !range->from_after &&
			     range->after_ref != 0,
	};

	assert(range->limit >= 1 && range->limit <= 100000);
	r->scanned = range->table;
	reading_bound(r->s, &c->params, &shape, range->from, range->n_from);
	if (shape.after_ref)
		params_number(&c->params, range->after_ref);
	reading_bound(r->s, &c->params, &shape, range->to, range->n_to);
	params_number(&c->params, (int64_t)range->limit);
	trip_send(r->s, c, &shape, (struct taker){ reading_take_range, r });
}
