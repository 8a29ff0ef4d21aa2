/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe - the handlers in the words of OpenAPI and AsyncAPI
 * (gantry/describe.h): what others read, and what the tests hold answers
 * against. Nothing here runs.
 */
#ifndef ALLOCATIONS_DESCRIBE_H
#define ALLOCATIONS_DESCRIBE_H

extern const char describe_schemas[];

/* Operations. */
extern const char describe_create[], describe_bulk[], describe_get[],
	describe_by_order[], describe_confirm[], describe_cancel[],
	describe_fulfill[], describe_item_create[], describe_item_list[],
	describe_item_get[], describe_item_adjust[], describe_returns[],
	describe_receive[];

/* Events that their commands cause. */
extern const char describe_create_events[], describe_confirm_events[],
	describe_cancel_events[], describe_fulfill_events[];

#endif
