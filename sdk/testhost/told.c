/* SPDX-License-Identifier: Apache-2.0 */
/* told - see told.h. */
#include "sdk/testhost/told.h"

#include <string.h>

struct told_answer {
	struct told_answer *next;
	struct testhost_upstream is;
};

static const struct testhost_upstream *told_find(const struct told *told,
						 const struct gantry_request *r)
{
	for (const struct told_answer *a = told->answers; a != NULL; a = a->next)
		if (strcmp(a->is.name, r->upstream) == 0 &&
		    strcmp(a->is.method, r->method) == 0 &&
		    strcmp(a->is.path, r->path) == 0)
			return &a->is;
	return NULL;
}

static const char *told_write(struct told *told, const struct gantry_request *r)
{
	char *text = arena_format(&told->arena, "%s %s %s\n", r->method, r->upstream,
				  r->path);

	for (const char *const *h = r->headers; *h != NULL; h++)
		text = arena_format(&told->arena, "%s%s\n", text, *h);
	return arena_format(&told->arena, "%s\n%.*s", text, (int)r->body_len,
			    r->body != NULL ? r->body : "");
}

void told_call(void *maker, struct call *call)
{
	struct told *told = maker;
	const struct gantry_request *r = &call->request;
	const struct testhost_upstream *is = told_find(told, r);
	bool fails = is == NULL || is->status == 0 ||
		     (!r->verbatim && (is->status == 408 || is->status == 429 ||
				       is->status >= 500));

	told->calls++;
	told->called = told_write(told, r);
	if (!fails && !r->verbatim) {
		call->json = call_json(is->body, strlen(is->body));
		fails = r->want_json && is->status < 300 && call->json == NULL;
	}
	if (fails) {
		call_fail(call, r->verbatim ? "UPSTREAM_UNREACHABLE" : NULL,
			  GANTRY_DEPENDS_ON_UPSTREAM, "%s: %s %s", r->upstream,
			  is != NULL ? "does not answer" :
				       "nobody told what to answer to", r->path);
		return;
	}
	call->answer = (struct gantry_answer){
		.size = sizeof(call->answer), .status = is->status, .body = is->body,
		.body_len = strlen(is->body), .json = call->json, .headers = is->headers,
	};
	call->done(call);
}

static const char *const *told_lines(struct told *told, const char *const *from)
{
	const char **lines;
	size_t n = 0;

	while (from != NULL && from[n] != NULL)
		n++;
	lines = arena_zero(&told->arena, (n + 1) * sizeof(*lines));
	for (size_t i = 0; i < n; i++)
		lines[i] = arena_text(&told->arena, from[i]);
	return lines;
}

void told_add(struct told *told, const struct testhost_upstream *upstream)
{
	struct told_answer *a = arena_zero(&told->arena, sizeof(*a));
	size_t size = upstream->size < sizeof(a->is) ? upstream->size : sizeof(a->is);

	memcpy(&a->is, upstream, size);
	a->is.name = arena_text(&told->arena, a->is.name);
	a->is.method = arena_text(&told->arena, a->is.method != NULL ? a->is.method : "GET");
	a->is.path = arena_text(&told->arena, a->is.path);
	a->is.body = arena_text(&told->arena, a->is.body != NULL ? a->is.body : "");
	a->is.headers = told_lines(told, a->is.headers);
	a->next = told->answers;
	told->answers = a;
}
