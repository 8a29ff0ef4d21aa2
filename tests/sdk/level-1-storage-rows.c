/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - see rows.h. An order is a skip list: each row stands in it with one
 * to sixteen links, twice as seldom with each link more, so that a search
 * passes about as many rows as a balanced tree would.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "level-1-storage-rows.h"

enum { LINKS = 16 };

struct node {
	struct row *row;
	struct node *next[];
};

static const unsigned ref_column[] = { 0 };

void *rows_memory(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size);

	if (p == NULL) {
		fputs("gantry: storage memory: out of memory\n", stderr);
		abort();
	}
	return p;
}

static struct node *node_new(struct row *row, unsigned links)
{
	struct node *node = rows_memory(
		1, sizeof(*node) + links * sizeof(node->next[0]));

	node->row = row;
	return node;
}

void rows_init(struct rows *rows, const struct gantry_table *table)
{
	rows->table = table;
	rows->n_orders = table->n_indexes + 1;
	rows->orders = rows_memory(rows->n_orders, sizeof(*rows->orders));
	for (unsigned i = 0; i < rows->n_orders; i++) {
		struct order *o = &rows->orders[i];

		o->index = i > 0 ? table->indexes[i - 1] : NULL;
		o->columns = i > 0 ? o->index->columns : ref_column;
		o->n_columns = i > 0 ? o->index->n_columns : 1;
		o->head = node_new(NULL, LINKS);
		o->dice = 0x9e3779b97f4a7c15;
	}
}

void rows_fini(struct rows *rows)
{
	for (unsigned i = 0; i < rows->n_orders; i++) {
		struct node *next, *node = rows->orders[i].head;

		for (; node != NULL; node = next) {
			next = node->next[0];
			if (i == 0)
				free(node->row);
			free(node);
		}
	}
	free(rows->orders);
}

struct row *rows_copy(const struct rows *rows, const struct gantry_value *values,
		      uint64_t mask, const struct row *base)
{
	unsigned n = rows->table->n_columns;
	size_t text = 0;
	struct row *row;
	char *at;

#define FROM(i) (mask >> (i) & 1 || base == NULL ? &values[i] : &base->values[i])
	for (unsigned i = 0; i < n; i++)
		if (FROM(i)->kind == GANTRY_STRING)
			text += FROM(i)->len;
	row = rows_memory(1, sizeof(*row) + n * sizeof(*values) + text);
	row->n = n;
	at = (char *)&row->values[n];
	for (unsigned i = 0; i < n; i++) {
		row->values[i] = *FROM(i);
		if (row->values[i].kind != GANTRY_STRING)
			continue;
		if (row->values[i].len > 0)
			memcpy(at, row->values[i].is.text, row->values[i].len);
		row->values[i].is.text = at;
		at += row->values[i].len;
	}
#undef FROM
	return row;
}

/* NULL comes first, then numbers; text is compared bytewise. */
static int value_compare(const struct gantry_value *a, const struct gantry_value *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == GANTRY_NULL)
		return 0;
	if (a->kind == GANTRY_INT64)
		return (a->is.number > b->is.number) - (a->is.number < b->is.number);
	order = len > 0 ? memcmp(a->is.text, b->is.text, len) : 0;
	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

int rows_compare(const struct order *order, const struct row *row,
		 const struct start *with, bool *null_out)
{
	*null_out = false;
	for (unsigned i = 0; i < with->n; i++) {
		const struct gantry_value *v = &row->values[order->columns[i]];
		int cmp = value_compare(v, &with->values[i]);

		*null_out |= v->kind == GANTRY_NULL;
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

/* By the columns of the order, then by ref: no two rows are equal. */
static int row_compare(const struct order *order, const struct row *a,
		       const struct row *b)
{
	for (unsigned i = 0; i < order->n_columns; i++) {
		unsigned column = order->columns[i];
		int cmp = value_compare(&a->values[column], &b->values[column]);

		if (cmp != 0)
			return cmp;
	}
	return value_compare(&a->values[0], &b->values[0]);
}

/* The last node of each height that stands before row. */
static void order_find(const struct order *order, const struct row *row,
		       struct node *before[static LINKS])
{
	struct node *at = order->head;

	for (unsigned level = LINKS; level-- > 0; before[level] = at)
		while (at->next[level] != NULL &&
		       row_compare(order, at->next[level]->row, row) < 0)
			at = at->next[level];
}

static unsigned order_throw(struct order *order)
{
	unsigned links = 1;

	order->dice ^= order->dice << 13;
	order->dice ^= order->dice >> 7;
	order->dice ^= order->dice << 17;
	while (links < LINKS && (order->dice >> (links + 20) & 1) != 0)
		links++;
	return links;
}

void rows_add(struct rows *rows, struct row *row)
{
	for (unsigned i = 0; i < rows->n_orders; i++) {
		struct order *o = &rows->orders[i];
		unsigned links = order_throw(o);
		struct node *before[LINKS], *node = node_new(row, links);

		order_find(o, row, before);
		for (unsigned level = 0; level < links; level++) {
			node->next[level] = before[level]->next[level];
			before[level]->next[level] = node;
		}
	}
}

void rows_remove(struct rows *rows, const struct row *row)
{
	for (unsigned i = 0; i < rows->n_orders; i++) {
		struct node *before[LINKS], *node;

		order_find(&rows->orders[i], row, before);
		node = before[0]->next[0];
		assert(node != NULL && node->row == row);
		for (unsigned level = 0; level < LINKS; level++)
			if (before[level]->next[level] == node)
				before[level]->next[level] = node->next[level];
		free(node);
	}
}

static bool start_is_behind(const struct order *order, const struct row *row,
			    const struct start *start)
{
	bool null;
	int cmp = rows_compare(order, row, start, &null);

	if (cmp != 0)
		return cmp < 0;
	return start->after || (start->n == order->n_columns &&
				start->after_ref != 0 &&
				row->values[0].is.number <= start->after_ref);
}

const struct node *rows_seek(const struct order *order, const struct start *start)
{
	const struct node *at = order->head;

	for (unsigned level = LINKS; level-- > 0;)
		while (start->n > 0 && at->next[level] != NULL &&
		       start_is_behind(order, at->next[level]->row, start))
			at = at->next[level];
	return at->next[0];
}

const struct node *rows_next(const struct node *node)
{
	return node->next[0];
}

const struct row *rows_of(const struct node *node)
{
	return node->row;
}

struct row *rows_by_ref(const struct rows *rows, int64_t ref)
{
	struct gantry_value value = { .kind = GANTRY_INT64, .is.number = ref };
	struct start start = { .values = &value, .n = 1 };
	const struct node *node = rows_seek(&rows->orders[0], &start);

	return node != NULL && node->row->values[0].is.number == ref ?
		node->row : NULL;
}

static bool order_collides(const struct order *order, const struct row *row)
{
	struct gantry_value values[64];
	struct start start = { .values = values, .n = order->n_columns };
	const struct node *node;
	bool null;

	assert(start.n <= sizeof(values) / sizeof(*values));
	for (unsigned i = 0; i < start.n; i++) {
		values[i] = row->values[order->columns[i]];
		if (values[i].kind == GANTRY_NULL)
			return false;
	}
	node = rows_seek(order, &start);
	return node != NULL && rows_compare(order, node->row, &start, &null) == 0;
}

const struct gantry_index *rows_collision(const struct rows *rows,
					  const struct row *row)
{
	for (unsigned i = 1; i < rows->n_orders; i++) {
		const struct order *o = &rows->orders[i];

		if (o->index->unique && order_collides(o, row))
			return o->index;
	}
	return NULL;
}
