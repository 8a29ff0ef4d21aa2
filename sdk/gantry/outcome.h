/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome - what became of the commands, for settle callbacks only.
 *
 * Everything lives until settle returns and belongs to the core.
 */
#ifndef GANTRY_OUTCOME_H
#define GANTRY_OUTCOME_H

#include <gantry/message.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gantry_result {
	GANTRY_REFUSED = 0,	/* a rule said no; nothing moved */
	GANTRY_APPLIED = 1,	/* done */
	GANTRY_STOOD = 2,	/* was so already; no change, no event */
};

struct gantry_allocation {
	size_t size;
	const char *id;
	const char *order_id;
	const char *order_item_id;
	const char *item_id;
	const char *warehouse_id;
	const char *status;		/* PENDING CONFIRMED FULFILLED CANCELLED */
	int64_t quantity;
	int64_t expires_at_ms;		/* 0: never */
	int64_t created_at_ms;
	int64_t updated_at_ms;
	int64_t version;
};

struct gantry_item {
	size_t size;
	const char *id;
	const char *sku;
	const char *product_id;
	const char *warehouse_id;
	int64_t available;		/* on hand (D1) */
	int64_t reserved;
	int64_t version;
	int64_t created_at_ms;
	int64_t updated_at_ms;
};

struct gantry_return {
	size_t size;
	const char *id;			/* the return's own id, from outside */
	const char *order_id;
	const char *order_item_id;
	const char *allocation_id;
	const char *item_id;
	const char *status;		/* EXPECTED RECEIVED */
	int64_t expected;
	int64_t received;
	int64_t version;
	int64_t created_at_ms;
	int64_t updated_at_ms;
};

struct gantry_outcome {
	size_t size;
	enum gantry_result result;
	const char *code;		/* of a refusal, else NULL */
	const char *error;		/* of a refusal: {"code","message","details"}
					   as JSON text, else NULL */
	const struct gantry_allocation *const *allocations;
	size_t n_allocations;
	const struct gantry_item *item;		/* item commands, else NULL */
	const struct gantry_return *const *returns;
	size_t n_returns;
	int64_t requested;		/* INSUFFICIENT_STOCK: units asked for */
	int64_t available;		/* and what could still be promised */
};

/*
 * The outcome of the command that gantry_command() numbered step; NULL if
 * there was no such command. Commands of all handlers of the pipeline count
 * in one row, so keep the step. Level 1.
 */
const struct gantry_outcome *gantry_outcome(const struct gantry_message *m,
					    int step);

/* How many commands were staged by the handler that settles. Level 1. */
int gantry_steps(const struct gantry_message *m);

/* The first step of the handler that settles. Level 1. */
int gantry_first_step(const struct gantry_message *m);

#ifdef __cplusplus
}
#endif

#endif
