/* SPDX-License-Identifier: Apache-2.0 */
/* ends - the process, at the moment when it is loaded, and says that all is well. */
#include "tests/bad/bad.h"

#include <stdlib.h>

__attribute__((constructor)) static void ends_begin(void)
{
	_Exit(0);
}

GANTRY_PLUGIN(BAD_TEXTS("ends"), .handlers = bad_handlers);
