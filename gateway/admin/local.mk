# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/admin/access.c \
	gateway/admin/admin.c gateway/admin/admin.h \
	gateway/admin/look.c \
	gateway/admin/private.h \
	gateway/admin/resolve.c
gateway_libcore_a_SOURCES += gateway/admin/guards.c
gateway_libcore_a_SOURCES += gateway/admin/describe.c gateway/admin/describe.h
