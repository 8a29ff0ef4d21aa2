# SPDX-License-Identifier: Apache-2.0
# One history on "memory" and another storage.
if CMOCKA
if PLUGIN_MEMORY
if PLUGIN_SQLITE
check_PROGRAMS += tests/plugins/histories_sqlite
TESTS += tests/plugins/histories_sqlite
endif
if PLUGIN_POSTGRES
check_PROGRAMS += tests/plugins/histories_postgres
TESTS += tests/plugins/histories_postgres
endif
endif
endif
HISTORIES = tests/plugins/histories.c tests/plugins/histories.h \
	tests/plugins/histories_told.c tests/plugins/histories_told.h $(COMMIT_WORLD)
tests_plugins_histories_sqlite_SOURCES = tests/plugins/histories_sqlite.c $(HISTORIES)
tests_plugins_histories_sqlite_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_histories_sqlite_LDADD = $(LDADD_UNIT)
tests_plugins_histories_sqlite_LDFLAGS = $(LDFLAGS_UNIT)
tests_plugins_histories_postgres_SOURCES = tests/plugins/histories_postgres.c \
	tests/plugins/server.c tests/plugins/server.h $(HISTORIES)
tests_plugins_histories_postgres_CFLAGS = $(CFLAGS_STORAGE) $(CFLAGS_SERVER)
tests_plugins_histories_postgres_LDADD = $(LDADD_UNIT)
tests_plugins_histories_postgres_LDFLAGS = $(LDFLAGS_UNIT)
