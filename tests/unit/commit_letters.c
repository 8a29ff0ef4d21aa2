/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_letters - dead letters (D24): kept once with the inbox mark, retried
 * in one unit with what they do, edited, discarded.
 */
#include "tests/unit/commit_letters.h"

#include "gateway/base/clock.h"

#define HOUR INT64_C(3600000)

static void check_text(const json_t *row, const char *name, const char *value)
{
	const json_t *v = json_object_get(row, name);

	if (value == NULL)
		assert_true(json_is_null(v));
	else
		assert_string_equal(json_string_value(v), value);
}

static void check_number(const json_t *row, const char *name, int64_t value)
{
	assert_int_equal(json_integer_value(json_object_get(row, name)), value);
}

static void check_state(const char *letter, const char *inbox)
{
	json_t *row = the_row(COMMIT_DEAD_LETTERS);

	check_text(row, "state", letter);
	assert_int_equal(json_is_null(json_object_get(row, "closed_at")),
			 strcmp(letter, "open") == 0);
	assert_int_equal(json_is_null(json_object_get(row, "open_cause")),
			 strcmp(letter, "open") != 0);
	json_decref(row);
	row = the_row(COMMIT_INBOX);
	check_text(row, "state", inbox);
	json_decref(row);
}

/* The n-th row from the end. */
static void check_audit(size_t n, const char *action, const char *result,
			const char *text)
{
	json_t *rows = world_rows(&world, COMMIT_AUDIT);
	json_t *row = json_array_get(rows, n - 1);

	assert_int_equal(json_array_size(rows), n);
	check_text(row, "actor", "alice");
	check_text(row, "action", action);
	check_text(row, "result", result);
	check_text(row, "text", text);
	json_decref(rows);
}

static int64_t the_ref(void)
{
	json_t *row = the_row(COMMIT_DEAD_LETTERS);
	int64_t ref = json_integer_value(json_object_get(row, "ref"));

	json_decref(row);
	return ref;
}

static void retry_init(struct shot *s, int64_t ref, shot_handler *handle)
{
	shot_init(&world, s, GANTRY_INLINE, handle);
	shot_is_event(s, "e1");
	s->text = "Retried";
	s->m.resolves = ref;
	s->m.actor = "alice";
	s->m.body = "{\"new\":1}";
	s->m.body_len = strlen(s->m.body);
}

/* The outcome, or the code of the error. */
static void check_retry_of(struct shot *s, const char *expected)
{
	const char *got;

	shot_run(s);
	got = s->m.answer.outcome != NULL ? s->m.answer.outcome :
	      s->m.error.code != NULL ? s->m.error.code : "none";
	assert_string_equal(got, expected);
	shot_fini(s);
}

static void check_retry(shot_handler *handle, const char *expected)
{
	struct shot s;

	retry_init(&s, the_ref(), handle);
	check_retry_of(&s, expected);
}

static void check_discard(const char *expected)
{
	struct shot s;

	retry_init(&s, the_ref(), shot_publish);
	s.m.discards = "of no use";
	shot_run(&s);
	assert_int_equal(s.runs, 0);
	assert_string_equal(s.m.answer.outcome, expected);
	shot_fini(&s);
}

static void check_delivery(const char *outcome)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	shot_is_event(&s, "e1");
	s.text = "Delivered";
	shot_run(&s);
	assert_string_equal(s.m.answer.outcome, outcome);
	shot_fini(&s);
}

static enum gantry_verdict fail_plain(struct shot *s, struct gantry_message *m,
				      struct gantry_error *err)
{
	(void)s;
	(void)m;
	gantry_fail(err, "the moon is full");
	return GANTRY_FAILED;
}

static enum gantry_verdict fail_upstream(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err)
{
	(void)s;
	(void)m;
	error_depends(err, GANTRY_DEPENDS_ON_UPSTREAM, "orders are away");
	return GANTRY_FAILED;
}

static enum gantry_verdict reject_unknown(struct shot *s, struct gantry_message *m,
					  struct gantry_error *err)
{
	(void)s;
	(void)m;
	gantry_fail(err, "order ord_1 is not known");
	return gantry_reject(err, "ORDER_UNKNOWN");
}

