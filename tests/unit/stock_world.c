/* SPDX-License-Identifier: Apache-2.0 */
/* stock_world - see stock_world.h. Slow and plain on purpose. */
#include "tests/unit/stock_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"

const struct gantry_schema world_schema = {
	.size = sizeof(struct gantry_schema), .name = "world", .major = 1,
	.tables = stock_tables, .n_tables = STOCK_TABLES,
};

void world_init(struct world *w)
{
	*w = (struct world){ .now_ms = 1684841400000, .last_ref = 1000 };
	rowset_init(&w->rows, &world_schema);
	needs_init(&w->needs, &world_schema);
}

static void world_free_row(unsigned table, struct gantry_value *row)
{
	for (unsigned i = 0; i < stock_tables[table]->n_columns; i++)
		if (row[i].kind == GANTRY_STRING)
			free((char *)row[i].is.text);
	free(row);
}

void world_fini(struct world *w)
{
	for (unsigned t = 0; t < STOCK_TABLES; t++) {
		for (size_t i = 0; i < w->tables[t].n; i++)
			world_free_row(t, w->tables[t].rows[i]);
		free(w->tables[t].rows);
	}
	rowset_fini(&w->rows);
	needs_fini(&w->needs);
	arena_fini(&w->arena);
}

/* Keys. */

struct world_values {
	struct gantry_value *all;
	size_t n;
};

static struct world_values world_via(const struct world *w,
				     const struct gantry_key *key);

static bool world_matches(const struct gantry_key *key,
			  const struct world_values *firsts,
			  const struct gantry_value *row)
{
	for (unsigned i = 0; i < key->n; i++) {
		unsigned column = key->index == GANTRY_BY_REF ? 0 :
			stock_tables[key->table]->indexes[key->index]->columns[i];
		bool found = false;

		if (i > 0 || key->via == NULL) {
			if (!value_equal(&row[column], &key->values[i]))
				return false;
			continue;
		}
		for (size_t j = 0; j < firsts->n && !found; j++)
			found = value_equal(&row[column], &firsts->all[j]);
		if (!found)
			return false;
	}
	return true;
}

static void world_find(const struct world *w, const struct gantry_key *key,
		       int (*row)(void *, size_t, const struct gantry_value *),
		       void *context, size_t number)
{
	const struct world_table *t = &w->tables[key->table];
	struct world_values firsts = { 0 };

	if (key->via != NULL)
		firsts = world_via(w, key);
	for (size_t i = 0; i < t->n; i++)
		if (world_matches(key, &firsts, t->rows[i]))
			row(context, number, t->rows[i]);
	free(firsts.all);
}

struct world_gather {
	struct world_values values;
	unsigned column;
};

static int world_gather_row(void *context, size_t number,
			    const struct gantry_value *row)
{
	struct world_gather *g = context;

	(void)number;
	g->values.all = memory_grow(g->values.all, g->values.n + 1,
				    sizeof(*g->values.all));
	g->values.all[g->values.n++] = row[g->column];
	return 0;
}

static struct world_values world_via(const struct world *w,
				     const struct gantry_key *key)
{
	struct world_gather gather = { .column = key->via_column };

	world_find(w, key->via, world_gather_row, &gather, 0);
	return gather.values;
}

/* As a storage. */

static enum gantry_stored world_read(void *self,
				     const struct gantry_key *const *keys,
				     size_t n, const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	(void)err;
	for (size_t i = 0; i < n; i++)
		world_find(self, keys[i], sink->row, sink->context, i);
	return GANTRY_STORED;
}

struct world_order {
	const unsigned *columns;
	unsigned n;
};

