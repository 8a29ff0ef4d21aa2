/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - one HTTP request from its first line to the end of its answer,
 * and the connection it came on. On the loop's thread, but for the answer.
 */
#ifndef SOURCE_HTTP_REQUEST_H
#define SOURCE_HTTP_REQUEST_H

#include "gateway/source/http/loop.h"

struct http_connection {
	struct watched watched;		/* first: the watch gives it back */
	struct http_loop *loop;
	struct http_request *request;	/* the one in progress, or NULL */
	int fd;
	bool cut;			/* shut down by us */
	char peer[46];			/* its address; "" without one */
	struct tls *tls;		/* NULL: none */
	void *session;			/* of libmicrohttpd's, with tls only */
};

enum request_state {
	REQUEST_HEAD,		/* the first line is there */
	REQUEST_BODY,		/* the head is good */
	REQUEST_REFUSED,	/* drain the body, then m.answer */
	REQUEST_WAITING,	/* submitted; m is not ours */
	REQUEST_ANSWERED,	/* m.answer is to be sent */
	REQUEST_SENDING,
	REQUEST_DETACHED,	/* the connection went; m is not ours */
};

struct http_request {
	struct gantry_message m;
	struct http_loop *loop;
	struct http_connection *connection;
	struct MHD_Connection *mhd;
	struct http_request *next_free;
	unsigned refs;		/* libmicrohttpd, the response, the engine */
	enum request_state state;
	bool close;		/* Connection: close */
	const char *raw_target;	/* only to compare: see raw.h */
	char *target;		/* a copy of its own, cut in place */
	char *query;		/* raw, or NULL */
	const char *content_type;	/* or NULL */
	int64_t max_body;	/* since its head was there */
	int64_t length;		/* Content-Length, or -1 */
	size_t room, drained;	/* of the body; beyond the limit */
	int64_t began_ns;
};

/* request.c: what libmicrohttpd calls */
void *request_begin(void *loop, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_access(void *loop, struct MHD_Connection *mhd,
			       const char *url, const char *method,
			       const char *version, const char *upload,
			       size_t *upload_len, void **request);
void request_end(void *loop, struct MHD_Connection *mhd, void **request,
		 enum MHD_RequestTerminationCode why);
size_t request_leave_raw(void *loop, struct MHD_Connection *mhd, char *text);

/* request.c: the life of a request */
struct http_request *request_new(struct http_loop *loop);
void request_unref(struct http_request *r);
void request_pool_free(struct http_loop *loop);
/* Back from the engine; the answer goes out when libmicrohttpd asks. */
void request_resume(struct http_request *r);
/* Give a connection up whose message is at the engine, with this last word. */
void request_detach(struct http_request *r, const char *code, const char *message);

/* submit.c: what is asked for, and by whom it is answered */
void request_dispatch(struct http_request *r);

/* traced.c: the request goes on its way; its answer does */
void traced_begin(struct http_request *r);
void traced_answered(struct http_request *r);

/* reply.c */
enum MHD_Result reply_send(struct http_request *r);
/* Fill m.answer with an error envelope. message NULL: the code's own. */
void reply_fail(struct http_request *r, const char *code, const char *message);
/* One header more; the name and value must live as long as the message. */
void reply_header(struct http_request *r, const char *name, const char *value);
/* A last word on a socket that has no answer in flight, and its end. message
   NULL: the code's own. */
void reply_cut(struct http_connection *c, const char *code, const char *message);

/* connection.c */
void connection_notify(void *loop, struct MHD_Connection *mhd, void **context,
		       enum MHD_ConnectionNotificationCode what);
struct http_connection *connection_of(struct MHD_Connection *mhd);
/* What becomes of a connection whose time is up. */
void connection_due(struct http_connection *c);
/* While stopping: end what rests; ms until there is more to do, or -1. */
int connection_close_resting(struct http_loop *loop);

/* head.c: the first look at a request; false if m.answer refuses it */
bool head_check(struct http_request *r, const char *method, const char *version);

#endif
