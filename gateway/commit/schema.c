/* SPDX-License-Identifier: Apache-2.0 */
/* schema - see schema.h. */
#include "gateway/commit/schema.h"

#include "gateway/base/memory.h"

#define COLUMN(name_, kind_, ...)                                          \
	&(const struct gantry_column)                                      \
	{                                                                  \
		.size = sizeof(struct gantry_column), .name = name_,       \
		.kind = kind_, __VA_ARGS__                                 \
	}
#define NUMBER(name, ...) COLUMN(name, GANTRY_INT64, __VA_ARGS__)
#define TEXT(name, ...) COLUMN(name, GANTRY_STRING, __VA_ARGS__)
#define ID(name) TEXT(name, .flags = GANTRY_COLUMN_ID)
#define MAYBE .flags = GANTRY_COLUMN_NULLABLE
#define SINCE(minor_) MAYBE, .since_minor = minor_

#define TABLE(name_, ...)                                                   \
	static const struct gantry_table name_##_table = {                  \
		.size = sizeof(struct gantry_table), .name = #name_,        \
		.columns = name_##_columns,                                 \
		.n_columns = ARRAY_LENGTH(name_##_columns), __VA_ARGS__     \
	}

/* Most tables here have one index: their key. */
#define KEYED(name_, column_)                                               \
	static const unsigned name_##_key_columns[] = { column_ };          \
	static const struct gantry_index name_##_key = {                    \
		.size = sizeof(struct gantry_index), .name = #name_ "_key", \
		.columns = name_##_key_columns, .n_columns = 1,             \
		.unique = true,                                             \
	};                                                                  \
	static const struct gantry_index *const name_##_indexes[] = {       \
		&name_##_key                                                \
	};                                                                  \
	TABLE(name_, .indexes = name_##_indexes, .n_indexes = 1)

static const struct gantry_column *const outbox_columns[] = {
	NUMBER("ref"), NUMBER("version"),
	TEXT("owner"),
	NUMBER("after", MAYBE),
	TEXT("aggregate_type"), TEXT("aggregate_id"),
	TEXT("exchange"), TEXT("routing_key"), TEXT("type"), ID("event_id"),
	TEXT("correlation_id"), TEXT("traceparent", MAYBE),
	TEXT("body"),
	NUMBER("created_at"),
	TEXT("cause", SINCE(1)),
};
TABLE(outbox, .n_indexes = 0);

static const struct gantry_column *const inbox_columns[] = {
	NUMBER("ref"), NUMBER("version"), ID("key"), TEXT("state"),
	NUMBER("created_at"),
};
KEYED(inbox, INBOX_KEY);

static const struct gantry_column *const idempotency_columns[] = {
	NUMBER("ref"), NUMBER("version"), ID("key"), TEXT("fingerprint"),
	NUMBER("status"), TEXT("headers", MAYBE), TEXT("answer"),
	NUMBER("created_at"),
};
KEYED(idempotency, IDEMPOTENCY_KEY);

static const struct gantry_column *const records_columns[] = {
	NUMBER("ref"), NUMBER("version"), ID("key"), TEXT("value"),
	NUMBER("updated_at"), NUMBER("last_event", SINCE(1)),
};
KEYED(records, RECORDS_KEY);

static const struct gantry_column *const leases_columns[] = {
	NUMBER("ref"), NUMBER("version"), ID("name"), TEXT("owner"),
	NUMBER("until"), NUMBER("epoch", SINCE(1)),
};
KEYED(leases, LEASES_NAME);

_Static_assert(ARRAY_LENGTH(outbox_columns) == OUTBOX_COLUMNS, "outbox");
_Static_assert(ARRAY_LENGTH(inbox_columns) == INBOX_COLUMNS, "inbox");
_Static_assert(ARRAY_LENGTH(idempotency_columns) == IDEMPOTENCY_COLUMNS, "keys");
_Static_assert(ARRAY_LENGTH(records_columns) == RECORDS_COLUMNS, "records");
_Static_assert(ARRAY_LENGTH(leases_columns) == LEASES_COLUMNS, "leases");

static const struct gantry_table *const commit_tables[COMMIT_TABLES] = {
	[STOCK_ITEMS] = &stock_table_items,
	[STOCK_ORDERS] = &stock_table_orders,
	[STOCK_STOCK] = &stock_table_stock,
	[STOCK_ALLOCATIONS] = &stock_table_allocations,
	[STOCK_RETURNS] = &stock_table_returns,
	[COMMIT_OUTBOX] = &outbox_table,
	[COMMIT_INBOX] = &inbox_table,
	[COMMIT_IDEMPOTENCY] = &idempotency_table,
	[COMMIT_RECORDS] = &records_table,
	[COMMIT_LEASES] = &leases_table,
};

const struct gantry_schema commit_schema = {
	.size = sizeof(struct gantry_schema),
	.name = "gantry",
	.major = 1,
	.minor = 1,
	.tables = commit_tables,
	.n_tables = COMMIT_TABLES,
};
