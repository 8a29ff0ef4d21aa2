/* SPDX-License-Identifier: Apache-2.0 */
/* delivery - see delivery.h. */
#include "gateway/source/amqp/delivery.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/base/utf8.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/event.h"
#include "gateway/source/amqp/headers.h"
#include "gateway/source/http/target.h"

#define DELIVERY_MAX_COUNT 1000000
#define DELIVERY_MAX_TYPE 64
#define DELIVERY_MODE_PERSISTENT 2

struct delivery *delivery_new(void)
{
	return memory_new(sizeof(struct delivery));
}

void delivery_clear(struct delivery *d)
{
	struct arena mine = d->arena;
	struct gantry_message kept = { 0 };

	if (d->alive != NULL)
		--*d->alive;
	message_clear(&d->m);
	arena_reset(&mine);
	kept.arena = d->m.arena;
	kept.spare = d->m.spare;
	*d = (struct delivery){ .arena = mine, .m = kept };
}

void delivery_free(struct delivery **delivery)
{
	struct delivery *d = *delivery;

	if (d == NULL)
		return;
	if (d->alive != NULL)
		--*d->alive;
	message_fini(&d->m);
	arena_fini(&d->arena);
	free(d);
	*delivery = NULL;
}

static const char *delivery_text(struct delivery *d, amqp_bytes_t bytes)
{
	const char *text = headers_bytes_text(bytes, &d->arena);

	return text != NULL ? text : "";
}

void delivery_begin(struct delivery *d, const amqp_basic_deliver_t *deliver,
		    const char *queue)
{
	d->tag = deliver->delivery_tag;
	d->redelivered = deliver->redelivered;
	d->queue = queue;
	d->exchange = delivery_text(d, deliver->exchange);
	d->routing_key = delivery_text(d, deliver->routing_key);
	d->arrived_ns = clock_steady_ns();
}

static bool delivery_has(const amqp_basic_properties_t *p, amqp_flags_t flag)
{
	return (p->_flags & flag) != 0;
}

static amqp_table_t delivery_table(const amqp_basic_properties_t *p)
{
	return delivery_has(p, AMQP_BASIC_HEADERS_FLAG) ? p->headers :
							  (amqp_table_t){ 0, NULL };
}

/* NULL: there is none, or it is none. */
static const char *delivery_traceparent(const amqp_table_t *headers, const char *key,
					struct arena *arena)
{
	const char *text = headers_text(headers, key, arena);

	return text != NULL && target_is_traceparent(text) ? text : NULL;
}

/*
 * A tier gives back by the default exchange, so that is where our own notes
 * are looked for: from elsewhere they would be somebody else's.
 */
static void delivery_notes(struct delivery *d, const amqp_table_t *headers,
			   unsigned max_attempts)
{
	const char *exchange, *key;

	if (*d->exchange != '\0')
		return;
	exchange = headers_text(headers, HEADERS_EXCHANGE, &d->arena);
	key = headers_text(headers, HEADERS_ROUTING_KEY, &d->arena);
	if (exchange != NULL && key != NULL) {
		d->exchange = exchange;
		d->routing_key = key;
	}
	d->hopped = delivery_traceparent(headers, HEADERS_TRACEPARENT, &d->arena);
	d->attempts = (unsigned)headers_number(headers, HEADERS_ATTEMPTS, max_attempts);
	d->waits = (unsigned)headers_number(headers, HEADERS_WAITS, DELIVERY_MAX_COUNT);
}

