# SPDX-License-Identifier: Apache-2.0
# Copies between the storages "memory" and "sqlite".
if CMOCKA
if PLUGIN_MEMORY
if PLUGIN_SQLITE
check_PROGRAMS += tests/unit/copy
TESTS += tests/unit/copy
endif
endif
endif
tests_unit_copy_SOURCES = tests/unit/copy.c \
	tests/unit/copy_side.c tests/unit/copy_side.h \
	tests/plugins/store.c tests/plugins/store.h
tests_unit_copy_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_copy_LDADD = $(LDADD_UNIT)
tests_unit_copy_LDFLAGS = $(LDFLAGS_UNIT)
