/* SPDX-License-Identifier: Apache-2.0 */
/* render - see render.h. */
#include "gateway/stock/render.h"

#include "gateway/base/clock.h"
#include "gateway/stock/schema.h"

static void render_text(json_t *object, const char *name, const struct row *row,
			unsigned column)
{
	const struct gantry_value *value = &row->values[column];
	json_t *text = NULL;

	if (value->kind == GANTRY_STRING)
		text = json_stringn(value->is.text, value->len);
	/* ids from outside are well-formed; a store's damage must not hide rows */
	json_object_set_new(object, name, text == NULL ? json_null() : text);
}

static void render_number(json_t *object, const char *name,
			  const struct row *row, unsigned column)
{
	json_object_set_new(object, name, json_integer(row_number(row, column)));
}

static void render_time(json_t *object, const char *name, const struct row *row,
			unsigned column)
{
	char text[CLOCK_TEXT];
	int64_t ms = row_is_null(row, column) ? -1 : row_number(row, column);

	if (ms < 0 || ms > CLOCK_MAX_MS) {
		json_object_set_new(object, name, json_null());
		return;
	}
	clock_format(ms, text);
	json_object_set_new(object, name, json_string(text));
}

json_t *stock_render_allocation(const struct rowset *rows, const struct row *row)
{
	const struct row *order = rowset_by_ref(rows, STOCK_ORDERS,
						row_number(row, ALLOCATIONS_ORD));
	const struct row *item = rowset_by_ref(rows, STOCK_ITEMS,
					       row_number(row, ALLOCATIONS_ITEM));
	json_t *o;

	if (order == NULL || item == NULL)
		return NULL;
	o = json_object();
	render_text(o, "id", row, ALLOCATIONS_ID);
	render_text(o, "orderId", order, ORDERS_ID);
	render_text(o, "orderItemId", row, ALLOCATIONS_ORDER_ITEM_ID);
	render_text(o, "inventoryItemId", item, ITEMS_ID);
	render_text(o, "warehouseId", item, ITEMS_WAREHOUSE_ID);
	render_number(o, "quantity", row, ALLOCATIONS_QUANTITY);
	render_text(o, "status", row, ALLOCATIONS_STATUS);
	render_time(o, "expiresAt", row, ALLOCATIONS_EXPIRES_AT);
	render_time(o, "createdAt", row, ALLOCATIONS_CREATED_AT);
	render_time(o, "updatedAt", row, ALLOCATIONS_UPDATED_AT);
	return o;
}

json_t *stock_render_item(const struct rowset *rows, const struct row *row)
{
	const struct row *stock = rowset_by_ref(rows, STOCK_STOCK,
						row_number(row, ITEMS_REF));
	json_t *o;

	if (stock == NULL)
		return NULL;
	o = json_object();
	render_text(o, "id", row, ITEMS_ID);
	render_text(o, "sku", row, ITEMS_SKU);
	render_text(o, "productId", row, ITEMS_PRODUCT_ID);
	render_text(o, "warehouseId", row, ITEMS_WAREHOUSE_ID);
	render_number(o, "availableQuantity", stock, STOCK_AVAILABLE);
	render_number(o, "reservedQuantity", stock, STOCK_RESERVED);
	render_number(o, "version", stock, STOCK_VERSION);
	render_time(o, "createdAt", row, ITEMS_CREATED_AT);
	render_time(o, "updatedAt", stock, STOCK_UPDATED_AT);
	return o;
}

json_t *stock_render_return(const struct rowset *rows, const struct row *row)
{
	const struct row *order = rowset_by_ref(rows, STOCK_ORDERS,
						row_number(row, RETURNS_ORD));
	const struct row *allocation =
		rowset_by_ref(rows, STOCK_ALLOCATIONS,
			      row_number(row, RETURNS_ALLOCATION));
	const struct row *item = allocation == NULL ? NULL :
		rowset_by_ref(rows, STOCK_ITEMS,
			      row_number(allocation, ALLOCATIONS_ITEM));
	json_t *o;

	if (order == NULL || item == NULL)
		return NULL;
	o = json_object();
	render_text(o, "id", row, RETURNS_RETURN_ID);
	render_text(o, "orderId", order, ORDERS_ID);
	render_text(o, "orderItemId", row, RETURNS_ORDER_ITEM_ID);
	render_text(o, "allocationId", allocation, ALLOCATIONS_ID);
	render_text(o, "inventoryItemId", item, ITEMS_ID);
	render_number(o, "expectedQuantity", row, RETURNS_EXPECTED);
	render_number(o, "receivedQuantity", row, RETURNS_RECEIVED);
	render_text(o, "status", row, RETURNS_STATUS);
	render_time(o, "createdAt", row, RETURNS_CREATED_AT);
	render_time(o, "updatedAt", row, RETURNS_UPDATED_AT);
	return o;
}

json_t *stock_render_order(const struct row *row)
{
	json_t *o = json_object();

	render_text(o, "id", row, ORDERS_ID);
	render_text(o, "status", row, ORDERS_STATE);
	render_number(o, "liveAllocations", row, ORDERS_LIVE);
	render_number(o, "version", row, ORDERS_VERSION);
	render_time(o, "createdAt", row, ORDERS_CREATED_AT);
	render_time(o, "updatedAt", row, ORDERS_UPDATED_AT);
	return o;
}

json_t *stock_render_due(const struct row *row)
{
	json_t *o = json_object();

	render_text(o, "id", row, ALLOCATIONS_ID);
	render_number(o, "version", row, ALLOCATIONS_VERSION);
	render_time(o, "expiresAt", row, ALLOCATIONS_DUE_AT);
	return o;
}
