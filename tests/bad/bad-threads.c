/* SPDX-License-Identifier: Apache-2.0 */
/* bad-threads - a thread model that does not exist. */
#include "tests/bad/bad.h"

GANTRY_PLUGIN(BAD_TEXTS("bad-threads"), .threads = (enum gantry_threads)7,
	      .handlers = bad_handlers);
