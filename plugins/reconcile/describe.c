/* SPDX-License-Identifier: Apache-2.0 */
/* describe - see describe.h. */
#include "describe.h"

#include <gantry/describe.h>

const char describe_plan[] = GANTRY_JSON({
	"tags": ["Reconciliation"],
	"requestBody": {"required": false,
		"description": "Left out: the first page",
		"content": {"application/json": {"schema": {
		"type": "object", "properties": {
			"cursor": {"description": "Of the answer before"},
			"orders": {"type": ["array", "null"],
				"description": "More to look at, by their ids",
				"items": {"type": "string"}}}}}}},
	"responses": {"200": {"description": "A page of the plan, and how it goes on",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "object", "additionalProperties": true}}}}}}},
	"x-errors": ["VALIDATION_ERROR"],
	"x-retries": ["ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"]
});

const char describe_apply[] = GANTRY_JSON({
	"tags": ["Reconciliation"],
	"requestBody": {"required": true, "content": {"application/json": {"schema": {
		"type": "object", "properties": {
			"drifts": {"type": ["array", "null"], "maxItems": 500,
				"description": "Of a plan, those with a command",
				"items": {"type": "object"}},
			"run": {"type": ["object", "null"],
				"description": "What became of all, for the report"}}}}}},
	"responses": {"200": {"description": "What became of each",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success"], "properties": {
			"success": {"const": true},
			"data": {}}}}}}},
	"x-errors": ["VALIDATION_ERROR"]
});

const char describe_report[] = GANTRY_JSON({
	"tags": ["Reconciliation"],
	"responses": {"200": {"description": "The last runs, the newest first",
		"content": {"application/json": {"schema": {
		"type": "object", "required": ["success", "data"], "properties": {
			"success": {"const": true},
			"data": {"type": "array", "items": {"type": "object",
				"additionalProperties": true}}}}}}}}
});

const char describe_mended[] = GANTRY_JSON({
	"sends": ["AllocationCreated", "AllocationConfirmed", "AllocationCancelled",
		"InsufficientStock"]
});
