/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optimistic - what the edge is asked for, by the test host: what is no valid
 * request, bounds, keys, lists, many at once, and what is forgotten.
 */
#include "tests/handlers/edge.h"

static void send_keyed(int status, const char *key, const char *body)
{
	char headers[400];

	snprintf(headers, sizeof(headers), "Idempotency-Key=%s", key);
	host_send(&h, status, &TESTHOST_MESSAGE(.handler = "create", .body = body,
		.role = "order-service", .idempotency_key = key, .headers = headers,
		.now_ms = now));
}

static void test_the_key_of_the_caller(void **state)
{
	char *one, *two;

	(void)state;
	send_keyed(202, "k:1", BODY("ord_1", "l1", 1));
	one = host_data(&h, "id");
	assert_string_equal(key_of(0), "tester:k:1");
	send_keyed(202, "k:1", BODY("ord_1", "l1", 1));
	two = host_data(&h, "id");
	assert_string_equal(one, two);
	assert_string_equal(testhost_header(h.t, "Idempotent-Replayed"), "true");
	assert_int_equal(records("waiting"), 1);
	send_keyed(422, "k:1", BODY("ord_1", "l1", 2));
	assert_int_equal(records("waiting"), 1);
	told("POST", "/allocations", 201, MADE("alloc_1"));
	tick("replay");
	assert_string_equal(key_of(testhost_calls(h.t) - 1), "tester:k:1");
	nothing_waits(1);
	send_keyed(202, "k:1", BODY("ord_1", "l1", 1));
	nothing_waits(1);
	free(one);
	free(two);
}

static void test_the_key_is_too_long(void **state)
{
	char key[256];

	(void)state;
	memset(key, 'k', sizeof(key) - 1);
	key[255] = '\0';
	send_keyed(400, key, BODY("ord_1", "l1", 1));
	assert_error("{\"success\":false,\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":"
		     "\"The request is not valid\",\"details\":[{\"field\":\"Idempotency-Key\","
		     "\"problem\":\"must have at most 255 bytes together with the name of the "
		     "sender\"}],\"retryable\":false}}");
	key[255 - 7] = '\0';
	send_keyed(202, key, BODY("ord_1", "l1", 1));
	assert_int_equal(strlen(key_of(0)), 255);
}

static void test_correlation(void **state)
{
	(void)state;
	host_send(&h, 202, &TESTHOST_MESSAGE(.handler = "create",
		.body = BODY("ord_1", "l1", 1), .correlation_id = "cor_x",
		.headers = "X-Correlation-ID=cor_x", .now_ms = now));
	assert_string_equal(request(0)->correlation_id, "cor_x");
	now++;
	free(kept(BODY("ord_2", "l1", 1)));
	now++;
	free(kept(BODY("\xc3\xa4", "l1", 1)));
	told("POST", "/allocations", 201, MADE("alloc_1"));
	tick("replay");
	assert_int_equal(testhost_calls(h.t), 6);
	assert_string_equal(request(3)->correlation_id, "cor_x");
	assert_string_equal(request(4)->correlation_id, "ord_2");
	assert_string_equal(request(5)->correlation_id, key_of(5));
	assert_string_equal(request(2)->correlation_id, key_of(5));
}

