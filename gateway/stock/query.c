/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - see query.h. What hangs together is read as one snapshot into a set
 * of rows; an order's own lists are put in order of creation and cut here,
 * since an order is bounded (D5); lists of items follow an index.
 */
#include "gateway/stock/query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/parse.h"
#include "gateway/rows/set.h"
#include "gateway/stock/held.h"
#include "gateway/stock/render.h"
#include "gateway/stock/schema.h"

#define QUERY_LIMIT 100
#define QUERY_LIMIT_MAX 1000
#define QUERY_KEYS 4

struct query_run {
	const struct query_store *store;
	const struct gantry_query *query;
	int64_t now_ms;
	size_t limit;
	struct arena *arena;
	struct rowset rows;
	json_t *out;
	const char *after;
	struct gantry_error *err;
};

static struct gantry_key query_by(unsigned table, unsigned index,
				  const struct gantry_value *value)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key),
				    .table = table, .index = index, .n = 1,
				    .values = value };
}

static struct gantry_key query_via(unsigned table, unsigned index,
				   const struct gantry_key *via,
				   unsigned via_column)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key),
				    .table = table, .index = index, .n = 1,
				    .via = via, .via_column = via_column };
}

static enum gantry_stored query_read(struct query_run *q,
				     const struct gantry_key *const *keys,
				     size_t n)
{
	struct rowset_sink into = { .set = &q->rows, .keys = keys };
	struct gantry_sink sink = { .row = rowset_sink_row, .context = &into };

	return q->store->storage->read(q->store->self, keys, n, &sink, q->err);
}

static enum gantry_stored query_scan(struct query_run *q,
				     const struct gantry_range *range)
{
	struct gantry_key key = { .table = range->table };
	const struct gantry_key *keys[] = { &key };
	struct rowset_sink into = { .set = &q->rows, .keys = keys };
	struct gantry_sink sink = { .row = rowset_sink_row, .context = &into };

	return q->store->storage->scan(q->store->self, range, &sink, q->err);
}

/* All rows of a table that are in the set, ordered. */
static struct row **query_sorted(struct query_run *q, unsigned table,
				 int (*order)(const void *, const void *),
				 size_t *n_out)
{
	struct row **all, *row;
	size_t n = 0;

	for (row = rowset_rows(&q->rows, table); row != NULL; row = row->next)
		n++;
	all = arena_alloc(q->arena, n * sizeof(struct row *));
	n = 0;
	for (row = rowset_rows(&q->rows, table); row != NULL; row = row->next)
		all[n++] = row;
	if (n > 1)	/* there may be no array at all */
		qsort(all, n, sizeof(struct row *), order);
	*n_out = n;
	return all;
}

static int query_by_age(const void *a, const void *b)
{
	int64_t one = row_number(*(struct row *const *)a, 0);
	int64_t two = row_number(*(struct row *const *)b, 0);

	return (one > two) - (one < two);
}

static int query_by_item_id(const void *a, const void *b)
{
	return strcmp(row_text(*(struct row *const *)a, ITEMS_ID),
		      row_text(*(struct row *const *)b, ITEMS_ID));
}

static int query_by_due(const void *a, const void *b)
{
	int64_t one = row_number(*(struct row *const *)a, ALLOCATIONS_DUE_AT);
	int64_t two = row_number(*(struct row *const *)b, ALLOCATIONS_DUE_AT);

	return one == two ? query_by_age(a, b) : one < two ? -1 : 1;
}

static void query_add(struct query_run *q, json_t *object)
{
	if (object != NULL)
		json_array_append_new(q->out, object);
}

/* The page of an order's rows after the ref that the page before ended with. */
static enum gantry_stored
query_page_of_order(struct query_run *q, unsigned table,
		    json_t *(*render)(const struct rowset *, const struct row *))
{
	struct row **all;
	int64_t after = 0;
	size_t n;

	if (q->query->after != NULL && !parse_integer(q->query->after, &after)) {
		error_set(q->err, "VALIDATION_ERROR",
			  "query \"%s\": after: not a place in the list: \"%s\"",
			  q->query->name, q->query->after);
		return GANTRY_BROKEN;
	}
	all = query_sorted(q, table, query_by_age, &n);
	for (size_t i = 0; i < n; i++) {
		if (row_number(all[i], 0) <= after)
			continue;
		if (json_array_size(q->out) == q->limit) {
			q->after = arena_format(q->arena, "%lld", (long long)
						row_number(all[i - 1], 0));
			break;
		}
		query_add(q, render(&q->rows, all[i]));
	}
	return GANTRY_STORED;
}

