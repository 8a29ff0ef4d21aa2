# SPDX-License-Identifier: Apache-2.0
if PLUGIN_MEMORY
plugin_LTLIBRARIES += plugins/memory/memory.la
dist_man7_MANS += plugins/memory/gantry-memory.7
endif
plugins_memory_memory_la_SOURCES = plugins/memory/memory.c \
	plugins/memory/rows.c plugins/memory/rows.h
plugins_memory_memory_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_memory_memory_la_LDFLAGS = $(LDFLAGS_PLUGIN)
