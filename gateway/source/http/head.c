/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head - the first look at a request: is its head sound, and what of it goes
 * into the message, whose memory outlives libmicrohttpd's of the request.
 */
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/utf8.h"
#include "gateway/source/http/guard.h"
#include "gateway/source/http/raw.h"
#include "gateway/source/http/request.h"
#include "gateway/source/http/target.h"

struct head_walk {
	struct http_request *r;
	struct guard guard;
	struct raw raw;
	struct message_pair *pairs;
	unsigned n_pairs, room;
};

static enum MHD_Result head_line(void *cls, enum MHD_ValueKind kind,
				 const char *name, size_t name_len,
				 const char *value, size_t value_len)
{
	struct head_walk *walk = cls;
	struct message_pair *pair;
	size_t len = value_len;

	(void)kind;
	if (value == NULL)
		value = "";
	raw_line(&walk->raw, name, value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	name = arena_text_n(&walk->r->m.arena, name, name_len);
	value = arena_text_n(&walk->r->m.arena, value, len);
	guard_header(&walk->guard, name, name_len, value, len);
	if (walk->n_pairs == walk->room)
		return MHD_NO;
	/* never shown to handlers */
	if (name_len == 13 && strncasecmp(name, "Authorization", 13) == 0)
		return MHD_YES;
	pair = &walk->pairs[walk->n_pairs++];
	pair->name = name;
	pair->value = value;
	return MHD_YES;
}

static bool head_walk_lines(struct head_walk *walk)
{
	struct http_request *r = walk->r;
	int n = MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, NULL, NULL);

	if (n < 0 || n > GUARD_MAX_HEADERS)
		return false;
	walk->room = (unsigned)n;
	walk->pairs = arena_alloc(&r->m.arena,
				  (walk->room + 1) * sizeof(*walk->pairs));
	MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, head_line, walk);
	return true;
}

static size_t head_size(const struct http_request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info == NULL ? 0 : info->header_size;
}

static void head_take_known(struct http_request *r, const struct guard *g)
{
	struct gantry_message *m = &r->m;
	const char *id = g->known[GUARD_CORRELATION_ID];
	const char *trace = g->known[GUARD_TRACEPARENT];

	m->credential = g->known[GUARD_AUTHORIZATION];
	m->credential_len = g->known_len[GUARD_AUTHORIZATION];
	m->idempotency_key = g->known[GUARD_IDEMPOTENCY_KEY];
	if (id != NULL && message_is_correlation_id(id)) {
		m->correlation_id = id;
	} else if (id != NULL) {
		char *minted = arena_alloc(&m->arena, IDS_ULID);

		ids_ulid(m->received_ms, minted);
		m->correlation_id = minted;
	}
	if (trace != NULL && g->times[GUARD_TRACEPARENT] == 1 &&
	    target_is_traceparent(trace))
		m->traceparent = trace;
}

bool head_check(struct http_request *r, const char *method, const char *version)
{
	struct head_walk walk = { .r = r };
	size_t size = head_size(r);
	char *query = NULL;

	r->m.method = arena_text(&r->m.arena, method);
	guard_begin(&walk.guard, method, version);
	raw_begin(&walk.raw, method, r->raw_target, strlen(r->target), version, size);
	if (size > (size_t)r->loop->http->options.max_head ||
	    !head_walk_lines(&walk)) {
		reply_fail(r, "HEADERS_TOO_LARGE", NULL);
		return false;
	}
	head_take_known(r, &walk.guard);
	r->m.headers = walk.pairs;
	r->m.n_headers = walk.n_pairs;
	r->max_body = r->loop->limits.max_body;
	if (!guard_end(&walk.guard, r->max_body, &r->length)) {
		reply_fail(r, walk.guard.code, walk.guard.message);
		return false;
	}
	if (r->loop->looks_raw && !raw_end(&walk.raw)) {
		reply_fail(r, "VALIDATION_ERROR",
			   "the head has a line that is no header line");
		return false;
	}
	if (!target_split(r->target, &r->m.path, &query)) {
		reply_fail(r, "VALIDATION_ERROR", "the request target is not valid");
		return false;
	}
	r->content_type = walk.guard.known[GUARD_CONTENT_TYPE];
	r->query = query;
	return true;
}
