/* SPDX-License-Identifier: Apache-2.0 */
/* commit - what a message leaves behind: all of it, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/commit_world.h"

static struct world world;

static int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	world_item(&world, "inv_1", 10);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

/* A record, an event, an allocation and a reply. */
static enum gantry_verdict do_all(struct shot *s, struct gantry_message *m,
				  struct gantry_error *err)
{
	json_t *body = json_pack("{s:s}", "got", "all");
	int done = gantry_record_put(m, "space", s->text, body, err);

	if (done == 0)
		done = gantry_reply(m, 201, body, err);
	if (done == 0)
		done = gantry_reply_header(m, "Location", "/all/1", err);
	json_decref(body);
	if (done < 0 || shot_publish(s, m, err) != GANTRY_DONE)
		return GANTRY_FAILED;
	return shot_allocate(s, m, err);
}

static const char *minted[3];

static enum gantry_verdict settle_reject(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err)
{
	minted[s->settled - 1] = gantry_mint(m, "id_");
	gantry_problem(err, "a", "is wrong");
	return gantry_reject(err, s->text);
}

static enum gantry_verdict settle_fail(struct shot *s, struct gantry_message *m,
				       struct gantry_error *err)
{
	(void)s;
	(void)m;
	gantry_fail(err, "not today");
	return GANTRY_FAILED;
}

static enum gantry_verdict settle_seven(struct shot *s, struct gantry_message *m,
					struct gantry_error *err)
{
	(void)s;
	(void)m;
	(void)err;
	return (enum gantry_verdict)7;
}

/* Nothing but the item is there. */
static void assert_nothing(void)
{
	assert_int_equal(world_count(&world, STOCK_ALLOCATIONS), 0);
	assert_int_equal(world_count(&world, STOCK_ORDERS), 0);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	assert_int_equal(world_count(&world, COMMIT_INBOX), 0);
	assert_int_equal(world_count(&world, COMMIT_RECORDS), 0);
}

static void test_all(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_all);
	s.text = "ord_1";
	s.number = 3;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 201);
	assert_int_equal(s.m.answer.verdict, GANTRY_DONE);
	assert_string_equal(s.m.answer.text, "{\"got\":\"all\"}");
	assert_string_equal(shot_header(&s, "Location"), "/all/1");
	assert_string_equal(s.m.correlation_id, "ord_1");
	assert_int_equal(s.settled, 1);
	shot_fini(&s);
	assert_int_equal(world_count(&world, STOCK_ALLOCATIONS), 1);
	assert_int_equal(world_count(&world, STOCK_ORDERS), 1);
	assert_int_equal(world_count(&world, COMMIT_RECORDS), 1);
	assert_int_equal(world_count_text(&world, COMMIT_RECORDS, "key",
					  "inline\x1fspace\x1ford_1"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "ord_1"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type",
					  "AllocationCreated"), 1);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 2);
}

static void check_settle(shot_handler *settle, const char *code, int status,
			 enum gantry_verdict verdict)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, do_all);
	s.settle[0] = settle;
	s.text = code;
	s.number = 3;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, status);
	assert_int_equal(s.m.answer.verdict, verdict);
	assert_null(shot_header(&s, "Location"));
	shot_fini(&s);
	assert_nothing();
}

static void test_settle_refuses(void **state)
{
	(void)state;
	check_settle(settle_reject, "ORDER_CANCELLED", 409, GANTRY_REJECTED);
	check_settle(settle_fail, "x", 503, GANTRY_FAILED);
	check_settle(settle_seven, "x", 500, GANTRY_FAILED);
}

static void test_settle_text(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.settle[0] = settle_seven;
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_string_equal(s.m.answer.text,
		"{\"success\":false,\"error\":{\"code\":\"INTERNAL_ERROR\","
		"\"message\":\"inline.step: settle gave verdict 7\","
		"\"retryable\":false,\"correlationId\":\"cor_1\"}}");
	shot_fini(&s);
}

