/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order - see order.h. GET /orders/{id} gives {data: {id, status, items}}; an
 * Order Service that leaves the items out gives them at /orders/{id}/items.
 */
#include "order.h"

#include <string.h>

static const struct gantry_answer *order_get(const struct allocations *a,
					     struct gantry_message *m,
					     const char *order_id, const char *what,
					     struct gantry_error *err)
{
	return gantry_call(m, &GANTRY_REQUEST(
		.upstream = a->order_service, .order_id = order_id, .want_json = true,
		.path = gantry_format(m, "/orders/%s%s", gantry_escape(m, order_id), what)),
		err);
}

/* No answer, or none that says anything. */
static enum gantry_verdict order_unverified(const struct allocations *a,
					    struct gantry_message *m,
					    const struct gantry_answer *answer,
					    struct order *out, struct gantry_error *err)
{
	const char *why = answer == NULL ? "is away" :
			  answer->status < 300 ? "gives an order without its status or items" :
			  gantry_format(m, "answers %d", answer->status);

	if (a->order_check == ALLOCATIONS_CHECK_OPTIMISTIC) {
		gantry_log(m, GANTRY_LOG_WARNING,
			   "the order is not verified: the Order Service %s", why);
		*out = (struct order){ .unverified = true };
		return GANTRY_NEXT;
	}
	if (answer == NULL)
		return GANTRY_FAILED;	/* err says why */
	gantry_fail(err, "The Order Service %s", why);
	return gantry_retry(err, "ORDER_SERVICE_UNAVAILABLE");
}

static enum gantry_verdict order_refuse(const char *order_id, const char *code,
					const char *why, struct gantry_error *err)
{
	json_t *details = json_pack("{ss}", "orderId", order_id);

	gantry_details(err, details);
	json_decref(details);
	gantry_fail(err, "%s", why);
	return gantry_reject(err, code);
}

static enum gantry_verdict order_unknown(const char *order_id, struct gantry_error *err)
{
	return order_refuse(order_id, "ORDER_NOT_FOUND",
			    "The Order Service has no such order", err);
}

/* In optimistic mode err must not keep the reason of what did not matter. */
static struct gantry_error *order_error(const struct allocations *a,
					struct gantry_error *err)
{
	return a->order_check == ALLOCATIONS_CHECK_STRICT ? err : NULL;
}

static enum gantry_verdict order_items(const struct allocations *a,
				       struct gantry_message *m, const char *order_id,
				       struct order *out, struct gantry_error *err)
{
	const struct gantry_answer *answer =
		order_get(a, m, order_id, "/items", order_error(a, err));

	if (gantry_asking(m))
		return GANTRY_FAILED;
	if (answer != NULL && answer->status == 404)
		return order_unknown(order_id, err);
	if (answer != NULL && answer->status < 300)
		out->items = json_object_get(answer->json, "data");
	return json_is_array(out->items) ? GANTRY_NEXT :
					   order_unverified(a, m, answer, out, err);
}

enum gantry_verdict order_check(const struct allocations *a, struct gantry_message *m,
				const char *order_id, struct order *out,
				struct gantry_error *err)
{
	const struct gantry_answer *answer;
	const json_t *data;
	const char *status;

	*out = (struct order){ 0 };
	if (a->order_check == ALLOCATIONS_CHECK_OFF)
		return GANTRY_NEXT;
	answer = order_get(a, m, order_id, "", order_error(a, err));
	if (gantry_asking(m))
		return GANTRY_FAILED;
	if (answer != NULL && answer->status == 404)
		return order_unknown(order_id, err);
	if (answer == NULL || answer->status >= 300)
		return order_unverified(a, m, answer, out, err);
	data = json_object_get(answer->json, "data");
	status = json_string_value(json_object_get(data, "status"));
	if (status == NULL)
		return order_unverified(a, m, answer, out, err);
	if (strcmp(status, "CANCELLED") == 0)
		return order_refuse(order_id, "ORDER_CANCELLED", "The order is cancelled",
				    err);
	out->items = json_object_get(data, "items");
	return json_is_array(out->items) ? GANTRY_NEXT :
					   order_items(a, m, order_id, out, err);
}

static bool order_has_item(const json_t *items, const char *id)
{
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item) {
		const char *is = json_string_value(json_object_get(item, "orderItemId"));

		if (is == NULL)
			is = json_string_value(json_object_get(item, "id"));
		if (is != NULL && strcmp(is, id) == 0)
			return true;
	}
	return false;
}

void order_check_item(const struct order *order, struct gantry_message *m,
		      const char *place, struct gantry_command *command,
		      struct gantry_error *err)
{
	command->unverified = order->unverified;
	if (order->items != NULL && !order_has_item(order->items, command->order_item_id))
		gantry_problem(err, gantry_format(m, "%sorderItemId", place),
			       "is no item of the order");
}
