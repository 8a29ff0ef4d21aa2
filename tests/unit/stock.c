/* SPDX-License-Identifier: Apache-2.0 */
/* stock - every rule of the inventory by table, and the document's examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/stock_world.h"

#define RUN(w, ...) world_run((w), &GANTRY_COMMAND(__VA_ARGS__))
#define SUMMARY(w, ...) world_summary((w), RUN(w, __VA_ARGS__))
#define ALLOCATE(order_, item_, quantity_, ...) \
	.kind = GANTRY_ALLOCATE, .order_id = order_, .order_item_id = "line1", \
	.item_id = item_, .quantity = quantity_, ##__VA_ARGS__
#define ERROR_OF(w, ...) RUN(w, __VA_ARGS__)->outcome.error

static void make_item(struct world *w, const char *id, int64_t available)
{
	const struct stock_decision *d =
		RUN(w, .kind = GANTRY_ITEM_CREATE, .item_id = id, .sku = "SKU",
		    .product_id = "prod", .warehouse_id = "wh", .quantity = available);

	assert_int_equal(d->outcome.result, GANTRY_APPLIED);
	assert_int_equal(d->n_events, 0);
}

static void check_counts(const struct world *w, const char *item,
			 int64_t reserved, int64_t available)
{
	const struct gantry_value *row = world_row(w, STOCK_ITEMS, item);
	const struct world_table *t = &w->tables[STOCK_STOCK];

	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i][0].is.number == row[0].is.number) {
			assert_int_equal(t->rows[i][STOCK_RESERVED].is.number,
					 reserved);
			assert_int_equal(t->rows[i][STOCK_AVAILABLE].is.number,
					 available);
			return;
		}
	fail_msg("%s has no counters", item);
}

static void check_order(struct world *w, const char *id, const char *state,
			int64_t live)
{
	const struct gantry_value *row = world_row(w, STOCK_ORDERS, id);

	assert_non_null(row);
	assert_string_equal(world_text(w, &row[ORDERS_STATE]), state);
	assert_int_equal(row[ORDERS_LIVE].is.number, live);
}

/* The document's own examples. */

static void seed_document(struct world *w)
{
	w->now_ms = 1684841400000;	/* 2023-05-23T11:30:00Z */
	RUN(w, .kind = GANTRY_ITEM_CREATE, .item_id = "inv_01GXYZ234DEF",
	    .sku = "WIDGET-2", .product_id = "prod_01FXYZ789ABC",
	    .warehouse_id = "wh_01HXYZ789GHI", .quantity = 70);
}

#define DOCUMENT_ALLOCATE(quantity_) \
	.kind = GANTRY_ALLOCATE, .order_id = "ord_01OXYZ012HIJ", \
	.order_item_id = "item_01PXYZ123KLM", .item_id = "inv_01GXYZ234DEF", \
	.quantity = quantity_, .warehouse_id = "wh_01HXYZ789GHI", \
	.expires_at_ms = 1684972799000

static void test_document_created(void **state)
{
	static const char want[] =
		"{\"allocationId\":\"alloc_1\","
		"\"orderId\":\"ord_01OXYZ012HIJ\","
		"\"orderItemId\":\"item_01PXYZ123KLM\","
		"\"inventoryItemId\":\"inv_01GXYZ234DEF\","
		"\"sku\":\"WIDGET-2\","
		"\"productId\":\"prod_01FXYZ789ABC\","
		"\"warehouseId\":\"wh_01HXYZ789GHI\","
		"\"quantity\":2,"
		"\"status\":\"PENDING\","
		"\"expiresAt\":\"2023-05-24T23:59:59Z\","
		"\"inventoryItemDetails\":{"
		"\"previousAvailableQuantity\":70,"
		"\"newAvailableQuantity\":70,"
		"\"previousReservedQuantity\":0,"
		"\"newReservedQuantity\":2}}";
	const struct stock_event *event;
	const struct gantry_allocation *a;
	const struct stock_decision *d;
	struct world w;

	(void)state;
	world_init(&w);
	seed_document(&w);
	d = RUN(&w, DOCUMENT_ALLOCATE(2));
	assert_int_equal(d->outcome.result, GANTRY_APPLIED);
	assert_int_equal(d->n_events, 1);
	event = d->events[0];
	assert_string_equal(event->payload, want);
	assert_int_equal(event->payload_len, strlen(want));
	assert_string_equal(event->exchange, "inventory.events");
	assert_string_equal(event->routing_key,
			    "inventory.allocationcreated.allocation");
	assert_string_equal(event->type, "AllocationCreated");
	assert_string_equal(event->aggregate_type, "Allocation");
	assert_string_equal(event->aggregate_id, "alloc_1");
	assert_string_equal(event->order_id, "ord_01OXYZ012HIJ");
	assert_string_equal(row_text(event->allocation, ALLOCATIONS_ID), "alloc_1");
	a = d->outcome.allocations[0];
	assert_string_equal(a->id, "alloc_1");
	assert_string_equal(a->order_id, "ord_01OXYZ012HIJ");
	assert_string_equal(a->order_item_id, "item_01PXYZ123KLM");
	assert_string_equal(a->item_id, "inv_01GXYZ234DEF");
	assert_string_equal(a->warehouse_id, "wh_01HXYZ789GHI");
	assert_string_equal(a->status, "PENDING");
	assert_int_equal(a->quantity, 2);
	assert_int_equal(a->expires_at_ms, 1684972799000);
	assert_int_equal(a->created_at_ms, 1684841400000);
	assert_int_equal(a->updated_at_ms, 1684841400000);
	assert_int_equal(a->version, 1);
	world_fini(&w);
}

