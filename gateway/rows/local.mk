# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/rows/changes.c \
	gateway/rows/needs.c gateway/rows/needs.h \
	gateway/rows/set.c gateway/rows/set.h
