/* SPDX-License-Identifier: Apache-2.0 */
/* stock - the document's examples, refusals word for word, items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/stock_world.h"

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
	world_item(&w, "inv", 10);
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

/* Refusals, word for word. */

static void test_refusals(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_item(&w, "inv", 10);
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
	world_item(&w, "i", 5);
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

/* What was read of a store is the condition of what mends it (D29). */
static void test_reconciled(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_item(&w, "inv", 10);
	RUN(&w, .kind = GANTRY_ALLOCATE, .order_id = "o1", .order_item_id = "a",
	    .item_id = "inv", .quantity = 4, .unverified = true);
	RUN(&w, .kind = GANTRY_ALLOCATE, .order_id = "o1", .order_item_id = "b",
	    .item_id = "inv", .quantity = 2);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_VERIFY,
				    .allocation_id = "alloc_1", .if_version = 1),
			    "APPLIED alloc_1:PENDING");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_VERIFY,
				    .allocation_id = "alloc_1"),
			    "STOOD alloc_1:PENDING");
	assert_string_equal(ERROR_OF(&w, .kind = GANTRY_ORDER_CONFIRM, .order_id = "o1",
				     .if_version = 2, .if_allocations = 2),
		"{\"code\":\"PRECONDITION_FAILED\",\"message\":\"It was changed since it "
		"was read\",\"details\":{\"allocations\":3,\"expectedAllocations\":2}}");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ALLOCATE, .order_id = "o1",
				    .order_item_id = "b", .item_id = "inv",
				    .quantity = 7, .allocation_id = "alloc_2"),
			    "REFUSED INSUFFICIENT_STOCK | InsufficientStock inv");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ALLOCATE, .order_id = "o1",
				    .order_item_id = "b", .item_id = "inv",
				    .quantity = 6, .allocation_id = "alloc_1"),
			    "REFUSED PRECONDITION_FAILED");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ALLOCATE, .order_id = "o1",
				    .order_item_id = "b", .item_id = "inv", .quantity = 6,
				    .allocation_id = "alloc_2", .if_version = 1),
			    "APPLIED alloc_3:PENDING | AllocationCancelled alloc_2, "
			    "AllocationCreated alloc_3");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ORDER_CONFIRM, .order_id = "o1",
				    .if_version = 3, .if_allocations = 3),
			    "APPLIED alloc_1:CONFIRMED alloc_3:CONFIRMED | "
			    "AllocationConfirmed alloc_1, AllocationConfirmed alloc_3");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_RECOUNT, .item_id = "inv",
				    .quantity = 11), "REFUSED INSUFFICIENT_STOCK");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_RECOUNT, .item_id = "inv",
				    .quantity = 10), "STOOD inv:10/10");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_RECOUNT, .item_id = "inv",
				    .quantity = 9, .if_version = 1),
			    "REFUSED PRECONDITION_FAILED");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ITEM_RECOUNT, .item_id = "inv",
				    .quantity = 9), "APPLIED inv:9/10");
	world_fini(&w);
}

static void test_preconditions(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_item(&w, "inv", 10);
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
	world_item(&w, "inv", 10);
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

static void test_broken_references(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_item(&w, "inv", 10);
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
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_incomplete_commands),
		cmocka_unit_test(test_preconditions),
		cmocka_unit_test(test_reconciled),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_broken_references),
	};

	return cmocka_run_group_tests_name("stock", tests, NULL, NULL);
}
