/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller - the thread that makes all calls (upstream.c), and the upstreams of
 * graphs that it makes them to (upstreams.c); nobody else includes this.
 */
#ifndef UPSTREAM_CALLER_H
#define UPSTREAM_CALLER_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "gateway/config/values.h"
#include "gateway/upstream/upstream.h"

struct caller;
struct job;
struct token;

/* A service; config, guard and token are fixed, the queue is the thread's. */
struct upstream {
	struct arena arena;
	struct config_upstream config;
	const struct values_files *files;	/* that it names */
	const struct gantry_instance *auth;	/* of the token */
	unsigned users;			/* graphs; the main thread's, and */
	bool served;			/* the caller's list has it */
	struct guard *guard;		/* NULL: none */
	const char *refusal;		/* what it says when it is open */
	struct token *token;		/* NULL: none is shown */
	struct job *first, **end;	/* that wait for a connection */
	int64_t n_queued, running;
	struct caller *caller;
	CURLU *url;			/* for its handles; NULL: it is none */
	CURL **spare;			/* handles that nobody uses now; the thread's */
	unsigned n_spare;
	_Atomic uint64_t outcomes[UPSTREAM_OUTCOMES];
	_Atomic uint64_t tries, under_way;
};

struct caller *caller_start(void);
/* No call may be under way. */
void caller_stop(struct caller **caller);

/*
 * The thread looks after these from now on, and touches no others any more;
 * the list must live until the next one. Waits for the thread.
 */
void caller_serve(struct caller *caller, struct upstream **list, unsigned n);

/* Free the handles of one that is looked after no more. */
void caller_forget(struct upstream *up);

/* call->maker says whose upstreams it is about. Any thread. */
void caller_push(struct caller *caller, struct call *call);

/* By name, or NULL. */
struct upstream *upstreams_find(const struct upstreams *upstreams, const char *name);

#endif
