/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - gantry_call() as an ask: what is refused, what is made once, how a
 * message waits for several calls that end in any order on any thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/pipeline/engine_private.h"
#include "gateway/pipeline/tree.h"
#include "tests/unit/commit_world.h"

#define CALLS 8

static struct world world;

/* Calls that were made and are not answered; a thread answers the last first. */
static struct fake {
	pthread_mutex_t lock;
	pthread_cond_t made;
	struct call *waiting[CALLS];
	unsigned n, made_n, wanted;
	char seen[CALLS][256];
} fake;

static void fake_answer(struct call *call)
{
	if (strncmp(call->request.path, "/away", 5) == 0) {
		call_fail(call, strcmp(call->request.path, "/away/open") == 0 ?
			  "CIRCUIT_OPEN" : NULL, GANTRY_DEPENDS_ON_UPSTREAM, "up: is away");
		return;
	}
	call->answer = (struct gantry_answer){ .size = sizeof(call->answer),
		.status = 200, .body = arena_format(&call->arena, "[%s]",
						    call->request.path + 1) };
	call->answer.body_len = strlen(call->answer.body);
	call->json = tree_load(call->answer.body, call->answer.body_len, 0, NULL);
	call->answer.json = call->json;
	call->done(call);
}

static void *fake_main(void *arg)
{
	struct call *take[CALLS];
	unsigned n;

	(void)arg;
	pthread_mutex_lock(&fake.lock);
	while (fake.n < fake.wanted)
		pthread_cond_wait(&fake.made, &fake.lock);
	n = fake.n;
	memcpy(take, fake.waiting, sizeof(take));
	fake.n = 0;
	pthread_mutex_unlock(&fake.lock);
	while (n > 0)
		fake_answer(take[--n]);
	return NULL;
}

static void fake_make(void *maker, struct call *call)
{
	struct fake *f = maker;
	const char *const *header = call->request.headers;

	pthread_mutex_lock(&f->lock);
	snprintf(f->seen[f->made_n++ % CALLS], sizeof(f->seen[0]), "%s %s %s %.*s %s %s",
		 call->request.method, call->request.upstream, call->request.path,
		 (int)call->request.body_len, call->request.body != NULL ?
		 call->request.body : "", *header != NULL ? *header : "",
		 call->correlation_id);
	f->waiting[f->n++] = call;
	pthread_cond_signal(&f->made);
	if (f->wanted > 0) {
		pthread_mutex_unlock(&f->lock);
		return;
	}
	f->n = 0;
	pthread_mutex_unlock(&f->lock);
	fake_answer(call);	/* at once, inside make() */
}

static int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	memset(&fake, 0, sizeof(fake));
	pthread_mutex_init(&fake.lock, NULL);
	pthread_cond_init(&fake.made, NULL);
	engine_set_calls(world.engine, &(struct call_maker){ .make = fake_make,
							     .maker = &fake });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

/* Three calls, a record and a query in one run. */
static enum gantry_verdict do_many(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	static const char *const paths[] = { "/1", "/2", "/3" };
	const struct gantry_answer *a = NULL;
	int64_t sum = 0;

	for (int i = 0; i < 3; i++) {
		a = gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .path = paths[i]), err);
		if (a != NULL)
			sum += json_integer_value(json_array_get(a->json, 0));
	}
	gantry_record_get(m, "space", "key", err);
	gantry_find(m, &GANTRY_QUERY(.name = "items"), err);
	if (gantry_asking(m))
		return GANTRY_FAILED;
	assert_ptr_equal(a, gantry_call(m, &GANTRY_REQUEST(.upstream = "up",
			.method = "GET", .path = "/3"), err));
	s->number = sum;
	return GANTRY_DONE;
}

static void test_many(void **state)
{
	for (fake.wanted = 0; fake.wanted <= 3; fake.wanted += 3) {
		pthread_t thread;
		struct shot s;

		(void)state;
		fake.made_n = 0;
		if (fake.wanted > 0)
			assert_int_equal(pthread_create(&thread, NULL, fake_main, NULL), 0);
		shot_init(&world, &s, GANTRY_INLINE, do_many);
		s.m.correlation_id = "cor_1";
		shot_run(&s);
		if (fake.wanted > 0)
			pthread_join(thread, NULL);
		assert_int_equal(s.m.answer.status, 200);
		assert_int_equal(s.runs, 2);
		assert_int_equal(s.number, 6);
		assert_int_equal(fake.made_n, 3);
		assert_string_equal(fake.seen[0], "GET up /1   cor_1");
		shot_fini(&s);
	}
}

/* Each call by itself, since the next one needs the answer before. */
static enum gantry_verdict do_chain(struct shot *s, struct gantry_message *m,
				    struct gantry_error *err)
{
	static const char *const headers[] = { "X-A: b", NULL };
	const struct gantry_answer *a =
		gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .path = "/4"), err);

	(void)s;
	if (a == NULL)
		return GANTRY_FAILED;
	a = gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .method = "POST",
			.path = gantry_format(m, "/%s", gantry_escape(m, a->body)),
			.headers = headers, .body = "body"), err);
	if (a == NULL)
		return GANTRY_FAILED;
	assert_null(a->json);
	assert_string_equal(a->body, "[%5B4%5D]");
	return GANTRY_DONE;
}

