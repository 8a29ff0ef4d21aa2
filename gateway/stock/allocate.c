/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocate - a new allocation (D1, D2, D5, D7) and the first and last columns
 * of the table of D20.
 *
 * An expired allocation that stands in the way counts as cancelled already:
 * its units can be promised again. It is really cancelled, with its event,
 * only if the new one is made; otherwise the sweep comes for it, so that a
 * refusal changes nothing.
 */
#include "gateway/stock/work.h"

#include <string.h>

static void allocate_refuse_order(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "ORDER_CANCELLED", "The order is cancelled");

	writer_text(details, "orderId", w->command->order_id);
	stock_outcome_refused(w);
}

static void allocate_refuse_item(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "INVENTORY_ITEM_NOT_FOUND", "No inventory item has this id");

	writer_text(details, "inventoryItemId", w->command->item_id);
	stock_outcome_refused(w);
}

static void allocate_refuse_warehouse(struct work *w, const struct row *item)
{
	struct writer *details = stock_outcome_refuse(
		w, "WAREHOUSE_MISMATCH",
		"The inventory item is in another warehouse");

	writer_text(details, "inventoryItemId", w->command->item_id);
	writer_text(details, "warehouseId", row_text(item, ITEMS_WAREHOUSE_ID));
	writer_text(details, "requestedWarehouseId", w->command->warehouse_id);
	stock_outcome_refused(w);
}

static void allocate_refuse_other(struct work *w, const struct row *standing)
{
	struct writer *details = stock_outcome_refuse(
		w, "ALLOCATION_EXISTS",
		"The order item holds an allocation of this inventory item "
		"with another quantity");

	writer_text(details, "allocationId", row_text(standing, ALLOCATIONS_ID));
	writer_int(details, "quantity",
		   row_number(standing, ALLOCATIONS_QUANTITY));
	stock_outcome_refused(w);
}

static void allocate_refuse_size(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "ORDER_TOO_LARGE",
		"The order has as many allocations as an order can have");

	writer_text(details, "orderId", w->command->order_id);
	writer_int(details, "limit", STOCK_MAX_LIVE);
	stock_outcome_refused(w);
}

static void allocate_refuse_shortage(struct work *w, const struct row *item,
				     int64_t can_promise)
{
	struct gantry_outcome *outcome = &w->decision->outcome;
	struct writer *details = stock_outcome_refuse(
		w, "INSUFFICIENT_STOCK", "Not enough inventory available");

	writer_text(details, "inventoryItemId", w->command->item_id);
	writer_text(details, "warehouseId", row_text(item, ITEMS_WAREHOUSE_ID));
	writer_int(details, "requested", w->command->quantity);
	writer_int(details, "available", can_promise);
	stock_outcome_refused(w);
	outcome->requested = w->command->quantity;
	outcome->available = can_promise;
	if (!w->command->no_shortage_event)
		stock_event_shortage(w, item, can_promise);
}

/* An order that is confirmed already confirms what an event adds to it. */
static bool allocate_confirms(const struct work *w, const struct row *order)
{
	return w->command->by_event && order != NULL &&
	       stock_find_is(order, ORDERS_STATE, STATE_CONFIRMED);
}

/* What stands and has not expired: the same again, or another one (D5). */
static void allocate_on_standing(struct work *w, const struct whole *standing)
{
	const struct row *row = standing->allocation;

	if (row_number(row, ALLOCATIONS_QUANTITY) != w->command->quantity) {
		allocate_refuse_other(w, row);
		return;
	}
	stock_outcome_is(w, GANTRY_STOOD);
	if (allocate_confirms(w, standing->order) &&
	    stock_find_is(row, ALLOCATIONS_STATUS, STATUS_PENDING)) {
		stock_outcome_is(w, GANTRY_APPLIED);
		stock_move_confirm(w, standing);
	}
	stock_outcome_allocation(w, standing);
}

