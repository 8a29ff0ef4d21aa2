/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_replica - the numbers of replicas: taken, kept, given back, lost; and
 * the turns of schedules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/unit/commit_world.h"

static struct world world;

static int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

static struct replica take(const char *name)
{
	struct gantry_error err = ERROR_INIT;
	struct replica r = { .leased = false };

	assert_int_equal(replica_take(&world.storage, &world, name, &r, &err), 0);
	assert_true(r.leased);
	error_fini(&err);
	return r;
}

/* A committer in place of the world's own. */
static void serve_as(struct replica *r, const char *owner)
{
	struct committer_options options = committer_defaults;

	options.owner = owner;
	options.number = r;
	options.patience_ms = 60000;
	committer_free(&world.committer);
	world.committer = committer_new(&options, &world.storage, &world);
}

static int publish(const char *type)
{
	struct shot s;
	int status;

	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.text = type;
	shot_run(&s);
	status = s.m.answer.status;
	shot_fini(&s);
	return status;
}

/* The number in the ref of the event with this type. */
static unsigned number_in(const char *type)
{
	json_t *rows = world_rows(&world, COMMIT_OUTBOX), *row;
	unsigned number = 999;
	size_t i;

	json_array_foreach(rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, "type")), type) == 0)
			number = json_integer_value(json_object_get(row, "ref")) >> 14 & 255;
	json_decref(rows);
	return number;
}

