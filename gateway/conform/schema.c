/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the kit's own tables: something to refer to three levels deep, a
 * nullable part of a unique key, NULLs in an order; and its next minor.
 */
#include "gateway/conform/kit.h"

#define COLUMN(...) &(const struct gantry_column){ \
	.size = sizeof(struct gantry_column), __VA_ARGS__ }
#define INDEX(...) &(const struct gantry_index){ \
	.size = sizeof(struct gantry_index), __VA_ARGS__ }
#define ID_COLUMNS \
	COLUMN(.name = "ref", .kind = GANTRY_INT64), \
	COLUMN(.name = "version", .kind = GANTRY_INT64)

static const struct gantry_column *const holders_columns[] = {
	ID_COLUMNS,
	COLUMN(.name = "name", .kind = GANTRY_STRING, .flags = GANTRY_COLUMN_ID),
	COLUMN(.name = "note", .kind = GANTRY_STRING, .flags = GANTRY_COLUMN_NULLABLE),
	COLUMN(.name = "number", .kind = GANTRY_INT64, .flags = GANTRY_COLUMN_NULLABLE),
	COLUMN(.name = "extra", .kind = GANTRY_STRING, .since_minor = 1,
	       .flags = GANTRY_COLUMN_NULLABLE | GANTRY_COLUMN_ID),
};
static const struct gantry_index *const holders_indexes[] = {
	INDEX(.name = "holders_name", .unique = true, .n_columns = 1,
	      .columns = (const unsigned[]){ NAME }),
	INDEX(.name = "holders_number", .n_columns = 1,
	      .columns = (const unsigned[]){ NUMBER }),
	INDEX(.name = "holders_extra", .unique = true, .n_columns = 1,
	      .columns = (const unsigned[]){ EXTRA }),
};
static const char *const holders_checks[] = { "number IS NULL OR number <> -13" };

static const struct gantry_column *const things_columns[] = {
	ID_COLUMNS,
	COLUMN(.name = "holder", .kind = GANTRY_INT64, .references = "holders"),
	COLUMN(.name = "kind", .kind = GANTRY_STRING, .flags = GANTRY_COLUMN_ID),
	COLUMN(.name = "live", .kind = GANTRY_INT64, .flags = GANTRY_COLUMN_NULLABLE),
};
static const struct gantry_index *const things_indexes[] = {
	INDEX(.name = "things_live", .unique = true, .n_columns = 3,
	      .columns = (const unsigned[]){ HOLDER, KIND, LIVE }),
};

static const struct gantry_column *const parts_columns[] = {
	ID_COLUMNS,
	COLUMN(.name = "thing", .kind = GANTRY_INT64, .references = "things"),
	COLUMN(.name = "label", .kind = GANTRY_STRING, .flags = GANTRY_COLUMN_ID),
};
static const struct gantry_index *const parts_indexes[] = {
	INDEX(.name = "parts_thing", .n_columns = 1,
	      .columns = (const unsigned[]){ THING }),
};

static const struct gantry_column *const lines_columns[] = {
	ID_COLUMNS,
	COLUMN(.name = "a", .kind = GANTRY_INT64, .flags = GANTRY_COLUMN_NULLABLE),
	COLUMN(.name = "b", .kind = GANTRY_STRING,
	       .flags = GANTRY_COLUMN_NULLABLE | GANTRY_COLUMN_ID),
};
static const struct gantry_index *const lines_indexes[] = {
	INDEX(.name = "lines_ab", .n_columns = 2,
	      .columns = (const unsigned[]){ LINE_A, LINE_B }),
};

static const struct gantry_column *const later_columns[] = {
	ID_COLUMNS,
	COLUMN(.name = "name", .kind = GANTRY_STRING, .flags = GANTRY_COLUMN_ID),
};
static const struct gantry_index *const later_indexes[] = {
	INDEX(.name = "later_name", .unique = true, .n_columns = 1,
	      .columns = (const unsigned[]){ NAME }),
};

#define TABLE(name_, n_columns_, n_indexes_, ...) \
	&(const struct gantry_table){ \
		.size = sizeof(struct gantry_table), .name = #name_, \
		.columns = name_##_columns, .n_columns = (n_columns_), \
		.indexes = name_##_indexes, .n_indexes = (n_indexes_), __VA_ARGS__ }

static const struct gantry_table *const tables_old[] = {
	TABLE(holders, 5, 2, .checks = holders_checks, .n_checks = 1),
	TABLE(things, 5, 1), TABLE(parts, 4, 1), TABLE(lines, 4, 1),
};
static const struct gantry_table *const tables_new[] = {
	TABLE(holders, 6, 3, .checks = holders_checks, .n_checks = 1),
	TABLE(things, 5, 1), TABLE(parts, 4, 1), TABLE(lines, 4, 1),
	TABLE(later, 3, 1, .since_minor = 1),
};

#define SCHEMA(major_, minor_, tables_, n) { \
	.size = sizeof(struct gantry_schema), .name = "conform", \
	.major = (major_), .minor = (minor_), .tables = (tables_), .n_tables = (n) }

const struct gantry_schema kit_schema_old = SCHEMA(1, 0, tables_old, 4);
const struct gantry_schema kit_schema_new = SCHEMA(1, 1, tables_new, 5);
const struct gantry_schema kit_schema_other = SCHEMA(2, 0, tables_old, 4);
