/* SPDX-License-Identifier: Apache-2.0 */
/* half-auth - an auth that cannot authenticate. */
#include <gantry/plugin.h>

static const struct gantry_auth half = { .size = sizeof(struct gantry_auth) };

GANTRY_PLUGIN(.name = "half-auth", .version = "1", .summary = "Is broken.",
	      .auth = &half);
