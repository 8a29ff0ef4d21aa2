/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option - fills a struct from a mapping by a table of options
 * (gantry/option.h): plugin instances and the core's own sections alike. It
 * knows no section and no plugin.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <gantry/option.h>

#include "gateway/config/node.h"
#include "gateway/config/problems.h"

struct option_job {
	const struct gantry_option *const *options;	/* or NULL: none */
	const char *path;		/* "storage", stands before each key */
	const char *const *others;	/* keys that are not options; NULL: none */
	struct arena *memory;		/* for texts and lists */
	struct problems *problems;
	bool partial;			/* keys that are not options are somebody
					   else's */
};

/*
 * Fill self, which is zeroed, with what map says and the defaults. All that is
 * wrong is added to problems; -1 if something was. map must be a mapping or
 * empty.
 */
int option_fill(const struct option_job *job, const struct node *map,
		void *self);

/*
 * Check a table that somebody else wrote: names, types, places inside a
 * struct of size bytes, defaults. -1 with err.
 */
int option_table_check(const struct gantry_option *const *options, size_t size,
		       struct gantry_error *err);

/* "duration", "path" ... ; NULL for no type. */
const char *option_type_name(enum gantry_option_type type);
/* "1 to 30d", "strict, optimistic, off" or NULL, in arena. */
const char *option_range(const struct gantry_option *option,
			 struct arena *arena);

/* Whether a text holds a URL with a password in it (D35). */
bool option_has_password(const char *text);

#endif
