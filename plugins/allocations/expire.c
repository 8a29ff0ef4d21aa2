/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expire - cancels what is due, a page at a time (D4). The query may be late;
 * each allocation is checked again under its lock.
 */
#include "allocations.h"
#include "describe.h"

static enum gantry_verdict expire_handle(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	const struct gantry_page *page =
		gantry_find(m, &GANTRY_QUERY(.name = "allocations-due",
					     .limit = ALLOCATIONS_SWEEP), err);
	size_t n;

	(void)self;
	if (page == NULL)
		return GANTRY_FAILED;
	n = json_array_size(page->rows);
	for (size_t i = 0; i < n; i++) {
		const json_t *id = json_object_get(json_array_get(page->rows, i), "id");

		if (gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_EXPIRE,
				.allocation_id = json_string_value(id),
				.if_refused = GANTRY_IF_REFUSED_GO_ON), err) < 0)
			return GANTRY_FAILED;
	}
	if (n == ALLOCATIONS_SWEEP && gantry_again(m, err) < 0)
		return GANTRY_FAILED;
	return GANTRY_DONE;
}

const struct gantry_handler expire_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "expire",
	.summary = "Cancel pending allocations that are due",
	.handle = expire_handle,
	.events = describe_cancel_events,
};
