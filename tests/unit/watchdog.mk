# SPDX-License-Identifier: Apache-2.0
if CMOCKA
if PLUGIN_MEMORY
check_PROGRAMS += tests/unit/watchdog
TESTS += tests/unit/watchdog
endif
endif

tests_unit_watchdog_SOURCES = tests/unit/watchdog.c gateway/cli/watchdog.c \
	gateway/cli/notify.c $(COMMIT_WORLD)
tests_unit_watchdog_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_watchdog_LDADD = $(LDADD_UNIT)
tests_unit_watchdog_LDFLAGS = $(LDFLAGS_UNIT)
