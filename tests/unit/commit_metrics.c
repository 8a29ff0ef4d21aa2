/* SPDX-License-Identifier: Apache-2.0 */
/* commit_metrics - what is counted of messages and units, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/pipeline/meters.h"
#include "tests/unit/commit_world.h"

static struct world world;
static struct metrics *metrics;

static int setup(void **state)
{
	struct committer_options options = committer_defaults;
	struct graph named = { .n_routes = 3 };

	(void)state;
	metrics = metrics_new(meters, METER_COUNT);
	options.metrics = metrics;
	world_open(&world, &options);
	for (unsigned i = 0; i < 3; i++)
		world.routes[i].n_steps = 1;
	named.routes = world.route_list;
	meters_name(metrics, &named);
	for (unsigned i = 0; i < 3; i++)
		world.routes[i].n_steps = 0;
	world_item(&world, "inv_1", 10);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	metrics_free(&metrics);
	return 0;
}

static uint64_t count(enum meter meter, unsigned a, unsigned b)
{
	return metrics_count(metrics, meter, a, b);
}

static void run(shot_handler *handle, const char *text, int64_t number, int status)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, handle);
	s.text = text;
	s.number = number;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, status);
	shot_fini(&s);
}

static uint64_t staged(const char *type)
{
	return count(METER_EVENTS_STAGED, metrics_value(metrics, &meters_type, type), 0);
}

static void test_commands(void **state)
{
	unsigned code = metrics_value(metrics, &meters_code, "INSUFFICIENT_STOCK");

	(void)state;
	run(shot_allocate, "ord_1", 4, 200);
	run(shot_allocate, "ord_1", 4, 200);	/* stands */
	run(shot_allocate, "ord_2", 7, 409);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ITEM_CREATE, GANTRY_APPLIED), 1);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_APPLIED), 1);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_STOOD), 1);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_REFUSED), 1);
	assert_int_equal(count(METER_COMMAND_REFUSALS, GANTRY_ALLOCATE, code), 1);
	assert_int_equal(staged("AllocationCreated"), 1);
	assert_int_equal(staged("InsufficientStock"), 1);
	assert_int_equal(count(METER_MESSAGES, GANTRY_SOURCE_HTTP, GANTRY_DONE), 3);
	assert_int_equal(count(METER_MESSAGES, GANTRY_SOURCE_HTTP, GANTRY_REJECTED), 1);
	assert_int_equal(count(METER_UNIT_MESSAGES, 0, 0), 4);
	assert_int_equal(count(METER_UNIT_SECONDS, 0, 0), 4);
	assert_int_equal(count(METER_UNIT_COMMIT_SECONDS, 0, 0), 4);
}

/* One that is applied, then one that is refused, and with it the whole. */
static enum gantry_verdict allocate_twice(struct shot *s, struct gantry_message *m,
					  struct gantry_error *err)
{
	if (shot_allocate(s, m, err) != GANTRY_DONE)
		return GANTRY_FAILED;
	return gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ALLOCATE,
						 .order_id = s->text,
						 .order_item_id = "oi_2",
						 .item_id = "inv_1",
						 .quantity = 100), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

static void test_what_is_undone_is_not_counted(void **state)
{
	(void)state;
	run(allocate_twice, "ord_1", 1, 409);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_APPLIED), 0);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_REFUSED), 1);
	assert_int_equal(staged("AllocationCreated"), 0);
	assert_int_equal(staged("InsufficientStock"), 1);
}

static void test_handlers(void **state)
{
	unsigned step = metrics_value(metrics, &meters_handler, "inline.step");

	(void)state;
	run(shot_publish, "A", 0, 200);
	run(shot_reject, NULL, 0, 400);
	/* with the item of the setup */
	assert_int_equal(count(METER_HANDLER_RUNS, step, GANTRY_DONE), 2);
	assert_int_equal(count(METER_HANDLER_RUNS, step, GANTRY_REJECTED), 1);
	assert_int_equal(count(METER_HANDLER_SECONDS, step, 0), 3);
}

