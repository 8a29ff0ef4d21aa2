# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += \
	gateway/cli/storage-copy.c gateway/cli/storage-copy.h \
	gateway/cli/storage-source.c gateway/cli/storage-source.h
