# SPDX-License-Identifier: Apache-2.0
# The connection to the broker, against a broker's end that the test plays.
AMQP_LINK_TESTS = tests/unit/amqp_broker tests/unit/amqp_content
FAKE_PEER = tests/fake/peer.c tests/fake/peer.h tests/unit/amqp_side.h
if CMOCKA
check_PROGRAMS += $(AMQP_LINK_TESTS)
TESTS += $(AMQP_LINK_TESTS)
endif

tests_unit_amqp_broker_SOURCES = tests/unit/amqp_broker.c $(FAKE_PEER)
tests_unit_amqp_broker_LDADD = $(LDADD_UNIT)
tests_unit_amqp_broker_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_amqp_content_SOURCES = tests/unit/amqp_content.c $(FAKE_PEER)
tests_unit_amqp_content_LDADD = $(LDADD_UNIT)
tests_unit_amqp_content_LDFLAGS = $(LDFLAGS_UNIT)
