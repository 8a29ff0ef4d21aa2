/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad - what the broken plugins share. Each breaks one rule of the loader and
 * keeps all others; tests/unit/plugin.c has the words that it must hear.
 */
#ifndef TESTS_BAD_H
#define TESTS_BAD_H

#include <gantry/plugin.h>

static enum gantry_verdict bad_handle(void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	(void)self;
	(void)m;
	(void)err;
	return GANTRY_DONE;
}

#define BAD_HANDLER(name_) \
	GANTRY_HANDLER(.name = name_, .summary = "Does nothing.", \
		       .handle = bad_handle)

#define BAD_TEXTS(name_) \
	.name = name_, .version = "1", .summary = "Is broken."

static const struct gantry_handler *const bad_handlers[] = {
	BAD_HANDLER("step"), NULL
};

#endif
