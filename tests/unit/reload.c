/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload - what a reload stands on: what is carried over, what follows, and what
 * cannot change. Which graph is the current one: current.c; options: values.c.
 */
#include "tests/unit/config_files.h"

#include <sched.h>
#include <stdatomic.h>

#include "gateway/base/error.h"
#include "gateway/config/option.h"
#include "gateway/config/restart.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/graph.h"
#include "gateway/upstream/breakers.h"
#include "gateway/upstream/upstream.h"

static struct {
	struct files files;
	struct plugins *plugins;
	struct current *current;
	struct config *config;
	struct graph *graph;
} w;

#define AUTH "auth: {ours: {plugin: " PLUGINS_BUILT "/jwt/.libs/jwt.so, key_file: key, " \
	     "algorithm: HS256, issuer: shop, audience: me}}\n"
#define BREAKER(more) "breakers:\n  b:\n    plugin: " PLUGINS_BUILT \
		      "/breaker/.libs/breaker.so\n" more
#define WEB(more) "upstreams: {web: {url: \"http://127.0.0.1:1\", breaker: b" more "}}\n"
#define STORAGE "storage: {plugin: " PLUGINS_BUILT "/memory/.libs/memory.so}\n"

static void put_key(const char *key)
{
	char *path = files_write(&w.files, "key", key, strlen(key));

	assert_int_equal(chmod(path, 0600), 0);
	free(path);
}

/* NULL if it is refused, with why in *problems. */
static struct graph *build(const char *yaml, struct config **config_out,
			   struct problems *problems)
{
	struct graph *graph = NULL;

	files_put(&w.files, "gantry.yaml", yaml);
	*config_out = files_load(&w.files, problems);
	graph_build_next(*config_out, w.plugins, problems, w.current, &graph);
	return graph;
}

static void use(const char *yaml)
{
	struct problems problems = { 0 };
	struct gantry_error err = ERROR_INIT;
	struct graph *graph;
	struct config *config;
	char *text;

	graph = build(yaml, &config, &problems);
	text = files_problems(&w.files, &problems);
	assert_string_equal(text, "");
	free(text);
	problems_fini(&problems);
	assert_int_equal(graph_open(graph, &err), 0);
	config_free(&w.config);
	w.config = config;
	w.graph = graph;
	current_set(w.current, graph);
}

static void retire(void)
{
	struct graph *graph;

	while ((graph = current_drained(w.current)) != NULL)
		graph_free(&graph);
}

static int begin(void **state)
{
	(void)state;
	files_begin(&w.files);
	w.plugins = plugins_new("/nowhere");
	w.current = current_new();
	put_key("0123456789abcdef0123456789abcdef");
	return 0;
}

static int end(void **state)
{
	(void)state;
	current_end(w.current);
	retire();
	current_free(&w.current);
	config_free(&w.config);
	plugins_free(&w.plugins);
	files_end(&w.files);
	return 0;
}

static struct gantry_instance *instance(const char *kind, const char *name)
{
	struct gantry_instance *i = graph_instance(w.graph, kind, name);

	assert_non_null(i);
	assert_true(i->open);
	return i;
}

static void test_the_same_is_carried_over(void **state)
{
	struct gantry_instance *storage, *auth, *breaker;

	(void)state;
	use(STORAGE AUTH BREAKER(""));
	storage = w.graph->storage;
	auth = instance("auth", "ours");
	breaker = instance("breaker", "b");
	/* in another order, with what is the default anyway */
	use(BREAKER("    failure_threshold: 3\n") STORAGE AUTH);
	retire();
	assert_ptr_equal(w.graph->storage, storage);
	assert_ptr_equal(instance("auth", "ours"), auth);
	assert_ptr_equal(instance("breaker", "b"), breaker);
	assert_int_equal(auth->users, 1);
}

