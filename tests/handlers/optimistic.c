/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optimistic - the order side's edge, by the test host: what is passed on, what
 * is kept while the inventory side is away, and what becomes of it.
 */
#include "tests/handlers/edge.h"

static void test_passed_on(void **state)
{
	(void)state;
	told("POST", "/allocations", 201, MADE("alloc_1"));
	post(201, BODY("ord_1", "l1", 2));
	assert_string_equal(h.answer.text, MADE("alloc_1"));
	assert_string_equal(request(0)->body, BODY("ord_1", "l1", 2));
	assert_memory_equal(key_of(0), "opt_", 4);
	assert_int_equal(strlen(key_of(0)), 30);
	assert_string_equal(request(0)->correlation_id, "ord_1");
	assert_int_equal(testhost_count(h.t, "records"), 0);
	told("POST", "/allocations", 200, MADE("alloc_1"));
	post(200, BODY("ord_1", "l1", 2));
	told("POST", "/allocations", 409, SHORT);
	post(409, BODY("ord_1", "l2", 2));
	assert_string_equal(h.answer.text, SHORT);
	assert_int_equal(testhost_count(h.t, "records"), 0);
	assert_int_equal(testhost_calls(h.t), 3);
}

static void test_kept_while_away(void **state)
{
	char *id, expected[512];

	(void)state;
	id = kept("{\"orderId\":\"ord_1\",\"orderItemId\":\"l1\",\"inventoryItemId\":"
		  "\"inv_1\",\"quantity\":2,\"expiresAt\":\"2033-05-24T23:59:59.7Z\"}");
	snprintf(expected, sizeof(expected),
		 "{\"success\":true,\"data\":{\"id\":\"%s\",\"orderId\":\"ord_1\","
		 "\"orderItemId\":\"l1\",\"inventoryItemId\":\"inv_1\",\"warehouseId\":null,"
		 "\"quantity\":2,\"status\":\"OPTIMISTIC\","
		 "\"expiresAt\":\"2033-05-24T23:59:59Z\","
		 "\"createdAt\":\"2023-11-14T22:13:20Z\","
		 "\"updatedAt\":\"2023-11-14T22:13:20Z\"}}", id);
	assert_string_equal(h.answer.text, expected);
	assert_memory_equal(testhost_header(h.t, "Location"), "/allocations/opt_", 17);
	assert_string_equal(key_of(0), id);
	assert_int_equal(testhost_count(h.t, "records"), 5);
	ask("get", "GET", 200, id);
	assert_string_equal(h.answer.text, expected);
	ask("confirm", "PUT", 409, id);
	assert_error(WAITS_ERROR);
	assert_string_equal(testhost_header(h.t, "Retry-After"), "1");
	ask("cancel", "PUT", 409, id);
	ask("fulfill", "PUT", 409, id);
	assert_int_equal(testhost_calls(h.t), 1);
	ask("by_order", "GET", 503, "ord_1");
	assert_error(AWAY_ERROR(SERVICE ": nobody told what to answer to "
				"/allocations/by-order/ord_1"));
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = "waiting", .method = "GET"));
	assert_non_null(strstr(h.answer.text, id));
	free(id);
}

static void test_order_of_an_item(void **state)
{
	char *first = kept(BODY("ord_1", "l1", 1)), *second, *third;

	(void)state;
	/* the way is free again, but one is before these */
	told("POST", "/allocations", 201, MADE("alloc_other"));
	told_of("quantity\":1", 201, MADE("alloc_1"));
	told_of("quantity\":2", 201, MADE("alloc_2"));
	now += 5;
	second = kept(BODY("ord_1", "l1", 2));
	third = kept(BODY("ord_1", "l1", 2));
	assert_int_equal(testhost_calls(h.t), 1);
	/* another item of the order, and another order, go past them */
	post(201, BODY("ord_1", "l2", 7));
	post(201, BODY("ord_2", "l1", 7));
	assert_int_equal(testhost_calls(h.t), 3);
	assert_int_equal(records("waiting"), 3);
	assert_int_equal(records("turn"), 1);
	tick("replay");
	assert_true(h.answer.again);
	assert_int_equal(testhost_calls(h.t), 4);
	assert_string_equal(key_of(3), first);
	tick("replay");
	assert_string_equal(key_of(4), second);
	assert_true(h.answer.again);
	tick("replay");
	assert_string_equal(key_of(5), third);
	assert_false(h.answer.again);
	nothing_waits(3);
	tick("replay");
	assert_int_equal(testhost_calls(h.t), 6);
	free(first);
	free(second);
	free(third);
}

