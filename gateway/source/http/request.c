/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - the life of a request: taken when its first line is there, given
 * back when libmicrohttpd, the response and the engine are all done with it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/source/http/request.h"
#include "gateway/source/http/tls.h"

#define REQUEST_FIRST_ROOM 65536u
#define REQUEST_MAX_FREE 1024u
/* libmicrohttpd has no room for records of more, and then says nothing. */
#define REQUEST_MAX_ARGUMENTS 128u

static void request_answered(struct gantry_message *m);

static const struct message_home request_home = { .answer = request_answered };

struct http_request *request_new(struct http_loop *loop)
{
	struct http_request *r = loop->free;

	if (r == NULL) {
		r = memory_new(sizeof(*r));
	} else {
		struct gantry_message m;

		loop->free = r->next_free;
		loop->n_free--;
		memcpy(&m, &r->m, sizeof(m));
		*r = (struct http_request){ 0 };
		memcpy(&r->m, &m, sizeof(m));
	}
	message_init(&r->m, GANTRY_SOURCE_HTTP, &request_home);
	r->m.home_data = r;
	r->m.received_ms = clock_now_ms();
	r->began_ns = clock_steady_ns();
	r->loop = loop;
	r->refs = 1;
	return r;
}

static void request_free(struct http_request *r)
{
	message_fini(&r->m);
	free(r);
}

void request_unref(struct http_request *r)
{
	struct http_loop *loop = r->loop;

	assert(r->refs > 0);
	if (--r->refs > 0)
		return;
	if (loop->n_free == REQUEST_MAX_FREE) {
		request_free(r);
		return;
	}
	message_clear(&r->m);
	r->next_free = loop->free;
	loop->free = r;
	loop->n_free++;
}

void request_pool_free(struct http_loop *loop)
{
	while (loop->free != NULL) {
		struct http_request *r = loop->free;

		loop->free = r->next_free;
		request_free(r);
	}
	loop->n_free = 0;
}

static void request_wake(struct http_loop *loop)
{
	uint64_t one = 1;

	/* full means that it is awake already */
	if (atomic_exchange(&loop->dozes, false) &&
	    write(loop->wake_fd, &one, sizeof(one)) < 0)
		errno = 0;
}

/* An answer for a loop that has gone: nobody is left to hear it. */
static void request_bury(struct http_request *r)
{
	struct http_loop *loop = r->loop;
	bool last = --loop->submitted == 0;

	pthread_mutex_unlock(&loop->lock);
	request_free(r);
	if (last)
		loop_drop(loop);
}

/* home->answer: any thread, also inside engine_submit(). */
static void request_answered(struct gantry_message *m)
{
	struct http_request *r = m->home_data;
	struct http_loop *loop = r->loop;
	bool first;

	if (pthread_equal(loop->self, pthread_self()) && loop->submitting == r) {
		r->refs--;
		r->state = REQUEST_ANSWERED;
		return;
	}
	pthread_mutex_lock(&loop->lock);
	if (loop->gone) {
		request_bury(r);
		return;
	}
	first = loop->answered == NULL;
	m->next = NULL;
	*loop->answered_end = m;
	loop->answered_end = &m->next;
	/* inside the lock: the loop may be freed once it has the answer */
	if (first)
		request_wake(loop);
	pthread_mutex_unlock(&loop->lock);
}

void request_resume(struct http_request *r)
{
	if (r->state == REQUEST_DETACHED) {
		r->loop->given_up--;
		request_unref(r);
		return;
	}
	assert(r->state == REQUEST_WAITING);
	r->state = REQUEST_ANSWERED;
	r->refs--;
	MHD_resume_connection(r->mhd);
}

void request_detach(struct http_request *r, const char *code, const char *message)
{
	assert(r->state == REQUEST_WAITING);
	r->state = REQUEST_DETACHED;
	r->loop->given_up++;
	reply_cut(r->connection, code, message);
	MHD_resume_connection(r->mhd);
}

static unsigned request_count_arguments(const char *uri)
{
	unsigned n = 1;

	for (; *uri != '\0'; uri++)
		n += *uri == '&';
	return n;
}

