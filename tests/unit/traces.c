/* SPDX-License-Identifier: Apache-2.0 */
/* traces - contexts, who is looked at, the queue of spans, and their JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/span.h"
#include "gateway/observe/otlp.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define GOOD "00-" TRACE "-" PARENT "-01"

static void test_parse_and_format(void **state)
{
	static const char *const bad[] = {
		"", "00", "00-" TRACE "-" PARENT "-0", "00-" TRACE "-" PARENT "-0x",
		"00-4BF92f3577b34da6a3ce929d0e0e4736-" PARENT "-01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01", "00-" TRACE "-00f067aa0ba902bg-01",
	};
	static const struct { const char *text; bool sampled; } good[] = {
		{ GOOD, true }, { "00-" TRACE "-" PARENT "-00", false },
		{ "00-" TRACE "-" PARENT "-03", true }, { "00-" TRACE "-" PARENT "-fe", false },
		{ "cc-" TRACE "-" PARENT "-01-what", true },
	};
	struct span_context c;
	char text[SPAN_TRACEPARENT];

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++) {
		span_parse(good[i].text, &c);
		assert_false(span_is_nowhere(&c));
		assert_int_equal(c.sampled, good[i].sampled);
		span_format(&c, text);
		assert_string_equal(text, good[i].sampled ? GOOD :
				    "00-" TRACE "-" PARENT "-00");
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		span_parse(bad[i], &c);
		assert_true(span_is_nowhere(&c));
		assert_false(c.sampled);
	}
	span_parse(NULL, &c);
	assert_true(span_is_nowhere(&c));
}

/* A parent decides, whatever the ratio is; and the trace goes on. */
static void test_parents_decide(void **state)
{
	static const double ratios[] = { 0, 0.5, 1 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct spans *spans = spans_new(8, ratios[i]);
		struct span_context parent, c;

		span_parse(GOOD, &parent);
		span_begin(spans, &parent, &c);
		assert_true(c.sampled);
		assert_memory_equal(c.trace, parent.trace, sizeof(c.trace));
		assert_memory_not_equal(c.id, parent.id, sizeof(c.id));
		parent.sampled = false;
		span_begin(spans, &parent, &c);
		assert_false(c.sampled);
		spans_free(&spans);
	}
}

static unsigned sampled_of(struct spans *spans, unsigned n)
{
	const struct span_context none = { 0 };
	unsigned sampled = 0;

	while (n-- > 0) {
		struct span_context c;

		span_begin(spans, &none, &c);
		assert_false(span_is_nowhere(&c));
		sampled += c.sampled;
	}
	return sampled;
}

static void test_the_ratio(void **state)
{
	struct spans *spans = spans_new(8, 0);
	unsigned n;

	(void)state;
	assert_int_equal(sampled_of(spans, 1000), 0);
	spans_set_ratio(spans, 1);
	assert_int_equal(sampled_of(spans, 1000), 1000);
	spans_set_ratio(spans, 0.25);
	assert_true(spans_ratio(spans) == 0.25);
	/* 8 standard deviations: once in 10^15 */
	n = sampled_of(spans, 10000);
	assert_in_range(n, 2500 - 350, 2500 + 350);
	spans_free(&spans);
}

/* By the id alone, as others do it that have the same ratio. */
static void test_the_id_decides(void **state)
{
	struct spans *spans = spans_new(8, 0.5);
	const struct span_context none = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct span_context c;

		span_begin(spans, &none, &c);
		assert_int_equal(c.sampled, c.trace[8] < 0x80);
	}
	spans_free(&spans);
}

static struct span *put(struct spans *spans, const char *name)
{
	struct span *span = span_claim(spans, name, SPAN_INTERNAL);

	if (span != NULL)
		span_commit(spans, span);
	return span;
}

static void test_what_has_no_room_is_dropped(void **state)
{
	struct spans *spans = spans_new(5, 1);	/* rounded up to 8 */
	char name[16];

	(void)state;
	assert_null(spans_oldest(spans));
	for (unsigned turn = 0; turn < 100; turn++) {
		for (unsigned i = 0; i < 8; i++) {
			snprintf(name, sizeof(name), "%u", i);
			assert_non_null(put(spans, name));
		}
		assert_int_equal(spans_waiting(spans), 8);
		assert_null(put(spans, "more"));
		assert_null(put(spans, "more"));
		assert_int_equal(spans_dropped(spans), 2 * turn + 2);
		for (unsigned i = 0; i < 8; i++) {
			const struct span *span = spans_oldest(spans);

			snprintf(name, sizeof(name), "%u", i);
			assert_string_equal(span_text(span, span->name), name);
			spans_release(spans);
		}
		assert_null(spans_oldest(spans));
		assert_int_equal(spans_waiting(spans), 0);
	}
	spans_free(&spans);
}

