/* SPDX-License-Identifier: Apache-2.0 */
/* describe - see describe.h; the operations and their events. */
#include "describe.h"

#include <gantry/describe.h>

/* A page of a list. */
#define DESCRIBE_PAGE                                                        \
	GANTRY_JSON({"name": "limit", "in": "query",                         \
		"description": "How many of them at most",                   \
		"schema": {"type": "integer", "minimum": 1, "maximum": 1000}}) \
	","                                                                  \
	GANTRY_JSON({"name": "after", "in": "query",                         \
		"description": "What next of the page before said",          \
		"schema": {"$ref": "#/components/schemas/Id"}})

const char describe_create[] = GANTRY_JSON({
	"tags": ["Allocations"],
	"requestBody": {"required": true, "content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/AllocationRequest"}}}},
	"responses": {
		"201": {"description": "It is held", "headers": {"Location": {
				"description": "The path of the allocation", "required": true,
				"schema": {"type": "string"}}},
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/AllocationAnswer"}}}},
		"200": {"description": "The same allocation stood already",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/AllocationAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "INVENTORY_ITEM_NOT_FOUND", "ORDER_NOT_FOUND",
		"INSUFFICIENT_STOCK", "ALLOCATION_EXISTS", "ORDER_TOO_LARGE",
		"ORDER_CANCELLED", "WAREHOUSE_MISMATCH"],
	"x-retries": ["ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"]
});

const char describe_create_events[] = GANTRY_JSON({
	"sends": ["AllocationCreated", "InsufficientStock"]
});