/* old, if not NULL, is cancelled first. */
static void allocate_new(struct work *w, struct whole *whole,
			 const struct whole *old, const char *reason)
{
	bool confirmed = allocate_confirms(w, whole->order) ||
			 (old != NULL && stock_find_is(old->allocation,
						       ALLOCATIONS_STATUS,
						       STATUS_CONFIRMED));
	int64_t live = whole->order == NULL ? 0 :
		       row_number(whole->order, ORDERS_LIVE);
	int64_t can_promise = row_number(whole->stock, STOCK_AVAILABLE) -
			      row_number(whole->stock, STOCK_RESERVED);

	if (old != NULL) {
		live--;
		can_promise += row_number(old->allocation, ALLOCATIONS_QUANTITY);
	}
	if (live >= STOCK_MAX_LIVE) {
		allocate_refuse_size(w);
		return;
	}
	if (w->command->quantity > can_promise) {
		allocate_refuse_shortage(w, whole->item, can_promise);
		return;
	}
	if (old != NULL)
		stock_move_cancel(w, old, reason);
	stock_move_create(w, whole);
	if (confirmed)
		stock_move_confirm(w, whole);
	stock_outcome_is(w, GANTRY_APPLIED);
	stock_outcome_allocation(w, whole);
}

static void allocate_refuse_replacing(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "PRECONDITION_FAILED", "It was changed since it was read");

	writer_text(details, "allocationId", w->command->allocation_id);
	stock_outcome_refused(w);
}

/* The one that the caller has read makes room for another quantity (D29). */
static void allocate_replace(struct work *w, struct whole *whole,
			     const struct whole *old)
{
	const struct row *row = old->allocation;

	if (row == NULL ||
	    !stock_find_is(row, ALLOCATIONS_ID, w->command->allocation_id) ||
	    stock_find_is(row, ALLOCATIONS_STATUS, STATUS_FULFILLED) ||
	    stock_move_is_expired(row, w->context->now_ms))
		allocate_refuse_replacing(w);
	else if (!stock_outcome_version_fits(w, row))
		return;
	else if (row_number(row, ALLOCATIONS_QUANTITY) == w->command->quantity)
		allocate_on_standing(w, old);
	else
		allocate_new(w, whole, old, w->command->reason);
}

static void allocate_of_item(struct work *w, struct whole *whole)
{
	const struct gantry_command *c = w->command;
	struct whole standing = *whole;

	if (whole->order != NULL)
		standing.allocation = stock_find_live(w->context->rows,
						      whole->order,
						      c->order_item_id,
						      whole->item);
	if (c->allocation_id != NULL)
		allocate_replace(w, whole, &standing);
	else if (standing.allocation == NULL)
		allocate_new(w, whole, NULL, NULL);
	else if (stock_move_is_expired(standing.allocation, w->context->now_ms))
		allocate_new(w, whole, &standing, REASON_EXPIRED);
	else
		allocate_on_standing(w, &standing);
}

void stock_allocate(struct work *w)
{
	const struct gantry_command *c = w->command;
	const struct rowset *rows = w->context->rows;
	struct whole whole = { .order = stock_find_order(rows, c->order_id),
			       .item = stock_find_item(rows, c->item_id) };

	if (whole.order != NULL &&
	    stock_find_is(whole.order, ORDERS_STATE, STATE_CANCELLED)) {
		if (c->by_event)
			stock_outcome_is(w, GANTRY_STOOD);
		else
			allocate_refuse_order(w);
		return;
	}
	if (whole.item == NULL) {
		allocate_refuse_item(w);
		return;
	}
	if (c->warehouse_id != NULL &&
	    !stock_find_is(whole.item, ITEMS_WAREHOUSE_ID, c->warehouse_id)) {
		allocate_refuse_warehouse(w, whole.item);
		return;
	}
	if (c->allocation_id == NULL && !stock_outcome_version_fits(w, whole.order))
		return;
	whole.stock = rowset_by_ref(rows, STOCK_STOCK,
				    row_number(whole.item, ITEMS_REF));
	if (whole.stock == NULL)
		stock_outcome_broken(w, "inventoryItemId", c->item_id);
	else
		allocate_of_item(w, &whole);
}
