# SPDX-License-Identifier: Apache-2.0
if CMOCKA
check_PROGRAMS += tests/unit/amqp_consume
TESTS += tests/unit/amqp_consume
endif
tests_unit_amqp_consume_SOURCES = tests/unit/amqp_consume.c
tests_unit_amqp_consume_LDADD = $(LDADD_UNIT)
tests_unit_amqp_consume_LDFLAGS = $(LDFLAGS_UNIT)
