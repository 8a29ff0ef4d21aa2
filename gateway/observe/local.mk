# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/observe/status.c gateway/observe/status.h
gateway_libcore_a_SOURCES += gateway/observe/page.c
gateway_libcore_a_SOURCES += gateway/observe/process.c gateway/observe/process.h
gateway_libcore_a_SOURCES += gateway/observe/census.c gateway/observe/census.h
