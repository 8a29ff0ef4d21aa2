# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += \
	gateway/cli/dead-letters.c gateway/cli/dead-letters.h \
	gateway/cli/dead-letters-change.c \
	gateway/cli/dead-letters-look.c
dist_man1_MANS += gateway/cli/gantry-dead-letters.1
