/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optimistic - the order side's edge, by the test host: what is passed on, what
 * is kept while the inventory side is away, and what becomes of it.
 */
#include "tests/handlers/host.h"

#define NOW INT64_C(1700000000000)
#define SERVICE "inventory-service"
#define BODY(order, line, quantity)                                         \
	"{\"orderId\":\"" order "\",\"orderItemId\":\"" line "\","           \
	"\"inventoryItemId\":\"inv_1\",\"quantity\":" #quantity "}"
#define MADE(id)                                                            \
	"{\"success\":true,\"data\":{\"id\":\"" id "\",\"status\":\"PENDING\"}}"
#define SHORT                                                               \
	"{\"success\":false,\"error\":{\"code\":\"INSUFFICIENT_STOCK\","     \
	"\"message\":\"Not enough inventory available\",\"retryable\":false}}"

static struct host h;
static int64_t now;

static int setup(void **state)
{
	static const char *const options[] = {
		"inventory_service=" SERVICE, "max_body=1000", "keep=60s", NULL
	};

	(void)state;
	now = NOW;
	host_open(&h, "optimistic", options);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	testhost_close(&h.t);
	return 0;
}

static void with(const char *const *options)
{
	testhost_close(&h.t);
	host_open(&h, "optimistic", options);
}

static void told(const char *method, const char *path, int status, const char *body)
{
	testhost_upstream(h.t, &TESTHOST_UPSTREAM(.name = SERVICE, .method = method,
		.path = path, .status = status, .body = body));
}

static void told_of(const char *contains, int status, const char *body)
{
	testhost_upstream(h.t, &TESTHOST_UPSTREAM(.name = SERVICE, .method = "POST",
		.path = "/allocations", .status = status, .body = body,
		.contains = contains));
}

static void post(int status, const char *body)
{
	host_send(&h, status, &TESTHOST_MESSAGE(.handler = "create", .body = body,
		.now_ms = now));
}

/* Kept; its id, the test's to free. */
static char *kept(const char *body)
{
	post(202, body);
	return host_data(&h, "id");
}

static void ask(const char *handler, const char *method, int status, const char *id)
{
	char *params = malloc(strlen(id) + 16);

	sprintf(params, "%s=%s", strcmp(handler, "by_order") == 0 ? "orderId" : "id", id);
	host_send(&h, status, &TESTHOST_MESSAGE(.handler = handler, .method = method,
		.params = params, .now_ms = now));
	free(params);
}

static void tick(const char *handler)
{
	host_send(&h, 200, &TESTHOST_MESSAGE(.handler = handler,
		.source = GANTRY_SOURCE_SCHEDULE, .method = "", .now_ms = now));
	assert_int_equal(h.answer.verdict, GANTRY_DONE);
}

/* What is kept in a space; 0: nothing at all. */
static unsigned records(const char *space)
{
	json_t *rows = testhost_rows(h.t, "records");
	unsigned n = 0;
	const json_t *row;
	char *begin;
	size_t i;

	begin = malloc(strlen(space) + 16);
	sprintf(begin, "test\x1f%s\x1f", space);
	json_array_foreach(rows, i, row)
		n += strncmp(json_string_value(json_object_get(row, "key")), begin,
			     strlen(begin)) == 0;
	free(begin);
	json_decref(rows);
	return n;
}

static void nothing_waits(unsigned ended)
{
	assert_int_equal(records("waiting"), 0);
	assert_int_equal(records("line"), 0);
	assert_int_equal(records("turn"), 0);
	assert_int_equal(records("share"), 0);
	assert_int_equal(records("ended"), ended);
	assert_int_equal(testhost_count(h.t, "records"), ended);
}

static const struct gantry_request *request(unsigned n)
{
	const struct gantry_request *r = testhost_request(h.t, n);

	assert_non_null(r);
	return r;
}

static const char *key_of(unsigned n)
{
	static const char name[] = "Idempotency-Key: ";
	const char *header = request(n)->headers[0];

	assert_non_null(header);
	assert_memory_equal(header, name, sizeof(name) - 1);
	return header + sizeof(name) - 1;
}

/* Without the correlation id, which is minted. */
static void assert_error(const char *expected)
{
	json_t *answer = json_loads(h.answer.text, 0, NULL);
	json_t *error = json_object_get(answer, "error");
	char *text;

	assert_non_null(json_string_value(json_object_get(error, "correlationId")));
	json_object_del(error, "correlationId");
	text = json_dumps(answer, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(answer);
}

#define AWAY_ERROR(message)                                                 \
	"{\"success\":false,\"error\":{\"code\":\"INVENTORY_SERVICE_UNAVAILABLE\"," \
	"\"message\":\"" message "\",\"retryable\":true}}"
#define WAITS_ERROR                                                         \
	"{\"success\":false,\"error\":{\"code\":\"ALLOCATION_OPTIMISTIC\","  \
	"\"message\":\"The allocation waits for the inventory side\",\"retryable\":true}}"

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
		TEST(test_passed_on),
		TEST(test_kept_while_away),
		TEST(test_order_of_an_item),
		TEST(test_after_the_replay),
		TEST(test_a_refusal),
		TEST(test_still_away),
		TEST(test_a_clock_that_went_back),
		TEST(test_what_says_nothing_is_away),
		TEST(test_the_key_of_the_caller),
		TEST(test_the_key_is_too_long),
		TEST(test_correlation),
		TEST(test_what_is_not_valid),
		TEST(test_bounds),
		TEST(test_one_order_item_has_its_bound),
		TEST(test_a_large_order),
		TEST(test_many_orders),
		TEST(test_the_list_of_an_order),
		TEST(test_the_list_of_what_waits),
		TEST(test_bulk),
		TEST(test_what_others_answer),
		TEST(test_forget),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
