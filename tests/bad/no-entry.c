/* SPDX-License-Identifier: Apache-2.0 */
/* no-entry - a note, but no entry. */
#include <gantry/plugin.h>

static const struct gantry_note gantry_note GANTRY_NOTE = {
	7, 8, 1, "Gantry", GANTRY_MAJOR, GANTRY_LEVEL
};
