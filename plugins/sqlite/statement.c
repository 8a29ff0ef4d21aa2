/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement - SQL text by shape, prepared once a connection, and binding.
 *
 * A shape is met again and again with other values, so the text is written
 * and compiled only the first time. INDEXED BY makes a plan that does not use
 * the index an error instead of a slow query.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sqlite/sqlite.h"

#define BY_REF UINT8_MAX

static const unsigned ref_column[] = { 0 };

static_assert(sizeof(struct shape) == 24, "a shape must have no gap");

static uint8_t shape_index(unsigned index)
{
	assert(index == GANTRY_BY_REF || index < BY_REF);
	return index == GANTRY_BY_REF ? BY_REF : (uint8_t)index;
}

static const struct gantry_table *text_table(const struct sqlite *s, unsigned table)
{
	assert(table < s->schema->n_tables);
	return s->schema->tables[table];
}

/* The columns of an index and how many they are. */
static const unsigned *text_columns(const struct gantry_table *t, uint8_t index,
				    unsigned *n_out)
{
	assert(index == BY_REF || index < t->n_indexes);
	*n_out = index == BY_REF ? 1 : t->indexes[index]->n_columns;
	return index == BY_REF ? ref_column : t->indexes[index]->columns;
}

static void text_from(FILE *f, const struct gantry_table *t, uint8_t index)
{
	fprintf(f, " FROM \"%s\"", t->name);
	if (index != BY_REF)
		fprintf(f, " INDEXED BY \"%s\"", t->indexes[index]->name);
}

static void text_select(FILE *f, const struct gantry_table *t, uint8_t index)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		fprintf(f, "%s\"%s\"", i == 0 ? "SELECT " : ",", t->columns[i]->name);
	text_from(f, t, index);
}

/* " WHERE a=? AND b=?"; with first, that stands for the first comparison. */
static void text_equal(FILE *f, const struct gantry_table *t, uint8_t index,
		       unsigned n, const char *first)
{
	unsigned of;
	const unsigned *columns = text_columns(t, index, &of);

	assert(n >= 1 && n <= of);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%s\"%s\"%s", i == 0 ? " WHERE " : " AND ",
			t->columns[columns[i]]->name,
			i == 0 && first != NULL ? first : "=?");
}

/* Whether a sub-select and those inside it find one row at most. */
static bool text_is_single(const struct sqlite *s, const struct shape *shape, unsigned at)
{
	for (; at < shape->n_via; at++) {
		const struct gantry_table *t = text_table(s, shape->via[at].table);
		uint8_t index = shape->via[at].index;

		if (index != BY_REF && !(t->indexes[index]->unique &&
					 t->indexes[index]->n_columns == shape->via[at].n))
			return false;
	}
	return true;
}

/*
 * " IN (SELECT column FROM table WHERE ...)"; malloc. For a single row "=": IN
 * makes a table of its own for each look-up, which costs more than all the rest.
 */
static char *text_via(const struct sqlite *s, const struct shape *shape, unsigned at)
{
	const struct gantry_table *t;
	char *text, *first;
	size_t len;
	FILE *f;

	if (at == shape->n_via)
		return NULL;
	f = open_memstream(&text, &len);
	assert(f != NULL);
	t = text_table(s, shape->via[at].table);
	fprintf(f, " %s (SELECT \"%s\"", text_is_single(s, shape, at) ? "=" : "IN",
		t->columns[shape->via[at].column]->name);
	text_from(f, t, shape->via[at].index);
	first = text_via(s, shape, at + 1);
	text_equal(f, t, shape->via[at].index, shape->via[at].n, first);
	free(first);
	fputc(')', f);
	fclose(f);
	return text;
}

static void text_key(FILE *f, const struct sqlite *s, const struct shape *shape)
{
	const struct gantry_table *t = text_table(s, shape->table);
	char *first = text_via(s, shape, 0);

	text_select(f, t, shape->index);
	text_equal(f, t, shape->index, shape->n, first);
	free(first);
}

/* "("a","b")": a row value in the index's order. */
static void text_row(FILE *f, const struct gantry_table *t, uint8_t index,
		     unsigned n)
{
	unsigned of;
	const unsigned *columns = text_columns(t, index, &of);

	assert(n >= 1 && n <= of);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%c\"%s\"", i == 0 ? '(' : ',',
			t->columns[columns[i]]->name);
	fputc(')', f);
}

