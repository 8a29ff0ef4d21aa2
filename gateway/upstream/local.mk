# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_CFLAGS += $(CURL_CFLAGS)
gateway_libcore_a_SOURCES += \
	gateway/upstream/local.c gateway/upstream/local.h