bool delivery_header(struct delivery *d, const amqp_frame_t *frame,
		     const struct delivery_limits *limits)
{
	const amqp_basic_properties_t *p;
	amqp_table_t headers;
	char *raw;

	if (frame->frame_type != AMQP_FRAME_HEADER || d->body != NULL ||
	    frame->payload.properties.class_id != AMQP_BASIC_CLASS)
		return false;
	p = frame->payload.properties.decoded;
	headers = delivery_table(p);
	delivery_notes(d, &headers, limits->max_attempts);
	d->sender = delivery_traceparent(&headers, "traceparent", &d->arena);
	d->count = (unsigned)headers_number(&headers, "x-delivery-count",
					    DELIVERY_MAX_COUNT);
	d->properties.len = frame->payload.properties.raw.len;
	d->properties.bytes = raw = arena_alloc(&d->arena, d->properties.len + 1);
	memcpy(raw, frame->payload.properties.raw.bytes, d->properties.len);
	d->body_size = frame->payload.properties.body_size;
	d->body_room = d->body_size > limits->max_body ? DELIVERY_KEPT :
							 (size_t)d->body_size;
	d->body = arena_alloc(&d->arena, d->body_room + 1);
	return true;
}

bool delivery_body(struct delivery *d, const amqp_frame_t *frame)
{
	amqp_bytes_t part = frame->payload.body_fragment;
	size_t room = d->body_room - d->body_len;

	if (frame->frame_type != AMQP_FRAME_BODY || d->body == NULL ||
	    part.len > d->body_size - d->body_seen)
		return false;
	d->body_seen += part.len;
	if (part.len < room)
		room = part.len;
	if (room > 0)
		memcpy(d->body + d->body_len, part.bytes, room);
	d->body_len += room;
	return true;
}

bool delivery_is_complete(const struct delivery *d)
{
	return d->body != NULL && d->body_seen == d->body_size;
}

bool delivery_is_too_large(const struct delivery *d)
{
	return d->body_room < d->body_size;
}

/* The pool holds what the table needs; it goes with the next recycling. */
static const amqp_basic_properties_t *delivery_decode(const struct delivery *d,
						      amqp_pool_t *pool)
{
	void *decoded = NULL;

	init_amqp_pool(pool, 1024);
	if (amqp_decode_properties(AMQP_BASIC_CLASS, pool, d->properties,
				   &decoded) != AMQP_STATUS_OK)
		return NULL;
	return decoded;
}

/* The property, if it can be an event's id. */
static const char *delivery_message_id(struct delivery *d,
				       const amqp_basic_properties_t *p)
{
	const char *id;

	if (!delivery_has(p, AMQP_BASIC_MESSAGE_ID_FLAG))
		return NULL;
	id = headers_bytes_text(p->message_id, &d->m.arena);
	return id != NULL && utf8_is_id(id, strlen(id), EVENT_MAX_ID) ? id : NULL;
}

static void delivery_envelope(struct delivery *d, const amqp_basic_properties_t *p,
			      const char *message_id)
{
	const json_t *envelope = d->m.json;
	const char *id = event_envelope_id(envelope);
	const char *type = json_string_value(json_object_get(envelope, "eventType"));

	if (type == NULL && delivery_has(p, AMQP_BASIC_TYPE_FLAG))
		type = headers_bytes_text(p->type, &d->m.arena);
	if (type != NULL && !utf8_is_printable_ascii(type, strlen(type), DELIVERY_MAX_TYPE))
		type = NULL;
	if (d->event_id == NULL)
		d->event_id = arena_text(&d->arena, id != NULL ? id : message_id);
	if (d->type == NULL)
		d->type = arena_text(&d->arena, type);
}

static void delivery_trace(struct delivery *d, const amqp_basic_properties_t *p,
			   const char *message_id)
{
	struct gantry_message *m = &d->m;
	amqp_table_t headers = delivery_table(p);
	const char *id = NULL;

	if (delivery_has(p, AMQP_BASIC_CORRELATION_ID_FLAG))
		id = headers_bytes_text(p->correlation_id, &m->arena);
	if (id == NULL || !message_is_correlation_id(id))
		id = arena_text(&m->arena, event_envelope_correlation(m->json));
	m->correlation_id = id;
	m->headers = headers_pairs(&headers, message_id, &m->arena, &m->n_headers);
	m->traceparent = d->hopped != NULL ? d->hopped : d->sender;
}

