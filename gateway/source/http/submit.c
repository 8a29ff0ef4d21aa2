/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit - a request is whole: is it a fixed page, the listener's own, or a
 * route's? Calls nothing of libmicrohttpd.
 */
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/pipeline/engine.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/source/http/guard.h"
#include "gateway/source/http/request.h"
#include "gateway/source/http/target.h"

static bool submit_is_reading(const struct gantry_message *m)
{
	return strcmp(m->method, "GET") == 0 || strcmp(m->method, "HEAD") == 0;
}

static void submit_refuse(struct http_request *r, const char *code,
			  const char *message)
{
	reply_fail(r, code, message);
	r->state = REQUEST_ANSWERED;
}

static bool submit_page(struct http_request *r)
{
	const struct http_ops *ops = &r->loop->http->options.ops;
	struct message_answer *answer = &r->m.answer;
	const char *type = "application/json";
	unsigned i = 0;

	while (i < ops->n_pages && strcmp(ops->pages[i].path, r->m.path) != 0)
		i++;
	if (i == ops->n_pages)
		return false;
	if (!submit_is_reading(&r->m)) {
		submit_refuse(r, "METHOD_NOT_ALLOWED", NULL);
		reply_header(r, "Allow", "GET, HEAD");
		return true;
	}
	*answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 200 };
	ops->pages[i].render(ops->ctx, &r->m.arena, &answer->status, &type,
			     &answer->text, &answer->len);
	reply_header(r, "Content-Type", type);
	r->state = REQUEST_ANSWERED;
	return true;
}

static bool submit_find_route(struct http_request *r)
{
	struct gantry_message *m = &r->m;
	struct message_pair *params =
		arena_alloc(&m->arena, ROUTE_MAX_PARAMS * sizeof(*params));
	const char *decoded;

	m->params = params;
	m->graph = atomic_load_explicit(&r->loop->http->graph, memory_order_acquire);
	switch (route_find_http(m->graph, m->method, m->path, &m->arena,
				&m->route, params, &m->n_params)) {
	case ROUTE_FOUND:
		break;
	case ROUTE_WRONG_METHOD:
		submit_refuse(r, "METHOD_NOT_ALLOWED", NULL);
		reply_header(r, "Allow", route_allowed(m->graph, m->path, &m->arena));
		return false;
	default:
		submit_refuse(r, "ROUTE_NOT_FOUND", NULL);
		return false;
	}
	m->raw_path = m->path;
	m->raw_query = r->query;
	/* a path that was found has no %2F, so this is not ambiguous */
	decoded = target_decode(m->path, strlen(m->path), false, &m->arena);
	if (decoded != NULL)
		m->path = decoded;
	return true;
}

static bool submit_check_type(struct http_request *r)
{
	if (r->m.body_len == 0 || r->loop->http->options.ops.any_content_type ||
	    (r->m.route != NULL && r->m.route->verbatim) ||
	    (r->content_type != NULL && guard_is_json(r->content_type)))
		return true;
	submit_refuse(r, "UNSUPPORTED_MEDIA_TYPE", NULL);
	return false;
}

static bool submit_take_query(struct http_request *r)
{
	struct message_pair *pairs = NULL;

	if (r->query == NULL)
		return true;
	if (!target_query(r->query, &r->m.arena, &pairs, &r->m.n_query)) {
		submit_refuse(r, "VALIDATION_ERROR",
			      "the query has a bad escape or too many arguments");
		return false;
	}
	r->m.query = pairs;
	return true;
}

void request_dispatch(struct http_request *r)
{
	const struct http *http = r->loop->http;
	const struct http_ops *ops = &http->options.ops;

	if (submit_page(r))
		return;
	if ((ops->handle == NULL && !submit_find_route(r)) ||
	    !submit_check_type(r) || !submit_take_query(r))
		return;
	r->m.deadline_ms = clock_steady_ns() / 1000000 +
			   http->options.request_timeout_ms;
	traced_begin(r);
	r->state = REQUEST_WAITING;
	r->refs++;
	r->loop->submitting = r;
	if (ops->handle != NULL)
		ops->handle(ops->ctx, &r->m);
	else
		engine_submit(http->engine, &r->m);
	/* from here on r->m is not ours unless it was answered inside */
	r->loop->submitting = NULL;
}
