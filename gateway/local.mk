# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += gateway/libcore.a
gateway_libcore_a_SOURCES =
# In the program and in the library of the test host alike.
gateway_libcore_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS) $(MICROHTTPD_CFLAGS) \
	-fPIC -fno-semantic-interposition
EXTRA_DIST += gateway/gantry.syms

include gateway/base/local.mk
include gateway/rows/local.mk
include gateway/config/local.mk
include gateway/plugin/local.mk
include gateway/stock/local.mk
include gateway/pipeline/local.mk
include gateway/isolate/local.mk
include gateway/commit/local.mk
include gateway/upstream/local.mk
include gateway/source/local.mk
include gateway/admin/local.mk
include gateway/observe/local.mk
include gateway/conform/local.mk
include gateway/cli/local.mk
include gateway/cli/token.mk
