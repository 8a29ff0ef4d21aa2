/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload - what a reload stands on: graphs that are swapped under readers, the
 * comparison that decides what is carried over, and what cannot change.
 */
#include "tests/unit/config_files.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "gateway/base/error.h"
#include "gateway/config/option.h"
#include "gateway/config/restart.h"
#include "gateway/config/values.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/graph.h"
#include "gateway/pipeline/message.h"
#include "gateway/upstream/breakers.h"
#include "gateway/upstream/upstream.h"

#define READERS 4
#define SWAPS 3000

/* --- which graph is the current one --- */

static bool readable(const struct current *c)
{
	struct pollfd fd = { .fd = current_fd(c), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void test_a_graph_comes_back_when_nobody_holds_it(void **state)
{
	struct graph a = { .service = "a" }, b = { .service = "b" };
	struct current *c = current_new();
	struct gantry_message m = { 0 };
	const struct graph *held;

	(void)state;
	assert_null(current_take(c));
	current_set(c, &a);
	assert_ptr_equal(current_take(c), &a);
	message_init(&m, GANTRY_SOURCE_HTTP, NULL);
	m.graph = current_hold(&a);
	assert_null(current_drained(c));
	current_set(c, &b);
	assert_null(current_drained(c));
	held = current_take(c);
	assert_ptr_equal(held, &b);
	current_release(&a);
	assert_false(readable(c));
	message_clear(&m);
	assert_null(m.graph);
	assert_true(readable(c));
	assert_ptr_equal(current_drained(c), &a);
	assert_false(readable(c));
	assert_null(a.slot);
	current_end(c);
	assert_null(current_take(c));
	assert_null(current_drained(c));
	current_release(held);
	assert_ptr_equal(current_drained(c), &b);
	current_free(&c);
	message_fini(&m);
}

/* One that nobody counts is as good: of a test, or of a command. */
static void test_a_graph_without_a_count(void **state)
{
	struct graph a = { .service = "a" };

	(void)state;
	assert_ptr_equal(current_hold(&a), &a);
	current_release(&a);
	current_release(NULL);
}

static void test_there_is_room_for_so_many(void **state)
{
	struct graph graphs[CURRENT_GRAPHS] = { 0 }, *list[CURRENT_GRAPHS];
	struct current *c = current_new();
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++) {
		assert_true(current_has_room(c));
		current_set(c, &graphs[i]);
		assert_ptr_equal(current_take(c), &graphs[i]);
	}
	assert_false(current_has_room(c));
	current_list(c, list, &n);
	assert_int_equal(n, CURRENT_GRAPHS);
	for (unsigned i = 0; i < n; i++)
		assert_ptr_equal(list[i], &graphs[CURRENT_GRAPHS - 1 - i]);
	current_release(&graphs[3]);
	assert_ptr_equal(current_drained(c), &graphs[3]);
	assert_true(current_has_room(c));
	current_set(c, &graphs[3]);
	current_list(c, list, &n);
	assert_ptr_equal(list[0], &graphs[3]);
	current_end(c);
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++)
		if (i != 3)
			current_release(&graphs[i]);
	for (unsigned i = 0; i < CURRENT_GRAPHS; i++)
		assert_non_null(current_drained(c));
	current_free(&c);
}

struct swaps {
	struct current *current;
	_Atomic bool stop;
	_Atomic unsigned long taken;
};

/* Memory that was freed, or a graph that was closed, would show here. */
static void *swaps_read(void *arg)
{
	struct swaps *s = arg;

	while (!atomic_load(&s->stop)) {
		const struct graph *g = current_take(s->current);
		const struct graph *again = current_hold(g);

		assert_string_equal(g->service, "alive");
		current_release(g);
		assert_string_equal(again->service, "alive");
		current_release(again);
		atomic_fetch_add(&s->taken, 1);
	}
	return NULL;
}

static struct graph *swaps_graph(void)
{
	struct graph *g = memory_new(sizeof(*g));

	g->service = "alive";
	return g;
}

static unsigned swaps_reap(struct current *c)
{
	struct graph *g;
	unsigned n = 0;

	for (; (g = current_drained(c)) != NULL; n++) {
		g->service = "closed";
		free(g);
	}
	return n;
}

static void test_swaps_under_readers(void **state)
{
	struct swaps s = { .current = current_new() };
	pthread_t readers[READERS];
	unsigned back = 0;

	(void)state;
	current_set(s.current, swaps_graph());
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, swaps_read, &s), 0);
	for (unsigned i = 0; i < SWAPS; i++) {
		while (!current_has_room(s.current)) {
			back += swaps_reap(s.current);
			sched_yield();
		}
		current_set(s.current, swaps_graph());
		back += swaps_reap(s.current);
	}
	while (atomic_load(&s.taken) < SWAPS)
		sched_yield();
	atomic_store(&s.stop, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	current_end(s.current);
	back += swaps_reap(s.current);
	assert_int_equal(back, SWAPS + 1);
	current_free(&s.current);
}