/* One that is claimed and not committed holds up those behind it, and only that. */
static void test_a_late_commit(void **state)
{
	struct spans *spans = spans_new(4, 1);
	struct span *first = span_claim(spans, "first", SPAN_INTERNAL);

	(void)state;
	put(spans, "second");
	assert_null(spans_oldest(spans));
	span_commit(spans, first);
	assert_string_equal(span_text(spans_oldest(spans), first->name), "first");
	spans_release(spans);
	assert_non_null(spans_oldest(spans));
	spans_free(&spans);
}

static void test_texts_that_are_too_long(void **state)
{
	struct spans *spans = spans_new(2, 1);
	struct span *span = span_claim(spans, "name", SPAN_SERVER);
	char text[2 * SPAN_TEXT];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < 4; i++)
		span_add_text(span, "a", text);
	span_add_text(span, "b", "gone");
	span_add_text(span, "c", NULL);
	span_add_word(span, "d", "a word");
	span_fail(span, "gone", "gone");
	assert_int_equal(span->n_attributes, 7);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(strlen(span_value(span, &span->attributes[i])),
				 SPAN_TEXT_MOST);
	/* "" and "name" take six bytes, each end one; the last byte stays free */
	assert_int_equal(strlen(span_value(span, &span->attributes[3])),
			 SPAN_TEXT - 7 - 3 * (SPAN_TEXT_MOST + 1));
	assert_string_equal(span_value(span, &span->attributes[4]), "");
	assert_string_equal(span_value(span, &span->attributes[5]), "a word");
	assert_string_equal(span_text(span, span->why), "");
	assert_string_equal(span_text(span, span->name), "name");
	spans_free(&spans);
}

/* Threads fill it while one empties it: each span comes once and whole, or was
   counted; those of one thread in their order. */

#define WRITERS 4
#define EACH 50000

struct reader {
	struct spans *spans;
	_Atomic bool over;
	_Atomic unsigned seen;
	unsigned wrong;
	int64_t last[WRITERS];
};

struct crowd {
	struct spans *spans;
	struct reader *reader;
	unsigned number;
	unsigned dropped;
};

static void *crowd_write(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; i < EACH; i++) {
		struct span *span;

		/* on a busy machine it may not have begun: one is free by then */
		while (i == EACH / 2 && atomic_load(&c->reader->seen) < 2)
			sched_yield();
		span = span_claim(c->spans, "crowd", SPAN_CLIENT);
		if (span == NULL) {
			c->dropped++;
			continue;
		}
		span_add_number(span, "writer", c->number);
		span_add_number(span, "number", i);
		span->began_ns = (int64_t)c->number * EACH + i;
		span_commit(c->spans, span);
	}
	return NULL;
}

static void reader_take(struct reader *r, const struct span *span)
{
	int64_t writer = span->attributes[0].number, number = span->attributes[1].number;

	r->wrong += span->n_attributes != 2 || span->kind != SPAN_CLIENT ||
		    span->began_ns != writer * EACH + number || writer >= WRITERS ||
		    number <= r->last[writer];
	r->last[writer] = number;
	r->seen++;
}

static void *reader_run(void *arg)
{
	struct reader *r = arg;

	for (;;) {
		bool over = atomic_load(&r->over);
		const struct span *span;

		spans_wait(r->spans, 64, 10);
		while ((span = spans_oldest(r->spans)) != NULL) {
			reader_take(r, span);
			spans_release(r->spans);
		}
		if (over)
			return NULL;
	}
}

static void test_a_crowd(void **state)
{
	struct reader reader = { .spans = spans_new(256, 1), .last = { -1, -1, -1, -1 } };
	struct crowd crowd[WRITERS];
	pthread_t threads[WRITERS], thread;
	unsigned dropped = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, reader_run, &reader), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		crowd[i] = (struct crowd){ reader.spans, &reader, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_write, &crowd[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		dropped += crowd[i].dropped;
	}
	atomic_store(&reader.over, true);
	spans_wake(reader.spans);
	pthread_join(thread, NULL);
	assert_int_equal(reader.wrong, 0);
	assert_int_equal(reader.seen + dropped, WRITERS * EACH);
	assert_int_equal(spans_dropped(reader.spans), dropped);
	assert_int_equal(spans_waiting(reader.spans), 0);
	assert_true(reader.seen > 256);
	spans_free(&reader.spans);
}

