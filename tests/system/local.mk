# SPDX-License-Identifier: Apache-2.0
# The fake engine stands before the core, which then gives only what is missing.
FAKE_ENGINE = tests/fake/engine.c tests/fake/engine.h
LDADD_FAKE = gateway/libcore.a $(CORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/system/http_driver
tests_system_http_driver_SOURCES = tests/system/http_driver.c $(FAKE_ENGINE)
tests_system_http_driver_LDADD = $(LDADD_FAKE)

if CMOCKA
SOURCE_UNIT_TESTS = tests/unit/http tests/unit/schedule
check_PROGRAMS += $(SOURCE_UNIT_TESTS)
TESTS += $(SOURCE_UNIT_TESTS)
tests_unit_http_SOURCES = tests/unit/http.c $(FAKE_ENGINE)
tests_unit_http_LDADD = $(LDADD_FAKE)
tests_unit_schedule_SOURCES = tests/unit/schedule.c $(FAKE_ENGINE)
tests_unit_schedule_LDADD = $(LDADD_FAKE)
endif
