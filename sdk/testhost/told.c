/* SPDX-License-Identifier: Apache-2.0 */
/* told - see told.h. */
#include "sdk/testhost/told.h"

#include <string.h>

#include "gateway/base/sized.h"
#include "gateway/pipeline/tree.h"

struct told_answer {
	struct told_answer *next;
	struct testhost_upstream is;
};

struct told_request {
	struct told_request *next;
	struct gantry_request is;
};

static bool told_fits(const struct testhost_upstream *is, const struct gantry_request *r)
{
	return strcmp(is->name, r->upstream) == 0 && strcmp(is->method, r->method) == 0 &&
	       strcmp(is->path, r->path) == 0 &&
	       (is->contains == NULL ||
		(r->body != NULL && strstr(r->body, is->contains) != NULL));
}

static const struct testhost_upstream *told_find(const struct told *told,
						 const struct gantry_request *r)
{
	for (const struct told_answer *a = told->answers; a != NULL; a = a->next)
		if (told_fits(&a->is, r))
			return &a->is;
	return NULL;
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

static void told_keep(struct told *told, const struct gantry_request *r,
		      const char *correlation_id)
{
	struct told_request *made = arena_zero(&told->arena, sizeof(*made));

	made->is = (struct gantry_request){
		.size = sizeof(made->is),
		.upstream = arena_text(&told->arena, r->upstream),
		.method = arena_text(&told->arena, r->method),
		.path = arena_text(&told->arena, r->path),
		.headers = told_lines(told, r->headers), .body_len = r->body_len,
		.want_json = r->want_json, .verbatim = r->verbatim,
		.correlation_id = arena_text(&told->arena, correlation_id),
	};
	if (r->body != NULL)
		made->is.body = arena_text_n(&told->arena, r->body, r->body_len);
	made->next = told->requests;
	told->requests = made;
	told->n_requests++;
}

void told_call(void *context, struct call *call)
{
	struct told *told = context;
	const struct gantry_request *r = &call->request;
	const struct testhost_upstream *is = told_find(told, r);
	bool fails = is == NULL || is->status == 0 ||
		     (!r->verbatim && (is->status == 408 || is->status == 429 ||
				       is->status >= 500));

	told_keep(told, r, call->correlation_id);
	if (!fails && !r->verbatim) {
		call->json = tree_load(is->body, strlen(is->body), 0, NULL);
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

void told_add(struct told *told, const struct testhost_upstream *upstream)
{
	struct told_answer *answer = arena_zero(&told->arena, sizeof(*answer));
	struct testhost_upstream *is = &answer->is;

	sized_take(is, sizeof(*is), upstream);
	is->name = arena_text(&told->arena, is->name);
	is->method = arena_text(&told->arena, is->method != NULL ? is->method : "GET");
	is->path = arena_text(&told->arena, is->path);
	is->body = arena_text(&told->arena, is->body != NULL ? is->body : "");
	is->headers = told_lines(told, is->headers);
	is->contains = arena_text(&told->arena, is->contains);
	answer->next = told->answers;
	told->answers = answer;
}

const struct gantry_request *told_request(const struct told *told, unsigned n)
{
	const struct told_request *made = told->requests;

	for (unsigned i = told->n_requests; made != NULL && i > n + 1; i--)
		made = made->next;
	return n < told->n_requests ? &made->is : NULL;
}
