/* SPDX-License-Identifier: Apache-2.0 */
/*
 * needs - the rows that a command wants. One load is enough for each kind:
 * what a row refers to is reached through keys that go via other keys, at most
 * two deep. All that changes hangs under locks: an allocation and a return
 * under their order's row, the counters under their own.
 *
 *   ALLOCATE        lock the order by id, the counters via the item by id;
 *                   read the item, and what is live under the order item
 *   CONFIRM, CANCEL, FULFILL, EXPIRE, VERIFY
 *                   lock the order and the counters via the allocation by id;
 *                   read the allocation, the item via it
 *   ORDER_OPEN      lock the order by id
 *   ORDER_CONFIRM, ORDER_CANCEL
 *                   lock the order by id, the counters via its allocations;
 *                   read the allocations and, via them, the items
 *   ITEM_CREATE     read the item by id (two at once: the second is a CONFLICT)
 *   ITEM_ADJUST, ITEM_RECOUNT
 *                   lock the counters via the item by id; read the item
 *   RETURN_EXPECT   lock the order by id; read its allocations, their items
 *                   and its returns
 *   RETURN_RECEIVE  lock the order via the return by id, the counters via the
 *                   allocations of the return; read these, their items, and
 *                   the return
 */
#include "gateway/stock/work.h"

static struct gantry_key needs_by(unsigned table, unsigned index, unsigned n,
				  const struct gantry_value *values)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key),
				    .table = table, .index = index, .n = n,
				    .values = values };
}

static struct gantry_key needs_via(unsigned table, unsigned index,
				   const struct gantry_key *via,
				   unsigned via_column)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key),
				    .table = table, .index = index, .n = 1,
				    .via = via, .via_column = via_column };
}

/* The rows with the refs that stand in a column of what via finds. */
static struct gantry_key needs_refs(unsigned table, const struct gantry_key *via,
				    unsigned via_column)
{
	return needs_via(table, GANTRY_BY_REF, via, via_column);
}

static void needs_of_items(struct needs *needs, const struct gantry_key *allocations,
			   bool lock_stock)
{
	struct gantry_key items = needs_refs(STOCK_ITEMS, allocations,
					     ALLOCATIONS_ITEM);
	struct gantry_key stock = needs_refs(STOCK_STOCK, allocations,
					     ALLOCATIONS_ITEM);

	needs_read(needs, allocations);
	needs_read(needs, &items);
	if (lock_stock)
		needs_lock(needs, &stock);
}

static void needs_of_allocate(const struct gantry_command *c, struct needs *needs)
{
	struct gantry_value order_id = value_text(c->order_id);
	struct gantry_value item_id = value_text(c->item_id);
	struct gantry_value live[3] = { { 0 }, value_text(c->order_item_id),
					value_number(1) };
	struct gantry_key order = needs_by(STOCK_ORDERS, ORDERS_BY_ID, 1,
					   &order_id);
	struct gantry_key item = needs_by(STOCK_ITEMS, ITEMS_BY_ID, 1, &item_id);
	struct gantry_key stock = needs_refs(STOCK_STOCK, &item, ITEMS_REF);
	struct gantry_key standing = needs_via(STOCK_ALLOCATIONS,
					       ALLOCATIONS_BY_ORD, &order,
					       ORDERS_REF);

	standing.n = 3;
	standing.values = live;
	needs_lock(needs, &order);
	needs_lock(needs, &stock);
	needs_read(needs, &item);
	needs_read(needs, &standing);
}

static void needs_of_transition(const struct gantry_command *c,
				struct needs *needs)
{
	struct gantry_value id = value_text(c->allocation_id);
	struct gantry_key allocation = needs_by(STOCK_ALLOCATIONS,
						ALLOCATIONS_BY_ID, 1, &id);
	struct gantry_key order = needs_refs(STOCK_ORDERS, &allocation,
					     ALLOCATIONS_ORD);

	needs_lock(needs, &order);
	needs_of_items(needs, &allocation, true);
}

static void needs_of_order(const struct gantry_command *c, struct needs *needs)
{
	struct gantry_value id = value_text(c->order_id);
	struct gantry_key order = needs_by(STOCK_ORDERS, ORDERS_BY_ID, 1, &id);
	struct gantry_key allocations = needs_via(STOCK_ALLOCATIONS,
						  ALLOCATIONS_BY_ORD, &order,
						  ORDERS_REF);
	struct gantry_key returns = needs_via(STOCK_RETURNS, RETURNS_BY_ORD,
					      &order, ORDERS_REF);

	needs_lock(needs, &order);
	if (c->kind == GANTRY_ORDER_OPEN)
		return;
	needs_of_items(needs, &allocations, c->kind != GANTRY_RETURN_EXPECT);
	if (c->kind == GANTRY_RETURN_EXPECT)
		needs_read(needs, &returns);
}

static void needs_of_item(const struct gantry_command *c, struct needs *needs)
{
	struct gantry_value id = value_text(c->item_id);
	struct gantry_key item = needs_by(STOCK_ITEMS, ITEMS_BY_ID, 1, &id);
	struct gantry_key stock = needs_refs(STOCK_STOCK, &item, ITEMS_REF);

	if (c->item_id == NULL)
		return;
	needs_read(needs, &item);
	if (c->kind != GANTRY_ITEM_CREATE)
		needs_lock(needs, &stock);
}

static void needs_of_receive(const struct gantry_command *c, struct needs *needs)
{
	struct gantry_value id = value_text(c->return_id);
	struct gantry_key ret = needs_by(STOCK_RETURNS, RETURNS_BY_ID, 1, &id);
	struct gantry_key order = needs_refs(STOCK_ORDERS, &ret, RETURNS_ORD);
	struct gantry_key allocations = needs_refs(STOCK_ALLOCATIONS, &ret,
						   RETURNS_ALLOCATION);

	needs_lock(needs, &order);
	needs_read(needs, &ret);
	needs_of_items(needs, &allocations, true);
}

void stock_needs(const struct gantry_command *command, struct needs *needs)
{
	switch (command->kind) {
	case GANTRY_ALLOCATE:
		needs_of_allocate(command, needs);
		break;
	case GANTRY_CONFIRM:
	case GANTRY_CANCEL:
	case GANTRY_FULFILL:
	case GANTRY_EXPIRE:
	case GANTRY_VERIFY:
		needs_of_transition(command, needs);
		break;
	case GANTRY_ORDER_OPEN:
	case GANTRY_ORDER_CONFIRM:
	case GANTRY_ORDER_CANCEL:
	case GANTRY_RETURN_EXPECT:
		needs_of_order(command, needs);
		break;
	case GANTRY_ITEM_CREATE:
	case GANTRY_ITEM_ADJUST:
	case GANTRY_ITEM_RECOUNT:
		needs_of_item(command, needs);
		break;
	case GANTRY_RETURN_RECEIVE:
		needs_of_receive(command, needs);
		break;
	}
}
