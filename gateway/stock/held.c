/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held - see held.h. An order and its allocations are one snapshot; a page is
 * in the order of creation, which is the order of refs.
 */
#include "gateway/stock/held.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/rows/set.h"
#include "gateway/stock/render.h"
#include "gateway/stock/schema.h"

struct held {
	const struct query_store *store;
	const struct gantry_query *query;
	struct arena *arena;
	struct rowset rows;
	json_t *out;
	int64_t last;		/* ref of the last row of the page */
	size_t n;		/* rows of the page */
	struct gantry_error *err;
};

static enum gantry_stored held_place(struct held *h, int64_t *after_out)
{
	*after_out = 0;
	if (h->query->after == NULL || parse_integer(h->query->after, after_out))
		return GANTRY_STORED;
	error_set(h->err, "VALIDATION_ERROR",
		  "query \"%s\": after: not a place in the list: \"%s\"",
		  h->query->name, h->query->after);
	return GANTRY_BROKEN;
}

/* Rows of a table behind the place that the query names, into the sink. */
static enum gantry_stored held_scan(struct held *h, unsigned table,
				    const struct gantry_sink *sink)
{
	struct gantry_value from = { .kind = GANTRY_INT64 };
	struct gantry_range range = {
		.size = sizeof(range), .table = table, .index = GANTRY_BY_REF,
		.from = &from, .n_from = 1, .from_after = true,
		.limit = (size_t)h->query->limit,
	};

	if (held_place(h, &from.is.number) != GANTRY_STORED)
		return GANTRY_BROKEN;
	return h->store->storage->scan(h->store->self, &range, sink, h->err);
}

static enum gantry_stored held_read(struct held *h, const struct gantry_key *const *keys,
				    size_t n)
{
	struct rowset_sink into = { .set = &h->rows, .keys = keys };
	struct gantry_sink sink = { .row = rowset_sink_row, .context = &into };

	return n == 0 ? GANTRY_STORED :
			h->store->storage->read(h->store->self, keys, n, &sink, h->err);
}

/* Where the next page begins: a page that is not full is the last. */
static const char *held_after(const struct held *h)
{
	return h->n < (size_t)h->query->limit ? NULL :
	       arena_format(h->arena, "%lld", (long long)h->last);
}

static int held_by_ref(const void *a, const void *b)
{
	int64_t one = row_number(*(struct row *const *)a, 0);
	int64_t two = row_number(*(struct row *const *)b, 0);

	return (one > two) - (one < two);
}

/* All rows of a table that are in the set, by ref. */
static struct row **held_sorted(struct held *h, unsigned table, size_t *n_out)
{
	struct row **all, *row;
	size_t n = 0;

	for (row = rowset_rows(&h->rows, table); row != NULL; row = row->next)
		n++;
	all = arena_alloc(h->arena, (n + 1) * sizeof(struct row *));
	n = 0;
	for (row = rowset_rows(&h->rows, table); row != NULL; row = row->next)
		all[n++] = row;
	qsort(all, n, sizeof(struct row *), held_by_ref);
	*n_out = n;
	return all;
}

static void held_add_allocation(struct held *h, json_t *list, const struct row *row)
{
	json_t *o = stock_render_allocation(&h->rows, row);

	if (o == NULL)
		return;
	json_object_set_new(o, "version", json_integer(row_number(row, ALLOCATIONS_VERSION)));
	json_object_set_new(o, "unverified", json_boolean(
		!row_is_null(row, ALLOCATIONS_UNVERIFIED)));
	if (!row_is_null(row, ALLOCATIONS_REASON))
		json_object_set_new(o, "reason", json_string(
			row_text(row, ALLOCATIONS_REASON)));
	json_array_append_new(list, o);
}

static void held_add_order(struct held *h, const struct row *order,
			   struct row *const *allocations, size_t n)
{
	json_t *o = stock_render_order(order), *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (row_number(allocations[i], ALLOCATIONS_ORD) ==
		    row_number(order, ORDERS_REF))
			held_add_allocation(h, list, allocations[i]);
	json_object_set_new(o, "allocations", list);
	json_array_append_new(h->out, o);
}

static struct gantry_key held_key(unsigned table, unsigned index,
				  const struct gantry_value *value)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key), .table = table,
				    .index = index, .n = 1, .values = value };
}

static struct gantry_key held_via(unsigned table, unsigned index,
				  const struct gantry_key *via, unsigned column)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key), .table = table,
				    .index = index, .n = 1, .via = via,
				    .via_column = column };
}

