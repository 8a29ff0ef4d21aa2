# SPDX-License-Identifier: Apache-2.0
# Frames to helper processes and back; the log.
if CMOCKA
check_PROGRAMS += tests/unit/isolate tests/unit/log
TESTS += tests/unit/isolate tests/unit/log
endif
tests_unit_isolate_SOURCES = tests/unit/isolate.c
tests_unit_isolate_LDADD = $(LDADD_UNIT)
tests_unit_isolate_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_log_SOURCES = tests/unit/log.c
tests_unit_log_LDADD = $(LDADD_UNIT)
tests_unit_log_LDFLAGS = $(LDFLAGS_UNIT)
