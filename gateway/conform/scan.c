/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - checks of ranges and paging. Reads a fixed set of lines through the
 * storage and compares with what a plain walk over the sorted set gives.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

enum { GROUPS = 4, EACH = 9, LINES_N = GROUPS * EACH };

static int scan_order(const struct gantry_value *x, const struct gantry_value *y)
{
	size_t len = x->len < y->len ? x->len : y->len;
	int cmp;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind != GANTRY_STRING)
		return x->kind == GANTRY_NULL ? 0 :
		       (x->is.number > y->is.number) - (x->is.number < y->is.number);
	cmp = len > 0 ? memcmp(x->is.text, y->is.text, len) : 0;
	return cmp != 0 ? cmp : (x->len > y->len) - (x->len < y->len);
}

int kit_lines_order(const void *x, const void *y)
{
	const struct gantry_value *a = x, *b = y;
	int cmp = scan_order(&a[LINE_A], &b[LINE_A]);

	if (cmp == 0)
		cmp = scan_order(&a[LINE_B], &b[LINE_B]);
	return cmp != 0 ? cmp : scan_order(&a[REF], &b[REF]);
}

/*
 * a runs over GROUPS numbers that no other run has; b has NULLs, an empty text
 * and doubles. Stored in an order that is not the index's.
 */
