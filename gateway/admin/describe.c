/* SPDX-License-Identifier: Apache-2.0 */
/* describe - see describe.h. What it says of an answer, look.c and its siblings write. */
#include "gateway/admin/describe.h"

#include <gantry/describe.h>
#include <stddef.h>

#define DESCRIBE(...) (&(const struct admin_description){ __VA_ARGS__ })

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
	"x-errors": ["DEAD_LETTER_NOT_FOUND"]
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
	DESCRIBE_LIMIT "," DESCRIBE_AFTER "], "
	GANTRY_JSON("responses": {"200": {"description": "Who did what, the oldest first",
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
				"description": "If more follow: after of the next page"}}}}}}},
	"x-errors": ["VALIDATION_ERROR"]) "}";

static const char describe_breakers[] = GANTRY_JSON({
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

const char admin_schemas[] = GANTRY_JSON({
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
		"data": {"type": "object", "required": ["ref", "outcome"], "properties": {
			"ref": {"type": "string"},
			"outcome": {"enum": ["applied", "duplicate", "refused",
				"discarded"]}}}}},
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
	"Health": {"type": "object", "required": ["status"], "properties": {
		"status": {"enum": ["pass", "warn", "fail"]},
		"reason": {"enum": ["storage", "stopping", "outbox", "broker", "breaker"]},
		"breakers": {"type": "object",
			"description": "Those that are not closed",
			"additionalProperties": {"enum": ["open", "half-open"]}}}}
});

const struct admin_description *const admin_descriptions[] = {
	DESCRIBE("get", "/admin/api/dead-letters", "gantry-admin:view", "dead_letters",
		 "List the events that were given up", describe_list),
	DESCRIBE("get", "/admin/api/dead-letters/causes", "gantry-admin:view", "causes",
		 "Count the dead letters of each cause", describe_causes),
	DESCRIBE("get", "/admin/api/dead-letters/{ref}", "gantry-admin:view", "dead_letter",
		 "Show a dead letter", describe_one),
	DESCRIBE("post", "/admin/api/dead-letters/{ref}/retry", "gantry-admin:retry",
		 "retry", "Try it again as it is", describe_retry),
	DESCRIBE("post", "/admin/api/dead-letters/{ref}/edit", "gantry-admin:edit", "edit",
		 "Try it again as it should have been", describe_edit),
	DESCRIBE("post", "/admin/api/dead-letters/{ref}/discard", "gantry-admin:discard",
		 "discard", "Close it without trying again", describe_discard),
	DESCRIBE("get", "/admin/api/audit", "gantry-admin:view", "audit",
		 "List what operators did", describe_audit),
	DESCRIBE("get", "/admin/api/breakers", "gantry-admin:view", "breakers",
		 "List the breakers", describe_breakers),
	DESCRIBE("post", "/admin/api/breakers/{name}/open", "gantry-admin:breakers",
		 "breaker_open", "Hold a breaker open", describe_hold),
	DESCRIBE("post", "/admin/api/breakers/{name}/close", "gantry-admin:breakers",
		 "breaker_close", "Hold a breaker closed", describe_hold),
	DESCRIBE("post", "/admin/api/breakers/{name}/reset", "gantry-admin:breakers",
		 "breaker_reset", "Let a breaker judge by itself again", describe_reset),
	DESCRIBE("get", "/livez", NULL, "livez", "Whether it runs", describe_live),
	DESCRIBE("get", "/readyz", NULL, "readyz", "Whether it takes work", describe_ready),
	DESCRIBE("get", "/metrics", NULL, "metrics", "What was counted", describe_metrics),
	NULL
};
