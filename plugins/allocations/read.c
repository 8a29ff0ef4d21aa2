/* SPDX-License-Identifier: Apache-2.0 */
/* read - see read.h; GET /allocations/{id} and /allocations/by-order/{orderId}. */
#include "read.h"

#include "allocations.h"
#include "describe.h"
#include "render.h"
#include "validate.h"

#define READ_MAX_PAGES 14	/* each is one more run, of at most 16 */

enum gantry_verdict read_one(struct gantry_message *m, const char *query,
			     const char *code, struct gantry_error *err)
{
	const char *id = validate_param(m, "id", err);
	const struct gantry_page *page;

	if (id == NULL)
		return validate_reject(err);
	page = gantry_find(m, &GANTRY_QUERY(.name = query, .key = id, .limit = 1),
			   err);
	if (page == NULL)
		return GANTRY_FAILED;
	if (json_array_size(page->rows) == 0)
		return gantry_reject(err, code);
	return render_row(m, json_array_get(page->rows, 0), err);
}

static void read_rows(struct gantry_writer *w, const struct gantry_page *page)
{
	size_t n = json_array_size(page->rows);

	for (size_t i = 0; i < n; i++)
		gantry_write_json(w, NULL, json_array_get(page->rows, i));
}

static enum gantry_verdict read_end(struct gantry_message *m, struct gantry_writer *w,
				    const char *next, struct gantry_error *err)
{
	gantry_write_end(w);
	if (next != NULL)
		gantry_write_text(w, "next", next);
	return render_end(m, w, 200, err);
}

enum gantry_verdict read_page(struct gantry_message *m, const char *query,
			      const char *key, struct gantry_error *err)
{
	struct gantry_query ask = GANTRY_QUERY(.name = query, .key = key);
	const struct gantry_page *page;
	struct gantry_writer *w;

	if (validate_page(m, &ask, err) < 0)
		return validate_reject(err);
	page = gantry_find(m, &ask, err);
	if (page == NULL)
		return GANTRY_FAILED;
	w = render_begin(m);
	gantry_write_array(w, "data");
	read_rows(w, page);
	return read_end(m, w, page->after, err);
}

enum gantry_verdict read_all(struct gantry_message *m, const char *query,
			     const char *key, struct gantry_error *err)
{
	struct gantry_query ask = GANTRY_QUERY(.name = query, .key = key,
					       .limit = ALLOCATIONS_MAX_PAGE);
	struct gantry_writer *w;

	if (gantry_query(m, "limit") != NULL || gantry_query(m, "after") != NULL)
		return read_page(m, query, key, err);
	w = render_begin(m);
	gantry_write_array(w, "data");
	for (int i = 0; i < READ_MAX_PAGES; i++) {
		const struct gantry_page *page = gantry_find(m, &ask, err);

		if (page == NULL)
			return GANTRY_FAILED;
		read_rows(w, page);
		ask.after = page->after;
		if (ask.after == NULL)
			break;
	}
	return read_end(m, w, ask.after, err);
}

static enum gantry_verdict read_get(void *self, struct gantry_message *m,
				    struct gantry_error *err)
{
	(void)self;
	return read_one(m, "allocation", "ALLOCATION_NOT_FOUND", err);
}

static enum gantry_verdict read_order(void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	const char *order_id = validate_param(m, "orderId", err);

	(void)self;
	if (order_id == NULL)
		return validate_reject(err);
	return read_all(m, "allocations-of-order", order_id, err);
}

const struct gantry_handler read_get_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "get",
	.summary = "Show one allocation",
	.handle = read_get,
	.operation = describe_get,
};

const struct gantry_handler read_order_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "by_order",
	.summary = "Show all allocations of an order",
	.handle = read_order,
	.operation = describe_by_order,
};
