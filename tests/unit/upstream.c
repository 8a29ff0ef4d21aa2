/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream - calls to a server that does all that a server should not, with
 * the real breaker and real tokens; and the pure parts by themselves.
 */
#include "tests/unit/config_files.h"

#include <signal.h>

#include "gateway/base/clock.h"
#include "gateway/pipeline/graph.h"
#include "gateway/plugin/plugins.h"
#include "gateway/upstream/retry.h"
#include "gateway/upstream/upstream.h"
#include "tests/fake/web.h"

struct world {
	struct files files;
	struct web web;
	struct config *config;
	struct plugins *plugins;
	struct graph *graph;
	struct breakers *breakers;
	struct upstreams *upstreams;
	pthread_mutex_t lock;
	pthread_cond_t ended;
};

static struct world w;

static void start_at(const char *base, const char *options)
{
	struct problems problems = { 0 };
	struct gantry_error err = ERROR_INIT;
	char *yaml, *text;

	files_begin(&w.files);
	web_start(&w.web);
	w.web.token = "Authorization: Bearer ";
	free(files_write(&w.files, "key", "0123456789abcdef0123456789abcdef", 32));
	yaml = memory_format("%s/key", w.files.folder);
	assert_int_equal(chmod(yaml, 0600), 0);
	free(yaml);
	yaml = memory_format(
		"service: inventory-service\n"
		"storage: {plugin: " PLUGINS_BUILT "/memory/.libs/memory.so}\n"
		"auth: {ours: {plugin: " PLUGINS_BUILT "/jwt/.libs/jwt.so, key_file: key, "
		"algorithm: HS256, issuer: shop, audience: me}}\n"
		"breakers: {b: {plugin: " PLUGINS_BUILT "/breaker/.libs/breaker.so, "
		"reset_timeout: 300ms}}\n"
		"upstreams: {web: {url: \"http://127.0.0.1:%u%s\"%s%s%s%s}}\n",
		w.web.port, base, strstr(options, ", timeout") ? "" : ", timeout: 400ms",
		strstr(options, ", deadline") ? "" : ", deadline: 2s",
		strstr(options, ", backoff") ? "" : ", backoff: 10ms", options);
	files_put(&w.files, "gantry.yaml", yaml);
	free(yaml);
	w.config = files_load(&w.files, &problems);
	w.plugins = plugins_new("/nowhere");
	graph_build(w.config, w.plugins, &problems, &w.graph);
	text = files_problems(&w.files, &problems);
	assert_string_equal(text, "");
	free(text);
	problems_fini(&problems);
	assert_int_equal(graph_open(w.graph, &err), 0);
	w.breakers = breakers_new(w.graph);
	w.upstreams = upstreams_start(w.config, w.graph, w.breakers);
}

static void start(const char *options)
{
	start_at("", options);
}

static void stop(void)
{
	upstreams_stop(&w.upstreams);
	breakers_free(&w.breakers);
	graph_free(&w.graph);
	plugins_free(&w.plugins);
	config_free(&w.config);
	web_stop(&w.web);
	files_end(&w.files);
}

static void ended(struct call *call)
{
	pthread_mutex_lock(&w.lock);
	*(bool *)call->data = true;
	pthread_cond_broadcast(&w.ended);
	pthread_mutex_unlock(&w.lock);
}

struct asked {
	struct call call;
	bool done;
};

static void begin(struct asked *a, const struct gantry_request *request)
{
	static const char *const none[] = { NULL };

	*a = (struct asked){ .call = { .request = *request, .done = ended } };
	a->call.data = &a->done;
	if (a->call.request.method == NULL)
		a->call.request.method = "GET";
	if (a->call.request.headers == NULL)
		a->call.request.headers = none;
	a->call.request.upstream = "web";
	a->call.correlation_id = "cor_1";
	upstreams_make(w.upstreams, &a->call);
}

static void end(struct asked *a)
{
	pthread_mutex_lock(&w.lock);
	while (!a->done)
		pthread_cond_wait(&w.ended, &w.lock);
	pthread_mutex_unlock(&w.lock);
}

static void ask(struct asked *a, const struct gantry_request *request)
{
	begin(a, request);
	end(a);
}

static void answers(const char *path, int status)
{
	struct asked a;

	ask(&a, &GANTRY_REQUEST(.path = path));
	assert_string_equal(a.call.error.message, "");
	assert_int_equal(a.call.answer.status, status);
	call_fini(&a.call);
}

