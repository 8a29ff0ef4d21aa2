/* SPDX-License-Identifier: Apache-2.0 */
/* items - POST and GET /inventory-items, and adjustments (D12). */
#include "allocations.h"
#include "describe.h"
#include "read.h"
#include "render.h"
#include "validate.h"

static enum gantry_verdict items_create(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	struct gantry_command c = GANTRY_COMMAND(
		.kind = GANTRY_ITEM_CREATE, .if_refused = GANTRY_IF_REFUSED_REJECT);
	const json_t *body = validate_body(m, err);

	(void)self;
	if (body == NULL)
		return validate_reject(err);
	c.item_id = gantry_member_text(body, "", "id", GANTRY_MAX_ID,
				       GANTRY_OPTIONAL, err);
	c.sku = gantry_member_text(body, "", "sku", GANTRY_MAX_ID, 0, err);
	c.product_id = gantry_member_text(body, "", "productId", GANTRY_MAX_ID, 0,
					  err);
	c.warehouse_id = gantry_member_text(body, "", "warehouseId",
					    GANTRY_MAX_ID, 0, err);
	c.quantity = gantry_member_integer(body, "", "availableQuantity", 0,
					   ALLOCATIONS_MAX_QUANTITY, err);
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	if (c.item_id == NULL)
		c.item_id = gantry_mint(m, "inv_");
	return gantry_command(m, &c, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict items_create_settle(const void *self,
					       struct gantry_message *m,
					       struct gantry_error *err)
{
	(void)self;
	return render_one_item(m, 201, err);
}

static enum gantry_verdict items_list(void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	(void)self;
	return read_page(m, "items", NULL, err);
}

static enum gantry_verdict items_get(void *self, struct gantry_message *m,
				     struct gantry_error *err)
{
	(void)self;
	return read_one(m, "item", "INVENTORY_ITEM_NOT_FOUND", err);
}

static enum gantry_verdict items_adjust(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	struct gantry_command c = GANTRY_COMMAND(
		.kind = GANTRY_ITEM_ADJUST, .if_refused = GANTRY_IF_REFUSED_REJECT);
	const json_t *body = validate_body(m, err);
	size_t before;

	(void)self;
	c.item_id = validate_param(m, "id", err);
	if (body == NULL)
		return validate_reject(err);
	before = gantry_problems(err);
	c.quantity = gantry_member_integer(body, "", "delta",
					   -ALLOCATIONS_MAX_QUANTITY,
					   ALLOCATIONS_MAX_QUANTITY, err);
	if (c.quantity == 0 && gantry_problems(err) == before)
		gantry_problem(err, "delta", "must not be 0");
	c.reason = gantry_member_text(body, "", "reason", ALLOCATIONS_MAX_REASON,
				      0, err);
	if (gantry_problems(err) > 0)
		return validate_reject(err);
	return gantry_command(m, &c, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict items_adjust_settle(const void *self,
					       struct gantry_message *m,
					       struct gantry_error *err)
{
	(void)self;
	return render_one_item(m, 200, err);
}

const struct gantry_handler items_create_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "item_create",
	.summary = "Create an inventory item",
	.handle = items_create,
	.settle = items_create_settle,
	.operation = describe_item_create,
};

const struct gantry_handler items_list_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "item_list",
	.summary = "List inventory items",
	.handle = items_list,
	.operation = describe_item_list,
};

const struct gantry_handler items_get_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "item_get",
	.summary = "Show one inventory item",
	.handle = items_get,
	.operation = describe_item_get,
};

const struct gantry_handler items_adjust_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "item_adjust",
	.summary = "Change how much of an item is on hand",
	.handle = items_adjust,
	.settle = items_adjust_settle,
	.operation = describe_item_adjust,
};