/* A settle that rejects is asked again on replay; its problems are told once. */
static void test_settle_again(void **state)
{
	struct shot s, other, plug;

	(void)state;
	world_hold(&world, &plug);
	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.settle[0] = settle_reject;
	s.text = "ORDER_CANCELLED";
	s.m.correlation_id = "cor_1";
	shot_fire(&s);
	shot_init(&world, &other, GANTRY_INLINE, shot_publish);
	other.text = "Other";
	shot_fire(&other);
	world_fail(&world, WORLD_STORE, GANTRY_CONFLICT, 2);
	world_release(&world, &plug);
	shot_wait(&s);
	shot_wait(&other);
	assert_int_equal(s.settled, 3);
	assert_string_equal(minted[0], minted[1]);
	assert_string_equal(minted[0], minted[2]);
	assert_string_equal(s.m.answer.text,
		"{\"success\":false,\"error\":{\"code\":\"ORDER_CANCELLED\","
		"\"message\":\"The order is cancelled\","
		"\"details\":[{\"field\":\"a\",\"problem\":\"is wrong\"}],"
		"\"retryable\":false,\"correlationId\":\"cor_1\"}}");
	assert_int_equal(other.m.answer.status, 200);
	shot_fini(&s);
	shot_fini(&other);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
}

/* 21 messages in one unit, the middle one is undone. */
static void test_undo_of_one(void **state)
{
	struct shot shots[21], plug;
	char names[21][16];
	uint64_t units;

	(void)state;
	world_item(&world, "inv_2", 1);
	world_hold(&world, &plug);
	units = committer_counts(world.committer).units;
	for (int i = 0; i < 21; i++) {
		snprintf(names[i], sizeof(names[i]), "ord_%d", i);
		shot_init(&world, &shots[i], GANTRY_INLINE, do_all);
		shots[i].text = names[i];
		shots[i].number = i % 2;
		if (i % 2 == 0)
			shots[i].handle[0] = shot_publish;
		if (i == 10)
			shots[i].settle[0] = settle_fail;
		if (i == 11)
			shots[i].settle[0] = settle_reject;
		shot_fire(&shots[i]);
	}
	world_release(&world, &plug);
	for (int i = 0; i < 21; i++) {
		shot_wait(&shots[i]);
		assert_int_equal(shots[i].m.answer.status, i == 10 ? 503 :
				 i == 11 ? 422 : i % 2 ? 201 : 200);
		assert_int_equal(shots[i].place, i + 2 + 1);
		shot_fini(&shots[i]);
	}
	assert_int_equal(committer_counts(world.committer).units, units + 2);
	assert_int_equal(world_count(&world, STOCK_ALLOCATIONS), 9);
	assert_int_equal(world_count(&world, COMMIT_RECORDS), 9);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 10 + 2 * 9);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "ord_10"), 0);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "ord_11"), 0);
}

static enum gantry_verdict do_even(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
					.type = "Even", .payload_text = "{}",
					.payload_len = 2,
					.even_if_rejected = true), err);
	return do_all(s, m, err);
}

static void test_refused_command(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_even);
	s.text = "ord_1";
	s.number = 11;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 409);
	assert_int_equal(s.m.answer.verdict, GANTRY_REJECTED);
	assert_int_equal(s.settled, 0);
	assert_string_equal(s.m.answer.text,
		"{\"success\":false,\"error\":{\"code\":\"INSUFFICIENT_STOCK\","
		"\"message\":\"Not enough inventory available\",\"details\":{"
		"\"inventoryItemId\":\"inv_1\",\"warehouseId\":\"wh_1\","
		"\"requested\":11,\"available\":10},"
		"\"retryable\":false,\"correlationId\":\"ord_1\"}}");
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 2);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "Even"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type",
					  "InsufficientStock"), 1);
	assert_int_equal(world_count(&world, COMMIT_RECORDS), 0);
	assert_int_equal(world_count(&world, STOCK_ORDERS), 0);
}