static enum gantry_stored query_allocation(struct query_run *q)
{
	struct gantry_value id = value_text(q->query->key);
	struct gantry_key allocation = query_by(STOCK_ALLOCATIONS,
						ALLOCATIONS_BY_ID, &id);
	struct gantry_key order = query_via(STOCK_ORDERS, GANTRY_BY_REF,
					    &allocation, ALLOCATIONS_ORD);
	struct gantry_key item = query_via(STOCK_ITEMS, GANTRY_BY_REF,
					   &allocation, ALLOCATIONS_ITEM);
	const struct gantry_key *keys[] = { &allocation, &order, &item };
	enum gantry_stored stored = query_read(q, keys, 3);
	struct row *row = rowset_rows(&q->rows, STOCK_ALLOCATIONS);

	if (stored == GANTRY_STORED && row != NULL)
		query_add(q, stock_render_allocation(&q->rows, row));
	return stored;
}

/* The order, its allocations and their items; and its returns. */
static enum gantry_stored query_load_order(struct query_run *q, bool returns_too)
{
	struct gantry_value id = value_text(q->query->key);
	struct gantry_key order = query_by(STOCK_ORDERS, ORDERS_BY_ID, &id);
	struct gantry_key allocations = query_via(STOCK_ALLOCATIONS,
						  ALLOCATIONS_BY_ORD, &order,
						  ORDERS_REF);
	struct gantry_key items = query_via(STOCK_ITEMS, GANTRY_BY_REF,
					    &allocations, ALLOCATIONS_ITEM);
	struct gantry_key returns = query_via(STOCK_RETURNS, RETURNS_BY_ORD,
					      &order, ORDERS_REF);
	const struct gantry_key *keys[QUERY_KEYS] = { &order, &allocations,
						      &items, &returns };

	return query_read(q, keys, returns_too ? 4 : 3);
}

static enum gantry_stored query_allocations_of_order(struct query_run *q)
{
	enum gantry_stored stored = query_load_order(q, false);

	if (stored != GANTRY_STORED)
		return stored;
	return query_page_of_order(q, STOCK_ALLOCATIONS,
				   stock_render_allocation);
}

static enum gantry_stored query_returns_of_order(struct query_run *q)
{
	enum gantry_stored stored = query_load_order(q, true);

	if (stored != GANTRY_STORED)
		return stored;
	return query_page_of_order(q, STOCK_RETURNS, stock_render_return);
}

static enum gantry_stored query_allocations_due(struct query_run *q)
{
	struct gantry_value now = value_number(q->now_ms);
	struct gantry_range range = {
		.size = sizeof(range), .table = STOCK_ALLOCATIONS,
		.index = ALLOCATIONS_BY_DUE, .to = &now, .n_to = 1,
		.limit = q->limit,
	};
	enum gantry_stored stored = query_scan(q, &range);
	struct row **all;
	size_t n;

	if (stored != GANTRY_STORED)
		return stored;
	all = query_sorted(q, STOCK_ALLOCATIONS, query_by_due, &n);
	for (size_t i = 0; i < n; i++)
		query_add(q, stock_render_due(all[i]));
	return GANTRY_STORED;
}

static enum gantry_stored query_order(struct query_run *q)
{
	struct gantry_value id = value_text(q->query->key);
	struct gantry_key order = query_by(STOCK_ORDERS, ORDERS_BY_ID, &id);
	const struct gantry_key *keys[] = { &order };
	enum gantry_stored stored = query_read(q, keys, 1);
	struct row *row = rowset_rows(&q->rows, STOCK_ORDERS);

	if (stored == GANTRY_STORED && row != NULL)
		query_add(q, stock_render_order(row));
	return stored;
}

static enum gantry_stored query_item(struct query_run *q)
{
	struct gantry_value id = value_text(q->query->key);
	struct gantry_key item = query_by(STOCK_ITEMS, ITEMS_BY_ID, &id);
	struct gantry_key stock = query_via(STOCK_STOCK, GANTRY_BY_REF, &item,
					    ITEMS_REF);
	const struct gantry_key *keys[] = { &item, &stock };
	enum gantry_stored stored = query_read(q, keys, 2);
	struct row *row = rowset_rows(&q->rows, STOCK_ITEMS);

	if (stored == GANTRY_STORED && row != NULL)
		query_add(q, stock_render_item(&q->rows, row));
	return stored;
}

/* The counters of some items; an item never goes, nor does its ref change. */
static enum gantry_stored query_load_counters(struct query_run *q,
					      struct row *const *items, size_t n)
{
	const struct gantry_key **keys =
		arena_alloc(q->arena, n * sizeof(struct gantry_key *));
	struct gantry_key *all = arena_alloc(q->arena, n * sizeof(*all));

