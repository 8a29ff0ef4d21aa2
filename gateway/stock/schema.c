/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the tables of the stock rules, see schema.h. The checks are the
 * second line of defence: decide never lets a row come near them. They say "or",
 * not "in": for a list SQLite makes a table at every INSERT.
 */
#include "gateway/stock/schema.h"

#include "gateway/base/memory.h"

#define COLUMN(name_, kind_, ...) \
	&(const struct gantry_column){ .size = sizeof(struct gantry_column), \
				       .name = name_, .kind = kind_, __VA_ARGS__ }
#define NUMBER(name_, ...) COLUMN(name_, GANTRY_INT64, __VA_ARGS__)
#define TEXT(name_, ...) COLUMN(name_, GANTRY_STRING, __VA_ARGS__)
#define ID(name_) TEXT(name_, .flags = GANTRY_COLUMN_ID)
#define NULLABLE .flags = GANTRY_COLUMN_NULLABLE
#define REFERENCE(name_, table_) NUMBER(name_, .references = table_)

#define INDEX(name_, unique_, ...) \
	&(const struct gantry_index){ \
		.size = sizeof(struct gantry_index), .name = name_, \
		.columns = (const unsigned[]){ __VA_ARGS__ }, \
		.n_columns = ARRAY_LENGTH(((const unsigned[]){ __VA_ARGS__ })), \
		.unique = unique_ }

#define TABLE(name_, columns_, indexes_, checks_) \
	{ .size = sizeof(struct gantry_table), .name = name_, \
	  .columns = columns_, .n_columns = ARRAY_LENGTH(columns_), \
	  .indexes = indexes_, .n_indexes = ARRAY_LENGTH(indexes_), \
	  .checks = checks_, .n_checks = ARRAY_LENGTH(checks_) }

static const struct gantry_column *const items_columns[ITEMS_COLUMNS] = {
	[ITEMS_REF] = NUMBER("ref"),
	[ITEMS_VERSION] = NUMBER("version"),
	[ITEMS_ID] = ID("id"),
	[ITEMS_SKU] = TEXT("sku"),
	[ITEMS_PRODUCT_ID] = TEXT("product_id"),
	[ITEMS_WAREHOUSE_ID] = TEXT("warehouse_id"),
	[ITEMS_CREATED_AT] = NUMBER("created_at"),
};
static const struct gantry_index *const items_indexes[] = {
	INDEX("items_id", true, ITEMS_ID),
};
static const char *const items_checks[] = { "version >= 1" };
const struct gantry_table stock_table_items =
	TABLE("items", items_columns, items_indexes, items_checks);

static const struct gantry_column *const orders_columns[ORDERS_COLUMNS] = {
	[ORDERS_REF] = NUMBER("ref"),
	[ORDERS_VERSION] = NUMBER("version"),
	[ORDERS_ID] = ID("id"),
	[ORDERS_STATE] = TEXT("state"),
	[ORDERS_LIVE] = NUMBER("live"),
	[ORDERS_CREATED_AT] = NUMBER("created_at"),
	[ORDERS_UPDATED_AT] = NUMBER("updated_at"),
	[ORDERS_LAST_EVENT] = NUMBER("last_event", NULLABLE, .since_minor = 1),
};
static const struct gantry_index *const orders_indexes[] = {
	INDEX("orders_id", true, ORDERS_ID),
};
static const char *const orders_checks[] = {
	"version >= 1",
	"state = 'OPEN' or state = 'CONFIRMED' or state = 'CANCELLED'",
	"live >= 0",
};
const struct gantry_table stock_table_orders =
	TABLE("orders", orders_columns, orders_indexes, orders_checks);

static const struct gantry_column *const stock_columns[STOCK_COLUMNS] = {
	[STOCK_REF] = NUMBER("ref"),
	[STOCK_VERSION] = NUMBER("version"),
	[STOCK_AVAILABLE] = NUMBER("available"),
	[STOCK_RESERVED] = NUMBER("reserved"),
	[STOCK_UPDATED_AT] = NUMBER("updated_at"),
};
static const char *const stock_checks[] = {
	"version >= 1",
	"reserved >= 0",
	"reserved <= available",
};
const struct gantry_table stock_table_stock = {
	.size = sizeof(struct gantry_table), .name = "stock",
	.columns = stock_columns, .n_columns = STOCK_COLUMNS,
	.checks = stock_checks, .n_checks = ARRAY_LENGTH(stock_checks),
};

