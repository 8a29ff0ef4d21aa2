/* SPDX-License-Identifier: Apache-2.0 */
/* describe - see describe.h. What it says of an answer, look.c and its siblings write. */
#include "gateway/admin/describe.h"

#include <string.h>

#include <gantry/describe.h>

#include "gateway/base/memory.h"

#define DESCRIBE_LIMIT                                                       \
	GANTRY_JSON({"name": "limit", "in": "query",                         \
		"description": "How many of them at most, 100 by default",   \
		"schema": {"type": "integer", "minimum": 1, "maximum": 1000}})

#define DESCRIBE_AFTER                                                       \
	GANTRY_JSON({"name": "after", "in": "query",                         \
		"description": "What next of the page before said",          \
		"schema": {"type": "string"}})

static const char describe_list[] =
	"{" GANTRY_JSON("tags": ["Dead letters"]) ", \"parameters\": ["
	GANTRY_JSON({"name": "cause", "in": "query",
		"description": "Only those with this cause", "schema": {"type": "string"}})
	"," GANTRY_JSON({"name": "queue", "in": "query",
		"description": "Only those of this queue", "schema": {"type": "string"}})
	"," GANTRY_JSON({"name": "whole", "in": "query",
		"description": "true: with headers and bodies, at most 100 of them",
		"schema": {"type": "string"}})
	"," DESCRIBE_LIMIT "," DESCRIBE_AFTER "], "
	GANTRY_JSON("responses": {"200": {"description": "Those that are open, by cause and age",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "array",
				"items": {"$ref": "#/components/schemas/DeadLetter"}},
			"next": {"type": "string",
				"description": "If more follow: after of the next page"}}}}}}},
	"x-errors": ["VALIDATION_ERROR"]) "}";

static const char describe_causes[] = GANTRY_JSON({
	"tags": ["Dead letters"],
	"responses": {"200": {"description": "By cause and queue, most of them first",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "array", "items": {"type": "object",
				"required": ["cause", "queue", "count"], "properties": {
				"cause": {"type": "string"}, "queue": {"type": "string"},
				"count": {"type": "integer", "minimum": 1},
				"oldest": {"type": "string", "format": "date-time"},
				"newest": {"type": "string", "format": "date-time"}}}}}}}}}}
});

static const char describe_one[] = GANTRY_JSON({
	"tags": ["Dead letters"],
	"responses": {"200": {"description": "It, open or not, with headers and body",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"$ref": "#/components/schemas/DeadLetter"}}}}}}},
	"x-errors": ["DEAD_LETTER_NOT_FOUND", "ROUTE_NOT_FOUND"]
});

#define DESCRIBE_RESOLVED                                                    \
	GANTRY_JSON("responses": {"200": {"description": "What became of it", \
		"content": {"application/json": {                            \
		"schema": {"$ref": "#/components/schemas/Resolved"}}}}})

static const char describe_retry[] =
	"{" GANTRY_JSON("tags": ["Dead letters"]) "," DESCRIBE_RESOLVED ","
	GANTRY_JSON("x-errors": ["DEAD_LETTER_NOT_FOUND", "ROUTE_NOT_FOUND", "RETRY_FAILED"],
		"x-retries": ["ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"]) "}";

static const char describe_edit[] =
	"{" GANTRY_JSON("tags": ["Dead letters"],
		"parameters": [{"name": "check", "in": "query",
			"description": "true: only look whether it could be",
			"schema": {"type": "string"}}],
		"requestBody": {"required": true,
			"description": "The event as it should have been, with the same eventId",
			"content": {"application/json": {"schema": {"type": "object"}}}})
	"," DESCRIBE_RESOLVED ","
	GANTRY_JSON("x-errors": ["VALIDATION_ERROR", "DEAD_LETTER_NOT_FOUND",
		"ROUTE_NOT_FOUND", "RETRY_FAILED"],
		"x-retries": ["ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"]) "}";

