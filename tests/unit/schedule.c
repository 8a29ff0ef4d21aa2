/* SPDX-License-Identifier: Apache-2.0 */
/* schedule - ticks over the fake engine: one at a time, again, backoff. */
#include <pthread.h>
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

/* A lease as the storage keeps it, of one route. */
struct row {
	pthread_mutex_t lock;
	int64_t until_ms, epoch;
	_Atomic unsigned silent;	/* so many wishes find no storage */
	_Atomic unsigned wishes, inside, most;	/* inside: of all replicas */
};

struct script {
	struct engine *engine;
	struct row *row;		/* NULL: alone */
	_Atomic unsigned ticks, inside, most;
	unsigned agains, failures;	/* how many of the first */
	unsigned slow_ms, ran_ms;
	unsigned late_ms;		/* a wish is decided, and answered that much later */
	_Atomic int64_t at_ns[256];
};

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void row_decide(struct row *row, struct lease *lease)
{
	int64_t now_ms = clock_steady_ns() / 1000000;

	pthread_mutex_lock(&row->lock);
	lease->held = lease->since == row->epoch ||
		      (lease->how == LEASE_TURN && row->until_ms <= now_ms);
	if (lease->held) {
		row->epoch += lease->how == LEASE_TURN;
		row->until_ms = now_ms + lease->ms;
	}
	lease->epoch = row->epoch;
	lease->left_ms = row->until_ms - now_ms;
	pthread_mutex_unlock(&row->lock);
}

static void script_lease(struct script *script, struct gantry_message *m)
{
	static struct row alone = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct row *row = script->row;

	assert_string_equal(m->lease->name, "schedule:every");
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE };
	if (row == NULL) {
		row = &alone;
		/* whoever it was is gone */
		row->until_ms = m->lease->how == LEASE_TURN ? 0 : row->until_ms;
	}
	row->wishes++;
	if (row->silent > 0) {
		row->silent--;
		m->answer.verdict = GANTRY_FAILED;
		return;
	}
	row_decide(row, m->lease);
	pause_ms(script->late_ms);
}

static unsigned script_enter(_Atomic unsigned *inside, _Atomic unsigned *most)
{
	unsigned n = ++*inside;

	if (n > *most)
		*most = n;
	return n;
}

static void script_answer(void *ctx, struct gantry_message *m)
{
	struct script *script = ctx;
	unsigned n;

	if (m->lease != NULL) {
		script_lease(script, m);
		return;
	}
	n = script->ticks++;
	script_enter(&script->inside, &script->most);
	if (script->row != NULL)
		script_enter(&script->row->inside, &script->row->most);
	if (n < 256)
		script->at_ns[n] = clock_steady_ns();
	assert_int_equal(m->source, GANTRY_SOURCE_SCHEDULE);
	assert_non_null(m->id);
	assert_string_equal(m->method, "");
	if (script->slow_ms > 0)
		pause_ms(script->slow_ms);
	script->inside--;
	if (script->row != NULL)
		script->row->inside--;
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE };
	m->answer.again = n < script->agains;
	if (n < script->failures)
		m->answer.verdict = GANTRY_FAILED;
}

static void run(struct script *script, const struct graph *graph, long ms)
{
	struct gantry_error err = ERROR_INIT;
	int64_t began_ns = clock_steady_ns();
	struct schedule *s = NULL;

	script->engine = fake_new();
	fake_script(script->engine, script_answer, script);
	assert_int_equal(schedule_start(script->engine, graph, &s, &err), 0);
	pause_ms(ms);
	schedule_free(&s);
	script->ran_ms = (unsigned)((clock_steady_ns() - began_ns) / 1000000);
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
	assert_in_range(script.ticks, 10, script.ran_ms / 20 + 1);
}

static void test_a_route_never_ticks_twice_at_once(void **state)
{
	static struct script script = { .slow_ms = 30 };

	(void)state;
	run_every(&script, 5, 300);
	assert_int_equal(script.most, 1);
	assert_in_range(script.ticks, 3, script.ran_ms / 30 + 1);
}

