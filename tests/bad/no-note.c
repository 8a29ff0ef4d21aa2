/* SPDX-License-Identifier: Apache-2.0 */
/* no-note - an entry, but no note in the file. */
#include "tests/bad/bad.h"

const struct gantry_plugin *gantry_plugin_entry(void)
{
	static const struct gantry_plugin plugin = {
		.size = sizeof(plugin), .major = GANTRY_MAJOR,
		.level = GANTRY_LEVEL, BAD_TEXTS("no-note"),
		.handlers = bad_handlers,
	};

	return &plugin;
}