static void fails_by(const char *method, const char *path, const char *text,
		     unsigned requests)
{
	struct asked a;

	web_reset(&w.web);
	ask(&a, &GANTRY_REQUEST(.method = method, .path = path, .want_json = true));
	assert_string_equal(a.call.error.message, text);
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	assert_null(a.call.error.code);
	assert_int_equal(web_requests(&w.web), requests);
	call_fini(&a.call);
}

static void fails(const char *path, const char *text, unsigned requests)
{
	fails_by(NULL, path, text, requests);
}

static void test_answers(void **state)
{
	struct asked a;

	(void)state;
	start("");
	ask(&a, &GANTRY_REQUEST(.path = "/ok?a=%2F", .want_json = true));
	assert_string_equal(a.call.error.message, "");
	assert_int_equal(a.call.answer.status, 200);
	assert_string_equal(a.call.answer.body, "{\"data\":\"ok\"}");
	assert_int_equal(a.call.answer.body_len, 13);
	assert_string_equal(json_string_value(json_object_get(a.call.answer.json,
							     "data")), "ok");
	assert_string_equal(gantry_answer_header(&a.call.answer, "x-kind"), "good");
	assert_null(gantry_answer_header(&a.call.answer, "x-kin"));
	call_fini(&a.call);
	assert_non_null(strstr(w.web.head, "GET /ok?a=%2F HTTP/1.1\r\n"));
	assert_non_null(strstr(w.web.head, "X-Correlation-ID: cor_1\r\n"));
	assert_null(strstr(w.web.head, "Authorization"));
	answers("/status/404", 404);
	answers("/status/302", 302);
	answers("/text", 200);
	ask(&a, &GANTRY_REQUEST(.method = "HEAD", .path = "/ok"));
	assert_int_equal(a.call.answer.status, 200);
	assert_int_equal(a.call.answer.body_len, 0);
	call_fini(&a.call);
	/* one connection did for all but the HEAD, whose body still comes */
	assert_true(w.web.n <= 2);
	stop();
}

static void sent_to(const char *base, const char *path, const char *line)
{
	start_at(base, "");
	answers(path, 200);
	/* by a handle that was used before, too */
	web_reset(&w.web);
	answers(path, 200);
	assert_memory_equal(w.web.head, line, strlen(line));
	assert_non_null(strstr(w.web.head, "\r\nHost: 127.0.0.1:"));
	stop();
}

/* The path goes out as it was given, behind that of the URL. */
static void test_paths(void **state)
{
	(void)state;
	sent_to("", "/ok/../%2e/./b?c=//d&e=%", "GET /ok/../%2e/./b?c=//d&e=% HTTP/1.1\r\n");
	sent_to("/", "/ok?", "GET /ok? HTTP/1.1\r\n");
	sent_to("//", "//ok", "GET //ok HTTP/1.1\r\n");
	sent_to("/ok", "/", "GET /ok/ HTTP/1.1\r\n");
	sent_to("/ok/v%201/", "/a/http://b/c?d", "GET /ok/v%201/a/http://b/c?d HTTP/1.1\r\n");
}

static void test_bodies(void **state)
{
	static const char *const headers[] = { "X-One: 1", "X-Empty: ",
					       "Content-Type: text/plain", NULL };
	struct asked a;

	(void)state;
	start("");
	ask(&a, &GANTRY_REQUEST(.method = "POST", .path = "/ok", .headers = headers,
				.body = "a\0b", .body_len = 3));
	assert_int_equal(a.call.answer.status, 200);
	call_fini(&a.call);
	assert_non_null(strstr(w.web.head, "POST /ok HTTP/1.1\r\n"));
	assert_non_null(strstr(w.web.head, "Content-Length: 3\r\n"));
	assert_non_null(strstr(w.web.head, "X-One: 1\r\n"));
	assert_non_null(strstr(w.web.head, "X-Empty:\r\n"));
	assert_non_null(strstr(w.web.head, "Content-Type: text/plain\r\n"));
	assert_null(strstr(w.web.head, "Expect"));
	assert_memory_equal(strstr(w.web.head, "\r\n\r\n") + 4, "a\0b", 3);
	ask(&a, &GANTRY_REQUEST(.method = "PUT", .path = "/ok"));
	assert_int_equal(a.call.answer.status, 200);
	call_fini(&a.call);
	assert_non_null(strstr(w.web.head, "PUT /ok HTTP/1.1\r\n"));
	assert_non_null(strstr(w.web.head, "Content-Length: 0\r\n"));
	assert_null(strstr(w.web.head, "Content-Type"));
	stop();
}

