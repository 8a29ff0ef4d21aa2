/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token-plugin - find the plugin that "gantry token" talks to.
 *
 * The cryptography is the plugin's: the program itself links none.
 */
#include "gateway/cli/token.h"

#include "gateway/plugin/plugins.h"

const struct gantry_auth *token_plugin(struct plugins *plugins, const char *name,
				       struct gantry_error *err)
{
	const struct gantry_plugin *plugin = plugins_load(plugins, name, err);

	if (plugin == NULL)
		return NULL;
	if (plugin->auth != NULL && plugin->auth->mint != NULL &&
	    plugin->auth->check != NULL)
		return plugin->auth;
	gantry_fail(err, "%s: makes and checks no tokens",
		    plugins_path(plugins, plugin));
	return NULL;
}
