# SPDX-License-Identifier: Apache-2.0
if CMOCKA
RECONCILE_TESTS = tests/unit/reconcile
if PLUGIN_RECONCILE
if PLUGIN_MEMORY
RECONCILE_TESTS += tests/handlers/reconcile
endif
endif
check_PROGRAMS += $(RECONCILE_TESTS)
TESTS += $(RECONCILE_TESTS)
endif
tests_unit_reconcile_SOURCES = tests/unit/reconcile.c \
	plugins/reconcile/compare.c plugins/reconcile/compare.h
tests_unit_reconcile_LDADD = $(LDADD_UNIT)
tests_unit_reconcile_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_reconcile_SOURCES = tests/handlers/reconcile.c $(TEST_HOST)
tests_handlers_reconcile_LDADD = $(LDADD_UNIT)
tests_handlers_reconcile_LDFLAGS = $(LDFLAGS_UNIT)
