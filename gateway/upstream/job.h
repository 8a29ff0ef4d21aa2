/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job - a call on its way, and how it ends. What upstream.c and job.c share:
 * all on the thread of the upstreams.
 */
#ifndef UPSTREAM_JOB_H
#define UPSTREAM_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/upstream/traced.h"
#include "gateway/upstream/transfer.h"
#include "gateway/upstream/upstream.h"

/* A service; all but the counts belongs to the thread. */
struct upstream {
	const struct config_upstream *config;
	struct upstreams *all;
	struct guard *guard;		/* NULL: none */
	struct token *token;		/* NULL: none is shown */
	struct job *first, **end;	/* that wait for a connection */
	int64_t n_queued, running;
	CURL **spare;			/* handles that nobody uses now */
	unsigned n_spare;
	_Atomic uint64_t outcomes[UPSTREAM_OUTCOMES];
	_Atomic uint64_t tries, under_way;
};

/* A call on its way. */
struct job {
	struct job *next;		/* in the queue, or among the sleepers */
	struct upstream *up;
	struct call *call;
	int64_t begun_ms, deadline_ms;	/* steady */
	int64_t wake_ms;		/* of a sleeper */
	unsigned tries;			/* that have ended */
	bool renewed;			/* the token, for this call */
	int64_t try_ms;			/* when the present try began */
	struct gantry_permit permit;
	struct transfer transfer;
	char last[256];			/* why the last try failed */
	const char *code;		/* the same, for who passes it on */
	struct traced traced;
};

struct upstreams {
	struct upstream *list;
	unsigned n;
	struct events *events;
	pthread_t thread;
	pthread_mutex_t lock;		/* of what follows; taken alone */
	struct call *incoming, **incoming_end;
	bool stopping;
	/* the thread's own */
	struct job *sleepers;
	struct job *unused;		/* for the calls to come */
	unsigned n_unused;
	int64_t next_ms;		/* when the first sleeper or deadline is due */
};

/* Empty; all that is called here below ends it and gives it back. */
struct job *job_new(struct upstreams *u);
/* Names the upstream and no address. code may be NULL. */
void job_fail(struct job *job, enum upstream_outcome outcome, const char *code,
	      const char *text);
void job_answer(struct job *job, enum upstream_outcome outcome);
/* No more tries: job->last says why. */
void job_give_up(struct job *job);
void job_too_late(struct job *job);
/* The breaker does not let it through. */
void job_refuse(struct job *job, int64_t wait_ms);

#endif
