# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/observe/status.c gateway/observe/status.h
gateway_libcore_a_SOURCES += gateway/observe/consumed.c gateway/observe/consumed.h
gateway_libcore_a_SOURCES += gateway/observe/called.c gateway/observe/called.h