static int world_compare_value(const struct gantry_value *a,
			       const struct gantry_value *b)
{
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == GANTRY_NULL)
		return 0;
	if (a->kind == GANTRY_INT64)
		return (a->is.number > b->is.number) - (a->is.number < b->is.number);
	order = memcmp(a->is.text, b->is.text, a->len < b->len ? a->len : b->len);
	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int world_compare_row(const void *one, const void *two, void *context)
{
	const struct gantry_value *a = *(struct gantry_value *const *)one;
	const struct gantry_value *b = *(struct gantry_value *const *)two;
	const struct world_order *o = context;
	int order = 0;

	for (unsigned i = 0; i < o->n && order == 0; i++)
		order = world_compare_value(&a[o->columns[i]], &b[o->columns[i]]);
	return order != 0 ? order : world_compare_value(&a[0], &b[0]);
}

static int world_compare_bound(const struct gantry_value *row,
			       const struct world_order *o,
			       const struct gantry_value *bound, unsigned n)
{
	int order = 0;

	for (unsigned i = 0; i < n && order == 0; i++)
		order = world_compare_value(&row[o->columns[i]], &bound[i]);
	return order;
}

static bool world_in_range(const struct gantry_value *row,
			   const struct world_order *o,
			   const struct gantry_range *range)
{
	int from = world_compare_bound(row, o, range->from, range->n_from);
	int to = world_compare_bound(row, o, range->to, range->n_to);

	if (range->n_from + range->n_to > 0)
		for (unsigned i = 0; i < o->n; i++)
			if (row[o->columns[i]].kind == GANTRY_NULL)
				return false;
	if (from < 0 || to > 0 || (from == 0 && range->from_after && range->n_from > 0))
		return false;
	return from > 0 || range->n_from == 0 || row[0].is.number > range->after_ref;
}

static enum gantry_stored world_scan(void *self, const struct gantry_range *range,
				     const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	static const unsigned ref_column;
	const struct world *w = self;
	const struct world_table *t = &w->tables[range->table];
	const struct gantry_table *what = stock_tables[range->table];
	struct world_order order = { &ref_column, 1 };
	struct gantry_value **sorted;
	size_t given = 0;

	(void)err;
	if (range->index != GANTRY_BY_REF)
		order = (struct world_order){ what->indexes[range->index]->columns,
					      what->indexes[range->index]->n_columns };
	sorted = memory_new_array(t->n, sizeof(struct gantry_value *));
	if (t->n > 0)
		memcpy(sorted, t->rows, t->n * sizeof(struct gantry_value *));
	qsort_r(sorted, t->n, sizeof(struct gantry_value *), world_compare_row,
		&order);
	for (size_t i = 0; i < t->n && given < range->limit; i++)
		if (world_in_range(sorted[i], &order, range)) {
			sink->row(sink->context, 0, sorted[i]);
			given++;
		}
	free(sorted);
	return GANTRY_STORED;
}

const struct gantry_storage world_storage = {
	.size = sizeof(world_storage), .read = world_read, .scan = world_scan,
};

/* Storing. */

static struct gantry_value world_copy(const struct gantry_value *v)
{
	struct gantry_value copy = *v;

	if (v->kind == GANTRY_STRING)
		copy.is.text = memory_text_n(v->is.text, v->len);
	return copy;
}

static size_t world_at(const struct world_table *t, int64_t ref)
{
	size_t i = 0;

	while (i < t->n && t->rows[i][0].is.number != ref)
		i++;
	return i;
}

static void world_check_unique(const struct world_table *t,
			       const struct gantry_table *what, size_t at)
{
	for (unsigned i = 0; i < what->n_indexes; i++)
		for (size_t j = 0; j < t->n && what->indexes[i]->unique; j++) {
			unsigned same = 0;

			for (unsigned c = 0; c < what->indexes[i]->n_columns; c++) {
				unsigned column = what->indexes[i]->columns[c];

				same += value_equal(&t->rows[j][column],
						    &t->rows[at][column]);
			}
			if (j != at && same == what->indexes[i]->n_columns)
				fail_msg("%s: not unique", what->indexes[i]->name);
		}
}

