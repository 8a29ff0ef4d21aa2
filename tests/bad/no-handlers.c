/* SPDX-License-Identifier: Apache-2.0 */
/* no-handlers - a list of no handlers. */
#include <gantry/plugin.h>

static const struct gantry_handler *const none[] = { NULL };

GANTRY_PLUGIN(.name = "no-handlers", .version = "1", .summary = "Is broken.",
	      .handlers = none);