static void text_marks(FILE *f, const char *op, unsigned first, unsigned n)
{
	fputs(op, f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%c?%u", i == 0 ? '(' : ',', first + i);
	fputc(')', f);
}

/* Marks: from, after_ref, to, limit. */
static void text_part(FILE *f, const struct gantry_table *t,
		      const struct shape *shape, const char *op)
{
	text_select(f, t, shape->index);
	if (shape->n > 0) {
		fputs(" WHERE ", f);
		text_row(f, t, shape->index, shape->n);
		text_marks(f, op, 1, shape->n);
	}
	if (shape->n_to > 0) {
		fputs(shape->n > 0 ? " AND " : " WHERE ", f);
		text_row(f, t, shape->index, shape->n_to);
		text_marks(f, "<=", shape->n + shape->after_ref + 1, shape->n_to);
	}
}

/*
 * Rows equal to from and those behind it are two parts, merged in order: as
 * one comparison that ends with ref they would not be one seek, and paging
 * through many equal rows would cost their square.
 */
static void text_scan(FILE *f, const struct sqlite *s, const struct shape *shape)
{
	const struct gantry_table *t = text_table(s, shape->table);
	unsigned of;
	const unsigned *columns = text_columns(t, shape->index, &of);

	if (shape->after_ref) {
		text_part(f, t, shape, "=");
		fprintf(f, " AND \"%s\">?%u UNION ALL ", t->columns[0]->name,
			shape->n + 1);
	}
	text_part(f, t, shape, shape->after || shape->after_ref ? ">" : ">=");
	fputs(" ORDER BY ", f);
	for (unsigned i = 0; shape->index != BY_REF && i < of; i++)
		fprintf(f, "\"%s\",", t->columns[columns[i]]->name);
	fprintf(f, "\"%s\" LIMIT ?%u", t->columns[0]->name,
		shape->n + shape->after_ref + shape->n_to + 1);
}

static void text_gone(FILE *f, const struct gantry_table *t)
{
	fprintf(f, "DELETE FROM \"%s\" WHERE \"%s\"=?", t->name, t->columns[0]->name);
}

/* Only what changed, so that indexes on the rest are not touched. */
static void text_changed(FILE *f, const struct gantry_table *t, uint64_t mask)
{
	const char *glue = " SET ";

	fprintf(f, "UPDATE \"%s\"", t->name);
	for (unsigned i = 0; i < t->n_columns; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		fprintf(f, "%s\"%s\"=?", glue, t->columns[i]->name);
		glue = ",";
	}
	fprintf(f, " WHERE \"%s\"=?", t->columns[0]->name);
}

/* With the columns' names: a newer schema may have more. */
static void text_new(FILE *f, const struct gantry_table *t)
{
	fprintf(f, "INSERT INTO \"%s\"", t->name);
	for (unsigned i = 0; i < t->n_columns; i++)
		fprintf(f, "%c\"%s\"", i == 0 ? '(' : ',', t->columns[i]->name);
	text_marks(f, ") VALUES", 1, t->n_columns);
}

static char *text_of(const struct sqlite *s, const struct shape *shape)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert(f != NULL);
	switch ((enum verb)shape->verb) {
	case VERB_KEY:
		text_key(f, s, shape);
		break;
	case VERB_SCAN:
		text_scan(f, s, shape);
		break;
	case VERB_GONE:
		text_gone(f, text_table(s, shape->table));
		break;
	case VERB_CHANGED:
		text_changed(f, text_table(s, shape->table), shape->mask);
		break;
	case VERB_NEW:
		text_new(f, text_table(s, shape->table));
		break;
	}
	fclose(f);
	return text;
}

static unsigned shape_slot(const struct shape *shape)
{
	uint64_t words[3], hash = 0;

	memcpy(words, shape, sizeof(words));
	for (unsigned i = 0; i < 3; i++)
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(hash >> 40) % STATEMENTS;
}

void statement_drop_all(struct connection *c)
{
	for (unsigned i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(c->statements[i].stmt);
	memset(c->statements, 0, sizeof(c->statements));
	c->n_statements = 0;
}

sqlite3_stmt *statement_get(const struct sqlite *s, struct connection *c,
			    const struct shape *shape)
{
	unsigned at = shape_slot(shape);
	struct statement *st;
	char *text;

	for (; c->statements[at].stmt != NULL; at = (at + 1) % STATEMENTS)
		if (memcmp(&c->statements[at].shape, shape, sizeof(*shape)) == 0)
			return c->statements[at].stmt;
	if (c->n_statements >= STATEMENTS / 4 * 3) {
		statement_drop_all(c);
		at = shape_slot(shape);
	}
	st = &c->statements[at];
	text = text_of(s, shape);
	sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &st->stmt, NULL);
	free(text);
	if (st->stmt == NULL)
		return NULL;
	st->shape = *shape;
	c->n_statements++;
	return st->stmt;
}

