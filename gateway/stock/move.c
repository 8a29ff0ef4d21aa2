/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move - the changes of one allocation (D1, D3) with the counters of its item
 * and order, and the event that tells of them. Whether it may happen was
 * decided before.
 */
#include "gateway/stock/work.h"

#include <assert.h>
#include <string.h>

static void move_set(struct work *w, struct row *row, unsigned column,
		     const char *literal)
{
	row_set_text_kept(w->context->rows, row, column, literal,
			  strlen(literal));
}

bool stock_move_is_expired(const struct row *allocation, int64_t now_ms)
{
	return !row_is_null(allocation, ALLOCATIONS_DUE_AT) &&
	       row_number(allocation, ALLOCATIONS_DUE_AT) <= now_ms;
}

struct row *stock_move_open_order(struct work *w, const char *state)
{
	const struct stock_context *c = w->context;
	struct row *order = rowset_new(c->rows, STOCK_ORDERS, c->ref(c->minter));

	row_set_text(c->rows, order, ORDERS_ID, w->command->order_id);
	move_set(w, order, ORDERS_STATE, state);
	row_set_number(c->rows, order, ORDERS_LIVE, 0);
	row_set_number(c->rows, order, ORDERS_CREATED_AT, c->now_ms);
	row_set_number(c->rows, order, ORDERS_UPDATED_AT, c->now_ms);
	return order;
}

static void move_count(struct work *w, const struct whole *whole,
		       int64_t available, int64_t reserved)
{
	struct rowset *rows = w->context->rows;
	struct counts now = stock_event_counts(whole->stock);

	row_set_number(rows, whole->stock, STOCK_AVAILABLE,
		       now.available + available);
	row_set_number(rows, whole->stock, STOCK_RESERVED,
		       now.reserved + reserved);
	row_set_number(rows, whole->stock, STOCK_UPDATED_AT, w->context->now_ms);
}

static void move_count_live(struct work *w, struct row *order, int64_t by)
{
	struct rowset *rows = w->context->rows;

	row_set_number(rows, order, ORDERS_LIVE,
		       row_number(order, ORDERS_LIVE) + by);
	row_set_number(rows, order, ORDERS_UPDATED_AT, w->context->now_ms);
}

static void move_status(struct work *w, const struct whole *whole,
			const char *status)
{
	struct rowset *rows = w->context->rows;

	move_set(w, whole->allocation, ALLOCATIONS_STATUS, status);
	row_set_number(rows, whole->allocation, ALLOCATIONS_UPDATED_AT,
		       w->context->now_ms);
	if (strcmp(status, STATUS_PENDING) != 0)
		row_set_null(rows, whole->allocation, ALLOCATIONS_DUE_AT);
}

static void move_fill(struct work *w, const struct whole *whole)
{
	const struct gantry_command *c = w->command;
	struct rowset *rows = w->context->rows;
	struct row *row = whole->allocation;
	char id[STOCK_ID_ROOM];

	w->context->id(w->context->minter, "alloc_", id, sizeof(id));
	row_set_text(rows, row, ALLOCATIONS_ID, id);
	row_set_number(rows, row, ALLOCATIONS_ORD,
		       row_number(whole->order, ORDERS_REF));
	row_set_text(rows, row, ALLOCATIONS_ORDER_ITEM_ID, c->order_item_id);
	row_set_number(rows, row, ALLOCATIONS_LIVE, 1);
	row_set_number(rows, row, ALLOCATIONS_ITEM,
		       row_number(whole->item, ITEMS_REF));
	row_set_number(rows, row, ALLOCATIONS_QUANTITY, c->quantity);
	if (c->expires_at_ms != 0) {
		row_set_number(rows, row, ALLOCATIONS_EXPIRES_AT, c->expires_at_ms);
		row_set_number(rows, row, ALLOCATIONS_DUE_AT, c->expires_at_ms);
	}
	row_set_number(rows, row, ALLOCATIONS_CREATED_AT, w->context->now_ms);
	if (c->unverified)
		row_set_number(rows, row, ALLOCATIONS_UNVERIFIED, 1);
}

void stock_move_create(struct work *w, struct whole *whole)
{
	const struct stock_context *c = w->context;
	struct counts before = stock_event_counts(whole->stock);

	assert(w->command->quantity <= before.available - before.reserved);
	if (whole->order == NULL)
		whole->order = stock_move_open_order(w, STATE_OPEN);
	whole->allocation = rowset_new(c->rows, STOCK_ALLOCATIONS,
				       c->ref(c->minter));
	move_fill(w, whole);
	move_status(w, whole, STATUS_PENDING);
	move_count(w, whole, 0, w->command->quantity);
	move_count_live(w, whole->order, 1);
	stock_event_allocation(w, whole, STATUS_PENDING, before);
}

void stock_move_confirm(struct work *w, const struct whole *whole)
{
	struct counts before = stock_event_counts(whole->stock);

	move_status(w, whole, STATUS_CONFIRMED);
	stock_event_allocation(w, whole, STATUS_CONFIRMED, before);
}

void stock_move_cancel(struct work *w, const struct whole *whole,
		       const char *reason)
{
	struct counts before = stock_event_counts(whole->stock);
	struct rowset *rows = w->context->rows;

	move_status(w, whole, STATUS_CANCELLED);
	row_set_null(rows, whole->allocation, ALLOCATIONS_LIVE);
	row_set_text(rows, whole->allocation, ALLOCATIONS_REASON, reason);
	move_count(w, whole, 0,
		   -row_number(whole->allocation, ALLOCATIONS_QUANTITY));
	move_count_live(w, whole->order, -1);
	stock_event_allocation(w, whole, STATUS_CANCELLED, before);
}

void stock_move_fulfill(struct work *w, const struct whole *whole)
{
	struct counts before = stock_event_counts(whole->stock);
	int64_t quantity = row_number(whole->allocation, ALLOCATIONS_QUANTITY);

	move_status(w, whole, STATUS_FULFILLED);
	move_count(w, whole, -quantity, -quantity);
	stock_event_allocation(w, whole, STATUS_FULFILLED, before);
}
