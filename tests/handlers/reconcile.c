/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile - the handlers of the plugin, by the test host. */
#include "tests/handlers/host.h"

#define LATER (INT64_C(4102444800) * 1000)	/* 2100: everything is long settled */

static int setup(void **state)
{
	static struct host h;

	host_open(&h, "reconcile", (const char *const[]){ "order_service=shop",
							  "missing=auto", "orphan=auto",
							  "status=report", NULL });
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

static void told(struct host *h, const char *path, int status, const char *body)
{
	testhost_upstream(h->t, &TESTHOST_UPSTREAM(.name = "shop", .path = path,
						   .status = status, .body = body));
}

static void send(struct host *h, int status, const char *handler, const char *body)
{
	host_send(h, status, &TESTHOST_MESSAGE(.handler = handler, .body = body,
					       .source = GANTRY_SOURCE_ADMIN,
					       .now_ms = LATER));
}

/* The text of a member of data. */
static char *member(const struct host *h, const char *name)
{
	json_t *answer = json_loads(h->answer.text, 0, NULL);
	json_t *value = json_object_get(json_object_get(answer, "data"), name);
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	json_decref(answer);
	assert_non_null(text);
	return text;
}

static void is(const struct host *h, const char *name, const char *expected)
{
	char *text = member(h, name);

	assert_string_equal(text, expected);
	free(text);
}

static void open_order(struct host *h, const char *id)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"drifts\":[{\"orderId\":\"%s\",\"orderItemId\":\"l0\","
		 "\"inventoryItemId\":\"inv_1\",\"command\":{\"do\":\"allocate\","
		 "\"quantity\":2,\"expiresAt\":\"2200-01-01T00:00:00Z\"}}]}", id);
	send(h, 200, "apply", body);
	assert_string_equal(h->answer.text,
			    "{\"success\":true,\"data\":[{\"result\":\"applied\"}]}");
}

/* From page to page as the command line does; the drifts of all of them. */
static void pass_over(struct host *h, char *drifts, size_t room)
{
	char *cursor = strdup("null"), *page, *body, *done;
	int steps = 0;

	drifts[0] = '\0';
	do {
		assert_true(asprintf(&body, "{\"cursor\":%s}", cursor) > 0);
		send(h, 200, "plan", body);
		free(body);
		free(cursor);
		page = member(h, "drifts");
		cursor = member(h, "cursor");
		done = member(h, "done");
		if (strcmp(page, "[]") != 0)
			strncat(drifts, page, room - strlen(drifts) - 1);
		steps = strcmp(done, "true") == 0 ? -1 : steps + 1;
		free(page);
		free(done);
	} while (steps >= 0 && steps < 50);
	free(cursor);
	assert_int_equal(steps, -1);
}

static void starts(const char *text, const char *expected)
{
	if (strncmp(text, expected, strlen(expected)) != 0)
		fail_msg("%s", text);
}

static void contains(const char *text, const char *expected)
{
	if (strstr(text, expected) == NULL)
		fail_msg("%s", text);
}

static void test_plan(void **state)
{
	struct host *h = *state;
	char drifts[4096];
	int64_t before;

	open_order(h, "o1");
	open_order(h, "o2");
	told(h, "/orders/o1", 404, "{}");
	told(h, "/orders/o2", 200, "{\"data\":{\"status\":\"CREATED\"}}");
	told(h, "/orders/o2/items", 200, "{\"data\":[{\"id\":\"l0\",\"quantity\":2}]}");
	before = testhost_count(h->t, "audit");
	pass_over(h, drifts, sizeof(drifts));
	/* what the test host publishes waits: there is no broker */
	starts(drifts, "[{\"class\":\"orphan\",\"mode\":\"auto\",\"orderId\":\"o1\","
		"\"said\":\"unknown\",\"held\":\"OPEN\",\"why\":\"the Order Service does not know "
		"the order\",\"command\":{\"do\":\"cancel-order\",\"ifVersion\":1,"
		"\"ifAllocations\":1}}]"
		"[{\"class\":\"unsent\",\"mode\":\"report\",\"said\":\"sent\",\"held\":2,"
		"\"why\":\"2 events wait to be published, the oldest for ");
	assert_int_equal(testhost_count(h->t, "audit"), before + 1);
}

static void test_report_mode_has_no_command(void **state)
{
	struct host *h = *state;
	char drifts[4096];

	open_order(h, "o1");
	told(h, "/orders/o1", 200, "{\"data\":{\"status\":\"CANCELLED\"}}");
	pass_over(h, drifts, sizeof(drifts));
	assert_non_null(strstr(drifts, "\"class\":\"status\",\"mode\":\"report\""));
	assert_null(strstr(drifts, "command"));
}