static json_int_t lease_number(const char *name, const char *column)
{
	json_t *rows = world_rows(&world, COMMIT_LEASES), *row;
	json_int_t value = -1;
	size_t i;

	json_array_foreach(rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
			value = json_integer_value(json_object_get(row, column));
	json_decref(rows);
	return value;
}

static void test_each_has_its_own(void **state)
{
	struct replica a = take("a"), b = take("b"), again = take("a");

	(void)state;
	assert_int_equal(a.number, 0);
	assert_int_equal(b.number, 1);
	/* the first one of this name may live still */
	assert_int_equal(again.number, 2);
	world_pass(&world, REPLICA_LEASE_MS + 1);
	assert_int_equal(take("c").number, 0);
	assert_int_equal(lease_number("replica:0", "epoch"), 2);
	assert_int_equal(world_count_text(&world, COMMIT_LEASES, "owner", "c"), 1);
}

static void test_many_at_once(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct replica r = { .leased = false };

	(void)state;
	for (unsigned i = 0; i < REPLICA_NUMBERS; i++)
		assert_int_equal(take("a").number, i);
	assert_int_equal(replica_take(&world.storage, &world, "b", &r, &err), -1);
	assert_string_equal(err.message,
			    "all 256 replica numbers are taken; those of replicas that "
			    "ended without giving theirs back are free within 30 s");
	assert_false(r.leased);
	error_fini(&err);
}

/* Somebody else was faster: once more, and the next one. */
static void test_conflict(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct replica r = { .leased = false };

	(void)state;
	world_fail(&world, WORLD_COMMIT, GANTRY_CONFLICT, 3);
	assert_int_equal(take("a").number, 0);
	world_fail(&world, WORLD_COMMIT, GANTRY_AWAY, 1);
	assert_int_equal(replica_take(&world.storage, &world, "b", &r, &err), -1);
	assert_string_equal(err.message, "told to fail");
	assert_false(r.leased);
	assert_int_equal(take("b").number, 1);
	error_fini(&err);
}

static void test_in_refs_and_given_back(void **state)
{
	struct replica a = take("a"), b = take("b");

	(void)state;
	serve_as(&b, "b");
	assert_int_equal(publish("one"), 200);
	assert_int_equal(number_in("one"), 1);
	serve_as(&a, "a");
	/* b gave it back when it ended */
	assert_int_equal(take("c").number, 1);
	assert_int_equal(publish("two"), 200);
	assert_int_equal(number_in("two"), 0);
}

static void test_kept_inside_units(void **state)
{
	struct replica a = take("a");
	json_int_t until = lease_number("replica:0", "until");

	(void)state;
	serve_as(&a, "a");
	assert_int_equal(publish("one"), 200);
	assert_int_equal(lease_number("replica:0", "until"), until);
	world_pass(&world, REPLICA_LEASE_MS / 2);
	/* the lane's own idea of the time comes with the load */
	assert_int_equal(publish("two"), 200);
	assert_int_equal(publish("three"), 200);
	assert_true(lease_number("replica:0", "until") >= until + REPLICA_LEASE_MS / 2);
	assert_int_equal(lease_number("replica:0", "epoch"), 1);
	assert_int_equal(take("b").number, 1);
}

/* Away for too long, but nobody wanted it. */
static void test_run_out_and_kept(void **state)
{
	struct replica a = take("a");

	(void)state;
	serve_as(&a, "a");
	assert_int_equal(publish("one"), 200);
	world_pass(&world, 10 * REPLICA_LEASE_MS);
	assert_int_equal(publish("two"), 200);
	assert_int_equal(committer_counts(world.committer).conflicts, 1);
	assert_int_equal(number_in("two"), 0);
	assert_int_equal(take("b").number, 1);
}

static void test_lost_to_another(void **state)
{
	struct replica a = take("a");

	(void)state;
	serve_as(&a, "a");
	assert_int_equal(publish("one"), 200);
	world_pass(&world, 2 * REPLICA_LEASE_MS);
	assert_int_equal(take("b").number, 0);
	assert_int_equal(publish("two"), 200);
	assert_int_equal(number_in("two"), 1);
	assert_int_equal(publish("three"), 200);
	assert_int_equal(number_in("three"), 1);
	assert_int_equal(lease_number("replica:0", "epoch"), 2);
	assert_int_equal(world_count_text(&world, COMMIT_LEASES, "owner", "a"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_LEASES, "owner", "b"), 1);
	assert_false(committer_counts(world.committer).away);
}

/* With several lanes: the first one finds another, nobody mints meanwhile. */
static void test_lost_with_lanes(void **state)
{
	struct replica a;
	unsigned status = 0;

	(void)state;
	world_close(&world);
	world_open_lanes(&world, NULL, 3);
	a = take("a");
	serve_as(&a, "a");
	for (int i = 0; i < 20; i++)
		assert_int_equal(publish("early"), 200);
	world_pass(&world, 2 * REPLICA_LEASE_MS);
	assert_int_equal(take("b").number, 0);
	for (int i = 0; i < 400 && status != 20; i++) {
		int got = publish("late");

		assert_true(got == 200 || got == 503);
		if (got == 200)
			assert_int_equal(number_in("late"), 1);
		status = got == 200 ? status + 1 : 0;
		if (got != 200)
			usleep(10000);
	}
	assert_int_equal(status, 20);
}

/* Leases of schedules, as messages. */

static struct lease wish(enum lease_how how, int64_t ms, int64_t since)
{
	struct lease lease = { .name = "schedule:every 10s", .how = how, .ms = ms,
			       .since = since };
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, shot_reject);
	s.m.source = GANTRY_SOURCE_SCHEDULE;
	s.m.method = "";
	s.m.lease = &lease;
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_DONE);
	/* no handler ran */
	assert_int_equal(s.runs, 0);
	shot_fini(&s);
	return lease;
}

static void owner_is(const char *owner)
{
	struct committer_options options = committer_defaults;

	options.owner = owner;
	options.patience_ms = 60000;
	committer_free(&world.committer);
	world.committer = committer_new(&options, &world.storage, &world);
}

static void test_turns(void **state)
{
	struct lease got = wish(LEASE_TURN, 10000, 0);

	(void)state;
	assert_true(got.held);
	assert_int_equal(got.epoch, 1);
	assert_int_equal(got.left_ms, 10000);
	/* not again in this interval, also by the same replica after a restart */
	got = wish(LEASE_TURN, 10000, 0);
	assert_false(got.held);
	assert_true(got.namesake);
	assert_in_range(got.left_ms, 1, 10000);
	world_pass(&world, 4000);
	got = wish(LEASE_KEEP, 10000, 1);
	assert_true(got.held);
	assert_int_equal(got.epoch, 1);
	assert_int_equal(got.left_ms, 10000);
	/* who has it may begin the next one */
	got = wish(LEASE_TURN, 10000, 1);
	assert_true(got.held);
	assert_int_equal(got.epoch, 2);
	assert_int_equal(got.left_ms, 10000);
	assert_int_equal(world_count(&world, COMMIT_LEASES), 1);
}

