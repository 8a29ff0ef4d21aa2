/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forget - the schedule's tick that removes what ended long ago, from the oldest
 * request on.
 */
#include "kept.h"

#define FORGET_PAGE 60		/* records put by one message: 64 */

static enum gantry_verdict forget_handle(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	const struct optimistic *o = self;
	const struct gantry_page *page = gantry_find(m, &GANTRY_QUERY(
		.name = "records", .key = KEPT_ENDED, .limit = FORGET_PAGE), err);
	const json_t *row;
	size_t i, gone = 0;

	if (page == NULL)
		return GANTRY_FAILED;
	json_array_foreach(page->rows, i, row) {
		const json_t *ended = json_object_get(row, "value");
		int64_t at = json_integer_value(json_object_get(ended, "at"));
		const char *id = json_string_value(json_object_get(row, "key"));

		if (at + o->keep > gantry_now_ms(m))
			continue;
		if (gantry_record_put(m, KEPT_ENDED, id, NULL, err) < 0)
			return GANTRY_FAILED;
		gone++;
	}
	if (gone == FORGET_PAGE && gantry_again(m, err) < 0)
		return GANTRY_FAILED;
	return GANTRY_DONE;
}

const struct gantry_handler forget_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "forget",
	.summary = "Remove what is known of requests that ended long ago",
	.handle = forget_handle,
};
