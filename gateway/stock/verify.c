/* SPDX-License-Identifier: Apache-2.0 */
/* verify - see verify.h. */
#include "gateway/stock/verify.h"

#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/hash.h"
#include "gateway/base/memory.h"
#include "gateway/rows/set.h"
#include "gateway/stock/schema.h"

#define VERIFY_PAGE 256
#define VERIFY_ROUNDS 8

/* The counters of one item as the round began, and the sum that should be. */
struct verify_item {
	int64_t ref, version, reserved, sum;
	bool settled;
};

struct verify {
	const struct query_store *store;
	stock_verify_found *found;
	void *ctx;
	struct gantry_error *err;
	struct rowset rows;		/* one page */
	struct arena arena;		/* its keys and texts */
	struct verify_item *items;	/* by ref */
	size_t n, room;
	bool again;			/* not the first round */
};

static void verify_say(struct verify *v, const char *invariant, const char *row,
		       const char *what)
{
	v->found(v->ctx, invariant, row, what);
}

static struct verify_item *verify_item(struct verify *v, int64_t ref)
{
	size_t low = 0, high = v->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v->items[middle].ref < ref)
			low = middle + 1;
		else
			high = middle;
	}
	return low < v->n && v->items[low].ref == ref ? &v->items[low] : NULL;
}

static const char *verify_item_name(struct verify *v, int64_t ref)
{
	return arena_format(&v->arena, "item with ref %lld", (long long)ref);
}

/* The next page of a table by ref into the set; n_out 0: there is none. */
static int verify_page(struct verify *v, unsigned table, int64_t *after,
		       size_t *n_out)
{
	struct gantry_key key = { .table = table };
	const struct gantry_key *keys[] = { &key };
	struct rowset_sink into = { .set = &v->rows, .keys = keys };
	struct gantry_sink sink = { .row = rowset_sink_row, .context = &into };
	struct gantry_value from = value_number(*after);
	struct gantry_range range = {
		.size = sizeof(range), .table = table, .index = GANTRY_BY_REF,
		.from = &from, .n_from = 1, .from_after = true,
		.limit = VERIFY_PAGE,
	};

	rowset_reset(&v->rows);
	arena_reset(&v->arena);
	if (v->store->storage->scan(v->store->self, &range, &sink, v->err) !=
	    GANTRY_STORED)
		return -1;
	*n_out = 0;
	for (struct row *row = rowset_rows(&v->rows, table); row != NULL;
	     row = row->next) {
		(*n_out)++;
		if (row_number(row, 0) > *after)
			*after = row_number(row, 0);
	}
	return 0;
}

/* I2, and the beginning of I1. */

static void verify_add_item(struct verify *v, const struct row *row)
{
	if (v->n == v->room) {
		v->room = v->room == 0 ? VERIFY_PAGE : v->room * 2;
		v->items = memory_grow(v->items, v->room, sizeof(*v->items));
	}
	v->items[v->n++] = (struct verify_item){
		.ref = row_number(row, STOCK_REF),
		.version = row_number(row, STOCK_VERSION),
		.reserved = row_number(row, STOCK_RESERVED),
	};
}

static void verify_counters(struct verify *v, const struct row *row)
{
	int64_t available = row_number(row, STOCK_AVAILABLE);
	int64_t reserved = row_number(row, STOCK_RESERVED);

	if (reserved >= 0 && reserved <= available)
		return;
	verify_say(v, "I2", verify_item_name(v, row_number(row, STOCK_REF)),
		   arena_format(&v->arena, "reserved %lld of %lld available",
				(long long)reserved, (long long)available));
}

static int verify_order_of_items(const void *a, const void *b)
{
	const struct verify_item *one = a, *two = b;

	return (one->ref > two->ref) - (one->ref < two->ref);
}

static int verify_begin(struct verify *v)
{
	int64_t after = INT64_MIN;
	size_t n;

	do {
		if (verify_page(v, STOCK_STOCK, &after, &n) < 0)
			return -1;
		for (struct row *row = rowset_rows(&v->rows, STOCK_STOCK);
		     row != NULL; row = row->next) {
			verify_add_item(v, row);
			verify_counters(v, row);
		}
	} while (n == VERIFY_PAGE);
	if (v->n > 0)
		qsort(v->items, v->n, sizeof(*v->items), verify_order_of_items);
	return 0;
}

