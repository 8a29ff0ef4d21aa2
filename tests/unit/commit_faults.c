/* SPDX-License-Identifier: Apache-2.0 */
/* commit_faults - what batches hold, and a storage that says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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

#define MOST 40

static struct shot shots[MOST];
static char names[MOST][24];

static void fire(int i, shot_handler *handle, int64_t number)
{
	snprintf(names[i], sizeof(names[i]), "name_%d", i);
	shot_init(&world, &shots[i], GANTRY_INLINE, handle);
	shots[i].text = names[i];
	shots[i].number = number;
	shot_fire(&shots[i]);
}

/* n messages while the lane is held; what then happens in their unit. */
static void fire_unit(int n)
{
	for (int i = 0; i < n; i++)
		fire(i, shot_publish, 0);
}

static void check(int i, int status)
{
	shot_wait(&shots[i]);
	assert_int_equal(shots[i].m.answer.status, status);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", names[i]),
			 status == 200);
}

static void drop(int n)
{
	for (int i = 0; i < n; i++)
		shot_fini(&shots[i]);
}

/* Another replica's unit is open: what comes meanwhile goes with the first. */
static void test_a_unit_grows_while_it_waits(void **state)
{
	(void)state;
	pthread_mutex_lock(&world.open_unit);
	fire(0, shot_publish, 0);
	usleep(50000);		/* the lane is in begin now */
	for (int i = 1; i < 5; i++)
		fire(i, shot_publish, 0);
	pthread_mutex_unlock(&world.open_unit);
	for (int i = 0; i < 5; i++)
		check(i, 200);
	assert_int_equal(committer_counts(world.committer).units, 1);
	assert_int_equal(committer_counts(world.committer).messages, 5);
	drop(5);
}

static void test_conflict(void **state)
{
	struct committer_counts counts;
	struct shot plug;

	(void)state;
	world_hold(&world, &plug);
	fire_unit(10);
	world_fail(&world, WORLD_STORE, GANTRY_CONFLICT, 4);
	world_release(&world, &plug);
	for (int i = 0; i < 10; i++)
		check(i, 200);
	counts = committer_counts(world.committer);
	assert_int_equal(counts.conflicts, 4);
	assert_int_equal(counts.units, 2);
	assert_int_equal(counts.messages, 11);
	assert_int_equal(counts.failures, 0);
	drop(10);
}

/* Forever: one by one, then 503 and nothing applied. */
static void test_conflict_forever(void **state)
{
	struct shot plug;

	(void)state;
	world_hold(&world, &plug);
	fire_unit(3);
	world_fail(&world, WORLD_STORE, GANTRY_CONFLICT, -1);
	world_release(&world, &plug);
	for (int i = 0; i < 3; i++) {
		check(i, 503);
		assert_string_equal(shot_header(&shots[i], "Retry-After"), "1");
		assert_int_equal(shots[i].m.error.dependency, GANTRY_DEPENDS_ON_STORAGE);
	}
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	assert_int_equal(committer_counts(world.committer).failures, 3);
	/* others were in the way: the storage is there */
	assert_false(committer_counts(world.committer).away);
	world_fail(&world, WORLD_STORE, GANTRY_CONFLICT, 0);
	drop(3);
	fire_unit(1);
	check(0, 200);
	drop(1);
}

/* Nine conflicts: five as one, then alone, where the first finds four. */
static void test_one_by_one(void **state)
{
	struct shot plug;

	(void)state;
	world_hold(&world, &plug);
	fire_unit(5);
	world_fail(&world, WORLD_STORE, GANTRY_CONFLICT, 9);
	world_release(&world, &plug);
	for (int i = 0; i < 5; i++)
		check(i, 200);
	assert_int_equal(committer_counts(world.committer).units, 6);
	drop(5);
}

static void test_refused_row(void **state)
{
	struct shot plug;

	(void)state;
	world_hold(&world, &plug);
	world.refused = "name_3";
	fire_unit(8);
	world_release(&world, &plug);
	for (int i = 0; i < 8; i++)
		check(i, i == 3 ? 500 : 200);
	assert_int_equal(shots[3].m.answer.verdict, GANTRY_FAILED);
	assert_int_equal(shots[3].m.error.dependency, GANTRY_DEPENDS_ON_NOTHING);
	assert_string_equal(shots[3].m.error.message, "The storage refused a row");
	assert_false(committer_counts(world.committer).away);
	drop(8);
}

