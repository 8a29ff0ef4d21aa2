/* SPDX-License-Identifier: Apache-2.0 */
/* job - see job.h. */
#include "gateway/upstream/job.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"

#define JOB_UNUSED 256u

/* The call is not ours any more after this. */
static void job_finish(struct job *job, enum upstream_outcome outcome)
{
	struct upstream *up = job->up;
	struct caller *u = up->caller;

	atomic_fetch_add(&up->outcomes[outcome], 1);
	atomic_fetch_sub(&up->under_way, 1);
	if (u->n_unused == JOB_UNUSED) {
		free(job);
		return;
	}
	job->next = u->unused;
	u->unused = job;
	u->n_unused++;
}

struct job *job_new(struct caller *u)
{
	struct job *job = u->unused;

	if (job == NULL)
		return memory_new(sizeof(*job));
	u->unused = job->next;
	u->n_unused--;
	*job = (struct job){ 0 };
	return job;
}

/* Names the upstream and no address; the path goes to the log without its query. */
void job_fail(struct job *job, enum upstream_outcome outcome, const char *code,
	      const char *text)
{
	struct call *call = job->call;
	const char *name = job->up->config.name, *path = call->request.path;

	/* that the breaker opened was said; each call that it stops says no more */
	log_line(outcome == UPSTREAM_REFUSED ? GANTRY_LOG_DEBUG : GANTRY_LOG_WARNING,
		 call->correlation_id, call->traceparent,
		 "upstream %s: %s %.*s: %s (%u tries)%s%s", name, call->request.method,
		 (int)strcspn(path, "?"), path, text, job->tries,
		 *job->transfer.reason != '\0' ? ": " : "", job->transfer.reason);
	traced_call_end(&job->traced, call, &(struct traced_call){
		job->tries, job->up->guard,
		code != NULL ? code : upstream_outcome_name(outcome), text });
	error_depends(&call->error, GANTRY_DEPENDS_ON_UPSTREAM, "%s: %s", name, text);
	if (code != NULL)
		gantry_retry(&call->error, code);
	job_finish(job, outcome);
	call->done(call);
}

void job_answer(struct job *job, enum upstream_outcome outcome)
{
	struct call *call = job->call;

	traced_call_end(&job->traced, call, &(struct traced_call){
		job->tries, job->up->guard, NULL, NULL });
	job_finish(job, outcome);
	call->done(call);
}

/* No more tries. The last answer is one for who passes it on, whatever it says. */
void job_give_up(struct job *job)
{
	struct call *call = job->call;

	if (call->request.verbatim && call->answer.status != 0) {
		log_line(GANTRY_LOG_WARNING, call->correlation_id, call->traceparent,
			 "upstream %s: %s %.*s: %s (%u tries)", job->up->config.name,
			 call->request.method, (int)strcspn(call->request.path, "?"),
			 call->request.path, job->last, job->tries);
		job_answer(job, UPSTREAM_FAILED);
		return;
	}
	job_fail(job, UPSTREAM_FAILED, call->request.verbatim ? job->code : NULL,
		 job->last);
}

/* It never came to a try, or to no other one. */
void job_too_late(struct job *job)
{
	if (job->tries > 0)
		job_give_up(job);
	else
		job_fail(job, UPSTREAM_FAILED,
			 job->call->request.verbatim ? "OVERLOADED" : NULL,
			 "no connection became free in time");
}

/* Whatever stops a try that is not to be begun: the last one's reason counts. */
void job_refuse(struct job *job, int64_t wait_ms)
{
	if (job->tries > 0) {
		job_give_up(job);
		return;
	}
	job->call->error.wait_ms = wait_ms;
	job_fail(job, UPSTREAM_REFUSED, "CIRCUIT_OPEN", guard_refusal(job->up->guard));
}
