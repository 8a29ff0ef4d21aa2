/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes - what a set has to tell storage, in the order that keeps unique
 * indexes whole: of each table first what goes or changes (an allocation that
 * is cancelled frees its live key), then what is new.
 */
#include "gateway/rows/set.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"

static int changes_order_value(const struct gantry_value *a,
			       const struct gantry_value *b)
{
	size_t least = a->len < b->len ? a->len : b->len;
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == GANTRY_INT64)
		return (a->is.number > b->is.number) - (a->is.number < b->is.number);
	if (a->kind == GANTRY_NULL)
		return 0;
	order = memcmp(a->is.text, b->is.text, least);
	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static const struct gantry_index *changes_unique(const struct gantry_table *t)
{
	for (unsigned i = 0; i < t->n_indexes; i++)
		if (t->indexes[i]->unique)
			return t->indexes[i];
	return NULL;
}

static int changes_order(const void *one, const void *two, void *unique)
{
	const struct gantry_change *a = *(const struct gantry_change *const *)one;
	const struct gantry_change *b = *(const struct gantry_change *const *)two;
	const struct gantry_index *index = unique;
	int order = 0;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == GANTRY_NEW && index != NULL)
		for (unsigned i = 0; i < index->n_columns && order == 0; i++)
			order = changes_order_value(&a->values[index->columns[i]],
						    &b->values[index->columns[i]]);
	return order != 0 ? order : changes_order_value(&a->values[0], &b->values[0]);
}

static enum gantry_change_kind changes_kind(const struct row *row)
{
	switch (row->state) {
	case ROW_CHANGED:
		return GANTRY_CHANGED;
	case ROW_NEW:
		return GANTRY_NEW;
	case ROW_GONE:
		return GANTRY_GONE;
	case ROW_STORED:
	case ROW_VOID:
		break;
	}
	return 0;
}

static size_t changes_of_table(const struct rowset *set, unsigned table,
			       const struct gantry_change **changes,
			       struct arena *a)
{
	size_t n = 0;

	for (const struct row *row = rowset_rows(set, table); row != NULL;
	     row = row->next) {
		enum gantry_change_kind kind = changes_kind(row);
		struct gantry_change *change;

		if (kind == 0)
			continue;
		if (changes != NULL) {
			change = arena_alloc(a, sizeof(*change));
			*change = (struct gantry_change){
				.size = sizeof(*change), .kind = kind,
				.table = table, .values = row->values,
				.mask = kind == GANTRY_CHANGED ? row->mask : 0,
			};
			changes[n] = change;
		}
		n++;
	}
	if (changes != NULL && n > 1)
		qsort_r(changes, n, sizeof(*changes), changes_order,
			(void *)changes_unique(set->schema->tables[table]));
	return n;
}

const struct gantry_change *const *rowset_changes(struct rowset *set,
						  struct arena *a, size_t *n_out)
{
	const struct gantry_change **changes;
	size_t n = 0;

	for (unsigned i = 0; i < set->schema->n_tables; i++)
		n += changes_of_table(set, i, NULL, a);
	changes = arena_alloc(a, n * sizeof(struct gantry_change *));
	*n_out = n;
	n = 0;
	for (unsigned i = 0; i < set->schema->n_tables; i++)
		n += changes_of_table(set, i, changes + n, a);
	return changes;
}
