# SPDX-License-Identifier: Apache-2.0
if PLUGIN_SQLITE
plugin_LTLIBRARIES += plugins/sqlite/sqlite.la
dist_man7_MANS += plugins/sqlite/gantry-sqlite.7
endif
plugins_sqlite_sqlite_la_SOURCES = plugins/sqlite/sqlite.c \
	plugins/sqlite/sqlite.h plugins/sqlite/checkpoint.c \
	plugins/sqlite/connection.c plugins/sqlite/join.c \
	plugins/sqlite/schema.c plugins/sqlite/statement.c \
	plugins/sqlite/unit.c
plugins_sqlite_sqlite_la_CFLAGS = $(CFLAGS_PLUGIN) $(SQLITE_CFLAGS)
plugins_sqlite_sqlite_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_sqlite_sqlite_la_LIBADD = $(SQLITE_LIBS)