static void test_kept_once(void **state)
{
	json_t *row;

	(void)state;
	assert_string_equal(store_letter(&letter_1, "{}", 2), "dead");
	assert_string_equal(store_letter(&letter_1, "{}", 2), "duplicate");
	check_state("open", "dead");
	row = the_row(COMMIT_DEAD_LETTERS);
	check_text(row, "key", "test:e1");
	check_text(row, "queue", "test");
	check_text(row, "event_id", "e1");
	check_text(row, "exchange", "order.events");
	check_text(row, "routing_key", "order.ordercreated.order");
	check_text(row, "cause", "VALIDATION_ERROR");
	check_text(row, "open_cause", "VALIDATION_ERROR");
	check_text(row, "text", "payload.orderId: missing");
	check_text(row, "handler", "orders.created");
	check_number(row, "attempts", 4);
	check_text(row, "headers", "{\"x\":\"y\"}");
	check_text(row, "content_type", "application/json");
	check_text(row, "form", "text");
	check_text(row, "body", "{}");
	check_text(row, "original", NULL);
	check_text(row, "traceparent",
		   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	check_number(row, "died_at", 1700000000000);
	json_decref(row);
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 0);
}

static void test_without_an_event_id(void **state)
{
	struct message_dead_letter letter = letter_1;

	(void)state;
	letter.event_id = NULL;
	assert_string_equal(store_letter(&letter, "{}", 2), "dead");
	assert_string_equal(store_letter(&letter, "{}", 2), "duplicate");
	assert_int_equal(world_count(&world, COMMIT_INBOX), 0);
	letter.died_at_ms++;
	assert_string_equal(store_letter(&letter, "{}", 2), "dead");
	assert_string_equal(store_letter(&letter, "{ }", 3), "dead");
	assert_int_equal(world_count(&world, COMMIT_DEAD_LETTERS), 3);
}

/* Whatever bytes came: what is kept is text. */
static void test_bytes(void **state)
{
	struct message_dead_letter letter = letter_1;
	char headers[5000] = "{\"h\":\"";
	json_t *row;

	(void)state;
	memset(headers + 6, 'h', sizeof(headers) - 9);
	strcpy(headers + sizeof(headers) - 3, "\"}");
	letter.headers = headers;
	letter.text = "bad \xff byte\nand line";
	letter.cause = "";
	letter.content_type = NULL;
	assert_string_equal(store_letter(&letter, "\0\xff{}", 4), "dead");
	row = the_row(COMMIT_DEAD_LETTERS);
	check_text(row, "headers", "{\"truncated\":true}");
	check_text(row, "text", "bad ? byte?and line");
	check_text(row, "cause", "INTERNAL_ERROR");
	check_text(row, "content_type", NULL);
	check_text(row, "form", "base64");
	check_text(row, "body", "AP97fQ==");
	json_decref(row);
}

/* Applied before, by whatever way: never both. */
static void test_applied_before(void **state)
{
	(void)state;
	check_delivery("applied");
	assert_string_equal(store_letter(&letter_1, "{}", 2), "duplicate");
	assert_int_equal(world_count(&world, COMMIT_DEAD_LETTERS), 0);
}

static void test_delivered_again(void **state)
{
	(void)state;
	store_letter(&letter_1, "{}", 2);
	check_delivery("duplicate");
	check_state("open", "dead");
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
}

static void test_retry(void **state)
{
	(void)state;
	store_letter(&letter_1, "{}", 2);
	check_retry(shot_publish, "applied");
	check_state("applied", "applied");
	assert_int_equal(world_count_text(&world, COMMIT_OUTBOX, "type", "Retried"), 1);
	check_audit(1, "dead-letter retry", "applied", NULL);
	check_retry(shot_publish, "already applied");
	check_discard("already applied");
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 1);
	check_delivery("duplicate");
	assert_string_equal(store_letter(&letter_1, "{}", 2), "duplicate");
	check_state("applied", "applied");
}

