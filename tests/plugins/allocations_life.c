/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocations_life - an allocation from the request to the shipment, and the
 * other ways it may end, by the API's handlers in the test host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sdk/testhost/testhost.h"

#define HOUR INT64_C(3600000)

static struct testhost *host;

static int setup(void **state)
{
	(void)state;
	host = testhost_open(&TESTHOST(.plugin = PLUGINS "/allocations/.libs/allocations.so",
				       .memory = PLUGINS "/memory/.libs/memory.so"), NULL);
	return host == NULL || testhost_stock(host, "inv_1", 10) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	testhost_close(&host);
	return 0;
}

static struct testhost_answer send_to(const struct testhost_message *in, int status)
{
	struct testhost_message m = *in;
	struct testhost_answer a;

	m.correlation_id = "cor_1";
	assert_int_equal(testhost_send(host, &m, &a), 0);
	assert_int_equal(a.status, status);
	return a;
}
#define SEND(status, ...) send_to(&TESTHOST_MESSAGE(__VA_ARGS__), status)

/* A column of the only row of a table, or NULL. The caller frees it. */
static char *cell(const char *table, const char *column)
{
	json_t *rows = testhost_rows(host, table), *value;
	char *text;

	assert_int_equal(json_array_size(rows), 1);
	value = json_object_get(json_array_get(rows, 0), column);
	text = json_is_string(value) ? strdup(json_string_value(value)) :
				       json_dumps(value, JSON_ENCODE_ANY);
	json_decref(rows);
	return text;
}

static void assert_cell(const char *table, const char *column, const char *expected)
{
	char *text = cell(table, column);

	assert_string_equal(text, expected);
	free(text);
}

#define BODY(quantity) "{\"orderId\":\"ord_1\",\"orderItemId\":\"oi_1\"," \
	"\"inventoryItemId\":\"inv_1\",\"quantity\":" quantity "}"

static void test_life(void **state)
{
	struct testhost_answer a;
	char params[64], *id;

	(void)state;
	a = SEND(201, .handler = "create", .body = BODY("2"));
	id = cell("allocations", "id");
	snprintf(params, sizeof(params), "id=%s", id);
	assert_string_equal(strrchr(testhost_header(host, "Location"), '/') + 1, id);
	assert_memory_equal(a.text, "{\"success\":true,\"data\":{\"id\":\"alloc_", 36);
	assert_non_null(strstr(a.text, "\",\"orderId\":\"ord_1\",\"orderItemId\":\"oi_1\","
		"\"inventoryItemId\":\"inv_1\",\"warehouseId\":\"wh_1\",\"quantity\":2,"
		"\"status\":\"PENDING\",\"expiresAt\":\""));
	assert_cell("stock", "reserved", "2");
	/* the same again stands, and makes no second event */
	SEND(200, .handler = "create", .body = BODY("2"));
	SEND(409, .handler = "create", .body = BODY("3"));
	assert_int_equal(testhost_count(host, "allocations"), 1);
	assert_int_equal(testhost_count(host, "outbox"), 1);
	for (int i = 0; i < 2; i++) {
		a = SEND(200, .handler = "confirm", .method = "PUT", .params = params);
		assert_non_null(strstr(a.text, "\"status\":\"CONFIRMED\""));
		assert_int_equal(testhost_count(host, "outbox"), 2);
	}
	a = SEND(200, .handler = "get", .method = "GET", .params = params);
	assert_non_null(strstr(a.text, "\"status\":\"CONFIRMED\""));
	a = SEND(200, .handler = "fulfill", .method = "PUT", .params = params);
	assert_non_null(strstr(a.text, "\"status\":\"FULFILLED\""));
	a = SEND(409, .handler = "cancel", .method = "PUT", .params = params);
	assert_string_equal(a.code, "INVALID_STATE_TRANSITION");
	assert_cell("stock", "reserved", "0");
	assert_cell("stock", "available", "8");
	assert_int_equal(testhost_count(host, "outbox"), 3);
	free(id);
}

#define ITEM(item, quantity) "{\"orderItemId\":\"oi_" item "\"," \
	"\"inventoryItemId\":\"inv_1\",\"quantity\":" quantity "}"

static void test_bulk(void **state)
{
	struct testhost_answer a;

	(void)state;
	a = SEND(409, .handler = "create_bulk", .body = "{\"orderId\":\"ord_1\",\"items\":["
		 ITEM("1", "4") "," ITEM("2", "7") "]}");
	assert_string_equal(a.code, "INSUFFICIENT_STOCK");
	assert_non_null(strstr(a.text, "\"index\":1"));
	assert_non_null(strstr(a.text, "\"available\":6"));
	assert_int_equal(testhost_count(host, "allocations"), 0);
	assert_cell("outbox", "type", "InsufficientStock");
	assert_cell("stock", "reserved", "0");
	a = SEND(207, .handler = "create_bulk", .body = "{\"orderId\":\"ord_1\","
		 "\"mode\":\"partial\",\"items\":[" ITEM("1", "4") "," ITEM("2", "7") "]}");
	assert_non_null(strstr(a.text, "\"failures\":[{\"index\":1,\"orderItemId\":\"oi_2\","
				"\"inventoryItemId\":\"inv_1\",\"error\":{"));
	assert_cell("allocations", "quantity", "4");
	a = SEND(200, .handler = "by_order", .method = "GET", .params = "orderId=ord_1");
	assert_non_null(strstr(a.text, "\"quantity\":4"));
	assert_cell("stock", "reserved", "4");
}

/* What was allocated for a day, 25 hours ago, is cancelled; then it is too late. */
static void test_expire(void **state)
{
	int64_t now = (int64_t)time(NULL) * 1000;
	struct testhost_answer a;
	char params[64], *id;

	(void)state;
	SEND(201, .handler = "create", .body = BODY("2"), .now_ms = now - 25 * HOUR);
	id = cell("allocations", "id");
	snprintf(params, sizeof(params), "id=%s", id);
	a = SEND(200, .handler = "expire", .source = GANTRY_SOURCE_SCHEDULE,
		 .now_ms = now - 24 * HOUR);
	assert_false(a.again);
	assert_cell("allocations", "status", "PENDING");
	a = SEND(409, .handler = "confirm", .method = "PUT", .params = params);
	assert_string_equal(a.code, "ALLOCATION_EXPIRED");
	a = SEND(200, .handler = "expire", .source = GANTRY_SOURCE_SCHEDULE);
	assert_false(a.again);
	assert_cell("allocations", "status", "CANCELLED");
	assert_cell("allocations", "reason", "EXPIRED");
	assert_cell("stock", "reserved", "0");
	assert_int_equal(testhost_count(host, "outbox"), 2);
	free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_life),
		TEST(test_bulk),
		TEST(test_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
