/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_publish - the storage side of publishing: the hand-over, rows that go
 * when they are published, causes, leases of several replicas.
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
#include "gateway/base/memory.h"
#include "gateway/commit/verify.h"
#include "tests/unit/publish_world.h"

static int setup(void **state)
{
	(void)state;
	return open_with(1000, true);
}

static int64_t take_one(void)
{
	struct handover_news news = news_of(world.committer, has_events);
	int64_t ref = news.first->ref;

	assert_int_equal(news.n, 1);
	handover_news_fini(&news);
	return ref;
}

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void test_events_are_handed_over(void **state)
{
	static const struct message_pair headers[] = { { "traceparent", PARENT },
						       { "tracestate", "a=1" } };
	struct handover_news news;
	json_t *rows, *row;
	struct shot plug, shots[3];

	(void)state;
	world_hold(&world, &plug);
	for (unsigned i = 0; i < 3; i++) {
		shot_init(&world, &shots[i], GANTRY_INLINE, shot_publish);
		shots[i].text = "Told";
		shots[i].m.traceparent = i > 0 ? PARENT : NULL;
		shots[i].m.headers = headers;
		shots[i].m.n_headers = i;
		shot_fire(&shots[i]);
	}
	world_wait_handed(&world, 5);
	world_release(&world, &plug);
	for (unsigned i = 0; i < 3; i++) {
		shot_wait(&shots[i]);
		shot_fini(&shots[i]);
	}
	news = news_of(world.committer, has_events);
	assert_int_equal(news.n, 3);
	assert_false(news.lost);
	rows = world_rows(&world, COMMIT_OUTBOX);
	for (size_t i = 0; i < 3; i++) {
		const struct handover_event *e = news.first;

		for (size_t j = 0; j < i; j++)
			e = e->next;
		row = json_array_get(rows, i);
		assert_int_equal(e->ref, json_integer_value(json_object_get(row, "ref")));
		assert_string_equal(e->event_id,
			json_string_value(json_object_get(row, "event_id")));
		assert_string_equal(e->body, json_string_value(json_object_get(row, "body")));
		assert_int_equal(e->body_len, strlen(e->body));
		assert_string_equal(e->type, "Told");
		assert_string_equal(e->exchange, "x");
		assert_string_equal(e->routing_key, "k");
		assert_string_equal(e->owner, "a");
		assert_int_equal(e->after, 0);
		assert_true((e->traceparent != NULL) == (i > 0));
		assert_true((e->tracestate != NULL) == (i == 2));
		if (i == 2)
			assert_string_equal(e->tracestate, "a=1");
	}
	json_decref(rows);
	handover_news_fini(&news);
	assert_int_equal(committer_outbox(world.committer).rows, 3);
}

/* In a unit of their own after 100 ms; in the next one, if one comes before. */
static void test_published_rows_go(void **state)
{
	struct handover_news news;
	int64_t ref, before, took;

	(void)state;
	tell("One");
	ref = take_one();
	before = clock_steady_ns();
	committer_published(world.committer, &ref, 1);
	news = news_of(world.committer, has_gone);
	took = (clock_steady_ns() - before) / 1000000;
	assert_true(took >= 99);
	assert_int_equal(news.n_gone, 1);
	assert_int_equal(news.gone[0], ref);
	handover_news_fini(&news);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	tell("Two");
	ref = take_one();
	committer_published(world.committer, &ref, 1);
	tell("Three");
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "Two"), 0);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
	assert_int_equal(committer_outbox(world.committer).rows, 1);
}

/* What storage does not take stays, and goes later. */
static void test_published_rows_wait_for_storage(void **state)
{
	struct handover_news news;
	int64_t ref;

	(void)state;
	tell("One");
	ref = take_one();
	world_fail(&world, WORLD_COMMIT, GANTRY_AWAY, 1);
	committer_published(world.committer, &ref, 1);
	usleep(300000);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
	news = news_of(world.committer, has_gone);
	handover_news_fini(&news);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
}

/* A storage that refuses is not asked in a loop, at the end neither. */
static void test_published_rows_are_refused(void **state)
{
	uint64_t failures;
	int64_t ref;

	(void)state;
	tell("One");
	ref = take_one();
	world_fail(&world, WORLD_COMMIT, GANTRY_REFUSED_ROW, -1);
	committer_published(world.committer, &ref, 1);
	usleep(550000);
	failures = committer_counts(world.committer).failures;
	assert_in_range(failures, 1, 6);
	engine_free(&world.engine);
	committer_free(&world.committer);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
}

/* The end does not wait for 100 ms, and forgets nothing. */
static void test_published_rows_go_at_the_end(void **state)
{
	int64_t refs[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		tell("One");
		refs[i] = take_one();
	}
	committer_published(world.committer, refs, 3);
	engine_free(&world.engine);
	committer_free(&world.committer);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
}

static void test_cause_is_kept(void **state)
{
	int64_t ref;

	(void)state;
	tell("One");
	ref = take_one();
	tell("Two");
	committer_held(world.committer, ref, "unroutable: NO_ROUTE");
	committer_held(world.committer, 4711, "not there any more");
	for (int i = 0; i < 50 && world_count_text(&world, COMMIT_OUTBOX, "cause",
						   "unroutable: NO_ROUTE") == 0; i++)
		usleep(20000);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "cause",
					  "unroutable: NO_ROUTE"), 1);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 2);
}

