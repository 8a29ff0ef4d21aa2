/* SPDX-License-Identifier: Apache-2.0 */
/* handler-empty - a handler without a function. */
#include "tests/bad/bad.h"

static const struct gantry_handler *const empty[] = {
	BAD_HANDLER("step"), GANTRY_HANDLER(.name = "other"), NULL
};

GANTRY_PLUGIN(BAD_TEXTS("handler-empty"), .handlers = empty);
