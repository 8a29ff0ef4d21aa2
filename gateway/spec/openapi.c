/* SPDX-License-Identifier: Apache-2.0 */
/* openapi - see spec.h: the routes of HTTP as a document. */
#include <ctype.h>
#include <string.h>

#include <gantry/describe.h>

#include "gateway/spec/private.h"

#define OPENAPI_VERSION "3.1.0"

/* An event that comes in over HTTP (D25): no handler answers, but the core. */
static const char openapi_inject[] = GANTRY_JSON({
	"tags": ["Events"],
	"summary": "Take an event as if it came from the broker",
	"requestBody": {"required": true, "content": {"application/json": {
		"schema": {"type": "object", "required": ["eventId"], "properties": {
			"eventId": {"type": "string", "minLength": 1, "maxLength": 128}},
			"description": "The envelope of an event, see the AsyncAPI document"
		}}}},
	"responses": {"200": {"description": "It is through",
		"content": {"application/json": {"schema": {
			"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object", "required": ["eventId", "outcome"],
				"properties": {
				"eventId": {"type": "string"},
				"outcome": {"enum": ["applied", "duplicate", "refused"],
					"description": "duplicate: it was through before; refused: an event says why"}
			}}}}}}}},
	"x-errors": ["VALIDATION_ERROR", "ROUTE_NOT_FOUND"]
});

const char *openapi_id(struct openapi *o, const char *name)
{
	char *id = arena_text(&o->spec.arena, name);
	json_int_t n;

	for (char *c = id; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c))
			*c = '_';
	n = json_integer_value(json_object_get(o->ids, id)) + 1;
	json_object_set_new(o->ids, id, json_integer(n));
	return n == 1 ? id : arena_format(&o->spec.arena, "%s_%d", id, (int)n);
}

