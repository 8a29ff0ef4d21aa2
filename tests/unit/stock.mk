# SPDX-License-Identifier: Apache-2.0
# The stock rules: by table, by queries, at random, and on real storages.
if CMOCKA
STOCK_TESTS = tests/unit/stock tests/unit/stock_moves \
	tests/unit/stock_query tests/unit/stock_random tests/unit/stock_return
if PLUGIN_MEMORY
STOCK_TESTS += tests/unit/stock_storage
endif
check_PROGRAMS += $(STOCK_TESTS)
TESTS += $(STOCK_TESTS)
endif
STOCK_WORLD = tests/unit/stock_world.c tests/unit/stock_world.h

tests_unit_stock_SOURCES = tests/unit/stock.c $(STOCK_WORLD)
tests_unit_stock_LDADD = $(LDADD_UNIT)
tests_unit_stock_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_stock_query_SOURCES = tests/unit/stock_query.c $(STOCK_WORLD)
tests_unit_stock_query_LDADD = $(LDADD_UNIT)
tests_unit_stock_query_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_stock_random_SOURCES = tests/unit/stock_random.c \
	tests/unit/stock_model.c tests/unit/stock_model.h $(STOCK_WORLD)
tests_unit_stock_random_LDADD = $(LDADD_UNIT)
tests_unit_stock_random_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_stock_storage_SOURCES = tests/unit/stock_storage.c $(STOCK_WORLD)
tests_unit_stock_storage_CFLAGS = $(AM_CFLAGS) \
	-DPLUGINS='"$(abs_top_builddir)/plugins"'
tests_unit_stock_storage_LDADD = $(LDADD_UNIT)
tests_unit_stock_storage_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_stock_moves_SOURCES = tests/unit/stock_moves.c $(STOCK_WORLD)
tests_unit_stock_moves_LDADD = $(LDADD_UNIT)
tests_unit_stock_moves_LDFLAGS = $(LDFLAGS_UNIT)

tests_unit_stock_return_SOURCES = tests/unit/stock_return.c $(STOCK_WORLD)
tests_unit_stock_return_LDADD = $(LDADD_UNIT)
tests_unit_stock_return_LDFLAGS = $(LDFLAGS_UNIT)
