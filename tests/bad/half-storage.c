/* SPDX-License-Identifier: Apache-2.0 */
/* half-storage - a storage that cannot commit. */
#include <gantry/plugin.h>

static const struct gantry_storage half = {
	.size = sizeof(struct gantry_storage),
};

GANTRY_PLUGIN(.name = "half-storage", .version = "1", .summary = "Is broken.",
	      .storage = &half);
