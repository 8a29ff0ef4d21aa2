/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order - open, confirm and cancel a whole order: the middle columns of the
 * table of D20. The allocations go in the order in which they were made.
 */
#include "gateway/stock/work.h"

#include <string.h>

static void order_refuse_unknown(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "ORDER_UNKNOWN", "No order has this id");

	writer_text(details, "orderId", w->command->order_id);
	stock_outcome_refused(w);
}

static bool order_is_pending(const struct row *row)
{
	return stock_find_is(row, ALLOCATIONS_STATUS, STATUS_PENDING);
}

static bool order_is_open(const struct row *row)
{
	return order_is_pending(row) ||
	       stock_find_is(row, ALLOCATIONS_STATUS, STATUS_CONFIRMED);
}

static void order_confirm_one(struct work *w, const struct whole *whole)
{
	if (stock_move_is_expired(whole->allocation, w->context->now_ms))
		stock_move_cancel(w, whole, REASON_EXPIRED);
	else
		stock_move_confirm(w, whole);
}

static void order_cancel_one(struct work *w, const struct whole *whole)
{
	stock_move_cancel(w, whole, w->command->reason);
}

/*
 * The allocations that the command concerns, whole; NULL: a row that one of
 * them needs is missing, which was refused.
 */
static struct whole *order_collect(struct work *w, const struct row *order,
				   bool (*concerns)(const struct row *),
				   size_t *n_out)
{
	struct row **all;
	struct whole *wholes;
	size_t n_all, n = 0;

	all = stock_find_all(w, STOCK_ALLOCATIONS, ALLOCATIONS_BY_ORD,
			     order->values[ORDERS_REF], &n_all);
	wholes = arena_alloc(w->context->arena, n_all * sizeof(*wholes));
	for (size_t i = 0; i < n_all; i++) {
		if (!concerns(all[i]))
			continue;
		if (!stock_find_whole(w->context->rows, all[i], &wholes[n++])) {
			stock_outcome_broken(w, "allocationId",
					     row_text(all[i], ALLOCATIONS_ID));
			return NULL;
		}
	}
	*n_out = n;
	return wholes;
}

/*
 * What the caller has read of the allocations is still so. Versions only grow,
 * and one that comes or goes changes the order's own: equal sums, equal rows.
 */
static bool order_fits(struct work *w, const struct row *order)
{
	struct rowset *rows = w->context->rows;
	struct writer *details;
	int64_t sum = 0;
	struct row **all;
	size_t n;

	if (w->command->if_allocations == 0 || order == NULL)
		return true;
	all = stock_find_all(w, STOCK_ALLOCATIONS, ALLOCATIONS_BY_ORD,
			     order->values[ORDERS_REF], &n);
	for (size_t i = 0; i < n; i++)
		if (!row_is_null(all[i], ALLOCATIONS_LIVE) ||
		    row_version_before(rows, all[i]) != row_number(all[i], 1))
			sum += row_version_before(rows, all[i]);
	if (sum == w->command->if_allocations)
		return true;
	details = stock_outcome_refuse(w, "PRECONDITION_FAILED",
				       "It was changed since it was read");
	writer_int(details, "allocations", sum);
	writer_int(details, "expectedAllocations", w->command->if_allocations);
	stock_outcome_refused(w);
	return false;
}

static void order_set_state(struct work *w, struct row *order,
			    const char *state)
{
	struct rowset *rows = w->context->rows;

	if (stock_find_is(order, ORDERS_STATE, state))
		return;
	row_set_text_kept(rows, order, ORDERS_STATE, state, strlen(state));
	row_set_number(rows, order, ORDERS_UPDATED_AT, w->context->now_ms);
	stock_outcome_is(w, GANTRY_APPLIED);
}

static void order_move(struct work *w, struct row *order)
{
	bool confirm = w->command->kind == GANTRY_ORDER_CONFIRM;
	struct whole *wholes;
	size_t n;

	wholes = order_collect(w, order,
			       confirm ? order_is_pending : order_is_open, &n);
	if (wholes == NULL)
		return;
	stock_outcome_is(w, n > 0 ? GANTRY_APPLIED : GANTRY_STOOD);
	order_set_state(w, order, confirm ? STATE_CONFIRMED : STATE_CANCELLED);
	for (size_t i = 0; i < n; i++) {
		if (confirm)
			order_confirm_one(w, &wholes[i]);
		else
			order_cancel_one(w, &wholes[i]);
		stock_outcome_allocation(w, &wholes[i]);
	}
}

static void order_without_row(struct work *w)
{
	if (w->command->kind == GANTRY_ORDER_CONFIRM) {
		order_refuse_unknown(w);
		return;
	}
	stock_move_open_order(w, w->command->kind == GANTRY_ORDER_CANCEL ?
			      STATE_CANCELLED : STATE_OPEN);
	stock_outcome_is(w, GANTRY_APPLIED);
}

void stock_order(struct work *w)
{
	struct row *order = stock_find_order(w->context->rows,
					     w->command->order_id);

	if (!stock_outcome_version_fits(w, order) || !order_fits(w, order))
		return;
	if (order == NULL)
		order_without_row(w);
	else if (w->command->kind == GANTRY_ORDER_OPEN ||
		 stock_find_is(order, ORDERS_STATE, STATE_CANCELLED))
		stock_outcome_is(w, GANTRY_STOOD);
	else
		order_move(w, order);
}
