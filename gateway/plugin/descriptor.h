/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptor - takes over what a plugin says of itself.
 *
 * A plugin of an older level has shorter structs. The core works with copies
 * of its own size, in which everything that the plugin does not know is zero.
 */
#ifndef PLUGIN_DESCRIPTOR_H
#define PLUGIN_DESCRIPTOR_H

#include <gantry/plugin.h>

#include "gateway/base/arena.h"

/*
 * A checked copy in arena: absent check, open and close do nothing and
 * succeed, lists are never NULL. name is what the plugin must call itself;
 * NULL with err.
 */
struct gantry_plugin *descriptor_copy(const struct gantry_plugin *theirs,
				      const char *name, struct arena *arena,
				      struct gantry_error *err);

/* "storage", "handlers", "auth" or "breaker" */
const char *descriptor_kind(const struct gantry_plugin *plugin);

#endif