	for (size_t i = 0; i < n; i++) {
		all[i] = query_by(STOCK_STOCK, GANTRY_BY_REF,
				  &items[i]->values[ITEMS_REF]);
		keys[i] = &all[i];
	}
	return n == 0 ? GANTRY_STORED : query_read(q, keys, n);
}

static enum gantry_stored query_items(struct query_run *q)
{
	struct gantry_value from = value_text(q->query->after);
	struct gantry_range range = {
		.size = sizeof(range), .table = STOCK_ITEMS,
		.index = ITEMS_BY_ID, .from = &from,
		.n_from = q->query->after != NULL, .from_after = true,
		.limit = q->limit + 1,	/* one more tells of another page */
	};
	enum gantry_stored stored = query_scan(q, &range);
	struct row **items;
	size_t n;

	if (stored != GANTRY_STORED)
		return stored;
	items = query_sorted(q, STOCK_ITEMS, query_by_item_id, &n);
	if (n > q->limit) {
		n = q->limit;
		q->after = arena_text(q->arena, row_text(items[n - 1], ITEMS_ID));
	}
	stored = query_load_counters(q, items, n);
	for (size_t i = 0; i < n && stored == GANTRY_STORED; i++)
		query_add(q, stock_render_item(&q->rows, items[i]));
	return stored;
}

static enum gantry_stored query_held(struct query_run *q, held_query *run)
{
	struct gantry_query query = *q->query;

	query.limit = (int64_t)q->limit;
	return run(q->store, &query, q->arena, q->out, &q->after, q->err);
}

static enum gantry_stored query_held_order(struct query_run *q)
{
	return query_held(q, held_order);
}

static enum gantry_stored query_held_orders(struct query_run *q)
{
	return query_held(q, held_orders);
}

static enum gantry_stored query_held_sums(struct query_run *q)
{
	return query_held(q, held_sums);
}

static enum gantry_stored query_held_outbox(struct query_run *q)
{
	return query_held(q, held_outbox);
}

static const struct query_kind {
	const char *name;
	bool keyed;
	enum gantry_stored (*run)(struct query_run *q);
} query_kinds[] = {
	{ "allocation", true, query_allocation },
	{ "allocations-of-order", true, query_allocations_of_order },
	{ "allocations-due", false, query_allocations_due },
	{ "item", true, query_item },
	{ "items", false, query_items },
	{ "order", true, query_order },
	{ "returns-of-order", true, query_returns_of_order },
	{ "held-by-order", true, query_held_order },
	{ "held-by-orders", false, query_held_orders },
	{ "held-by-items", false, query_held_sums },
	{ "waiting-events", false, query_held_outbox },
};

static const struct query_kind *query_find(const char *name)
{
	for (size_t i = 0; i < sizeof(query_kinds) / sizeof(query_kinds[0]); i++)
		if (strcmp(query_kinds[i].name, name) == 0)
			return &query_kinds[i];
	return NULL;
}

bool stock_query_exists(const char *name)
{
	return query_find(name) != NULL;
}

static enum gantry_stored query_check(const struct gantry_query *query,
				      const struct query_kind *kind,
				      struct gantry_error *err)
{
	if (kind == NULL)
		error_set(err, "VALIDATION_ERROR", "no query is named \"%s\"",
			  query->name);
	else if (kind->keyed && query->key == NULL)
		error_set(err, "VALIDATION_ERROR", "query \"%s\" needs a key",
			  query->name);
	else if (query->limit < 0 || query->limit > QUERY_LIMIT_MAX)
		error_set(err, "VALIDATION_ERROR",
			  "query \"%s\": limit: not 1 to %d: %lld", query->name,
			  QUERY_LIMIT_MAX, (long long)query->limit);
	else
		return GANTRY_STORED;
	return GANTRY_BROKEN;
}

enum gantry_stored stock_query_run(const struct query_store *store,
				   const struct gantry_query *query,
				   int64_t now_ms, struct arena *arena,
				   json_t **rows_out, const char **after_out,
				   struct gantry_error *err)
{
	const struct query_kind *kind = query_find(query->name);
	struct query_run q = {
		.store = store, .query = query, .now_ms = now_ms,
		.limit = query->limit == 0 ? QUERY_LIMIT : (size_t)query->limit,
		.arena = arena, .err = err,
	};
	enum gantry_stored stored = query_check(query, kind, err);

	if (stored != GANTRY_STORED)
		return stored;
	q.out = json_array();
	rowset_init(&q.rows, store->schema);
	stored = kind->run(&q);
	rowset_fini(&q.rows);
	if (stored != GANTRY_STORED) {
		json_decref(q.out);
		return stored;
	}
	*rows_out = q.out;
	*after_out = q.after;
	return GANTRY_STORED;
}
