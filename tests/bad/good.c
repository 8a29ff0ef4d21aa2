/* SPDX-License-Identifier: Apache-2.0 */
/* good - nothing is wrong: the measure for the others. */
#include "tests/bad/bad.h"

GANTRY_PLUGIN(BAD_TEXTS("good"), .handlers = bad_handlers);
