/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_lanes - which lane a message goes to, and a lane that hangs in its
 * storage: what waits for it is refused, the others go on.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/commit/affinity.h"
#include "gateway/commit/unit.h"
#include "tests/unit/commit_world.h"

#define LANES 4
#define MESSAGES 4000

/* Affinity by itself: messages with commands and keys, no engine. */

static const struct message_home nowhere = { NULL };

static void message_new(struct gantry_message *m, const char *key)
{
	*m = (struct gantry_message){ 0 };
	message_init(m, GANTRY_SOURCE_HTTP, &nowhere);
	m->id = "msg_1";
	m->kept_key = key;
}

static void message_allocates(struct gantry_message *m, const char *order,
			      const char *item)
{
	struct gantry_error err = ERROR_INIT;
	struct effect e = { .kind = EFFECT_COMMAND };

	e.as.command = GANTRY_COMMAND(.kind = GANTRY_ALLOCATE, .order_id = order,
				      .order_item_id = "oi", .item_id = item,
				      .quantity = 1);
	assert_int_equal(effects_add(&m->effects, &m->arena, &e, &err), 0);
}

/* The lane of an item for an order that nobody else has. */
static unsigned lane_of(struct affinity *a, const char *item)
{
	struct gantry_message m;
	unsigned lane;

	message_new(&m, NULL);
	message_allocates(&m, "ord_of_its_own", item);
	lane = affinity_claim(a, &m);
	affinity_release(a, &m);
	message_fini(&m);
	return lane;
}

/* An item whose lane is, or is not, this one. */
static const char *item_for(struct affinity *a, unsigned lane, bool same)
{
	static char names[8][24];
	static unsigned next;
	char *name = names[next++ % 8];
	unsigned i = 0;

	do
		snprintf(name, sizeof(names[0]), "inv_%u", i++);
	while ((lane_of(a, name) == lane) != same);
	return name;
}

static void test_an_order_keeps_its_lane(void **state)
{
	struct affinity *a = affinity_new(LANES);
	struct gantry_message first, second;
	unsigned lane = lane_of(a, "inv_a");

	(void)state;
	message_new(&first, NULL);
	message_allocates(&first, "ord_1", "inv_a");
	assert_int_equal(affinity_claim(a, &first), lane);
	message_new(&second, NULL);
	message_allocates(&second, "ord_1", item_for(a, lane, false));
	assert_int_equal(affinity_claim(a, &second), lane);
	/* still there by the second */
	affinity_release(a, &first);
	message_fini(&first);
	message_new(&first, NULL);
	message_allocates(&first, "ord_1", item_for(a, lane, false));
	assert_int_equal(affinity_claim(a, &first), lane);
	affinity_release(a, &first);
	affinity_release(a, &second);
	/* nobody has it any more: by its item again */
	assert_int_not_equal(affinity_claim(a, &second), lane);
	affinity_release(a, &second);
	message_fini(&first);
	message_fini(&second);
	affinity_free(&a);
}

/* In every process: lanes of two replicas meet by their numbers. */
static void test_an_item_has_one_lane_everywhere(void **state)
{
	static const unsigned wanted[] = { 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 0, 1 };
	struct affinity *a = affinity_new(4);
	char name[24];

	(void)state;
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		snprintf(name, sizeof(name), "inv_%u", i);
		assert_int_equal(lane_of(a, name), wanted[i]);
	}
	affinity_free(&a);
}

static void test_the_key_wins(void **state)
{
	struct affinity *a = affinity_new(LANES);
	struct gantry_message order, key, both, next;
	unsigned lane = lane_of(a, "inv_a"), other;

	(void)state;
	message_new(&order, NULL);
	message_allocates(&order, "ord_1", "inv_a");
	assert_int_equal(affinity_claim(a, &order), lane);
	message_new(&key, "ord_1");
	message_allocates(&key, "ord_2", item_for(a, lane, false));
	other = affinity_claim(a, &key);
	assert_int_not_equal(other, lane);	/* an order is no key */
	message_new(&both, "ord_1");
	message_allocates(&both, "ord_1", "inv_a");
	assert_int_equal(affinity_claim(a, &both), other);
	/* and who comes now follows the newest */
	message_new(&next, NULL);
	message_allocates(&next, "ord_1", "inv_a");
	assert_int_equal(affinity_claim(a, &next), other);
	affinity_release(a, &order);
	affinity_release(a, &key);
	affinity_release(a, &both);
	affinity_release(a, &next);
	message_fini(&order);
	message_fini(&key);
	message_fini(&both);
	message_fini(&next);
	affinity_free(&a);
}

