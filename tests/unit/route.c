/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - the graph of the shipped configuration, look-ups in it, and what is
 * told when names do not fit.
 */
#include "tests/unit/config_files.h"

#include "gateway/base/error.h"
#include "gateway/pipeline/graph.h"

struct built {
	struct plugins *plugins;
	struct graph *graph;
};

static int setup(void **state)
{
	struct problems problems = { 0 };
	struct config *config = config_load(ETCDIR "/gantry.yaml", ETCDIR,
					    &problems);
	struct built *b = memory_new(sizeof(*b));

	b->plugins = plugins_new(STAND_IN_DIR);
	if (config != NULL)
		graph_build(config, b->plugins, &problems, &b->graph);
	problems_print(&problems, stderr);
	problems_fini(&problems);
	config_free(&config);
	*state = b;
	return b->graph != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct built *b = *state;

	graph_free(&b->graph);
	plugins_free(&b->plugins);
	free(b);
	return 0;
}

static struct graph *graph_of(void **state)
{
	return ((struct built *)*state)->graph;
}

static const struct route *route_at(const struct graph *g, const char *address)
{
	for (unsigned i = 0; i < g->n_routes; i++)
		if (strcmp(g->routes[i]->address, address) == 0)
			return g->routes[i];
	fail_msg("no route %s", address);
	return NULL;
}

static void test_graph_is_whole(void **state)
{
	struct graph *g = graph_of(state);
	const struct route *r = g->routes[0];

	assert_int_equal(g->n_routes, 25);
	assert_int_equal(g->n_instances, 7);
	assert_ptr_equal(g->storage, g->instances[0]);
	assert_string_equal(g->storage->name, "storage");
	assert_string_equal(g->service, "inventory-service");
	for (unsigned i = 0; i < g->n_instances; i++)
		assert_int_equal(g->instances[i]->number, i);
	for (unsigned i = 0; i < g->n_routes; i++)
		assert_int_equal(g->routes[i]->number, i);
	assert_string_equal(r->place, "inventory.yaml:13:5");
	assert_string_equal(r->address, "POST /allocations");
	assert_string_equal(r->auth[0]->name, "services");
	assert_int_equal(r->n_auth, 1);
	assert_string_equal(r->roles[0], "order-service");
	assert_null(r->roles[1]);
	assert_int_equal(r->n_steps, 1);
	assert_string_equal(r->steps[0].instance->name, "allocate");
	assert_string_equal(r->steps[0].handler->name, "create");
}

static void test_graph_has_all_sources(void **state)
{
	struct graph *g = graph_of(state);
	const struct route *r =
		route_at(g, "POST /events/{exchange}/{routingKey}");

	assert_true(r->inject);
	assert_int_equal(r->n_steps, 0);
	r = route_at(g, "amqp inventory.order-events "
			"order.events/order.ordercreated.order");
	assert_int_equal(r->source, GANTRY_SOURCE_AMQP);
	assert_string_equal(r->queue, "inventory.order-events");
	assert_int_equal(r->n_bindings, 1);
	assert_string_equal(r->bindings[0].exchange, "order.events");
	assert_string_equal(r->bindings[0].key, "order.ordercreated.order");
	r = route_at(g, "every 10s");
	assert_int_equal(r->source, GANTRY_SOURCE_SCHEDULE);
	assert_int_equal(r->every_ms, 10000);
}

/* "allocate.get id=a1", or what the look-up answers instead. */
static void found(struct graph *g, const char *method, const char *path,
		  const char *expected)
{
	struct message_pair params[ROUTE_MAX_PARAMS];
	struct arena arena = { 0 };
	const struct route *r = NULL;
	unsigned n = 0;
	const char *text;

	switch (route_find_http(g, method, path, &arena, &r, params, &n)) {
	case ROUTE_FOUND:
		text = r->inject ? "inject" : r->steps[0].handler->name;
		for (unsigned i = 0; i < n; i++)
			text = arena_format(&arena, "%s %s=%s", text,
					    params[i].name, params[i].value);
		break;
	case ROUTE_WRONG_METHOD:
		text = arena_format(&arena, "allow %s",
				    route_allowed(g, path, &arena));
		break;
	default:
		text = "not found";
		assert_string_equal(route_allowed(g, path, &arena), "");
	}
	assert_string_equal(text, expected);
	arena_fini(&arena);
}

