/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mint - the plugin's second door (gantry/auth.h): tokens made and checked
 * without an instance, for the command line and for calls to other services.
 */
#ifndef JWT_MINT_H
#define JWT_MINT_H

#include <gantry/auth.h>

int jwt_mint(const struct gantry_token_key *key, const json_t *claims,
	     char *token_out, struct gantry_error *err);
int jwt_check(const struct gantry_token_key *key,
	      const struct gantry_token_rules *rules, const char *token,
	      struct gantry_error *err);

#endif