static void test_document_shortage(void **state)
{
	struct world w;
	const struct stock_decision *d;

	(void)state;
	world_init(&w);
	seed_document(&w);
	RUN(&w, .kind = GANTRY_ITEM_ADJUST, .item_id = "inv_01GXYZ234DEF",
	    .quantity = -68);
	d = RUN(&w, DOCUMENT_ALLOCATE(5));
	assert_string_equal(d->message, "Not enough inventory available");
	assert_string_equal(d->details,
			    "{\"inventoryItemId\":\"inv_01GXYZ234DEF\","
			    "\"warehouseId\":\"wh_01HXYZ789GHI\","
			    "\"requested\":5,\"available\":2}");
	assert_string_equal(d->outcome.error,
			    "{\"code\":\"INSUFFICIENT_STOCK\","
			    "\"message\":\"Not enough inventory available\","
			    "\"details\":{\"inventoryItemId\":\"inv_01GXYZ234DEF\","
			    "\"warehouseId\":\"wh_01HXYZ789GHI\","
			    "\"requested\":5,\"available\":2}}");
	assert_int_equal(d->outcome.requested, 5);
	assert_int_equal(d->outcome.available, 2);
	assert_int_equal(d->n_events, 1);
	assert_string_equal(d->events[0]->payload,
			    "{\"orderId\":\"ord_01OXYZ012HIJ\","
			    "\"orderItemId\":\"item_01PXYZ123KLM\","
			    "\"inventoryItemId\":\"inv_01GXYZ234DEF\","
			    "\"warehouseId\":\"wh_01HXYZ789GHI\","
			    "\"sku\":\"WIDGET-2\",\"requested\":5,\"available\":2}");
	assert_string_equal(d->events[0]->exchange, "inventory.notifications");
	assert_string_equal(d->events[0]->routing_key,
			    "inventory.insufficientstock.inventoryitem");
	assert_string_equal(d->events[0]->type, "InsufficientStock");
	assert_string_equal(d->events[0]->aggregate_type, "InventoryItem");
	assert_string_equal(d->events[0]->aggregate_id, "inv_01GXYZ234DEF");
	assert_null(d->events[0]->allocation);
	assert_null(world_row(&w, STOCK_ORDERS, "ord_01OXYZ012HIJ"));
	d = RUN(&w, DOCUMENT_ALLOCATE(5), .no_shortage_event = true);
	assert_string_equal(world_summary(&w, d), "REFUSED INSUFFICIENT_STOCK");
	world_fini(&w);
}

static void check_payload(const struct stock_decision *d, const char *type,
			  const char *status, const char *counts,
			  const char *reason)
{
	char want[256];

	assert_int_equal(d->n_events, 1);
	assert_string_equal(d->events[0]->type, type);
	snprintf(want, sizeof(want), "\"quantity\":2,\"status\":\"%s\","
		 "\"expiresAt\":null,\"inventoryItemDetails\":{"
		 "\"previousAvailableQuantity\":%s}%s}", status, counts, reason);
	assert_string_equal(strstr(d->events[0]->payload, "\"quantity\""), want);
}

static void test_payloads_of_the_others(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 2));
	check_payload(RUN(&w, .kind = GANTRY_CONFIRM, .allocation_id = "alloc_1"),
		      "AllocationConfirmed", "CONFIRMED",
		      "10,\"newAvailableQuantity\":10,"
		      "\"previousReservedQuantity\":2,\"newReservedQuantity\":2", "");
	check_payload(RUN(&w, .kind = GANTRY_FULFILL, .allocation_id = "alloc_1"),
		      "AllocationFulfilled", "FULFILLED",
		      "10,\"newAvailableQuantity\":8,"
		      "\"previousReservedQuantity\":2,\"newReservedQuantity\":0", "");
	RUN(&w, ALLOCATE("o2", "inv", 2));
	check_payload(RUN(&w, .kind = GANTRY_CANCEL, .allocation_id = "alloc_2"),
		      "AllocationCancelled", "CANCELLED",
		      "8,\"newAvailableQuantity\":8,"
		      "\"previousReservedQuantity\":2,\"newReservedQuantity\":0",
		      ",\"reason\":null");
	RUN(&w, ALLOCATE("o2", "inv", 2));
	check_payload(RUN(&w, .kind = GANTRY_CANCEL, .allocation_id = "alloc_3",
			  .reason = "the \"customer\""),
		      "AllocationCancelled", "CANCELLED",
		      "8,\"newAvailableQuantity\":8,"
		      "\"previousReservedQuantity\":2,\"newReservedQuantity\":0",
		      ",\"reason\":\"the \\\"customer\\\"\"");
	world_fini(&w);
}

/* D3: status by command. */

static void bring_to(struct world *w, const char *id, const char *status)
{
	if (strcmp(status, "PENDING") == 0 || strcmp(status, "due") == 0)
		return;
	if (strcmp(status, "CANCELLED") == 0) {
		RUN(w, .kind = GANTRY_CANCEL, .allocation_id = id, .reason = "no");
		return;
	}
	RUN(w, .kind = GANTRY_CONFIRM, .allocation_id = id);
	if (strcmp(status, "FULFILLED") == 0)
		RUN(w, .kind = GANTRY_FULFILL, .allocation_id = id);
}

