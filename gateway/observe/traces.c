/* SPDX-License-Identifier: Apache-2.0 */
/* traces - see traces.h. */
#include "gateway/observe/traces.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/exposition.h"
#include "gateway/base/ids.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/observe/otlp.h"
#include "gateway/upstream/export.h"

#define TRACES_MS INT64_C(1000000)
/* Pauses after a batch was not taken: twice as long each time, or as long as the
   receiver says. */
#define TRACES_FIRST_MS 1000
#define TRACES_MOST_MS 30000
#define TRACES_MOST_ASKED_MS 300000
/* Then a batch is given up for the next. */
#define TRACES_TRIES 3
#define TRACES_LAST_MS 2000

struct traces {
	int64_t interval_ms;
	size_t at_once;			/* spans of a batch */
	struct spans *spans;
	struct export *export;
	char *url, *service, *replica;	/* ours: the configuration may go */
	struct otlp_resource who;
	pthread_t thread;
	_Atomic bool stopping;
	_Atomic uint64_t exported, lost, rejected, failures;
	/* the thread's own */
	struct otlp batch;
	const char *body;		/* of the batch; NULL: there is none */
	size_t len;
	unsigned tries;			/* of this batch */
	unsigned failed;		/* tries in a row */
	int64_t again_ns;		/* nothing is sent before */
	uint64_t gone_before;		/* dropped until the receiver was lost */
};

static uint64_t traces_gone(const struct traces *t)
{
	return spans_dropped(t->spans) + atomic_load(&((struct traces *)t)->lost);
}

static int64_t traces_ahead_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec - clock_steady_ns();
}

/* Spans that wait become a batch. False: there are none. */
static bool traces_gather(struct traces *t)
{
	const struct span *span = spans_oldest(t->spans);

	if (span == NULL)
		return false;
	otlp_begin(&t->batch, &t->who, traces_ahead_ns());
	while (span != NULL && t->batch.n < t->at_once) {
		otlp_add(&t->batch, span);
		spans_release(t->spans);
		span = spans_oldest(t->spans);
	}
	t->body = otlp_end(&t->batch, &t->len);
	t->tries = 0;
	return true;
}

static void traces_give_up(struct traces *t)
{
	atomic_fetch_add(&t->lost, t->batch.n);
	t->body = NULL;
}

/* "partialSuccess": the receiver says how many it does not want. */
static uint64_t traces_refused(const struct export_answer *answer)
{
	json_t *tree = json_loadb(answer->body, answer->len, 0, NULL);
	const json_t *n = json_object_get(json_object_get(tree, "partialSuccess"),
					  "rejectedSpans");
	long long refused = json_is_string(n) ? atoll(json_string_value(n)) :
						json_integer_value(n);

	json_decref(tree);
	return refused > 0 ? (uint64_t)refused : 0;
}

static void traces_taken(struct traces *t, const struct export_answer *answer)
{
	uint64_t refused = traces_refused(answer);

	if (refused > t->batch.n)
		refused = t->batch.n;
	atomic_fetch_add(&t->rejected, refused);
	atomic_fetch_add(&t->exported, t->batch.n - refused);
	if (t->failed > 0)
		log_info("traces: %s takes spans again; %llu were dropped", t->url,
			 (unsigned long long)(traces_gone(t) - t->gone_before));
	t->failed = 0;
	t->body = NULL;
}

/* Once for an outage. */
static void traces_complain(struct traces *t, const struct export_answer *answer)
{
	t->gone_before = traces_gone(t);
	if (answer->status != 0)
		log_warning("traces: %s answers %d: spans that have no room are dropped",
			    t->url, answer->status);
	else
		log_warning("traces: %s: %s: spans that have no room are dropped", t->url,
			    answer->text);
}

static int64_t traces_pause_ms(const struct traces *t, const struct export_answer *answer)
{
	int64_t ms = TRACES_FIRST_MS;
	uint32_t random;

	ids_random(&random, sizeof(random));
	for (unsigned i = 1; i < t->failed && ms < TRACES_MOST_MS; i++)
		ms *= 2;
	if (ms > TRACES_MOST_MS)
		ms = TRACES_MOST_MS;
	ms += (int64_t)random % (ms / 4);
	if (answer->after_ms > ms)
		ms = answer->after_ms;
	return ms < TRACES_MOST_ASKED_MS ? ms : TRACES_MOST_ASKED_MS;
}

/* What OTLP calls retryable. */
static bool traces_is_passing(int status)
{
	return status == 0 || status == 429 || status == 502 || status == 503 ||
	       status == 504;
}

static void traces_send(struct traces *t)
{
	struct export_answer answer;

	export_post(t->export, t->body, t->len, &answer);
	if (answer.status >= 200 && answer.status < 300) {
		traces_taken(t, &answer);
		return;
	}
	atomic_fetch_add(&t->failures, 1);
	if (t->failed++ == 0)
		traces_complain(t, &answer);
	t->again_ns = clock_steady_ns() + traces_pause_ms(t, &answer) * TRACES_MS;
	if (!traces_is_passing(answer.status) || ++t->tries == TRACES_TRIES)
		traces_give_up(t);
}

static void traces_rest(struct traces *t)
{
	int64_t now_ns = clock_steady_ns(), left_ms = t->interval_ms;
	size_t n = t->at_once;

	if (t->failed > 0) {
		/* only time helps */
		n = SIZE_MAX / 2;
		left_ms = (t->again_ns - now_ns) / TRACES_MS + 1;
	}
	if (left_ms > 0)
		spans_wait(t->spans, n, left_ms);
}