static void test_again_comes_at_once_but_not_for_ever(void **state)
{
	static struct script script = { .agains = 200 };

	(void)state;
	run_every(&script, 60, 400);
	/* bursts of 33 with pauses of 60 ms between them */
	assert_in_range(script.ticks, 33 * 3, 33 * (script.ran_ms / 60 + 1));
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
	run_every(&script, 1, 150);
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

/* Several replicas, each with an engine of its own, and one row. */

#define REPLICAS 3

struct replicas {
	struct row row;
	struct script scripts[REPLICAS];
	struct schedule *schedules[REPLICAS];
	struct route tick, *routes[1];
	struct graph graph;
};

static void replicas_start(struct replicas *r, int64_t every_ms)
{
	struct gantry_error err = ERROR_INIT;

	pthread_mutex_init(&r->row.lock, NULL);
	r->tick = (struct route){ .source = GANTRY_SOURCE_SCHEDULE,
				  .every_ms = every_ms, .address = "every" };
	r->routes[0] = &r->tick;
	r->graph = (struct graph){ .routes = r->routes, .n_routes = 1 };
	for (int i = 0; i < REPLICAS; i++) {
		struct script *script = &r->scripts[i];

		script->row = &r->row;
		script->engine = fake_new();
		fake_script(script->engine, script_answer, script);
		assert_int_equal(schedule_start(script->engine, &r->graph,
						&r->schedules[i], &err), 0);
	}
}

static void replicas_stop(struct replicas *r, int i)
{
	if (r->schedules[i] == NULL)
		return;
	schedule_free(&r->schedules[i]);
	fake_free(&r->scripts[i].engine);
}

static unsigned replicas_ticks(const struct replicas *r)
{
	unsigned n = 0;

	for (int i = 0; i < REPLICAS; i++)
		n += r->scripts[i].ticks;
	return n;
}

static void replicas_end(struct replicas *r)
{
	for (int i = 0; i < REPLICAS; i++)
		replicas_stop(r, i);
	pthread_mutex_destroy(&r->row.lock);
}

static void test_replicas_tick_once_an_interval(void **state)
{
	static struct replicas r;
	const int64_t second = INT64_C(1000000000), begin = clock_steady_ns();
	unsigned intervals;

	(void)state;
	replicas_start(&r, 100);
	while (replicas_ticks(&r) < 9 && clock_steady_ns() - begin < 20 * second)
		pause_ms(10);
	replicas_end(&r);
	intervals = (unsigned)((clock_steady_ns() - begin) * 10 / second) + 1;
	assert_in_range(replicas_ticks(&r), 9, intervals);
	assert_int_equal(r.row.most, 1);
	/* who has lost a turn asks once for the next one */
	assert_in_range(r.row.wishes, replicas_ticks(&r), 4 * intervals + 1);
}

/* The one that had the turns stops, then the next. */
static void test_another_replica_goes_on(void **state)
{
	static struct replicas r;
	unsigned before;
	int holder = 0;

	(void)state;
	replicas_start(&r, 80);
	for (int round = 0; round < REPLICAS - 1; round++) {
		pause_ms(400);
		for (int i = 0; i < REPLICAS; i++)
			if (r.schedules[i] != NULL &&
			    r.scripts[i].ticks >= r.scripts[holder].ticks)
				holder = i;
		replicas_stop(&r, holder);
		before = replicas_ticks(&r);
		/* an interval, and a quarter, and what the machine takes */
		pause_ms(300);
		assert_true(replicas_ticks(&r) > before);
		r.scripts[holder].ticks = 0;
	}
	replicas_end(&r);
	assert_int_equal(r.row.most, 1);
}

static void test_a_long_tick_keeps_its_turn(void **state)
{
	static struct replicas r = { .scripts = { { .slow_ms = 0 } } };

	(void)state;
	for (int i = 0; i < REPLICAS; i++)
		r.scripts[i].slow_ms = 900;
	replicas_start(&r, 400);
	pause_ms(2500);
	replicas_end(&r);
	/* nobody else began meanwhile, although two intervals had passed */
	assert_int_equal(r.row.most, 1);
	assert_in_range(replicas_ticks(&r), 2, 4);
}

/* A COMMIT takes most of the interval, or all of it. */
static void test_a_turn_is_over_when_storage_says_so(void **state)
{
	static const unsigned late_ms[] = { 150, 250 };

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct replicas r = { .row = { .epoch = 0 } };

		for (int i = 0; i < REPLICAS; i++) {
			r.scripts[i].late_ms = late_ms[round];
			r.scripts[i].slow_ms = 250;
		}
		replicas_start(&r, 200);
		pause_ms(4000);
		replicas_end(&r);
		assert_int_equal(r.row.most, 1);
		assert_in_range(replicas_ticks(&r), 3, 4000 / 250);
	}
}

static void test_without_storage_nobody_ticks(void **state)
{
	static struct script script;
	static struct row row = { .lock = PTHREAD_MUTEX_INITIALIZER, .silent = 5 };

	(void)state;
	script.row = &row;
	run_every(&script, 30, 90);
	assert_int_equal(script.ticks, 0);
	assert_true(row.wishes > 0);
	row.silent = 3;
	run_every(&script, 20, 400);
	assert_true(script.ticks > 3);
	assert_int_equal(row.silent, 0);
}

/* Killed: its turn runs out, and is not given back. */
static void test_the_turn_of_a_killed_holder(void **state)
{
	static struct script script;
	static struct row row = { .lock = PTHREAD_MUTEX_INITIALIZER, .epoch = 7 };
	int64_t until_ns = clock_steady_ns() + INT64_C(300000000);

	(void)state;
	row.until_ms = until_ns / 1000000;
	script.row = &row;
	run_every(&script, 200, 700);
	assert_true(script.ticks > 0);
	assert_true(script.at_ns[0] >= until_ns - 1000000);
	assert_true(script.at_ns[0] < until_ns + INT64_C(250000000));
	assert_true(row.epoch > 7);
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
		cmocka_unit_test(test_replicas_tick_once_an_interval),
		cmocka_unit_test(test_another_replica_goes_on),
		cmocka_unit_test(test_a_long_tick_keeps_its_turn),
		cmocka_unit_test(test_a_turn_is_over_when_storage_says_so),
		cmocka_unit_test(test_without_storage_nobody_ticks),
		cmocka_unit_test(test_the_turn_of_a_killed_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
