/* SPDX-License-Identifier: Apache-2.0 */
/* upstream - see upstream.h. */
#include "gateway/upstream/upstream.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/upstream/events.h"
#include "gateway/upstream/job.h"
#include "gateway/upstream/retry.h"
#include "gateway/upstream/token.h"
#include "gateway/upstream/traced.h"
#include "gateway/upstream/transfer.h"

#define UPSTREAM_NEVER INT64_MAX
#define UPSTREAM_LONGEST_POLL_MS 60000

static int64_t upstream_now(void)
{
	return clock_steady_ns() / 1000000;
}

static void upstream_due(struct caller *u, int64_t at_ms)
{
	if (at_ms < u->next_ms)
		u->next_ms = at_ms;
}

static void job_queue(struct caller *u, struct job *job)
{
	struct upstream *up = job->up;

	job->next = NULL;
	*up->end = job;
	up->end = &job->next;
	up->n_queued++;
	upstream_due(u, job->deadline_ms);
}

static void upstreams_begin(struct caller *u, struct call *call, int64_t now)
{
	struct upstream *up = upstreams_find(call->maker, call->request.upstream);
	struct job *job;

	if (up == NULL) {
		call_fail(call, NULL, GANTRY_DEPENDS_ON_NOTHING,
			  "there is no upstream \"%s\"", call->request.upstream);
		return;
	}
	job = job_new(u);
	job->up = up;
	job->call = call;
	job->begun_ms = now;
	traced_call_begin(&job->traced, call);
	job->deadline_ms = now + up->config.deadline;
	if (call->deadline_ms != 0 && call->deadline_ms < job->deadline_ms)
		job->deadline_ms = call->deadline_ms;
	atomic_fetch_add(&up->under_way, 1);
	if (up->n_queued + up->running >= up->config.queue + up->config.pool)
		job_fail(job, UPSTREAM_OVERLOADED,
			 call->request.verbatim ? "OVERLOADED" : NULL,
			 "too many calls wait");
	else
		job_queue(u, job);
}

static void job_sleep(struct caller *u, struct job *job, int64_t wake_ms)
{
	job->wake_ms = wake_ms;
	job->next = u->sleepers;
	u->sleepers = job;
	upstream_due(u, wake_ms);
}

/* A token that cannot be signed is nobody's fault but waits to be mended. */
static int job_authorize(struct job *job, const char **header_out)
{
	struct upstream *up = job->up;
	struct gantry_error err = ERROR_INIT;

	*header_out = NULL;
	if (up->token == NULL)
		return 0;
	*header_out = token_header(up->token, clock_now_ms(), &err);
	if (*header_out == NULL) {
		log_error("%s", err.message);
		job_fail(job, UPSTREAM_FAILED, job->call->request.verbatim ?
			 "UPSTREAM_UNREACHABLE" : NULL, "no token can be signed for it");
	}
	error_fini(&err);
	return *header_out == NULL ? -1 : 0;
}

static CURL *upstream_handle(struct caller *u, struct upstream *up)
{
	CURL *curl;

	if (up->n_spare > 0)
		return up->spare[--up->n_spare];
	curl = transfer_handle(&up->config, up->url);
	events_prepare(u->events, curl);
	return curl;
}

static void job_try(struct caller *u, struct job *job, int64_t now)
{
	struct upstream *up = job->up;
	struct transfer *t = &job->transfer;
	const char *authorization;
	int64_t wait;

	if (job_authorize(job, &authorization) < 0)
		return;
	if (up->guard != NULL && !guard_permit(up->guard, &job->permit, &wait)) {
		job_refuse(job, wait);
		return;
	}
	job->try_ms = now;
	t->upstream = &up->config;
	t->call = job->call;
	t->timeout_ms = job->deadline_ms - now < up->config.timeout ?
				job->deadline_ms - now : up->config.timeout;
	t->traceparent = traced_try_begin(&job->traced, job->call);
	transfer_begin(t, upstream_handle(u, up), authorization);
	curl_easy_setopt(t->curl, CURLOPT_PRIVATE, job);
	atomic_fetch_add(&up->tries, 1);
	up->running++;
	if (curl_multi_add_handle(events_multi(u->events), t->curl) != CURLM_OK)
		abort();
}