static enum gantry_verdict ask(struct shot *s, struct gantry_message *m,
			       struct gantry_error *err)
{
	const json_t *record = gantry_record_get(m, "space", s->text, err);

	if (record == NULL && err->message[0] != '\0')
		return GANTRY_FAILED;
	return gantry_reply_text(m, 200, "{}", 2, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static void test_asks(void **state)
{
	unsigned step = metrics_value(metrics, &meters_handler, "inline.step");

	(void)state;
	run(ask, "a", 0, 200);
	assert_int_equal(count(METER_ASKS, METERS_RECORD, METERS_ANSWERED), 1);
	assert_int_equal(count(METER_ASK_SECONDS, METERS_RECORD, 0), 1);
	/* called twice, and came to a verdict once; before it, the item's */
	assert_int_equal(count(METER_HANDLER_SECONDS, step, 0), 3);
	assert_int_equal(count(METER_HANDLER_RUNS, step, GANTRY_DONE), 2);
	world_fail(&world, WORLD_READ, GANTRY_AWAY, 1);
	run(ask, "b", 0, 503);
	assert_int_equal(count(METER_ASKS, METERS_RECORD, METERS_FAILED), 1);
}

static void test_conflicts_and_failures(void **state)
{
	(void)state;
	world_fail(&world, WORLD_STORE, GANTRY_CONFLICT, 2);
	run(shot_allocate, "ord_1", 1, 200);
	assert_int_equal(count(METER_UNIT_CONFLICTS, 0, 0), 2);
	/* decided three times, and done once */
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_APPLIED), 1);
	assert_int_equal(staged("AllocationCreated"), 1);
	assert_int_equal(count(METER_UNIT_FAILURES, GANTRY_FULL, 0), 0);
	world_fail(&world, WORLD_COMMIT, GANTRY_FULL, 1);
	run(shot_allocate, "ord_2", 1, 503);
	assert_int_equal(count(METER_UNIT_FAILURES, GANTRY_FULL, 0), 1);
	assert_int_equal(count(METER_MESSAGES, GANTRY_SOURCE_HTTP, GANTRY_FAILED), 1);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_APPLIED), 1);
}

static void test_replays(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct shot s;

		shot_init(&world, &s, GANTRY_INLINE, shot_allocate);
		s.m.idempotency_key = "key";
		s.text = "ord_1";
		s.number = 1;
		shot_run(&s);
		assert_int_equal(s.m.answer.status, 200);
		shot_fini(&s);
	}
	assert_int_equal(count(METER_REPLAYS, 0, 0), 2);
	assert_int_equal(count(METER_COMMANDS, GANTRY_ALLOCATE, GANTRY_APPLIED), 1);
}

static void test_late(void **state)
{
	struct shot plug, s;

	(void)state;
	world_hold(&world, &plug);
	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.text = "A";
	s.m.deadline_ms = clock_steady_ns() / 1000000 + 1;
	shot_fire(&s);
	assert_int_equal(committer_waiting(world.committer), 1);
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	world_release(&world, &plug);
	shot_wait(&s);
	assert_int_equal(s.m.answer.status, 503);
	assert_int_equal(count(METER_LATE, 0, 0), 1);
	assert_int_equal(staged("A"), 0);
	assert_int_equal(committer_waiting(world.committer), 0);
	shot_fini(&s);
}

static void test_statuses(void **state)
{
	(void)state;
	assert_int_equal(meters_status(200), 0);
	assert_int_equal(meters_status(201), 1);
	assert_int_not_equal(meters_status(503), meters_status(504));
	assert_int_equal(meters_status(418), meters_status(299));
	assert_int_equal(meters_status(418), meters_status(505) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_undone_is_not_counted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_handlers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conflicts_and_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
		cmocka_unit_test(test_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
