/* SPDX-License-Identifier: Apache-2.0 */
/* copy_pages - see copy_pages.h. */
#include "gateway/commit/copy_pages.h"

#include "gateway/rows/set.h"

/* About what the committer puts into a unit. */
#define COPY_PAGES_ROWS 1024u
#define COPY_PAGES_BYTES (1u << 20)
/* Of the first page, since nobody knows yet how long the rows are. */
#define COPY_PAGES_FIRST 64u

void copy_pages_init(struct copy_pages *p, const struct query_store *store,
		     unsigned table, int64_t after)
{
	*p = (struct copy_pages){ .store = store, .table = table, .last = after,
				  .limit = COPY_PAGES_FIRST };
}

static size_t copy_pages_bytes(const struct copy_pages *p,
			       const struct gantry_value *values)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < p->store->schema->tables[p->table]->n_columns; i++)
		if (values[i].kind == GANTRY_STRING)
			bytes += values[i].len;
	return bytes;
}

/* What does not fit is not taken, and comes again with the next page. */
static int copy_pages_row(void *context, size_t key, const struct gantry_value *values)
{
	struct copy_pages *p = context;

	(void)key;
	p->seen++;
	if (p->bytes >= COPY_PAGES_BYTES)
		return 0;
	p->given++;
	p->bytes += copy_pages_bytes(p, values);
	p->last = values[0].is.number;
	p->row(p->ctx, values);
	return 0;
}

static size_t copy_pages_limit(const struct copy_pages *p)
{
	if (p->seen > p->given)
		return p->given;
	return 2 * p->limit < COPY_PAGES_ROWS ? 2 * p->limit : COPY_PAGES_ROWS;
}

int copy_pages_next(struct copy_pages *p, struct gantry_error *err)
{
	const struct gantry_value last = value_number(p->last);
	const struct gantry_sink sink = { copy_pages_row, p };
	const struct gantry_range range = {
		.size = sizeof(range), .table = p->table, .index = GANTRY_BY_REF,
		.from = &last, .n_from = 1, .from_after = true, .limit = p->limit,
	};

	if (p->done)
		return 0;
	p->seen = p->given = p->bytes = 0;
	if (p->store->storage->scan(p->store->self, &range, &sink, err) !=
	    GANTRY_STORED)
		return -1;
	p->done = p->seen < p->limit && p->seen == p->given;
	p->limit = copy_pages_limit(p);
	return p->given > 0;
}
