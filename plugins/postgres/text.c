/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - the SQL of a shape.
 *
 * One statement works on any number of rows: its parameters are arrays that
 * unnest() lays side by side, and the joins follow the order in which they are
 * written, from the arrays over the indexes to the rows.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/postgres/postgres.h"

static const unsigned ref_column[] = { 0 };

static const struct gantry_table *text_table(const struct postgres *s, unsigned table)
{
	assert(table < s->tables->n_tables);
	return s->tables->tables[table];
}

const unsigned *text_columns(const struct gantry_table *t, uint8_t index,
			     unsigned *n_out)
{
	assert(index == BY_REF || index < t->n_indexes);
	*n_out = index == BY_REF ? 1 : t->indexes[index]->n_columns;
	return index == BY_REF ? ref_column : t->indexes[index]->columns;
}

static const struct gantry_column *text_column(const struct postgres *s, uint8_t table,
					       uint8_t index, unsigned at)
{
	const struct gantry_table *t = text_table(s, table);
	unsigned of;
	const unsigned *columns = text_columns(t, index, &of);

	assert(at < of);
	return t->columns[columns[at]];
}

/* The table, index and values of a key at a depth; 0 is the key itself. */
static void text_level(const struct shape_key *key, unsigned depth, uint8_t *table_out,
		       uint8_t *index_out, uint8_t *n_out)
{
	*table_out = depth == 0 ? key->table : key->via[depth - 1].table;
	*index_out = depth == 0 ? key->index : key->via[depth - 1].index;
	*n_out = depth == 0 ? key->n : key->via[depth - 1].n;
}

unsigned text_slots(const struct postgres *s, const struct shape_key *key,
		    struct slot slots[PARAMS])
{
	unsigned n_slots = 0;

	for (unsigned depth = key->n_via + 1u; depth-- > 0;) {
		uint8_t table, index, n;

		text_level(key, depth, &table, &index, &n);
		assert(n >= 1);
		for (unsigned i = depth < key->n_via ? 1 : 0; i < n; i++) {
			assert(n_slots < PARAMS);
			slots[n_slots++] = (struct slot){ (uint8_t)depth, (uint8_t)i,
				text_column(s, table, index, i)->kind };
		}
	}
	return n_slots;
}

static const char *text_type(enum gantry_value_kind kind)
{
	return kind == GANTRY_INT64 ? "int8" : "text";
}

static void text_name(FILE *f, const struct postgres *s, const struct gantry_table *t)
{
	fprintf(f, "\"%s\".\"%s\"", s->schema, t->name);
}

/*
 * " FROM (SELECT unnest($1::text[]) AS k0,unnest($2::int8[]) AS k1) AS k": the
 * arrays of a key side by side, the first is $first. In a select list, as what
 * stands behind FROM is first written into a store of its own, each.
 */
static unsigned text_unnest(FILE *f, const struct postgres *s,
			    const struct shape_key *key, unsigned first, bool number)
{
	struct slot slots[PARAMS];
	unsigned n = text_slots(s, key, slots);

	fputs(" FROM (", f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%sunnest($%u::%s[]) AS k%u", i == 0 ? "SELECT " : ",",
			first + i, text_type(slots[i].kind), i);
	if (number)
		fprintf(f, ",generate_series(1::int8,cardinality($%u::%s[])) AS number",
			first, text_type(slots[0].kind));
	fputs(") AS k", f);
	return n;
}

/* "t0."a"=k.k0 AND ...": what a level compares. */
static unsigned text_equal(FILE *f, const struct postgres *s,
			   const struct shape_key *key, unsigned depth, unsigned slot)
{
	uint8_t table, index, n;

	text_level(key, depth, &table, &index, &n);
	for (unsigned i = 0; i < n; i++) {
		fprintf(f, "%st%u.\"%s\"=", i == 0 ? "" : " AND ", depth,
			text_column(s, table, index, i)->name);
		if (i > 0 || depth == key->n_via)
			fprintf(f, "k.k%u", slot++);
		else
			fprintf(f, "t%u.\"%s\"", depth + 1,
				text_table(s, key->via[depth].table)
					->columns[key->via[depth].column]->name);
	}
	return slot;
}

