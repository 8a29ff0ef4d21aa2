/* SPDX-License-Identifier: Apache-2.0 */
/* backlog-twice - two backlogs of one name. */
#include "tests/bad/bad.h"

static const struct gantry_backlog *const twice[] = {
	GANTRY_BACKLOG(.name = "jobs", .summary = "One", .counts = "n", .waiting = "one"),
	GANTRY_BACKLOG(.name = "jobs", .summary = "Two", .counts = "n", .waiting = "two"),
	NULL
};

GANTRY_PLUGIN(BAD_TEXTS("backlog-twice"), .handlers = bad_handlers, .backlogs = twice);