int statement_bind(sqlite3_stmt *stmt, int at, const struct gantry_value *value)
{
	switch (value->kind) {
	case GANTRY_NULL:
		return sqlite3_bind_null(stmt, at);
	case GANTRY_INT64:
		return sqlite3_bind_int64(stmt, at, value->is.number);
	default:
		return sqlite3_bind_text(stmt, at, value->len > 0 ? value->is.text : "",
					 (int)value->len, SQLITE_STATIC);
	}
}

static int statement_bind_all(sqlite3_stmt *stmt, int *at,
			      const struct gantry_value *values, unsigned n)
{
	int rc = SQLITE_OK;

	for (unsigned i = 0; i < n && rc == SQLITE_OK; i++)
		rc = statement_bind(stmt, ++*at, &values[i]);
	return rc;
}

/* The value that via stands for has no mark of its own. */
static int statement_bind_key(sqlite3_stmt *stmt, int *at,
			      const struct gantry_key *key)
{
	unsigned skip = key->via != NULL;
	int rc = skip ? statement_bind_key(stmt, at, key->via) : SQLITE_OK;

	if (rc == SQLITE_OK && key->n > skip)
		rc = statement_bind_all(stmt, at, key->values + skip, key->n - skip);
	return rc;
}

static void statement_value(sqlite3_stmt *stmt, int i, struct gantry_value *out)
{
	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_NULL:
		*out = (struct gantry_value){ .kind = GANTRY_NULL };
		break;
	case SQLITE_INTEGER:
		out->kind = GANTRY_INT64;
		out->len = 0;
		out->is.number = sqlite3_column_int64(stmt, i);
		break;
	default:
		out->kind = GANTRY_STRING;
		out->is.text = (const char *)sqlite3_column_text(stmt, i);
		out->len = (uint32_t)sqlite3_column_bytes(stmt, i);
	}
}

/* Steps to the end and resets, so that no snapshot stays open. */
static int statement_give(sqlite3_stmt *stmt, const struct gantry_sink *sink,
			  size_t number)
{
	struct gantry_value values[COLUMNS];
	int rc, n = sqlite3_column_count(stmt), stopped = 0;

	assert(n <= COLUMNS);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++)
			statement_value(stmt, i, &values[i]);
		stopped = sink->row(sink->context, number, values);
		if (stopped != 0)
			break;
	}
	if (stopped != 0)
		rc = SQLITE_ABORT;
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static struct shape shape_of_key(const struct gantry_key *key)
{
	struct shape shape = { .verb = VERB_KEY, .table = (uint8_t)key->table,
			       .index = shape_index(key->index),
			       .n = (uint8_t)key->n };
	const struct gantry_key *k;

	for (k = key; k->via != NULL; k = k->via) {
		unsigned at = shape.n_via++;

		assert(at < 2);
		shape.via[at].table = (uint8_t)k->via->table;
		shape.via[at].index = shape_index(k->via->index);
		shape.via[at].n = (uint8_t)k->via->n;
		shape.via[at].column = (uint8_t)k->via_column;
	}
	return shape;
}

int statement_key(const struct sqlite *s, struct connection *c,
		  const struct gantry_key *key, const struct gantry_sink *sink,
		  size_t number)
{
	struct shape shape = shape_of_key(key);
	sqlite3_stmt *stmt = statement_get(s, c, &shape);
	int rc, at = 0;

	if (stmt == NULL)
		return sqlite3_extended_errcode(c->db);
	rc = statement_bind_key(stmt, &at, key);
	return rc == SQLITE_OK ? statement_give(stmt, sink, number) : rc;
}

int statement_range(const struct sqlite *s, struct connection *c,
		    const struct gantry_range *range,
		    const struct gantry_sink *sink)
{
	const struct shape shape = {
		.verb = VERB_SCAN, .table = (uint8_t)range->table,
		.index = shape_index(range->index), .n = (uint8_t)range->n_from,
		.n_to = (uint8_t)range->n_to, .after = range->from_after,
		.after_ref = range->n_from > 0 && !range->from_after &&
			     range->after_ref != 0,
	};
	sqlite3_stmt *stmt = statement_get(s, c, &shape);
	int rc, at = 0;

	assert(range->limit >= 1 && range->limit <= 100000);
	if (stmt == NULL)
		return sqlite3_extended_errcode(c->db);
	rc = statement_bind_all(stmt, &at, range->from, range->n_from);
	if (rc == SQLITE_OK && shape.after_ref)
		rc = sqlite3_bind_int64(stmt, ++at, range->after_ref);
	if (rc == SQLITE_OK)
		rc = statement_bind_all(stmt, &at, range->to, range->n_to);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, ++at, (int64_t)range->limit);
	return rc == SQLITE_OK ? statement_give(stmt, sink, 0) : rc;
}
