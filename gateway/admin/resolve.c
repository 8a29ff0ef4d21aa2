/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve - a dead letter becomes the message that it was, and goes its way
 * through its own pipeline; or it is discarded. The unit decides, this only
 * asks and tells: the letter may have been closed meanwhile.
 */
#include <inttypes.h>
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/utf8.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/pipeline/event.h"

#define RESOLVE_MAX_REASON 1024

/* The message that is on its way, and who waits for it. */
struct resolve {
	struct gantry_message m;
	struct gantry_message *request;
};

/* 1: the letter, 0: answered. */
static int resolve_find(struct admin *admin, struct admin_job *job, struct letter *out)
{
	struct gantry_message *m = job->m;
	int found = letters_find(&admin_options(admin)->store, job->ref, &m->arena, out,
				 &m->error);

	if (found > 0)
		return 1;
	if (found == 0)
		error_set(&m->error, "DEAD_LETTER_NOT_FOUND",
			  "There is no dead letter %" PRId64, job->ref);
	admin_refuse(m);
	return 0;
}

/* It failed once more: the caller is told why, the letter tells it, too. */
static void resolve_failed(struct gantry_message *request, const struct gantry_message *m)
{
	const char *cause = envelope_cause(&m->error, m->answer.verdict);
	const char *why = envelope_summary(&request->arena, &m->error);
	bool held = m->error.dependency != GANTRY_DEPENDS_ON_NOTHING;
	json_t *details;
	char *text;

	error_reset(&request->error);
	if (held || strcmp(cause, "OVERLOADED") == 0 ||
	    strcmp(cause, "DEAD_LETTER_NOT_FOUND") == 0) {
		if (held)
			error_depends(&request->error, m->error.dependency, "%s",
				      m->error.message);
		else
			error_set(&request->error, cause, "%s", m->error.message);
		admin_refuse(request);
		return;
	}
	error_set(&request->error, "RETRY_FAILED", "It failed again: %s: %s", cause, why);
	details = json_pack("{ss ss}", "cause", cause, "text", why);
	text = json_dumps(details, JSON_COMPACT);
	if (text != NULL)
		error_details_text(&request->error, text, strlen(text));
	free(text);
	json_decref(details);
	admin_refuse(request);
}

/* Below the request, and it goes back to where the event died. */
static void resolve_trace(struct gantry_message *m, struct gantry_message *request)
{
	const char *died = m->traceparent;

	if (request->trace.spans == NULL)
		return;
	trace_goes_on(m, request);
	trace_begin_linked(m, request->trace.spans, died);
}

static const char *resolve_deed(const struct gantry_message *m)
{
	return m->discards != NULL ? "discard" : m->edited ? "edit" : "retry";
}

static void resolve_traced(const struct gantry_message *m)
{
	char name[32];
	struct span *span;

	snprintf(name, sizeof(name), "%s dead letter", resolve_deed(m));
	span = trace_own(m, name, SPAN_INTERNAL);
	if (span == NULL)
		return;
	span_add_number(span, "gantry.dead_letter", m->resolves);
	span_add_text(span, "messaging.message.id", m->id);
	span_add_text(span, "gantry.outcome", m->answer.outcome);
	trace_verdict(span, m, true);
	span_commit(m->trace.spans, span);
}

static void resolve_answered(struct gantry_message *m)
{
	struct resolve *r = m->home_data;
	struct gantry_message *request = r->request;
	const char *outcome = m->answer.outcome;
	char ref[24];

	resolve_traced(m);
	snprintf(ref, sizeof(ref), "%" PRId64, m->resolves);
	log_line(GANTRY_LOG_INFO, m->correlation_id, m->traceparent,
		 "dead letter %s: %s by %s: %s", ref,
		 resolve_deed(m), m->actor, outcome != NULL ? outcome :
			   envelope_cause(&m->error, m->answer.verdict));
	if (outcome == NULL)
		resolve_failed(request, m);
	else
		admin_answer(request, json_pack("{sb s{ss ss}}", "success", 1, "data",
						"ref", ref, "outcome", outcome));
	message_fini(m);
	free(r);
}

static const struct message_home resolve_home = { resolve_answered };

/* An event that has its id in the body only if somebody put it there. */
static void resolve_name(struct gantry_message *m, const struct letter *letter)
{
	struct gantry_error ignored = ERROR_INIT;

	if (m->id == NULL)
		m->id = m->causation_id = arena_text(&m->arena,
			event_envelope_id(gantry_json(m, &ignored)));
	error_fini(&ignored);
	if (m->id != NULL)
		m->inbox_key = event_inbox_key(&m->arena, letter->queue, m->id);
}

static struct resolve *resolve_new(struct admin_job *job, const struct letter *letter)
{
	struct resolve *r = memory_new(sizeof(*r));
	struct gantry_message *m = &r->m;

	message_init(m, GANTRY_SOURCE_AMQP, &resolve_home);
	m->home_data = r;
	r->request = job->m;
	m->graph = current_hold(job->m->graph);
	m->route = letter_route(letter, m->graph);
	m->resolves = job->ref;
	m->actor = arena_text(&m->arena, job->actor);
	m->deadline_ms = job->m->deadline_ms;
	if (letter_message(letter, m, &job->m->error) == 0 && m->route != NULL) {
		resolve_trace(m, job->m);
		return r;
	}
	if (m->route == NULL)
		error_set(&job->m->error, "ROUTE_NOT_FOUND",
			  "No route takes events of the queue %s any more",
			  letter->queue);
	message_fini(m);
	free(r);
	return NULL;
}