static const char describe_discard[] =
	"{" GANTRY_JSON("tags": ["Dead letters"],
		"requestBody": {"required": true, "content": {"application/json": {
			"schema": {"type": "object", "required": ["reason"],
				"properties": {"reason": {"type": "string",
					"minLength": 1, "maxLength": 1024}}}}}})
	"," DESCRIBE_RESOLVED ","
	GANTRY_JSON("x-errors": ["VALIDATION_ERROR", "DEAD_LETTER_NOT_FOUND",
		"ROUTE_NOT_FOUND", "RETRY_FAILED"]) "}";

static const char describe_audit[] =
	"{" GANTRY_JSON("tags": ["Audit"]) ", \"parameters\": ["
	GANTRY_JSON({"name": "newest", "in": "query",
		"description": "true: the newest first; by default the oldest are",
		"schema": {"type": "string"}})
	"," GANTRY_JSON({"name": "before", "in": "query",
		"description": "With newest: what next of the page before said",
		"schema": {"type": "string"}})
	"," DESCRIBE_LIMIT "," DESCRIBE_AFTER "], "
	GANTRY_JSON("responses": {"200": {"description": "Who did what",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "array", "items": {"type": "object",
				"required": ["at", "actor", "action", "object", "result", "text"],
				"properties": {
				"at": {"type": "string", "format": "date-time"},
				"actor": {"type": ["string", "null"]},
				"action": {"type": ["string", "null"]},
				"object": {"type": ["string", "null"]},
				"result": {"type": ["string", "null"]},
				"text": {"type": ["string", "null"]}}}},
			"next": {"type": "string",
				"description": "If more follow: after, or before, of the next page"}}}}}}},
	"x-errors": ["VALIDATION_ERROR"]) "}";

static const char describe_guards[] = GANTRY_JSON({
	"tags": ["Breakers"],
	"responses": {"200": {"description": "All of them",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "array",
				"items": {"$ref": "#/components/schemas/Breaker"}}}}}}}}
});

#define DESCRIBE_BREAKER                                                     \
	GANTRY_JSON("responses": {"200": {"description": "The breaker as it is now", \
		"content": {"application/json": {"schema": {                 \
		"type": "object", "required": ["success", "data"], "properties": { \
			"success": {"const": true},                          \
			"data": {"$ref": "#/components/schemas/Breaker"}}}}}}})

static const char describe_hold[] =
	"{" GANTRY_JSON("tags": ["Breakers"],
		"requestBody": {"required": false,
			"description": "Left out: until the next order",
			"content": {"application/json": {"schema": {"type": "object",
				"properties": {"for": {"type": "string",
					"description": "For how long: 30s, 5m; at most 30d"}}}}}})
	"," DESCRIBE_BREAKER ","
	GANTRY_JSON("x-errors": ["VALIDATION_ERROR", "BREAKER_NOT_FOUND"]) "}";

static const char describe_reset[] =
	"{" GANTRY_JSON("tags": ["Breakers"]) "," DESCRIBE_BREAKER ","
	GANTRY_JSON("x-errors": ["VALIDATION_ERROR", "BREAKER_NOT_FOUND"]) "}";

static const char describe_live[] = GANTRY_JSON({
	"tags": ["Health"],
	"responses": {"200": {"description": "It runs",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/Health"}}}}}
});

static const char describe_ready[] = GANTRY_JSON({
	"tags": ["Health"],
	"responses": {
		"200": {"description": "Work is taken; warn: somebody should look at it",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/Health"}}}},
		"503": {"description": "No work is taken",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/Health"}}}}}
});

static const char describe_metrics[] = GANTRY_JSON({
	"tags": ["Health"],
	"responses": {"200": {"description": "The text format of Prometheus",
		"content": {"text/plain": {"schema": {"type": "string"}}}}}
});

/* What the page itself lives by: the running gateway, the outbox, the log. */
static const char describe_overview[] = GANTRY_JSON({
	"tags": ["Gateway"],
	"responses": {"200": {"description": "How it is, and what waits",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object", "required": ["status", "checks", "service",
				"replica", "version", "now", "waiting", "outbox",
				"deadLetters", "backlogs"],
				"properties": {
				"status": {"enum": ["pass", "warn", "fail"]},
				"checks": {"$ref": "#/components/schemas/Checks"},
				"service": {"type": "string"},
				"replica": {"type": "string"},
				"version": {"type": "string"},
				"now": {"type": "string", "format": "date-time"},
				"waiting": {"type": "integer", "minimum": 0,
					"description": "Messages that are under way"},
				"outbox": {"type": "object",
					"required": ["rows", "warn", "full"], "properties": {
					"rows": {"type": "integer", "minimum": 0},
					"warn": {"type": "boolean"},
					"full": {"type": "boolean"},
					"oldestAt": {"type": "string",
						"format": "date-time"}}},
				"deadLetters": {"type": ["object", "null"],
					"description": "By cause; null: not counted yet",
					"additionalProperties": {"type": "integer"}},
				"backlogs": {"type": "array",
					"description": "What waits in the records of handlers",
					"items": {"type": "object",
					"required": ["handlers", "backlog", "waiting"],
					"properties": {
					"handlers": {"type": "string"},
					"backlog": {"type": "string"},
					"waiting": {"type": "integer", "minimum": 0},
					"oldestAt": {"type": "string",
						"format": "date-time"}}}}}}}}}}}}
});

