# SPDX-License-Identifier: Apache-2.0
# Breakers, and calls to upstreams.
if CMOCKA
UPSTREAM_TESTS = tests/unit/breaker
check_PROGRAMS += $(UPSTREAM_TESTS)
TESTS += $(UPSTREAM_TESTS)
endif

tests_unit_breaker_SOURCES = tests/unit/breaker.c \
	plugins/breaker/machine.c plugins/breaker/machine.h
tests_unit_breaker_LDADD = $(LDADD_UNIT)
tests_unit_breaker_LDFLAGS = $(LDFLAGS_UNIT)
