# SPDX-License-Identifier: Apache-2.0
# Tests of our handlers by the test host, as an author of others writes them.
if CMOCKA
if PLUGIN_MEMORY
HANDLER_TESTS = tests/handlers/sizes
if PLUGIN_ALLOCATIONS
HANDLER_TESTS += tests/handlers/allocations
endif
if PLUGIN_ORDER_EVENTS
HANDLER_TESTS += tests/handlers/order_events
endif
if PLUGIN_JOURNAL
HANDLER_TESTS += tests/handlers/journal
endif
if PLUGIN_PUBLISH
HANDLER_TESTS += tests/handlers/publish
endif
if PLUGIN_PROXY
HANDLER_TESTS += tests/handlers/proxy
endif
check_PROGRAMS += $(HANDLER_TESTS)
TESTS += $(HANDLER_TESTS)
endif
endif

TEST_HOST = sdk/testhost/testhost.c sdk/testhost/testhost.h \
	sdk/testhost/told.c sdk/testhost/told.h tests/handlers/host.h
tests_handlers_sizes_SOURCES = tests/handlers/sizes.c $(TEST_HOST)
tests_handlers_sizes_LDADD = $(LDADD_UNIT)
tests_handlers_sizes_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_allocations_SOURCES = tests/handlers/allocations.c $(TEST_HOST)
tests_handlers_allocations_LDADD = $(LDADD_UNIT)
tests_handlers_allocations_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_order_events_SOURCES = tests/handlers/order_events.c $(TEST_HOST)
tests_handlers_order_events_LDADD = $(LDADD_UNIT)
tests_handlers_order_events_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_journal_SOURCES = tests/handlers/journal.c $(TEST_HOST)
tests_handlers_journal_LDADD = $(LDADD_UNIT)
tests_handlers_journal_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_publish_SOURCES = tests/handlers/publish.c $(TEST_HOST)
tests_handlers_publish_LDADD = $(LDADD_UNIT)
tests_handlers_publish_LDFLAGS = $(LDFLAGS_UNIT)
tests_handlers_proxy_SOURCES = tests/handlers/proxy.c $(TEST_HOST)
tests_handlers_proxy_LDADD = $(LDADD_UNIT)
tests_handlers_proxy_LDFLAGS = $(LDFLAGS_UNIT)
include tests/unit/rate_limit.mk
include tests/unit/optimistic.mk
include tests/unit/reconcile.mk
