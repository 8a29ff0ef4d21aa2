/* SPDX-License-Identifier: Apache-2.0 */
/* handler-name - a handler whose name nobody could write. */
#include "tests/bad/bad.h"

static const struct gantry_handler *const named[] = {
	BAD_HANDLER("a.b"), NULL
};

GANTRY_PLUGIN(BAD_TEXTS("handler-name"), .handlers = named);
