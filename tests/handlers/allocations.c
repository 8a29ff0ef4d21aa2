/* SPDX-License-Identifier: Apache-2.0 */
/* allocations - the handlers of the plugin, by the test host. */
#include <inttypes.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "tests/handlers/host.h"

#define REQUEST(quantity) \
	"{\"orderId\":\"ord_1\",\"orderItemId\":\"i1\",\"inventoryItemId\":\"inv_1\"," \
	"\"quantity\":" quantity "}"

static int setup(void **state)
{
	static struct host h;

	host_open(&h, "allocations", NULL);
	assert_int_equal(testhost_stock(h.t, "inv_1", 1000), 0);
	*state = &h;
	return 0;
}

static int teardown(void **state)
{
	struct host *h = *state;

	testhost_close(&h->t);
	return 0;
}

static void create(struct host *h, int status, const char *body)
{
	host_send(h, status, &TESTHOST_MESSAGE(.handler = "create", .body = body));
}

static void test_create_and_again(void **state)
{
	struct host *h = *state;
	char *id, expected[96];

	create(h, 201, REQUEST("2"));
	id = host_data(h, "id");
	snprintf(expected, sizeof(expected), "/allocations/%s", id);
	assert_string_equal(testhost_header(h->t, "Location"), expected);
	create(h, 200, REQUEST("2"));
	assert_null(testhost_header(h->t, "Location"));
	create(h, 409, REQUEST("3"));
	assert_string_equal(h->answer.code, "ALLOCATION_EXISTS");
	assert_int_equal(testhost_count(h->t, "allocations"), 1);
	assert_int_equal(testhost_count(h->t, "outbox"), 1);
	free(id);
}

static void test_all_problems_word_for_word(void **state)
{
	struct host *h = *state;

	create(h, 400, "{\"orderId\":7,\"quantity\":1.0,\"warehouseId\":\"\","
		       "\"expiresAt\":\"soon\"}");
	assert_int_equal(h->answer.verdict, GANTRY_REJECTED);
	assert_string_equal(h->answer.code, "VALIDATION_ERROR");
	assert_non_null(strstr(h->answer.text, "\"message\":\"The request is not valid\","
		"\"details\":["
		"{\"field\":\"orderId\",\"problem\":\"must be text of 1 to 128 bytes without control characters\"},"
		"{\"field\":\"orderItemId\",\"problem\":\"is required\"},"
		"{\"field\":\"inventoryItemId\",\"problem\":\"is required\"},"
		"{\"field\":\"quantity\",\"problem\":\"must be a whole number from 1 to 1000000000\"},"
		"{\"field\":\"warehouseId\",\"problem\":\"must be text of 1 to 128 bytes without control characters\"},"
		"{\"field\":\"expiresAt\",\"problem\":\"must be a time such as 2023-05-24T23:59:59Z\"}]"));
	create(h, 400, "[]");
	assert_non_null(strstr(h->answer.text,
			       "[{\"field\":\"\",\"problem\":\"must be an object\"}]"));
	assert_int_equal(testhost_count(h->t, "orders"), 0);
}

/* The expiresAt that a request without one gets at now. */
static void assert_expires(struct host *h, const char *order, int64_t now,
			   int64_t expected)
{
	char body[160], text[CLOCK_TEXT], *expires;

	snprintf(body, sizeof(body), "{\"orderId\":\"%s\",\"orderItemId\":\"i1\","
		 "\"inventoryItemId\":\"inv_1\",\"quantity\":1}", order);
	host_send(h, 201, &TESTHOST_MESSAGE(.handler = "create", .body = body,
					    .now_ms = now));
	clock_format(expected, text);
	expires = host_data(h, "expiresAt");
	assert_string_equal(expires, text);
	free(expires);
}

static void test_default_expiry_is_ttl_in_whole_seconds(void **state)
{
	const int64_t day = 86400000, now = clock_now_ms() / 1000 * 1000;
	struct host *h = *state;

	assert_expires(h, "ord_a", now, now + day);
	assert_expires(h, "ord_b", now + 1, now + 1000 + day);
	assert_expires(h, "ord_c", now + 999, now + 1000 + day);
}

static int expiry_status(struct host *h, int64_t now, int64_t expires,
			 const char *problem)
{
	static unsigned n;
	char body[240], text[CLOCK_TEXT];

	clock_format(expires, text);
	snprintf(body, sizeof(body), "{\"orderId\":\"ord_x%u\",\"orderItemId\":\"i1\","
		 "\"inventoryItemId\":\"inv_1\",\"quantity\":1,\"expiresAt\":\"%s\"}",
		 n++, text);
	assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "create",
			.body = body, .now_ms = now), &h->answer), 0);
	if (problem != NULL)
		assert_non_null(strstr(h->answer.text, problem));
	return h->answer.status;
}

