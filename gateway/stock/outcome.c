/* SPDX-License-Identifier: Apache-2.0 */
/* outcome - what a command's caller hears, see work.h and gantry/outcome.h. */
#include "gateway/stock/work.h"

#include <assert.h>
#include <string.h>

void stock_outcome_append(struct work *w, struct work_list *list, const void *p)
{
	if (list->n == list->room) {
		size_t room = list->room == 0 ? 4 : list->room * 2;

		list->all = arena_extend(w->context->arena, list->all,
					 list->room * sizeof(void *),
					 room * sizeof(void *));
		list->room = room;
	}
	list->all[list->n++] = p;
}

void stock_outcome_is(struct work *w, enum gantry_result result)
{
	w->decision->outcome.result = result;
}

struct writer *stock_outcome_refuse(struct work *w, const char *code,
				    const char *message)
{
	stock_outcome_is(w, GANTRY_REFUSED);
	w->decision->outcome.code = code;
	w->decision->message = message;
	writer_init(&w->details, w->context->arena, 192);
	writer_object(&w->details, NULL);
	return &w->details;
}

void stock_outcome_refused(struct work *w)
{
	struct stock_decision *d = w->decision;
	struct writer error;
	size_t len;

	if (w->command->position > 0)
		writer_int(&w->details, "index", w->command->position - 1);
	writer_end(&w->details);
	d->details = writer_done(&w->details, &len);
	writer_init(&error, w->context->arena, len + 128);
	writer_object(&error, NULL);
	writer_text(&error, "code", d->outcome.code);
	writer_text(&error, "message", d->message);
	writer_raw(&error, "details", d->details, len);
	writer_end(&error);
	d->outcome.error = writer_done(&error, NULL);
}

void stock_outcome_broken(struct work *w, const char *what, const char *id)
{
	struct writer *details =
		stock_outcome_refuse(w, "INTERNAL_ERROR",
				     "A row that this one needs is missing");

	writer_text(details, what, id);
	stock_outcome_refused(w);
}

bool stock_outcome_version_fits(struct work *w, const struct row *row)
{
	int64_t version = row == NULL ? 0 : row_version_before(w->context->rows, row);
	struct writer *details;

	if (w->command->if_version == 0 || w->command->if_version == version)
		return true;
	details = stock_outcome_refuse(w, "PRECONDITION_FAILED",
				       "It was changed since it was read");
	writer_int(details, "version", version);
	writer_int(details, "expectedVersion", w->command->if_version);
	stock_outcome_refused(w);
	return false;
}

static int64_t outcome_time(const struct row *row, unsigned column)
{
	return row_is_null(row, column) ? 0 : row_number(row, column);
}

void stock_outcome_allocation(struct work *w, const struct whole *whole)
{
	struct gantry_allocation *a =
		arena_alloc(w->context->arena, sizeof(*a));
	const struct row *row = whole->allocation;

	*a = (struct gantry_allocation){
		.size = sizeof(*a),
		.id = row_text(row, ALLOCATIONS_ID),
		.order_id = row_text(whole->order, ORDERS_ID),
		.order_item_id = row_text(row, ALLOCATIONS_ORDER_ITEM_ID),
		.item_id = row_text(whole->item, ITEMS_ID),
		.warehouse_id = row_text(whole->item, ITEMS_WAREHOUSE_ID),
		.status = row_text(row, ALLOCATIONS_STATUS),
		.quantity = row_number(row, ALLOCATIONS_QUANTITY),
		.expires_at_ms = outcome_time(row, ALLOCATIONS_EXPIRES_AT),
		.created_at_ms = row_number(row, ALLOCATIONS_CREATED_AT),
		.updated_at_ms = row_number(row, ALLOCATIONS_UPDATED_AT),
		.version = row_number(row, ALLOCATIONS_VERSION),
	};
	stock_outcome_append(w, &w->allocations, a);
}

void stock_outcome_item(struct work *w, const struct row *item,
			const struct row *stock)
{
	struct gantry_item *view = arena_alloc(w->context->arena, sizeof(*view));

	*view = (struct gantry_item){
		.size = sizeof(*view),
		.id = row_text(item, ITEMS_ID),
		.sku = row_text(item, ITEMS_SKU),
		.product_id = row_text(item, ITEMS_PRODUCT_ID),
		.warehouse_id = row_text(item, ITEMS_WAREHOUSE_ID),
		.available = row_number(stock, STOCK_AVAILABLE),
		.reserved = row_number(stock, STOCK_RESERVED),
		.version = row_number(stock, STOCK_VERSION),
		.created_at_ms = row_number(item, ITEMS_CREATED_AT),
		.updated_at_ms = row_number(stock, STOCK_UPDATED_AT),
	};
	w->decision->outcome.item = view;
}

void stock_outcome_return(struct work *w, const struct row *ret,
			  const struct whole *whole)
{
	struct gantry_return *r = arena_alloc(w->context->arena, sizeof(*r));

	*r = (struct gantry_return){
		.size = sizeof(*r),
		.id = row_text(ret, RETURNS_RETURN_ID),
		.order_id = row_text(whole->order, ORDERS_ID),
		.order_item_id = row_text(ret, RETURNS_ORDER_ITEM_ID),
		.allocation_id = row_text(whole->allocation, ALLOCATIONS_ID),
		.item_id = row_text(whole->item, ITEMS_ID),
		.status = row_text(ret, RETURNS_STATUS),
		.expected = row_number(ret, RETURNS_EXPECTED),
		.received = row_number(ret, RETURNS_RECEIVED),
		.version = row_number(ret, RETURNS_VERSION),
		.created_at_ms = row_number(ret, RETURNS_CREATED_AT),
		.updated_at_ms = row_number(ret, RETURNS_UPDATED_AT),
	};
	stock_outcome_append(w, &w->returns, r);
}
