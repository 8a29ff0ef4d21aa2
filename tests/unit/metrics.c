/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - families, labels, histograms, the text of the page; many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "gateway/base/arena.h"
#include "gateway/base/exposition.h"
#include "gateway/base/memory.h"
#include "gateway/base/metrics.h"

enum { PLAIN, KNOWN, OPEN, BOTH, TIMES, SIZES, FAMILIES };

static const char *const colours[] = { "", "red", "green", NULL };
static const struct metrics_label colour = { "colour", colours, 0 };
static const struct metrics_label name = { .name = "name", .room = 3 };
/* 1 ms, 1 s */
static const uint64_t times[] = { 1000000, 1000000000 };
static const uint64_t sizes[] = { 0, 4 };

static const struct metrics_family families[FAMILIES] = {
	[PLAIN] = { "t_plain_total", "Plain.", { NULL }, NULL, 0, 0 },
	[KNOWN] = { "t_known_total", "Known.", { &colour }, NULL, 0, 0 },
	[OPEN] = { "t_open_total", "Open.", { &name }, NULL, 0, 0 },
	[BOTH] = { "t_both_total", "Both.", { &name, &colour }, NULL, 0, 0 },
	[TIMES] = { "t_time_seconds", "Time.", { &name }, times, 2, 9 },
	[SIZES] = { "t_size", "Size.", { NULL }, sizes, 2, 0 },
};

static const char *page(const struct metrics *m, struct arena *arena)
{
	struct exposition x;
	size_t len;
	const char *text;

	exposition_init(&x, arena);
	metrics_write(m, &x);
	text = exposition_done(&x, &len);
	assert_int_equal(strlen(text), len);
	return text;
}

static void test_an_empty_page(void **state)
{
	struct metrics *m = metrics_new(families, FAMILIES);
	struct arena arena = { 0 };

	(void)state;
	assert_string_equal(page(m, &arena),
		"# HELP t_plain_total Plain.\n# TYPE t_plain_total counter\n"
		"t_plain_total 0\n"
		"# HELP t_known_total Known.\n# TYPE t_known_total counter\n"
		"t_known_total{colour=\"red\"} 0\nt_known_total{colour=\"green\"} 0\n"
		"# HELP t_open_total Open.\n# TYPE t_open_total counter\n"
		"# HELP t_both_total Both.\n# TYPE t_both_total counter\n"
		"# HELP t_time_seconds Time.\n# TYPE t_time_seconds histogram\n"
		"# HELP t_size Size.\n# TYPE t_size histogram\n"
		"t_size_bucket{le=\"0\"} 0\nt_size_bucket{le=\"4\"} 0\n"
		"t_size_bucket{le=\"+Inf\"} 0\nt_size_sum 0\nt_size_count 0\n");
	arena_fini(&arena);
	metrics_free(&m);
	assert_null(m);
}

static void test_a_full_page(void **state)
{
	struct metrics *m = metrics_new(families, FAMILIES);
	struct arena arena = { 0 };
	unsigned a = metrics_value(m, &name, "a\"\\\nb");

	(void)state;
	metrics_add(m, PLAIN, 0, 0, 41);
	metrics_add(m, PLAIN, 0, 0, 1);
	metrics_add(m, KNOWN, 2, 0, 3);
	metrics_add(m, KNOWN, 0, 0, 1);	/* "" is never shown */
	metrics_add(m, OPEN, a, 0, UINT64_C(1) << 63);
	metrics_add(m, OPEN, name.room, 0, 2);
	metrics_add(m, BOTH, a, 1, 7);
	metrics_observe(m, TIMES, a, 0, 1000000);	/* on a bound: inside */
	metrics_observe(m, TIMES, a, 0, 1000001);
	metrics_observe(m, TIMES, a, 0, 2500000000);
	metrics_observe(m, SIZES, 0, 0, 0);
	metrics_observe(m, SIZES, 0, 0, 5);
	assert_string_equal(page(m, &arena),
		"# HELP t_plain_total Plain.\n# TYPE t_plain_total counter\n"
		"t_plain_total 42\n"
		"# HELP t_known_total Known.\n# TYPE t_known_total counter\n"
		"t_known_total{colour=\"red\"} 0\nt_known_total{colour=\"green\"} 3\n"
		"# HELP t_open_total Open.\n# TYPE t_open_total counter\n"
		"t_open_total{name=\"a\\\"\\\\\\nb\"} 9223372036854775808\n"
		"t_open_total{name=\"other\"} 2\n"
		"# HELP t_both_total Both.\n# TYPE t_both_total counter\n"
		"t_both_total{name=\"a\\\"\\\\\\nb\",colour=\"red\"} 7\n"
		"# HELP t_time_seconds Time.\n# TYPE t_time_seconds histogram\n"
		"t_time_seconds_bucket{name=\"a\\\"\\\\\\nb\",le=\"0.001\"} 1\n"
		"t_time_seconds_bucket{name=\"a\\\"\\\\\\nb\",le=\"1\"} 2\n"
		"t_time_seconds_bucket{name=\"a\\\"\\\\\\nb\",le=\"+Inf\"} 3\n"
		"t_time_seconds_sum{name=\"a\\\"\\\\\\nb\"} 2.502000001\n"
		"t_time_seconds_count{name=\"a\\\"\\\\\\nb\"} 3\n"
		"# HELP t_size Size.\n# TYPE t_size histogram\n"
		"t_size_bucket{le=\"0\"} 1\nt_size_bucket{le=\"4\"} 1\n"
		"t_size_bucket{le=\"+Inf\"} 2\nt_size_sum 5\nt_size_count 2\n");
	arena_fini(&arena);
	metrics_free(&m);
}

