/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - merges the files of a configuration in their order: presets, the
 * main file, conf.d, one more. Its result is struct config; see config.h for what others
 * call.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "gateway/config/config.h"

#define LOAD_MAX_PRESETS 16
#define LOAD_MAX_DROPPED 64	/* files of conf.d */

/*
 * Put the entries of one file into config. Entries that are there already are
 * replaced if they come from another file. Checks names, not contents.
 */
void load_merge(struct config *config, const struct node *root,
		struct problems *problems);

#endif