static const struct gantry_column *const
allocations_columns[ALLOCATIONS_COLUMNS] = {
	[ALLOCATIONS_REF] = NUMBER("ref"),
	[ALLOCATIONS_VERSION] = NUMBER("version"),
	[ALLOCATIONS_ID] = ID("id"),
	[ALLOCATIONS_ORD] = REFERENCE("ord", "orders"),
	[ALLOCATIONS_ORDER_ITEM_ID] = ID("order_item_id"),
	[ALLOCATIONS_LIVE] = NUMBER("live", NULLABLE),
	[ALLOCATIONS_ITEM] = REFERENCE("item", "items"),
	[ALLOCATIONS_QUANTITY] = NUMBER("quantity"),
	[ALLOCATIONS_STATUS] = TEXT("status"),
	[ALLOCATIONS_EXPIRES_AT] = NUMBER("expires_at", NULLABLE),
	[ALLOCATIONS_DUE_AT] = NUMBER("due_at", NULLABLE),
	[ALLOCATIONS_REASON] = TEXT("reason", NULLABLE),
	[ALLOCATIONS_LAST_EVENT] = NUMBER("last_event", NULLABLE),
	[ALLOCATIONS_CREATED_AT] = NUMBER("created_at"),
	[ALLOCATIONS_UPDATED_AT] = NUMBER("updated_at"),
	[ALLOCATIONS_UNVERIFIED] = NUMBER("unverified", NULLABLE, .since_minor = 2),
};
static const struct gantry_index *const allocations_indexes[] = {
	INDEX("allocations_id", true, ALLOCATIONS_ID),
	INDEX("allocations_live", true, ALLOCATIONS_ORD,
	      ALLOCATIONS_ORDER_ITEM_ID, ALLOCATIONS_LIVE, ALLOCATIONS_ITEM),
	INDEX("allocations_due", false, ALLOCATIONS_DUE_AT),
};
static const char *const allocations_checks[] = {
	"version >= 1",
	"quantity >= 1",
	"status = 'PENDING' or status = 'CONFIRMED' or status = 'FULFILLED' "
	"or status = 'CANCELLED'",
	"live = 1",
};
const struct gantry_table stock_table_allocations =
	TABLE("allocations", allocations_columns, allocations_indexes,
	      allocations_checks);

static const struct gantry_column *const returns_columns[RETURNS_COLUMNS] = {
	[RETURNS_REF] = NUMBER("ref"),
	[RETURNS_VERSION] = NUMBER("version"),
	[RETURNS_RETURN_ID] = ID("return_id"),
	[RETURNS_ALLOCATION] = REFERENCE("allocation", "allocations"),
	[RETURNS_ORD] = REFERENCE("ord", "orders"),
	[RETURNS_ORDER_ITEM_ID] = ID("order_item_id"),
	[RETURNS_EXPECTED] = NUMBER("expected"),
	[RETURNS_RECEIVED] = NUMBER("received"),
	[RETURNS_STATUS] = TEXT("status"),
	[RETURNS_CREATED_AT] = NUMBER("created_at"),
	[RETURNS_UPDATED_AT] = NUMBER("updated_at"),
};
static const struct gantry_index *const returns_indexes[] = {
	INDEX("returns_id", true, RETURNS_RETURN_ID, RETURNS_ALLOCATION),
	INDEX("returns_ord", false, RETURNS_ORD),
};
static const char *const returns_checks[] = {
	"version >= 1",
	"expected >= 1",
	"received >= 0",
	"received <= expected",
	"status = 'EXPECTED' or status = 'RECEIVED'",
};
const struct gantry_table stock_table_returns =
	TABLE("returns", returns_columns, returns_indexes, returns_checks);

const struct gantry_table *const stock_tables[STOCK_TABLES] = {
	[STOCK_ITEMS] = &stock_table_items,
	[STOCK_ORDERS] = &stock_table_orders,
	[STOCK_STOCK] = &stock_table_stock,
	[STOCK_ALLOCATIONS] = &stock_table_allocations,
	[STOCK_RETURNS] = &stock_table_returns,
};