static void test_transitions(void **state)
{
	static const struct {
		const char *from;
		enum gantry_command_kind kind;
		const char *want;
		int64_t reserved, available;
	} cells[] = {
		{ "PENDING", GANTRY_CONFIRM,
		  "APPLIED alloc_1:CONFIRMED | AllocationConfirmed alloc_1", 2, 10 },
		{ "PENDING", GANTRY_CANCEL,
		  "APPLIED alloc_1:CANCELLED | AllocationCancelled alloc_1", 0, 10 },
		{ "PENDING", GANTRY_FULFILL,
		  "REFUSED INVALID_STATE_TRANSITION", 2, 10 },
		{ "PENDING", GANTRY_EXPIRE, "STOOD alloc_1:PENDING", 2, 10 },
		{ "due", GANTRY_CONFIRM, "REFUSED ALLOCATION_EXPIRED", 2, 10 },
		{ "due", GANTRY_CANCEL,
		  "APPLIED alloc_1:CANCELLED | AllocationCancelled alloc_1", 0, 10 },
		{ "due", GANTRY_FULFILL,
		  "REFUSED INVALID_STATE_TRANSITION", 2, 10 },
		{ "due", GANTRY_EXPIRE,
		  "APPLIED alloc_1:CANCELLED | AllocationCancelled alloc_1", 0, 10 },
		{ "CONFIRMED", GANTRY_CONFIRM, "STOOD alloc_1:CONFIRMED", 2, 10 },
		{ "CONFIRMED", GANTRY_CANCEL,
		  "APPLIED alloc_1:CANCELLED | AllocationCancelled alloc_1", 0, 10 },
		{ "CONFIRMED", GANTRY_FULFILL,
		  "APPLIED alloc_1:FULFILLED | AllocationFulfilled alloc_1", 0, 8 },
		{ "CONFIRMED", GANTRY_EXPIRE, "STOOD alloc_1:CONFIRMED", 2, 10 },
		{ "FULFILLED", GANTRY_CONFIRM,
		  "REFUSED INVALID_STATE_TRANSITION", 0, 8 },
		{ "FULFILLED", GANTRY_CANCEL,
		  "REFUSED INVALID_STATE_TRANSITION", 0, 8 },
		{ "FULFILLED", GANTRY_FULFILL, "STOOD alloc_1:FULFILLED", 0, 8 },
		{ "FULFILLED", GANTRY_EXPIRE, "STOOD alloc_1:FULFILLED", 0, 8 },
		{ "CANCELLED", GANTRY_CONFIRM,
		  "REFUSED INVALID_STATE_TRANSITION", 0, 10 },
		{ "CANCELLED", GANTRY_CANCEL, "STOOD alloc_1:CANCELLED", 0, 10 },
		{ "CANCELLED", GANTRY_FULFILL,
		  "REFUSED INVALID_STATE_TRANSITION", 0, 10 },
		{ "CANCELLED", GANTRY_EXPIRE, "STOOD alloc_1:CANCELLED", 0, 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct world w;
		int64_t version;

		world_init(&w);
		make_item(&w, "inv", 10);
		RUN(&w, ALLOCATE("o1", "inv", 2, .expires_at_ms = w.now_ms + 1000));
		bring_to(&w, "alloc_1", cells[i].from);
		/* the very millisecond counts as expired, whatever moved on
		   does not care for the time */
		w.now_ms += strcmp(cells[i].from, "PENDING") == 0 ? 999 : 1000;
		version = world_row(&w, STOCK_ALLOCATIONS, "alloc_1")
				[ALLOCATIONS_VERSION].is.number;
		for (int event = 0; event < 2; event++) {
			const struct stock_decision *d;
			struct gantry_command c = GANTRY_COMMAND(
				.kind = cells[i].kind, .allocation_id = "alloc_1",
				.by_event = event == 1);

			if (event == 0) {
				/* looked at, then taken back */
				world_begin(&w, &c, 1);
				world_decide(&w, &c);
				rowset_undo(&w.rows);
				world_commit(&w);
				continue;
			}
			d = world_run(&w, &c);
			if (strcmp(world_summary(&w, d), cells[i].want) != 0)
				fail_msg("%s, command %d: %s", cells[i].from,
					 cells[i].kind, world_summary(&w, d));
			version += d->outcome.result == GANTRY_APPLIED;
			/* again: the same, without an event */
			if (d->outcome.result == GANTRY_APPLIED) {
				d = world_run(&w, &c);
				assert_int_equal(d->outcome.result, GANTRY_STOOD);
				assert_int_equal(d->n_events, 0);
			}
		}
		check_counts(&w, "inv", cells[i].reserved, cells[i].available);
		assert_int_equal(world_row(&w, STOCK_ALLOCATIONS, "alloc_1")
				 [ALLOCATIONS_VERSION].is.number, version);
		world_fini(&w);
	}
}

static void test_expired_stays_expired(void **state)
{
	static const char want[] =
		"{\"code\":\"ALLOCATION_EXPIRED\","
		"\"message\":\"The allocation has expired\","
		"\"details\":{\"allocationId\":\"alloc_1\","
		"\"expiresAt\":\"2023-05-23T11:30:01Z\"}}";
	struct world w;
	const struct gantry_value *row;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 2, .expires_at_ms = w.now_ms + 1000));
	w.now_ms += 5000;
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_CONFIRM,
				     .allocation_id = "alloc_1"), want);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_EXPIRE,
				    .allocation_id = "alloc_1"),
			    "APPLIED alloc_1:CANCELLED | "
			    "AllocationCancelled alloc_1");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_1");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_REASON]), "EXPIRED");
	assert_int_equal(row[ALLOCATIONS_DUE_AT].kind, GANTRY_NULL);
	assert_int_equal(row[ALLOCATIONS_LIVE].kind, GANTRY_NULL);
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_CONFIRM,
				     .allocation_id = "alloc_1"), want);
	check_order(&w, "o1", "OPEN", 0);
	world_fini(&w);
}

