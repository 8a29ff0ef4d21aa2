# SPDX-License-Identifier: Apache-2.0
# The fake engine stands before the core, which then gives only what is missing.
FAKE_ENGINE = tests/fake/engine.c tests/fake/engine.h
LDADD_FAKE = gateway/libcore.a $(CORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/system/http_driver
GUARD_TESTS = tests/system/http_guard_tls.py tests/system/http_guard.py
GUARD_RUN = $(GUARD_TESTS)
TESTS += $(GUARD_RUN)
EXTRA_DIST += $(GUARD_TESTS)
tests_system_http_driver_SOURCES = tests/system/http_driver.c $(FAKE_ENGINE)
tests_system_http_driver_LDADD = $(LDADD_FAKE)

if CMOCKA
SOURCE_UNIT_TESTS = tests/unit/http tests/unit/http_listener \
	tests/unit/schedule
check_PROGRAMS += $(SOURCE_UNIT_TESTS)
TESTS += $(SOURCE_UNIT_TESTS)
tests_unit_http_SOURCES = tests/unit/http.c $(FAKE_ENGINE)
tests_unit_http_LDADD = $(LDADD_FAKE)
tests_unit_http_listener_SOURCES = tests/unit/http_listener.c $(FAKE_ENGINE)
tests_unit_http_listener_LDADD = $(LDADD_FAKE)
tests_unit_schedule_SOURCES = tests/unit/schedule.c $(FAKE_ENGINE)
tests_unit_schedule_LDADD = $(LDADD_FAKE)
endif
# tests/system/run starts the real daemon; see gantry.py for the environment.
EXTRA_DIST += tests/system/run tests/system/gantry.py tests/system/tap.py \
	tests/system/frozen.py \
	tests/system/api/_path.py \
	tests/system/api/access.py tests/system/api/bulk.py \
	tests/system/api/events.py tests/system/api/examples.py \
	tests/system/api/hammer.py tests/system/api/idempotency.py \
	tests/system/api/items.py tests/system/api/kills.py \
	tests/system/api/moves.py tests/system/api/refusals.py
