/* SPDX-License-Identifier: Apache-2.0 */
/* null-entry - an entry that returns nothing. */
#include <gantry/plugin.h>

static const struct gantry_note gantry_note GANTRY_NOTE = {
	7, 8, 1, "Gantry", GANTRY_MAJOR, GANTRY_LEVEL
};

const struct gantry_plugin *gantry_plugin_entry(void)
{
	return NULL;
}
