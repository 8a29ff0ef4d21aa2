/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asyncapi - see spec.h: the queues that we consume and the events that we
 * publish, as a document. A queue is a channel of its own; so is each exchange
 * and routing key that something is published with.
 */
#include <ctype.h>
#include <string.h>

#include <gantry/describe.h>

#include "gateway/spec/private.h"

#define ASYNCAPI_VERSION "3.0.0"
#define ASYNCAPI_BINDING "0.3.0"

/* The envelope that is around every payload, and what the broker is told. */
static const char asyncapi_schemas[] = GANTRY_JSON({
	"Metadata": {"type": "object", "properties": {
		"correlationId": {"type": ["string", "null"]},
		"source": {"type": ["string", "null"],
			"description": "The service that it came from"},
		"causationId": {"type": ["string", "null"],
			"description": "The id of the event that caused it"}}},
	"Envelope": {"type": "object",
		"required": ["eventId", "eventType", "eventVersion", "payload"],
		"properties": {
			"eventId": {"type": "string", "minLength": 1, "maxLength": 128,
				"description": "The same each time that it is delivered"},
			"eventType": {"type": "string"},
			"eventVersion": {"type": "string", "pattern": "^1($|[.])"},
			"aggregateId": {"type": ["string", "null"]},
			"aggregateType": {"type": ["string", "null"]},
			"timestamp": {"type": ["string", "null"], "format": "date-time"},
			"metadata": {"oneOf": [{"type": "null"},
				{"$ref": "#/components/schemas/Metadata"}]},
			"payload": {}}},
	"Headers": {"type": "object", "properties": {
		"traceparent": {"type": "string",
			"description": "W3C Trace Context"},
		"tracestate": {"type": "string", "maxLength": 512,
			"description": "What came beside the traceparent of the request or event that caused it"}}}
});

struct asyncapi {
	struct spec spec;
	json_t *channels, *operations, *messages;
};

/* Names of components are of letters, digits, dots, - and _. */
static const char *asyncapi_name(struct spec *s, const char *text)
{
	char *name = arena_text(&s->arena, text);

	for (char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr(".-_", *c) == NULL)
			*c = '_';
	return name;
}

static json_t *asyncapi_ref(struct spec *s, const char *kind, const char *name)
{
	return json_pack("{ss}", "$ref", arena_format(&s->arena, "#/%s/%s", kind, name));
}

static const char *asyncapi_vhost(const struct asyncapi *a)
{
	const struct config *config = a->spec.source->config;

	return config->amqp != NULL ? config->broker.vhost : "/";
}

/* With its payload in the envelope, or as it stands. */
static json_t *asyncapi_body(struct asyncapi *a, const json_t *event)
{
	json_t *body = json_object_get(event, "body"), *properties, *aggregate;

	if (body != NULL)
		return json_incref(body);
	/* {eventType}: a name that depends on what comes in */
	properties = strchr(json_string_value(json_object_get(event, "name")), '{') == NULL ?
		json_pack("{s{sO}}", "eventType", "const", json_object_get(event, "name")) :
		json_object();
	aggregate = json_object_get(event, "aggregateType");
	if (aggregate != NULL)
		json_object_set_new(properties, "aggregateType",
				    json_pack("{sO}", "const", aggregate));
	if (json_object_get(event, "payload") != NULL)
		json_object_set(properties, "payload", json_object_get(event, "payload"));
	return json_pack("{s[oo]}", "allOf", asyncapi_ref(&a->spec, "components/schemas",
							  "Envelope"),
			 json_pack("{so}", "properties", properties));
}

/* The message's name among the components; a second meaning gets a number. */
static const char *asyncapi_message(struct asyncapi *a, const json_t *event)
{
	const char *type = json_string_value(json_object_get(event, "name"));
	const char *summary = json_string_value(json_object_get(event, "summary"));
	const char *base = asyncapi_name(&a->spec, type), *name = base;
	json_t *message, *other;

	message = json_pack("{ss ss* ss so so s{ss} s{s{ss ss}}}", "name", type, "summary",
			    summary, "contentType", "application/json", "headers",
			    asyncapi_ref(&a->spec, "components/schemas", "Headers"),
			    "payload", asyncapi_body(a, event), "correlationId", "location",
			    "$message.payload#/metadata/correlationId", "bindings", "amqp",
			    "messageType", type, "bindingVersion", ASYNCAPI_BINDING);
	for (int n = 2; (other = json_object_get(a->messages, name)) != NULL &&
			!json_equal(other, message); n++)
		name = arena_format(&a->spec.arena, "%s_%d", base, n);
	json_object_set_new(a->messages, name, message);
	return name;
}