static void test_values_are_bounded(void **state)
{
	struct metrics *m = metrics_new(families, FAMILIES);

	(void)state;
	assert_int_equal(metrics_value(m, &name, "a"), 0);
	assert_int_equal(metrics_value(m, &name, "b"), 1);
	assert_int_equal(metrics_value(m, &name, "a"), 0);
	assert_int_equal(metrics_value(m, &name, "c"), 2);
	for (int i = 0; i < 1000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "n%d", i);
		assert_int_equal(metrics_value(m, &name, text), name.room);
	}
	assert_int_equal(metrics_value(m, &name, "c"), 2);
	assert_int_equal(metrics_value(m, &name, NULL), name.room);
	metrics_free(&m);
}

static void test_nothing_is_counted_without_metrics(void **state)
{
	struct metrics *none = NULL;

	(void)state;
	assert_int_equal(metrics_value(NULL, &name, "a"), 0);
	metrics_add(NULL, PLAIN, 0, 0, 1);
	metrics_observe(NULL, SIZES, 0, 0, 1);
	metrics_observe_since(NULL, TIMES, 0, 0, 0);
	metrics_free(&none);
}

static void test_text_that_is_no_utf8(void **state)
{
	struct arena arena = { 0 };
	struct exposition x;
	size_t len;

	(void)state;
	exposition_init(&x, &arena);
	exposition_family(&x, "t", EXPOSITION_GAUGE, "T.");
	exposition_sample(&x, "", &(struct exposition_label){ "v", "a\xff\xc3\xa4\xe2\x82" },
			  1, 1, 0);
	assert_string_equal(exposition_done(&x, &len),
		"# HELP t T.\n# TYPE t gauge\n"
		"t{v=\"a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\"} 1\n");
	arena_fini(&arena);
}

static void test_decimals(void **state)
{
	static const struct {
		uint64_t number;
		unsigned decimals;
		const char *text;
	} cases[] = {
		{ 0, 0, "0" }, { 0, 9, "0" }, { 7, 0, "7" }, { 1200, 0, "1200" },
		{ 1, 9, "0.000000001" }, { 250000, 9, "0.00025" }, { 25, 2, "0.25" },
		{ 125, 2, "1.25" }, { 100, 2, "1" }, { 1000, 2, "10" },
		{ 10, 1, "1" }, { UINT64_MAX, 0, "18446744073709551615" },
		{ UINT64_MAX, 9, "18446744073.709551615" },
		{ 1792000000123, 3, "1792000000.123" },
	};
	char text[EXPOSITION_DECIMAL];

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		assert_int_equal(exposition_decimal(text, cases[i].number, cases[i].decimals),
				 strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

#define THREADS 4
#define ROUNDS 20000

static void *count_all(void *arg)
{
	struct metrics *m = arg;

	for (int i = 0; i < ROUNDS; i++) {
		char text[8];

		snprintf(text, sizeof(text), "v%d", i % 5);
		metrics_add(m, OPEN, metrics_value(m, &name, text), 0, 1);
		metrics_observe(m, SIZES, 0, 0, (unsigned)i % 7);
	}
	return NULL;
}

/* Nothing is lost, and each page fits itself, also while others count. */
static void test_threads_lose_nothing(void **state)
{
	struct metrics *m = metrics_new(families, FAMILIES);
	struct arena arena = { 0 };
	pthread_t threads[THREADS];
	uint64_t n = 0, before = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_all, m), 0);
	for (int i = 0; i < 200; i++) {
		uint64_t inf, count;
		const char *text = page(m, &arena), *at;

		at = strstr(text, "t_size_bucket{le=\"+Inf\"} ");
		assert_non_null(at);
		assert_int_equal(sscanf(at, "t_size_bucket{le=\"+Inf\"} %ju", &inf), 1);
		at = strstr(text, "t_size_count ");
		assert_int_equal(sscanf(at, "t_size_count %ju", &count), 1);
		assert_int_equal(inf, count);
		assert_true(count >= before);
		before = count;
		arena_reset(&arena);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i <= name.room; i++)
		n += metrics_count(m, OPEN, i, 0);
	assert_int_equal(n, THREADS * ROUNDS);
	assert_int_equal(metrics_count(m, OPEN, name.room, 0), THREADS * ROUNDS / 5 * 2);
	assert_int_equal(metrics_count(m, SIZES, 0, 0), THREADS * ROUNDS);
	arena_fini(&arena);
	metrics_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_page),
		cmocka_unit_test(test_a_full_page),
		cmocka_unit_test(test_values_are_bounded),
		cmocka_unit_test(test_nothing_is_counted_without_metrics),
		cmocka_unit_test(test_text_that_is_no_utf8),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
