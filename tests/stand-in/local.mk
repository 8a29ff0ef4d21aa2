# SPDX-License-Identifier: Apache-2.0
# Plugins that stand in for shipped ones where only configuration is tested.
STAND_INS = tests/stand-in/allocations.la tests/stand-in/jwt.la \
	tests/stand-in/breaker.la \
	tests/stand-in/order-events.la tests/stand-in/sqlite.la
STAND_INS += tests/stand-in/proxy.la tests/stand-in/reconcile.la
check_LTLIBRARIES += $(STAND_INS)
LDFLAGS_STAND_IN = $(LDFLAGS_PLUGIN) -rpath /nowhere

tests_stand_in_allocations_la_SOURCES = tests/stand-in/allocations.c tests/stand-in/stand-in.h
tests_stand_in_allocations_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_stand_in_allocations_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_stand_in_jwt_la_SOURCES = tests/stand-in/jwt.c
tests_stand_in_jwt_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_stand_in_jwt_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_stand_in_order_events_la_SOURCES = tests/stand-in/order-events.c tests/stand-in/stand-in.h
tests_stand_in_order_events_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_stand_in_order_events_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_stand_in_sqlite_la_SOURCES = tests/stand-in/sqlite.c
tests_stand_in_sqlite_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_stand_in_sqlite_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_stand_in_breaker_la_SOURCES = tests/stand-in/breaker.c
tests_stand_in_breaker_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_stand_in_breaker_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_stand_in_proxy_la_SOURCES = tests/stand-in/proxy.c tests/stand-in/stand-in.h
tests_stand_in_proxy_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_stand_in_proxy_la_LDFLAGS = $(LDFLAGS_STAND_IN)
tests_stand_in_reconcile_la_SOURCES = tests/stand-in/reconcile.c tests/stand-in/stand-in.h
tests_stand_in_reconcile_la_CFLAGS = $(CFLAGS_PLUGIN)
tests_stand_in_reconcile_la_LDFLAGS = $(LDFLAGS_STAND_IN)
