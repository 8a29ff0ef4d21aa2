/* SPDX-License-Identifier: Apache-2.0 */
/* larger - a descriptor with members that this gateway does not know: fine. */
#include "tests/bad/bad.h"

struct larger_plugin {
	struct gantry_plugin known;
	void *unknown[8];
};

static const struct gantry_note gantry_note GANTRY_NOTE = {
	7, 8, 1, "Gantry", GANTRY_MAJOR, GANTRY_LEVEL
};

const struct gantry_plugin *gantry_plugin_entry(void)
{
	static const struct larger_plugin plugin = {
		.known = { .size = sizeof(plugin), .major = GANTRY_MAJOR,
			   .level = GANTRY_LEVEL, BAD_TEXTS("larger"),
			   .handlers = bad_handlers },
	};

	return &plugin.known;
}