static void test_after_the_replay(void **state)
{
	char *id = kept(BODY("ord_1", "l1", 1));

	(void)state;
	told("POST", "/allocations", 201, MADE("alloc/1"));
	tick("replay");
	assert_string_equal(request(1)->body, request(0)->body);
	assert_string_equal(request(1)->correlation_id, "ord_1");
	nothing_waits(1);
	ask("get", "GET", 503, id);
	told("GET", "/allocations/alloc%2F1", 200, MADE("alloc/1"));
	ask("get", "GET", 200, id);
	assert_string_equal(h.answer.text, MADE("alloc/1"));
	told("PUT", "/allocations/alloc%2F1/confirm", 409, SHORT);
	ask("confirm", "PUT", 409, id);
	assert_string_equal(h.answer.text, SHORT);
	told("PUT", "/allocations/alloc%2F1/cancel", 200, MADE("alloc/1"));
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = "cancel", .method = "PUT",
		.params = gantry_is_text(id, strlen(id), 64) ? "id=alloc/1" : "",
		.body = "{\"reason\":\"x\"}"));
	assert_string_equal(request(testhost_calls(h.t) - 1)->body, "{\"reason\":\"x\"}");
	free(id);
}

static void test_a_refusal(void **state)
{
	char *id = kept(BODY("ord_1", "l1", 1)), *next = kept(BODY("ord_1", "l1", 1));

	(void)state;
	told("POST", "/allocations", 409, SHORT);
	tick("replay");
	told("POST", "/allocations", 201, MADE("alloc_2"));
	tick("replay");
	nothing_waits(2);
	ask("get", "GET", 409, id);
	assert_string_equal(h.answer.text, SHORT);
	ask("confirm", "PUT", 409, id);
	assert_string_equal(h.answer.text, SHORT);
	told("GET", "/allocations/alloc_2", 200, MADE("alloc_2"));
	ask("get", "GET", 200, next);
	free(id);
	free(next);
}

static void test_still_away(void **state)
{
	char *id = kept(BODY("ord_1", "l1", 1));

	(void)state;
	tick("replay");
	assert_false(h.answer.again);
	assert_int_equal(testhost_calls(h.t), 2);
	assert_int_equal(records("turn"), 1);
	now += 400;		/* its turn is half a second later, or more */
	tick("replay");
	assert_int_equal(testhost_calls(h.t), 2);
	now += 700;
	tick("replay");
	assert_int_equal(testhost_calls(h.t), 3);
	now += 900;
	tick("replay");
	assert_int_equal(testhost_calls(h.t), 3);
	told("POST", "/allocations", 201, MADE("alloc_1"));
	now += 1200;
	tick("replay");
	assert_string_equal(key_of(3), id);
	nothing_waits(1);
	free(id);
}

static void test_a_clock_that_went_back(void **state)
{
	(void)state;
	now += 3600000;
	free(kept(BODY("ord_1", "l1", 1)));
	now -= 3600000;
	told("POST", "/allocations", 201, MADE("alloc_1"));
	tick("replay");
	nothing_waits(1);
}

static void test_what_says_nothing_is_away(void **state)
{
	static const struct {
		int status;
		const char *body;
	} answers[] = {
		{ 401, "{\"success\":false,\"error\":{\"code\":\"UNAUTHENTICATED\"}}" },
		{ 403, "{\"success\":false,\"error\":{\"code\":\"FORBIDDEN\"}}" },
		{ 404, "{\"success\":false,\"error\":{\"code\":\"ROUTE_NOT_FOUND\"}}" },
		{ 404, "<html>" },
		{ 405, "{\"success\":false,\"error\":{\"code\":\"METHOD_NOT_ALLOWED\"}}" },
		{ 409, "{\"success\":false,\"error\":{\"code\":\"IDEMPOTENCY_IN_PROGRESS\","
		       "\"retryable\":true}}" },
		{ 422, "{}" },
		{ 302, "" },
		{ 429, "" },
		{ 500, "" },
		{ 503, "" },
		{ 200, "welcome" },
		{ 201, "{\"success\":true,\"data\":{}}" },
		{ 201, "{\"data\":{\"id\":\"alloc_1\"}}" },
	};
	unsigned n = sizeof(answers) / sizeof(*answers);
	char *id = NULL;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		told("POST", "/allocations", answers[i].status, answers[i].body);
		now += 100000;
		tick("replay");		/* what waited goes on waiting */
		assert_int_equal(records("waiting"), i > 0 ? 1 : 0);
		if (id == NULL)
			id = kept(BODY("ord_1", "l1", 1));
	}
	told("POST", "/allocations", 201, MADE("alloc_1"));
	now += 100000;
	tick("replay");
	assert_string_equal(key_of(testhost_calls(h.t) - 1), id);
	nothing_waits(1);
	free(id);
	for (unsigned i = 0; i < n; i++) {
		char body[256];

		snprintf(body, sizeof(body), "{\"orderId\":\"o%u\",\"orderItemId\":\"l\","
			 "\"inventoryItemId\":\"i\",\"quantity\":1}", i);
		told("POST", "/allocations", answers[i].status, answers[i].body);
		free(kept(body));
	}
	assert_int_equal(records("waiting"), n);
}

