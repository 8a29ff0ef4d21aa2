# SPDX-License-Identifier: Apache-2.0
if CMOCKA
check_PROGRAMS += tests/unit/metrics
TESTS += tests/unit/metrics
if PLUGIN_MEMORY
check_PROGRAMS += tests/unit/commit_metrics
TESTS += tests/unit/commit_metrics
check_PROGRAMS += tests/unit/backlogs
TESTS += tests/unit/backlogs
endif
endif

tests_unit_metrics_SOURCES = tests/unit/metrics.c
tests_unit_metrics_LDADD = $(LDADD_UNIT)
tests_unit_metrics_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_metrics_SOURCES = tests/unit/commit_metrics.c $(COMMIT_WORLD)
tests_unit_commit_metrics_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_metrics_LDADD = $(LDADD_UNIT)
tests_unit_commit_metrics_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_backlogs_SOURCES = tests/unit/backlogs.c $(COMMIT_WORLD)
tests_unit_backlogs_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_backlogs_LDADD = $(LDADD_UNIT)
tests_unit_backlogs_LDFLAGS = $(LDFLAGS_UNIT)