/* As many of those that wait as there is room for. */
static void upstream_pump(struct caller *u, struct upstream *up)
{
	while (up->first != NULL && up->running < up->config.pool) {
		struct job *job = up->first;
		int64_t now = upstream_now();

		up->first = job->next;
		if (up->first == NULL)
			up->end = &up->first;
		up->n_queued--;
		if (now >= job->deadline_ms)
			job_too_late(job);
		else
			job_try(u, job, now);
	}
}

/* The breaker hears nothing of a try that had less time than it should. */
static void job_report(struct job *job, const struct transfer_end *end, bool failed)
{
	bool cut = end->status == 0 &&
		   job->transfer.timeout_ms < job->up->config.timeout;

	if (job->up->guard != NULL)
		guard_result(job->up->guard, &job->permit,
			     !failed ? GANTRY_CALL_SUCCEEDED :
			     cut ? GANTRY_CALL_DROPPED : GANTRY_CALL_FAILED,
			     upstream_now() - job->try_ms);
}

static void job_retry(struct caller *u, struct job *job,
		      const struct transfer_end *end)
{
	const struct config_upstream *config = &job->up->config;
	const struct retry_policy policy = { config->retries, config->backoff,
					     config->max_backoff };
	int64_t now = upstream_now();
	struct retry_try last = { .transient = end->transient,
				  .after_ms = end->after_ms,
				  .before = job->tries - 1,
				  .left_ms = job->deadline_ms - now };
	uint32_t chance;
	int64_t wait = -1;

	ids_random(&chance, sizeof(chance));
	if (retry_is_safe(&job->call->request))
		wait = retry_wait(&policy, &last, chance);
	if (wait < 0)
		job_give_up(job);
	else
		job_sleep(u, job, now + wait);
}

/* Whether it is an answer; if not, job->last says why. */
static bool job_judge(struct job *job, struct transfer_end *end)
{
	if (end->status == 0) {
		memcpy(job->last, end->text, sizeof(job->last));
		job->code = end->code;
		return false;
	}
	if (end->status == 408 || end->status == 429 || end->status >= 500) {
		end->transient = retry_is_transient(end->status);
		snprintf(job->last, sizeof(job->last), "answered %d", end->status);
		if (job->call->request.verbatim)
			transfer_answer(&job->transfer, end->status);
		return false;
	}
	if (transfer_answer(&job->transfer, end->status) == 0)
		return true;
	strcpy(job->last, "the answer is not JSON");
	return false;
}

/* A token that was good may have become bad: keys change. One new one. */
static bool job_renews(struct job *job, int status)
{
	if (status != 401 || job->up->token == NULL || job->renewed)
		return false;
	job->renewed = true;
	token_forget(job->up->token);
	return true;
}

static void upstreams_ended(struct caller *u, struct job *job, CURLcode code)
{
	struct upstream *up = job->up;
	CURL *curl = job->transfer.curl;
	struct transfer_end end;
	bool answered;

	curl_multi_remove_handle(events_multi(u->events), curl);
	transfer_end(&job->transfer, code, &end);
	assert(up->n_spare < up->config.pool);
	if (end.used_up)
		curl_easy_cleanup(curl);
	else
		up->spare[up->n_spare++] = curl;
	up->running--;
	job->tries++;
	answered = job_judge(job, &end);
	traced_try_end(&job->traced, job->call, &(struct traced_try){
		job->up->config.url, job->tries - 1, end.status,
		answered ? NULL : end.word, answered ? NULL : job->last });
	job_report(job, &end, !answered);
	if (!answered)
		job_retry(u, job, &end);
	else if (job_renews(job, end.status))
		job_queue(u, job);
	else
		job_answer(job, UPSTREAM_ANSWERED);
}

static void upstreams_reap(struct caller *u)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(events_multi(u->events), &left)) != NULL) {
		CURLcode code = msg->data.result;
		char *job;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &job);
		upstreams_ended(u, (struct job *)job, code);
	}
}

/* Those whose deadline is over leave the queue. */
static void upstream_expire(struct caller *u, struct upstream *up, int64_t now)
{
	struct job *job = up->first;

	up->first = NULL;
	up->end = &up->first;
	up->n_queued = 0;
	while (job != NULL) {
		struct job *next = job->next;

		if (now >= job->deadline_ms)
			job_too_late(job);
		else
			job_queue(u, job);
		job = next;
	}
}