static void test_turns_of_two(void **state)
{
	struct lease got;

	(void)state;
	owner_is("a");
	assert_true(wish(LEASE_TURN, 10000, 0).held);
	owner_is("b");
	got = wish(LEASE_TURN, 10000, 0);
	assert_false(got.held);
	assert_false(got.namesake);
	/* an epoch that is right does not make it b's */
	assert_false(wish(LEASE_KEEP, 10000, 1).held);
	assert_false(wish(LEASE_TURN, 10000, 1).held);
	/* late by 3 of 10 s: the rhythm stays */
	world_pass(&world, 33000);
	got = wish(LEASE_TURN, 10000, 0);
	assert_true(got.held);
	assert_int_equal(got.epoch, 2);
	assert_in_range(got.left_ms, 5000, 7000);
	owner_is("a");
	assert_false(wish(LEASE_KEEP, 10000, 1).held);
	assert_int_equal(world_count_text(&world, COMMIT_LEASES, "owner", "b"), 1);
}

/* Decided twice: the answer is that of the try that was stored. */
static void test_turn_in_a_unit_that_conflicts(void **state)
{
	struct lease got;

	(void)state;
	world_fail(&world, WORLD_COMMIT, GANTRY_CONFLICT, 2);
	got = wish(LEASE_TURN, 10000, 0);
	assert_true(got.held);
	assert_int_equal(got.epoch, 1);
	assert_int_equal(lease_number("schedule:every 10s", "epoch"), 1);
}

static void test_turn_without_storage(void **state)
{
	struct lease lease = { .name = "schedule:x", .how = LEASE_TURN, .ms = 1000 };
	struct shot s;

	(void)state;
	world_fail(&world, WORLD_COMMIT, GANTRY_AWAY, 1);
	shot_init(&world, &s, GANTRY_INLINE, shot_reject);
	s.m.lease = &lease;
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_FAILED);
	assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_STORAGE);
	assert_int_equal(lease_number("schedule:x", "epoch"), -1);
	shot_fini(&s);
}

/* Within 15 s: a count that met a unit on its way is mended by the next one. */
static void wait_for_rows(const struct committer *c, int64_t rows)
{
	for (int i = 0; i < 500 && committer_outbox(c).rows != rows; i++)
		usleep(50000);
	assert_int_equal(committer_outbox(c).rows, rows);
}

/* What another replica adds to the outbox is seen at the next count. */
static void test_what_others_add_is_counted(void **state)
{
	struct committer_options options = committer_defaults;
	struct committer_lease lease = { .owner = "b", .how = LEASE_SEIZE };
	struct committer *b;

	(void)state;
	options.owner = "b";
	options.replica = 1;
	options.patience_ms = 60000;
	for (int i = 0; i < 5; i++)
		assert_int_equal(publish("one"), 200);
	b = committer_new(&options, &world.storage, &world);
	/* a unit shows it the time */
	committer_lease(b, &lease);
	wait_for_rows(b, 5);
	for (int i = 5; i < 260; i++)
		assert_int_equal(publish("one"), 200);
	wait_for_rows(world.committer, 260);
	wait_for_rows(b, 260);
	wait_for_rows(world.committer, 260);
	committer_free(&b);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_each_has_its_own),
		CASE(test_many_at_once),
		CASE(test_conflict),
		CASE(test_in_refs_and_given_back),
		CASE(test_kept_inside_units),
		CASE(test_run_out_and_kept),
		CASE(test_lost_to_another),
		CASE(test_lost_with_lanes),
		CASE(test_turns),
		CASE(test_turns_of_two),
		CASE(test_turn_in_a_unit_that_conflicts),
		CASE(test_turn_without_storage),
		CASE(test_what_others_add_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
