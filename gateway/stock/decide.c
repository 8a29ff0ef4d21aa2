/* SPDX-License-Identifier: Apache-2.0 */
/* decide - see decide.h: which rule a command belongs to, and its weight. */
#include "gateway/stock/work.h"

#include <assert.h>

#define QUANTITY_MAX INT64_C(1000000000)

enum {
	NEED_ORDER = 1, NEED_ORDER_ITEM = 2, NEED_ITEM = 4, NEED_ALLOCATION = 8,
	NEED_RETURN = 16, NEED_PRODUCT = 32,
};

struct decide_rule {
	unsigned needs;
	int64_t least;		/* quantity */
	void (*decide)(struct work *w);
};

static const struct decide_rule decide_rules[] = {
	[GANTRY_ALLOCATE] = { NEED_ORDER | NEED_ORDER_ITEM | NEED_ITEM, 1,
			      stock_allocate },
	[GANTRY_CONFIRM] = { NEED_ALLOCATION, 0, stock_transition },
	[GANTRY_CANCEL] = { NEED_ALLOCATION, 0, stock_transition },
	[GANTRY_FULFILL] = { NEED_ALLOCATION, 0, stock_transition },
	[GANTRY_EXPIRE] = { NEED_ALLOCATION, 0, stock_transition },
	[GANTRY_ORDER_OPEN] = { NEED_ORDER, 0, stock_order },
	[GANTRY_ORDER_CONFIRM] = { NEED_ORDER, 0, stock_order },
	[GANTRY_ORDER_CANCEL] = { NEED_ORDER, 0, stock_order },
	[GANTRY_ITEM_CREATE] = { NEED_PRODUCT, 0, stock_item },
	[GANTRY_ITEM_ADJUST] = { NEED_ITEM, -QUANTITY_MAX, stock_item },
	[GANTRY_RETURN_EXPECT] = { NEED_ORDER, 0, stock_return_expect },
	[GANTRY_RETURN_RECEIVE] = { NEED_RETURN, 0, stock_return_receive },
	[GANTRY_VERIFY] = { NEED_ALLOCATION, 0, stock_transition },
	[GANTRY_ITEM_RECOUNT] = { NEED_ITEM, 0, stock_item },
};

/* The field that is missing or wrong, NULL: none. Its names are the API's. */
static const char *decide_wrong_field(const struct gantry_command *c,
				      const struct decide_rule *rule)
{
	const struct {
		unsigned need;
		const char *value, *field;
	} members[] = {
		{ NEED_ORDER, c->order_id, "orderId" },
		{ NEED_ORDER_ITEM, c->order_item_id, "orderItemId" },
		{ NEED_ITEM, c->item_id, "inventoryItemId" },
		{ NEED_ALLOCATION, c->allocation_id, "allocationId" },
		{ NEED_RETURN, c->return_id, "returnId" },
		{ NEED_PRODUCT, c->sku, "sku" },
		{ NEED_PRODUCT, c->product_id, "productId" },
		{ NEED_PRODUCT, c->warehouse_id, "warehouseId" },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if ((rule->needs & members[i].need) && members[i].value == NULL)
			return members[i].field;
	if (c->quantity < rule->least ||
	    (c->quantity > QUANTITY_MAX && c->kind != GANTRY_ITEM_RECOUNT))
		return "quantity";
	if (rule->decide == stock_return_expect ||
	    rule->decide == stock_return_receive)
		return c->quantity > 0 && c->order_item_id == NULL ?
		       "orderItemId" : NULL;
	return NULL;
}

/* Handlers were told when they staged it; this is for those that went on. */
static void decide_refuse_field(struct work *w, const char *field)
{
	struct writer *details = stock_outcome_refuse(
		w, "VALIDATION_ERROR", "The command is not complete");

	writer_text(details, "field", field);
	writer_text(details, "problem", "is missing or out of range");
	stock_outcome_refused(w);
}

static void decide_finish(struct work *w)
{
	struct stock_decision *d = w->decision;

	d->events = (const struct stock_event *const *)w->events.all;
	d->n_events = w->events.n;
	d->outcome.allocations =
		(const struct gantry_allocation *const *)w->allocations.all;
	d->outcome.n_allocations = w->allocations.n;
	d->outcome.returns =
		(const struct gantry_return *const *)w->returns.all;
	d->outcome.n_returns = w->returns.n;
}

const struct stock_decision *stock_decide(const struct stock_context *context,
					  const struct gantry_command *command)
{
	struct work w = { .context = context, .command = command };
	const struct decide_rule *rule;
	const char *wrong = "kind";

	w.decision = arena_zero(context->arena, sizeof(*w.decision));
	w.decision->outcome.size = sizeof(w.decision->outcome);
	if (command->kind >= GANTRY_ALLOCATE &&
	    command->kind <= GANTRY_ITEM_RECOUNT) {
		rule = &decide_rules[command->kind];
		wrong = decide_wrong_field(command, rule);
	}
	if (wrong != NULL)
		decide_refuse_field(&w, wrong);
	else
		rule->decide(&w);
	decide_finish(&w);
	return w.decision;
}

unsigned stock_weight(const struct gantry_command *command)
{
	(void)command;
	return 1;
}

unsigned stock_loaded_weight(const struct gantry_command *command,
			     const struct rowset *rows)
{
	struct row *order, *row;
	unsigned n = 0;

	if (command->kind != GANTRY_ORDER_CONFIRM &&
	    command->kind != GANTRY_ORDER_CANCEL &&
	    command->kind != GANTRY_RETURN_EXPECT)
		return stock_weight(command);
	order = stock_find_order(rows, command->order_id);
	if (order == NULL)
		return 1;
	for (row = rowset_find(rows, STOCK_ALLOCATIONS, ALLOCATIONS_BY_ORD,
			       &order->values[ORDERS_REF], 1);
	     row != NULL;
	     row = rowset_find_next(rows, row, ALLOCATIONS_BY_ORD,
				    &order->values[ORDERS_REF], 1))
		n++;
	return n > 0 ? n : 1;
}
