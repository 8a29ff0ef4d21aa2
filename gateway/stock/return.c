/* SPDX-License-Identifier: Apache-2.0 */
/*
 * return - what comes back (D12, D18): expected per fulfilled allocation, and
 * received, which alone moves stock.
 *
 * Over all returns no more is expected of an allocation than it held. What is
 * received of an order item is said once: less than expected is what came back
 * in good order, and the rest is not waited for.
 */
#include "gateway/stock/work.h"

#include <stdlib.h>
#include <string.h>

/* A fulfilled allocation and what returns want of it already. */
struct return_claim {
	struct whole whole;
	int64_t elsewhere;	/* expected by other returns */
	struct row *here;	/* the row of this return, or NULL */
};

struct return_claims {
	struct return_claim *all;
	size_t n;
	int64_t left, here;	/* sums: can be expected still; is, by this one */
};

static bool return_selects(const struct work *w, const struct row *row,
			   unsigned column)
{
	return w->command->order_item_id == NULL ||
	       stock_find_is(row, column, w->command->order_item_id);
}

/* False: refused. */
static bool return_collect(struct work *w, const struct row *order,
			   struct return_claims *claims)
{
	size_t n;
	struct row **rows = stock_find_all(w, STOCK_ALLOCATIONS,
					   ALLOCATIONS_BY_ORD,
					   order->values[ORDERS_REF], &n);

	claims->all = arena_zero(w->context->arena, n * sizeof(*claims->all));
	for (size_t i = 0; i < n; i++) {
		struct return_claim *claim = &claims->all[claims->n];

		if (!stock_find_is(rows[i], ALLOCATIONS_STATUS, STATUS_FULFILLED) ||
		    !return_selects(w, rows[i], ALLOCATIONS_ORDER_ITEM_ID))
			continue;
		if (!stock_find_whole(w->context->rows, rows[i], &claim->whole) &&
		    (claim->whole.order == NULL || claim->whole.item == NULL)) {
			stock_outcome_broken(w, "allocationId",
					     row_text(rows[i], ALLOCATIONS_ID));
			return false;
		}
		claims->n++;
	}
	return true;
}

static int return_compare(const void *ref, const void *claim)
{
	const struct return_claim *c = claim;
	int64_t one = *(const int64_t *)ref;
	int64_t two = row_number(c->whole.allocation, ALLOCATIONS_REF);

	return (one > two) - (one < two);
}

/* Take in what the order's returns want of the claims. */
static void return_count(struct work *w, const struct row *order,
			 struct return_claims *claims)
{
	const char *id = w->command->return_id;
	size_t n;
	struct row **rows = stock_find_all(w, STOCK_RETURNS, RETURNS_BY_ORD,
					   order->values[ORDERS_REF], &n);

	for (size_t i = 0; i < n; i++) {
		int64_t ref = row_number(rows[i], RETURNS_ALLOCATION);
		struct return_claim *claim =
			claims->n == 0 ? NULL :
			bsearch(&ref, claims->all, claims->n,
				sizeof(*claims->all), return_compare);

		if (claim == NULL)
			continue;
		if (id != NULL && stock_find_is(rows[i], RETURNS_RETURN_ID, id)) {
			claim->here = rows[i];
			claims->here += row_number(rows[i], RETURNS_EXPECTED);
		} else {
			claim->elsewhere += row_number(rows[i], RETURNS_EXPECTED);
		}
	}
	for (size_t i = 0; i < claims->n; i++)
		claims->left += row_number(claims->all[i].whole.allocation,
					   ALLOCATIONS_QUANTITY) -
				claims->all[i].elsewhere;
}

static void return_refuse_unfulfilled(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "ORDER_NOT_FULFILLED", "Nothing of this is fulfilled");

	writer_text(details, "orderId", w->command->order_id);
	if (w->command->order_item_id != NULL)
		writer_text(details, "orderItemId", w->command->order_item_id);
	stock_outcome_refused(w);
}

static void return_refuse_quantity(struct work *w, const char *code,
				   const char *message, int64_t can)
{
	struct writer *details = stock_outcome_refuse(w, code, message);

	writer_text(details, "returnId", w->command->return_id);
	writer_text(details, "orderItemId", w->command->order_item_id);
	writer_int(details, "requested", w->command->quantity);
	writer_int(details, "expected", can);
	stock_outcome_refused(w);
}

