/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sets - "--set KEY=VALUE" options as a configuration entry, so that a plugin
 * is told by the command line what it would be told by gantry.yaml, and says
 * what is wrong with it in the same words.
 */
#ifndef CLI_SETS_H
#define CLI_SETS_H

#include "gateway/config/config.h"

enum { SETS_MAX = 64 };

struct sets {
	const char *items[SETS_MAX];
	unsigned n;
};

/* One more "KEY=VALUE"; -1, or the exit status with the reason on stderr. */
int sets_add(struct sets *sets, const char *item);

/*
 * The entry called name of a plugin with these options, in arena: each value
 * is YAML, and relative paths count from the working folder. What is wrong is
 * added to problems.
 */
struct config_entry *sets_entry(const struct sets *sets, const char *name,
				const char *plugin, struct arena *arena,
				struct problems *problems);

#endif
