/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation - see private.h: what the handlers of a pipeline say, put together
 * in their order, and what the core does for every route added to it.
 */
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/spec/private.h"

void operation_init(struct operation *o)
{
	o->tags = json_array();
	o->parameters = json_array();
	o->responses = json_object();
	o->headers = json_object();
	answers_init(&o->answers);
}

void operation_fini(struct operation *o)
{
	json_decref(o->security);
	json_decref(o->tags);
	json_decref(o->parameters);
	json_decref(o->body);
	json_decref(o->responses);
	json_decref(o->headers);
	answers_fini(&o->answers);
}

static bool operation_is_there(const json_t *parameters, const json_t *one)
{
	const json_t *each;
	size_t i;

	json_array_foreach(parameters, i, each)
		if (json_equal(json_object_get(each, "name"),
			       json_object_get(one, "name")) &&
		    json_equal(json_object_get(each, "in"), json_object_get(one, "in")))
			return true;
	return false;
}

/* "/{id}" in the path, as a whole part of it. */
static bool operation_has_part(const char *path, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = path; (at = strstr(at, "/{")) != NULL; at += 2)
		if (strncmp(at + 2, name, n) == 0 && at[2 + n] == '}')
			return true;
	return false;
}

static void operation_take_parameters(struct operation *o, json_t *parameters)
{
	json_t *one;
	size_t i;

	json_array_foreach(parameters, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));
		const char *in = json_string_value(json_object_get(one, "in"));

		if (name == NULL || in == NULL || operation_is_there(o->parameters, one))
			continue;
		if (strcmp(in, "path") == 0 && !operation_has_part(o->path, name))
			continue;
		json_array_append(o->parameters, one);
	}
}

static void operation_take_texts(struct spec *s, struct operation *o, const json_t *tree)
{
	const json_t *tags = json_object_get(tree, "tags"), *tag;
	const char *summary = json_string_value(json_object_get(tree, "summary"));
	const char *description = json_string_value(json_object_get(tree, "description"));
	size_t i;

	json_array_foreach(tags, i, tag)
		if (json_is_string(tag))
			spec_append_once(o->tags, json_string_value(tag));
	if (summary != NULL)
		o->summary = arena_text(&s->arena, summary);
	if (description != NULL)
		o->description = arena_text(&s->arena, description);
}

int operation_take(struct spec *s, struct operation *o,
		   const struct gantry_instance *instance, const char *where,
		   const char *text)
{
	static const char *const known[] = {
		"tags", "summary", "description", "parameters", "requestBody",
		"responses", "x-errors", "x-retries", "x-headers", "x-passes-on", NULL
	};
	json_t *tree, *body;

	if (text == NULL)
		return 0;
	tree = describe_parse(s, instance, where, text);
	if (tree == NULL || describe_known(s, where, tree, known) < 0) {
		json_decref(tree);
		return -1;
	}
	operation_take_texts(s, o, tree);
	operation_take_parameters(o, json_object_get(tree, "parameters"));
	body = json_object_get(tree, "requestBody");
	if (body != NULL) {
		json_decref(o->body);
		o->body = json_incref(body);
	}
	json_object_update(o->responses, json_object_get(tree, "responses"));
	o->verbatim |= json_is_true(json_object_get(tree, "x-passes-on"));
	json_object_update(o->headers, json_object_get(tree, "x-headers"));
	answers_add_all(&o->answers, json_object_get(tree, "x-errors"), false);
	answers_add_all(&o->answers, json_object_get(tree, "x-retries"), true);
	json_decref(tree);
	return 0;
}

/* Parts of the path that no handler spoke of. */
static void operation_add_parts(struct spec *s, struct operation *o)
{
	const char *at = o->path;

	while ((at = strstr(at, "/{")) != NULL) {
		size_t n = strcspn(at + 2, "}");
		json_t *one = json_pack("{ss ss sb s{ss}}", "name",
					arena_text_n(&s->arena, at + 2, n), "in", "path",
					"required", 1, "schema", "type", "string");

		if (!operation_is_there(o->parameters, one))
			json_array_append(o->parameters, one);
		json_decref(one);
		at += 2 + n;
	}
}

static void operation_add_parameter(struct spec *s, struct operation *o, const char *name)
{
	json_array_append_new(o->parameters, json_pack("{ss}", "$ref",
		arena_format(&s->arena, "#/components/parameters/%s", name)));
}

/* What a request can meet before and behind its handlers. */
static void operation_add_answers(struct operation *o)
{
	static const char *const all[] = {
		"VALIDATION_ERROR", "REQUEST_TIMEOUT", "PAYLOAD_TOO_LARGE",
		"UNSUPPORTED_MEDIA_TYPE", "HEADERS_TOO_LARGE", "INTERNAL_ERROR",
		"OVERLOADED", "STORAGE_UNAVAILABLE",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		answers_add(&o->answers, all[i], false);
	if (o->security != NULL) {
		answers_add(&o->answers, "UNAUTHENTICATED", false);
		answers_add(&o->answers, "FORBIDDEN", false);
	}
	if (o->keyed) {
		answers_add(&o->answers, "IDEMPOTENCY_IN_PROGRESS", false);
		answers_add(&o->answers, "IDEMPOTENCY_KEY_REUSED", false);
	}
}

/* The standard headers of the replies; o->headers of all of them. */
static void operation_add_headers(struct operation *o)
{
	const char *status;
	json_t *response;

	json_object_foreach(o->responses, status, response) {
		json_t *headers = json_object_get(response, "headers");

		if (headers == NULL) {
			headers = json_object();
			json_object_set_new(response, "headers", headers);
		}
		json_object_set_new(headers, "X-Correlation-ID", json_pack(
			"{ss}", "$ref", "#/components/headers/CorrelationId"));
		if (o->keyed)
			json_object_set_new(headers, "Idempotent-Replayed", json_pack(
				"{ss}", "$ref", "#/components/headers/IdempotentReplayed"));
		json_object_update(headers, o->headers);
	}
}

/* Nobody says what it replies: then nobody can hold it against that. */
static void operation_add_default(struct operation *o)
{
	if (o->verbatim || json_object_size(o->responses) == 0)
		json_object_set_new(o->responses, "default", json_pack(
			"{ss}", "description", o->verbatim ?
			"As the upstream answers; or an Error of the gateway" :
			"What it replies is not described"));
}

json_t *operation_write(struct spec *s, struct operation *o)
{
	json_t *tree = json_object();

	if (json_array_size(o->tags) > 0)
		json_object_set(tree, "tags", o->tags);
	if (o->summary != NULL)
		json_object_set_new(tree, "summary", json_string(o->summary));
	if (o->description != NULL)
		json_object_set_new(tree, "description", json_string(o->description));
	json_object_set_new(tree, "operationId", json_string(o->id));
	operation_add_parts(s, o);
	if (o->keyed)
		operation_add_parameter(s, o, "IdempotencyKey");
	operation_add_parameter(s, o, "CorrelationId");
	operation_add_parameter(s, o, "Traceparent");
	json_object_set(tree, "parameters", o->parameters);
	if (o->body != NULL)
		json_object_set(tree, "requestBody", o->body);
	operation_add_default(o);
	operation_add_headers(o);
	if (!o->bare)
		operation_add_answers(o);
	/* of a passed on answer only the upstream knows the codes */
	if (!o->verbatim)
		answers_write(&o->answers, o->responses, o->headers);
	json_object_set(tree, "responses", o->responses);
	if (o->security != NULL)
		json_object_set(tree, "security", o->security);
	else
		json_object_set_new(tree, "security", json_array());
	return tree;
}