static void test_bounds_of_expiry(void **state)
{
	const int64_t month = INT64_C(30) * 86400000;
	const int64_t now = clock_now_ms() / 1000 * 1000 + 2000;
	struct host *h = *state;

	assert_int_equal(expiry_status(h, now, now, "must lie in the future"), 400);
	assert_int_equal(expiry_status(h, now, now + 1000, NULL), 201);
	assert_int_equal(expiry_status(h, now, now + month, NULL), 201);
	assert_int_equal(expiry_status(h, now, now + month + 1000,
				       "must lie at most 2592000 seconds ahead"), 400);
}

static void test_moves(void **state)
{
	static const struct {
		const char *handler, *body, *status;
	} moves[] = {
		{ "confirm", NULL, "CONFIRMED" },
		{ "confirm", "not looked at", "CONFIRMED" },
		{ "fulfill", NULL, "FULFILLED" },
	};
	struct host *h = *state;
	char *id, params[96];

	create(h, 201, REQUEST("2"));
	id = host_data(h, "id");
	snprintf(params, sizeof(params), "id=%s", id);
	free(id);
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		char *status;

		host_send(h, 200, &TESTHOST_MESSAGE(.handler = moves[i].handler,
			.params = params, .body = moves[i].body));
		status = host_data(h, "status");
		assert_string_equal(status, moves[i].status);
		free(status);
	}
	host_send(h, 409, &TESTHOST_MESSAGE(.handler = "cancel", .params = params,
					    .body = "{\"reason\":\"late\"}"));
	assert_string_equal(h->answer.code, "INVALID_STATE_TRANSITION");
	host_send(h, 404, &TESTHOST_MESSAGE(.handler = "cancel", .params = "id=none"));
	assert_int_equal(testhost_count(h->t, "outbox"), 3);
}

static void test_reads(void **state)
{
	struct host *h = *state;
	char *id, params[96];

	create(h, 201, REQUEST("2"));
	id = host_data(h, "id");
	snprintf(params, sizeof(params), "id=%s", id);
	host_send(h, 200, &TESTHOST_MESSAGE(.handler = "get", .params = params));
	assert_non_null(strstr(h->answer.text, id));
	host_send(h, 200, &TESTHOST_MESSAGE(.handler = "by_order",
					    .params = "orderId=ord_1"));
	assert_non_null(strstr(h->answer.text, id));
	host_send(h, 200, &TESTHOST_MESSAGE(.handler = "by_order",
					    .params = "orderId=none"));
	assert_string_equal(h->answer.text, "{\"success\":true,\"data\":[]}");
	host_send(h, 404, &TESTHOST_MESSAGE(.handler = "get", .params = "id=none"));
	assert_string_equal(h->answer.code, "ALLOCATION_NOT_FOUND");
	host_send(h, 404, &TESTHOST_MESSAGE(.handler = "item_get", .params = "id=none"));
	assert_string_equal(h->answer.code, "INVENTORY_ITEM_NOT_FOUND");
	host_send(h, 400, &TESTHOST_MESSAGE(.handler = "item_list", .query = "limit=0"));
	host_send(h, 400, &TESTHOST_MESSAGE(.handler = "returns_of_order"));
	free(id);
}

static void test_items(void **state)
{
	struct host *h = *state;

	host_send(h, 201, &TESTHOST_MESSAGE(.handler = "item_create",
		.body = "{\"id\":\"a b\",\"sku\":\"s\",\"productId\":\"p\","
			"\"warehouseId\":\"w\",\"availableQuantity\":0}"));
	assert_string_equal(testhost_header(h->t, "Location"),
			    "/inventory-items/a%20b");
	host_send(h, 200, &TESTHOST_MESSAGE(.handler = "item_adjust",
		.params = "id=a b", .body = "{\"delta\":5,\"reason\":\"found\"}"));
	assert_non_null(strstr(h->answer.text, "\"availableQuantity\":5"));
	host_send(h, 400, &TESTHOST_MESSAGE(.handler = "item_adjust",
		.params = "id=a b", .body = "{\"delta\":0,\"reason\":\"none\"}"));
	host_send(h, 200, &TESTHOST_MESSAGE(.handler = "item_list", .query = "limit=1"));
	assert_non_null(strstr(h->answer.text, "\"next\":"));
}

