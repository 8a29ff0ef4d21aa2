/* SPDX-License-Identifier: Apache-2.0 */
/*
 * item - inventory items: create, adjust (D12), recount (D29). None of them
 * publishes an event.
 *
 * Creating an id that exists is refused, the same values or not: the counters
 * have moved on since. A retry is told apart by its Idempotency-Key (D6).
 */
#include "gateway/stock/work.h"

#include <string.h>

static void item_refuse(struct work *w, const char *code, const char *message)
{
	struct writer *details = stock_outcome_refuse(w, code, message);

	writer_text(details, "inventoryItemId", w->command->item_id);
	stock_outcome_refused(w);
}

static void item_create(struct work *w)
{
	const struct gantry_command *c = w->command;
	const struct stock_context *context = w->context;
	struct rowset *rows = context->rows;
	int64_t ref = context->ref(context->minter);
	struct row *item = rowset_new(rows, STOCK_ITEMS, ref);
	struct row *stock = rowset_new(rows, STOCK_STOCK, ref);
	char id[STOCK_ID_ROOM];

	if (c->item_id == NULL)
		context->id(context->minter, "inv_", id, sizeof(id));
	row_set_text(rows, item, ITEMS_ID, c->item_id == NULL ? id : c->item_id);
	row_set_text(rows, item, ITEMS_SKU, c->sku);
	row_set_text(rows, item, ITEMS_PRODUCT_ID, c->product_id);
	row_set_text(rows, item, ITEMS_WAREHOUSE_ID, c->warehouse_id);
	row_set_number(rows, item, ITEMS_CREATED_AT, context->now_ms);
	row_set_number(rows, stock, STOCK_AVAILABLE, c->quantity);
	row_set_number(rows, stock, STOCK_RESERVED, 0);
	row_set_number(rows, stock, STOCK_UPDATED_AT, context->now_ms);
	stock_outcome_is(w, GANTRY_APPLIED);
	stock_outcome_item(w, item, stock);
}

static void item_refuse_adjustment(struct work *w, const char *code,
				   const char *message, const struct row *stock)
{
	struct writer *details = stock_outcome_refuse(w, code, message);

	writer_text(details, "inventoryItemId", w->command->item_id);
	writer_int(details, "availableQuantity",
		   row_number(stock, STOCK_AVAILABLE));
	writer_int(details, "reservedQuantity",
		   row_number(stock, STOCK_RESERVED));
	writer_int(details, "delta", w->command->quantity);
	stock_outcome_refused(w);
}

static void item_adjust(struct work *w, const struct row *item,
			struct row *stock)
{
	struct rowset *rows = w->context->rows;
	int64_t available;

	if (__builtin_add_overflow(row_number(stock, STOCK_AVAILABLE),
				   w->command->quantity, &available) ||
	    available > STOCK_MAX_AVAILABLE) {
		item_refuse_adjustment(w, "QUANTITY_TOO_LARGE",
				       "More would be on hand than can be counted",
				       stock);
		return;
	}
	if (available < row_number(stock, STOCK_RESERVED)) {
		item_refuse_adjustment(w, "ADJUSTMENT_BELOW_RESERVED",
				       "Less would be on hand than is reserved",
				       stock);
		return;
	}
	stock_outcome_is(w, w->command->quantity == 0 ? GANTRY_STOOD :
			 GANTRY_APPLIED);
	if (w->command->quantity != 0) {
		row_set_number(rows, stock, STOCK_AVAILABLE, available);
		row_set_number(rows, stock, STOCK_UPDATED_AT, w->context->now_ms);
	}
	stock_outcome_item(w, item, stock);
}

/* Whoever summed it has read the counters before: if_version says so. */
static void item_recount(struct work *w, const struct row *item, struct row *stock)
{
	struct rowset *rows = w->context->rows;
	int64_t reserved = w->command->quantity;

	if (reserved > row_number(stock, STOCK_AVAILABLE)) {
		item_refuse_adjustment(w, "INSUFFICIENT_STOCK",
				       "More would be reserved than is on hand", stock);
		return;
	}
	if (reserved == row_number(stock, STOCK_RESERVED)) {
		stock_outcome_is(w, GANTRY_STOOD);
	} else {
		stock_outcome_is(w, GANTRY_APPLIED);
		row_set_number(rows, stock, STOCK_RESERVED, reserved);
		row_set_number(rows, stock, STOCK_UPDATED_AT, w->context->now_ms);
	}
	stock_outcome_item(w, item, stock);
}

void stock_item(struct work *w)
{
	const struct gantry_command *c = w->command;
	const struct rowset *rows = w->context->rows;
	struct row *item = c->item_id == NULL ? NULL :
			   stock_find_item(rows, c->item_id);
	struct row *stock;

	if (c->kind == GANTRY_ITEM_CREATE) {
		if (item != NULL)
			item_refuse(w, "ITEM_EXISTS",
				    "An inventory item with this id exists");
		else
			item_create(w);
		return;
	}
	if (item == NULL) {
		item_refuse(w, "INVENTORY_ITEM_NOT_FOUND",
			    "No inventory item has this id");
		return;
	}
	stock = rowset_by_ref(rows, STOCK_STOCK, row_number(item, ITEMS_REF));
	if (stock == NULL)
		stock_outcome_broken(w, "inventoryItemId", c->item_id);
	else if (!stock_outcome_version_fits(w, stock))
		return;
	else if (c->kind == GANTRY_ITEM_RECOUNT)
		item_recount(w, item, stock);
	else
		item_adjust(w, item, stock);
}
