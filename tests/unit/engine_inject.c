/* SPDX-License-Identifier: Apache-2.0 */
/* engine_inject - events that enter by HTTP, and what of a request a handler may see. */
#include "tests/unit/engine_world.h"

static bool two_fails;

static enum gantry_verdict event_handle(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	const json_t *event = gantry_json(m, err);
	const char *mode = json_string_value(json_object_get(event, m->route->queue));

	(void)self;
	if (two_fails && strcmp(m->route->queue, "two") == 0) {
		gantry_fail(err, "not today");
		return GANTRY_FAILED;
	}
	if (mode == NULL)
		return gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
			.type = m->route->queue, .payload_text = "{}",
			.payload_len = 2), err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
	if (strcmp(mode, "refuse") == 0)
		return gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ALLOCATE,
			.order_id = "ord_1", .order_item_id = "oi_1",
			.item_id = "inv_none", .quantity = 1), err) < 0 ?
			       GANTRY_FAILED : GANTRY_DONE;
	if (strcmp(mode, "reject") == 0)
		return gantry_reject(err, "ORDER_UNKNOWN");
	gantry_fail(err, "not today");
	return GANTRY_FAILED;
}

static const struct gantry_handler event_handler = {
	.size = sizeof(event_handler), .name = "event", .handle = event_handle,
};

static const char *inject_key, *inject_traceparent, *inject_tracestate;

static void inject(struct shot *s, const char *key, const char *body)
{
	static struct route_binding bindings[2] = { { "orders", "order.#" },
						    { "orders", "order.made.*" } };
	static struct route_step step;
	static struct message_pair params[2], headers[2];
	static struct route route;

	step = (struct route_step){ &world.instances[GANTRY_INLINE], &event_handler };
	for (int i = 0; i < 2; i++) {
		world.routes[3 + i] = (struct route){
			.source = GANTRY_SOURCE_AMQP,
			.address = i ? "queue two" : "queue one",
			.queue = i ? "two" : "one", .bindings = &bindings[i],
			.n_bindings = 1, .steps = &step, .n_steps = 1 };
	}
	world.graph.n_routes = 5;
	route = (struct route){ .source = GANTRY_SOURCE_HTTP, .inject = true,
				.address = "POST /events/{exchange}/{routingKey}" };
	params[0] = (struct message_pair){ "exchange", "orders" };
	params[1] = (struct message_pair){ "routingKey", key };
	shot_init(&world, s, GANTRY_INLINE, shot_reject);
	s->m.route = &route;
	s->m.idempotency_key = inject_key;
	s->m.params = params;
	s->m.n_params = 2;
	headers[0] = (struct message_pair){ "traceparent", inject_traceparent };
	headers[1] = (struct message_pair){ "tracestate", inject_tracestate };
	s->m.traceparent = inject_traceparent;
	s->m.headers = headers;
	s->m.n_headers = inject_traceparent != NULL ? 2 : 0;
	s->m.body = body;
	s->m.body_len = strlen(body);
	engine_submit(world.engine, &s->m);
	shot_wait(s);
}

static void check_inject(const char *key, const char *body, int status,
			 const char *answer)
{
	struct shot s;

	inject(&s, key, body);
	assert_int_equal(s.m.answer.status, status);
	assert_string_equal(s.m.answer.text, answer);
	shot_fini(&s);
	assert_int_equal(engine_waiting(world.engine), 0);
}

#define OUTCOME(id, outcome) "{\"success\":true,\"data\":{\"eventId\":\"" id \
	"\",\"outcome\":\"" outcome "\"}}"
#define EVENT(id, more) "{\"eventId\":\"" id "\"" more \
	",\"metadata\":{\"correlationId\":\"cor_9\"}}"
#define ERROR(code, message, retryable) "{\"success\":false,\"error\":{\"code\":\"" \
	code "\",\"message\":\"" message "\",\"retryable\":" retryable \
	",\"correlationId\":\"cor_9\"}}"

static void test_inject(void **state)
{
	(void)state;
	check_inject("order.made.x", EVENT("e1", ""), 200, OUTCOME("e1", "applied"));
	assert_int_equal(world_count(&world, COMMIT_INBOX), 2);
	assert_int_equal(world_count_text(&world, COMMIT_INBOX, "key", "one:e1"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_INBOX, "key", "two:e1"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "two"), 1);
	check_inject("order.made.x", EVENT("e1", ""), 200, OUTCOME("e1", "duplicate"));
	check_inject("order.other", EVENT("e2", ""), 200, OUTCOME("e2", "applied"));
	/* the queue that has it already is the one that is not "applied" */
	check_inject("order.made.x", EVENT("e2", ""), 200, OUTCOME("e2", "duplicate"));
	check_inject("order.made.x", EVENT("e3", ",\"two\":\"refuse\""), 200,
		     OUTCOME("e3", "refused"));
	assert_int_equal(world_count(&world, COMMIT_INBOX), 6);
}