/* D20: the order's row by what happens. alloc_1 is PENDING, alloc_2 is due,
   alloc_3 CONFIRMED, alloc_4 FULFILLED, alloc_5 CANCELLED. */

static void seed_order(struct world *w, const char *state)
{
	static const char *const statuses[] = {
		"PENDING", "due", "CONFIRMED", "FULFILLED", "CANCELLED",
	};
	char line[8], id[16];

	make_item(w, "inv", 100);
	if (strcmp(state, "none") == 0)
		return;
	RUN(w, .kind = GANTRY_ORDER_OPEN, .order_id = "o1");
	if (strcmp(state, "CONFIRMED") == 0)
		RUN(w, .kind = GANTRY_ORDER_CONFIRM, .order_id = "o1");
	for (int i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "l%d", i);
		snprintf(id, sizeof(id), "alloc_%d", i + 1);
		RUN(w, .kind = GANTRY_ALLOCATE, .order_id = "o1",
		    .order_item_id = line, .item_id = "inv", .quantity = 2,
		    .expires_at_ms = i == 1 ? w->now_ms + 1 : 0);
		bring_to(w, id, statuses[i]);
	}
	w->now_ms += 10;
	if (strcmp(state, "CANCELLED") == 0)
		RUN(w, .kind = GANTRY_ORDER_CANCEL, .order_id = "o1");
}

static void test_table_of_orders(void **state)
{
	static const struct {
		const char *row;
		enum gantry_command_kind kind;
		bool by_event;
		const char *want, *order;
		int live;
	} cells[] = {
		{ "none", GANTRY_ORDER_OPEN, true, "APPLIED", "OPEN", 0 },
		{ "none", GANTRY_ALLOCATE, true,
		  "APPLIED alloc_1:PENDING | AllocationCreated alloc_1", "OPEN", 1 },
		{ "none", GANTRY_ORDER_CONFIRM, true, "REFUSED ORDER_UNKNOWN",
		  NULL, 0 },
		{ "none", GANTRY_ORDER_CANCEL, true, "APPLIED", "CANCELLED", 0 },
		{ "none", GANTRY_ALLOCATE, false,
		  "APPLIED alloc_1:PENDING | AllocationCreated alloc_1", "OPEN", 1 },

		{ "OPEN", GANTRY_ORDER_OPEN, true, "STOOD", "OPEN", 4 },
		{ "OPEN", GANTRY_ALLOCATE, true,
		  "APPLIED alloc_6:PENDING | AllocationCreated alloc_6", "OPEN", 5 },
		{ "OPEN", GANTRY_ORDER_CONFIRM, true,
		  "APPLIED alloc_1:CONFIRMED alloc_2:CANCELLED | "
		  "AllocationConfirmed alloc_1, AllocationCancelled alloc_2",
		  "CONFIRMED", 3 },
		{ "OPEN", GANTRY_ORDER_CANCEL, true,
		  "APPLIED alloc_1:CANCELLED alloc_2:CANCELLED alloc_3:CANCELLED | "
		  "AllocationCancelled alloc_1, AllocationCancelled alloc_2, "
		  "AllocationCancelled alloc_3", "CANCELLED", 1 },
		{ "OPEN", GANTRY_ALLOCATE, false,
		  "APPLIED alloc_6:PENDING | AllocationCreated alloc_6", "OPEN", 5 },

		{ "CONFIRMED", GANTRY_ORDER_OPEN, true, "STOOD", "CONFIRMED", 4 },
		{ "CONFIRMED", GANTRY_ALLOCATE, true,
		  "APPLIED alloc_6:CONFIRMED | AllocationCreated alloc_6, "
		  "AllocationConfirmed alloc_6", "CONFIRMED", 5 },
		{ "CONFIRMED", GANTRY_ORDER_CONFIRM, true,
		  "APPLIED alloc_1:CONFIRMED alloc_2:CANCELLED | "
		  "AllocationConfirmed alloc_1, AllocationCancelled alloc_2",
		  "CONFIRMED", 3 },
		{ "CONFIRMED", GANTRY_ORDER_CANCEL, true,
		  "APPLIED alloc_1:CANCELLED alloc_2:CANCELLED alloc_3:CANCELLED | "
		  "AllocationCancelled alloc_1, AllocationCancelled alloc_2, "
		  "AllocationCancelled alloc_3", "CANCELLED", 1 },
		{ "CONFIRMED", GANTRY_ALLOCATE, false,
		  "APPLIED alloc_6:PENDING | AllocationCreated alloc_6",
		  "CONFIRMED", 5 },

		{ "CANCELLED", GANTRY_ORDER_OPEN, true, "STOOD", "CANCELLED", 1 },
		{ "CANCELLED", GANTRY_ALLOCATE, true, "STOOD", "CANCELLED", 1 },
		{ "CANCELLED", GANTRY_ORDER_CONFIRM, true, "STOOD", "CANCELLED", 1 },
		{ "CANCELLED", GANTRY_ORDER_CANCEL, true, "STOOD", "CANCELLED", 1 },
		{ "CANCELLED", GANTRY_ALLOCATE, false, "REFUSED ORDER_CANCELLED",
		  "CANCELLED", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct world w;
		const char *is;

		world_init(&w);
		seed_order(&w, cells[i].row);
		is = SUMMARY(&w, .kind = cells[i].kind, .order_id = "o1",
			     .order_item_id = "new", .item_id = "inv",
			     .quantity = cells[i].kind == GANTRY_ALLOCATE ? 3 : 0,
			     .by_event = cells[i].by_event);
		if (strcmp(is, cells[i].want) != 0)
			fail_msg("row %s, command %d: %s", cells[i].row,
				 cells[i].kind, is);
		if (cells[i].order == NULL)
			assert_null(world_row(&w, STOCK_ORDERS, "o1"));
		else
			check_order(&w, "o1", cells[i].order, cells[i].live);
		world_fini(&w);
	}
}

static void test_order_reasons_and_repeats(void **state)
{
	struct world w;
	const struct gantry_value *row;

	(void)state;
	world_init(&w);
	seed_order(&w, "OPEN");
	RUN(&w, .kind = GANTRY_ORDER_CONFIRM, .order_id = "o1");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_2");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_REASON]), "EXPIRED");
	check_counts(&w, "inv", 4, 98);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ORDER_CONFIRM,
				    .order_id = "o1"), "STOOD");
	RUN(&w, .kind = GANTRY_ORDER_CANCEL, .order_id = "o1", .reason = "why");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_1");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_REASON]), "why");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_5");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_REASON]), "no");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_4");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_STATUS]), "FULFILLED");
	check_counts(&w, "inv", 0, 98);
	world_fini(&w);
}

