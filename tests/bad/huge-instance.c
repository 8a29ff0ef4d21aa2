/* SPDX-License-Identifier: Apache-2.0 */
/* huge-instance - an instance of two megabytes. */
#include "tests/bad/bad.h"

GANTRY_PLUGIN(BAD_TEXTS("huge-instance"), .instance_size = 2 << 20,
	      .handlers = bad_handlers);
