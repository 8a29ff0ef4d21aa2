# SPDX-License-Identifier: Apache-2.0
if CMOCKA
check_PROGRAMS += tests/unit/emit tests/unit/spec
TESTS += tests/unit/emit tests/unit/spec
endif
tests_unit_emit_SOURCES = tests/unit/emit.c
tests_unit_emit_LDADD = $(LDADD_UNIT)
tests_unit_emit_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_spec_SOURCES = tests/unit/spec.c
tests_unit_spec_LDADD = $(LDADD_UNIT)
tests_unit_spec_LDFLAGS = $(LDFLAGS_UNIT)