/* D5 */

static void test_same_again(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	make_item(&w, "other", 10);
	RUN(&w, ALLOCATE("o1", "inv", 2, .expires_at_ms = w.now_ms + 1000));
	for (int event = 0; event < 2; event++)
		assert_string_equal(SUMMARY(&w, ALLOCATE("o1", "inv", 2,
							 .by_event = event)),
				    "STOOD alloc_1:PENDING");
	assert_string_equal(ERROR_OF(&w, ALLOCATE("o1", "inv", 3, .position = 4)),
			    "{\"code\":\"ALLOCATION_EXISTS\",\"message\":"
			    "\"The order item holds an allocation of this "
			    "inventory item with another quantity\",\"details\":{"
			    "\"allocationId\":\"alloc_1\",\"quantity\":2,"
			    "\"index\":3}}");
	/* another inventory item of the same order item is another one */
	assert_string_equal(SUMMARY(&w, ALLOCATE("o1", "other", 3)),
			    "APPLIED alloc_2:PENDING | AllocationCreated alloc_2");
	/* an event finds the API's on an order that is confirmed by now */
	RUN(&w, .kind = GANTRY_ORDER_CONFIRM, .order_id = "o2");
	RUN(&w, .kind = GANTRY_ORDER_OPEN, .order_id = "o2");
	RUN(&w, .kind = GANTRY_ORDER_CONFIRM, .order_id = "o2");
	assert_string_equal(SUMMARY(&w, ALLOCATE("o2", "inv", 1)),
			    "APPLIED alloc_3:PENDING | AllocationCreated alloc_3");
	assert_string_equal(SUMMARY(&w, ALLOCATE("o2", "inv", 1)),
			    "STOOD alloc_3:PENDING");
	assert_string_equal(SUMMARY(&w, ALLOCATE("o2", "inv", 1, .by_event = true)),
			    "APPLIED alloc_3:CONFIRMED | "
			    "AllocationConfirmed alloc_3");
	assert_string_equal(SUMMARY(&w, ALLOCATE("o2", "inv", 1, .by_event = true)),
			    "STOOD alloc_3:CONFIRMED");
	world_fini(&w);
}

static void test_expired_gives_way(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 8, .expires_at_ms = w.now_ms + 1000));
	w.now_ms += 1000;
	/* too many: nothing moves, and the units of the expired one count */
	assert_string_equal(ERROR_OF(&w, ALLOCATE("o1", "inv", 11)),
			    "{\"code\":\"INSUFFICIENT_STOCK\",\"message\":"
			    "\"Not enough inventory available\",\"details\":{"
			    "\"inventoryItemId\":\"inv\",\"warehouseId\":\"wh\","
			    "\"requested\":11,\"available\":10}}");
	check_counts(&w, "inv", 8, 10);
	assert_string_equal(SUMMARY(&w, ALLOCATE("o1", "inv", 8)),
			    "APPLIED alloc_2:PENDING | "
			    "AllocationCancelled alloc_1, AllocationCreated alloc_2");
	check_counts(&w, "inv", 8, 10);
	check_order(&w, "o1", "OPEN", 1);
	world_fini(&w);
}

static void test_order_size(void **state)
{
	struct world w;
	char line[16];

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 5000);
	for (int i = 0; i < 2000; i++) {
		struct gantry_command c = GANTRY_COMMAND(
			.kind = GANTRY_ALLOCATE, .order_id = "o1",
			.order_item_id = line, .item_id = "inv", .quantity = 1);

		snprintf(line, sizeof(line), "l%d", i);
		if (i == 0)
			world_begin(&w, &c, 1);
		assert_int_equal(world_decide(&w, &c)->outcome.result,
				 GANTRY_APPLIED);
		if (i == 1500)
			assert_int_equal(stock_loaded_weight(
				&GANTRY_COMMAND(.kind = GANTRY_ORDER_CANCEL,
						.order_id = "o1"), &w.rows), 1501);
	}
	assert_string_equal(world_decide(&w, &GANTRY_COMMAND(
				ALLOCATE("o1", "inv", 1)))->outcome.error,
			    "{\"code\":\"ORDER_TOO_LARGE\",\"message\":\"The order "
			    "has as many allocations as an order can have\","
			    "\"details\":{\"orderId\":\"o1\",\"limit\":2000}}");
	/* the same again stands all the same */
	assert_string_equal(world_summary(&w, world_decide(&w, &GANTRY_COMMAND(
				.kind = GANTRY_ALLOCATE, .order_id = "o1",
				.order_item_id = "l7", .item_id = "inv",
				.quantity = 1))),
			    "STOOD alloc_8:PENDING");
	world_decide(&w, &GANTRY_COMMAND(.kind = GANTRY_CANCEL,
					 .allocation_id = "alloc_8"));
	assert_int_equal(world_decide(&w, &GANTRY_COMMAND(
				ALLOCATE("o1", "inv", 1)))->outcome.result,
			 GANTRY_APPLIED);
	world_fini(&w);
}

