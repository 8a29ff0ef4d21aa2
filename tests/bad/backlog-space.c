/* SPDX-License-Identifier: Apache-2.0 */
/* backlog-space - a backlog that does not say where its numbers are. */
#include "tests/bad/bad.h"

static const struct gantry_backlog *const half[] = {
	GANTRY_BACKLOG(.name = "jobs", .summary = "One", .counts = "", .waiting = "one"),
	NULL
};

GANTRY_PLUGIN(BAD_TEXTS("backlog-space"), .handlers = bad_handlers, .backlogs = half);
