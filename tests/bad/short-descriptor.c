/* SPDX-License-Identifier: Apache-2.0 */
/* short-descriptor - a descriptor that ends too early. */
#include "tests/bad/bad.h"

GANTRY_PLUGIN(BAD_TEXTS("short-descriptor"), .size = 16,
	      .handlers = bad_handlers);
