/* SPDX-License-Identifier: Apache-2.0 */
/* traced - see traced.h. */
#include "gateway/upstream/traced.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/parse.h"

void traced_call_begin(struct traced *t, const struct call *call)
{
	if (!call->parent.sampled)
		return;
	t->call = call->parent;
	span_mint(t->call.id);
	t->call_ns = clock_steady_ns();
}

void traced_call_end(const struct traced *t, const struct call *call,
		     const struct traced_call *end)
{
	struct gantry_breaker_status status = { .size = sizeof(status) };
	const char *path = call->request.path;
	char text[160];
	struct span *span;

	if (!t->call.sampled)
		return;
	snprintf(text, sizeof(text), "call %s", call->request.upstream);
	span = span_claim(call->spans, text, SPAN_INTERNAL);
	if (span == NULL)
		return;
	span->context = t->call;
	memcpy(span->parent, call->parent.id, sizeof(span->parent));
	span->began_ns = t->call_ns;
	span->ended_ns = clock_steady_ns();
	span_add_text(span, "gantry.upstream", call->request.upstream);
	span_add_text(span, "http.request.method", call->request.method);
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(path, "?"), path);
	span_add_text(span, "url.path", text);
	span_add_number(span, "gantry.tries", end->tries);
	if (end->guard != NULL) {
		guard_status(end->guard, &status);
		span_add_text(span, "gantry.breaker", guard_name(end->guard));
		span_add_word(span, "gantry.breaker.state", guard_state_name(status.state));
	}
	if (end->failed != NULL)
		span_fail(span, end->failed, end->why);
	span_commit(call->spans, span);
}

const char *traced_try_begin(struct traced *t, const struct call *call)
{
	struct span_context context = t->call;

	if (!t->call.sampled)
		return call->traceparent;
	span_mint(t->attempt);
	memcpy(context.id, t->attempt, sizeof(context.id));
	span_format(&context, t->traceparent);
	t->try_ns = clock_steady_ns();
	return t->traceparent;
}

/* Host and port of a URL that was checked; the port that it does not say. */
static void traced_server(struct span *span, const char *url)
{
	int64_t port = strncmp(url, "https:", 6) == 0 ? 443 : 80;
	const char *host = strstr(url, "://") + 3, *colon;
	size_t len = strcspn(host, "/");
	char text[300];

	snprintf(text, sizeof(text), "%.*s", (int)len, host);
	colon = strrchr(text, ':');
	if (colon != NULL && strchr(colon, ']') == NULL &&
	    parse_integer(colon + 1, &port))
		text[colon - text] = '\0';
	span_add_text(span, "server.address", text);
	span_add_number(span, "server.port", port);
}

static void traced_url(struct span *span, const char *url, const char *path)
{
	size_t len = strlen(url);
	char text[SPAN_TEXT];

	while (len > 0 && url[len - 1] == '/')
		len--;
	snprintf(text, sizeof(text), "%.*s%.*s", (int)len, url,
		 (int)strcspn(path, "?"), path);
	span_add_text(span, "url.full", text);
}

static void traced_status(struct span *span, const struct traced_try *end)
{
	char status[16];

	if (end->status != 0)
		span_add_number(span, "http.response.status_code", end->status);
	snprintf(status, sizeof(status), "%d", end->status);
	if (end->status >= 400)
		span_fail(span, status, end->why);
	else if (end->why != NULL)
		span_fail(span, end->failed != NULL ? end->failed : "_OTHER", end->why);
}

void traced_try_end(const struct traced *t, const struct call *call,
		    const struct traced_try *end)
{
	struct span *span;

	if (!t->call.sampled)
		return;
	span = span_claim(call->spans, call->request.method, SPAN_CLIENT);
	if (span == NULL)
		return;
	span->context = t->call;
	memcpy(span->context.id, t->attempt, sizeof(span->context.id));
	memcpy(span->parent, t->call.id, sizeof(span->parent));
	span->began_ns = t->try_ns;
	span->ended_ns = clock_steady_ns();
	span_add_text(span, "http.request.method", call->request.method);
	traced_server(span, end->url);
	traced_url(span, end->url, call->request.path);
	if (end->before > 0)
		span_add_number(span, "http.request.resend_count", end->before);
	traced_status(span, end);
	span_commit(call->spans, span);
}
