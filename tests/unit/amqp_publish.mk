# SPDX-License-Identifier: Apache-2.0
# The publisher: its order and window alone, and its storage side.
if CMOCKA
PUBLISH_TESTS = tests/unit/amqp_order tests/unit/amqp_window tests/unit/amqp_publish
if PLUGIN_MEMORY
PUBLISH_TESTS += tests/unit/commit_publish tests/unit/commit_bounds \
	tests/unit/amqp_backlog
endif
check_PROGRAMS += $(PUBLISH_TESTS)
TESTS += $(PUBLISH_TESTS)
endif

tests_unit_amqp_order_SOURCES = tests/unit/amqp_order.c
tests_unit_amqp_order_LDADD = $(LDADD_UNIT)
tests_unit_amqp_order_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_amqp_window_SOURCES = tests/unit/amqp_window.c
tests_unit_amqp_window_LDADD = $(LDADD_UNIT)
tests_unit_amqp_window_LDFLAGS = $(LDFLAGS_UNIT)
PUBLISH_WORLD = tests/unit/publish_world.c tests/unit/publish_world.h $(COMMIT_WORLD)
tests_unit_commit_publish_SOURCES = tests/unit/commit_publish.c $(PUBLISH_WORLD)
tests_unit_commit_publish_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_publish_LDADD = $(LDADD_UNIT)
tests_unit_commit_publish_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_bounds_SOURCES = tests/unit/commit_bounds.c $(PUBLISH_WORLD)
tests_unit_commit_bounds_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_bounds_LDADD = $(LDADD_UNIT)
tests_unit_commit_bounds_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_amqp_backlog_SOURCES = tests/unit/amqp_backlog.c $(COMMIT_WORLD)
tests_unit_amqp_backlog_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_amqp_backlog_LDADD = $(LDADD_UNIT)
tests_unit_amqp_backlog_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_amqp_publish_SOURCES = tests/unit/amqp_publish.c
tests_unit_amqp_publish_LDADD = $(LDADD_UNIT)
tests_unit_amqp_publish_LDFLAGS = $(LDFLAGS_UNIT)