/* --- what is the same --- */

struct told {
	const char *text, *path, *secret;
	int64_t number, size, duration, choice;
	bool yes;
	const char *const *list;
};

static const char *const told_choices[] = { "one", "two", NULL };
static const struct gantry_option *const told_options[] = {
	GANTRY_TEXT(struct told, text, .summary = "-"),
	GANTRY_PATH(struct told, path, .summary = "-"),
	GANTRY_SECRET_FILE(struct told, secret, .summary = "-"),
	GANTRY_INTEGER(struct told, number, .summary = "-"),
	GANTRY_SIZE(struct told, size, .summary = "-"),
	GANTRY_DURATION(struct told, duration, .summary = "-"),
	GANTRY_CHOICE(struct told, choice, .choices = told_choices, .summary = "-"),
	GANTRY_BOOLEAN(struct told, yes, .summary = "-"),
	GANTRY_LIST(struct told, list, .summary = "-"),
	NULL
};

static const char *const told_list[] = { "a", "b", NULL };
static const struct told told_all = { "t", "/p", "/s", 1, 2, 3, 1, true, told_list };

static const char *told_differ(const struct told *other)
{
	const struct gantry_option *option = values_differ(told_options, &told_all, other);

	return option != NULL ? option->name : "";
}

static void test_values_are_compared(void **state)
{
	const char *const shorter[] = { "a", NULL };
	const char *const longer[] = { "a", "b", "c", NULL };
	char text[] = "t";
	struct told other;

	(void)state;
#define DIFFERS(member, value)                                     \
	do {                                                       \
		other = told_all;                                  \
		other.member = (value);                            \
		assert_string_equal(told_differ(&other), #member); \
	} while (0)
	other = told_all;
	other.text = text;
	assert_string_equal(told_differ(&other), "");
	DIFFERS(text, "u");
	DIFFERS(text, NULL);
	DIFFERS(path, "/q");
	DIFFERS(secret, NULL);
	DIFFERS(number, 0);
	DIFFERS(size, 0);
	DIFFERS(duration, 4);
	DIFFERS(choice, 0);
	DIFFERS(yes, false);
	DIFFERS(list, NULL);
	DIFFERS(list, shorter);
	DIFFERS(list, longer);
	assert_null(values_differ(NULL, &told_all, &other));
}

static void test_values_are_copied(void **state)
{
	struct arena arena = { 0 };
	struct told copy = { 0 };

	(void)state;
	values_copy(told_options, &arena, &told_all, &copy);
	assert_string_equal(told_differ(&copy), "");
	assert_ptr_not_equal(copy.text, told_all.text);
	assert_ptr_not_equal(copy.list, told_all.list);
	assert_ptr_not_equal(copy.list[0], told_all.list[0]);
	arena_fini(&arena);
}

static void test_files_are_looked_at(void **state)
{
	struct arena arena = { 0 };
	struct files files;
	const struct values_files *before;
	struct told told = { 0 };
	char *path, *other;

	(void)state;
	files_begin(&files);
	path = files_write(&files, "a", "one", 3);
	other = files_write(&files, "b", "one", 3);
	told.path = path;
#define LOOK() values_look(told_options, &told, &arena)
	before = LOOK();
	assert_true(values_same_files(before, LOOK()));
	told.text = path;
	assert_true(values_same_files(before, LOOK()));
	free(files_write(&files, "a", "three", 5));
	assert_false(values_same_files(before, LOOK()));
	before = LOOK();
	assert_int_equal(rename(other, path), 0);
	assert_false(values_same_files(before, LOOK()));
	before = LOOK();
	assert_int_equal(unlink(path), 0);
	assert_false(values_same_files(before, LOOK()));
	assert_true(values_same_files(LOOK(), LOOK()));
	free(path);
	free(other);
	arena_fini(&arena);
	files_end(&files);
}

/* --- graphs --- */

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
		cmocka_unit_test(test_a_graph_comes_back_when_nobody_holds_it),
		cmocka_unit_test(test_a_graph_without_a_count),
		cmocka_unit_test(test_there_is_room_for_so_many),
		cmocka_unit_test(test_swaps_under_readers),
		cmocka_unit_test(test_values_are_compared),
		cmocka_unit_test(test_values_are_copied),
		cmocka_unit_test(test_files_are_looked_at),
		cmocka_unit_test_setup_teardown(test_the_same_is_carried_over, begin, end),
		cmocka_unit_test_setup_teardown(test_what_changed_is_new, begin, end),
		cmocka_unit_test_setup_teardown(test_a_failure_changes_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_what_needs_a_restart, begin, end),
		cmocka_unit_test_setup_teardown(test_upstreams_follow, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