void resolve_retry(struct admin *admin, struct admin_job *job)
{
	struct letter letter;
	struct resolve *r;

	if (resolve_find(admin, job, &letter) == 0)
		return;
	r = resolve_new(job, &letter);
	if (r == NULL) {
		admin_refuse(job->m);
		return;
	}
	resolve_name(&r->m, &letter);
	engine_submit(admin_options(admin)->engine, &r->m);
}

/* The inbox knows it by its id: another one would be another event. */
static void resolve_check_id(const json_t *body, const json_t *old,
			     const struct letter *letter, struct gantry_error *err)
{
	const json_t *id = json_object_get(body, "eventId");

	if (id == NULL && letter->event_id != NULL &&
	    json_object_get(old, "eventId") == NULL)
		return;
	if (!json_is_string(id) ||
	    !utf8_is_id(json_string_value(id), json_string_length(id), 128))
		gantry_problem(err, "eventId", "not 1 to 128 printable bytes");
	else if (letter->event_id != NULL &&
		 strcmp(letter->event_id, json_string_value(id)) != 0)
		gantry_problem(err, "eventId", "must stay \"%s\"", letter->event_id);
}

/* What the envelope must have (D15), unless it never was one. */
static void resolve_check_envelope(const json_t *body, struct gantry_error *err)
{
	static const char *const names[] = { "eventType", "eventVersion" };

	for (unsigned i = 0; i < ARRAY_LENGTH(names); i++) {
		const json_t *text = json_object_get(body, names[i]);

		if (!json_is_string(text) || json_string_length(text) == 0)
			gantry_problem(err, names[i], "must be a text");
	}
	if (!json_is_object(json_object_get(body, "payload")))
		gantry_problem(err, "payload", "must be an object");
}

static int resolve_check(struct gantry_message *m, const struct letter *letter)
{
	const json_t *body = gantry_json(m, &m->error);
	json_t *old;

	if (body == NULL)
		return error_set(&m->error, "VALIDATION_ERROR", "%s",
				 arena_text(&m->arena, m->error.message));
	if (!json_is_object(body))
		return error_set(&m->error, "VALIDATION_ERROR",
				 "The event must be a JSON object");
	old = json_loadb(letter->body, letter->body_len, 0, NULL);
	resolve_check_id(body, old, letter, &m->error);
	if (old == NULL || json_object_get(old, "eventType") != NULL ||
	    !json_is_object(old))
		resolve_check_envelope(body, &m->error);
	json_decref(old);
	if (m->error.problems > 0)
		return error_set(&m->error, "VALIDATION_ERROR", "The event is not valid");
	return 0;
}

static bool resolve_only_checks(const struct gantry_message *m)
{
	const char *check = gantry_query(m, "check");

	return check != NULL && strcmp(check, "true") == 0;
}

void resolve_edit(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	struct letter letter;
	struct resolve *r;
	bool sound;

	if (resolve_find(admin, job, &letter) == 0)
		return;
	sound = resolve_check(m, &letter) == 0;
	if (sound && resolve_only_checks(m)) {
		admin_answer(m, json_pack("{sb s{ss}}", "success", 1, "data", "outcome",
					  "valid"));
		return;
	}
	r = sound ? resolve_new(job, &letter) : NULL;
	if (r == NULL) {
		admin_refuse(m);
		return;
	}
	r->m.edited = true;
	r->m.body = arena_text_n(&r->m.arena, m->body, m->body_len);
	r->m.body_len = m->body_len;
	resolve_name(&r->m, &letter);
	engine_submit(admin_options(admin)->engine, &r->m);
}

static const char *resolve_reason(struct gantry_message *m)
{
	const json_t *body = gantry_json(m, &m->error);
	const json_t *reason = json_object_get(body, "reason");

	if (body == NULL) {
		error_set(&m->error, "VALIDATION_ERROR", "%s",
			  arena_text(&m->arena, m->error.message));
		return NULL;
	}
	if (json_is_string(reason) && json_string_length(reason) >= 1 &&
	    json_string_length(reason) <= RESOLVE_MAX_REASON)
		return json_string_value(reason);
	gantry_problem(&m->error, "reason", "must be a text of 1 to %d bytes",
		       RESOLVE_MAX_REASON);
	error_set(&m->error, "VALIDATION_ERROR", "A reason is needed");
	return NULL;
}

void resolve_discard(struct admin *admin, struct admin_job *job)
{
	const char *reason = resolve_reason(job->m);
	struct letter letter;
	struct resolve *r;

	if (reason == NULL) {
		admin_refuse(job->m);
		return;
	}
	if (resolve_find(admin, job, &letter) == 0)
		return;
	r = memory_new(sizeof(*r));
	message_init(&r->m, GANTRY_SOURCE_AMQP, &resolve_home);
	r->m.home_data = r;
	r->request = job->m;
	r->m.graph = current_hold(job->m->graph);
	r->m.route = letter_route(&letter, r->m.graph);
	r->m.resolves = job->ref;
	r->m.actor = arena_text(&r->m.arena, job->actor);
	r->m.discards = arena_text(&r->m.arena, reason);
	r->m.id = arena_text(&r->m.arena, letter.event_id);
	r->m.correlation_id = arena_text(&r->m.arena, letter.correlation_id);
	r->m.traceparent = arena_text(&r->m.arena, letter.traceparent);
	resolve_trace(&r->m, job->m);
	if (r->m.id != NULL)
		r->m.inbox_key = event_inbox_key(&r->m.arena, letter.queue, r->m.id);
	engine_submit(admin_options(admin)->engine, &r->m);
}
