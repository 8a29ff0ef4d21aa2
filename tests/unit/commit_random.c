/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_random - histories of random messages over a storage that fails at
 * random. Whatever was answered: an applied message has all its rows, any
 * other none, keys and events count once, and the invariants hold.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/commit/verify.h"
#include "gateway/stock/verify.h"
#include "tests/unit/commit_world.h"

#define MESSAGES 500
#define WINDOW 60	/* messages on their way */
#define KEYS 120
#define ITEMS 3
#define ORDERS 12

enum flavour { PLAIN, KEYED, EVENT };

/* What one message wants and what became of it. */
struct step {
	struct shot shot;
	enum flavour flavour;
	unsigned number, key;	/* key: of KEYED and EVENT */
	uint64_t dice;		/* what its handler does; by key, if it has one */
	bool increments;	/* reads and puts the counter */
	bool breaks;		/* its settle fails */
	char name[24], key_text[24], answer[512];
	int status;
	enum gantry_verdict verdict;
	bool applied, replayed;
};

static struct world world;
static struct step steps[MESSAGES];
static uint64_t seed;
static unsigned violations;

static uint64_t dice(uint64_t *from)
{
	*from ^= *from << 13;
	*from ^= *from >> 7;
	*from ^= *from << 17;
	return *from;
}

static void stage_command(struct gantry_message *m, uint64_t *from,
			  struct gantry_error *err)
{
	static const enum gantry_command_kind kinds[] = {
		GANTRY_ALLOCATE, GANTRY_ALLOCATE, GANTRY_ALLOCATE,
		GANTRY_ORDER_OPEN, GANTRY_ORDER_CONFIRM, GANTRY_ORDER_CANCEL,
		GANTRY_ITEM_ADJUST, GANTRY_RETURN_EXPECT,
	};
	uint64_t d = dice(from);
	enum gantry_command_kind kind = kinds[d % ARRAY_LENGTH(kinds)];

	gantry_command(m, &GANTRY_COMMAND(
		.kind = kind,
		.if_refused = (enum gantry_if_refused)(d >> 8 & 1),
		.order_id = gantry_format(m, "ord_%d", (int)(d >> 16) % ORDERS),
		.order_item_id = kind != GANTRY_ALLOCATE ? NULL :
				 gantry_format(m, "oi_%d", (int)(d >> 24 & 3)),
		.item_id = gantry_format(m, "inv_%d", (int)(d >> 32) % ITEMS),
		.quantity = (int64_t)(d >> 40 & 7) + 1), err);
}

static int increment(struct gantry_message *m, struct gantry_error *err)
{
	const json_t *was = gantry_record_get(m, "counter", "c", err);
	json_t *is;
	int done;

	if (gantry_asking(m) || m->error.message[0] != '\0')
		return -1;
	is = json_integer(was == NULL ? 1 : json_integer_value(was) + 1);
	done = gantry_record_put(m, "counter", "c", is, err);
	json_decref(is);
	return done;
}

static enum gantry_verdict do_step(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	struct step *step = (struct step *)s;
	uint64_t from = step->dice;

	if (step->increments && increment(m, err) < 0)
		return GANTRY_FAILED;
	if (gantry_record_put(m, "done", step->name, json_true(), err) < 0)
		return GANTRY_FAILED;
	for (uint64_t n = dice(&from) % 4; n > 0; n--)
		stage_command(m, &from, err);
	if (shot_publish(s, m, err) != GANTRY_DONE)
		return GANTRY_FAILED;
	if (dice(&from) % 8 == 0)
		return gantry_reject(err, dice(&from) % 2 ? "ORDER_UNKNOWN" :
							    "VALIDATION_ERROR");
	if (dice(&from) % 16 == 0) {
		gantry_fail(err, "by chance");
		return GANTRY_FAILED;
	}
	return GANTRY_DONE;
}

static enum gantry_verdict settle_step(struct shot *s, struct gantry_message *m,
				       struct gantry_error *err)
{
	struct step *step = (struct step *)s;

