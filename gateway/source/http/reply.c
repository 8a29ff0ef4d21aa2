/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - from a message's answer to libmicrohttpd's response, without a
 * copy: the text stays in the message's arena until the response is done.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/log.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/source/http/request.h"
#include "gateway/source/http/tls.h"

static void reply_free(void *request)
{
	request_unref(request);
}

static const char *reply_correlation(struct gantry_message *m)
{
	if (m->correlation_id == NULL) {
		char *minted = arena_alloc(&m->arena, IDS_ULID);

		ids_ulid(clock_now_ms(), minted);
		m->correlation_id = minted;
	}
	return m->correlation_id;
}

void reply_header(struct http_request *r, const char *name, const char *value)
{
	struct message_answer *answer = &r->m.answer;
	struct message_pair *pairs = arena_alloc(
		&r->m.arena, (answer->n_headers + 1) * sizeof(*pairs));

	if (answer->n_headers > 0)
		memcpy(pairs, answer->headers,
		       answer->n_headers * sizeof(*pairs));
	pairs[answer->n_headers].name = name;
	pairs[answer->n_headers].value = value;
	answer->headers = pairs;
	answer->n_headers++;
}

void reply_fail(struct http_request *r, const char *code, const char *message)
{
	const struct envelope_code *row = envelope_code(code);
	struct message_answer *answer = &r->m.answer;

	*answer = (struct message_answer){
		.verdict = GANTRY_REJECTED,
		.status = row->status,
	};
	answer->text = envelope_text(&r->m.arena, code,
				     message != NULL ? message : row->text, NULL,
				     reply_correlation(&r->m), &answer->len);
}

static bool reply_add_headers(struct http_request *r, struct MHD_Response *out)
{
	const struct message_answer *answer = &r->m.answer;
	const struct http_ops *ops = &r->loop->http->options.ops;
	bool typed = false, fine;

	for (unsigned i = 0; i < answer->n_headers; i++) {
		const struct message_pair *pair = &answer->headers[i];

		typed = typed || strcasecmp(pair->name, "Content-Type") == 0;
		/* what a header cannot hold is left out, the rest is sent */
		if (MHD_add_response_header(out, pair->name, pair->value) == MHD_NO)
			log_line(GANTRY_LOG_WARNING, r->m.correlation_id,
				 r->m.traceparent,
				 "http: the answer's header %s has a value "
				 "that cannot be sent", pair->name);
	}
	fine = typed || answer->len == 0 || answer->passed ||
	       MHD_add_response_header(out, "Content-Type", "application/json") == MHD_YES;
	fine = fine && MHD_add_response_header(out, "X-Correlation-ID",
					       reply_correlation(&r->m)) == MHD_YES;
	for (unsigned i = 0; i < ops->n_headers; i++)
		fine = fine && MHD_add_response_header(out, ops->headers[i].name,
						       ops->headers[i].value) == MHD_YES;
	if (r->close)
		fine = fine && MHD_add_response_header(out, "Connection", "close") == MHD_YES;
	return fine;
}

static void reply_observe(struct http_request *r)
{
	const struct http_ops *ops = &r->loop->http->options.ops;

	if (ops->answered != NULL)
		ops->answered(ops->ctx, &r->m, clock_steady_ns() - r->began_ns);
	if (r->loop->http->options.spans != NULL)
		traced_answered(r);
}

/* The library asks for nothing of an answer to HEAD but its length. */
static ssize_t reply_no_body(void *request, uint64_t at, char *to, size_t room)
{
	(void)request;
	(void)at;
	(void)to;
	(void)room;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *reply_body(struct http_request *r)
{
	const struct message_answer *answer = &r->m.answer;

	if (answer->head_len != 0 && strcmp(r->m.method, "HEAD") == 0)
		return MHD_create_response_from_callback(
			answer->head_len > 0 ? (uint64_t)answer->head_len :
			MHD_SIZE_UNKNOWN, 1024, reply_no_body, r, reply_free);
	return MHD_create_response_from_buffer_with_free_callback_cls(
		answer->len, (void *)(uintptr_t)answer->text, reply_free, r);
}

enum MHD_Result reply_send(struct http_request *r)
{
	struct message_answer *answer = &r->m.answer;
	enum MHD_Result sent = MHD_NO;
	struct MHD_Response *out;

	if (answer->status < 200 || answer->status > 599)
		answer->status = 500;
	r->close = r->close || r->loop->quiesced;
	r->state = REQUEST_SENDING;
	watch_move(&r->loop->watch, &r->connection->watched, WATCH_SEND);
	r->refs++;
	out = reply_body(r);
	if (out == NULL) {
		r->refs--;
		return MHD_NO;
	}
	if (reply_add_headers(r, out))
		sent = MHD_queue_response(r->mhd, (unsigned)answer->status, out);
	if (sent == MHD_YES)
		reply_observe(r);
	MHD_destroy_response(out);
	return sent;
}

void reply_cut(struct http_connection *c, const char *code, const char *message)
{
	const struct envelope_code *row = envelope_code(code);
	struct arena arena = { 0 };
	char id[IDS_ULID];
	const char *text, *whole;
	size_t len;

	ids_ulid(clock_now_ms(), id);
	text = envelope_text(&arena, code, message != NULL ? message : row->text, NULL,
			     id, &len);
	whole = arena_format(&arena,
			     "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
			     "X-Correlation-ID: %s\r\nContent-Length: %zu\r\n"
			     "%sConnection: close\r\n\r\n%s",
			     row->status, MHD_get_reason_phrase_for((unsigned)row->status),
			     id, len, row->status == 503 ? "Retry-After: 1\r\n" : "",
			     text);
	/* a last word: if the socket takes no more, nobody listens */
	if (c->session != NULL)
		tls_last_word(c->session, whole, strlen(whole));
	else if (send(c->fd, whole, strlen(whole), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		errno = 0;
	arena_fini(&arena);
	shutdown(c->fd, SHUT_RDWR);
	c->cut = true;
	atomic_fetch_add(&c->loop->cut, 1);
	watch_move(&c->loop->watch, &c->watched, WATCH_CUT);
}