static void test_chain(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_PARALLEL, do_chain);
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_int_equal(s.runs, 3);
	assert_string_equal(fake.seen[1], "POST up /%5B4%5D body X-A: b cor_1");
	shot_fini(&s);
}

static enum gantry_verdict do_text(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	return gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .path = s->text), err) ==
		       NULL ? GANTRY_FAILED : GANTRY_DONE;
}

/* What does not block goes on where its last call ended: here, if that was here. */
static enum gantry_verdict do_here(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	static const char *const paths[] = { "/1", "/2", "/3" };

	for (int i = 0; i < 3; i++)
		if (gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .path = paths[i],
						   .verbatim = i == 2), err) == NULL)
			return GANTRY_FAILED;
	s->number += pthread_equal(pthread_self(), *(const pthread_t *)(const void *)s->text);
	return GANTRY_DONE;
}

static void test_inline_stays(void **state)
{
	pthread_t self = pthread_self(), other;
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_here);
	s.text = (const char *)&self;
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_int_equal(s.runs, 4);
	assert_int_equal(s.number, 1);
	shot_fini(&s);
	/* answered by another thread: it goes on there */
	fake.wanted = 1;
	shot_init(&world, &s, GANTRY_INLINE, do_text);
	s.text = "/5";
	assert_int_equal(pthread_create(&other, NULL, fake_main, NULL), 0);
	shot_run(&s);
	pthread_join(other, NULL);
	assert_int_equal(s.m.answer.status, 200);
	assert_int_equal(s.runs, 2);
	shot_fini(&s);
}

static void check_away(const char *path, const char *code)
{
	AUTO_FREE char *text = memory_format(
		"{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":\"up: is away\","
		"\"retryable\":true,\"correlationId\":\"cor_1\"}}", code);
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, do_text);
	s.m.correlation_id = "cor_1";
	s.text = path;
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_FAILED);
	assert_int_equal(s.m.answer.status, 503);
	assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	assert_string_equal(s.m.answer.text, text);
	shot_fini(&s);
}

static void test_away(void **state)
{
	(void)state;
	check_away("/away", "ORDER_SERVICE_UNAVAILABLE");
	check_away("/away/open", "CIRCUIT_OPEN");
}

static bool fake_refuse(void *maker, struct call *call)
{
	assert_ptr_equal(maker, &fake);
	if (strcmp(call->request.upstream, "shut") != 0)
		return false;
	assert_string_equal(call->correlation_id, "cor_1");
	error_depends(&call->error, GANTRY_DEPENDS_ON_UPSTREAM, "shut: is away");
	gantry_retry(&call->error, "CIRCUIT_OPEN");
	return true;
}

/* One that is refused, between two that are made. */
static enum gantry_verdict do_shut(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	const struct gantry_answer *first, *second;
	struct gantry_error said = ERROR_INIT;

	first = gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .path = "/1"), err);
	assert_int_equal(gantry_asking(m), first == NULL);
	assert_null(gantry_call(m, &GANTRY_REQUEST(.upstream = "shut", .path = "/2"), &said));
	assert_int_equal(gantry_asking(m), first == NULL);
	assert_string_equal(said.code, "CIRCUIT_OPEN");
	second = gantry_call(m, &GANTRY_REQUEST(.upstream = "up", .path = "/3"), err);
	error_fini(&said);
	if (second == NULL)
		return GANTRY_FAILED;
	s->number = json_integer_value(json_array_get(first->json, 0)) +
		    json_integer_value(json_array_get(second->json, 0));
	return GANTRY_DONE;
}

static enum gantry_verdict do_shut_alone(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err)
{
	(void)s;
	assert_null(gantry_call(m, &GANTRY_REQUEST(.upstream = "shut", .path = "/"), err));
	assert_false(gantry_asking(m));
	return GANTRY_FAILED;
}

/* What will not be tried is told in the run that asks, and in each one after it. */
static void test_refused_at_once(void **state)
{
	struct shot s;

	(void)state;
	world.engine->calls.refuse = fake_refuse;
	shot_init(&world, &s, GANTRY_INLINE, do_shut);
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_int_equal(s.runs, 2);
	assert_int_equal(s.number, 4);
	assert_int_equal(fake.made_n, 2);
	shot_fini(&s);
	shot_init(&world, &s, GANTRY_PARALLEL, do_shut_alone);
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 503);
	assert_int_equal(s.runs, 1);
	assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	shot_fini(&s);
}

static const char *const *bad_headers;
static struct gantry_request bad;

static enum gantry_verdict do_bad(struct shot *s, struct gantry_message *m,
				  struct gantry_error *err)
{
	(void)s;
	assert_null(gantry_call(m, &bad, err));
	assert_false(gantry_asking(m));
	return GANTRY_FAILED;
}

