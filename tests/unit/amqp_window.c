/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_window - the window of confirms: what each of them settles, and how far it
   reaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/source/amqp/window.h"

struct settled {
	char text[256];
};

static void note(void *ctx, int64_t ref, enum window_fate fate, const char *cause)
{
	struct settled *s = ctx;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%lld%c%s ", (long long)ref,
		 "+-r"[fate], cause);
}

static void test_window(void **state)
{
	struct settled s = { "" };
	struct window *w = window_new(3, &(struct window_ops){ note, &s });

	(void)state;
	window_sent(w, 11, "e11");
	window_sent(w, 12, "e12");
	assert_false(window_returned(w, "e1", 2, "no"));
	assert_true(window_returned(w, "e12", 3, "no"));
	assert_false(window_returned(w, "e12", 3, "no"));
	assert_true(window_has_room(w));
	window_sent(w, 13, "e13");
	assert_false(window_has_room(w));
	assert_true(window_settle(w, 2, false, true));
	assert_string_equal(s.text, "12rno ");
	assert_int_equal(window_count(w), 2);
	assert_false(window_settle(w, 4, true, true));
	assert_false(window_settle(w, 0, false, true));
	assert_true(window_settle(w, 3, true, true));
	assert_string_equal(s.text, "12rno 11+ 13+ ");
	/* once more changes nothing */
	assert_true(window_settle(w, 1, true, false));
	window_sent(w, 14, "e14");
	assert_true(window_settle(w, 4, false, false));
	assert_string_equal(s.text, "12rno 11+ 13+ 14- ");
	window_sent(w, 15, "e15");
	window_reset(w);
	assert_int_equal(window_count(w), 0);
	window_sent(w, 16, "e16");
	assert_true(window_settle(w, 0, true, true));
	assert_string_equal(s.text, "12rno 11+ 13+ 14- 16+ ");
	window_free(&w);
}

/* One that is never acked stops the window in the end, not at once. */
static void test_window_span(void **state)
{
	struct settled s = { "" };
	struct window *w = window_new(2, &(struct window_ops){ note, &s });
	uint64_t tag = 1;

	(void)state;
	window_sent(w, 1, "e");
	for (int i = 0; i < 7; i++) {
		assert_true(window_has_room(w));
		window_sent(w, 2, "e");
		assert_true(window_settle(w, ++tag, false, true));
	}
	assert_false(window_has_room(w));
	assert_int_equal(window_count(w), 1);
	assert_true(window_settle(w, 1, false, true));
	assert_true(window_has_room(w));
	window_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
