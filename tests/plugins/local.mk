# SPDX-License-Identifier: Apache-2.0
if CMOCKA
if PLUGIN_MEMORY
check_PROGRAMS += tests/plugins/storage
TESTS += tests/plugins/storage
endif
if PLUGIN_SQLITE
check_PROGRAMS += tests/plugins/sqlite
TESTS += tests/plugins/sqlite
endif
endif

tests_plugins_storage_SOURCES = tests/plugins/storage.c \
	tests/plugins/broken.c tests/plugins/broken.h \
	tests/plugins/instance.c tests/plugins/instance.h
tests_plugins_storage_CFLAGS = $(AM_CFLAGS) -DPLUGINS='"$(abs_top_builddir)/plugins"'
tests_plugins_storage_LDADD = $(LDADD_UNIT)
tests_plugins_storage_LDFLAGS = $(LDFLAGS_UNIT)

tests_plugins_sqlite_SOURCES = tests/plugins/sqlite.c \
	tests/plugins/instance.c tests/plugins/instance.h
tests_plugins_sqlite_CFLAGS = $(AM_CFLAGS) -DPLUGINS='"$(abs_top_builddir)/plugins"'
tests_plugins_sqlite_LDADD = $(LDADD_UNIT)
tests_plugins_sqlite_LDFLAGS = $(LDFLAGS_UNIT)