static void test_what_changed_is_new(void **state)
{
	struct gantry_instance *auth, *breaker, *storage;
	const struct graph *held;

	(void)state;
	use(STORAGE AUTH BREAKER(""));
	storage = w.graph->storage;
	auth = instance("auth", "ours");
	breaker = instance("breaker", "b");
	held = current_take(w.current);
	use(STORAGE AUTH BREAKER("    failure_threshold: 7\n"));
	assert_ptr_equal(instance("auth", "ours"), auth);
	assert_ptr_not_equal(instance("breaker", "b"), breaker);
	/* the old one goes with its graph, and its number is not used twice */
	retire();
	assert_true(breaker->open);
	assert_int_not_equal(breaker->number, instance("breaker", "b")->number);
	assert_int_not_equal(auth->number, instance("breaker", "b")->number);
	assert_int_equal(auth->users, 2);
	current_release(held);
	retire();
	assert_int_equal(auth->users, 1);
	assert_true(storage->open);
	/* the key is another file */
	put_key("fedcba9876543210fedcba9876543210x");
	use(STORAGE AUTH BREAKER("    failure_threshold: 7\n"));
	assert_ptr_not_equal(instance("auth", "ours"), auth);
	retire();
	assert_ptr_equal(w.graph->storage, storage);
}

static void refuse(const char *yaml, const char *wanted)
{
	struct problems problems = { 0 };
	struct config *config;
	struct graph *graph = build(yaml, &config, &problems);
	char *text = files_problems(&w.files, &problems);

	assert_null(graph);
	assert_string_equal(text, wanted);
	free(text);
	problems_fini(&problems);
	config_free(&config);
}

static void test_a_failure_changes_nothing(void **state)
{
	struct gantry_instance *auth;

	(void)state;
	use(STORAGE AUTH BREAKER(""));
	auth = instance("auth", "ours");
	refuse(STORAGE AUTH BREAKER("    failure_thresold: 7\n"),
	       "gantry.yaml:6:5: breakers.b.failure_thresold: unknown key "
	       "(did you mean \"failure_threshold\"?)\n");
	assert_ptr_equal(instance("auth", "ours"), auth);
	assert_int_equal(auth->users, 1);
	use(STORAGE AUTH);
	retire();
	assert_ptr_equal(instance("auth", "ours"), auth);
}

static void restart(const char *before, const char *now, const char *wanted)
{
	struct problems problems = { 0 };
	struct config *is, *then;
	char *text;

	files_put(&w.files, "gantry.yaml", before);
	is = files_load(&w.files, &problems);
	files_put(&w.files, "gantry.yaml", now);
	then = files_load(&w.files, &problems);
	assert_int_equal(problems.n, 0);
	restart_check(is, then, &problems);
	text = files_problems(&w.files, &problems);
	assert_string_equal(text, wanted);
	free(text);
	problems_fini(&problems);
	config_free(&is);
	config_free(&then);
}

static void test_what_needs_a_restart(void **state)
{
	(void)state;
	restart(STORAGE, STORAGE, "");
	restart(STORAGE "service: a\n", STORAGE "service: a\n", "");
	restart(STORAGE "service: a\n", STORAGE "\nservice: b\n",
		"gantry.yaml:3:10: service: needs a restart\n");
	restart(STORAGE "service: a\n", STORAGE, "gantry.yaml: service: needs a restart\n");
	restart(STORAGE, STORAGE "replica: r\n",
		"gantry.yaml:2:10: replica: needs a restart\n");
	restart(STORAGE "http: {listen: \"127.0.0.1:1\"}\n", STORAGE,
		"gantry.yaml: http.listen: needs a restart\n");
	restart(STORAGE "http: {listen: \"127.0.0.1:1\"}\n", STORAGE "http: {}\n",
		"gantry.yaml:2:1: http.listen: needs a restart\n");
	restart(STORAGE "http: {max_head: 8K, max_body: 1K, head_timeout: 1s}\n",
		STORAGE "http: {max_head: 9K, max_body: 2K, body_timeout: 2s}\n",
		"gantry.yaml:2:18: http.max_head: needs a restart\n");
	restart(STORAGE "admin: {socket: /run/a}\n", STORAGE "admin: {socket: /run/b}\n",
		"gantry.yaml:2:17: admin.socket: needs a restart\n");
	restart(STORAGE "engine: {queue: 5, workers: 2}\ncommit: {queue: 6}\nlog: {level: info}\n",
		STORAGE "engine: {queue: 6, workers: 2}\ncommit: {queue: 7, "
		"outbox_max_rows: 9, outbox_max_age: 2d}\nlog: {level: error}\n", "");
	restart(STORAGE "amqp: {url: \"amqp://h/\"}\n",
		STORAGE "amqp: {url: \"amqp://h/\", prefetch: 7, retry: [2s]}\n",
		"gantry.yaml:2:36: amqp.prefetch: needs a restart\n"
		"gantry.yaml:2:46: amqp.retry: needs a restart\n");
	restart(STORAGE "amqp: {url: \"amqp://h/\"}\n", STORAGE,
		"gantry.yaml: amqp: needs a restart\n");
}