static void test_retry_fails(void **state)
{
	json_t *row;

	(void)state;
	store_letter(&letter_1, "{}", 2);
	check_retry(fail_plain, "none");
	check_state("open", "dead");
	row = the_row(COMMIT_DEAD_LETTERS);
	check_text(row, "cause", "INTERNAL_ERROR");
	check_text(row, "open_cause", "INTERNAL_ERROR");
	check_text(row, "text", "the moon is full");
	check_text(row, "handler", "inline.step");
	check_number(row, "attempts", 5);
	json_decref(row);
	check_audit(1, "dead-letter retry", "failed", "INTERNAL_ERROR: the moon is full");
	check_retry(reject_unknown, "ORDER_UNKNOWN");
	check_audit(2, "dead-letter retry", "failed",
		    "ORDER_UNKNOWN: order ord_1 is not known");
	row = the_row(COMMIT_DEAD_LETTERS);
	check_text(row, "open_cause", "ORDER_UNKNOWN");
	check_number(row, "attempts", 6);
	check_text(row, "body", "{}");
	json_decref(row);
	check_retry(shot_publish, "applied");
	check_state("applied", "applied");
}

/* The upstream's fault: no attempt, and the letter tells what it told. */
static void test_retry_held(void **state)
{
	json_t *row;

	(void)state;
	store_letter(&letter_1, "{}", 2);
	check_retry(fail_upstream, "none");
	check_audit(1, "dead-letter retry", "held", "INTERNAL_ERROR: orders are away");
	check_state("open", "dead");
	row = the_row(COMMIT_DEAD_LETTERS);
	check_text(row, "cause", "VALIDATION_ERROR");
	check_number(row, "attempts", 4);
	json_decref(row);
}

static enum gantry_verdict shot_effects_and_reject(struct shot *s,
						   struct gantry_message *m,
						   struct gantry_error *err)
{
	shot_publish(s, m, err);
	return reject_unknown(s, m, err);
}

static void test_failed_leaves_nothing_else(void **state)
{
	(void)state;
	store_letter(&letter_1, "{}", 2);
	check_retry(shot_effects_and_reject, "ORDER_UNKNOWN");
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	check_state("open", "dead");
}

static void check_edit(shot_handler *handle, const char *body, const char *expected)
{
	struct shot s;

	retry_init(&s, the_ref(), handle);
	s.m.edited = true;
	s.m.body = body;
	s.m.body_len = strlen(body);
	check_retry_of(&s, expected);
}

static void test_edit(void **state)
{
	json_t *row;

	(void)state;
	store_letter(&letter_1, "\xff", 1);
	check_edit(fail_plain, "{\"edit\":1}", "none");
	check_audit(1, "dead-letter edit", "failed", "INTERNAL_ERROR: the moon is full");
	row = the_row(COMMIT_DEAD_LETTERS);
	check_text(row, "form", "text");
	check_text(row, "body", "{\"edit\":1}");
	check_text(row, "original_form", "base64");
	check_text(row, "original", "/w==");
	json_decref(row);
	check_edit(shot_publish, "{\"edit\":2}", "applied");
	check_audit(2, "dead-letter edit", "applied", NULL);
	row = the_row(COMMIT_DEAD_LETTERS);
	check_text(row, "body", "{\"edit\":2}");
	check_text(row, "original", "/w==");
	json_decref(row);
	check_state("applied", "applied");
}

static void test_discard(void **state)
{
	(void)state;
	store_letter(&letter_1, "{}", 2);
	check_discard("discarded");
	check_state("discarded", "discarded");
	check_audit(1, "dead-letter discard", "discarded", "of no use");
	check_discard("already discarded");
	check_retry(shot_publish, "already discarded");
	check_delivery("duplicate");
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 1);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
}

static void test_unknown(void **state)
{
	struct shot s;

	(void)state;
	retry_init(&s, 17, shot_publish);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 404);
	assert_string_equal(s.m.error.message, "There is no dead letter 17");
	shot_fini(&s);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 0);
}

/* Two at once, in one unit: one applies, the other is told. */
static void test_retried_twice_at_once(void **state)
{
	struct shot plug, a, b;

	(void)state;
	store_letter(&letter_1, "{}", 2);
	world_hold(&world, &plug);
	retry_init(&a, the_ref(), shot_publish);
	retry_init(&b, the_ref(), shot_publish);
	shot_fire(&a);
	shot_fire(&b);
	world_wait_handed(&world, 4);
	world_release(&world, &plug);
	shot_wait(&a);
	shot_wait(&b);
	assert_string_equal(a.m.answer.outcome, "applied");
	assert_string_equal(b.m.answer.outcome, "already applied");
	shot_fini(&a);
	shot_fini(&b);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 1);
}

