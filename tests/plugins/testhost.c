/* SPDX-License-Identifier: Apache-2.0 */
/* testhost - the test host itself: what it refuses, tells and finds out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "sdk/testhost/testhost.h"

#define MEMORY PLUGINS "/memory/.libs/memory.so"

struct own {
	int64_t limit;
	unsigned calls;
};

/* Its effects depend on how often it was called. */
static enum gantry_verdict impure_handle(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	struct own *own = self;

	return gantry_record_put(m, "calls", gantry_format(m, "%u", own->calls++),
				 json_true(), err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

/* The same effects, another verdict. */
static enum gantry_verdict moody_handle(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	struct own *own = self;

	(void)m;
	(void)err;
	return own->calls++ % 2 ? GANTRY_DONE : GANTRY_NEXT;
}

/* Asks, mints and commands; the limit is an option. */
static enum gantry_verdict pure_handle(void *self, struct gantry_message *m,
				       struct gantry_error *err)
{
	struct own *own = self;
	const char *id = gantry_mint(m, "note_");
	const json_t *was = gantry_record_get(m, "notes", gantry_param(m, "id"), err);

	own->calls++;
	if (gantry_asking(m))
		return GANTRY_FAILED;
	if (was != NULL)
		return gantry_reject(err, "NOTE_EXISTS");
	gantry_record_put(m, "notes", gantry_param(m, "id"), json_true(), err);
	gantry_reply_header(m, "Location", gantry_format(m, "/notes/%s", id), err);
	return gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ALLOCATE,
			.order_id = "ord_1", .order_item_id = "oi_1",
			.item_id = gantry_query(m, "item"),
			.quantity = own->limit), err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict pure_settle(const void *self, struct gantry_message *m,
				       struct gantry_error *err)
{
	const struct gantry_outcome *o = gantry_outcome(m, 0);
	const char *text = gantry_format(m, "\"%s\"", o->allocations[0]->status);

	(void)self;
	return gantry_reply_text(m, 201, text, strlen(text), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

static const struct gantry_option *const options[] = {
	GANTRY_INTEGER(struct own, limit, .fallback = "1", .min = 1, .max = 9,
		       .summary = "Units to allocate"),
	NULL
};

/* What the upstream says of an order, and what it says of nobody. */
static enum gantry_verdict calling_handle(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	const struct gantry_answer *a = gantry_call(m, &GANTRY_REQUEST(
		.upstream = "orders", .want_json = true,
		.path = gantry_format(m, "/orders/%s", gantry_param(m, "id"))), err);

	(void)self;
	if (a == NULL)
		return GANTRY_FAILED;
	if (a->status == 404)
		return gantry_reject(err, "ORDER_NOT_FOUND");
	return gantry_reply(m, 200, a->json, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "impure", .handle = impure_handle),
	GANTRY_HANDLER(.name = "moody", .handle = moody_handle),
	GANTRY_HANDLER(.name = "calling", .handle = calling_handle),
	GANTRY_HANDLER(.name = "pure", .handle = pure_handle, .settle = pure_settle),
	NULL
};

static const struct gantry_plugin own_plugin = {
	.size = sizeof(own_plugin), .major = GANTRY_MAJOR, .level = GANTRY_LEVEL,
	.name = "own", .version = "1.0.0", .summary = "of this test",
	.instance_size = sizeof(struct own), .options = options, .handlers = handlers,
};

static struct testhost *host;

static int setup(void **state)
{
	static const char *const three[] = { "limit=3", NULL };

	(void)state;
	setenv("GANTRY_TESTHOST_MEMORY", MEMORY, 1);
	host = testhost_open(&TESTHOST(.descriptor = &own_plugin, .options = three),
			     NULL);
	unsetenv("GANTRY_TESTHOST_MEMORY");
	return host == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	testhost_close(&host);
	return 0;
}

static void test_impure(void **state)
{
	struct testhost_answer a;

	(void)state;
	assert_int_equal(testhost_send(host, &TESTHOST_MESSAGE(.handler = "impure"),
				       &a), -1);
	assert_true(a.impure);
	assert_int_equal(testhost_send(host, &TESTHOST_MESSAGE(.handler = "moody"),
				       &a), -1);
}

static void test_pure(void **state)
{
	struct testhost_message in = TESTHOST_MESSAGE(
		.handler = "pure", .params = "id=7&x=", .query = "item=inv_1");
	struct testhost_answer a;

	(void)state;
	assert_int_equal(testhost_stock(host, "inv_1", 10), 0);
	assert_int_equal(testhost_send(host, &in, &a), 0);
	assert_false(a.impure);
	assert_int_equal(a.status, 201);
	assert_string_equal(a.text, "\"PENDING\"");
	assert_null(a.code);
	assert_memory_equal(testhost_header(host, "location"), "/notes/note_", 12);
	assert_null(testhost_header(host, "Retry-After"));
	assert_int_equal(testhost_count(host, "allocations"), 1);
	assert_int_equal(testhost_count(host, "nonsense"), -1);
	assert_int_equal(testhost_send(host, &in, &a), 0);
	assert_int_equal(a.status, 422);
	assert_int_equal(a.verdict, GANTRY_REJECTED);
	assert_string_equal(a.code, "NOTE_EXISTS");
}

static void test_upstream(void **state)
{
	struct testhost_message in = TESTHOST_MESSAGE(.handler = "calling",
						      .params = "id=7");
	struct testhost_answer a;

	(void)state;
	/* nobody told */
	assert_int_equal(testhost_send(host, &in, &a), 0);
	assert_int_equal(a.status, 503);
	assert_string_equal(a.message,
			    "orders: nobody told what to answer to /orders/7");
	assert_string_equal(a.code == NULL ? "" : a.code, "");
	testhost_upstream(host, &TESTHOST_UPSTREAM(.name = "orders", .path = "/orders/7",
				.status = 200, .body = "{\"id\":7}"));
	assert_int_equal(testhost_send(host, &in, &a), 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.text, "{\"id\":7}");
	assert_int_equal(testhost_calls(host), 2);
	testhost_upstream(host, &TESTHOST_UPSTREAM(.name = "orders", .path = "/orders/7",
				.status = 200, .body = "{"));
	assert_int_equal(testhost_send(host, &in, &a), 0);
	assert_string_equal(a.message, "orders: does not answer /orders/7");
	testhost_upstream(host, &TESTHOST_UPSTREAM(.name = "orders", .path = "/orders/7",
				.status = 404));
	assert_int_equal(testhost_send(host, &in, &a), 0);
	assert_string_equal(a.code, "ORDER_NOT_FOUND");
}

static void test_key(void **state)
{
	struct testhost_message in = TESTHOST_MESSAGE(
		.handler = "pure", .params = "id=7", .query = "item=inv_1",
		.idempotency_key = "k", .correlation_id = "cor_1");
	struct testhost_answer a;

	(void)state;
	/* refused for lack of an item; the same again is the same answer */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(testhost_send(host, &in, &a), 0);
		assert_int_equal(a.status, 404);
		assert_string_equal(a.text,
			"{\"success\":false,\"error\":{"
			"\"code\":\"INVENTORY_ITEM_NOT_FOUND\","
			"\"message\":\"No inventory item has this id\","
			"\"details\":{\"inventoryItemId\":\"inv_1\"},"
			"\"retryable\":false,\"correlationId\":\"cor_1\"}}");
		assert_int_equal(testhost_header(host, "Idempotent-Replayed") != NULL, i);
	}
	assert_int_equal(testhost_stock(host, "inv_1", 1), 0);
	assert_int_equal(testhost_stock(host, "inv_1", 1), -1);
}

static void check_refused(const struct testhost_setup *setup, const char *text)
{
	struct gantry_error err = ERROR_INIT;
	struct testhost *none = testhost_open(setup, &err);

	assert_null(none);
	assert_string_equal(err.message, text);
	error_fini(&err);
}

static void test_refused(void **state)
{
	static const char *const ten[] = { "limit=10", NULL };
	static const char *const other[] = { "limt=1", NULL };

	(void)state;
	check_refused(&TESTHOST(.descriptor = &own_plugin, .memory = MEMORY,
				.options = ten),
		      "options:2:8: test.limit: must be 1 to 9: \"10\"");
	check_refused(&TESTHOST(.descriptor = &own_plugin, .memory = MEMORY,
				.options = other),
		      "options:2:1: test.limt: unknown key (did you mean \"limit\"?)");
	check_refused(&TESTHOST(.plugin = "/nowhere/x.so", .memory = MEMORY),
		      "/nowhere: cannot open: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_impure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upstream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key, setup, teardown),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
