/* SPDX-License-Identifier: Apache-2.0 */
/* engine - see engine.h. Stands in for engine, route, envelope and message. */
#include "tests/fake/engine.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/memory.h"
#include "gateway/base/utf8.h"
#include "gateway/base/writer.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/envelope.h"

struct engine {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	struct gantry_message *queue, *held;
	unsigned seen, waiting;
	bool stop;
	void (*script)(void *ctx, struct gantry_message *m);
	void *ctx;
};

/* message */

void message_init(struct gantry_message *m, enum gantry_source source,
		  const struct message_home *home)
{
	struct arena arena = m->arena;

	*m = (struct gantry_message){ 0 };
	m->arena = arena;
	m->source = source;
	m->home = home;
	m->method = m->path = "";
}

static void fake_let_go(struct gantry_message *m)
{
	current_release(m->graph);
	m->graph = NULL;
}

void message_clear(struct gantry_message *m)
{
	fake_let_go(m);
	arena_reset(&m->arena);
}

void message_fini(struct gantry_message *m)
{
	fake_let_go(m);
	arena_fini(&m->arena);
}

bool message_is_correlation_id(const char *text)
{
	return utf8_is_printable_ascii(text, strlen(text), 128);
}

const char *gantry_header(const struct gantry_message *m, const char *name)
{
	for (unsigned i = 0; i < m->n_headers; i++)
		if (strcasecmp(m->headers[i].name, name) == 0)
			return m->headers[i].value;
	return NULL;
}

/* envelope */

const char *envelope_cause(const struct gantry_error *err, enum gantry_verdict verdict)
{
	(void)verdict;
	return err->code != NULL ? err->code : "OTHER";
}

static const struct envelope_code fake_codes[] = {
	{ "VALIDATION_ERROR", 400, false, "The request is not valid" },
	{ "ROUTE_NOT_FOUND", 404, false, "There is no such route" },
	{ "METHOD_NOT_ALLOWED", 405, false, "The method is not allowed" },
	{ "REQUEST_TIMEOUT", 408, true, "The request took too long" },
	{ "PAYLOAD_TOO_LARGE", 413, false, "The body is too large" },
	{ "UNSUPPORTED_MEDIA_TYPE", 415, false, "The body is not JSON" },
	{ "HEADERS_TOO_LARGE", 431, false, "The head is too large" },
	{ "OVERLOADED", 503, true, "Too busy" },
	{ "STORAGE_UNAVAILABLE", 503, true, "Not now" },
};

const struct envelope_code *envelope_code(const char *code)
{
	static const struct envelope_code other = { "OTHER", 422, false, "Other" };

	for (size_t i = 0; i < ARRAY_LENGTH(fake_codes); i++)
		if (strcmp(fake_codes[i].code, code) == 0)
			return &fake_codes[i];
	return &other;
}

int envelope_status(const char *code)
{
	return envelope_code(code)->status;
}

const char *envelope_text(struct arena *arena, const char *code,
			  const char *message, const char *details,
			  const char *correlation_id, size_t *len_out)
{
	struct writer w;

	writer_init(&w, arena, 256);
	writer_object(&w, NULL);
	writer_bool(&w, "success", false);
	writer_object(&w, "error");
	writer_text(&w, "code", code);
	writer_text(&w, "message", message);
	if (details != NULL)
		writer_raw(&w, "details", details, strlen(details));
	writer_text(&w, "correlationId", correlation_id);
	writer_end(&w);
	writer_end(&w);
	return writer_done(&w, len_out);
}

/* route */

static struct route fake_routes[] = {
	{ .source = GANTRY_SOURCE_HTTP, .number = 0, .method = "POST", .address = "/echo" },
	{ .source = GANTRY_SOURCE_HTTP, .number = 1, .method = "POST", .address = "/later" },
	{ .source = GANTRY_SOURCE_HTTP, .number = 2, .method = "POST", .address = "/hold" },
	{ .source = GANTRY_SOURCE_HTTP, .number = 3, .method = "POST", .address = "/refuse" },
	{ .source = GANTRY_SOURCE_HTTP, .number = 4, .method = "GET", .address = "/big" },
	{ .source = GANTRY_SOURCE_HTTP, .number = 5, .method = "GET", .address = "/echo/" },
	{ .source = GANTRY_SOURCE_HTTP, .number = 6, .method = "PUT", .address = "/echo" },
};

const struct graph *fake_graph(void)
{
	static struct route *list[ARRAY_LENGTH(fake_routes)];
	static struct graph graph = { .service = "test", .routes = list };

	for (size_t i = 0; i < ARRAY_LENGTH(fake_routes); i++)
		list[i] = &fake_routes[i];
	graph.n_routes = ARRAY_LENGTH(fake_routes);
	return &graph;
}

static bool fake_path_is(const struct route *route, const char *path)
{
	size_t len = strlen(route->address);

	return strcmp(route->address, path) == 0 ||
	       (route->address[len - 1] == '/' && path[len] != '\0' &&
		strncmp(route->address, path, len) == 0 &&
		strpbrk(path + len, "/") == NULL &&
		strcasestr(path, "%00") == NULL && strcasestr(path, "%2f") == NULL);
}

enum route_match route_find_http(const struct graph *graph, const char *method,
				 const char *path, struct arena *arena,
				 const struct route **route_out,
				 struct message_pair *params_out,
				 unsigned *n_params_out)
{
	enum route_match match = ROUTE_NOT_FOUND;

	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *route = graph->routes[i];

		if (!fake_path_is(route, path))
			continue;
		match = ROUTE_WRONG_METHOD;
		if (strcmp(route->method, method) != 0)
			continue;
		*route_out = route;
		params_out[0].name = "id";
		params_out[0].value = arena_text(arena, strrchr(path, '/') + 1);
		*n_params_out = 1;
		return ROUTE_FOUND;
	}
	return match;
}