/* The unit is all or nothing: not kept, not applied, not flipped, not audited. */
static void test_unit_lost(void **state)
{
	struct shot s;

	(void)state;
	world_fail(&world, WORLD_COMMIT, GANTRY_AWAY, 1);
	store_letter(&letter_1, "{}", 2);
	assert_int_equal(world_count(&world, COMMIT_DEAD_LETTERS), 0);
	assert_int_equal(world_count(&world, COMMIT_INBOX), 0);
	assert_string_equal(store_letter(&letter_1, "{}", 2), "dead");
	world_fail(&world, WORLD_COMMIT, GANTRY_AWAY, 1);
	retry_init(&s, the_ref(), shot_publish);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 503);
	assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_STORAGE);
	shot_fini(&s);
	check_state("open", "dead");
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 0);
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 0);
	/* replayed on a conflict: once */
	world_fail(&world, WORLD_COMMIT, GANTRY_CONFLICT, 2);
	check_retry(fail_plain, "none");
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 1);
	world_fail(&world, WORLD_COMMIT, GANTRY_CONFLICT, 2);
	check_retry(shot_publish, "applied");
	check_state("applied", "applied");
	assert_int_equal(world_count(&world, COMMIT_AUDIT), 2);
	assert_int_equal(world_count(&world, COMMIT_OUTBOX), 1);
}

static void add_inbox(int64_t ref, const char *inbox_state)
{
	struct gantry_value values[INBOX_COLUMNS];
	char key[32];

	snprintf(key, sizeof(key), "test:d%d", (int)ref);
	values[INBOX_REF] = value_number(ref);
	values[INBOX_VERSION] = value_number(1);
	values[INBOX_KEY] = value_text(key);
	values[INBOX_STATE] = value_text(inbox_state);
	values[INBOX_CREATED_AT] = value_number(1);
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
		.table = COMMIT_INBOX, .values = values });
}

static void add_letter(int64_t ref, int64_t closed_at)
{
	struct gantry_value values[DEAD_LETTERS_COLUMNS] = { { 0 } };
	char key[32];

	snprintf(key, sizeof(key), "test:d%d", (int)ref);
	for (unsigned i = 0; i < DEAD_LETTERS_COLUMNS; i++)
		if (commit_schema.tables[COMMIT_DEAD_LETTERS]->columns[i]->kind ==
		    GANTRY_INT64)
			values[i] = value_number(1);
		else
			values[i] = value_text("x");
	values[DEAD_LETTERS_REF] = value_number(ref);
	values[DEAD_LETTERS_KEY] = value_text(key);
	values[DEAD_LETTERS_STATE] = value_text(closed_at == 0 ? "open" : "applied");
	values[DEAD_LETTERS_CLOSED_AT] = closed_at == 0 ? (struct gantry_value){ 0 } :
							  value_number(closed_at);
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_NEW,
		.table = COMMIT_DEAD_LETTERS, .values = values });
}

/* The mark of an open letter stays for ever, a closed letter for 30 days. */
static void test_retention(void **state)
{
	struct shot s;

	(void)state;
	for (int i = 1; i <= 600; i++)
		add_inbox(i, "dead");
	add_inbox(601, "applied");
	add_letter(1, 0);
	add_letter(2, 1);
	add_letter(3, 1);
	add_letter(4, clock_now_ms() + HOUR);
	for (int i = 0; i < 4; i++) {
		shot_init(&world, &s, GANTRY_INLINE, shot_publish);
		s.text = "Any";
		shot_run(&s);
		shot_fini(&s);
	}
	assert_int_equal(world_count_text(&world, COMMIT_INBOX, "state", "applied"), 0);
	assert_int_equal(world_count_text(&world, COMMIT_INBOX, "state", "dead"), 600);
	assert_int_equal(world_count(&world, COMMIT_DEAD_LETTERS), 2);
	assert_int_equal(world_count_text(&world, COMMIT_DEAD_LETTERS, "state", "open"), 1);
}

/* I6, with rows broken by hand. */

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_kept_once),
		TEST(test_without_an_event_id),
		TEST(test_bytes),
		TEST(test_applied_before),
		TEST(test_delivered_again),
		TEST(test_retry),
		TEST(test_retry_fails),
		TEST(test_retry_held),
		TEST(test_failed_leaves_nothing_else),
		TEST(test_edit),
		TEST(test_discard),
		TEST(test_unknown),
		TEST(test_retried_twice_at_once),
		TEST(test_unit_lost),
		TEST(test_retention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
