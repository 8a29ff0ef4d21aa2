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

static void upstream_due(struct upstreams *u, int64_t at_ms)
{
	if (at_ms < u->next_ms)
		u->next_ms = at_ms;
}

static void job_queue(struct upstreams *u, struct job *job)
{
	struct upstream *up = job->up;

	job->next = NULL;
	*up->end = job;
	up->end = &job->next;
	up->n_queued++;
	upstream_due(u, job->deadline_ms);
}

static struct upstream *upstreams_find(struct upstreams *u, const char *name)
{
	for (unsigned i = 0; i < u->n; i++)
		if (strcmp(u->list[i].config->name, name) == 0)
			return &u->list[i];
	return NULL;
}

static void upstreams_begin(struct upstreams *u, struct call *call, int64_t now)
{
	struct upstream *up = upstreams_find(u, call->request.upstream);
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
	job->deadline_ms = now + up->config->deadline;
	if (call->deadline_ms != 0 && call->deadline_ms < job->deadline_ms)
		job->deadline_ms = call->deadline_ms;
	atomic_fetch_add(&up->under_way, 1);
	if (up->n_queued + up->running >= up->config->queue + up->config->pool)
		job_fail(job, UPSTREAM_OVERLOADED,
			 call->request.verbatim ? "OVERLOADED" : NULL,
			 "too many calls wait");
	else
		job_queue(u, job);
}

static void job_sleep(struct upstreams *u, struct job *job, int64_t wake_ms)
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

static CURL *upstream_handle(struct upstreams *u, struct upstream *up)
{
	CURL *curl;

	if (up->n_spare > 0)
		return up->spare[--up->n_spare];
	curl = transfer_handle(up->config);
	events_prepare(u->events, curl);
	return curl;
}

static void job_try(struct upstreams *u, struct job *job, int64_t now)
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
	t->upstream = up->config;
	t->call = job->call;
	t->timeout_ms = job->deadline_ms - now < up->config->timeout ?
				job->deadline_ms - now : up->config->timeout;
	t->traceparent = traced_try_begin(&job->traced, job->call);
	transfer_begin(t, upstream_handle(u, up), authorization);
	curl_easy_setopt(t->curl, CURLOPT_PRIVATE, job);
	atomic_fetch_add(&up->tries, 1);
	up->running++;
	if (curl_multi_add_handle(events_multi(u->events), t->curl) != CURLM_OK)
		abort();
}

