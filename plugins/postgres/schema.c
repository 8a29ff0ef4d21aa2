/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - bring a database to the schema, or say why not.
 *
 * All of it happens in one transaction behind an advisory lock, as several
 * replicas may start at once. Where nothing is missing nothing is asked for
 * but SELECT, so that a service's role need not own anything.
 *
 * What one row says of another is not made a foreign key: the server would
 * look up each reference of each row alone, which costs a fifth of all.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

static const struct taker nobody;

/* What is there. */
struct mark {
	bool schema, marked;
	long long others;	/* tables in a schema that is not marked */
	char name[64];
	long long major, minor;
};

__attribute__((format(printf, 3, 4)))
static void schema_run(struct connection *c, struct taker taker, const char *format, ...)
{
	va_list ap;
	char *sql;

	va_start(ap, format);
	if (vasprintf(&sql, format, ap) < 0)
		abort();
	va_end(ap);
	trip_run(c, sql, taker);
	free(sql);
}

static void schema_take_there(void *context, const PGresult *result)
{
	struct mark *mark = context;

	mark->schema = PQgetvalue(result, 0, 0)[0] == 't';
	mark->others = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
	mark->marked = PQgetvalue(result, 0, 2)[0] == 't';
}

static void schema_take_mark(void *context, const PGresult *result)
{
	struct mark *mark = context;

	mark->marked = PQntuples(result) == 1;
	if (!mark->marked)
		return;
	snprintf(mark->name, sizeof(mark->name), "%s", PQgetvalue(result, 0, 0));
	mark->major = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
	mark->minor = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
}

static enum gantry_stored schema_read(struct postgres *s, struct connection *c,
				      struct mark *mark, struct gantry_error *err)
{
	enum gantry_stored stored;

	*mark = (struct mark){ .minor = -1 };
	schema_run(c, (struct taker){ schema_take_there, mark },
		   "SELECT count(DISTINCT n.oid) > 0, count(c.oid),"
		   " count(c.oid) FILTER (WHERE c.relname = 'gantry_schema') > 0"
		   " FROM pg_namespace n LEFT JOIN pg_class c"
		   " ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
		   " WHERE n.nspname = '%s'", s->schema);
	stored = trip_collect(s, c, err);
	if (stored != GANTRY_STORED || !mark->marked)
		return stored;
	schema_run(c, (struct taker){ schema_take_mark, mark },
		   "SELECT name, major, minor FROM \"%s\".gantry_schema", s->schema);
	return trip_collect(s, c, err);
}

static enum gantry_stored schema_fits(const struct postgres *s, const struct mark *mark,
				      struct gantry_error *err)
{
	const struct gantry_schema *want = s->tables;

	if (strcmp(mark->name, want->name) != 0) {
		gantry_fail(err, "%s: the schema %s holds the tables of \"%s\", not of "
			    "\"%s\"", s->where, s->schema, mark->name, want->name);
		return GANTRY_BROKEN;
	}
	if (mark->major == want->major)
		return GANTRY_STORED;
	gantry_fail(err, "%s: holds schema %lld.%lld, this gantry works on %lld.x: %s",
		    s->where, mark->major, mark->minor, (long long)want->major,
		    mark->major < want->major ?
		    "run \"gantry storage migrate\" with every gantry stopped" :
		    "install the newer gantry, or put an older backup in its place");
	return GANTRY_BROKEN;
}

static enum gantry_stored schema_strange(const struct postgres *s,
					 const struct mark *mark,
					 struct gantry_error *err)
{
	gantry_fail(err, "%s: the schema %s holds %lld tables of something else: give "
		    "this gantry a schema of its own", s->where, s->schema,
		    mark->others);
	return GANTRY_BROKEN;
}

static void schema_text_column(FILE *f, const struct gantry_column *column)
{
	fprintf(f, "\"%s\" %s", column->name,
		column->kind == GANTRY_INT64 ? "bigint" : "text COLLATE \"C\"");
	if ((column->flags & GANTRY_COLUMN_NULLABLE) == 0)
		fputs(" NOT NULL", f);
}

