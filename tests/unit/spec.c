/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec - descriptions of handlers put together: pipelines, codes, options,
 * names; and what is wrong with them, word for word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/spec/spec.h"

/* One route over HTTP of up to two handlers, each of an instance of its own. */
struct world {
	struct config config;
	struct route route, event;
	struct route_segment segments[2];
	struct route_step steps[2];
	struct gantry_handler handlers[2];
	struct gantry_plugin plugin;
	struct gantry_instance instance;
	struct route *routes[2];
	struct gantry_instance *instances[1];
	struct graph graph;
	const char *exchange;
	struct gantry_error err;
};

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct world, exchange, .summary = "where"), NULL
};

static void begin(struct world *w)
{
	*w = (struct world){ .exchange = "shop.events" };
	w->config.service = "shop";
	w->config.http.listen = "127.0.0.1:8080";
	w->plugin = (struct gantry_plugin){ .name = "things", .options = options };
	w->instance = (struct gantry_instance){ .name = "things", .plugin = &w->plugin,
						.self = w };
	w->instances[0] = &w->instance;
	w->segments[0] = (struct route_segment){ "things", false };
	w->segments[1] = (struct route_segment){ "id", true };
	for (unsigned i = 0; i < 2; i++) {
		w->handlers[i] = (struct gantry_handler){ .name = i == 0 ? "first" : "last",
							  .summary = "what it does" };
		w->steps[i] = (struct route_step){ &w->instance, &w->handlers[i] };
	}
	w->route = (struct route){ .source = GANTRY_SOURCE_HTTP, .method = "POST",
				   .address = "POST /things/{id}",
				   .segments = w->segments, .n_segments = 2,
				   .steps = w->steps, .n_steps = 2 };
	w->routes[0] = &w->route;
	w->graph = (struct graph){ .service = "shop", .routes = w->routes, .n_routes = 1,
				   .instances = w->instances, .n_instances = 1 };
}

static json_t *made(struct world *w,
		    json_t *(*make)(const struct spec_source *, struct gantry_error *))
{
	struct spec_source source = { &w->config, &w->graph, "1.0" };
	json_t *tree = make(&source, &w->err);

	if (tree == NULL)
		print_message("%s\n", w->err.message);
	assert_non_null(tree);
	return tree;
}

static void refused(struct world *w,
		    json_t *(*make)(const struct spec_source *, struct gantry_error *),
		    const char *message)
{
	struct spec_source source = { &w->config, &w->graph, "1.0" };

	assert_null(make(&source, &w->err));
	assert_string_equal(w->err.message, message);
	error_fini(&w->err);
}

/* The value at "a b c"; "#2" is the third of a list. */
static const json_t *at(const json_t *tree, const char *places)
{
	char *text = memory_text(places), *rest = NULL;

	for (char *p = strtok_r(text, " ", &rest); p != NULL; p = strtok_r(NULL, " ", &rest))
		tree = *p == '#' ? json_array_get(tree, (size_t)(p[1] - '0')) :
				   json_object_get(tree, p);
	free(text);
	return tree;
}

static void is(const json_t *tree, const char *places, const char *json)
{
	json_t *expected = json_loads(json, JSON_DECODE_ANY, NULL);
	const json_t *found = at(tree, places);

	assert_non_null(expected);
	if (found == NULL || !json_equal(found, expected)) {
		char *text = json_dumps(found, JSON_ENCODE_ANY);

		print_message("%s: %s\n", places, text);
		free(text);
	}
	assert_true(found != NULL && json_equal(found, expected));
	json_decref(expected);
}

#define OPERATION "paths /things/{id} post "