/* An order may have as many items as it likes. */
static void test_a_large_order(void **state)
{
	static const char none[] = "{\"success\":true,\"data\":[]}";
	const json_t *data;
	json_t *answer;
	char body[256];

	(void)state;
	for (int i = 0; i < 1100; i++) {
		snprintf(body, sizeof(body), "{\"orderId\":\"ord_1\",\"orderItemId\":\"l%d\","
			 "\"inventoryItemId\":\"i\",\"quantity\":1}", i);
		free(kept(body));
	}
	told("GET", "/allocations/by-order/ord_1", 200, none);
	ask("by_order", "GET", 200, "ord_1");
	answer = json_loads(h.answer.text, 0, NULL);
	data = json_object_get(answer, "data");
	assert_int_equal(json_array_size(data), 1100);
	json_decref(answer);
	told("GET", "/allocations/by-order/ord_2", 200, none);
	ask("by_order", "GET", 200, "ord_2");
	assert_string_equal(h.answer.text, none);
}

/* Many orders: eight at once, each tick, and all of them in the end. */
static void test_many_orders(void **state)
{
	char body[256];
	unsigned calls;

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(body, sizeof(body), "{\"orderId\":\"o%d\",\"orderItemId\":\"l%d\","
			 "\"inventoryItemId\":\"i\",\"quantity\":1}", i / 2, i % 2);
		free(kept(body));
		now++;
	}
	assert_int_equal(records("turn"), 20);
	calls = testhost_calls(h.t);
	told("POST", "/allocations", 201, MADE("alloc_1"));
	told_of("\"o3\"", 0, NULL);
	tick("replay");
	assert_true(h.answer.again);
	assert_int_equal(testhost_calls(h.t), calls + 8);
	assert_int_equal(records("waiting"), 14);
	tick("replay");
	assert_true(h.answer.again);
	tick("replay");
	assert_false(h.answer.again);
	assert_int_equal(testhost_calls(h.t), calls + 20);
	assert_int_equal(records("waiting"), 2);
	assert_int_equal(records("line"), 2);
	told_of("\"o3\"", 409, SHORT);
	now += 2000;
	tick("replay");
	nothing_waits(20);
}

static void test_what_others_answer(void **state)
{
	(void)state;
	told("GET", "/allocations/alloc_1", 404, "{\"success\":false,\"error\":{\"code\":"
	     "\"ALLOCATION_NOT_FOUND\"}}");
	ask("get", "GET", 404, "alloc_1");
	told("GET", "/allocations/alloc_1", 401, "{\"success\":false,\"error\":{\"code\":"
	     "\"UNAUTHENTICATED\"}}");
	ask("get", "GET", 503, "alloc_1");
	assert_error(AWAY_ERROR(SERVICE " answers 401"));
	told("PUT", "/allocations/alloc_1/confirm", 409, "{\"success\":false,\"error\":{\"code\":"
	     "\"X\",\"retryable\":true}}");
	ask("confirm", "PUT", 409, "alloc_1");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_passed_on),
		TEST(test_kept_while_away),
		TEST(test_order_of_an_item),
		TEST(test_after_the_replay),
		TEST(test_a_refusal),
		TEST(test_still_away),
		TEST(test_a_clock_that_went_back),
		TEST(test_what_says_nothing_is_away),
		TEST(test_a_large_order),
		TEST(test_many_orders),
		TEST(test_what_others_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