/*
 * Rows of nothing but numbers are counters, which change and change: a page of
 * them stays half empty, so that the next version of a row finds room beside
 * it and no index hears of it. Autovacuum looks at what died, and not at how
 * large the table has become: it must come early where rows come and go.
 */
static void schema_text_settings(FILE *f, const struct gantry_table *t)
{
	bool counters = true;

	for (unsigned i = 0; i < t->n_columns; i++)
		counters &= t->columns[i]->kind == GANTRY_INT64;
	fprintf(f, " WITH (fillfactor=%d, autovacuum_vacuum_scale_factor=0.01,"
		" autovacuum_vacuum_threshold=5000,"
		" autovacuum_analyze_scale_factor=0.02,"
		" autovacuum_analyze_threshold=5000)", counters ? 50 : 90);
}

static void schema_text_table(FILE *f, const struct postgres *s,
			      const struct gantry_table *t)
{
	fprintf(f, "CREATE TABLE IF NOT EXISTS \"%s\".\"%s\" (\"%s\" bigint PRIMARY KEY",
		s->schema, t->name, t->columns[0]->name);
	for (unsigned i = 1; i < t->n_columns; i++) {
		fputc(',', f);
		schema_text_column(f, t->columns[i]);
	}
	for (unsigned i = 0; i < t->n_checks; i++)
		fprintf(f, ",CHECK (%s)", t->checks[i]);
	fputc(')', f);
	schema_text_settings(f, t);
}

/*
 * NULLs stand first, as scan gives them. An index that is not unique ends with
 * the ref: paging through equal rows is one range then.
 */
static void schema_text_index(FILE *f, const struct postgres *s,
			      const struct gantry_table *t,
			      const struct gantry_index *index)
{
	fprintf(f, "CREATE %sINDEX IF NOT EXISTS \"%s\" ON \"%s\".\"%s\"",
		index->unique ? "UNIQUE " : "", index->name, s->schema, t->name);
	for (unsigned i = 0; i < index->n_columns; i++) {
		const struct gantry_column *column = t->columns[index->columns[i]];

		fprintf(f, "%c\"%s\"%s", i == 0 ? '(' : ',', column->name,
			(column->flags & GANTRY_COLUMN_NULLABLE) != 0 ?
			" NULLS FIRST" : "");
	}
	if (!index->unique)
		fprintf(f, ",\"%s\"", t->columns[0]->name);
	fputc(')', f);
}

static void schema_text_added(FILE *f, const struct postgres *s,
			      const struct gantry_table *t,
			      const struct gantry_column *column)
{
	fprintf(f, "ALTER TABLE \"%s\".\"%s\" ADD COLUMN IF NOT EXISTS ",
		s->schema, t->name);
	schema_text_column(f, column);
}

/* One statement, written by one of the above. */
struct text {
	FILE *f;
	char *sql;
	size_t len;
};

static FILE *schema_text_begin(struct text *text)
{
	text->f = open_memstream(&text->sql, &text->len);
	if (text->f == NULL)
		abort();
	return text->f;
}

static void schema_text_end(struct text *text, struct connection *c)
{
	fclose(text->f);
	trip_run(c, text->sql, nobody);
	free(text->sql);
}

/* Add what is not there; the same for an empty schema and an older minor. */
static void schema_add(const struct postgres *s, struct connection *c)
{
	struct text text;

	for (unsigned i = 0; i < s->tables->n_tables; i++) {
		const struct gantry_table *t = s->tables->tables[i];

		schema_text_table(schema_text_begin(&text), s, t);
		schema_text_end(&text, c);
		for (unsigned k = 2; k < t->n_columns; k++) {
			if (t->columns[k]->since_minor == 0)
				continue;
			schema_text_added(schema_text_begin(&text), s, t, t->columns[k]);
			schema_text_end(&text, c);
		}
		for (unsigned k = 0; k < t->n_indexes; k++) {
			schema_text_index(schema_text_begin(&text), s, t, t->indexes[k]);
			schema_text_end(&text, c);
		}
	}
}

