/* SPDX-License-Identifier: Apache-2.0 */
/* no-kind - nothing that it is. */
#include <gantry/plugin.h>

GANTRY_PLUGIN(.name = "no-kind", .version = "1", .summary = "Is broken.");
