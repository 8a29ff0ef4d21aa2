/* SPDX-License-Identifier: Apache-2.0 */
/* stock_moves - allocations and orders by table: D3, D4, D5, D20. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/stock_world.h"

/* D3: status by command. */

static const struct transition {
	const char *from;
	enum gantry_command_kind kind;
	const char *want;
	int64_t reserved, available;
} transitions[] = {
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

static int64_t version_of(const struct world *w)
{
	return world_row(w, STOCK_ALLOCATIONS, "alloc_1")
		[ALLOCATIONS_VERSION].is.number;
}

static void check_transition(const struct transition *cell, bool by_event)
{
	struct gantry_command c = GANTRY_COMMAND(
		.kind = cell->kind, .allocation_id = "alloc_1",
		.by_event = by_event);
	const struct stock_decision *d;
	struct world w;
	int64_t version;

	world_init(&w);
	world_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 2, .expires_at_ms = w.now_ms + 1000));
	world_bring(&w, "alloc_1", cell->from);
	/* the very millisecond counts as expired; what moved on has no time */
	w.now_ms += strcmp(cell->from, "PENDING") == 0 ? 999 : 1000;
	version = version_of(&w);
	world_begin(&w, &c, 1);		/* decided, then taken back */
	world_decide(&w, &c);
	rowset_undo(&w.rows);
	world_commit(&w);
	d = world_run(&w, &c);
	if (strcmp(world_summary(&w, d), cell->want) != 0)
		fail_msg("%s, command %d: %s", cell->from, cell->kind,
			 world_summary(&w, d));
	version += d->outcome.result == GANTRY_APPLIED;
	if (d->outcome.result == GANTRY_APPLIED) {
		d = world_run(&w, &c);
		assert_int_equal(d->outcome.result, GANTRY_STOOD);
		assert_int_equal(d->n_events, 0);
	}
	world_check_counts(&w, "inv", cell->reserved, cell->available);
	assert_int_equal(version_of(&w), version);
	world_fini(&w);
}

static void test_transitions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		check_transition(&transitions[i], false);
		check_transition(&transitions[i], true);
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
	world_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 2, .expires_at_ms = w.now_ms + 1000));
	w.now_ms += 1000;
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
	world_check_order(&w, "o1", "OPEN", 0);
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

	world_item(w, "inv", 100);
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
		world_bring(w, id, statuses[i]);
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
			world_check_order(&w, "o1", cells[i].order, cells[i].live);
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
	world_check_counts(&w, "inv", 4, 98);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_ORDER_CONFIRM,
				    .order_id = "o1"), "STOOD");
	RUN(&w, .kind = GANTRY_ORDER_CANCEL, .order_id = "o1", .reason = "why");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_1");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_REASON]), "why");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_5");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_REASON]), "no");
	row = world_row(&w, STOCK_ALLOCATIONS, "alloc_4");
	assert_string_equal(world_text(&w, &row[ALLOCATIONS_STATUS]), "FULFILLED");
	world_check_counts(&w, "inv", 0, 98);
	world_fini(&w);
}

/* D5 */

static void test_same_again(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_item(&w, "inv", 10);
	world_item(&w, "other", 10);
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
	world_item(&w, "inv", 10);
	RUN(&w, ALLOCATE("o1", "inv", 8, .expires_at_ms = w.now_ms + 1000));
	w.now_ms += 1000;
	/* too many: nothing moves, and the units of the expired one count */
	assert_string_equal(ERROR_OF(&w, ALLOCATE("o1", "inv", 11)),
			    "{\"code\":\"INSUFFICIENT_STOCK\",\"message\":"
			    "\"Not enough inventory available\",\"details\":{"
			    "\"inventoryItemId\":\"inv\",\"warehouseId\":\"wh\","
			    "\"requested\":11,\"available\":10}}");
	world_check_counts(&w, "inv", 8, 10);
	assert_string_equal(SUMMARY(&w, ALLOCATE("o1", "inv", 8)),
			    "APPLIED alloc_2:PENDING | "
			    "AllocationCancelled alloc_1, AllocationCreated alloc_2");
	world_check_counts(&w, "inv", 8, 10);
	world_check_order(&w, "o1", "OPEN", 1);
	world_fini(&w);
}

static void test_order_size(void **state)
{
	struct world w;
	char line[16];

	(void)state;
	world_init(&w);
	world_item(&w, "inv", 5000);
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
				ALLOCATE("o1", "inv", 1,
					 .expires_at_ms = w.now_ms + 1)))->outcome.result,
			 GANTRY_APPLIED);
	/* full again, but an expired one gives its place to its successor */
	assert_string_equal(world_summary(&w, world_decide(&w, &GANTRY_COMMAND(
				.kind = GANTRY_ALLOCATE, .order_id = "o1",
				.order_item_id = "l7", .item_id = "inv",
				.quantity = 1))), "REFUSED ORDER_TOO_LARGE");
	w.now_ms++;
	assert_int_equal(world_decide(&w, &GANTRY_COMMAND(
				ALLOCATE("o1", "inv", 1)))->outcome.result,
			 GANTRY_APPLIED);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transitions),
		cmocka_unit_test(test_expired_stays_expired),
		cmocka_unit_test(test_table_of_orders),
		cmocka_unit_test(test_order_reasons_and_repeats),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_expired_gives_way),
		cmocka_unit_test(test_order_size),
	};

	return cmocka_run_group_tests_name("stock_moves", tests, NULL, NULL);
}
