/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_bounds - the bounds of the outbox: what they refuse, what goes where nobody
 * publishes, and how what was there is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/commit/verify.h"
#include "tests/unit/publish_world.h"

static int setup(void **state)
{
	(void)state;
	return open_with(1000, true);
}

static int setup_small(void **state)
{
	(void)state;
	return open_with(5, true);
}

static int setup_large(void **state)
{
	(void)state;
	return open_with(10000, true);
}

static int setup_alone(void **state)
{
	(void)state;
	return open_with(5, false);
}

static enum gantry_verdict do_nothing_much(struct shot *s, struct gantry_message *m,
					   struct gantry_error *err)
{
	json_t *value = json_integer(1);
	int done = gantry_record_put(m, "s", s->text, value, err);

	json_decref(value);
	return done < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static void test_full_outbox_refuses(void **state)
{
	struct handover_news news;
	struct shot s;
	int64_t refs[6];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(tell("One"), 200);
	assert_true(committer_outbox(world.committer).full);
	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.text = "One";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 503);
	assert_non_null(strstr(s.m.answer.text, "\"code\":\"OVERLOADED\",\"message\":"
			       "\"Too many events wait for the broker\""));
	assert_string_equal(shot_header(&s, "Retry-After"), "1");
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 6);
	/* what makes no event is done */
	shot_init(&world, &s, GANTRY_INLINE, do_nothing_much);
	s.text = "k";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
	/* and an event is held, as it depends on the broker */
	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.text = "One";
	shot_is_event(&s, "evt_1");
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_FAILED);
	assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_BROKER);
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_INBOX), 0);
	news = news_of(world.committer, has_events);
	for (const struct handover_event *e = news.first; e != NULL; e = e->next)
		refs[n++] = e->ref;
	handover_news_fini(&news);
	committer_published(world.committer, refs, n);
	handover_news_fini(&(struct handover_news){ 0 });
	news = news_of(world.committer, has_gone);
	handover_news_fini(&news);
	assert_int_equal(tell("One"), 200);
}

/* Old events refuse work only while the broker is away. */
static void test_old_outbox_refuses(void **state)
{
	(void)state;
	assert_int_equal(tell("One"), 200);
	world_pass(&world, options.outbox_max_age_ms + 1000);
	tell("Two");		/* shows the time; the age is looked at twice a second */
	for (int i = 0; i < 100 && !committer_outbox(world.committer).full; i++) {
		usleep(20000);
		tell("Three");
	}
	assert_true(committer_outbox(world.committer).full);
	assert_int_equal(tell("Four"), 503);
	committer_broker(world.committer, true);
	assert_true(committer_outbox(world.committer).warn);
	assert_false(committer_outbox(world.committer).full);
	assert_int_equal(tell("Four"), 200);
}

static void test_without_a_broker_the_oldest_go(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct query_store store = world_query_store(&world);
	json_t *rows;
	char type[16];

	(void)state;
	for (int i = 0; i < 9; i++) {
		snprintf(type, sizeof(type), "N%d", i);
		assert_int_equal(tell(type), 200);
	}
	for (int i = 0; i < 40 && committer_outbox(world.committer).rows > 5; i++) {
		usleep(20000);
		assert_int_equal(tell("Last"), 200);
	}
	rows = world_rows(&world, COMMIT_OUTBOX);
	assert_true(json_array_size(rows) <= 6);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "N0"), 0);
	assert_int_equal(committer_outbox(world.committer).rows, json_array_size(rows));
	assert_true(committer_outbox(world.committer).dropped >= 4);
	json_decref(rows);
	/* verify knows by this lease that events may be gone */
	assert_int_equal(world_count_text(&world, COMMIT_LEASES, "name", "publisher:a"), 1);
	assert_int_equal(commit_verify(&store, NULL, NULL, &err), 0);
}

/* What was there before is counted. */
static void test_what_was_there_is_counted(void **state)
{
	struct committer *b;

	(void)state;
	for (int i = 0; i < 7; i++)
		tell("One");
	b = replica("b");
	for (int i = 0; i < 200 && committer_outbox(b).rows != 7; i++) {
		/* a unit shows it the time */
		lease(b, "b", LEASE_SEIZE, 0);
	}
	assert_int_equal(committer_outbox(b).rows, 7);
	assert_true(committer_outbox(b).oldest_ms > 0);
	committer_free(&b);
}

/* Beside the work: the pages of 2,500 rows are far from each other if they take long. */
static void test_counting_leaves_time(void **state)
{
	struct committer *b;
	int64_t began_ns;

	(void)state;
	for (int i = 0; i < 2500; i++)
		tell("One");
	pthread_mutex_lock(&world.lock);
	world.scan_ms = 10;
	pthread_mutex_unlock(&world.lock);
	began_ns = clock_steady_ns();
	b = replica("b");
	while (committer_outbox(b).rows < 2500)
		lease(b, "b", LEASE_SEIZE, 0);
	assert_true(clock_steady_ns() - began_ns >= INT64_C(2) * 9 * 10 * 1000000);
	committer_free(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full_outbox_refuses, setup_small,
						teardown),
		CASE(test_old_outbox_refuses),
		cmocka_unit_test_setup_teardown(test_without_a_broker_the_oldest_go,
						setup_alone, teardown),
		CASE(test_what_was_there_is_counted),
		cmocka_unit_test_setup_teardown(test_counting_leaves_time, setup_large, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
