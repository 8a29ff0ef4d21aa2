# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += \
	gateway/cli/run-handler.c gateway/cli/run-handler.h \
	gateway/cli/run-handler-carry.c \
	gateway/cli/run-handler-show.c \
	gateway/cli/run-handler-target.c
dist_man1_MANS += gateway/cli/gantry-run-handler.1