static void test_what_is_not_valid(void **state)
{
	(void)state;
	post(400, "{\"orderId\":\"\",\"quantity\":0,\"expiresAt\":\"2020-01-01T00:00:00Z\"}");
	assert_error("{\"success\":false,\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":"
		     "\"The request is not valid\",\"details\":["
		     "{\"field\":\"orderId\",\"problem\":\"must be text of 1 to 128 bytes without "
		     "control characters\"},"
		     "{\"field\":\"orderItemId\",\"problem\":\"is required\"},"
		     "{\"field\":\"inventoryItemId\",\"problem\":\"is required\"},"
		     "{\"field\":\"quantity\",\"problem\":\"must be a whole number from 1 to "
		     "1000000000\"},"
		     "{\"field\":\"expiresAt\",\"problem\":\"must lie in the future\"}],"
		     "\"retryable\":false}}");
	post(400, "[1]");
	post(400, "{");
	{
		char body[1200];

		snprintf(body, sizeof(body), "{\"x\":\"%01000d\"}", 0);
		post(413, body);
		assert_error("{\"success\":false,\"error\":{\"code\":\"PAYLOAD_TOO_LARGE\","
			     "\"message\":\"The body is larger than 1000 bytes\","
			     "\"retryable\":false}}");
	}
	ask("get", "GET", 404, "opt_nobody");
	assert_string_equal(h.answer.code, "ALLOCATION_NOT_FOUND");
	ask("confirm", "PUT", 404, "opt_nobody");
	assert_int_equal(testhost_calls(h.t), 0);
	assert_int_equal(testhost_count(h.t, "records"), 0);
}

static void test_bounds(void **state)
{
	static const char *const options[] = {
		"inventory_service=" SERVICE, "max_waiting=3", NULL
	};

	(void)state;
	with(options);
	for (int i = 0; i < 3; i++)
		free(kept(BODY("ord_1", "l1", 1)));
	post(503, BODY("ord_2", "l1", 1));
	assert_string_equal(h.answer.code, "OVERLOADED");
	assert_string_equal(h.answer.message,
			    "As many requests wait for the inventory side as may");
	assert_string_equal(testhost_header(h.t, "Retry-After"), "1");
	told("POST", "/allocations", 201, MADE("alloc_1"));
	post(201, BODY("ord_2", "l1", 1));
	tick("replay");
	told("POST", "/allocations", 0, NULL);
	free(kept(BODY("ord_2", "l1", 1)));
	post(503, BODY("ord_2", "l1", 1));
}

static void test_one_order_item_has_its_bound(void **state)
{
	(void)state;
	for (int i = 0; i < 32; i++)
		free(kept(BODY("ord_1", "l1", 1)));
	post(503, BODY("ord_1", "l1", 1));
	assert_string_equal(h.answer.message, "As many requests of this order item wait for "
					      "the inventory side as may");
	free(kept(BODY("ord_1", "l2", 1)));
}

#define LIST_OF(a)                                                          \
	"{\"success\":true,\"data\":[{\"id\":\"" a "\",\"orderItemId\":\"l9\"," \
	"\"inventoryItemId\":\"inv_1\",\"status\":\"PENDING\"}]}"

static void test_the_list_of_an_order(void **state)
{
	static const char paged[] = "{\"success\":true,\"data\":[],\"next\":\"9\"}";
	char *id;

	(void)state;
	told("GET", "/allocations/by-order/ord_1", 200, LIST_OF("alloc_9"));
	ask("by_order", "GET", 200, "ord_1");
	assert_string_equal(h.answer.text, LIST_OF("alloc_9"));
	id = kept(BODY("ord_1", "l1", 1));
	free(kept(BODY("ord_2", "l1", 1)));
	ask("by_order", "GET", 200, "ord_1");
	assert_non_null(strstr(h.answer.text, "[{\"id\":\"alloc_9\""));
	assert_non_null(strstr(h.answer.text, id));
	assert_non_null(strstr(h.answer.text, "\"OPTIMISTIC\""));
	assert_null(strstr(h.answer.text, "ord_2"));
	/* made, but we have not heard of it: shown once */
	free(kept(BODY("ord_1", "l9", 1)));
	ask("by_order", "GET", 200, "ord_1");
	assert_null(strstr(strstr(h.answer.text, "OPTIMISTIC") + 1, "OPTIMISTIC"));
	told("GET", "/allocations/by-order/ord_1?limit=5&after=%25", 200, paged);
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = "by_order", .method = "GET",
		.params = "orderId=ord_1", .query = "limit=5&after=%"));
	assert_string_equal(h.answer.text, paged);
	free(id);
}