static const char describe_routes[] = GANTRY_JSON({
	"tags": ["Gateway"],
	"responses": {"200": {"description": "Routes, and what is around them",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object", "required": ["routes", "storage",
				"exchanges", "upstreams"], "properties": {
				"routes": {"type": "array",
					"items": {"$ref": "#/components/schemas/Route"}},
				"storage": {"type": "string"},
				"exchanges": {"type": "array", "items": {"type": "string"}},
				"upstreams": {"type": "array",
					"items": {"type": "string"}}}}}}}}}}
});

static const char describe_plugins[] = GANTRY_JSON({
	"tags": ["Gateway"],
	"responses": {"200": {"description": "Without the values of secrets",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "array",
				"items": {"$ref": "#/components/schemas/Instance"}}}}}}}}
});

static const char describe_outbox[] =
	"{" GANTRY_JSON("tags": ["Gateway"]) ", \"parameters\": ["
	DESCRIBE_LIMIT "," DESCRIBE_AFTER "], "
	GANTRY_JSON("responses": {"200": {"description": "In the order of their refs",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object", "required": ["rows", "warn", "full",
				"dropped", "events"], "properties": {
				"rows": {"type": "integer", "minimum": 0},
				"warn": {"type": "boolean"}, "full": {"type": "boolean"},
				"dropped": {"type": "integer", "minimum": 0},
				"oldestAt": {"type": "string", "format": "date-time"},
				"events": {"type": "array",
					"items": {"$ref": "#/components/schemas/Waiting"}}}},
			"next": {"type": "string",
				"description": "If more may follow: after of the next page"}}}}}}},
	"x-errors": ["VALIDATION_ERROR"]) "}";

#define DESCRIBE_LEVEL                                                       \
	GANTRY_JSON("responses": {"200": {"description": "The least that is logged", \
		"content": {"application/json": {"schema": {                 \
		"type": "object", "required": ["success", "data"], "properties": { \
			"success": {"const": true},                          \
			"data": {"type": "object",                           \
				"required": ["level", "sample"], "properties": { \
				"level": {"$ref": "#/components/schemas/Level"}, \
				"sample": {                                  \
				"$ref": "#/components/schemas/Sample"}}}}}}}}})

static const char describe_level[] =
	"{" GANTRY_JSON("tags": ["Gateway"]) "," DESCRIBE_LEVEL "}";

static const char describe_level_change[] =
	"{" GANTRY_JSON("tags": ["Gateway"],
		"requestBody": {"required": true,
			"description": "One of them, or both; the other stays as it is",
			"content": {"application/json": {
			"schema": {"type": "object", "properties": {
				"level": {"$ref": "#/components/schemas/Level"},
				"sample": {"$ref": "#/components/schemas/Sample"}}}}}})
	"," DESCRIBE_LEVEL "," GANTRY_JSON("x-errors": ["VALIDATION_ERROR"]) "}";

static const char describe_reload[] = GANTRY_JSON({
	"tags": ["Gateway"],
	"responses": {"200": {"description": "It is in force; how much is what it was",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object",
				"additionalProperties": {"type": "integer"}}}}}}}},
	"x-errors": ["RELOAD_REFUSED", "FORBIDDEN"]
});

