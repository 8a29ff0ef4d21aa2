/* SPDX-License-Identifier: Apache-2.0 */
/* other-numbers - a descriptor that denies its note. */
#include "tests/bad/bad.h"

GANTRY_PLUGIN(BAD_TEXTS("other-numbers"), .major = 3, .handlers = bad_handlers);
