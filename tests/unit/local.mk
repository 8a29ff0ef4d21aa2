# SPDX-License-Identifier: Apache-2.0
# One program for each file under test: tests/unit/NAME.c.
if CMOCKA
UNIT_TESTS = tests/unit/base
UNIT_TESTS += tests/unit/rows
UNIT_TESTS += tests/unit/member
UNIT_TESTS += tests/unit/thread
UNIT_TESTS += tests/unit/tree
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

tests_unit_base_SOURCES = tests/unit/base.c
tests_unit_base_LDADD = $(LDADD_UNIT)
tests_unit_base_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_rows_SOURCES = tests/unit/rows.c
tests_unit_rows_LDADD = $(LDADD_UNIT)
tests_unit_rows_LDFLAGS = $(LDFLAGS_UNIT)
include tests/unit/jwt.mk

tests_unit_thread_SOURCES = tests/unit/thread.c
tests_unit_thread_LDADD = $(LDADD_UNIT)
tests_unit_thread_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_tree_SOURCES = tests/unit/tree.c
tests_unit_tree_LDADD = $(LDADD_UNIT)
tests_unit_tree_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_member_SOURCES = tests/unit/member.c
tests_unit_member_LDADD = $(LDADD_UNIT)
tests_unit_member_LDFLAGS = $(LDFLAGS_UNIT)
include tests/unit/stock.mk
include tests/unit/config.mk
include tests/unit/commit.mk
include tests/unit/amqp_link.mk
include tests/unit/amqp_publish.mk
include tests/unit/amqp_consume.mk
include tests/unit/copy.mk
include tests/unit/api_key.mk
include tests/unit/metrics.mk
include tests/unit/upstream.mk
include tests/unit/spec.mk
include tests/unit/admin.mk
include tests/unit/reload.mk
include tests/unit/watchdog.mk
include tests/unit/traces.mk
include tests/unit/isolate.mk
