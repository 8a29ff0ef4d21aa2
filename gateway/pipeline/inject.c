/* SPDX-License-Identifier: Apache-2.0 */
/* inject - see inject.h. */
#include "gateway/pipeline/inject.h"

#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/engine_private.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/pipeline/event.h"

struct inject {
	struct engine *engine;
	struct gantry_message *request;
	struct gantry_message *events;	/* an array, carried one by one */
	unsigned n_events, next;
};

/* The id that the inbox knows it by (D20). */
static const char *inject_event_id(struct gantry_message *m)
{
	const json_t *body = gantry_json(m, &m->error);
	const char *id = event_envelope_id(body);

	if (body != NULL && id == NULL) {
		gantry_problem(&m->error, "eventId", "not 1 to 128 printable bytes");
		gantry_fail(&m->error, "The event has no eventId");
	}
	return id;
}

static const char *inject_correlation(const struct gantry_message *request)
{
	if (request->correlation_id != NULL)
		return request->correlation_id;
	return event_envelope_correlation(request->json);
}

/*
 * The first outcome that is not "applied"; a failure before a refusal, and an
 * answer that was kept, which has no outcome, before all others.
 */
static const struct gantry_message *inject_worst(const struct inject *in)
{
	const struct gantry_message *worst = &in->events[0];

	for (unsigned i = 0; i < in->next; i++)
		if (in->events[i].answer.verdict == GANTRY_FAILED)
			return &in->events[i];
	for (unsigned i = 0; i < in->next; i++)
		if (in->events[i].answer.verdict == GANTRY_REJECTED)
			return &in->events[i];
	if (worst->answer.outcome == NULL)
		return worst;
	for (unsigned i = 0; i < in->next; i++) {
		worst = &in->events[i];
		if (worst->answer.outcome != NULL &&
		    strcmp(worst->answer.outcome, "applied") != 0)
			break;
	}
	return worst;
}

/* Everything of it lives in the event's arena, which goes before the request. */
static void inject_copy_answer(struct gantry_message *request,
			       const struct message_answer *answer)
{
	struct message_pair *headers;

	request->answer = *answer;
	request->answer.text = arena_text_n(&request->arena, answer->text, answer->len);
	headers = arena_zero(&request->arena, (answer->n_headers + 1) * sizeof(*headers));
	for (unsigned i = 0; i < answer->n_headers; i++)
		headers[i] = (struct message_pair){
			arena_text(&request->arena, answer->headers[i].name),
			arena_text(&request->arena, answer->headers[i].value),
		};
	request->answer.headers = headers;
}

/* A rejected event gives its 4xx to the caller, who has it: no dead letter. */
static void inject_answer(struct inject *in)
{
	struct gantry_message *request = in->request;
	const struct gantry_message *event = inject_worst(in);

	if (request->correlation_id == NULL)
		request->correlation_id =
			arena_text(&request->arena, event->correlation_id);
	message_correlate(request);
	inject_copy_answer(request, &event->answer);
	for (unsigned i = 0; i < in->n_events; i++)
		message_fini(&in->events[i]);
	free(in->events);
	engine_finish(in->engine, request);
	free(in);
}

/*
 * The first event has the request's key (D6). If that was used for something
 * else, nothing else is to happen; but a kept answer says nothing of the other
 * events, which may have failed when it was given.
 */
static bool inject_is_over(const struct inject *in)
{
	const char *code = in->events[0].error.code;

	return in->next == in->n_events ||
	       (in->events[0].answer.verdict == GANTRY_REJECTED && code != NULL &&
		strcmp(code, "IDEMPOTENCY_KEY_REUSED") == 0);
}

static void inject_event_answered(struct gantry_message *event)
{
	struct inject *in = event->home_data;

	in->next++;
	if (inject_is_over(in))
		inject_answer(in);
	else
		engine_submit(in->engine, &in->events[in->next]);
}

static const struct message_home inject_home = { inject_event_answered };

static void inject_event(struct inject *in, unsigned n, const struct route *route,
			 const char *event_id)
{
	struct gantry_message *request = in->request, *m = &in->events[n];

	message_init(m, GANTRY_SOURCE_AMQP, &inject_home);
	m->home_data = in;
	m->graph = current_hold(request->graph);
	event_fill(m, route, event_id, gantry_param(request, "routingKey"));
	m->correlation_id = arena_text(&m->arena, inject_correlation(request));
	trace_state(request);	/* known before it is copied */
	m->traceparent = request->traceparent;
	m->trace = request->trace;
	m->body = request->body;
	m->body_len = request->body_len;
	m->json = json_incref(request->json);
	m->received_ms = request->received_ms;
	if (n > 0)
		return;
	m->method = request->method;
	m->idempotency_key = request->idempotency_key;
	m->issuer = request->issuer;
	m->subject = request->subject;
	m->n_roles = request->n_roles;
	memcpy(m->roles, request->roles, sizeof(m->roles));
}

static unsigned inject_count(const struct gantry_message *request,
			     const char *exchange, const char *key)
{
	unsigned n = 0;

	for (unsigned i = 0; i < request->graph->n_routes; i++)
		n += event_route_fits(request->graph->routes[i], exchange, key);
	return n;
}

static void inject_refuse(struct engine *engine, struct gantry_message *request)
{
	engine_refuse(engine, request, GANTRY_REJECTED);
}

void inject_run(struct engine *engine, struct gantry_message *request)
{
	const char *exchange = gantry_param(request, "exchange");
	const char *key = gantry_param(request, "routingKey");
	const char *event_id;
	struct inject *in;
	unsigned n;

	event_id = inject_event_id(request);
	if (event_id == NULL) {
		gantry_reject(&request->error, "VALIDATION_ERROR");
		inject_refuse(engine, request);
		return;
	}
	n = inject_count(request, exchange, key);
	if (n == 0) {
		error_set(&request->error, "ROUTE_NOT_FOUND",
			  "No event route is bound to exchange %s with key %s",
			  exchange, key);
		inject_refuse(engine, request);
		return;
	}
	in = memory_new(sizeof(*in));
	in->engine = engine;
	in->request = request;
	in->events = memory_new_array(n, sizeof(*in->events));
	in->n_events = n;
	n = 0;
	for (unsigned i = 0; i < request->graph->n_routes; i++)
		if (event_route_fits(request->graph->routes[i], exchange, key))
			inject_event(in, n++, request->graph->routes[i], event_id);
	/* The last answer frees in, also from inside this. */
	engine_submit(engine, &in->events[0]);
}
