/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - rows in memory, each table in several orders at once.
 *
 * Order 0 is by ref, order i + 1 is index i of the table. Rows never change:
 * a changed row is a new one in the place of the old. Knows no unit and no
 * lock; the caller keeps others out.
 */
#ifndef MEMORY_ROWS_H
#define MEMORY_ROWS_H

#include <gantry/plugin.h>

struct row {
	unsigned n;
	struct gantry_value values[];	/* their text stands behind them */
};

struct node;

struct order {
	const unsigned *columns;
	unsigned n_columns;
	const struct gantry_index *index;	/* NULL: by ref */
	struct node *head;
	uint64_t dice;
};

struct rows {
	const struct gantry_table *table;
	struct order *orders;
	unsigned n_orders;
};

/* Where to begin in an order: behind what is smaller than this. */
struct start {
	const struct gantry_value *values;	/* a prefix of n columns */
	unsigned n;
	bool after;		/* behind the rows that are equal, too */
	int64_t after_ref;	/* behind those of them up to this ref */
};

void rows_init(struct rows *rows, const struct gantry_table *table);
/* Frees the rows, too. */
void rows_fini(struct rows *rows);

/* Memory or the end of the process; zeroed. */
void *rows_memory(size_t n, size_t size);

/*
 * A copy of values in one block, to be freed by free(); the columns outside
 * of mask are taken from base instead, if there is one.
 */
struct row *rows_copy(const struct rows *rows, const struct gantry_value *values,
		      uint64_t mask, const struct row *base);

void rows_add(struct rows *rows, struct row *row);
void rows_remove(struct rows *rows, const struct row *row);
struct row *rows_by_ref(const struct rows *rows, int64_t ref);

/* The unique index in which another row stands in row's place, or NULL. */
const struct gantry_index *rows_collision(const struct rows *rows,
					  const struct row *row);

/* NULL at the end. */
const struct node *rows_seek(const struct order *order, const struct start *start);
const struct node *rows_next(const struct node *node);
const struct row *rows_of(const struct node *node);

/*
 * The first n columns of the order against values: below, equal or above 0.
 * *null_out: a NULL of the row was met before they differed.
 */
int rows_compare(const struct order *order, const struct row *row,
		 const struct start *with, bool *null_out);

#endif