const char describe_bulk[] = GANTRY_JSON({
	"tags": ["Allocations"],
	"requestBody": {"required": true, "content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/BulkRequest"}}}},
	"responses": {
		"201": {"description": "All are held, and some are new",
			"headers": {"Location": {
				"description": "The path of the order's allocations",
				"required": true, "schema": {"type": "string"}}},
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/BulkAnswer"}}}},
		"200": {"description": "All of them stood already",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/BulkAnswer"}}}},
		"207": {"description": "Mode partial: some were refused, see failures",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/BulkAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "INVENTORY_ITEM_NOT_FOUND", "ORDER_NOT_FOUND",
		"INSUFFICIENT_STOCK", "ALLOCATION_EXISTS", "ORDER_TOO_LARGE",
		"ORDER_CANCELLED", "WAREHOUSE_MISMATCH"],
	"x-retries": ["ORDER_SERVICE_UNAVAILABLE", "CIRCUIT_OPEN"]
});

const char describe_get[] = GANTRY_JSON({
	"tags": ["Allocations"],
	"parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}],
	"responses": {"200": {"description": "The allocation",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/AllocationAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "ALLOCATION_NOT_FOUND"]
});

const char describe_by_order[] =
	"{" GANTRY_JSON("tags": ["Allocations"]) ", \"parameters\": ["
	GANTRY_JSON({"name": "orderId", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}) "," DESCRIBE_PAGE "], "
	GANTRY_JSON("responses": {"200": {
		"description": "Allocations of any status; none is an empty list",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/AllocationList"}}}}},
	"x-errors": ["VALIDATION_ERROR"]) "}";

const char describe_confirm[] = GANTRY_JSON({
	"tags": ["Allocations"],
	"parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}],
	"responses": {"200": {"description": "It is confirmed, now or before",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/AllocationAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "ALLOCATION_NOT_FOUND",
		"INVALID_STATE_TRANSITION", "ALLOCATION_EXPIRED"]
});

const char describe_confirm_events[] = GANTRY_JSON({
	"sends": ["AllocationConfirmed"]
});

const char describe_cancel[] = GANTRY_JSON({
	"tags": ["Allocations"],
	"parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}],
	"requestBody": {"required": false, "content": {"application/json": {
		"schema": {"type": "object", "properties": {
			"reason": {"type": ["string", "null"], "minLength": 1,
				"maxLength": 256,
				"description": "1 to 256 bytes; it travels with the event"}
		}}}}},
	"responses": {"200": {"description": "It is cancelled, now or before",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/AllocationAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "ALLOCATION_NOT_FOUND",
		"INVALID_STATE_TRANSITION"]
});

const char describe_cancel_events[] = GANTRY_JSON({
	"sends": ["AllocationCancelled"]
});

const char describe_fulfill[] = GANTRY_JSON({
	"tags": ["Allocations"],
	"parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}],
	"responses": {"200": {"description": "It is shipped, now or before",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/AllocationAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "ALLOCATION_NOT_FOUND",
		"INVALID_STATE_TRANSITION"]
});

const char describe_fulfill_events[] = GANTRY_JSON({
	"sends": ["AllocationFulfilled"]
});

const char describe_item_create[] = GANTRY_JSON({
	"tags": ["Inventory items"],
	"requestBody": {"required": true, "content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/InventoryItemRequest"}}}},
	"responses": {
		"201": {"description": "It is there", "headers": {"Location": {
				"description": "The path of the item", "required": true,
				"schema": {"type": "string"}}},
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/InventoryItemAnswer"}}}},
		"200": {"description": "The same item was there already",
			"content": {"application/json": {
			"schema": {"$ref": "#/components/schemas/InventoryItemAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "ITEM_EXISTS"]
});

const char describe_item_list[] =
	"{" GANTRY_JSON("tags": ["Inventory items"]) ", \"parameters\": ["
	DESCRIBE_PAGE "], "
	GANTRY_JSON("responses": {"200": {"description": "A page of them, 100 by default",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/InventoryItemList"}}}}},
	"x-errors": ["VALIDATION_ERROR"]) "}";

const char describe_item_get[] = GANTRY_JSON({
	"tags": ["Inventory items"],
	"parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}],
	"responses": {"200": {"description": "The item",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/InventoryItemAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "INVENTORY_ITEM_NOT_FOUND"]
});

const char describe_item_adjust[] = GANTRY_JSON({
	"tags": ["Inventory items"],
	"parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}],
	"requestBody": {"required": true, "content": {"application/json": {
		"schema": {"type": "object", "required": ["delta", "reason"],
			"properties": {
			"delta": {"type": "integer", "minimum": -1000000000,
				"maximum": 1000000000, "not": {"const": 0},
				"description": "What came to the stock, or went"},
			"reason": {"type": "string", "minLength": 1, "maxLength": 256}
		}}}}},
	"responses": {"200": {"description": "The item as it is now",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/InventoryItemAnswer"}}}}},
	"x-errors": ["VALIDATION_ERROR", "INVENTORY_ITEM_NOT_FOUND",
		"ADJUSTMENT_BELOW_RESERVED", "QUANTITY_TOO_LARGE"]
});

const char describe_returns[] =
	"{" GANTRY_JSON("tags": ["Returns"]) ", \"parameters\": ["
	GANTRY_JSON({"name": "orderId", "in": "query", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}) "," DESCRIBE_PAGE "], "
	GANTRY_JSON("responses": {"200": {"description": "What is expected, and what came",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/ReturnList"}}}}},
	"x-errors": ["VALIDATION_ERROR"]) "}";

const char describe_receive[] = GANTRY_JSON({
	"tags": ["Returns"],
	"parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"$ref": "#/components/schemas/Id"}}],
	"requestBody": {"required": false,
		"description": "Left out: all that was expected came",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/ReceiveRequest"}}}},
	"responses": {"200": {"description": "What was received",
		"content": {"application/json": {
		"schema": {"$ref": "#/components/schemas/ReturnList"}}}}},
	"x-errors": ["VALIDATION_ERROR", "RETURN_NOT_FOUND", "RETURN_EXCEEDS_EXPECTED",
		"QUANTITY_TOO_LARGE", "INVALID_STATE_TRANSITION"]
});
