/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_limit - buckets against a model that counts another way, over random
 * rules and clocks; and the table of senders: who is forgotten, who is not.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/rate-limit/table.h"

#define NOW INT64_C(1800000000000)

static uint64_t random_state;

static int64_t dice(int64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (int64_t)(random_state % (uint64_t)n);
}

/* Tokens in parts of 1/per_ms, filled step by step. */
struct model {
	__int128 parts;
	int64_t at_ms;
};

static bool model_take(const struct bucket_rule *r, struct model *m, int64_t now_ms)
{
	__int128 full = (__int128)r->burst * r->per_ms;

	m->parts += (__int128)(now_ms - m->at_ms) * r->rate;
	m->at_ms = now_ms;
	if (m->parts > full)
		m->parts = full;
	if (m->parts < r->per_ms)
		return false;
	m->parts -= r->per_ms;
	return true;
}

static int64_t up(__int128 a, int64_t b)
{
	return (int64_t)((a + b - 1) / b);
}

static struct bucket_rule random_rule(void)
{
	static const int64_t most[] = { 3, 50, 1000, BUCKET_MAX_RATE };
	int64_t pers[] = { 1000, 60000, 1 + dice(5000), 1 + dice(BUCKET_MAX_PER_MS),
			   BUCKET_MAX_PER_MS };

	return (struct bucket_rule){ .rate = 1 + dice(most[dice(4)]),
				     .per_ms = pers[dice(5)],
				     .burst = 1 + dice(most[dice(4)]) };
}

static void test_like_the_model(void **state)
{
	int64_t granted = 0, refused = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct bucket_rule r;
		struct bucket b = { 0 };
		struct model m;
		int64_t now = NOW, step;

		random_state = 88172645463325252u + (uint64_t)round;
		r = random_rule();
		m = (struct model){ (__int128)r.burst * r.per_ms, now };
		step = 1 + 3 * r.per_ms / r.rate;
		for (int i = 0; i < 300; i++) {
			struct bucket_answer a;
			bool want;
			__int128 full = (__int128)r.burst * r.per_ms;

			now += dice(8) == 0 ? dice(step * 20) : dice(3) == 0 ? 0 : dice(step);
			want = model_take(&r, &m, now);
			bucket_take(&r, &b, now, &a);
			assert_int_equal(a.granted, want);
			assert_int_equal(a.remaining, (int64_t)(m.parts / r.per_ms));
			assert_int_equal(a.full_in_ms, up(full - m.parts, r.rate));
			if (!want)
				assert_int_equal(a.retry_in_ms,
						 up(r.per_ms - m.parts, r.rate));
			assert_int_equal(bucket_is_full(&r, &b, now), m.parts == full);
			granted += want;
			refused += !want;
		}
	}
	assert_true(granted > 10000 && refused > 10000);
}

/* What a caller is told to wait is enough, and a millisecond less is not. */
static void test_the_wait_is_exact(void **state)
{
	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct bucket_rule r;
		struct bucket b = { 0 }, early;
		struct bucket_answer a, next;
		int64_t now = NOW;

		random_state = 4101842887655102017u + (uint64_t)round;
		r = random_rule();
		if (r.burst > 2000)
			r.burst = 2000;
		do
			bucket_take(&r, &b, now, &a);
		while (a.granted);
		assert_true(a.retry_in_ms > 0);
		early = b;
		bucket_take(&r, &b, now + a.retry_in_ms, &next);
		assert_true(next.granted);
		bucket_take(&r, &early, now + a.retry_in_ms - 1, &next);
		assert_false(next.granted);
	}
}

/* However a caller asks, no more than burst + rate * time get through. */
static void test_never_more_than_the_rule(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct bucket_rule r = { 7, 1000, 20 };
		struct bucket b = { 0 };
		int64_t now = NOW, granted = 0;

		random_state = 1181783497276652981u + (uint64_t)round;
		r.rate += round % 5;
		for (int i = 0; i < 2000; i++) {
			struct bucket_answer a;

			now += dice(30);
			bucket_take(&r, &b, now, &a);
			granted += a.granted;
			assert_true(granted * r.per_ms <=
				    r.burst * r.per_ms + (now - NOW) * r.rate);
		}
	}
}

