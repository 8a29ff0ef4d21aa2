# SPDX-License-Identifier: Apache-2.0
# Handlers in the test host.
if CMOCKA
if PLUGIN_MEMORY
if PLUGIN_JOURNAL
check_PROGRAMS += tests/plugins/journal tests/plugins/testhost
TESTS += tests/plugins/journal tests/plugins/testhost
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
