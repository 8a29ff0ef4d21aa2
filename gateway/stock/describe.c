/* SPDX-License-Identifier: Apache-2.0 */
/* describe - see describe.h. What it says, event.c writes. */
#include "gateway/stock/describe.h"

#include <gantry/describe.h>

const char stock_describe_events[] = GANTRY_JSON([
	{"name": "AllocationCreated",
		"summary": "Stock is held for an order item",
		"exchange": "inventory.events",
		"key": "inventory.allocationcreated.allocation",
		"aggregateType": "Allocation",
		"payload": {"$ref": "#/components/schemas/AllocationChange"}},
	{"name": "AllocationConfirmed",
		"summary": "What is held will be shipped",
		"exchange": "inventory.events",
		"key": "inventory.allocationconfirmed.allocation",
		"aggregateType": "Allocation",
		"payload": {"$ref": "#/components/schemas/AllocationChange"}},
	{"name": "AllocationCancelled",
		"summary": "What was held is free again",
		"exchange": "inventory.events",
		"key": "inventory.allocationcancelled.allocation",
		"aggregateType": "Allocation",
		"payload": {"$ref": "#/components/schemas/AllocationChange"}},
	{"name": "AllocationFulfilled",
		"summary": "What was held is shipped",
		"exchange": "inventory.events",
		"key": "inventory.allocationfulfilled.allocation",
		"aggregateType": "Allocation",
		"payload": {"$ref": "#/components/schemas/AllocationChange"}},
	{"name": "InsufficientStock",
		"summary": "There was not enough to hold",
		"exchange": "inventory.notifications",
		"key": "inventory.insufficientstock.inventoryitem",
		"aggregateType": "InventoryItem",
		"payload": {"$ref": "#/components/schemas/Shortage"}}
]);

const char stock_describe_schemas[] = GANTRY_JSON({
	"AllocationChange": {"type": "object",
		"required": ["allocationId", "orderId", "orderItemId",
			"inventoryItemId", "sku", "productId", "warehouseId",
			"quantity", "status", "expiresAt", "inventoryItemDetails"],
		"properties": {
			"allocationId": {"type": "string"},
			"orderId": {"type": "string"},
			"orderItemId": {"type": "string"},
			"inventoryItemId": {"type": "string"},
			"sku": {"type": "string"},
			"productId": {"type": "string"},
			"warehouseId": {"type": "string"},
			"quantity": {"type": "integer", "minimum": 1},
			"status": {"enum": ["PENDING", "CONFIRMED", "CANCELLED",
				"FULFILLED"]},
			"expiresAt": {"type": ["string", "null"], "format": "date-time"},
			"inventoryItemDetails": {"type": "object",
				"description": "What it did to the stock of the item",
				"required": ["previousAvailableQuantity",
					"newAvailableQuantity",
					"previousReservedQuantity",
					"newReservedQuantity"],
				"properties": {
				"previousAvailableQuantity": {"type": "integer"},
				"newAvailableQuantity": {"type": "integer"},
				"previousReservedQuantity": {"type": "integer"},
				"newReservedQuantity": {"type": "integer"}}},
			"reason": {"type": ["string", "null"],
				"description": "Of AllocationCancelled; null: none given"}}},
	"Shortage": {"type": "object",
		"required": ["orderId", "orderItemId", "inventoryItemId", "warehouseId",
			"sku", "requested", "available"],
		"properties": {
			"orderId": {"type": "string"},
			"orderItemId": {"type": "string"},
			"inventoryItemId": {"type": "string"},
			"warehouseId": {"type": "string"},
			"sku": {"type": "string"},
			"requested": {"type": "integer", "minimum": 1},
			"available": {"type": "integer", "minimum": 0,
				"description": "What could have been held"}}}
});