/*
 * " JOIN table AS tDEPTH ON ...": the rows that the level below, or k, finds.
 * What compares with both would be looked up by one of them alone, and the
 * other be asked of each row: OFFSET 0 keeps it together.
 */
static unsigned text_join(FILE *f, const struct postgres *s,
			  const struct shape_key *key, unsigned depth, unsigned slot)
{
	uint8_t table, index, n;
	bool both;

	text_level(key, depth, &table, &index, &n);
	both = depth < key->n_via && n > 1;
	fputs(both ? " JOIN LATERAL (SELECT * FROM " : " JOIN ", f);
	text_name(f, s, text_table(s, table));
	fprintf(f, " AS t%u %s ", depth, both ? "WHERE" : "ON");
	slot = text_equal(f, s, key, depth, slot);
	if (both)
		fprintf(f, " OFFSET 0) AS t%u ON true", depth);
	return slot;
}

/* From the arrays down to the level to; number: with the number of the key. */
static unsigned text_joins(FILE *f, const struct postgres *s,
			   const struct shape_key *key, unsigned to, unsigned first,
			   bool number)
{
	unsigned n = text_unnest(f, s, key, first, number), slot = 0;

	for (unsigned depth = key->n_via + 1u; depth-- > to;)
		slot = text_join(f, s, key, depth, slot);
	return n;
}

static void text_list(FILE *f, const struct gantry_table *t, const char *prefix)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		fprintf(f, "%s%s\"%s\"", i == 0 ? "" : ",", prefix, t->columns[i]->name);
}

/* The number of the key that found it, then the row. */
static void text_read(FILE *f, const struct postgres *s, const struct shape *shape)
{
	fputs("SELECT k.number,", f);
	text_list(f, text_table(s, shape->table), "t0.");
	text_joins(f, s, &shape->parts[0], 0, 1, true);
}

/* The refs that a key finds, without a look at the row where that can be. */
static unsigned text_refs(FILE *f, const struct postgres *s,
			  const struct shape_key *key, unsigned first)
{
	const struct gantry_table *t = text_table(s, key->table);

	if (key->index == BY_REF && key->n_via == 0) {
		fprintf(f, "SELECT unnest($%u::int8[])", first);
		return 1;
	}
	if (key->index == BY_REF) {
		fprintf(f, "SELECT t1.\"%s\"", text_table(s, key->via[0].table)
				->columns[key->via[0].column]->name);
		return text_joins(f, s, key, 1, first, false);
	}
	fprintf(f, "SELECT t0.\"%s\"", t->columns[0]->name);
	return text_joins(f, s, key, 0, first, false);
}

static void text_lock(FILE *f, const struct postgres *s, const struct shape *shape)
{
	const struct gantry_table *t = text_table(s, shape->table);
	const char *ref = t->columns[0]->name;
	unsigned first = 1;

	fprintf(f, "SELECT \"%s\" FROM ", ref);
	text_name(f, s, t);
	fprintf(f, " WHERE \"%s\"=ANY(ARRAY(", ref);
	for (unsigned i = 0; i < shape->n_parts; i++) {
		fputs(i == 0 ? "" : " UNION ALL ", f);
		first += text_refs(f, s, &shape->parts[i], first);
	}
	fprintf(f, ")) ORDER BY \"%s\" FOR NO KEY UPDATE", ref);
}

/* "("a","b")": a row value in the index's order. */
static void text_row(FILE *f, const struct gantry_table *t, uint8_t index,
		     unsigned n, bool and_ref)
{
	unsigned of;
	const unsigned *columns = text_columns(t, index, &of);

	assert(n >= 1 && n <= of);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%c\"%s\"", i == 0 ? '(' : ',', t->columns[columns[i]]->name);
	if (and_ref)
		fprintf(f, ",\"%s\"", t->columns[0]->name);
	fputc(')', f);
}

static void text_marks(FILE *f, const struct gantry_table *t, uint8_t index,
		       unsigned n, unsigned first)
{
	unsigned of;
	const unsigned *columns = text_columns(t, index, &of);

	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%c$%u::%s", i == 0 ? '(' : ',', first + i,
			text_type(t->columns[columns[i]]->kind));
}