/* What goes wrong on the wire, each with its text and its number of tries. */
static void test_faults(void **state)
{
	struct asked a;
	int64_t began;

	(void)state;
	start(", max_response: 64K");
	fails("/status/503", "web: answered 503", 3);
	fails("/status/500", "web: answered 500", 3);
	fails("/status/501", "web: answered 501", 1);
	fails("/status/429", "web: answered 429", 3);
	fails("/status/408", "web: answered 408", 3);
	/* the first is sent once more by libcurl: it came on a kept connection */
	fails("/close", "web: the connection broke", 4);
	fails("/reset", "web: the connection broke", 3);
	fails("/short", "web: the connection broke", 3);
	fails("/late/600", "web: no answer within 400 ms", 3);
	began = clock_steady_ns();
	fails("/drip", "web: no answer within 400 ms", 3);
	assert_true(clock_steady_ns() - began < INT64_C(2000000000));
	fails("/huge", "web: the answer is larger than 65536 bytes", 1);
	fails("/long", "web: the answer is larger than 65536 bytes", 1);
	fails("/head", "web: the answer is larger than 65536 bytes", 1);
	fails("/text", "web: the answer is not JSON", 1);
	fails("/junk", "web: the answer is not HTTP", 1);
	/* what need not bear a second time is not tried twice */
	fails_by("POST", "/status/503", "web: answered 503", 1);
	fails_by("PATCH", "/close", "web: the connection broke", 1);
	fails_by("PUT", "/status/503", "web: answered 503", 3);
	/* and what may work later, does */
	web_reset(&w.web);
	answers("/fail/2/503", 200);
	assert_int_equal(web_requests(&w.web), 3);
	web_reset(&w.web);
	answers("/close/2", 200);
	stop();
	/* nobody there */
	start(", retries: 0");
	web_stop(&w.web);
	ask(&a, &GANTRY_REQUEST(.path = "/ok"));
	assert_string_equal(a.call.error.message, "web: cannot be connected to");
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	call_fini(&a.call);
	web_start(&w.web);
	stop();
}

static void passes(const char *method, const char *path, int status, unsigned requests)
{
	struct asked a;

	web_reset(&w.web);
	ask(&a, &GANTRY_REQUEST(.method = method, .path = path, .verbatim = true));
	assert_string_equal(a.call.error.message, "");
	assert_int_equal(a.call.answer.status, status);
	assert_null(a.call.answer.json);
	assert_int_equal(web_requests(&w.web), requests);
	call_fini(&a.call);
}

static void fails_with(const char *path, const char *code, const char *text)
{
	struct asked a;

	ask(&a, &GANTRY_REQUEST(.method = "POST", .path = path, .verbatim = true));
	assert_string_equal(a.call.error.code, code);
	assert_string_equal(a.call.error.message, text);
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	assert_int_equal(a.call.answer.status, 0);
	call_fini(&a.call);
}

/* Calls of who passes them on: every status is an answer, and nothing is added. */
static void test_verbatim(void **state)
{
	struct upstream_counts counts;
	struct asked a;

	(void)state;
	start(", max_response: 64K");
	passes("GET", "/status/503", 503, 3);
	passes("POST", "/status/503", 503, 1);
	passes("GET", "/fail/2/503", 200, 3);
	passes("GET", "/text", 200, 1);
	assert_true(upstreams_counts(w.upstreams, 0, &counts));
	assert_int_equal(counts.outcomes[UPSTREAM_FAILED], 2);
	assert_int_equal(counts.outcomes[UPSTREAM_ANSWERED], 2);
	assert_null(strstr(w.web.head, "Accept"));
	assert_null(strstr(w.web.head, "Content-Type"));
	assert_non_null(strstr(w.web.head, "X-Correlation-ID: cor_1\r\n"));
	ask(&a, &GANTRY_REQUEST(.method = "POST", .path = "/ok", .body = "a;b",
				.body_len = 3, .verbatim = true));
	call_fini(&a.call);
	assert_null(strstr(w.web.head, "Content-Type"));
	assert_non_null(strstr(w.web.head, "Content-Length: 3\r\n"));
	assert_non_null(strstr(w.web.head, "\r\n\r\na;b"));
	fails_with("/close", "UPSTREAM_BAD_ANSWER", "web: the connection broke");
	fails_with("/short", "UPSTREAM_BAD_ANSWER", "web: the connection broke");
	fails_with("/junk", "UPSTREAM_BAD_ANSWER", "web: the answer is not HTTP");
	fails_with("/huge", "UPSTREAM_BAD_ANSWER",
		   "web: the answer is larger than 65536 bytes");
	fails_with("/late/600", "UPSTREAM_TIMEOUT", "web: no answer within 400 ms");
	web_stop(&w.web);
	fails_with("/ok", "UPSTREAM_UNREACHABLE", "web: cannot be connected to");
	web_start(&w.web);
	stop();
}

