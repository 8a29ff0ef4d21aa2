/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - what the files of this folder share: listener, loop, connection,
 * request. Everything of a loop belongs to its thread but what `lock` guards.
 */
#ifndef SOURCE_HTTP_LOOP_H
#define SOURCE_HTTP_LOOP_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "gateway/pipeline/message.h"
#include "gateway/source/http/http.h"
#include "gateway/source/http/watch.h"

/* 1.0 changed the name of the type; ours is the older one. */
#if MHD_VERSION < 0x00097002
#error "libmicrohttpd 0.9.75 or newer is needed"
#endif

struct http_loop {
	struct http *http;
	unsigned max_connections;
	bool tls;			/* every connection */
	struct MHD_Daemon *daemon;
	int listen_fd;			/* -1 once closed */
	int epoll_fd, wake_fd;
	pthread_t self;			/* set by the thread itself */
	struct watch watch;
	struct http_limits limits;
	struct http_request *submitting;
	struct http_request *free;
	unsigned n_free;
	bool looks_raw;			/* see raw.h */
	bool closed;			/* a connection, in this turn */
	_Atomic bool dozes;		/* waits, or is about to: wake it */
	bool quiesced;
	int64_t quiesced_ns;
	_Atomic uint64_t open, cut;	/* connections: http_counts() */
	unsigned given_up;		/* requests whose message is still out */
	_Atomic uint64_t turns;		/* 1 and more: http_moves() */
	uint64_t turns_seen;		/* by the one who asks */

	/* guards what follows; taken alone */
	pthread_mutex_t lock;
	struct gantry_message *answered, **answered_end;
	unsigned submitted;		/* still at the engine when it was gone */
	bool stop, quit, gone;
	bool bounded;			/* next_limits are to be taken */
	struct http_limits next_limits;
};

struct http {
	struct http_options options;
	struct engine *engine;
	struct current *graphs;		/* NULL: ops.handle has all */
	char *unix_path;		/* to unlink; or NULL */
	unsigned port;
	unsigned n_loops, n_started;
	struct http_loop *loops[HTTP_MAX_LOOPS];
	pthread_t threads[HTTP_MAX_LOOPS];

	pthread_mutex_t lock;		/* guards n_quiet and tls; taken alone */
	pthread_cond_t quiet;
	unsigned n_quiet;		/* loops without a connection */
	struct tls *tls;		/* of new connections, or NULL */
};

/* http.c: what a new connection gets; it releases it */
struct tls *http_take_tls(struct http *http);

/* loop.c */
struct http_loop *loop_new(struct http *http, int listen_fd,
			   unsigned max_connections, struct gantry_error *err);
void *loop_run(void *loop);
void loop_tell(struct http_loop *loop, bool quit);
void loop_bound(struct http_loop *loop, const struct http_limits *limits);
bool loop_moves(struct http_loop *loop);
void loop_free(struct http_loop *loop);
void loop_drop(struct http_loop *loop);	/* the last owner frees it */

#endif