static void test_the_order_service_is_away(void **state)
{
	struct host *h = *state;

	open_order(h, "o1");
	open_order(h, "o2");
	open_order(h, "o3");
	send(h, 503, "plan", "{}");
	/* one of three: it is the order */
	told(h, "/orders/o1", 404, "{}");
	told(h, "/orders/o3", 200, "{\"data\":{\"status\":\"WHAT\",\"items\":[]}}");
	send(h, 200, "plan", "{}");
	is(h, "drifts", "[{\"class\":\"orphan\",\"mode\":\"auto\",\"orderId\":\"o1\",\"said\":"
	   "\"unknown\",\"held\":\"OPEN\",\"why\":\"the Order Service does not know the order\","
	   "\"command\":{\"do\":\"cancel-order\",\"ifVersion\":1,\"ifAllocations\":1}}]");
	assert_non_null(strstr(h->answer.text, "\"looked\":3,\"known\":0,\"spared\":0,\"skipped\":2"));
}

static void tick(struct host *h)
{
	do {
		assert_int_equal(testhost_send(h->t, &TESTHOST_MESSAGE(.handler = "run",
			.source = GANTRY_SOURCE_SCHEDULE, .body = "", .now_ms = LATER),
			&h->answer), 0);
		assert_int_equal(h->answer.verdict, GANTRY_DONE);
	} while (h->answer.again);
}

static const char *state_of(struct host *h, size_t i)
{
	static char text[32];
	json_t *rows = testhost_rows(h->t, "orders");

	snprintf(text, sizeof(text), "%s", json_string_value(
		json_object_get(json_array_get(rows, i), "state")));
	json_decref(rows);
	return text;
}

static void test_schedule(void **state)
{
	struct host *h = *state;

	open_order(h, "o1");
	told(h, "/orders/o1", 404, "{}");
	tick(h);
	/* it knows no order at all: is it the right one? */
	assert_string_equal(state_of(h, 0), "OPEN");
	open_order(h, "o2");
	told(h, "/orders/o2", 200, "{\"data\":{\"status\":\"CONFIRMED\",\"items\":["
	     "{\"id\":\"l0\",\"quantity\":2},"
	     "{\"id\":\"l1\",\"quantity\":3,\"inventoryItemId\":\"inv_1\"}]}}");
	tick(h);
	/* nothing is in its way before the order that is known was seen */
	tick(h);
	assert_string_equal(state_of(h, 1), "OPEN");	/* status: report */
	assert_int_equal(testhost_count(h->t, "allocations"), 3);
	send(h, 200, "report", "");
	assert_non_null(strstr(h->answer.text, "\"kind\":\"schedule\""));
	assert_non_null(strstr(h->answer.text, "\"missing\":1"));
	assert_int_equal(testhost_count(h->t, "records"), 4);	/* head, three runs */
}

static void test_apply_refuses(void **state)
{
	struct host *h = *state;

	send(h, 400, "apply", "[]");
	send(h, 400, "apply", "{}");
	send(h, 400, "apply", "{\"drifts\":[{\"command\":{\"do\":\"cancel\",\"ifVersion\":0},"
			      "\"allocationId\":\"\"}]}");
	contains(h->answer.text, "[{\"field\":\"drifts[0].command.ifVersion\","
		"\"problem\":\"must be a whole number from 1 to 9223372036854775807\"},"
		"{\"field\":\"drifts[0].allocationId\",\"problem\":\"must be text of 1 to 128 bytes ");
	open_order(h, "o1");
	send(h, 200, "apply", "{\"drifts\":[{\"orderId\":\"o1\",\"command\":{\"do\":"
			      "\"cancel-order\",\"ifVersion\":2,\"ifAllocations\":1}},"
			      "{\"orderId\":\"o1\",\"command\":{\"do\":\"confirm-order\","
			      "\"ifVersion\":1,\"ifAllocations\":1}}]}");
	assert_string_equal(h->answer.text, "{\"success\":true,\"data\":[{\"result\":\"moved\","
		"\"error\":{\"code\":\"PRECONDITION_FAILED\",\"message\":\"It was changed since "
		"it was read\",\"details\":{\"version\":1,\"expectedVersion\":2}}},"
		"{\"result\":\"applied\"}]}");
}

static void test_runs_are_a_ring(void **state)
{
	struct host *h = *state;

	for (int i = 0; i < 40; i++)
		send(h, 200, "apply", "{\"run\":{\"applied\":1,\"stood\":0,\"moved\":0,"
				      "\"refused\":0}}");
	assert_int_equal(testhost_count(h->t, "records"), 33);
	send(h, 400, "apply", "{\"run\":{}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_report_mode_has_no_command, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_order_service_is_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_schedule, setup, teardown),
		cmocka_unit_test_setup_teardown(test_apply_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runs_are_a_ring, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
