/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hop - what becomes of a delivery by its verdict (DESIGN.md 3): acked, held,
 * on to a retry tier, or given up. Pure: the table alone.
 */
#ifndef AMQP_HOP_H
#define AMQP_HOP_H

#include <gantry/error.h>

struct arena;

enum hop_action {
	HOP_ACK,
	HOP_HOLD,		/* for storage or broker: no attempt, kept here */
	HOP_RETRY,		/* to a tier; the original is acked when that is confirmed */
	HOP_DEAD,		/* to the dead queue, likewise */
};

/* A delivery that was answered. */
struct hop_case {
	enum gantry_verdict verdict;
	enum gantry_dependency dependency;
	const char *code;	/* or NULL */
	unsigned attempts;	/* that failed before this one */
	unsigned waits;		/* hops that were no attempt, since the last */
	unsigned n_tiers;
};

struct hop_decision {
	enum hop_action action;
	unsigned tier;		/* RETRY: 0 .. n_tiers - 1 */
	unsigned attempts, waits;	/* with this one */
	const char *cause;	/* DEAD: a code */
};

struct hop_decision hop_decide(const struct hop_case *c);

/*
 * What was wrong, for a person: the message, and each problem with its field.
 * At most HOP_MAX_TEXT bytes, in arena.
 */
#define HOP_MAX_TEXT 1024
const char *hop_text(struct arena *arena, const struct gantry_error *err);

#endif