/* Orders with their allocations. */

static bool verify_is(const struct row *row, unsigned column, const char *text)
{
	const char *is = row_text(row, column);

	return is != NULL && strcmp(is, text) == 0;
}

static void verify_sum(struct verify *v, const struct row *row)
{
	struct verify_item *item = verify_item(v, row_number(row, ALLOCATIONS_ITEM));

	/* an item that is newer than the round has no allocation of it */
	if (item != NULL && !item->settled &&
	    (verify_is(row, ALLOCATIONS_STATUS, "PENDING") ||
	     verify_is(row, ALLOCATIONS_STATUS, "CONFIRMED")))
		item->sum += row_number(row, ALLOCATIONS_QUANTITY);
}

static const char *verify_shape(const struct row *row)
{
	bool cancelled = verify_is(row, ALLOCATIONS_STATUS, "CANCELLED");
	bool pending = verify_is(row, ALLOCATIONS_STATUS, "PENDING");

	if (cancelled != row_is_null(row, ALLOCATIONS_LIVE))
		return cancelled ? "is CANCELLED and has a live key" :
				   "has no live key and is not CANCELLED";
	if (!pending && !row_is_null(row, ALLOCATIONS_DUE_AT))
		return "is due and not PENDING";
	if (pending && !value_equal(&row->values[ALLOCATIONS_DUE_AT],
				    &row->values[ALLOCATIONS_EXPIRES_AT]) &&
	    !(row_is_null(row, ALLOCATIONS_DUE_AT) &&
	      row_is_null(row, ALLOCATIONS_EXPIRES_AT)))
		return "is PENDING and not due when it expires";
	return NULL;
}

static void verify_allocation(struct verify *v, const struct row *row)
{
	const char *name = arena_format(&v->arena, "allocation %s",
					row_text(row, ALLOCATIONS_ID));
	struct gantry_value key[4] = {
		row->values[ALLOCATIONS_ORD],
		row->values[ALLOCATIONS_ORDER_ITEM_ID],
		row->values[ALLOCATIONS_LIVE],
		row->values[ALLOCATIONS_ITEM],
	};
	const char *what = verify_shape(row);
	struct row *other;

	if (what != NULL)
		verify_say(v, "I3", name, what);
	if (row_is_null(row, ALLOCATIONS_LIVE))
		return;
	other = rowset_find(&v->rows, STOCK_ALLOCATIONS, ALLOCATIONS_BY_ORD,
			    key, 4);
	while (other != NULL && row_number(other, 0) <= row_number(row, 0))
		other = rowset_find_next(&v->rows, other, ALLOCATIONS_BY_ORD,
					 key, 4);
	if (other != NULL)
		verify_say(v, "I3", name,
			   arena_format(&v->arena, "has the live key of %s too",
					row_text(other, ALLOCATIONS_ID)));
}

static void verify_order(struct verify *v, const struct row *order)
{
	const struct gantry_value *ref = &order->values[ORDERS_REF];
	int64_t live = 0;

	for (struct row *row = rowset_find(&v->rows, STOCK_ALLOCATIONS,
					   ALLOCATIONS_BY_ORD, ref, 1);
	     row != NULL;
	     row = rowset_find_next(&v->rows, row, ALLOCATIONS_BY_ORD, ref, 1)) {
		live += !verify_is(row, ALLOCATIONS_STATUS, "CANCELLED");
		verify_sum(v, row);
		if (!v->again)
			verify_allocation(v, row);
	}
	if (!v->again && live != row_number(order, ORDERS_LIVE))
		verify_say(v, "I3",
			   arena_format(&v->arena, "order %s",
					row_text(order, ORDERS_ID)),
			   arena_format(&v->arena,
					"counts %lld live allocations, has %lld",
					(long long)row_number(order, ORDERS_LIVE),
					(long long)live));
}

