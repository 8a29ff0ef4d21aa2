/* SPDX-License-Identifier: Apache-2.0 */
/* other-major - built for a later major. */
#include <gantry/abi.h>
#undef GANTRY_MAJOR
#define GANTRY_MAJOR 2
#include "tests/bad/bad.h"

GANTRY_PLUGIN(BAD_TEXTS("other-major"), .handlers = bad_handlers);
