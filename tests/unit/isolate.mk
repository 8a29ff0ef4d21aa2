# SPDX-License-Identifier: Apache-2.0
# Frames to helper processes and back.
if CMOCKA
check_PROGRAMS += tests/unit/isolate
TESTS += tests/unit/isolate
endif
tests_unit_isolate_SOURCES = tests/unit/isolate.c
tests_unit_isolate_LDADD = $(LDADD_UNIT)
tests_unit_isolate_LDFLAGS = $(LDFLAGS_UNIT)