/* One handle serves one after the other: nothing of a request stays in it. */
static void test_handles_are_used_again(void **state)
{
	static const struct gantry_request requests[] = {
		{ .method = "POST", .path = "/ok", .body = "body", .body_len = 4 },
		{ .method = "GET", .path = "/ok" },
		{ .method = "HEAD", .path = "/ok" },
		{ .method = "DELETE", .path = "/ok" },
		{ .method = "PUT", .path = "/ok", .body = "abc", .body_len = 3 },
		{ .method = "PATCH", .path = "/ok" },
		{ .method = "GET", .path = "/ok", .body = "q", .body_len = 1 },
		{ .method = "GET", .path = "/ok" },
	};
	struct asked a;

	(void)state;
	start(", pool: 1");
	for (size_t i = 0; i < 16; i++) {
		const struct gantry_request *r = &requests[i % 8];
		const char *body = r->body != NULL ? r->body : "";
		AUTO_FREE char *first = memory_format("%s /ok HTTP/1.1\r\n", r->method);
		AUTO_FREE char *length = memory_format("Content-Length: %zu\r\n", r->body_len);
		AUTO_FREE char *end = memory_format("\r\n\r\n%s", body);

		ask(&a, r);
		assert_string_equal(a.call.error.message, "");
		assert_int_equal(a.call.answer.status, 200);
		assert_int_equal(a.call.answer.body_len, i % 8 == 2 ? 0 : 13);
		call_fini(&a.call);
		assert_memory_equal(w.web.head, first, strlen(first));
		assert_string_equal(strstr(w.web.head, "\r\n\r\n"), end);
		assert_int_equal(strstr(w.web.head, length) != NULL,
				 r->body != NULL || i % 8 == 5);
	}
	stop();
}

static void test_retry_after(void **state)
{
	int64_t began;

	(void)state;
	start(", timeout: 1s, deadline: 4s, retries: 1");
	began = clock_steady_ns();
	fails("/after/1/503", "web: answered 503", 2);
	assert_true(clock_steady_ns() - began >= INT64_C(1000000000));
	/* longer than there is time */
	fails("/after/5/503", "web: answered 503", 1);
	stop();
	start(", max_backoff: 500ms");
	fails("/after/1/429", "web: answered 429", 1);
	stop();
}

/* A connection that was kept and is dead: not the caller's trouble. */
static void test_dead_connection(void **state)
{
	struct asked a;

	(void)state;
	start(", retries: 0");
	for (int i = 0; i < 100; i++)
		answers("/leave", 200);
	web_reset(&w.web);
	for (int i = 0; i < 5; i++) {
		answers("/leave", 200);
		ask(&a, &GANTRY_REQUEST(.method = "POST", .path = "/ok", .body = "{}"));
		assert_string_equal(a.call.error.message, "");
		call_fini(&a.call);
	}
	assert_int_equal(web_requests(&w.web), 10);
	stop();
}

