# SPDX-License-Identifier: Apache-2.0
if PLUGIN_POSTGRES
plugin_LTLIBRARIES += plugins/postgres/postgres.la
dist_man7_MANS += plugins/postgres/gantry-postgres.7
endif
plugins_postgres_postgres_la_SOURCES = plugins/postgres/postgres.c \
	plugins/postgres/postgres.h plugins/postgres/connection.c \
	plugins/postgres/conninfo.c plugins/postgres/doubt.c \
	plugins/postgres/params.c plugins/postgres/reading.c \
	plugins/postgres/schema.c plugins/postgres/statement.c \
	plugins/postgres/text.c plugins/postgres/trip.c \
	plugins/postgres/turn.c \
	plugins/postgres/unit.c
plugins_postgres_postgres_la_CFLAGS = $(CFLAGS_PLUGIN) $(LIBPQ_CFLAGS)
plugins_postgres_postgres_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_postgres_postgres_la_LIBADD = $(LIBPQ_LIBS)
