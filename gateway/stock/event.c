/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event - the events of the document and their payloads (D15, D16), without
 * the envelope, which is the committer's.
 */
#include "gateway/stock/work.h"

#include <assert.h>
#include <string.h>

struct event_kind {
	const char *status, *type, *routing_key;
};

static const struct event_kind *event_kind(const char *status)
{
	static const struct event_kind kinds[] = {
		{ STATUS_PENDING, "AllocationCreated",
		  "inventory.allocationcreated.allocation" },
		{ STATUS_CONFIRMED, "AllocationConfirmed",
		  "inventory.allocationconfirmed.allocation" },
		{ STATUS_CANCELLED, "AllocationCancelled",
		  "inventory.allocationcancelled.allocation" },
		{ STATUS_FULFILLED, "AllocationFulfilled",
		  "inventory.allocationfulfilled.allocation" },
	};
	size_t i = 0;

	while (strcmp(kinds[i].status, status) != 0) {
		i++;
		assert(i < sizeof(kinds) / sizeof(kinds[0]));
	}
	return &kinds[i];
}

struct counts stock_event_counts(const struct row *stock)
{
	return (struct counts){
		.available = row_number(stock, STOCK_AVAILABLE),
		.reserved = row_number(stock, STOCK_RESERVED),
	};
}

static void event_write_counts(struct writer *w, struct counts before,
			       struct counts after)
{
	writer_object(w, "inventoryItemDetails");
	writer_int(w, "previousAvailableQuantity", before.available);
	writer_int(w, "newAvailableQuantity", after.available);
	writer_int(w, "previousReservedQuantity", before.reserved);
	writer_int(w, "newReservedQuantity", after.reserved);
	writer_end(w);
}

static void event_write_text(struct writer *w, const char *name,
			     const struct row *row, unsigned column)
{
	const struct gantry_value *value = &row->values[column];

	if (value->kind == GANTRY_NULL)
		writer_null(w, name);
	else
		writer_text_n(w, name, value->is.text, value->len);
}

static const char *event_write(struct work *work, const struct whole *whole,
			       struct counts before, size_t *len_out)
{
	const struct row *a = whole->allocation;
	struct writer writer, *w = &writer;

	writer_init(w, work->context->arena, 640);
	writer_object(w, NULL);
	event_write_text(w, "allocationId", a, ALLOCATIONS_ID);
	event_write_text(w, "orderId", whole->order, ORDERS_ID);
	event_write_text(w, "orderItemId", a, ALLOCATIONS_ORDER_ITEM_ID);
	event_write_text(w, "inventoryItemId", whole->item, ITEMS_ID);
	event_write_text(w, "sku", whole->item, ITEMS_SKU);
	event_write_text(w, "productId", whole->item, ITEMS_PRODUCT_ID);
	event_write_text(w, "warehouseId", whole->item, ITEMS_WAREHOUSE_ID);
	writer_int(w, "quantity", row_number(a, ALLOCATIONS_QUANTITY));
	event_write_text(w, "status", a, ALLOCATIONS_STATUS);
	writer_time(w, "expiresAt", row_is_null(a, ALLOCATIONS_EXPIRES_AT) ? 0 :
		    row_number(a, ALLOCATIONS_EXPIRES_AT));
	event_write_counts(w, before, stock_event_counts(whole->stock));
	/* always there, so that consumers see one shape: null, none was given */
	if (stock_find_is(a, ALLOCATIONS_STATUS, STATUS_CANCELLED))
		event_write_text(w, "reason", a, ALLOCATIONS_REASON);
	writer_end(w);
	return writer_done(w, len_out);
}

void stock_event_allocation(struct work *w, const struct whole *whole,
			    const char *status, struct counts before)
{
	struct stock_event *event =
		arena_zero(w->context->arena, sizeof(*event));
	const struct event_kind *kind = event_kind(status);

	event->exchange = "inventory.events";
	event->routing_key = kind->routing_key;
	event->type = kind->type;
	event->aggregate_type = "Allocation";
	event->aggregate_id = row_text(whole->allocation, ALLOCATIONS_ID);
	event->order_id = row_text(whole->order, ORDERS_ID);
	event->allocation = whole->allocation;
	event->payload = event_write(w, whole, before, &event->payload_len);
	stock_outcome_append(w, &w->events, event);
}

void stock_event_shortage(struct work *work, const struct row *item,
			  int64_t can_promise)
{
	const struct gantry_command *c = work->command;
	struct stock_event *event =
		arena_zero(work->context->arena, sizeof(*event));
	struct writer writer, *w = &writer;

	writer_init(w, work->context->arena, 384);
	writer_object(w, NULL);
	writer_text(w, "orderId", c->order_id);
	writer_text(w, "orderItemId", c->order_item_id);
	event_write_text(w, "inventoryItemId", item, ITEMS_ID);
	event_write_text(w, "warehouseId", item, ITEMS_WAREHOUSE_ID);
	event_write_text(w, "sku", item, ITEMS_SKU);
	writer_int(w, "requested", c->quantity);
	writer_int(w, "available", can_promise);
	writer_end(w);
	event->exchange = "inventory.notifications";
	event->routing_key = "inventory.insufficientstock.inventoryitem";
	event->type = "InsufficientStock";
	event->aggregate_type = "InventoryItem";
	event->aggregate_id = row_text(item, ITEMS_ID);
	event->order_id = arena_text(work->context->arena, c->order_id);
	event->payload = writer_done(w, &event->payload_len);
	stock_outcome_append(work, &work->events, event);
}