/* Once for each time it is handed over; the body is parsed here already. */
static void delivery_fill(struct delivery *d, const struct graph *graph,
			  const struct message_home *home)
{
	struct gantry_error ignored = ERROR_INIT;
	const amqp_basic_properties_t *p;
	amqp_pool_t pool;

	message_clear(&d->m);
	message_init(&d->m, GANTRY_SOURCE_AMQP, home);
	d->m.home_data = d;
	d->m.graph = current_hold(graph);
	d->m.body = d->body;
	d->m.body_len = d->body_len;
	d->body[d->body_len] = '\0';
	d->m.received_ms = clock_now_ms();
	d->m.attempts = (int)d->attempts;
	if (!delivery_is_too_large(d))
		gantry_json(&d->m, &ignored);
	error_fini(&ignored);
	p = delivery_decode(d, &pool);
	if (p != NULL) {
		const char *message_id = delivery_message_id(d, p);

		delivery_envelope(d, p, message_id);
		delivery_trace(d, p, message_id);
	}
	empty_amqp_pool(&pool);
}

static const struct route *delivery_route(const struct delivery *d,
					  const struct graph *graph)
{
	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *route = graph->routes[i];

		if (route->source == GANTRY_SOURCE_AMQP &&
		    strcmp(route->queue, d->queue) == 0 &&
		    event_route_fits(route, d->exchange, d->routing_key))
			return route;
	}
	return NULL;
}

bool delivery_prepare(struct delivery *d, const struct graph *graph,
		      const struct message_home *home)
{
	const struct route *route = delivery_route(d, graph);

	delivery_fill(d, graph, home);
	if (route == NULL) {
		error_set(&d->m.error, "ROUTE_NOT_FOUND",
			  "No route of queue %s is bound to exchange \"%s\" "
			  "with key \"%s\"", d->queue, d->exchange, d->routing_key);
		return false;
	}
	event_fill(&d->m, route, d->event_id, d->routing_key);
	return true;
}

/* "delivery_limit" as a code. */
static const char *delivery_cause(struct delivery *d, const char *reason)
{
	char *cause = arena_text(&d->m.arena, reason);

	for (char *c = cause; *c != '\0'; c++)
		*c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
	return cause;
}

/* The broker gave it up by itself: what it noted takes the place of ours. */
static void delivery_letter_of_broker(struct delivery *d, const amqp_table_t *headers,
				      struct message_dead_letter *letter)
{
	struct headers_death death;

	letter->cause = "DEAD_LETTERED";
	letter->exchange = d->exchange;
	letter->routing_key = d->routing_key;
	if (!headers_death(headers, &death, &d->m.arena))
		return;
	if (death.reason != NULL && *death.reason != '\0')
		letter->cause = delivery_cause(d, death.reason);
	letter->text = arena_format(&d->m.arena, "The broker took it out of queue %s: %s",
				    death.queue != NULL ? death.queue : d->queue,
				    death.reason != NULL ? death.reason : "no reason");
	/* after a retry it is in our own notes where it came from */
	if (*d->exchange == '\0' && death.exchange != NULL) {
		letter->exchange = death.exchange;
		letter->routing_key = death.routing_key;
	}
	letter->died_at_ms = death.at_ms;
}

static void delivery_letter_of_ours(struct delivery *d, const amqp_table_t *headers,
				    struct message_dead_letter *letter)
{
	struct arena *arena = &d->m.arena;

	letter->text = headers_text(headers, HEADERS_ERROR, arena);
	letter->handler = headers_text(headers, HEADERS_HANDLER, arena);
	letter->exchange = headers_text(headers, HEADERS_EXCHANGE, arena);
	letter->routing_key = headers_text(headers, HEADERS_ROUTING_KEY, arena);
	letter->died_at_ms = headers_number(headers, HEADERS_DIED_AT, CLOCK_MAX_MS);
}