static void check_away(enum world_call call, enum gantry_stored stored)
{
	struct shot plug;

	world_hold(&world, &plug);
	fire_unit(3);
	shots[1].m.correlation_id = "cor_1";
	world_fail(&world, call, stored, -1);
	world_release(&world, &plug);
	/* the plug was held in its commit */
	for (int i = 0; i < 3; i++)
		check(i, 503);
	assert_string_equal(shots[1].m.answer.text,
		"{\"success\":false,\"error\":{\"code\":\"STORAGE_UNAVAILABLE\","
		"\"message\":\"The storage cannot be used now\",\"retryable\":true,"
		"\"correlationId\":\"cor_1\"}}");
	assert_string_equal(shot_header(&shots[1], "Retry-After"), "1");
	assert_int_equal(shots[1].m.error.dependency, GANTRY_DEPENDS_ON_STORAGE);
	assert_true(committer_counts(world.committer).away);
	world_fail(&world, call, stored, 0);
	/* nothing comes; a probe finds out that it is back */
	for (int i = 0; i < 50 && committer_counts(world.committer).away; i++)
		nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	assert_false(committer_counts(world.committer).away);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	drop(3);
}

static void test_away(void **state)
{
	(void)state;
	check_away(WORLD_BEGIN, GANTRY_AWAY);
	check_away(WORLD_LOAD, GANTRY_AWAY);
	check_away(WORLD_STORE, GANTRY_FULL);
	check_away(WORLD_LOAD, GANTRY_BROKEN);
	assert_int_equal(committer_counts(world.committer).messages, 4);
}

/* What batches hold. */

static enum gantry_verdict do_orders(struct shot *s, struct gantry_message *m,
				     struct gantry_error *err)
{
	for (int64_t i = 0; i < s->number; i++)
		gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ORDER_OPEN,
			.order_id = gantry_format(m, "%s_%d", s->text, (int)i)), err);
	return GANTRY_DONE;
}

static uint64_t units(void)
{
	return committer_counts(world.committer).units;
}

/* How many units these weights take, answered in their order. */
static void check_weights(const int64_t *weights, int n, uint64_t expected)
{
	struct shot plug;
	uint64_t before;
	unsigned first;

	world_hold(&world, &plug);
	before = units();
	for (int i = 0; i < n; i++)
		fire(i, do_orders, weights[i]);
	world_release(&world, &plug);
	for (int i = 0; i < n; i++)
		shot_wait(&shots[i]);
	first = shots[0].place;
	for (int i = 0; i < n; i++) {
		assert_int_equal(shots[i].m.answer.status, 200);
		assert_int_equal(shots[i].place, first + (unsigned)i);
	}
	/* and the plug's */
	assert_int_equal(units() - before, expected + 1);
	drop(n);
}

static void test_weights(void **state)
{
	(void)state;
	check_weights((int64_t[]){ 1, 1, 1 }, 3, 1);
	check_weights((int64_t[]){ 1, 600, 1 }, 3, 3);
	check_weights((int64_t[]){ 1000, 300, 300, 100 }, 4, 3);
}

static enum gantry_verdict do_big(struct shot *s, struct gantry_message *m,
				  struct gantry_error *err)
{
	char *text = memory_new((size_t)s->number + 1);
	int done;

	memset(text, ' ', (size_t)s->number);
	text[0] = '1';
	done = gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
			.payload_text = text, .payload_len = (size_t)s->number), err);
	free(text);
	return done < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static void test_bytes(void **state)
{
	struct shot plug;
	uint64_t before;

	(void)state;
	world_hold(&world, &plug);
	before = units();
	for (int i = 0; i < 4; i++)
		fire(i, do_big, 400000);
	world_release(&world, &plug);
	for (int i = 0; i < 4; i++) {
		shot_wait(&shots[i]);
		assert_int_equal(shots[i].m.answer.status, 200);
	}
	assert_int_equal(units() - before, 3);
	drop(4);
}

static enum gantry_verdict do_lines(struct shot *s, struct gantry_message *m,
				    struct gantry_error *err)
{
	for (int64_t i = 0; i < s->number; i++)
		gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ALLOCATE,
			.order_id = s->text, .item_id = "inv_1", .quantity = 1,
			.order_item_id = gantry_format(m, "oi_%d", (int)i)), err);
	return GANTRY_DONE;
}

