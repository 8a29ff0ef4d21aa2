# SPDX-License-Identifier: Apache-2.0
# Breakers, and calls to upstreams.
if CMOCKA
UPSTREAM_TESTS = tests/unit/breaker tests/unit/retry
if PLUGIN_MEMORY
UPSTREAM_TESTS += tests/unit/call
if PLUGIN_JWT
if PLUGIN_BREAKER
UPSTREAM_TESTS += tests/unit/upstream tests/unit/upstream_passed
endif
endif
endif
check_PROGRAMS += $(UPSTREAM_TESTS)
TESTS += $(UPSTREAM_TESTS)
endif

tests_unit_breaker_SOURCES = tests/unit/breaker.c \
	plugins/breaker/machine.c plugins/breaker/machine.h
tests_unit_breaker_LDADD = $(LDADD_UNIT)
tests_unit_breaker_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_retry_SOURCES = tests/unit/retry.c
tests_unit_retry_LDADD = $(LDADD_UNIT)
tests_unit_retry_LDFLAGS = $(LDFLAGS_UNIT)

UPSTREAM_WORLD = tests/unit/upstream_world.h tests/unit/config_files.h \
	tests/fake/web.c tests/fake/web.h
tests_unit_upstream_passed_SOURCES = tests/unit/upstream_passed.c $(UPSTREAM_WORLD)
tests_unit_upstream_passed_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_upstream_passed_LDADD = $(LDADD_UNIT)
tests_unit_upstream_passed_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_upstream_SOURCES = tests/unit/upstream.c $(UPSTREAM_WORLD)
tests_unit_upstream_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_upstream_LDADD = $(LDADD_UNIT)
tests_unit_upstream_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_call_SOURCES = tests/unit/call.c $(COMMIT_WORLD)
tests_unit_call_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_call_LDADD = $(LDADD_UNIT)
tests_unit_call_LDFLAGS = $(LDFLAGS_UNIT)