/* As many of those that wait as there is room for. */
static void upstream_pump(struct upstreams *u, struct upstream *up)
{
	while (up->first != NULL && up->running < up->config->pool) {
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
		   job->transfer.timeout_ms < job->up->config->timeout;

	if (job->up->guard != NULL)
		guard_result(job->up->guard, &job->permit,
			     !failed ? GANTRY_CALL_SUCCEEDED :
			     cut ? GANTRY_CALL_DROPPED : GANTRY_CALL_FAILED,
			     upstream_now() - job->try_ms);
}

static void job_retry(struct upstreams *u, struct job *job,
		      const struct transfer_end *end)
{
	const struct config_upstream *config = job->up->config;
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

static void upstreams_ended(struct upstreams *u, struct job *job, CURLcode code)
{
	struct upstream *up = job->up;
	CURL *curl = job->transfer.curl;
	struct transfer_end end;
	bool answered;

	curl_multi_remove_handle(events_multi(u->events), curl);
	transfer_end(&job->transfer, code, &end);
	assert(up->n_spare < up->config->pool);
	if (end.used_up)
		curl_easy_cleanup(curl);
	else
		up->spare[up->n_spare++] = curl;
	up->running--;
	job->tries++;
	answered = job_judge(job, &end);
	traced_try_end(&job->traced, job->call, &(struct traced_try){
		job->up->config->url, job->tries - 1, end.status,
		answered ? NULL : end.word, answered ? NULL : job->last });
	job_report(job, &end, !answered);
	if (!answered)
		job_retry(u, job, &end);
	else if (job_renews(job, end.status))
		job_queue(u, job);
	else
		job_answer(job, UPSTREAM_ANSWERED);
}

static void upstreams_reap(struct upstreams *u)
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
static void upstream_expire(struct upstreams *u, struct upstream *up, int64_t now)
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

static void upstreams_wake(struct upstreams *u, int64_t now)
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
		upstream_expire(u, &u->list[i], now);
}

/* False: it is over. */
static bool upstreams_take(struct upstreams *u, int64_t now)
{
	struct call *call;
	bool stopping;

	pthread_mutex_lock(&u->lock);
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

static int upstreams_wait_ms(const struct upstreams *u)
{
	int64_t left = u->next_ms == UPSTREAM_NEVER ? UPSTREAM_LONGEST_POLL_MS :
		       u->next_ms - upstream_now();

	return left > UPSTREAM_LONGEST_POLL_MS ? UPSTREAM_LONGEST_POLL_MS :
	       left > 0 ? (int)left : 0;
}

static bool upstreams_has_more(struct upstreams *u)
{
	bool more;

	pthread_mutex_lock(&u->lock);
	more = u->incoming != NULL || u->stopping;
	pthread_mutex_unlock(&u->lock);
	return more;
}

static void *upstreams_main(void *arg)
{
	struct upstreams *u = arg;

	while (upstreams_take(u, upstream_now())) {
		int wait_ms;

		upstreams_wake(u, upstream_now());
		for (unsigned i = 0; i < u->n; i++)
			upstream_pump(u, &u->list[i]);
		wait_ms = upstreams_wait_ms(u);
		events_doze(u->events);
		events_turn(u->events, upstreams_has_more(u) ? 0 : wait_ms);
		upstreams_reap(u);
	}
	return NULL;
}

static void upstream_init(struct upstream *up, const struct config_upstream *config,
			  const struct graph *graph, struct breakers *breakers)
{
	up->config = config;
	up->spare = memory_new_array((size_t)config->pool, sizeof(*up->spare));
	up->end = &up->first;
	if (config->breaker != NULL)
		up->guard = breakers_find(breakers, config->breaker);
	for (unsigned i = 0; config->auth != NULL && i < graph->n_instances; i++) {
		struct gantry_instance *auth = graph->instances[i];

		if (auth->plugin->auth != NULL && strcmp(auth->name, config->auth) == 0)
			up->token = token_new(config, auth, graph->service);
	}
}

struct upstreams *upstreams_start(const struct config *config,
				  const struct graph *graph,
				  struct breakers *breakers)
{
	struct upstreams *u = memory_new(sizeof(*u));
	long connections = 0;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	u->n = config->upstreams.n;
	u->list = memory_new_array(u->n + 1, sizeof(*u->list));
	for (unsigned i = 0; i < u->n; i++) {
		upstream_init(&u->list[i], &config->upstream[i], graph, breakers);
		u->list[i].all = u;
		connections += (long)config->upstream[i].pool;
	}
	u->events = events_new(connections);
	u->incoming_end = &u->incoming;
	u->next_ms = UPSTREAM_NEVER;
	pthread_mutex_init(&u->lock, NULL);
	if (pthread_create(&u->thread, NULL, upstreams_main, u) != 0)
		abort();
	return u;
}

void upstreams_stop(struct upstreams **upstreams)
{
	struct upstreams *u = *upstreams;

	if (u == NULL)
		return;
	*upstreams = NULL;
	pthread_mutex_lock(&u->lock);
	u->stopping = true;
	pthread_mutex_unlock(&u->lock);
	events_wake(u->events);
	pthread_join(u->thread, NULL);
	for (unsigned i = 0; i < u->n; i++) {
		assert(atomic_load(&u->list[i].under_way) == 0);
		token_free(&u->list[i].token);
		while (u->list[i].n_spare > 0)
			curl_easy_cleanup(u->list[i].spare[--u->list[i].n_spare]);
		free(u->list[i].spare);
	}
	events_free(&u->events);
	while (u->unused != NULL) {
		struct job *job = u->unused;

		u->unused = job->next;
		free(job);
	}
	curl_global_cleanup();
	pthread_mutex_destroy(&u->lock);
	free(u->list);
	free(u);
}

/* Open breakers answer at once: no thread is woken to say no. */
static bool upstreams_refuse(struct upstreams *u, struct call *call)
{
	struct upstream *up = upstreams_find(u, call->request.upstream);
	struct traced traced = { .call_ns = 0 };
	char why[128];
	int64_t wait;

	if (up == NULL || up->guard == NULL || !guard_refuses(up->guard, &wait))
		return false;
	atomic_fetch_add(&up->outcomes[UPSTREAM_REFUSED], 1);
	call->error.wait_ms = wait;
	snprintf(why, sizeof(why), "calls are stopped for now by the breaker %s",
		 guard_name(up->guard));
	traced_call_begin(&traced, call);
	traced_call_end(&traced, call, &(struct traced_call){ 0, up->guard, "CIRCUIT_OPEN",
							      why });
	call_fail(call, "CIRCUIT_OPEN", GANTRY_DEPENDS_ON_UPSTREAM, "%s: %s",
		  up->config->name, why);
	return true;
}

void upstreams_make(void *upstreams, struct call *call)
{
	struct upstreams *u = upstreams;

	if (upstreams_refuse(u, call))
		return;
	call->next = NULL;
	pthread_mutex_lock(&u->lock);
	assert(!u->stopping);
	*u->incoming_end = call;
	u->incoming_end = &call->next;
	pthread_mutex_unlock(&u->lock);
	events_wake(u->events);
}

bool upstreams_counts(const struct upstreams *upstreams, unsigned i,
		      struct upstream_counts *out)
{
	struct upstream *up;

	if (i >= upstreams->n)
		return false;
	up = &upstreams->list[i];
	out->name = up->config->name;
	for (unsigned o = 0; o < UPSTREAM_OUTCOMES; o++)
		out->outcomes[o] = atomic_load(&up->outcomes[o]);
	out->tries = atomic_load(&up->tries);
	out->under_way = atomic_load(&up->under_way);
	return true;
}

const char *upstream_library(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}

const char *upstream_outcome_name(enum upstream_outcome outcome)
{
	static const char *const names[] = { "answered", "failed", "refused",
					     "overloaded" };

	assert((unsigned)outcome < UPSTREAM_OUTCOMES);
	return names[outcome];
}