/* Let the channel have the message; how an operation refers to it. */
static json_t *asyncapi_carry(struct asyncapi *a, const char *channel, const json_t *event)
{
	const char *name = asyncapi_message(a, event);
	json_t *messages = json_object_get(json_object_get(a->channels, channel),
					   "messages");

	json_object_set_new(messages, name,
			    asyncapi_ref(&a->spec, "components/messages", name));
	return asyncapi_ref(&a->spec, arena_format(&a->spec.arena, "channels/%s/messages",
						   channel), name);
}

/* Where an event of the queue goes that is not through: the queues beside it. */
static void asyncapi_add_tiers(struct asyncapi *a, json_t *channel, const char *queue)
{
	const struct config_amqp *amqp = &a->spec.source->config->broker;
	json_t *tiers = json_array();

	for (unsigned i = 0; i < amqp->n_retry; i++)
		json_array_append_new(tiers, json_string(arena_format(
			&a->spec.arena, "%s.retry.%s", queue, amqp->retry[i])));
	if (json_array_size(tiers) > 0)
		json_object_set(channel, "x-retry-queues", tiers);
	json_decref(tiers);
	json_object_set_new(channel, "x-dead-letter-queue", json_string(arena_format(
		&a->spec.arena, "%s.dead", queue)));
}

static const char *asyncapi_queue(struct asyncapi *a, const char *queue)
{
	const char *name = asyncapi_name(&a->spec, queue);
	json_t *channel;

	if (json_object_get(a->channels, name) != NULL)
		return name;
	channel = json_pack(
		"{ss ss so s{s{ss s{ss sb sb sb ss} ss}}}", "address", queue, "description",
		"A delivery is acknowledged when all that it caused is durable. What fails "
		"is tried again by the retry queues; what is rejected, or has failed each "
		"time, becomes a dead letter.",
		"messages", json_object(), "bindings", "amqp", "is", "queue", "queue", "name",
		queue, "durable", 1, "exclusive", 0, "autoDelete", 0, "vhost",
		asyncapi_vhost(a), "bindingVersion", ASYNCAPI_BINDING);
	asyncapi_add_tiers(a, channel, queue);
	json_object_set_new(a->channels, name, channel);
	return name;
}

static json_t *asyncapi_bound(const struct route *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->n_bindings; i++)
		json_array_append_new(list, json_pack("{ss ss}", "exchange",
						      r->bindings[i].exchange, "routingKey",
						      r->bindings[i].key));
	return list;
}

static json_t *asyncapi_any(void)
{
	return json_pack("[{ss ss s{}}]", "name", "Any", "summary",
			 "What it may be is not described", "body");
}

static void asyncapi_receive(struct asyncapi *a, const struct route *r,
			     const struct events *events)
{
	const struct route_step *last = &r->steps[r->n_steps - 1];
	const char *channel = asyncapi_queue(a, r->queue), *id;
	json_t *messages = json_array(), *list, *event;
	size_t i;

	list = json_array_size(events->receives) > 0 ? json_incref(events->receives) :
						       asyncapi_any();
	json_array_foreach(list, i, event)
		json_array_append_new(messages, asyncapi_carry(a, channel, event));
	json_decref(list);
	id = arena_format(&a->spec.arena, "receive_%s_%s", last->instance->name,
			  last->handler->name);
	for (int n = 2; json_object_get(a->operations, id) != NULL; n++)
		id = arena_format(&a->spec.arena, "receive_%s_%s_%d", last->instance->name,
				  last->handler->name, n);
	json_object_set_new(a->operations, id, json_pack(
		"{ss so ss* so s{s{sb ss}} so sO sO}", "action", "receive", "channel",
		asyncapi_ref(&a->spec, "channels", channel), "summary",
		last->handler->summary, "messages", messages, "bindings", "amqp", "ack", 1,
		"bindingVersion", ASYNCAPI_BINDING, "x-bound-to", asyncapi_bound(r),
		"x-errors", events->errors, "x-retries", events->retries));
}

/* "shop.{payload.region}" as an address: its parts are parameters. */
static const char *asyncapi_address(struct spec *s, const char *key, json_t *parameters)
{
	char *address = arena_text(&s->arena, key), *at = address, *end;

	while ((at = strchr(at, '{')) != NULL && (end = strchr(at, '}')) != NULL) {
		for (char *c = ++at; c < end; c++)
			if (!isalnum((unsigned char)*c) && strchr("-_", *c) == NULL)
				*c = '_';
		json_object_set_new(parameters,
				    arena_text_n(&s->arena, at, (size_t)(end - at)),
				    json_pack("{ss}", "description",
					      "Of the message that comes in"));
		at = end;
	}
	return address;
}

