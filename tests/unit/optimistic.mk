# SPDX-License-Identifier: Apache-2.0
if CMOCKA
check_PROGRAMS += tests/unit/optimistic
TESTS += tests/unit/optimistic
if PLUGIN_MEMORY
check_PROGRAMS += tests/handlers/records
TESTS += tests/handlers/records
if PLUGIN_OPTIMISTIC
check_PROGRAMS += tests/handlers/optimistic tests/handlers/optimistic_asked
TESTS += tests/handlers/optimistic tests/handlers/optimistic_asked
endif
endif
endif
tests_unit_optimistic_SOURCES = tests/unit/optimistic.c \
	plugins/optimistic/line.c plugins/optimistic/line.h
tests_unit_optimistic_LDADD = $(CMOCKA_LIBS) $(JANSSON_LIBS)

tests_handlers_optimistic_SOURCES = tests/handlers/optimistic.c \
	tests/handlers/edge.h $(TEST_HOST)
tests_handlers_optimistic_LDADD = $(LDADD_UNIT)
tests_handlers_optimistic_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_optimistic_asked_SOURCES = tests/handlers/optimistic_asked.c \
	tests/handlers/edge.h $(TEST_HOST)
tests_handlers_optimistic_asked_LDADD = $(LDADD_UNIT)
tests_handlers_optimistic_asked_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_records_SOURCES = tests/handlers/records.c $(TEST_HOST)
tests_handlers_records_LDADD = $(LDADD_UNIT)
tests_handlers_records_LDFLAGS = $(LDFLAGS_UNIT)
