/* SPDX-License-Identifier: Apache-2.0 */
/* wrong-name - calls itself otherwise than its file. */
#include "tests/bad/bad.h"

GANTRY_PLUGIN(BAD_TEXTS("right-name"), .handlers = bad_handlers);
