/* SPDX-License-Identifier: Apache-2.0 */
/* backlog-size - a backlog that ends before its spaces. */
#include "tests/bad/bad.h"

static const struct gantry_backlog shorter = { .size = 16, .name = "jobs" };
static const struct gantry_backlog *const sizes[] = { &shorter, NULL };

GANTRY_PLUGIN(BAD_TEXTS("backlog-size"), .handlers = bad_handlers, .backlogs = sizes);