/* Who waits for a batch is woken by the one that completes it. */
static void *crowd_one(void *arg)
{
	put(arg, "one");
	return NULL;
}

static void test_waiting_for_a_batch(void **state)
{
	struct spans *spans = spans_new(8, 1);
	int64_t began_ns = clock_steady_ns();
	pthread_t thread;

	(void)state;
	put(spans, "first");
	spans_wait(spans, 1, 60000);	/* it is there */
	assert_int_equal(pthread_create(&thread, NULL, crowd_one, spans), 0);
	spans_wait(spans, 2, 60000);
	pthread_join(thread, NULL);
	spans_wake(spans);
	spans_wait(spans, 100, 60000);
	assert_true(clock_steady_ns() - began_ns < INT64_C(30000000000));
	spans_wait(spans, 100, 5);	/* time is over */
	spans_free(&spans);
}

static void test_json(void **state)
{
	const struct otlp_resource who = { "shop", "1.2.3", "host-1" };
	struct spans *spans = spans_new(4, 1);
	struct span *span = span_claim(spans, "POST /a", SPAN_SERVER);
	struct otlp o = { 0 };
	size_t len;
	const char *text;

	(void)state;
	span_parse(GOOD, &span->context);
	memcpy(span->parent, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	span_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &span->link);
	span->began_ns = 1000;
	span->ended_ns = 2500;
	span_add_text(span, "url.path", "/a\"\n\xff");
	span_add_word(span, "url.scheme", "http");
	span_add_number(span, "http.response.status_code", 503);
	span_fail(span, "503", "no \"room\"");
	span_commit(spans, span);
	span = span_claim(spans, "unit", SPAN_INTERNAL);
	span_parse(GOOD, &span->context);
	span->began_ns = 1200;
	span->ended_ns = 1300;
	span_commit(spans, span);
	otlp_begin(&o, &who, INT64_C(1767225600000000000));
	while ((span = (struct span *)spans_oldest(spans)) != NULL) {
		otlp_add(&o, span);
		spans_release(spans);
	}
	assert_int_equal(o.n, 2);
	text = otlp_end(&o, &len);
	assert_int_equal(len, strlen(text));
	assert_string_equal(text,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		"{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}},"
		"{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.2.3\"}},"
		"{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"host-1\"}}]},"
		"\"scopeSpans\":[{\"scope\":{\"name\":\"gantry\",\"version\":\"1.2.3\"},"
		"\"spans\":[{\"traceId\":\"" TRACE "\",\"spanId\":\"" PARENT "\","
		"\"parentSpanId\":\"0123456789abcdef\",\"name\":\"POST /a\",\"kind\":2,"
		"\"startTimeUnixNano\":\"1767225600000001000\","
		"\"endTimeUnixNano\":\"1767225600000002500\",\"attributes\":["
		"{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/a\\\"\\n\xef\xbf\xbd\"}},"
		"{\"key\":\"url.scheme\",\"value\":{\"stringValue\":\"http\"}},"
		"{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"503\"}},"
		"{\"key\":\"error.type\",\"value\":{\"stringValue\":\"503\"}}],"
		"\"links\":[{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\","
		"\"spanId\":\"b7ad6b7169203331\"}],"
		"\"status\":{\"code\":2,\"message\":\"no \\\"room\\\"\"}},"
		"{\"traceId\":\"" TRACE "\",\"spanId\":\"" PARENT "\",\"name\":\"unit\","
		"\"kind\":1,\"startTimeUnixNano\":\"1767225600000001200\","
		"\"endTimeUnixNano\":\"1767225600000001300\",\"attributes\":[]}]}]}]}");
	otlp_fini(&o);
	spans_free(&spans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_format),
		cmocka_unit_test(test_parents_decide),
		cmocka_unit_test(test_the_ratio),
		cmocka_unit_test(test_the_id_decides),
		cmocka_unit_test(test_what_has_no_room_is_dropped),
		cmocka_unit_test(test_a_late_commit),
		cmocka_unit_test(test_texts_that_are_too_long),
		cmocka_unit_test(test_a_crowd),
		cmocka_unit_test(test_waiting_for_a_batch),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
