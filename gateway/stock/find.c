/* SPDX-License-Identifier: Apache-2.0 */
/* find - rows by what outsiders call them, see work.h. */
#include "gateway/stock/work.h"

#include <stdlib.h>
#include <string.h>

static struct row *find_by_text(const struct rowset *rows, unsigned table,
				unsigned index, const char *text)
{
	struct gantry_value value = value_text(text);

	return rowset_find(rows, table, index, &value, 1);
}

struct row *stock_find_order(const struct rowset *rows, const char *id)
{
	return find_by_text(rows, STOCK_ORDERS, ORDERS_BY_ID, id);
}

struct row *stock_find_item(const struct rowset *rows, const char *id)
{
	return find_by_text(rows, STOCK_ITEMS, ITEMS_BY_ID, id);
}

struct row *stock_find_allocation(const struct rowset *rows, const char *id)
{
	return find_by_text(rows, STOCK_ALLOCATIONS, ALLOCATIONS_BY_ID, id);
}

struct row *stock_find_live(const struct rowset *rows, const struct row *order,
			    const char *order_item_id, const struct row *item)
{
	struct gantry_value key[4] = {
		order->values[ORDERS_REF], value_text(order_item_id),
		value_number(1), item->values[ITEMS_REF],
	};

	return rowset_find(rows, STOCK_ALLOCATIONS, ALLOCATIONS_BY_ORD, key, 4);
}

bool stock_find_whole(const struct rowset *rows, struct row *allocation,
		      struct whole *whole_out)
{
	int64_t item = row_number(allocation, ALLOCATIONS_ITEM);
	struct whole whole = {
		.allocation = allocation,
		.order = rowset_by_ref(rows, STOCK_ORDERS,
				       row_number(allocation, ALLOCATIONS_ORD)),
		.item = rowset_by_ref(rows, STOCK_ITEMS, item),
		.stock = rowset_by_ref(rows, STOCK_STOCK, item),
	};

	*whole_out = whole;
	return whole.order != NULL && whole.item != NULL && whole.stock != NULL;
}

static int find_by_age(const void *a, const void *b)
{
	int64_t one = (*(struct row *const *)a)->values[0].is.number;
	int64_t two = (*(struct row *const *)b)->values[0].is.number;

	return (one > two) - (one < two);
}

struct row **stock_find_all(const struct work *w, unsigned table, unsigned index,
			    struct gantry_value value, size_t *n_out)
{
	const struct rowset *rows = w->context->rows;
	struct row **all, *row;
	size_t n = 0;

	for (row = rowset_find(rows, table, index, &value, 1); row != NULL;
	     row = rowset_find_next(rows, row, index, &value, 1))
		n++;
	all = arena_alloc(w->context->arena, n * sizeof(struct row *));
	n = 0;
	for (row = rowset_find(rows, table, index, &value, 1); row != NULL;
	     row = rowset_find_next(rows, row, index, &value, 1))
		all[n++] = row;
	qsort(all, n, sizeof(struct row *), find_by_age);
	*n_out = n;
	return all;
}

bool stock_find_is(const struct row *row, unsigned column, const char *text)
{
	const char *is = row_text(row, column);

	return is != NULL && strcmp(is, text) == 0;
}
