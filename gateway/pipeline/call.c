/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - gantry_call() of gantry/ask.h, and the calls of a message on their
 * way. A message with calls is parked: nobody touches it until the last of them
 * is done, whichever thread that is on, and a reader runs it on.
 */
#include "gateway/pipeline/call.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/base/sized.h"
#include "gateway/base/utf8.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/engine_private.h"
#include "gateway/pipeline/meters.h"

/* The core's own, or those that decide where a request ends. */
static const struct {
	const char *name;
	size_t len;
} call_own_headers[] = {
	{ "authorization", 13 }, { "connection", 10 }, { "content-length", 14 },
	{ "expect", 6 }, { "host", 4 }, { "te", 2 }, { "trailer", 7 },
	{ "traceparent", 11 }, { "tracestate", 10 }, { "transfer-encoding", 17 },
	{ "upgrade", 7 }, { "x-correlation-id", 16 },
};

struct calls {
	struct engine *engine;
	struct gantry_message *m;
	_Atomic unsigned left;		/* calls, and one for calls_start() */
};

void call_fini(struct call *call)
{
	json_decref(call->json);
	call->json = NULL;
	error_fini(&call->error);
	arena_fini(&call->arena);
}

void call_fail(struct call *call, const char *code, enum gantry_dependency on,
	       const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_vdepends(&call->error, on, format, ap);
	va_end(ap);
	if (code != NULL)
		gantry_retry(&call->error, code);
	call->done(call);
}

/* Whether it was the last. */
static bool calls_less(struct calls *calls)
{
	struct gantry_message *m = calls->m;

	if (atomic_fetch_sub(&calls->left, 1) != 1)
		return false;
	for (struct message_ask *ask = m->asks; ask != NULL; ask = ask->next) {
		if (ask->kind != ASK_CALL || ask->answered)
			continue;
		if (ask->call->error.message[0] != '\0')
			ask_fail(m, ask, &ask->call->error);
		ask->answered = true;
	}
	return true;
}

static bool calls_is_inline(const struct gantry_message *m)
{
	return m->route->steps[m->step].instance->plugin->threads == GANTRY_INLINE;
}

/* An upstream that is not there gets no name on the metrics page. */
static void calls_count(struct metrics *metrics, const struct call *call)
{
	bool failed = call->error.message[0] != '\0';
	bool known = !failed || call->error.dependency != GANTRY_DEPENDS_ON_NOTHING;
	unsigned upstream;

	if (metrics == NULL)
		return;
	metrics_add(metrics, METER_ASKS, METERS_UPSTREAM,
		    failed ? METERS_FAILED : METERS_ANSWERED, 1);
	upstream = metrics_value(metrics, &meters_upstream,
				 known ? call->request.upstream : NULL);
	if (call->began_ns == 0)
		metrics_observe(metrics, METER_UPSTREAM_SECONDS, upstream, 0, 0);
	else
		metrics_observe_since(metrics, METER_UPSTREAM_SECONDS, upstream, 0,
				      call->began_ns);
}

static void calls_done(struct call *call)
{
	struct calls *calls = call->data;

	calls_count(calls->engine->options.metrics, call);
	if (!calls_less(calls))
		return;
	if (calls_is_inline(calls->m))
		engine_run(calls->engine, calls->m);
	else
		readers_push(calls->engine->readers, calls->m);
}

static void *calls_maker(const struct engine *engine, const struct gantry_message *m)
{
	return m->graph != NULL && m->graph->upstreams != NULL ?
		       (void *)m->graph->upstreams : engine->calls.maker;
}

static void calls_make(struct calls *calls, struct call *call)
{
	const struct call_maker *maker = &calls->engine->calls;

	call->data = calls;
	call->done = calls_done;
	atomic_fetch_add(&calls->left, 1);
	if (maker->make != NULL)
		maker->make(calls_maker(calls->engine, calls->m), call);
	else
		call_fail(call, NULL, GANTRY_DEPENDS_ON_NOTHING,
			  "there is no upstream \"%s\"", call->request.upstream);
}

enum calls_started calls_start(struct engine *engine, struct gantry_message *m)
{
	struct calls *calls;
	struct message_ask *ask, *next;
	bool any = false;

