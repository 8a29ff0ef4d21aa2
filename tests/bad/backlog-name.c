/* SPDX-License-Identifier: Apache-2.0 */
/* backlog-name - a backlog whose name is no label. */
#include "tests/bad/bad.h"

static const struct gantry_backlog *const named[] = {
	GANTRY_BACKLOG(.name = "My jobs", .summary = "One", .counts = "n",
		       .waiting = "one"),
	NULL
};

GANTRY_PLUGIN(BAD_TEXTS("backlog-name"), .handlers = bad_handlers, .backlogs = named);
