/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traced - the span of a request, by the conventions of OpenTelemetry for HTTP
 * servers. Without the query, which may hold secrets. It knows nothing of what
 * the request is about.
 */
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/source/http/request.h"

void traced_begin(struct http_request *r)
{
	trace_begin(&r->m, r->loop->http->options.spans);
	/* since its first line was there */
	r->m.trace.began_ns = r->began_ns;
}

static void traced_host(struct span *span, struct http_request *r)
{
	const char *host = gantry_header(&r->m, "host"), *colon;
	int64_t port;

	if (host == NULL || *host == '\0')
		return;
	colon = strrchr(host, ':');
	if (colon == NULL || strchr(colon, ']') != NULL ||
	    !parse_integer(colon + 1, &port)) {
		span_add_text(span, "server.address", host);
		return;
	}
	span_add_text(span, "server.address",
		      arena_text_n(&r->m.arena, host, (size_t)(colon - host)));
	span_add_number(span, "server.port", port);
}

static void traced_said(struct span *span, const struct gantry_message *m)
{
	char status[16];

	span_add_number(span, "http.response.status_code", m->answer.status);
	snprintf(status, sizeof(status), "%d", m->answer.status);
	if (m->answer.status >= 500)
		span_fail(span, status, m->error.message);
	if (m->answer.status >= 400)
		span_add_text(span, "gantry.code", m->error.code);
}

/* Known methods alone: others would be without number. */
static const char *traced_method(const struct gantry_message *m)
{
	static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH",
					     "DELETE", "OPTIONS", NULL };
	unsigned i = 0;

	while (known[i] != NULL && strcmp(known[i], m->method) != 0)
		i++;
	return known[i];
}

static const char *traced_name(const struct gantry_message *m)
{
	const char *method = traced_method(m);

	if (m->route != NULL)
		return m->route->address;
	return method != NULL ? method : "HTTP";
}

void traced_answered(struct http_request *r)
{
	struct gantry_message *m = &r->m;
	const char *route, *method;
	struct span *span;

	/* the API's own refusals are looked at, too; a page of the admin's not */
	if (m->trace.spans == NULL && r->loop->http->options.ops.handle == NULL)
		traced_begin(r);
	span = trace_own(m, traced_name(m), SPAN_SERVER);
	if (span == NULL)
		return;
	method = traced_method(m);
	span_add_word(span, "http.request.method", method != NULL ? method : "_OTHER");
	if (method == NULL)
		span_add_text(span, "http.request.method_original", m->method);
	span_add_word(span, "url.scheme", r->connection->tls != NULL ? "https" : "http");
	span_add_text(span, "url.path", m->path);
	route = m->route != NULL ? strchr(m->route->address, ' ') : NULL;
	if (route != NULL)
		span_add_text(span, "http.route", route + 1);
	traced_host(span, r);
	traced_said(span, m);
	span_commit(m->trace.spans, span);
}