/* In the index's order, so that the rows come from it as they are wanted. */
static void text_order(FILE *f, const struct gantry_table *t, const struct shape *shape)
{
	unsigned of;
	const unsigned *columns = text_columns(t, shape->index, &of);
	unsigned limit = shape->n + shape->after_ref + shape->n_to + 1u;

	fputs(" ORDER BY ", f);
	for (unsigned i = 0; shape->index != BY_REF && i < of; i++) {
		const struct gantry_column *column = t->columns[columns[i]];

		fprintf(f, "\"%s\"%s,", column->name,
			(column->flags & GANTRY_COLUMN_NULLABLE) != 0 ?
			" NULLS FIRST" : "");
	}
	fprintf(f, "\"%s\" LIMIT $%u::int8", t->columns[0]->name, limit);
}

/*
 * Not beyond the end of the range. Columns that equal those of its begin, the first
 * n_equal, are not compared: beside "a"=$1 PostgreSQL 17 (17.11) takes
 * ("a","b")<=($2,$3) for the whole condition of a page of the index whose last row
 * has no b, and other values of a come with it.
 */
static void text_to(FILE *f, const struct gantry_table *t, const struct shape *shape,
		    unsigned n_equal)
{
	unsigned of;
	const unsigned *columns = text_columns(t, shape->index, &of);

	for (unsigned i = 0; i < shape->n_to; i++) {
		const struct gantry_column *column = t->columns[columns[i]];

		fputc(i == 0 ? '(' : ',', f);
		if (i < n_equal)
			fprintf(f, "$%u::%s", i + 1, text_type(column->kind));
		else
			fprintf(f, "\"%s\"", column->name);
	}
	fputs(")<=", f);
	text_marks(f, t, shape->index, shape->n_to, shape->n + shape->after_ref + 1u);
	fputc(')', f);
}

/* Marks: from, after_ref, to, limit. */
static void text_part(FILE *f, const struct postgres *s, const struct shape *shape,
		      const char *op, bool and_ref)
{
	const struct gantry_table *t = text_table(s, shape->table);

	fputs("SELECT ", f);
	text_list(f, t, "");
	fputs(" FROM ", f);
	text_name(f, s, t);
	if (shape->n > 0) {
		fputs(" WHERE ", f);
		text_row(f, t, shape->index, shape->n, and_ref);
		fputs(op, f);
		text_marks(f, t, shape->index, shape->n, 1);
		if (and_ref)
			fprintf(f, ",$%u::int8", shape->n + 1u);
		fputc(')', f);
	}
	if (shape->n_to > 0) {
		fputs(shape->n > 0 ? " AND " : " WHERE ", f);
		text_to(f, t, shape, op[0] == '=' ? shape->n : 0);
	}
}

/* An index that is not unique ends with the ref, so one comparison does. */
static bool text_is_one_range(const struct gantry_table *t, const struct shape *shape)
{
	return shape->after_ref && shape->index != BY_REF &&
	       !t->indexes[shape->index]->unique &&
	       shape->n == t->indexes[shape->index]->n_columns;
}

static void text_scan(FILE *f, const struct postgres *s, const struct shape *shape)
{
	const struct gantry_table *t = text_table(s, shape->table);

	if (text_is_one_range(t, shape)) {
		text_part(f, s, shape, ">", true);
	} else if (shape->after_ref) {
		fputc('(', f);
		text_part(f, s, shape, "=", false);
		fprintf(f, " AND \"%s\">$%u::int8", t->columns[0]->name, shape->n + 1u);
		text_order(f, t, shape);
		fputs(") UNION ALL (", f);
		text_part(f, s, shape, ">", false);
		text_order(f, t, shape);
		fputc(')', f);
	} else {
		text_part(f, s, shape, shape->after ? ">" : ">=", false);
	}
	text_order(f, t, shape);
}

static void text_gone(FILE *f, const struct postgres *s, const struct gantry_table *t)
{
	fputs("DELETE FROM ", f);
	text_name(f, s, t);
	fprintf(f, " WHERE \"%s\"=ANY($1::int8[])", t->columns[0]->name);
}

/* The n-th parameter: an array, or one value for all rows. */
static void text_param(FILE *f, const struct gantry_table *t, unsigned column,
		       uint64_t same, unsigned n)
{
	const char *type = text_type(t->columns[column]->kind);

	if ((same >> column & 1) != 0)
		fprintf(f, "$%u::%s", n, type);
	else
		fprintf(f, "unnest($%u::%s[])", n, type);
}