static struct row *return_new(struct work *w, const struct whole *whole,
			      const char *id, int64_t expected)
{
	const struct stock_context *c = w->context;
	struct row *row = rowset_new(c->rows, STOCK_RETURNS, c->ref(c->minter));

	row_set_text(c->rows, row, RETURNS_RETURN_ID, id);
	row_set_number(c->rows, row, RETURNS_ALLOCATION,
		       row_number(whole->allocation, ALLOCATIONS_REF));
	row_set_number(c->rows, row, RETURNS_ORD,
		       row_number(whole->order, ORDERS_REF));
	row_set_text(c->rows, row, RETURNS_ORDER_ITEM_ID,
		     row_text(whole->allocation, ALLOCATIONS_ORDER_ITEM_ID));
	row_set_number(c->rows, row, RETURNS_EXPECTED, expected);
	row_set_number(c->rows, row, RETURNS_RECEIVED, 0);
	row_set_text_kept(c->rows, row, RETURNS_STATUS, RETURN_EXPECTED,
			  strlen(RETURN_EXPECTED));
	row_set_number(c->rows, row, RETURNS_CREATED_AT, c->now_ms);
	row_set_number(c->rows, row, RETURNS_UPDATED_AT, c->now_ms);
	return row;
}

static void return_write(struct work *w, const struct return_claims *claims)
{
	int64_t want = w->command->quantity > 0 ? w->command->quantity :
		       claims->left;
	const char *id = w->command->return_id;
	char minted[STOCK_ID_ROOM];

	if (id == NULL) {
		w->context->id(w->context->minter, "ret_", minted, sizeof(minted));
		id = minted;
	}
	stock_outcome_is(w, GANTRY_APPLIED);
	for (size_t i = 0; i < claims->n && want > 0; i++) {
		const struct return_claim *claim = &claims->all[i];
		int64_t take = row_number(claim->whole.allocation,
					  ALLOCATIONS_QUANTITY) -
			       claim->elsewhere;

		if (take > want)
			take = want;
		want -= take;
		if (take > 0)
			stock_outcome_return(w, return_new(w, &claim->whole, id,
							   take),
					     &claim->whole);
	}
}

/* This return has rows of the claims already: the same again, or another. */
static void return_stands(struct work *w, const struct return_claims *claims)
{
	if (w->command->quantity > 0 && w->command->quantity != claims->here) {
		return_refuse_quantity(w, "RETURN_EXISTS",
				       "The return expects another quantity",
				       claims->here);
		return;
	}
	stock_outcome_is(w, GANTRY_STOOD);
	for (size_t i = 0; i < claims->n; i++)
		if (claims->all[i].here != NULL)
			stock_outcome_return(w, claims->all[i].here,
					     &claims->all[i].whole);
}

void stock_return_expect(struct work *w)
{
	struct row *order = stock_find_order(w->context->rows,
					     w->command->order_id);
	struct return_claims claims = { 0 };

	if (order != NULL && !return_collect(w, order, &claims))
		return;
	if (claims.n == 0) {
		return_refuse_unfulfilled(w);
		return;
	}
	return_count(w, order, &claims);
	if (claims.here > 0)
		return_stands(w, &claims);
	else if (w->command->quantity > claims.left)
		return_refuse_quantity(w, "RETURN_EXCEEDS_FULFILLED",
				       "Less is fulfilled and not yet returned",
				       claims.left);
	else if (claims.left == 0)
		stock_outcome_is(w, GANTRY_STOOD);
	else
		return_write(w, &claims);
}

/* Receiving. */

struct return_arrival {
	struct row *row;
	struct whole whole;
};

struct return_arrivals {
	struct return_arrival *all;
	size_t n, n_open;
	int64_t expected, received;	/* expected: of the open ones */
};

static bool return_gather(struct work *w, struct return_arrivals *a)
{
	const struct rowset *set = w->context->rows;
	size_t n;
	struct row **rows = stock_find_all(w, STOCK_RETURNS, RETURNS_BY_ID,
					   value_text(w->command->return_id), &n);

	a->all = arena_alloc(w->context->arena, n * sizeof(*a->all));
	for (size_t i = 0; i < n; i++) {
		struct return_arrival *one = &a->all[a->n];
		struct row *allocation;

		if (!return_selects(w, rows[i], RETURNS_ORDER_ITEM_ID))
			continue;
		one->row = rows[i];
		allocation = rowset_by_ref(set, STOCK_ALLOCATIONS,
					   row_number(rows[i], RETURNS_ALLOCATION));
		if (allocation == NULL ||
		    !stock_find_whole(set, allocation, &one->whole)) {
			stock_outcome_broken(w, "returnId", w->command->return_id);
			return false;
		}
		a->n++;
		a->received += row_number(rows[i], RETURNS_RECEIVED);
		if (stock_find_is(rows[i], RETURNS_STATUS, RETURN_EXPECTED)) {
			a->n_open++;
			a->expected += row_number(rows[i], RETURNS_EXPECTED);
		}
	}
	return true;
}

