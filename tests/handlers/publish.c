/* SPDX-License-Identifier: Apache-2.0 */
/* publish - the plugin that sends messages on, by the test host. */
#include "tests/handlers/host.h"

#define EVENT "{\"eventId\":\"e1\",\"eventType\":\"OrderCreated\",\"aggregateId\":" \
	      "\"ord_1\",\"payload\":{\"region\":\"eu\",\"shop\":7,\"list\":[]}}"

static void event(struct host *h, const char *id, const char *body)
{
	assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "send",
		.source = GANTRY_SOURCE_AMQP, .id = id, .body = body,
		.path = "order.ordercreated.order"), &h->answer), 0);
}

/* The only event in the outbox; the caller's. */
static json_t *only(struct host *h)
{
	json_t *rows = testhost_rows(h->t, "outbox"), *row;

	assert_int_equal(json_array_size(rows), 1);
	row = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	return row;
}

static void has(const json_t *row, const char *name, const char *expected)
{
	assert_string_equal(json_string_value(json_object_get(row, name)), expected);
}

static json_t *envelope(const json_t *row)
{
	return json_loads(json_string_value(json_object_get(row, "body")), 0, NULL);
}

static void test_as_it_came(void **state)
{
	static const char *const options[] = { "exchange=partner.events", NULL };
	struct host h;
	json_t *row, *body, *expected;

	(void)state;
	host_open(&h, "publish", options);
	event(&h, "e1", EVENT);
	assert_int_equal(h.answer.verdict, GANTRY_DONE);
	row = only(&h);
	has(row, "exchange", "partner.events");
	has(row, "routing_key", "order.ordercreated.order");
	body = envelope(row);
	has(body, "eventType", "Event");
	has(body, "aggregateType", "Message");
	has(body, "aggregateId", "e1");
	expected = json_loads(EVENT, 0, NULL);
	assert_true(json_equal(json_object_get(body, "payload"), expected));
	event(&h, "e1", EVENT);
	assert_string_equal(h.answer.outcome, "duplicate");
	assert_int_equal(testhost_count(h.t, "outbox"), 1);
	json_decref(expected);
	json_decref(body);
	json_decref(row);
	testhost_close(&h.t);
}

static void test_templates(void **state)
{
	static const char *const options[] = {
		"exchange=partner.events", "key={payload.region}.{payload.shop}.{key}",
		"type=Shop{eventType}", "aggregate_type=Order",
		"aggregate={aggregateId}", "payload=payload", NULL };
	struct host h;
	json_t *row, *body;
	char *text;

	(void)state;
	host_open(&h, "publish", options);
	event(&h, "e1", EVENT);
	row = only(&h);
	has(row, "routing_key", "eu.7.order.ordercreated.order");
	body = envelope(row);
	has(body, "eventType", "ShopOrderCreated");
	has(body, "aggregateType", "Order");
	has(body, "aggregateId", "ord_1");
	text = json_dumps(json_object_get(body, "payload"), JSON_COMPACT);
	assert_string_equal(text, "{\"region\":\"eu\",\"shop\":7,\"list\":[]}");
	free(text);
	json_decref(body);
	json_decref(row);
	testhost_close(&h.t);
}

static void rejected(const char *const *options, const char *body,
		     const char *details)
{
	struct host h;

	host_open(&h, "publish", options);
	assert_int_equal(testhost_send(h.t, &TESTHOST_MESSAGE(.handler = "send",
		.body = body), &h.answer), 0);
	assert_int_equal(h.answer.status, 400);
	assert_non_null(strstr(h.answer.text, details));
	assert_int_equal(testhost_count(h.t, "outbox"), 0);
	testhost_close(&h.t);
}

static void test_what_is_missing_is_named(void **state)
{
	static const char *const options[] = { "exchange=x", "key=a.{payload.region}",
					       "payload=payload", NULL };
	static const char *const lists[] = { "exchange=x", "key={payload.list}", NULL };

	(void)state;
	rejected(options, "{\"payload\":{}}",
		 "{\"field\":\"payload.region\",\"problem\":"
		 "\"is missing, but is needed to publish\"}");
	rejected(lists, EVENT, "{\"field\":\"payload.list\",\"problem\":"
		 "\"must be a number or a text of 1 to 255 bytes\"}");
	rejected(options, "{}", "{\"field\":\"payload\",\"problem\":");
	rejected(options, "no json", "VALIDATION_ERROR");
	rejected(options, "[]", "VALIDATION_ERROR");
}

static void test_over_http_and_by_schedule(void **state)
{
	static const char *const options[] = { "exchange=x", "key=tick.now", NULL };
	struct host h;
	json_t *row, *body;

	(void)state;
	host_open(&h, "publish", options);
	assert_int_equal(testhost_send(h.t, &TESTHOST_MESSAGE(.handler = "send",
		.source = GANTRY_SOURCE_SCHEDULE), &h.answer), 0);
	assert_int_equal(h.answer.verdict, GANTRY_DONE);
	row = only(&h);
	has(row, "routing_key", "tick.now");
	body = envelope(row);
	assert_int_equal(json_object_size(json_object_get(body, "payload")), 0);
	json_decref(body);
	json_decref(row);
	host_send(&h, 202, &TESTHOST_MESSAGE(.handler = "send", .body = "{\"a\":1}"));
	assert_non_null(strstr(h.answer.text, "{\"success\":true,\"data\":{\"id\":\""));
	assert_int_equal(testhost_count(h.t, "outbox"), 2);
	testhost_close(&h.t);
}

static void test_options_are_checked(void **state)
{
	static const char *const open[] = { "exchange=x", "key=a.{b", NULL };
	static const char *const closed[] = { "exchange=x", "type=a}", NULL };
	static const char *const empty[] = { "exchange=x", "aggregate={}", NULL };

	(void)state;
	host_refuses("publish", NULL, "options:1:1: test.exchange: missing");
	host_refuses("publish", open, "options:1:1: test: key: not a template: \"{b\"; braces hold a "
		     "name, as in {key}");
	host_refuses("publish", closed, "options:1:1: test: type: not a template: \"}\"; braces hold a "
		     "name, as in {key}");
	host_refuses("publish", empty, "options:1:1: test: aggregate: not a template: \"{}\"; braces "
		     "hold a name, as in {key}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_came),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_what_is_missing_is_named),
		cmocka_unit_test(test_over_http_and_by_schedule),
		cmocka_unit_test(test_options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