static void test_pool(void **state)
{
	static struct asked a[12];
	struct upstream_counts counts;
	unsigned overloaded = 0, late = 0, good = 0;

	(void)state;
	start(", pool: 3, queue: 6, timeout: 1s, deadline: 1s, retries: 0");
	for (int i = 0; i < 12; i++)
		begin(&a[i], &GANTRY_REQUEST(.path = "/late/400"));
	for (int i = 0; i < 12; i++) {
		end(&a[i]);
		good += a[i].call.answer.status == 200;
		if (strcmp(a[i].call.error.message, "web: too many calls wait") == 0) {
			assert_null(a[i].call.error.code);
			overloaded++;
		} else if (a[i].call.answer.status != 200) {
			late++;
		}
		call_fini(&a[i].call);
	}
	/* three at a time, twice; the third round is cut short */
	assert_int_equal(w.web.most, 3);
	assert_true(good >= 3 && good <= 6);
	assert_int_equal(overloaded, 3);
	assert_int_equal(good + overloaded + late, 12);
	assert_true(upstreams_counts(w.upstreams, 0, &counts));
	assert_string_equal(counts.name, "web");
	assert_int_equal(counts.outcomes[UPSTREAM_ANSWERED], good);
	assert_int_equal(counts.outcomes[UPSTREAM_OVERLOADED], overloaded);
	assert_int_equal(counts.outcomes[UPSTREAM_FAILED], late);
	assert_int_equal(counts.under_way, 0);
	assert_false(upstreams_counts(w.upstreams, 1, &counts));
	stop();
}

/* The caller's own deadline is shorter. */
static void test_deadline(void **state)
{
	struct asked a = { .done = false };
	static const char *const none[] = { NULL };

	(void)state;
	start(", breaker: b");
	for (int i = 0; i < 4; i++) {
		struct gantry_breaker_status status;

		a = (struct asked){ .call = { .request = GANTRY_REQUEST(
			.upstream = "web", .method = "GET", .path = "/late/300",
			.headers = none), .done = ended } };
		a.call.data = &a.done;
		a.call.deadline_ms = clock_steady_ns() / 1000000 + 100;
		upstreams_make(w.upstreams, &a.call);
		end(&a);
		assert_memory_equal(a.call.error.message, "web: no answer within ", 22);
		call_fini(&a.call);
		/* which says nothing against the upstream */
		guard_status(breakers_at(w.breakers, 0), &status);
		assert_int_equal(status.failures, 0);
	}
	stop();
}

static void refused(void)
{
	struct asked a;

	ask(&a, &GANTRY_REQUEST(.path = "/ok"));
	assert_string_equal(a.call.error.message,
			    "web: calls are stopped for now by the breaker b");
	assert_string_equal(a.call.error.code, "CIRCUIT_OPEN");
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	assert_false(a.call.error.permanent);
	call_fini(&a.call);
}

static void nap(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void test_breaker(void **state)
{
	struct guard *guard;
	struct gantry_breaker_status status;
	struct gantry_error err = ERROR_INIT;

	(void)state;
	start(", breaker: b, retries: 10, max_backoff: 20ms");
	guard = breakers_find(w.breakers, "b");
	assert_ptr_equal(guard, breakers_at(w.breakers, 0));
	assert_null(breakers_at(w.breakers, 1));
	assert_null(breakers_find(w.breakers, "ours"));
	for (int i = 0; i < 10; i++)
		answers("/status/404", 404);
	/* it opens in the middle of the retries, which end there */
	fails("/status/503", "web: answered 503", 3);
	refused();
	assert_int_equal(web_requests(&w.web), 3);
	nap(320);
	fails("/status/503", "web: answered 503", 1);
	refused();
	nap(320);
	answers("/ok", 200);
	assert_int_equal(guard_order(guard, GANTRY_BREAKER_HOLD_OPEN, 0, &err), 0);
	refused();
	guard_status(guard, &status);
	assert_true(status.held);
	assert_int_equal(guard_order(guard, GANTRY_BREAKER_HOLD_CLOSED, 0, &err), 0);
	fails("/status/503", "web: answered 503", 11);
	answers("/ok", 200);
	assert_int_equal(guard_order(guard, GANTRY_BREAKER_RESET, 0, &err), 0);
	fails("/reset", "web: the connection broke", 4);
	guard_status(guard, &status);
	assert_int_equal(status.state, GANTRY_BREAKER_OPEN);
	assert_true(status.until_ms > 0 && status.until_ms <= 300);
	stop();
}

/* Header, payload and signature are other tests' matter; here it is that. */
static void test_token(void **state)
{
	char first[1024];
	struct asked a;
	char *path;

	(void)state;
	start(", auth: ours, roles: [inventory-service, other], audience: orders");
	answers("/token", 200);
	assert_non_null(strstr(w.web.head, "Authorization: Bearer eyJ"));
	snprintf(first, sizeof(first), "%s", strstr(w.web.head, "Authorization: "));
	*strchr(first, '\r') = '\0';
	answers("/token", 200);
	assert_non_null(strstr(w.web.head, first));	/* it is kept */
	/* a token that is refused is signed anew, once */
	w.web.token = "never";
	web_reset(&w.web);
	answers("/token", 401);
	assert_int_equal(web_requests(&w.web), 2);
	/* without its key there is none */
	path = memory_format("%s/key", w.files.folder);
	assert_int_equal(unlink(path), 0);
	free(path);
	answers("/ok", 200);
	web_reset(&w.web);
	ask(&a, &GANTRY_REQUEST(.path = "/token"));
	assert_string_equal(a.call.error.message, "web: no token can be signed for it");
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	call_fini(&a.call);
	stop();
}

static void test_unknown(void **state)
{
	struct asked a = { .call = { .request = GANTRY_REQUEST(.upstream = "wep"),
				     .done = ended } };

	(void)state;
	start("");
	a.call.data = &a.done;
	upstreams_make(w.upstreams, &a.call);
	end(&a);
	assert_string_equal(a.call.error.message, "there is no upstream \"wep\"");
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_NOTHING);
	call_fini(&a.call);
	stop();
}

