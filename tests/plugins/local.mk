# SPDX-License-Identifier: Apache-2.0
# Plugins that stand in for shipped ones where only configuration is tested.
STAND_INS = tests/plugins/allocations.la tests/plugins/jwt.la \
	tests/plugins/order-events.la tests/plugins/sqlite.la
check_LTLIBRARIES += $(STAND_INS)
LDFLAGS_STAND_IN = $(LDFLAGS_PLUGIN) -rpath /nowhere

tests_plugins_allocations_la_SOURCES = tests/plugins/allocations.c tests/plugins/stand-in.h
tests_plugins_allocations_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_allocations_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_plugins_jwt_la_SOURCES = tests/plugins/jwt.c
tests_plugins_jwt_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_jwt_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_plugins_order_events_la_SOURCES = tests/plugins/order-events.c tests/plugins/stand-in.h
tests_plugins_order_events_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_order_events_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_plugins_sqlite_la_SOURCES = tests/plugins/sqlite.c
tests_plugins_sqlite_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_sqlite_la_LDFLAGS = $(LDFLAGS_STAND_IN)
if CMOCKA
if PLUGIN_MEMORY
check_PROGRAMS += tests/plugins/storage
TESTS += tests/plugins/storage
endif
if PLUGIN_SQLITE
check_PROGRAMS += tests/plugins/sqlite tests/plugins/sqlite-sync
TESTS += tests/plugins/sqlite tests/plugins/sqlite-sync
endif
endif

CFLAGS_STORAGE = $(AM_CFLAGS) -DPLUGINS='"$(abs_top_builddir)/plugins"'
BENCH_SOURCES = tests/plugins/bench.c tests/plugins/bench.h \
	tests/plugins/instance.c tests/plugins/instance.h

tests_plugins_storage_SOURCES = tests/plugins/storage.c \
	tests/plugins/broken.c tests/plugins/broken.h \
	tests/plugins/instance.c tests/plugins/instance.h
tests_plugins_storage_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_storage_LDADD = $(LDADD_UNIT)
tests_plugins_storage_LDFLAGS = $(LDFLAGS_UNIT)

tests_plugins_sqlite_SOURCES = tests/plugins/sqlite.c $(BENCH_SOURCES)
tests_plugins_sqlite_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_sqlite_LDADD = $(LDADD_UNIT)
tests_plugins_sqlite_LDFLAGS = $(LDFLAGS_UNIT)

# SQLite shall call this program's fsync().
tests_plugins_sqlite_sync_SOURCES = tests/plugins/sqlite-sync.c $(BENCH_SOURCES)
tests_plugins_sqlite_sync_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_sqlite_sync_LDADD = $(LDADD_UNIT)
tests_plugins_sqlite_sync_LDFLAGS = $(LDFLAGS_UNIT) \
	-Wl,--export-dynamic-symbol=fsync \
	-Wl,--export-dynamic-symbol=fdatasync
