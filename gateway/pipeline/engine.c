/* SPDX-License-Identifier: Apache-2.0 */
/* engine - see engine.h. Workers and readers are in files of their own. */
#include "gateway/pipeline/engine.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/utf8.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/engine_private.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/pipeline/inject.h"
#include "gateway/pipeline/meters.h"
#include "gateway/pipeline/pass.h"

struct engine *engine_new(const struct engine_options *options,
			  const struct engine_reads *reads,
			  const struct engine_committer *committer)
{
	struct engine *e = memory_new(sizeof(*e));

	e->options = *options;
	e->reads = *reads;
	e->committer = *committer;
	atomic_init(&e->queue, options->queue);
	e->readers = readers_new(e, options->readers);
	e->workers = workers_new(e, options->workers);
	return e;
}

void engine_set_calls(struct engine *engine, const struct call_maker *maker)
{
	assert(engine->calls.make == NULL);
	engine->calls = *maker;
}

void engine_set_queue(struct engine *engine, unsigned queue)
{
	atomic_store(&engine->queue, queue);
}

void engine_free(struct engine **engine)
{
	struct engine *e = *engine;

	if (e == NULL)
		return;
	assert(atomic_load(&e->waiting) == 0);
	workers_free(&e->workers);
	readers_free(&e->readers);
	free(e);
	*engine = NULL;
}

struct spans *engine_spans(const struct engine *engine)
{
	return engine->options.spans;
}

size_t engine_waiting(const struct engine *engine)
{
	return atomic_load(&((struct engine *)engine)->waiting);
}

bool engine_moves(struct engine *engine)
{
	return pulse_look(&engine->pulse);
}

/* One of the same name makes room, also one of the core's own (Retry-After). */
static void engine_set_header(struct message_pair *pairs, unsigned *n,
			      const struct message_pair *header)
{
	unsigned i = 0;

	while (i < *n && strcasecmp(pairs[i].name, header->name) != 0)
		i++;
	pairs[i] = *header;
	*n += i == *n;
}

/* What a handler said of any answer joins the one that it has become. */
static void engine_add_headers(struct gantry_message *m)
{
	unsigned n = m->answer.n_headers;
	struct message_pair *pairs;
	struct effect e;
	size_t cursor = 0;

	pairs = arena_alloc(&m->arena,
			    (n + m->effects.n_answer_headers) * sizeof(*pairs));
	if (n > 0)
		memcpy(pairs, m->answer.headers, n * sizeof(*pairs));
	while (effects_next(&m->effects, &cursor, &e))
		if (e.kind == EFFECT_ANSWER_HEADER)
			engine_set_header(pairs, &n, &(const struct message_pair){
						e.as.header.name, e.as.header.value });
	m->answer.headers = pairs;
	m->answer.n_headers = n;
}

size_t engine_waiting_readers(const struct engine *engine)
{
	return readers_waiting(engine->readers);
}

size_t engine_waiting_workers(const struct engine *engine)
{
	return workers_waiting(engine->workers);
}

void engine_finish(struct engine *engine, struct gantry_message *m)
{
	message_flush_logs(m);
	if (m->effects.n_answer_headers > 0)
		engine_add_headers(m);
	meters_message(engine->options.metrics, m);
	atomic_fetch_sub(&engine->waiting, 1);
	m->home->answer(m);
}

void engine_refuse(struct engine *engine, struct gantry_message *m,
		   enum gantry_verdict verdict)
{
	message_correlate(m);
	envelope_fail(m, verdict);
	/* an open breaker refuses many, and was said when it opened */
	if (m->answer.status >= 500)
		log_line(m->error.code != NULL && strcmp(m->error.code, "CIRCUIT_OPEN") == 0 ?
			 GANTRY_LOG_DEBUG : GANTRY_LOG_WARNING, m->correlation_id, m->traceparent,
			 "%s: %s", m->route != NULL ? m->route->address : "dead letter",
			 m->error.message[0] != '\0' ? m->error.message :
						       "failed without a message");
	engine_finish(engine, m);
}

void engine_overloaded(struct engine *engine, struct gantry_message *m)
{
	error_reset(&m->error);
	error_set(&m->error, "OVERLOADED", "Too much to do at the moment");
	engine_refuse(engine, m, GANTRY_FAILED);
}

static void engine_commit(struct engine *engine, struct gantry_message *m)
{
	if (!engine->committer.commit(engine->committer.committer, m))
		engine_overloaded(engine, m);
}

/* 401 says how to identify oneself, but not why the token was refused. */
static void engine_unauthenticated(struct engine *engine, struct gantry_message *m)
{
	struct message_pair *header = arena_alloc(&m->arena, sizeof(*header));
	const char *challenge = NULL;

	for (unsigned i = 0; i < m->route->n_auth && challenge == NULL; i++)
		challenge = m->route->auth[i]->plugin->auth->challenge;
	message_correlate(m);
	log_line(GANTRY_LOG_INFO, m->correlation_id, m->traceparent,
		 "%s: unauthenticated: %s", m->route->address, m->error.message);
	error_reset(&m->error);
	error_set(&m->error, "UNAUTHENTICATED", "A valid token is needed");
	envelope_fail(m, GANTRY_REJECTED);
	*header = (struct message_pair){ "WWW-Authenticate",
					 challenge != NULL ? challenge : "Bearer" };
	m->answer.headers = header;
	m->answer.n_headers = 1;
	engine_finish(engine, m);
}

