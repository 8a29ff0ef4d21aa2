/* SPDX-License-Identifier: Apache-2.0 */
/* no-version - neither version nor summary. */
#include "tests/bad/bad.h"

GANTRY_PLUGIN(.name = "no-version", .handlers = bad_handlers);