static void test_handlers_add_up(void **state)
{
	struct world w;
	json_t *tree;

	(void)state;
	begin(&w);
	w.handlers[0].operation = GANTRY_JSON({
		"parameters": [{"name": "a", "in": "query", "schema": {"type": "string"}}],
		"requestBody": {"content": {"application/json": {"schema": {"type": "null"}}}},
		"x-errors": ["RATE_LIMITED"],
		"x-headers": {"RateLimit-Limit": {"schema": {"type": "integer"}}}});
	w.handlers[1].operation = GANTRY_JSON({
		"tags": ["Things"], "description": "More of it",
		"parameters": [{"name": "a", "in": "query", "schema": {"type": "integer"}},
			{"name": "b", "in": "query", "schema": {"type": "integer"}},
			{"name": "other", "in": "path", "required": true,
				"schema": {"type": "string"}}],
		"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
		"responses": {"202": {"description": "Taken"}},
		"x-errors": ["ORDER_CANCELLED", "OWN_CODE"],
		"x-retries": ["ORDER_UNKNOWN"]});
	tree = made(&w, spec_openapi);
	is(tree, "openapi", "\"3.1.0\"");
	is(tree, "servers", "[{\"url\": \"http://127.0.0.1:8080\"}]");
	is(tree, OPERATION "operationId", "\"things_last\"");
	is(tree, OPERATION "summary", "\"what it does\"");
	is(tree, OPERATION "description", "\"More of it\"");
	is(tree, OPERATION "tags", "[\"Things\"]");
	is(tree, OPERATION "security", "[]");
	/* the first word counts; what is no part of the path is left out; what is, is told */
	is(tree, OPERATION "parameters",
	   "[{\"name\": \"a\", \"in\": \"query\", \"schema\": {\"type\": \"string\"}},"
	   "{\"name\": \"b\", \"in\": \"query\", \"schema\": {\"type\": \"integer\"}},"
	   "{\"name\": \"id\", \"in\": \"path\", \"required\": true,"
	   " \"schema\": {\"type\": \"string\"}},"
	   "{\"$ref\": \"#/components/parameters/IdempotencyKey\"},"
	   "{\"$ref\": \"#/components/parameters/CorrelationId\"},"
	   "{\"$ref\": \"#/components/parameters/Traceparent\"}]");
	is(tree, OPERATION "requestBody content application/json schema",
	   "{\"type\": \"object\"}");
	is(tree, OPERATION "responses 202 headers",
	   "{\"X-Correlation-ID\": {\"$ref\": \"#/components/headers/CorrelationId\"},"
	   "\"Idempotent-Replayed\": {\"$ref\": \"#/components/headers/IdempotentReplayed\"},"
	   "\"RateLimit-Limit\": {\"schema\": {\"type\": \"integer\"}}}");
	is(tree, OPERATION "responses 409",
	   "{\"$ref\": \"#/components/responses/ORDER_CANCELLED.IDEMPOTENCY_IN_PROGRESS\"}");
	is(tree, OPERATION "responses 422",
	   "{\"$ref\": \"#/components/responses/OWN_CODE.IDEMPOTENCY_KEY_REUSED\"}");
	is(tree, OPERATION "responses 503 content application/json schema properties error "
	   "properties code enum",
	   "[\"ORDER_UNKNOWN\", \"OVERLOADED\", \"STORAGE_UNAVAILABLE\"]");
	is(tree, "components responses RATE_LIMITED headers Retry-After",
	   "{\"$ref\": \"#/components/headers/RetryAfter\"}");
	is(tree, "components responses RATE_LIMITED headers RateLimit-Limit",
	   "{\"schema\": {\"type\": \"integer\"}}");
	assert_null(at(tree, OPERATION "responses 401"));
	json_decref(tree);
}

static void test_nothing_is_said(void **state)
{
	struct world w;
	json_t *tree;

	(void)state;
	begin(&w);
	tree = made(&w, spec_openapi);
	is(tree, OPERATION "responses default description",
	   "\"What it replies is not described\"");
	json_decref(tree);
}

static void test_options_are_filled_in(void **state)
{
	struct world w;
	json_t *tree;

	(void)state;
	begin(&w);
	w.handlers[0].events = GANTRY_JSON({"sends": [{"name": "Thing", "summary":
		"to ${exchange}, twice: ${exchange}", "exchange": "${exchange}",
		"key": "shop.{payload.region}", "payload": {"type": "object"}}]});
	tree = made(&w, spec_asyncapi);
	is(tree, "operations send_Thing summary", "\"to shop.events, twice: shop.events\"");
	is(tree, "operations send_Thing x-caused-by", "[\"POST /things/{id}\"]");
	is(tree, "channels shop.events.shop._payload.region_ address",
	   "\"shop.{payload_region}\"");
	is(tree, "channels shop.events.shop._payload.region_ parameters",
	   "{\"payload_region\": {\"description\": \"Of the message that comes in\"}}");
	is(tree, "components messages Thing payload allOf #1 properties eventType",
	   "{\"const\": \"Thing\"}");
	json_decref(tree);
}

static void test_events_come_in(void **state)
{
	struct route_binding binding = { "order.events", "order.#" };
	struct world w;
	json_t *tree;

	(void)state;
	begin(&w);
	w.route = (struct route){ .source = GANTRY_SOURCE_AMQP, .queue = "things",
				  .address = "amqp things", .bindings = &binding,
				  .n_bindings = 1, .steps = w.steps, .n_steps = 2 };
	w.handlers[1].events = GANTRY_JSON({
		"receives": [{"name": "Any", "summary": "any", "body": {}}],
		"sends": ["InsufficientStock"], "errors": ["VALIDATION_ERROR"],
		"retries": ["ORDER_UNKNOWN"]});
	tree = made(&w, spec_asyncapi);
	is(tree, "channels things bindings amqp queue name", "\"things\"");
	is(tree, "channels things x-dead-letter-queue", "\"things.dead\"");
	is(tree, "operations receive_things_last x-bound-to",
	   "[{\"exchange\": \"order.events\", \"routingKey\": \"order.#\"}]");
	is(tree, "operations receive_things_last x-errors", "[\"VALIDATION_ERROR\"]");
	is(tree, "operations receive_things_last x-retries", "[\"ORDER_UNKNOWN\"]");
	is(tree, "components messages Any payload", "{}");
	is(tree, "operations send_InsufficientStock x-caused-by", "[\"amqp things\"]");
	is(tree, "components schemas Shortage properties requested minimum", "1");
	assert_null(at(tree, "components schemas AllocationChange"));
	json_decref(tree);
}