/* Zero denies; when all defer, deny. */
static bool engine_authenticate(struct gantry_message *m)
{
	for (unsigned i = 0; i < m->route->n_auth; i++) {
		struct gantry_instance *auth = m->route->auth[i];
		enum gantry_access access;

		access = auth->plugin->auth->authenticate(auth->self, m, &m->error);
		if (access != GANTRY_ACCESS_DEFERRED)
			return access == GANTRY_ACCESS_GRANTED;
	}
	return false;
}

static bool engine_authorise(const struct gantry_message *m)
{
	for (const char *const *role = m->route->roles; role && *role; role++)
		if (gantry_has_role(m, *role))
			return true;
	return false;
}

static bool engine_admit(struct engine *engine, struct gantry_message *m)
{
	const char *key = m->idempotency_key;

	if (m->route->n_auth > 0) {
		if (!engine_authenticate(m)) {
			engine_unauthenticated(engine, m);
			return false;
		}
		/* the first run of a handler forgets what was not said */
		message_flush_logs(m);
		if (!engine_authorise(m)) {
			error_set(&m->error, "FORBIDDEN",
				  "The token has no role that may do this");
			engine_refuse(engine, m, GANTRY_REJECTED);
			return false;
		}
	}
	if (key != NULL && !utf8_is_printable_ascii(key, strlen(key), 255)) {
		gantry_problem(&m->error, "Idempotency-Key",
			       "not 1 to 255 printable bytes");
		error_set(&m->error, "VALIDATION_ERROR",
			  "The Idempotency-Key is not 1 to 255 printable bytes");
		engine_refuse(engine, m, GANTRY_REJECTED);
		return false;
	}
	return true;
}

void engine_submit(struct engine *engine, struct gantry_message *m)
{
	assert((m->route != NULL || m->discards != NULL || m->note != NULL) &&
	       m->home != NULL);
	m->engine = engine;
	if (m->source == GANTRY_SOURCE_SCHEDULE)
		m->submitted_ns = clock_steady_ns();
	message_complete(m);
	if (strcmp(m->method, "POST") != 0 || (m->route != NULL && m->route->verbatim))
		m->idempotency_key = NULL;
	if (atomic_fetch_add(&engine->waiting, 1) >=
	    atomic_load_explicit(&engine->queue, memory_order_relaxed)) {
		engine_overloaded(engine, m);
		return;
	}
	if (m->dead_letter != NULL || m->discards != NULL || m->lease != NULL ||
	    m->note != NULL) {
		engine_commit(engine, m);
		return;
	}
	if (!engine_admit(engine, m))
		return;
	if (m->route->inject)
		inject_run(engine, m);
	else
		engine_run(engine, m);
}

void engine_restart(struct engine *engine, struct gantry_message *m)
{
	ask_free_all(m);
	effects_truncate(&m->effects, &(const struct effects){ 0 });
	m->step = 0;
	m->minted_before = 0;
	m->runs = 0;
	m->n_outcomes = 0;
	error_reset(&m->error);
	readers_push(engine->readers, m);
}

/* The reply that counts, as an answer without a unit or after it. */
bool engine_compose(struct gantry_message *m)
{
	static const char empty[] = "{\"success\":true,\"data\":null}";
	const struct call *passed = NULL;
	struct message_pair *headers;
	struct effect e;
	size_t cursor = 0;
	unsigned n = 0;

	headers = arena_alloc(&m->arena, (m->effects.n_headers + 1) * sizeof(*headers));
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE };
	while (effects_next(&m->effects, &cursor, &e)) {
		if (e.kind == EFFECT_REPLY) {
			passed = NULL;
			m->answer.status = e.as.reply.status;
			m->answer.text = e.as.reply.text;
			m->answer.len = e.as.reply.len;
		} else if (e.kind == EFFECT_HEADER) {
			headers[n++] = (struct message_pair){ e.as.header.name,
							      e.as.header.value };
		} else if (e.kind == EFFECT_PASS) {
			passed = pass_call(m, (unsigned)e.as.ask);
		} else if (e.kind == EFFECT_AGAIN) {
			m->answer.again = true;
		}
	}
	m->answer.headers = headers;
	m->answer.n_headers = n;
	if (passed != NULL)
		pass_answer(m, passed, headers, n);
	message_correlate(m);
	if (m->answer.status != 0)
		return true;
	m->answer.status = 200;
	m->answer.text = empty;
	m->answer.len = sizeof(empty) - 1;
	return m->verdict != GANTRY_NEXT || m->source != GANTRY_SOURCE_HTTP;
}

