/* SPDX-License-Identifier: Apache-2.0 */
/* commit_keys - Idempotency-Key (D6), and what retention takes away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "tests/unit/commit_world.h"

#define HOUR INT64_C(3600000)

static struct world world;

static int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	world_item(&world, "inv_1", 10);
	return 0;
}

static int setup_empty(void **state)
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

static void keyed(struct shot *s, const char *key, const char *body,
		  shot_handler *handle)
{
	shot_init(&world, s, GANTRY_INLINE, handle);
	s->m.idempotency_key = key;
	s->m.body = body;
	s->m.body_len = strlen(body);
	s->text = "ord_1";
	s->number = 1;
}

static enum gantry_verdict settle_created(struct shot *s, struct gantry_message *m,
					  struct gantry_error *err)
{
	const struct gantry_outcome *o = gantry_outcome(m, 0);
	const char *text = gantry_format(m, "{\"id\":\"%s\"}", o->allocations[0]->id);

	(void)s;
	if (gantry_reply_text(m, 201, text, strlen(text), err) < 0 ||
	    gantry_reply_header(m, "Location", gantry_format(m, "/allocations/%s",
				o->allocations[0]->id), err) < 0 ||
	    gantry_reply_header(m, "X-Note", "a: b", err) < 0)
		return GANTRY_FAILED;
	return GANTRY_DONE;
}

static void assert_replayed(const struct shot *first, const struct shot *again)
{
	assert_int_equal(again->m.answer.status, first->m.answer.status);
	assert_int_equal(again->m.answer.len, first->m.answer.len);
	assert_string_equal(again->m.answer.text, first->m.answer.text);
	assert_string_equal(shot_header(again, "Idempotent-Replayed"), "true");
	assert_null(shot_header(first, "Idempotent-Replayed"));
	for (unsigned i = 0; i < first->m.answer.n_headers; i++)
		assert_string_equal(shot_header(again, first->m.answer.headers[i].name),
				    first->m.answer.headers[i].value);
}

static void test_replay(void **state)
{
	struct shot s[4], plug;

	(void)state;
	world_hold(&world, &plug);
	for (int i = 0; i < 4; i++) {
		keyed(&s[i], "key 1", "{}", shot_allocate);
		s[i].settle[0] = settle_created;
		if (i == 2)
			world_release(&world, &plug);
		if (i < 2)
			shot_fire(&s[i]);
		else
			shot_run(&s[i]);
	}
	shot_wait(&s[0]);
	shot_wait(&s[1]);
	assert_int_equal(s[0].m.answer.status, 201);
	assert_int_equal(s[0].m.answer.n_headers, 2);
	for (int i = 1; i < 4; i++)
		assert_replayed(&s[0], &s[i]);
	assert_int_equal(s[1].settled, 0);
	for (int i = 0; i < 4; i++)
		shot_fini(&s[i]);
	assert_int_equal(world_count(&world, STOCK_ALLOCATIONS), 1);
	assert_int_equal(world_count(&world, COMMIT_IDEMPOTENCY), 1);
	assert_int_equal(world_count_text(&world, COMMIT_IDEMPOTENCY, "key",
					  "test\x1fstester\x1fkey 1"), 1);
}

static void check_one(const char *key, const char *body, shot_handler *handle,
		      const char *text, int status, bool replayed)
{
	struct shot s;

	keyed(&s, key, body, handle);
	s.text = text;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, status);
	assert_int_equal(shot_header(&s, "Idempotent-Replayed") != NULL, replayed);
	shot_fini(&s);
}

static void test_other_body(void **state)
{
	struct shot s;

	(void)state;
	check_one("k", "{}", shot_publish, "One", 200, false);
	keyed(&s, "k", "{ }", shot_publish);
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 422);
	assert_string_equal(s.m.answer.text,
		"{\"success\":false,\"error\":{\"code\":\"IDEMPOTENCY_KEY_REUSED\","
		"\"message\":\"The key was used with another request\","
		"\"retryable\":false,\"correlationId\":\"cor_1\"}}");
	shot_fini(&s);
	keyed(&s, "k", "{}", shot_publish);
	s.m.path = "/other";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 422);
	shot_fini(&s);
	check_one("k", "{}", shot_publish, "One", 200, true);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
}

static void test_other_sender(void **state)
{
	struct shot s;

	(void)state;
	check_one("k", "{}", shot_publish, "One", 200, false);
	keyed(&s, "k", "{}", shot_publish);
	s.m.subject = "someone else";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_null(shot_header(&s, "Idempotent-Replayed"));
	shot_fini(&s);
	keyed(&s, "k", "{}", shot_publish);
	s.m.subject = NULL;
	s.m.roles[0] = "tester";
	s.m.n_roles = 1;
	shot_run(&s);
	assert_null(shot_header(&s, "Idempotent-Replayed"));
	shot_fini(&s);
	keyed(&s, "k", "{}", shot_publish);
	s.m.method = "PUT";
	shot_run(&s);
	assert_null(shot_header(&s, "Idempotent-Replayed"));
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 4);
	assert_int_equal(world_count(&world, COMMIT_IDEMPOTENCY), 3);
}

static enum gantry_verdict do_fail(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	(void)s;
	(void)m;
	gantry_fail(err, "not today");
	return GANTRY_FAILED;
}

static void test_what_is_kept(void **state)
{
	(void)state;
	check_one("400", "{}", shot_reject, "VALIDATION_ERROR", 400, false);
	check_one("400", "{}", shot_publish, "x", 200, false);
	check_one("404", "{}", shot_reject, "ORDER_NOT_FOUND", 404, false);
	check_one("404", "{}", shot_publish, "x", 404, true);
	check_one("409", "{}", shot_reject, "ORDER_CANCELLED", 409, false);
	check_one("409", "{}", shot_publish, "x", 409, true);
	check_one("422", "{}", shot_reject, "MINE", 422, false);
	check_one("422", "{}", shot_publish, "x", 422, true);
	check_one("503", "{}", do_fail, "x", 503, false);
	check_one("503", "{}", shot_publish, "x", 200, false);
	/* a kept answer wins over what the handler says now */
	check_one("503", "{}", do_fail, "x", 200, true);
	check_one("503", "{}", shot_reject, "VALIDATION_ERROR", 200, true);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 2);
}

