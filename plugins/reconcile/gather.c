/* SPDX-License-Identifier: Apache-2.0 */
/* gather - see gather.h. */
#include "gather.h"

#include <string.h>

#include <gantry/member.h>

static const char *gather_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int64_t gather_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* 0: none, or none that can be read. */
static int64_t gather_time(const json_t *object, const char *name)
{
	const json_t *text = json_object_get(object, name);
	int64_t ms = 0;

	if (!json_is_string(text) ||
	    !gantry_parse_time(json_string_value(text), json_string_length(text), &ms))
		return 0;
	return ms;
}

/* PENDING CONFIRMED FULFILLED CANCELLED; of orders OPEN for the first. */
static char gather_status(const char *text)
{
	if (text == NULL)
		return 'X';
	return strcmp(text, "CANCELLED") == 0 ? 'X' : *text;
}

static struct compare_allocation gather_allocation(const json_t *row)
{
	return (struct compare_allocation){
		.id = gather_text(row, "id"),
		.order_item_id = gather_text(row, "orderItemId"),
		.item_id = gather_text(row, "inventoryItemId"),
		.status = gather_status(gather_text(row, "status")),
		.unverified = json_is_true(json_object_get(row, "unverified")),
		.quantity = gather_number(row, "quantity"),
		.version = gather_number(row, "version"),
		.expires_ms = gather_time(row, "expiresAt"),
		.changed_ms = gather_time(row, "updatedAt"),
	};
}

void gather_held(struct gantry_message *m, const char *order_id, const json_t *row,
		 struct compare_held *out)
{
	const json_t *rows = json_object_get(row, "allocations");
	size_t n = json_array_size(rows);
	struct compare_allocation *all = gantry_alloc(m, (n + 1) * sizeof(*all));

	*out = (struct compare_held){ .order_id = order_id };
	if (row == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		all[i] = gather_allocation(json_array_get(rows, i));
	out->is_there = true;
	out->state = gather_status(gather_text(row, "status"));
	out->version = gather_number(row, "version");
	out->changed_ms = gather_time(row, "updatedAt");
	out->allocations = all;
	out->n_allocations = n;
}

bool gather_wants_items(const struct gantry_answer *order)
{
	const json_t *data;

	if (order == NULL || order->status >= 300)
		return false;
	data = json_object_get(order->json, "data");
	return json_is_object(data) && !json_is_array(json_object_get(data, "items"));
}

static bool gather_is_id(const char *text)
{
	return text != NULL && gantry_is_text(text, strlen(text), GANTRY_MAX_ID);
}

/* Items have their id as orderItemId or id; what has none cannot be judged. */
static bool gather_line(const json_t *item, struct compare_line *out)
{
	const json_t *quantity = json_object_get(item, "quantity");

	*out = (struct compare_line){
		.order_item_id = gather_text(item, "orderItemId"),
		.item_id = gather_text(item, "inventoryItemId"),
		.warehouse_id = gather_text(item, "warehouseId"),
	};
	if (out->order_item_id == NULL)
		out->order_item_id = gather_text(item, "id");
	if (!gather_is_id(out->item_id))
		out->item_id = NULL;
	if (!gather_is_id(out->warehouse_id))
		out->warehouse_id = NULL;
	if (json_is_integer(quantity) && json_integer_value(quantity) >= 1 &&
	    json_integer_value(quantity) <= INT64_C(1000000000))
		out->quantity = json_integer_value(quantity);
	return gather_is_id(out->order_item_id);
}

static bool gather_lines(struct gantry_message *m, const json_t *items,
			 struct compare_service *out)
{
	size_t n = json_array_size(items);
	struct compare_line *lines = gantry_alloc(m, (n + 1) * sizeof(*lines));

	if (!json_is_array(items))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!gather_line(json_array_get(items, i), &lines[i]))
			return false;
	out->lines = lines;
	out->n_lines = n;
	return true;
}

static bool gather_order_status(const char *text, enum compare_status *out)
{
	static const char *const names[] = { [COMPARE_CREATED] = "CREATED",
					     [COMPARE_CONFIRMED] = "CONFIRMED",
					     [COMPARE_CANCELLED] = "CANCELLED" };

	for (int i = COMPARE_CREATED; text != NULL && i <= COMPARE_CANCELLED; i++)
		if (strcmp(names[i], text) == 0) {
			*out = (enum compare_status)i;
			return true;
		}
	return false;
}

bool gather_service(struct gantry_message *m, const struct gantry_answer *order,
		    const struct gantry_answer *items, struct compare_service *out)
{
	const json_t *data, *list;

	*out = (struct compare_service){ .status = COMPARE_UNKNOWN };
	if (order == NULL || (order->status >= 300 && order->status != 404))
		return false;
	if (order->status == 404)
		return true;
	data = json_object_get(order->json, "data");
	if (!gather_order_status(gather_text(data, "status"), &out->status))
		return false;
	out->wants_stock = json_is_true(json_object_get(data, "requiresPreAllocation"));
	out->changed_ms = gather_time(data, "updatedAt");
	if (out->status == COMPARE_CANCELLED)
		return true;
	list = json_object_get(data, "items");
	if (!json_is_array(list) && items != NULL && items->status < 300)
		list = json_object_get(items->json, "data");
	return gather_lines(m, list, out);
}