/* Refusals, word for word. */

static void test_refusals(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 4));
	RUN(&w, .kind = GANTRY_ORDER_CANCEL, .order_id = "gone");
	assert_string_equal(ERROR_OF(&w, ALLOCATE("gone", "inv", 1)),
			    "{\"code\":\"ORDER_CANCELLED\",\"message\":\"The order is "
			    "cancelled\",\"details\":{\"orderId\":\"gone\"}}");
	assert_string_equal(ERROR_OF(&w, ALLOCATE("o1", "nix", 1, .position = 1)),
			    "{\"code\":\"INVENTORY_ITEM_NOT_FOUND\",\"message\":\"No "
			    "inventory item has this id\",\"details\":{"
			    "\"inventoryItemId\":\"nix\",\"index\":0}}");
	assert_string_equal(ERROR_OF(&w, ALLOCATE("o1", "inv", 1,
						  .warehouse_id = "far")),
			    "{\"code\":\"WAREHOUSE_MISMATCH\",\"message\":\"The "
			    "inventory item is in another warehouse\",\"details\":{"
			    "\"inventoryItemId\":\"inv\",\"warehouseId\":\"wh\","
			    "\"requestedWarehouseId\":\"far\"}}");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_CONFIRM,
				     .allocation_id = "nix"),
			    "{\"code\":\"ALLOCATION_NOT_FOUND\",\"message\":\"No "
			    "allocation has this id\",\"details\":{"
			    "\"allocationId\":\"nix\"}}");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_FULFILL,
				     .allocation_id = "alloc_1"),
			    "{\"code\":\"INVALID_STATE_TRANSITION\",\"message\":"
			    "\"PENDING cannot become FULFILLED\",\"details\":{"
			    "\"allocationId\":\"alloc_1\","
			    "\"currentStatus\":\"PENDING\","
			    "\"requestedStatus\":\"FULFILLED\"}}");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_ORDER_CONFIRM,
				     .order_id = "nix"),
			    "{\"code\":\"ORDER_UNKNOWN\",\"message\":\"No order has "
			    "this id\",\"details\":{\"orderId\":\"nix\"}}");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_RETURN_EXPECT,
				     .order_id = "o1", .order_item_id = "line1"),
			    "{\"code\":\"ORDER_NOT_FULFILLED\",\"message\":\"Nothing "
			    "of this is fulfilled\",\"details\":{\"orderId\":\"o1\","
			    "\"orderItemId\":\"line1\"}}");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_RETURN_RECEIVE,
				     .return_id = "nix"),
			    "{\"code\":\"RETURN_NOT_FOUND\",\"message\":\"No return "
			    "has this id\",\"details\":{\"returnId\":\"nix\"}}");
	world_fini(&w);
}

static void test_incomplete_commands(void **state)
{
	static const struct {
		struct gantry_command command;
		const char *field;
	} cases[] = {
		{ { .kind = 0 }, "kind" },
		{ { .kind = 99 }, "kind" },
		{ { .kind = GANTRY_ALLOCATE, .order_item_id = "l", .item_id = "i",
		    .quantity = 1 }, "orderId" },
		{ { .kind = GANTRY_ALLOCATE, .order_id = "o", .item_id = "i",
		    .quantity = 1 }, "orderItemId" },
		{ { .kind = GANTRY_ALLOCATE, .order_id = "o", .order_item_id = "l",
		    .quantity = 1 }, "inventoryItemId" },
		{ { .kind = GANTRY_ALLOCATE, .order_id = "o", .order_item_id = "l",
		    .item_id = "i" }, "quantity" },
		{ { .kind = GANTRY_ALLOCATE, .order_id = "o", .order_item_id = "l",
		    .item_id = "i", .quantity = 1000000001 }, "quantity" },
		{ { .kind = GANTRY_CANCEL }, "allocationId" },
		{ { .kind = GANTRY_ORDER_OPEN }, "orderId" },
		{ { .kind = GANTRY_ITEM_CREATE, .product_id = "p",
		    .warehouse_id = "w" }, "sku" },
		{ { .kind = GANTRY_ITEM_CREATE, .sku = "s", .product_id = "p",
		    .warehouse_id = "w", .quantity = -1 }, "quantity" },
		{ { .kind = GANTRY_ITEM_ADJUST, .quantity = 1 }, "inventoryItemId" },
		{ { .kind = GANTRY_RETURN_EXPECT, .order_id = "o", .quantity = 1 },
		  "orderItemId" },
		{ { .kind = GANTRY_RETURN_RECEIVE }, "returnId" },
	};
	struct world w;
	char want[256];

	(void)state;
	world_init(&w);
	make_item(&w, "i", 5);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(want, sizeof(want), "{\"code\":\"VALIDATION_ERROR\","
			 "\"message\":\"The command is not complete\",\"details\":"
			 "{\"field\":\"%s\",\"problem\":\"is missing or out of "
			 "range\"}}", cases[i].field);
		assert_string_equal(world_run(&w, &cases[i].command)->outcome.error,
				    want);
	}
	world_fini(&w);
}