/* The orders that keys[] name, with their allocations and the items of these. */
static enum gantry_stored held_read_orders(struct held *h,
					   const struct gantry_key *orders, size_t n)
{
	struct gantry_key *more = arena_alloc(h->arena, (2 * n + 1) * sizeof(*more));
	const struct gantry_key **keys =
		arena_alloc(h->arena, (3 * n + 1) * sizeof(struct gantry_key *));

	for (size_t i = 0; i < n; i++) {
		more[2 * i] = held_via(STOCK_ALLOCATIONS, ALLOCATIONS_BY_ORD,
				       &orders[i], ORDERS_REF);
		more[2 * i + 1] = held_via(STOCK_ITEMS, GANTRY_BY_REF, &more[2 * i],
					   ALLOCATIONS_ITEM);
		keys[3 * i] = &orders[i];
		keys[3 * i + 1] = &more[2 * i];
		keys[3 * i + 2] = &more[2 * i + 1];
	}
	return held_read(h, keys, 3 * n);
}

static void held_add_orders(struct held *h)
{
	struct row **orders, **allocations;
	size_t n, n_allocations;

	orders = held_sorted(h, STOCK_ORDERS, &n);
	allocations = held_sorted(h, STOCK_ALLOCATIONS, &n_allocations);
	for (size_t i = 0; i < n; i++)
		held_add_order(h, orders[i], allocations, n_allocations);
}

static struct held held_begin(const struct query_store *store,
			      const struct gantry_query *query, struct arena *arena,
			      json_t *out)
{
	struct held h = { .store = store, .query = query, .arena = arena, .out = out };

	rowset_init(&h.rows, store->schema);
	return h;
}

enum gantry_stored held_order(const struct query_store *store,
			      const struct gantry_query *query, struct arena *arena,
			      json_t *rows, const char **after_out,
			      struct gantry_error *err)
{
	struct held h = held_begin(store, query, arena, rows);
	struct gantry_value id = value_text(query->key);
	struct gantry_key key = held_key(STOCK_ORDERS, ORDERS_BY_ID, &id);
	enum gantry_stored stored;

	h.err = err;
	*after_out = NULL;
	stored = held_read_orders(&h, &key, 1);
	if (stored == GANTRY_STORED)
		held_add_orders(&h);
	rowset_fini(&h.rows);
	return stored;
}

/* The refs of the page's orders, whose rows are then read with all they hold. */
struct held_refs {
	struct held *held;
	struct gantry_value *refs;
};

static int held_ref(void *context, size_t key, const struct gantry_value *values)
{
	struct held_refs *to = context;

	(void)key;
	to->held->last = values[ORDERS_REF].is.number;
	to->refs[to->held->n++] = values[ORDERS_REF];
	return 0;
}

enum gantry_stored held_orders(const struct query_store *store,
			       const struct gantry_query *query, struct arena *arena,
			       json_t *rows, const char **after_out,
			       struct gantry_error *err)
{
	struct held h = held_begin(store, query, arena, rows);
	struct held_refs to = { &h, arena_alloc(arena, (size_t)query->limit *
							sizeof(struct gantry_value)) };
	struct gantry_sink sink = { held_ref, &to };
	struct gantry_key *keys;
	enum gantry_stored stored;

	h.err = err;
	stored = held_scan(&h, STOCK_ORDERS, &sink);
	keys = arena_alloc(arena, (h.n + 1) * sizeof(*keys));
	for (size_t i = 0; i < h.n; i++)
		keys[i] = held_key(STOCK_ORDERS, GANTRY_BY_REF, &to.refs[i]);
	if (stored == GANTRY_STORED)
		stored = held_read_orders(&h, keys, h.n);
	if (stored == GANTRY_STORED)
		held_add_orders(&h);
	*after_out = held_after(&h);
	rowset_fini(&h.rows);
	return stored;
}

/* What a page of allocations holds of each item: few items, many allocations. */
struct held_sum {
	int64_t item, quantity;
};

struct held_counts {
	struct held *held;
	struct held_sum *sums;
	size_t n;
};

static int held_count(void *context, size_t key, const struct gantry_value *v)
{
	struct held_counts *c = context;
	const char *status = v[ALLOCATIONS_STATUS].is.text;

	(void)key;
	c->held->n++;
	c->held->last = v[ALLOCATIONS_REF].is.number;
	if (*status != 'P' && strncmp(status, "CO", 2) != 0)
		return 0;
	c->sums[c->n++] = (struct held_sum){ v[ALLOCATIONS_ITEM].is.number,
					     v[ALLOCATIONS_QUANTITY].is.number };
	return 0;
}

static int held_by_item(const void *a, const void *b)
{
	const struct held_sum *one = a, *two = b;

	return (one->item > two->item) - (one->item < two->item);
}

