/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare - what the Order Service says of an order against what is held for it:
 * pure, rows and answers in, drifts and what would mend them out. Knows nothing
 * of messages, JSON and storage.
 *
 * The Order Service owns the status of an order, its items and their quantities;
 * Gantry owns stock. So nothing here reopens what is FULFILLED or CANCELLED, and
 * whether there is stock is for the rules of stock to say.
 */
#ifndef RECONCILE_COMPARE_H
#define RECONCILE_COMPARE_H

#include <gantry/plugin.h>

enum drift_class {
	DRIFT_MISSING,		/* an item of the order without allocation */
	DRIFT_ORPHAN,		/* an allocation, or an order, that nobody knows */
	DRIFT_STATUS,
	DRIFT_QUANTITY,
	DRIFT_EXPIRED,		/* but held */
	DRIFT_COUNTERS,		/* what is reserved is not what is held */
	DRIFT_UNSENT,		/* events that wait for long */
	DRIFT_UNVERIFIED,	/* allocated while the Order Service was away */
	DRIFT_CLASSES,
};

struct drift {
	enum drift_class class;
	const char *order_id, *order_item_id, *allocation_id, *item_id;	/* or NULL */
	const char *said, *held;	/* statuses, or NULL: */
	int64_t said_n, held_n;		/* numbers */
	const char *why;		/* for a person */
	struct gantry_command command;	/* that mends it; kind 0: none does */
};

enum compare_status {
	COMPARE_UNKNOWN,	/* 404 */
	COMPARE_CREATED,
	COMPARE_CONFIRMED,
	COMPARE_CANCELLED,
};

/* An item of the order. */
struct compare_line {
	const char *order_item_id;
	const char *item_id;		/* NULL: not said */
	const char *warehouse_id;	/* or NULL */
	int64_t quantity;		/* 0: not said */
};

struct compare_service {
	enum compare_status status;
	bool wants_stock;		/* requiresPreAllocation */
	int64_t changed_ms;		/* 0: not said */
	const struct compare_line *lines;
	size_t n_lines;
};

struct compare_allocation {
	const char *id, *order_item_id, *item_id;
	char status;			/* of PENDING, CONFIRMED, FULFILLED: P C F; X */
	bool unverified;
	int64_t quantity, version;
	int64_t expires_ms;		/* 0: never */
	int64_t changed_ms;
};

/* What Gantry has of the order. */
struct compare_held {
	const char *order_id;
	bool is_there;			/* there is a row */
	char state;			/* OPEN, CONFIRMED, CANCELLED: O C X */
	int64_t version, changed_ms;
	const struct compare_allocation *allocations;
	size_t n_allocations;
};

struct compare_options {
	int64_t now_ms;
	int64_t grace_ms;		/* what moved since then is spared */
};

/* Called for each drift, in the order in which their commands belong. */
typedef void compare_found(void *ctx, const struct drift *drift);

/*
 * False: something of it moved a moment ago, so it was not judged. Texts of the
 * drifts are the arguments' or literals.
 */
bool compare_order(const struct compare_service *service,
		   const struct compare_held *held,
		   const struct compare_options *options, compare_found *found,
		   void *ctx);

/* The counters of an item, and the sum of what is held of it. */
struct compare_item {
	const char *id;
	int64_t available, reserved, version, sum;
};

void compare_item(const struct compare_item *item, compare_found *found, void *ctx);

#endif
