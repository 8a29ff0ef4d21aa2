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
 * For plugins_set_trial(): whether a process outlives the loading of the file; 0, or
 * -1 with err. That it can be loaded at all is not said. trial_fork() loads it in a
 * copy of this process, which must have one thread; trial_spawn() in "gantry
 * plugin-trial", which takes longer.
 */
int trial_fork(const char *path, struct gantry_error *err);
int trial_spawn(const char *path, struct gantry_error *err);

/* Those of a folder, each tried by trial_fork() before it is loaded. */
struct plugins *trial_plugins(const char *folder);

/* "gantry plugin-trial FILE", which trial_spawn() starts. */
int trial_main(int argc, char **argv);

#endif
