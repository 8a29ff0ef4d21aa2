/* SPDX-License-Identifier: Apache-2.0 */
/* letter - see letters.h: one letter as a tree, and as a message again. */
#include <inttypes.h>
#include <string.h>

#include <nettle/base64.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/commit/letters.h"
#include "gateway/pipeline/event.h"

/* Members that are texts and nothing else, in the order they are shown. */
struct letter_member {
	const char *name;
	size_t offset;
	bool whole;			/* only in a whole tree */
};

#define MEMBER(name, member, whole) { name, offsetof(struct letter, member), whole }

static const struct letter_member letter_members[] = {
	MEMBER("state", state, false),
	MEMBER("cause", cause, false),
	MEMBER("text", text, false),
	MEMBER("handler", handler, false),
	MEMBER("queue", queue, false),
	MEMBER("eventId", event_id, false),
	MEMBER("exchange", exchange, false),
	MEMBER("routingKey", routing_key, false),
	MEMBER("correlationId", correlation_id, false),
	MEMBER("traceparent", traceparent, true),
	MEMBER("contentType", content_type, true),
	MEMBER("form", form, true),
	MEMBER("body", body, true),
	MEMBER("originalForm", original_form, true),
	MEMBER("original", original, true),
};

static const char **letter_text(const struct letter *l, const struct letter_member *m)
{
	return (const char **)((uintptr_t)l + m->offset);
}

static void letter_time(json_t *tree, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT];

	if (ms <= 0 || ms > CLOCK_MAX_MS)
		return;
	clock_format(ms, text);
	json_object_set_new(tree, name, json_string(text));
}

json_t *letter_tree(const struct letter *l, bool whole)
{
	json_t *tree = json_object();
	char ref[24];

	/* as text: a browser's numbers end at 2^53 */
	snprintf(ref, sizeof(ref), "%" PRId64, l->ref);
	json_object_set_new(tree, "ref", json_string(ref));
	for (unsigned i = 0; i < ARRAY_LENGTH(letter_members); i++) {
		const char *text = *letter_text(l, &letter_members[i]);

		if (text != NULL && (whole || !letter_members[i].whole))
			json_object_set_new(tree, letter_members[i].name,
					    json_string(text));
	}
	json_object_set_new(tree, "attempts", json_integer(l->attempts));
	letter_time(tree, "diedAt", l->died_at);
	letter_time(tree, "createdAt", l->created_at);
	letter_time(tree, "closedAt", l->closed_at);
	if (whole && l->headers != NULL)
		json_object_set_new(tree, "headers", json_loads(l->headers, 0, NULL));
	return tree;
}

int letter_from_tree(const json_t *tree, struct arena *arena, struct letter *out,
		     struct gantry_error *err)
{
	const json_t *headers = json_object_get(tree, "headers");
	const char *ref = json_string_value(json_object_get(tree, "ref"));

	*out = (struct letter){ 0 };
	if (ref == NULL || !parse_integer(ref, &out->ref))
		return gantry_fail(err, "no dead letter: it has no ref");
	for (unsigned i = 0; i < ARRAY_LENGTH(letter_members); i++)
		*letter_text(out, &letter_members[i]) = json_string_value(
			json_object_get(tree, letter_members[i].name));
	if (out->queue == NULL || out->body == NULL || out->form == NULL)
		return gantry_fail(err, "no dead letter: queue, form or body is missing");
	out->body_len = strlen(out->body);
	out->attempts = json_integer_value(json_object_get(tree, "attempts"));
	if (json_is_object(headers)) {
		char *text = json_dumps(headers, JSON_COMPACT);

		out->headers = arena_text(arena, text);
		free(text);
	}
	return 0;
}

static int letter_body(const struct letter *l, struct gantry_message *m,
		       struct gantry_error *err)
{
	struct base64_decode_ctx decode;
	uint8_t *bytes;

	m->body = arena_text_n(&m->arena, l->body, l->body_len);
	m->body_len = l->body_len;
	if (strcmp(l->form, "base64") != 0)
		return 0;
	bytes = arena_zero(&m->arena, BASE64_DECODE_LENGTH(l->body_len) + 1);
	m->body_len = BASE64_DECODE_LENGTH(l->body_len);
	base64_decode_init(&decode);
	if (!base64_decode_update(&decode, &m->body_len, bytes, l->body_len, l->body) ||
	    !base64_decode_final(&decode))
		return error_set(err, "INTERNAL_ERROR",
				 "The body of dead letter %" PRId64 " is no base64",
				 l->ref);
	bytes[m->body_len] = '\0';
	m->body = (const char *)bytes;
	return 0;
}

/* Headers of the delivery that are texts or numbers. */
static void letter_headers(const struct letter *l, struct gantry_message *m)
{
	json_t *tree = l->headers != NULL ? json_loads(l->headers, 0, NULL) : NULL, *value;
	struct message_pair *pairs;
	const char *name;

	pairs = arena_zero(&m->arena, (json_object_size(tree) + 1) * sizeof(*pairs));
	m->headers = pairs;
	json_object_foreach(tree, name, value) {
		const char *text = json_string_value(value);

		if (json_is_integer(value))
			text = arena_format(&m->arena, "%" JSON_INTEGER_FORMAT,
					    json_integer_value(value));
		if (text != NULL)
			pairs[m->n_headers++] = (struct message_pair){
				arena_text(&m->arena, name),
				arena_text(&m->arena, text) };
	}
	json_decref(tree);
}

int letter_message(const struct letter *l, struct gantry_message *m,
		   struct gantry_error *err)
{
	struct arena *a = &m->arena;

	if (letter_body(l, m, err) < 0)
		return -1;
	letter_headers(l, m);
	m->id = arena_text(a, l->event_id);
	m->causation_id = m->id;
	m->correlation_id = arena_text(a, l->correlation_id);
	m->traceparent = arena_text(a, l->traceparent);
	m->path = l->routing_key != NULL ? arena_text(a, l->routing_key) : "";
	m->received_ms = clock_now_ms();
	return 0;
}

const struct route *letter_route(const struct letter *l, const struct graph *graph)
{
	const struct route *found = NULL;

	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *route = graph->routes[i];

		if (route->source != GANTRY_SOURCE_AMQP ||
		    strcmp(route->queue, l->queue) != 0)
			continue;
		if (l->exchange != NULL && l->routing_key != NULL &&
		    event_route_fits(route, l->exchange, l->routing_key))
			return route;
		if (found == NULL)
			found = route;
	}
	return found;
}
