/* SPDX-License-Identifier: Apache-2.0 */
/* describe - see describe.h. A member that is null counts as absent. */
#include "describe.h"

#include <gantry/describe.h>

const char describe_created[] = GANTRY_JSON({
	"receives": [{"name": "OrderCreated",
		"summary": "An order was placed",
		"payload": {"type": "object", "required": ["orderId"], "properties": {
			"orderId": {"type": "string", "minLength": 1, "maxLength": 128},
			"requiresPreAllocation": {"type": ["boolean", "null"],
				"description": "Hold its items now"},
			"items": {"type": ["array", "null"], "maxItems": 999,
				"items": {"type": "object",
				"required": ["orderItemId", "inventoryItemId", "quantity"],
				"properties": {
				"orderItemId": {"type": "string", "minLength": 1,
					"maxLength": 128},
				"inventoryItemId": {"type": "string", "minLength": 1,
					"maxLength": 128},
				"quantity": {"type": "integer", "minimum": 1,
					"maximum": 1000000000},
				"warehouseId": {"type": ["string", "null"],
					"minLength": 1, "maxLength": 128,
					"description": "Must be the item's"}}}}}}}],
	"sends": ["AllocationCreated", "AllocationConfirmed", "InsufficientStock"],
	"errors": ["VALIDATION_ERROR"]
});

const char describe_confirmed[] = GANTRY_JSON({
	"receives": [{"name": "OrderConfirmed",
		"summary": "What is held for the order is to be confirmed",
		"payload": {"type": "object", "required": ["orderId"], "properties": {
			"orderId": {"type": "string", "minLength": 1,
				"maxLength": 128}}}}],
	"sends": ["AllocationConfirmed", "AllocationCreated", "AllocationCancelled",
		"InsufficientStock"],
	"errors": ["VALIDATION_ERROR", "ORDER_UNKNOWN"],
	"retries": ["ORDER_UNKNOWN", "ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"]
});

const char describe_cancelled[] = GANTRY_JSON({
	"receives": [{"name": "OrderCancelled",
		"summary": "What is held for the order is to be given back",
		"payload": {"type": "object", "required": ["orderId"], "properties": {
			"orderId": {"type": "string", "minLength": 1, "maxLength": 128},
			"reason": {"type": ["string", "null"], "minLength": 1,
				"maxLength": 256,
				"description": "It travels with the events"}}}}],
	"sends": ["AllocationCancelled"],
	"errors": ["VALIDATION_ERROR"]
});

const char describe_return_initiated[] = GANTRY_JSON({
	"receives": [{"name": "OrderReturnInitiated",
		"summary": "Items of the order are on their way back",
		"payload": {"type": "object", "required": ["orderId"], "properties": {
			"orderId": {"type": "string", "minLength": 1, "maxLength": 128},
			"returnId": {"type": ["string", "null"], "minLength": 1,
				"maxLength": 128,
				"description": "Left out: the gateway gives it one"},
			"items": {"type": ["array", "null"], "maxItems": 999,
				"description": "Left out: all that was shipped",
				"items": {"type": "object",
				"required": ["orderItemId", "quantity"],
				"properties": {
				"orderItemId": {"type": "string", "minLength": 1,
					"maxLength": 128},
				"quantity": {"type": "integer", "minimum": 1,
					"maximum": 1000000000}}}}}}}],
	"errors": ["VALIDATION_ERROR"],
	"retries": ["ORDER_UNKNOWN", "ORDER_NOT_FULFILLED"]
});