static void upstreams_wake(struct caller *u, int64_t now)
{
	struct job *job = u->sleepers;

	if (now < u->next_ms)
		return;
	u->next_ms = UPSTREAM_NEVER;
	u->sleepers = NULL;
	while (job != NULL) {
		struct job *next = job->next;

		if (now >= job->wake_ms)
			job_queue(u, job);
		else
			job_sleep(u, job, job->wake_ms);
		job = next;
	}
	for (unsigned i = 0; i < u->n; i++)
		upstream_expire(u, u->list[i], now);
}

/* Lock held. */
static void caller_take_list(struct caller *u)
{
	long connections = 0;

	if (u->next_list == NULL)
		return;
	u->list = u->next_list;
	u->n = u->next_n;
	u->next_list = NULL;
	for (unsigned i = 0; i < u->n; i++)
		connections += (long)u->list[i]->config.pool;
	events_keep(u->events, connections);
	pthread_cond_signal(&u->taken);
}

/* False: it is over. */
static bool upstreams_take(struct caller *u, int64_t now)
{
	struct call *call;
	bool stopping;

	pthread_mutex_lock(&u->lock);
	caller_take_list(u);
	call = u->incoming;
	stopping = u->stopping;
	u->incoming = NULL;
	u->incoming_end = &u->incoming;
	pthread_mutex_unlock(&u->lock);
	while (call != NULL) {
		struct call *next = call->next;

		upstreams_begin(u, call, now);
		call = next;
	}
	return !stopping;
}

static int upstreams_wait_ms(const struct caller *u)
{
	int64_t left = u->next_ms == UPSTREAM_NEVER ? UPSTREAM_LONGEST_POLL_MS :
		       u->next_ms - upstream_now();

	return left > UPSTREAM_LONGEST_POLL_MS ? UPSTREAM_LONGEST_POLL_MS :
	       left > 0 ? (int)left : 0;
}

static bool upstreams_has_more(struct caller *u)
{
	bool more;

	pthread_mutex_lock(&u->lock);
	more = u->incoming != NULL || u->stopping || u->next_list != NULL;
	pthread_mutex_unlock(&u->lock);
	return more;
}

static void *upstreams_main(void *arg)
{
	struct caller *u = arg;

	thread_begin("upstreams", THREAD_BRIEF);
	while (upstreams_take(u, upstream_now())) {
		int wait_ms;

		upstreams_wake(u, upstream_now());
		for (unsigned i = 0; i < u->n; i++)
			upstream_pump(u, u->list[i]);
		wait_ms = upstreams_wait_ms(u);
		events_doze(u->events);
		events_turn(u->events, upstreams_has_more(u) ? 0 : wait_ms);
		upstreams_reap(u);
	}
	return NULL;
}

struct caller *caller_start(void)
{
	struct caller *u = memory_new(sizeof(*u));

	curl_global_init(CURL_GLOBAL_DEFAULT);
	u->events = events_new();
	u->incoming_end = &u->incoming;
	u->next_ms = UPSTREAM_NEVER;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->taken, NULL);
	if (pthread_create(&u->thread, NULL, upstreams_main, u) != 0)
		abort();
	return u;
}

void caller_stop(struct caller **caller)
{
	struct caller *u = *caller;

	*caller = NULL;
	pthread_mutex_lock(&u->lock);
	u->stopping = true;
	pthread_mutex_unlock(&u->lock);
	events_wake(u->events);
	pthread_join(u->thread, NULL);
	events_free(&u->events);
	while (u->unused != NULL) {
		struct job *job = u->unused;

		u->unused = job->next;
		free(job);
	}
	curl_global_cleanup();
	pthread_cond_destroy(&u->taken);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

void caller_serve(struct caller *u, struct upstream **list, unsigned n)
{
	pthread_mutex_lock(&u->lock);
	u->next_list = list;
	u->next_n = n;
	pthread_mutex_unlock(&u->lock);
	events_wake(u->events);
	pthread_mutex_lock(&u->lock);
	while (u->next_list != NULL)
		pthread_cond_wait(&u->taken, &u->lock);
	pthread_mutex_unlock(&u->lock);
}

void caller_forget(struct upstream *up)
{
	while (up->n_spare > 0)
		curl_easy_cleanup(up->spare[--up->n_spare]);
	free(up->spare);
	curl_url_cleanup(up->url);
}

void caller_push(struct caller *u, struct call *call)
{
	call->next = NULL;
	pthread_mutex_lock(&u->lock);
	assert(!u->stopping);
	*u->incoming_end = call;
	u->incoming_end = &call->next;
	pthread_mutex_unlock(&u->lock);
	events_wake(u->events);
}

const char *upstream_library(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
