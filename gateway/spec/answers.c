/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers - see private.h: the error envelope of each code, and the headers
 * that requests and answers may carry whatever their route.
 */
#include <stdio.h>
#include <string.h>

#include <gantry/describe.h>

#include "gateway/base/memory.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/spec/private.h"

const char answers_schemas[] = GANTRY_JSON({
	"Problem": {"type": "object", "required": ["field", "problem"],
		"properties": {
			"field": {"type": "string",
				"description": "Which member: items[0].quantity; the body itself is the empty text"},
			"problem": {"type": "string"}}},
	"Error": {"type": "object", "required": ["success", "error"],
		"properties": {"success": {"const": false},
			"error": {"type": "object",
				"required": ["code", "message", "retryable"],
				"properties": {
				"code": {"type": "string",
					"description": "What programs look at; it stays the same"},
				"message": {"type": "string",
					"description": "For people; it may change"},
				"details": {"anyOf": [
					{"type": "array",
						"items": {"$ref": "#/components/schemas/Problem"}},
					{"type": "object", "additionalProperties": true}]},
				"retryable": {"type": "boolean",
					"description": "Whether the same request may work later"},
				"correlationId": {"type": "string"}}}}}
});

static const char answers_header_texts[] = GANTRY_JSON({
	"CorrelationId": {
		"description": "The request's own, or one that was made for it",
		"schema": {"type": "string"}},
	"IdempotentReplayed": {
		"description": "This is the answer that was kept for the Idempotency-Key",
		"schema": {"const": "true"}},
	"RetryAfter": {"description": "Seconds to wait before trying again",
		"required": true, "schema": {"type": "integer", "minimum": 0}},
	"Challenge": {"description": "How to say who you are",
		"required": true, "schema": {"type": "string"}}
});

static const char answers_parameter_texts[] = GANTRY_JSON({
	"CorrelationId": {"name": "X-Correlation-ID", "in": "header",
		"description": "Goes into the log, the answer and the events",
		"schema": {"type": "string"}},
	"Traceparent": {"name": "traceparent", "in": "header",
		"description": "W3C Trace Context", "schema": {"type": "string"}},
	"IdempotencyKey": {"name": "Idempotency-Key", "in": "header",
		"description": "The same request with the same key is done once, and has one answer",
		"schema": {"type": "string", "minLength": 1, "maxLength": 255}}
});

json_t *answers_headers(void)
{
	return describe_own(answers_header_texts);
}

json_t *answers_parameters(void)
{
	return describe_own(answers_parameter_texts);
}

void answers_init(struct answers *a)
{
	a->by_status = json_object();
}

void answers_fini(struct answers *a)
{
	json_decref(a->by_status);
}

void answers_add(struct answers *a, const char *code, bool failed)
{
	int status = envelope_status(code);
	char name[8];
	json_t *codes;

	if (failed && status < 500)
		status = 503;
	snprintf(name, sizeof(name), "%d", status);
	codes = json_object_get(a->by_status, name);
	if (codes == NULL) {
		codes = json_array();
		json_object_set_new(a->by_status, name, codes);
	}
	spec_append_once(codes, code);
}

void answers_add_all(struct answers *a, const json_t *codes, bool failed)
{
	const json_t *code;
	size_t i;

	json_array_foreach(codes, i, code)
		if (json_is_string(code))
			answers_add(a, json_string_value(code), failed);
}

/* What people read: each code and what it means. */
static json_t *answers_description(const json_t *codes)
{
	struct arena arena = { 0 };
	const char *text = "";
	const json_t *code;
	json_t *made;
	size_t i;

	json_array_foreach(codes, i, code)
		text = arena_format(&arena, "%s%s%s: %s", text, i > 0 ? "; " : "",
				    json_string_value(code),
				    envelope_code(json_string_value(code))->text);
	made = json_string(text);
	arena_fini(&arena);
	return made;
}

static void answers_ref(json_t *headers, const char *name, const char *component)
{
	struct arena arena = { 0 };

	json_object_set_new(headers, name, json_pack("{ss}", "$ref",
		arena_format(&arena, "#/components/headers/%s", component)));
	arena_fini(&arena);
}

/* A unit keeps what handlers said, for the next request with that key. */
static bool answers_is_kept(const char *status)
{
	static const char *const kept[] = { "400", "404", "409", "422" };

	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		if (strcmp(kept[i], status) == 0)
			return true;
	return false;
}

static json_t *answers_response(const struct answers *a, const char *status,
				const json_t *codes, const json_t *more)
{
	json_t *headers = json_object();

	answers_ref(headers, "X-Correlation-ID", "CorrelationId");
	if (strcmp(status, "401") == 0)
		answers_ref(headers, "WWW-Authenticate", "Challenge");
	if (strcmp(status, "429") == 0 || strcmp(status, "503") == 0)
		answers_ref(headers, "Retry-After", "RetryAfter");
	if (a->kept && answers_is_kept(status))
		answers_ref(headers, "Idempotent-Replayed", "IdempotentReplayed");
	json_object_update_missing(headers, (json_t *)more);
	return json_pack("{so so s{s{s{ss s{s{s{s{sO}}}}}}}}", "description",
			 answers_description(codes), "headers", headers, "content",
			 "application/json", "schema", "$ref",
			 "#/components/schemas/Error", "properties", "error",
			 "properties", "code", "enum", codes);
}

void answers_write(const struct answers *a, json_t *responses, const json_t *headers)
{
	for (int status = 400; status < 600; status++) {
		char name[8];
		const json_t *codes;

		snprintf(name, sizeof(name), "%d", status);
		codes = json_object_get(a->by_status, name);
		if (codes != NULL)
			json_object_set_new(responses, name,
					    answers_response(a, name, codes, headers));
	}
}
