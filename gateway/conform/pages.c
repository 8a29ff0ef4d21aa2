/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages - checks of scans over many rows: most of them equal in the index, so
 * that it is the ref that orders them, and ranges of all shapes by chance.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

enum { GROUPS = 4, MANY = 1200, A_UNIT = 100, RANGES = 150 };

static const char *const pages_texts[] = { "", "a", "a b", "aa", "B", "\xc3\xa9",
					   "\xef\xbf\xbd", "\xf0\x9f\x98\x80", "z" };

static struct gantry_value pages_text(struct kit *k)
{
	return kit_text(pages_texts[kit_dice(k, ARRAY_LENGTH(pages_texts))]);
}

static int pages_fill(struct kit *k, struct kit_lines *lines)
{
	struct gantry_change *c = arena_alloc(&k->arena, A_UNIT * sizeof(*c));

	lines->n = MANY;
	lines->rows = arena_zero(&k->arena, MANY * sizeof(lines->rows[0]));
	lines->base = kit_ref(k);
	k->last_ref += GROUPS + 1;
	for (unsigned i = 0; i < MANY; i++) {
		struct gantry_value *row = lines->rows[i];

		row[REF] = kit_number(kit_ref(k));
		row[VERSION] = kit_number(1);
		row[LINE_A] = kit_dice(k, 20) == 0 ? kit_null() :
			kit_number(lines->base + (int64_t)kit_dice(k, GROUPS));
		row[LINE_B] = kit_dice(k, 6) == 0 ? kit_null() : pages_text(k);
		c[i % A_UNIT] = kit_change(GANTRY_NEW, LINES, row, 0);
		if (i % A_UNIT == A_UNIT - 1 &&
		    kit_want(k, kit_unit(k, c, A_UNIT), GANTRY_STORED, "many lines") < 0)
			return -1;
	}
	qsort(lines->rows, MANY, sizeof(lines->rows[0]), kit_lines_order);
	return 0;
}

static struct gantry_range pages_range(unsigned n_from, const struct gantry_value *from,
				       unsigned n_to, const struct gantry_value *to)
{
	return (struct gantry_range){ .size = sizeof(struct gantry_range),
				      .table = LINES, .index = LINES_AB,
				      .from = from, .n_from = n_from,
				      .to = to, .n_to = n_to };
}

/* Of rows equal to from, only those behind one of them. */
static void pages_after(struct kit *k, const struct kit_lines *lines, struct gantry_range *r,
			struct gantry_value *from)
{
	const struct gantry_value *row = lines->rows[kit_dice(k, lines->n)];

	if (row[LINE_A].kind == GANTRY_NULL || row[LINE_B].kind == GANTRY_NULL)
		return;
	from[0] = row[LINE_A];
	from[1] = row[LINE_B];
	r->after_ref = row[REF].is.number;
}

static int pages_random(struct kit *k)
{
	struct kit_lines lines;

	if (pages_fill(k, &lines) < 0)
		return -1;
	for (unsigned i = 0; i < RANGES * k->effort; i++) {
		struct gantry_value from[] = {
			kit_number(lines.base + (int64_t)kit_dice(k, GROUPS)), pages_text(k) };
		const struct gantry_value to[] = {
			kit_number(lines.base + (int64_t)kit_dice(k, GROUPS)), pages_text(k) };
		struct gantry_range r = pages_range(1 + (unsigned)kit_dice(k, 2), from,
						    1 + (unsigned)kit_dice(k, 2), to);

		r.limit = 1 + kit_dice(k, kit_dice(k, 2) == 0 ? 20 : 2 * MANY);
		r.from_after = kit_dice(k, 3) == 0;
		if (!r.from_after && kit_dice(k, 2) == 0)
			pages_after(k, &lines, &r, from);
		if (kit_lines_are(k, &lines, &r, arena_format(&k->arena,
				"range %u of seed %" PRIu64, i, k->first_seed)) < 0)
			return -1;
	}
	return 0;
}

/* From behind a row of one a to some b of the next: of no other a may there be more. */
static int pages_next(struct kit *k)
{
	struct kit_lines lines;

	if (pages_fill(k, &lines) < 0)
		return -1;
	for (unsigned i = 0; i < MANY; i += MANY / 60) {
		const struct gantry_value *row = lines.rows[i];
		const struct gantry_value from = row[LINE_A];
		struct gantry_value to[] = { kit_number(from.is.number + 1), kit_null() };
		struct gantry_range r = pages_range(1, &from, 2, to);

		if (from.kind == GANTRY_NULL)
			continue;
		r.after_ref = row[REF].is.number;
		r.limit = MANY;
		for (size_t t = 0; t < ARRAY_LENGTH(pages_texts); t++) {
			to[1] = kit_text(pages_texts[t]);
			if (kit_lines_are(k, &lines, &r, arena_format(&k->arena,
					"behind row %u to text %zu", i, t)) < 0)
				return -1;
		}
	}
	return 0;
}

/* All rows of one a but those without b, page by page. */
static int pages_walk(struct kit *k, const struct kit_lines *lines, unsigned group,
		      size_t limit)
{
	const struct gantry_value a = kit_number(lines->base + group);
	struct gantry_value at[2] = { a, kit_text("") };
	struct gantry_range r = pages_range(2, at, 1, &a);
	size_t wanted = 0, got = 0, n;
	int64_t seen = 0;

	r.limit = limit;
	for (size_t i = 0; i < lines->n; i++)
		wanted += kit_equal(&lines->rows[i][LINE_A], &a) &&
			  lines->rows[i][LINE_B].kind == GANTRY_STRING;
	do {
		struct kit_rows rows = { .kit = k, .table = k->schema->tables[LINES] };
		const struct gantry_sink sink = kit_sink(&rows);

		error_reset(&k->err);
		if (kit_want(k, k->st->scan(k->self, &r, &sink, &k->err), GANTRY_STORED,
			     "a page") < 0)
			return -1;
		n = rows.n;
		got += n;
		if (n == 0 || got > wanted)
			break;
		at[1] = rows.rows[n - 1].values[LINE_B];
		seen = rows.rows[n - 1].values[REF].is.number;
		r.after_ref = seen;
	} while (n == limit);
	return got == wanted ? 0 : kit_fail(k, "pages of %zu have %zu rows together instead "
					    "of %zu", limit, got, wanted);
}

static int pages_all(struct kit *k)
{
	static const size_t limits[] = { 3, 100, 1000 };
	struct kit_lines lines;

	if (pages_fill(k, &lines) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++)
		for (unsigned group = 0; group < GROUPS; group++)
			if (pages_walk(k, &lines, group, limits[i]) < 0)
				return -1;
	return 0;
}

const struct kit_check kit_checks_pages[] = {
	{ "scan: many pages", pages_all, 0 },
	{ "scan: to the next of a prefix", pages_next, 0 },
	{ "scan: any range", pages_random, 0 },
	{ NULL, NULL, 0 },
};
