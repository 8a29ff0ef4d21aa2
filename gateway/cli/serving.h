/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serving - a gateway that runs, for the files that are its life:
 *
 *	serve.c		from the command line to the last signal, and the end
 *	serve-start.c	the floors from the ground up
 *	serve-reload.c	another configuration while it runs
 *
 * All of it belongs to the main thread but what serve_reload_ask() leaves here.
 */
#ifndef CLI_SERVING_H
#define CLI_SERVING_H

#include <pthread.h>

#include "gateway/admin/admin.h"
#include "gateway/cli/common.h"
#include "gateway/cli/notify.h"
#include "gateway/commit/committer.h"
#include "gateway/observe/status.h"
#include "gateway/observe/traces.h"
#include "gateway/pipeline/graph.h"
#include "gateway/source/amqp/consumer.h"
#include "gateway/source/amqp/publisher.h"
#include "gateway/source/http/http.h"
#include "gateway/source/schedule.h"
#include "gateway/upstream/documents.h"
#include "gateway/upstream/upstream.h"

/* Requests for a reload that wait for the main thread. */
struct serve_asked {
	pthread_mutex_t lock;		/* taken alone */
	struct gantry_message *first, **end;
	bool closed;			/* there will be none any more */
	int fd;				/* eventfd: there is one */
};

struct watchdog;

struct serve {
	struct common_options options;
	struct config *first;		/* what it started with: all that stays */
	struct config *config;		/* what it runs with; may be the same */
	struct plugins *plugins;
	struct mould *mould;		/* of handlers in processes of their own */
	struct graph *graph;		/* the one of now; in graphs, if in_use */
	bool in_use;
	char doing[512];		/* what it serves, for the log and the manager */
	struct current *graphs;
	struct committer *committer;
	struct documents *documents;
	struct engine *engine;
	struct publisher *publisher;
	struct consumer *consumer;
	struct schedule *schedule;
	struct http *api, *admin, *local;
	struct admin *operator;
	struct traces *traces;
	struct status status;
	struct notify_sockets sockets;
	struct watchdog *watchdog;
	struct replica number;
	struct serve_asked asked;
	char replica[256];
};

/* serve.c: to the service manager, with what is served as its status. */
void serve_tell_ready(const struct serve *s);

/* serve-start.c: 0, or -1 with err; what was started is stopped by serve.c. */
int serve_start(struct serve *s, struct gantry_error *err);
/* If there is none and the graph of now has queues. */
int serve_start_consumer(struct serve *s, struct gantry_error *err);
/* What else a graph needs that is open: breakers, upstreams, documents, meters;
   before is the one that it follows, or NULL. It may wait for documents. */
void serve_prepare(struct serve *s, const struct config *config, struct graph *graph,
		   const struct graph *before);
/* The configured name, else the host's and, of several there, its file's. */
const char *serve_replica(struct serve *s);

/* serve-reload.c */
/* Read the configuration anew, and answer all who asked until now. */
void serve_reload(struct serve *s);
/* Graphs that nobody needs any more: closed and freed. */
void serve_reap(struct serve *s);
/* For struct admin_options: any thread, ctx is the struct serve. */
void serve_reload_ask(void *ctx, struct gantry_message *m, const char *actor);
/* -1: no eventfd. */
int serve_reload_init(struct serve *s);
/* Nobody gets a reload any more; who still waits is told. */
void serve_reload_close(struct serve *s);
void serve_reload_fini(struct serve *s);

#endif