static void world_check_row(const struct gantry_table *what,
			    const struct gantry_value *row)
{
	for (unsigned i = 0; i < what->n_columns; i++)
		if (row[i].kind != what->columns[i]->kind &&
		    (row[i].kind != GANTRY_NULL ||
		     !(what->columns[i]->flags & GANTRY_COLUMN_NULLABLE)))
			fail_msg("%s.%s: of another kind", what->name,
				 what->columns[i]->name);
}

static void world_store(struct world *w, const struct gantry_change *change)
{
	const struct gantry_table *what = stock_tables[change->table];
	struct world_table *t = &w->tables[change->table];
	size_t at = world_at(t, change->values[0].is.number);

	world_check_row(what, change->values);
	assert_int_equal(at == t->n, change->kind == GANTRY_NEW);
	if (at == t->n) {
		t->rows = memory_grow(t->rows, ++t->n,
				      sizeof(struct gantry_value *));
		t->rows[at] = memory_new_array(what->n_columns,
					       sizeof(struct gantry_value));
	}
	for (unsigned i = 0; i < what->n_columns; i++) {
		struct gantry_value *value = &t->rows[at][i];

		if (change->kind == GANTRY_CHANGED && !(change->mask >> i & 1)) {
			assert_true(value_equal(value, &change->values[i]) ||
				    (value->kind == GANTRY_NULL &&
				     change->values[i].kind == GANTRY_NULL));
			continue;
		}
		if (value->kind == GANTRY_STRING)
			free((char *)value->is.text);
		*value = world_copy(&change->values[i]);
	}
	world_check_unique(t, what, at);
}

/* Units. */

static int64_t world_mint_ref(void *minter)
{
	struct world *w = minter;

	return ++w->last_ref;
}

static void world_mint_id(void *minter, const char *prefix, char *text, size_t room)
{
	struct world *w = minter;

	snprintf(text, room, "%s%d", prefix, ++w->last_id);
}

void world_begin(struct world *w, const struct gantry_command *commands, size_t n)
{
	const struct gantry_key *const *keys;
	struct rowset_sink sink = { .set = &w->rows };
	size_t n_keys;

	rowset_reset(&w->rows);
	needs_reset(&w->needs);
	arena_reset(&w->arena);
	for (size_t i = 0; i < n; i++)
		stock_needs(&commands[i], &w->needs);
	keys = needs_keys(&w->needs, &n_keys);
	sink.keys = keys;
	for (size_t i = 0; i < n_keys; i++)
		world_find(w, keys[i], rowset_sink_row, &sink, i);
	w->loaded = true;
}

const struct stock_decision *world_decide(struct world *w,
					  const struct gantry_command *command)
{
	struct stock_context context = {
		.rows = &w->rows, .arena = &w->arena, .now_ms = w->now_ms,
		.ref = world_mint_ref, .id = world_mint_id, .minter = w,
	};
	const struct stock_decision *d;

	assert_true(w->loaded);
	d = stock_decide(&context, command);
	assert_int_equal(d->outcome.size, sizeof(d->outcome));
	assert_int_equal(d->outcome.code != NULL,
			 d->outcome.result == GANTRY_REFUSED);
	assert_int_equal(d->outcome.error != NULL,
			 d->outcome.result == GANTRY_REFUSED);
	return d;
}

void world_commit(struct world *w)
{
	const struct gantry_change *const *changes;
	size_t n;

	changes = rowset_changes(&w->rows, &w->arena, &n);
	for (size_t i = 0; i < n; i++)
		world_store(w, changes[i]);
	w->loaded = false;
}

const struct stock_decision *world_run(struct world *w,
				       const struct gantry_command *command)
{
	const struct stock_decision *d;

	world_begin(w, command, 1);
	d = world_decide(w, command);
	if (d->outcome.result != GANTRY_APPLIED) {
		size_t n;

		rowset_changes(&w->rows, &w->arena, &n);
		assert_int_equal(n, 0);
	}
	world_commit(w);
	return d;
}

