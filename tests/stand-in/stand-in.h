/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stand-in - what the small plugins of these tests share. They declare what
 * the shipped plugins of the same names declare and do next to nothing, so
 * that configuration can be tested alone.
 */
#ifndef TESTS_STAND_IN_H
#define TESTS_STAND_IN_H

#include <gantry/plugin.h>

static enum gantry_verdict stand_in_handle(void *self, struct gantry_message *m,
					   struct gantry_error *err)
{
	(void)self;
	(void)m;
	(void)err;
	return GANTRY_DONE;
}

#define STAND_IN(name_) \
	GANTRY_HANDLER(.name = name_, .summary = "Stands in.", \
		       .handle = stand_in_handle)

#endif