static void return_refuse_unknown(struct work *w)
{
	struct writer *details = stock_outcome_refuse(
		w, "RETURN_NOT_FOUND", "No return has this id");

	writer_text(details, "returnId", w->command->return_id);
	if (w->command->order_item_id != NULL)
		writer_text(details, "orderItemId", w->command->order_item_id);
	stock_outcome_refused(w);
}

static void return_refuse_received(struct work *w,
				   const struct return_arrivals *a)
{
	struct writer *details = stock_outcome_refuse(
		w, "INVALID_STATE_TRANSITION",
		"It was received already, with another quantity");

	writer_text(details, "returnId", w->command->return_id);
	writer_text(details, "currentStatus", RETURN_RECEIVED);
	writer_int(details, "received", a->received);
	stock_outcome_refused(w);
}

/* So much on hand that it could not be counted: no item may come there. */
static bool return_overflows(struct work *w, const struct return_arrivals *a)
{
	for (size_t i = 0; i < a->n; i++) {
		int64_t available = row_number(a->all[i].whole.stock,
					       STOCK_AVAILABLE);
		struct writer *details;

		if (available <= STOCK_MAX_AVAILABLE - a->expected)
			continue;
		details = stock_outcome_refuse(
			w, "QUANTITY_TOO_LARGE",
			"More would be on hand than can be counted");
		writer_text(details, "returnId", w->command->return_id);
		writer_text(details, "inventoryItemId",
			    row_text(a->all[i].whole.item, ITEMS_ID));
		stock_outcome_refused(w);
		return true;
	}
	return false;
}

static void return_take(struct work *w, const struct return_arrival *one,
			int64_t quantity)
{
	struct rowset *rows = w->context->rows;
	struct row *stock = one->whole.stock;

	row_set_number(rows, one->row, RETURNS_RECEIVED, quantity);
	row_set_text_kept(rows, one->row, RETURNS_STATUS, RETURN_RECEIVED,
			  strlen(RETURN_RECEIVED));
	row_set_number(rows, one->row, RETURNS_UPDATED_AT, w->context->now_ms);
	if (quantity == 0)
		return;
	row_set_number(rows, stock, STOCK_AVAILABLE,
		       row_number(stock, STOCK_AVAILABLE) + quantity);
	row_set_number(rows, stock, STOCK_UPDATED_AT, w->context->now_ms);
}

static void return_receive(struct work *w, const struct return_arrivals *a)
{
	int64_t left = w->command->quantity > 0 ? w->command->quantity :
		       a->expected;

	stock_outcome_is(w, GANTRY_APPLIED);
	for (size_t i = 0; i < a->n; i++) {
		int64_t take = row_number(a->all[i].row, RETURNS_EXPECTED);

		if (!stock_find_is(a->all[i].row, RETURNS_STATUS, RETURN_EXPECTED))
			continue;
		if (take > left)
			take = left;
		left -= take;
		return_take(w, &a->all[i], take);
		stock_outcome_return(w, a->all[i].row, &a->all[i].whole);
	}
}

static void return_received(struct work *w, const struct return_arrivals *a)
{
	if (w->command->quantity > 0 && w->command->quantity != a->received) {
		return_refuse_received(w, a);
		return;
	}
	stock_outcome_is(w, GANTRY_STOOD);
	for (size_t i = 0; i < a->n; i++)
		stock_outcome_return(w, a->all[i].row, &a->all[i].whole);
}

void stock_return_receive(struct work *w)
{
	struct return_arrivals arrivals = { 0 };

	if (!return_gather(w, &arrivals))
		return;
	if (arrivals.n == 0)
		return_refuse_unknown(w);
	else if (arrivals.n_open == 0)
		return_received(w, &arrivals);
	else if (w->command->quantity > arrivals.expected)
		return_refuse_quantity(w, "RETURN_EXCEEDS_EXPECTED",
				       "Less is expected", arrivals.expected);
	else if (!return_overflows(w, &arrivals))
		return_receive(w, &arrivals);
}