/* One of each item, in place. */
static void held_fold(struct held_counts *c)
{
	size_t n = 0;

	qsort(c->sums, c->n, sizeof(*c->sums), held_by_item);
	for (size_t i = 0; i < c->n; i++) {
		if (n > 0 && c->sums[n - 1].item == c->sums[i].item)
			c->sums[n - 1].quantity += c->sums[i].quantity;
		else
			c->sums[n++] = c->sums[i];
	}
	c->n = n;
}

static enum gantry_stored held_add_sums(struct held *h, const struct held_counts *c)
{
	struct gantry_value *refs = arena_alloc(h->arena, (c->n + 1) * sizeof(*refs));
	struct gantry_key *keys = arena_alloc(h->arena, (c->n + 1) * sizeof(*keys));
	const struct gantry_key **list =
		arena_alloc(h->arena, (c->n + 1) * sizeof(struct gantry_key *));
	enum gantry_stored stored;

	for (size_t i = 0; i < c->n; i++) {
		refs[i] = value_number(c->sums[i].item);
		keys[i] = held_key(STOCK_ITEMS, GANTRY_BY_REF, &refs[i]);
		list[i] = &keys[i];
	}
	stored = held_read(h, list, c->n);
	for (size_t i = 0; i < c->n && stored == GANTRY_STORED; i++) {
		const struct row *item = rowset_by_ref(&h->rows, STOCK_ITEMS,
						       c->sums[i].item);

		if (item != NULL)
			json_array_append_new(h->out, json_pack("{ss sI}",
				"inventoryItemId", row_text(item, ITEMS_ID), "quantity",
				(json_int_t)c->sums[i].quantity));
	}
	return stored;
}

enum gantry_stored held_sums(const struct query_store *store,
			     const struct gantry_query *query, struct arena *arena,
			     json_t *rows, const char **after_out,
			     struct gantry_error *err)
{
	struct held h = held_begin(store, query, arena, rows);
	struct held_counts c = { &h, arena_alloc(arena, (size_t)query->limit *
							 sizeof(struct held_sum)), 0 };
	struct gantry_sink sink = { held_count, &c };
	enum gantry_stored stored;

	h.err = err;
	stored = held_scan(&h, STOCK_ALLOCATIONS, &sink);
	held_fold(&c);
	if (stored == GANTRY_STORED)
		stored = held_add_sums(&h, &c);
	*after_out = held_after(&h);
	rowset_fini(&h.rows);
	return stored;
}

/* The outbox is a table of the floor above: known by its name and columns. */
struct held_events {
	struct held *held;
	const struct gantry_table *table;
};

static const char *const held_event_columns[][2] = {
	{ "type", "type" }, { "event_id", "eventId" },
	{ "aggregate_type", "aggregateType" }, { "aggregate_id", "aggregateId" },
	{ "owner", "owner" },
};

static const struct gantry_value *held_column(const struct gantry_table *table,
					      const struct gantry_value *v,
					      const char *name)
{
	for (unsigned i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i]->name, name) == 0)
			return &v[i];
	return NULL;
}

static int held_event(void *context, size_t key, const struct gantry_value *v)
{
	struct held_events *e = context;
	const struct gantry_value *at = held_column(e->table, v, "created_at");
	json_t *o = json_object();

	(void)key;
	e->held->n++;
	e->held->last = v[0].is.number;
	for (size_t i = 0; i < ARRAY_LENGTH(held_event_columns); i++) {
		const struct gantry_value *text =
			held_column(e->table, v, held_event_columns[i][0]);

		if (text != NULL && text->kind == GANTRY_STRING)
			json_object_set_new(o, held_event_columns[i][1],
					    json_stringn(text->is.text, text->len));
	}
	json_object_set_new(o, "createdAtMs", json_integer(at != NULL ? at->is.number : 0));
	json_array_append_new(e->held->out, o);
	return 0;
}

enum gantry_stored held_outbox(const struct query_store *store,
			       const struct gantry_query *query, struct arena *arena,
			       json_t *rows, const char **after_out,
			       struct gantry_error *err)
{
	struct held h = { .store = store, .query = query, .arena = arena, .out = rows,
			  .err = err };
	struct held_events to = { .held = &h };
	struct gantry_sink sink = { held_event, &to };
	enum gantry_stored stored;
	unsigned i = 0;

	while (i < store->schema->n_tables &&
	       strcmp(store->schema->tables[i]->name, "outbox") != 0)
		i++;
	*after_out = NULL;
	if (i == store->schema->n_tables)
		return GANTRY_STORED;
	to.table = store->schema->tables[i];
	stored = held_scan(&h, i, &sink);
	*after_out = held_after(&h);
	return stored;
}
