/* SPDX-License-Identifier: Apache-2.0 */
/* engine - runs of handlers, strands and bounds. */
#include "tests/unit/engine_world.h"

#include <stdatomic.h>
#include <time.h>

static void nap(long us)
{
	nanosleep(&(struct timespec){ 0, us * 1000 }, NULL);
}

/* Ids are the same in each run, and each handler of a pipeline has its own. */

static const char *minted[4][2];

static enum gantry_verdict do_mint(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	const char *first = gantry_mint(m, m->step == 0 ? "one_" : "two_");
	const char *second = gantry_mint(m, m->step == 0 ? "one_" : "two_");

	minted[s->runs - 1][0] = first;
	minted[s->runs - 1][1] = second;
	gantry_record_get(m, "space", m->step == 0 ? "a" : "b", err);
	assert_true(gantry_now_ms(m) == s->m.received_ms);
	return m->step == 0 ? GANTRY_NEXT : GANTRY_DONE;
}

static void test_mint(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_mint);
	s.handle[1] = do_mint;
	shot_run(&s);
	assert_int_equal(s.runs, 4);
	assert_int_equal(s.m.answer.status, 200);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(minted[0][i], minted[1][i]);
		assert_string_equal(minted[2][i], minted[3][i]);
		assert_memory_equal(minted[0][i], "one_", 4);
		assert_memory_equal(minted[2][i], "two_", 4);
		assert_string_not_equal(minted[0][i] + 4, minted[2][i] + 4);
	}
	assert_string_not_equal(minted[0][0], minted[0][1]);
	shot_fini(&s);
}

/* A run that asks may mint for another purpose than the one that counts. */
static enum gantry_verdict do_mint_by_answer(struct shot *s, struct gantry_message *m,
					     struct gantry_error *err)
{
	gantry_record_get(m, "space", "a", err);
	minted[s->runs - 1][0] = gantry_mint(m, gantry_asking(m) ? "a_" : "b_");
	return GANTRY_DONE;
}

static void test_mint_by_answer(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_mint_by_answer);
	shot_run(&s);
	assert_int_equal(s.runs, 2);
	assert_memory_equal(minted[1][0], "b_", 2);
	shot_fini(&s);
}

static enum gantry_verdict do_ask_on(struct shot *s, struct gantry_message *m,
				     struct gantry_error *err)
{
	gantry_record_get(m, "space", gantry_format(m, "%u", s->runs), err);
	return s->number != 0 && s->runs == s->number ? GANTRY_FAILED : GANTRY_DONE;
}

static void test_runs(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_ask_on);
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_int_equal(s.runs, 16);
	assert_int_equal(s.m.answer.status, 500);
	assert_int_equal(s.m.answer.verdict, GANTRY_FAILED);
	assert_string_equal(s.m.answer.text,
		"{\"success\":false,\"error\":{\"code\":\"INTERNAL_ERROR\","
		"\"message\":\"inline.step: still asking after 16 runs\","
		"\"retryable\":false,\"correlationId\":\"cor_1\"}}");
	shot_fini(&s);
}

static enum gantry_verdict do_find(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	const struct gantry_page *page =
		gantry_find(m, &GANTRY_QUERY(.name = s->text, .key = "inv_1"), err);

	if (page == NULL)
		return GANTRY_FAILED;
	return gantry_reply(m, 200, page->rows, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static void test_find(void **state)
{
	struct shot s;

	(void)state;
	world_item(&world, "inv_1", 10);
	shot_init(&world, &s, GANTRY_INLINE, do_find);
	s.text = "item";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_non_null(strstr(s.m.answer.text, "\"id\":\"inv_1\""));
	shot_fini(&s);
	shot_init(&world, &s, GANTRY_INLINE, do_find);
	s.text = "everything";
	shot_run(&s);
	assert_string_equal(s.m.error.message, "there is no query \"everything\"");
	assert_int_equal(s.runs, 1);
	shot_fini(&s);
}

static enum gantry_verdict do_read(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	const json_t *value = gantry_record_get(m, "space", "a", err);

	(void)s;
	return value == NULL && m->error.message[0] != '\0' ? GANTRY_FAILED : GANTRY_DONE;
}

static void test_read_away(void **state)
{
	struct shot s;

	(void)state;
	world_fail(&world, WORLD_READ, GANTRY_AWAY, 1);
	shot_init(&world, &s, GANTRY_INLINE, do_read);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 503);
	assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_STORAGE);
	assert_string_equal(s.m.error.message, "told to fail");
	assert_string_equal(shot_header(&s, "Retry-After"), "1");
	shot_fini(&s);
	shot_init(&world, &s, GANTRY_INLINE, do_read);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

static enum gantry_verdict do_nine(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	(void)s;
	(void)m;
	(void)err;
	return (enum gantry_verdict)9;
}

static void test_bad_verdict(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_SERIAL, do_nine);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 500);
	assert_string_equal(s.m.error.message, "serial.step gave verdict 9");
	shot_fini(&s);
}

