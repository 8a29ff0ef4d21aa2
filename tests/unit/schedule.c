/* SPDX-License-Identifier: Apache-2.0 */
/* schedule - ticks over the fake engine: one at a time, again, backoff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/source/schedule.h"
#include "tests/fake/engine.h"

struct script {
	struct engine *engine;
	_Atomic unsigned ticks, inside, most;
	unsigned agains, failures;	/* how many of the first */
	unsigned slow_ms;
	_Atomic int64_t at_ns[256];
};

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void script_answer(void *ctx, struct gantry_message *m)
{
	struct script *script = ctx;
	unsigned n = script->ticks++;
	unsigned inside = ++script->inside;

	if (inside > script->most)
		script->most = inside;
	if (n < 256)
		script->at_ns[n] = clock_steady_ns();
	assert_int_equal(m->source, GANTRY_SOURCE_SCHEDULE);
	assert_non_null(m->id);
	assert_string_equal(m->method, "");
	if (script->slow_ms > 0)
		pause_ms(script->slow_ms);
	script->inside--;
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE };
	m->answer.again = n < script->agains;
	if (n < script->failures)
		m->answer.verdict = GANTRY_FAILED;
}

static void run(struct script *script, const struct graph *graph, long ms)
{
	struct gantry_error err = ERROR_INIT;
	struct schedule *s = NULL;

	script->engine = fake_new();
	fake_script(script->engine, script_answer, script);
	assert_int_equal(schedule_start(script->engine, graph, &s, &err), 0);
	pause_ms(ms);
	schedule_stop(&s);
	assert_null(s);
	assert_int_equal(fake_waiting(script->engine), 0);
	assert_int_equal(fake_seen(script->engine), script->ticks);
	fake_free(&script->engine);
}

static void run_every(struct script *script, int64_t every_ms, long ms)
{
	struct route tick = { .source = GANTRY_SOURCE_SCHEDULE,
			      .every_ms = every_ms, .address = "every" };
	struct route other = { .source = GANTRY_SOURCE_HTTP, .address = "GET /" };
	struct route *routes[] = { &other, &tick };
	struct graph graph = { .routes = routes, .n_routes = 2 };

	run(script, &graph, ms);
}

static void test_ticks_come_by_interval(void **state)
{
	static struct script script;

	(void)state;
	run_every(&script, 20, 500);
	assert_in_range(script.ticks, 10, 26);
}

static void test_a_route_never_ticks_twice_at_once(void **state)
{
	static struct script script = { .slow_ms = 30 };

	(void)state;
	run_every(&script, 5, 300);
	assert_int_equal(script.most, 1);
	assert_in_range(script.ticks, 3, 11);
}

static void test_again_comes_at_once_but_not_for_ever(void **state)
{
	static struct script script = { .agains = 200 };

	(void)state;
	run_every(&script, 60, 400);
	/* bursts of 33 with pauses of 60 ms between them */
	assert_in_range(script.ticks, 33 * 3, 33 * 8);
	for (int i = 1; i <= 32; i++)
		assert_true(script.at_ns[i] - script.at_ns[i - 1] < 50000000);
	assert_true(script.at_ns[33] - script.at_ns[32] >= 59000000);
}

static void test_failures_back_off_and_end(void **state)
{
	static struct script script = { .failures = 4 };

	(void)state;
	run_every(&script, 20, 700);
	/* 20, 40, 80, 160 ms and at most a quarter more, then every 20 ms */
	for (int i = 1; i <= 4; i++) {
		int64_t gap = script.at_ns[i] - script.at_ns[i - 1];

		assert_true(gap >= (INT64_C(10000000) << i) - 1000000);
	}
	assert_in_range(script.ticks, 8, 25);
}

static void test_stop_waits_for_the_tick_at_the_engine(void **state)
{
	static struct script script = { .slow_ms = 200 };

	(void)state;
	run_every(&script, 1, 20);
	assert_int_equal(script.ticks, 1);
	assert_int_equal(script.inside, 0);
}

static void test_no_routes_no_thread(void **state)
{
	static struct script script;
	struct graph graph = { .n_routes = 0 };

	(void)state;
	run(&script, &graph, 10);
	assert_int_equal(script.ticks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticks_come_by_interval),
		cmocka_unit_test(test_a_route_never_ticks_twice_at_once),
		cmocka_unit_test(test_again_comes_at_once_but_not_for_ever),
		cmocka_unit_test(test_failures_back_off_and_end),
		cmocka_unit_test(test_stop_waits_for_the_tick_at_the_engine),
		cmocka_unit_test(test_no_routes_no_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
