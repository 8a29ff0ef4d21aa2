# SPDX-License-Identifier: Apache-2.0
# One program for each file under test: tests/unit/NAME.c.
if CMOCKA
UNIT_TESTS = tests/unit/base
UNIT_TESTS += tests/unit/rows
UNIT_TESTS += tests/unit/member
UNIT_TESTS += tests/unit/stock
UNIT_TESTS += tests/unit/stock_query
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

tests_unit_member_SOURCES = tests/unit/member.c
tests_unit_member_LDADD = $(LDADD_UNIT)
tests_unit_member_LDFLAGS = $(LDFLAGS_UNIT)
STOCK_WORLD = tests/unit/stock_world.c tests/unit/stock_world.h
tests_unit_stock_SOURCES = tests/unit/stock.c $(STOCK_WORLD)
tests_unit_stock_LDADD = $(LDADD_UNIT)
tests_unit_stock_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_stock_query_SOURCES = tests/unit/stock_query.c $(STOCK_WORLD)
tests_unit_stock_query_LDADD = $(LDADD_UNIT)
tests_unit_stock_query_LDFLAGS = $(LDFLAGS_UNIT)
include tests/unit/config.mk
