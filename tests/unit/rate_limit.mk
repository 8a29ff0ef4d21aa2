# SPDX-License-Identifier: Apache-2.0
if CMOCKA
check_PROGRAMS += tests/unit/rate_limit
TESTS += tests/unit/rate_limit
if PLUGIN_MEMORY
if PLUGIN_RATE_LIMIT
check_PROGRAMS += tests/handlers/rate_limit
TESTS += tests/handlers/rate_limit
endif
endif
endif
tests_unit_rate_limit_SOURCES = tests/unit/rate_limit.c $(RATE_LIMIT_SOURCES)
tests_unit_rate_limit_LDADD = $(CMOCKA_LIBS)

tests_handlers_rate_limit_SOURCES = tests/handlers/rate_limit.c $(TEST_HOST)
tests_handlers_rate_limit_LDADD = $(LDADD_UNIT)
tests_handlers_rate_limit_LDFLAGS = $(LDFLAGS_UNIT)