/* All that waits, as long as it is taken. */
static void traces_turn(struct traces *t)
{
	bool any = false;

	if (t->failed > 0 && clock_steady_ns() < t->again_ns)
		return;
	while (t->body != NULL || traces_gather(t)) {
		any = true;
		traces_send(t);
		if (t->failed > 0)
			return;
		/* what is less than a batch may wait for more */
		if (spans_waiting(t->spans) < t->at_once)
			return;
	}
	/* somebody is about to commit the oldest one */
	if (!any && spans_waiting(t->spans) > 0)
		usleep(1000);
}

/* Nobody waits for the receiver for longer than it is said to the export. */
static void traces_last(struct traces *t)
{
	uint64_t before = traces_gone(t);

	while (t->body != NULL || traces_gather(t)) {
		unsigned failed = t->failed;

		traces_send(t);
		if (t->failed > failed)
			break;
	}
	if (t->body != NULL)
		traces_give_up(t);
	while (spans_oldest(t->spans) != NULL) {
		spans_release(t->spans);
		atomic_fetch_add(&t->lost, 1);
	}
	if (traces_gone(t) > before)
		log_warning("traces: %llu spans could not be sent in time",
			    (unsigned long long)(traces_gone(t) - before));
}

static void *traces_main(void *arg)
{
	struct traces *t = arg;

	thread_begin("traces", THREAD_LONG);
	while (!atomic_load(&t->stopping)) {
		traces_rest(t);
		traces_turn(t);
	}
	traces_last(t);
	return NULL;
}

static char *traces_url(const char *endpoint)
{
	size_t len = strlen(endpoint);

	while (len > 0 && endpoint[len - 1] == '/')
		len--;
	return memory_format("%.*s/v1/traces", (int)len, endpoint);
}

static void traces_free(struct traces *t)
{
	export_free(&t->export);
	spans_free(&t->spans);
	otlp_fini(&t->batch);
	free(t->url);
	free(t->service);
	free(t->replica);
	free(t);
}

static void traces_thread(struct traces *t)
{
	sigset_t all, before;

	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&t->thread, NULL, traces_main, t) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int traces_start(const struct config *config, const char *replica,
		 struct traces **traces_out, struct gantry_error *err)
{
	const struct config_traces *c = &config->traces;
	struct traces *t;

	if (config->tracing == NULL)
		return 0;
	t = memory_new(sizeof(*t));
	t->interval_ms = c->interval;
	t->at_once = (size_t)c->batch;
	t->url = traces_url(c->endpoint);
	t->service = memory_text(config->service);
	t->replica = memory_text(replica);
	t->who = (struct otlp_resource){ t->service, VERSION_TEXT, t->replica };
	t->spans = spans_new((size_t)c->queue, c->part);
	t->export = export_new(&(struct export_options){
		.url = t->url, .content_type = "application/json",
		.headers_file = c->headers_file, .ca_file = c->ca_file,
		.timeout_ms = c->timeout,
	}, err);
	if (t->export == NULL) {
		traces_free(t);
		return error_prefix(err, "traces");
	}
	traces_thread(t);
	*traces_out = t;
	return 0;
}

void traces_stop(struct traces **traces)
{
	struct traces *t = *traces;

	if (t == NULL)
		return;
	*traces = NULL;
	export_end_at(t->export, clock_steady_ns() + TRACES_LAST_MS * TRACES_MS);
	atomic_store(&t->stopping, true);
	spans_wake(t->spans);
	pthread_join(t->thread, NULL);
	traces_free(t);
}

struct spans *traces_spans(const struct traces *traces)
{
	return traces != NULL ? traces->spans : NULL;
}

void traces_set_ratio(struct traces *traces, double ratio)
{
	if (traces != NULL)
		spans_set_ratio(traces->spans, ratio);
}

struct traces_counts traces_counts(const struct traces *traces)
{
	struct traces *t = (struct traces *)traces;

	if (t == NULL)
		return (struct traces_counts){ 0 };
	return (struct traces_counts){
		.exported = atomic_load(&t->exported),
		.full = spans_dropped(t->spans),
		.lost = atomic_load(&t->lost),
		.rejected = atomic_load(&t->rejected),
		.failures = atomic_load(&t->failures),
		.waiting = spans_waiting(t->spans),
		.ratio = spans_ratio(t->spans),
	};
}

static void traces_dropped(struct exposition *x, const char *cause, uint64_t n)
{
	exposition_sample(x, "", &(struct exposition_label){ "cause", cause }, 1, n, 0);
}

void traces_write(const struct traces *traces, struct exposition *x)
{
	struct traces_counts n = traces_counts(traces);

	exposition_gauge(x, "gantry_trace_ratio",
			 "Part of the traces beginning here that is looked at.",
			 (uint64_t)(n.ratio * 1e6 + 0.5), 6);
	exposition_gauge(x, "gantry_spans_waiting", "Spans that wait to be exported.",
			 n.waiting, 0);
	exposition_counter(x, "gantry_spans_exported_total",
			   "Spans that the receiver has taken.", n.exported, 0);
	exposition_family(x, "gantry_spans_dropped_total", EXPOSITION_COUNTER,
			  "Spans that nobody will see.");
	traces_dropped(x, "full", n.full);
	traces_dropped(x, "lost", n.lost);
	traces_dropped(x, "rejected", n.rejected);
	exposition_counter(x, "gantry_span_export_failures_total",
			   "Batches that the receiver did not take, each time.",
			   n.failures, 0);
}
