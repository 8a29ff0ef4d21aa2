/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins-new - "gantry plugins new": the source, test, man page and package of
 * a plugin that builds and works, to begin from.
 */
#ifndef CLI_PLUGINS_NEW_H
#define CLI_PLUGINS_NEW_H

struct plugins;

struct plugins_new_options {
	const char *name;	/* of the plugin */
	const char *kind;	/* NULL: handler */
	const char *into;	/* the folder to make; NULL: the name */
	const char *templates;	/* the folder of the templates; NULL: as
				   installed */
};

/* 0; 1 a file could not be written, 2 the name or the kind is none. A plugin of that
   name among those given is warned of: to install the new one would replace it. */
int plugins_new_run(const struct plugins *plugins, const struct plugins_new_options *o);

#endif
