# SPDX-License-Identifier: Apache-2.0
# Handlers in the test host.
if CMOCKA
if PLUGIN_MEMORY
if PLUGIN_JOURNAL
check_PROGRAMS += tests/plugins/journal tests/plugins/testhost
TESTS += tests/plugins/journal tests/plugins/testhost
endif
if PLUGIN_ALLOCATIONS
check_PROGRAMS += tests/plugins/allocations
TESTS += tests/plugins/allocations
endif
if PLUGIN_ORDER_EVENTS
check_PROGRAMS += tests/plugins/order_events
TESTS += tests/plugins/order_events
endif
endif
endif

LDADD_TESTHOST = sdk/libtesthost.a $(LDADD_UNIT)

tests_plugins_journal_SOURCES = tests/plugins/journal.c
tests_plugins_journal_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_journal_LDADD = $(LDADD_TESTHOST)
tests_plugins_journal_LDFLAGS = $(LDFLAGS_UNIT)
tests_plugins_testhost_SOURCES = tests/plugins/testhost.c
tests_plugins_testhost_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_testhost_LDADD = $(LDADD_TESTHOST)
tests_plugins_testhost_LDFLAGS = $(LDFLAGS_UNIT)
tests_plugins_allocations_SOURCES = tests/plugins/allocations.c
tests_plugins_allocations_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_allocations_LDADD = $(LDADD_TESTHOST)
tests_plugins_allocations_LDFLAGS = $(LDFLAGS_UNIT)
tests_plugins_order_events_SOURCES = tests/plugins/order_events.c
tests_plugins_order_events_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_order_events_LDADD = $(LDADD_TESTHOST)
tests_plugins_order_events_LDFLAGS = $(LDFLAGS_UNIT)