static void delivery_letter(struct delivery *d, const amqp_basic_properties_t *p)
{
	struct arena *arena = &d->m.arena;
	struct message_dead_letter *letter = arena_zero(arena, sizeof(*letter));
	amqp_table_t headers = delivery_table(p);

	letter->queue = d->queue;
	letter->event_id = d->event_id;
	letter->attempts = headers_number(&headers, HEADERS_ATTEMPTS, DELIVERY_MAX_COUNT);
	letter->headers = headers_json(&headers, arena);
	if (delivery_has(p, AMQP_BASIC_CONTENT_TYPE_FLAG))
		letter->content_type = headers_bytes_text(p->content_type, arena);
	letter->cause = headers_text(&headers, HEADERS_CAUSE, arena);
	if (letter->cause != NULL)
		delivery_letter_of_ours(d, &headers, letter);
	else
		delivery_letter_of_broker(d, &headers, letter);
	d->m.dead_letter = letter;
}

void delivery_prepare_letter(struct delivery *d, const struct route *route,
			     const struct graph *graph,
			     const struct message_home *home)
{
	const amqp_basic_properties_t *p;
	amqp_basic_properties_t none = { 0 };
	amqp_pool_t pool;

	delivery_fill(d, graph, home);
	d->m.route = route;
	d->m.path = arena_text(&d->m.arena, d->routing_key);
	if (d->event_id != NULL) {
		d->m.id = d->event_id;
		d->m.inbox_key = event_inbox_key(&d->m.arena, d->queue, d->event_id);
	}
	p = delivery_decode(d, &pool);
	delivery_letter(d, p != NULL ? p : &none);
	empty_amqp_pool(&pool);
}

/* What is only good for the first journey, or would be refused the second time. */
static void delivery_strip(amqp_basic_properties_t *p)
{
	p->_flags &= ~(amqp_flags_t)(AMQP_BASIC_EXPIRATION_FLAG |
				     AMQP_BASIC_USER_ID_FLAG |
				     AMQP_BASIC_CLUSTER_ID_FLAG);
	p->_flags |= AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG;
	p->delivery_mode = DELIVERY_MODE_PERSISTENT;
}

amqp_basic_properties_t delivery_properties(struct delivery *d, amqp_pool_t *pool)
{
	const struct headers_notes notes = {
		.attempts = d->hop.attempts,
		.waits = d->hop.waits,
		.queue = d->queue,
		.exchange = d->exchange,
		.routing_key = d->routing_key,
		.cause = d->hop.cause,
		.error = d->hop.error,
		.handler = d->hop.handler,
		.died_at_ms = d->hop.died_at_ms,
		.traceparent = d->hop.traceparent,
	};
	const amqp_basic_properties_t *p = delivery_decode(d, pool);
	amqp_basic_properties_t out = { 0 };
	amqp_table_t headers;

	if (p != NULL)
		out = *p;
	headers = delivery_table(&out);
	out.headers = headers_with(&headers, &notes, &d->arena);
	delivery_strip(&out);
	return out;
}

/* FNV-1a: it must be the same after a restart, and guards against nothing. */
static uint64_t delivery_digest(uint64_t hash, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

const char *delivery_key(struct delivery *d)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	const char *key;

	if (d->event_id != NULL) {
		key = event_inbox_key(&d->arena, d->queue, d->event_id);
		if (utf8_is_id(key, strlen(key), 128))
			return key;
		hash = delivery_digest(hash, d->event_id, strlen(d->event_id));
	}
	hash = delivery_digest(hash, d->queue, strlen(d->queue));
	hash = delivery_digest(hash, d->routing_key, strlen(d->routing_key));
	hash = delivery_digest(hash, d->body, d->body_len);
	return arena_format(&d->arena, "%016" PRIx64 "-%zu", hash, d->body_len);
}
