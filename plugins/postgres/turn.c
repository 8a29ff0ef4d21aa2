/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn - lanes of the same number in several gateways, one after the other.
 *
 * They work on the same items. Two units of some size, open at once, have a
 * few in common: then one waits in the middle of its work for the other to
 * end, and both are half as large as they could be. So a lane that waits for
 * its turn does so before it takes what is to go into its unit, and the unit
 * grows meanwhile. An advisory lock says whose turn it is.
 *
 * Turns save work and make nothing correct: rows have locks of their own. Who
 * is alone never asks for one, and whose units have hardly a row in common
 * works beside the others. Who waits for a turn for too long goes on without.
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

enum {
	TURN_ALONE = 64,	/* units without another one: it has gone */
	TURN_REST_MS = 50,	/* after a turn that did not come, and */
	TURN_RESTS = 5,		/* twice that, so often, if none comes then */
	TURN_WEIGHT = 32,	/* units that the average is of */
	TURN_WORTH = 1024 / 40,	/* a unit in forty would wait for a row */
};

/* FNV-1a. */
int32_t turn_class(const char *schema)
{
	uint32_t hash = 0x811c9dc5;

	for (; *schema != '\0'; schema++)
		hash = (hash ^ (unsigned char)*schema) * 0x01000193;
	return (int32_t)(hash & INT32_MAX);
}

bool turn_is_due(const struct unit *u)
{
	const struct turn *t = &u->turn;

	return t->met && t->common >= TURN_WORTH &&
	       (t->rest_ms == 0 || connection_now_ms() >= t->rest_ms);
}

void turn_note(struct unit *u, bool was_free)
{
	struct turn *t = &u->turn;

	t->alone = was_free ? t->alone + 1 : 0;
	if (!was_free)
		t->met = true;
	else if (t->alone >= TURN_ALONE)
		t->met = false;
}

void turn_came(struct unit *u)
{
	u->turn.missed = 0;
}

void turn_missed(struct unit *u)
{
	struct turn *t = &u->turn;

	t->rest_ms = connection_now_ms() + (TURN_REST_MS << t->missed);
	if (t->missed < TURN_RESTS)
		t->missed++;
}

static int turn_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Refs of several tables together: they are minted by one counter. */
static int64_t *turn_rows(const struct reading *r, size_t *n_out)
{
	size_t n = 0;
	int64_t *rows;

	for (size_t i = 0; i < r->n_locked; i++)
		n += r->locked[i].n;
	rows = connection_memory(n * sizeof(*rows));
	*n_out = n;
	n = 0;
	for (size_t i = 0; i < r->n_locked; i++)
		for (size_t k = 0; k < r->locked[i].n; k++)
			rows[n++] = r->locked[i].refs[k];
	qsort(rows, n, sizeof(*rows), turn_order);
	return rows;
}

static size_t turn_common(const struct turn *t, const int64_t *rows, size_t n_rows)
{
	size_t n = 0, i = 0, k = 0;

	while (i < t->n_rows && k < n_rows) {
		n += t->rows[i] == rows[k];
		if (t->rows[i] <= rows[k])
			i++;
		else
			k++;
	}
	return n;
}

void turn_learn(struct unit *u, const struct reading *r)
{
	struct turn *t = &u->turn;
	size_t n_rows;
	int64_t *rows = turn_rows(r, &n_rows);
	int64_t common = (int64_t)turn_common(t, rows, n_rows) * 1024;

	t->common += (common - t->common) / TURN_WEIGHT;
	free(t->rows);
	t->rows = rows;
	t->n_rows = n_rows;
}

void turn_fini(struct turn *t)
{
	free(t->rows);
	t->rows = NULL;
}
