/* SPDX-License-Identifier: Apache-2.0 */
/* version-1 - see version.h. */
#define VERSION_NUMBER 1
#include "tests/reload/version.h"
