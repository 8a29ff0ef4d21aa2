/* SPDX-License-Identifier: Apache-2.0 */
/* commit_records - what handlers keep, and read sets that move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

/* Reads the counter named by text and puts it back, one more. */
static enum gantry_verdict do_increment(struct shot *s, struct gantry_message *m,
					struct gantry_error *err)
{
	const json_t *was = gantry_record_get(m, "counter", s->text, err);
	json_t *is;
	int done;

	if (gantry_asking(m) || m->error.message[0] != '\0')
		return GANTRY_FAILED;
	s->number = was == NULL ? 0 : json_integer_value(was);
	is = json_integer(s->number + 1);
	done = gantry_record_put(m, "counter", s->text, is, err);
	json_decref(is);
	return done < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict do_get(struct shot *s, struct gantry_message *m,
				  struct gantry_error *err)
{
	const json_t *is = gantry_record_get(m, "counter", s->text, err);

	s->number = is == NULL ? -1 : json_integer_value(is);
	return GANTRY_DONE;
}

static int64_t counter(const char *name)
{
	struct shot s;
	int64_t n;

	shot_init(&world, &s, GANTRY_INLINE, do_get);
	s.text = name;
	shot_run(&s);
	n = s.number;
	assert_int_equal(s.runs, 2);
	shot_fini(&s);
	return n;
}

static enum gantry_verdict do_put(struct shot *s, struct gantry_message *m,
				  struct gantry_error *err)
{
	json_t *is = s->number < 0 ? NULL : json_integer(s->number);
	int done = gantry_record_put(m, "counter", s->text, is, err);

	json_decref(is);
	return done < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static void put(const char *name, int64_t n)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, do_put);
	s.text = name;
	s.number = n;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

static void test_put_and_get(void **state)
{
	(void)state;
	assert_int_equal(counter("a"), -1);
	put("a", 1);
	assert_int_equal(counter("a"), 1);
	put("a", 2);
	assert_int_equal(counter("a"), 2);
	put("a", -1);
	assert_int_equal(counter("a"), -1);
	put("a", -1);
	put("a", 3);
	assert_int_equal(counter("a"), 3);
	assert_int_equal(world_count(&world, COMMIT_RECORDS), 1);
}

/* Any JSON comes back as it was put. */
static enum gantry_verdict do_round_trip(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err)
{
	json_t *odd = json_pack("[o, n, b, I, f, {s:s}]", json_stringn("a\0b", 3), 1,
				(json_int_t)INT64_MAX, 0.1, "k", "\xc3\xa9\x1f");
	const json_t *is = gantry_record_get(m, "odd", "a", err);

	if (!gantry_asking(m) && s->number == 0)
		gantry_record_put(m, "odd", "a", odd, err);
	else if (!gantry_asking(m))
		s->number += is != NULL && json_equal((json_t *)is, odd);
	json_decref(odd);
	return GANTRY_DONE;
}

static void test_round_trip(void **state)
{
	struct shot s;

	(void)state;
	for (int64_t i = 0; i < 2; i++) {
		shot_init(&world, &s, GANTRY_INLINE, do_round_trip);
		s.number = i;
		shot_run(&s);
		assert_int_equal(s.m.answer.status, 200);
		assert_int_equal(s.number, 2 * i);
		shot_fini(&s);
	}
}

/* Another instance's record under the same name is another record. */
static void test_instances(void **state)
{
	struct shot s;

	(void)state;
	put("a", 1);
	shot_init(&world, &s, GANTRY_PARALLEL, do_put);
	s.text = "a";
	s.number = 7;
	shot_run(&s);
	shot_fini(&s);
	assert_int_equal(counter("a"), 1);
	assert_int_equal(world_count(&world, COMMIT_RECORDS), 2);
}

/* In one unit: put, remove and put again by three messages. */
static void test_one_unit(void **state)
{
	static const int64_t numbers[] = { 1, -1, 5 };
	struct shot s[3], plug;

	(void)state;
	put("a", 9);
	world_hold(&world, &plug);
	for (int i = 0; i < 3; i++) {
		shot_init(&world, &s[i], GANTRY_INLINE, do_put);
		s[i].text = "a";
		s[i].number = numbers[i];
		shot_fire(&s[i]);
	}
	world_release(&world, &plug);
	for (int i = 0; i < 3; i++) {
		shot_wait(&s[i]);
		assert_int_equal(s[i].m.answer.status, 200);
		shot_fini(&s[i]);
	}
	assert_int_equal(counter("a"), 5);
}

#define MANY 256

/* Events that come together and all want one record: each once, none lost. */
static void many(enum gantry_threads threads)
{
	static struct shot s[MANY];
	static char ids[MANY][16];
	bool seen[MANY] = { false };

	for (int i = 0; i < MANY; i++) {
		snprintf(ids[i], sizeof(ids[i]), "evt_%d", i);
		shot_init(&world, &s[i], threads, do_increment);
		shot_is_event(&s[i], ids[i]);
		s[i].text = "a";
		shot_fire(&s[i]);
	}
	for (int i = 0; i < MANY; i++) {
		shot_wait(&s[i]);
		assert_int_equal(s[i].m.answer.verdict, GANTRY_DONE);
		assert_string_equal(s[i].m.answer.outcome, "applied");
		assert_in_range(s[i].number, 0, MANY - 1);
		assert_false(seen[s[i].number]);
		seen[s[i].number] = true;
		shot_fini(&s[i]);
	}
	assert_int_equal(world_count(&world, COMMIT_INBOX), MANY);
	assert_int_equal(world_count(&world, COMMIT_RECORDS), 1);
}

static void test_many_inline(void **state)
{
	(void)state;
	many(GANTRY_INLINE);
	assert_int_equal(counter("a"), MANY);
}

static void test_many_parallel(void **state)
{
	(void)state;
	many(GANTRY_PARALLEL);
}

/* The record moved as another replica would do it. */
static void move(json_t *row, int64_t version)
{
	world_change(&world, &(struct gantry_change){
		.size = sizeof(struct gantry_change), .kind = GANTRY_CHANGED,
		.table = COMMIT_RECORDS, .mask = 2 | 1 << RECORDS_VALUE,
		.values = (struct gantry_value[RECORDS_COLUMNS]){
			value_number(json_integer_value(json_object_get(row, "ref"))),
			value_number(version),
			[RECORDS_VALUE] = value_text("100") } });
}

static int moves, most_moves;
static json_t *moving;
static int64_t version;

/* Each time before it is put, it moves. */
static enum gantry_verdict do_race(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	enum gantry_verdict verdict = do_increment(s, m, err);

	if (!gantry_asking(m) && moves < most_moves) {
		moves++;
		move(moving, ++version);
	}
	return verdict;
}

static void race(int n, int conflicts, int status)
{
	struct shot s;
	json_t *rows;

	put("a", 1);
	rows = world_rows(&world, COMMIT_RECORDS);
	moving = json_array_get(rows, 0);
	version = json_integer_value(json_object_get(moving, "version"));
	moves = 0;
	most_moves = n;
	world_fail(&world, WORLD_COMMIT, GANTRY_CONFLICT, conflicts);
	shot_init(&world, &s, GANTRY_INLINE, do_race);
	s.text = "a";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, status);
	assert_int_equal(moves, n < 8 ? n : 8);
	if (status == 503) {
		assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_STORAGE);
		assert_string_equal(s.m.error.message,
				    "A record that was read moved 8 times");
		assert_string_equal(shot_header(&s, "Retry-After"), "1");
	}
	shot_fini(&s);
	json_decref(rows);
}

