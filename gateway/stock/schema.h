/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the tables of the stock rules: their place in the schema, their
 * columns and indexes.
 *
 * The order of the tables is the order of locks and of storing.
 */
#ifndef STOCK_SCHEMA_H
#define STOCK_SCHEMA_H

#include <gantry/storage.h>

enum stock_table {
	STOCK_ITEMS,
	STOCK_ORDERS,
	STOCK_STOCK,
	STOCK_ALLOCATIONS,
	STOCK_RETURNS,
	STOCK_TABLES,		/* how many */
};

/* Each table begins with ref and version (gantry/storage.h). */
enum stock_items_column {
	ITEMS_REF, ITEMS_VERSION,
	ITEMS_ID,			/* unique index 0 */
	ITEMS_SKU, ITEMS_PRODUCT_ID, ITEMS_WAREHOUSE_ID,
	ITEMS_CREATED_AT,
	ITEMS_COLUMNS,
};

/* The counters, apart so that they are narrow; ref is the item's ref. */
enum stock_stock_column {
	STOCK_REF, STOCK_VERSION,
	STOCK_AVAILABLE,		/* on hand (D1) */
	STOCK_RESERVED,
	STOCK_UPDATED_AT,
	STOCK_COLUMNS,
};

enum stock_orders_column {
	ORDERS_REF, ORDERS_VERSION,
	ORDERS_ID,			/* unique index 0 */
	ORDERS_STATE,			/* OPEN CONFIRMED CANCELLED */
	ORDERS_LIVE,			/* allocations that are not CANCELLED (D5) */
	ORDERS_CREATED_AT, ORDERS_UPDATED_AT,
	ORDERS_LAST_EVENT,		/* ref of its newest ordered event, for I5 */
	ORDERS_COLUMNS,
};

enum stock_allocations_column {
	ALLOCATIONS_REF, ALLOCATIONS_VERSION,
	ALLOCATIONS_ID,			/* unique index 0 */
	ALLOCATIONS_ORD,		/* ref of the order */
	ALLOCATIONS_ORDER_ITEM_ID,
	ALLOCATIONS_LIVE,		/* 1, NULL once CANCELLED */
	ALLOCATIONS_ITEM,		/* ref of the item; index 1, unique: ord,
					   order_item_id, live, item (D5) */
	ALLOCATIONS_QUANTITY,
	ALLOCATIONS_STATUS,
	ALLOCATIONS_EXPIRES_AT,		/* NULL: never */
	ALLOCATIONS_DUE_AT,		/* expires_at while PENDING; index 2 */
	ALLOCATIONS_REASON,		/* of the cancellation */
	ALLOCATIONS_LAST_EVENT,		/* ref of its newest outbox row, for I5 */
	ALLOCATIONS_CREATED_AT, ALLOCATIONS_UPDATED_AT,
	ALLOCATIONS_UNVERIFIED,		/* 1: the order was not asked for (D27) */
	ALLOCATIONS_COLUMNS,
};

enum stock_returns_column {
	RETURNS_REF, RETURNS_VERSION,
	RETURNS_RETURN_ID,		/* index 0, unique: return_id, allocation */
	RETURNS_ALLOCATION,		/* ref */
	RETURNS_ORD,			/* ref; index 1 */
	RETURNS_ORDER_ITEM_ID,
	RETURNS_EXPECTED, RETURNS_RECEIVED,
	RETURNS_STATUS,			/* EXPECTED RECEIVED */
	RETURNS_CREATED_AT, RETURNS_UPDATED_AT,
	RETURNS_COLUMNS,
};

/* Index numbers; their columns are those of schema.c. */
enum { ITEMS_BY_ID };
enum { ORDERS_BY_ID };
enum { ALLOCATIONS_BY_ID, ALLOCATIONS_BY_ORD, ALLOCATIONS_BY_DUE };
enum { RETURNS_BY_ID, RETURNS_BY_ORD };

extern const struct gantry_table stock_table_items, stock_table_orders,
	stock_table_stock, stock_table_allocations, stock_table_returns;

/* The same by their place. */
extern const struct gantry_table *const stock_tables[STOCK_TABLES];

#endif