const char *openapi_lower(struct spec *s, const char *text)
{
	char *lower = arena_text(&s->arena, text);

	for (char *c = lower; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return lower;
}

static const char *openapi_path(struct spec *s, const struct route *r)
{
	const char *path = r->n_segments == 0 ? "/" : "";

	for (unsigned i = 0; i < r->n_segments; i++) {
		const struct route_segment *part = &r->segments[i];

		path = arena_format(&s->arena, part->parameter ? "%s/{%s}" : "%s/%s", path,
				    part->text);
	}
	return path;
}

/* One requirement for each role, as one of them suffices; NULL: open to all. */
static json_t *openapi_needs(const struct route *r)
{
	json_t *list = r->n_auth > 0 ? json_array() : NULL;

	for (unsigned i = 0; i < r->n_auth; i++)
		for (const char *const *role = r->roles; role != NULL && *role != NULL; role++)
			json_array_append_new(list, json_pack("{s[s]}", r->auth[i]->name,
							      *role));
	return list;
}

int openapi_add(struct openapi *o, struct operation *op)
{
	json_t *item = json_object_get(o->paths, op->path), *tree;

	tree = operation_write(&o->spec, op);
	if (item == NULL) {
		item = json_object();
		json_object_set_new(o->paths, op->path, item);
	}
	return json_object_set_new(item, op->method, tree);
}

/* The codes of all routes that an event over HTTP may run. */
static int openapi_take_events(struct openapi *o, struct operation *op)
{
	const struct graph *graph = o->spec.source->graph;

	if (operation_take(&o->spec, op, NULL, "the core", openapi_inject) < 0)
		return -1;
	for (unsigned i = 0; i < graph->n_routes; i++) {
		struct events events;

		if (graph->routes[i]->source != GANTRY_SOURCE_AMQP)
			continue;
		if (events_of_route(&o->spec, graph->routes[i], &events) < 0)
			return -1;
		answers_add_all(&op->answers, events.errors, false);
		answers_add_all(&op->answers, events.retries, true);
		events_fini(&events);
	}
	return 0;
}

static int openapi_take_steps(struct openapi *o, struct operation *op,
			      const struct route *r)
{
	for (unsigned i = 0; i < r->n_steps; i++) {
		const struct route_step *step = &r->steps[i];
		const char *where = arena_format(&o->spec.arena, "%s.%s: operation",
						 step->instance->name,
						 step->handler->name);

		op->summary = step->handler->summary;
		op->verbatim |= step->handler->verbatim;
		op->keyed &= !step->handler->verbatim;
		if (operation_take(&o->spec, op, step->instance, where,
				   step->handler->operation) < 0)
			return -1;
	}
	return 0;
}

static int openapi_route(struct openapi *o, const struct route *r)
{
	const struct route_step *last = r->n_steps > 0 ? &r->steps[r->n_steps - 1] : NULL;
	struct operation op = {
		.method = openapi_lower(&o->spec, r->method),
		.path = openapi_path(&o->spec, r),
		.id = openapi_id(o, last == NULL ? "event" :
				 arena_format(&o->spec.arena, "%s_%s", last->instance->name,
					      last->handler->name)),
		.security = openapi_needs(r),
		.keyed = strcmp(r->method, "POST") == 0,
	};
	int result;

	operation_init(&op);
	op.answers.kept = true;
	result = r->inject ? openapi_take_events(o, &op) : openapi_take_steps(o, &op, r);
	if (result == 0)
		result = openapi_add(o, &op);
	operation_fini(&op);
	return result;
}

/* "STORAGE_UNAVAILABLE.OVERLOADED" of an error's response; NULL: too many. */
static const char *openapi_name(struct spec *s, json_t *response)
{
	json_t *codes = NULL;
	const char *one, *two;

	json_unpack(response, "{s{s{s{s{s{s{s{so}}}}}}}}", "content", "application/json",
		    "schema", "properties", "error", "properties", "code", "enum", &codes);
	one = json_string_value(json_array_get(codes, 0));
	two = json_string_value(json_array_get(codes, 1));
	if (one == NULL || json_array_size(codes) > 2)
		return NULL;
	return two == NULL ? one : arena_format(&s->arena, "%s.%s", one, two);
}

/* What many operations answer alike stands once in the document. */
static void openapi_share(struct openapi *o, json_t *operation)
{
	json_t *responses = json_object_get(operation, "responses"), *response;
	const char *status;
	void *at;

	json_object_foreach_safe(responses, at, status, response) {
		const char *name = openapi_name(&o->spec, response);
		json_t *shared;

		if (name == NULL)
			continue;
		shared = json_object_get(o->responses, name);
		if (shared == NULL)
			json_object_set(o->responses, name, response);
		else if (!json_equal(shared, response))
			continue;
		json_object_set_new(responses, status, json_pack("{ss}", "$ref",
			arena_format(&o->spec.arena, "#/components/responses/%s", name)));
	}
}

static void openapi_share_all(struct openapi *o)
{
	const char *path, *method;
	json_t *item, *operation;

	json_object_foreach(o->paths, path, item)
		json_object_foreach(item, method, operation)
			openapi_share(o, operation);
}

static json_t *openapi_security(struct spec *s, const struct graph *graph)
{
	json_t *schemes = json_object(), *scheme;

	for (unsigned i = 0; i < graph->n_instances; i++) {
		const struct gantry_instance *instance = graph->instances[i];
		const struct gantry_auth *auth = instance->plugin->auth;

		if (auth == NULL)
			continue;
		scheme = auth->scheme != NULL ?
			describe_parse(s, instance,
				       arena_format(&s->arena, "%s: scheme", instance->name),
				       auth->scheme) :
			json_pack("{ss ss}", "type", "http", "scheme",
				  auth->challenge != NULL ? auth->challenge : "Bearer");
		if (scheme == NULL) {
			json_decref(schemes);
			return NULL;
		}
		json_object_set_new(schemes, instance->name, scheme);
	}
	return schemes;
}

json_t *openapi_servers(struct spec *s, const char *listen, bool tls)
{
	if (listen == NULL)
		return json_array();
	return json_pack("[{ss}]", "url", arena_format(&s->arena, "http%s://%s",
						       tls ? "s" : "", listen));
}

static json_t *openapi_headers(const struct openapi *o)
{
	json_t *all = answers_headers();

	if (o->headers != NULL)
		json_object_update(all, o->headers);
	return all;
}

static json_t *openapi_components(struct openapi *o)
{
	struct spec *s = &o->spec;
	json_t *schemes = openapi_security(s, s->source->graph), *all, *schemas;

	if (schemes == NULL)
		return NULL;
	if (o->schemes != NULL)
		json_object_update(schemes, o->schemes);
	all = json_pack("{sO so so so}", "responses", o->responses, "parameters",
			answers_parameters(), "headers", openapi_headers(o),
			"securitySchemes", schemes);
	schemas = schemas_used(s, o->paths);
	if (schemas != NULL) {
		/* those of the shared answers, too: all of them are Error */
		json_object_set(schemas, "Problem", json_object_get(s->schemas, "Problem"));
		json_object_set(schemas, "Error", json_object_get(s->schemas, "Error"));
		json_object_set_new(all, "schemas", schemas);
		return all;
	}
	json_decref(all);
	return NULL;
}

json_t *openapi_document(struct openapi *o, const char *title, json_t *servers)
{
	json_t *components = openapi_components(o);

	if (components == NULL) {
		json_decref(servers);
		return NULL;
	}
	openapi_share_all(o);
	return json_pack("{ss s{ss ss ss} so sO so}", "openapi", OPENAPI_VERSION, "info",
			 "title", title, "version", o->spec.source->version,
			 "description", "Made by gantry spec from the configuration.",
			 "servers", servers, "paths", o->paths, "components", components);
}

void openapi_begin(struct openapi *o)
{
	o->paths = json_object();
	o->ids = json_object();
	o->responses = json_object();
}

void openapi_end(struct openapi *o)
{
	json_decref(o->paths);
	json_decref(o->ids);
	json_decref(o->responses);
	json_decref(o->headers);
	json_decref(o->schemes);
	spec_end(&o->spec);
}

static int openapi_routes(struct openapi *o)
{
	const struct graph *graph = o->spec.source->graph;

	for (unsigned i = 0; i < graph->n_routes; i++)
		if (graph->routes[i]->source == GANTRY_SOURCE_HTTP &&
		    openapi_route(o, graph->routes[i]) < 0)
			return -1;
	return 0;
}

json_t *spec_openapi(const struct spec_source *source, struct gantry_error *err)
{
	const struct config_http *http = &source->config->http;
	struct openapi o = { .paths = NULL };
	json_t *document = NULL;

	openapi_begin(&o);
	if (spec_begin(&o.spec, source, err) == 0 && openapi_routes(&o) == 0 &&
	    openapi_health(&o) == 0)
		document = openapi_document(&o, source->config->service,
					    openapi_servers(&o.spec, http->listen,
							    http->cert_file != NULL));
	openapi_end(&o);
	return document;
}
