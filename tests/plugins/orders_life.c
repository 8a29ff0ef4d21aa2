/* SPDX-License-Identifier: Apache-2.0 */
/* orders_life - what events make of an order, from table to table (D18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/testhost/testhost.h"

static struct testhost *host;

static int setup(void **state)
{
	(void)state;
	host = testhost_open(&TESTHOST(
		.plugin = PLUGINS "/order-events/.libs/order-events.so",
		.memory = PLUGINS "/memory/.libs/memory.so"), NULL);
	return host == NULL || testhost_stock(host, "inv_1", 10) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	testhost_close(&host);
	return 0;
}

/* An event with this payload, to the handler for its type. */
static struct testhost_answer event(const char *handler, const char *type,
				    const char *id, const char *payload)
{
	struct testhost_answer a;
	char body[2048];

	snprintf(body, sizeof(body), "{\"eventId\":\"%s\",\"eventType\":\"%s\","
		 "\"eventVersion\":\"1.0.0\",\"payload\":%s}", id, type, payload);
	assert_int_equal(testhost_send(host, &TESTHOST_MESSAGE(
		.handler = handler, .source = GANTRY_SOURCE_AMQP, .id = id,
		.correlation_id = "cor_1", .body = body), &a), 0);
	return a;
}

static void apply(const char *handler, const char *type, const char *id,
		  const char *payload, const char *outcome)
{
	struct testhost_answer a = event(handler, type, id, payload);

	assert_int_equal(a.verdict, GANTRY_DONE);
	assert_string_equal(a.outcome, outcome);
}

#define ITEM(item, quantity) "{\"orderItemId\":\"oi_" item "\"," \
	"\"inventoryItemId\":\"inv_1\",\"quantity\":" quantity "}"
#define CREATED(items) "{\"orderId\":\"ord_1\",\"requiresPreAllocation\":true," \
	"\"items\":[" items "]}"
#define ORDER "{\"orderId\":\"ord_1\"}"

/* How many rows of a table have this text in this column. */
static size_t count(const char *table, const char *column, const char *text)
{
	json_t *rows = testhost_rows(host, table), *row;
	size_t i, n = 0;

	json_array_foreach(rows, i, row) {
		const char *value = json_string_value(json_object_get(row, column));

		n += value != NULL && strcmp(value, text) == 0;
	}
	json_decref(rows);
	return n;
}

static void test_life(void **state)
{
	(void)state;
	apply("created", "OrderCreated", "e1", CREATED(ITEM("1", "2") "," ITEM("2", "3")),
	      "applied");
	assert_int_equal(count("allocations", "status", "PENDING"), 2);
	apply("created", "OrderCreated", "e1", CREATED(ITEM("1", "2")), "duplicate");
	apply("confirmed", "OrderConfirmed", "e2", ORDER, "applied");
	assert_int_equal(count("allocations", "status", "CONFIRMED"), 2);
	apply("cancelled", "OrderCancelled", "e3",
	      "{\"orderId\":\"ord_1\",\"reason\":\"no money\"}", "applied");
	assert_int_equal(count("allocations", "status", "CANCELLED"), 2);
	assert_int_equal(count("allocations", "reason", "no money"), 2);
	assert_int_equal(count("orders", "state", "CANCELLED"), 1);
	assert_int_equal(testhost_count(host, "outbox"), 6);
	assert_int_equal(testhost_count(host, "inbox"), 3);
	assert_int_equal(count("outbox", "correlation_id", "cor_1"), 6);
}

/* One item short puts that item on backorder, not the order (D18). */
static void test_partial(void **state)
{
	(void)state;
	apply("created", "OrderCreated", "e1", CREATED(ITEM("1", "20") "," ITEM("2", "3")),
	      "refused");
	assert_int_equal(testhost_count(host, "allocations"), 1);
	assert_int_equal(count("outbox", "type", "InsufficientStock"), 1);
	assert_int_equal(count("outbox", "type", "AllocationCreated"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_life),
		TEST(test_partial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