static void test_bad_key(void **state)
{
	struct shot s;
	char key[258];

	(void)state;
	memset(key, 'a', sizeof(key));
	key[256] = '\0';
	keyed(&s, key, "{}", shot_publish);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 400);
	assert_string_equal(s.m.error.message,
			    "The Idempotency-Key is not 1 to 255 printable bytes");
	shot_fini(&s);
	key[255] = '\0';
	keyed(&s, key, "{}", shot_publish);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

static void go_ahead(int64_t ms)
{
	pthread_mutex_lock(&world.lock);
	world.ahead_ms = ms;
	pthread_mutex_unlock(&world.lock);
}

static void test_expired(void **state)
{
	json_t *rows, *old, *new;

	(void)state;
	check_one("k", "{}", shot_publish, "One", 200, false);
	rows = world_rows(&world, COMMIT_IDEMPOTENCY);
	old = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	go_ahead(24 * HOUR - 60000);
	check_one("k", "{}", shot_publish, "One", 200, true);
	go_ahead(24 * HOUR + 60000);
	check_one("k", "{ }", shot_publish, "Two", 200, false);
	check_one("k", "{ }", shot_publish, "Two", 200, true);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 2);
	rows = world_rows(&world, COMMIT_IDEMPOTENCY);
	assert_int_equal(json_array_size(rows), 1);
	/* a new row: retention goes by refs, in time order */
	new = json_array_get(rows, 0);
	assert_true(json_integer_value(json_object_get(new, "ref")) >
		    json_integer_value(json_object_get(old, "ref")));
	json_decref(rows);
	json_decref(old);
}

static void add_old(unsigned table, unsigned key_column, unsigned created_column,
		    int64_t n, const char *key)
{
	struct gantry_value values[IDEMPOTENCY_COLUMNS];
	unsigned columns = commit_schema.tables[table]->n_columns;

	for (unsigned i = 0; i < columns; i++)
		values[i] = commit_schema.tables[table]->columns[i]->kind == GANTRY_INT64 ?
				    value_number(200) : value_text("{}");
	values[0] = value_number(n);
	values[1] = value_number(1);
	values[key_column] = value_text(key);
	values[created_column] = value_number(clock_now_ms() - 1000);
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
		.table = table, .values = values });
}

/* 100 old answers and events go, 32 a unit; what was renewed meanwhile stays. */
static void test_retention(void **state)
{
	char key[64];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "test\x1fstester\x1fid %d", i);
		add_old(COMMIT_IDEMPOTENCY, IDEMPOTENCY_KEY, IDEMPOTENCY_CREATED_AT,
			i + 1, key);
		add_old(COMMIT_INBOX, INBOX_KEY, INBOX_CREATED_AT, i + 1, key);
	}
	go_ahead(31 * 24 * HOUR);
	check_one("id 99", "{}", shot_publish, "New", 200, false);
	assert_int_equal(world_count(&world, COMMIT_IDEMPOTENCY), 101 - 32);
	assert_int_equal(world_count(&world, COMMIT_INBOX), 100 - 32);
	check_one("id 0", "{}", shot_publish, "New", 200, false);
	check_one("id 50", "{}", shot_publish, "New", 200, false);
	for (int i = 0; i < 4; i++)
		check_one("again", "{}", shot_reject, "VALIDATION_ERROR", 400, false);
	assert_int_equal(world_count(&world, COMMIT_IDEMPOTENCY), 3);
	assert_int_equal(world_count(&world, COMMIT_INBOX), 0);
	check_one("id 0", "{}", shot_publish, "New", 200, true);
	check_one("id 50", "{}", shot_publish, "New", 200, true);
	check_one("id 99", "{}", shot_publish, "New", 200, true);
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "New"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_replay),
		TEST(test_other_body),
		TEST(test_other_sender),
		TEST(test_what_is_kept),
		TEST(test_bad_key),
		TEST(test_expired),
		cmocka_unit_test_setup_teardown(test_retention, setup_empty, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