static void check_bad(const struct gantry_request *request, const char *expected)
{
	struct shot s;

	bad = *request;
	shot_init(&world, &s, GANTRY_INLINE, do_bad);
	shot_run(&s);
	assert_string_equal(s.m.error.message, expected);
	assert_int_equal(s.m.error.dependency, GANTRY_DEPENDS_ON_NOTHING);
	shot_fini(&s);
}

static void check_bad_header(const char *header, const char *expected)
{
	const char *const headers[] = { "X-Fine: yes", header, NULL };

	bad_headers = headers;
	check_bad(&GANTRY_REQUEST(.upstream = "up", .path = "/", .headers = bad_headers),
		  expected);
}

static void test_refusals(void **state)
{
	static const char path[] = "a call's path begins with /, is percent-encoded "
				   "and has at most 8192 bytes";
	static const char *const wrong[] = { NULL, "", "a", "/ a", "/a#b", "/\xc3\xa4",
					     "/a\nb", "http://h/" };
	char *length = memory_new(8194);

	(void)state;
	memset(length, '/', 8193);
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
		check_bad(&GANTRY_REQUEST(.upstream = "up", .path = wrong[i]), path);
	check_bad(&GANTRY_REQUEST(.upstream = "up", .path = length), path);
	free(length);
	check_bad(&GANTRY_REQUEST(.path = "/"), "a call needs the name of an upstream");
	check_bad(&GANTRY_REQUEST(.upstream = "up", .path = "/", .method = "GET /"),
		  "not a method: \"GET /\"");
	check_bad(&GANTRY_REQUEST(.upstream = "up", .path = "/", .method = ""),
		  "not a method: \"\"");
	check_bad(&GANTRY_REQUEST(.upstream = "up", .path = "/", .body = "x",
				  .body_len = (16 << 20) + 1),
		  "the body of a call has at most 16777216 bytes");
	check_bad(&GANTRY_REQUEST(.upstream = "up", .path = "/", .correlation_id = "a\nb"),
		  "a correlation id is 1 to 128 printable bytes");
	check_bad(&GANTRY_REQUEST(.upstream = "up", .path = "/", .correlation_id = ""),
		  "a correlation id is 1 to 128 printable bytes");
	check_bad_header("X", "not a header \"Name: value\": \"X\"");
	check_bad_header("X Y: z", "not a header \"Name: value\": \"X Y: z\"");
	check_bad_header(": z", "not a header \"Name: value\": \": z\"");
	check_bad_header("X: y\r\nZ: 1", "the header X has a control character");
	check_bad_header("HOST: h", "the header HOST is Gantry's own");
	check_bad_header("Transfer-Encoding: chunked",
			 "the header Transfer-Encoding is Gantry's own");
	check_bad_header("X-Correlation-Id: c", "the header X-Correlation-Id is Gantry's own");
	check_bad_header("authorization: b", "the header authorization is Gantry's own");
	assert_int_equal(fake.made_n, 0);
}

/* The same request twice, but for the id that goes with it. */
static enum gantry_verdict do_correlated(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err)
{
	(void)s;
	for (int i = 0; i < 4; i++) {
		struct gantry_request r = GANTRY_REQUEST(.upstream = "up", .path = "/1",
				.correlation_id = i == 0 ? NULL : "cor_other");

		if (i == 3)	/* of a plugin that does not know of it */
			r.size = offsetof(struct gantry_request, correlation_id);
		gantry_call(m, &r, err);
	}
	return gantry_asking(m) ? GANTRY_FAILED : GANTRY_DONE;
}

static void test_a_correlation_id_of_its_own(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_correlated);
	s.m.correlation_id = "cor_1";
	shot_run(&s);
	assert_int_equal(s.m.answer.verdict, GANTRY_DONE);
	assert_int_equal(fake.made_n, 2);
	assert_string_equal(fake.seen[0], "GET up /1   cor_1");
	assert_string_equal(fake.seen[1], "GET up /1   cor_other");
	shot_fini(&s);
}

static enum gantry_verdict do_escape(struct shot *s, struct gantry_message *m,
				     struct gantry_error *err)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "ord_01-a.b~C", "ord_01-a.b~C" }, { "a/b?c#d", "a%2Fb%3Fc%23d" },
		{ ".", "%2E" }, { "..", "%2E%2E" }, { "...", "..." }, { "", "" },
		{ "\xc3\xa4 %", "%C3%A4%20%25" }, { "a&b=c+d", "a%26b%3Dc%2Bd" },
		{ "\xc1\xda", "%C1%DA" },
	};

	(void)s;
	(void)err;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_string_equal(gantry_escape(m, cases[i].in), cases[i].out);
	return GANTRY_DONE;
}

static void test_escape(void **state)
{
	struct shot s;

	(void)state;
	shot_init(&world, &s, GANTRY_INLINE, do_escape);
	shot_run(&s);
	assert_int_equal(s.m.answer.status, 200);
	shot_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inline_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_correlation_id_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escape, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
