/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values - compares and copies what a table of options has filled in, and
 * remembers which files it named. It knows no section and no plugin.
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include <gantry/option.h>

#include "gateway/config/node.h"

struct arena;
struct values_files;

/* The first option in which the structs a and b differ, or NULL. */
const struct gantry_option *
values_differ(const struct gantry_option *const *options, const void *a,
	      const void *b);

/* The values of from into to; texts and lists are copied into arena. */
void values_copy(const struct gantry_option *const *options, struct arena *arena,
		 const void *from, void *to);

/*
 * Which files the paths in self are just now: device, inode, size and time of
 * the last change. Look before they are read: then what changes in between
 * counts as changed. Lives in arena.
 */
const struct values_files *
values_look(const struct gantry_option *const *options, const void *self,
	    struct arena *arena);
/* Whether they are still the same; both by the same options. */
bool values_same_files(const struct values_files *a, const struct values_files *b);

/*
 * What map says beside its options and the key "plugin", as a text in arena
 * that is the same for the same things.
 */
const char *values_beside(const struct gantry_option *const *options,
			  const struct node *map, struct arena *arena);

#endif
