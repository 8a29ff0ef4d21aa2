/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile - what the files of this plugin share.
 *
 *	compare.c	an order against what is held for it: drifts; pure
 *	drift.c		a drift as JSON, and back as a command
 *	gather.c	rows and answers as compare.c wants them
 *	pass.c		how far a pass has come, what it found: the cursor
 *	orders.c counters.c events.c	the stages of a pass, a bounded step each
 *	plan.c		the handlers plan and run: one step of a pass
 *	apply.c		the handler apply
 *	runs.c		runs that are kept, and the handler report
 */
#ifndef RECONCILE_RECONCILE_H
#define RECONCILE_RECONCILE_H

#include <gantry/plugin.h>

#include "compare.h"

enum drift_mode { DRIFT_OFF, DRIFT_REPORT, DRIFT_PROPOSE, DRIFT_AUTO };

struct reconcile {
	const char *order_service;	/* upstream, or NULL: there is none */
	int64_t grace, unsent_after, ttl;	/* ms */
	int64_t page;			/* orders that a message looks at */
	/* modes, as their options are called */
	int64_t missing, orphan, status, quantity, expired, counters, unsent,
		unverified;
};

extern const struct gantry_handler plan_handler, run_handler, apply_handler,
	report_handler;

enum drift_mode reconcile_mode(const struct reconcile *r, enum drift_class class);

#endif