	if (step->breaks) {
		gantry_fail(err, "settle by chance");
		return GANTRY_FAILED;
	}
	return gantry_reply_text(m, 200, step->name, strlen(step->name), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

static void fire(unsigned i)
{
	struct step *s = &steps[i];
	uint64_t d = dice(&seed);
	enum gantry_threads threads = (enum gantry_threads)(d % 3);

	shot_init(&world, &s->shot, threads, do_step);
	/* records are the instance's: one of them has the counter */
	s->increments = threads == GANTRY_PARALLEL && (d >> 8) % 2;
	s->flavour = (enum flavour)((d >> 16) % 3);
	s->breaks = (d >> 24) % 12 == 0;
	s->number = i;
	s->key = (unsigned)(d >> 32) % KEYS;
	s->dice = s->flavour == PLAIN ? d | 1 : s->key + 1;
	s->shot.settle[0] = settle_step;
	snprintf(s->name, sizeof(s->name), "\"message %u\"", i);
	snprintf(s->key_text, sizeof(s->key_text), "key %u", s->key);
	s->shot.text = s->name;
	if (s->flavour == KEYED)
		s->shot.m.idempotency_key = s->key_text;
	else if (s->flavour == EVENT)
		shot_is_event(&s->shot, s->key_text);
	shot_fire(&s->shot);
}

static void collect(unsigned i)
{
	struct step *s = &steps[i];
	const struct message_answer *a = &s->shot.m.answer;

	shot_wait(&s->shot);
	s->status = a->status;
	s->verdict = a->verdict;
	s->replayed = shot_header(&s->shot, "Idempotent-Replayed") != NULL ||
		      (a->outcome != NULL && strcmp(a->outcome, "duplicate") == 0);
	s->applied = a->verdict == GANTRY_DONE && !s->replayed;
	snprintf(s->answer, sizeof(s->answer), "%.500s", a->text);
	shot_fini(&s->shot);
}

/* What was applied has its event and its record; what was not has neither. */
static void check_rows(void)
{
	json_t *outbox = world_rows(&world, COMMIT_OUTBOX);
	json_t *records = world_rows(&world, COMMIT_RECORDS), *row;
	unsigned events[MESSAGES] = { 0 }, kept[MESSAGES] = { 0 }, n;
	const char *text;
	size_t i;

	json_array_foreach(outbox, i, row) {
		text = json_string_value(json_object_get(row, "type"));
		if (sscanf(text, "\"message %u\"", &n) == 1)
			events[n]++;
	}
	json_array_foreach(records, i, row) {
		text = strstr(json_string_value(json_object_get(row, "key")), "\"message");
		if (text != NULL && sscanf(text, "\"message %u\"", &n) == 1)
			kept[n]++;
	}
	for (i = 0; i < MESSAGES; i++) {
		assert_int_equal(events[i], steps[i].applied);
		assert_int_equal(kept[i], steps[i].applied);
	}
	json_decref(outbox);
	json_decref(records);
}

static bool is_kept(const struct step *s)
{
	return s->status == 200 || s->status == 404 || s->status == 409 ||
	       s->status == 422;
}

/* Of two with one key at most one was applied; a key has one answer. */
static void check_pair(const struct step *a, const struct step *b)
{
	if (a->flavour == PLAIN || a->flavour != b->flavour || a->key != b->key)
		return;
	assert_false(a->applied && b->applied);
	if (a->flavour == KEYED && is_kept(a) && is_kept(b))
		assert_string_equal(a->answer, b->answer);
}

static void check_keys(void)
{
	for (unsigned i = 0; i < MESSAGES; i++)
		for (unsigned j = 0; j < i; j++)
			check_pair(&steps[i], &steps[j]);
}

/* As many answers and inbox rows as were promised. */
static void check_counts(void)
{
	json_int_t increments = 0, events = 0;
	json_t *records = world_rows(&world, COMMIT_RECORDS), *row;
	json_int_t counted = 0;
	size_t i;

	for (i = 0; i < MESSAGES; i++) {
		increments += steps[i].applied && steps[i].increments;
		events += steps[i].applied && steps[i].flavour == EVENT;
	}
	json_array_foreach(records, i, row)
		if (strcmp(json_string_value(json_object_get(row, "key")),
			   "parallel\x1f" "counter\x1f" "c") == 0)
			counted = atoi(json_string_value(json_object_get(row, "value")));
	assert_int_equal(counted, increments);
	assert_int_equal(world_count(&world, COMMIT_INBOX), events);
	json_decref(records);
}

static void violated(void *ctx, const char *invariant, const char *row,
		     const char *what)
{
	(void)ctx;
	violations++;
	fprintf(stderr, "%s %s: %s\n", invariant, row, what);
}

static void check_invariants(void)
{
	struct query_store store = world_query_store(&world);
	struct gantry_error err = ERROR_INIT;

	violations = 0;
	assert_int_equal(stock_verify(&store, violated, NULL, &err), 0);
	assert_int_equal(commit_verify(&store, violated, NULL, &err), 0);
	assert_int_equal(violations, 0);
	error_fini(&err);
}

/* A history that shows nothing would prove nothing. */
static void check_worth(unsigned chance)
{
	unsigned applied = 0, replayed = 0, failed = 0;

	for (unsigned i = 0; i < MESSAGES; i++) {
		applied += steps[i].applied;
		replayed += steps[i].replayed;
		failed += steps[i].verdict == GANTRY_FAILED;
	}
	assert_true(applied > MESSAGES / 8);
	assert_true(replayed > MESSAGES / 50);
	assert_true(failed > (chance > 0 ? MESSAGES / 20 : 0));
	assert_true(world_count(&world, STOCK_ALLOCATIONS) > 10);
}

static void history(uint64_t number, unsigned chance, unsigned lanes)
{
	static const char *const items[ITEMS] = { "inv_0", "inv_1", "inv_2" };

	seed = number * UINT64_C(0x9e3779b97f4a7c15);
	world_open_lanes(&world, NULL, lanes);
	for (unsigned i = 0; i < ITEMS; i++)
		world_item(&world, items[i], 40);
	pthread_mutex_lock(&world.lock);
	world.seed = seed | 1;
	world.chance = chance;
	pthread_mutex_unlock(&world.lock);
	for (unsigned i = 0; i < MESSAGES; i++) {
		if (i >= WINDOW)
			collect(i - WINDOW);
		fire(i);
	}
	for (unsigned i = MESSAGES - WINDOW; i < MESSAGES; i++)
		collect(i);
	check_rows();
	check_keys();
	check_counts();
	check_invariants();
	check_worth(chance);
	assert_int_equal(engine_waiting(world.engine), 0);
	if (lanes > 1) {
		assert_int_equal(locks_timeouts(world.locks), 0);
		assert_true(locks_most(world.locks) > 1);
	}
	world_close(&world);
}

static void test_quiet(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		history(i, 0, 1);
}

static void test_faults(void **state)
{
	(void)state;
	for (uint64_t i = 11; i <= 25; i++)
		history(i, 10 + (unsigned)(i % 5) * 20, 1);
}

/* What several lanes work on at once has its locks; none waits for another in
   a circle. */
static void test_lanes(void **state)
{
	(void)state;
	for (uint64_t i = 31; i <= 40; i++)
		history(i, (unsigned)(i % 3) * 30, 2 + (unsigned)i % 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_lanes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
