/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - brings HTTP requests in and takes answers out.
 *
 * One struct http is one listener: the API, or the admin's. It has one or
 * more loops, each a thread with an epoll set and a libmicrohttpd daemon of
 * its own. Nothing here decides what a request means: it is checked for its
 * framing (D34), becomes a message, goes to the engine or to the listener's
 * own handler, and its answer goes back. Only this folder includes
 * microhttpd.h.
 */
#ifndef SOURCE_HTTP_H
#define SOURCE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct engine;
struct current;
struct gantry_error;
struct http;
struct spans;

#define HTTP_MAX_LISTEN 16
#define HTTP_MAX_LOOPS 64
#define HTTP_MAX_BODY (INT64_C(64) << 20)

struct gantry_message;
struct message_pair;

/* A fixed page, answered on the loop itself: must not block. GET and HEAD. */
struct http_page {
	const char *path;
	/* text lives in arena or for ever; *status is 200 and *type is
	   "application/json" unless it says otherwise */
	void (*render)(void *ctx, struct arena *arena, int *status,
		       const char **type, const char **text, size_t *len);
	/* instead, for who looks at the request, too: fills in m->answer */
	void (*answer)(void *ctx, struct gantry_message *m);
};

/*
 * What a listener does with a complete request whose page is not fixed. The
 * default (handle NULL) finds the route and submits to the engine.
 */
struct http_ops {
	/*
	 * On a loop thread; must not block. m has no route; method, path (raw,
	 * without query), query, headers, body, credential, correlation_id are
	 * filled in. m->home->answer(m) must be called once, now or later, on
	 * any thread, with m->answer filled in; a Content-Type among its
	 * headers replaces application/json.
	 */
	void (*handle)(void *ctx, struct gantry_message *m);
	/* After each answer, on the loop thread; route is NULL if there was
	   none. May be NULL. */
	void (*answered)(void *ctx, const struct gantry_message *m,
			 int64_t nanoseconds);
	void *ctx;
	/*
	 * On the loop thread, of a message that has waited for a second and a
	 * half, and then twice a second: whether its outcome will not be known
	 * soon. Then the request gets 503 and its connection is closed; what
	 * becomes of the message nobody is told. Of m it may look at in_unit
	 * alone. NULL: never.
	 */
	bool (*in_doubt)(void *ctx, const struct gantry_message *m);
	const struct http_page *pages;
	unsigned n_pages;
	bool any_content_type;		/* no 415: the handler looks itself */
	const struct message_pair *headers;	/* more, of every answer */
	unsigned n_headers;
};

/* Files in PEM; all NULL: no TLS. cert_file and key_file belong together. */
struct http_tls {
	const char *cert_file;		/* ours, with those that signed it */
	const char *key_file;		/* a secret (D35) */
	const char *client_ca_file;	/* clients need a certificate by these */
};

/* Zero means the default everywhere. */
struct http_options {
	const char *const *listen;	/* "127.0.0.1:8080", "[::1]:8080",
					   "unix:/path"; NULL at the end */
	const int *sockets;		/* listening sockets from outside: taken
					   over, one loop each; then listen is
					   not looked at */
	unsigned n_sockets;
	mode_t unix_mode;		/* of a unix socket; 0660 */
	unsigned loops;			/* per address; by the cores, 1 for two */
	int64_t max_connections;	/* 4096, or what RLIMIT_NOFILE leaves */
	int64_t max_body;		/* 1 MiB */
	int64_t max_head;		/* 16 KiB */
	int64_t head_timeout_ms;	/* 10 s, from the first byte */
	int64_t body_timeout_ms;	/* 30 s, absolute; also for the answer */
	int64_t idle_timeout_ms;	/* 60 s between two requests */
	struct http_tls tls;		/* for TCP; unix sockets have none */
	int64_t request_timeout_ms;	/* 30 s: the message's deadline; a late
					   answer is still sent, and logged */
	struct http_ops ops;
	struct spans *spans;		/* requests leave them; NULL: tracing is
					   off. Fixed pages leave none */
};

/*
 * Listen and start the loops. 0, or -1 with err ("http: 127.0.0.1:8080:
 * Address already in use"). Texts of options are copied, ops and pages must
 * live as long as http. engine and graphs may be NULL if ops.handle is set.
 * Main thread.
 */
int http_start(const struct http_options *options, struct engine *engine,
	       struct current *graphs, struct http **http_out,
	       struct gantry_error *err);

/* The port of the first TCP address, for tests and ":0"; 0 if none. */
unsigned http_port(const struct http *http);

/* Connections that are open now, and those that were cut with a last word since
   the start (a head that never came, one that is too large). Any thread. */
struct http_counts {
	uint64_t open, cut;
};
struct http_counts http_counts(const struct http *http);

/*
 * Requests that begin from now on have these bounds; they must be what
 * http_start() would take. Main thread.
 */
struct http_limits {
	int64_t max_body;
	int64_t head_timeout_ms, body_timeout_ms, idle_timeout_ms;
};
void http_set_limits(struct http *http, const struct http_limits *limits);

/*
 * False: a loop has not had a turn since this was asked last; it also gives each
 * a reason for one. One thread at a time, which ends before http_free().
 */
bool http_moves(struct http *http);

/*
 * Connections that begin from now on see what these files say now. 0, or -1
 * with err: then it stays as it was. Also -1 if http has no TLS. Main thread.
 */
int http_set_tls(struct http *http, const struct http_tls *files,
		 struct gantry_error *err);

/*
 * Whether these files can be used, and are valid at that time. 0, or -1 with
 * err and in *option_out the name of the option whose file is wrong. Any
 * thread; cert_file and key_file are not NULL.
 */
int http_check_tls(const struct http_tls *files, int64_t now_ms,
		   const char **option_out, struct gantry_error *err);

/*
 * Close the listening sockets. Connections stay: what they still send within
 * a quarter of a second is answered with Connection: close. Main thread.
 */
void http_stop_accepting(struct http *http);

/*
 * Wait until every request is answered and its connection closed, at most
 * until deadline_ns of clock_steady_ns(). 0, or -1 if some are left. After
 * http_stop_accepting(). Main thread.
 */
int http_drain(struct http *http, int64_t deadline_ns);

/*
 * Stop the loops and free everything; NULL is fine. Requests that still wait
 * are answered with 503; their messages stay valid until the engine brings
 * them back. Main thread.
 */
void http_free(struct http **http);

/*
 * For ops.handle: who is at the other end of a unix socket. False for TCP.
 * On the loop thread, inside handle.
 */
bool http_peer(const struct gantry_message *m, uid_t *uid_out, gid_t *gid_out);

/* In the same place: whether that process has the group beside its first one. */
bool http_peer_is_in(const struct gantry_message *m, gid_t group);

/* Version of libmicrohttpd ("0.9.75"), for `gantry check`. Static. */
const char *http_library(void);
/* Whether that library refuses what RFC 9112 asks by itself (1.0 and newer). */
bool http_library_is_strict(void);

#endif
