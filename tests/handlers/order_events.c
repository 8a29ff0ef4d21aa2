/* SPDX-License-Identifier: Apache-2.0 */
/* order_events - the handlers of the plugin, by the test host. */
#include "tests/handlers/host.h"

#define EVENT(type, payload)                                     \
	"{\"eventId\":\"e1\",\"eventType\":\"" type "\","         \
	"\"eventVersion\":\"1.2.0\",\"payload\":" payload "}"
#define CREATED(items)                                                     \
	EVENT("OrderCreated", "{\"orderId\":\"ord_1\",\"requiresPreAllocation\":true," \
			      "\"items\":[" items "]}")
#define ITEM(name, quantity)                                             \
	"{\"orderItemId\":\"" name "\",\"inventoryItemId\":\"inv_1\",\"quantity\":" \
	quantity "}"

static int setup(void **state)
{
	static struct host h;

	host_open(&h, "order-events", NULL);
	assert_int_equal(testhost_stock(h.t, "inv_1", 10), 0);
	*state = &h;
	return 0;
}

static int teardown(void **state)
{
	struct host *h = *state;

	testhost_close(&h->t);
	return 0;
}

static void event(struct host *h, const char *handler, const char *id,
		  const char *body)
{
	assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = handler,
		.source = GANTRY_SOURCE_AMQP, .id = id, .body = body), &h->answer), 0);
}

static void outcome(struct host *h, const char *expected)
{
	if (h->answer.verdict != GANTRY_DONE)
		fail_msg("verdict %d: %s", h->answer.verdict, h->answer.message);
	assert_string_equal(h->answer.outcome, expected);
}

static void test_created(void **state)
{
	struct host *h = *state;

	event(h, "created", "e1", CREATED(ITEM("a", "2") "," ITEM("b", "3")));
	outcome(h, "applied");
	assert_int_equal(testhost_count(h->t, "allocations"), 2);
	event(h, "created", "e1", CREATED(ITEM("a", "2")));
	outcome(h, "duplicate");
	event(h, "created", "e2", CREATED(ITEM("c", "50") "," ITEM("d", "1")));
	outcome(h, "refused");
	assert_int_equal(testhost_count(h->t, "allocations"), 3);
}

static void test_created_without_items(void **state)
{
	static const char *const payloads[] = {
		EVENT("OrderCreated", "{\"orderId\":\"o1\"}"),
		EVENT("OrderCreated", "{\"orderId\":\"o2\",\"requiresPreAllocation\":true}"),
		EVENT("OrderCreated", "{\"orderId\":\"o3\",\"requiresPreAllocation\":false,"
				      "\"items\":[" ITEM("a", "1") "]}"),
	};
	struct host *h = *state;

	for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
		event(h, "created", NULL, payloads[i]);
		outcome(h, "applied");
	}
	assert_int_equal(testhost_count(h->t, "orders"), 3);
	assert_int_equal(testhost_count(h->t, "allocations"), 0);
}

static void test_auto_allocate_off(void **state)
{
	struct host h = { 0 };

	(void)state;
	host_open(&h, "order-events",
		  (const char *const[]){ "auto_allocate=false", NULL });
	assert_int_equal(testhost_stock(h.t, "inv_1", 10), 0);
	event(&h, "created", "e1", CREATED(ITEM("a", "2")));
	outcome(&h, "applied");
	assert_int_equal(testhost_count(h.t, "orders"), 1);
	assert_int_equal(testhost_count(h.t, "allocations"), 0);
	testhost_close(&h.t);
}

static void rejected(struct host *h, const char *handler, const char *body,
		     const char *details)
{
	event(h, handler, "bad", body);
	assert_int_equal(h->answer.verdict, GANTRY_REJECTED);
	assert_string_equal(h->answer.code, "VALIDATION_ERROR");
	if (strstr(h->answer.text, details) == NULL)
		fail_msg("%s", h->answer.text);
}

static void test_malformed(void **state)
{
	struct host *h = *state;

	rejected(h, "created", "{\"eventType\":\"OrderConfirmed\",\"eventVersion\":\"2.0.0\"}",
		"[{\"field\":\"eventId\",\"problem\":\"is required\"},"
		"{\"field\":\"eventType\",\"problem\":\"is OrderConfirmed, but OrderCreated belongs here\"},"
		"{\"field\":\"eventVersion\",\"problem\":\"is 2.0.0, but only major version 1 is understood\"},"
		"{\"field\":\"payload\",\"problem\":\"is required\"}]");
	rejected(h, "created", CREATED(ITEM("a", "1") ",7," ITEM("b", "0")),
		"[{\"field\":\"payload.items[1]\",\"problem\":\"must be an object\"},"
		"{\"field\":\"payload.items[2].quantity\",\"problem\":\"must be a whole number from 1 to 1000000000\"}]");
	rejected(h, "confirmed", EVENT("OrderConfirmed", "{}"),
		 "[{\"field\":\"payload.orderId\",\"problem\":\"is required\"}]");
	assert_int_equal(testhost_count(h->t, "inbox"), 0);
	assert_int_equal(testhost_count(h->t, "orders"), 0);
}