/*
 * Only what changed, so that indexes on the rest are not touched. A row that
 * is missing must stop the COMMIT behind it: hence a division by zero.
 */
static void text_changed(FILE *f, const struct postgres *s,
			 const struct gantry_table *t, const struct shape *shape)
{
	unsigned n = 1;

	fputs("WITH changed AS (UPDATE ", f);
	text_name(f, s, t);
	fputs(" AS t", f);
	for (unsigned i = 1; i < t->n_columns; i++)
		if ((shape->mask >> i & 1) != 0) {
			fprintf(f, "%s\"%s\"=k.k%u", n == 1 ? " SET " : ",",
				t->columns[i]->name, n);
			n++;
		}
	fputs(" FROM (SELECT unnest($1::int8[]) AS k0", f);
	n = 1;
	for (unsigned i = 1; i < t->n_columns; i++)
		if ((shape->mask >> i & 1) != 0) {
			fputc(',', f);
			text_param(f, t, i, shape->same, n + 1);
			fprintf(f, " AS k%u", n++);
		}
	fprintf(f, ") AS k WHERE t.\"%s\"=k.k0 RETURNING 1)"
		" SELECT 1/(count(*)=cardinality($1::int8[]))::int FROM changed",
		t->columns[0]->name);
}

/* With the columns' names: a newer schema may have more. */
static void text_new(FILE *f, const struct postgres *s, const struct gantry_table *t,
		     const struct shape *shape)
{
	fputs("INSERT INTO ", f);
	text_name(f, s, t);
	fputc('(', f);
	text_list(f, t, "");
	fputs(") SELECT ", f);
	for (unsigned i = 0; i < t->n_columns; i++) {
		fputs(i == 0 ? "" : ",", f);
		text_param(f, t, i, shape->same, i + 1);
	}
}

/* So long a lane waits for its turn, at most. */
#define TEXT_TURN_MS 100

/*
 * Is there no unit of this lane elsewhere, the number and time of the
 * transaction, its backend. VERB_TURN: wait until there is none; what a row is
 * waited for is as before then.
 */
static void text_start(FILE *f, const struct postgres *s, bool waits)
{
	int turn = turn_class(s->schema);

	fprintf(f, "SELECT %spg_try_advisory_xact_lock(%d,$1::int8::int4)",
		waits ? "CASE WHEN " : "", turn);
	if (waits)
		fprintf(f, " THEN true WHEN set_config('lock_timeout','%d',true) <> ''"
			" AND pg_advisory_xact_lock(%d,$1::int8::int4) IS NOT NULL"
			" AND set_config('lock_timeout','%lld',true) <> ''"
			" THEN false END", TEXT_TURN_MS, turn,
			(long long)s->lock_timeout);
	fputs(", pg_current_xact_id(), clock_timestamp(), pg_backend_pid()::int8", f);
}

static const char *text_fixed(enum verb verb)
{
	switch (verb) {
	case VERB_BEGIN:
		return "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
	case VERB_SNAPSHOT:
		return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
	case VERB_COMMIT:
		return "COMMIT";
	case VERB_ROLLBACK:
		return "ROLLBACK";
	default:
		return NULL;
	}
}

char *text_of(const struct postgres *s, const struct shape *shape)
{
	const char *fixed = text_fixed((enum verb)shape->verb);
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert(f != NULL);
	if (fixed != NULL)
		fputs(fixed, f);
	else if (shape->verb == VERB_START || shape->verb == VERB_TURN)
		text_start(f, s, shape->verb == VERB_TURN);
	else if (shape->verb == VERB_READ)
		text_read(f, s, shape);
	else if (shape->verb == VERB_LOCK)
		text_lock(f, s, shape);
	else if (shape->verb == VERB_SCAN)
		text_scan(f, s, shape);
	else if (shape->verb == VERB_GONE)
		text_gone(f, s, text_table(s, shape->table));
	else if (shape->verb == VERB_CHANGED)
		text_changed(f, s, text_table(s, shape->table), shape);
	else
		text_new(f, s, text_table(s, shape->table), shape);
	fclose(f);
	return text;
}