static void test_a_clock_that_is_set_back(void **state)
{
	struct bucket_rule r = { 2, 1000, 4 };
	struct bucket b = { 0 };
	struct bucket_answer a;

	(void)state;
	for (int i = 0; i < 3; i++)
		bucket_take(&r, &b, NOW, &a);
	bucket_take(&r, &b, NOW - 3600000, &a);
	assert_false(a.granted);
	assert_int_equal(a.retry_in_ms, 500);
	bucket_take(&r, &b, NOW - 3600000 + 500, &a);
	assert_true(a.granted);
	bucket_take(&r, &b, NOW - 3600000 + 2500, &a);
	assert_int_equal(a.remaining, 3);
}

/* --- the table --- */

static bool take(struct table *t, const char *name, const char *message, int64_t now)
{
	struct bucket_answer a;

	table_take(t, name, message, now, &a);
	return a.granted;
}

static bool take_one(struct table *t, const char *name, int64_t now)
{
	static int n;
	char id[32];

	snprintf(id, sizeof(id), "msg_%d", n++);
	return take(t, name, id, now);
}

static void test_each_has_its_own(void **state)
{
	struct bucket_rule r = { 1, 1000, 3 };
	struct table *t = table_new(&r, 4096);
	char name[32];

	(void)state;
	for (int round = 0; round < 4; round++)
		for (int i = 0; i < 500; i++) {
			snprintf(name, sizeof(name), "sender-%d", i);
			assert_int_equal(take_one(t, name, NOW), round < 3);
		}
	assert_true(take_one(t, "sender-7", NOW + 1000));
	assert_false(take_one(t, "sender-7", NOW + 1000));
	assert_true(take_one(t, "", NOW));
	table_free(&t);
	table_free(&t);
}

static void test_a_message_is_counted_once(void **state)
{
	struct bucket_rule r = { 1, 1000, 2 };
	struct table *t = table_new(&r, 128);
	struct bucket_answer first, again;

	(void)state;
	table_take(t, "a", "msg_1", NOW, &first);
	for (int i = 0; i < 10; i++) {
		table_take(t, "a", "msg_1", NOW, &again);
		assert_memory_equal(&first, &again, sizeof(first));
	}
	assert_true(take(t, "a", "msg_2", NOW));
	assert_false(take(t, "a", "msg_3", NOW));
	assert_true(take(t, "a", "msg_2", NOW));
	assert_true(take(t, "a", "msg_4", NOW + 1000));
	assert_false(take(t, "a", "msg_3", NOW + 2000));	/* it was refused */
	table_free(&t);
}

static void test_long_names_are_cut(void **state)
{
	struct bucket_rule r = { 1, 1000, 1 };
	struct table *t = table_new(&r, 128);
	char name[400];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[399] = '\0';
	assert_true(take_one(t, name, NOW));
	name[255] = '\0';
	assert_false(take_one(t, name, NOW));
	name[254] = '\0';
	assert_true(take_one(t, name, NOW));
	table_free(&t);
}

/* Many more than there is room for: whoever uses much is not forgotten. */
static void test_a_full_table(void **state)
{
	struct bucket_rule r = { 1, 1000, 10 };
	struct table *t = table_new(&r, 128);
	char name[32];

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(take_one(t, "greedy", NOW));
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "passer-by-%d", i);
		assert_true(take_one(t, name, NOW));
		assert_false(take_one(t, "greedy", NOW));
	}
	table_free(&t);
}

struct hammer {
	struct table *t;
	int number;
	atomic_int *granted;
};

static void *hammer_run(void *arg)
{
	struct hammer *h = arg;
	char name[32], id[32];

	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "s%d", i % 10);
		snprintf(id, sizeof(id), "msg_%d_%d", h->number, i);
		if (take(h->t, name, id, NOW))
			atomic_fetch_add(h->granted, 1);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct bucket_rule r = { 1, 1000, 777 };
	struct table *t = table_new(&r, 1024);
	struct hammer h[4];
	pthread_t threads[4];
	atomic_int granted = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		h[i] = (struct hammer){ t, i, &granted };
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_run, &h[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(granted, 7770);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_the_model),
		cmocka_unit_test(test_the_wait_is_exact),
		cmocka_unit_test(test_never_more_than_the_rule),
		cmocka_unit_test(test_a_clock_that_is_set_back),
		cmocka_unit_test(test_each_has_its_own),
		cmocka_unit_test(test_a_message_is_counted_once),
		cmocka_unit_test(test_long_names_are_cut),
		cmocka_unit_test(test_a_full_table),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
