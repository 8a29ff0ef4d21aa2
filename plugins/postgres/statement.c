/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement - SQL text by shape, prepared once a connection.
 *
 * A shape is met again and again with other values, so its text is written,
 * parsed and planned only the first time.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

static_assert(sizeof(struct shape_key) == 4 + 4 * VIAS, "a shape must have no gap");
static_assert(sizeof(struct shape) == 24 + PARTS * sizeof(struct shape_key),
	      "a shape must have no gap");

uint8_t statement_index(unsigned index)
{
	assert(index == GANTRY_BY_REF || index < BY_REF);
	return index == GANTRY_BY_REF ? BY_REF : (uint8_t)index;
}

struct shape_key statement_shape(const struct gantry_key *key)
{
	struct shape_key shape = { .table = (uint8_t)key->table,
				   .index = statement_index(key->index),
				   .n = (uint8_t)key->n };
	const struct gantry_key *k;

	for (k = key; k->via != NULL; k = k->via) {
		unsigned at = shape.n_via++;

		assert(at < VIAS);
		shape.via[at].table = (uint8_t)k->via->table;
		shape.via[at].index = statement_index(k->via->index);
		shape.via[at].n = (uint8_t)k->via->n;
		shape.via[at].column = (uint8_t)k->via_column;
	}
	return shape;
}

static unsigned statement_slot(const struct shape *shape)
{
	uint64_t words[sizeof(*shape) / 8], hash = 0;

	memcpy(words, shape, sizeof(words));
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(hash >> 40) % STATEMENTS;
}

void statement_drop_all(struct connection *c)
{
	for (unsigned i = 0; i < STATEMENTS; i++)
		while (c->statements[i] != NULL) {
			struct statement *st = c->statements[i];

			c->statements[i] = st->next;
			free(st->sql);
			free(st);
		}
	c->n_statements = 0;
}

bool statement_is_full(const struct connection *c)
{
	return c->n_statements > STATEMENTS;
}

struct statement *statement_get(const struct postgres *s, struct connection *c,
				const struct shape *shape)
{
	struct statement **slot = &c->statements[statement_slot(shape)], *st;

	for (st = *slot; st != NULL; st = st->next)
		if (memcmp(&st->shape, shape, sizeof(*shape)) == 0)
			return st;
	st = connection_memory(sizeof(*st));
	st->shape = *shape;
	st->sql = text_of(s, shape);
	snprintf(st->name, sizeof(st->name), "g%u", c->n_statements);
	st->next = *slot;
	*slot = st;
	c->n_statements++;
	return st;
}