static enum gantry_verdict do_even_and_reject(struct shot *s, struct gantry_message *m,
					      struct gantry_error *err)
{
	do_even(s, m, err);
	return gantry_reject(err, "VALIDATION_ERROR");
}

static void test_even_if_rejected(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_even_and_reject);
	s.text = "ord_1";
	s.number = 1;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 400);
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "Even"), 1);
	assert_int_equal(world_count(&world, STOCK_ALLOCATIONS), 0);
	/* an event that is rejected commits nothing */
	shot_init(&world, &s, GANTRY_INLINE, do_even_and_reject);
	shot_is_event(&s, "evt_1");
	s.text = "ord_1";
	s.number = 1;
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_REJECTED);
	shot_fini(&s);
	shot_init(&world, &s, GANTRY_INLINE, do_even);
	s.settle[0] = settle_reject;
	shot_is_event(&s, "evt_1");
	s.text = "ord_1";
	s.number = 1;
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_REJECTED);
	assert_null(s.m.answer.outcome);
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
	assert_int_equal(world_count(&world, COMMIT_INBOX), 0);
}

static void test_bad_argument(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_even);
	s.text = "ord_1";
	s.number = 0;
	shot_run(&s);
	/* quantity 0 cannot be staged, and that is a failure of the handler */
	assert_int_equal(s.m.answer.status, 503);
	shot_fini(&s);
	assert_nothing();
}

static enum gantry_verdict do_next(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	shot_publish(s, m, err);
	return GANTRY_NEXT;
}

static void test_next_of_all(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_next);
	s.handle[1] = do_next;
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_int_equal(s.runs, 2);
	assert_int_equal(s.m.answer.status, 404);
	assert_string_equal(s.m.answer.text,
		"{\"success\":false,\"error\":{\"code\":\"ROUTE_NOT_FOUND\","
		"\"message\":\"Nobody answered\",\"retryable\":false,"
		"\"correlationId\":\"cor_1\"}}");
	shot_fini(&s);
	assert_nothing();
	/* for an event, next of all is done */
	shot_init(&world, &s, GANTRY_INLINE, do_next);
	shot_is_event(&s, "evt_1");
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_DONE);
	assert_string_equal(s.m.answer.outcome, "applied");
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
}

static void test_inbox(void **state)
{
	struct shot s, twice[2], plug;

	(void)state;
	for (int i = 0; i < 2; i++) {
		shot_init(&world, &s, GANTRY_INLINE, shot_allocate);
		shot_is_event(&s, "evt_1");
		s.text = "ord_1";
		s.number = 2;
		shot_run(&s);
		assert_int_equal(s.m.answer.verdict, GANTRY_DONE);
		assert_string_equal(s.m.answer.outcome, i ? "duplicate" : "applied");
		shot_fini(&s);
	}
	world_hold(&world, &plug);
	for (int i = 0; i < 2; i++) {
		shot_init(&world, &twice[i], GANTRY_INLINE, shot_allocate);
		shot_is_event(&twice[i], "evt_2");
		twice[i].text = "ord_2";
		twice[i].number = 20;
		shot_fire(&twice[i]);
	}
	world_release(&world, &plug);
	for (int i = 0; i < 2; i++) {
		shot_wait(&twice[i]);
		assert_string_equal(twice[i].m.answer.outcome,
				    i ? "duplicate" : "refused");
		shot_fini(&twice[i]);
	}
	assert_int_equal(world_count(&world, STOCK_ALLOCATIONS), 1);
	assert_int_equal(world_count(&world, COMMIT_INBOX), 2);
	assert_int_equal(world_count_text(&world, COMMIT_INBOX, "key", "test:evt_1"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_INBOX, "state", "refused"), 1);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type",
					  "InsufficientStock"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_all),
		TEST(test_settle_refuses),
		TEST(test_settle_text),
		TEST(test_settle_again),
		TEST(test_undo_of_one),
		TEST(test_refused_command),
		TEST(test_even_if_rejected),
		TEST(test_bad_argument),
		TEST(test_next_of_all),
		TEST(test_inbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
