/* SPDX-License-Identifier: Apache-2.0 */
/* version-2 - see version.h. */
#define VERSION_NUMBER 2
#include "tests/reload/version.h"
