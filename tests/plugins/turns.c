/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns - two gateways on one PostgreSQL: when a lane waits for that of the
 * other one, and when it does not.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/plugins/pg.h"

/* Units until it is known what they have in common, and that nobody is there. */
enum { ENOUGH = 70, ATTEMPTS = 50 };

static void *begun_lane(struct pg *p, void *self, unsigned lane)
{
	void *unit;

	if (p->kit.st->begin(self, lane, &unit, &p->kit.err) != GANTRY_STORED)
		fail_msg("%s", p->kit.err.message);
	return unit;
}

static void *begun(struct pg *p, void *self)
{
	return begun_lane(p, self, 0);
}

/* The unit has this row locked; its answer. */
static enum gantry_stored locks(struct pg *p, void *unit, int64_t ref,
				struct gantry_error *err)
{
	const struct gantry_value v = kit_number(ref);
	const struct gantry_key key = kit_key(HOLDERS, GANTRY_BY_REF, 1, &v);
	const struct gantry_key *const keys[] = { &key };
	const struct gantry_key_set set = { .size = sizeof(set), .keys = keys, .n = 1 };
	const struct gantry_key_set *const sets[] = { &set };
	struct kit_rows rows = { .kit = &p->kit,
				 .table = kit_schema_old.tables[HOLDERS] };
	const struct gantry_sink sink = kit_sink(&rows);
	int64_t now;

	return p->kit.st->load(unit, sets, 1, NULL, 0, &sink, &now, err);
}

static void holds(struct pg *p, void *unit, int64_t ref)
{
	if (locks(p, unit, ref, &p->kit.err) != GANTRY_STORED)
		fail_msg("%s", p->kit.err.message);
}

static void *holding(struct pg *p, void *self, int64_t ref)
{
	void *unit = begun(p, self);

	holds(p, unit, ref);
	return unit;
}

static void end(struct pg *p, void *unit)
{
	assert_int_equal(p->kit.st->commit(unit, &p->kit.err), GANTRY_STORED);
}

/* Transactions that are open and idle: a turn is asked for by one. */
static int open_units(struct pg *p)
{
	return atoi(pg_sql(p, "select count(*) from pg_stat_activity where "
			      "application_name = 'gantry' and "
			      "state = 'idle in transaction'"));
}

/* Two instances, a row for each; theirs of the second lock it again and again,
   and have met one of the first. */
static void open_two(struct pg *p, bool same_row)
{
	void *first, *second;

	pg_open(p);
	for (int64_t ref = 1; ref <= ENOUGH + 2; ref++)
		assert_int_equal(pg_holder(p, ref), GANTRY_STORED);
	assert_int_equal(kit_other(&p->kit), 0);
	for (int i = 0; i < ENOUGH; i++)
		end(p, holding(p, p->kit.other, same_row ? 2 : i + 2));
	first = holding(p, p->kit.self, 1);
	second = holding(p, p->kit.other, 2);
	end(p, second);
	end(p, first);
}

/* The second one's next unit, in a thread. */
struct waiter {
	struct pg *p;
	struct gantry_error err;
	enum gantry_stored said;
	void *unit;
	int begun, over;
};

static void *waiter_run(void *context)
{
	struct waiter *w = context;

	w->said = w->p->kit.st->begin(w->p->kit.other, 0, &w->unit, &w->err);
	__atomic_store_n(&w->begun, 1, __ATOMIC_RELEASE);
	if (w->said == GANTRY_STORED)
		w->said = locks(w->p, w->unit, 2, &w->err);
	__atomic_store_n(&w->over, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* The first one's unit is open; true: the second one's began when it was over,
   and not before. False: the machine was too slow to tell. */
static bool waits_for_its_turn(struct pg *p, struct waiter *w, pthread_t *thread)
{
	void *first = holding(p, p->kit.self, 1);
	bool waited, early;

	*w = (struct waiter){ .p = p };
	assert_int_equal(pthread_create(thread, NULL, waiter_run, w), 0);
	usleep(20000);
	waited = strcmp(pg_sql(p, "select count(*) from pg_stat_activity where "
				  "wait_event = 'advisory'"), "1") == 0;
	early = __atomic_load_n(&w->begun, __ATOMIC_ACQUIRE) != 0;
	end(p, first);
	return waited && !early;
}

static void waiter_ends(struct waiter *w, pthread_t thread)
{
	pthread_join(thread, NULL);
	assert_int_equal(w->said, GANTRY_STORED);
	end(w->p, w->unit);
}

static void test_waits_before_it_is_filled(void **state)
{
	struct pg *p = *state;
	struct waiter w;
	pthread_t thread;
	int times = 0;

	open_two(p, true);
	for (int i = 0; i < ATTEMPTS && times < 3; i++) {
		bool waited = waits_for_its_turn(p, &w, &thread);

		waiter_ends(&w, thread);
		times += waited;
		if (!waited)
			sleep(1);	/* it rests */
	}
	assert_int_equal(times, 3);
}

/* A row is waited for as long as before, and not for as long as a turn. */
static void test_rows_are_waited_for_as_before(void **state)
{
	struct pg *p = *state;
	bool waited = false, over;
	struct waiter w;
	pthread_t thread;
	void *holder;

	open_two(p, true);
	for (int i = 0; i < ATTEMPTS && !waited; i++) {
		holder = begun_lane(p, p->kit.self, 1);
		holds(p, holder, 2);
		waited = waits_for_its_turn(p, &w, &thread);
		usleep(500000);
		over = __atomic_load_n(&w.over, __ATOMIC_ACQUIRE) != 0;
		end(p, holder);
		waiter_ends(&w, thread);
		assert_false(over);
		if (!waited)
			sleep(1);
	}
	assert_true(waited);
}

/* One that hangs in the middle of a unit keeps nobody from working. True: the
   next one asked for no turn. */
static bool goes_on_without(struct pg *p)
{
	void *first = holding(p, p->kit.self, 1), *second;
	int asked;

	second = begun(p, p->kit.other);
	/* what it had begun is rolled back */
	assert_int_equal(open_units(p), 1);
	holds(p, second, 2);
	end(p, second);
	end(p, first);
	/* and for a while nobody is waited for */
	second = begun(p, p->kit.other);
	asked = open_units(p);
	end(p, second);
	return asked == 0;
}

static void test_goes_on_without(void **state)
{
	struct pg *p = *state;
	int times = 0;

	open_two(p, true);
	/* a machine that stands still for a second is over with the rest, too */
	for (int i = 0; i < ATTEMPTS && times == 0; i++)
		times += goes_on_without(p);
	assert_int_equal(times, 1);
}

static void test_alone_again(void **state)
{
	struct pg *p = *state;
	void *unit;

	open_two(p, true);
	unit = begun(p, p->kit.other);
	assert_int_equal(open_units(p), 1);
	end(p, unit);
	for (int i = 0; i < ENOUGH; i++)
		end(p, holding(p, p->kit.other, 2));
	unit = begun(p, p->kit.other);
	assert_int_equal(open_units(p), 0);
	end(p, unit);
}

static void test_nothing_in_common(void **state)
{
	struct pg *p = *state;
	void *unit;

	open_two(p, false);
	unit = begun(p, p->kit.other);
	assert_int_equal(open_units(p), 0);
	end(p, unit);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, pg_new, pg_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_waits_before_it_is_filled),
		TEST(test_rows_are_waited_for_as_before),
		TEST(test_goes_on_without),
		TEST(test_alone_again),
		TEST(test_nothing_in_common),
	};

	return cmocka_run_group_tests(tests, pg_server_new, pg_server_free);
}
