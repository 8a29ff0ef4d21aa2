/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial - loading a plugin runs its code, which may crash, hang or end the
 * process: so it is done in a child first, and how that ended can be said.
 */
#ifndef CLI_TRIAL_H
#define CLI_TRIAL_H

#include "gateway/plugin/plugins.h"

/* A plugin that is not loaded by then hangs in a constructor. */
#define TRIAL_SECONDS 10
#define TRIAL_WHY 128

/* Why a child that gave itself alarm(TRIAL_SECONDS) ended before its end. */
void trial_why(int status, char why[TRIAL_WHY]);

/*
 * Whether the process outlives the loading; 0, or -1 with err. That it can be
 * loaded at all is not said.
 */
int trial_load(struct plugins *plugins, const char *path, struct gantry_error *err);

#endif