/* The orders of the page again, with their allocations, in one snapshot. */
static int verify_load_orders(struct verify *v, size_t n)
{
	const struct gantry_key **keys =
		arena_alloc(&v->arena, 2 * n * sizeof(struct gantry_key *));
	struct gantry_key *all = arena_alloc(&v->arena, 2 * n * sizeof(*all));
	struct gantry_value *refs = arena_alloc(&v->arena, n * sizeof(*refs));
	struct rowset_sink into = { .set = &v->rows, .keys = keys };
	struct gantry_sink sink = { .row = rowset_sink_row, .context = &into };
	size_t i = 0;

	for (struct row *row = rowset_rows(&v->rows, STOCK_ORDERS); row != NULL;
	     row = row->next) {
		refs[i] = row->values[ORDERS_REF];
		all[i] = (struct gantry_key){
			.size = sizeof(*all), .table = STOCK_ORDERS,
			.index = GANTRY_BY_REF, .n = 1, .values = &refs[i],
		};
		all[n + i] = all[i];
		all[n + i].table = STOCK_ALLOCATIONS;
		all[n + i].index = ALLOCATIONS_BY_ORD;
		keys[i] = &all[i];
		keys[n + i] = &all[n + i];
		i++;
	}
	rowset_reset(&v->rows);
	if (n > 0 && v->store->storage->read(v->store->self, keys, 2 * n, &sink,
					     v->err) != GANTRY_STORED)
		return -1;
	return 0;
}

static int verify_orders(struct verify *v)
{
	int64_t after = INT64_MIN;
	size_t n;

	do {
		if (verify_page(v, STOCK_ORDERS, &after, &n) < 0 ||
		    verify_load_orders(v, n) < 0)
			return -1;
		for (struct row *row = rowset_rows(&v->rows, STOCK_ORDERS);
		     row != NULL; row = row->next)
			verify_order(v, row);
	} while (n == VERIFY_PAGE);
	return 0;
}

/* I1: the sums against the counters, if these are as they were. */

static void verify_settle(struct verify *v, const struct row *row)
{
	struct verify_item *item = verify_item(v, row_number(row, STOCK_REF));

	if (item == NULL || item->settled)
		return;
	if (item->version != row_number(row, STOCK_VERSION)) {
		item->version = row_number(row, STOCK_VERSION);
		item->reserved = row_number(row, STOCK_RESERVED);
		item->sum = 0;
		return;
	}
	item->settled = true;
	if (item->sum != item->reserved)
		verify_say(v, "I1", verify_item_name(v, item->ref),
			   arena_format(&v->arena,
					"%lld reserved, its open allocations sum "
					"up to %lld", (long long)item->reserved,
					(long long)item->sum));
}

static int verify_end_round(struct verify *v, size_t *unsettled_out)
{
	int64_t after = INT64_MIN;
	size_t n;

	do {
		if (verify_page(v, STOCK_STOCK, &after, &n) < 0)
			return -1;
		for (struct row *row = rowset_rows(&v->rows, STOCK_STOCK);
		     row != NULL; row = row->next)
			verify_settle(v, row);
	} while (n == VERIFY_PAGE);
	*unsettled_out = 0;
	for (size_t i = 0; i < v->n; i++)
		*unsettled_out += !v->items[i].settled;
	return 0;
}

static int verify_run(struct verify *v)
{
	size_t unsettled;

	if (verify_begin(v) < 0)
		return -1;
	for (int round = 0; round < VERIFY_ROUNDS; round++) {
		v->again = round > 0;
		if (verify_orders(v) < 0 || verify_end_round(v, &unsettled) < 0)
			return -1;
		if (unsettled == 0)
			return 0;
	}
	return error_set(v->err, "STORAGE_UNAVAILABLE",
			 "%zu items moved in each of %d rounds: try again when "
			 "there is less traffic", unsettled, VERIFY_ROUNDS);
}

int stock_verify(const struct query_store *store, stock_verify_found *found,
		 void *ctx, struct gantry_error *err)
{
	struct verify v = { .store = store, .found = found, .ctx = ctx,
			    .err = err };
	int result;

	rowset_init(&v.rows, store->schema);
	result = verify_run(&v);
	rowset_fini(&v.rows);
	arena_fini(&v.arena);
	free(v.items);
	return result;
}
