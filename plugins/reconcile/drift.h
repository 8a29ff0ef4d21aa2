/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drift - a drift as an object of a plan:
 *
 *	{"class": "quantity", "mode": "propose", "orderId": "o1",
 *	 "orderItemId": "a", "allocationId": "alloc_1", "inventoryItemId": "inv_1",
 *	 "said": 3, "held": 2, "why": "another quantity is held",
 *	 "command": {"do": "replace", "quantity": 3, "ifVersion": 1, ...}}
 *
 * and its command back, from a plan that anybody may have edited.
 */
#ifndef RECONCILE_DRIFT_H
#define RECONCILE_DRIFT_H

#include "reconcile.h"

/* "missing" ... ; "report", "propose", "auto" */
const char *drift_class_name(enum drift_class class);
const char *drift_mode_name(enum drift_mode mode);

/* Write it as the next element of an array. A report has no command. */
void drift_write(struct gantry_writer *w, const struct drift *drift,
		 enum drift_mode mode);

/*
 * The command of a drift of a plan, complete but for expires_at_ms if it was not
 * said. False: it has none, or problems were added under place ("drifts[2].").
 */
bool drift_command(const json_t *drift, const char *place,
		   struct gantry_message *m, struct gantry_command *out,
		   struct gantry_error *err);

#endif