const char *route_allowed(const struct graph *graph, const char *path,
			  struct arena *arena)
{
	const char *text = "";

	for (unsigned i = 0; i < graph->n_routes; i++)
		if (fake_path_is(graph->routes[i], path))
			text = arena_format(arena, "%s%s%s", text,
					    *text == '\0' ? "" : ", ",
					    graph->routes[i]->method);
	return text;
}

/* engine */

static void fake_echo(struct gantry_message *m)
{
	struct writer w;

	writer_init(&w, &m->arena, 256 + m->body_len);
	writer_object(&w, NULL);
	writer_text(&w, "method", m->method);
	writer_text(&w, "path", m->path);
	writer_text(&w, "correlation", m->correlation_id);
	writer_text(&w, "trace", m->traceparent);
	writer_text(&w, "key", m->idempotency_key);
	writer_text_n(&w, "credential", m->credential, m->credential_len);
	writer_array(&w, "query");
	for (unsigned i = 0; i < m->n_query; i++) {
		writer_text(&w, NULL, m->query[i].name);
		writer_text(&w, NULL, m->query[i].value);
	}
	writer_end(&w);
	writer_int(&w, "headers", m->n_headers);
	writer_int(&w, "length", (int64_t)m->body_len);
	if (m->body_len <= 4096)
		writer_text_n(&w, "body", m->body, m->body_len);
	writer_end(&w);
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 200 };
	m->answer.text = writer_done(&w, &m->answer.len);
}

static void fake_answer(struct gantry_message *m)
{
	static const struct message_pair location = { "Location", "/echo/1" };
	int number = m->route == NULL ? 0 : (int)m->route->number;

	if (number == 4) {
		char *big = arena_alloc(&m->arena, 1 << 20);

		memset(big, 'x', 1 << 20);
		m->answer = (struct message_answer){
			.status = 200, .text = big, .len = 1 << 20 };
	} else if (number == 3) {
		m->answer = (struct message_answer){
			.verdict = GANTRY_REJECTED, .status = 409 };
		m->answer.text = envelope_text(&m->arena, "REFUSED", "no", NULL,
					       "c", &m->answer.len);
	} else {
		fake_echo(m);
		m->answer.headers = &location;
		m->answer.n_headers = 1;
	}
}

static void *fake_run(void *arg)
{
	struct engine *e = arg;

	pthread_mutex_lock(&e->lock);
	for (;;) {
		struct gantry_message *m = e->queue;

		if (m == NULL && e->stop)
			break;
		if (m == NULL) {
			pthread_cond_wait(&e->more, &e->lock);
			continue;
		}
		e->queue = m->next;
		e->waiting--;
		pthread_mutex_unlock(&e->lock);
		if (m->n_query > 0 && strcmp(m->query[0].name, "ms") == 0)
			nanosleep(&(struct timespec){
				.tv_nsec = atoi(m->query[0].value) * 1000000L }, NULL);
		if (e->script != NULL)
			e->script(e->ctx, m);
		else
			fake_answer(m);
		m->home->answer(m);
		pthread_mutex_lock(&e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

static void fake_push(struct gantry_message **list, struct gantry_message *m)
{
	while (*list != NULL)
		list = &(*list)->next;
	m->next = NULL;
	*list = m;
}

struct spans *engine_spans(const struct engine *engine)
{
	(void)engine;
	return NULL;
}

void engine_submit(struct engine *e, struct gantry_message *m)
{
	int number = m->route == NULL ? 0 : (int)m->route->number;
	bool wait = number == 1 || number == 2 || m->source == GANTRY_SOURCE_SCHEDULE;

	m->engine = e;
	/* of other lanes than what runs */
	if (m->lease != NULL) {
		e->script(e->ctx, m);
		m->home->answer(m);
		return;
	}
	pthread_mutex_lock(&e->lock);
	e->seen++;
	if (wait) {
		e->waiting++;
		fake_push(number == 2 ? &e->held : &e->queue, m);
		pthread_cond_signal(&e->more);
	}
	pthread_mutex_unlock(&e->lock);
	if (wait)
		return;
	fake_answer(m);
	m->home->answer(m);
}

void fake_release(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	while (e->held != NULL) {
		struct gantry_message *m = e->held;

		e->held = m->next;
		fake_push(&e->queue, m);
	}
	pthread_cond_signal(&e->more);
	pthread_mutex_unlock(&e->lock);
}

unsigned fake_seen(struct engine *e)
{
	unsigned n;

	pthread_mutex_lock(&e->lock);
	n = e->seen;
	pthread_mutex_unlock(&e->lock);
	return n;
}

unsigned fake_waiting(struct engine *e)
{
	unsigned n;

	pthread_mutex_lock(&e->lock);
	n = e->waiting;
	pthread_mutex_unlock(&e->lock);
	return n;
}

void fake_script(struct engine *e,
		 void (*answer)(void *ctx, struct gantry_message *m), void *ctx)
{
	e->script = answer;
	e->ctx = ctx;
}

struct engine *fake_new(void)
{
	struct engine *e = memory_new(sizeof(*e));

	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->more, NULL);
	if (pthread_create(&e->thread, NULL, fake_run, e) != 0)
		abort();
	return e;
}

void fake_free(struct engine **engine)
{
	struct engine *e = *engine;

	fake_release(e);
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	pthread_cond_signal(&e->more);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->more);
	pthread_mutex_destroy(&e->lock);
	free(e);
	*engine = NULL;
}
