/* SPDX-License-Identifier: Apache-2.0 */
/* issue - a new key, and the line for the file: see gantry/auth.h. */
#ifndef API_KEY_ISSUE_H
#define API_KEY_ISSUE_H

#include <gantry/auth.h>

int api_key_issue(const char *name, const char *const *roles,
		  char *credential_out, char *line_out, struct gantry_error *err);

#endif