static int scan_lines(struct kit *k, struct kit_lines *lines)
{
	static const char *const b[EACH] = { "m", NULL, "", "\xf0\x90\x80\x80", "m", "ma", "Z",
					     NULL, "m" };

	lines->n = LINES_N;
	lines->rows = arena_zero(&k->arena, LINES_N * sizeof(lines->rows[0]));
	lines->base = kit_ref(k);
	k->last_ref += GROUPS;
	for (unsigned i = 0; i < LINES_N; i++) {
		unsigned mixed = i * 7 % LINES_N;	/* 7 and 36 share nothing */
		const char *text = b[mixed / GROUPS];
		struct gantry_value *row = lines->rows[i];
		struct gantry_change c = kit_change(GANTRY_NEW, LINES, row, 0);

		row[REF] = kit_number(kit_ref(k));
		row[VERSION] = kit_number(1);
		row[LINE_A] = kit_number(lines->base + mixed % GROUPS);
		row[LINE_B] = text != NULL ? kit_text(text) : kit_null();
		if (kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a line") < 0)
			return -1;
	}
	qsort(lines->rows, LINES_N, sizeof(lines->rows[0]), kit_lines_order);
	return 0;
}

/* Left to right until they differ; *null_out: a NULL came before that. */
static int scan_compare(const struct gantry_value *row, unsigned first,
			const struct gantry_value *bound, unsigned n, bool *null_out)
{
	*null_out = false;
	for (unsigned i = 0; i < n; i++) {
		int cmp = scan_order(&row[first + i], &bound[i]);

		*null_out |= row[first + i].kind == GANTRY_NULL;
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

static bool scan_wanted(const struct gantry_value *row, const struct gantry_range *r)
{
	unsigned first = r->index == GANTRY_BY_REF ? REF : LINE_A;
	bool null, null_to;
	int from = scan_compare(row, first, r->from, r->n_from, &null);
	int to = scan_compare(row, first, r->to, r->n_to, &null_to);

	if (null || null_to || from < 0 || to > 0)
		return false;
	if (from > 0 || r->n_from == 0)
		return true;
	return !r->from_after &&
	       (r->after_ref == 0 || row[REF].is.number > r->after_ref);
}

int kit_lines_are(struct kit *k, const struct kit_lines *lines,
		  const struct gantry_range *r, const char *what)
{
	struct kit_rows rows = { .kit = k, .table = k->schema->tables[LINES] };
	const struct gantry_sink sink = kit_sink(&rows);
	size_t at = 0;

	if (kit_want(k, k->st->scan(k->self, r, &sink, &k->err), GANTRY_STORED,
		     what) < 0)
		return -1;
	for (size_t i = 0; i < lines->n && at < r->limit; i++) {
		if (!scan_wanted(lines->rows[i], r))
			continue;
		if (at == rows.n)
			return kit_fail(k, "%s: row %zu is missing", what, at);
		if (!kit_equal(&rows.rows[at].values[REF], &lines->rows[i][REF]))
			return kit_fail(k, "%s: row %zu is another one than it "
					"should be", what, at);
		at++;
	}
	return at == rows.n ? 0 :
		kit_fail(k, "%s: %zu rows too many", what, rows.n - at);
}

static struct gantry_range scan_range(const struct gantry_value *from, unsigned n_from,
				      const struct gantry_value *to, unsigned n_to)
{
	return (struct gantry_range){ .size = sizeof(struct gantry_range),
				      .table = LINES, .index = LINES_AB,
				      .from = from, .n_from = n_from,
				      .to = to, .n_to = n_to, .limit = 1000 };
}

static int scan_ranges(struct kit *k)
{
	struct kit_lines lines;

	if (scan_lines(k, &lines) < 0)
		return -1;
	const struct gantry_value all[] = { kit_number(lines.base) };
	const struct gantry_value end[] = { kit_number(lines.base + GROUPS) };
	const struct gantry_value m[] = { kit_number(lines.base + 1), kit_text("m") };
	const struct gantry_value z[] = { kit_number(lines.base + 2), kit_text("m") };
	const struct {
		const struct gantry_value *from;
		unsigned n_from;
		const struct gantry_value *to;
		unsigned n_to;
		const char *what;
	} tests[] = {
		{ all, 1, end, 1, "by the first column" },
		{ m, 1, m, 1, "one value" },
		{ m, 2, m, 2, "one value of both columns" },
		{ m, 2, end, 1, "from the middle" },
		{ all, 1, z, 2, "up to the middle" },
		{ m, 2, z, 2, "from the middle up to the middle" },
		{ z, 2, m, 2, "an empty range" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(tests); i++) {
		struct gantry_range r = scan_range(tests[i].from, tests[i].n_from,
						   tests[i].to, tests[i].n_to);

		if (kit_lines_are(k, &lines, &r, tests[i].what) < 0)
			return -1;
		r.from_after = true;
		if (kit_lines_are(k, &lines, &r, arena_format(&k->arena, "%s, after",
							tests[i].what)) < 0)
			return -1;
		r.limit = 3;
		if (kit_lines_are(k, &lines, &r, arena_format(&k->arena, "%s, three",
							tests[i].what)) < 0)
			return -1;
	}
	return 0;
}

static int scan_after_ref(struct kit *k)
{
	struct kit_lines lines;

	if (scan_lines(k, &lines) < 0)
		return -1;
	for (size_t i = 0; i < LINES_N; i++) {
		const struct gantry_value end = kit_number(lines.base + GROUPS);
		struct gantry_range r = scan_range(&lines.rows[i][LINE_A], 2, &end, 1);

		r.after_ref = lines.rows[i][REF].is.number;
		if (lines.rows[i][LINE_B].kind == GANTRY_NULL)
			r.n_from = 1;
		if (kit_lines_are(k, &lines, &r, "after a ref") < 0)
			return -1;
	}
	return 0;
}

/* Give up only on a storage whose pages never end. */
static int scan_page(struct kit *k, struct gantry_range *r, struct kit_rows *rows)
{
	const struct gantry_sink sink = kit_sink(rows);

	if (kit_want(k, k->st->scan(k->self, r, &sink, &k->err), GANTRY_STORED,
		     "a page") < 0)
		return -1;
	if (rows->n > r->limit)
		return kit_fail(k, "a page of %zu has %zu rows", r->limit, rows->n);
	return 0;
}

/* The rows of one value of a, page by page: doubles of b lie across pages. */
static int scan_pages(struct kit *k, const struct kit_lines *lines, size_t limit)
{
	const struct gantry_value a = kit_number(lines->base + 1);
	struct gantry_value at[2] = { a, kit_text("") };
	struct gantry_range r = scan_range(at, 2, &a, 1);
	const struct gantry_range all = scan_range(
		(const struct gantry_value[]){ at[0], at[1] }, 2, &a, 1);
	size_t next = 0, got = limit;

	r.limit = limit;
	while (got == limit) {
		struct kit_rows rows = { .kit = k, .table = k->schema->tables[LINES] };

		if (scan_page(k, &r, &rows) < 0)
			return -1;
		got = rows.n;
		for (size_t i = 0; i < got; i++, next++) {
			while (next < LINES_N && !scan_wanted(lines->rows[next], &all))
				next++;
			if (next == LINES_N || !kit_equal(&rows.rows[i].values[REF],
							  &lines->rows[next][REF]))
				return kit_fail(k, "pages of %zu: a gap or a double",
						limit);
		}
		if (got == 0)
			break;
		at[1] = rows.rows[got - 1].values[LINE_B];
		r.after_ref = rows.rows[got - 1].values[REF].is.number;
	}
	while (next < LINES_N && !scan_wanted(lines->rows[next], &all))
		next++;
	return next == LINES_N ? 0 :
		kit_fail(k, "pages of %zu: the last rows are missing", limit);
}

static int scan_paging(struct kit *k)
{
	struct kit_lines lines;

	if (scan_lines(k, &lines) < 0)
		return -1;
	for (size_t limit = 1; limit <= EACH; limit++)
		if (scan_pages(k, &lines, limit) < 0)
			return -1;
	return 0;
}

static int scan_ref_order(const void *x, const void *y)
{
	return scan_order(&((const struct gantry_value *)x)[REF],
			  &((const struct gantry_value *)y)[REF]);
}

static int scan_refs(struct kit *k)
{
	struct kit_lines lines;

	if (scan_lines(k, &lines) < 0)
		return -1;
	qsort(lines.rows, LINES_N, sizeof(lines.rows[0]), scan_ref_order);
	for (size_t i = 0; i < LINES_N; i++) {
		struct gantry_range r = scan_range(lines.rows[i], 1,
						   lines.rows[LINES_N - 2], 1);

		r.index = GANTRY_BY_REF;
		r.limit = i % 2 == 0 ? 1000 : 5;
		if (kit_lines_are(k, &lines, &r, "by ref") < 0)
			return -1;
		r.from_after = true;
		if (kit_lines_are(k, &lines, &r, "by ref, after") < 0)
			return -1;
	}
	return 0;
}

/* Without bounds: NULLs come first. With one: not at all. */
static int scan_nulls(struct kit *k)
{
	struct kit_rows rows = { .kit = k, .table = k->schema->tables[LINES] };
	const struct gantry_sink sink = kit_sink(&rows);
	int64_t ref = kit_ref(k);
	const struct gantry_value v[] = { kit_number(ref), kit_number(1), kit_null(),
					  kit_text("no a") };
	const struct gantry_change c = kit_change(GANTRY_NEW, LINES, v, 0);
	const struct gantry_value top = kit_number(INT64_MAX);
	struct gantry_range r = scan_range(NULL, 0, NULL, 0);
	size_t at = 0;

	if (kit_want(k, kit_unit(k, &c, 1), GANTRY_STORED, "a NULL") < 0)
		return -1;
	r.limit = 100000;
	if (kit_want(k, k->st->scan(k->self, &r, &sink, &k->err), GANTRY_STORED,
		     "a scan without bounds") < 0)
		return -1;
	while (at < rows.n && rows.rows[at].values[REF].is.number != ref)
		at++;
	if (at == rows.n)
		return kit_fail(k, "without bounds: the row with NULL is missing");
	for (size_t i = 0; i < at; i++)
		if (rows.rows[i].values[LINE_A].kind != GANTRY_NULL)
			return kit_fail(k, "without bounds: NULL does not come first");
	rows.n = 0;
	r.to = &top;
	r.n_to = 1;
	if (kit_want(k, k->st->scan(k->self, &r, &sink, &k->err), GANTRY_STORED,
		     "a scan with an end") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (rows.rows[i].values[LINE_A].kind == GANTRY_NULL)
			return kit_fail(k, "with an end: a row with NULL came");
	return rows.n > 0 ? 0 : kit_fail(k, "with an end: no rows came");
}

const struct kit_check kit_checks_scan[] = {
	{ "scan: ranges", scan_ranges, 0 },
	{ "scan: after a ref", scan_after_ref, 0 },
	{ "scan: paging", scan_paging, 0 },
	{ "scan: by ref", scan_refs, 0 },
	{ "scan: NULL", scan_nulls, 0 },
	{ NULL, NULL, 0 },
};