static void test_find(void **state)
{
	struct graph *g = graph_of(state);

	found(g, "POST", "/allocations", "create");
	found(g, "POST", "/allocations/bulk", "create_bulk");
	found(g, "GET", "/allocations/by-order/o1", "by_order orderId=o1");
	found(g, "GET", "/allocations/bulk", "get id=bulk");
	found(g, "GET", "/allocations/a1", "get id=a1");
	found(g, "HEAD", "/allocations/a1", "get id=a1");
	found(g, "PUT", "/allocations/a1/cancel", "cancel id=a1");
	found(g, "PUT", "/allocations/by-order/cancel", "cancel id=by-order");
	found(g, "GET", "/inventory-items", "item_list");
	found(g, "POST", "/events/e/a.b.c", "inject exchange=e routingKey=a.b.c");
}

static void test_find_nothing(void **state)
{
	struct graph *g = graph_of(state);

	found(g, "GET", "/", "not found");
	found(g, "GET", "", "not found");
	found(g, "GET", "allocations", "not found");
	found(g, "GET", "/allocations/", "not found");
	found(g, "GET", "//allocations", "not found");
	found(g, "GET", "/Allocations", "not found");
	found(g, "GET", "/allocations/a/b/c/d/e/f", "not found");
	found(g, "GET", "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8", "not found");
	found(g, "GET", "/allocations", "allow POST");
	found(g, "BREW", "/allocations/a1", "allow GET, HEAD");
	found(g, "DELETE", "/inventory-items", "allow GET, HEAD, POST");
	found(g, "PUT", "/allocations/bulk", "allow GET, HEAD, POST");
}

static void test_find_decodes(void **state)
{
	struct graph *g = graph_of(state);

	found(g, "POST", "/%61llocations", "create");
	found(g, "GET", "/allocations/a%20b%C3%a9", "get id=a b\xc3\xa9");
	found(g, "GET", "/allocations/a%25%32f", "get id=a%2f");
	found(g, "GET", "/allocations/%2e%2E", "get id=..");
	found(g, "GET", "/allocations/a%2fb", "not found");
	found(g, "GET", "/allocations/a%2Fb", "not found");
	found(g, "GET", "/allocations/a%00", "not found");
	found(g, "GET", "/allocations/%", "not found");
	found(g, "GET", "/allocations/%4", "not found");
	found(g, "GET", "/allocations/%4/", "not found");
	found(g, "GET", "/allocations/%g0", "not found");
	found(g, "GET", "/allocations/%-1", "not found");
}