static void test_an_event_over_http_has_the_codes_of_all(void **state)
{
	struct route_binding binding = { "order.events", "order.#" };
	struct world w;
	json_t *tree;

	(void)state;
	begin(&w);
	w.event = (struct route){ .source = GANTRY_SOURCE_AMQP, .queue = "things",
				  .address = "amqp things", .bindings = &binding,
				  .n_bindings = 1, .steps = w.steps, .n_steps = 1 };
	w.handlers[0].events = GANTRY_JSON({"errors": ["ORDER_UNKNOWN"],
					    "retries": ["ORDER_NOT_FULFILLED"]});
	w.route.inject = true;
	w.route.n_steps = 0;
	w.routes[1] = &w.event;
	w.graph.n_routes = 2;
	tree = made(&w, spec_openapi);
	is(tree, OPERATION "operationId", "\"event\"");
	is(tree, OPERATION "responses 409",
	   "{\"$ref\": \"#/components/responses/ORDER_UNKNOWN.IDEMPOTENCY_IN_PROGRESS\"}");
	is(tree, OPERATION "responses 503 content application/json schema properties error "
	   "properties code enum #0", "\"ORDER_NOT_FULFILLED\"");
	json_decref(tree);
}

static void test_schemas_that_are_used(void **state)
{
	struct world w;
	json_t *tree;

	(void)state;
	begin(&w);
	w.plugin.schemas = GANTRY_JSON({
		"Unused": {"type": "null"},
		"Leaf": {"type": "string"},
		"Tree": {"type": "array", "items": {"$ref": "#/components/schemas/Leaf"}}});
	w.handlers[1].operation = GANTRY_JSON({"responses": {"200": {"description": "Fine",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/Tree"}}}}}});
	tree = made(&w, spec_openapi);
	is(tree, "components schemas Leaf", "{\"type\": \"string\"}");
	assert_non_null(at(tree, "components schemas Tree"));
	assert_non_null(at(tree, "components schemas Error"));
	assert_null(at(tree, "components schemas Unused"));
	json_decref(tree);
}

static void test_wrong_descriptions(void **state)
{
	static const struct {
		const char *operation, *message;
	} cases[] = {
		{ "{", "things.first: operation: no JSON: string or '}' expected near end of "
		       "file (at byte 1)" },
		{ "{\"a\": 1, \"a\": 2}", "things.first: operation: no JSON: duplicate object "
		  "key near '\"a\"' (at byte 12)" },
		{ "[]", "things.first: operation: must be an object" },
		{ "{\"response\": {}}",
		  "things.first: operation: there is no member \"response\"" },
		{ "{\"summary\": \"${nothing}\"}",
		  "things.first: operation: ${nothing} is no option of the plugin" },
		{ "{\"responses\": {\"200\": {\"$ref\": \"#/components/schemas/No\"}}}",
		  "#/components/schemas/No: nobody says what that is" },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		begin(&w);
		w.handlers[0].operation = cases[i].operation;
		refused(&w, spec_openapi, cases[i].message);
	}
}

static void test_wrong_events(void **state)
{
	static const struct {
		const char *events, *message;
	} cases[] = {
		{ "{\"sent\": []}", "things.first: events: there is no member \"sent\"" },
		{ "{\"sends\": [\"NoSuch\"]}",
		  "things.first: events: the stock has no event \"NoSuch\"" },
		{ "{\"sends\": [{\"name\": \"A\", \"key\": \"k\"}]}",
		  "things.first: events: what is sent needs name, exchange and key" },
		{ "{\"receives\": [{\"summary\": \"A\"}]}",
		  "things.first: events: what is received needs a name" },
		{ "{\"receives\": [{\"name\": \"A\", \"form\": {}}]}",
		  "things.first: events: there is no member \"form\"" },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		begin(&w);
		w.handlers[0].events = cases[i].events;
		refused(&w, spec_asyncapi, cases[i].message);
	}
}

static void test_a_name_means_one_thing(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.plugin.schemas = GANTRY_JSON({"Error": {"type": "null"}});
	refused(&w, spec_openapi, "things: schemas: \"Error\" is something else elsewhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handlers_add_up),
		cmocka_unit_test(test_nothing_is_said),
		cmocka_unit_test(test_options_are_filled_in),
		cmocka_unit_test(test_events_come_in),
		cmocka_unit_test(test_an_event_over_http_has_the_codes_of_all),
		cmocka_unit_test(test_schemas_that_are_used),
		cmocka_unit_test(test_wrong_descriptions),
		cmocka_unit_test(test_wrong_events),
		cmocka_unit_test(test_a_name_means_one_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