static const char describe_login[] = GANTRY_JSON({
	"tags": ["Session"],
	"description": "Over the unix socket only",
	"requestBody": {"required": false, "content": {"application/json": {
		"schema": {"type": "object", "properties": {"roles": {"type": "array",
			"description": "Left out: all", "items": {"type": "string"}}}}}}},
	"responses": {"200": {"description": "Good for one session, for a minute",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object", "required": ["url", "ticket", "endsInMs"],
				"properties": {
				"url": {"type": "string"}, "ticket": {"type": "string"},
				"endsInMs": {"type": "integer"}}}}}}}}},
	"x-errors": ["VALIDATION_ERROR", "FORBIDDEN"]
});

#define DESCRIBE_COOKIE                                                      \
	GANTRY_JSON("responses": {"200": {"description": "With a cookie",    \
		"headers": {"Set-Cookie": {"required": true,                 \
			"schema": {"type": "string"}}},                      \
		"content": {"application/json": {"schema": {                 \
		"type": "object", "required": ["success", "data"], "properties": { \
			"success": {"const": true},                          \
			"data": {"type": "object", "required": ["outcome"],  \
				"properties": {"outcome": {                  \
				"enum": ["begun", "ended"]}}}}}}}}})

static const char describe_session_begin[] =
	"{" GANTRY_JSON("tags": ["Session"],
		"description": "By the page itself",
		"requestBody": {"required": true, "content": {"application/json": {
			"schema": {"type": "object", "required": ["ticket"],
				"properties": {"ticket": {"type": "string"}}}}}})
	"," DESCRIBE_COOKIE ","
	GANTRY_JSON("x-errors": ["VALIDATION_ERROR", "UNAUTHENTICATED", "FORBIDDEN"]) "}";

static const char describe_session_end[] =
	"{" GANTRY_JSON("tags": ["Session"]) "," DESCRIBE_COOKIE ","
	GANTRY_JSON("x-errors": ["VALIDATION_ERROR"]) "}";

static const char describe_session[] = GANTRY_JSON({
	"tags": ["Session"],
	"responses": {"200": {"description": "Who one is, and what one may",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object", "required": ["actor", "roles", "service",
				"replica", "version"], "properties": {
				"actor": {"type": "string"},
				"roles": {"type": "array", "items": {"type": "string"}},
				"service": {"type": "string"}, "replica": {"type": "string"},
				"version": {"type": "string"},
				"endsInMs": {"type": "integer",
					"description": "Of a session"}}}}}}}}}
});

static const char describe_file[] = GANTRY_JSON({
	"tags": ["Page"],
	"responses": {"200": {"description": "A file of the page",
		"content": {"text/html": {"schema": {"type": "string"}},
			"text/css": {"schema": {"type": "string"}},
			"text/javascript": {"schema": {"type": "string"}},
			"image/svg+xml": {"schema": {"type": "string"}}}}},
	"x-errors": ["ROUTE_NOT_FOUND", "FORBIDDEN"]
});

static const char describe_to_page[] = GANTRY_JSON({
	"tags": ["Page"],
	"responses": {"308": {"description": "To /admin/", "headers": {"Location": {
		"required": true, "schema": {"type": "string"}}}}},
	"x-errors": ["FORBIDDEN"]
});

