/* SPDX-License-Identifier: Apache-2.0 */
/* current - graphs that are swapped under readers, and come back when nobody holds
   them. */
#include "tests/unit/config_files.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "gateway/pipeline/current.h"
#include "gateway/pipeline/graph.h"
#include "gateway/pipeline/message.h"

#define READERS 4
#define SWAPS 20000

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_graph_comes_back_when_nobody_holds_it),
		cmocka_unit_test(test_a_graph_without_a_count),
		cmocka_unit_test(test_there_is_room_for_so_many),
		cmocka_unit_test(test_swaps_under_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
