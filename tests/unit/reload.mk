# SPDX-License-Identifier: Apache-2.0
# What a reload stands on.
if CMOCKA
check_PROGRAMS += tests/unit/current tests/unit/values
TESTS += tests/unit/current tests/unit/values
if PLUGIN_MEMORY
if PLUGIN_JWT
if PLUGIN_BREAKER
check_PROGRAMS += tests/unit/reload
TESTS += tests/unit/reload
endif
endif
endif
endif
tests_unit_current_SOURCES = tests/unit/current.c tests/unit/config_files.h
tests_unit_current_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_current_LDADD = $(LDADD_UNIT)
tests_unit_current_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_values_SOURCES = tests/unit/values.c tests/unit/config_files.h
tests_unit_values_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_values_LDADD = $(LDADD_UNIT)
tests_unit_values_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_reload_SOURCES = tests/unit/reload.c tests/unit/config_files.h
tests_unit_reload_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_reload_LDADD = $(LDADD_UNIT)
tests_unit_reload_LDFLAGS = $(LDFLAGS_UNIT)