static void test_moved_elsewhere(void **state)
{
	(void)state;
	race(7, 0, 200);
	assert_int_equal(counter("a"), 101);
	race(1000, 0, 503);
	assert_int_equal(counter("a"), 100);
}

/* A unit that is tried again counts a move once. */
static void test_moved_and_conflict(void **state)
{
	(void)state;
	race(7, 4, 200);
	assert_int_equal(committer_counts(world.committer).conflicts, 4);
}

/* A rejection of what no longer stands is looked at again. */
static enum gantry_verdict do_reject_small(struct shot *s, struct gantry_message *m,
					   struct gantry_error *err)
{
	const json_t *is = gantry_record_get(m, "counter", s->text, err);

	if (gantry_asking(m))
		return GANTRY_FAILED;
	if (json_integer_value(is) == 100)
		return GANTRY_DONE;
	move(moving, version + 1);
	return gantry_reject(err, "ORDER_CANCELLED");
}

static void test_rejected_and_moved(void **state)
{
	struct shot s;
	json_t *rows;

	(void)state;
	put("a", 1);
	rows = world_rows(&world, COMMIT_RECORDS);
	moving = json_array_get(rows, 0);
	version = json_integer_value(json_object_get(moving, "version"));
	shot_init(&world, &s, GANTRY_INLINE, do_reject_small);
	s.m.idempotency_key = "k";
	s.text = "a";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_int_equal(s.runs, 4);
	shot_fini(&s);
	json_decref(rows);
}

/* What reads what an earlier one of its unit puts runs again after it. */
static void test_waits(void **state)
{
	struct shot plug, first, reader, other;

	(void)state;
	put("a", 1);
	put("b", 1);
	world_hold(&world, &plug);
	shot_init(&world, &first, GANTRY_INLINE, do_put);
	first.text = "a";
	first.number = 2;
	shot_fire(&first);
	shot_init(&world, &reader, GANTRY_INLINE, do_increment);
	reader.text = "a";
	shot_fire(&reader);
	world_wait_handed(&world, 5);
	shot_init(&world, &other, GANTRY_INLINE, do_increment);
	other.text = "b";
	shot_fire(&other);
	world_wait_handed(&world, 6);
	world_release(&world, &plug);
	shot_wait(&first);
	shot_wait(&reader);
	shot_wait(&other);
	assert_int_equal(reader.number, 2);
	assert_int_equal(reader.runs, 4);
	assert_int_equal(other.runs, 2);
	assert_true(reader.place > other.place);
	shot_fini(&first);
	shot_fini(&reader);
	shot_fini(&other);
	assert_int_equal(counter("a"), 3);
	assert_int_equal(counter("b"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_put_and_get),
		TEST(test_round_trip),
		TEST(test_instances),
		TEST(test_one_unit),
		TEST(test_many_inline),
		TEST(test_many_parallel),
		TEST(test_moved_elsewhere),
		TEST(test_moved_and_conflict),
		TEST(test_rejected_and_moved),
		TEST(test_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