static void test_inject_failures(void **state)
{
	struct shot s;

	(void)state;
	check_inject("order.made.x", EVENT("e1", ",\"one\":\"reject\""), 409,
		     ERROR("ORDER_UNKNOWN", "The order is not known", "false"));
	check_inject("order.made.x", EVENT("e2", ",\"one\":\"reject\",\"two\":\"fail\""),
		     503, ERROR("OVERLOADED", "not today", "true"));
	/* what was applied stays, and the event can come again */
	check_inject("order.made.x", EVENT("e1", ""), 200, OUTCOME("e1", "duplicate"));
	inject(&s, "nobody", EVENT("e4", ""));
	assert_int_equal(s.m.answer.status, 404);
	assert_string_equal(s.m.error.message,
		"No event route is bound to exchange orders with key nobody");
	shot_fini(&s);
	inject(&s, "order.made.x", "{\"eventId\":7}");
	assert_int_equal(s.m.answer.status, 400);
	assert_string_equal(s.m.error.message, "The event has no eventId");
	assert_non_null(strstr(s.m.answer.text, "\"details\":[{\"field\":\"eventId\","
				"\"problem\":\"not 1 to 128 printable bytes\"}]"));
	shot_fini(&s);
}

/* A kept answer of the first queue must not stand for the second. */
static void test_inject_with_key(void **state)
{
	struct shot s;

	(void)state;
	inject_key = "k";
	two_fails = true;
	check_inject("order.made.x", EVENT("e1", ""), 503,
		     ERROR("OVERLOADED", "not today", "true"));
	check_inject("order.made.x", EVENT("e1", ""), 503,
		     ERROR("OVERLOADED", "not today", "true"));
	two_fails = false;
	for (int i = 0; i < 2; i++) {
		inject(&s, "order.made.x", EVENT("e1", ""));
		assert_int_equal(s.m.answer.status, 200);
		assert_string_equal(s.m.answer.text, OUTCOME("e1", "applied"));
		assert_string_equal(shot_header(&s, "Idempotent-Replayed"), "true");
		shot_fini(&s);
	}
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "one"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "two"), 1);
	/* the key with another event: nothing happens */
	check_inject("order.made.x", EVENT("e2", ""), 422,
		     ERROR("IDEMPOTENCY_KEY_REUSED",
			   "The key was used with another request", "false"));
	assert_int_equal(world_count(&world, COMMIT_INBOX), 2);
	inject_key = NULL;
}

/* Its events go on with the trace of the request, all of them. */
static void test_inject_is_traced(void **state)
{
	(void)state;
	inject_traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	inject_tracestate = "shop=1";
	check_inject("order.made.x", EVENT("e1", ""), 200, OUTCOME("e1", "applied"));
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "traceparent",
					  inject_traceparent), 2);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "tracestate", "shop=1"), 2);
	inject_traceparent = NULL;
}

/* A credential in a header of its own is shown once, and not to handlers. */
static void test_credential_in(void **state)
{
	static const struct message_pair headers[] = {
		{ "X-One", "1" }, { "X-Key", "k" }, { "X-Two", "2" },
		{ "x-two", "3" },
	};
	struct gantry_message m = { 0 };
	size_t len = 7;

	(void)state;
	message_init(&m, GANTRY_SOURCE_HTTP, NULL);
	m.headers = headers;
	m.n_headers = ARRAY_LENGTH(headers);
	assert_null(gantry_credential_in(&m, "X-None", &len));
	assert_int_equal(len, 0);
	assert_string_equal(gantry_credential_in(&m, "x-KEY", &len), "k");
	assert_int_equal(len, 1);
	assert_null(gantry_header(&m, "X-Key"));
	assert_null(gantry_credential_in(&m, "X-Key", &len));
	assert_string_equal(gantry_credential_in(&m, "X-Two", &len), "");
	assert_int_equal(len, 0);
	assert_null(gantry_header(&m, "x-two"));
	assert_string_equal(gantry_header(&m, "X-One"), "1");
	assert_int_equal(m.n_headers, 1);
	message_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_inject),
		TEST(test_inject_failures),
		TEST(test_inject_with_key),
		TEST(test_inject_is_traced),
		TEST(test_credential_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