/* Many at once, of every kind, and all come to an end. */
static void test_crowd(void **state)
{
	static const char *const paths[] = { "/ok", "/status/404", "/late/20",
					     "/status/503", "/close", "/leave",
					     "/reset", "/text" };
	static struct asked a[160];
	unsigned good = 0;

	(void)state;
	start(", pool: 8, retries: 1, deadline: 20s, timeout: 5s, backoff: 1ms");
	for (int i = 0; i < 160; i++)
		begin(&a[i], &GANTRY_REQUEST(.path = paths[i % 8]));
	for (int i = 0; i < 160; i++) {
		end(&a[i]);
		good += a[i].call.answer.status != 0;
		call_fini(&a[i].call);
	}
	assert_int_equal(good, 100);
	assert_true(w.web.most <= 8);
	stop();
}

static void test_retry_wait(void **state)
{
	const struct retry_policy policy = { 3, 100, 1000 };
	struct retry_try last = { .transient = true, .left_ms = 100000 };
	static const int64_t most[] = { 100, 200, 400 };
	uint32_t chance = 1;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		int64_t lowest = INT64_MAX, highest = -1;

		last.before = i;
		for (int n = 0; n < 20000; n++) {
			int64_t wait = retry_wait(&policy, &last,
						  chance = chance * 1664525u + 1013904223u);

			lowest = wait < lowest ? wait : lowest;
			highest = wait > highest ? wait : highest;
		}
		assert_int_equal(lowest, 0);	/* full jitter */
		assert_int_equal(highest, most[i]);
	}
	last.before = 3;
	assert_int_equal(retry_wait(&policy, &last, 0), -1);
	last.before = 0;
	assert_int_equal(retry_wait(&policy, &last, UINT32_MAX), 100);
	last.left_ms = 100;
	assert_int_equal(retry_wait(&policy, &last, UINT32_MAX), -1);
	last.left_ms = 5000;
	last.after_ms = 1000;
	assert_int_equal(retry_wait(&policy, &last, 0), 1000);
	last.after_ms = 1001;
	assert_int_equal(retry_wait(&policy, &last, 0), -1);
	last.after_ms = 0;
	last.transient = false;
	assert_int_equal(retry_wait(&policy, &last, 0), -1);
	/* the cap */
	last = (struct retry_try){ .transient = true, .before = 9, .left_ms = 5000 };
	assert_int_equal(retry_wait(&(struct retry_policy){ 10, 100, 1000 }, &last,
				    UINT32_MAX), 1000);
}

static void test_retry_is_safe(void **state)
{
	static const char *const keyed[] = { "X-A: b", "idempotency-key: k", NULL };
	static const struct { const char *method; bool safe; } cases[] = {
		{ "GET", true }, { "HEAD", true }, { "PUT", true }, { "DELETE", true },
		{ "POST", false }, { "PATCH", false }, { "get", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct gantry_request r = GANTRY_REQUEST(.method = cases[i].method);

		assert_int_equal(retry_is_safe(&r), cases[i].safe);
		r.headers = keyed;
		assert_true(retry_is_safe(&r));
	}
	assert_true(retry_is_transient(503) && retry_is_transient(429));
	assert_false(retry_is_transient(404) || retry_is_transient(501));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_wait),
		cmocka_unit_test(test_retry_is_safe),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_verbatim),
		cmocka_unit_test(test_handles_are_used_again),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_dead_connection),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_crowd),
	};

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.ended, NULL);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