/* Leases. */

static void test_lease_of_two_replicas(void **state)
{
	struct committer *b = replica("b");
	struct committer_lease got;

	(void)state;
	got = lease(world.committer, "a", LEASE_SEIZE, 0);
	assert_true(got.held);
	assert_int_equal(got.epoch, 1);
	got = lease(b, "a", LEASE_TAKE, 0);
	assert_false(got.held);
	assert_int_equal(got.epoch, 1);
	/* kept: the other one still may not */
	world_pass(&world, COMMITTER_LEASE_MS - 2000);
	got = lease(world.committer, "a", LEASE_KEEP, 1);
	assert_true(got.held);
	assert_int_equal(got.epoch, 1);
	world_pass(&world, 4000);
	assert_false(lease(b, "a", LEASE_TAKE, 0).held);
	/* not kept: its rows are taken over whole */
	world_pass(&world, COMMITTER_LEASE_MS);
	got = lease(b, "a", LEASE_TAKE, 0);
	assert_true(got.held);
	assert_int_equal(got.epoch, 2);
	/* it was alive: it hears so, and has them back */
	got = lease(world.committer, "a", LEASE_KEEP, 1);
	assert_false(got.held);
	assert_false(got.namesake);
	got = lease(world.committer, "a", LEASE_SEIZE, 0);
	assert_int_equal(got.epoch, 3);
	got = lease(b, "a", LEASE_KEEP, 2);
	assert_false(got.held);
	assert_int_equal(got.epoch, 3);
	assert_int_equal(world_count_text(&world, COMMIT_LEASES, "name", "publisher:a"), 1);
	committer_free(&b);
}

/* A restart under the same name does not wait, and the older one hears of it. */
static void test_lease_of_a_namesake(void **state)
{
	struct committer *newer = replica("a");
	struct committer_lease got;

	(void)state;
	assert_int_equal(lease(world.committer, "a", LEASE_SEIZE, 0).epoch, 1);
	got = lease(newer, "a", LEASE_SEIZE, 0);
	assert_true(got.held);
	assert_int_equal(got.epoch, 2);
	got = lease(world.committer, "a", LEASE_KEEP, 1);
	assert_false(got.held);
	assert_true(got.namesake);
	assert_true(lease(newer, "a", LEASE_KEEP, 2).held);
	committer_free(&newer);
}

/* Events of handlers in the order of their record. */

static enum gantry_verdict do_ordered(struct shot *s, struct gantry_message *m,
				      struct gantry_error *err)
{
	json_t *value = json_integer(s->number);

	if (s->number >= 0)
		gantry_record_put(m, "basket", "b1", value, err);
	json_decref(value);
	return gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
					       .type = s->text, .payload_text = "{}",
					       .payload_len = 2, .ordered = true,
					       .aggregate_type = "basket",
					       .aggregate_id = "b1"), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

static void ordered(const char *type, int64_t number)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, do_ordered);
	s.text = type;
	s.number = number;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

static void test_ordered_by_a_record(void **state)
{
	json_t *rows, *records;

	(void)state;
	ordered("One", 1);
	ordered("Two", 2);
	ordered("Free", -1);	/* has no record in its unit */
	ordered("Three", 3);
	rows = world_rows(&world, COMMIT_OUTBOX);
	records = world_rows(&world, COMMIT_RECORDS);
	assert_int_equal(json_array_size(rows), 4);
	assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "after")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 1), "after")),
			 json_integer_value(json_object_get(json_array_get(rows, 0), "ref")));
	assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "after")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 3), "after")),
			 json_integer_value(json_object_get(json_array_get(rows, 1), "ref")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(records, 0),
							    "last_event")),
			 json_integer_value(json_object_get(json_array_get(rows, 3), "ref")));
	json_decref(rows);
	json_decref(records);
}

static enum gantry_verdict do_order(struct shot *s, struct gantry_message *m,
				    struct gantry_error *err)
{
	gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ORDER_OPEN, .order_id = "ord_9"),
		       err);
	return gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
					       .type = s->text, .payload_text = "{}",
					       .payload_len = 2, .ordered = true,
					       .aggregate_type = "Order",
					       .aggregate_id = "ord_9"), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

static void test_ordered_by_an_order(void **state)
{
	json_t *rows;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct shot s;

		shot_init(&world, &s, GANTRY_INLINE, do_order);
		s.text = "Seen";
		shot_run(&s);
		assert_int_equal(s.m.answer.status, 200);
		shot_fini(&s);
	}
	rows = world_rows(&world, COMMIT_OUTBOX);
	assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "after")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 1), "after")),
			 json_integer_value(json_object_get(json_array_get(rows, 0), "ref")));
	json_decref(rows);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_events_are_handed_over),
		CASE(test_published_rows_go),
		CASE(test_published_rows_wait_for_storage),
		CASE(test_published_rows_are_refused),
		CASE(test_published_rows_go_at_the_end),
		CASE(test_cause_is_kept),
		CASE(test_lease_of_two_replicas),
		CASE(test_lease_of_a_namesake),
		CASE(test_ordered_by_a_record),
		CASE(test_ordered_by_an_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