/* n items of one unit each; expires as JSON or "null". */
static char *bulk_body(unsigned n, const char *mode, const char *expires)
{
	json_t *body = json_pack("{s:s, s:s, s:[]}", "orderId", "ord_b", "mode", mode,
				 "items");
	json_t *items = json_object_get(body, "items");
	char *text;

	for (unsigned i = 0; i < n; i++) {
		char order_item[16];

		snprintf(order_item, sizeof(order_item), "i%u", i);
		json_array_append_new(items, json_pack("{s:s, s:s, s:i, s:s?}",
			"orderItemId", order_item, "inventoryItemId",
			i == 3 && strcmp(mode, "partial") == 0 ? "none" : "inv_1",
			"quantity", 1, "expiresAt", expires));
	}
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

static void test_bulk_partial(void **state)
{
	struct host *h = *state;
	char *body = bulk_body(5, "partial", NULL);

	host_send(h, 207, &TESTHOST_MESSAGE(.handler = "create_bulk", .body = body));
	assert_non_null(strstr(h->answer.text, "\"failures\":[{\"index\":3,"
		"\"orderItemId\":\"i3\",\"inventoryItemId\":\"none\",\"error\":"
		"{\"code\":\"INVENTORY_ITEM_NOT_FOUND\","));
	assert_int_equal(testhost_count(h->t, "allocations"), 4);
	free(body);
}

static void test_expire_in_pages(void **state)
{
	struct host *h = *state;
	char text[CLOCK_TEXT], *body;

	clock_format(clock_now_ms() + 2000, text);
	body = bulk_body(300, "all_or_nothing", text);
	host_send(h, 201, &TESTHOST_MESSAGE(.handler = "create_bulk", .body = body));
	free(body);
	sleep(3);
	assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "expire",
		.source = GANTRY_SOURCE_SCHEDULE), &h->answer), 0);
	assert_true(h->answer.again);
	assert_int_equal(testhost_count(h->t, "outbox"), 300 + 256);
	assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "expire",
		.source = GANTRY_SOURCE_SCHEDULE), &h->answer), 0);
	assert_false(h->answer.again);
	assert_int_equal(testhost_count(h->t, "outbox"), 600);
}

/* D16: a shortage is published, unless the caller's answer is to be enough. */
static void test_shortages(void **state)
{
	static const char body[] = "{\"orderId\":\"o\",\"orderItemId\":\"i\","
				   "\"inventoryItemId\":\"inv_1\",\"quantity\":5000}";
	static const char *const events[] = { "insufficient_stock_events=events", NULL };
	struct host *h = *state, quiet;

	testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "create", .body = body),
		      &h->answer);
	assert_string_equal(h->answer.code, "INSUFFICIENT_STOCK");
	assert_int_equal(testhost_count(h->t, "outbox"), 1);
	assert_int_equal(testhost_count(h->t, "allocations"), 0);
	host_open(&quiet, "allocations", events);
	assert_int_equal(testhost_stock(quiet.t, "inv_1", 10), 0);
	testhost_send(quiet.t, &TESTHOST_MESSAGE(.handler = "create", .body = body),
		      &quiet.answer);
	assert_string_equal(quiet.answer.code, "INSUFFICIENT_STOCK");
	assert_int_equal(testhost_count(quiet.t, "outbox"), 0);
	testhost_close(&quiet.t);
}

/* What the Order Service says, and what becomes of an allocation for it. */
static void tell(struct host *h, const char *path, int status, const char *body)
{
	testhost_upstream(h->t, &TESTHOST_UPSTREAM(.name = "order-service",
				.path = path, .status = status, .body = body));
}

static const char checked[] =
	"{\"orderId\":\"ord/1\",\"orderItemId\":\"a\",\"inventoryItemId\":\"inv_1\","
	"\"quantity\":1}";

static void check(struct host *h, int status, const char *code, const char *message)
{
	host_send(h, status, &TESTHOST_MESSAGE(.handler = "create", .body = checked));
	if (code != NULL) {
		assert_string_equal(h->answer.code, code);
		assert_string_equal(h->answer.message, message);
	}
}