static void test_keys(void **state)
{
	static const struct {
		const char *binding, *key;
		bool fits;
	} rows[] = {
		{ "a.b", "a.b", true },	       { "a.b", "a.c", false },
		{ "a.b", "a", false },	       { "a", "a.b", false },
		{ "a.*", "a.b", true },	       { "a.*", "a", false },
		{ "a.*", "a.b.c", false },     { "*.b", "a.b", true },
		{ "*", "a", true },	       { "*", "", false },
		{ "*", "a.b", false },	       { "#", "", true },
		{ "#", "a", true },	       { "#", "a.b.c", true },
		{ "a.#", "a", true },	       { "a.#", "a.b.c", true },
		{ "a.#", "b.a", false },       { "#.c", "c", true },
		{ "#.c", "a.b.c", true },      { "#.c", "a.b.cc", false },
		{ "a.#.c", "a.c", true },      { "a.#.c", "a.b.b.c", true },
		{ "a.#.c", "a.b.c.d", false }, { "#.b.#", "a.b.c", true },
		{ "#.b.#", "a.c", false },     { "#.*", "a", true },
		{ "#.*", "", false },	       { "*.#", "a.b", true },
		{ "#.#", "", true },	       { "#.a.#.a", "a.b.a", true },
		{ "#.a.#.a", "a.b", false },   { "#.a.b.#.c", "a.x.a.b.y.c", true },
		{ "", "", true },	       { "", "a", false },
		{ "a..b", "a..b", true },      { "a.*.b", "a..b", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (route_key_matches(rows[i].binding, rows[i].key) !=
		    rows[i].fits)
			fail_msg("%s and %s", rows[i].binding, rows[i].key);
}

/* Linear, not exponential: many # against a key that does not fit. */
static void test_key_that_takes_its_time(void **state)
{
	char binding[256] = "#", key[256] = "a";

	(void)state;
	for (int i = 0; i < 40; i++) {
		strcat(binding, ".a.#");
		strcat(key, ".a.a");
	}
	strcat(binding, ".b");
	assert_false(route_key_matches(binding, key));
}

/* By the definition: # is none or more words, * is one. */
static bool fits_slowly(const char *const *b, const char *const *k)
{
	if (*b == NULL)
		return *k == NULL;
	if (strcmp(*b, "#") == 0)
		return fits_slowly(b + 1, k) ||
		       (*k != NULL && fits_slowly(b, k + 1));
	return *k != NULL && (strcmp(*b, "*") == 0 || strcmp(*b, *k) == 0) &&
	       fits_slowly(b + 1, k + 1);
}

/* One to six random words as a list and as text. */
static void random_words(const char *const *from, unsigned n, unsigned *seed,
			 const char **list, char *text)
{
	unsigned words = 1 + (unsigned)rand_r(seed) % 6;

	*text = '\0';
	for (unsigned i = 0; i < words; i++) {
		list[i] = from[(unsigned)rand_r(seed) % n];
		text = stpcpy(text, i > 0 ? "." : "");
		text = stpcpy(text, list[i]);
	}
	list[words] = NULL;
}

static void test_keys_against_the_definition(void **state)
{
	static const char *const some[] = { "a", "b", "bb", "*", "#", "#" };
	const char *b[8], *k[8];
	char binding[64], key[64];
	unsigned seed = 11, fits = 0;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		random_words(some, 6, &seed, b, binding);
		random_words(some, 3, &seed, k, key);
		if (route_key_matches(binding, key) != fits_slowly(b, k))
			fail_msg("%s and %s", binding, key);
		fits += fits_slowly(b, k);
	}
	assert_in_range(fits, 10000, 190000);
}

/* Any bytes as a path: no crash, and no parameter that could mislead. */
static void test_random_paths(void **state)
{
	static const char *const parts[] = {
		"/", "/", "allocations", "by-order", "bulk", "%2f", "%2F", "%",
		"%00", "%41", "%4", "..", "x", "\xff", "confirm", "events",
		"%c3%a9", "returns", "inventory-items", "?", "{id}",
	};
	struct graph *g = graph_of(state);
	unsigned seed = 5, hits = 0;

	for (unsigned i = 0; i < 200000; i++) {
		struct message_pair params[ROUTE_MAX_PARAMS];
		struct arena arena = { 0 };
		const struct route *r;
		unsigned n = 0, words = (unsigned)rand_r(&seed) % 9;
		char path[256] = "/";

		while (words-- > 0)
			strcat(path, parts[(size_t)rand_r(&seed) %
					   (sizeof(parts) / sizeof(*parts))]);
		if (route_find_http(g, "GET", path, &arena, &r, params, &n) ==
		    ROUTE_FOUND)
			hits++;
		for (unsigned j = 0; j < n; j++)
			if (*params[j].value == '\0' ||
			    strchr(params[j].value, '/') != NULL)
				fail_msg("%s gives %s", path, params[j].value);
		arena_fini(&arena);
	}
	assert_true(hits > 100);
}

static void test_open_and_close(void **state)
{
	struct graph *g = graph_of(state);
	struct gantry_error err = ERROR_INIT;

	assert_int_equal(graph_open(g, &err), 0);
	assert_string_equal(getenv("TEST_OPENED"), "orders");
	assert_string_equal(getenv("TEST_SERVICE"), "inventory-service");
	for (unsigned i = 0; i < g->n_instances; i++)
		assert_true(g->instances[i]->open);
	graph_close(g);
	assert_null(getenv("TEST_OPENED"));
	for (unsigned i = 0; i < g->n_instances; i++)
		assert_false(g->instances[i]->open);
}

#define STORAGE "storage: {plugin: sqlite, path: /x}\n"
#define HANDLER "handlers: {o: {plugin: order-events}}\n"

/* The problems of a main file with the stand-ins; a graph only without. */
static void build_expect(const char *yaml, const char *expected)
{
	struct plugins *plugins = plugins_new(STAND_IN_DIR);
	struct problems problems = { 0 };
	struct graph *graph = NULL;
	struct config *config;
	struct files f;
	char *text;

	files_begin(&f);
	files_put(&f, "gantry.yaml", yaml);
	config = files_load(&f, &problems);
	assert_int_equal(graph_build(config, plugins, &problems, &graph),
			 *expected == '\0' ? 0 : -1);
	text = files_problems(&f, &problems);
	assert_string_equal(text, expected);
	assert_true((graph != NULL) == (*expected == '\0'));
	free(text);
	graph_free(&graph);
	config_free(&config);
	problems_fini(&problems);
	plugins_free(&plugins);
	files_end(&f);
}

static void test_names_that_do_not_fit(void **state)
{
	(void)state;
	build_expect(STORAGE HANDLER
		     "auth: {s: {plugin: jwt, key_file: k, issuer: i, "
		     "audience: a}}\n"
		     "routes:\n"
		     "- {http: GET /a, auth: t, roles: [r], pipeline: [o.created]}\n"
		     "- {http: GET /b, auth: [s, ss], roles: [r], pipeline: [o.creted]}\n"
		     "- {every: 1s, pipeline: [oo.created, s.created, created, .x, o.]}\n",
		     "gantry.yaml:5:24: routes[0].auth: there is no auth "
		     "\"t\"\n"
		     "gantry.yaml:6:28: routes[1].auth: there is no auth "
		     "\"ss\"\n"
		     "gantry.yaml:6:56: pipeline: o (plugin order-events) has "
		     "no handler \"creted\" (did you mean \"created\"?)\n"
		     "gantry.yaml:7:26: pipeline: there is no handler instance "
		     "\"oo\"\n"
		     "gantry.yaml:7:38: pipeline: \"s\" is an auth, not a "
		     "handler; name it by auth:\n"
		     "gantry.yaml:7:49: pipeline: must be instance.handler: "
		     "\"created\"\n"
		     "gantry.yaml:7:58: pipeline: must be instance.handler: "
		     "\".x\"\n"
		     "gantry.yaml:7:62: pipeline: must be instance.handler: "
		     "\"o.\"\n");
}

static void test_plugins_that_do_not_fit(void **state)
{
	(void)state;
	build_expect("storage: {plugin: jwt}\nhandlers: {a: {plugin: sqlite}, "
		     "b: {plugin: alocations}}\nbreakers: {c: {plugin: "
		     "jwt}}\nroutes: [{every: 1s, pipeline: [a.x, b.y]}]\n",
		     "gantry.yaml:1:19: storage.plugin: jwt is a plugin for "
		     "auth, not for storage\n"
		     "gantry.yaml:2:24: handlers.a.plugin: sqlite is a plugin "
		     "for storage, not for handlers\n"
		     "gantry.yaml:2:45: handlers.b.plugin: " STAND_IN_DIR
		     ": there is no plugin alocations.so (did you mean "
		     "\"allocations\"?)\n"
		     "gantry.yaml:3:24: breakers.c.plugin: jwt is a plugin for "
		     "auth, not for breaker\n");
}

/* Files, options, plugins and routes: all of it in one go. */
static void test_problems_of_all_floors(void **state)
{
	(void)state;
	build_expect("storage: {plugin: sqlite, pth: /x}\nhttp: {lisen: x}\n"
		     HANDLER "routes: [{every: 1s, pipeline: [o.x]}]\n",
		     "gantry.yaml:1:10: storage.path: missing\n"
		     "gantry.yaml:1:27: storage.pth: unknown key (did you mean "
		     "\"path\"?)\n"
		     "gantry.yaml:2:8: http.lisen: unknown key (did you mean "
		     "\"listen\"?)\n"
		     "gantry.yaml:4:33: pipeline: o (plugin order-events) has "
		     "no handler \"x\"\n");
}

static void test_bindings(void **state)
{
	(void)state;
	build_expect(STORAGE HANDLER
		     "routes:\n"
		     "- {amqp: {queue: q, bind: {e: [a, b]}}, pipeline: [o.created]}\n"
		     "- {amqp: {queue: q, bind: {e: [c]}}, pipeline: [o.confirmed]}\n"
		     "- {amqp: {queue: r, bind: {e: [a]}}, pipeline: [o.confirmed]}\n",
		     "");
	build_expect(STORAGE HANDLER
		     "routes:\n"
		     "- {amqp: {queue: q, bind: {e: [a, b]}}, pipeline: [o.created]}\n"
		     "- {amqp: {queue: q, bind: {e: [c, b]}}, pipeline: [o.confirmed]}\n",
		     "gantry.yaml:5:35: routes[1].amqp.bind: q has e/b in "
		     "gantry.yaml:4:35 already\n");
}

static void test_one_that_does_not_open(void **state)
{
	struct plugins *plugins = plugins_new(STAND_IN_DIR);
	struct gantry_error err = ERROR_INIT;
	struct problems problems = { 0 };
	struct graph *graph = NULL;
	struct config *config;
	struct files f;

	(void)state;
	files_begin(&f);
	files_put(&f, "gantry.yaml",
		  STORAGE "handlers:\n  a: {plugin: order-events}\n"
			  "  b: {plugin: order-events, broken: true}\n"
			  "  c: {plugin: order-events}\n");
	config = files_load(&f, &problems);
	assert_int_equal(graph_build(config, plugins, &problems, &graph), 0);
	config_free(&config);
	assert_int_equal(graph_open(graph, &err), -1);
	assert_string_equal(err.message,
			    "b (order-events): does not want to");
	assert_null(getenv("TEST_OPENED"));
	for (unsigned i = 0; i < graph->n_instances; i++)
		assert_false(graph->instances[i]->open);
	graph_free(&graph);
	problems_fini(&problems);
	plugins_free(&plugins);
	files_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graph_is_whole),
		cmocka_unit_test(test_graph_has_all_sources),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_nothing),
		cmocka_unit_test(test_find_decodes),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_key_that_takes_its_time),
		cmocka_unit_test(test_keys_against_the_definition),
		cmocka_unit_test(test_random_paths),
		cmocka_unit_test(test_open_and_close),
		cmocka_unit_test(test_names_that_do_not_fit),
		cmocka_unit_test(test_plugins_that_do_not_fit),
		cmocka_unit_test(test_problems_of_all_floors),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_one_that_does_not_open),
	};

	unsetenv("CREDENTIALS_DIRECTORY");
	return cmocka_run_group_tests_name("route", tests, setup, teardown);
}
