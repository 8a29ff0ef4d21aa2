/* SPDX-License-Identifier: Apache-2.0 */
/* newer-level - built for a later level; its constructor must never run. */
#include <stdlib.h>

#include <gantry/abi.h>
#undef GANTRY_LEVEL_WANTED
#define GANTRY_LEVEL_WANTED 99
#include "tests/bad/bad.h"

__attribute__((constructor)) static void newer_level_run(void)
{
	setenv("TEST_CONSTRUCTOR", "ran", 1);
}

GANTRY_PLUGIN(BAD_TEXTS("newer-level"), .handlers = bad_handlers);
