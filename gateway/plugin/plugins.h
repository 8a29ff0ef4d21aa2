/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins - finds plugin files and loads them.
 *
 * A file is opened once, checked, and loaded through that descriptor, so that
 * what was checked is what runs. Nothing is ever unloaded: code that a thread
 * may still be in stays; a file that was replaced is loaded beside the old.
 * Main thread only.
 */
#ifndef PLUGIN_PLUGINS_H
#define PLUGIN_PLUGINS_H

#include <gantry/plugin.h>

struct plugins;

struct plugins *plugins_new(const char *folder);
/* The list only; what was loaded stays loaded. */
void plugins_free(struct plugins **plugins);

/*
 * To load a file runs its code, which may end the process. trial says of each file,
 * by its path, whether a process outlives that, before it is loaded for the first
 * time: 0, or -1 with err, and it is not loaded. NULL (at first): none is tried.
 */
typedef int plugins_trial(const char *path, struct gantry_error *err);
void plugins_set_trial(struct plugins *plugins, plugins_trial *trial);

/*
 * The plugin of a short name (folder/NAME.so) or of an absolute path; loaded
 * now, unless this very file was before. Lives until plugins_free(). NULL with
 * err, whose message begins with the file.
 */
const struct gantry_plugin *plugins_load(struct plugins *plugins,
					 const char *name,
					 struct gantry_error *err);

/* Where short names are looked for. */
const char *plugins_folder(const struct plugins *plugins);

/* The file that a plugin came from. */
const char *plugins_path(const struct plugins *plugins,
			 const struct gantry_plugin *plugin);

/* Loaded files that were replaced by newer ones since. */
unsigned plugins_replaced(const struct plugins *plugins);

/*
 * The short names in the folder, sorted; NULL at the end. Free each and the
 * list. NULL with err if the folder cannot be read.
 */
char **plugins_names(const struct plugins *plugins, struct gantry_error *err);
void plugins_names_free(char ***names);

#endif