static void test_the_list_of_what_waits(void **state)
{
	char *id = kept(BODY("ord_1", "l1", 1)), expected[64];

	(void)state;
	now += 1;
	free(kept(BODY("ord_2", "l1", 1)));
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = "waiting", .method = "GET",
		.query = "limit=1"));
	snprintf(expected, sizeof(expected), "],\"next\":\"%s\"}", id);
	assert_non_null(strstr(h.answer.text, expected));
	snprintf(expected, sizeof(expected), "limit=1&after=%s", id);
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = "waiting", .method = "GET",
		.query = expected));
	assert_non_null(strstr(h.answer.text, "ord_2"));
	assert_null(strstr(h.answer.text, "next"));
	host_send(&h, 400, &TESTHOST_MESSAGE(.handler = "waiting", .method = "GET",
		.query = "limit=1001&after="));
	assert_error("{\"success\":false,\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":"
		     "\"The request is not valid\",\"details\":[{\"field\":\"limit\",\"problem\":"
		     "\"must be a whole number from 1 to 1000\"},{\"field\":\"after\",\"problem\":"
		     "\"must be what \\\"next\\\" said\"}],\"retryable\":false}}");
	free(id);
}

#define BULK(line)                                                          \
	"{\"orderId\":\"ord_1\",\"items\":[{\"orderItemId\":\"" line "\","   \
	"\"inventoryItemId\":\"inv_1\",\"quantity\":1}]}"

static void send_bulk(int status, const char *body)
{
	host_send(&h, status, &TESTHOST_MESSAGE(.handler = "create_bulk", .body = body,
		.idempotency_key = "k", .headers = "Idempotency-Key=k",
		.role = "order-service"));
}

static void test_bulk(void **state)
{
	(void)state;
	send_bulk(503, BULK("l1"));
	assert_error(AWAY_ERROR(SERVICE ": nobody told what to answer to /allocations/bulk"));
	assert_string_equal(key_of(0), "tester:k");
	assert_int_equal(testhost_count(h.t, "records"), 0);
	free(kept(BODY("ord_1", "l1", 1)));
	told("POST", "/allocations/bulk", 201, "{\"success\":true,\"data\":{\"orderId\":\"ord_1\"}}");
	send_bulk(503, BULK("l1"));
	assert_error("{\"success\":false,\"error\":{\"code\":\"ALLOCATION_OPTIMISTIC\",\"message\":"
		     "\"An allocation of these order items waits for the inventory side\","
		     "\"retryable\":true}}");
	told("POST", "/allocations/bulk", 409, "{\"success\":false,\"error\":{\"code\":"
	     "\"IDEMPOTENCY_IN_PROGRESS\",\"retryable\":true}}");
	send_bulk(503, BULK("l2"));
	told("POST", "/allocations/bulk", 207, "{\"success\":true,\"data\":{\"orderId\":\"ord_1\"}}");
	send_bulk(207, BULK("l2"));
	host_send(&h, 400, &TESTHOST_MESSAGE(.handler = "create_bulk", .body = "{}"));
	host_send(&h, 400, &TESTHOST_MESSAGE(.handler = "create_bulk", .body = "[]"));
}

static void test_forget(void **state)
{
	char *id = kept(BODY("ord_1", "l1", 1));

	(void)state;
	told("POST", "/allocations", 409, SHORT);
	tick("replay");
	now += 60000 - 1;
	tick("forget");
	ask("get", "GET", 409, id);
	now += 1;
	tick("forget");
	nothing_waits(0);
	ask("get", "GET", 404, id);
	free(id);
}

static void test_options(void **state)
{
	static const char *const slow[] = { "inventory_service=" SERVICE,
					    "backoff=1m", NULL };

	(void)state;
	host_refuses("optimistic", slow, "options:1:1: test: backoff: is longer than max_backoff");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_key_of_the_caller),
		TEST(test_the_key_is_too_long),
		TEST(test_correlation),
		TEST(test_what_is_not_valid),
		TEST(test_bounds),
		TEST(test_one_order_item_has_its_bound),
		TEST(test_the_list_of_an_order),
		TEST(test_the_list_of_what_waits),
		TEST(test_bulk),
		TEST(test_forget),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
