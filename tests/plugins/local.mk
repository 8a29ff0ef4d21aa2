# SPDX-License-Identifier: Apache-2.0
if CMOCKA
if PLUGIN_MEMORY
check_PROGRAMS += tests/plugins/storage
TESTS += tests/plugins/storage
endif
if PLUGIN_SQLITE
check_PROGRAMS += tests/plugins/sqlite tests/plugins/sqlite-disk
TESTS += tests/plugins/sqlite tests/plugins/sqlite-disk
if PLUGIN_MEMORY
check_PROGRAMS += tests/plugins/conform
TESTS += tests/plugins/conform
endif
endif
if PLUGIN_POSTGRES
check_PROGRAMS += tests/plugins/postgres
SERVER_RUN = tests/plugins/postgres
TESTS += $(SERVER_RUN)
check_PROGRAMS += tests/plugins/postgres tests/plugins/turns
TESTS += tests/plugins/postgres tests/plugins/turns
endif
endif

CFLAGS_STORAGE = $(AM_CFLAGS) -DPLUGINS='"$(abs_top_builddir)/plugins"'
# What starts a PostgreSQL: tests/plugins/server.h
CFLAGS_SERVER = -DSERVER='"$(abs_top_srcdir)/tests/system/postgres/serve.py"'
BENCH_SOURCES = tests/plugins/bench.c tests/plugins/bench.h \
	tests/plugins/store.c tests/plugins/store.h

tests_plugins_storage_SOURCES = tests/plugins/storage.c \
	tests/plugins/store.c tests/plugins/store.h
tests_plugins_storage_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_storage_LDADD = $(LDADD_UNIT)
tests_plugins_storage_LDFLAGS = $(LDFLAGS_UNIT)

tests_plugins_conform_SOURCES = tests/plugins/conform.c \
	tests/plugins/broken.c tests/plugins/broken.h \
	tests/plugins/lanes.c tests/plugins/lanes.h \
	tests/plugins/store.c tests/plugins/store.h
tests_plugins_conform_CFLAGS = $(CFLAGS_STORAGE) \
	-DMANUAL='"$(abs_top_srcdir)/gateway/cli/gantry-plugins.1"'
tests_plugins_conform_LDADD = $(LDADD_UNIT)
tests_plugins_conform_LDFLAGS = $(LDFLAGS_UNIT)

tests_plugins_sqlite_SOURCES = tests/plugins/sqlite.c $(BENCH_SOURCES)
tests_plugins_sqlite_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_sqlite_LDADD = $(LDADD_UNIT)
tests_plugins_sqlite_LDFLAGS = $(LDFLAGS_UNIT)

tests_plugins_postgres_SOURCES = tests/plugins/postgres.c \
	tests/plugins/pg.c tests/plugins/pg.h \
	tests/plugins/server.c tests/plugins/server.h \
	tests/plugins/store.c tests/plugins/store.h
tests_plugins_postgres_CFLAGS = $(CFLAGS_STORAGE) $(CFLAGS_SERVER)
tests_plugins_postgres_LDADD = $(LDADD_UNIT)
tests_plugins_postgres_LDFLAGS = $(LDFLAGS_UNIT)

tests_plugins_turns_SOURCES = tests/plugins/turns.c \
	tests/plugins/pg.c tests/plugins/pg.h \
	tests/plugins/server.c tests/plugins/server.h \
	tests/plugins/store.c tests/plugins/store.h
tests_plugins_turns_CFLAGS = $(CFLAGS_STORAGE) $(CFLAGS_SERVER)
tests_plugins_turns_LDADD = $(LDADD_UNIT)
tests_plugins_turns_LDFLAGS = $(LDFLAGS_UNIT)

# SQLite shall call this program's fsync().
tests_plugins_sqlite_disk_SOURCES = tests/plugins/sqlite-disk.c $(BENCH_SOURCES)
tests_plugins_sqlite_disk_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_sqlite_disk_LDADD = $(LDADD_UNIT)
tests_plugins_sqlite_disk_LDFLAGS = $(LDFLAGS_UNIT) \
	-Wl,--export-dynamic-symbol=fsync \
	-Wl,--export-dynamic-symbol=fdatasync
include tests/plugins/testhost.mk
include tests/plugins/histories.mk
