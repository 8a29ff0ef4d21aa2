/* SPDX-License-Identifier: Apache-2.0 */
/* handler-twice - two handlers of one name. */
#include "tests/bad/bad.h"

static const struct gantry_handler *const twice[] = {
	BAD_HANDLER("step"), BAD_HANDLER("step"), NULL
};

GANTRY_PLUGIN(BAD_TEXTS("handler-twice"), .handlers = twice);