static void test_preconditions(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 4));
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_CANCEL,
				     .allocation_id = "alloc_1", .if_version = 2),
			    "{\"code\":\"PRECONDITION_FAILED\",\"message\":\"It was "
			    "changed since it was read\",\"details\":{\"version\":1,"
			    "\"expectedVersion\":2}}");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_CONFIRM,
				    .allocation_id = "alloc_1", .if_version = 1),
			    "APPLIED alloc_1:CONFIRMED | AllocationConfirmed alloc_1");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_CONFIRM,
				    .allocation_id = "alloc_1", .if_version = 1),
			    "REFUSED PRECONDITION_FAILED");
	/* the counters' version: 1, and 1 for the allocation */
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_ADJUST,
				    .item_id = "inv", .quantity = 1,
				    .if_version = 1),
			    "REFUSED PRECONDITION_FAILED");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_ADJUST,
				    .item_id = "inv", .quantity = 1,
				    .if_version = 2), "APPLIED inv:4/11");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ORDER_CANCEL,
				    .order_id = "o1", .if_version = 7),
			    "REFUSED PRECONDITION_FAILED");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ORDER_CANCEL,
				    .order_id = "new", .if_version = 7),
			    "REFUSED PRECONDITION_FAILED");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ORDER_CANCEL,
				    .order_id = "o1", .if_version = 1),
			    "APPLIED alloc_1:CANCELLED | "
			    "AllocationCancelled alloc_1");
	world_fini(&w);
}

static void test_items(void **state)
{
	struct world w;
	const struct gantry_item *item;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_ITEM_CREATE,
				     .item_id = "inv", .sku = "SKU",
				     .product_id = "prod", .warehouse_id = "wh",
				     .quantity = 10),
			    "{\"code\":\"ITEM_EXISTS\",\"message\":\"An inventory item "
			    "with this id exists\",\"details\":{"
			    "\"inventoryItemId\":\"inv\"}}");
	item = RUN(&w, .kind = GANTRY_ITEM_CREATE, .sku = "S", .product_id = "p",
		   .warehouse_id = "w", .quantity = 0)->outcome.item;
	assert_string_equal(item->id, "inv_1");
	assert_string_equal(item->sku, "S");
	assert_string_equal(item->product_id, "p");
	assert_string_equal(item->warehouse_id, "w");
	assert_int_equal(item->version, 1);
	assert_int_equal(item->created_at_ms, w.now_ms);
	RUN(&w, ALLOCATE("o1", "inv", 4));
	w.now_ms += 1;
	item = RUN(&w, .kind = GANTRY_ITEM_ADJUST, .item_id = "inv",
		   .quantity = -6)->outcome.item;
	assert_int_equal(item->available, 4);
	assert_int_equal(item->version, 3);
	assert_int_equal(item->updated_at_ms, w.now_ms);
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_ITEM_ADJUST,
				     .item_id = "inv", .quantity = -1),
			    "{\"code\":\"ADJUSTMENT_BELOW_RESERVED\",\"message\":"
			    "\"Less would be on hand than is reserved\",\"details\":{"
			    "\"inventoryItemId\":\"inv\",\"availableQuantity\":4,"
			    "\"reservedQuantity\":4,\"delta\":-1}}");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_ADJUST,
				    .item_id = "inv"), "STOOD inv:4/4");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_ADJUST,
				    .item_id = "nix"),
			    "REFUSED INVENTORY_ITEM_NOT_FOUND");
	w.tables[STOCK_STOCK].rows[0][STOCK_AVAILABLE].is.number =
		9007199254740990;
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_ADJUST,
				    .item_id = "inv", .quantity = 1),
			    "APPLIED inv:4/9007199254740991");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_ITEM_ADJUST,
				     .item_id = "inv", .quantity = 1),
			    "{\"code\":\"QUANTITY_TOO_LARGE\",\"message\":\"More would "
			    "be on hand than can be counted\",\"details\":{"
			    "\"inventoryItemId\":\"inv\","
			    "\"availableQuantity\":9007199254740991,"
			    "\"reservedQuantity\":4,\"delta\":1}}");
	w.tables[STOCK_STOCK].rows[0][STOCK_AVAILABLE].is.number = INT64_MAX;
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_ADJUST,
				    .item_id = "inv", .quantity = 1),
			    "REFUSED QUANTITY_TOO_LARGE");
	world_fini(&w);
}

/* D18, D12: returns. alloc_1 line1 of inv 5, alloc_2 line1 of other 3,
   alloc_3 line2 of inv 4; all fulfilled; alloc_4 line3 is only confirmed. */

static void seed_fulfilled(struct world *w)
{
	static const struct {
		const char *line, *item;
		int64_t quantity;
	} rows[] = {
		{ "line1", "inv", 5 }, { "line1", "other", 3 },
		{ "line2", "inv", 4 }, { "line3", "inv", 1 },
	};
	char id[16];

	make_item(w, "inv", 20);
	make_item(w, "other", 20);
	for (int i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "alloc_%d", i + 1);
		RUN(w, .kind = GANTRY_ALLOCATE, .order_id = "o1",
		    .order_item_id = rows[i].line, .item_id = rows[i].item,
		    .quantity = rows[i].quantity);
		bring_to(w, id, i == 3 ? "CONFIRMED" : "FULFILLED");
	}
	check_counts(w, "inv", 1, 11);
	check_counts(w, "other", 0, 17);
}

