/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token-plugin - find the plugin that "gantry token" talks to.
 *
 * The cryptography is the plugin's: the program itself links none.
 */
#include "gateway/cli/token.h"

#include <dlfcn.h>

#include <gantry/plugin.h>

#include "gateway/base/memory.h"

static const struct gantry_plugin *token_plugin_load(const char *path,
						     struct gantry_error *err)
{
	const struct gantry_plugin *(*entry)(void) = NULL;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (library != NULL)
		*(void **)&entry = dlsym(library, "gantry_plugin_entry");
	if (entry == NULL) {
		gantry_fail(err, "%s", dlerror());
		return NULL;
	}
	return entry();
}

const struct gantry_auth *token_plugin(const char *name,
				       struct gantry_error *err)
{
	const size_t least = offsetof(struct gantry_auth, check) +
			     sizeof(((struct gantry_auth *)0)->check);
	AUTO_FREE char *path =
		name[0] == '/' ? memory_text(name)
			       : memory_format("%s/%s.so", PLUGINDIR, name);
	const struct gantry_plugin *plugin = token_plugin_load(path, err);

	if (plugin == NULL)
		return NULL;
	if (plugin->auth == NULL || plugin->auth->size < least ||
	    plugin->auth->mint == NULL || plugin->auth->check == NULL) {
		gantry_fail(err, "%s: makes and checks no tokens", path);
		return NULL;
	}
	return plugin->auth;
}
