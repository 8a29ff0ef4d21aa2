# SPDX-License-Identifier: Apache-2.0
# Plugins that stand in for shipped ones where only configuration is tested.
STAND_INS = tests/plugins/allocations.la tests/plugins/jwt.la \
	tests/plugins/order-events.la tests/plugins/sqlite.la
check_LTLIBRARIES += $(STAND_INS)
LDFLAGS_STAND_IN = $(LDFLAGS_PLUGIN) -rpath /nowhere

tests_plugins_allocations_la_SOURCES = tests/plugins/allocations.c tests/plugins/stand-in.h
tests_plugins_allocations_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_allocations_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_plugins_jwt_la_SOURCES = tests/plugins/jwt.c
tests_plugins_jwt_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_jwt_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_plugins_order_events_la_SOURCES = tests/plugins/order-events.c tests/plugins/stand-in.h
tests_plugins_order_events_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_order_events_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_plugins_sqlite_la_SOURCES = tests/plugins/sqlite.c
tests_plugins_sqlite_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_plugins_sqlite_la_LDFLAGS = $(LDFLAGS_STAND_IN)
