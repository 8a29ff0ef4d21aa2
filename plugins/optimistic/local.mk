# SPDX-License-Identifier: Apache-2.0
if PLUGIN_OPTIMISTIC
plugin_LTLIBRARIES += plugins/optimistic/optimistic.la
dist_man7_MANS += plugins/optimistic/gantry-optimistic.7
endif
plugins_optimistic_optimistic_la_SOURCES = \
	plugins/optimistic/optimistic.c plugins/optimistic/optimistic.h \
	plugins/optimistic/answer.c plugins/optimistic/answer.h \
	plugins/optimistic/bulk.c \
	plugins/optimistic/change.c \
	plugins/optimistic/create.c \
	plugins/optimistic/forget.c \
	plugins/optimistic/kept.c plugins/optimistic/kept.h \
	plugins/optimistic/line.c plugins/optimistic/line.h \
	plugins/optimistic/look.c plugins/optimistic/look.h \
	plugins/optimistic/replay.c \
	plugins/optimistic/request.c plugins/optimistic/request.h
plugins_optimistic_optimistic_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_optimistic_optimistic_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_optimistic_optimistic_la_LIBADD = $(JANSSON_LIBS)
