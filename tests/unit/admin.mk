# SPDX-License-Identifier: Apache-2.0
if CMOCKA
check_PROGRAMS += tests/unit/admin
TESTS += tests/unit/admin
endif

tests_unit_admin_SOURCES = tests/unit/admin.c
tests_unit_admin_LDADD = $(LDADD_UNIT)
tests_unit_admin_LDFLAGS = $(LDFLAGS_UNIT)
