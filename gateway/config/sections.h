/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sections - which top-level keys there are, and the option tables of those
 * that the core reads itself.
 */
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

#include <gantry/option.h>

#include "gateway/config/config.h"

enum section_shape {
	SECTION_TEXT,		/* service: shop */
	SECTION_WHOLE,		/* http: {...}, replaced as one */
	SECTION_NAMED,		/* handlers: {a: {...}}, one by one */
	SECTION_ROUTES,
	SECTION_USE,		/* main file only */
};

struct section {
	const char *name;
	enum section_shape shape;
	const struct gantry_option *const *options;	/* or NULL */
	size_t offset;		/* in struct config: the text, struct or list */
};

/* name NULL at the end */
extern const struct section section_list[];

const struct section *section_find(const char *name);

/* Fill the members of config from its entries, with defaults. */
void section_fill(struct config *config, const struct node *main_file,
		  struct problems *problems);

/* Letters, digits, '-' and '_', at most 64, beginning with a letter. */
bool section_is_name(const char *text);

#endif