static void engine_answer_now(struct engine *engine, struct gantry_message *m)
{
	if (m->verdict == GANTRY_REJECTED || m->verdict == GANTRY_FAILED) {
		engine_refuse(engine, m, m->verdict);
	} else if (engine_compose(m)) {
		engine_finish(engine, m);
	} else {
		error_set(&m->error, "ROUTE_NOT_FOUND", "Nobody answered");
		engine_refuse(engine, m, GANTRY_REJECTED);
	}
}

/* What a rejected message still commits; it says so for http and admin only. */
static bool engine_keeps_effects(const struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;

	if (m->source != GANTRY_SOURCE_HTTP && m->source != GANTRY_SOURCE_ADMIN)
		return false;
	while (effects_next(&m->effects, &cursor, &e))
		if (e.kind == EFFECT_EVENT && e.as.event.even_if_rejected)
			return true;
	return false;
}

static bool engine_needs_unit(const struct gantry_message *m)
{
	const struct effects *e = &m->effects;

	/* what becomes of a dead letter is written down in any case */
	if (m->idempotency_key != NULL || m->resolves != 0)
		return true;
	if (m->verdict == GANTRY_FAILED)
		return false;
	if (m->verdict == GANTRY_REJECTED)
		return engine_keeps_effects(m);
	return e->n_commands + e->n_events + e->n_records > 0 ||
	       m->inbox_key != NULL;
}

static void engine_end(struct engine *engine, struct gantry_message *m)
{
	if (!engine_needs_unit(m))
		engine_answer_now(engine, m);
	else
		engine_commit(engine, m);
}

static void engine_call(struct gantry_message *m, const struct route_step *step)
{
	struct effects mark = m->effects;
	int64_t began_ns = clock_steady_ns();
	int slot;

	message_begin_run(m);
	trace_run_begins(m, began_ns);
	slot = pulse_begin(&m->engine->pulse);
	m->verdict = step->handler->handle(step->instance->self, m, &m->error);
	pulse_end(&m->engine->pulse, slot);
	if (m->asking) {
		meters_call(m->engine->options.metrics, m, began_ns);
		effects_truncate(&m->effects, &mark);
		return;
	}
	if (m->verdict < GANTRY_FAILED || m->verdict > GANTRY_DONE) {
		error_set(&m->error, "INTERNAL_ERROR", "%s.%s gave verdict %d",
			  step->instance->name, step->handler->name,
			  (int)m->verdict);
		m->verdict = GANTRY_FAILED;
	}
	m->verdict = message_heed(m, m->verdict, &mark);
	/* a query that cannot be is the sender's fault, not the moment's */
	if (m->verdict == GANTRY_FAILED && m->error.permanent)
		m->verdict = GANTRY_REJECTED;
	meters_call(m->engine->options.metrics, m, began_ns);
	trace_run_ended(m);
	message_flush_logs(m);
}

/* Calls are made by whoever has the message; storage is asked by the readers. */
static bool engine_asks_calls_alone(const struct gantry_message *m)
{
	const struct message_ask *ask = ask_open(m->asks);

	while (ask != NULL && ask->kind == ASK_CALL)
		ask = ask_open(ask->next);
	return ask == NULL &&
	       m->route->steps[m->step].instance->plugin->threads == GANTRY_INLINE;
}

/* True: the message waits, or is gone. False: its handler is to run again. */
static bool engine_fetch(struct engine *engine, struct gantry_message *m)
{
	if (engine_asks_calls_alone(m))
		return calls_start(engine, m) == CALLS_PARKED;
	readers_push(engine->readers, m);
	return true;
}

/* False: asking is of no use, the verdict says so. */
static bool engine_may_ask(struct gantry_message *m)
{
	if (ask_open(m->asks) == NULL || ++m->runs >= MESSAGE_MAX_RUNS) {
		const struct route_step *step = &m->route->steps[m->step];

		error_set(&m->error, "INTERNAL_ERROR", "%s.%s: still asking after %u runs",
			  step->instance->name, step->handler->name, m->runs);
		m->verdict = GANTRY_FAILED;
		trace_run_ended(m);
		return false;
	}
	return true;
}

bool engine_step(struct engine *engine, struct gantry_message *m)
{
	engine_call(m, &m->route->steps[m->step]);
	if (m->asking && engine_may_ask(m))
		return !engine_fetch(engine, m);
	if (m->verdict == GANTRY_NEXT && m->step + 1 < m->route->n_steps) {
		m->step++;
		m->minted_before = m->next_minted;
		return true;
	}
	engine_end(engine, m);
	return false;
}

void engine_run(struct engine *engine, struct gantry_message *m)
{
	do {
		const struct route_step *step = &m->route->steps[m->step];

		if (step->instance->plugin->threads != GANTRY_INLINE) {
			if (!workers_push(engine->workers, m))
				engine_overloaded(engine, m);
			return;
		}
	} while (engine_step(engine, m));
}
