/* SPDX-License-Identifier: Apache-2.0 */
/* enroll - a new key, and the line for the file: see gantry/auth.h. */
#ifndef API_KEY_ENROLL_H
#define API_KEY_ENROLL_H

#include <gantry/auth.h>

int api_key_enroll(const struct gantry_enrolment *who, char *credential_out,
		   char *line_out, struct gantry_error *err);

#endif