static enum gantry_verdict do_confirm(struct shot *s, struct gantry_message *m,
				      struct gantry_error *err)
{
	gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ORDER_CONFIRM,
					  .order_id = s->text), err);
	return GANTRY_DONE;
}

/*
 * Only the load shows how heavy these orders are: 400 allocations each, so a
 * unit for each; and they keep their order, also when the unit is tried again.
 */
static void check_orders(int conflicts)
{
	struct shot plug;
	uint64_t before;

	world_item(&world, "inv_1", 100000);
	for (int i = 0; i < 4; i++) {
		fire(i, do_lines, i < 3 ? 400 : 1);
		shot_wait(&shots[i]);
		assert_int_equal(shots[i].m.answer.status, 200);
	}
	drop(4);
	world_hold(&world, &plug);
	before = units();
	for (int i = 0; i < 4; i++)
		fire(i, do_confirm, 0);
	world_fail(&world, WORLD_STORE, GANTRY_CONFLICT, conflicts);
	world_release(&world, &plug);
	for (int i = 0; i < 4; i++)
		shot_wait(&shots[i]);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(shots[i].m.answer.status, 200);
		assert_int_equal(shots[i].place - shots[0].place, i);
	}
	assert_int_equal(units() - before, 1 + 3);
	assert_int_equal(world_count_text(&world, STOCK_ALLOCATIONS, "status",
					  "CONFIRMED"), 1201);
	drop(4);
}

static void test_orders(void **state)
{
	(void)state;
	check_orders(0);
}

static void test_orders_and_conflict(void **state)
{
	(void)state;
	check_orders(3);
}

/* Options of their own. */

static void open_with(unsigned batch, unsigned queue)
{
	struct committer_options options = committer_defaults;

	options.max_batch = batch;
	options.queue = queue;
	world_open(&world, &options);
}

static void test_queue_full(void **state)
{
	struct shot plug;

	(void)state;
	open_with(128, 5);
	world_hold(&world, &plug);
	fire_unit(8);
	for (int i = 5; i < 8; i++) {
		check(i, 503);
		assert_string_equal(shots[i].m.error.code, "OVERLOADED");
		assert_string_equal(shot_header(&shots[i], "Retry-After"), "1");
	}
	world_release(&world, &plug);
	for (int i = 0; i < 5; i++)
		check(i, 200);
	drop(8);
	world_close(&world);
}

/* What waited longer than its caller does is not begun; the others are. */
static void test_late(void **state)
{
	struct shot plug;

	(void)state;
	open_with(128, 100);
	world_hold(&world, &plug);
	fire_unit(3);
	shots[1].m.deadline_ms = 1;
	shots[2].m.deadline_ms = INT64_MAX;
	world_release(&world, &plug);
	check(0, 200);
	check(1, 503);
	assert_string_equal(shots[1].m.error.code, "OVERLOADED");
	assert_string_equal(shots[1].m.error.message, "It waited too long for its turn");
	check(2, 200);
	drop(3);
	world_close(&world);
}

static void test_batch_of_one(void **state)
{
	struct shot plug;

	(void)state;
	open_with(1, 100);
	world_hold(&world, &plug);
	fire_unit(20);
	world_release(&world, &plug);
	for (int i = 0; i < 20; i++) {
		check(i, 200);
		assert_int_equal(shots[i].place, i + 1);
	}
	assert_int_equal(units(), 21);
	drop(20);
	world_close(&world);
}

/* Stopping finishes what waits; nothing is lost. */
static void test_stop(void **state)
{
	struct shot plug;

	(void)state;
	open_with(4, 100);
	world_hold(&world, &plug);
	fire_unit(MOST);
	world_release(&world, &plug);
	committer_free(&world.committer);
	for (int i = 0; i < MOST; i++) {
		assert_true(shots[i].done);
		check(i, 200);
	}
	drop(MOST);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_a_unit_grows_while_it_waits),
		TEST(test_conflict),
		TEST(test_conflict_forever),
		TEST(test_one_by_one),
		TEST(test_refused_row),
		TEST(test_away),
		TEST(test_weights),
		TEST(test_bytes),
		TEST(test_orders),
		TEST(test_orders_and_conflict),
		cmocka_unit_test(test_queue_full),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_batch_of_one),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
