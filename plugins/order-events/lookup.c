/* SPDX-License-Identifier: Apache-2.0 */
/* lookup - see lookup.h. */
#include "lookup.h"

int lookup_is_known(struct gantry_message *m, const char *order_id,
		    enum gantry_verdict *verdict_out, struct gantry_error *err)
{
	const struct gantry_page *page =
		gantry_find(m, &GANTRY_QUERY(.name = "order", .key = order_id), err);

	*verdict_out = GANTRY_FAILED;
	if (page == NULL)
		return -1;
	*verdict_out = GANTRY_DONE;
	return json_array_size(page->rows) > 0;
}

const json_t *lookup_order(struct gantry_message *m, const char *upstream,
			   const char *order_id, enum gantry_verdict *verdict_out,
			   struct gantry_error *err)
{
	const struct gantry_answer *answer = gantry_call(m, &GANTRY_REQUEST(
		.upstream = upstream, .order_id = order_id, .want_json = true,
		.path = gantry_format(m, "/orders/%s", gantry_escape(m, order_id))), err);
	const json_t *data;

	*verdict_out = GANTRY_FAILED;
	if (answer == NULL)
		return NULL;
	if (answer->status == 404) {
		gantry_fail(err, "the Order Service does not know the order either");
		*verdict_out = gantry_reject(err, "ORDER_UNKNOWN");
		return NULL;
	}
	data = json_object_get(answer->json, "data");
	if (answer->status < 300 && json_is_string(json_object_get(data, "status")))
		return data;
	gantry_fail(err, answer->status < 300 ? "the Order Service gives an order without its status" :
		    "the Order Service answers %d", answer->status);
	*verdict_out = gantry_retry(err, "ORDER_SERVICE_UNAVAILABLE");
	return NULL;
}