	for (ask = ask_open(m->asks); ask != NULL; ask = ask_open(ask->next))
		any |= ask->kind == ASK_CALL;
	if (!any)
		return CALLS_DONE;
	calls = arena_alloc(&m->arena, sizeof(*calls));
	calls->engine = engine;
	calls->m = m;
	atomic_init(&calls->left, 1);
	for (ask = m->asks; ask != NULL; ask = next) {
		next = ask->next;
		if (ask->kind == ASK_CALL && !ask->answered)
			calls_make(calls, ask->call);
	}
	return calls_less(calls) ? CALLS_DONE : CALLS_PARKED;
}

bool call_is_token(const char *text, size_t len)
{
	static const char others[] = "!#$%&'*+.^_`|~";

	for (size_t i = 0; i < len; i++) {
		char c = text[i], lower = c | 0x20;

		if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') && c != '-' &&
		    (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return len > 0;
}

static int call_check_header(const char *header, struct gantry_error *err)
{
	size_t name = strcspn(header, ":");
	const char *value = header + name + 1;

	if (header[name] != ':' || !call_is_token(header, name) ||
	    strlen(value) > CALL_MAX_HEADER)
		return gantry_fail(err, "not a header \"Name: value\": \"%.64s\"",
				   header);
	for (; *value != '\0'; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
			return gantry_fail(err, "the header %.*s has a control character",
					   (int)name, header);
	for (size_t i = 0; i < ARRAY_LENGTH(call_own_headers); i++)
		if (call_own_headers[i].len == name &&
		    strncasecmp(header, call_own_headers[i].name, name) == 0)
			return gantry_fail(err, "the header %.*s is Gantry's own",
					   (int)name, header);
	return 0;
}

static int call_check_path(const char *path, struct gantry_error *err)
{
	size_t len = path != NULL ? strlen(path) : 0;

	if (len > 0 && *path == '/' && strpbrk(path, " #") == NULL &&
	    utf8_is_printable_ascii(path, len, CALL_MAX_PATH))
		return 0;
	return gantry_fail(err, "a call's path begins with /, is percent-encoded "
			   "and has at most %u bytes", CALL_MAX_PATH);
}

static int call_check(const struct gantry_request *r, struct gantry_error *err)
{
	unsigned n = 0;

	if (r->upstream == NULL || !utf8_is_id(r->upstream, strlen(r->upstream), 64))
		return gantry_fail(err, "a call needs the name of an upstream");
	if (strlen(r->method) > 16 || !call_is_token(r->method, strlen(r->method)))
		return gantry_fail(err, "not a method: \"%.32s\"", r->method);
	if (r->body_len > CALL_MAX_BODY)
		return gantry_fail(err, "the body of a call has at most %u bytes",
				   CALL_MAX_BODY);
	if (r->correlation_id != NULL && !message_is_correlation_id(r->correlation_id))
		return gantry_fail(err, "a correlation id is 1 to 128 printable bytes");
	for (; r->headers[n] != NULL; n++) {
		if (n == CALL_MAX_HEADERS)
			return gantry_fail(err, "a call has at most %u headers",
					   CALL_MAX_HEADERS);
		if (call_check_header(r->headers[n], err) < 0)
			return -1;
	}
	return call_check_path(r->path, err);
}

/* What was left out is filled in, also by plugins of an older level. */
static struct gantry_request call_whole(const struct gantry_request *from)
{
	static const char *const none[] = { NULL };
	struct gantry_request to;

	sized_take(&to, sizeof(to), from);
	if (to.method == NULL)
		to.method = "GET";
	if (to.headers == NULL)
		to.headers = none;
	if (to.body == NULL)
		to.body_len = 0;
	else if (to.body_len == 0)
		to.body_len = strlen(to.body);
	return to;
}

/* A copy that lives as long as the message; so does the message's own body. */
static struct gantry_request call_copy(struct gantry_message *m,
				       const struct gantry_request *from)
{
	struct arena *arena = &m->arena;
	struct gantry_request to = *from;
	const char **headers;
	unsigned n = 0;

	to.upstream = arena_text(arena, from->upstream);
	to.method = arena_text(arena, from->method);
	to.path = arena_text(arena, from->path);
	to.order_id = arena_text(arena, from->order_id);
	to.correlation_id = arena_text(arena, from->correlation_id);
	while (from->headers[n] != NULL)
		n++;
	headers = arena_zero(arena, (n + 1) * sizeof(*headers));
	for (unsigned i = 0; i < n; i++)
		headers[i] = arena_text(arena, from->headers[i]);
	to.headers = headers;
	if (from->body != NULL && from->body != m->body)
		to.body = arena_text_n(arena, from->body, from->body_len);
	return to;
}

static bool call_same_headers(const char *const *a, const char *const *b)
{
	for (; *a != NULL && *b != NULL; a++, b++)
		if (*a != *b && strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

static bool call_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool call_same(const struct gantry_request *a, const struct gantry_request *b)
{
	return call_same_text(a->correlation_id, b->correlation_id) &&
	       strcmp(a->upstream, b->upstream) == 0 &&
	       strcmp(a->method, b->method) == 0 && strcmp(a->path, b->path) == 0 &&
	       a->want_json == b->want_json && a->verbatim == b->verbatim &&
	       a->body_len == b->body_len && (a->body == NULL) == (b->body == NULL) &&
	       (a->body == b->body || memcmp(a->body, b->body, a->body_len) == 0) &&
	       call_same_headers(a->headers, b->headers);
}

/* What it has of its message, whose order may be known by now. */
static void call_prepare(struct call *call, struct gantry_message *m)
{
	message_correlate(m);
	call->correlation_id = call->request.correlation_id;
	if (call->correlation_id == NULL)
		call->correlation_id = m->correlation_id;
	call->traceparent = m->traceparent;
	call->tracestate = trace_state(m);
	call->spans = m->trace.spans;
	call->parent = trace_below(m, m->trace.step);
	call->deadline_ms = m->deadline_ms;
}

struct message_ask *call_ask(struct gantry_message *m, const struct gantry_request *request,
			     struct gantry_error *err)
{
	const struct gantry_request whole = call_whole(request);
	struct message_ask *ask;

	if (whole.upstream == NULL || whole.path == NULL) {
		call_check(&whole, err);
		return NULL;
	}
	for (ask = m->asks; ask != NULL; ask = ask->next)
		if (ask->kind == ASK_CALL && call_same(&ask->call->request, &whole))
			return ask;
	/* one that is there was checked before */
	if (call_check(&whole, err) < 0)
		return NULL;
	ask = ask_add(m, ASK_CALL, err);
	if (ask == NULL)
		return NULL;
	ask->call = arena_zero(&m->arena, sizeof(*ask->call));
	ask->call->request = call_copy(m, &whole);
	ask->call->arena = m->spare;
	m->spare = (struct arena){ 0 };
	message_name_order(m, whole.order_id);
	call_prepare(ask->call, m);
	return ask;
}

/* What will not be tried is answered in this run. */
static void call_refuse(struct gantry_message *m, struct message_ask *ask)
{
	struct engine *engine = m->engine;

	if (ask->answered || engine == NULL || engine->calls.refuse == NULL)
		return;
	if (!engine->calls.refuse(calls_maker(engine, m), ask->call))
		return;
	calls_count(engine->options.metrics, ask->call);
	ask_fail(m, ask, &ask->call->error);
}

const struct gantry_answer *gantry_call(struct gantry_message *m,
					const struct gantry_request *request,
					struct gantry_error *err)
{
	struct message_ask *ask = call_ask(m, request, err);

	if (ask == NULL)
		return NULL;
	call_refuse(m, ask);
	return ask_is_good(m, ask, err) ? &ask->call->answer : NULL;
}

const char *gantry_answer_header(const struct gantry_answer *answer,
				 const char *name)
{
	size_t len = strlen(name);

	for (const char *const *h = answer->headers; h != NULL && *h != NULL; h++)
		if (strncasecmp(*h, name, len) == 0 && (*h)[len] == ':')
			return *h + len + 1 + strspn(*h + len + 1, " \t");
	return NULL;
}

const char *gantry_escape(struct gantry_message *m, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	bool dots = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
	char *out = arena_alloc(&m->arena, 3 * strlen(text) + 1), *to = out;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text, lower = c | 0x20;

		if ((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z' && c < 0x80) ||
		    (strchr("-_~", c) != NULL) || (c == '.' && !dots)) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	*to = '\0';
	return out;
}
