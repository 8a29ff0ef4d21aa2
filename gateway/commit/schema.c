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

#define INDEX(name_, columns_, ...)                                         \
	&(const struct gantry_index)                                        \
	{                                                                   \
		.size = sizeof(struct gantry_index), .name = name_,         \
		.columns = columns_, .n_columns = ARRAY_LENGTH(columns_),   \
		__VA_ARGS__                                                 \
	}

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
	TEXT("cause", SINCE(1)), TEXT("tracestate", SINCE(3)),
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

static const struct gantry_column *const dead_letters_columns[] = {
	NUMBER("ref"), NUMBER("version"), ID("key"), TEXT("state"),
	TEXT("queue"), TEXT("event_id", MAYBE),
	TEXT("exchange", MAYBE), TEXT("routing_key", MAYBE),
	TEXT("cause"), TEXT("text", MAYBE), TEXT("handler", MAYBE),
	NUMBER("attempts"), TEXT("headers", MAYBE), TEXT("content_type", MAYBE),
	TEXT("correlation_id", MAYBE), TEXT("traceparent", MAYBE),
	TEXT("form"), TEXT("body"),
	TEXT("original_form", MAYBE), TEXT("original", MAYBE),
	NUMBER("died_at"), NUMBER("created_at"),
	TEXT("open_cause", .flags = GANTRY_COLUMN_ID | GANTRY_COLUMN_NULLABLE),
	NUMBER("closed_at", MAYBE),
};
static const unsigned dead_letters_key_columns[] = { DEAD_LETTERS_KEY };
static const unsigned dead_letters_cause_columns[] = { DEAD_LETTERS_OPEN_CAUSE };
static const unsigned dead_letters_closed_columns[] = { DEAD_LETTERS_CLOSED_AT };
static const struct gantry_index *const dead_letters_indexes[] = {
	INDEX("dead_letters_key", dead_letters_key_columns, .unique = true),
	INDEX("dead_letters_open_cause", dead_letters_cause_columns),
	INDEX("dead_letters_closed_at", dead_letters_closed_columns),
};
TABLE(dead_letters, .indexes = dead_letters_indexes,
      .n_indexes = ARRAY_LENGTH(dead_letters_indexes), .since_minor = 1);

static const struct gantry_column *const audit_columns[] = {
	NUMBER("ref"), NUMBER("version"), NUMBER("at"), TEXT("actor"),
	TEXT("action"), TEXT("object"), TEXT("result"), TEXT("text", MAYBE),
};
TABLE(audit, .n_indexes = 0, .since_minor = 1);

_Static_assert(ARRAY_LENGTH(outbox_columns) == OUTBOX_COLUMNS, "outbox");
_Static_assert(ARRAY_LENGTH(inbox_columns) == INBOX_COLUMNS, "inbox");
_Static_assert(ARRAY_LENGTH(idempotency_columns) == IDEMPOTENCY_COLUMNS, "keys");
_Static_assert(ARRAY_LENGTH(records_columns) == RECORDS_COLUMNS, "records");
_Static_assert(ARRAY_LENGTH(leases_columns) == LEASES_COLUMNS, "leases");

_Static_assert(ARRAY_LENGTH(dead_letters_columns) == DEAD_LETTERS_COLUMNS, "letters");
_Static_assert(ARRAY_LENGTH(audit_columns) == AUDIT_COLUMNS, "audit");

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
	[COMMIT_DEAD_LETTERS] = &dead_letters_table,
	[COMMIT_AUDIT] = &audit_table,
};

const struct gantry_schema commit_schema = {
	.size = sizeof(struct gantry_schema),
	.name = "gantry",
	.major = 1,
	.minor = 3,
	.tables = commit_tables,
	.n_tables = COMMIT_TABLES,
};
