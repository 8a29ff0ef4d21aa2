/* SPDX-License-Identifier: Apache-2.0 */
/* stock_return - what comes back: expected, received (D12, D18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/stock_world.h"

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

	world_item(w, "inv", 20);
	world_item(w, "other", 20);
	for (int i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "alloc_%d", i + 1);
		RUN(w, .kind = GANTRY_ALLOCATE, .order_id = "o1",
		    .order_item_id = rows[i].line, .item_id = rows[i].item,
		    .quantity = rows[i].quantity);
		world_bring(w, id, i == 3 ? "CONFIRMED" : "FULFILLED");
	}
	world_check_counts(w, "inv", 1, 11);
	world_check_counts(w, "other", 0, 17);
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
	world_check_counts(&w, "inv", 1, 11);
	/* nothing is left for another one */
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_EXPECT,
				    .order_id = "o1"), "STOOD");
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "r"),
			    "APPLIED r/alloc_1:RECEIVED:5/5 "
			    "r/alloc_2:RECEIVED:3/3 r/alloc_3:RECEIVED:4/4");
	world_check_counts(&w, "inv", 1, 20);
	world_check_counts(&w, "other", 0, 20);
	assert_string_equal(SUMMARY(&w, .kind = GANTRY_RETURN_RECEIVE,
				    .return_id = "r"),
			    "STOOD r/alloc_1:RECEIVED:5/5 "
			    "r/alloc_2:RECEIVED:3/3 r/alloc_3:RECEIVED:4/4");
	world_check_counts(&w, "inv", 1, 20);
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
	world_check_counts(&w, "inv", 1, 14);
	world_check_counts(&w, "other", 0, 17);
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
	world_check_counts(&w, "inv", 1, 18);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_return_of_all),
		cmocka_unit_test(test_return_of_part),
	};

	return cmocka_run_group_tests_name("stock_return", tests, NULL, NULL);
}
