# SPDX-License-Identifier: Apache-2.0
if CMOCKA
check_PROGRAMS += tests/unit/traces
TESTS += tests/unit/traces
check_PROGRAMS += tests/unit/tracestate
TESTS += tests/unit/tracestate
endif

tests_unit_traces_SOURCES = tests/unit/traces.c
tests_unit_traces_LDADD = $(LDADD_UNIT)
tests_unit_traces_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_tracestate_SOURCES = tests/unit/tracestate.c
tests_unit_tracestate_LDADD = $(LDADD_UNIT)
tests_unit_tracestate_LDFLAGS = $(LDFLAGS_UNIT)