/* The request line is there; called once for each request. */
void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct http_connection *c = connection_of(mhd);
	struct http_request *r = request_new(cls);

	r->mhd = mhd;
	r->connection = c;
	c->request = r;
	r->raw_target = uri;
	r->target = arena_text(&r->m.arena, uri);
	r->m.peer = arena_text(&r->m.arena, c->peer);
	r->m.tls = c->tls != NULL;
	if (c->watched.phase != WATCH_HEAD && !c->cut)
		watch_move(&c->loop->watch, &c->watched, WATCH_HEAD);
	if (c->tls != NULL && !tls_is_let_in(c->tls, c->session) && !c->cut)
		reply_cut(c, "UNAUTHENTICATED", NULL);
	if (request_count_arguments(uri) > REQUEST_MAX_ARGUMENTS && !c->cut)
		reply_cut(c, "HEADERS_TOO_LARGE", NULL);
	return r;
}

static enum MHD_Result request_first(struct http_request *r, const char *method,
				     const char *version)
{
	if (!head_check(r, method, version)) {
		/* on purpose in the first call: the connection is closed */
		r->close = true;
		return reply_send(r);
	}
	r->state = REQUEST_BODY;
	watch_move(&r->loop->watch, &r->connection->watched, WATCH_BODY);
	return MHD_YES;
}

/* Room for len bytes more and a NUL, within the limit that was checked. */
static void request_make_room(struct http_request *r, size_t len)
{
	size_t max = r->length >= 0 ? (size_t)r->length
				    : (size_t)r->max_body;
	size_t room = r->room > 0 ? r->room * 2 : REQUEST_FIRST_ROOM;

	if (r->m.body_len + len <= r->room)
		return;
	if (room < r->m.body_len + len)
		room = r->m.body_len + len;
	if (room > max)
		room = max;
	r->m.body = arena_extend(&r->m.arena, (void *)(uintptr_t)r->m.body,
				 r->room > 0 ? r->room + 1 : 0, room + 1);
	r->room = room;
}

static enum MHD_Result request_upload(struct http_request *r, const char *bytes,
				      size_t len)
{
	size_t max = (size_t)r->max_body;

	if (r->state == REQUEST_BODY && len <= max - r->m.body_len) {
		request_make_room(r, len);
		memcpy((char *)(uintptr_t)r->m.body + r->m.body_len, bytes, len);
		r->m.body_len += len;
		return MHD_YES;
	}
	/* too large: swallow as much again, so that the 413 can be read */
	if (r->state == REQUEST_BODY) {
		reply_fail(r, "PAYLOAD_TOO_LARGE", NULL);
		r->state = REQUEST_REFUSED;
		r->close = true;
	}
	r->drained += len;
	if (r->drained <= max)
		return MHD_YES;
	reply_cut(r->connection, "PAYLOAD_TOO_LARGE", NULL);
	return MHD_NO;
}

static enum MHD_Result request_whole(struct http_request *r)
{
	if (r->m.body_len > 0)
		((char *)(uintptr_t)r->m.body)[r->m.body_len] = '\0';
	request_dispatch(r);
	if (r->state == REQUEST_ANSWERED)
		return reply_send(r);
	watch_move(&r->loop->watch, &r->connection->watched, WATCH_WAIT);
	MHD_suspend_connection(r->mhd);
	return MHD_YES;
}

enum MHD_Result request_access(void *cls, struct MHD_Connection *mhd,
			       const char *url, const char *method,
			       const char *version, const char *upload,
			       size_t *upload_len, void **request)
{
	struct http_request *r = *request;
	size_t len = *upload_len;

	(void)cls;
	(void)mhd;
	(void)url;
	if (r == NULL || r->connection->cut)
		return MHD_NO;
	*upload_len = 0;
	switch (r->state) {
	case REQUEST_HEAD:
		*upload_len = len;
		return request_first(r, method, version);
	case REQUEST_BODY:
		return len > 0 ? request_upload(r, upload, len) : request_whole(r);
	case REQUEST_REFUSED:
		return len > 0 ? request_upload(r, upload, len) : reply_send(r);
	case REQUEST_ANSWERED:
		return reply_send(r);
	case REQUEST_SENDING:
	case REQUEST_WAITING:
		return MHD_YES;
	default:
		return MHD_NO;
	}
}

void request_end(void *cls, struct MHD_Connection *mhd, void **request,
		 enum MHD_RequestTerminationCode why)
{
	struct http_request *r = *request;
	struct http_connection *c;

	(void)cls;
	(void)mhd;
	(void)why;
	if (r == NULL)
		return;
	*request = NULL;
	c = r->connection;
	r->connection = NULL;
	c->request = NULL;
	if (!c->cut) {
		watch_move(&c->loop->watch, &c->watched, WATCH_IDLE);
		/* not the time of the turn: handshakes make some of them long, and
		   what came in this one would look like a next request */
		c->watched.idle_ns = clock_steady_ns();
	}
	request_unref(r);
}

size_t request_leave_raw(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}
