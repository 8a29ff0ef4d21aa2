# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += gateway/libcore.a
gateway_libcore_a_SOURCES =
gateway_libcore_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS) $(MICROHTTPD_CFLAGS) \
	$(CRYPTO_CFLAGS)
EXTRA_DIST += gateway/gantry.syms

include gateway/base/local.mk
include gateway/source/local.mk