/* Bounds of effects. */

static int too_many(struct shot *s, struct gantry_message *m, struct gantry_error *err)
{
	int done = 0, n = 0;

	while (done >= 0 && n < 2000) {
		done = s->text[0] == 'c' ?
			gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ORDER_OPEN,
							  .order_id = "o"), err) :
			s->text[0] == 'e' ?
			gantry_publish(m, &GANTRY_EVENT(.exchange = "x",
				.routing_key = "k", .payload_text = "{}",
				.payload_len = 2), err) :
			s->text[0] == 'r' ?
			gantry_record_put(m, "s", gantry_format(m, "%d", n), NULL, err) :
			s->text[0] == 'h' ?
			gantry_reply_header(m, "X-Test", "a", err) :
			gantry_header_always(m, "X-Test", "a", err);
		n += done >= 0;
	}
	return n;
}

static enum gantry_verdict do_too_many(struct shot *s, struct gantry_message *m,
				       struct gantry_error *err)
{
	s->number = too_many(s, m, err);
	return GANTRY_FAILED;
}

static void check_bound(const char *what, int64_t most)
{
	struct shot s;
	AUTO_FREE char *text = memory_format(
		"too many effects of one kind (at most %d)", (int)most);

	shot_init(&world, &s, GANTRY_INLINE, do_too_many);
	s.text = what;
	shot_run(&s);
	assert_int_equal(s.number, most);
	assert_string_equal(s.m.error.message, text);
	shot_fini(&s);
}

static enum gantry_verdict do_heavy(struct shot *s, struct gantry_message *m,
				    struct gantry_error *err)
{
	char *text = memory_new(1 << 20);
	int first, second;

	(void)s;
	memset(text, ' ', 1 << 20);
	first = gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
				.payload_text = text, .payload_len = 1 << 20), err);
	second = gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
				.payload_text = text, .payload_len = 1 << 19), err);
	assert_int_equal(first, -1);
	assert_int_equal(second, 0);
	free(text);
	assert_int_equal(m->effects.n_events, 1);
	return GANTRY_FAILED;
}

static enum gantry_verdict do_no_payload(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err)
{
	(void)s;
	return gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
				.payload_text = "{}"), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

/* Nobody reads, let alone copies, what is too long anyway. */
static enum gantry_verdict do_huge(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	(void)s;
	return gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
				.payload_text = "{}", .payload_len = SIZE_MAX / 2), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict do_heedless(struct shot *s, struct gantry_message *m,
				       struct gantry_error *err)
{
	too_many(s, m, err);
	return (enum gantry_verdict)s->number;
}

/* Going on would lose what did not fit; whoever gives up has listened. */
static void check_heed(enum gantry_verdict verdict, int status, const char *message)
{
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, do_heedless);
	s.text = "event";
	s.number = verdict;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, status);
	assert_string_equal(s.m.error.message, message);
	assert_int_equal(s.m.effects.n_events, status == 500 ? 0 : 64);
	shot_fini(&s);
}

static void test_heed(void **state)
{
	static const char heedless[] =
		"inline.step went on although what it staged does not fit";
	static const char told[] = "too many effects of one kind (at most 64)";

	(void)state;
	check_heed(GANTRY_DONE, 500, heedless);
	check_heed(GANTRY_NEXT, 500, heedless);
	check_heed(GANTRY_FAILED, 503, told);
}

static void test_bounds(void **state)
{
	struct shot s;

	(void)state;
	check_bound("command", 1000);
	check_bound("event", 64);
	check_bound("record", 64);
	check_bound("header", 8);
	check_bound("answer header", 8);
	shot_init(&world, &s, GANTRY_INLINE, do_heavy);
	shot_run(&s);
	assert_string_equal(s.m.error.message, "effects of more than 1048576 bytes");
	shot_fini(&s);
	shot_init(&world, &s, GANTRY_INLINE, do_huge);
	shot_run(&s);
	assert_string_equal(s.m.error.message, "effects of more than 1048576 bytes");
	shot_fini(&s);
	shot_init(&world, &s, GANTRY_INLINE, do_no_payload);
	shot_run(&s);
	assert_string_equal(s.m.error.message, "an event's payload is empty");
	shot_fini(&s);
}

