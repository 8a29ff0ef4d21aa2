/* SPDX-License-Identifier: Apache-2.0 */
/* engine_world - the world of each test of the engine. Included by one program. */
#ifndef UNIT_ENGINE_WORLD_H
#define UNIT_ENGINE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/unit/commit_world.h"

static struct world world;

static inline int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

#endif
