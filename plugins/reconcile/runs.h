/* SPDX-License-Identifier: Apache-2.0 */
/* runs - the last runs, kept in records of the instance: a ring of slots. */
#ifndef RECONCILE_RUNS_H
#define RECONCILE_RUNS_H

#include "reconcile.h"

/* Keep a run, JSON text. 0, or -1: awaited (gantry_asking) or err. */
int runs_keep(struct gantry_message *m, const char *json, size_t len,
	      struct gantry_error *err);

#endif