static void test_order_check_strict(void **state)
{
	static const char *const strict[] = { "order_check=strict",
					      "order_service=order-service", NULL };
	static const char path[] = "/orders/ord%2F1", items[] = "/orders/ord%2F1/items";
	struct host h;

	(void)state;
	host_open(&h, "allocations", strict);
	assert_int_equal(testhost_stock(h.t, "inv_1", 10), 0);
	check(&h, 503, NULL, NULL);	/* away */
	assert_non_null(strstr(h.answer.text, "\"code\":\"ORDER_SERVICE_UNAVAILABLE\""));
	assert_non_null(strstr(h.answer.text, "\"correlationId\":\"ord/1\""));
	tell(&h, path, 404, "{}");
	check(&h, 404, "ORDER_NOT_FOUND", "The Order Service has no such order");
	tell(&h, path, 403, "{}");
	check(&h, 503, "ORDER_SERVICE_UNAVAILABLE", "The Order Service answers 403");
	tell(&h, path, 200, "{\"data\":{\"id\":\"ord/1\"}}");
	check(&h, 503, "ORDER_SERVICE_UNAVAILABLE",
	      "The Order Service gives an order without its status or items");
	tell(&h, path, 200, "{\"data\":{\"status\":\"CANCELLED\",\"items\":[]}}");
	check(&h, 409, "ORDER_CANCELLED", "The order is cancelled");
	tell(&h, path, 200, "{\"data\":{\"status\":\"CREATED\",\"items\":["
			    "{\"orderItemId\":\"b\"}]}}");
	check(&h, 400, "VALIDATION_ERROR", "");
	assert_non_null(strstr(h.answer.text, "[{\"field\":\"orderItemId\","
			       "\"problem\":\"is no item of the order\"}]"));
	assert_int_equal(testhost_count(h.t, "allocations"), 0);
	/* the items by themselves */
	tell(&h, path, 200, "{\"data\":{\"status\":\"CREATED\"}}");
	check(&h, 503, NULL, NULL);
	tell(&h, items, 200, "{\"data\":[{\"id\":\"b\"},{\"id\":\"a\"}]}");
	check(&h, 201, NULL, NULL);
	host_send(&h, 400, &TESTHOST_MESSAGE(.handler = "create_bulk", .body =
		"{\"orderId\":\"ord/1\",\"items\":["
		"{\"orderItemId\":\"a\",\"inventoryItemId\":\"inv_1\",\"quantity\":1},"
		"{\"orderItemId\":\"c\",\"inventoryItemId\":\"inv_1\",\"quantity\":1}]}"));
	assert_non_null(strstr(h.answer.text, "[{\"field\":\"items[1].orderItemId\","
			       "\"problem\":\"is no item of the order\"}]"));
	testhost_close(&h.t);
}

static int64_t unverified(struct host *h)
{
	json_t *rows = testhost_rows(h->t, "allocations");
	int64_t n = 0;

	for (size_t i = 0; i < json_array_size(rows); i++)
		n += json_integer_value(json_object_get(json_array_get(rows, i),
							"unverified"));
	json_decref(rows);
	return n;
}

static void test_order_check_optimistic(void **state)
{
	static const char *const optimistic[] = { "order_check=optimistic", NULL };
	static const char path[] = "/orders/ord%2F1";
	struct host h;

	(void)state;
	host_open(&h, "allocations", optimistic);
	assert_int_equal(testhost_stock(h.t, "inv_1", 10), 0);
	assert_int_equal(testhost_stock(h.t, "inv_2", 10), 0);
	tell(&h, path, 404, "{}");
	check(&h, 404, "ORDER_NOT_FOUND", "The Order Service has no such order");
	tell(&h, path, 200, "{\"data\":{\"status\":\"CREATED\",\"items\":["
			    "{\"orderItemId\":\"b\"}]}}");
	check(&h, 400, NULL, NULL);
	tell(&h, path, 0, NULL);
	check(&h, 201, NULL, NULL);
	assert_int_equal(unverified(&h), 1);
	check(&h, 200, NULL, NULL);	/* it stands */
	/* what is refused afterwards is refused for its own reason */
	host_send(&h, 404, &TESTHOST_MESSAGE(.handler = "create", .body =
		"{\"orderId\":\"ord/1\",\"orderItemId\":\"a\","
		"\"inventoryItemId\":\"inv_9\",\"quantity\":1}"));
	assert_string_equal(h.answer.code, "INVENTORY_ITEM_NOT_FOUND");
	tell(&h, path, 200, "{\"data\":{\"status\":\"CREATED\",\"items\":["
			    "{\"orderItemId\":\"b\"}]}}");
	host_send(&h, 201, &TESTHOST_MESSAGE(.handler = "create", .body =
		"{\"orderId\":\"ord/1\",\"orderItemId\":\"b\","
		"\"inventoryItemId\":\"inv_2\",\"quantity\":1}"));
	assert_int_equal(unverified(&h), 1);
	assert_int_equal(testhost_count(h.t, "allocations"), 2);
	testhost_close(&h.t);
}

static void test_options(void **state)
{
	(void)state;
	host_refuses("allocations", (const char *const[]){ "ttl=2d", "max_ttl=1d", NULL },
		     "options:1:1: test: ttl: is longer than max_ttl");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create_and_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_problems_word_for_word, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_default_expiry_is_ttl_in_whole_seconds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds_of_expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shortages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_items, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bulk_partial, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expire_in_pages, setup, teardown),
		cmocka_unit_test(test_order_check_strict),
		cmocka_unit_test(test_order_check_optimistic),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
