/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optimistic - what the handlers share: the options, and how many requests may
 * wait.
 */
#ifndef OPTIMISTIC_H
#define OPTIMISTIC_H

#include <gantry/describe.h>
#include <gantry/plugin.h>

/* What the inventory side answers goes on as it comes. */
#define OPTIMISTIC_PASSES_ON \
	GANTRY_JSON({"tags": ["Allocations"], "x-passes-on": true})

#define OPTIMISTIC_PREFIX "opt_"
#define OPTIMISTIC_MAX_BATCH 8	/* sent by one tick: seven records each, of 64 */

struct optimistic {
	const char *inventory_service;
	int64_t max_waiting;
	int64_t max_body;
	int64_t backoff;
	int64_t max_backoff;
	int64_t batch;
	int64_t keep;
};

extern const struct gantry_handler create_handler, bulk_handler;
extern const struct gantry_handler look_get_handler, look_order_handler,
	look_list_handler;
extern const struct gantry_handler change_confirm_handler,
	change_cancel_handler, change_fulfill_handler;
extern const struct gantry_handler replay_handler, forget_handler;

#endif