static const char describe_integration[] = GANTRY_JSON({
	"tags": ["Health"],
	"description": "checks only for a token that may view",
	"responses": {
		"200": {"description": "It works; warn: somebody should look at it",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/Integration"}}}},
		"503": {"description": "It does not",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/Integration"}}}}}
});

const char describe_schemas[] = GANTRY_JSON({
	"DeadLetter": {"type": "object", "required": ["ref", "state", "cause", "queue"],
		"properties": {
			"ref": {"type": "string"},
			"state": {"enum": ["open", "applied", "refused", "discarded"]},
			"cause": {"type": "string"}, "text": {"type": "string"},
			"handler": {"type": "string"}, "queue": {"type": "string"},
			"eventId": {"type": "string"}, "exchange": {"type": "string"},
			"routingKey": {"type": "string"},
			"correlationId": {"type": "string"},
			"attempts": {"type": "integer", "minimum": 0},
			"diedAt": {"type": "string", "format": "date-time"},
			"createdAt": {"type": "string", "format": "date-time"},
			"closedAt": {"type": "string", "format": "date-time"},
			"traceparent": {"type": "string"},
			"contentType": {"type": "string"},
			"headers": {"type": "object", "additionalProperties": true},
			"form": {"enum": ["text", "base64"],
				"description": "How body is written here"},
			"body": {"type": "string"},
			"originalForm": {"enum": ["text", "base64"]},
			"original": {"type": "string",
				"description": "The body before it was edited"}}},
	"Resolved": {"type": "object", "required": ["success", "data"], "properties": {
		"success": {"const": true},
		"data": {"type": "object", "required": ["outcome"], "properties": {
			"ref": {"type": "string"},
			"outcome": {"enum": ["applied", "duplicate", "refused", "discarded",
				"already applied", "already refused", "already discarded",
				"valid"],
				"description": "already ...: it was closed before"}}}}},
	"Breaker": {"type": "object",
		"required": ["name", "state", "held", "calls", "failures", "opened",
			"refused"],
		"properties": {
			"name": {"type": "string"},
			"state": {"enum": ["open", "half-open", "closed"]},
			"held": {"type": "boolean", "description": "By an operator"},
			"calls": {"type": "integer", "minimum": 0},
			"failures": {"type": "integer", "minimum": 0},
			"opened": {"type": "integer", "minimum": 0},
			"refused": {"type": "integer", "minimum": 0},
			"endsInMs": {"type": "integer", "minimum": 1,
				"description": "Until the state may change by itself"}}},
	"Checks": {"type": "object", "description": "By what was looked at",
		"additionalProperties": {"type": "object", "required": ["status"],
			"additionalProperties": true,
			"properties": {"status": {"enum": ["pass", "warn", "fail"]}}}},
	"Integration": {"type": "object", "required": ["status"], "properties": {
		"status": {"enum": ["pass", "warn", "fail"]},
		"checks": {"$ref": "#/components/schemas/Checks"}}},
	"Level": {"enum": ["debug", "info", "warning", "error"]},
	"Sample": {"type": "integer", "minimum": 0, "maximum": 100,
		"description": "Of 100 messages, so many have their lines below warning"},
	"Route": {"type": "object",
		"required": ["source", "address", "place", "auth", "roles", "steps"],
		"properties": {
			"source": {"enum": ["http", "amqp", "schedule", "admin"]},
			"address": {"type": "string"},
			"place": {"type": "string", "description": "File, line and column"},
			"auth": {"type": "array", "items": {"type": "string"}},
			"roles": {"type": "array", "items": {"type": "string"}},
			"steps": {"type": "array", "items": {"type": "object",
				"required": ["instance", "handler"], "properties": {
				"instance": {"type": "string"}, "handler": {"type": "string"},
				"summary": {"type": ["string", "null"]}}}},
			"queue": {"type": "string"}, "inject": {"const": true},
			"bindings": {"type": "array", "items": {"type": "object",
				"required": ["exchange", "key"], "properties": {
				"exchange": {"type": "string"}, "key": {"type": "string"}}}}}},
	"Instance": {"type": "object",
		"required": ["instance", "kind", "plugin", "version", "summary", "level",
			"options"],
		"properties": {
			"instance": {"type": ["string", "null"]},
			"kind": {"enum": ["storage", "handlers", "auth", "breaker"]},
			"plugin": {"type": "string"}, "version": {"type": "string"},
			"summary": {"type": "string"},
			"level": {"type": "integer", "minimum": 1},
			"options": {"type": "array", "items": {"type": "object",
				"required": ["name", "type", "value", "default", "secret",
					"summary"],
				"properties": {
				"name": {"type": "string"}, "type": {"type": "string"},
				"value": {"type": ["string", "null"]},
				"default": {"type": ["string", "null"]},
				"secret": {"type": "boolean"},
				"summary": {"type": "string"}}}}}},
	"Waiting": {"type": "object", "required": ["ref", "createdAt"], "properties": {
		"ref": {"type": "string"}, "eventId": {"type": ["string", "null"]},
		"type": {"type": ["string", "null"]},
		"aggregateId": {"type": ["string", "null"]},
		"exchange": {"type": ["string", "null"]},
		"routingKey": {"type": ["string", "null"]},
		"traceparent": {"type": ["string", "null"]},
		"tracestate": {"type": ["string", "null"]},
		"owner": {"type": ["string", "null"]},
		"createdAt": {"type": "string", "format": "date-time"},
		"cause": {"type": ["string", "null"], "description": "Why it waits"}}},
	"Health": {"type": "object", "required": ["status"], "properties": {
		"status": {"enum": ["pass", "warn", "fail"]},
		"reason": {"enum": ["storage", "stopping", "outbox", "broker", "breaker"]},
		"breakers": {"type": "object",
			"description": "Those that are not closed",
			"additionalProperties": {"enum": ["open", "half-open"]}}}}
});

const char describe_headers[] = GANTRY_JSON({
	"Content-Security-Policy": {"schema": {"type": "string"}},
	"X-Frame-Options": {"schema": {"const": "DENY"}},
	"X-Content-Type-Options": {"schema": {"const": "nosniff"}},
	"Referrer-Policy": {"schema": {"const": "no-referrer"}},
	"Cache-Control": {"schema": {"const": "no-store"}},
	"Cross-Origin-Opener-Policy": {"schema": {"const": "same-origin"}},
	"Cross-Origin-Resource-Policy": {"schema": {"const": "same-origin"}}
});

const char describe_session_scheme[] = GANTRY_JSON({
	"type": "apiKey", "in": "cookie", "name": "gantry-session",
	"description": "A browser's, by gantry admin login; with -PORT behind if there is one"
});

static const struct {
	const char *method, *path, *operation;
} describe_operations[] = {
	{ "GET", "/overview", describe_overview },
	{ "GET", "/routes", describe_routes },
	{ "GET", "/plugins", describe_plugins },
	{ "GET", "/outbox", describe_outbox },
	{ "GET", "/dead-letters", describe_list },
	{ "GET", "/dead-letters/causes", describe_causes },
	{ "GET", "/dead-letters/{ref}", describe_one },
	{ "POST", "/dead-letters/{ref}/retry", describe_retry },
	{ "POST", "/dead-letters/{ref}/edit", describe_edit },
	{ "POST", "/dead-letters/{ref}/discard", describe_discard },
	{ "GET", "/audit", describe_audit },
	{ "GET", "/breakers", describe_guards },
	{ "POST", "/breakers/{name}/open", describe_hold },
	{ "POST", "/breakers/{name}/close", describe_hold },
	{ "POST", "/breakers/{name}/reset", describe_reset },
	{ "GET", "/log-level", describe_level },
	{ "POST", "/log-level", describe_level_change },
	{ "POST", "/reload", describe_reload },
	{ "POST", "/login", describe_login },
	{ "POST", "/session", describe_session_begin },
	{ "GET", "/session", describe_session },
	{ "DELETE", "/session", describe_session_end },
};

const char *describe_operation(const char *method, const char *path)
{
	size_t n = strlen("/admin/api");

	for (size_t i = 0; i < ARRAY_LENGTH(describe_operations); i++)
		if (strcmp(describe_operations[i].method, method) == 0 &&
		    strncmp(path, "/admin/api", n) == 0 &&
		    strcmp(describe_operations[i].path, path + n) == 0)
			return describe_operations[i].operation;
	return NULL;
}

const struct describe_page describe_pages[] = {
	{ "/admin", "The way to the page", describe_to_page },
	{ "/admin/", "The admin page", describe_file },
	{ "/admin/{file}", "What the page is made of", describe_file },
	{ "/livez", "Whether it runs", describe_live },
	{ "/readyz", "Whether it takes work", describe_ready },
	{ "/metrics", "What was counted, for Prometheus", describe_metrics },
	{ NULL, NULL, NULL },
};

const struct describe_page describe_health = {
	"/health/integration/order-service", "Whether it works, for who depends on it",
	describe_integration,
};