/* Against a list: names come and go in any order, places fall free. */
static void test_names_come_and_go(void **state)
{
	static struct gantry_message messages[MESSAGES];
	static unsigned lanes[MESSAGES], counts[500], newest[500];
	static bool there[MESSAGES];
	struct affinity *a = affinity_new(LANES);

	(void)state;
	srandom(7);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = (unsigned)random() % MESSAGES, order = n % 500;
		struct gantry_message *m = &messages[n];

		if (there[n]) {
			affinity_release(a, m);
			affinity_release(a, m);
			message_fini(m);
			counts[order]--;
		} else {
			message_new(m, NULL);
			message_allocates(m, arena_format(&m->arena, "ord_%u", order),
					  arena_format(&m->arena, "inv_%u", n));
			lanes[n] = affinity_claim(a, m);
			assert_in_range(lanes[n], 0, LANES - 1);
			if (counts[order]++ > 0)
				assert_int_equal(lanes[n], newest[order]);
			newest[order] = lanes[n];
		}
		there[n] = !there[n];
	}
	for (unsigned i = 0; i < MESSAGES; i++) {
		if (!there[i])
			continue;
		affinity_release(a, &messages[i]);
		message_fini(&messages[i]);
	}
	/* says that nothing is left */
	affinity_free(&a);
}

/* More names than there are places: they only have no lane of their own. */
static void test_the_table_is_bounded(void **state)
{
	enum { MANY = 60000 };
	struct gantry_message *messages = memory_new_array(MANY, sizeof(*messages));
	struct affinity *a = affinity_new(LANES);

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		message_new(&messages[i], NULL);
		message_allocates(&messages[i],
				  arena_format(&messages[i].arena, "ord_%u", i), "inv_a");
		affinity_claim(a, &messages[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		affinity_release(a, &messages[i]);
		message_fini(&messages[i]);
	}
	affinity_free(&a);
	free(messages);
}

static void test_records_keep_their_lane(void **state)
{
	struct affinity *a = affinity_new(LANES);
	struct gantry_error err = ERROR_INIT;
	struct effect e = { .kind = EFFECT_RECORD };
	struct gantry_message m;
	unsigned lane = LANES;

	(void)state;
	e.as.record = (struct effect_record){ "one", "space", "key", "1", 1 };
	for (unsigned i = 0; i < 20; i++) {
		message_new(&m, NULL);
		m.id = arena_format(&m.arena, "msg_%u", i);
		assert_int_equal(effects_add(&m.effects, &m.arena, &e, &err), 0);
		if (lane == LANES)
			lane = affinity_claim(a, &m);
		else
			assert_int_equal(affinity_claim(a, &m), lane);
		affinity_release(a, &m);
		message_fini(&m);
	}
	affinity_free(&a);
}

/* A lane that hangs. */

#define SHOTS 40

static struct world world;
static struct shot shots[SHOTS];
static char names[SHOTS][24];

static void open_patient_world(unsigned lanes, int64_t patience_ms)
{
	struct committer_options options = committer_defaults;

	options.patience_ms = patience_ms;
	world_open_lanes(&world, &options, lanes);
}

static void open_world(unsigned lanes)
{
	open_patient_world(lanes, 200);
}

static void fire(unsigned i)
{
	snprintf(names[i], sizeof(names[i]), "name_%u", i);
	shot_init(&world, &shots[i], GANTRY_INLINE, shot_publish);
	shots[i].text = names[i];
	shot_fire(&shots[i]);
}

/* For the lane that is held, as it has this key in flight. */
static void fire_behind(struct shot *s)
{
	shot_init(&world, s, GANTRY_INLINE, shot_publish);
	s->m.idempotency_key = "plug";
	s->text = "behind";
	shot_fire(s);
}

static bool is_done(struct shot *s)
{
	bool done;

	pthread_mutex_lock(&world.lock);
	done = s->done;
	pthread_mutex_unlock(&world.lock);
	return done;
}

static void check_refused(struct shot *s)
{
	assert_int_equal(s->m.answer.status, 503);
	assert_string_equal(shot_header(s, "Retry-After"), "1");
	assert_int_equal(s->m.error.dependency, GANTRY_DEPENDS_ON_STORAGE);
	assert_string_equal(s->m.error.message, "The storage cannot be used now");
	assert_non_null(strstr(s->m.answer.text, "\"STORAGE_UNAVAILABLE\""));
}

/* Until the watch has seen it. */
static void wait_stuck(unsigned n)
{
	for (int i = 0; i < 5000 && committer_counts(world.committer).stuck != n; i++)
		usleep(1000);
	assert_int_equal(committer_counts(world.committer).stuck, n);
}

static void test_one_lane_of_four_hangs(void **state)
{
	struct shot plug, behind, late;
	unsigned refused = 0;
	int64_t before;

	(void)state;
	open_world(LANES);
	world.hold_lane = 0;
	world_hold(&world, &plug);
	pthread_mutex_lock(&world.lock);
	world.hold_lane = world.held_lane + 1;
	pthread_mutex_unlock(&world.lock);
	before = clock_steady_ns();
	fire_behind(&behind);
	assert_false(is_done(&behind));
	for (unsigned i = 0; i < SHOTS; i++)
		fire(i);
	shot_wait(&behind);
	check_refused(&behind);
	assert_true(clock_steady_ns() - before > 200 * INT64_C(1000000));
	for (unsigned i = 0; i < SHOTS; i++) {
		shot_wait(&shots[i]);
		refused += shots[i].m.answer.status != 200;
		if (shots[i].m.answer.status != 200)
			check_refused(&shots[i]);
		assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", names[i]),
				 shots[i].m.answer.status == 200);
		shot_fini(&shots[i]);
	}
	/* a quarter, more or less: the others went on */
	assert_in_range(refused, 1, SHOTS * 3 / 4);
	wait_stuck(1);
	assert_false(committer_counts(world.committer).away);
	/* who comes now is not kept waiting */
	fire_behind(&late);
	assert_true(is_done(&late));
	check_refused(&late);
	assert_false(is_done(&plug));
	world_release(&world, &plug);
	wait_stuck(0);
	shot_fini(&late);
	fire_behind(&late);
	shot_wait(&late);
	assert_int_equal(late.m.answer.status, 200);
	shot_fini(&late);
	shot_fini(&behind);
	world_close(&world);
}