/* --- breakers and upstreams --- */

static _Atomic unsigned calls_ended;

static void call_ended(struct call *call)
{
	(void)call;
	atomic_fetch_add(&calls_ended, 1);
}

/* Nobody listens there. */
static void call_in_vain(struct upstreams *upstreams)
{
	static const char *const none[] = { NULL };
	struct call call = { .done = call_ended };
	unsigned before = atomic_load(&calls_ended);

	call.request = GANTRY_REQUEST(.upstream = "web", .method = "POST", .path = "/",
				      .headers = none);
	upstreams_make(upstreams, &call);
	while (atomic_load(&calls_ended) == before)
		sched_yield();
	call_fini(&call);
}

static uint64_t failed(const struct upstreams *upstreams)
{
	struct upstream_counts counts;

	assert_true(upstreams_counts(upstreams, 0, &counts));
	assert_int_equal(counts.under_way, 0);
	return counts.outcomes[UPSTREAM_FAILED];
}

static void follow(const char *yaml)
{
	const struct graph *before = w.graph;

	use(yaml);
	w.graph->breakers = breakers_next(before->breakers, w.graph);
	w.graph->upstreams = upstreams_next(before->upstreams, w.config, w.graph,
					    w.graph->breakers);
}

static void leave(struct graph *graph)
{
	upstreams_stop(&graph->upstreams);
	breakers_free(&graph->breakers);
}

static void test_upstreams_follow(void **state)
{
	const char *all = STORAGE AUTH BREAKER("    failure_threshold: 100\n") WEB("");
	struct graph *first, *second, *third;
	struct guard *guard;

	(void)state;
	use(all);
	first = w.graph;
	first->breakers = breakers_new(first);
	first->upstreams = upstreams_start(w.config, first, first->breakers);
	guard = breakers_find(first->breakers, "b");
	call_in_vain(first->upstreams);
	assert_int_equal(failed(first->upstreams), 1);
	follow(all);
	second = w.graph;
	assert_ptr_equal(breakers_find(second->breakers, "b"), guard);
	call_in_vain(second->upstreams);
	/* it is one to both */
	assert_int_equal(failed(first->upstreams), 2);
	leave(first);
	call_in_vain(second->upstreams);
	assert_int_equal(failed(second->upstreams), 3);
	/* another shape counts on; the one of before is still there for its graph */
	follow(STORAGE AUTH BREAKER("    failure_threshold: 100\n") WEB(", timeout: 7s"));
	third = w.graph;
	assert_int_equal(failed(third->upstreams), 3);
	call_in_vain(third->upstreams);
	call_in_vain(second->upstreams);
	assert_int_equal(failed(third->upstreams), 4);
	assert_int_equal(failed(second->upstreams), 4);
	leave(second);
	follow(STORAGE AUTH BREAKER("    failure_threshold: 3\n"));
	assert_ptr_not_equal(breakers_find(w.graph->breakers, "b"), guard);
	assert_false(upstreams_counts(w.graph->upstreams, 0, &(struct upstream_counts){ 0 }));
	leave(third);
	leave(w.graph);
	retire();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_same_is_carried_over, begin, end),
		cmocka_unit_test_setup_teardown(test_what_changed_is_new, begin, end),
		cmocka_unit_test_setup_teardown(test_a_failure_changes_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_what_needs_a_restart, begin, end),
		cmocka_unit_test_setup_teardown(test_upstreams_follow, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