static void test_return_of_all(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	seed_fulfilled(&w);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_EXPECT,
				    .order_id = "o1", .return_id = "r"),
			    "APPLIED r/alloc_1:EXPECTED:0/5 "
			    "r/alloc_2:EXPECTED:0/3 r/alloc_3:EXPECTED:0/4");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_EXPECT,
				    .order_id = "o1", .return_id = "r"),
			    "STOOD r/alloc_1:EXPECTED:0/5 "
			    "r/alloc_2:EXPECTED:0/3 r/alloc_3:EXPECTED:0/4");
	check_counts(&w, "inv", 1, 11);
	/* nothing is left for another one */
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_EXPECT,
				    .order_id = "o1"), "STOOD");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "r"),
			    "APPLIED r/alloc_1:RECEIVED:5/5 "
			    "r/alloc_2:RECEIVED:3/3 r/alloc_3:RECEIVED:4/4");
	check_counts(&w, "inv", 1, 20);
	check_counts(&w, "other", 0, 20);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "r"),
			    "STOOD r/alloc_1:RECEIVED:5/5 "
			    "r/alloc_2:RECEIVED:3/3 r/alloc_3:RECEIVED:4/4");
	check_counts(&w, "inv", 1, 20);
	world_fini(&w);
}

static void test_return_of_part(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	seed_fulfilled(&w);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_EXPECT,
				    .order_id = "o1", .return_id = "r",
				    .order_item_id = "line1", .quantity = 6),
			    "APPLIED r/alloc_1:EXPECTED:0/5 r/alloc_2:EXPECTED:0/1");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_RETURN_EXPECT,
				     .order_id = "o1", .return_id = "r",
				     .order_item_id = "line1", .quantity = 5),
			    "{\"code\":\"RETURN_EXISTS\",\"message\":\"The return "
			    "expects another quantity\",\"details\":{"
			    "\"returnId\":\"r\",\"orderItemId\":\"line1\","
			    "\"requested\":5,\"expected\":6}}");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_RETURN_EXPECT,
				     .order_id = "o1", .return_id = "s",
				     .order_item_id = "line1", .quantity = 3),
			    "{\"code\":\"RETURN_EXCEEDS_FULFILLED\",\"message\":\"Less "
			    "is fulfilled and not yet returned\",\"details\":{"
			    "\"returnId\":\"s\",\"orderItemId\":\"line1\","
			    "\"requested\":3,\"expected\":2}}");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_EXPECT,
				    .order_id = "o1"),
			    "APPLIED ret_5/alloc_2:EXPECTED:0/2 "
			    "ret_5/alloc_3:EXPECTED:0/4");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_EXPECT,
				    .order_id = "o1", .return_id = "t",
				    .order_item_id = "line3"),
			    "REFUSED ORDER_NOT_FULFILLED");
	/* three of six came back whole: that was all */
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "r", .order_item_id = "line2"),
			    "REFUSED RETURN_NOT_FOUND");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_RETURN_RECEIVE,
				     .return_id = "r", .order_item_id = "line1",
				     .quantity = 7),
			    "{\"code\":\"RETURN_EXCEEDS_EXPECTED\",\"message\":\"Less "
			    "is expected\",\"details\":{\"returnId\":\"r\","
			    "\"orderItemId\":\"line1\",\"requested\":7,"
			    "\"expected\":6}}");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "r", .order_item_id = "line1",
				    .quantity = 3),
			    "APPLIED r/alloc_1:RECEIVED:3/5 r/alloc_2:RECEIVED:0/1");
	check_counts(&w, "inv", 1, 14);
	check_counts(&w, "other", 0, 17);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "r", .order_item_id = "line1",
				    .quantity = 3),
			    "STOOD r/alloc_1:RECEIVED:3/5 r/alloc_2:RECEIVED:0/1");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_RETURN_RECEIVE,
				     .return_id = "r", .order_item_id = "line1",
				     .quantity = 2),
			    "{\"code\":\"INVALID_STATE_TRANSITION\",\"message\":\"It "
			    "was received already, with another quantity\","
			    "\"details\":{\"returnId\":\"r\","
			    "\"currentStatus\":\"RECEIVED\",\"received\":3}}");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "ret_5", .order_item_id = "line2"),
			    "APPLIED ret_5/alloc_3:RECEIVED:4/4");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "ret_5"),
			    "APPLIED ret_5/alloc_2:RECEIVED:2/2");
	check_counts(&w, "inv", 1, 18);
	world_fini(&w);
}

static void test_broken_references(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	make_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 4));
	w.tables[STOCK_STOCK].rows[0][STOCK_REF].is.number = 1;
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_CONFIRM,
				     .allocation_id = "alloc_1"),
			    "{\"code\":\"INTERNAL_ERROR\",\"message\":\"A row that "
			    "this one needs is missing\",\"details\":{"
			    "\"allocationId\":\"alloc_1\"}}");
	assert_string_equal(SUMMARY(&w, ALLOCATE("o2", "inv", 1)),
			    "REFUSED INTERNAL_ERROR");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_ADJUST,
				    .item_id = "inv", .quantity = 1),
			    "REFUSED INTERNAL_ERROR");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ORDER_CANCEL,
				    .order_id = "o1"), "REFUSED INTERNAL_ERROR");
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document_created),
		cmocka_unit_test(test_document_shortage),
		cmocka_unit_test(test_payloads_of_the_others),
		cmocka_unit_test(test_transitions),
		cmocka_unit_test(test_expired_stays_expired),
		cmocka_unit_test(test_table_of_orders),
		cmocka_unit_test(test_order_reasons_and_repeats),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_expired_gives_way),
		cmocka_unit_test(test_order_size),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_incomplete_commands),
		cmocka_unit_test(test_preconditions),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_return_of_all),
		cmocka_unit_test(test_return_of_part),
		cmocka_unit_test(test_broken_references),
	};

	return cmocka_run_group_tests_name("stock", tests, NULL, NULL);
}
