/* SPDX-License-Identifier: Apache-2.0 */
/* backlog-alone - a backlog of a plugin that keeps no records. */
#include "tests/bad/bad.h"

static const struct gantry_backlog *const alone[] = {
	GANTRY_BACKLOG(.name = "jobs", .summary = "One", .counts = "n",
		       .waiting = "one"),
	NULL
};
static const struct gantry_breaker breaker = { .size = sizeof(breaker) };

GANTRY_PLUGIN(BAD_TEXTS("backlog-alone"), .breaker = &breaker, .backlogs = alone);