static const char *asyncapi_key(struct asyncapi *a, const char *exchange, const char *key)
{
	json_t *parameters = json_object(), *channel;
	const char *name = asyncapi_name(&a->spec, arena_format(&a->spec.arena, "%s.%s",
								exchange, key));

	if (json_object_get(a->channels, name) == NULL) {
		channel = json_pack("{ss so s{s{ss s{ss ss sb sb ss} ss}}}", "address",
				    asyncapi_address(&a->spec, key, parameters), "messages",
				    json_object(), "bindings", "amqp", "is", "routingKey",
				    "exchange", "name", exchange, "type", "topic", "durable",
				    1, "autoDelete", 0, "vhost", asyncapi_vhost(a),
				    "bindingVersion", ASYNCAPI_BINDING);
		if (json_object_size(parameters) > 0)
			json_object_set(channel, "parameters", parameters);
		json_object_set_new(a->channels, name, channel);
	}
	json_decref(parameters);
	return name;
}

static void asyncapi_send(struct asyncapi *a, const struct route *r, const json_t *event)
{
	const char *exchange = json_string_value(json_object_get(event, "exchange"));
	const char *key = json_string_value(json_object_get(event, "key"));
	const char *channel = asyncapi_key(a, exchange, key);
	json_t *message = asyncapi_carry(a, channel, event), *operation;
	const char *id = arena_format(&a->spec.arena, "send_%s",
		strrchr(json_string_value(json_object_get(message, "$ref")), '/') + 1);

	operation = json_object_get(a->operations, id);
	if (operation == NULL) {
		operation = json_pack("{ss so sO* s[O] s{s{si ss}} s[]}", "action", "send",
				      "channel", asyncapi_ref(&a->spec, "channels", channel),
				      "summary", json_object_get(event, "summary"),
				      "messages", message, "bindings", "amqp",
				      "deliveryMode", 2, "bindingVersion", ASYNCAPI_BINDING,
				      "x-caused-by");
		json_object_set_new(a->operations, id, operation);
	}
	spec_append_once(json_object_get(operation, "x-caused-by"), r->address);
	json_decref(message);
}

static int asyncapi_route(struct asyncapi *a, const struct route *r, bool receive)
{
	struct events events;
	const json_t *event;
	size_t i;

	if (r->n_steps == 0)
		return 0;
	if (events_of_route(&a->spec, r, &events) < 0)
		return -1;
	if (receive && r->source == GANTRY_SOURCE_AMQP)
		asyncapi_receive(a, r, &events);
	json_array_foreach(events.sends, i, event)
		if (!receive)
			asyncapi_send(a, r, event);
	events_fini(&events);
	return 0;
}

/* What is received stands first, then what is sent. */
static int asyncapi_routes(struct asyncapi *a)
{
	const struct graph *graph = a->spec.source->graph;
	json_t *schemas = describe_own(asyncapi_schemas);
	int result = schemas_add(&a->spec, "the core", schemas);

	json_decref(schemas);
	for (unsigned i = 0; result == 0 && i < 2 * graph->n_routes; i++)
		result = asyncapi_route(a, graph->routes[i % graph->n_routes],
					i < graph->n_routes);
	return result;
}

static json_t *asyncapi_servers(struct asyncapi *a)
{
	const struct config *config = a->spec.source->config;
	const struct config_amqp *amqp = &config->broker;
	json_t *servers = json_object();

	for (unsigned i = 0; config->amqp != NULL && i < amqp->n_endpoints; i++)
		json_object_set_new(
			servers,
			i == 0 ? "broker" : arena_format(&a->spec.arena, "broker%u", i + 1),
			json_pack("{ss ss ss s[{ss}]}", "host", amqp->endpoints[i].text,
				  "protocol", amqp->tls ? "amqps" : "amqp", "pathname",
				  amqp->vhost[0] == '/' ? amqp->vhost :
				  arena_format(&a->spec.arena, "/%s", amqp->vhost),
				  "security", "$ref", "#/components/securitySchemes/login"));
	return servers;
}

static json_t *asyncapi_document(struct asyncapi *a)
{
	const struct spec_source *source = a->spec.source;
	json_t *schemas = schemas_used(&a->spec, a->messages), *doc;

	if (schemas == NULL)
		return NULL;
	doc = json_pack("{ss s{ss ss ss} ss so sO sO s{sO so s{s{ss}}}}", "asyncapi",
			ASYNCAPI_VERSION, "info", "title", source->config->service,
			"version", source->version, "description",
			"Made by gantry spec from the configuration.", "defaultContentType",
			"application/json", "servers", asyncapi_servers(a), "channels",
			a->channels, "operations", a->operations, "components", "messages",
			a->messages, "schemas", schemas, "securitySchemes", "login", "type",
			"userPassword");
	return doc;
}

json_t *spec_asyncapi(const struct spec_source *source, struct gantry_error *err)
{
	struct asyncapi a = { .channels = json_object(), .operations = json_object(),
			      .messages = json_object() };
	json_t *document = NULL;

	if (spec_begin(&a.spec, source, err) == 0 && asyncapi_routes(&a) == 0)
		document = asyncapi_document(&a);
	json_decref(a.channels);
	json_decref(a.operations);
	json_decref(a.messages);
	spec_end(&a.spec);
	return document;
}