static enum gantry_verdict do_answer_headers(struct shot *s, struct gantry_message *m,
					     struct gantry_error *err)
{
	assert_int_equal(gantry_header_always(m, "X-A", "first", err), 0);
	assert_int_equal(gantry_header_always(m, "retry-after", "7", err), 0);
	assert_int_equal(gantry_header_always(m, "x-a", "second", err), 0);
	assert_int_equal(gantry_reply_header(m, "X-B", "b", err), 0);
	assert_int_equal(gantry_header_always(m, "Content-Type", "x", err), -1);
	assert_string_equal(err->message,
			    "\"Content-Type\" is no header that a handler may set");
	assert_int_equal(gantry_reply_header(m, "Retry-After", "7", err), -1);
	assert_string_equal(err->message,
			    "\"Retry-After\" is no header that a handler may set");
	assert_int_equal(gantry_header_always(m, "X-C", "a\nb", err), -1);
	assert_string_equal(err->message,
			    "header X-C: not 1 to 1024 printable bytes");
	return s->number == 0 ? GANTRY_DONE : gantry_reject(err, "RATE_LIMITED");
}

/* All headers of an answer in one text. */
static void check_headers(int64_t number, int status, const char *expected)
{
	struct shot s;
	char text[256] = "";

	shot_init(&world, &s, GANTRY_INLINE, do_answer_headers);
	s.number = number;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, status);
	for (unsigned i = 0; i < s.m.answer.n_headers; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s=%s;",
			 s.m.answer.headers[i].name, s.m.answer.headers[i].value);
	assert_string_equal(text, expected);
	shot_fini(&s);
}

/* Of an error there is nothing but these; the core's own pause makes room. */
static void test_answer_headers(void **state)
{
	(void)state;
	check_headers(0, 200, "X-B=b;x-a=second;retry-after=7;");
	check_headers(1, 429, "retry-after=7;x-a=second;");
}

/* Threads. */

static _Atomic int inside, most_inside;

static void go_in(void)
{
	int now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);

	while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
		;
	nap(200);
	atomic_fetch_sub(&inside, 1);
}

static enum gantry_verdict do_overlap(struct shot *s, struct gantry_message *m,
				      struct gantry_error *err)
{
	(void)s;
	(void)m;
	(void)err;
	go_in();
	return GANTRY_DONE;
}

#define PER_THREAD 25

struct submitter {
	pthread_t thread;
	enum gantry_threads threads;
	struct shot shots[PER_THREAD];
};

static void *submitter_main(void *arg)
{
	struct submitter *sub = arg;

	for (int i = 0; i < PER_THREAD; i++) {
		shot_init(&world, &sub->shots[i], sub->threads, do_overlap);
		shot_fire(&sub->shots[i]);
	}
	return NULL;
}

static int overlap(enum gantry_threads threads)
{
	static struct submitter subs[8];

	atomic_store(&most_inside, 0);
	for (int i = 0; i < 8; i++) {
		subs[i].threads = threads;
		pthread_create(&subs[i].thread, NULL, submitter_main, &subs[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(subs[i].thread, NULL);
		for (int j = 0; j < PER_THREAD; j++) {
			shot_wait(&subs[i].shots[j]);
			shot_fini(&subs[i].shots[j]);
		}
	}
	assert_int_equal(engine_waiting(world.engine), 0);
	return atomic_load(&most_inside);
}

static void test_overlap(void **state)
{
	(void)state;
	assert_int_equal(overlap(GANTRY_SERIAL), 1);
	assert_true(overlap(GANTRY_PARALLEL) > 1);
}

static enum gantry_verdict do_slow(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	(void)m;
	(void)err;
	nap(s->number);
	return GANTRY_DONE;
}

/* What one thread hands to a strand runs in that order. */
static void test_strand_order(void **state)
{
	static struct shot shots[200];

	(void)state;
	for (int i = 0; i < 200; i++) {
		shot_init(&world, &shots[i], GANTRY_SERIAL, do_slow);
		shots[i].number = i % 7 * 20;
		shot_fire(&shots[i]);
		if (i % 10 == 0)
			nap(100);
	}
	for (int i = 0; i < 200; i++) {
		shot_wait(&shots[i]);
		assert_int_equal(shots[i].place, i);
		shot_fini(&shots[i]);
	}
}

/* Events by POST. */

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_mint),
		TEST(test_mint_by_answer),
		TEST(test_runs),
		TEST(test_find),
		TEST(test_read_away),
		TEST(test_bad_verdict),
		TEST(test_bounds),
		TEST(test_heed),
		TEST(test_answer_headers),
		TEST(test_overlap),
		TEST(test_strand_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
