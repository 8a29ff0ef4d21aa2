/* SPDX-License-Identifier: Apache-2.0 */
/* extra-export - a helper that everybody sees. */
#include "tests/bad/bad.h"

GANTRY_EXPORT int extra_export_helper(void);

int extra_export_helper(void)
{
	return 1;
}

GANTRY_PLUGIN(BAD_TEXTS("extra-export"), .handlers = bad_handlers);