const char *world_summary(struct world *w, const struct stock_decision *d)
{
	static const char *const results[] = { "REFUSED", "APPLIED", "STOOD" };
	const struct gantry_outcome *o = &d->outcome;
	const char *text = results[o->result];

	if (o->code != NULL)
		text = arena_format(&w->arena, "%s %s", text, o->code);
	for (size_t i = 0; i < o->n_allocations; i++)
		text = arena_format(&w->arena, "%s %s:%s", text,
				    o->allocations[i]->id,
				    o->allocations[i]->status);
	for (size_t i = 0; i < o->n_returns; i++)
		text = arena_format(&w->arena, "%s %s/%s:%s:%d/%d", text,
				    o->returns[i]->id, o->returns[i]->allocation_id,
				    o->returns[i]->status,
				    (int)o->returns[i]->received,
				    (int)o->returns[i]->expected);
	if (o->item != NULL)
		text = arena_format(&w->arena, "%s %s:%lld/%lld", text, o->item->id,
				    (long long)o->item->reserved,
				    (long long)o->item->available);
	for (size_t i = 0; i < d->n_events; i++)
		text = arena_format(&w->arena, "%s%s%s %s", text,
				    i == 0 ? " | " : ", ", d->events[i]->type,
				    d->events[i]->aggregate_id);
	return text;
}

const struct gantry_value *world_row(const struct world *w, unsigned table,
				     const char *id)
{
	const struct world_table *t = &w->tables[table];
	struct gantry_value value = value_text(id);

	for (size_t i = 0; i < t->n; i++)
		if (value_equal(&t->rows[i][2], &value))
			return t->rows[i];
	return NULL;
}

const char *world_text(struct world *w, const struct gantry_value *value)
{
	return value->kind == GANTRY_NULL ? NULL :
	       arena_text_n(&w->arena, value->is.text, value->len);
}

/* Common steps. */

void world_item(struct world *w, const char *id, int64_t available)
{
	const struct stock_decision *d =
		RUN(w, .kind = GANTRY_ITEM_CREATE, .item_id = id, .sku = "SKU",
		    .product_id = "prod", .warehouse_id = "wh", .quantity = available);

	assert_int_equal(d->outcome.result, GANTRY_APPLIED);
	assert_int_equal(d->n_events, 0);
}

void world_check_counts(const struct world *w, const char *item,
			 int64_t reserved, int64_t available)
{
	const struct gantry_value *row = world_row(w, STOCK_ITEMS, item);
	const struct world_table *t = &w->tables[STOCK_STOCK];

	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i][0].is.number == row[0].is.number) {
			assert_int_equal(t->rows[i][STOCK_RESERVED].is.number,
					 reserved);
			assert_int_equal(t->rows[i][STOCK_AVAILABLE].is.number,
					 available);
			return;
		}
	fail_msg("%s has no counters", item);
}

void world_check_order(struct world *w, const char *id, const char *state,
			int64_t live)
{
	const struct gantry_value *row = world_row(w, STOCK_ORDERS, id);

	assert_non_null(row);
	assert_string_equal(world_text(w, &row[ORDERS_STATE]), state);
	assert_int_equal(row[ORDERS_LIVE].is.number, live);
}

void world_bring(struct world *w, const char *id, const char *status)
{
	if (strcmp(status, "PENDING") == 0 || strcmp(status, "due") == 0)
		return;
	if (strcmp(status, "CANCELLED") == 0) {
		RUN(w, .kind = GANTRY_CANCEL, .allocation_id = id, .reason = "no");
		return;
	}
	RUN(w, .kind = GANTRY_CONFIRM, .allocation_id = id);
	if (strcmp(status, "FULFILLED") == 0)
		RUN(w, .kind = GANTRY_FULFILL, .allocation_id = id);
}
