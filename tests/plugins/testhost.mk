# SPDX-License-Identifier: Apache-2.0
# The test host, and longer stories in it.
if CMOCKA
if PLUGIN_MEMORY
check_PROGRAMS += tests/plugins/testhost
TESTS += tests/plugins/testhost
if PLUGIN_ALLOCATIONS
check_PROGRAMS += tests/plugins/allocations_life
TESTS += tests/plugins/allocations_life
endif
if PLUGIN_ORDER_EVENTS
check_PROGRAMS += tests/plugins/orders_life
TESTS += tests/plugins/orders_life
endif
endif
endif

LDADD_TESTHOST = sdk/libtesthost.a $(LDADD_UNIT)

tests_plugins_testhost_SOURCES = tests/plugins/testhost.c
tests_plugins_testhost_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_testhost_LDADD = $(LDADD_TESTHOST)
tests_plugins_testhost_LDFLAGS = $(LDFLAGS_UNIT)
tests_plugins_allocations_life_SOURCES = tests/plugins/allocations_life.c
tests_plugins_allocations_life_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_allocations_life_LDADD = $(LDADD_TESTHOST)
tests_plugins_allocations_life_LDFLAGS = $(LDFLAGS_UNIT)
tests_plugins_orders_life_SOURCES = tests/plugins/orders_life.c
tests_plugins_orders_life_CFLAGS = $(CFLAGS_STORAGE)
tests_plugins_orders_life_LDADD = $(LDADD_TESTHOST)
tests_plugins_orders_life_LDFLAGS = $(LDFLAGS_UNIT)
