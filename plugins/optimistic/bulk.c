/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk - POST /allocations/bulk: passed on, never kept. That all of it or nothing
 * is held can be said by nobody who does not see the stock.
 */
#include "answer.h"
#include "kept.h"

static bool bulk_names(const json_t *items, const json_t *order_item_id)
{
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
		if (json_equal(json_object_get(item, "orderItemId"), order_item_id))
			return true;
	return false;
}

/* Whether something waits that this would overtake: 1, 0, or -1 as kept.h says. */
static int bulk_overtakes(struct gantry_message *m, const json_t *body,
			  const char *order_id, struct gantry_error *err)
{
	json_t *waiting;
	const json_t *one;
	int overtakes = 0;
	size_t i;

	if (kept_of_order(m, order_id, &waiting, err) < 0)
		return -1;
	json_array_foreach(waiting, i, one)
		overtakes |= bulk_names(json_object_get(body, "items"),
					json_object_get(one, "orderItemId"));
	json_decref(waiting);
	return overtakes;
}

static const struct gantry_answer *bulk_send(const struct optimistic *o,
					     struct gantry_message *m, const char *key,
					     const char *order_id,
					     struct gantry_error *err)
{
	const char *const headers[] = {
		gantry_format(m, "Idempotency-Key: %s", key), NULL
	};
	size_t len;
	const char *text = gantry_body(m, &len);

	return gantry_call(m, &GANTRY_REQUEST(
		.upstream = o->inventory_service, .method = "POST",
		.path = "/allocations/bulk", .headers = headers, .body = text,
		.body_len = len, .order_id = order_id), err);
}

static enum gantry_verdict bulk_handle(void *self, struct gantry_message *m,
				       struct gantry_error *err)
{
	const json_t *body = gantry_json(m, err);
	const char *key = request_key(m, gantry_mint(m, OPTIMISTIC_PREFIX), err);
	const struct gantry_answer *answer;
	const char *order_id;
	int overtakes;

	if (body != NULL && !json_is_object(body))
		gantry_problem(err, "", "must be an object");
	if (!json_is_object(body) || key == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	order_id = gantry_member_text(body, "", "orderId", GANTRY_MAX_ID, 0, err);
	if (order_id == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	overtakes = bulk_overtakes(m, body, order_id, err);
	if (overtakes < 0)
		return GANTRY_FAILED;
	if (overtakes > 0) {
		gantry_fail(err, "An allocation of these order items waits for the inventory side");
		return gantry_retry(err, "ALLOCATION_OPTIMISTIC");
	}
	answer = bulk_send(self, m, key, order_id, err);
	if (gantry_asking(m))
		return GANTRY_FAILED;
	return answer != NULL ? answer_pass(self, m, answer, err) : answer_away(err);
}

const struct gantry_handler bulk_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "create_bulk",
	.summary = "Allocate for many order items, if the inventory side is there",
	.handle = bulk_handle,
	.operation = OPTIMISTIC_PASSES_ON,
};