static void schema_mark(const struct postgres *s, struct connection *c)
{
	const char *name = s->schema;

	schema_run(c, nobody, "CREATE TABLE IF NOT EXISTS \"%s\".gantry_schema"
		   " (name text NOT NULL, major bigint NOT NULL,"
		   " minor bigint NOT NULL)", name);
	schema_run(c, nobody, "INSERT INTO \"%s\".gantry_schema SELECT '%s', %lld, 0"
		   " WHERE NOT EXISTS (SELECT 1 FROM \"%s\".gantry_schema)", name,
		   s->tables->name, (long long)s->tables->major, name);
	schema_run(c, nobody, "UPDATE \"%s\".gantry_schema SET minor = %lld", name,
		   (long long)s->tables->minor);
}

/* 42501: the role may not. */
static enum gantry_stored schema_failed(const struct postgres *s,
					const struct connection *c,
					enum gantry_stored stored,
					struct gantry_error *err)
{
	if (stored == GANTRY_BROKEN && strcmp(c->sqlstate, "42501") == 0)
		gantry_fail(err, "%s: %s: let the schema's owner run \"gantry storage "
			    "migrate\", see gantry-postgres(7)", s->where, c->message);
	return stored;
}

/* Behind the lock it is looked at again: another may have been faster. */
static enum gantry_stored schema_bring(struct postgres *s, struct connection *c,
				       struct mark *mark, struct gantry_error *err)
{
	enum gantry_stored stored;

	trip_run(c, "BEGIN", nobody);
	schema_run(c, nobody, "SELECT pg_advisory_xact_lock("
		   "hashtextextended('gantry schema %s', 0))", s->schema);
	stored = trip_collect(s, c, err);
	if (stored == GANTRY_STORED)
		stored = schema_read(s, c, mark, err);
	if (stored == GANTRY_STORED && mark->marked)
		stored = schema_fits(s, mark, err);
	else if (stored == GANTRY_STORED && mark->others > 0)
		stored = schema_strange(s, mark, err);
	if (stored != GANTRY_STORED || mark->minor >= s->tables->minor)
		return stored;
	if (!mark->schema)
		schema_run(c, nobody, "CREATE SCHEMA \"%s\"", s->schema);
	schema_add(s, c);
	schema_mark(s, c);
	trip_run(c, "COMMIT", nobody);
	return trip_collect(s, c, err);
}

enum gantry_stored schema_prepare(struct postgres *s, struct connection *c,
				  struct gantry_error *err)
{
	struct mark mark;
	enum gantry_stored stored = schema_read(s, c, &mark, err);

	if (stored == GANTRY_STORED && mark.marked)
		stored = schema_fits(s, &mark, err);
	else if (stored == GANTRY_STORED && mark.others > 0)
		stored = schema_strange(s, &mark, err);
	if (stored == GANTRY_STORED && mark.minor < s->tables->minor)
		stored = schema_bring(s, c, &mark, err);
	return schema_failed(s, c, stored, err);
}

enum gantry_stored schema_look(struct postgres *s, struct connection *c,
			       struct gantry_error *err)
{
	enum gantry_stored stored;
	struct mark mark;

	trip_run(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", nobody);
	stored = schema_read(s, c, &mark, err);
	if (stored != GANTRY_STORED)
		return stored;
	if (!mark.marked && mark.others > 0)
		return schema_strange(s, &mark, err);
	if (!mark.marked) {
		gantry_fail(err, "%s: the schema %s is empty: start the gateway once, "
			    "or run gantry storage migrate",
			    s->where, s->schema);
		return GANTRY_BROKEN;
	}
	stored = schema_fits(s, &mark, err);
	if (stored != GANTRY_STORED || mark.minor >= s->tables->minor)
		return stored;
	gantry_fail(err, "%s: holds schema %lld.%lld, this gantry has %lld.%lld: "
		    "start the gateway once, or run gantry storage migrate", s->where,
		    mark.major, mark.minor, (long long)s->tables->major,
		    (long long)s->tables->minor);
	return GANTRY_BROKEN;
}