/* Who asks may have read the tick, and been off the processor until the next one. */
static void test_a_unit_that_began_later_does_not_hang(void **state)
{
	struct unit u = { .busy = 8 };

	(void)state;
	assert_false(unit_is_stuck(&u, 7, 4));
	assert_false(unit_is_stuck(&u, 8, 4));
	assert_false(unit_is_stuck(&u, 12, 4));
	assert_true(unit_is_stuck(&u, 13, 4));
	u.busy = UINT_MAX;	/* after 34 years */
	assert_false(unit_is_stuck(&u, UINT_MAX - 1, 4));
	assert_false(unit_is_stuck(&u, 2, 4));
	assert_true(unit_is_stuck(&u, 4, 4));
	u.busy = 0;
	assert_false(unit_is_stuck(&u, 100, 4));
}

static void test_the_only_lane_hangs(void **state)
{
	struct shot plug;

	(void)state;
	open_world(1);
	world_hold(&world, &plug);
	for (unsigned i = 0; i < 3; i++)
		fire(i);
	for (unsigned i = 0; i < 3; i++) {
		shot_wait(&shots[i]);
		check_refused(&shots[i]);
		shot_fini(&shots[i]);
	}
	assert_int_equal(committer_counts(world.committer).stuck, 1);
	assert_true(committer_counts(world.committer).away);
	world_release(&world, &plug);
	wait_stuck(0);
	assert_false(committer_counts(world.committer).away);
	fire(0);
	shot_wait(&shots[0]);
	assert_int_equal(shots[0].m.answer.status, 200);
	shot_fini(&shots[0]);
	world_close(&world);
}

/* Whose turn comes after a unit that failed would only fail as slowly. */
static void test_who_waited_for_a_failure_is_refused(void **state)
{
	struct shot plug;

	(void)state;
	open_patient_world(1, 2000);
	world_hold(&world, &plug);
	for (unsigned i = 0; i < 3; i++)
		fire(i);
	usleep(1100 * 1000);	/* two looks of the watch, which is patient yet */
	assert_int_equal(committer_counts(world.committer).stuck, 0);
	/* the next unit would succeed */
	world_fail(&world, WORLD_COMMIT, GANTRY_AWAY, 1);
	world_release(&world, &plug);
	for (unsigned i = 0; i < 3; i++) {
		shot_wait(&shots[i]);
		check_refused(&shots[i]);
		shot_fini(&shots[i]);
	}
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	fire(3);
	shot_wait(&shots[3]);
	assert_int_equal(shots[3].m.answer.status, 200);
	shot_fini(&shots[3]);
	world_close(&world);
}

/* The end is not waited for without a bound. */
static void test_stop_with_a_lane_that_hangs(void **state)
{
	struct shot plug;
	int64_t before;

	(void)state;
	open_world(2);
	world_hold(&world, &plug);
	before = clock_steady_ns();
	assert_false(committer_stop(world.committer, before + 100 * INT64_C(1000000)));
	assert_true(clock_steady_ns() - before < 2000 * INT64_C(1000000));
	fire(0);
	assert_true(is_done(&shots[0]));
	assert_int_equal(shots[0].m.answer.status, 503);
	shot_fini(&shots[0]);
	world_release(&world, &plug);
	assert_true(committer_stop(world.committer,
				   clock_steady_ns() + 5000 * INT64_C(1000000)));
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_order_keeps_its_lane),
		cmocka_unit_test(test_an_item_has_one_lane_everywhere),
		cmocka_unit_test(test_the_key_wins),
		cmocka_unit_test(test_names_come_and_go),
		cmocka_unit_test(test_the_table_is_bounded),
		cmocka_unit_test(test_records_keep_their_lane),
		cmocka_unit_test(test_one_lane_of_four_hangs),
		cmocka_unit_test(test_a_unit_that_began_later_does_not_hang),
		cmocka_unit_test(test_the_only_lane_hangs),
		cmocka_unit_test(test_who_waited_for_a_failure_is_refused),
		cmocka_unit_test(test_stop_with_a_lane_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