static void test_too_early_is_tried_again(void **state)
{
	struct host *h = *state;

	event(h, "confirmed", "e1", EVENT("OrderConfirmed", "{\"orderId\":\"ord_1\"}"));
	assert_int_equal(h->answer.verdict, GANTRY_FAILED);
	assert_string_equal(h->answer.code, "ORDER_UNKNOWN");
	assert_int_equal(h->answer.status, 503);
	event(h, "created", "e2", CREATED(ITEM("a", "2")));
	event(h, "return_initiated", "e3",
	      EVENT("OrderReturnInitiated", "{\"orderId\":\"ord_1\"}"));
	assert_int_equal(h->answer.verdict, GANTRY_FAILED);
	assert_string_equal(h->answer.code, "ORDER_NOT_FULFILLED");
	assert_string_equal(h->answer.message,
			    "the event came before what it rests on");
	event(h, "confirmed", "e1", EVENT("OrderConfirmed", "{\"orderId\":\"ord_1\"}"));
	outcome(h, "applied");
}

static void test_cancelled_first(void **state)
{
	struct host *h = *state;

	event(h, "cancelled", "e1", EVENT("OrderCancelled",
		"{\"orderId\":\"ord_1\",\"reason\":\"no money\"}"));
	outcome(h, "applied");
	event(h, "created", "e2", CREATED(ITEM("a", "2")));
	assert_int_equal(h->answer.verdict, GANTRY_DONE);
	assert_int_equal(testhost_count(h->t, "allocations"), 0);
}

/* D20: an order that has no row is looked up, but not the first time. */
static void later(struct host *h, int attempts, const char *id)
{
	assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "confirmed",
		.source = GANTRY_SOURCE_AMQP, .id = id, .attempts = attempts,
		.body = EVENT("OrderConfirmed", "{\"orderId\":\"ord_9\"}")), &h->answer), 0);
}

static void tell(struct host *h, int status, const char *body)
{
	testhost_upstream(h->t, &TESTHOST_UPSTREAM(.name = "order-service",
				.path = "/orders/ord_9", .status = status, .body = body));
}

static void test_unknown_order(void **state)
{
	struct host *h = *state;

	later(h, 0, "e1");
	assert_int_equal(h->answer.verdict, GANTRY_FAILED);
	assert_string_equal(h->answer.code, "ORDER_UNKNOWN");
	assert_int_equal(testhost_calls(h->t), 0);
	later(h, 1, "e1");		/* nobody told what to answer: away */
	assert_int_equal(h->answer.verdict, GANTRY_FAILED);
	assert_null(h->answer.code);
	assert_int_equal(testhost_calls(h->t), 1);
	tell(h, 403, "{}");
	later(h, 1, "e1");
	assert_string_equal(h->answer.code, "ORDER_SERVICE_UNAVAILABLE");
	assert_string_equal(h->answer.message, "the Order Service answers 403");
	tell(h, 200, "{\"data\":{}}");
	later(h, 1, "e1");
	assert_string_equal(h->answer.message,
			    "the Order Service gives an order without its status");
	tell(h, 404, "{}");
	later(h, -1, "e1");
	assert_int_equal(h->answer.verdict, GANTRY_REJECTED);
	assert_string_equal(h->answer.code, "ORDER_UNKNOWN");
	assert_string_equal(h->answer.message,
			    "the Order Service does not know the order either");
	assert_int_equal(testhost_count(h->t, "orders"), 0);
}

static void rows(struct host *h, const char *table, const char *member,
		 const char *expected)
{
	json_t *list = testhost_rows(h->t, table);
	char all[256] = "";

	for (size_t i = 0; i < json_array_size(list); i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ",
			 json_string_value(json_object_get(json_array_get(list, i),
							   member)));
	json_decref(list);
	assert_string_equal(all, expected);
}

static void test_found_order(void **state)
{
	struct host *h = *state;
	unsigned calls;

	tell(h, 200, "{\"data\":{\"status\":\"CONFIRMED\",\"requiresPreAllocation\":true,"
		     "\"items\":[" ITEM("a", "2") "," ITEM("b", "50") "]}}");
	later(h, 2, "e1");
	outcome(h, "refused");		/* one is short, and has its event */
	rows(h, "orders", "state", "CONFIRMED ");
	rows(h, "allocations", "status", "CONFIRMED ");
	/* known now: nobody is asked; and the event that was late adds nothing */
	calls = testhost_calls(h->t);
	later(h, 2, "e2");
	outcome(h, "applied");
	assert_int_equal(testhost_calls(h->t), calls);
	event(h, "created", "e3", EVENT("OrderCreated", "{\"orderId\":\"ord_9\","
		"\"requiresPreAllocation\":true,\"items\":[" ITEM("a", "2") "]}"));
	outcome(h, "applied");
	assert_int_equal(testhost_count(h->t, "allocations"), 1);
}

static void test_found_cancelled(void **state)
{
	struct host *h = *state;

	tell(h, 200, "{\"data\":{\"status\":\"CANCELLED\",\"requiresPreAllocation\":true,"
		     "\"items\":[" ITEM("a", "2") "]}}");
	later(h, 1, "e1");
	outcome(h, "applied");
	rows(h, "orders", "state", "CANCELLED ");
	assert_int_equal(testhost_count(h->t, "allocations"), 0);
}

static void test_found_broken(void **state)
{
	struct host *h = *state;

	tell(h, 200, "{\"data\":{\"status\":\"CREATED\",\"requiresPreAllocation\":true,"
		     "\"items\":[{\"orderItemId\":\"a\",\"inventoryItemId\":\"inv_1\"}]}}");
	later(h, 1, "e1");
	assert_int_equal(h->answer.verdict, GANTRY_REJECTED);
	assert_non_null(strstr(h->answer.text, "\"field\":\"order.items[0].quantity\""));
	assert_int_equal(testhost_count(h->t, "orders"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unknown_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_found_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_found_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_found_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_created, setup, teardown),
		cmocka_unit_test_setup_teardown(test_created_without_items, setup, teardown),
		cmocka_unit_test(test_auto_allocate_off),
		cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_early_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
