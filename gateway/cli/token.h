/* SPDX-License-Identifier: Apache-2.0 */
/* token - "gantry token mint" and "gantry token verify". */
#ifndef CLI_TOKEN_H
#define CLI_TOKEN_H

#include <gantry/auth.h>

/*
 * argv[0] is "token", argv[1] the command. Returns the exit status: 0 done or
 * valid, 1 failed or invalid, 2 usage or configuration.
 */
int token_main(int argc, char **argv);

/*
 * The auth part of a plugin that can mint and check, by short name or absolute
 * path. Lives as long as plugins. NULL with err.
 */
struct plugins;
const struct gantry_auth *token_plugin(struct plugins *plugins, const char *name,
				       struct gantry_error *err);

#endif
